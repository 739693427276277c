/* imap/cmd_select.c: SELECT, EXAMINE, CLOSE, UNSELECT. The view of a large mailbox is read in
 * steps; what happens meanwhile is told by the first sync after it, as U, E and F are fixed at the
 * beginning. */
#include "imap/session_int.h"

struct select_job {
    struct str name;
    bool condstore, begun;
    struct store_mailbox mailbox;
    uint32_t next; /* the UID to go on from */
};

/* select-params = "(" [param *(SP param)] ")" */
static void take_params(struct imap_parse *p, struct select_job *job)
{
    cursor_expect(&p->c, '(');
    if (cursor_accept(&p->c, ')'))
        return;
    do {
        struct str word = imap_take_atom(p);
        if (str_equal_nocase(word, STR("CONDSTORE")))
            job->condstore = true;
        else
            cursor_fail(&p->c, ERROR_SYNTAX, "there is no such parameter of SELECT");
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
}

const struct imap_job imap_job_select = {.size = sizeof(struct select_job)};

void imap_check_select(struct imap_session *s, struct imap_parse *p)
{
    struct select_job *job = s->job;
    imap_take_sp(p);
    job->name = imap_take_mailbox(p);
    if (imap_accept_sp(p))
        take_params(p, job);
}

static bool begin_select(struct imap_session *s, struct select_job *job, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    imap_unselect(s); /* also when the new one cannot be selected (RFC 9051 section 6.3.2) */
    if (!store_mailbox_find(s->store, job->name, &s->arena, &job->mailbox, err))
        return false;
    const struct store_mailbox *m = &job->mailbox;
    sel->mailbox = m->id;
    sel->uidvalidity = m->uidvalidity;
    sel->uidnext = m->uidnext;
    sel->expunged = m->modseq;
    sel->flags = (struct store_changed){m->modseq, UINT32_MAX};
    sel->read_only = s->may_only_read || (s->command->flags & IMAP_EXAMINES);
    job->next = 1;
    job->begun = true;
    s->condstore |= job->condstore;
    return true;
}

/* Reads a piece of the view; *done when it is whole. */
static bool load_view(struct imap_session *s, struct select_job *job, bool *done, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    const size_t max = 40 * (size_t)IMAP_SLICE;
    vec_reset(&s->uids);
    if (!store_view(s->store, sel->mailbox, job->next, sel->uidnext, sel->expunged, max, &s->uids,
                    err))
        return false;
    const uint32_t *uids = s->uids.p;
    for (size_t i = 0; i < s->uids.n; i++)
        imap_view_add(&sel->view, uids[i]);
    if (s->uids.n > 0)
        job->next = uids[s->uids.n - 1] + 1;
    *done = s->uids.n < max;
    return true;
}

static bool answer_select(struct imap_session *s, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    uint32_t unseen = 0;
    if (!imap_tell_keywords(s, true, err) ||
        !store_first_unseen(s->store, sel->mailbox, 1, &unseen, err))
        return false;
    uint32_t number = unseen > 0 ? imap_view_number(&sel->view, unseen) : 0;
    buf_printf(s->out, "* %u EXISTS\r\n* 0 RECENT\r\n", sel->view.n);
    if (number > 0)
        buf_printf(s->out, "* OK [UNSEEN %u] The first unseen message\r\n", number);
    buf_c(s->out, "* OK [PERMANENTFLAGS (");
    if (!sel->read_only) {
        buf_c(s->out, "\\Answered \\Flagged \\Deleted \\Seen \\Draft ");
        buf_str(s->out, sel->keywords);
        buf_c(s->out, sel->keywords.n > 0 ? " \\*" : "\\*");
    }
    buf_c(s->out, ")] Flags that stay\r\n");
    buf_printf(s->out, "* OK [UIDVALIDITY %u] UIDs are valid\r\n", sel->uidvalidity);
    buf_printf(s->out, "* OK [UIDNEXT %u] The next UID\r\n", sel->uidnext);
    buf_printf(s->out, "* OK [HIGHESTMODSEQ %llu] The highest\r\n",
               (unsigned long long)sel->flags.modseq);
    return true;
}

enum imap_step imap_run_select(struct imap_session *s)
{
    struct select_job *job = s->job;
    struct error err = {0};
    bool done;
    if ((!job->begun && !begin_select(s, job, &err)) || !load_view(s, job, &done, &err))
        goto failed;
    if (!done)
        return IMAP_MORE;
    if (!answer_select(s, &err))
        goto failed;
    imap_ok(s, "Selected");
    buf_c(&s->code, s->selected.read_only ? "READ-ONLY" : "READ-WRITE");
    return IMAP_DONE;
failed:
    imap_unselect(s);
    return imap_failed(s, &err, NULL);
}

enum imap_step imap_run_unselect(struct imap_session *s)
{
    imap_unselect(s);
    return imap_ok(s, "Unselected");
}

/* CLOSE expunges without telling (RFC 9051 section 6.4.1), except what was only examined. */
enum imap_step imap_run_close(struct imap_session *s)
{
    struct error err = {0};
    uint64_t modseq;
    vec_reset(&s->uids);
    if (!s->selected.read_only && !s->may_only_read) {
        if (!store_deleted(s->store, s->selected.mailbox, 1, IMAP_SLICE, &s->uids, &err) ||
            (s->uids.n > 0 && !store_expunge(s->store, s->selected.mailbox, s->uids.p, s->uids.n,
                                             s->actor, &modseq, &err)))
            return imap_failed(s, &err, NULL);
        if (s->uids.n == IMAP_SLICE)
            return IMAP_MORE;
    }
    imap_unselect(s);
    return imap_ok(s, "Closed");
}
