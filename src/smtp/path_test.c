/* smtp/path_test.c: paths, row by row, and parse(print(p)) = p for random ones. */
#include "smtp/path.c"

#include "base/random.h"
#include "base/test.h"

#define L64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define D63 "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static const struct path_case {
    const char *name, *input, *local, *domain;
    int error_at; /* offset, or -1 */
} path_cases[] = {
    {"a plain address", "<ada@example.test>", "ada", "example.test", -1},
    {"a source route is dropped", "<@a.test,@b.test:ada@c.test>", "ada", "c.test", -1},
    {"a quoted local part is unquoted", "<\"a\\ b\"@c.test>", "a b", "c.test", -1},
    {"a quoted local part may hold what ends a path", "<\"a>@<b\"@c.test>", "a>@<b", "c.test", -1},
    {"a quoted quote", "<\"a\\\"\\\\b\"@c.test>", "a\"\\b", "c.test", -1},
    {"the null path", "<>", "", "", -1},
    {"postmaster needs no domain", "<PostMaster>", "PostMaster", "", -1},
    {"all of atext", "<!#$%&'*+-/=?^_`{|}~@c.test>", "!#$%&'*+-/=?^_`{|}~", "c.test", -1},
    {"dots in a local part", "<a.b.c@d.test>", "a.b.c", "d.test", -1},
    {"a sub-address", "<a+b@d.test>", "a+b", "d.test", -1},
    {"an IPv4 literal", "<a@[192.0.2.1]>", "a", "[192.0.2.1]", -1},
    {"an IPv6 literal", "<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]", -1},
    {"a general literal", "<a@[x-net:node7]>", "a", "[x-net:node7]", -1},
    {"a domain of one label", "<a@localhost>", "a", "localhost", -1},
    {"a domain with a hyphen", "<a@b--c.d-e>", "a", "b--c.d-e", -1},
    {"64 octets of local part", "<" L64 "@c.test>", L64, "c.test", -1},
    {"what follows is left", "<a@b.test> SIZE=1", "a", "b.test", -1},
    {"65 octets of local part", "<" L64 "a@c.test>", NULL, NULL, 66},
    {"65 octets in quotes", "<\"" L64 "a\"@c.test>", NULL, NULL, 67},
    {"more than 255 octets of domain", "<a@" D63 "." D63 "." D63 "." D63 "." D63 ">", NULL, NULL,
     322},
    {"a dot never comes twice", "<a..b@c.test>", NULL, NULL, 3},
    {"a dot does not begin", "<.a@c.test>", NULL, NULL, 1},
    {"a dot does not end", "<a.@c.test>", NULL, NULL, 3},
    {"a domain does not end with a dot", "<a@c.test.>", NULL, NULL, 10},
    {"a label does not begin with a hyphen", "<a@-c.test>", NULL, NULL, 5},
    {"a label does not end with a hyphen", "<a@c-.test>", NULL, NULL, 5},
    {"a space is no part of a path", "<a b@c.test>", NULL, NULL, 2},
    {"a space at the beginning", "< a@c.test>", NULL, NULL, 1},
    {"no bracket at the beginning", "a@c.test", NULL, NULL, 0},
    {"no bracket at the end", "<a@c.test", NULL, NULL, 9},
    {"an empty domain", "<a@>", NULL, NULL, 3},
    {"an empty local part", "<@c.test>", NULL, NULL, 8},
    {"an empty quoted local part", "<\"\"@c.test>", NULL, NULL, 3},
    {"a quote that is not closed", "<\"a@c.test>", NULL, NULL, 11},
    {"a tab in quotes", "<\"a\tb\"@c.test>", NULL, NULL, 4},
    {"text after a quoted part", "<\"a\"b@c.test>", NULL, NULL, 4},
    {"no domain", "<ada>", NULL, NULL, 4},
    {"two at signs", "<a@b@c.test>", NULL, NULL, 4},
    {"UTF-8",
     "<j\xc3\xb6rg@b\xc3\xbc"
     "cher.test>",
     "j\xc3\xb6rg",
     "b\xc3\xbc"
     "cher.test",
     -1},
    {"8-bit that is no UTF-8", "<\xe4@c.test>", NULL, NULL, 10},
    {"an overlong form", "<\xc0\xae@c.test>", NULL, NULL, 11},
    {"an underscore in a domain", "<a@b_c.test>", NULL, NULL, 4},
    {"a wrong IPv4 literal", "<a@[192.0.2.256]>", NULL, NULL, 15},
    {"a wrong IPv6 literal", "<a@[IPv6:2001:db8:::1]>", NULL, NULL, 21},
    {"an empty literal", "<a@[]>", NULL, NULL, 4},
    {"a literal that is not closed", "<a@[192.0.2.1>", NULL, NULL, 14},
    {"a source route without its colon", "<@a.test,b@c.test>", NULL, NULL, 9},
    {"nothing", "", NULL, NULL, 0},
};

static void each_row_is_read_as_the_rfc_has_it(void)
{
    for (size_t i = 0; i < ARRAY_LEN(path_cases); i++) {
        const struct path_case *row = &path_cases[i];
        struct smtp_path path = {0};
        struct error err = {0};
        struct arena arena;
        struct cursor c;
        bool ok;

        arena_init(&arena, 4096);
        cursor_init(&c, test_exact(str_c(row->input)));
        ok = smtp_path_parse(&c, &arena, &path, &err);
        CHECK_ROW(ok == (row->error_at < 0), row->name);
        if (ok && row->local) {
            CHECK_STR(path.local, str_c(row->local));
            CHECK_STR(path.domain, str_c(row->domain));
        } else if (!ok) {
            CHECK_ROW(err.at == (size_t)row->error_at, row->name);
            CHECK_ROW(path.local.p == NULL, row->name);
        }
        arena_done(&arena);
    }
}

static void a_printed_path_is_read_back(void)
{
    for (int i = 0; i < 100000; i++) {
        char local[LIMIT_SMTP_LOCAL];
        struct smtp_path path = {
            {local, 1 + random_below(i % 2 ? sizeof local : 4)}, STR("c.test"), false};
        struct smtp_path again = {0};
        struct arena arena;
        struct cursor c;
        struct buf out;

        for (size_t k = 0; k < path.local.n; k++)
            local[k] = (char)(random_below(3) ? 'a' + (char)random_below(26)
                                              : ' ' + (char)random_below(95));
        arena_init(&arena, 4096);
        buf_init(&out, SMTP_PATH_PRINT_MAX + 2);
        buf_char(&out, '<');
        smtp_path_print(&out, &path);
        buf_char(&out, '>');
        cursor_init(&c, buf_view(&out));
        if (!CHECK(!out.overflow) || !CHECK(smtp_path_parse(&c, &arena, &again, NULL)) ||
            !CHECK_STR(again.local, path.local) || !CHECK_STR(again.domain, path.domain))
            i = 100000;
        buf_done(&out);
        arena_done(&arena);
    }
}

static void a_full_arena_is_a_limit(void)
{
    struct smtp_path path;
    struct error err = {0};
    struct arena arena;
    struct cursor c;

    arena_init(&arena, 1);
    cursor_init(&c, STR("<\"a b\"@c.test>"));
    CHECK(!smtp_path_parse(&c, &arena, &path, &err) && err.kind == ERROR_LIMIT);
    arena_done(&arena);
}

int main(void)
{
    RUN(each_row_is_read_as_the_rfc_has_it);
    RUN(a_printed_path_is_read_back);
    RUN(a_full_arena_is_a_limit);
    return test_end();
}
