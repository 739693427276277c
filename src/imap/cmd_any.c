/* imap/cmd_any.c: the small commands that need no mailbox. */
#include "imap/session_int.h"

#include "base/limits.h"

enum imap_step imap_run_capability(struct imap_session *s)
{
    struct imap_offer offer = {0};
    buf_c(s->out, "* ");
    imap_write_capability(s->out, &offer);
    buf_c(s->out, "\r\n");
    return imap_ok(s, "Done");
}

enum imap_step imap_run_noop(struct imap_session *s)
{
    return imap_ok(s, "Done");
}

enum imap_step imap_run_logout(struct imap_session *s)
{
    imap_write_status(s->out, STR("*"), "BYE", STR_NULL, STR("Goodbye"));
    return imap_ok(s, "Logged out");
}

/* ---- ID (RFC 2971) ---- */

/* One field of the list: string SP nstring. */
static void take_id_field(struct imap_parse *p)
{
    struct str name = imap_take_string(p);
    imap_take_sp(p);
    struct str value = imap_take_nstring(p);
    if (name.n > LIMIT_IMAP_ID_NAME)
        cursor_fail(&p->c, ERROR_SYNTAX, "a field of ID has a name of at most %d octets",
                    LIMIT_IMAP_ID_NAME);
    if (value.n > LIMIT_IMAP_ID_VALUE)
        cursor_fail(&p->c, ERROR_SYNTAX, "a field of ID has a value of at most %d octets",
                    LIMIT_IMAP_ID_VALUE);
}

/* id-params-list = "(" *(string SP nstring) ")" / nil, within the limits of RFC 2971 section 3.3. */
void imap_take_id(struct imap_parse *p)
{
    if (cursor_accept_word(&p->c, STR("NIL")))
        return;
    cursor_expect(&p->c, '(');
    if (cursor_accept(&p->c, ')'))
        return;
    unsigned fields = 0;
    do {
        take_id_field(p);
        if (++fields > LIMIT_IMAP_ID_FIELDS)
            cursor_fail(&p->c, ERROR_SYNTAX, "ID has at most %d fields", LIMIT_IMAP_ID_FIELDS);
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
}

void imap_check_id(struct imap_session *s, struct imap_parse *p)
{
    (void)s;
    imap_take_sp(p);
    imap_take_id(p);
}

enum imap_step imap_run_id(struct imap_session *s)
{
    buf_c(s->out, "* ID (\"name\" \"Posthus\" \"version\" ");
    imap_write_string(s->out, str_c(POSTHUS_VERSION));
    buf_c(s->out, ")\r\n");
    return imap_ok(s, "Done");
}

/* ---- ENABLE ---- */

struct enable_job {
    bool condstore, utf8;
};

const struct imap_job imap_job_enable = {.size = sizeof(struct enable_job)};

void imap_check_enable(struct imap_session *s, struct imap_parse *p)
{
    struct enable_job *job = s->job;
    do {
        imap_take_sp(p);
        struct str word = imap_take_atom(p);
        (void)imap_count_item(p);
        /* What is not known is passed over (RFC 9051 section 6.3.1). */
        if (str_equal_nocase(word, STR("CONDSTORE")))
            job->condstore = true;
        if (str_equal_nocase(word, STR("UTF8=ACCEPT")))
            job->utf8 = true;
    } while (!p->c.failed && cursor_peek(&p->c) == ' ');
}

enum imap_step imap_run_enable(struct imap_session *s)
{
    struct enable_job *job = s->job;
    buf_c(s->out, "* ENABLED");
    if (job->condstore)
        buf_c(s->out, " CONDSTORE");
    if (job->utf8)
        buf_c(s->out, " UTF8=ACCEPT");
    buf_c(s->out, "\r\n");
    s->condstore |= job->condstore;
    s->utf8 |= job->utf8;
    return imap_ok(s, "Done");
}

enum imap_step imap_run_namespace(struct imap_session *s)
{
    buf_c(s->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    return imap_ok(s, "Done");
}

enum imap_step imap_run_idle(struct imap_session *s)
{
    /* What is new already is told first; then the answer waits for DONE (session.c). */
    imap_write_status(s->out, STR("+"), "idling", STR_NULL, STR("until DONE"));
    s->idling = true;
    return IMAP_DONE;
}
