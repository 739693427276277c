/* mime/message_check.c: see message_check.h. The reader here is a strict one of its own, so that it
 * does not share the printer's mistakes. */
#include "mime/message_check.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "base/utf8.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic("%s:%d: %s", __FILE__, __LINE__, #condition);                                    \
    } while (0)

/* Where a part stands: within its parent, after the part before it. */
static void check_place(const struct mime_message *m, uint32_t i)
{
    const struct mime_part *part = &m->parts[i], *parent = &m->parts[part->parent];

    if (i == 0) {
        REQUIRE(part->header_at == 0 && part->parent == 0 && part->depth == 0);
        REQUIRE(part->end_at == m->bytes.n);
        return;
    }
    REQUIRE(part->parent < i && part->depth == parent->depth + 1);
    REQUIRE(part->header_at > m->parts[i - 1].header_at);
    REQUIRE(part->header_at >= m->parts[i - 1].body_at);
    REQUIRE(part->header_at >= parent->body_at && part->end_at <= parent->end_at);
}

static void check_children(const struct mime_message *m, uint32_t i)
{
    const struct mime_part *part = &m->parts[i];
    uint32_t children = 0;

    REQUIRE(!(part->multipart && part->message));
    for (uint32_t k = i + 1; k < m->parts_n && m->parts[k].depth > part->depth; k++)
        children += m->parts[k].parent == i;
    REQUIRE(children == part->children);
    REQUIRE(!part->message || children == 1);
    REQUIRE(part->message || part->multipart || children == 0);
}

static void check_part(const struct mime_message *m, uint32_t i)
{
    const struct mime_part *part = &m->parts[i];

    REQUIRE(part->header_at <= part->body_at && part->body_at <= part->end_at);
    REQUIRE(part->end_at <= m->bytes.n);
    REQUIRE(part->depth < LIMIT_MIME_DEPTH);
    REQUIRE(part->lines <= part->end_at - part->body_at);
    REQUIRE(part->type.n && part->subtype.n && part->encoding.n);
    REQUIRE(part->params_n <= LIMIT_MIME_PARAMETERS);
    REQUIRE(part->disposition_params_n <= LIMIT_MIME_PARAMETERS);
    check_children(m, i);
    for (uint32_t k = 0; k < part->params_n; k++)
        REQUIRE(part->params[k].name.n && utf8_valid(part->params[k].value));
    check_place(m, i);
}

void mime_check_tree(const struct mime_message *m)
{
    REQUIRE(m->parts_n >= 1 && m->parts_n <= LIMIT_MIME_PARTS);
    REQUIRE(m->references_n <= LIMIT_MIME_REFERENCES);
    REQUIRE(utf8_valid(m->subject) && utf8_valid(m->base_subject));
    for (uint32_t i = 0; i < m->parts_n; i++)
        check_part(m, i);
}

/* string = quoted / literal (RFC 9051 section 4.3); no NUL, no 8-bit in quotes. */
static void check_string(struct cursor *c)
{
    if (cursor_accept(c, '{')) {
        struct str text;
        uint64_t n = cursor_number(c, UINT32_MAX);

        cursor_expect(c, '}');
        cursor_expect(c, '\r');
        cursor_expect(c, '\n');
        text = cursor_bytes(c, n);
        REQUIRE(str_find_char(text, '\0') == SIZE_MAX);
        return;
    }
    cursor_expect(c, '"');
    while (!c->failed && !cursor_accept(c, '"')) {
        int ch = cursor_take(c);

        if (ch == '\\') {
            ch = cursor_take(c);
            REQUIRE(ch == '\\' || ch == '"');
        }
        REQUIRE(ch > 0 && ch < 128 && ch != '\r' && ch != '\n');
    }
}

static bool check_nil(struct cursor *c)
{
    return cursor_accept_word(c, STR("NIL"));
}

static void check_nstring(struct cursor *c)
{
    if (!check_nil(c))
        check_string(c);
}

/* env-from = "(" 1*address ")" / nil; groups open and close. */
static void check_address_list(struct cursor *c)
{
    bool in_group = false;

    if (check_nil(c))
        return;
    cursor_expect(c, '(');
    do {
        bool local, host;

        cursor_expect(c, '(');
        check_nstring(c);
        cursor_expect(c, ' ');
        check_nstring(c);
        cursor_expect(c, ' ');
        local = !check_nil(c);
        if (local)
            check_string(c);
        cursor_expect(c, ' ');
        host = !check_nil(c);
        if (host)
            check_string(c);
        cursor_expect(c, ')');
        if (!host) {
            REQUIRE(c->failed || local != in_group);
            in_group = local;
        }
    } while (cursor_peek(c) == '(');
    cursor_expect(c, ')');
    REQUIRE(c->failed || !in_group);
}

static void check_envelope(struct cursor *c)
{
    cursor_expect(c, '(');
    for (int i = 0; i < 10; i++) {
        if (i)
            cursor_expect(c, ' ');
        if (i >= 2 && i <= 7)
            check_address_list(c);
        else
            check_nstring(c);
    }
    cursor_expect(c, ')');
}

static void check_params(struct cursor *c)
{
    if (check_nil(c))
        return;
    cursor_expect(c, '(');
    do {
        check_string(c);
        cursor_expect(c, ' ');
        check_string(c);
    } while (cursor_accept(c, ' '));
    cursor_expect(c, ')');
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void check_extension(struct cursor *c)
{
    if (!check_nil(c)) {
        cursor_expect(c, '(');
        check_string(c);
        cursor_expect(c, ' ');
        check_params(c);
        cursor_expect(c, ')');
    }
    cursor_expect(c, ' ');
    if (!check_nil(c)) { /* a list, also of one language */
        cursor_expect(c, '(');
        do
            check_string(c);
        while (cursor_accept(c, ' '));
        cursor_expect(c, ')');
    }
    cursor_expect(c, ' ');
    check_nstring(c);
}

static void check_body(struct cursor *c, bool extended);

static void check_multipart(struct cursor *c, bool extended)
{
    while (cursor_peek(c) == '(')
        check_body(c, extended);
    cursor_expect(c, ' ');
    check_string(c);
    if (!extended)
        return;
    cursor_expect(c, ' ');
    check_params(c);
    cursor_expect(c, ' ');
    check_extension(c);
}

static void check_single(struct cursor *c, bool extended)
{
    bool text = str_starts_nocase(cursor_rest(c), STR("\"text\" "));
    bool message = str_starts_nocase(cursor_rest(c), STR("\"message\" \"rfc822\" ")) ||
                   str_starts_nocase(cursor_rest(c), STR("\"message\" \"global\" "));

    check_string(c);
    cursor_expect(c, ' ');
    check_string(c);
    cursor_expect(c, ' ');
    check_params(c);
    cursor_expect(c, ' ');
    check_nstring(c);
    cursor_expect(c, ' ');
    check_nstring(c);
    cursor_expect(c, ' ');
    check_string(c);
    cursor_expect(c, ' ');
    cursor_number(c, UINT64_MAX);
    if (message) {
        cursor_expect(c, ' ');
        check_envelope(c);
        cursor_expect(c, ' ');
        check_body(c, extended);
    }
    if (text || message) {
        cursor_expect(c, ' ');
        cursor_number(c, UINT64_MAX);
    }
    if (!extended)
        return;
    cursor_expect(c, ' ');
    check_nstring(c);
    cursor_expect(c, ' ');
    check_extension(c);
}

static void check_body(struct cursor *c, bool extended)
{
    cursor_expect(c, '(');
    if (cursor_peek(c) == '(')
        check_multipart(c, extended);
    else
        check_single(c, extended);
    cursor_expect(c, ')');
}

static void finish_grammar(const struct cursor *c, struct str text)
{
    struct error err = {0};

    if (cursor_ok(c, &err) && cursor_at_end(c))
        return;
    panic("not the grammar, at %zu: %s: %.*s", c->at, err.text,
          STR_ARG(str_sub(text, c->at > 60 ? c->at - 60 : 0, 160)));
}

void mime_check_envelope(struct str text)
{
    struct cursor c;

    cursor_init(&c, text);
    check_envelope(&c);
    finish_grammar(&c, text);
}

void mime_check_body(struct str text, bool extended)
{
    struct cursor c;

    cursor_init(&c, text);
    check_body(&c, extended);
    finish_grammar(&c, text);
}

void mime_check_bytes(struct str bytes, size_t arena_max)
{
    struct arena arena, work;
    struct mime_message m;
    struct buf out;

    arena_init(&arena, arena_max);
    /* A small arena stands for one that fills up: what is printed then is less, and still grammar.
     */
    arena_init(&work, arena_max < 65536 ? arena_max : (size_t)16 << 20);
    buf_init(&out, (size_t)64 << 20);
    mime_parse(bytes, &arena, &m);
    mime_check_tree(&m);
    mime_print_envelope(&out, &m, 0, &work);
    mime_check_envelope(buf_view(&out));
    for (int extended = 0; extended < 2; extended++) {
        buf_reset(&out);
        mime_print_bodystructure(&out, &m, extended != 0, &work);
        mime_check_body(buf_view(&out), extended != 0);
    }
    buf_reset(&out);
    mime_print_preview(&out, &m, &work);
    REQUIRE(out.n <= LIMIT_MIME_PREVIEW && utf8_valid(buf_view(&out)));
    buf_done(&out);
    arena_done(&work);
    arena_done(&arena);
}
