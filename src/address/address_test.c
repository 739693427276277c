/* address/address_test.c: addresses as the directory compares them. */
#include "address/address.c"

#include "base/test.h"

static void a_detail_begins_at_the_first_plus_that_is_not_in_front(void)
{
    static const struct {
        const char *local, *base, *detail;
    } rows[] = {
        {"ada", "ada", ""},   {"ada+lists", "ada", "lists"}, {"ada+a+b", "ada", "a+b"},
        {"+ada", "+ada", ""}, {"+ada+x", "+ada", "x"},       {"ada+", "ada", ""},
        {"a", "a", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str base, detail;

        address_detail(test_exact(str_c(rows[i].local)), &base, &detail);
        CHECK_STR(base, str_c(rows[i].base));
        CHECK_STR(detail, str_c(rows[i].detail));
    }
}

static void an_address_is_split_at_its_last_at(void)
{
    struct str local, domain;

    CHECK(address_split(STR("a@b@c.test"), &local, &domain));
    CHECK_STR(local, STR("a@b"));
    CHECK_STR(domain, STR("c.test"));
    CHECK(!address_split(STR("nobody"), &local, &domain) &&
          !address_split(STR("@c.test"), &local, &domain) &&
          !address_split(STR("a@"), &local, &domain));
}

static void a_login_name_is_read_as_phones_write_it(void)
{
    struct buf b;

    buf_init(&b, 100);
    address_login(&b, STR(" Ada%40Example.TEST\r\n"));
    CHECK_STR(buf_view(&b), STR("ada@example.test"));
    buf_done(&b);
}

static void only_names_that_others_can_write_are_made(void)
{
    static const struct {
        const char *local, *domain;
        bool ok;
    } rows[] = {
        {"ada", "example.test", true},
        {"a.b-c_d", "x.test", true},
        {"a..b", "x.test", false},
        {".a", "x.test", false},
        {"a.", "x.test", false},
        {"a+b", "x.test", false},
        {"a b", "x.test", false},
        {"\"a\"", "x.test", false},
        {"a@b", "x.test", false},
        {"", "x.test", false},
        {"a", "", false},
        {"a", "-x.test", false},
        {"a", "x-.test", false},
        {"a", "x..test", false},
        {"a", "x.test.", false},
        {"a", "[127.0.0.1]", false},
        {"a", "localhost", true},
        {"\xc3\xa6", "x.test", true},
        {"a", "x_y.test", false},
        {"j\xc3\xb6rg",
         "b\xc3\xbc"
         "cher.test",
         true},
        {"a\xc2\xa0z", "x.test", false},
        {"a\xe2\x80\x8b", "x.test", false},
        {"\xff", "x.test", false},
        {"a", "\xe2\x80\x8b.test", false},
        {"\xe7\x94\xa8\xe6\x88\xb7", "\xe4\xbe\x8b\xe3\x81\x88.test", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_ROW(address_check(test_exact(str_c(rows[i].local)), test_exact(str_c(rows[i].domain)),
                                NULL) == rows[i].ok,
                  rows[i].local);
}

static void names_beyond_ascii_compare_as_people_mean_them(void)
{
    static const struct {
        const char *address, *folded;
    } rows[] = {
        {"J\xc3\x96RG@B\xc3\x9c"
         "CHER.Test",
         "j\xc3\xb6rg@xn--bcher-kva.test"},
        {"jo\xcc\x88rg@xn--BCHER-kva.test", "j\xc3\xb6rg@xn--bcher-kva.test"}, /* decomposed */
        {"stra\xc3\x9f"
         "e@x.test",
         "strasse@x.test"},
        {"a@stra\xc3\x9f"
         "e.test",
         "a@xn--strae-oqa.test"}, /* IDNA 2008 keeps the sharp s */
        {"\xff"
         "A@x.test",
         "\xff"
         "a@x.test"},
        {"ADA", "ada"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 400);
        address_fold_whole(&b, test_exact(str_c(rows[i].address)));
        CHECK_STR(buf_view(&b), str_c(rows[i].folded));
        buf_done(&b);
    }
}

int main(void)
{
    RUN(names_beyond_ascii_compare_as_people_mean_them);
    RUN(a_detail_begins_at_the_first_plus_that_is_not_in_front);
    RUN(an_address_is_split_at_its_last_at);
    RUN(a_login_name_is_read_as_phones_write_it);
    RUN(only_names_that_others_can_write_are_made);
    return test_end();
}
