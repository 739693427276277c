/* imap/session_test.c: whole sessions, lines in and lines out, over a real store. */
#include "imap/session.c"
#include "imap/test_session.h"

static const char hello[] = "From: Ada <ada@a.test>\r\n"
                            "To: bob@b.test\r\n"
                            "Subject: Hello\r\n"
                            "Date: Tue, 24 Nov 2026 13:17:26 +0000\r\n"
                            "Message-ID: <1@a.test>\r\n"
                            "\r\n"
                            "Good morning\r\n";

static const char nested[] = "From: a@a.test\r\n"
                             "Subject: Parts\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: multipart/mixed; boundary=x\r\n"
                             "\r\n"
                             "--x\r\n"
                             "Content-Type: text/plain\r\n"
                             "\r\n"
                             "first\r\n"
                             "--x\r\n"
                             "Content-Type: message/rfc822\r\n"
                             "\r\n"
                             "Subject: Inner\r\n"
                             "Content-Type: text/html\r\n"
                             "\r\n"
                             "<p>inner\r\n"
                             "--x--\r\n";

static struct test_store store;
static struct test_session one, two, three;

static void begin(void)
{
    test_store_open(&store, 0);
    test_session_open(&one, &store);
}

static void end(void)
{
    test_session_close(&one);
    test_store_close(&store);
}

static void a_new_account_lists_its_mailboxes(void)
{
    begin();
    test_transcript(&one, "C: a LIST \"\" \"*\"\n"
                          "S: * LIST (\\HasNoChildren \\Archive \\Subscribed) \"/\" \"Archive\"\n"
                          "S: * LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" \"Drafts\"\n"
                          "S: * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n"
                          "S: * LIST (\\HasNoChildren \\Junk \\Subscribed) \"/\" \"Junk\"\n"
                          "S: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" \"Sent\"\n"
                          "S: * LIST (\\HasNoChildren \\Trash \\Subscribed) \"/\" \"Trash\"\n"
                          "S: a OK Done\n"
                          "C: b LIST \"\" \"\"\n"
                          "S: * LIST (\\Noselect) \"/\" \"\"\n"
                          "S: b OK Done\n"
                          "C: c LIST (SPECIAL-USE) \"\" \"%\" RETURN (STATUS (MESSAGES))\n"
                          "S: * LIST (\\HasNoChildren \\Archive \\Subscribed) \"/\" \"Archive\"\n"
                          "S: * STATUS \"Archive\" (MESSAGES 0)\n"
                          "S: * LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" \"Drafts\"\n"
                          "S: * STATUS \"Drafts\" (MESSAGES 0)\n"
                          "S: * LIST (\\HasNoChildren \\Junk \\Subscribed) \"/\" \"Junk\"\n"
                          "S: * STATUS \"Junk\" (MESSAGES 0)\n"
                          "S: * LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" \"Sent\"\n"
                          "S: * STATUS \"Sent\" (MESSAGES 0)\n"
                          "S: * LIST (\\HasNoChildren \\Trash \\Subscribed) \"/\" \"Trash\"\n"
                          "S: * STATUS \"Trash\" (MESSAGES 0)\n"
                          "S: c OK Done\n");
    end();
}

static void a_delivered_message_is_read(void)
{
    begin();
    test_deliver(&store, "INBOX", STR("Subject: x\r\n\r\nbody\r\n"));
    test_deliver(&store, "INBOX", str_c(hello));
    test_transcript(
        &one,
        "C: a SELECT inbox\n"
        "S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\n"
        "S: * 2 EXISTS\n"
        "S: * 0 RECENT\n"
        "S: * OK [UNSEEN 1] The first unseen message\n"
        "S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags that "
        "stay\n"
        "S: * OK [UIDVALIDITY #] UIDs are valid\n"
        "S: * OK [UIDNEXT 3] The next UID\n"
        "S: * OK [HIGHESTMODSEQ #] The highest\n"
        "S: a OK [READ-WRITE] Selected\n"
        "C: b FETCH 2 (FLAGS UID RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE)\n"
        "S: * 2 FETCH (FLAGS () UID 2 RFC822.SIZE 135 INTERNALDATE \"24-Nov-2026 13:17:26 +0000\" "
        "ENVELOPE (\"Tue, 24 Nov 2026 13:17:26 +0000\" \"Hello\" ((\"Ada\" NIL \"ada\" "
        "\"a.test\")) ((\"Ada\" NIL \"ada\" \"a.test\")) ((\"Ada\" NIL \"ada\" \"a.test\")) ((NIL "
        "NIL \"bob\" \"b.test\")) NIL NIL NIL \"<1@a.test>\") BODYSTRUCTURE (\"TEXT\" \"PLAIN\" "
        "NIL NIL NIL \"7BIT\" 14 1 NIL NIL NIL NIL))\n"
        "S: b OK Fetched\n"
        "C: c UID FETCH 2 BODY[HEADER.FIELDS (Subject From)]\n"
        "S: * 2 FETCH (UID 2 BODY[HEADER.FIELDS (Subject From)] {42}\n"
        "S: From: Ada <ada@a.test>\n"
        "S: Subject: Hello\n"
        "S: \n"
        "S:  FLAGS (\\Seen))\n"
        "S: c OK Fetched\n"
        "C: d FETCH 2 (BODY.PEEK[]<0.4> RFC822.TEXT)\n"
        "S: * 2 FETCH (BODY[]<0> {4}\n"
        "S: From RFC822.TEXT {14}\n"
        "S: Good morning\n"
        "S: )\n"
        "S: d OK Fetched\n"
        "C: e FETCH 1:* (FLAGS BODY[3])\n"
        "S: * 1 FETCH (FLAGS (\\Seen) BODY[3] NIL)\n"
        "S: * 2 FETCH (FLAGS (\\Seen) BODY[3] NIL)\n"
        "S: e OK Fetched\n"
        "C: f UID FETCH 77 FLAGS\n"
        "S: f OK Fetched\n"
        "C: g UID FETCH 77:* FLAGS\n"
        "S: * 2 FETCH (UID 2 FLAGS (\\Seen))\n"
        "S: g OK Fetched\n"
        "C: h FETCH 3 FLAGS\n"
        "S: h BAD There are only 2 messages\n");
    end();
}

static void parts_are_named_by_their_numbers(void)
{
    begin();
    test_deliver(&store, "INBOX", str_c(nested));
    (void)test_say(&one, "a EXAMINE INBOX\r\n");
    test_transcript(&one,
                    "C: b FETCH 1 (BODY[1] BODY[1.MIME] BODY[2.HEADER] BODY[2.TEXT])\n"
                    "S: * 1 FETCH (BODY[1] {5}\n"
                    "S: first BODY[1.MIME] {28}\n"
                    "S: Content-Type: text/plain\n"
                    "S: \n"
                    "S:  BODY[2.HEADER] {43}\n"
                    "S: Subject: Inner\n"
                    "S: Content-Type: text/html\n"
                    "S: \n"
                    "S:  BODY[2.TEXT] {8}\n"
                    "S: <p>inner)\n"
                    "S: b OK Fetched\n"
                    "C: c FETCH 1 (BODY[2.1] BODY[2.1.MIME] BODY[1.1] BODY[2.2] BODY[1.TEXT])\n"
                    "S: * 1 FETCH (BODY[2.1] {8}\n"
                    "S: <p>inner BODY[2.1.MIME] {43}\n"
                    "S: Subject: Inner\n"
                    "S: Content-Type: text/html\n"
                    "S: \n"
                    "S:  BODY[1.1] NIL BODY[2.2] NIL BODY[1.TEXT] NIL)\n"
                    "S: c OK Fetched\n"
                    "C: d STORE 1 +FLAGS (\\Seen)\n"
                    "S: d NO [READ-ONLY] The mailbox was opened with EXAMINE; use SELECT to "
                    "change it\n");
    end();
}

static void messages_are_changed_copied_and_moved(void)
{
    begin();
    for (int i = 0; i < 3; i++)
        test_deliver(&store, "INBOX", str_c(hello));
    (void)test_say(&one, "a SELECT INBOX\r\n");
    test_transcript(&one, "C: a STORE 1 +FLAGS (\\Deleted $Work)\n"
                          "S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\n"
                          "S: * 1 FETCH (FLAGS (\\Deleted $Work))\n"
                          "S: a OK Stored\n"
                          "C: b UID STORE 2,9 FLAGS.SILENT \\Seen\n"
                          "S: b OK Stored\n"
                          "C: c UID COPY 1:2 Archive\n"
                          "S: c OK [COPYUID # 1:2 1:2] Copied\n"
                          "C: d EXPUNGE\n"
                          "S: * 1 EXPUNGE\n"
                          "S: d OK Expunged\n"
                          "C: e UID MOVE 3,8 Trash\n"
                          "S: * OK [COPYUID # 3 1] Moved\n"
                          "S: * 2 EXPUNGE\n"
                          "S: e OK Moved\n"
                          "C: f UID MOVE 3 Trash\n"
                          "S: f OK There was nothing to move\n"
                          "C: g COPY 1 Nowhere\n"
                          "S: g NO [TRYCREATE] there is no mailbox \"Nowhere\"\n"
                          "C: h STATUS Archive (MESSAGES UNSEEN DELETED UIDNEXT SIZE)\n"
                          "S: * STATUS \"Archive\" (MESSAGES 2 UIDNEXT 3 UNSEEN 1 DELETED 1 SIZE "
                          "270)\n"
                          "S: h OK Done\n"
                          "C: i CLOSE\n"
                          "S: i OK Closed\n"
                          "C: j FETCH 1 FLAGS\n"
                          "S: j BAD Select a mailbox first\n");
    end();
}

static void append_takes_flags_date_and_both_literals(void)
{
    begin();
    test_transcript(&one, "C: a APPEND Drafts (\\Draft SEEN) \" 4-Jul-2026 02:44:25 -0700\" {4}\n"
                          "S: + Ready for literal data\n"
                          "C: abcd\n"
                          "S: a OK [APPENDUID # 1] Appended\n"
                          "C: b APPEND \"Drafts\" {4+}\n"
                          "C: efgh\n"
                          "S: b OK [APPENDUID # 2] Appended\n"
                          "C: c APPEND Nope {4}\n"
                          "S: c NO [TRYCREATE] there is no mailbox \"Nope\"\n"
                          "C: d APPEND Nope {4+}\n"
                          "C: efgh\n"
                          "C: e APPEND Drafts {60000000}\n"
                          "S: d NO [TRYCREATE] there is no mailbox \"Nope\"\n"
                          "S: e NO [LIMIT] a message has at most 50 MiB\n");
    (void)test_say(&one, "a SELECT Drafts\r\n");
    test_transcript(&one, "C: f FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])\n"
                          "S: * 1 FETCH (FLAGS (\\Draft SEEN) INTERNALDATE \"04-Jul-2026 09:44:25 "
                          "+0000\" BODY[] {4}\n"
                          "S: abcd)\n"
                          "S: f OK Fetched\n");
    end();
}

/* Gives a session the news, as its process does. */
static bool changed(struct test_session *t)
{
    struct store_news news;
    bool yes = store_news_take(store.store, &news) && imap_session_changed(t->session, &news);
    while (imap_session_busy(t->session))
        (void)imap_session_input(t->session, STR_NULL, clock_boot_us() + 1000000);
    return yes;
}

static int count_statement(unsigned what, void *arg, void *p, void *x)
{
    (void)what, (void)p, (void)x;
    ++*(unsigned *)arg;
    return 0;
}

/* What IDLE costs is counted in statements: none, where nothing happened in its mailbox. */
static void idle_does_nothing_when_another_mailbox_changed(void)
{
    unsigned statements = 0;
    begin();
    test_deliver(&store, "INBOX", str_c(hello));
    (void)test_say(&one, "a SELECT INBOX\r\nb IDLE\r\n");
    test_session_open(&two, &store); /* idles in no mailbox at all */
    (void)test_say(&two, "a IDLE\r\n");
    (void)changed(&one);
    test_session_open(&three, &store);
    (void)test_say(&three, "a SELECT Archive\r\n");

    for (int i = 0; i < 3; i++) { /* a delivery, flags, an expunge elsewhere */
        if (i == 0)
            test_deliver(&store, "Archive", str_c(hello));
        else if (i == 1)
            (void)test_say(&three, "b STORE 1 +FLAGS (\\Deleted)\r\n");
        else
            (void)test_say(&three, "c EXPUNGE\r\nd CREATE x\r\ne RENAME x y\r\nf SUBSCRIBE y\r\n");
        struct store_news news;
        CHECK(store_news_take(store.store, &news));
        buf_reset(&one.out);
        sqlite3_trace_v2(db_sqlite(store_db(store.store)), SQLITE_TRACE_STMT, count_statement,
                         &statements);
        CHECK(!imap_session_changed(one.session, &news));
        CHECK(!imap_session_changed(two.session, &news));
        CHECK(!imap_session_busy(one.session) && !imap_session_busy(two.session));
        CHECK_U64(statements, 0);
        CHECK_U64(one.out.n, 0);
        sqlite3_trace_v2(db_sqlite(store_db(store.store)), 0, NULL, NULL);
    }
    /* And something when it is its own, or may be. */
    static const char *const commands[] = {"g SELECT INBOX\r\nh STORE 1 +FLAGS (\\Flagged)\r\n",
                                           "i STORE 1 +FLAGS (\\Deleted)\r\nj EXPUNGE\r\n"};
    static const char *const told[] = {"* 1 FETCH (FLAGS (\\Flagged))\r\n", "* 1 EXPUNGE\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        (void)test_say(&three, commands[i]);
        buf_reset(&one.out);
        CHECK(changed(&one));
        CHECK_STR(buf_view(&one.out), str_c(told[i]));
    }
    struct store_news anything = {.overflow = true};
    CHECK(imap_session_changed(one.session, &anything));
    CHECK(!imap_session_changed(two.session, &anything));
    test_session_close(&two);
    test_session_close(&three);
    end();
}

static void idle_tells_and_commands_after_done_are_taken(void)
{
    begin();
    (void)test_say(&one, "a SELECT INBOX\r\n");
    test_transcript(&one, "C: b IDLE\n"
                          "S: + idling until DONE\n");
    test_deliver(&store, "INBOX", str_c(hello));
    buf_reset(&one.out);
    CHECK(changed(&one));
    CHECK_STR(buf_view(&one.out), STR("* 1 EXISTS\r\n"));
    test_transcript(&one, "C: DONE\n"
                          "C: c NOOP\n"
                          "C: \n"
                          "C: d UID FETCH 1:* FLAGS\n"
                          "S: b OK Idle ended\n"
                          "S: c OK Done\n"
                          "S: * 1 FETCH (UID 1 FLAGS ())\n"
                          "S: d OK Fetched\n"
                          "C: e LOGOUT\n"
                          "S: * BYE Goodbye\n"
                          "S: e OK Logged out\n");
    CHECK(imap_session_done(one.session));
    end();
}

static void another_session_is_told_but_never_inside_fetch(void)
{
    begin();
    for (int i = 0; i < 3; i++)
        test_deliver(&store, "INBOX", str_c(hello));
    test_session_open(&two, &store);
    (void)test_say(&one, "a SELECT INBOX\r\n");
    (void)test_say(&two, "a SELECT INBOX\r\n");
    (void)test_say(&one, "a STORE 2 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
    (void)test_say(&one, "c STORE 2 +FLAGS.SILENT (\\Flagged)\r\n");
    test_deliver(&store, "INBOX", str_c(hello));
    test_transcript(&two, "C: b FETCH 2 (UID FLAGS)\n"
                          "S: * 4 EXISTS\n"
                          "S: * 3 FETCH (FLAGS (\\Flagged))\n"
                          "S: * 2 FETCH (UID 2 FLAGS (\\Deleted))\n"
                          "S: b OK Fetched\n"
                          "C: c NOOP\n"
                          "S: * 2 EXPUNGE\n"
                          "S: c OK Done\n"
                          "C: d FETCH 2:3 UID\n"
                          "S: * 2 FETCH (UID 3)\n"
                          "S: * 3 FETCH (UID 4)\n"
                          "S: d OK Fetched\n");
    test_session_close(&two);
    end();
}

static void a_mailbox_that_is_deleted_under_a_session_empties(void)
{
    begin();
    test_session_open(&two, &store);
    (void)test_say(&one, "a CREATE Work\r\nb SELECT Work\r\n");
    test_deliver(&store, "Work", str_c(hello));
    test_deliver(&store, "Work", str_c(hello));
    (void)test_say(&one, "c NOOP\r\n");
    CHECK(str_ends(test_say(&two, "a DELETE Work\r\n"), STR("a OK Deleted\r\n")));
    test_transcript(&one, "C: d FETCH 1 RFC822.SIZE\n"
                          "S: * 1 FETCH (RFC822.SIZE 135)\n"
                          "S: d OK Fetched\n"
                          "C: e NOOP\n"
                          "S: * 2 EXPUNGE\n"
                          "S: * 1 EXPUNGE\n"
                          "S: e OK Done\n"
                          "C: f FETCH 1:* FLAGS\n"
                          "S: f OK Fetched\n"
                          "C: g APPEND Work {1+}\n"
                          "C: x\n"
                          "S: g NO [TRYCREATE] there is no mailbox \"Work\"\n"
                          "C: h CLOSE\n"
                          "S: h OK Closed\n");
    test_session_close(&two);
    end();
}

int main(void)
{
    RUN(a_new_account_lists_its_mailboxes);
    RUN(a_delivered_message_is_read);
    RUN(parts_are_named_by_their_numbers);
    RUN(messages_are_changed_copied_and_moved);
    RUN(append_takes_flags_date_and_both_literals);
    RUN(idle_does_nothing_when_another_mailbox_changed);
    RUN(idle_tells_and_commands_after_done_are_taken);
    RUN(another_session_is_told_but_never_inside_fetch);
    RUN(a_mailbox_that_is_deleted_under_a_session_empties);
    return test_end();
}
