/* imap/cmd_store.c: what changes messages: STORE, EXPUNGE, COPY, MOVE, and their UID forms. UIDs
 * that are not there are no error (RFC 9051 section 6.4.9). */
#include "imap/session_int.h"

struct change_job {
    struct imap_set set;
    struct imap_walk walk;
    bool resolved;
    /* STORE */
    struct store_flags_change change;
    struct imap_flags flags;
    bool silent, conditional;
    struct vec others; /* UIDs whose flags somebody else has changed meanwhile */
    size_t told;       /* so many of them */
    /* COPY, MOVE */
    struct str target;
    bool begun;
    int64_t target_id;
    uint32_t uidvalidity;
    struct store_copying *copying; /* COPY */
    /* EXPUNGE */
    uint32_t next;
};

static void change_job_done(void *arg)
{
    struct change_job *job = arg;
    store_copy_end(job->copying);
    vec_done(&job->others);
}

const struct imap_job imap_job_change = {.size = sizeof(struct change_job),
                                         .done = change_job_done};

static struct change_job *take_set(struct imap_session *s, struct imap_parse *p)
{
    struct change_job *job = s->job;
    imap_take_sp(p);
    job->set = imap_take_set(p);
    return job;
}

static bool resolve_set(struct imap_session *s, struct change_job *job)
{
    if (job->resolved)
        return true;
    job->resolved = imap_resolve(s, &job->set, s->command->flags & IMAP_UID);
    return job->resolved;
}

/* ---- STORE ---- */

/* store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer (RFC 7162 section 3.1.3) */
static void take_modifiers(struct imap_parse *p, struct change_job *job)
{
    if (!cursor_accept(&p->c, '('))
        return;
    if (!cursor_accept_word(&p->c, STR("UNCHANGEDSINCE")))
        cursor_fail(&p->c, ERROR_SYNTAX, "STORE takes UNCHANGEDSINCE only");
    imap_take_sp(p);
    job->change.unchanged_since = imap_take_modseq(p);
    job->conditional = true;
    cursor_expect(&p->c, ')');
    imap_take_sp(p);
}

void imap_check_store(struct imap_session *s, struct imap_parse *p)
{
    struct change_job *job = take_set(s, p);
    struct error err = {0};
    imap_take_sp(p);
    job->change.unchanged_since = UINT64_MAX;
    take_modifiers(p, job);
    job->change.mode = cursor_accept(&p->c, '+')   ? STORE_FLAGS_ADD
                       : cursor_accept(&p->c, '-') ? STORE_FLAGS_REMOVE
                                                   : STORE_FLAGS_SET;
    if (!cursor_accept_word(&p->c, STR("FLAGS")))
        cursor_fail(&p->c, ERROR_SYNTAX, "STORE changes FLAGS only");
    job->silent = cursor_accept_word(&p->c, STR(".SILENT"));
    imap_take_sp(p);
    job->flags = imap_take_flags(p);
    if (p->c.failed)
        return;
    job->change.flags = job->flags.system;
    if (!store_keywords_join(job->flags.words, job->flags.words_n, &s->arena, &job->change.keywords,
                             &err))
        imap_failed(s, &err, NULL);
}

/* Who was left alone by UNCHANGEDSINCE: "[MODIFIED set]" of numbers or UIDs, as the command's. */
static void note_conflicts(struct imap_session *s, const struct vec *conflicts)
{
    for (size_t i = 0; i < conflicts->n; i++) {
        uint32_t uid = ((uint32_t *)conflicts->p)[i];
        struct store_pair *pair = vec_add(&s->pairs);
        pair->from = s->command->flags & IMAP_UID ? uid : imap_view_number(&s->selected.view, uid);
    }
}

static void write_modified(struct imap_session *s)
{
    struct vec numbers;
    vec_init(&numbers, sizeof(uint32_t));
    for (size_t i = 0; i < s->pairs.n; i++)
        *(uint32_t *)vec_add(&numbers) = ((struct store_pair *)s->pairs.p)[i].from;
    buf_c(&s->code, "MODIFIED ");
    imap_write_set(&s->code, numbers.p, numbers.n);
    vec_done(&numbers);
}

static bool store_slice(struct imap_session *s, struct change_job *job, struct error *err)
{
    struct vec conflicts;
    uint64_t before, modseq;
    vec_init(&conflicts, sizeof(uint32_t));
    bool ok = imap_sync_now(s, &before, err) &&
              store_flags(s->store, s->selected.mailbox, s->uids.p, s->uids.n, &job->change,
                          s->actor, &modseq, &conflicts, err);
    if (ok) {
        imap_sync_own(s, before, modseq);
        note_conflicts(s, &conflicts);
        ok = modseq == 0 || imap_tell_keywords(s, false, err);
    }
    /* With a condition the new MODSEQ is told even when .SILENT (RFC 7162 section 3.1.3). */
    for (size_t i = 0; ok && (!job->silent || s->condstore) && i < s->uids.n; i++) {
        uint32_t number = imap_view_number(&s->selected.view, ((uint32_t *)s->uids.p)[i]);
        ok = imap_tell_flags(s, number, s->command->flags & IMAP_UID, err);
    }
    vec_done(&conflicts);
    return ok;
}

/* What others have changed meanwhile, as it is in the end: told in between, it could not be seen whether it is from before
 * or after what was changed here. */
static bool tell_others(struct imap_session *s, struct change_job *job, struct error *err)
{
    size_t to = size_min(job->others.n, job->told + IMAP_SLICE);
    bool ok = job->told > 0 || job->others.n == 0 || imap_tell_keywords(s, false, err);
    for (; ok && job->told < to; job->told++) {
        uint32_t uid = *(uint32_t *)vec_at(&job->others, job->told);
        uint32_t number = imap_view_number(&s->selected.view, uid);
        ok = number == 0 || imap_tell_flags(s, number, s->command->flags & IMAP_UID, err);
    }
    return ok;
}

/* The next slice; false at the end, or when it failed. */
static bool store_more(struct imap_session *s, struct change_job *job)
{
    struct error err = {0};
    bool seen;
    if (imap_has_failed(s))
        return false;
    if (!imap_sync_others(s, &job->others, &seen, &err)) {
        (void)imap_failed(s, &err, NULL);
        return false;
    }
    if (!seen)
        return true;
    if (imap_walk_uids(s, &job->walk, IMAP_SLICE) == 0)
        return false;
    if (!store_slice(s, job, &err))
        (void)imap_failed(s, &err, NULL);
    return true;
}

enum imap_step imap_run_store(struct imap_session *s)
{
    struct change_job *job = s->job;
    struct error err = {0};
    if (!resolve_set(s, job))
        return IMAP_DONE;
    s->condstore |= job->conditional;
    if (job->others.item == 0)
        vec_init(&job->others, sizeof(uint32_t));
    if (job->told == 0 && store_more(s, job))
        return IMAP_MORE;
    if (!tell_others(s, job, &err))
        return imap_failed(s, &err, NULL);
    if (job->told < job->others.n)
        return IMAP_MORE;
    if (imap_has_failed(s))
        return IMAP_DONE;
    if (s->pairs.n == 0)
        return imap_ok(s, "Stored");
    write_modified(s);
    return imap_ok(s, "Some messages have changed since");
}

/* ---- EXPUNGE ---- */

void imap_check_uid_expunge(struct imap_session *s, struct imap_parse *p)
{
    (void)take_set(s, p);
}

/* EXPUNGE takes only what this session has been told of: a message that another one marks meanwhile
 * is not surprised. */
enum imap_step imap_run_expunge(struct imap_session *s)
{
    struct change_job *job = s->job;
    struct error err = {0};
    uint64_t modseq;
    bool by_uid = s->command->flags & IMAP_UID;
    if (by_uid && !resolve_set(s, job))
        return IMAP_DONE;
    vec_reset(&s->uids);
    if (!store_deleted(s->store, s->selected.mailbox, job->next, IMAP_SLICE, &s->uids, &err))
        return imap_failed(s, &err, NULL);
    uint32_t *uids = s->uids.p;
    size_t found = s->uids.n, n = 0;
    for (size_t i = 0; i < found; i++) {
        job->next = uids[i] + 1;
        uint32_t number = imap_view_number(&s->selected.view, uids[i]);
        if (number > 0 && (!by_uid || imap_spans_have(s->numbers.p, s->numbers.n, number)))
            uids[n++] = uids[i];
    }
    if (n > 0 && !store_expunge(s->store, s->selected.mailbox, uids, n, s->actor, &modseq, &err))
        return imap_failed(s, &err, NULL);
    if (found == IMAP_SLICE)
        return IMAP_MORE;
    return imap_ok(s, "Expunged");
}

/* ---- COPY and MOVE ---- */

void imap_check_copy(struct imap_session *s, struct imap_parse *p)
{
    struct change_job *job = take_set(s, p);
    imap_take_sp(p);
    job->target = imap_take_mailbox(p);
}

/* "COPYUID uidvalidity uids uids" (RFC 9051 section 7.1); nothing where it is longer than any answer may be: half of it
 * would be wrong. */
static void write_copyuid(struct imap_session *s, struct buf *out, uint32_t uidvalidity)
{
    struct vec numbers;
    const struct store_pair *pairs = s->pairs.p;
    vec_init(&numbers, sizeof(uint32_t));
    buf_printf(out, "COPYUID %u ", uidvalidity);
    for (size_t i = 0; i < s->pairs.n; i++)
        *(uint32_t *)vec_add(&numbers) = pairs[i].from;
    imap_write_set(out, numbers.p, numbers.n);
    buf_char(out, ' ');
    vec_reset(&numbers);
    for (size_t i = 0; i < s->pairs.n; i++)
        *(uint32_t *)vec_add(&numbers) = pairs[i].to;
    imap_write_set(out, numbers.p, numbers.n);
    vec_done(&numbers);
    if (out->overflow)
        buf_reset(out);
}

/* Before the tagged answer, whose code may be that of an error. */
static void tell_moved(struct imap_session *s, uint32_t uidvalidity)
{
    struct buf code;
    buf_init(&code, IMAP_CODE_MOST);
    write_copyuid(s, &code, uidvalidity);
    if (code.n > 0)
        imap_write_status(s->out, STR("*"), "OK", buf_view(&code), STR("Moved"));
    buf_done(&code);
}

/* What both begin with. False: the answer is set. */
static bool copy_begin(struct imap_session *s, struct change_job *job)
{
    struct store_mailbox target;
    struct error err = {0};
    if (job->begun)
        return true;
    if (!resolve_set(s, job))
        return false;
    if (!store_mailbox_find(s->store, job->target, &s->arena, &target, &err)) {
        (void)imap_failed(s, &err, "TRYCREATE");
        return false;
    }
    job->begun = true;
    job->uidvalidity = target.uidvalidity;
    job->target_id = target.id;
    return true;
}

/* A COPY that fails leaves nothing behind (RFC 9051 section 6.4.7): its slices are taken back one by one. */
static enum imap_step undo_copy(struct imap_session *s, struct change_job *job)
{
    struct error err = {0};
    bool more = false;
    if (store_copy_undo(s->store, job->copying, s->actor, &more, &err) && more)
        return IMAP_MORE;
    return IMAP_DONE; /* the answer is set; what could not be taken back now is later, by store_idle */
}

enum imap_step imap_run_copy(struct imap_session *s)
{
    struct change_job *job = s->job;
    struct error err = {0};
    if (!copy_begin(s, job))
        return IMAP_DONE;
    if (imap_has_failed(s))
        return undo_copy(s, job);
    if (!job->copying)
        job->copying = store_copy_begin(s->store, s->selected.mailbox, job->target_id);
    bool last = imap_walk_uids(s, &job->walk, IMAP_SLICE) < IMAP_SLICE;
    if (!store_copy_slice(s->store, job->copying, s->uids.p, s->uids.n, last, s->actor, &s->pairs,
                          &err)) {
        (void)imap_failed(s, &err, "TRYCREATE");
        return IMAP_MORE;
    }
    if (!last)
        return IMAP_MORE;
    if (s->pairs.n > 0)
        write_copyuid(s, &s->code, job->uidvalidity);
    return imap_ok(s, s->pairs.n > 0 ? "Copied" : "There was nothing to copy");
}

/* Each message is moved or is not; where it fails on the way, those before stay moved, and are told (RFC 6851
 * section 3.3). The untagged COPYUID comes before the EXPUNGEs (RFC 9051 section 6.4.8). */
enum imap_step imap_run_move(struct imap_session *s)
{
    struct change_job *job = s->job;
    struct error err = {0};
    uint64_t modseq;
    if (!copy_begin(s, job))
        return IMAP_DONE;
    if (imap_walk_uids(s, &job->walk, IMAP_SLICE) > 0) {
        if (store_copy(s->store, s->selected.mailbox, s->uids.p, s->uids.n, job->target_id, true,
                       s->actor, &s->pairs, &modseq, &err))
            return IMAP_MORE;
        (void)imap_failed(s, &err, "TRYCREATE");
    }
    if (s->pairs.n > 0)
        tell_moved(s, job->uidvalidity);
    if (imap_has_failed(s))
        return IMAP_DONE;
    return imap_ok(s, s->pairs.n > 0 ? "Moved" : "There was nothing to move");
}
