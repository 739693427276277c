/* imap/command.c: the table of commands and the table of capabilities. */
#include "imap/session_int.h"

static const struct imap_command commands[] = {
    {"CAPABILITY", IMAP_ANY, IMAP_NO_SYNC, "", "RFC 9051 section 6.1.1", imap_login_capability,
     imap_check_plain, imap_run_capability},
    {"NOOP", IMAP_ANY, 0, "", "RFC 9051 section 6.1.2", imap_login_noop, imap_check_plain,
     imap_run_noop},
    {"LOGOUT", IMAP_ANY, IMAP_NO_SYNC, "", "RFC 9051 section 6.1.3", imap_login_logout,
     imap_check_plain, imap_run_logout},
    {"ID", IMAP_ANY, IMAP_NO_SYNC, "NIL or (field value ...)", "RFC 2971 section 3.1",
     imap_login_id, imap_check_id, imap_run_id},
    {"STARTTLS", IMAP_BEFORE_LOGIN, 0, "", "RFC 9051 section 6.2.1", imap_login_starttls, NULL,
     NULL},
    {"LOGIN", IMAP_BEFORE_LOGIN, 0, "user password", "RFC 9051 section 6.2.3", imap_login_login,
     NULL, NULL},
    {"AUTHENTICATE", IMAP_BEFORE_LOGIN, 0, "mechanism [initial-response]",
     "RFC 9051 section 6.2.2, RFC 4959", imap_login_authenticate, NULL, NULL},

    {"ENABLE", IMAP_AUTH, IMAP_NO_SYNC, "capability ...", "RFC 9051 section 6.3.1", NULL,
     imap_check_enable, imap_run_enable},
    {"NAMESPACE", IMAP_AUTH, IMAP_NO_SYNC, "", "RFC 9051 section 6.3.10", NULL, imap_check_plain,
     imap_run_namespace},
    {"LIST", IMAP_AUTH, IMAP_NO_SYNC, "[(options)] reference patterns [RETURN (options)]",
     "RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154", NULL, imap_check_list, imap_run_list},
    {"LSUB", IMAP_AUTH, IMAP_NO_SYNC, "reference pattern", "RFC 3501 section 6.3.9", NULL,
     imap_check_lsub, imap_run_list},
    {"CREATE", IMAP_AUTH, IMAP_WRITES, "mailbox [(USE (role))]",
     "RFC 9051 section 6.3.4, RFC 6154 section 3", NULL, imap_check_create, imap_run_create},
    {"DELETE", IMAP_AUTH, IMAP_WRITES, "mailbox", "RFC 9051 section 6.3.5", NULL,
     imap_check_mailbox, imap_run_delete},
    {"RENAME", IMAP_AUTH, IMAP_WRITES, "mailbox mailbox", "RFC 9051 section 6.3.6", NULL,
     imap_check_rename, imap_run_rename},
    {"SUBSCRIBE", IMAP_AUTH, IMAP_WRITES, "mailbox", "RFC 9051 section 6.3.7", NULL,
     imap_check_mailbox, imap_run_subscribe},
    {"UNSUBSCRIBE", IMAP_AUTH, IMAP_WRITES, "mailbox", "RFC 9051 section 6.3.8", NULL,
     imap_check_mailbox, imap_run_unsubscribe},
    {"SELECT", IMAP_AUTH, IMAP_NO_SYNC, "mailbox [(CONDSTORE)]",
     "RFC 9051 section 6.3.2, RFC 7162 section 3.1.8", NULL, imap_check_select, imap_run_select},
    {"EXAMINE", IMAP_AUTH, IMAP_NO_SYNC, "mailbox [(CONDSTORE)]", "RFC 9051 section 6.3.3", NULL,
     imap_check_select, imap_run_select},
    {"STATUS", IMAP_AUTH, 0, "mailbox (items)", "RFC 9051 section 6.3.11", NULL, imap_check_status,
     imap_run_status},
    {"APPEND", IMAP_AUTH, IMAP_WRITES, "mailbox [(flags)] [date-time] literal",
     "RFC 9051 section 6.3.12", NULL, imap_check_append, imap_run_append},
    {"IDLE", IMAP_AUTH, 0, "", "RFC 9051 section 6.3.13", NULL, imap_check_plain, imap_run_idle},

    {"CHECK", IMAP_SELECTED, 0, "", "RFC 3501 section 6.4.1", NULL, imap_check_plain,
     imap_run_noop},
    {"CLOSE", IMAP_SELECTED, IMAP_NO_SYNC, "", "RFC 9051 section 6.4.1", NULL, imap_check_plain,
     imap_run_close},
    {"UNSELECT", IMAP_SELECTED, IMAP_NO_SYNC, "", "RFC 9051 section 6.4.2", NULL, imap_check_plain,
     imap_run_unselect},
    {"EXPUNGE", IMAP_SELECTED, IMAP_WRITES, "", "RFC 9051 section 6.4.3", NULL, imap_check_plain,
     imap_run_expunge},
    {"UID EXPUNGE", IMAP_SELECTED, IMAP_WRITES | IMAP_UID, "uids", "RFC 9051 section 6.4.9", NULL,
     imap_check_uid_expunge, imap_run_expunge},
    {"SEARCH", IMAP_SELECTED, IMAP_KEEPS_NUMBERS, "[RETURN (options)] [CHARSET name] keys",
     "RFC 9051 section 6.4.4", NULL, imap_check_search, imap_run_search},
    {"UID SEARCH", IMAP_SELECTED, IMAP_KEEPS_NUMBERS | IMAP_UID,
     "[RETURN (options)] [CHARSET name] keys", "RFC 9051 section 6.4.9", NULL, imap_check_search,
     imap_run_search},
    {"FETCH", IMAP_SELECTED, IMAP_KEEPS_NUMBERS, "numbers items [(CHANGEDSINCE modseq)]",
     "RFC 9051 section 6.4.5, RFC 7162 section 3.1.4", NULL, imap_check_fetch, imap_run_fetch},
    {"UID FETCH", IMAP_SELECTED, IMAP_KEEPS_NUMBERS | IMAP_UID,
     "uids items [(CHANGEDSINCE modseq)]", "RFC 9051 section 6.4.9", NULL, imap_check_fetch,
     imap_run_fetch},
    {"STORE", IMAP_SELECTED, IMAP_KEEPS_NUMBERS | IMAP_WRITES,
     "numbers [(UNCHANGEDSINCE modseq)] flags", "RFC 9051 section 6.4.6, RFC 7162 section 3.1.3",
     NULL, imap_check_store, imap_run_store},
    {"UID STORE", IMAP_SELECTED, IMAP_KEEPS_NUMBERS | IMAP_WRITES | IMAP_UID,
     "uids [(UNCHANGEDSINCE modseq)] flags", "RFC 9051 section 6.4.9", NULL, imap_check_store,
     imap_run_store},
    {"COPY", IMAP_SELECTED, IMAP_WRITES, "numbers mailbox", "RFC 9051 section 6.4.7", NULL,
     imap_check_copy, imap_run_copy},
    {"UID COPY", IMAP_SELECTED, IMAP_WRITES | IMAP_UID, "uids mailbox", "RFC 9051 section 6.4.9",
     NULL, imap_check_copy, imap_run_copy},
    {"MOVE", IMAP_SELECTED, IMAP_WRITES, "numbers mailbox", "RFC 9051 section 6.4.8", NULL,
     imap_check_copy, imap_run_move},
    {"UID MOVE", IMAP_SELECTED, IMAP_WRITES | IMAP_UID, "uids mailbox", "RFC 9051 section 6.4.9",
     NULL, imap_check_copy, imap_run_move},
};

const struct imap_command *imap_command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

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

/* When a capability is announced. */
#define ALWAYS 1u
#define AFTER 2u     /* login */
#define PLAIN 4u     /* before login, while STARTTLS is offered */
#define LOGIN_OK 8u  /* before login, when credentials are taken */
#define LOGIN_NO 16u /* before login, when they are not */

/* UTF8=ACCEPT (RFC 6855) works when it is enabled and is not announced: iOS has shown an empty
 * inbox where it was together with others, and no device has been tried yet. */
static const struct capability {
    const char *word;
    unsigned when;
} capabilities[] = {
    {"IMAP4rev1", ALWAYS},    {"LITERAL+", ALWAYS},
    {"ID", ALWAYS},           {"ENABLE", ALWAYS},
    {"SASL-IR", ALWAYS},      {"IDLE", ALWAYS},
    {"STARTTLS", PLAIN},      {"LOGINDISABLED", LOGIN_NO},
    {"AUTH=PLAIN", LOGIN_OK}, {"NAMESPACE", AFTER},
    {"CHILDREN", AFTER},      {"UNSELECT", AFTER},
    {"UIDPLUS", AFTER},       {"MOVE", AFTER},
    {"LIST-EXTENDED", AFTER}, {"LIST-STATUS", AFTER},
    {"SPECIAL-USE", AFTER},   {"CREATE-SPECIAL-USE", AFTER},
    {"STATUS=SIZE", AFTER},   {"ESEARCH", AFTER},
    {"SEARCHRES", AFTER},     {"CONDSTORE", AFTER},
    {"WITHIN", AFTER},        {"PREVIEW", AFTER},
    {"SAVEDATE", AFTER},      {"APPENDLIMIT=52428800", AFTER},
};

void imap_write_capability(struct buf *out, const struct imap_offer *offer)
{
    unsigned when = ALWAYS;
    if (!offer->login)
        when |= AFTER;
    else
        when |= (offer->starttls ? PLAIN : 0) | (offer->login_ok ? LOGIN_OK : LOGIN_NO);
    buf_c(out, "CAPABILITY");
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
        if (!(capabilities[i].when & when))
            continue;
        buf_char(out, ' ');
        buf_c(out, capabilities[i].word);
    }
}
