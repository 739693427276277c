/* admin/json_test.c: commas, levels, and text that is harmless. */
#include "admin/json.c"

#include "base/test.h"

static void texts_are_harmless(void)
{
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"a\nb\tc\0d", 7}, "\"a\\nb\\u0009c\\u0000d\""},
        {{"\x1b[31m\x7f", 6}, "\"\\u001b[31m\\u007f\""},
        {{"\xc2\x9b", 2}, "\"\\u009b\""},     /* C1: CSI in one code point */
        {{"\xe2\x80\xae", 3}, "\"\\u202e\""}, /* right to left override */
        {{"\xe2\x81\xa6", 3}, "\"\\u2066\""}, /* isolate */
        {{"\xd8\x9c", 2}, "\"\\u061c\""},     /* Arabic letter mark */
        {{"b\xc3\xbc"
          "cher",
          7},
         "\"b\xc3\xbc"
         "cher\""},
        {{"\xff\xc3", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 1000);
        admin_json_print_text(&out, test_exact(rows[i].in));
        CHECK_STR(buf_view(&out), str_c(rows[i].out));
        buf_done(&out);
    }
}

static void write_sample(struct buf *out, bool lines)
{
    struct admin_json j;

    admin_json_init(&j, out, lines);
    admin_json_open(&j, NULL, '{');
    admin_json_c(&j, "a", "x");
    admin_json_open(&j, "none", '[');
    admin_json_close(&j);
    admin_json_open(&j, "list", '[');
    admin_json_number(&j, NULL, 1);
    admin_json_bool(&j, NULL, false);
    admin_json_close(&j);
    admin_json_time(&j, "t", 0);
    admin_json_close(&j);
}

static void commas_stand_between(void)
{
    struct buf out;

    buf_init(&out, 1000);
    write_sample(&out, false);
    CHECK_STR(buf_view(&out), STR("{\"a\": \"x\", \"none\": [], \"list\": [1, false], "
                                  "\"t\": \"1970-01-01T00:00:00.000Z\"}"));
    buf_reset(&out);
    write_sample(&out, true);
    CHECK_STR(buf_view(&out),
              STR("{\n \"a\": \"x\",\n \"none\": [],\n \"list\": [\n  1,\n  false\n ],\n"
                  " \"t\": \"1970-01-01T00:00:00.000Z\"\n}"));
    buf_done(&out);
}

int main(void)
{
    RUN(texts_are_harmless);
    RUN(commas_stand_between);
    return test_end();
}
