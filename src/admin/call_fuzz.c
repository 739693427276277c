/* admin/call_fuzz.c: whatever is typed, or comes over the control socket, is refused in words, or is a call that prints as it is
 * read. An even first byte: words of a command line, a line each; an odd one: the list of a call. */
#include "admin/json.h"
#include "admin/line.h"
#include "base/utf8.h"

#include "base/replay.h"

#define ITEMS_MOST 60

const char fuzz_corpus[] = "admin_call";

static size_t cut_lines(struct str rest, struct str items[ITEMS_MOST])
{
    size_t n = 0;
    bool more = true;

    while (more && n < ITEMS_MOST) {
        struct str line = rest, tail = STR_NULL;

        more = str_cut(rest, '\n', &line, &tail);
        rest = tail;
        items[n++] = line;
    }
    return n;
}

static void check_words(const struct error *err)
{
    if (err->kind == ERROR_NONE || err->text[0] == '\0')
        panic("refused without a word");
    for (const char *p = err->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            panic("refused with a control character");
}

/* What is given is of its type: numbers within their bounds, texts without controls. */
static void check_values(const struct admin_call *c)
{
    for (size_t i = 0; i < c->command->takes_n; i++) {
        const struct admin_argument *a = &c->command->takes[i];
        const struct admin_value *v = &c->v[i];
        bool number = a->type == ADMIN_TYPE_NUMBER || a->type == ADMIN_TYPE_SIZE;

        if ((a->kind == ADMIN_KIND_WORD || a->kind == ADMIN_KIND_NEEDED) && !v->given)
            panic("%s without %s", c->command->name, a->spelling);
        if (v->given && number && (v->number < a->least || v->number > a->most))
            panic("%s is out of bounds", a->spelling);
        for (size_t k = 0; v->given && k < v->text.n; k++)
            if ((unsigned char)v->text.p[k] < ' ')
                panic("%s has a control character", a->spelling);
    }
}

/* Sent to another process, it is the same there. */
static void check_call(const struct admin_call *c, struct arena *arena)
{
    size_t n = 0, m = 0;
    struct str *list = admin_call_print(c, arena, &n), *again;
    struct admin_call read;
    struct error err = {0};

    check_values(c);
    if (!list || !admin_call_read(&read, list, n, arena, &err))
        panic("a call that is not read back: %s", err.text);
    again = admin_call_print(&read, arena, &m);
    if (!again || n != m)
        panic("a call that prints as another");
    for (size_t i = 0; i < n; i++)
        if (!str_equal(list[i], again[i]))
            panic("a call that prints as another");
}

/* Any bytes are harmless as JSON. */
static void check_json(struct str s)
{
    struct buf out;
    size_t at = 0;

    buf_init(&out, 6 * s.n + 10);
    admin_json_print_text(&out, s);
    if (out.overflow || !utf8_valid(buf_view(&out)))
        panic("JSON that is not UTF-8");
    while (at < out.n)
        if (admin_json_is_control((uint32_t)utf8_next(buf_view(&out), &at)))
            panic("JSON with a control character");
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str items[ITEMS_MOST];
    struct admin_line line;
    struct admin_call call;
    struct error err = {0};
    struct arena arena;
    size_t n;

    if (size == 0)
        return 0;
    arena_init(&arena, 1 << 22);
    n = cut_lines(str_of(data + 1, size - 1), items);
    if (data[0] % 2 == 0) {
        if (!admin_line_parse(&line, items, n, &arena, &err))
            check_words(&err);
        else if (!line.everywhere.help.yes)
            check_call(&line.call, &arena);
    } else if (admin_call_read(&call, items, n, &arena, &err)) {
        check_call(&call, &arena);
    } else {
        check_words(&err);
    }
    check_json(str_of(data + 1, size - 1));
    arena_done(&arena);
    return 0;
}
