/* text/text_search_test.c: what of a message is found when it is searched. */
#include "text/text.c"

#include "base/test.h"
#include "base/utf8.h"
#include "mime/html.h"
#include "base/replay.h"

#include <string.h>

static struct arena arena;
static size_t piece = PIECE;

static struct str text_of_message(struct str bytes)
{
    struct mime_message m;
    struct str text;
    struct buf out;

    arena_done(&arena);
    arena_init(&arena, 64 << 20);
    buf_init(&out, 2 * LIMIT_SEARCH_TEXT);
    mime_parse(bytes, &arena, &m);
    mime_search_text_by(&out, &m, piece);
    text = arena_str(&arena, buf_view(&out));
    buf_done(&out);
    return text;
}

#define PLAIN "Content-Type: text/plain; charset="

static const struct text_case {
    const char *name, *input, *want;
} text_cases[] = {
    {"subject and addresses",
     "Subject: =?iso-8859-1?q?Gr=FC=DFe?= Du\r\nFrom: \"Ada L.\" <Ada@X.test>\r\n"
     "To: =?utf-8?q?=C3=89va?= <eva@x.test>, g: bob@x.test;\r\nCc: c@x.test\r\n"
     "Reply-To: r@x.test\r\nX-Other: secret\r\n\r\nBody\r\n",
     "grusse du\nada l. ada@x.test\neva eva@x.test\ng\nbob@x.test\nc@x.test\nr@x.test\nbody"},
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
     "out\nin\ni@x.test\ndeep"},
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

static void what_is_read_is_found(void)
{
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        struct str got = text_of_message(test_exact(str_c(text_cases[i].input)));

        if (!CHECK_ROW(str_equal(got, str_c(text_cases[i].want)), text_cases[i].name))
            CHECK_STR(got, str_c(text_cases[i].want));
    }
}

/* With pieces of n bytes the first cut is at n: every place is a place where it is cut. */
static void every_cut_gives_the_same_text(void)
{
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        struct str in = test_exact(str_c(text_cases[i].input));

        for (piece = 1; piece <= in.n; piece++) {
            struct str got = text_of_message(in);

            if (!CHECK_ROW(str_equal(got, str_c(text_cases[i].want)), text_cases[i].name))
                CHECK_STR(got, str_c(text_cases[i].want));
        }
    }
    piece = PIECE;
}

static struct str repeated(struct buf *out, const char *head, struct str unit, size_t n)
{
    buf_c(out, head);
    while (n--)
        buf_str(out, unit);
    return buf_view(out);
}

static void large_texts_are_cut_at_a_character(void)
{
    static const struct {
        const char *head;
        struct str unit;
    } large[] = {
        {PLAIN "utf-8\r\n\r\n", {"\xe6\x97\xa5", 3}},
        {PLAIN "shift_jis\r\n\r\n", {"\x93\xfa", 2}}, /* no byte below 0x30 in 4 MiB */
        {PLAIN "iso-2022-jp\r\n\r\n\x1b$B", {"F|", 2}},
        {PLAIN "utf-16be\r\n\r\n", {"\x65\xe5", 2}},
    };

    for (size_t i = 0; i < ARRAY_LEN(large); i++) {
        struct str text;
        struct buf in;

        buf_init(&in, 16 << 20);
        text = text_of_message(repeated(&in, large[i].head, large[i].unit, 3 << 20));
        CHECK_U64(text.n, LIMIT_SEARCH_TEXT / 3 * 3);
        CHECK(str_starts(text, STR("\xe6\x97\xa5\xe6\x97\xa5")) &&
              str_ends(text, STR("\xe6\x97\xa5\xe6\x97\xa5")));
        CHECK(str_find(text, STR("\xef\xbf\xbd")) == SIZE_MAX);
        buf_done(&in);
    }
}

static void text_behind_a_large_picture_is_found(void)
{
    struct str text;
    struct buf in;

    buf_init(&in, 16 << 20);
    repeated(&in, "Content-Type: text/html\r\n\r\nBefore <img src=\"data:", STR("QUJD"), 2 << 20);
    buf_c(&in, "\">After\r\n");
    text = text_of_message(buf_view(&in));
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
    CHECK(fuzz_replay("text") >= 90);
}

int main(void)
{
    mime_process_init();
    RUN(what_is_read_is_found);
    RUN(every_cut_gives_the_same_text);
    RUN(large_texts_are_cut_at_a_character);
    RUN(text_behind_a_large_picture_is_found);
    RUN(html_in_pieces_is_the_same_text);
    RUN(the_corpus_of_text_fuzz_holds);
    arena_done(&arena);
    return test_end();
}
