/* admin/table_test.c: the table holds together, and a mistyped word finds the one that was meant. */
#include "admin/table.c"

#include "base/buf.h"

#include "base/test.h"

static const char *one_of(const void *arg, size_t *at)
{
    const char *const *list = arg;

    return list[*at] ? list[(*at)++] : NULL;
}

static void a_mistyped_word_finds_the_one_that_was_meant(void)
{
    static const char *const words[] = {"--quota", "--app-password", "--many",     "--json",
                                        "--help",  "--data",         "-f",         "list",
                                        "list-of", "verify",         "--ready-fd", NULL};
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"--quotta", "--quota"},
        {"--qutoa", "--quota"},
        {"--quot", "--quota"},
        {"quota", "--quota"},
        {"--app-pasword", "--app-password"},
        {"--app", "--app-password"}, /* half of it */
        {"--jsno", "--json"},
        {"-json", "--json"},
        {"lits", "list"},
        {"list", "list"},
        {"--readyfd", "--ready-fd"},
        {"--completely-different", NULL},
        {"-x-", NULL},
        {"", NULL},
        {"--", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = admin_nearest(test_exact(str_c(rows[i].typed)), one_of, words);

        CHECK_ROW((got != NULL) == (rows[i].meant != NULL), rows[i].typed);
        CHECK_STR(str_c(got), str_c(rows[i].meant));
    }
}

static void every_row_is_found_by_its_words(void)
{
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);

        CHECK_ROW(admin_find(str_c(c->noun), str_c(c->verb)) == c, c->name);
        CHECK_ROW(admin_find_name(str_c(c->name)) == c, c->name);
        CHECK_ROW(admin_number(c) == (enum admin_number)i, c->name);
    }
    CHECK(admin_find(STR("account"), STR("app-password")) == admin_command(ADMIN_APP_PASSWORD_ADD));
    CHECK(!admin_find(STR("account"), STR_NULL));
    CHECK(!admin_find(STR("account"), STR("ad")));
    CHECK(!admin_find_name(STR("account")));
}

static void nouns_and_verbs_come_once_and_in_order(void)
{
    const char *verb, *noun;
    size_t at = 0;
    struct buf all;

    buf_init(&all, 1000);
    while ((verb = admin_each_verb(STR("account"), &at)))
        buf_printf(&all, "%s ", verb);
    CHECK(str_starts(buf_view(&all), STR("add list show ")));
    CHECK(str_ends(buf_view(&all), STR(" app-password "))); /* a synonym */
    at = 0;
    CHECK(!admin_each_verb(STR("status"), &at));
    at = 0;
    buf_reset(&all);
    while ((noun = admin_each_noun(&at)))
        buf_printf(&all, " %s ", noun);
    for (int i = 0; i < ADMIN_COUNT; i++) {
        struct buf word;
        size_t first;

        buf_init(&word, 100);
        buf_printf(&word, " %s ", admin_command((enum admin_number)i)->noun);
        first = str_find(buf_view(&all), buf_view(&word));
        CHECK_ROW(first != SIZE_MAX, admin_command((enum admin_number)i)->noun);
        CHECK_ROW(str_find(str_skip(buf_view(&all), first + 1), buf_view(&word)) == SIZE_MAX,
                  admin_command((enum admin_number)i)->noun);
        buf_done(&word);
    }
    buf_done(&all);
}

/* A word that may be left out stands after those that may not; options have dashes, words have none; nothing stands twice. */
static void what_a_row_takes_can_be_told_apart(void)
{
    size_t everywhere_n;
    const struct admin_argument *all = admin_everywhere(&everywhere_n);

    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);
        bool maybe = false;

        CHECK_ROW(c->help[0] && str_ends(str_c(c->help), STR(".")), c->name);
        for (size_t k = 0; k < c->takes_n; k++) {
            const struct admin_argument *a = &c->takes[k];

            CHECK_ROW(admin_is_option(a) == (a->spelling[0] == '-'), a->spelling);
            CHECK_ROW(admin_is_option(a) || !maybe || a->kind == ADMIN_KIND_MAYBE, c->name);
            CHECK_ROW(a->type == ADMIN_TYPE_FLAG || a->placeholder[0], a->spelling);
            CHECK_ROW(a->type != ADMIN_TYPE_FLAG || !a->placeholder[0], a->spelling);
            CHECK_ROW(a->help[0] && !str_ends(str_c(a->help), STR(".")), a->help);
            maybe = maybe || a->kind == ADMIN_KIND_MAYBE;
            for (size_t m = 0; m < k; m++)
                CHECK_ROW(strcmp(a->name, c->takes[m].name) != 0 &&
                              strcmp(a->spelling, c->takes[m].spelling) != 0,
                          a->spelling);
            for (size_t m = 0; m < everywhere_n; m++)
                CHECK_ROW(strcmp(a->spelling, all[m].spelling) != 0, a->spelling);
        }
    }
}

/* Options of the same spelling are of one type in all rows: completion offers the same values for them. */
static void an_option_is_of_one_type_everywhere(void)
{
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);

        for (int k = 0; k < i; k++) {
            const struct admin_command *d = admin_command((enum admin_number)k);

            for (size_t m = 0; m < c->takes_n; m++)
                for (size_t n = 0; n < d->takes_n; n++)
                    CHECK_ROW(!admin_is_option(&c->takes[m]) ||
                                  strcmp(c->takes[m].spelling, d->takes[n].spelling) != 0 ||
                                  c->takes[m].type == d->takes[n].type,
                              c->takes[m].spelling);
        }
    }
}

int main(void)
{
    RUN(a_mistyped_word_finds_the_one_that_was_meant);
    RUN(every_row_is_found_by_its_words);
    RUN(nouns_and_verbs_come_once_and_in_order);
    RUN(what_a_row_takes_can_be_told_apart);
    RUN(an_option_is_of_one_type_everywhere);
    return test_end();
}
