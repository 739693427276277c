/* imap/cmd_mailbox.c: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. */
#include "imap/session_int.h"

struct mailbox_job {
    struct str name, to;
    enum store_role role;
    unsigned items; /* of STATUS */
};

const struct imap_job imap_job_mailbox = {.size = sizeof(struct mailbox_job)};

void imap_check_mailbox(struct imap_session *s, struct imap_parse *p)
{
    struct mailbox_job *job = s->job;
    imap_take_sp(p);
    job->name = imap_take_mailbox(p);
}

void imap_check_rename(struct imap_session *s, struct imap_parse *p)
{
    struct mailbox_job *job = s->job;
    imap_check_mailbox(s, p);
    imap_take_sp(p);
    job->to = imap_take_mailbox(p);
}

/* ---- CREATE ---- */

static const struct role_word {
    const char *word;
    enum store_role role;
} role_words[] = {
    {"\\Drafts", STORE_ROLE_DRAFTS},   {"\\Sent", STORE_ROLE_SENT},
    {"\\Archive", STORE_ROLE_ARCHIVE}, {"\\Junk", STORE_ROLE_JUNK},
    {"\\Trash", STORE_ROLE_TRASH},
};

/* "(USE (\Sent))" (RFC 6154 section 3); one use a mailbox. */
static enum store_role take_use(struct imap_parse *p)
{
    enum store_role role = STORE_ROLE_NONE;
    cursor_expect(&p->c, '(');
    if (!cursor_accept_word(&p->c, STR("USE")))
        cursor_fail(&p->c, ERROR_SYNTAX, "CREATE takes (USE (...)) only");
    imap_take_sp(p);
    cursor_expect(&p->c, '(');
    size_t from = p->c.at;
    cursor_expect(&p->c, '\\');
    (void)imap_take_atom(p);
    struct str word = str_sub(p->c.in, from, p->c.at - from);
    for (size_t i = 0; i < ARRAY_LEN(role_words); i++)
        if (str_equal_nocase(word, str_c(role_words[i].word)))
            role = role_words[i].role;
    cursor_expect(&p->c, ')');
    cursor_expect(&p->c, ')');
    return p->c.failed ? STORE_ROLE_NONE : role == STORE_ROLE_NONE ? STORE_ROLES : role;
}

void imap_check_create(struct imap_session *s, struct imap_parse *p)
{
    struct mailbox_job *job = s->job;
    imap_check_mailbox(s, p);
    if (imap_accept_sp(p))
        job->role = take_use(p);
}

/* A name that cannot be is no error of the command's syntax: NO, with a code that stops retries.
 */
static enum imap_step name_failed(struct imap_session *s, const struct error *err)
{
    if (err->kind != ERROR_SYNTAX)
        return imap_failed(s, err, NULL);
    return imap_no(s, "CANNOT", "%s", err->text);
}

enum imap_step imap_run_create(struct imap_session *s)
{
    struct mailbox_job *job = s->job;
    struct error err = {0};
    if (job->role == STORE_ROLES)
        return imap_no(s, "USEATTR", "This special use is not known here");
    if (store_mailbox_create(s->store, job->name, job->role, s->actor, NULL, &err))
        return imap_ok(s, "Created");
    return err.kind == ERROR_CONFLICT ? imap_no(s, "USEATTR", "%s", err.text)
                                      : name_failed(s, &err);
}

enum imap_step imap_run_delete(struct imap_session *s)
{
    struct mailbox_job *job = s->job;
    struct error err = {0};
    if (store_mailbox_delete(s->store, job->name, s->actor, &err))
        return imap_ok(s, "Deleted");
    if (err.kind == ERROR_CONFLICT) /* RFC 9051 section 7.1, HASCHILDREN */
        return imap_no(s, "HASCHILDREN", "%s", err.text);
    if (err.kind == ERROR_DENIED)
        return imap_no(s, "CANNOT", "%s", err.text);
    return imap_failed(s, &err, NULL);
}

enum imap_step imap_run_rename(struct imap_session *s)
{
    struct mailbox_job *job = s->job;
    struct error err = {0};
    if (!store_mailbox_rename(s->store, job->name, job->to, s->actor, &err))
        return name_failed(s, &err);
    return imap_ok(s, "Renamed");
}

static enum imap_step subscribe_name(struct imap_session *s, bool yes)
{
    struct mailbox_job *job = s->job;
    struct error err = {0};
    if (!store_subscribe(s->store, job->name, yes, s->actor, &err))
        return name_failed(s, &err);
    return imap_ok(s, yes ? "Subscribed" : "Unsubscribed");
}

enum imap_step imap_run_subscribe(struct imap_session *s)
{
    return subscribe_name(s, true);
}

enum imap_step imap_run_unsubscribe(struct imap_session *s)
{
    return subscribe_name(s, false);
}

/* ---- STATUS ---- */

enum status_item {
    STATUS_MESSAGES = 1,
    STATUS_RECENT = 2,
    STATUS_UIDNEXT = 4,
    STATUS_UIDVALIDITY = 8,
    STATUS_UNSEEN = 16,
    STATUS_DELETED = 32,
    STATUS_SIZE = 64,
    STATUS_HIGHESTMODSEQ = 128,
    STATUS_APPENDLIMIT = 256,
};

static const struct status_word {
    const char *word;
    enum status_item item;
} status_words[] = {
    {"MESSAGES", STATUS_MESSAGES},
    {"RECENT", STATUS_RECENT},
    {"UIDNEXT", STATUS_UIDNEXT},
    {"UIDVALIDITY", STATUS_UIDVALIDITY},
    {"UNSEEN", STATUS_UNSEEN},
    {"DELETED", STATUS_DELETED},
    {"SIZE", STATUS_SIZE},
    {"HIGHESTMODSEQ", STATUS_HIGHESTMODSEQ},
    {"APPENDLIMIT", STATUS_APPENDLIMIT},
};

unsigned imap_take_status_items(struct imap_parse *p)
{
    unsigned items = 0;
    cursor_expect(&p->c, '(');
    do {
        unsigned item = 0;
        struct str word = imap_take_atom(p);
        (void)imap_count_item(p);
        for (size_t i = 0; i < ARRAY_LEN(status_words); i++)
            if (str_equal_nocase(word, str_c(status_words[i].word)))
                item = status_words[i].item;
        if (item == 0)
            cursor_fail(&p->c, ERROR_SYNTAX, "there is no such STATUS item");
        items |= item;
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
    return items;
}

static uint64_t status_value(const struct store_mailbox *m, enum status_item item)
{
    switch (item) {
    case STATUS_MESSAGES:
        return m->messages;
    case STATUS_RECENT:
        return 0; /* no session is told of \Recent (RFC 9051 appendix E) */
    case STATUS_UIDNEXT:
        return m->uidnext;
    case STATUS_UIDVALIDITY:
        return m->uidvalidity;
    case STATUS_UNSEEN:
        return m->unseen;
    case STATUS_DELETED:
        return m->deleted;
    case STATUS_SIZE:
        return m->bytes;
    case STATUS_HIGHESTMODSEQ:
        return m->modseq;
    case STATUS_APPENDLIMIT:
        return IMAP_APPEND_MAX;
    }
    panic("STATUS item %d", (int)item);
}

void imap_write_mailbox_status(struct imap_session *s, const struct store_mailbox *m,
                               unsigned items)
{
    bool first = true;
    buf_c(s->out, "* STATUS ");
    imap_write_mailbox(s->out, m->name, s->utf8);
    buf_c(s->out, " (");
    for (size_t i = 0; i < ARRAY_LEN(status_words); i++) {
        const struct status_word *w = &status_words[i];
        if (!(items & w->item))
            continue;
        buf_printf(s->out, "%s%s %llu", first ? "" : " ", w->word,
                   (unsigned long long)status_value(m, w->item));
        first = false;
    }
    buf_c(s->out, ")\r\n");
}

void imap_check_status(struct imap_session *s, struct imap_parse *p)
{
    struct mailbox_job *job = s->job;
    imap_check_mailbox(s, p);
    imap_take_sp(p);
    job->items = imap_take_status_items(p);
}

enum imap_step imap_run_status(struct imap_session *s)
{
    struct mailbox_job *job = s->job;
    struct store_mailbox m;
    struct error err = {0};
    if (!store_mailbox_find(s->store, job->name, &s->arena, &m, &err))
        return imap_failed(s, &err, NULL);
    if (job->items & STATUS_HIGHESTMODSEQ)
        s->condstore = true; /* RFC 7162 section 3.1.2 */
    imap_write_mailbox_status(s, &m, job->items);
    return imap_ok(s, "Done");
}
