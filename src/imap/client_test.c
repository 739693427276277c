/* imap/client_test.c: what real clients send, byte for byte where it matters, and what they rely
 * on. Each test is named after its client. */
#include "base/limits.h"
#include "imap/test_session.h"

static struct test_store store;
static struct test_session one, two;

static const char hello[] = "From: Ada <ada@a.test>\r\nSubject: Hello\r\n"
                            "Message-ID: <1@a.test>\r\n\r\nGood morning\r\n";

static void begin(void)
{
    test_store_open(&store, 0);
    test_session_open(&one, &store);
    test_deliver(&store, "INBOX", str_c(hello));
}

static void end(void)
{
    test_session_close(&one);
    test_store_close(&store);
}

static bool has(struct str got, const char *part)
{
    return str_find(got, str_c(part)) != SIZE_MAX;
}

/* iOS 18: two commands in one packet after login, then SELECT with CONDSTORE. */
static void apple_mail_pipelines_after_login(void)
{
    begin();
    struct str got = test_say(&one, "A3 NAMESPACE\r\nA4 LIST \"\" \"*\" RETURN (SPECIAL-USE)\r\n");
    CHECK(str_starts(got, STR("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nA3 OK")));
    CHECK(has(got, "\\Trash") && has(got, "\\Sent") && str_ends(got, STR("A4 OK Done\r\n")));
    got = test_say(&one, "A5 SELECT \"INBOX\" (CONDSTORE)\r\n");
    CHECK(has(got, "* 1 EXISTS\r\n") && has(got, "[HIGHESTMODSEQ ") &&
          has(got, "A5 OK [READ-WRITE]"));
    end();
}

/* iOS: DONE and the next commands in the same packet; answers in the order of the commands. */
static void apple_mail_goes_on_after_done(void)
{
    begin();
    (void)test_say(&one, "A1 SELECT INBOX\r\nA2 IDLE\r\n");
    test_transcript(&one, "C: DONE\n"
                          "C: A3 UID FETCH 1:* (FLAGS)\n"
                          "C: A4 IDLE\n"
                          "S: A2 OK Idle ended\n"
                          "S: * 1 FETCH (UID 1 FLAGS ())\n"
                          "S: A3 OK Fetched\n"
                          "S: + idling until DONE\n"
                          "C: done\n"
                          "S: A4 OK Idle ended\n");
    end();
}

/* iOS: an empty line before a command, and UID MOVE of what another device has moved already. */
static void apple_mail_moves_what_is_gone(void)
{
    begin();
    test_session_open(&two, &store);
    (void)test_say(&one, "A1 SELECT INBOX\r\n");
    (void)test_say(&two, "A1 SELECT INBOX\r\nA2 UID MOVE 1 Trash\r\n");
    test_transcript(&one, "C: \n"
                          "C: B41 UID MOVE 1 \"Trash\"\n"
                          "S: * 1 EXPUNGE\n"
                          "S: B41 OK There was nothing to move\n"
                          "C: B42 UID STORE 1 +FLAGS.SILENT (\\Seen)\n"
                          "S: B42 OK Stored\n");
    test_session_close(&two);
    end();
}

/* iOS: a partial that is larger than the part; the whole answer in one go. */
static void apple_mail_asks_for_more_than_there_is(void)
{
    begin();
    (void)test_say(&one, "A1 SELECT INBOX\r\n");
    test_transcript(&one, "C: A2 UID FETCH 1 (UID BODY.PEEK[1]<0.393216>)\n"
                          "S: * 1 FETCH (UID 1 BODY[1]<0> {14}\n"
                          "S: Good morning\n"
                          "S: )\n"
                          "S: A2 OK Fetched\n"
                          "C: A3 UID FETCH 1 (BODY.PEEK[1]<393216.393216>)\n"
                          "S: * 1 FETCH (UID 1 BODY[1]<393216> {0}\n"
                          "S: )\n"
                          "S: A3 OK Fetched\n");
    end();
}

static void apple_mail_makes_inbox_inside_inbox(void)
{
    begin();
    CHECK(has(test_say(&one, "a CREATE INBOX/INBOX\r\n"), "a NO [CANNOT]"));
    CHECK(has(test_say(&one, "b CREATE inbox\r\n"), "b NO [ALREADYEXISTS]"));
    end();
}

/* Outlook mobile matches by special use in a plain LIST, Outlook 2013 in LSUB. */
static void outlook_looks_for_special_use_everywhere(void)
{
    begin();
    struct str got = test_say(&one, "A1533 LIST \"\" \"*\"\r\n");
    CHECK(has(got, "\\Sent") && has(got, "\\Drafts") && has(got, "\\Junk"));
    got = test_say(&one, "A1534 LSUB \"\" \"*\"\r\n");
    CHECK(has(got, "* LSUB (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\n"));
    end();
}

/* Thunderbird: a separator at the end of the name, then SUBSCRIBE at once. */
static void thunderbird_creates_with_a_separator(void)
{
    begin();
    test_transcript(&one, "C: 3 create \"Entw&APw-rfe/\"\n"
                          "C: 4 subscribe \"Entw&APw-rfe\"\n"
                          "C: 5 LSUB \"\" \"Entw*\"\n"
                          "C: 6 rename \"Entw&APw-rfe\" \"A&-B/C\"\n"
                          "C: 7 LIST \"\" \"A*\"\n"
                          "C: 8 list (subscribed) \"\" \"E*\"\n"
                          "S: 3 OK Created\n"
                          "S: 4 OK Subscribed\n"
                          "S: * LSUB (\\HasNoChildren) \"/\" \"Entw&APw-rfe\"\n"
                          "S: 5 OK Done\n"
                          "S: 6 OK Renamed\n"
                          "S: * LIST (\\HasChildren) \"/\" \"A&-B\"\n"
                          "S: * LIST (\\HasNoChildren) \"/\" \"A&-B/C\"\n"
                          "S: * LIST (\\HasNoChildren \\Archive \\Subscribed) \"/\" \"Archive\"\n"
                          "S: 7 OK Done\n"
                          "S: * LIST (\\NonExistent \\Subscribed) \"/\" \"Entw&APw-rfe\"\n"
                          "S: 8 OK Done\n");
    end();
}

/* Thunderbird: after ENABLE UTF8=ACCEPT names are UTF-8, and & is itself. */
static void thunderbird_writes_names_in_utf8(void)
{
    begin();
    test_transcript(&one, "C: 1 ENABLE UTF8=ACCEPT\n"
                          "C: 2 CREATE \"Gr\xc3\xbc\xc3\x9f"
                          "e & more\"\n"
                          "C: 3 LIST \"\" \"Gr\xc3\xbc*\"\n"
                          "C: 4 APPEND \"Gr\xc3\xbc\xc3\x9f"
                          "e & more\" UTF8 (~{3+}\n"
                          "C: a\n"
                          "C: )\n"
                          "S: * ENABLED UTF8=ACCEPT\n"
                          "S: 1 OK Done\n"
                          "S: 2 OK Created\n"
                          "S: * LIST (\\HasNoChildren) \"/\" \"Gr\xc3\xbc\xc3\x9f"
                          "e & more\"\n"
                          "S: 3 OK Done\n"
                          "S: 4 OK [APPENDUID # 1] Appended\n");
    end();
}

/* Thunderbird for Android: EXAMINE after SELECT, `*:*`, groups of header fields. */
static void k9_examines_and_searches_the_last(void)
{
    begin();
    (void)test_say(&one, "1 SELECT INBOX\r\n");
    CHECK(has(test_say(&one, "2 EXAMINE \"INBOX\"\r\n"), "2 OK [READ-ONLY]"));
    test_transcript(&one, "C: 3 UID SEARCH *:*\n"
                          "S: * SEARCH 1\n"
                          "S: 3 OK Searched\n"
                          "C: 4 UID SEARCH 1:500 SINCE 01-Jan-2020\n"
                          "S: * SEARCH 1\n"
                          "S: 4 OK Searched\n"
                          "C: 5 UID FETCH 1 (UID FLAGS BODY.PEEK[HEADER.FIELDS (date subject "
                          "from message-id)])\n"
                          "S: * 1 FETCH (UID 1 FLAGS () BODY[HEADER.FIELDS (date subject from "
                          "message-id)] {66}\n"
                          "S: From: Ada <ada@a.test>\n"
                          "S: Subject: Hello\n"
                          "S: Message-ID: <1@a.test>\n"
                          "S: \n"
                          "S: )\n"
                          "S: 5 OK Fetched\n");
    end();
}

/* FairEmail: nested OR; the message that was just appended is found by its Message-ID; SEEN without
 * backslash. */
static void fairemail_looks_for_what_it_appended(void)
{
    begin();
    (void)test_say(&one, "1 SELECT Sent\r\n");
    test_transcript(&one, "C: 2 APPEND Sent (SEEN) {28+}\n"
                          "C: Message-ID: <f@a>\n"
                          "C: \n"
                          "C: hello\n"
                          "C: \n"
                          "S: * 1 EXISTS\n"
                          "S: 2 OK [APPENDUID # 1] Appended\n"
                          "C: 3 UID SEARCH HEADER Message-ID <f@a>\n"
                          "S: * SEARCH 1\n"
                          "S: 3 OK Searched\n"
                          "C: 4 SEARCH OR SINCE 1-Jan-2020 OR BEFORE 1-Jan-1971 OR UNSEEN FLAGGED\n"
                          "S: * SEARCH 1\n"
                          "S: 4 OK Searched\n");
    end();
}

static void evolution_enables_several_at_once(void)
{
    begin();
    test_transcript(&one, "C: a ENABLE CONDSTORE QRESYNC\n"
                          "S: * ENABLED CONDSTORE\n"
                          "S: a OK Done\n");
    end();
}

/* warmbly/warmbly#405: MODSEQ before CONDSTORE is enabled enables it. */
static void go_imap_fetches_modseq_unasked(void)
{
    begin();
    (void)test_say(&one, "a SELECT INBOX\r\n");
    test_transcript(&one, "C: b FETCH 1 (MODSEQ)\n"
                          "S: * 1 FETCH (MODSEQ (#))\n"
                          "S: b OK Fetched\n");
    end();
}

/* What any client may meet: each permanent refusal has a code that a program understands. */
static const struct refusal_case {
    const char *input, *answer;
} refusals[] = {
    {"a SELECT Nowhere\r\n", "a NO [NONEXISTENT]"},
    {"a CREATE Sent\r\n", "a NO [ALREADYEXISTS]"},
    {"a CREATE \"a*b\"\r\n", "a NO [CANNOT]"},
    {"a CREATE Mine (USE (\\Sent))\r\n", "a NO [USEATTR]"},
    {"a CREATE Mine (USE (\\Important))\r\n", "a NO [USEATTR]"},
    {"a DELETE INBOX\r\n", "a NO [CANNOT]"},
    {"a DELETE Nowhere\r\n", "a NO [NONEXISTENT]"},
    {"a CREATE x/y\r\na DELETE x\r\n", "a NO [HASCHILDREN]"},
    {"a RENAME Nowhere b\r\n", "a NO [NONEXISTENT]"},
    {"a RENAME Sent Trash\r\n", "a NO [ALREADYEXISTS]"},
    {"a STATUS Nowhere (MESSAGES)\r\n", "a NO [NONEXISTENT]"},
    {"a APPEND Sent {0+}\r\n\r\n", "a NO [CANNOT]"},
    {"a APPEND Sent (\\Bogus) {1+}\r\nx\r\n", "a BAD"},
    {"a LOGIN a b\r\n", "a BAD"},
    {"a FETCH 1 FLAGS\r\n", "a BAD"},
    {"a CREATE \"&AGE-\"\r\n", "a BAD"},
    {"a BOGUS\r\n", "a BAD"},
    {"a\r\n", "a BAD"},
    {"a NOOP x\r\n", "a BAD"},
    {"*\r\n", "* BAD"},
};

static void refusals_have_codes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        begin();
        struct str got = test_say(&one, refusals[i].input);
        if (!CHECK_ROW(has(got, refusals[i].answer), refusals[i].input))
            fprintf(stderr, "  got %.*s\n", STR_ARG(got));
        end();
    }
}

static void the_quota_is_told_before_the_literal_is_sent(void)
{
    test_store_open(&store, 100);
    test_session_open(&one, &store);
    test_transcript(&one, "C: a APPEND Sent {200}\n"
                          "S: a NO [OVERQUOTA] the account is full: 0 of 0 KiB are used; delete "
                          "something first\n");
    end();
}

static void a_password_that_may_only_read_changes_nothing(void)
{
    struct imap_session_config config = {
        .user = STR("u"), .actor = STR("session:r"), .read_only = true};
    begin();
    buf_init(&two.out, 1 << 20);
    two.session = imap_session_create(store.store, &config, &two.out);
    CHECK(has(test_say(&two, "a SELECT INBOX\r\n"), "a OK [READ-ONLY]"));
    CHECK(has(test_say(&two, "b STORE 1 +FLAGS \\Seen\r\n"), "b NO [NOPERM]"));
    CHECK(has(test_say(&two, "c CREATE x\r\n"), "c NO [NOPERM]"));
    CHECK(has(test_say(&two, "d APPEND INBOX {1}\r\n"), "d NO [NOPERM]"));
    CHECK(has(test_say(&two, "e FETCH 1 BODY[TEXT]\r\n"), "Good morning"));
    CHECK(has(test_say(&two, "f FETCH 1 FLAGS\r\n"), "FLAGS ())"));
    CHECK(has(test_say(&two, "g CLOSE\r\n"), "g OK"));
    test_session_close(&two);
    end();
}

static void twenty_commands_without_sense_are_the_last(void)
{
    begin();
    for (int i = 0; i + 1 < LIMIT_IMAP_BAD_COMMANDS; i++)
        (void)test_say(&one, "a BOGUS\r\n");
    CHECK(!imap_session_done(one.session));
    CHECK(has(test_say(&one, "a NOOP\r\n"), "a OK"));
    for (int i = 0; i < LIMIT_IMAP_BAD_COMMANDS; i++)
        (void)test_say(&one, "a BOGUS\r\n");
    CHECK(imap_session_done(one.session));
    CHECK(has(buf_view(&one.out), "* BYE Too many commands"));
    end();
}

static void a_command_without_end_is_refused_and_skipped(void)
{
    struct buf in;
    begin();
    buf_init(&in, 4 << 20);
    buf_c(&in, "a FETCH ");
    for (int i = 0; i < 100000; i++)
        buf_c(&in, "1,");
    buf_c(&in, "1 FLAGS\r\nb NOOP\r\n");
    CHECK_STR(test_say_str(&one, buf_view(&in)),
              STR("a BAD [LIMIT] The command is too long; split it\r\nb OK Done\r\n"));
    buf_reset(&in);
    for (int i = 0; i < LIMIT_IMAP_LITERALS + 1; i++)
        buf_c(&in, i == 0 ? "c ID (\"a\" {1+}\r\nx" : " \"a\" {1+}\r\nx");
    buf_c(&in, ")\r\nd NOOP\r\n");
    struct str got = test_say_str(&one, buf_view(&in));
    CHECK(str_starts(got, STR("c BAD [LIMIT]")) && str_ends(got, STR("d OK Done\r\n")));
    buf_done(&in);
    end();
}

int main(void)
{
    RUN(apple_mail_pipelines_after_login);
    RUN(apple_mail_goes_on_after_done);
    RUN(apple_mail_moves_what_is_gone);
    RUN(apple_mail_asks_for_more_than_there_is);
    RUN(apple_mail_makes_inbox_inside_inbox);
    RUN(outlook_looks_for_special_use_everywhere);
    RUN(thunderbird_creates_with_a_separator);
    RUN(thunderbird_writes_names_in_utf8);
    RUN(k9_examines_and_searches_the_last);
    RUN(fairemail_looks_for_what_it_appended);
    RUN(evolution_enables_several_at_once);
    RUN(go_imap_fetches_modseq_unasked);
    RUN(refusals_have_codes);
    RUN(the_quota_is_told_before_the_literal_is_sent);
    RUN(a_password_that_may_only_read_changes_nothing);
    RUN(twenty_commands_without_sense_are_the_last);
    RUN(a_command_without_end_is_refused_and_skipped);
    return test_end();
}
