/* imap/cmd_fetch.c: FETCH. One message, or one piece of a literal, a step; nothing is gathered: a
 * body goes out as it is read, so 50 MB cost what a piece costs.
 *
 * \Seen is set before the messages are answered, for a slice of them in one transaction, and told
 * in their own answers. */
#include "imap/session_int.h"

#include "base/limits.h"
#include "imap/section.h"
#include "mime/message.h"

#define PIECE (256u << 10) /* of a literal, a step */

enum fetch_kind {
    FETCH_FLAGS,
    FETCH_UID,
    FETCH_INTERNALDATE,
    FETCH_SAVEDATE,
    FETCH_SIZE,
    FETCH_MODSEQ,
    FETCH_ENVELOPE,
    FETCH_STRUCTURE,
    FETCH_BODY,
    FETCH_PREVIEW,
    FETCH_SECTION,
};

struct fetch_item {
    enum fetch_kind kind;
    const char *name; /* as answered, of a section without "[...]" */
    struct imap_section section;
    bool plain; /* RFC822 and its like: no "[...]" in the answer */
};

struct fetch_job {
    struct imap_set set;
    struct fetch_item *items;
    size_t items_n, items_room;
    bool sets_seen, needs_email, needs_head;
    bool has_flags, has_uid, has_modseq;
    bool only_changed;
    uint64_t changed_since;

    bool resolved;
    struct imap_walk walk, seen_walk;
    size_t seen_ahead;    /* messages of the walk whose \Seen is set */
    uint64_t seen_modseq; /* by this change */
    bool gone;            /* a message could not be answered */

    /* The message on its way. */
    bool inside;
    struct store_message message;
    struct store_email email;
    size_t item;
    size_t mark;                /* where its answer begins in out */
    bool committed;             /* a part of it may have gone: no way back */
    struct imap_extent literal; /* what is still to come of a literal */
    bool literal_filtered;      /* it lies in s->piece, not in the store */
};

/* ---- arguments ---- */

static const struct fetch_word {
    const char *word;
    enum fetch_kind kind;
} fetch_words[] = {
    {"FLAGS", FETCH_FLAGS},
    {"UID", FETCH_UID},
    {"INTERNALDATE", FETCH_INTERNALDATE},
    {"SAVEDATE", FETCH_SAVEDATE},
    {"RFC822.SIZE", FETCH_SIZE},
    {"MODSEQ", FETCH_MODSEQ},
    {"ENVELOPE", FETCH_ENVELOPE},
    {"BODYSTRUCTURE", FETCH_STRUCTURE},
    {"PREVIEW", FETCH_PREVIEW},
};

static struct fetch_item *add_item(struct imap_parse *p, struct fetch_job *job)
{
    if (!imap_count_item(p))
        return NULL;
    if (job->items_n == job->items_room) {
        job->items_room = 2 * job->items_room + 8;
        struct fetch_item *more = arena_array(p->arena, job->items_room, sizeof(*more));
        if (!more) {
            cursor_fail(&p->c, ERROR_LIMIT, "the command is too large");
            return NULL;
        }
        for (size_t i = 0; i < job->items_n; i++)
            more[i] = job->items[i];
        job->items = more;
    }
    return &job->items[job->items_n++];
}

static void note_needs(struct fetch_job *job, const struct fetch_item *item)
{
    switch (item->kind) {
    case FETCH_FLAGS:
        job->has_flags = true;
        break;
    case FETCH_UID:
        job->has_uid = true;
        break;
    case FETCH_MODSEQ:
        job->has_modseq = true;
        break;
    case FETCH_INTERNALDATE:
    case FETCH_SIZE:
        job->needs_head = true;
        break;
    case FETCH_SAVEDATE:
        break;
    case FETCH_ENVELOPE:
    case FETCH_STRUCTURE:
    case FETCH_BODY:
    case FETCH_PREVIEW:
    case FETCH_SECTION:
        job->needs_email = true;
        break;
    }
}

static void add_plain(struct imap_parse *p, struct fetch_job *job, enum fetch_kind kind,
                      const char *name)
{
    struct fetch_item *item = add_item(p, job);
    if (!item)
        return;
    *item = (struct fetch_item){.kind = kind, .name = name};
    note_needs(job, item);
}

/* RFC822, RFC822.HEADER and RFC822.TEXT are sections by older names (RFC 3501 section 6.4.5). */
static void add_rfc822(struct imap_parse *p, struct fetch_job *job, const char *name,
                       enum imap_section_text text)
{
    struct fetch_item *item = add_item(p, job);
    if (!item)
        return;
    *item = (struct fetch_item){.kind = FETCH_SECTION, .name = name, .plain = true};
    item->section.text = text;
    job->sets_seen |= text != IMAP_SECTION_HEADER;
    note_needs(job, item);
}

static void take_body(struct imap_parse *p, struct fetch_job *job)
{
    bool peek = cursor_accept_word(&p->c, STR(".PEEK"));
    if (!peek && cursor_peek(&p->c) != '[') {
        add_plain(p, job, FETCH_BODY, "BODY");
        return;
    }
    struct fetch_item *item = add_item(p, job);
    if (!item)
        return;
    *item = (struct fetch_item){.kind = FETCH_SECTION, .name = "BODY"};
    imap_take_section(p, &item->section);
    job->sets_seen |= !peek;
    note_needs(job, item);
}

static void take_macro_or_word(struct imap_parse *p, struct fetch_job *job, struct str word,
                               bool macros)
{
    static const struct {
        const char *word;
        enum imap_section_text text;
    } rfc822[] = {{"RFC822", IMAP_SECTION_WHOLE},
                  {"RFC822.HEADER", IMAP_SECTION_HEADER},
                  {"RFC822.TEXT", IMAP_SECTION_TEXT}};
    for (size_t i = 0; i < ARRAY_LEN(fetch_words); i++) {
        if (!str_equal_nocase(word, str_c(fetch_words[i].word)))
            continue;
        add_plain(p, job, fetch_words[i].kind, fetch_words[i].word);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rfc822); i++) {
        if (!str_equal_nocase(word, str_c(rfc822[i].word)))
            continue;
        add_rfc822(p, job, rfc822[i].word, rfc822[i].text);
        return;
    }
    bool full = str_equal_nocase(word, STR("FULL")), all = str_equal_nocase(word, STR("ALL"));
    if (!macros || !(full || all || str_equal_nocase(word, STR("FAST")))) {
        cursor_fail(&p->c, ERROR_SYNTAX, "there is no such FETCH item");
        return;
    }
    add_plain(p, job, FETCH_FLAGS, "FLAGS");
    add_plain(p, job, FETCH_INTERNALDATE, "INTERNALDATE");
    add_plain(p, job, FETCH_SIZE, "RFC822.SIZE");
    if (full || all)
        add_plain(p, job, FETCH_ENVELOPE, "ENVELOPE");
    if (full)
        add_plain(p, job, FETCH_BODY, "BODY");
}

static bool is_item_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '.';
}

/* fetch-att */
static void take_item(struct imap_parse *p, struct fetch_job *job, bool macros)
{
    size_t from = p->c.at;
    struct str word = cursor_while(&p->c, is_item_char, 64);
    bool body = str_equal_nocase(word, STR("BODY")) || str_equal_nocase(word, STR("BODY.PEEK"));
    if (body) {
        p->c.at = from + 4;
        take_body(p, job);
        return;
    }
    take_macro_or_word(p, job, word, macros);
    /* "PREVIEW (LAZY)" asks for less than there is: it is stored (RFC 8970 section 4.2). */
    if (str_equal_nocase(word, STR("PREVIEW")))
        (void)cursor_accept_word(&p->c, STR(" (LAZY)"));
}

/* fetch-modifiers = "(" "CHANGEDSINCE" SP mod-sequence-valzer ")" (RFC 7162 section 3.1.4; iOS
 * sends 0) */
static void take_modifiers(struct imap_parse *p, struct fetch_job *job)
{
    cursor_expect(&p->c, '(');
    if (!cursor_accept_word(&p->c, STR("CHANGEDSINCE")))
        cursor_fail(&p->c, ERROR_SYNTAX, "FETCH takes CHANGEDSINCE only");
    imap_take_sp(p);
    job->only_changed = true;
    job->changed_since = imap_take_modseq(p);
    cursor_expect(&p->c, ')');
}

const struct imap_job imap_job_fetch = {.size = sizeof(struct fetch_job)};

void imap_check_fetch(struct imap_session *s, struct imap_parse *p)
{
    struct fetch_job *job = s->job;
    imap_take_sp(p);
    job->set = imap_take_set(p);
    imap_take_sp(p);
    if (cursor_accept(&p->c, '(')) {
        do
            take_item(p, job, false);
        while (!p->c.failed && cursor_accept(&p->c, ' '));
        cursor_expect(&p->c, ')');
    } else {
        take_item(p, job, true);
    }
    if (imap_accept_sp(p))
        take_modifiers(p, job);
}

/* ---- \Seen ---- */

static bool below_modseq(struct imap_session *s, const struct fetch_job *job, uint32_t uid,
                         bool *skip, struct error *err)
{
    struct arena arena;
    struct store_message m;
    struct error why = {0};
    arena_init(&arena, 64 << 10);
    bool ok = store_message_get(s->store, s->selected.mailbox, uid, &arena, &m, &why);
    *skip = !ok || m.modseq <= job->changed_since;
    arena_done(&arena);
    if (ok || why.kind == ERROR_NOT_FOUND)
        return true;
    *err = why;
    return false;
}

/* Sets \Seen on the next slice of messages. */
static bool set_seen(struct imap_session *s, struct fetch_job *job, struct error *err)
{
    static const struct store_flags_change seen = {STORE_FLAGS_ADD, STORE_SEEN, STR_NULL,
                                                   UINT64_MAX};
    uint64_t before;
    job->seen_ahead = imap_walk_uids(s, &job->seen_walk, IMAP_SLICE);
    uint32_t *uids = s->uids.p;
    size_t n = 0;
    for (size_t i = 0; i < s->uids.n; i++) {
        bool skip = false;
        if (job->only_changed && !below_modseq(s, job, uids[i], &skip, err))
            return false;
        if (!skip)
            uids[n++] = uids[i];
    }
    if (!imap_sync_now(s, &before, err) ||
        !store_flags(s->store, s->selected.mailbox, uids, n, &seen, s->actor, &job->seen_modseq,
                     NULL, err))
        return false;
    imap_sync_own(s, before, job->seen_modseq);
    return true;
}

/* ---- one message ---- */

static void write_name(struct imap_session *s, const struct fetch_job *job)
{
    const struct fetch_item *item = &job->items[job->item];
    if (s->out->p[s->out->n - 1] != '(')
        buf_char(s->out, ' ');
    buf_c(s->out, item->name);
    if (item->kind == FETCH_SECTION && !item->plain)
        imap_write_section(s->out, &item->section);
    buf_char(s->out, ' ');
}

/* BODY without extension data is asked for so rarely that it is made anew. */
static bool write_body(struct imap_session *s, const struct fetch_job *job, struct error *err)
{
    struct buf bytes;
    struct arena arena;
    struct mime_message m;
    buf_init(&bytes, (size_t)job->email.size + 1);
    bool ok = store_email_read(s->store, job->email.id, 0, job->email.size, &bytes, err);
    if (ok) {
        arena_init(&arena, bytes.n / 2 + (8 << 20));
        mime_parse(buf_view(&bytes), &arena, &m);
        mime_print_bodystructure(s->out, &m, false, &arena);
        arena_done(&arena);
    }
    buf_done(&bytes);
    return ok;
}

/* The head of a section's literal; its bytes are written by literal_step. */
static bool begin_section(struct imap_session *s, struct fetch_job *job, struct error *err)
{
    const struct imap_section *section = &job->items[job->item].section;
    struct imap_extent extent;
    if (!imap_section_find(section, &job->email, &extent)) {
        buf_c(s->out, "NIL");
        return true;
    }
    job->literal_filtered =
        section->text == IMAP_SECTION_FIELDS || section->text == IMAP_SECTION_FIELDS_NOT;
    if (job->literal_filtered) {
        struct buf header;
        buf_init(&header, (size_t)(extent.to - extent.from) + 1);
        bool ok = store_email_read(s->store, job->email.id, extent.from, extent.to - extent.from,
                                   &header, err);
        buf_reset(&s->piece);
        if (ok)
            imap_section_filter(section, buf_view(&header), &s->piece);
        buf_done(&header);
        if (!ok)
            return false;
        extent = (struct imap_extent){0, s->piece.n};
    }
    if (section->partial) {
        uint64_t size = extent.to - extent.from;
        uint64_t from = section->from < size ? section->from : size;
        uint64_t n = section->n < size - from ? section->n : size - from;
        extent = (struct imap_extent){extent.from + from, extent.from + from + n};
    }
    imap_write_literal_head(s->out, extent.to - extent.from);
    job->literal = extent;
    return true;
}

static bool write_item(struct imap_session *s, struct fetch_job *job, struct error *err)
{
    const struct fetch_item *item = &job->items[job->item];
    write_name(s, job);
    switch (item->kind) {
    case FETCH_FLAGS:
        imap_write_flags(s->out, job->message.flags, job->message.keywords);
        return true;
    case FETCH_UID:
        buf_u64(s->out, job->message.uid);
        return true;
    case FETCH_INTERNALDATE:
        imap_write_date_time(s->out, job->email.received_us);
        return true;
    case FETCH_SAVEDATE:
        imap_write_date_time(s->out, job->message.saved_us);
        return true;
    case FETCH_SIZE:
        buf_u64(s->out, job->email.size);
        return true;
    case FETCH_MODSEQ:
        buf_printf(s->out, "(%llu)", (unsigned long long)job->message.modseq);
        return true;
    case FETCH_ENVELOPE:
        buf_str(s->out, job->email.envelope);
        return true;
    case FETCH_STRUCTURE:
        buf_str(s->out, job->email.structure);
        return true;
    case FETCH_BODY:
        return write_body(s, job, err);
    case FETCH_PREVIEW:
        imap_write_string(s->out, job->email.preview);
        return true;
    case FETCH_SECTION:
        return begin_section(s, job, err);
    }
    panic("FETCH item %d", (int)item->kind);
}

/* Reads what the items need. *skip: there is nothing to answer. */
static bool open_message(struct imap_session *s, struct fetch_job *job, uint32_t number, bool *skip,
                         struct error *err)
{
    uint32_t uid = imap_view_uid(&s->selected.view, number);
    struct store_message *m = &job->message;
    arena_done(&s->one);
    if (!store_message_get(s->store, s->selected.mailbox, uid, &s->one, m, err))
        return false;
    *skip = job->only_changed && m->modseq <= job->changed_since;
    if (*skip)
        return true;
    if ((job->needs_email || job->needs_head) && m->email == 0)
        return error_set(err, ERROR_NOT_FOUND, "message %u is purged", number);
    if (job->needs_email)
        return store_email_get(s->store, m->email, &s->one, &job->email, err);
    return !job->needs_head || store_email_head(s->store, m->email, &job->email, err);
}

static void begin_message(struct imap_session *s, struct fetch_job *job, uint32_t number)
{
    job->inside = true;
    job->item = 0;
    job->mark = s->out->n;
    job->committed = false;
    job->literal = (struct imap_extent){0};
    buf_printf(s->out, "* %u FETCH (", number);
    if (s->command->flags & IMAP_UID && !job->has_uid)
        buf_printf(s->out, "UID %u", job->message.uid);
}

static void end_message(struct imap_session *s, struct fetch_job *job)
{
    bool told = job->sets_seen && job->seen_modseq != 0 && !job->message.expunged &&
                job->message.modseq == job->seen_modseq;
    if (told && !job->has_flags) {
        buf_c(s->out, " FLAGS ");
        imap_write_flags(s->out, job->message.flags, job->message.keywords);
    }
    if (s->condstore && !job->has_modseq && (told || job->only_changed || job->has_flags))
        buf_printf(s->out, " MODSEQ (%llu)", (unsigned long long)job->message.modseq);
    buf_c(s->out, ")\r\n");
    job->inside = false;
}

/* ---- steps ---- */

/* What was begun cannot be unsaid once a part of it may have gone: then the connection ends. */
static enum imap_step message_failed(struct imap_session *s, struct fetch_job *job,
                                     const struct error *err)
{
    if (job->inside && job->committed) {
        s->done = true;
        return IMAP_DONE;
    }
    if (job->inside)
        s->out->n = job->mark;
    job->inside = false;
    if (err->kind != ERROR_NOT_FOUND)
        return imap_failed(s, err, NULL);
    job->gone = true; /* the others are answered all the same */
    return IMAP_MORE;
}

static enum imap_step literal_step(struct imap_session *s, struct fetch_job *job)
{
    struct error err = {0};
    struct imap_extent *l = &job->literal;
    uint64_t n = l->to - l->from < PIECE ? l->to - l->from : PIECE;
    size_t before = s->out->n;
    if (job->literal_filtered)
        buf_str(s->out, str_sub(buf_view(&s->piece), (size_t)l->from, (size_t)n));
    else if (!store_email_read(s->store, job->email.id, l->from, n, s->out, &err))
        return message_failed(s, job, &err);
    if (s->out->n - before != n) {
        error_set(&err, ERROR_DAMAGED, "message %u is shorter than it was", job->message.uid);
        return message_failed(s, job, &err);
    }
    l->from += n;
    return IMAP_MORE;
}

/* Goes on until the message is answered or a piece of it is written. What fits a piece goes out in
 * one write: some clients wait when a literal and the ")" after it come apart (Apple Mail). */
static enum imap_step message_step(struct imap_session *s, struct fetch_job *job)
{
    struct error err = {0};
    size_t start = s->out->n;
    while (job->inside && s->out->n - start < PIECE) {
        if (job->literal.from < job->literal.to) {
            enum imap_step step = literal_step(s, job);
            if (step == IMAP_DONE)
                return step;
        } else if (job->item == job->items_n) {
            end_message(s, job);
        } else if (!write_item(s, job, &err)) {
            return message_failed(s, job, &err);
        } else {
            job->item++;
        }
    }
    job->committed = job->inside;
    return IMAP_MORE;
}

static bool next_message(struct imap_session *s, struct fetch_job *job, enum imap_step *step)
{
    struct error err = {0};
    bool skip = false;
    if (job->sets_seen && !s->selected.read_only && job->seen_ahead == 0) {
        if (!set_seen(s, job, &err)) {
            *step = imap_failed(s, &err, NULL);
            return false;
        }
        if (job->seen_ahead > 0)
            return false; /* a transaction was enough for a step */
    }
    if (!imap_walk_next(s, &job->walk)) {
        *step = job->gone ? imap_no(s, "EXPUNGEISSUED", "Some of the messages are gone")
                          : imap_ok(s, "Fetched");
        return false;
    }
    if (job->seen_ahead > 0)
        job->seen_ahead--;
    if (!open_message(s, job, job->walk.number, &skip, &err)) {
        *step = message_failed(s, job, &err);
        return false;
    }
    if (!skip)
        begin_message(s, job, job->walk.number);
    return !skip;
}

enum imap_step imap_run_fetch(struct imap_session *s)
{
    struct fetch_job *job = s->job;
    enum imap_step step = IMAP_MORE;
    if (!job->resolved) {
        job->resolved = true;
        if (job->only_changed || job->has_modseq)
            s->condstore = true; /* RFC 7162 section 3.1 */
        if (!imap_resolve(s, &job->set, s->command->flags & IMAP_UID))
            return IMAP_DONE;
    }
    if (!job->inside && !next_message(s, job, &step))
        return step;
    return message_step(s, job);
}
