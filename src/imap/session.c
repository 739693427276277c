/* imap/session.c: the half after login: from bytes to commands, and the phases of a command
 * (session_int.h draws them). */
#include "imap/session_int.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- answers ---- */

static void set_answer(struct imap_session *s, const char *status, const char *code,
                       const char *fmt, va_list args)
{
    char words[400];
    vsnprintf(words, sizeof(words), fmt, args);
    s->status = status;
    buf_reset(&s->words);
    buf_c(&s->words, words);
    if (code) {
        buf_reset(&s->code);
        buf_c(&s->code, code);
    }
}

enum imap_step imap_ok(struct imap_session *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_answer(s, "OK", NULL, fmt, args);
    va_end(args);
    return IMAP_DONE;
}

enum imap_step imap_no(struct imap_session *s, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_answer(s, "NO", code, fmt, args);
    va_end(args);
    return IMAP_DONE;
}

enum imap_step imap_bad(struct imap_session *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_answer(s, "BAD", "", fmt, args);
    va_end(args);
    return IMAP_DONE;
}

enum imap_step imap_failed(struct imap_session *s, const struct error *err, const char *not_found)
{
    struct buf line;
    struct str rest, code = STR_NULL;

    /* The writer knows the words; what it wrote after the tag is kept until the answer's turn. */
    buf_init(&line, 4096);
    imap_write_error(&line, STR("*"), err, not_found);
    rest = str_trim(str_skip(buf_view(&line), 2));
    s->status = str_starts(rest, STR("BAD")) ? "BAD" : "NO";
    rest = str_skip(rest, s->status[0] == 'B' ? 4 : 3);
    if (str_starts(rest, STR("[")) && str_cut(str_skip(rest, 1), ']', &code, &rest))
        rest = str_trim(rest);
    buf_reset(&s->code);
    buf_reset(&s->words);
    buf_str(&s->code, code);
    buf_str(&s->words, rest);
    buf_done(&line);
    return IMAP_DONE;
}

bool imap_has_failed(const struct imap_session *s)
{
    return s->status && s->status[0] != 'O';
}

/* ---- life ---- */

static void say_bye(struct imap_session *s, struct str words)
{
    if (s->done)
        return;
    imap_write_status(s->out, STR("*"), "BYE", STR_NULL, words);
    s->done = true;
}

static void write_capability_code(struct imap_session *s, struct str tag, const char *words)
{
    struct buf code;
    struct imap_offer offer = {0};
    buf_init(&code, 2000);
    imap_write_capability(&code, &offer);
    imap_write_status(s->out, tag, "OK", buf_view(&code), str_c(words));
    buf_done(&code);
}

struct imap_session *imap_session_create(struct store *store,
                                         const struct imap_session_config *config, struct buf *out)
{
    struct imap_session *s = mem_zalloc(sizeof(*s));
    s->store = store;
    s->out = out;
    s->user = str_dup_c(config->user);
    s->actor_c = str_dup_c(config->actor);
    s->actor = str_c(s->actor_c);
    s->may_only_read = config->read_only;
    s->has_room = config->has_room;
    s->room_arg = config->arg;
    imap_reader_init(&s->reader, LIMIT_IMAP_LINE, LIMIT_IMAP_COMMAND, false);
    imap_view_init(&s->selected.view);
    vec_init(&s->saved, sizeof(uint32_t));
    vec_init(&s->uids, sizeof(uint32_t));
    vec_init(&s->numbers, sizeof(struct imap_span));
    vec_init(&s->pairs, sizeof(struct store_pair));
    buf_init(&s->piece, 2 * IMAP_APPEND_MAX);
    buf_init(&s->code, IMAP_CODE_MOST);
    buf_init(&s->words, 4096);
    arena_init(&s->arena, LIMIT_IMAP_ARENA);
    arena_init(&s->one, IMAP_ONE_ARENA);
    if (config->login_tag.n > 0)
        write_capability_code(s, config->login_tag, "Logged in");
    return s;
}

static void end_job(struct imap_session *s)
{
    if (s->job && s->command->job->done)
        s->command->job->done(s->job);
    s->job = NULL;
}

void imap_session_destroy(struct imap_session *s)
{
    if (!s)
        return;
    end_job(s);
    imap_unselect(s);
    imap_view_done(&s->selected.view);
    imap_reader_done(&s->reader);
    vec_done(&s->saved);
    vec_done(&s->uids);
    vec_done(&s->numbers);
    vec_done(&s->pairs);
    buf_done(&s->piece);
    buf_done(&s->code);
    buf_done(&s->words);
    arena_done(&s->arena);
    arena_done(&s->one);
    mem_free(s->idle_tag);
    mem_free(s->user);
    mem_free(s->actor_c);
    mem_free(s);
}

bool imap_session_done(const struct imap_session *s)
{
    return s->done;
}

void imap_session_end(struct imap_session *s, const char *words)
{
    say_bye(s, str_c(words));
}

uint64_t imap_session_held(const struct imap_session *s)
{
    const struct imap_reader *r = &s->reader;
    return r->text.n + (r->state == IMAP_READER_LITERAL ? r->literal_n : 0);
}

bool imap_session_busy(const struct imap_session *s)
{
    if (s->done)
        return false;
    return s->phase != IMAP_PHASE_READ || s->input_left || (s->idling && s->idle_pending);
}

/* ---- a command begins ---- */

static bool check_allowed(struct imap_session *s)
{
    const struct imap_command *c = s->command;
    unsigned state = s->selected.mailbox ? IMAP_SELECTED : IMAP_LOGGED_IN;
    if (!(c->states & state)) {
        if (c->states == IMAP_SELECTED)
            imap_bad(s, "Select a mailbox first");
        else
            imap_bad(s, "You are logged in already");
        return false;
    }
    if ((c->flags & (IMAP_WRITES | IMAP_WRITES_HERE)) && s->may_only_read) {
        imap_no(s, "NOPERM", "This password is read-only");
        return false;
    }
    if ((c->flags & IMAP_WRITES_HERE) && s->selected.read_only) {
        imap_no(s, "READ-ONLY", "The mailbox was opened with EXAMINE; use SELECT to change it");
        return false;
    }
    return true;
}

static void parse_failed(struct imap_session *s, const struct imap_parse *p)
{
    const struct error *err = &p->c.err;
    const struct imap_command *c = s->command;
    if (err->kind == ERROR_LIMIT)
        imap_no(s, "LIMIT", "%s", err->text);
    else if (c && c->arguments)
        imap_bad(s, "%s: %s; it takes %s", c->word, err->text, c->arguments);
    else
        imap_bad(s, "%s: %s", c ? c->word : "Error", err->text);
}

/* The one way in which a command gets its job and its arguments. */
static void take_arguments(struct imap_session *s, struct imap_parse *p)
{
    const struct imap_command *c = s->command;
    if (c->job) {
        s->job = arena_alloc(&s->arena, c->job->size);
        if (!s->job)
            panic("there is no room for the job of %s", c->word);
    }
    if (c->check)
        c->check(s, p);
    imap_take_end(p);
    if (p->c.failed)
        parse_failed(s, p);
}

/* False: the answer is set. */
static bool parse_command(struct imap_session *s)
{
    struct imap_parse p;
    imap_parse_init(&p, imap_reader_command(&s->reader), &s->arena, s->utf8);
    struct str tag = imap_take_tag(&p);
    s->tag = tag.n > 0 ? arena_str(&s->arena, tag) : STR("*");
    imap_take_sp(&p);
    struct str word = imap_take_command(&p);
    if (p.c.failed) {
        parse_failed(s, &p);
        return false;
    }
    s->command = imap_command_find(word);
    if (!s->command) {
        imap_bad(s, "There is no such command");
        return false;
    }
    if (!check_allowed(s))
        return false;
    take_arguments(s, &p);
    return !imap_has_failed(s);
}

static void start_command(struct imap_session *s)
{
    s->status = NULL;
    buf_reset(&s->code);
    buf_reset(&s->words);
    bool ok = parse_command(s);
    bool bad = !ok && s->status && s->status[0] == 'B';
    s->bad_commands = bad ? s->bad_commands + 1 : 0;
    if (!ok)
        s->phase = IMAP_PHASE_REPLY;
    else if (!s->selected.mailbox || (s->command->flags & IMAP_NO_SYNC))
        s->phase = IMAP_PHASE_RUN;
    else
        s->phase = IMAP_PHASE_BEFORE;
}

/* ---- the phases ---- */

/* Memory of one command; a vec that grew large gives it back. */
static void end_command(struct imap_session *s)
{
    struct vec *vecs[] = {&s->uids, &s->numbers, &s->pairs};
    for (size_t i = 0; i < ARRAY_LEN(vecs); i++) {
        size_t item = vecs[i]->item;
        vec_done(vecs[i]);
        vec_init(vecs[i], item);
    }
    buf_done(&s->piece);
    if (s->code.cap > LIMIT_IMAP_LINE)
        buf_done(&s->code);
    end_job(s);
    arena_done(&s->arena);
    arena_done(&s->one);
    s->command = NULL;
    s->tag = STR_NULL;
    imap_reader_next(&s->reader);
    s->phase = IMAP_PHASE_READ;
}

static void reply_tagged(struct imap_session *s)
{
    unsigned flags = s->command ? s->command->flags : 0;
    if ((flags & IMAP_IDLES) && !imap_has_failed(s) && s->idling) {
        s->idle_command = s->command; /* the tagged answer comes after DONE */
        s->idle_tag = str_dup_c(s->tag);
        end_command(s);
        return;
    }
    if (flags & IMAP_IDLES)
        s->idling = false;
    imap_write_status(s->out, s->tag, s->status ? s->status : "OK", buf_view(&s->code),
                      buf_view(&s->words));
    if ((flags & IMAP_ENDS) && !imap_has_failed(s))
        s->done = true;
    end_command(s);
    if (store_failed(s->store))
        say_bye(s, STR("The account's storage failed; the operator has been told"));
    else if (s->bad_commands >= LIMIT_IMAP_BAD_COMMANDS)
        say_bye(s, STR("Too many commands that make no sense"));
}

/* One step of the running command. */
static void step_command(struct imap_session *s)
{
    switch (s->phase) {
    case IMAP_PHASE_READ:
        break;
    case IMAP_PHASE_BEFORE:
        if (imap_sync_step(s, false))
            s->phase = IMAP_PHASE_RUN;
        break;
    case IMAP_PHASE_RUN:
        if (s->command->run(s) == IMAP_DONE)
            s->phase = s->selected.mailbox && !(s->command->flags & IMAP_NO_SYNC)
                           ? IMAP_PHASE_AFTER
                           : IMAP_PHASE_REPLY;
        break;
    case IMAP_PHASE_AFTER:
        if (imap_sync_step(s, !(s->command->flags & IMAP_KEEPS_NUMBERS)))
            s->phase = IMAP_PHASE_REPLY;
        break;
    case IMAP_PHASE_REPLY:
        reply_tagged(s);
        break;
    }
}

/* ---- reading ---- */

/* The tag of a command of which only the beginning is there. */
static struct str early_tag(struct imap_session *s)
{
    struct imap_parse p;
    imap_parse_init(&p, imap_reader_command(&s->reader), &s->arena, s->utf8);
    struct str tag = imap_take_tag(&p);
    return tag.n > 0 && cursor_peek(&p.c) == ' ' && !s->idling ? tag : STR("*");
}

static void read_literal(struct imap_session *s)
{
    bool take;
    if (s->idling) {
        take = false;
        imap_write_status(s->out, STR("*"), "BAD", STR_NULL, STR("Expected DONE"));
        s->bad_commands++;
    } else {
        take = imap_append_announced(s);
    }
    if (!take) {
        imap_reader_refuse(&s->reader);
        return;
    }
    bool sync = s->reader.sync;
    imap_reader_accept(&s->reader);
    if (sync)
        imap_write_status(s->out, STR("+"), "Ready", STR_NULL, STR("for literal data"));
}

/* DONE ends IDLE; the tagged answer comes after what is still to be told (RFC 9051 section 6.3.13).
 */
static void end_idle(struct imap_session *s)
{
    struct str line = str_trim(imap_reader_command(&s->reader));
    s->command = s->idle_command;
    s->tag = arena_str(&s->arena, str_c(s->idle_tag));
    mem_free(s->idle_tag);
    s->idle_tag = NULL;
    s->idling = false;
    s->status = NULL;
    buf_reset(&s->code);
    buf_reset(&s->words);
    if (str_equal_nocase(line, STR("DONE"))) {
        imap_ok(s, "Idle ended");
    } else {
        imap_bad(s, "Expected DONE");
        s->bad_commands++;
    }
    s->phase = s->selected.mailbox ? IMAP_PHASE_AFTER : IMAP_PHASE_REPLY;
}

static bool is_empty_line(struct imap_session *s)
{
    return str_trim(imap_reader_command(&s->reader)).n == 0;
}

static size_t read_some(struct imap_session *s, struct str bytes)
{
    size_t used;
    switch (imap_reader_feed(&s->reader, bytes, &used)) {
    case IMAP_READ_MORE:
        break;
    case IMAP_READ_COMMAND:
        if (s->idling)
            end_idle(s);
        else if (is_empty_line(s)) /* Apple Mail sends them between commands */
            imap_reader_next(&s->reader);
        else
            start_command(s);
        break;
    case IMAP_READ_LITERAL:
        read_literal(s);
        break;
    case IMAP_READ_TOO_LONG:
        imap_write_status(s->out, early_tag(s), "BAD", STR("LIMIT"),
                          STR("The command is too long; split it"));
        arena_done(&s->arena);
        if (++s->bad_commands >= LIMIT_IMAP_BAD_COMMANDS)
            say_bye(s, STR("Too many commands that make no sense"));
        break;
    }
    return used;
}

size_t imap_session_input(struct imap_session *s, struct str bytes, int64_t deadline_us)
{
    size_t used = 0;
    while (!s->done && s->out->n < LIMIT_IMAP_OUTPUT) {
        if (s->phase != IMAP_PHASE_READ) {
            step_command(s);
        } else if (s->idling && s->idle_pending && s->selected.mailbox) {
            s->idle_pending = !imap_sync_step(s, true);
            if (imap_has_failed(s))
                say_bye(s, buf_view(&s->words));
        } else {
            s->idle_pending = false;
            if (used == bytes.n)
                break;
            used += read_some(s, str_skip(bytes, used));
        }
        if (s->out->overflow) /* its owner gave it too little room: what is in it is no answer */
            s->done = true;
        if (clock_boot_us() >= deadline_us)
            break;
    }
    if (s->done)
        used = bytes.n; /* what follows LOGOUT is ignored */
    s->input_left = used < bytes.n;
    return used;
}

bool imap_session_changed(struct imap_session *s, const struct store_news *news)
{
    const unsigned kinds = STORE_NEWS_ARRIVED | STORE_NEWS_FLAGS | STORE_NEWS_EXPUNGED;
    if (!s->idling || s->done || s->selected.mailbox == 0 ||
        !store_news_of(news, s->selected.mailbox, kinds))
        return false;
    s->idle_pending = true;
    return true;
}
