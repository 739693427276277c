/* proc/roles.c: the table of roles.h as values. */
#include "proc/roles.h"

#include <string.h>

ROLE_SETS_BEGIN

static const struct role_row table[ROLE_COUNT] = {
#define ROLE(number, NAME, text_name, text, words, ...)                                            \
    [number] = {.name = (text), .what = (words), __VA_ARGS__},
    ROLES(ROLE)
#undef ROLE
};

unsigned role_number(enum role role)
{
    return (unsigned)__builtin_ctz((unsigned)role);
}

const struct role_row *role_row(enum role role)
{
    return &table[role_number(role)];
}

const char *role_name(enum role role)
{
    return role && role_number(role) < ROLE_COUNT ? table[role_number(role)].name : "?";
}

unsigned role_find(const char *name)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (table[i].name && strcmp(table[i].name, name) == 0)
            return 1U << i;
    return 0;
}

bool role_may_login(enum role role, struct str service)
{
    const struct role_row *row = role_row(role);

    for (unsigned i = 0; i < ROLE_WORDS_MOST && row->logins[i]; i++)
        if (str_equal(str_c(row->logins[i]), service))
            return true;
    return false;
}
