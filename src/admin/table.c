/* admin/table.c: see table.h. */
#include "admin/table.h"

#include <string.h>

/* ---- the rows ---- */

/* clang-format off */
#define A(kind, name, type, spelling, placeholder, least, most, preset, help) \
    {ADMIN_KIND_##kind, #name, ADMIN_TYPE_##type, spelling, placeholder, least, most, preset, help},
/* The empty one at the end is for commands that take nothing: C has no empty arrays. */
#define COMMAND(NAME, name, noun, verb, by, right, shape, help) \
    static const struct admin_argument name##_takes[] = {ADMIN_TAKES_##name(A){0}};
ADMIN_COMMANDS(COMMAND)
#undef COMMAND
static const struct admin_argument everywhere[] = {ADMIN_TAKES_everywhere(A)};
#undef A

#define F(type, name, presence, inside, help) \
    {ADMIN_FIELD_##type, name, ADMIN_PRESENCE_##presence, &inside##_inside, help},
static const struct admin_fields none_inside = {NULL, 0};
#define GROUP(name) \
    static const struct admin_field name##_list[] = {ADMIN_GIVES_##name(F)}; \
    static const struct admin_fields name##_inside = {name##_list, ARRAY_LEN(name##_list)};
ADMIN_INSIDE(GROUP)
#undef GROUP
#define COMMAND(NAME, name, noun, verb, by, right, shape, help) \
    static const struct admin_field name##_gives[] = {ADMIN_GIVES_##name(F){0}};
ADMIN_COMMANDS(COMMAND)
#undef COMMAND
#undef F

static const struct admin_command commands[] = {
#define COMMAND(NAME, name, noun, verb, by, right, shape, help) \
    {sizeof verb > 1 ? noun " " verb : noun, noun, verb, ADMIN_BY_##by, ADMIN_RIGHT_##right, ADMIN_SHAPE_##shape, help, \
     name##_takes, ARRAY_LEN(name##_takes) - 1, {name##_gives, ARRAY_LEN(name##_gives) - 1}},
    ADMIN_COMMANDS(COMMAND)
#undef COMMAND
};

static const struct synonym {
    const char *noun, *verb;
    enum admin_number number;
} synonyms[] = {
#define SYNONYM(noun, verb, NAME) {noun, verb, ADMIN_##NAME},
    ADMIN_SYNONYMS(SYNONYM)
#undef SYNONYM
};

#define COMMAND(NAME, name, noun, verb, by, right, shape, help) \
    _Static_assert(ARRAY_LEN(name##_takes) - 1 <= ADMIN_ARGUMENTS_MOST, "room for what it takes");
ADMIN_COMMANDS(COMMAND)
#undef COMMAND
/* clang-format on */

const struct admin_command *admin_command(enum admin_number number)
{
    if ((size_t)number >= ARRAY_LEN(commands))
        panic("there is no command %d", (int)number);
    return &commands[number];
}

enum admin_number admin_number(const struct admin_command *c)
{
    return (enum admin_number)(c - commands);
}

const struct admin_command *admin_find(struct str noun, struct str verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_equal(noun, str_c(commands[i].noun)) && str_equal(verb, str_c(commands[i].verb)))
            return &commands[i];
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (str_equal(noun, str_c(synonyms[i].noun)) && str_equal(verb, str_c(synonyms[i].verb)))
            return &commands[synonyms[i].number];
    return NULL;
}

const struct admin_command *admin_find_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_equal(name, str_c(commands[i].name)))
            return &commands[i];
    return NULL;
}

const char *admin_each_verb(struct str noun, size_t *at)
{
    while (*at < ARRAY_LEN(commands) + ARRAY_LEN(synonyms)) {
        size_t i = (*at)++;
        const char *of =
            i < ARRAY_LEN(commands) ? commands[i].noun : synonyms[i - ARRAY_LEN(commands)].noun;
        const char *verb =
            i < ARRAY_LEN(commands) ? commands[i].verb : synonyms[i - ARRAY_LEN(commands)].verb;

        if (verb[0] && str_equal(noun, str_c(of)))
            return verb;
    }
    return NULL;
}

const char *admin_each_noun(size_t *at)
{
    while (*at < ARRAY_LEN(commands)) {
        size_t i = (*at)++;

        if (i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0)
            return commands[i].noun;
    }
    return NULL;
}

const struct admin_argument *admin_everywhere(size_t *n)
{
    *n = ARRAY_LEN(everywhere);
    return everywhere;
}

bool admin_is_option(const struct admin_argument *a)
{
    return a->kind != ADMIN_KIND_WORD && a->kind != ADMIN_KIND_MAYBE;
}

const char *admin_each_service(size_t *at)
{
    static const char *const services[] = {"all",  "imap",        "pop3", "smtp",
                                           "jmap", "managesieve", "dav"};

    return *at < ARRAY_LEN(services) ? services[(*at)++] : NULL;
}

const char *admin_right_name(enum admin_right right)
{
    return right == ADMIN_RIGHT_FOLDER    ? "folder"
           : right == ADMIN_RIGHT_SEE     ? "see"
           : right == ADMIN_RIGHT_CHANGE  ? "change"
           : right == ADMIN_RIGHT_SECRETS ? "secrets"
                                          : "nothing";
}

const char *admin_by_name(enum admin_by by)
{
    return by == ADMIN_BY_DIRECTORY    ? "directory"
           : by == ADMIN_BY_SUPERVISOR ? "supervisor"
                                       : "command line";
}

/* ---- what was meant ---- */

#define WORD_MOST 40

/* Letters that are wrong, missing, too many, or changed about with their neighbour: the optimal string alignment distance. */
static size_t word_distance(struct str a, struct str b)
{
    size_t row[3][WORD_MOST + 1];
    size_t *two = row[0], *one = row[1], *now = row[2];

    for (size_t j = 0; j <= b.n; j++)
        one[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *spare = two;

        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t same = one[j - 1] + (a.p[i - 1] != b.p[j - 1]);

            now[j] = size_min(same, size_min(one[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = size_min(now[j], two[j - 2] + 1);
        }
        two = one;
        one = now;
        now = spare;
    }
    return one[b.n];
}

static struct str without_dashes(struct str s)
{
    while (s.n && s.p[0] == '-')
        s = str_skip(s, 1);
    return s;
}

const char *admin_nearest(struct str word, const char *(*next)(const void *arg, size_t *at),
                          const void *arg)
{
    const char *best = NULL, *one;
    size_t at = 0, least = SIZE_MAX;

    word = without_dashes(word);
    if (!word.n || word.n > WORD_MOST)
        return NULL;
    while ((one = next(arg, &at))) {
        struct str s = without_dashes(str_c(one));
        size_t d = s.n <= WORD_MOST ? word_distance(word, s) : SIZE_MAX;

        if (str_starts(s, word)) /* half typed */
            d = 1;
        if (d < least && d <= size_max(1, size_max(word.n, s.n) / 2)) {
            least = d;
            best = one;
        }
    }
    return best;
}

static const char *next_noun(const void *arg, size_t *at)
{
    (void)arg;
    return admin_each_noun(at);
}

static const char *next_verb(const void *arg, size_t *at)
{
    return admin_each_verb(*(const struct str *)arg, at);
}

static const char *next_service(const void *arg, size_t *at)
{
    (void)arg;
    return admin_each_service(at);
}

const char *admin_nearest_noun(struct str word)
{
    return admin_nearest(word, next_noun, NULL);
}

const char *admin_nearest_verb(struct str noun, struct str word)
{
    return admin_nearest(word, next_verb, &noun);
}

const char *admin_nearest_service(struct str word)
{
    return admin_nearest(word, next_service, NULL);
}
