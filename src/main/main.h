/* main/main.h: the subcommands of `posthus`. Each takes its own arguments (argv[0] is the subcommand) and returns the exit
 * status: 0 done, 1 it failed (the reason is on stderr), 2 it was called wrongly. */
#ifndef MAIN_MAIN_H
#define MAIN_MAIN_H

#include "base/error.h"

struct options {      /* what every subcommand takes, removed from its arguments */
    const char *data; /* --data, else $POSTHUS_DATA, else /var/lib/posthus */
    bool json;        /* --json */
    bool password_stdin;
};

int command_init(const struct options *o, int argc, char **argv);
int command_serve(const struct options *o, int argc, char **argv);
int command_role(int argc, char **argv);
int command_control(const struct options *o, int argc,
                    char **argv); /* what the running server answers */
int command_config(const struct options *o, int argc, char **argv);
int command_log(const struct options *o, int argc, char **argv); /* log, trace */

/* Prints "posthus: words" to stderr, returns 1. */
PRINTF_LIKE(1, 2) int command_failed(const char *fmt, ...);
/* The value of --name in argv, or NULL; *flag (may be NULL) tells whether it stands there at all. */
const char *command_option(int argc, char **argv, const char *name, bool *flag);
/* Prints a JSON answer for a person: an object as lines, a list of objects as a table. */
void render_print(const char *json);

#endif
