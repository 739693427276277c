/* proc/roles.c: the table of roles.h as values. */
#include "proc/roles.h"

#include <string.h>

ROLE_SETS_BEGIN

static const struct {
    const char *name, *what;
    unsigned peers;
} table[ROLE_COUNT] = {
#define ROLE(NAME, name, text, peers, what) {text, what, peers},
    ROLES(ROLE)
#undef ROLE
};

unsigned role_number(enum role role)
{
    return (unsigned)__builtin_ctz((unsigned)role);
}

const char *role_name(enum role role)
{
    return role && role_number(role) < ROLE_COUNT ? table[role_number(role)].name : "?";
}

unsigned role_find(const char *name)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return 1U << i;
    return 0;
}

unsigned role_peers(enum role role)
{
    return table[role_number(role)].peers;
}

const char *role_what(enum role role)
{
    return table[role_number(role)].what;
}
