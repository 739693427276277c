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
    {"CHARSET X-NONE FROM a", NULL},
    {"CHARSET iso-8859-1 FROM {6+}\r\nj\xdcrgen", " 2"},
    {"CHARSET koi8-r FROM lovelace", " 1"},
    {"FROM jurgen", " 2"},
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

static void check_cases(const struct search_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct search_case *c = &cases[i];
        char in[300], want[100];
        snprintf(in, sizeof(in), "t SEARCH %s\r\n", c->keys);
        struct str got = test_say(&one, in);
        snprintf(want, sizeof(want), "* SEARCH%s\r\nt OK Searched\r\n", c->found ? c->found : "");
        bool right = c->found ? str_equal(got, str_c(want))
                              : str_starts(got, STR("t BAD")) || str_starts(got, STR("t NO"));
        if (!CHECK_ROW(right, c->keys))
            fprintf(stderr, "  got %.*s\n", STR_ARG(got));
    }
}

static void it_finds_what_it_should(void)
{
    begin();
    check_cases(search_cases, ARRAY_LEN(search_cases));
    end();
}

/* ---- text ---- */

#define PART(type) "--b\r\nContent-Type: " type "\r\n\r\n"

static const char *const texts[] = {
    /* 1: markup as text, in plain text and in HTML */
    "Subject: about <b> and &amp;\r\n\r\nWrite <b>bold</b> and &amp; so, or a=b\r\n",
    "Subject: page\r\nContent-Type: "
    "text/html\r\n\r\n<html><head><style>p{color:red}</style></head><p "
    "class=\"markup\">Write &lt;i&gt;, W<b>or</b>ds<br>and caf&eacute;<a "
    "href=\"http://link.test/x\">"
    "here</a></p>\r\n",
    /* 3: encodings, attachments and their names */
    "Subject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" PART(
        "text/plain; charset=koi8-r") "\xf0\xd2\xc9\xd7\xc5\xd4 all\r\n--b\r\nContent-Type: "
                                      "text/csv; name=\"List A.csv\"\r\n"
                                      "Content-Transfer-Encoding: base64\r\nContent-Disposition: "
                                      "attachment\r\n\r\nb25lLHR3bwp0aHJlZSw=\r\n"
                                      "--b\r\nContent-Type: "
                                      "application/pdf\r\nContent-Disposition: attachment; "
                                      "filename*=utf-8''r%C3%A9port.pdf"
                                      "\r\nContent-Description: scanned\r\n\r\n%PDF "
                                      "secret\r\n--b--\r\n",
    /* 4: a message in a message, and a winmail.dat */
    "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" PART(
        "message/rfc822") "Subject: Inner =?utf-8?q?caf=C3=A9?=\r\nFrom: in@side.test\r\n\r\nDeep "
                          "text\r\n--b\r\n"
                          "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: "
                          "base64\r\n\r\n"
                          "eJ8+"
                          "IgEAAQeQBgAIAAAA5AQAAAAAAADoAAEMgAIABgAAAENhZukhACECAgKQBgAAAAAAAAACEIAB"
                          "AAYA\r\n"
                          "AABBLnR4dADhAQIPgAYAAwAAAG9uZUIB\r\n--b--\r\n",
    /* 5: fields side by side, and one that comes twice */
    "From: ada@example.org\r\nTo: adam@example.org\r\nSubject:  two   spaces\r\n and a fold\r\n"
    "X-Note: first\r\nX-Note: =?utf-8?q?s=C3=A9cond?=\r\nX-Empty:\r\n\r\nadam\r\n",
};

static const struct search_case text_cases[] = {
    /* markup is found where it can be read, and nowhere else */
    {"BODY <b>", " 1"},
    {"BODY bold</b>", " 1"},
    {"BODY &amp;", " 1"},
    {"SUBJECT <b>", " 1"},
    {"SUBJECT \"<b> and &amp;\"", " 1"},
    {"BODY <i>", " 2"},
    {"BODY markup", ""},
    {"BODY color", ""},
    {"BODY link.test", ""},
    {"BODY words", " 2"},
    {"BODY \"words and\"", " 2"},
    {"BODY wordsand", ""},
    {"BODY cafe", " 2 4"},
    {"BODY CAF\xc3\x89", NULL},
    {"BODY {5+}\r\nCAF\xc3\x89", " 2 4"},
    {"BODY \"a=b\"", " 1"},
    {"TEXT =?utf-8", ""},
    {"TEXT q?caf", ""},
    /* prefixes, parts of words, and nothing that is not there */
    {"BODY rit", " 1 2"},
    {"BODY writes", ""},
    {"BODY \"deep text\"", " 4"},
    {"BODY \"deep  text\"", " 4"},
    {"BODY \" deep\"", ""},
    {"BODY \" text\"", " 4"},
    {"BODY \"text \"", ""},
    {"BODY \"deep \"", " 4"},
    {"BODY \"dee \"", ""},
    {"SUBJECT \" two\"", ""},
    {"SUBJECT \"two spaces and a fold\"", " 5"},
    /* charsets, encodings, attachments of text, names; nothing of what is binary */
    {"BODY {12+}\r\n\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", " 3"},
    {"CHARSET koi8-r BODY {6+}\r\n\xf0\xf2\xe9\xf7\xe5\xf4", " 3"},
    {"BODY \"two three\"", " 3"},
    {"BODY b25l", ""},
    {"BODY \"list a.csv\"", " 3"},
    {"BODY report.pdf", " 3"},
    {"BODY secret", ""},
    {"BODY scanned", ""},
    {"TEXT scanned", " 3"},
    {"TEXT secret", ""},
    /* a message within is body as far as its text goes; its header is found by TEXT */
    {"BODY inner", ""},
    {"TEXT \"inner cafe\"", " 4"},
    {"SUBJECT inner", ""},
    {"FROM side.test", ""},
    {"TEXT in@side", " 4"},
    {"BODY a.txt", " 4"},
    {"BODY \"cafe!\"", " 4"},
    /* TEXT is all headers and the body, each for itself */
    {"TEXT adam", " 5"},
    {"TEXT \"from: ada@\"", " 5"},
    {"TEXT \"example.org to\"", ""},
    {"TEXT \"boundary=b\"", " 3 4"},
    {"TEXT multipart", " 3 4"},
    {"BODY multipart", ""},
    /* HEADER */
    {"HEADER X-Note first", " 5"},
    {"HEADER X-NOTE second", " 5"},
    {"HEADER x-note third", ""},
    {"HEADER X-Note \"\"", " 5"},
    {"HEADER X-Empty \"\"", " 5"},
    {"HEADER X-Empty x", ""},
    {"HEADER X-None \"\"", ""},
    {"HEADER Subject \"\"", " 1 2 3 4 5"},
    {"HEADER Content-Type mixed", " 3 4"},
    {"HEADER Content-Type csv", ""},
    {"TO ada@", ""},
    {"FROM \"\"", " 5"},
    {"TEXT \"\"", " 1 2 3 4 5"},
    {"BODY \"\"", " 1 2 3 4 5"},
    /* together */
    {"NOT TEXT e", ""},
    {"NOT BODY write", " 3 4 5"},
    {"OR BODY bold SUBJECT outer", " 1 4"},
    {"OR TEXT scanned OR BODY words HEADER X-Note first", " 2 3 5"},
    {"BODY write BODY bold", " 1"},
    {"BODY write NOT BODY bold", " 2"},
    {"TEXT outer TEXT deep TEXT inner BODY a.txt FROM \"\"", ""},
    {"TEXT outer TEXT deep TEXT inner BODY a.txt NOT FROM \"\"", " 4"},
    {"(OR (TEXT adam SUBJECT spaces) (NOT SUBJECT many BODY csv))", " 5"},
    {"NOT (OR BODY write OR BODY all BODY deep)", " 5"},
    {"2:4 TEXT subject", " 2 3 4"},
    {"NOT 3 BODY e UID 1:4", " 1 2 4"},
};

static void text_is_found_where_it_can_be_read(void)
{
    test_store_open(&store, 0);
    test_session_open(&one, &store);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        test_deliver(&store, "INBOX", str_c(texts[i]));
    (void)test_say(&one, "a SELECT INBOX\r\n");
    check_cases(text_cases, ARRAY_LEN(text_cases));
    end();
}

/* A message too large to be read at once: a string is found wherever it is cut, in what is plain and in
 * what is encoded, and no slice is long. */
static void no_cut_hides_a_string(void)
{
    const size_t far = (6 << 20) + (3 << 10);
    static const size_t places[] = {65536, 131072, 262144, 393216, 6 << 20};
    struct buf in;
    char text[100];
    buf_init(&in, 16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        for (int shift = -9; shift <= 3; shift += 2) {
            test_store_open(&store, 0);
            test_session_open(&one, &store);
            buf_reset(&in);
            buf_c(&in, "Subject: x\r\n\r\n");
            size_t body = in.n;
            while (in.n < body + far)
                buf_c(&in, (in.n - body) % 73 == 71 ? "\r\n" : "x");
            memcpy(in.p + body + places[i] + shift, "NEEDLE", 6);
            test_deliver(&store, "INBOX", buf_view(&in));
            (void)test_say(&one, "a SELECT INBOX\r\n");
            snprintf(text, sizeof(text), "place %zu%+d", places[i], shift);
            CHECK_ROW(str_starts(test_say(&one, "b SEARCH BODY needle NOT BODY needlf\r\n"),
                                 STR("* SEARCH 1\r\n")),
                      text);
            test_session_close(&one);
            test_store_close(&store);
        }
    }
    buf_done(&in);
}

/* Nothing is begun anew for each key, and a command of very many keys gives the loop back. */
static void many_strings_are_one_pass(void)
{
    struct buf in;
    size_t used = 0;
    buf_init(&in, 16 << 20);
    test_store_open(&store, 0);
    test_session_open(&one, &store);
    buf_c(&in, "Subject: x\r\n\r\n");
    while (in.n < 1 << 20)
        buf_c(&in, "some words of a long message, again and again\r\n");
    test_deliver(&store, "INBOX", buf_view(&in));
    (void)test_say(&one, "a SELECT INBOX\r\n");
    buf_reset(&in);
    buf_c(&in, "b SEARCH");
    for (int i = 0; i < 3000; i++)
        buf_printf(&in, " NOT TEXT no%d", i);
    buf_c(&in, "\r\n");
    buf_reset(&one.out);
    unsigned slices = 0;
    while (used < in.n || imap_session_busy(one.session)) {
        used +=
            imap_session_input(one.session, str_skip(buf_view(&in), used), clock_boot_us() + 1000);
        slices++;
    }
    CHECK_STR(buf_view(&one.out), STR("* SEARCH 1\r\nb OK Searched\r\n"));
    CHECK(slices > 100);
    /* A client that goes in the middle leaves nothing behind. */
    (void)imap_session_input(one.session, buf_view(&in), clock_boot_us());
    (void)imap_session_input(one.session, STR_NULL, clock_boot_us() + 1000);
    CHECK(imap_session_busy(one.session));
    buf_done(&in);
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
    RUN(text_is_found_where_it_can_be_read);
    RUN(no_cut_hides_a_string);
    RUN(many_strings_are_one_pass);
    RUN(return_options_shape_the_answer);
    RUN(changes_are_found_by_their_number);
    return test_end();
}
