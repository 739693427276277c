/* imap/search_test.c: what SEARCH finds, and the commands that depend on the account's clock, over
 * a real store. */
#include "imap/test_session.h"
#include "mime/message.h"

static struct test_store store;
static struct test_session one;

static const char *const mails[] = {
    "From: Ada Lovelace <ada@a.test>\r\nTo: bob@b.test\r\nSubject: Hello World\r\n"
    "Date: Tue, 24 Nov 2026 13:17:26 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nGood morning\r\n",
    "From: =?utf-8?q?J=C3=BCrgen?= <j@a.test>\r\nCc: eve@b.test\r\n"
    "Subject: =?utf-8?b?R3LDvMOfZQ==?= aus\r\n Berlin\r\nDate: Mon, 1 Jun 2026 23:30:00 -0700\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
    "quoted-printable\r\n"
    "\r\nSch=F6ne Gr=FC=DFe, a long=\r\n line\r\n",
    "Subject: parts\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n--x\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nVGhlIHNlY3JldCB3b3Jk\r\n--x\r\n"
    "Content-Type: image/png\r\n\r\nbinary word\r\n--x--\r\n",
    "\r\n",
};

static void begin(void)
{
    test_store_open(&store, 0);
    test_session_open(&one, &store);
    for (size_t i = 0; i < ARRAY_LEN(mails); i++)
        test_deliver(&store, "INBOX", str_c(mails[i]));
    (void)test_say(&one, "a SELECT INBOX\r\n");
    (void)test_say(&one, "a STORE 1 +FLAGS (\\Seen \\Flagged $Work)\r\n"
                         "b STORE 2 +FLAGS (\\Answered)\r\n");
}

static void end(void)
{
    test_session_close(&one);
    test_store_close(&store);
}

static const struct search_case {
    const char *keys, *found; /* found NULL: refused */
} search_cases[] = {
    {"ALL", " 1 2 3 4"},
    {"SEEN", " 1"},
    {"UNSEEN", " 2 3 4"},
    {"FLAGGED SEEN", " 1"},
    {"NOT FLAGGED", " 2 3 4"},
    {"OR FLAGGED ANSWERED", " 1 2"},
    {"OR FLAGGED OR ANSWERED 4", " 1 2 4"},
    {"(OR (SEEN FLAGGED) (UNSEEN 3))", " 1 3"},
    {"NOT (OR FLAGGED ANSWERED)", " 3 4"},
    {"KEYWORD $work", " 1"},
    {"UNKEYWORD $Work", " 2 3 4"},
    {"NEW", ""},
    {"OLD", " 1 2 3 4"},
    {"2:3", " 2 3"},
    {"3:* UNSEEN", " 3 4"},
    {"1:500", " 1 2 3 4"},
    {"900", ""},
    {"900:1000", ""},
    {"*", " 4"},
    {"*:*", " 4"},
    {"UID 1,3:9", " 1 3 4"},
    {"UID 900:*", " 4"},
    {"FROM lovelace", " 1"},
    {"FROM J\xc3\x9cRGEN", NULL},
    {"CHARSET UTF-8 FROM {7+}\r\nJ\xc3\x9cRGEN", " 2"},
    {"CHARSET UTF-8 FROM \"j\xc3\xbcrgen\"", " 2"},
    {"CHARSET KOI8-R FROM a", NULL},
    {"TO bob CC eve", ""},
    {"CC EVE", " 2"},
    {"BCC x", ""},
    {"SUBJECT \"hello w\"", " 1"},
    {"SUBJECT \"aus berlin\"", " 2"},
    {"CHARSET utf-8 SUBJECT {9+}\r\ngr\xc3\xbc\xc3\x9f"
     "e a",
     " 2"},
    {"HEADER Message-ID <1@a.test>", " 1"},
    {"HEADER Cc \"\"", " 2"},
    {"HEADER X-None \"\"", ""},
    {"BODY morning", " 1"},
    {"BODY hello", ""},
    {"TEXT hello", " 1"},
    {"BODY secret", " 3"},
    {"BODY preamble", ""},
    {"BODY \"binary\"", ""},
    {"BODY \"long line\"", " 2"},
    {"CHARSET UTF-8 BODY {6+}\r\nSCH\xc3\x96N", " 2"},
    {"TEXT quoted-printable", " 2"},
    {"LARGER 100 SMALLER 101", ""},
    {"SMALLER 3", " 4"},
    {"LARGER 2", " 1 2 3"},
    {"SENTON 24-Nov-2026", " 1"},
    {"SENTSINCE 2-Jun-2026", " 1 2"},
    {"SENTBEFORE \"2-Jun-2026\"", ""},
    {"SINCE 24-Nov-2026", " 1 2 3 4"},
    {"BEFORE 24-Nov-2026", ""},
    {"ON 24-Nov-2026", " 1 2 3 4"},
    {"SAVEDBEFORE 1-Jan-2000", ""},
    {"OLDER 4000000000", ""},
    {"YOUNGER 4000000000", " 1 2 3 4"},
    {"YOUNGER", NULL},
    {"FOO", NULL},
    {"SEEN  UNSEEN", NULL},
    {"OR SEEN", NULL},
    {"(SEEN", NULL},
    {"()", NULL},
    {"SINCE 31-Feb-2026", NULL},
    {"0", NULL},
};

static void it_finds_what_it_should(void)
{
    begin();
    for (size_t i = 0; i < ARRAY_LEN(search_cases); i++) {
        const struct search_case *c = &search_cases[i];
        char in[300], want[100];
        snprintf(in, sizeof(in), "t SEARCH %s\r\n", c->keys);
        struct str got = test_say(&one, in);
        snprintf(want, sizeof(want), "* SEARCH%s\r\nt OK Searched\r\n", c->found ? c->found : "");
        bool right = c->found ? str_equal(got, str_c(want))
                              : str_starts(got, STR("t BAD")) || str_starts(got, STR("t NO"));
        if (!CHECK_ROW(right, c->keys))
            fprintf(stderr, "  got %.*s\n", STR_ARG(got));
    }
    end();
}

static void return_options_shape_the_answer(void)
{
    begin();
    test_transcript(&one, "C: a SEARCH RETURN () UNSEEN\n"
                          "S: * ESEARCH (TAG \"a\") ALL 2:4\n"
                          "S: a OK Searched\n"
                          "C: b UID SEARCH RETURN (MIN MAX COUNT) UNSEEN\n"
                          "S: * ESEARCH (TAG \"b\") UID MIN 2 MAX 4 COUNT 3\n"
                          "S: b OK Searched\n"
                          "C: c SEARCH RETURN (COUNT ALL) DELETED\n"
                          "S: * ESEARCH (TAG \"c\") COUNT 0\n"
                          "S: c OK Searched\n"
                          "C: d SEARCH RETURN (SAVE) UNSEEN\n"
                          "S: d OK Searched\n"
                          "C: e UID FETCH $ (UID)\n"
                          "S: * 2 FETCH (UID 2)\n"
                          "S: * 3 FETCH (UID 3)\n"
                          "S: * 4 FETCH (UID 4)\n"
                          "S: e OK Fetched\n"
                          "C: f SEARCH RETURN (SAVE MIN) $ NOT ANSWERED\n"
                          "S: * ESEARCH (TAG \"f\") MIN 3\n"
                          "S: f OK Searched\n"
                          "C: g STORE $ +FLAGS.SILENT \\Deleted\n"
                          "S: g OK Stored\n"
                          "C: h EXPUNGE\n"
                          "S: * 3 EXPUNGE\n"
                          "S: h OK Expunged\n"
                          "C: i FETCH $ UID\n"
                          "S: i OK Fetched\n");
    end();
}

static void changes_are_found_by_their_number(void)
{
    begin();
    struct str got = test_say(&one, "a FETCH 4 (MODSEQ)\r\n");
    uint64_t modseq = 0;
    size_t at = str_find(got, STR("MODSEQ (")) + 8;
    struct str head, tail;
    CHECK(str_cut(str_skip(got, at), ')', &head, &tail) && str_to_u64(head, UINT32_MAX, &modseq));
    char in[400], want[400];
    snprintf(in, sizeof(in), "b FETCH 1:* (UID) (CHANGEDSINCE %u)\r\n", (unsigned)modseq);
    snprintf(want, sizeof(want),
             "* 1 FETCH (UID 1 MODSEQ (%u))\r\n* 2 FETCH (UID 2 MODSEQ (%u))\r\nb OK Fetched\r\n",
             (unsigned)modseq + 1, (unsigned)modseq + 2);
    CHECK_STR(test_say(&one, in), str_c(want));
    snprintf(in, sizeof(in), "c SEARCH MODSEQ %u\r\n", (unsigned)modseq + 1);
    snprintf(want, sizeof(want), "* SEARCH 1 2 (MODSEQ %u)\r\nc OK Searched\r\n",
             (unsigned)modseq + 2);
    CHECK_STR(test_say(&one, in), str_c(want));
    snprintf(in, sizeof(in), "d STORE 1:3 (UNCHANGEDSINCE %u) +FLAGS.SILENT (\\Draft)\r\n",
             (unsigned)modseq);
    snprintf(want, sizeof(want),
             "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen $Work) MODSEQ (%u))\r\n"
             "* 2 FETCH (UID 2 FLAGS (\\Answered) MODSEQ (%u))\r\n"
             "* 3 FETCH (UID 3 FLAGS (\\Draft) MODSEQ (%u))\r\n"
             "d OK [MODIFIED 1:2] Some messages have changed since\r\n",
             (unsigned)modseq + 1, (unsigned)modseq + 2, (unsigned)modseq + 3);
    CHECK_STR(test_say(&one, in), str_c(want));
    CHECK(str_ends(test_say(&one, "e UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0)\r\n"),
                   STR("e OK Fetched\r\n")));
    end();
}

int main(void)
{
    mime_process_init(); /* charsets beyond UTF-8 */
    RUN(it_finds_what_it_should);
    RUN(return_options_shape_the_answer);
    RUN(changes_are_found_by_their_number);
    return test_end();
}
