/* admin/usage.c: help for people, and the manual. */
#include "admin/usage.h"

#include <string.h>

#define WIDTH 79
#define COLUMN 26       /* where the help of an argument begins */
#define SHORT_COLUMN 32 /* and that of a command in the list of all */

void admin_usage_wrap(struct buf *out, size_t at, size_t indent, size_t width, struct str words)
{
    bool first = true;

    while (words.n) {
        struct str word = words, rest = STR_NULL;

        str_cut(words, ' ', &word, &rest);
        words = rest;
        if (!first && at + 1 + word.n > width) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            buf_char(out, ' ');
            at++;
        }
        buf_str(out, word);
        at += word.n;
        first = false;
    }
    buf_char(out, '\n');
}

static void print_argument(struct buf *out, const struct admin_argument *a)
{
    bool flag = a->type == ADMIN_TYPE_FLAG;

    switch (a->kind) {
    case ADMIN_KIND_WORD:
        buf_printf(out, " %s", a->spelling);
        break;
    case ADMIN_KIND_MAYBE:
        buf_printf(out, " [%s]", a->spelling);
        break;
    case ADMIN_KIND_NEEDED:
        buf_printf(out, " %s %s", a->spelling, a->placeholder);
        break;
    case ADMIN_KIND_OPTION:
    case ADMIN_KIND_SOME:
    case ADMIN_KIND_REPEATED:
        buf_printf(out, " [%s%s%s]%s", a->spelling, flag ? "" : " ", a->placeholder,
                   a->kind == ADMIN_KIND_REPEATED ? "..." : "");
        break;
    }
}

void admin_usage_print_line(struct buf *out, const struct admin_command *c)
{
    buf_c(out, c->name);
    for (size_t i = 0; i < c->takes_n; i++)
        print_argument(out, &c->takes[i]);
}

/* Without its full stop. */
static struct str first_sentence(const char *help)
{
    struct str s = str_c(help);
    size_t end = str_find(s, STR(". "));

    if (end == SIZE_MAX)
        end = str_ends(s, STR(".")) ? s.n - 1 : s.n;
    return str_sub(s, 0, end);
}

/* The command with its words, and what it does. */
static void print_command_short(struct buf *out, const struct admin_command *c)
{
    size_t from = out->n;

    buf_printf(out, "  %s", c->name);
    for (size_t i = 0; i < c->takes_n; i++)
        if (!admin_is_option(&c->takes[i]) || c->takes[i].kind == ADMIN_KIND_NEEDED)
            print_argument(out, &c->takes[i]);
    if (out->n - from < SHORT_COLUMN)
        buf_printf(out, "%*s", (int)(SHORT_COLUMN - (out->n - from)), "");
    else
        buf_printf(out, "\n%*s", SHORT_COLUMN, "");
    admin_usage_wrap(out, SHORT_COLUMN, SHORT_COLUMN, WIDTH, first_sentence(c->help));
}

/* The command with all that it takes, and what it does. */
static void print_command_long(struct buf *out, const struct admin_command *c)
{
    struct buf line;

    buf_init(&line, 2000);
    admin_usage_print_line(&line, c);
    buf_c(out, "  posthus ");
    admin_usage_wrap(out, 10, 10, WIDTH, buf_view(&line));
    buf_done(&line);
    buf_c(out, "      ");
    admin_usage_wrap(out, 6, 6, WIDTH, str_c(c->help));
}

void admin_usage_print_all(struct buf *out, struct str noun)
{
    const char *before = "";

    if (!noun.n)
        buf_c(out, "Posthus " POSTHUS_VERSION ": mail on your own server\n\n");
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);
        const char *group = c->verb[0] ? c->noun : "";

        if (!noun.n) {
            if (i && strcmp(before, group) != 0)
                buf_char(out, '\n');
            before = group;
            print_command_short(out, c);
        } else if (str_equal(noun, str_c(c->noun))) {
            print_command_long(out, c);
        }
    }
    buf_c(out, "\nEverywhere: --data DIR, --json, --help. `posthus help NOUN VERB` tells all of a\n"
               "command.\n");
}

/* What follows the help of an argument: its choices, and what it is when it is not given. */
static void print_argument_bounds(struct buf *out, const struct admin_argument *a)
{
    const char *one;
    size_t at = 0;

    if (a->type == ADMIN_TYPE_CHOICE)
        buf_printf(out, ": %s", a->placeholder);
    if (a->type == ADMIN_TYPE_SERVICES)
        while ((one = admin_each_service(&at)))
            buf_printf(out, "%s%s", at == 1 ? ": " : ", ", one);
    if (a->preset[0])
        buf_printf(out, " (default: %s)", a->preset);
    if (a->kind == ADMIN_KIND_REPEATED)
        buf_c(out, "; may be given several times");
}

/* "  --quota BYTES         what it may hold ..." */
static void print_argument_help(struct buf *out, const struct admin_argument *a)
{
    size_t from = out->n;
    struct buf help;

    buf_printf(out, "  %s", a->spelling);
    if (admin_is_option(a) && a->placeholder[0])
        buf_printf(out, " %s", a->placeholder);
    if (out->n - from + 2 > COLUMN)
        buf_printf(out, "\n%*s", COLUMN, "");
    else
        buf_printf(out, "%*s", (int)(COLUMN - (out->n - from)), "");
    buf_init(&help, 1000);
    buf_c(&help, a->help);
    print_argument_bounds(&help, a);
    admin_usage_wrap(out, COLUMN, COLUMN, WIDTH, buf_view(&help));
    buf_done(&help);
}

static const char *shape_words(enum admin_shape shape)
{
    return shape == ADMIN_SHAPE_ROWS    ? "a list of objects"
           : shape == ADMIN_SHAPE_LINES ? "an object a line"
                                        : "an object";
}

static void print_answer_help(struct buf *out, const struct admin_command *c)
{
    if (!c->gives.n)
        return;
    buf_printf(out, "\nWith --json it answers %s:\n\n", shape_words(c->shape));
    for (size_t i = 0; i < c->gives.n; i++) {
        const struct admin_field *f = &c->gives.v[i];
        size_t from = out->n;

        buf_printf(out, "  %s", f->name);
        buf_printf(out, "%*s", (int)(COLUMN - size_min(COLUMN, out->n - from)), "");
        admin_usage_wrap(out, COLUMN, COLUMN, WIDTH, str_c(f->help));
    }
}

void admin_usage_print_command(struct buf *out, const struct admin_command *c)
{
    const struct admin_argument *everywhere;
    struct buf line;
    size_t n;

    buf_init(&line, 2000);
    admin_usage_print_line(&line, c);
    buf_c(out, "posthus ");
    admin_usage_wrap(out, 8, 8, WIDTH, buf_view(&line));
    buf_done(&line);
    buf_char(out, '\n');
    admin_usage_wrap(out, 0, 0, WIDTH, str_c(c->help));
    buf_char(out, '\n');
    for (size_t i = 0; i < c->takes_n; i++)
        print_argument_help(out, &c->takes[i]);
    everywhere = admin_everywhere(&n);
    for (size_t i = 0; i < n; i++)
        print_argument_help(out, &everywhere[i]);
    print_answer_help(out, c);
}

/* ---- the manual ---- */

static bool is_dash(struct str s, size_t i)
{
    return i < s.n && s.p[i] == '-';
}

/* mdoc takes a dot or an apostrophe in front of a line for a request, a backslash for an escape, and two dashes for hyphens. */
static void print_roff(struct buf *out, struct str s)
{
    if (s.n && (s.p[0] == '.' || s.p[0] == '\''))
        buf_c(out, "\\&");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            buf_c(out, "\\e");
        else if (is_dash(s, i) && (is_dash(s, i + 1) || (i && is_dash(s, i - 1))))
            buf_c(out, "\\-");
        else
            buf_char(out, s.p[i]);
    }
}

/* A sentence a line. */
static void print_roff_sentences(struct buf *out, const char *words)
{
    struct str rest = str_c(words);

    while (rest.n) {
        size_t end = str_find(rest, STR(". "));
        size_t n = end == SIZE_MAX ? rest.n : end + 1;

        print_roff(out, str_sub(rest, 0, n));
        buf_char(out, '\n');
        rest = str_skip(rest, end == SIZE_MAX ? n : n + 1);
    }
}

/* "Op Fl -quota Ar BYTES": mdoc's flag writes one dash itself. */
static void print_man_argument(struct buf *out, const struct admin_argument *a)
{
    bool maybe = a->kind != ADMIN_KIND_WORD && a->kind != ADMIN_KIND_NEEDED;

    buf_c(out, maybe ? " Oo" : "");
    if (admin_is_option(a))
        buf_printf(out, " Fl %s%s%s", a->spelling + 1, a->placeholder[0] ? " Ar " : "",
                   a->placeholder);
    else
        buf_printf(out, " Ar %s", a->spelling);
    buf_c(out, maybe ? " Oc" : "");
    if (a->kind == ADMIN_KIND_REPEATED)
        buf_c(out, " ...");
}

static void print_man_arguments(struct buf *out, const struct admin_command *c)
{
    if (!c->takes_n)
        return;
    buf_c(out, ".Bl -tag -width Ds -compact\n");
    for (size_t i = 0; i < c->takes_n; i++) {
        const struct admin_argument *a = &c->takes[i];

        if (admin_is_option(a))
            buf_printf(out, ".It Fl %s%s%s\n", a->spelling + 1, a->placeholder[0] ? " Ar " : "",
                       a->placeholder);
        else
            buf_printf(out, ".It Ar %s\n", a->spelling);
        print_roff(out, str_c(a->help));
        print_argument_bounds(out, a);
        buf_c(out, ".\n");
    }
    buf_c(out, ".El\n");
}

static void print_man_synonyms(struct buf *out, const struct admin_command *c)
{
#define SYNONYM(noun, verb, NAME)                                                                  \
    if (admin_number(c) == ADMIN_##NAME)                                                           \
        buf_c(out, "Also spelled\n.Ic " noun " " verb " .\n");
    ADMIN_SYNONYMS(SYNONYM)
#undef SYNONYM
}

void admin_usage_print_man(struct buf *out)
{
    buf_c(out, ".Sh COMMANDS\n.Bl -tag -width Ds\n");
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);

        buf_printf(out, ".It Ic %s", c->name);
        for (size_t k = 0; k < c->takes_n; k++)
            print_man_argument(out, &c->takes[k]);
        buf_char(out, '\n');
        print_roff_sentences(out, c->help);
        print_man_synonyms(out, c);
        print_man_arguments(out, c);
    }
    buf_c(out, ".El\n");
}
