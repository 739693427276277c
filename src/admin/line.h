/* admin/line.h: the words of a command line.
 *
 *     posthus [options] NOUN [options] [VERB] [options and words] [-- words]
 *
 * An option stands anywhere and is spelled `--name value` or `--name=value`; after `--` all are words. What begins with a dash
 * is an option, and an option's value does not begin with two dashes unless it is spelled with "=". */
#ifndef ADMIN_LINE_H
#define ADMIN_LINE_H

#include "admin/call.h"

struct admin_line {
    struct admin_call call; /* command NULL where help alone was asked for, without a command */
    struct str noun;        /* then the noun, or empty */
    struct admin_takes_everywhere everywhere;
};

/* Reads the words after the program's name. Slices borrow from them. False with ERROR_SYNTAX, ERROR_LIMIT or ERROR_NOT_FOUND
 * and words for the one who typed: it is a wrong call (exit status 2). With --help the rest need not be complete. */
MUST_CHECK bool admin_line_parse(struct admin_line *line, const struct str *words, size_t n,
                                 struct arena *arena, struct error *err);

#endif
