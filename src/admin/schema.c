/* admin/schema.c: the table in JSON, with JSON Schema (draft 2020-12) for what goes in and what comes out. */
#include "admin/json.h"
#include "admin/usage.h"
#include "config/config.h"

#include <string.h>

static void print_fields(struct admin_json *j, const struct admin_fields *fields);

static void open_typed(struct admin_json *j, const char *name, const char *type)
{
    admin_json_open(j, name, '{');
    admin_json_c(j, "type", type);
}

/* ---- answers ---- */

static void print_settings_schema(struct admin_json *j)
{
#define SETTING_TEXT "string"
#define SETTING_ADDRESSES "string"
#define SETTING_NETWORKS "string"
#define SETTING_NUMBER "integer"
#define SETTING_BOOL "boolean"
#define SETTING(type, field, key, def, least, most, reload, help)                                  \
    open_typed(j, key, SETTING_##type);                                                            \
    admin_json_c(j, "description", help);                                                          \
    admin_json_close(j);
    SETTINGS(SETTING)
#undef SETTING
}

static const char *field_type_name(enum admin_field_type type)
{
    switch (type) {
    case ADMIN_FIELD_NUMBER:
    case ADMIN_FIELD_SIZE:
        return "integer";
    case ADMIN_FIELD_YESNO:
        return "boolean";
    case ADMIN_FIELD_TEXTS:
    case ADMIN_FIELD_ROWS:
        return "array";
    case ADMIN_FIELD_OBJECT:
    case ADMIN_FIELD_MAP:
    case ADMIN_FIELD_SETTINGS:
        return "object";
    case ADMIN_FIELD_TEXT:
    case ADMIN_FIELD_TIME:
        break;
    }
    return "string";
}

static void print_field(struct admin_json *j, const char *name, const struct admin_field *f)
{
    open_typed(j, name, field_type_name(f->type));
    admin_json_c(j, "description", f->help);
    if (f->type == ADMIN_FIELD_TIME)
        admin_json_c(j, "format", "date-time");
    if (f->type == ADMIN_FIELD_SIZE)
        admin_json_c(j, "unit", "bytes");
    if (f->type == ADMIN_FIELD_TEXTS) {
        open_typed(j, "items", "string");
        admin_json_close(j);
    }
    if (f->type == ADMIN_FIELD_OBJECT)
        print_fields(j, f->inside);
    if (f->type == ADMIN_FIELD_ROWS || f->type == ADMIN_FIELD_MAP) {
        open_typed(j, f->type == ADMIN_FIELD_ROWS ? "items" : "additionalProperties", "object");
        print_fields(j, f->inside);
        admin_json_close(j);
    }
    admin_json_close(j);
}

/* The properties of an object whose schema is open. */
static void print_fields(struct admin_json *j, const struct admin_fields *fields)
{
    const struct admin_field *others = NULL;

    admin_json_open(j, "properties", '{');
    for (size_t i = 0; i < fields->n; i++) {
        if (fields->v[i].type == ADMIN_FIELD_SETTINGS)
            print_settings_schema(j);
        else if (strcmp(fields->v[i].name, "*") == 0)
            others = &fields->v[i];
        else
            print_field(j, fields->v[i].name, &fields->v[i]);
    }
    admin_json_close(j);
    admin_json_open(j, "required", '[');
    for (size_t i = 0; i < fields->n; i++)
        if (fields->v[i].presence == ADMIN_PRESENCE_ALWAYS && strcmp(fields->v[i].name, "*") != 0)
            admin_json_c(j, NULL, fields->v[i].name);
    admin_json_close(j);
    if (others)
        print_field(j, "additionalProperties", others);
    else
        admin_json_bool(j, "additionalProperties", false);
}

static void print_answer(struct admin_json *j, const struct admin_command *c)
{
    if (c->shape == ADMIN_SHAPE_TEXT)
        return;
    if (c->shape == ADMIN_SHAPE_ROWS) {
        open_typed(j, "answer", "array");
        open_typed(j, "items", "object");
    } else {
        open_typed(j, "answer", "object");
    }
    print_fields(j, &c->gives);
    admin_json_close(j);
    if (c->shape == ADMIN_SHAPE_ROWS)
        admin_json_close(j);
}

/* ---- arguments ---- */

static void print_alternatives(struct admin_json *j, const char *name, struct str list)
{
    admin_json_open(j, name, '[');
    while (list.n) {
        struct str word = list, rest = STR_NULL;

        str_cut(list, '|', &word, &rest);
        list = rest;
        admin_json_text(j, NULL, word);
    }
    admin_json_close(j);
}

static const char *argument_type_name(const struct admin_argument *a)
{
    if (a->kind == ADMIN_KIND_REPEATED)
        return "array";
    switch (a->type) {
    case ADMIN_TYPE_FLAG:
    case ADMIN_TYPE_YESNO:
        return "boolean";
    case ADMIN_TYPE_NUMBER:
    case ADMIN_TYPE_SIZE:
        return "integer";
    default:
        return "string";
    }
}

static void print_preset(struct admin_json *j, const struct admin_argument *a)
{
    uint64_t n;

    if (!a->preset[0])
        return;
    if (a->type == ADMIN_TYPE_NUMBER && str_to_u64(str_c(a->preset), a->most, &n))
        admin_json_number(j, "default", n);
    else
        admin_json_c(j, "default", a->preset);
}

static void print_argument(struct admin_json *j, const struct admin_argument *a)
{
    bool number = a->type == ADMIN_TYPE_NUMBER || a->type == ADMIN_TYPE_SIZE;

    open_typed(j, a->name, argument_type_name(a));
    admin_json_c(j, "description", a->help);
    if (number) {
        admin_json_number(j, "minimum", a->least);
        admin_json_number(j, "maximum", a->most);
    }
    if (a->type == ADMIN_TYPE_ADDRESS || a->type == ADMIN_TYPE_DOMAIN)
        admin_json_c(j, "format", a->type == ADMIN_TYPE_ADDRESS ? "email" : "hostname");
    if (a->type == ADMIN_TYPE_CHOICE)
        print_alternatives(j, "enum", str_c(a->placeholder));
    print_preset(j, a);
    admin_json_c(j, "spelling", a->spelling);
    if (admin_is_option(a) && a->type != ADMIN_TYPE_FLAG)
        admin_json_c(j, "placeholder", a->placeholder);
    if (a->kind == ADMIN_KIND_REPEATED) {
        open_typed(j, "items", "string");
        admin_json_close(j);
    }
    admin_json_close(j);
}

static void print_arguments(struct admin_json *j, const char *name,
                            const struct admin_argument *takes, size_t n)
{
    open_typed(j, name, "object");
    admin_json_open(j, "properties", '{');
    for (size_t i = 0; i < n; i++)
        print_argument(j, &takes[i]);
    admin_json_close(j);
    admin_json_open(j, "required", '[');
    for (size_t i = 0; i < n; i++)
        if (takes[i].kind == ADMIN_KIND_WORD || takes[i].kind == ADMIN_KIND_NEEDED)
            admin_json_c(j, NULL, takes[i].name);
    admin_json_close(j);
    admin_json_bool(j, "additionalProperties", false);
    admin_json_close(j);
}

/* ---- the table ---- */

static const char *shape_name(enum admin_shape shape)
{
    return shape == ADMIN_SHAPE_ROWS    ? "rows"
           : shape == ADMIN_SHAPE_LINES ? "lines"
           : shape == ADMIN_SHAPE_TEXT  ? "text"
                                        : "object";
}

static void print_synonyms(struct admin_json *j, const struct admin_command *c)
{
    admin_json_open(j, "synonyms", '[');
#define SYNONYM(noun, verb, NAME)                                                                  \
    if (admin_number(c) == ADMIN_##NAME)                                                           \
        admin_json_c(j, NULL, noun " " verb);
    ADMIN_SYNONYMS(SYNONYM)
#undef SYNONYM
    admin_json_close(j);
}

void admin_usage_print_schema(struct buf *out)
{
    const struct admin_argument *everywhere;
    struct admin_json j;
    size_t n;

    admin_json_init(&j, out, true);
    admin_json_open(&j, NULL, '{');
    admin_json_c(&j, "version", POSTHUS_VERSION);
    everywhere = admin_everywhere(&n);
    print_arguments(&j, "everywhere", everywhere, n);
    admin_json_open(&j, "commands", '{');
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);

        admin_json_open(&j, c->name, '{');
        admin_json_c(&j, "help", c->help);
        admin_json_c(&j, "answered_by", admin_by_name(c->by));
        admin_json_c(&j, "right", admin_right_name(c->right));
        admin_json_c(&j, "shape", shape_name(c->shape));
        print_synonyms(&j, c);
        print_arguments(&j, "arguments", c->takes, c->takes_n);
        print_answer(&j, c);
        admin_json_close(&j);
    }
    admin_json_close(&j);
    admin_json_close(&j);
    buf_char(out, '\n');
}
