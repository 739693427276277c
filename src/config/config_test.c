/* config/config_test.c: every setting is read, bounded and printed by the one table. */
#include "config/config.c"

#include "base/test.h"

static void what_is_printed_is_read_back(void)
{
    struct config a, b;
    struct error err;
    struct buf one, two;

    config_init(&a);
    config_init(&b);
    buf_init(&one, 65536);
    buf_init(&two, 65536);
    CHECK(config_parse(
        &a, STR("# a comment\nhostname = mx.example.test\n\nmessage-size=1M\n log-debug = yes \n"),
        &err));
    CHECK_STR(str_c(a.hostname), STR("mx.example.test"));
    CHECK_U64(a.message_size, 1 << 20);
    CHECK(a.log_debug);
    config_print(&a, &one);
    CHECK(config_parse(&b, buf_view(&one), &err));
    config_print(&b, &two);
    CHECK_STR(buf_view(&two), buf_view(&one));
    buf_reset(&one);
    buf_reset(&two);
    config_print_sample(&one);
    CHECK(config_parse(&b, buf_view(&one), &err));
    config_done(&b);
    config_init(&b);
    config_print_changed(&a, &b, &two);
    CHECK_STR(buf_view(&two), STR("hostname"));
    buf_done(&one);
    buf_done(&two);
    config_done(&a);
    config_done(&b);
}

static void a_mistake_is_named_with_its_line(void)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"hostname = a\nnonsense = 1\n", "line 2: there is no setting \"nonsense\""},
        {"hostname\n", "line 1: expected `key = value`"},
        {"hashers = 33\n", "line 1: hashers must be 0 to 32"},
        {"hashers = many\n", "line 1: hashers wants a number, not \"many\""},
        {"\n\nhashers = 1\nhashers = 2", "line 4: hashers is set twice"},
        {"log-debug = maybe", "line 1: log-debug wants yes or no, not \"maybe\""},
        {"listen-smtp = localhost:25",
         "line 1: \"localhost:25\" is not an address such as 192.0.2.1:25 or [2001:db8::1]:25"},
        {"listen-smtp = 127.0.0.1:99999",
         "line 1: \"127.0.0.1:99999\" is not an address such as 192.0.2.1:25 or [2001:db8::1]:25"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config c;
        struct error err = {0};

        config_init(&c);
        CHECK_ROW(!config_parse(&c, test_exact(str_c(rows[i].text)), &err), rows[i].text);
        CHECK_STR(str_c(err.text), str_c(rows[i].words));
        config_done(&c);
    }
}

int main(void)
{
    RUN(what_is_printed_is_read_back);
    RUN(a_mistake_is_named_with_its_line);
    return test_end();
}
