/* mime/header_fuzz.c: any bytes are a header, and any value is one of Content-Type and of
 * Content-Disposition. */
#include "mime/header.h"
#include "mime/param.h"
#include "base/replay.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : panic("%s", #condition))

const char fuzz_corpus[] = "mime_header";

static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Unfolding removes and trims, and once is enough. */
static void check_unfold(struct str value, struct arena *arena)
{
    struct str once = mime_unfold(value, arena);

    REQUIRE(once.n <= value.n);
    for (size_t i = 0; i < once.n; i++)
        REQUIRE(once.p[i] != '\r' && once.p[i] != '\n' && once.p[i] != '\0');
    REQUIRE(str_equal(mime_unfold(once, arena), once));
}

/* What needs no decoding is the same again when it is written in quotes. */
static void check_again(struct str value)
{
    struct mime_params params;
    struct arena arena;
    struct buf text;

    if (!str_equal(str_trim(value), value))
        return;
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || strchr("\"\\=\x7f", value.p[i]))
            return;
    buf_init(&text, value.n + 10);
    buf_c(&text, ";x=\"");
    buf_str(&text, value);
    buf_c(&text, "\"");
    arena_init(&arena, (size_t)1 << 20);
    params = mime_params_parse(buf_view(&text), &arena);
    REQUIRE(params.n == 1 && str_equal(params.items[0].value, value));
    arena_done(&arena);
    buf_done(&text);
}

static void check_params(struct str rest, struct arena *arena)
{
    struct mime_params raw = mime_params_raw(rest, arena);
    struct mime_params params = mime_params_parse(rest, arena);
    size_t total = 0;

    REQUIRE(raw.n <= LIMIT_MIME_PARAMETERS && params.n <= raw.n);
    for (uint32_t i = 0; i < raw.n; i++) {
        REQUIRE(raw.items[i].name.n && is_inside(raw.items[i].name, rest));
        total += raw.items[i].name.n + raw.items[i].value.n;
    }
    REQUIRE(total <= rest.n);
    for (uint32_t i = 0; i < params.n; i++) {
        const struct mime_param *p = &params.items[i];
        struct str found = mime_param_find(params.items, params.n, p->name);

        REQUIRE(p->name.n && utf8_valid(p->value));
        REQUIRE(p->value.n <= 4 * rest.n + 16);
        REQUIRE(i > 0 || found.p == p->value.p);
        check_again(p->value);
    }
}

static void check_value(struct str value, struct arena *arena)
{
    struct str type = STR_NULL, subtype = STR_NULL, rest;

    check_unfold(value, arena);
    if (mime_content_type(value, &type, &subtype, &rest)) {
        REQUIRE(type.n && subtype.n && is_inside(type, value) && is_inside(rest, value));
        check_params(rest, arena);
    }
    REQUIRE(is_inside(mime_disposition(value, &rest), value) && is_inside(rest, value));
    check_params(rest, arena);
}

static void check_field(struct str header, const struct mime_field *field)
{
    REQUIRE(field->at < field->end && field->end <= header.n && field->name.n);
    for (size_t i = 0; i < field->name.n; i++)
        REQUIRE(field->name.p[i] > ' ' && field->name.p[i] < 127 && field->name.p[i] != ':');
    REQUIRE(field->name.p == header.p + field->at);
    if (field->value.n) {
        REQUIRE(field->value.p > field->name.p && is_inside(field->value, header));
        REQUIRE(field->value.p + field->value.n <= header.p + field->end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str header = str_of(data, size);
    struct mime_field field = {.at = 0};
    struct arena arena;
    uint64_t last = 0;
    size_t at = 0;

    mime_process_init();
    if (size > 10000)
        return 0;
    arena_init(&arena, (size_t)16 << 20);
    for (int n = 0; n < 50 && mime_next_field(header, &at, &field); n++) {
        REQUIRE(field.at >= last && field.end == at);
        last = at;
        check_field(header, &field);
        check_value(field.value, &arena);
    }
    check_value(header, &arena);
    arena_done(&arena);
    /* Little memory means fewer parameters, never a wrong one. */
    arena_init(&arena, size % 500);
    check_value(header, &arena);
    arena_done(&arena);
    return 0;
}
