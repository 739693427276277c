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
    /* COPY, MOVE */
    struct str target;
    /* EXPUNGE */
    uint32_t next;
};

const struct imap_job imap_job_change = {.size = sizeof(struct change_job)};

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

enum imap_step imap_run_store(struct imap_session *s)
{
    struct change_job *job = s->job;
    struct error err = {0};
    if (!resolve_set(s, job))
        return IMAP_DONE;
    s->condstore |= job->conditional;
    if (imap_walk_uids(s, &job->walk, IMAP_SLICE) > 0) {
        if (!store_slice(s, job, &err))
            return imap_failed(s, &err, NULL);
        return IMAP_MORE;
    }
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

/* "COPYUID uidvalidity uids uids" (RFC 9051 section 7.1) */
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
}

/* All in one transaction: a COPY that fails leaves nothing behind (RFC 9051 section 6.4.7). False:
 * the answer is set. */
static bool copy_all(struct imap_session *s, bool move, uint32_t *uidvalidity)
{
    struct change_job *job = s->job;
    struct store_mailbox target;
    struct error err = {0};
    uint64_t modseq;
    if (!resolve_set(s, job))
        return false;
    if (!store_mailbox_find(s->store, job->target, &s->arena, &target, &err)) {
        (void)imap_failed(s, &err, "TRYCREATE");
        return false;
    }
    *uidvalidity = target.uidvalidity;
    if (imap_walk_uids(s, &job->walk, SIZE_MAX) == 0)
        return true;
    if (!store_copy(s->store, s->selected.mailbox, s->uids.p, s->uids.n, target.id, move, s->actor,
                    &s->pairs, &modseq, &err)) {
        (void)imap_failed(s, &err, "TRYCREATE");
        return false;
    }
    return true;
}

enum imap_step imap_run_copy(struct imap_session *s)
{
    uint32_t uidvalidity;
    if (!copy_all(s, false, &uidvalidity))
        return IMAP_DONE;
    if (s->pairs.n > 0)
        write_copyuid(s, &s->code, uidvalidity);
    return imap_ok(s, s->pairs.n > 0 ? "Copied" : "There was nothing to copy");
}

/* The untagged COPYUID comes before the EXPUNGEs (RFC 9051 section 6.4.8). */
enum imap_step imap_run_move(struct imap_session *s)
{
    uint32_t uidvalidity;
    if (!copy_all(s, true, &uidvalidity))
        return IMAP_DONE;
    if (s->pairs.n > 0) {
        buf_c(s->out, "* OK [");
        write_copyuid(s, s->out, uidvalidity);
        buf_c(s->out, "] Moved\r\n");
    }
    return imap_ok(s, s->pairs.n > 0 ? "Moved" : "There was nothing to move");
}
