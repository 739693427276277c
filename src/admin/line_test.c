/* admin/line_test.c: words of a command line become values, or words for the one who typed them. */
#include "admin/line.c"

#include "base/test.h"

#define WORDS_MOST 40

/* Words with | between; each in a block of its exact size. */
static size_t cut_words(const char *text, struct str words[WORDS_MOST])
{
    struct str rest = str_c(text);
    size_t n = 0;

    while (rest.n) {
        struct str word = rest, tail = STR_NULL;

        str_cut(rest, '|', &word, &tail);
        rest = tail;
        words[n++] = test_exact(word);
    }
    return n;
}

/* "account add address=ada@a.test quota=5", with data and json after it. */
static void print_line(struct buf *out, const struct admin_line *l, struct arena *arena)
{
    size_t n = 0;
    struct str *list = admin_call_print(&l->call, arena, &n);

    buf_str(out, list[0]);
    for (size_t i = 2; i < n; i++)
        buf_printf(out, " %.*s", STR_ARG(list[i]));
    if (l->everywhere.data.given)
        buf_printf(out, " data=%.*s", STR_ARG(l->everywhere.data.text));
    if (l->everywhere.json.yes)
        buf_c(out, " json");
}

/* clang-format off */
static const struct {
    const char *words, *want;
} good[] = {
    {"domain|list", "domain list"},
    {"--json|domain|list", "domain list json"},
    {"--data|/d|domain|--json|list", "domain list data=/d json"},
    {"--data=/d|domain|list", "domain list data=/d"},
    {"domain|list|--data|/d", "domain list data=/d"},
    {"account|add|ada@a.test", "account add address=ada@a.test"},
    {"account|add|ada@a.test|--quota|5", "account add address=ada@a.test quota=5"},
    {"account|add|--quota|5|ada@a.test", "account add address=ada@a.test quota=5"},
    {"account|add|--quota=5|ada@a.test", "account add address=ada@a.test quota=5"},
    {"account|add|ada@a.test|--quota=5G", "account add address=ada@a.test quota=5G"},
    {"account|add|--|ada@a.test", "account add address=ada@a.test"},
    {"account|add|--|-ada@a.test", "account add address=-ada@a.test"},
    {"account|add|u%d@a.test|--many|3|--app-password",
     "account add address=u%d@a.test app_password=yes many=3"},
    {"--password-stdin|account|password|ada@a.test",
     "account password address=ada@a.test password_stdin=yes"},
    {"app-password|add|ada@a.test|--name=--odd",
     "app-password add address=ada@a.test name=--odd"},
    {"app-password|add|ada@a.test|--name=a=b", "app-password add address=ada@a.test name=a=b"},
    {"app-password|add|ada@a.test|--name|-", "app-password add address=ada@a.test name=-"},
    {"account|app-password|ada@a.test|--name|x|--scope|imap pop3",
     "app-password add address=ada@a.test name=x scope=imap pop3"},
    {"app-password|end|ada@a.test|7", "app-password end address=ada@a.test id=7"},
    {"account|set|ada@a.test|--subaddress-folders|no",
     "account set address=ada@a.test subaddress_folders=no"},
    {"init|--set|a=1|--set|b=2|--set=c=3", "init set=a=1 set=b=2 set=c=3"},
    {"log|-f|--lines|5", "log follow=yes lines=5"},
    {"help", "help"},
    {"help|account|add", "help noun=account verb=add"},
    {"completion|bash", "completion shell=bash"},
};
/* clang-format on */

static void good_words_become_values(void)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct str words[WORDS_MOST];
        size_t n = cut_words(good[i].words, words);
        struct admin_line line;
        struct error err = {0};
        struct arena arena;
        struct buf got;

        arena_init(&arena, 1 << 20);
        buf_init(&got, 10000);
        if (CHECK_ROW(admin_line_parse(&line, words, n, &arena, &err), good[i].words))
            print_line(&got, &line, &arena);
        else
            buf_c(&got, err.text);
        CHECK_STR(buf_view(&got), str_c(good[i].want));
        buf_done(&got);
        arena_done(&arena);
    }
}

/* clang-format off */
static const struct {
    const char *words, *want;
} bad[] = {
    {"", "which command? `posthus help` lists them"},
    {"--json", "which command? `posthus help` lists them"},
    {"--data", "which command? `posthus help` lists them"},
    {"--", "which command? `posthus help` lists them"},
    {"--bogus", "there is no option --bogus; `posthus help` lists the commands"},
    {"--bogus=5", "there is no option --bogus; `posthus help` lists the commands"},
    {"acount|list", "there is no command \"acount\"; did you mean account?"},
    {"dance", "there is no command \"dance\"; `posthus help` lists them"},
    {"domain", "domain wants one of add, ..."},
    {"domain|lits", "domain has no command \"lits\"; did you mean list?"},
    {"domain|dance", "domain has no command \"dance\"; it has add, ..."},
    {"domain|--json", "domain wants one of add, ..."},
    {"account|add|a@b.c|--quotta|5",
     "account add has no option --quotta; did you mean --quota?"},
    {"account|add|a@b.c|--quotta=5",
     "account add has no option --quotta; did you mean --quota?"},
    {"domain|list|-x-", "domain list has no option -x-; it has --data, --json, --help"},
    {"domain|list|--quota", "domain list has no option --quota; it has --data, --json, --help"},
    {"account|add|a@b.c|--quota", "--quota wants BYTES"},
    {"account|add|a@b.c|--quota|--many",
     "--quota wants BYTES; for a value with dashes in front: --quota=--many"},
    {"account|add|a@b.c|--quota|5|--quota=6", "--quota is given twice"},
    {"account|add|a@b.c|--quota=", "--quota wants bytes such as 500M or 20G, not \"\""},
    {"account|add|a@b.c|--quota|5X", "--quota wants bytes such as 500M or 20G, not \"5X\""},
    {"account|add|a@b.c|--quota|-5", "--quota wants bytes such as 500M or 20G, not \"-5\""},
    {"account|add|a@b.c|--quota|99999999999999999999",
     "--quota wants bytes such as 500M or 20G, not \"99999999999999999999\""},
    {"account|add|a@b.c|--quota|99999999T",
     "--quota wants bytes such as 500M or 20G, not \"99999999T\""},
    {"account|add|a@b.c|--quota|8388608T", "--quota must be 0 to 9223372036854775807"},
    {"account|add|a@b.c|--many|0", "--many must be 1 to 100000"},
    {"account|add|a@b.c|--app-password=yes", "--app-password takes no value"},
    {"account|add|a@b.c|d@e.f", "\"d@e.f\" is one word too many for account add"},
    {"account|add", "account add wants ADDRESS: the account's own address, in a domain that "
                    "`domain add` has made"},
    {"account|add|nobody", "\"nobody\" is not an address; expected name@domain"},
    {"account|add|a@b.c\t", "ADDRESS has a control character"},
    {"account|set|a@b.c", "account set wants at least one of --quota, --subaddress-folders"},
    {"account|set|a@b.c|--subaddress-folders|si",
     "--subaddress-folders wants yes or no, not \"si\""},
    {"app-password|add|a@b.c",
     "app-password add wants --name NAME: which device or program it is for"},
    {"app-password|add|a@b.c|--name=", "--name is empty"},
    {"app-password|add|a@b.c|--name|--read-only",
     "--name wants NAME; for a value with dashes in front: --name=--read-only"},
    {"app-password|add|a@b.c|--name|x|--scope|imap|--days|0", "--days must be 1 to 36500"},
    {"app-password|add|a@b.c|--name|x|--scope|imap imat",
     "--scope: there is no service \"imat\"; did you mean imap?"},
    {"app-password|end|a@b.c|x", "ID wants a number, not \"x\""},
    {"app-password|end|a@b.c",
     "app-password end wants ID: its number, as app-password list shows it"},
    {"completion|zsh", "SHELL wants bash, not \"zsh\""},
    {"init|--set|nothing", "--set wants KEY=VALUE, not \"nothing\""},
    {"domain|add|a..b", "\"a..b\" is ..."},
    {"help|a|b|c", "\"c\" is one word too many for help"},
};
/* clang-format on */

/* What ends with dots goes on with what later commands add. */
static void check_words(struct str got, struct str want)
{
    if (str_ends(want, STR("..."))) {
        want = str_sub(want, 0, want.n - 3);
        got = str_sub(got, 0, want.n);
    }
    CHECK_STR(got, want);
}

static void bad_words_are_named(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct str words[WORDS_MOST];
        size_t n = cut_words(bad[i].words, words);
        struct admin_line line;
        struct error err = {0};
        struct arena arena;

        arena_init(&arena, 1 << 20);
        CHECK_ROW(!admin_line_parse(&line, words, n, &arena, &err), bad[i].words);
        check_words(str_c(err.text), str_c(bad[i].want));
        arena_done(&arena);
    }
}

static void help_is_told_whatever_else_is_wrong(void)
{
    static const struct {
        const char *words, *command, *noun;
    } rows[] = {
        {"--help", "", ""},
        {"account|--help", "", "account"},
        {"account|add|--help", "account add", "account"},
        {"--help|account|add|x|--nonsense", "account add", "account"},
        {"account|app-password|--help", "app-password add", "account"},
        {"status|--help", "status", "status"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str words[WORDS_MOST];
        size_t n = cut_words(rows[i].words, words);
        struct admin_line line;
        struct error err = {0};
        struct arena arena;

        arena_init(&arena, 1 << 20);
        CHECK_ROW(admin_line_parse(&line, words, n, &arena, &err), rows[i].words);
        CHECK_ROW(line.everywhere.help.yes, rows[i].words);
        CHECK_STR(str_c(line.call.command ? line.call.command->name : ""), str_c(rows[i].command));
        CHECK_STR(line.noun, str_c(rows[i].noun));
        arena_done(&arena);
    }
}

static void sizes_have_units(void)
{
    static const struct {
        const char *text;
        uint64_t want;
    } rows[] = {{"0", 0},        {"1", 1},           {"1k", 1024},       {"1K", 1024},
                {"3M", 3 << 20}, {"2G", 2ULL << 30}, {"1T", 1ULL << 40}, {"00012m", 12 << 20}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct admin_argument *a = &admin_command(ADMIN_ACCOUNT_ADD)->takes[1];
        struct admin_value v = {0};
        struct error err;
        struct arena arena;

        arena_init(&arena, 1000);
        CHECK_ROW(admin_value_set(&v, a, test_exact(str_c(rows[i].text)), &arena, &err),
                  rows[i].text);
        CHECK_U64(v.number, rows[i].want);
        arena_done(&arena);
    }
}

static void presets_stand_where_nothing_was_given(void)
{
    struct str words[WORDS_MOST];
    struct admin_line line;
    struct error err;
    struct arena arena;
    size_t n = cut_words("app-password|add|a@b.c|--name|x", words);

    arena_init(&arena, 1 << 20);
    CHECK(admin_line_parse(&line, words, n, &arena, &err));
    CHECK_STR(line.call.app_password_add.scope.text, STR("all"));
    CHECK(!line.call.app_password_add.scope.given);
    CHECK(!line.call.app_password_add.days.given);
    n = cut_words("log", words);
    CHECK(admin_line_parse(&line, words, n, &arena, &err));
    CHECK_U64(line.call.log.lines.number, 100);
    arena_done(&arena);
}

int main(void)
{
    RUN(good_words_become_values);
    RUN(bad_words_are_named);
    RUN(help_is_told_whatever_else_is_wrong);
    RUN(sizes_have_units);
    RUN(presets_stand_where_nothing_was_given);
    return test_end();
}
