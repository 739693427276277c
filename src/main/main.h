/* main/main.h: what the files of the command line share. Each command of admin/commands.h that the command line carries out
 * itself is a function here; it returns the exit status: 0 done, 1 it failed (the reason is on stderr), 2 it was called
 * wrongly. */
#ifndef MAIN_MAIN_H
#define MAIN_MAIN_H

#include "admin/call.h"
#include "base/buf.h"

struct options {      /* what every command takes */
    const char *data; /* --data, else $POSTHUS_DATA, else /var/lib/posthus */
    bool json;        /* --json */
};

int command_init(const struct options *o, const struct admin_call *call);
int command_serve(const struct options *o, const struct admin_call *call);
int command_config_check(const struct options *o, const struct admin_call *call);
int command_config_show(const struct options *o, const struct admin_call *call);
int command_log(const struct options *o, const struct admin_call *call);
int command_trace(const struct options *o, const struct admin_call *call);
/* What the running server answers, over its control socket. */
int command_control(const struct options *o, const struct admin_call *call);
/* One of the roles, as the supervisor starts them. */
int command_role(int argc, char **argv);

/* Prints "posthus: words" to stderr; returns 1. */
PRINTF_LIKE(1, 2) int command_failed(const char *fmt, ...);
/* The same for a wrong call; returns 2. */
PRINTF_LIKE(1, 2) int command_misused(const char *fmt, ...);
/* Prints text as it is and returns 0, or says that it could not be written and returns 1. */
int command_print(struct str text);
/* The status of a command that has printed its answer and ends with `status`: 1 when not all could be written. */
int command_end(int status);

/* ---- render.c: the answers of the server ---- */

struct render;

/* json: as JSON, else for a person. */
struct render *render_create(const struct admin_command *command, bool counters, bool json);
/* One page of the answer; false when it is not JSON of the right shape. The pages of an object are put together: lists grow.
 * Rows are printed as they come. */
MUST_CHECK bool render_page(struct render *r, struct str page);
/* Prints what is left, where all pages have come. */
void render_end(struct render *r);
void render_destroy(struct render *r);
/* "error" of an answer that is none; appended, empty when there is none. */
void render_error(struct str answer, struct buf *out);
/* Appends text that is safe for a terminal: what a terminal could take for a command, or what turns the direction of writing,
 * is spelled out as \x1b or \u202e. keep_lines: but for line ends. Returns the columns it takes. */
size_t render_safe(struct buf *out, struct str text, bool keep_lines);

/* ---- status.c ---- */

struct json_t;

/* Appends what `posthus status` tells a person; answer is its JSON. counters: also all that is counted. */
void status_print(struct buf *out, const struct json_t *answer, bool counters);

#endif
