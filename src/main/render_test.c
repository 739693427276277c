/* main/render_test.c: what a server answers reaches a terminal as letters only, in columns that stand below one another. */
#include "main/render.c"

#include "base/test.h"

#include <unistd.h>

static void what_a_terminal_could_obey_is_spelled_out(void)
{
    static const struct {
        const char *name;
        struct str in;
        const char *out;
        size_t columns;
    } rows[] = {
        {"letters", {"abc", 3}, "abc", 3},
        {"beyond ASCII",
         {"b\xc3\xbc"
          "r",
          4},
         "b\xc3\xbc"
         "r",
         3},
        {"two columns", {"\xe6\x97\xa5", 3}, "\xe6\x97\xa5", 2},
        {"an accent of its own", {"e\xcc\x81", 3}, "e\xcc\x81", 1},
        {"a colour", {"\x1b[31m", 5}, "\\x1b[31m", 8},
        {"a title", {"\x1b]0;x\x07", 6}, "\\x1b]0;x\\x07", 12},
        {"C1 in UTF-8",
         {"\xc2\x9b"
          "31m",
          5},
         "\\x9b31m",
         7},
        {"C1 as a byte",
         {"\x9b"
          "31m",
          4},
         "\\x9b31m",
         7},
        {"delete", {"\x7f", 1}, "\\x7f", 4},
        {"NUL", {"a\0b", 3}, "a\\x00b", 6},
        {"right to left",
         {"\xe2\x80\xae"
          "fdp",
          6},
         "\\u202efdp",
         9},
        {"an isolate", {"\xe2\x81\xa6", 3}, "\\u2066", 6},
        {"a line separator", {"\xe2\x80\xa8", 3}, "\\u2028", 6},
        {"a line end", {"a\nb", 3}, "a\\x0ab", 6},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        size_t columns;

        buf_init(&out, 1000);
        columns = render_safe(&out, test_exact(rows[i].in), false);
        CHECK_ROW(columns == rows[i].columns, rows[i].name);
        CHECK_STR(buf_view(&out), str_c(rows[i].out));
        buf_done(&out);
    }
}

static void a_report_keeps_its_lines(void)
{
    struct buf out;

    buf_init(&out, 1000);
    render_safe(&out, STR("a\n\x1b[0m\r\nb\n"), true);
    CHECK_STR(buf_view(&out), STR("a\n\\x1b[0m\\x0d\nb\n"));
    buf_done(&out);
}

/* What these pages print, on standard output. */
static void print_pages(struct buf *out, enum admin_number number, bool json,
                        const char *const *pages)
{
    struct render *r = render_create(admin_command(number), false, json);
    int saved, fd[2];
    ssize_t n;
    char *to;

    fflush(stdout);
    saved = dup(1);
    if (pipe(fd) != 0 || dup2(fd[1], 1) < 0)
        panic("no pipe");
    for (; *pages; pages++)
        CHECK_ROW(render_page(r, test_exact(str_c(*pages))), *pages);
    render_end(r);
    render_destroy(r);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    close(fd[1]);
    while ((to = buf_reserve(out, 4096)) && (n = read(fd[0], to, 4096)) > 0)
        buf_commit(out, (size_t)n);
    close(fd[0]);
}

static void answers_are_printed(void)
{
    static const struct {
        enum admin_number number;
        bool json;
        const char *pages[4];
        const char *want;
    } rows[] = {
        {ADMIN_ACCOUNT_LIST,
         false,
         {"[{\"account\": \"ada@a.test\", \"quota\": 1048576}]",
          "[{\"account\": \"b\", \"quota\": 7, \"problem\": \"x\\u001b[1m\"}]"},
         "account     quota  problem\nada@a.test  1M\nb           7      x\\x1b[1m\n"},
        {ADMIN_ACCOUNT_LIST, false, {"[]"}, "account  quota  problem\n"},
        {ADMIN_ACCOUNT_LIST, true, {"[]", "[]"}, "[]\n"},
        {ADMIN_ACCOUNT_LIST,
         true,
         {"[{\"account\": \"a\", \"quota\": 1}]", "[]", "[{\"account\": \"b\", \"quota\": 2}]"},
         "[\n {\"account\": \"a\", \"quota\": 1},\n {\"account\": \"b\", \"quota\": 2}\n]\n"},
        {ADMIN_ALIAS_LIST,
         false,
         {"[{\"alias\": \"\xe6\x97\xa5\", \"account\": \"x\"},"
          " {\"alias\": \"abcdef\", \"account\": \"y\"}]"},
         "alias   account\n\xe6\x97\xa5      x\nabcdef  y\n"},
        {ADMIN_ACCOUNT_SHOW,
         true,
         {"{\"account\": \"a\", \"aliases\": [\"b\"], \"credentials\": []}",
          "{\"aliases\": [\"c\"], \"credentials\": [{\"id\": 1}]}"},
         "{\n \"account\": \"a\",\n \"aliases\": [\n  \"b\",\n  \"c\"\n ],\n"
         " \"credentials\": [\n  {\n   \"id\": 1\n  }\n ]\n}\n"},
        {ADMIN_ACCOUNT_SHOW,
         false,
         {"{\"account\": \"a\", \"subaddress_folders\": true, \"aliases\": [\"b\", \"c\"],"
          " \"credentials\": [{\"id\": 1, \"kind\": \"app\", \"created\": "
          "\"2026-11-24T13:17:26.123Z\"}, {\"id\": 2}]}"},
         "account             a\nsubaddress_folders  yes\naliases             b, c\n"
         "credentials         kind=app id=1 created=2026-11-24T13:17:26Z\n"
         "                    id=2\n"},
        {ADMIN_ACCOUNT_CHECK,
         false,
         {"{\"account\": \"a\", \"ok\": false, \"report\": \"one\\ntwo\\u0007\\u0000\\n\"}"},
         "one\ntwo\\x07\\x00\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 100000);
        print_pages(&out, rows[i].number, rows[i].json, rows[i].pages);
        CHECK_STR(buf_view(&out), str_c(rows[i].want));
        buf_done(&out);
    }
}

static void a_page_that_is_none_is_refused(void)
{
    static const char *const pages[] = {"", "x", "{}", "{\"error\": 1}", "[", "7"};

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct render *r = render_create(admin_command(ADMIN_ACCOUNT_LIST), false, true);

        CHECK_ROW(!render_page(r, test_exact(str_c(pages[i]))), pages[i]);
        render_destroy(r);
    }
}

/* `posthus status` on a bad day still fits on one screen of 24 lines of 80 columns. */
static void a_bad_day_fits_on_one_screen(void)
{
    static const char *const roles[] = {"keys",   "directory", "accounts",  "relay",
                                        "intake", "edge-smtp", "edge-mail", "hasher"};
    struct buf page, out;
    size_t lines = 0, from = 0;

    buf_init(&page, 100000);
    buf_init(&out, 100000);
    buf_c(&page,
          "{\"version\": \"0.1\", \"state\": \"serving\", \"data\": \"/srv/post\", \"started\": "
          "\"2026-11-24T13:17:26.123Z\", \"uptime_s\": 300000, \"processes\": {");
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        buf_printf(&page,
                   "%s\"%s\": {\"instances\": [{\"pid\": 12345%zu, \"ready\": true, \"restarts\": "
                   "%zu, \"up_s\": 50}%s]}",
                   i ? ", " : "", roles[i], i, i, i == 7 ? ", {\"pid\": 1}, {\"pid\": 2}" : "");
    buf_c(&page,
          "}, \"waiting\": {\"queue\": 12, \"queue_oldest_s\": 90000, \"requests\": 3, \"hashes\": "
          "1},"
          " \"refused\": {\"over-rate-messages\": 1234, \"refused-too-large\": 5},"
          " \"disk\": {\"free\": 1073741824, \"reserve\": 268435456}, \"problem_accounts\": 9,"
          " \"problems\": [{\"account\": \"a@b.c\", \"problem\": \"damaged\\u001b[2J\"},"
          " {\"account\": \"b@b.c\", \"problem\": \"damaged\"},"
          " {\"account\": \"c@b.c\", \"problem\": \"damaged\"}], \"attention\": [");
    for (size_t i = 0; i < 9; i++)
        buf_printf(&page, "%s\"need %zu is short enough for a line\"", i ? ", " : "", i);
    buf_add(&page, "]}", 3); /* and a NUL */
    print_pages(&out, ADMIN_STATUS, false, (const char *const[]){page.p, NULL});
    for (size_t i = 0; i < out.n; i++) {
        if (out.p[i] != '\n')
            continue;
        CHECK(i - from < 80);
        from = i + 1;
        lines++;
    }
    CHECK(lines <= 25);
    CHECK(str_find(buf_view(&out), STR("hasher x3")) != SIZE_MAX);
    CHECK(str_find(buf_view(&out), STR("up 3 days 11 h, since 2026-11-24 13:17:26 UTC")) !=
          SIZE_MAX);
    CHECK(str_find(buf_view(&out),
                   STR("1239 by limits: over-rate-messages 1234, refused-too-large 5")) !=
          SIZE_MAX);
    CHECK(str_find(buf_view(&out), STR("queue 12 (the oldest: 1 day 1 h)")) != SIZE_MAX);
    CHECK(str_find(buf_view(&out), STR("- a@b.c: damaged\\x1b[2J")) != SIZE_MAX);
    CHECK(str_find(buf_view(&out), STR("- and 5 more: `posthus status --json`")) != SIZE_MAX);
    buf_done(&page);
    buf_done(&out);
}

int main(void)
{
    RUN(what_a_terminal_could_obey_is_spelled_out);
    RUN(a_report_keeps_its_lines);
    RUN(answers_are_printed);
    RUN(a_page_that_is_none_is_refused);
    RUN(a_bad_day_fits_on_one_screen);
    return test_end();
}
