/* admin/call_test.c: a call travels as a list; one that the table does not allow is refused, whoever sent it. */
#include "admin/call.c"

#include "base/test.h"

#define ITEMS_MOST 40

/* Items with | between; each in a block of its exact size. */
static size_t cut_items(const char *text, struct str items[ITEMS_MOST])
{
    struct str rest = str_c(text);
    size_t n = 0;
    bool more = true;

    while (more && n < ITEMS_MOST) {
        struct str item = rest, tail = STR_NULL;

        more = str_cut(rest, '|', &item, &tail);
        rest = tail;
        items[n++] = test_exact(item);
    }
    return n;
}

static void what_is_printed_is_read_back(void)
{
    static const char *const rows[] = {
        "domain list|",
        "domain list|example.test",
        "account add||address=ada@example.test",
        "account add||address=ada@example.test|quota=5M|app_password=yes|many=3",
        "app-password add||address=ada@example.test|name=a=b, c|scope=imap pop3|days=30",
        "init||set=a=1|set=b=2|set=c=3",
        "status||counters=yes",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str items[ITEMS_MOST], *again;
        size_t n = cut_items(rows[i], items), m = 0;
        struct admin_call call;
        struct error err = {0};
        struct arena arena;

        arena_init(&arena, 1 << 20);
        CHECK_ROW(admin_call_read(&call, items, n, &arena, &err), err.text);
        again = admin_call_print(&call, &arena, &m);
        CHECK_U64(m, n);
        for (size_t k = 0; k < n && k < m; k++)
            CHECK_STR(again[k], items[k]);
        arena_done(&arena);
    }
}

static void what_the_table_does_not_allow_is_refused(void)
{
    static const struct {
        const char *list, *want;
    } rows[] = {
        {"account dance|", "there is no command \"account dance\""},
        {"account|", "there is no command \"account\""},
        {"account list", "there is no command \"account list\""},
        {"|", "there is no command \"\""},
        {"account list||quota=5", "account list takes no \"quota=5\""},
        {"account list||problems", "account list takes no \"problems\""},
        {"account list||problems=perhaps", "--problems wants yes or no, not \"perhaps\""},
        {"account list||problems=yes|problems=yes", "--problems is given twice"},
        {"account list||=yes", "account list takes no \"=yes\""},
        {"account list||", "account list takes no \"\""},
        {"account add||quota=5", "account add wants ADDRESS: the account's own address, in a "
                                 "domain that `domain add` has made"},
        {"account add||address=nobody", "\"nobody\" is not an address; expected name@domain"},
        {"account add||address=a@b.c|many=100001", "--many must be 1 to 100000"},
        {"account add||address=a@b.c|quota=17592186044417M", /* one M, if it went round */
         "--quota wants bytes such as 500M or 20G, not \"17592186044417M\""},
        {"account set||address=a@b.c",
         "account set wants at least one of --quota, --subaddress-folders"},
        {"app-password add||address=a@b.c|name=x|scope=everything",
         "--scope: there is no service \"everything\""},
        {"app-password add||address=a@b.c|name=x\ny", "--name has a control character"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str items[ITEMS_MOST];
        size_t n = cut_items(rows[i].list, items);
        struct admin_call call;
        struct error err = {0};
        struct arena arena;

        arena_init(&arena, 1 << 20);
        CHECK_ROW(!admin_call_read(&call, items, n, &arena, &err), rows[i].list);
        CHECK_STR(str_c(err.text), str_c(rows[i].want));
        arena_done(&arena);
    }
}

static void limits_hold(void)
{
    static char much[5000];
    struct str list[3] = {STR("app-password add"), str_of(much, ADMIN_PAGE_MOST + 1)};
    struct admin_call call;
    struct error err = {0};
    struct arena arena;
    struct buf item;

    memset(much, 'x', sizeof much);
    arena_init(&arena, 1 << 20);
    CHECK(!admin_call_read(&call, list, 2, &arena, &err));
    CHECK(err.kind == ERROR_LIMIT);
    buf_init(&item, 10000);
    buf_c(&item, "name=");
    buf_add(&item, much, 201);
    list[1] = STR_NULL;
    list[2] = buf_view(&item);
    CHECK(!admin_call_read(&call, list, 3, &arena, &err));
    CHECK_STR(str_c(err.text), STR("--name has more than 200 characters"));
    CHECK(!admin_call_read(&call, NULL, 0, &arena, &err));
    buf_done(&item);
    arena_done(&arena);
}

int main(void)
{
    RUN(what_is_printed_is_read_back);
    RUN(what_the_table_does_not_allow_is_refused);
    RUN(limits_hold);
    return test_end();
}
