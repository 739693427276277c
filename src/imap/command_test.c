/* imap/command_test.c: the table of commands keeps to its own rules, and the dialogue to the table. */
#include "imap/command.c"
#include "imap/test_session.h"

static void each_row_is_whole(void)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct imap_command *c = &commands[i];
        CHECK_ROW(imap_command_find(str_c(c->word)) == c, c->word); /* once, and found */
        CHECK_ROW(c->source && c->states, c->word);
        CHECK_ROW(!!c->login == !!(c->states & IMAP_BEFORE_LOGIN), c->word);
        CHECK_ROW(!!c->run == !!(c->states & IMAP_AUTH), c->word);
        /* Who has arguments says which, and takes them. */
        CHECK_ROW(!c->run || !!c->check == !!c->arguments, c->word);
        CHECK_ROW(!c->job || c->job->size > 0, c->word);
        CHECK_ROW(!(c->flags & IMAP_WRITES_HERE) || c->states == IMAP_SELECTED, c->word);
        CHECK_ROW(!!(c->flags & IMAP_UID) == str_starts(str_c(c->word), STR("UID ")), c->word);
    }
}

static void each_capability_is_announced_once_and_by_somebody(void)
{
    struct imap_offer offers[] = {
        {0}, {.login = true}, {.login = true, .starttls = true}, {.login = true, .login_ok = true}};
    static const char *const wanted[] = {
        "CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR ENABLE NAMESPACE CHILDREN LIST-EXTENDED "
        "LIST-STATUS "
        "SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE APPENDLIMIT=52428800 IDLE UNSELECT UIDPLUS "
        "ESEARCH "
        "SEARCHRES WITHIN PREVIEW SAVEDATE CONDSTORE MOVE",
        "CAPABILITY IMAP4rev1 LITERAL+ ID LOGINDISABLED SASL-IR ENABLE IDLE",
        "CAPABILITY IMAP4rev1 LITERAL+ ID STARTTLS LOGINDISABLED SASL-IR ENABLE IDLE",
        "CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR AUTH=PLAIN ENABLE IDLE",
    };
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct buf out;
        buf_init(&out, 2000);
        imap_write_capability(&out, &offers[i]);
        CHECK_STR(buf_view(&out), str_c(wanted[i]));
        buf_done(&out);
    }
}

/* Of each command that can be said now: with nothing where something belongs, and with something where
 * nothing does. */
static void wrong_arguments_are_answered_with_the_right_ones(void)
{
    struct test_store store = {0};
    struct test_session one;
    char in[200], want[300];

    test_store_open(&store, 0);
    test_session_open(&one, &store);
    (void)test_say(&one, "s SELECT INBOX\r\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct imap_command *c = &commands[i];
        if (!(c->states & IMAP_SELECTED))
            continue;
        snprintf(in, sizeof(in), "a %s%s\r\nb NOOP\r\n", c->word, c->arguments ? "" : " )(");
        struct str got = test_say(&one, in), line = STR_NULL, rest = STR_NULL;
        CHECK_ROW(str_cut(got, '\r', &line, &rest), c->word);
        snprintf(want, sizeof(want), "a BAD %s: ", c->word);
        CHECK_ROW(str_starts(line, str_c(want)), c->word);
        snprintf(want, sizeof(want), "; it takes %s", c->arguments ? c->arguments : "");
        CHECK_ROW(!c->arguments || str_ends(line, str_c(want)), c->word);
        CHECK_ROW(str_equal(rest, STR("\nb OK Done\r\n")), c->word);
    }
    test_session_close(&one);
    test_store_close(&store);
}

static const char mail_text[] = "Subject: x\r\n\r\nx\r\n";

/* Each is refused for that reason. */
static void check_refused(struct test_session *t, const char *const *said, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char in[200];

        snprintf(in, sizeof(in), "a %s\r\n", said[i]);
        CHECK_ROW(str_starts(test_say(t, in), STR("a NO [")), said[i]);
    }
}

static void what_changes_a_mailbox_is_refused_where_nothing_may_change(void)
{
    static const char *const here[] = {"STORE 1 FLAGS (\\Seen)",
                                       "UID STORE 1 FLAGS (\\Seen)",
                                       "EXPUNGE",
                                       "UID EXPUNGE 1",
                                       "MOVE 1 Sent",
                                       "UID MOVE 1 Sent"};
    static const char *const anywhere[] = {
        "CREATE x",         "DELETE Archive", "RENAME Archive x", "SUBSCRIBE Sent",
        "UNSUBSCRIBE Sent", "COPY 1 Sent",    "UID COPY 1 Sent",  "APPEND Sent {1+}\r\nx"};
    struct imap_session_config config = {
        .user = STR("u"), .actor = STR("session:r"), .read_only = true};
    struct test_store store = {0};
    struct test_session one;

    test_store_open(&store, 0);
    test_deliver(&store, "INBOX", str_c(mail_text));
    test_session_open(&one, &store);
    (void)test_say(&one, "s EXAMINE INBOX\r\n");
    check_refused(&one, here, ARRAY_LEN(here));
    test_session_close(&one);
    buf_init(&one.out, 1 << 20);
    one.session = imap_session_create(store.store, &config, &one.out);
    (void)test_say(&one, "s SELECT INBOX\r\n");
    check_refused(&one, here, ARRAY_LEN(here));
    check_refused(&one, anywhere, ARRAY_LEN(anywhere));
    test_session_close(&one);
    test_store_close(&store);
}

/* RFC 9051 section 7.5.1: no EXPUNGE while FETCH, STORE or SEARCH is answered, whose numbers it would move. */
static void numbers_stay_while_they_are_answered(void)
{
    static const char *const said[] = {"SEARCH ALL", "FETCH 1 UID", "STORE 1 +FLAGS (\\Flagged)"};

    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct test_store store = {0};
        struct test_session one, two;
        char in[100];

        test_store_open(&store, 0);
        test_deliver(&store, "INBOX", str_c(mail_text));
        test_deliver(&store, "INBOX", str_c(mail_text));
        test_session_open(&one, &store);
        test_session_open(&two, &store);
        (void)test_say(&one, "s SELECT INBOX\r\n");
        (void)test_say(&two, "s SELECT INBOX\r\na STORE 2 FLAGS (\\Deleted)\r\nb EXPUNGE\r\n");
        snprintf(in, sizeof(in), "a %s\r\n", said[i]);
        CHECK_ROW(str_find(test_say(&one, in), STR("EXPUNGE")) == SIZE_MAX, said[i]);
        CHECK_ROW(str_find(test_say(&one, "b NOOP\r\n"), STR("* 2 EXPUNGE")) != SIZE_MAX, said[i]);
        test_session_close(&one);
        test_session_close(&two);
        test_store_close(&store);
    }
}

int main(void)
{
    RUN(each_row_is_whole);
    RUN(each_capability_is_announced_once_and_by_somebody);
    RUN(wrong_arguments_are_answered_with_the_right_ones);
    RUN(what_changes_a_mailbox_is_refused_where_nothing_may_change);
    RUN(numbers_stay_while_they_are_answered);
    return test_end();
}
