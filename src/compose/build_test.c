/* compose/build_test.c: how headers and messages look that build.h writes, and what it refuses. */
#include "compose/build_body.c"

#include "base/test.h"
#include "compose/build_check.h"
#include "mime/param.h"
#include "mime/thread.h"

static struct buf out;
static struct compose w;

static void begin(void)
{
    buf_done(&out);
    buf_init(&out, 1 << 20);
    compose_init(&w, &out);
}

static const struct text_case {
    const char *name, *input, *want;
} text_cases[] = {
    {"plain words stay as they are", "Hello there", "X: Hello there\r\n"},
    {"nothing is an empty field", "", "X:\r\n"},
    {"blanks at the ends go, a tab is a space", " a\tb  c ", "X: a b  c\r\n"},
    {"words that are not ASCII are encoded together", "na\xc3\xafve caf\xc3\xa9 talk",
     "X: =?utf-8?q?na=C3=AFve_caf=C3=A9?= talk\r\n"},
    {"what is mostly ASCII is encoded so that it can be read", "Gr\xc3\xbcneburgweg-Apotheke",
     "X: =?utf-8?q?Gr=C3=BCneburgweg-Apotheke?=\r\n"},
    {"what looks like an encoded word is encoded", "a =?utf-8?q?b?= c",
     "X: a =?utf-8?q?=3D=3Futf-8=3Fq=3Fb=3F=3D?= c\r\n"},
    {"lines are folded between words",
     "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhh iiiiiiiii",
     "X: aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg\r\n"
     " hhhhhhhhh iiiiiiiii\r\n"},
    {"no character is cut, and no line with an encoded word is longer than 76",
     "a\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
     "\xa5"
     "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
     "\xa5",
     "X: =?utf-8?b?YeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpeaXpQ==?=\r\n "
     "=?utf-8?b?5pel5pel?=\r\n"},
};

static void text_is_encoded_and_folded(void)
{
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        begin();
        compose_text(&w, STR("X"), test_exact(str_c(text_cases[i].input)));
        if (!CHECK_ROW(str_equal(buf_view(&out), str_c(text_cases[i].want)), text_cases[i].name))
            CHECK_STR(buf_view(&out), str_c(text_cases[i].want));
    }
}

#define BOX(n, l, d)                                                                               \
    {                                                                                              \
        MIME_ADDRESS_MAILBOX, STR(n), STR_NULL, STR(l), STR(d)                                     \
    }

static void addresses_look_as_people_write_them(void)
{
    static const struct mime_address list[] = {
        BOX("", "ada", "x.test"),
        BOX("Ada Lovelace", "ada", "x.test"),
        BOX("Lovelace, Ada \"the\" Countess", "ada", "x.test"),
        {MIME_ADDRESS_GROUP, STR("M\xc3\xbcller"), STR_NULL, STR_NULL, STR_NULL},
        BOX("J\xc3\xb6rg", "j.b", "[192.0.2.1]"),
        BOX("", "a b\"c", "x.test"),
        {MIME_ADDRESS_GROUP_END, STR_NULL, STR_NULL, STR_NULL, STR_NULL},
        {MIME_ADDRESS_GROUP, STR("nobody"), STR_NULL, STR_NULL, STR_NULL},
        {MIME_ADDRESS_GROUP_END, STR_NULL, STR_NULL, STR_NULL, STR_NULL},
    };

    begin();
    compose_addresses(&w, STR("To"), list, ARRAY_LEN(list));
    CHECK_STR(
        buf_view(&out),
        STR("To: ada@x.test, Ada Lovelace <ada@x.test>, \"Lovelace, Ada \\\"the\\\" Countess\"\r\n"
            " <ada@x.test>, =?utf-8?q?M=C3=BCller?= : =?utf-8?q?J=C3=B6rg?=\r\n"
            " <j.b@[192.0.2.1]>, \"a b\\\"c\"@x.test;, nobody:;\r\n"));
}

static void no_local_part_becomes_an_encoded_word(void)
{
    static const struct mime_address one = BOX("", "=?utf-8?q?a?=", "x.test");

    begin();
    compose_address(&w, STR("To"), &one);
    CHECK_STR(buf_view(&out), STR("To: \"=\\?utf-8?q?a?=\"@x.test\r\n"));
}

static void addresses_in_utf8_need_smtputf8(void)
{
    static const struct mime_address one = BOX("", "\xc3\xa9va",
                                               "b\xc3\xbc"
                                               "cher.test");
    struct error err;

    begin();
    compose_address(&w, STR("To"), &one);
    CHECK_U64(out.n, 0);
    CHECK(!compose_end(&w, &err) && err.kind == ERROR_UNSUPPORTED);
    begin();
    w.smtputf8 = true;
    compose_address(&w, STR("To"), &one);
    CHECK_STR(buf_view(&out), STR("To: \xc3\xa9va@b\xc3\xbc"
                                  "cher.test\r\n"));
}

static const struct param_case {
    const char *name, *input, *want;
} param_cases[] = {
    {"a token stands alone", "a.txt", "X: attachment; f=a.txt\r\n"},
    {"other ASCII is quoted", "a \"b\\\".txt", "X: attachment; f=\"a \\\"b\\\\\\\".txt\"\r\n"},
    {"an apostrophe is quoted", "'", "X: attachment; f=\"'\"\r\n"},
    {"nothing is quoted too", "", "X: attachment; f=\"\"\r\n"},
    {"UTF-8 is extended", "\xe2\x82\xac 5.txt", "X: attachment; f*=utf-8''%E2%82%AC%205.txt\r\n"},
    {"an encoded word is no encoded word",
     "=?utf-8?q?a?=", "X: attachment; f*=utf-8''%3D%3Futf-8%3Fq%3Fa%3F%3D\r\n"},
    {"long values come in pieces",
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
     "X: attachment;\r\n"
     " f*0*=utf-8''0123456789012345678901234567890123456789012345678901234567890123;\r\n"
     " f*1*=456789012345678901234567\r\n"},
};

static void parameters_take_the_simplest_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(param_cases); i++) {
        struct mime_param param = {STR("f"), test_exact(str_c(param_cases[i].input))};

        begin();
        compose_params(&w, STR("X"), STR("attachment"), &param, 1);
        if (!CHECK_ROW(str_equal(buf_view(&out), str_c(param_cases[i].want)), param_cases[i].name))
            CHECK_STR(buf_view(&out), str_c(param_cases[i].want));
    }
}

/* Gives one bad value to each of them. */
static void give(size_t which, struct str value)
{
    struct mime_address address = {.local = STR("a"), .domain = STR("x.test")};
    struct mime_param param = {STR("f"), value};

    switch (which) {
    case 0:
        compose_text(&w, STR("X"), value);
        break;
    case 1:
        address.name = value;
        compose_address(&w, STR("X"), &address);
        break;
    case 2:
        address.local = value;
        compose_address(&w, STR("X"), &address);
        break;
    case 3:
        address.domain = value;
        compose_address(&w, STR("X"), &address);
        break;
    case 4:
        compose_ids(&w, STR("X"), &value, 1);
        break;
    case 5:
        compose_params(&w, STR("X"), STR("a/b"), &param, 1);
        break;
    case 6:
        param = (struct mime_param){value, STR("v")};
        compose_params(&w, STR("X"), STR("a/b"), &param, 1);
        break;
    case 7:
        compose_params(&w, STR("X"), value, NULL, 0);
        break;
    case 8:
        compose_text(&w, value, STR("v"));
        break;
    case 9:
        compose_new_id(&w, value);
        break;
    case 10:
        compose_body_bytes(&w, value, NULL, 0, STR("v"));
        break;
    case 11:
        compose_body_text(&w, value, NULL, 0, STR("v"));
        break;
    default:
        compose_multipart_begin(&w, value, NULL, 0);
        compose_part_begin(&w);
        compose_body_text(&w, STR("plain"), NULL, 0, STR("v"));
        compose_multipart_end(&w);
        break;
    }
}

static void no_value_becomes_a_second_field(void)
{
    static const struct str bad[] = {{"a\r\nBcc: b@x.test", 16},
                                     {"a\nb", 3},
                                     {"a\rb", 3},
                                     {"a\0b", 3},
                                     {"\x1b[2J", 4},
                                     {"a\x7f", 2},
                                     {"\xff", 1},
                                     {"\xc3", 1},
                                     {"\r\n", 2},
                                     {"\r\n b", 4}};

    for (size_t which = 0; which < 13; which++) {
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            struct error err = {0};

            begin();
            buf_c(&out, "before");
            compose_init(&w, &out);
            compose_text(&w, STR("Subject"), STR("s"));
            give(which, test_exact(bad[i]));
            if (w.state == COMPOSE_HEADER) /* nothing is written any more */
                compose_text(&w, STR("Y"), STR("y"));
            CHECK(str_find(buf_view(&out), STR("Y:")) == SIZE_MAX);
            CHECK(!compose_end(&w, &err) && err.kind == ERROR_SYNTAX);
            CHECK_STR(buf_view(&out), STR("before"));
        }
    }
}

static void what_is_too_long_is_refused(void)
{
    static char many[LIMIT_WRITE_TEXT + 1];
    struct error err = {0};

    memset(many, 'a', sizeof many);
    for (size_t which = 0; which < 9; which++) {
        begin();
        give(which, str_of(many, sizeof many));
        CHECK(!compose_end(&w, &err) && err.kind != ERROR_NONE && out.n == 0);
    }
    begin();
    give(0, str_of(many, LIMIT_WRITE_TEXT));
    CHECK(compose_end(&w, NULL) && compose_embeddable(buf_view(&out)));
    begin();
    give(5, str_of(many, LIMIT_WRITE_PARAM));
    CHECK(compose_end(&w, NULL));
    begin();
    give(5, str_of(many, LIMIT_WRITE_PARAM + 1));
    CHECK(!compose_end(&w, &err) && err.kind == ERROR_LIMIT);
}

static void a_full_buffer_leaves_nothing_behind(void)
{
    for (size_t max = 0; max < 200; max++) {
        struct buf small;
        struct error err = {0};

        buf_init(&small, max);
        compose_init(&w, &small);
        compose_text(&w, STR("Subject"), STR("na\xc3\xafve"));
        compose_body_text(&w, STR("plain"), NULL, 0, STR("caf\xc3\xa9"));
        if (compose_end(&w, &err)) {
            CHECK(max > 100 && small.n <= max);
            max = 200;
        } else {
            CHECK(err.kind == ERROR_LIMIT && small.n == 0);
        }
        buf_done(&small);
    }
}

static void lists_that_are_none_are_refused(void)
{
    static const struct mime_address end = {.kind = MIME_ADDRESS_GROUP_END},
                                     open = {.kind = MIME_ADDRESS_GROUP, .name = STR("g")};
    const struct mime_address two[] = {open, open, end};
    static const struct mime_param twice[] = {{STR("a"), STR("1")}, {STR("A"), STR("2")}};

    begin();
    compose_addresses(&w, STR("To"), &end, 0);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_address(&w, STR("To"), &end);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_address(&w, STR("To"), &open);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_addresses(&w, STR("To"), two, 3);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_params(&w, STR("X"), STR("a"), twice, 2);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_ids(&w, STR("X"), NULL, 0);
    CHECK(!compose_end(&w, NULL));
    begin();
    compose_date(&w, STR("Date"), INT64_MAX);
    CHECK(!compose_end(&w, NULL));
}

static void of_many_references_the_first_and_the_last_are_kept(void)
{
    static char text[300][LIMIT_WRITE_ID];
    struct str ids[300], *got;
    struct arena arena;
    uint32_t got_n;

    for (size_t length = 10; length <= LIMIT_WRITE_ID; length += 445) {
        for (size_t i = 0; i < 300; i++) {
            memset(text[i], 'x', length);
            text[i][0] = (char)('a' + i / 26);
            text[i][1] = (char)('a' + i % 26);
            ids[i] = str_of(text[i], length);
        }
        begin();
        compose_ids(&w, STR("References"), ids, 300);
        CHECK(w.err.kind == ERROR_NONE && out.n <= LIMIT_MIME_FIELD);
        arena_init(&arena, 1 << 20);
        mime_references(buf_view(&out), STR_NULL, &arena, &got, &got_n);
        CHECK(got_n > 60 && got_n <= LIMIT_MIME_REFERENCES);
        CHECK_STR(got[0], ids[0]);
        for (size_t i = 1; i < got_n; i++)
            CHECK_STR(got[i], ids[300 - got_n + i]);
        arena_done(&arena);
    }
}

/* ---- bodies ---- */

static const struct body_case {
    const char *name, *input, *want;
} body_cases[] = {
    {"ASCII is 7bit, and gets its last line end", "a\nb", "7bit\r\n\r\na\r\nb\r\n"},
    {"nothing is nothing", "", "7bit\r\n\r\n"},
    {"a few letters make it quoted-printable",
     "Gr\xc3\xbc\xc3\x9f"
     "e aus dem Tal = \n",
     "quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe aus dem Tal =3D=20\r\n"},
    {"many make it base64", "\xe6\x97\xa5\xe6\x9c\xac\n", "base64\r\n\r\n5pel5pysDQo=\r\n"},
    {"From at the start of a line is hidden", "From me\n From you\n",
     "quoted-printable\r\n\r\n=46rom me\r\n From you\r\n"},
    {"a CR alone is no line end", "a\rb\n", "base64\r\n\r\nYQ1iDQo=\r\n"},
};

static void text_is_encoded_as_it_needs(void)
{
    for (size_t i = 0; i < ARRAY_LEN(body_cases); i++) {
        struct str got;

        begin();
        compose_body_text(&w, STR("plain"), NULL, 0, test_exact(str_c(body_cases[i].input)));
        CHECK(compose_end(&w, NULL));
        got = str_skip(buf_view(&out), str_find(buf_view(&out), STR("Encoding: ")) + 10);
        if (!CHECK_ROW(str_equal(got, str_c(body_cases[i].want)), body_cases[i].name))
            CHECK_STR(got, str_c(body_cases[i].want));
    }
}

static void long_lines_are_broken_softly(void)
{
    static char line[2000];

    memset(line, 'a', sizeof line);
    begin();
    compose_body_text(&w, STR("plain"), NULL, 0, str_of(line, 998));
    CHECK(str_find(buf_view(&out), STR("7bit")) != SIZE_MAX);
    begin();
    compose_body_text(&w, STR("plain"), NULL, 0, str_of(line, 999));
    CHECK(str_find(buf_view(&out), STR("quoted-printable")) != SIZE_MAX);
    CHECK(str_find(buf_view(&out), STR("aaa=\r\naaa")) != SIZE_MAX);
    CHECK(compose_embeddable(buf_view(&out)));
}

static unsigned char repeated;

/* Gives the same bytes twice, then others. */
static void little_randomness(void *p, size_t n)
{
    memset(p, repeated++ / 2 / (COMPOSE_BOUNDARY_LEN - 2), n);
}

static void a_boundary_is_nowhere_in_the_parts(void)
{
    struct str inner = STR("--=_aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n=_aaaaaaaaaaaaaaaaaaaaaaaaaa--\r\n");
    struct mime_message m;
    struct arena arena;

    repeated = 0;
    random_set_source(little_randomness);
    begin();
    compose_multipart_begin(&w, STR("mixed"), NULL, 0);
    compose_part_begin(&w);
    compose_body_text(&w, STR("plain"), NULL, 0, STR("one\n"));
    compose_part_begin(&w);
    compose_body_text(&w, STR("plain"), NULL, 0, inner);
    compose_part_begin(&w);
    compose_body_message(&w, inner);
    compose_multipart_end(&w);
    CHECK(compose_end(&w, NULL));
    random_set_source(NULL);
    arena_init(&arena, 1 << 20);
    mime_parse(buf_view(&out), &arena, &m);
    CHECK_U64(m.parts_n, 5);
    CHECK_STR(str_sub(m.bytes, m.parts[2].body_at, m.parts[2].end_at - m.parts[2].body_at), inner);
    CHECK(repeated > 0);
    arena_done(&arena);
}

static void a_multipart_is_8bit_when_its_parts_are(void)
{
    begin();
    compose_multipart_begin(&w, STR("mixed"), NULL, 0);
    compose_part_begin(&w);
    compose_multipart_begin(&w, STR("digest"), NULL, 0);
    compose_part_begin(&w);
    compose_body_message(&w, STR("\r\n\xc3\xa9\r\n"));
    compose_multipart_end(&w);
    compose_multipart_end(&w);
    CHECK(compose_end(&w, NULL));
    CHECK(str_starts(buf_view(&out), STR("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n"
                                         "Content-Type: multipart/mixed;")));
    CHECK(str_find(buf_view(&out), STR("\r\nContent-Transfer-Encoding: 8bit\r\n"
                                       "Content-Type: multipart/digest;")) != SIZE_MAX);
}

static void what_can_not_be_embedded_is_refused(void)
{
    static const char *const bad[] = {"a", "a\n", "a\r", "a\rb\r\n", "a\r\nb"};
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_ROW(!compose_embeddable(str_c(bad[i])), bad[i]);
        begin();
        compose_body_message(&w, str_c(bad[i]));
        CHECK(!compose_end(&w, &err) && err.kind == ERROR_UNSUPPORTED && out.n == 0);
    }
    CHECK(!compose_embeddable(STR("a\0b\r\n")));
    CHECK(compose_embeddable(STR("")));
}

/* The first use: a warning to the owner of an account. */
static void a_notice_is_a_message(void)
{
    struct mime_address from = BOX("Posthus", "postmaster", "x.test"),
                        to = BOX("\xc3\x89va", "eva", "x.test");
    struct mime_message m;
    struct arena arena;

    begin();
    compose_address(&w, STR("From"), &from);
    compose_address(&w, STR("To"), &to);
    compose_text(&w, STR("Subject"), STR("Ihr Postfach ist fast voll \xe2\x80\x93 90 %"));
    compose_date(&w, STR("Date"), INT64_C(1795527123000000));
    compose_new_id(&w, STR("x.test"));
    compose_text(&w, STR("Auto-Submitted"), STR("auto-generated")); /* RFC 3834 section 5 */
    compose_body_text(&w, STR("plain"), NULL, 0, STR("90 % of \xe2\x82\xac 5 are used.\n"));

    CHECK(compose_end(&w, NULL));
    arena_init(&arena, 1 << 20);
    mime_parse(buf_view(&out), &arena, &m);
    CHECK_STR(m.subject, STR("Ihr Postfach ist fast voll \xe2\x80\x93 90 %"));
    CHECK_U64(m.date_us, INT64_C(1795527123000000));
    CHECK(str_ends(m.message_id, STR("@x.test")) && m.message_id.n == 33);
    CHECK(str_starts(buf_view(&out),
                     STR("From: Posthus <postmaster@x.test>\r\n"
                         "To: =?utf-8?q?=C3=89va?= <eva@x.test>\r\n"
                         "Subject: Ihr Postfach ist fast voll =?utf-8?b?4oCT?= 90 %\r\n"
                         "Date: Tue, 24 Nov 2026 13:32:03 +0000\r\nMessage-ID: <")));
    CHECK(str_ends(buf_view(&out), STR("\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                                       "Content-Type: text/plain; charset=utf-8\r\n"
                                       "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                                       "90 % of =E2=82=AC 5 are used.\r\n")));
    arena_done(&arena);
}

static void a_report_has_its_three_parts(void)
{
    struct mime_param report = {STR("report-type"), STR("delivery-status")};
    struct mime_message m;
    struct arena arena;

    begin();
    compose_multipart_begin(&w, STR("report"), &report, 1);
    compose_part_begin(&w);
    compose_body_text(&w, STR("plain"), NULL, 0, STR("It did not arrive.\n"));
    compose_part_begin(&w);
    compose_status_begin(&w);
    compose_text(&w, STR("Reporting-MTA"), STR("dns; mx.x.test"));
    compose_status_next(&w);
    compose_text(&w, STR("Final-Recipient"), STR("rfc822; eva@x.test"));
    compose_text(&w, STR("Action"), STR("failed"));
    compose_text(&w, STR("Status"), STR("5.1.1"));
    compose_status_end(&w);
    compose_part_begin(&w);
    compose_body_message(&w, STR("Subject: a\r\n\r\nb\r\n"));
    compose_multipart_end(&w);
    CHECK(compose_end(&w, NULL));
    arena_init(&arena, 1 << 20);
    mime_parse(buf_view(&out), &arena, &m);
    CHECK_U64(m.parts_n, 5);
    CHECK_STR(m.parts[2].subtype, STR("delivery-status"));
    CHECK_STR(str_sub(m.bytes, m.parts[2].body_at, m.parts[2].end_at - m.parts[2].body_at),
              STR("Reporting-MTA: dns; mx.x.test\r\n\r\nFinal-Recipient: rfc822; eva@x.test\r\n"
                  "Action: failed\r\nStatus: 5.1.1\r\n"));
    CHECK_STR(mime_param_find(m.parts[0].params, m.parts[0].params_n, STR("report-type")),
              STR("delivery-status"));
    arena_done(&arena);
}

/* build_property_test does ten times as many. */
static void what_is_written_is_read_again(void)
{
    CHECK_U64(compose_check(1, 100000), 100000);
}

int main(void)
{
    RUN(text_is_encoded_and_folded);
    RUN(addresses_look_as_people_write_them);
    RUN(no_local_part_becomes_an_encoded_word);
    RUN(addresses_in_utf8_need_smtputf8);
    RUN(parameters_take_the_simplest_form);
    RUN(no_value_becomes_a_second_field);
    RUN(what_is_too_long_is_refused);
    RUN(a_full_buffer_leaves_nothing_behind);
    RUN(lists_that_are_none_are_refused);
    RUN(of_many_references_the_first_and_the_last_are_kept);
    RUN(text_is_encoded_as_it_needs);
    RUN(long_lines_are_broken_softly);
    RUN(a_boundary_is_nowhere_in_the_parts);
    RUN(a_multipart_is_8bit_when_its_parts_are);
    RUN(what_can_not_be_embedded_is_refused);
    RUN(a_notice_is_a_message);
    RUN(a_report_has_its_three_parts);
    RUN(what_is_written_is_read_again);
    buf_done(&out);
    return test_end();
}
