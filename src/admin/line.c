/* admin/line.c: see line.h. First the noun and the verb are found, as they say which options there are; then everything is
 * read in order. */
#include "admin/line.h"

#include "base/buf.h"

#include <string.h>

#define SHOWN 100 /* bytes of a wrong word that are repeated */

struct reading {
    struct admin_line *line;
    const struct str *words;
    size_t n, at;
    size_t noun_at, verb_at; /* their places among the words, SIZE_MAX: none */
    size_t next_word;        /* of the row's arguments that are words */
    bool words_only;         /* after -- */
    struct arena *arena;
};

static bool is_option(struct str word)
{
    return word.n > 1 && word.p[0] == '-';
}

/* "--quota=5" is "--quota" with a value. */
static struct str option_name(struct str word)
{
    struct str name = word, value;

    str_cut(word, '=', &name, &value);
    return name;
}

static const struct admin_argument *everywhere_find(struct str name, size_t *i)
{
    size_t n;
    const struct admin_argument *a = admin_everywhere(&n);

    for (*i = 0; *i < n; (*i)++)
        if (str_equal(name, str_c(a[*i].spelling)))
            return &a[*i];
    return NULL;
}

/* ---- which command it is ---- */

/* The first word from `from` on that is no option, and no value of an option that every command takes. */
static size_t find_word(const struct reading *r, size_t from)
{
    for (size_t i = from; i < r->n; i++) {
        const struct admin_argument *a;
        size_t unused;

        if (str_equal(r->words[i], STR("--")))
            return SIZE_MAX;
        if (!is_option(r->words[i]))
            return i;
        a = everywhere_find(r->words[i], &unused);
        if (a && a->type != ADMIN_TYPE_FLAG)
            i++;
    }
    return SIZE_MAX;
}

static bool noun_is_unknown(struct str noun, struct error *err)
{
    const char *near = admin_nearest_noun(noun);

    return error_set(err, ERROR_NOT_FOUND, "there is no command \"%.*s\"; %s%s%s",
                     STR_ARG(str_sub(noun, 0, SHOWN)), near ? "did you mean " : "",
                     near ? near : "`posthus help` lists them", near ? "?" : "");
}

/* "add, list, show" */
static void print_verbs(struct buf *out, struct str noun)
{
    const char *verb;
    size_t at = 0, n = 0;

    while ((verb = admin_each_verb(noun, &at)))
        buf_printf(out, "%s%s", n++ ? ", " : "", verb);
}

static bool verb_is_unknown(struct str noun, struct str verb, struct error *err)
{
    const char *near = admin_nearest_verb(noun, verb);
    struct buf verbs;

    buf_init(&verbs, ERROR_TEXT_MAX);
    print_verbs(&verbs, noun);
    if (near)
        error_set(err, ERROR_NOT_FOUND, "%.*s has no command \"%.*s\"; did you mean %s?",
                  STR_ARG(noun), STR_ARG(str_sub(verb, 0, SHOWN)), near);
    else
        error_set(err, ERROR_NOT_FOUND, "%.*s has no command \"%.*s\"; it has %.*s", STR_ARG(noun),
                  STR_ARG(str_sub(verb, 0, SHOWN)), STR_ARG(buf_view(&verbs)));
    buf_done(&verbs);
    return false;
}

static bool verb_is_missing(struct str noun, struct error *err)
{
    struct buf verbs;

    buf_init(&verbs, ERROR_TEXT_MAX);
    print_verbs(&verbs, noun);
    error_set(err, ERROR_SYNTAX, "%.*s wants one of %.*s", STR_ARG(noun),
              STR_ARG(buf_view(&verbs)));
    buf_done(&verbs);
    return false;
}

static bool help_is_asked(const struct reading *r)
{
    for (size_t i = 0; i < r->n && !str_equal(r->words[i], STR("--")); i++)
        if (str_equal(r->words[i], STR("--help")))
            return true;
    return false;
}

/* Finds noun and verb. *command stays NULL where only help was asked for. */
static bool find_command(struct reading *r, const struct admin_command **command, struct error *err)
{
    struct str noun, verb;
    size_t unused = 0;

    r->noun_at = find_word(r, 0);
    if (r->noun_at == SIZE_MAX && r->n && is_option(r->words[0]) && r->words[0].n > 2 &&
        !everywhere_find(option_name(r->words[0]), &unused))
        return error_set(err, ERROR_SYNTAX,
                         "there is no option %.*s; `posthus help` lists the commands",
                         STR_ARG(str_sub(option_name(r->words[0]), 0, SHOWN)));
    if (r->noun_at == SIZE_MAX)
        return help_is_asked(r) ||
               error_set(err, ERROR_SYNTAX, "which command? `posthus help` lists them");
    noun = r->words[r->noun_at];
    r->line->noun = noun;
    *command = admin_find(noun, STR_NULL);
    if (*command)
        return true;
    if (!admin_each_verb(noun, &unused))
        return noun_is_unknown(noun, err);
    r->verb_at = find_word(r, r->noun_at + 1);
    if (r->verb_at == SIZE_MAX)
        return help_is_asked(r) || verb_is_missing(noun, err);
    verb = r->words[r->verb_at];
    *command = admin_find(noun, verb);
    return *command || verb_is_unknown(noun, verb, err);
}

/* ---- its words and options ---- */

/* The options of a row, then those that every command takes. */
static const char *next_option(const void *arg, size_t *at)
{
    const struct admin_command *c = arg;
    size_t n, i;
    const struct admin_argument *everywhere = admin_everywhere(&n);

    while ((i = (*at)++) < c->takes_n + n) {
        const struct admin_argument *a =
            i < c->takes_n ? &c->takes[i] : &everywhere[i - c->takes_n];

        if (admin_is_option(a))
            return a->spelling;
    }
    return NULL;
}

static bool option_is_unknown(const struct admin_command *c, struct str name, struct error *err)
{
    const char *near = admin_nearest(name, next_option, c), *one;
    struct buf all;
    size_t at = 0, n = 0;

    buf_init(&all, ERROR_TEXT_MAX);
    while ((one = next_option(c, &at)))
        buf_printf(&all, "%s%s", n++ ? ", " : "", one);
    if (near)
        error_set(err, ERROR_SYNTAX, "%s has no option %.*s; did you mean %s?", c->name,
                  STR_ARG(str_sub(name, 0, SHOWN)), near);
    else
        error_set(err, ERROR_SYNTAX, "%s has no option %.*s; it has %.*s", c->name,
                  STR_ARG(str_sub(name, 0, SHOWN)), STR_ARG(buf_view(&all)));
    buf_done(&all);
    return false;
}

/* The option of this name and the value that it sets; NULL when there is none. */
static const struct admin_argument *find_option(struct admin_line *line, struct str name,
                                                struct admin_value **v)
{
    const struct admin_command *c = line->call.command;
    struct admin_value *everywhere = (struct admin_value *)&line->everywhere;
    const struct admin_argument *a;
    size_t i;

    for (i = 0; i < c->takes_n; i++) {
        if (admin_is_option(&c->takes[i]) && str_equal(name, str_c(c->takes[i].spelling))) {
            *v = &line->call.v[i];
            return &c->takes[i];
        }
    }
    a = everywhere_find(name, &i);
    *v = a ? &everywhere[i] : NULL;
    return a;
}

/* The value of an option: after its "=", or the next word, which must not look like an option. */
static bool take_value(struct reading *r, const struct admin_argument *a, struct str word,
                       struct str *value, struct error *err)
{
    struct str name;

    if (str_cut(word, '=', &name, value))
        return a->type != ADMIN_TYPE_FLAG ||
               error_set(err, ERROR_SYNTAX, "%s takes no value", a->spelling);
    if (a->type == ADMIN_TYPE_FLAG) {
        *value = STR("yes");
        return true;
    }
    if (r->at < r->n && !str_starts(r->words[r->at], STR("--"))) {
        *value = r->words[r->at++];
        return true;
    }
    if (r->at < r->n)
        return error_set(err, ERROR_SYNTAX,
                         "%s wants %s; for a value with dashes in front: %s=%.*s", a->spelling,
                         a->placeholder, a->spelling, STR_ARG(str_sub(r->words[r->at], 0, SHOWN)));
    return error_set(err, ERROR_SYNTAX, "%s wants %s", a->spelling, a->placeholder);
}

static bool read_option(struct reading *r, struct str word, struct error *err)
{
    struct admin_value *v;
    const struct admin_argument *a = find_option(r->line, option_name(word), &v);
    struct str value = STR_NULL;

    if (!a)
        return option_is_unknown(r->line->call.command, option_name(word), err);
    return take_value(r, a, word, &value, err) && admin_value_set(v, a, value, r->arena, err);
}

static bool read_word(struct reading *r, struct str word, struct error *err)
{
    const struct admin_command *c = r->line->call.command;

    while (r->next_word < c->takes_n && admin_is_option(&c->takes[r->next_word]))
        r->next_word++;
    if (r->next_word == c->takes_n)
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is one word too many for %s",
                         STR_ARG(str_sub(word, 0, SHOWN)), c->name);
    r->next_word++;
    return admin_value_set(&r->line->call.v[r->next_word - 1], &c->takes[r->next_word - 1], word,
                           r->arena, err);
}

static bool read_all(struct reading *r, struct error *err)
{
    while (r->at < r->n) {
        size_t i = r->at++;
        struct str word = r->words[i];

        if (i == r->noun_at || i == r->verb_at)
            continue;
        if (!r->words_only && str_equal(word, STR("--")))
            r->words_only = true;
        else if (!(!r->words_only && is_option(word) ? read_option(r, word, err)
                                                     : read_word(r, word, err)))
            return false;
    }
    return true;
}

bool admin_line_parse(struct admin_line *line, const struct str *words, size_t n,
                      struct arena *arena, struct error *err)
{
    struct reading r = {.line = line,
                        .words = words,
                        .n = n,
                        .noun_at = SIZE_MAX,
                        .verb_at = SIZE_MAX,
                        .arena = arena};
    const struct admin_command *command = NULL;

    memset(line, 0, sizeof *line);
    if (!find_command(&r, &command, err))
        return false;
    if (help_is_asked(&r)) {
        line->call.command = command;
        line->everywhere.help.yes = true;
        return true;
    }
    admin_call_init(&line->call, command);
    return read_all(&r, err) && admin_call_complete(&line->call, arena, err);
}
