/* text/text_search_test.c: what of a message is found when it is searched. */
#include "text/text.c"

#include "base/replay.h"
#include "base/test.h"
#include "base/utf8.h"
#include "text/test_text.h"

#include <string.h>

static struct arena arena;

static struct str text_of_message(struct str bytes, unsigned what, size_t step)
{
    struct mime_message m;
    struct str text;
    struct buf out;

    arena_done(&arena);
    arena_init(&arena, 128 << 20);
    buf_init(&out, 64 << 20);
    mime_parse(bytes, &arena, &m);
    test_text(&out, &m, what, step);
    text = arena_str(&arena, buf_view(&out));
    buf_done(&out);
    return text;
}

#define PLAIN "Content-Type: text/plain; charset="

static const struct text_case {
    const char *name, *input, *want;
} text_cases[] = {
    {"fields are not of the body",
     "Subject: =?iso-8859-1?q?Gr=FC=DFe?= Du\r\nX-Other: secret\r\n\r\nBody\r\n", "body"},
    {"quoted-printable, with a soft break within a character",
     PLAIN "utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
           "caf=C3=\r\n=A9 = =zz\r\n  end=20\r\n",
     "cafe = =zz end"},
    {"base64",
     PLAIN "utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
           "U3RyYcOf\r\nZSDml6XmnKw=\r\n",
     "strasse \xe6\x97\xa5\xe6\x9c\xac"},
    {"base64 without its padding, which ends within a character",
     PLAIN "utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nYWHDqQ", "aae"},
    {"ISO-8859-1", PLAIN "ISO-8859-1\r\n\r\n\xc9t\xe9\r\n", "ete"},
    {"Shift_JIS without an ASCII byte", PLAIN "shift_jis\r\n\r\n\x93\xfa\x96\x7b\x8c\xea",
     "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
    {"GB18030, with characters of two and of four bytes",
     PLAIN "gb2312\r\n\r\n\xd6\xd0 \xce\xc4\r\n\x81\x30\x81\x34\xd6\xd0",
     "\xe4\xb8\xad \xe6\x96\x87 \xe4\xb8\xad"},
    {"GB18030 with characters that are none",
     PLAIN "gb2312\r\n\r\n\x81\x30\x20\xd6 \xd4\r\n\x81\x30\r\n\xc8\x31G, \xd6\xd0",
     "\xef\xbf\xbd"
     "0 \xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd"
     "0 \xef\xbf\xbd"
     "1g, \xe4\xb8\xad"},
    {"ISO-2022-JP", PLAIN "iso-2022-jp\r\n\r\na \x1b$BF|K\\\x1b(B b\r\n",
     "a \xe6\x97\xa5\xe6\x9c\xac b"},
    {"UTF-16 in base64", PLAIN "utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\nYQDpAC0=\r\n",
     "ae\xef\xbf\xbd"},
    {"an unknown charset is UTF-8", PLAIN "x-what\r\n\r\nd\xc3\xa9j\xc3\xa0\r\n", "deja"},
    {"HTML without tags, scripts and styles",
     "Content-Type: text/html\r\n\r\n<html><head><title>t</title><style>p{}</style></head><body>"
     "<p class=\"a>b\">Fish&amp;Chips &eacute;<!-- no --><script>var x = '</p>';</script> 1 &lt; 2"
     "<br>end of W<b>or</b>ds<!-- -->.</body></html>\r\n",
     "fish&chips e 1 < 2 end of words."},
    {"both of an alternative, names of attachments, text attachments",
     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative;"
     " boundary=c\r\n\r\n--c\r\n\r\none\r\n--c\r\nContent-Type: "
     "text/html\r\n\r\n<b>two</b>\r\n--c--\r\n"
     "--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=\"List "
     "A.csv\"\r\n\r\n"
     "x,Y\r\n--b\r\nContent-Type: image/png; name=\"P.png\"\r\n\r\nsecret\r\n--b\r\n"
     "Content-Type: text/calendar\r\n\r\nSUMMARY:Lunch\r\n--b--\r\n",
     "one\ntwo\nlist a.csv\nx,y\np.png\nsummary:lunch"},
    {"a message in a message",
     "Subject: out\r\nContent-Type: message/rfc822\r\n\r\nSubject: In\r\nFrom: "
     "i@x.test\r\n\r\nDeep\r\n",
     "deep"},
    {"a delivery report",
     "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
     "message/delivery-status\r\n"
     "\r\nFinal-Recipient: rfc822; Eva@x.test\r\n--b--\r\n",
     "final-recipient: rfc822; eva@x.test"},
    {"winmail.dat: its names and its body",
     "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: "
     "base64\r\n\r\n"
     "eJ8+IgEAAQeQBgAIAAAA5AQAAAAAAADoAAEMgAIABgAAAENhZukhACECAgKQBgAAAAAAAAACEIABAAYA\r\n"
     "AABBLnR4dADhAQIPgAYAAwAAAG9uZUIB\r\n",
     "winmail.dat\ncafe!\na.txt"},
    {"nothing", "", ""},
    {"cut off in the middle of a character", PLAIN "utf-8\r\n\r\nab\xe6\x97",
     "ab\xef\xbf\xbd\xef\xbf\xbd"},
};

static const struct text_case field_cases[] = {
    {"every field, decoded and unfolded",
     "Subject: =?iso-8859-1?q?Gr=FC=DFe?= Du\r\nFrom: \"Ada L.\" <Ada@X.test>\r\n"
     "To: =?utf-8?q?=C3=89va?= =?utf-8?q?_B?=\r\n <eva@x.test>\r\nX-Other : "
     "secret\r\nCc:\r\n\r\nBody\r\n",
     "subject: grusse du\nfrom: \"ada l.\" <ada@x.test>\nto: eva b <eva@x.test>\nx-other: "
     "secret\ncc:"},
    {"of each part, and of a message in the message",
     "A: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nB: 2\r\n\r\nx\r\n--b\r\n"
     "Content-Type: message/rfc822\r\n\r\nC: 3\r\n\r\ny\r\n--b--\r\n",
     "a: 1\ncontent-type: multipart/mixed; boundary=b\nb: 2\ncontent-type: message/rfc822\nc: 3"},
    {"raw text of another charset",
     "Subject: Gr\xfc\xdf"
     "e\r\n\r\n",
     "subject: grusse"},
    {"none", "\r\nA: b\r\n", ""},
};

static void the_fields_of_all_headers_are_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(field_cases); i++) {
        struct str in = test_exact(str_c(field_cases[i].input));

        for (size_t step = 0; step <= in.n; step++) {
            struct str got = text_of_message(in, TEXT_FIELDS, step);

            if (!CHECK_ROW(str_equal(got, str_c(field_cases[i].want)), field_cases[i].name))
                CHECK_STR(got, str_c(field_cases[i].want));
        }
    }
    CHECK_STR(text_of_message(STR("A: b\r\n\r\nc"), TEXT_FIELDS | TEXT_BODY, 0), STR("a: b\nc"));
}

static void what_is_read_is_found(void)
{
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        struct str got = text_of_message(test_exact(str_c(text_cases[i].input)), TEXT_BODY, 0);

        if (!CHECK_ROW(str_equal(got, str_c(text_cases[i].want)), text_cases[i].name))
            CHECK_STR(got, str_c(text_cases[i].want));
    }
}

/* With pieces of n bytes the first cut is at n: every place is a place where it is cut. */
static void every_cut_gives_the_same_text(void)
{
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        struct str in = test_exact(str_c(text_cases[i].input));

        for (size_t step = 1; step <= in.n; step++) {
            struct str got = text_of_message(in, TEXT_BODY, step);

            if (!CHECK_ROW(str_equal(got, str_c(text_cases[i].want)), text_cases[i].name))
                CHECK_STR(got, str_c(text_cases[i].want));
        }
    }
}

static struct str repeated(struct buf *out, const char *head, struct str unit, size_t n)
{
    buf_c(out, head);
    while (n--)
        buf_str(out, unit);
    return buf_view(out);
}

/* Where a charset lets it be cut, a text is read to its end, however long it is. Where not, its
 * beginning is. */
static void large_texts_are_read_whole_where_they_can_be_cut(void)
{
    static const struct {
        const char *head;
        struct str unit;
        bool whole;
    } large[] = {
        {PLAIN "utf-8\r\n\r\n", {"\xe6\x97\xa5", 3}, true},
        {PLAIN "shift_jis\r\n\r\n", {"\x93\xfa", 2}, false}, /* no byte below 0x30 in 1 MiB */
        {PLAIN "shift_jis\r\n\r\n", {"\x93\xfa\r\n", 4}, true},
        {PLAIN "iso-2022-jp\r\n\r\n\x1b$B", {"F|", 2}, false},
        {PLAIN "iso-2022-jp\r\n\r\n", {"\x1b$BF|\x1b(B\n", 9}, true},
        {PLAIN "utf-16be\r\n\r\n", {"\x65\xe5", 2}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(large); i++) {
        struct str text;
        struct buf in;
        bool spaces = large[i].unit.p[large[i].unit.n - 1] == '\n';
        const size_t n = 1 << 20;

        buf_init(&in, 16 << 20);
        text = text_of_message(repeated(&in, large[i].head, large[i].unit, n), TEXT_BODY, 0);
        if (large[i].whole)
            CHECK_U64(text.n, spaces ? 4 * n - 1 : 3 * n);
        else
            CHECK(text.n >= LIMIT_SEARCH_PENDING && text.n < 3 * n);
        CHECK(str_starts(text, STR("\xe6\x97\xa5")));
        if (large[i].whole) /* else the last character may be cut */
            CHECK(str_find(text, STR("\xef\xbf\xbd")) == SIZE_MAX);
        buf_done(&in);
    }
}

/* A step does about what it is told, so that nobody waits for a long message. */
static void steps_are_short(void)
{
    struct text_part part = {.body_at = 0};
    struct mime_message m;
    struct buf in, out;
    unsigned kind, steps = 0;

    buf_init(&in, 8 << 20);
    buf_init(&out, TEXT_STEP_MOST);
    while (in.n < 6 << 20)
        buf_c(&in, "words and more words\r\n");
    part.end_at = in.n;
    m = (struct mime_message){.bytes = buf_view(&in)};
    struct text_source source = {&part, 1, test_text_read, &m};
    struct text_reader *r = text_reader_create(0);
    text_reader_begin(r, &source, TEXT_BODY);
    do {
        buf_reset(&out);
        CHECK(text_reader_step(r, &out, &kind, NULL));
        CHECK(out.n <= STEP);
        steps++;
    } while (kind);
    CHECK(steps > in.n / STEP && steps < 3 * in.n / STEP);
    text_reader_destroy(r);
    buf_done(&in);
    buf_done(&out);
}

static bool read_fails(void *arg, uint64_t from, size_t n, struct buf *out, struct error *err)
{
    struct str bytes = STR("Subject: a\r\n\r\n");

    if (from + n > bytes.n)
        return error_set(err, ERROR_DISK, "it is gone");
    buf_str(out, str_sub(bytes, from, n));
    return arg == NULL;
}

static void what_cannot_be_read_is_told(void)
{
    struct text_part part = {0, 14, 100, false, false};
    struct text_source source = {&part, 1, read_fails, NULL};
    struct text_reader *r = text_reader_create(0);
    struct error err = {0};
    struct buf out;
    unsigned kind;

    text_reader_begin(r, &source, TEXT_FIELDS | TEXT_BODY);
    buf_init(&out, TEXT_STEP_MOST);
    while (text_reader_step(r, &out, &kind, &err))
        CHECK(kind);
    CHECK(err.kind == ERROR_DISK);
    CHECK_STR(buf_view(&out), STR("subject: a"));
    text_reader_destroy(r);
    buf_done(&out);
}

static void text_after_a_large_picture_is_found(void)
{
    struct str text;
    struct buf in;

    buf_init(&in, 16 << 20);
    repeated(&in, "Content-Type: text/html\r\n\r\nBefore <img src=\"data:", STR("QUJD"), 2 << 20);
    buf_c(&in, "\">After\r\n");
    text = text_of_message(buf_view(&in), TEXT_BODY, 0);
    CHECK_STR(text, STR("before after"));
    buf_done(&in);
}

static const char *const documents[] = {
    "a<b>c</b>d<i",
    "a</i",
    "a</",
    "a<!",
    "a<!-",
    "a<!--",
    "a<o:p>b",
    "a</span >b<br>c<wbr>d",
    "a<SPAN x='>'>b",
    "a</script>b",
    "a<//b>c",
    "a<b/>c",
    "a<b#>c",
    "a<b>c</b>d",
    "a < b <",
    "<",
    "&",
    "&amp",
    "&amp;",
    "x&ampy",
    "&#228;&#xe4;&#99999999999;",
    "a&b;c",
    "<!-- a -- > b --->c",
    "<!--><b>-->d",
    "<!-->",
    "<!doctype \"a>b\">c",
    "<!-a>b",
    "<?x>y",
    "<script>a</scrip></SCRIPTS>b",
    "<style/>a</style>b",
    "<STYLE x='>'>a<</style>b",
    "<head><header>a</head>b",
    "<title",
    "<title>",
    "<b title='\">c",
    "a<1>",
    "</p>x",
    "&verylongnamethatisnone;",
    "&eacute;&Eacute;&nbsp;x",
    "<averyveryverylongnameofatag>x</a>",
    "<scriptscriptscriptscript>x",
    "&&amp;&",
    "&#;",
    "<<b>>",
    "&lt<b>",
    "&#0000000228;x",
    "&#00000000228;x",
    "&#000000228;x",
    "&#xe4;x",
    "&#146;x",
    "&thetasym;x",
};

static void html_in_pieces_is_the_same_text(void)
{
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct str in = str_c(documents[i]);
        struct buf whole, pieces;

        buf_init(&whole, 1000);
        buf_init(&pieces, 1000);
        mime_html_text(&whole, in, SIZE_MAX);
        for (size_t cut = 0; cut <= in.n; cut++) {
            struct mime_html_stream h;

            buf_reset(&pieces);
            mime_html_stream_init(&h);
            mime_html_stream_feed(&h, test_exact(str_sub(in, 0, cut)), &pieces);
            mime_html_stream_feed(&h, test_exact(str_skip(in, cut)), &pieces);
            mime_html_stream_end(&h, &pieces);
            if (!CHECK_ROW(str_equal(buf_view(&pieces), buf_view(&whole)), documents[i]))
                CHECK_STR(buf_view(&pieces), buf_view(&whole));
        }
        buf_done(&whole);
        buf_done(&pieces);
    }
}

static void the_corpus_of_text_fuzz_holds(void)
{
    CHECK(replay_corpus("text") >= 90);
}

int main(void)
{
    mime_process_init();
    RUN(what_is_read_is_found);
    RUN(every_cut_gives_the_same_text);
    RUN(the_fields_of_all_headers_are_read);
    RUN(large_texts_are_read_whole_where_they_can_be_cut);
    RUN(steps_are_short);
    RUN(what_cannot_be_read_is_told);
    RUN(text_after_a_large_picture_is_found);
    RUN(html_in_pieces_is_the_same_text);
    RUN(the_corpus_of_text_fuzz_holds);
    arena_done(&arena);
    return test_end();
}
