/* base/base_test.c: the small things of base/, one table or sentence each. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/test.h"
#include "base/utf8.h"
#include "base/vec.h"

#include <stdio.h>
#include <string.h>

static void slices_compare_and_cut(void)
{
    struct str head = STR_NULL, tail = STR_NULL;
    uint64_t v = 7;

    CHECK(str_equal_nocase(STR("Inbox"), STR("iNBOX")));
    CHECK(!str_equal_nocase(STR("Inbox"), STR("Inbo")));
    CHECK(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("b"), STR("ab")) > 0);
    CHECK(str_cut(STR("key=a=b"), '=', &head, &tail));
    CHECK_STR(head, STR("key"));
    CHECK_STR(tail, STR("a=b"));
    CHECK_STR(str_trim(STR(" \t x y\r\n")), STR("x y"));
    CHECK(str_find(STR("abcabd"), STR("abd")) == 3);
    CHECK(str_find(STR("abc"), STR("abcd")) == SIZE_MAX);
    CHECK(str_is_ascii(STR("a\x7f")) && str_is_ascii(STR_NULL) && !str_is_ascii(STR("a\x80")));
    CHECK(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
    CHECK(!str_to_u64(STR("18446744073709551616"), UINT64_MAX, &v));
    CHECK(!str_to_u64(STR("8"), 7, &v) && str_to_u64(STR("7"), 7, &v));
    CHECK(!str_to_u64(STR(""), 7, &v) && !str_to_u64(STR("1x"), 7, &v));
}

static void a_buffer_keeps_its_maximum(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_c(&b, "12345678");
    buf_c(&b, "abc");
    CHECK(b.overflow);
    CHECK_STR(buf_view(&b), STR("12345678"));
    buf_reset(&b);
    buf_printf(&b, "%d", 1234567890);
    CHECK(!b.overflow);
    buf_drop(&b, 4);
    CHECK_STR(buf_view(&b), STR("567890"));
    buf_done(&b);
    buf_init(&b, 1000);
    buf_printf(&b, "%0500d", 1);
    CHECK(b.n == 500 && !b.overflow);
    buf_done(&b);
}

static void an_arena_refuses_once_it_is_full(void)
{
    struct arena a;
    char *p;

    arena_init(&a, 5000);
    for (int i = 0; i < 4; i++) {
        p = arena_alloc(&a, 1000);
        CHECK(p && p[999] == 0);
    }
    CHECK(!arena_alloc(&a, 2000) && a.full);
    CHECK(!arena_array(&a, SIZE_MAX / 2, 8));
    arena_done(&a);
    CHECK_STR(arena_printf(&a, "%s-%d", "x", 5), STR("x-5"));
    arena_done(&a);
}

static void an_arena_resizes_and_keeps_to_the_maximum_of_the_heap(void)
{
    struct arena a;
    char *p = NULL, *q;

    arena_init(&a, 1 << 20);
    for (size_t n = 10; n < 5000; n *= 2) {
        q = arena_resize(&a, p, n);
        if (!CHECK(q && q[n / 2] == 0 && q[n - 1] == 0 && (n == 10 || q[0] == 'a')))
            break;
        memset(q, 'a', n / 2);
        p = q;
        CHECK(arena_alloc(&a, 700));
    }
    CHECK(!arena_resize(&a, p, 1 << 20) && !a.full && p[0] == 'a');
    arena_done(&a);

    arena_init(&a, 1 << 20);
    a.heap_max = 20000;
    for (size_t n = 1; arena_alloc(&a, n); n = n % 3000 + 97)
        CHECK(a.heap <= a.heap_max);
    CHECK(a.full && a.used > 10000);
    arena_hold(&a, 30000);
    CHECK(arena_room(&a) < 1000 && !arena_resize(&a, NULL, 1000));
    arena_done(&a);
}

static void a_cursor_remembers_its_first_failure(void)
{
    struct cursor c;
    struct error err = {0};

    cursor_init(&c, test_exact(STR("A1 42)")));
    CHECK(cursor_accept_word(&c, STR("a1")));
    cursor_expect(&c, ' ');
    CHECK_U64(cursor_number(&c, 100), 42);
    cursor_expect(&c, '(');
    cursor_expect(&c, ')');
    CHECK(!cursor_ok(&c, &err));
    CHECK(err.kind == ERROR_SYNTAX && err.at == 5);
    CHECK(cursor_peek(&c) == -1);
}

static void a_map_finds_what_was_put_and_only_that(void)
{
    static char values[1000];
    struct map m;
    char key[20];
    size_t at = 0, seen = 0;
    void *v;

    map_init(&m);
    for (size_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        CHECK(!map_put(&m, str_c(key), &values[i]));
    }
    for (size_t i = 0; i < 1000; i += 3) {
        snprintf(key, sizeof key, "k%zu", i);
        CHECK(map_remove(&m, str_c(key)) == &values[i]);
    }
    for (size_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        CHECK(map_find(&m, str_c(key)) == (i % 3 ? &values[i] : NULL));
    }
    while (map_each(&m, &at, NULL, &v))
        seen++;
    CHECK_U64(seen, m.n);
    CHECK(map_put_u64(&m, 5, values) == NULL && map_find_u64(&m, 5) == values);
    map_remove_u64(&m, 5);
    /* A map that was large and is nearly empty is small again, and has lost nothing. */
    for (uint64_t i = 0; i < 100000; i++)
        map_put_u64(&m, i, values);
    for (uint64_t i = 0; i < 100000; i++)
        if (i % 10000)
            map_remove_u64(&m, i);
    CHECK(m.n < 700 && m.cap <= 8 * m.n);
    for (uint64_t i = 0; i < 100000; i++)
        CHECK((map_find_u64(&m, i) != NULL) == (i % 10000 == 0));
    map_done(&m);
}

static void siphash_agrees_with_its_paper(void)
{
    unsigned char key[16], in[15];

    for (unsigned i = 0; i < 16; i++)
        key[i] = (unsigned char)i;
    for (unsigned i = 0; i < 15; i++)
        in[i] = (unsigned char)i;
    CHECK(siphash24(key, in, 15) == 0xa129ca6149be45e5U); /* appendix A */
}

static void base64_is_strict(void)
{
    static const struct {
        const char *text, *want; /* want NULL: refused */
    } rows[] = {
        {"", ""},        {"Zg==", "f"},  {"Zm8=", "fo"},   {"Zm9v", "foo"}, {"Zm9vYg==", "foob"},
        {"Zh==", NULL},  {"Zm9=", NULL}, {"Z===", NULL},   {"Zg", NULL},    {"Zg==Zg==", NULL},
        {"Zm 9v", NULL}, {"====", NULL}, {"Zm9v\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        bool ok;

        buf_init(&b, 100);
        ok = base64_parse(&b, test_exact(str_c(rows[i].text)), NULL);
        CHECK_ROW(ok == (rows[i].want != NULL), rows[i].text);
        if (ok) {
            struct buf again;

            CHECK_STR(buf_view(&b), str_c(rows[i].want));
            buf_init(&again, 100);
            base64_print(&again, buf_view(&b));
            CHECK_STR(buf_view(&again), str_c(rows[i].text));
            buf_done(&again);
        }
        buf_done(&b);
    }
}

static void hexadecimal_round_trips(void)
{
    struct buf b;
    unsigned char out[3];

    buf_init(&b, 10);
    hex_print(&b, "\x00\xaf\x10", 3);
    CHECK_STR(buf_view(&b), STR("00af10"));
    CHECK(hex_parse(out, 3, buf_view(&b)) && memcmp(out, "\x00\xaf\x10", 3) == 0);
    CHECK(!hex_parse(out, 3, STR("00af1g")) && !hex_parse(out, 3, STR("00af1")));
    buf_done(&b);
}

static void utf8_is_that_of_rfc_3629(void)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"plain", true},     {"\xc3\xa6", true},      {"\xf0\x9f\x93\xae", true},
        {"\xc0\x80", false}, {"\xed\xa0\x80", false}, {"\xf4\x90\x80\x80", false},
        {"\xe2\x82", false}, {"\xff", false},         {"a\x80z", false},
    };
    struct buf b;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_ROW(utf8_valid(test_exact(str_c(rows[i].text))) == rows[i].valid, rows[i].text);
    CHECK_STR(utf8_cut(STR("a\xc3\xa6z"), 2), STR("a"));
    buf_init(&b, 100);
    utf8_repair(&b, STR("a\xffz"));
    CHECK_STR(buf_view(&b), STR("a\xef\xbf\xbdz"));
    buf_reset(&b);
    utf8_print(&b, 0x1f4ee);
    CHECK_STR(buf_view(&b), STR("\xf0\x9f\x93\xae"));
    buf_done(&b);
}

static void log_values_can_not_break_a_line(void)
{
    struct buf b;

    buf_init(&b, 100);
    log_escape(&b, STR("a b\r\n\"\xff"));
    CHECK_STR(buf_view(&b), STR("\"a b\\x0d\\x0a\\x22\\xff\""));
    buf_done(&b);
}

/* What a terminal obeys, and what makes one value look like another. Each code point, and how it
 * stands in the log; NULL: as it is. */
static void what_is_not_seen_in_a_log_is_escaped(void)
{
    /* clang-format off */
    static const struct {
        uint32_t code;
        const char *escaped;
    } rows[] = {
        {0x80, "\\xc2\\x80"},          {0x85, "\\xc2\\x85"},          {0x9b, "\\xc2\\x9b"},
        {0x9f, "\\xc2\\x9f"},          {0xa0, "\\xc2\\xa0"},          {0xad, "\\xc2\\xad"},
        {0x61c, "\\xd8\\x9c"},         {0x200b, "\\xe2\\x80\\x8b"},  {0x200d, "\\xe2\\x80\\x8d"},
        {0x200e, "\\xe2\\x80\\x8e"},  {0x200f, "\\xe2\\x80\\x8f"},  {0x2028, "\\xe2\\x80\\xa8"},
        {0x2029, "\\xe2\\x80\\xa9"},  {0x202a, "\\xe2\\x80\\xaa"},  {0x202e, "\\xe2\\x80\\xae"},
        {0x2060, "\\xe2\\x81\\xa0"},  {0x2066, "\\xe2\\x81\\xa6"},  {0x2069, "\\xe2\\x81\\xa9"},
        {0x3000, "\\xe3\\x80\\x80"},  {0x3164, "\\xe3\\x85\\xa4"},  {0xfe0f, "\\xef\\xb8\\x8f"},
        {0xfeff, "\\xef\\xbb\\xbf"},  {0xfffb, "\\xef\\xbf\\xbb"},
        {0xe0041, "\\xf3\\xa0\\x81\\x81"},
        {0xa1, NULL},     {0xe9, NULL},    {0x300, NULL},    {0x61b, NULL},   {0x5d0, NULL},
        {0x2010, NULL},   {0x2027, NULL},  {0x3001, NULL},   {0x4e2d, NULL},  {0x1f600, NULL},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf in, got, want;

        buf_init(&in, 100);
        buf_init(&got, 100);
        buf_init(&want, 100);
        buf_char(&in, 'a');
        utf8_print(&in, rows[i].code);
        buf_char(&in, 'b');
        log_escape(&got, buf_view(&in));
        buf_printf(&want, "a%sb", rows[i].escaped);
        CHECK_STR(buf_view(&got), rows[i].escaped ? buf_view(&want) : buf_view(&in));
        buf_done(&in);
        buf_done(&got);
        buf_done(&want);
    }
}

static void times_print_as_their_rfcs_say(void)
{
    struct buf b;

    buf_init(&b, 100);
    clock_print_rfc3339(&b, 1795526246123456);
    CHECK_STR(buf_view(&b), STR("2026-11-24T13:17:26.123Z"));
    buf_reset(&b);
    clock_print_rfc5322(&b, 1795526246123456);
    CHECK_STR(buf_view(&b), STR("Tue, 24 Nov 2026 13:17:26 +0000"));
    buf_done(&b);
}

static void a_vector_grows_and_shrinks(void)
{
    struct vec v;

    vec_init(&v, sizeof(int));
    for (int i = 0; i < 100; i++)
        *(int *)vec_add(&v) = i;
    vec_remove(&v, 10);
    CHECK(v.n == 99 && *(int *)vec_at(&v, 10) == 11 && *(int *)vec_at(&v, 98) == 99);
    vec_done(&v);
}

int main(void)
{
    RUN(slices_compare_and_cut);
    RUN(a_buffer_keeps_its_maximum);
    RUN(an_arena_refuses_once_it_is_full);
    RUN(an_arena_resizes_and_keeps_to_the_maximum_of_the_heap);
    RUN(a_cursor_remembers_its_first_failure);
    RUN(a_map_finds_what_was_put_and_only_that);
    RUN(siphash_agrees_with_its_paper);
    RUN(base64_is_strict);
    RUN(hexadecimal_round_trips);
    RUN(utf8_is_that_of_rfc_3629);
    RUN(log_values_can_not_break_a_line);
    RUN(what_is_not_seen_in_a_log_is_escaped);
    RUN(times_print_as_their_rfcs_say);
    RUN(a_vector_grows_and_shrinks);
    return test_end();
}
