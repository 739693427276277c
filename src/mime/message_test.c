/* mime/message_test.c: whole messages: the tree, ENVELOPE, BODYSTRUCTURE and preview. */
#include "mime/message_check.h"
#include "mime/samples.h"

#include "base/limits.h"
#include "base/random.h"
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *name, *input, *want;
};

/* depth type/subtype header..body..end lines, one line a part; offsets as numbers. */
static const struct row trees[] = {
    {"nothing", "", "0 TEXT/PLAIN 0 0 0 0\n"},
    {"a header alone", "A: b\r\n", "0 TEXT/PLAIN 0 6 6 0\n"},
    {"a body alone", "\r\nx\r\ny", "0 TEXT/PLAIN 0 2 6 1\n"},
    {"no line end", "A: b", "0 TEXT/PLAIN 0 4 4 0\n"},
    {"bare LF", "A: b\n\nx\ny\n", "0 TEXT/PLAIN 0 6 10 2\n"},
    {"CR alone", "A: b\r\rx\ry\r", "0 TEXT/PLAIN 0 6 10 2\n"},
    {"two parts",
     "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\nx\r\n--b\r\nA: "
     "b\r\n\r\ny\r\nz\r\n--b--\r\nepilogue",
     "0 multipart/mixed 0 45 94 10\n1 TEXT/PLAIN 55 57 58 0\n1 TEXT/PLAIN 65 73 77 1\n"},
    {"a boundary with white space after it",
     "Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\nx\n--b-- \n",
     "0 multipart/mixed 0 43 59 4\n1 TEXT/PLAIN 49 50 51 0\n"},
    {"a boundary that is the beginning of another",
     "Content-Type: multipart/mixed; boundary=b\n\n--b1\n--bx\n--b-\n--b\n\nx",
     "0 multipart/mixed 0 43 64 5\n1 TEXT/PLAIN 62 63 64 0\n"},
    {"an outer boundary ends inner parts",
     "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
     "boundary=i\n\n--i\n\nx\n--o\n\ny\n",
     "0 multipart/mixed 0 43 104 9\n1 multipart/mixed 47 90 96 2\n2 TEXT/PLAIN 94 95 96 0\n1 "
     "TEXT/PLAIN 101 102 104 1\n"},
    {"a boundary right after a header",
     "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n--b\n\n--b--\n",
     "0 multipart/mixed 0 43 63 5\n1 TEXT/PLAIN 47 52 52 0\n1 TEXT/PLAIN 56 57 57 0\n"},
    {"boundary lines one after the other are one",
     "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nx\n--b\n--b\n--b--\n",
     "0 multipart/mixed 0 43 68 7\n1 TEXT/PLAIN 51 52 53 0\n1 TEXT/PLAIN 62 62 62 0\n"},
    {"a closed boundary is not awaited any more",
     "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\n\ny\n",
     "0 multipart/mixed 0 43 63 7\n1 TEXT/PLAIN 47 48 49 0\n"},
    {"a message in a message",
     "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nA: b\n\nx\n",
     "0 message/rfc822 0 30 68 5\n1 message/rfc822 30 60 68 3\n2 TEXT/PLAIN 60 66 68 1\n"},
    {"a digest",
     "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n--b\nContent-Type: "
     "text/x\n\ny\n--b--\n",
     "0 multipart/digest 0 44 91 10\n1 MESSAGE/RFC822 48 49 56 2\n2 TEXT/PLAIN 49 55 56 0\n1 "
     "text/x "
     "61 83 84 0\n"},
    {"a digest that ends at once", "Content-Type: multipart/digest; boundary=b\n\n--b\n",
     "0 multipart/digest 0 44 48 1\n1 TEXT/PLAIN 48 48 48 0\n"},
    {"a multipart without boundary", "Content-Type: multipart/mixed\n\n--b\n",
     "0 TEXT/PLAIN 0 31 35 1\n"},
    {"a multipart without parts", "Content-Type: multipart/mixed; boundary=b\n\nx\n",
     "0 multipart/mixed 0 43 45 1\n"},
    {"a boundary in RFC 2231 pieces",
     "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx",
     "0 multipart/mixed 0 59 66 2\n1 TEXT/PLAIN 64 65 66 0\n"},
    {"the first of two types counts",
     "Content-Type: text/html\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
     "0 text/html 0 67 71 1\n"},
    {"a type that cannot be read", "Content-Type: multipart mixed\n\nx",
     "0 TEXT/PLAIN 0 31 32 0\n"},
    {"the end of an inner multipart, then of an outer one",
     "Content-Type: multipart/a; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/b; "
     "boundary=i\r\n\r\n--i\r\n\r\n--o--\r\n",
     "0 multipart/a 0 41 101 6\n1 multipart/b 46 87 94 2\n2 TEXT/PLAIN 92 94 94 0\n"},
};

static void print_tree(struct buf *out, const struct mime_message *m)
{
    for (uint32_t i = 0; i < m->parts_n; i++) {
        const struct mime_part *p = &m->parts[i];

        buf_printf(out, "%u %.*s/%.*s %llu %llu %llu %llu\n", p->depth, STR_ARG(p->type),
                   STR_ARG(p->subtype), (unsigned long long)p->header_at,
                   (unsigned long long)p->body_at, (unsigned long long)p->end_at,
                   (unsigned long long)p->lines);
    }
}

enum view { TREE, ENVELOPE, BODYSTRUCTURE, BODY, PREVIEW, SUBJECT };

static void print_view(struct buf *out, const struct mime_message *m, enum view view,
                       struct arena *arena)
{
    switch (view) {
    case TREE:
        print_tree(out, m);
        break;
    case ENVELOPE:
        mime_print_envelope(out, m, 0, arena);
        break;
    case BODYSTRUCTURE:
    case BODY:
        mime_print_bodystructure(out, m, view == BODYSTRUCTURE, arena);
        break;
    case PREVIEW:
        mime_print_preview(out, m, arena);
        break;
    case SUBJECT:
        buf_printf(out, "%.*s|%.*s|%.*s|%u", STR_ARG(m->subject), STR_ARG(m->base_subject),
                   STR_ARG(m->message_id), m->references_n);
        break;
    }
}

static void check_rows(const struct row *rows, size_t n, enum view view)
{
    for (size_t i = 0; i < n; i++) {
        struct str in = test_exact(str_c(rows[i].input));
        struct mime_message m;
        struct arena arena;
        struct buf out;

        arena_init(&arena, in.n / 2 + 65536);
        buf_init(&out, 100000);
        mime_parse(in, &arena, &m);
        mime_check_tree(&m);
        mime_check_bytes(in, in.n / 2 + 65536);
        print_view(&out, &m, view, &arena);
        if (!CHECK_STR(buf_view(&out), str_c(rows[i].want)))
            CHECK_ROW(false, rows[i].name);
        buf_done(&out);
        arena_done(&arena);
    }
}

static void trees_are_built(void)
{
    check_rows(trees, ARRAY_LEN(trees), TREE);
}

#define A_FROM "(NIL NIL \"a\" \"b.test\")"

static const struct row envelopes[] = {
    {"RFC 9051 8: the example",
     "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
     "Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
     "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
     "Message-Id: <B27397-0100000@cac.washington.edu>\r\nMIME-Version: 1.0\r\n\r\n",
     "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
     "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" "
     "\"cac.washington.edu\")) "
     "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" "
     "\"cac.washington.edu\")) "
     "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
     "NIL NIL "
     "\"<B27397-0100000@cac.washington.edu>\")"},
    {"nothing", "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"empty fields",
     "Date:\nSubject: \nFrom:\nSender:\nReply-To: ,\nTo:\nIn-Reply-To:\nMessage-ID:\n",
     "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")"},
    {"sender and reply-to of their own", "From: a@b.test\nSender: c@d.test\nReply-To: e@f.test\n",
     "(NIL NIL (" A_FROM
     ") ((NIL NIL \"c\" \"d.test\")) ((NIL NIL \"e\" \"f.test\")) NIL NIL NIL NIL NIL)"},
    {"an empty sender becomes from", "From: a@b.test\nSender: ()\n",
     "(NIL NIL (" A_FROM ") (" A_FROM ") (" A_FROM ") NIL NIL NIL NIL NIL)"},
    {"a group", "To: list: a@b.test, c@d.test;\n",
     "(NIL NIL NIL NIL NIL ((NIL NIL \"list\" NIL)" A_FROM
     "(NIL NIL \"c\" \"d.test\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"},
    {"an empty group", "To: undisclosed-recipients:;\n",
     "(NIL NIL NIL NIL NIL ((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL "
     "NIL)"},
    {"a route", "To: <@c.test:a@b.test>\n",
     "(NIL NIL NIL NIL NIL ((NIL \"@c.test\" \"a\" \"b.test\")) NIL NIL NIL NIL)"},
    {"no domain is no group", "To: root\n",
     "(NIL NIL NIL NIL NIL ((NIL NIL \"root\" \"\")) NIL NIL NIL NIL)"},
    {"two To fields are one list", "To: a@b.test\nX: y\nTO: c@d.test\n",
     "(NIL NIL NIL NIL NIL (" A_FROM "(NIL NIL \"c\" \"d.test\")) NIL NIL NIL NIL)"},
    {"of two From fields the first", "From: a@b.test\nFrom: c@d.test\n",
     "(NIL NIL (" A_FROM ") (" A_FROM ") (" A_FROM ") NIL NIL NIL NIL NIL)"},
    {"encoded words stay",
     "Subject: =?utf-8?q?=C3=A4?=\r\n =?utf-8?q?b?=\r\nFrom: =?utf-8?q?=C3=A4?= <a@b.test>\r\n",
     "(NIL \"=?utf-8?q?=C3=A4?= =?utf-8?q?b?=\" ((\"=?utf-8?q?=C3=A4?=\" NIL \"a\" \"b.test\")) "
     "((\"=?utf-8?q?=C3=A4?=\" NIL \"a\" \"b.test\")) ((\"=?utf-8?q?=C3=A4?=\" NIL \"a\" "
     "\"b.test\")) NIL NIL NIL NIL NIL)"},
    {"8-bit is a literal", "Subject: \xc3\xa4\nTo: \"\xe4\" <a@b.test>\n",
     "(NIL {2}\r\n\xc3\xa4 NIL NIL NIL (({1}\r\n\xe4 NIL \"a\" \"b.test\")) NIL NIL NIL NIL)"},
    {"quotes and backslashes", "Subject: a\"b\\c\nTo: \"a\\\"b\\\\c\" <a@b.test>\n",
     "(NIL \"a\\\"b\\\\c\" NIL NIL NIL ((\"a\\\"b\\\\c\" NIL \"a\" \"b.test\")) NIL NIL NIL NIL)"},
};

static void envelopes_are_printed(void)
{
    check_rows(envelopes, ARRAY_LEN(envelopes), ENVELOPE);
}

static const struct row bodystructures[] = {
    {"plain text", "\nx\ny\n", "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 4 2 NIL NIL NIL NIL)"},
    {"all fields",
     "Content-Type: image/PNG; name=\"a b.png\"; x*0*=utf-8''%C3; x*1=y\nContent-ID: <i@d>\n"
     "Content-Description: what\n it is\nContent-Transfer-Encoding: base64 (yes)\nContent-MD5: "
     "Q2h=\n"
     "Content-Disposition: attachment; filename=\"=?utf-8?q?a?=\"; size=3\nContent-Language: de, "
     "en-GB\n"
     "Content-Location: http://x.test/a\n\nabc",
     "(\"image\" \"PNG\" (\"name\" \"a b.png\" \"x*0*\" \"utf-8''%C3\" \"x*1\" \"y\") \"<i@d>\" "
     "\"what it is\" \"base64\" 3 "
     "\"Q2h=\" (\"attachment\" (\"filename\" \"=?utf-8?q?a?=\" \"size\" \"3\")) (\"de\" \"en-GB\") "
     "\"http://x.test/a\")"},
    {"one language, a disposition without parameters",
     "Content-Language: de\nContent-Disposition: inline\n\n",
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL (\"inline\" NIL) (\"de\") NIL)"},
    {"a multipart",
     "Content-Type: multipart/alternative; boundary=b\nContent-Disposition: "
     "inline\n\n--b\n\nx\n--b\n"
     "Content-Type: text/html; charset=utf-8\n\n<b>y\n\n--b--\n",
     "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 0 NIL NIL NIL NIL)(\"text\" \"html\" "
     "(\"charset\" \"utf-8\") NIL NIL \"7BIT\" 5 1 "
     "NIL NIL NIL NIL) \"alternative\" (\"boundary\" \"b\") (\"inline\" NIL) NIL NIL)"},
    {"a message", "Content-Type: message/rfc822\n\nFrom: a@b.test\nSubject: s\n\nx\n",
     "(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 29 (NIL \"s\" (" A_FROM ") (" A_FROM ") (" A_FROM
     ") NIL NIL NIL NIL NIL) "
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 2 1 NIL NIL NIL NIL) 4 NIL NIL NIL NIL)"},
    {"a multipart without parts has an empty one", "Content-Type: multipart/mixed; boundary=b\n\n",
     "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL NIL NIL) \"mixed\" (\"boundary\" "
     "\"b\") NIL NIL NIL)"},
    {"other messages are no messages", "Content-Type: message/delivery-status\n\nx",
     "(\"message\" \"delivery-status\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL)"},
    {"8-bit parameters are literals", "Content-Type: a/b; name=\"\xe4\"\n\n",
     "(\"a\" \"b\" (\"name\" {1}\r\n\xe4) NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)"},
    {"a list of languages with gaps", "Content-Language: ,de,\n\n",
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL (\"de\") NIL)"},
    {"RFC 3282: languages with comments", "Content-Language: (a, b) de\n (c) , en-GB (d)\n\n",
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL (\"de\" \"en-GB\") NIL)"},
    {"languages that are none", "Content-Language: , ,(x)\n\n",
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL NIL NIL)"},
    {"a language with something after it", "Content-Language: de;q=1, \"en\", fr\n\n",
     "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL (\"de\" \"fr\") NIL)"},
};

static const struct row bodies[] = {
    {"RFC 9051 7.5.2: two text parts",
     "Content-Type: MULTIPART/MIXED; BOUNDARY=b\r\n\r\n--b\r\nContent-Type: TEXT/PLAIN; "
     "CHARSET=US-ASCII\r\n\r\nx\r\n--b\r\n"
     "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\nContent-ID: "
     "<960723163407.20117h@cac.washington.edu>\r\n"
     "Content-Description: Compiler diff\r\nContent-Transfer-Encoding: "
     "BASE64\r\n\r\nxyz\r\n\r\n--b--\r\n",
     "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1 0)(\"TEXT\" \"PLAIN\" "
     "(\"CHARSET\" \"US-ASCII\" \"NAME\" "
     "\"cc.diff\") \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 5 1) "
     "\"MIXED\")"},
    {"a multipart without parts", "Content-Type: multipart/mixed; boundary=b\n\n",
     "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0) \"mixed\")"},
};

static void body_structures_are_printed(void)
{
    check_rows(bodystructures, ARRAY_LEN(bodystructures), BODYSTRUCTURE);
    check_rows(bodies, ARRAY_LEN(bodies), BODY);
}

#define MULTIPART "Content-Type: multipart/mixed; boundary=b\n\n"

static const struct row previews[] = {
    {"white space is folded", "\n  Hello,\r\n\r\n\t there \n", "Hello, there"},
    {"quoted-printable in a charset",
     "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
     "quoted-printable\n\nGr=FC=\n=DFe\n",
     "Grüße"},
    {"HTML", "Content-Type: text/html\n\n<style>x</style><p>a &amp; b</p>", "a & b"},
    {"plain before HTML", MULTIPART "--b\nContent-Type: text/html\n\nh\n--b\n\np\n--b--\n", "p"},
    {"no attachments", MULTIPART "--b\nContent-Disposition: attachment\n\nx\n--b\n\np\n", "p"},
    {"blank text gives way to HTML",
     MULTIPART "--b\n\n \n--b\nContent-Type: text/html\n\nh\n--b--\n", "h"},
    {"no text", "Content-Type: image/png\n\nx", ""},
    {"inside a forwarded message", "Content-Type: message/rfc822\n\nA: b\n\nx", "x"},
    {"base64", "Content-Transfer-Encoding: BASE64\n\nSGVs\nbG8=", "Hello"},
    {"zero-width characters of newsletters", "\n\xe2\x80\x8b\xc2\xa0 a\xe2\x80\x8b \xc2\xa0 b",
     "a b"},
};

static const struct row message_fields[] = {
    {"all of them",
     "Message-ID: <a@b>\nReferences: <c@d>\n <e@f>\nIn-Reply-To: <e@f>\nSubject: Re: "
     "=?utf-8?q?=C3=84?= X\n",
     "Re: Ä X|Ä x|a@b|2"},
    {"none of them", "\n", "|||0"},
};

static void previews_and_fields_are_decoded(void)
{
    check_rows(previews, ARRAY_LEN(previews), PREVIEW);
    check_rows(message_fields, ARRAY_LEN(message_fields), SUBJECT);
}

static void a_preview_ends_at_a_character(void)
{
    for (size_t pad = 0; pad < 4; pad++) {
        struct mime_message m;
        struct arena arena;
        struct buf in, out;

        arena_init(&arena, 100000);
        buf_init(&in, 100000);
        buf_init(&out, 1000);
        buf_c(&in, "\n");
        for (size_t i = 0; i < pad; i++)
            buf_char(&in, 'a');
        while (in.n < 5000)
            buf_c(&in, "\xe2\x82\xac");
        mime_parse(buf_view(&in), &arena, &m);
        mime_print_preview(&out, &m, &arena);
        CHECK(out.n <= LIMIT_MIME_PREVIEW && out.n > LIMIT_MIME_PREVIEW - 3 &&
              (out.n - pad) % 3 == 0);
        arena_done(&arena);
        buf_done(&in);
        buf_done(&out);
    }
}

/* Builds n levels or parts of a shape and parses them with this arena. */
static void parse_built(struct buf *in, size_t arena_max, struct arena *arena,
                        struct mime_message *m)
{
    arena_init(arena, arena_max);
    mime_parse(buf_view(in), arena, m);
    mime_check_tree(m);
    mime_check_bytes(buf_view(in), arena_max);
}

static void depth_parts_and_parameters_are_bounded(void)
{
    struct mime_message m;
    struct arena arena;
    struct buf in;

    buf_init(&in, 1 << 20);
    for (int i = 0; i < 200; i++)
        buf_printf(&in, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
    parse_built(&in, 1 << 20, &arena, &m);
    CHECK_U64(m.parts_n, LIMIT_MIME_DEPTH);
    CHECK_STR(m.parts[m.parts_n - 1].type, STR("APPLICATION"));
    CHECK(!m.parts[m.parts_n - 1].multipart && m.parts[m.parts_n - 1].end_at == in.n);
    arena_done(&arena);

    buf_reset(&in);
    for (int i = 0; i < 200; i++)
        buf_c(&in, "Content-Type: message/rfc822\n\n");
    parse_built(&in, 1 << 20, &arena, &m);
    CHECK_U64(m.parts_n, LIMIT_MIME_DEPTH);
    arena_done(&arena);

    buf_reset(&in);
    buf_c(&in, MULTIPART);
    for (int i = 0; i < LIMIT_MIME_PARTS + 100; i++)
        buf_c(&in, "--b\n\nx\n");
    parse_built(&in, 1 << 20, &arena, &m);
    CHECK_U64(m.parts_n, LIMIT_MIME_PARTS);
    CHECK(m.parts[m.parts_n - 1].end_at == in.n && m.parts[m.parts_n - 2].end_at < in.n);
    arena_done(&arena);

    buf_reset(&in);
    buf_c(&in, "Content-Type: text/plain");
    for (int i = 0; i < LIMIT_MIME_PARAMETERS + 100; i++)
        buf_printf(&in, "; p%d=x", i);
    parse_built(&in, 1 << 20, &arena, &m);
    CHECK_U64(m.parts[0].params_n, LIMIT_MIME_PARAMETERS);
    arena_done(&arena);
    buf_done(&in);
}

static void a_full_arena_leaves_the_rest_in_one_part(void)
{
    struct mime_message m;
    struct arena arena;
    struct buf in;

    buf_init(&in, 1 << 20);
    buf_c(&in, MULTIPART);
    for (int i = 0; i < 100; i++)
        buf_c(&in, "--b\nContent-Type: text/plain; charset=\"a\\b\"\n\nx\n");
    for (size_t max = 512; max < 60000; max += 1 + max / 9) {
        parse_built(&in, max, &arena, &m);
        CHECK(m.parts_n >= 1 && m.parts_n <= 101);
        CHECK(m.parts[m.parts_n - 1].end_at == in.n);
        arena_done(&arena);
    }
    parse_built(&in, 1 << 20, &arena, &m);
    CHECK(m.parts_n == 101 && !arena.full);
    arena_done(&arena);
    buf_done(&in);
}

static void no_bytes_at_all_are_a_message(void)
{
    struct mime_message m;
    struct arena arena;

    arena_init(&arena, 65536);
    mime_parse(STR_NULL, &arena, &m);
    mime_check_tree(&m);
    CHECK(m.parts_n == 1 && m.subject.n == 0 && m.references_n == 0 && m.date_us == INT64_MIN);
    mime_check_bytes(STR_NULL, 65536);
    arena_done(&arena);
}

/* The whole, cut short in many places, and with bytes changed. */
static void torment(struct str bytes)
{
    mime_check_bytes(test_exact(bytes), bytes.n / 2 + 65536);
    for (size_t n = 0; n < bytes.n; n += 1 + random_below(bytes.n / 20 + 1))
        mime_check_bytes(str_sub(bytes, 0, n), bytes.n / 2 + 65536);
    for (int i = 0; i < 30; i++) {
        char *copy = str_dup_c(bytes);

        for (int k = 0; k < 1 + i && bytes.n; k++)
            copy[random_below(bytes.n)] = "\r\n\0-=\";:<>(\\,@? \xff"[random_below(18)];
        mime_check_bytes(str_of(copy, bytes.n), bytes.n / 2 + 65536);
        mem_free(copy);
    }
}

static unsigned parts_of_others;

static void check_message(const char *path, struct str bytes)
{
    struct mime_message m;
    struct arena arena;

    torment(bytes);
    arena_init(&arena, bytes.n / 2 + 65536);
    mime_parse(bytes, &arena, &m);
    parts_of_others += m.parts_n;
    CHECK_ROW(m.date_us != INT64_MIN || m.parts[0].body_at < 1000, path);
    CHECK_ROW(!arena.full, path);
    arena_done(&arena);
}

static void messages_of_others_hold_what_must_hold(void)
{
    CHECK_U64(mime_each_message(check_message), 213);
    CHECK_U64(parts_of_others, 469);
}

int main(void)
{
    mime_process_init();
    RUN(trees_are_built);
    RUN(envelopes_are_printed);
    RUN(body_structures_are_printed);
    RUN(previews_and_fields_are_decoded);
    RUN(a_preview_ends_at_a_character);
    RUN(depth_parts_and_parameters_are_bounded);
    RUN(a_full_arena_leaves_the_rest_in_one_part);
    RUN(no_bytes_at_all_are_a_message);
    RUN(messages_of_others_hold_what_must_hold);
    return test_end();
}
