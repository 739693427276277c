/* main/render.c: the answers of the server, for people and for programs. What stands in them came from outside (names, logs,
 * reports), so that nothing of it reaches a terminal but letters. */
#include "main/main.h"

#include "admin/json.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <uniwidth.h>

#define ROWS_HELD 200      /* rows that decide how wide the columns are */
#define VALUE_MOST 1000000 /* bytes of one printed value */
#define COLUMNS_MOST 12

struct render {
    const struct admin_command *command;
    bool counters, json;
    json_t *whole; /* of an object, all pages; of rows, those that wait for the widths */
    size_t wide[COLUMNS_MOST];
    bool begun; /* something of the rows is printed */
};

struct render *render_create(const struct admin_command *command, bool counters, bool json)
{
    struct render *r = mem_zalloc(sizeof *r);

    *r = (struct render){.command = command, .counters = counters, .json = json};
    r->whole = command->shape == ADMIN_SHAPE_ROWS ? json_array() : json_object();
    if (command->gives.n > COLUMNS_MOST && command->shape == ADMIN_SHAPE_ROWS)
        panic("%s has too many columns", command->name);
    return r;
}

void render_destroy(struct render *r)
{
    if (!r)
        return;
    json_decref(r->whole);
    mem_free(r);
}

/* ---- text ---- */

/* An accent takes none, an ideograph two. */
static size_t columns_of(ucs4_t code)
{
    int n = uc_width(code, "UTF-8");

    return n > 0 ? (size_t)n : 0;
}

size_t render_safe(struct buf *out, struct str text, bool keep_lines)
{
    size_t at = 0, columns = 0;

    while (at < text.n) {
        size_t before = out->n, from = at;
        int32_t code = utf8_next(text, &at);

        if (code < 0)
            buf_printf(out, "\\x%02x", (unsigned char)text.p[from]);
        else if (code == '\n' && keep_lines)
            buf_char(out, '\n');
        else if (admin_json_is_control((uint32_t)code))
            buf_printf(out, code < 256 ? "\\x%02x" : "\\u%04x", (unsigned)code);
        else
            buf_str(out, str_sub(text, from, at - from));
        if (code < 128 || admin_json_is_control((uint32_t)code))
            columns += out->n - before;
        else
            columns += columns_of((ucs4_t)code);
    }
    return columns;
}

static void print_size(struct buf *out, uint64_t n)
{
    static const char units[] = "KMGT";
    unsigned unit = 0;

    while (n && n % 1024 == 0 && unit < 4) {
        n /= 1024;
        unit++;
    }
    buf_u64(out, n);
    if (unit)
        buf_char(out, units[unit - 1]);
}

/* Without its milliseconds. */
static size_t print_time(struct buf *out, struct str time)
{
    size_t dot = str_rfind_char(time, '.');

    if (dot == SIZE_MAX || time.n < 19)
        return render_safe(out, time, false);
    return render_safe(out, str_sub(time, 0, dot), false) + render_safe(out, STR("Z"), false);
}

/* Appends one value as a person reads it; the columns it takes. */
static size_t print_value(struct buf *out, const json_t *v, enum admin_field_type type)
{
    size_t from = out->n, columns = 0, i;
    json_t *item;

    if (json_is_string(v) && type == ADMIN_FIELD_TIME)
        return print_time(out, str_c(json_string_value(v)));
    if (json_is_string(v))
        return render_safe(out, str_of(json_string_value(v), json_string_length(v)), false);
    if (json_is_array(v)) {
        json_array_foreach((json_t *)(uintptr_t)v, i, item)
        {
            if (i)
                buf_c(out, ", ");
            columns += (i ? 2 : 0) + print_value(out, item, ADMIN_FIELD_TEXT);
        }
        return columns;
    }
    if (json_is_integer(v) && type == ADMIN_FIELD_SIZE)
        print_size(out, (uint64_t)json_integer_value(v));
    else if (json_is_integer(v))
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        buf_c(out, json_is_true(v) ? "yes" : "no");
    return out->n - from;
}

/* Without the spaces of empty columns. */
static void end_line(struct buf *b)
{
    while (b->n && b->p[b->n - 1] == ' ')
        b->n--;
    buf_char(b, '\n');
}

static void print_out(const struct buf *b)
{
    if (b->n)
        fwrite(b->p, 1, b->n, stdout);
}

/* ---- as JSON ---- */

static void print_json_value(struct admin_json *j, const char *name, const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(v)) {
        admin_json_open(j, name, '{');
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            print_json_value(j, key, item);
        }
        admin_json_close(j);
    } else if (json_is_array(v)) {
        admin_json_open(j, name, '[');
        json_array_foreach((json_t *)(uintptr_t)v, i, item)
        {
            print_json_value(j, NULL, item);
        }
        admin_json_close(j);
    } else if (json_is_string(v)) {
        admin_json_text(j, name, str_of(json_string_value(v), json_string_length(v)));
    } else if (json_is_integer(v)) {
        admin_json_number(j, name, (uint64_t)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        admin_json_bool(j, name, json_is_true(v));
    }
}

static void print_json(const json_t *v, bool lines)
{
    struct admin_json j;
    struct buf b;

    buf_init(&b, SIZE_MAX / 2);
    admin_json_init(&j, &b, lines);
    print_json_value(&j, NULL, v);
    print_out(&b);
    buf_done(&b);
}

static void print_json_rows(struct render *r, const json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        fputs(r->begun ? ",\n " : "[\n ", stdout);
        r->begun = true;
        print_json(row, false);
    }
}

/* ---- a table ---- */

static void print_row(const struct render *r, const json_t *row)
{
    const struct admin_fields *f = &r->command->gives;
    struct buf line;
    size_t pad = 0;

    buf_init(&line, VALUE_MOST);
    for (size_t k = 0; k < f->n; k++) {
        const json_t *v = json_object_get(row, f->v[k].name);
        size_t columns;

        buf_printf(&line, "%*s", (int)pad, "");
        columns = print_value(&line, v, f->v[k].type);
        pad = 2 + (columns < r->wide[k] ? r->wide[k] - columns : 0);
    }
    end_line(&line);
    print_out(&line);
    buf_done(&line);
}

static void print_head(struct render *r)
{
    json_t *names = json_object();

    for (size_t k = 0; k < r->command->gives.n; k++)
        json_object_set_new(names, r->command->gives.v[k].name,
                            json_string(r->command->gives.v[k].name));
    print_row(r, names);
    json_decref(names);
}

/* How wide the columns are: as their names, and as what is held. */
static void measure_columns(struct render *r)
{
    struct buf text;
    json_t *row;
    size_t i;

    buf_init(&text, VALUE_MOST);
    for (size_t k = 0; k < r->command->gives.n; k++)
        r->wide[k] = strlen(r->command->gives.v[k].name);
    json_array_foreach(r->whole, i, row)
    {
        for (size_t k = 0; k < r->command->gives.n; k++) {
            const struct admin_field *f = &r->command->gives.v[k];

            buf_reset(&text);
            r->wide[k] =
                size_max(r->wide[k], print_value(&text, json_object_get(row, f->name), f->type));
        }
    }
    buf_done(&text);
}

static void print_table(struct render *r)
{
    json_t *row;
    size_t i;

    if (!r->begun) {
        measure_columns(r);
        print_head(r);
        r->begun = true;
    }
    json_array_foreach(r->whole, i, row)
    {
        print_row(r, row);
    }
    json_array_clear(r->whole);
}

/* ---- an object ---- */

/* "id=3 kind=app name=phone" */
static void print_inside(struct buf *out, const json_t *row, const struct admin_fields *fields)
{
    bool first = true;

    for (size_t i = 0; i < fields->n; i++) {
        const json_t *v = json_object_get(row, fields->v[i].name);

        if (!v)
            continue;
        buf_printf(out, "%s%s=", first ? "" : " ", fields->v[i].name);
        print_value(out, v, fields->v[i].type);
        first = false;
    }
}

static void print_field(struct buf *out, const json_t *v, const struct admin_field *f, size_t wide)
{
    json_t *row;
    size_t i;

    buf_printf(out, "%-*s  ", (int)wide, f->name);
    if (f->type != ADMIN_FIELD_ROWS) {
        print_value(out, v, f->type);
        end_line(out);
        return;
    }
    if (json_array_size(v) == 0)
        end_line(out);
    json_array_foreach((json_t *)(uintptr_t)v, i, row)
    {
        if (i)
            buf_printf(out, "%*s", (int)wide + 2, "");
        print_inside(out, row, f->inside);
        buf_char(out, '\n');
    }
}

static void print_object(const struct render *r)
{
    const json_t *report = json_object_get(r->whole, "report");
    size_t wide = 0;
    struct buf out;

    buf_init(&out, SIZE_MAX / 2);
    if (r->command->by == ADMIN_BY_SUPERVISOR && json_object_get(r->whole, "processes")) {
        status_print(&out, r->whole, r->counters);
    } else if (json_is_string(report)) {
        render_safe(&out, str_of(json_string_value(report), json_string_length(report)), true);
    } else {
        for (size_t i = 0; i < r->command->gives.n; i++)
            wide = size_max(wide, strlen(r->command->gives.v[i].name));
        for (size_t i = 0; i < r->command->gives.n; i++) {
            const struct admin_field *f = &r->command->gives.v[i];
            const json_t *v = json_object_get(r->whole, f->name);

            if (v)
                print_field(&out, v, f, wide);
        }
    }
    print_out(&out);
    buf_done(&out);
}

/* Lists grow, the rest is set. */
static void merge_page(json_t *whole, json_t *page)
{
    const char *key;
    json_t *v;

    json_object_foreach(page, key, v)
    {
        json_t *before = json_object_get(whole, key);

        if (json_is_array(before) && json_is_array(v))
            json_array_extend(before, v);
        else
            json_object_set(whole, key, v);
    }
}

/* ---- pages ---- */

bool render_page(struct render *r, struct str page)
{
    json_t *j = json_loadb(page.p, page.n, JSON_ALLOW_NUL, NULL);
    bool rows = r->command->shape == ADMIN_SHAPE_ROWS;
    bool ok = rows ? json_is_array(j) : json_is_object(j);

    if (ok && !rows)
        merge_page(r->whole, j);
    if (ok && rows && r->json)
        print_json_rows(r, j);
    if (ok && rows && !r->json) {
        json_array_extend(r->whole, j);
        if (r->begun || json_array_size(r->whole) >= ROWS_HELD)
            print_table(r);
    }
    json_decref(j);
    return ok;
}

void render_end(struct render *r)
{
    bool rows = r->command->shape == ADMIN_SHAPE_ROWS;

    if (rows && r->json) {
        puts(r->begun ? "\n]" : "[]");
    } else if (rows) {
        print_table(r);
    } else if (r->json) {
        print_json(r->whole, true);
        putchar('\n');
    } else {
        print_object(r);
    }
}

void render_error(struct str answer, struct buf *out)
{
    json_t *j = json_loadb(answer.p, answer.n, JSON_ALLOW_NUL, NULL);

    buf_str(out, str_c(json_string_value(json_object_get(j, "error"))));
    json_decref(j);
}
