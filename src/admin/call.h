/* admin/call.h: one call of a command: its row and its values, each checked against its type. A call comes from words of the
 * command line (admin/line.h), travels as a list "account add", page, "address=ada@example.org", "quota=500M" ..., and is
 * checked again by the process that carries it out, which need not believe the one that asks.
 *
 *     struct admin_call call;
 *     ...
 *     if (call.account_add.quota.given)
 *         quota = call.account_add.quota.number;
 *
 * A long answer comes in pages: the first call has an empty page; the answer names what the next one puts there, or nothing
 * when it was the last. Nobody keeps anything between two pages, and nobody asks for one before the last was written out. */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/table.h"
#include "base/arena.h"

#define ADMIN_PAGE_MOST 600 /* bytes that say where a page begins */

struct admin_value {
    bool given;      /* else it has its preset, or nothing */
    struct str text; /* as it was given */
    uint64_t number; /* of NUMBER and SIZE */
    bool yes;        /* of FLAG and YESNO */
    struct str *all; /* of REPEATED: each, in order */
    size_t all_n;
};

#define A(kind, name, type, spelling, placeholder, least, most, preset, help)                      \
    struct admin_value name;
#define COMMAND(NAME, name, noun, verb, by, right, shape, help)                                    \
    struct admin_takes_##name {                                                                    \
        ADMIN_TAKES_##name(A)                                                                      \
    };
ADMIN_COMMANDS(COMMAND)
#undef COMMAND
struct admin_takes_everywhere {
    ADMIN_TAKES_everywhere(A)
};
#undef A

struct admin_call {
    const struct admin_command *command;
    struct str page;
    union {
        struct admin_value v[ADMIN_ARGUMENTS_MOST]; /* in the order of the row */
#define COMMAND(NAME, name, noun, verb, by, right, shape, help) struct admin_takes_##name name;
        ADMIN_COMMANDS(COMMAND)
#undef COMMAND
    };
};

/* An empty call of a row. */
void admin_call_init(struct admin_call *c, const struct admin_command *command);
/* Sets the value of one argument, checked against its type. Slices borrow from text. ERROR_SYNTAX or ERROR_LIMIT in words for
 * the one who typed it; also when it was set already. */
MUST_CHECK bool admin_value_set(struct admin_value *v, const struct admin_argument *a,
                                struct str text, struct arena *arena, struct error *err);
/* After the last value: what must be given is there, presets stand where nothing was given. */
MUST_CHECK bool admin_call_complete(struct admin_call *c, struct arena *arena, struct error *err);

/* The call as a list. The list and its items lie in the arena, or borrow from the call; NULL when the arena is full. */
struct str *admin_call_print(const struct admin_call *c, struct arena *arena, size_t *n);
/* Reads such a list; slices borrow from it. ERROR_SYNTAX, ERROR_LIMIT, ERROR_NOT_FOUND for anything that a row does not
 * allow. */
MUST_CHECK bool admin_call_read(struct admin_call *c, const struct str *list, size_t n,
                                struct arena *arena, struct error *err);

#endif
