/* admin/call.c: see call.h. */
#include "admin/call.h"

#include "address/address.h"
#include "base/buf.h"

#include <string.h>

#define SHOWN 100 /* bytes of a wrong value that are repeated */

void admin_call_init(struct admin_call *c, const struct admin_command *command)
{
    memset(c, 0, sizeof *c);
    c->command = command;
}

/* ---- types ---- */

static bool type_is_wrong(const struct admin_argument *a, const char *wants, struct str text,
                          struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "%s wants %s, not \"%.*s\"", a->spelling, wants,
                     STR_ARG(str_sub(text, 0, SHOWN)));
}

static bool check_bounds(const struct admin_argument *a, uint64_t n, struct error *err)
{
    if (n >= a->least && n <= a->most)
        return true;
    return error_set(err, ERROR_LIMIT, "%s must be %llu to %llu", a->spelling,
                     (unsigned long long)a->least, (unsigned long long)a->most);
}

static bool number_set(struct admin_value *v, const struct admin_argument *a, struct str text,
                       struct error *err)
{
    if (!str_to_u64(text, UINT64_MAX, &v->number))
        return type_is_wrong(a, "a number", text, err);
    return check_bounds(a, v->number, err);
}

static bool size_set(struct admin_value *v, const struct admin_argument *a, struct str text,
                     struct error *err)
{
    static const char units[] = "KMGT";
    struct str digits = text;
    unsigned shift = 0;

    for (unsigned i = 0; text.n && units[i]; i++)
        if (ascii_upper(text.p[text.n - 1]) == units[i])
            shift = 10 * (i + 1);
    if (shift)
        digits = str_sub(text, 0, text.n - 1);
    if (!str_to_u64(digits, UINT64_MAX >> shift, &v->number))
        return type_is_wrong(a, "bytes such as 500M or 20G", text, err);
    v->number <<= shift;
    return check_bounds(a, v->number, err);
}

static bool yesno_set(struct admin_value *v, const struct admin_argument *a, struct str text,
                      struct error *err)
{
    v->yes = str_equal(text, STR("yes"));
    return v->yes || str_equal(text, STR("no")) || type_is_wrong(a, "yes or no", text, err);
}

/* The next of the words that stand in a list with one separator between. */
static struct str next_of(struct str *list, char separator)
{
    struct str word = *list, rest = STR_NULL;

    str_cut(*list, separator, &word, &rest);
    *list = rest;
    return word;
}

static bool choice_check(const struct admin_argument *a, struct str text, struct error *err)
{
    struct str list = str_c(a->placeholder);

    while (list.n)
        if (str_equal(next_of(&list, '|'), text))
            return true;
    return type_is_wrong(a, a->placeholder, text, err);
}

static bool is_service(struct str word)
{
    const char *one;
    size_t at = 0;

    while ((one = admin_each_service(&at)))
        if (str_equal(word, str_c(one)))
            return true;
    return false;
}

static bool services_check(const struct admin_argument *a, struct str text, struct error *err)
{
    struct str list = text;

    while (list.n) {
        struct str word = next_of(&list, ' ');
        const char *near;

        if (is_service(word))
            continue;
        near = admin_nearest_service(word);
        return error_set(err, ERROR_SYNTAX, "%s: there is no service \"%.*s\"%s%s%s", a->spelling,
                         STR_ARG(str_sub(word, 0, SHOWN)), near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
    }
    return true;
}

static bool address_is_good(struct str text, struct error *err)
{
    struct str local, domain;

    return address_split(text, &local, &domain) ||
           error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address; expected name@domain",
                     STR_ARG(str_sub(text, 0, SHOWN)));
}

/* Every text is one line of printable characters: it goes to logs, to settings, to terminals. */
static bool text_check(const struct admin_argument *a, struct str text, struct error *err)
{
    if (text.n < a->least)
        return error_set(err, ERROR_SYNTAX, "%s is empty", a->spelling);
    if (text.n > a->most)
        return error_set(err, ERROR_LIMIT, "%s has more than %llu characters", a->spelling,
                         (unsigned long long)a->most);
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
            return error_set(err, ERROR_SYNTAX, "%s has a control character", a->spelling);
    return true;
}

/* What a text of this type must have besides. */
static bool text_type_check(const struct admin_argument *a, struct str text, struct error *err)
{
    switch (a->type) {
    case ADMIN_TYPE_ADDRESS:
        return address_is_good(text, err);
    case ADMIN_TYPE_DOMAIN:
        return address_check_domain(text, err);
    case ADMIN_TYPE_SERVICES:
        return services_check(a, text, err);
    case ADMIN_TYPE_SETTING:
        return str_find_char(text, '=') != SIZE_MAX || type_is_wrong(a, a->placeholder, text, err);
    default:
        return true;
    }
}

static bool type_check(struct admin_value *v, const struct admin_argument *a, struct str text,
                       struct error *err)
{
    switch (a->type) {
    case ADMIN_TYPE_FLAG:
    case ADMIN_TYPE_YESNO:
        return yesno_set(v, a, text, err);
    case ADMIN_TYPE_NUMBER:
        return number_set(v, a, text, err);
    case ADMIN_TYPE_SIZE:
        return size_set(v, a, text, err);
    case ADMIN_TYPE_CHOICE:
        return choice_check(a, text, err);
    default:
        return text_check(a, text, err) && text_type_check(a, text, err);
    }
}

static bool value_add(struct admin_value *v, struct str text, struct arena *arena,
                      struct error *err)
{
    struct str *all = arena_resize(arena, v->all, (v->all_n + 1) * sizeof *all);

    if (!all)
        return error_set(err, ERROR_LIMIT, "too many words");
    all[v->all_n++] = text;
    v->all = all;
    return true;
}

bool admin_value_set(struct admin_value *v, const struct admin_argument *a, struct str text,
                     struct arena *arena, struct error *err)
{
    if (v->given && a->kind != ADMIN_KIND_REPEATED)
        return error_set(err, ERROR_SYNTAX, "%s is given twice", a->spelling);
    if (!type_check(v, a, text, err))
        return false;
    v->given = true;
    v->text = text;
    return a->kind != ADMIN_KIND_REPEATED || value_add(v, text, arena, err);
}

/* ---- a whole call ---- */

/* "--quota, --subaddress-folders" */
static void print_some(struct buf *out, const struct admin_command *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->takes_n; i++)
        if (c->takes[i].kind == ADMIN_KIND_SOME)
            buf_printf(out, "%s%s", n++ ? ", " : "", c->takes[i].spelling);
}

static bool check_some(const struct admin_call *c, struct error *err)
{
    bool wanted = false, there = false;
    struct buf names;

    for (size_t i = 0; i < c->command->takes_n; i++) {
        bool some = c->command->takes[i].kind == ADMIN_KIND_SOME;

        wanted = wanted || some;
        there = there || (some && c->v[i].given);
    }
    if (!wanted || there)
        return true;
    buf_init(&names, ERROR_TEXT_MAX);
    print_some(&names, c->command);
    error_set(err, ERROR_SYNTAX, "%s wants at least one of %.*s", c->command->name,
              STR_ARG(buf_view(&names)));
    buf_done(&names);
    return false;
}

static bool argument_is_missing(const struct admin_command *c, const struct admin_argument *a,
                                struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "%s wants %s%s%s: %s", c->name, a->spelling,
                     a->kind == ADMIN_KIND_NEEDED ? " " : "",
                     a->kind == ADMIN_KIND_NEEDED ? a->placeholder : "", a->help);
}

bool admin_call_complete(struct admin_call *c, struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < c->command->takes_n; i++) {
        const struct admin_argument *a = &c->command->takes[i];
        struct admin_value *v = &c->v[i];

        if (v->given)
            continue;
        if (a->kind == ADMIN_KIND_WORD || a->kind == ADMIN_KIND_NEEDED)
            return argument_is_missing(c->command, a, err);
        if (a->preset[0] && !admin_value_set(v, a, str_c(a->preset), arena, err))
            panic("the preset of %s: %s", a->spelling, err ? err->text : "?");
        v->given = false;
    }
    return check_some(c, err);
}

/* ---- between processes ---- */

struct str *admin_call_print(const struct admin_call *c, struct arena *arena, size_t *n)
{
    struct str *list;
    size_t most = 2;

    for (size_t i = 0; i < c->command->takes_n; i++)
        most += 1 + c->v[i].all_n;
    list = arena_array(arena, most, sizeof *list);
    if (!list)
        return NULL;
    *n = 0;
    list[(*n)++] = str_c(c->command->name);
    list[(*n)++] = c->page;
    for (size_t i = 0; i < c->command->takes_n; i++) {
        const char *name = c->command->takes[i].name;
        const struct admin_value *v = &c->v[i];

        for (size_t k = 0; k < v->all_n; k++)
            list[(*n)++] = arena_printf(arena, "%s=%.*s", name, STR_ARG(v->all[k]));
        if (v->given && !v->all_n)
            list[(*n)++] = arena_printf(arena, "%s=%.*s", name, STR_ARG(v->text));
    }
    return arena->full ? NULL : list;
}

static bool read_item(struct admin_call *c, struct str item, struct arena *arena, struct error *err)
{
    struct str name, text;

    if (str_cut(item, '=', &name, &text))
        for (size_t i = 0; i < c->command->takes_n; i++)
            if (str_equal(name, str_c(c->command->takes[i].name)))
                return admin_value_set(&c->v[i], &c->command->takes[i], text, arena, err);
    return error_set(err, ERROR_SYNTAX, "%s takes no \"%.*s\"", c->command->name,
                     STR_ARG(str_sub(item, 0, SHOWN)));
}

bool admin_call_read(struct admin_call *c, const struct str *list, size_t n, struct arena *arena,
                     struct error *err)
{
    const struct admin_command *command = n >= 2 ? admin_find_name(list[0]) : NULL;

    if (!command)
        return error_set(err, ERROR_NOT_FOUND, "there is no command \"%.*s\"",
                         STR_ARG(str_sub(n ? list[0] : STR_NULL, 0, SHOWN)));
    if (list[1].n > ADMIN_PAGE_MOST)
        return error_set(err, ERROR_LIMIT, "no page of %s begins there", command->name);
    admin_call_init(c, command);
    c->page = list[1];
    for (size_t i = 2; i < n; i++)
        if (!read_item(c, list[i], arena, err))
            return false;
    return admin_call_complete(c, arena, err);
}
