/* imap/parse_test.c: the grammar's lower rules, names, the writer, the reader and the view. */
#include "base/limits.h"
#include "base/test.h"
#include "imap/names.h"
#include "imap/parse.h"
#include "imap/reader.h"
#include "imap/search.h"
#include "imap/section.h"
#include "imap/view.h"
#include "imap/write.h"

#include <string.h>

static struct arena arena;
static struct imap_parse parse;

static struct imap_parse *input(const char *text)
{
    arena_done(&arena);
    arena_init(&arena, LIMIT_IMAP_ARENA);
    imap_parse_init(&parse, test_exact(str_c(text)), &arena, false);
    return &parse;
}

/* ---- names ---- */

static const struct name_case {
    const char *utf8, *utf7;
} name_cases[] = {
    {"INBOX", "INBOX"},
    {"a&b", "a&-b"},
    {"Entw\xc3\xbcrfe", "Entw&APw-rfe"},
    {"\xe5\x8f\xb0\xe5\x8c\x97", "&U,BTFw-"},
    {"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
    {"\xf0\x9f\x93\xac", "&2D3c7A-"},
    {"&", "&-"},
    {"\xc3\xbc&\xc3\xbc", "&APw-&-&APw-"},
};

static void names_go_both_ways(void)
{
    for (size_t i = 0; i < ARRAY_LEN(name_cases); i++) {
        const struct name_case *c = &name_cases[i];
        struct buf out;
        struct str back = STR_NULL;
        buf_init(&out, 1000);
        imap_utf7_print(&out, str_c(c->utf8));
        CHECK_STR(buf_view(&out), str_c(c->utf7));
        input("");
        CHECK_ROW(imap_utf7_parse(test_exact(str_c(c->utf7)), &arena, &back, NULL), c->utf7);
        CHECK_STR(back, str_c(c->utf8));
        buf_done(&out);
    }
}

static void two_spellings_of_one_name_are_not_taken(void)
{
    static const char *const bad[] = {"&",          "&AP",      "&APw",    "&AGE-",
                                      "&2D3-",      "&3Ow-",    "&APx-",   "a&AP!w-",
                                      "&APw-&APw-", "&AAA-&-&", "&U,BTFw", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct str out;
        input("");
        CHECK_ROW(!imap_utf7_parse(test_exact(str_c(bad[i])), &arena, &out, NULL), bad[i]);
    }
}

/* ---- strings and dates ---- */

static const struct string_case {
    const char *name, *input, *want; /* want NULL: refused */
} astring_cases[] = {
    {"an atom", "abc ", "abc"},
    {"an atom with ]", "a]b ", "a]b"},
    {"quoted", "\"a b\"", "a b"},
    {"escapes", "\"a\\\"\\\\\"", "a\"\\"},
    {"another escape", "\"a\\b\"", NULL},
    {"unfinished", "\"abc", NULL},
    {"a CR inside", "\"a\rb\"", NULL},
    {"a literal", "{3}\r\na\"b", "a\"b"},
    {"a non-synchronizing one", "{2+}\r\nab", "ab"},
    {"a literal too short", "{4}\r\nab", NULL},
    {"an empty one", "\"\"", ""},
    {"nothing", "", NULL},
    {"a parenthesis", "(", NULL},
    {"8-bit", "\"\xc3\xbc\"", "\xc3\xbc"},
};

static void strings_are_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(astring_cases); i++) {
        const struct string_case *c = &astring_cases[i];
        struct str s = imap_take_astring(input(c->input));
        CHECK_ROW(parse.c.failed == (c->want == NULL), c->name);
        CHECK_ROW(!c->want || str_equal(s, str_c(c->want)), c->name);
    }
}

static const struct date_case {
    const char *input;
    int64_t seconds; /* -1: refused */
} date_cases[] = {
    {"\" 1-Jan-1970 00:00:00 +0000\"", 0},
    {"\"01-Jan-1970 01:00:00 +0100\"", 0},
    {"\"24-Nov-2026 13:17:26 +0000\"", 1795526246},
    {"\"29-Feb-2024 12:00:00 -0730\"", 1709235000},
    {"\"29-feb-2023 12:00:00 +0000\"", -1},
    {"\"31-Apr-2023 12:00:00 +0000\"", -1},
    {"\"1-Jan-1970 24:00:00 +0000\"", -1},
    {"\"1-Jan-1970 00:00:00 0000\"", -1},
    {"\"1-Jan-70 00:00:00 +0000\"", -1},
    {"\"1-Jup-1970 00:00:00 +0000\"", -1},
};

static void dates_are_read_and_written(void)
{
    for (size_t i = 0; i < ARRAY_LEN(date_cases); i++) {
        const struct date_case *c = &date_cases[i];
        int64_t us = imap_take_date_time(input(c->input));
        CHECK_ROW(parse.c.failed == (c->seconds < 0), c->input);
        if (c->seconds >= 0)
            CHECK_U64(us / 1000000, c->seconds);
    }
    for (int64_t days = -40000; days < 90000; days += 17) {
        int64_t year;
        unsigned month, day;
        imap_civil(days, &year, &month, &day);
        CHECK(imap_days(year, month, day) == days);
        CHECK(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    }
    struct buf out;
    buf_init(&out, 100);
    imap_write_date_time(&out, INT64_C(1709235000) * 1000000 - 1);
    CHECK_STR(buf_view(&out), STR("\"29-Feb-2024 19:29:59 +0000\""));
    buf_done(&out);
}

static void sets_are_bounded(void)
{
    struct imap_set set = imap_take_set(input("1,3:*,*:7,12"));
    CHECK_U64(set.n, 4);
    CHECK(set.ranges[1].from == 3 && set.ranges[1].to == IMAP_STAR && !parse.c.failed);
    CHECK(imap_take_set(input("$")).saved);
    static const char *const bad[] = {"0", "1:", ",1", "1,,2", "a", "4294967296", "1:0", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)imap_take_set(input(bad[i]));
        CHECK_ROW(parse.c.failed, bad[i]);
    }
    struct buf many;
    buf_init(&many, 1 << 20);
    for (int i = 0; i <= LIMIT_IMAP_ITEMS; i++)
        buf_c(&many, "1,");
    buf_c(&many, "1");
    imap_parse_init(&parse, buf_view(&many), &arena, false);
    (void)imap_take_set(&parse);
    CHECK(parse.c.failed && parse.c.err.kind == ERROR_LIMIT);
    buf_done(&many);
}

/* ---- the writer ---- */

/* Whatever goes out as a string comes back as it was: nothing breaks out of it. */
static void what_is_written_is_read_again(void)
{
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        char text[40];
        struct buf out;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t n = seed >> 60;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[k] = (seed >> 40) % 3 ? (char)(seed >> 56) : "\"\\\r\n{}() "[(seed >> 50) % 9];
        }
        buf_init(&out, 1000);
        imap_write_astring(&out, str_of(text, n));
        buf_c(&out, " ");
        imap_parse_init(&parse, buf_view(&out), &arena, false);
        struct str back = imap_take_astring(&parse);
        CHECK(!parse.c.failed && str_equal(back, str_of(text, n)));
        CHECK_U64(cursor_rest(&parse.c).n, 1);
        buf_done(&out);
        arena_done(&arena);
    }
}

static void words_of_an_answer_stay_in_their_line(void)
{
    struct buf out;
    struct error err;
    buf_init(&out, 2000);
    imap_write_status(&out, STR("a"), "NO", STR("X\r\ny"), STR("a\r\n* BYE\xff"));
    CHECK_STR(buf_view(&out), STR("a NO [X??y] a??* BYE?\r\n"));
    for (int kind = 1; kind < ERROR_KINDS; kind++) {
        err = (struct error){.kind = (enum error_kind)kind};
        buf_reset(&out);
        imap_write_error(&out, STR("a"), &err, "TRYCREATE");
        CHECK(str_ends(buf_view(&out), STR("It did not work; try again later.\r\n")));
    }
    static const uint32_t numbers[] = {1, 2, 3, 7, 9, 10};
    buf_reset(&out);
    imap_write_set(&out, numbers, ARRAY_LEN(numbers));
    CHECK_STR(buf_view(&out), STR("1:3,7,9:10"));
    buf_done(&out);
}

/* ---- sections and searches ---- */

static const struct section_case {
    const char *input, *want; /* as written again; NULL: refused */
} section_cases[] = {
    {"[]", "[]"},
    {"[TEXT]", "[TEXT]"},
    {"[1.2.3]", "[1.2.3]"},
    {"[1.mime]<5.10>", "[1.MIME]<5>"},
    {"[2.HEADER.fields.not (a \"b c\")]", "[2.HEADER.FIELDS.NOT (a \"b c\")]"},
    {"[MIME]", NULL},
    {"[0]", NULL},
    {"[1.]", NULL},
    {"[HEADER.FIELDS ()]", NULL},
    {"[]<1>", NULL},
    {"[]<1.0>", NULL},
    {"[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1."
     "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1]",
     NULL},
};

static void sections_are_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(section_cases); i++) {
        const struct section_case *c = &section_cases[i];
        struct imap_section section;
        struct buf out;
        buf_init(&out, 1000);
        imap_take_section(input(c->input), &section);
        CHECK_ROW(parse.c.failed == (c->want == NULL), c->input);
        if (c->want) {
            imap_write_section(&out, &section);
            CHECK_STR(buf_view(&out), str_c(c->want));
        }
        buf_done(&out);
    }
}

static void searches_are_not_nested_without_end(void)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_c(&in, "(");
    imap_parse_init(&parse, buf_view(&in), &arena, false);
    CHECK(imap_take_search(&parse, STR("UTF-8")) == NULL);
    CHECK_U64(parse.c.err.kind, ERROR_LIMIT);
    /* A long chain of OR is not deep: clients look for many things at once. */
    buf_reset(&in);
    for (int i = 0; i < 500; i++)
        buf_c(&in, "OR SEEN ");
    buf_c(&in, "UNSEEN\r\n");
    imap_parse_init(&parse, buf_view(&in), &arena, false);
    CHECK(imap_take_search(&parse, STR("UTF-8")) != NULL);
    buf_reset(&in);
    for (int i = 0; i < 500; i++)
        buf_c(&in, "NOT ");
    buf_c(&in, "UNSEEN\r\n");
    imap_parse_init(&parse, buf_view(&in), &arena, false);
    CHECK(imap_take_search(&parse, STR("UTF-8")) == NULL);
    buf_done(&in);
}

/* ---- the reader ---- */

static void a_refused_literal_is_not_read_as_commands(void)
{
    struct imap_reader r;
    size_t used;
    struct str in = STR("a X {5+}\r\nb A\r\n{3+}\r\nc\r\n\r\nd NOOP\r\n");
    imap_reader_init(&r, 100, 200, false);
    CHECK_U64(imap_reader_feed(&r, in, &used), IMAP_READ_LITERAL);
    CHECK_STR(imap_reader_command(&r), STR("a X {5+}\r\n"));
    imap_reader_refuse(&r);
    in = str_skip(in, used);
    CHECK_U64(imap_reader_feed(&r, in, &used), IMAP_READ_COMMAND);
    CHECK_STR(imap_reader_command(&r), STR("d NOOP\r\n"));
    imap_reader_done(&r);
}

static void long_lines_are_skipped(void)
{
    struct imap_reader r;
    size_t used;
    struct buf in;
    buf_init(&in, 1000);
    buf_c(&in, "a ");
    for (int i = 0; i < 150; i++)
        buf_char(&in, 'x');
    buf_c(&in, " {4+}\r\nb A\n\r\nc NOOP\r\n");
    imap_reader_init(&r, 100, 200, false);
    CHECK_U64(imap_reader_feed(&r, buf_view(&in), &used), IMAP_READ_TOO_LONG);
    struct str rest = str_skip(buf_view(&in), used);
    CHECK_U64(imap_reader_feed(&r, rest, &used), IMAP_READ_COMMAND);
    CHECK_STR(imap_reader_command(&r), STR("c NOOP\r\n"));
    buf_done(&in);
    imap_reader_done(&r);
}

/* ---- the view ---- */

/* Against an array that does the same by hand. */
static void the_view_counts_as_an_array_does(void)
{
    struct imap_view v;
    uint32_t all[600], n = 0, uid = 0;
    uint64_t seed = 99;
    imap_view_init(&v);
    for (int round = 0; round < 300; round++) {
        uint32_t gone[20], g = 0;
        for (int i = 0; i < 4 && n < 500; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uid += 1 + (uint32_t)(seed >> 60) / 12;
            imap_view_add(&v, uid);
            all[n++] = uid;
        }
        for (uint32_t i = n; i > 0 && g < 20; i--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if ((seed >> 58) > 2)
                continue;
            gone[g++] = all[i - 1];
            memmove(&all[i - 1], &all[i], (n - i) * sizeof(all[0]));
            n--;
        }
        imap_view_remove(&v, gone, g);
        CHECK_U64(v.n, n);
        for (uint32_t i = 0; i < n; i++)
            CHECK(imap_view_uid(&v, i + 1) == all[i] && imap_view_number(&v, all[i]) == i + 1 &&
                  imap_view_from(&v, all[i]) == i + 1);
        for (uint32_t i = 0; i < g; i++)
            CHECK(imap_view_number(&v, gone[i]) == 0);
        CHECK_U64(imap_view_from(&v, uid + 1), n + 1);
    }
    imap_view_done(&v);
}

int main(void)
{
    RUN(names_go_both_ways);
    RUN(two_spellings_of_one_name_are_not_taken);
    RUN(strings_are_read);
    RUN(dates_are_read_and_written);
    RUN(sets_are_bounded);
    RUN(what_is_written_is_read_again);
    RUN(words_of_an_answer_stay_in_their_line);
    RUN(sections_are_read);
    RUN(searches_are_not_nested_without_end);
    RUN(a_refused_literal_is_not_read_as_commands);
    RUN(long_lines_are_skipped);
    RUN(the_view_counts_as_an_array_does);
    arena_done(&arena);
    return test_end();
}
