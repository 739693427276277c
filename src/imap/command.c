/* imap/command.c: the table of commands. */
#include "imap/session_int.h"

/* "APPENDLIMIT=52428800" (RFC 7889 section 2) */
#define TEXT_OF(number) #number
#define LIMIT_TEXT(number) TEXT_OF(number)

/* clang-format off */
static const struct imap_command commands[] = {
    /* What holds for all commands stands in the first row. */
    {.word = "CAPABILITY", .states = IMAP_ANY, .flags = IMAP_NO_SYNC, .source = "RFC 9051 section 6.1.1",
     .announces = {{"IMAP4rev1", IMAP_SAID_ALWAYS}, {"LITERAL+", IMAP_SAID_ALWAYS}},
     .login = imap_login_capability, .run = imap_run_capability},
    {.word = "NOOP", .states = IMAP_ANY, .source = "RFC 9051 section 6.1.2",
     .login = imap_login_noop, .run = imap_run_noop},
    {.word = "LOGOUT", .states = IMAP_ANY, .flags = IMAP_NO_SYNC | IMAP_ENDS, .source = "RFC 9051 section 6.1.3",
     .login = imap_login_logout, .run = imap_run_logout},
    {.word = "ID", .states = IMAP_ANY, .flags = IMAP_NO_SYNC, .arguments = "NIL or (field value ...)",
     .source = "RFC 2971 section 3.1",
     .announces = {{"ID", IMAP_SAID_ALWAYS}},
     .login = imap_login_id, .check = imap_check_id, .run = imap_run_id},

    {.word = "STARTTLS", .states = IMAP_BEFORE_LOGIN, .source = "RFC 9051 section 6.2.1",
     .announces = {{"STARTTLS", IMAP_SAID_STARTTLS}},
     .login = imap_login_starttls},
    {.word = "LOGIN", .states = IMAP_BEFORE_LOGIN, .arguments = "user password", .source = "RFC 9051 section 6.2.3",
     .announces = {{"LOGINDISABLED", IMAP_SAID_LOGIN_NO}},
     .login = imap_login_login},
    {.word = "AUTHENTICATE", .states = IMAP_BEFORE_LOGIN, .arguments = "mechanism [initial-response]",
     .source = "RFC 9051 section 6.2.2, RFC 4959",
     .announces = {{"SASL-IR", IMAP_SAID_ALWAYS}, {"AUTH=PLAIN", IMAP_SAID_LOGIN_OK}},
     .login = imap_login_authenticate},

    /* UTF8=ACCEPT (RFC 6855) works when it is enabled and is not announced: iOS has shown an empty inbox
     * where it was together with others, and no device has been tried yet. */
    {.word = "ENABLE", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC, .arguments = "capability ...",
     .source = "RFC 9051 section 6.3.1",
     .announces = {{"ENABLE", IMAP_SAID_ALWAYS}},
     .job = &imap_job_enable, .check = imap_check_enable, .run = imap_run_enable},
    {.word = "NAMESPACE", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC, .source = "RFC 9051 section 6.3.10",
     .announces = {{"NAMESPACE", IMAP_SAID_AFTER}},
     .run = imap_run_namespace},
    {.word = "LIST", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC,
     .arguments = "[(options)] reference patterns [RETURN (options)]",
     .source = "RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154",
     .announces = {{"CHILDREN", IMAP_SAID_AFTER}, {"LIST-EXTENDED", IMAP_SAID_AFTER},
                   {"LIST-STATUS", IMAP_SAID_AFTER}, {"SPECIAL-USE", IMAP_SAID_AFTER}},
     .job = &imap_job_list, .check = imap_check_list, .run = imap_run_list},
    {.word = "LSUB", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC, .arguments = "reference pattern",
     .source = "RFC 3501 section 6.3.9",
     .job = &imap_job_list, .check = imap_check_lsub, .run = imap_run_list},
    {.word = "CREATE", .states = IMAP_AUTH, .flags = IMAP_WRITES, .arguments = "mailbox [(USE (role))]",
     .source = "RFC 9051 section 6.3.4, RFC 6154 section 3",
     .announces = {{"CREATE-SPECIAL-USE", IMAP_SAID_AFTER}},
     .job = &imap_job_mailbox, .check = imap_check_create, .run = imap_run_create},
    {.word = "DELETE", .states = IMAP_AUTH, .flags = IMAP_WRITES, .arguments = "mailbox",
     .source = "RFC 9051 section 6.3.5",
     .job = &imap_job_mailbox, .check = imap_check_mailbox, .run = imap_run_delete},
    {.word = "RENAME", .states = IMAP_AUTH, .flags = IMAP_WRITES, .arguments = "mailbox mailbox",
     .source = "RFC 9051 section 6.3.6",
     .job = &imap_job_mailbox, .check = imap_check_rename, .run = imap_run_rename},
    {.word = "SUBSCRIBE", .states = IMAP_AUTH, .flags = IMAP_WRITES, .arguments = "mailbox",
     .source = "RFC 9051 section 6.3.7",
     .job = &imap_job_mailbox, .check = imap_check_mailbox, .run = imap_run_subscribe},
    {.word = "UNSUBSCRIBE", .states = IMAP_AUTH, .flags = IMAP_WRITES, .arguments = "mailbox",
     .source = "RFC 9051 section 6.3.8",
     .job = &imap_job_mailbox, .check = imap_check_mailbox, .run = imap_run_unsubscribe},
    {.word = "SELECT", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC, .arguments = "mailbox [(CONDSTORE)]",
     .source = "RFC 9051 section 6.3.2, RFC 7162 section 3.1.8",
     .job = &imap_job_select, .check = imap_check_select, .run = imap_run_select},
    {.word = "EXAMINE", .states = IMAP_AUTH, .flags = IMAP_NO_SYNC | IMAP_EXAMINES,
     .arguments = "mailbox [(CONDSTORE)]", .source = "RFC 9051 section 6.3.3",
     .job = &imap_job_select, .check = imap_check_select, .run = imap_run_select},
    {.word = "STATUS", .states = IMAP_AUTH, .arguments = "mailbox (items)", .source = "RFC 9051 section 6.3.11",
     .announces = {{"STATUS=SIZE", IMAP_SAID_AFTER}},
     .job = &imap_job_mailbox, .check = imap_check_status, .run = imap_run_status},
    {.word = "APPEND", .states = IMAP_AUTH, .flags = IMAP_WRITES,
     .arguments = "mailbox [(flags)] [date-time] literal", .source = "RFC 9051 section 6.3.12",
     .announces = {{"APPENDLIMIT=" LIMIT_TEXT(IMAP_APPEND_MAX), IMAP_SAID_AFTER}},
     .job = &imap_job_append, .check = imap_check_append, .run = imap_run_append},
    {.word = "IDLE", .states = IMAP_AUTH, .flags = IMAP_IDLES, .source = "RFC 9051 section 6.3.13",
     .announces = {{"IDLE", IMAP_SAID_ALWAYS}},
     .run = imap_run_idle},

    {.word = "CHECK", .states = IMAP_SELECTED, .source = "RFC 3501 section 6.4.1", .run = imap_run_noop},
    {.word = "CLOSE", .states = IMAP_SELECTED, .flags = IMAP_NO_SYNC, .source = "RFC 9051 section 6.4.1",
     .run = imap_run_close},
    {.word = "UNSELECT", .states = IMAP_SELECTED, .flags = IMAP_NO_SYNC, .source = "RFC 9051 section 6.4.2",
     .announces = {{"UNSELECT", IMAP_SAID_AFTER}},
     .run = imap_run_unselect},
    {.word = "EXPUNGE", .states = IMAP_SELECTED, .flags = IMAP_WRITES_HERE, .source = "RFC 9051 section 6.4.3",
     .job = &imap_job_change, .run = imap_run_expunge},
    {.word = "UID EXPUNGE", .states = IMAP_SELECTED, .flags = IMAP_WRITES_HERE | IMAP_UID, .arguments = "uids",
     .source = "RFC 9051 section 6.4.9",
     .announces = {{"UIDPLUS", IMAP_SAID_AFTER}},
     .job = &imap_job_change, .check = imap_check_uid_expunge, .run = imap_run_expunge},
    {.word = "SEARCH", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS,
     .arguments = "[RETURN (options)] [CHARSET name] keys", .source = "RFC 9051 section 6.4.4",
     .announces = {{"ESEARCH", IMAP_SAID_AFTER}, {"SEARCHRES", IMAP_SAID_AFTER}, {"WITHIN", IMAP_SAID_AFTER}},
     .job = &imap_job_search, .check = imap_check_search, .run = imap_run_search},
    {.word = "UID SEARCH", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS | IMAP_UID,
     .arguments = "[RETURN (options)] [CHARSET name] keys", .source = "RFC 9051 section 6.4.9",
     .job = &imap_job_search, .check = imap_check_search, .run = imap_run_search},
    {.word = "FETCH", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS,
     .arguments = "numbers items [(CHANGEDSINCE modseq)]",
     .source = "RFC 9051 section 6.4.5, RFC 7162 section 3.1.4",
     .announces = {{"PREVIEW", IMAP_SAID_AFTER}, {"SAVEDATE", IMAP_SAID_AFTER}},
     .job = &imap_job_fetch, .check = imap_check_fetch, .run = imap_run_fetch},
    {.word = "UID FETCH", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS | IMAP_UID,
     .arguments = "uids items [(CHANGEDSINCE modseq)]", .source = "RFC 9051 section 6.4.9",
     .job = &imap_job_fetch, .check = imap_check_fetch, .run = imap_run_fetch},
    {.word = "STORE", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS | IMAP_WRITES_HERE,
     .arguments = "numbers [(UNCHANGEDSINCE modseq)] flags",
     .source = "RFC 9051 section 6.4.6, RFC 7162 section 3.1.3",
     .announces = {{"CONDSTORE", IMAP_SAID_AFTER}},
     .job = &imap_job_change, .check = imap_check_store, .run = imap_run_store},
    {.word = "UID STORE", .states = IMAP_SELECTED, .flags = IMAP_KEEPS_NUMBERS | IMAP_WRITES_HERE | IMAP_UID,
     .arguments = "uids [(UNCHANGEDSINCE modseq)] flags", .source = "RFC 9051 section 6.4.9",
     .job = &imap_job_change, .check = imap_check_store, .run = imap_run_store},
    {.word = "COPY", .states = IMAP_SELECTED, .flags = IMAP_WRITES, .arguments = "numbers mailbox",
     .source = "RFC 9051 section 6.4.7",
     .job = &imap_job_change, .check = imap_check_copy, .run = imap_run_copy},
    {.word = "UID COPY", .states = IMAP_SELECTED, .flags = IMAP_WRITES | IMAP_UID, .arguments = "uids mailbox",
     .source = "RFC 9051 section 6.4.9",
     .job = &imap_job_change, .check = imap_check_copy, .run = imap_run_copy},
    {.word = "MOVE", .states = IMAP_SELECTED, .flags = IMAP_WRITES_HERE, .arguments = "numbers mailbox",
     .source = "RFC 9051 section 6.4.8",
     .announces = {{"MOVE", IMAP_SAID_AFTER}},
     .job = &imap_job_change, .check = imap_check_copy, .run = imap_run_move},
    {.word = "UID MOVE", .states = IMAP_SELECTED, .flags = IMAP_WRITES_HERE | IMAP_UID, .arguments = "uids mailbox",
     .source = "RFC 9051 section 6.4.9",
     .job = &imap_job_change, .check = imap_check_copy, .run = imap_run_move},
};
/* clang-format on */

const struct imap_command *imap_command_find(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_equal_nocase(word, str_c(commands[i].word)))
            return &commands[i];
    return NULL;
}

struct str imap_take_command(struct imap_parse *p)
{
    struct str word = imap_take_atom(p);
    if (!str_equal_nocase(word, STR("UID")))
        return word;
    imap_take_sp(p);
    struct str second = imap_take_atom(p);
    if (p->c.failed)
        return STR_NULL;
    return arena_printf(p->arena, "UID %.*s", STR_ARG(second));
}

static void write_announced(struct buf *out, const struct imap_command *c, unsigned when)
{
    for (size_t i = 0; i < ARRAY_LEN(c->announces) && c->announces[i].word; i++) {
        if (!(c->announces[i].when & when))
            continue;
        buf_char(out, ' ');
        buf_c(out, c->announces[i].word);
    }
}

void imap_write_capability(struct buf *out, const struct imap_offer *offer)
{
    unsigned when = IMAP_SAID_ALWAYS;
    if (!offer->login)
        when |= IMAP_SAID_AFTER;
    else
        when |= (offer->starttls ? IMAP_SAID_STARTTLS : 0) |
                (offer->login_ok ? IMAP_SAID_LOGIN_OK : IMAP_SAID_LOGIN_NO);
    buf_c(out, "CAPABILITY");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        write_announced(out, &commands[i], when);
}
