/* admin/usage.h: what is printed from the table: help for people, the manual, completion, schemas. All append to a buffer. */
#ifndef ADMIN_USAGE_H
#define ADMIN_USAGE_H

#include "admin/table.h"
#include "base/buf.h"

#define ADMIN_USAGE_MOST (1 << 20) /* bytes that are enough for any of these */

/* "account add ADDRESS [--quota BYTES] ..." */
void admin_usage_print_line(struct buf *out, const struct admin_command *c);
/* `posthus help`: a line a command; of one noun where noun is not empty. */
void admin_usage_print_all(struct buf *out, struct str noun);
/* `posthus account add --help`. */
void admin_usage_print_command(struct buf *out, const struct admin_command *c);
/* The section COMMANDS of posthus(8), in mdoc. */
void admin_usage_print_man(struct buf *out);
/* The completion for bash. */
void admin_usage_print_bash(struct buf *out);
/* All of the table in JSON. `arguments` and `answer` of each command are JSON Schemas: of an object of the values by their
 * names, and of the whole answer with --json (of LINES: of each line). This is what the description of an HTTP interface is
 * made of: a command is an operation, `arguments` its request, `answer` its response, `right` what a caller must have. */
void admin_usage_print_schema(struct buf *out);

/* Appends words in lines of at most `width` columns; every line but the first begins with `indent` spaces. at is the column
 * where the first begins. Ends with a line end. */
void admin_usage_wrap(struct buf *out, size_t at, size_t indent, size_t width, struct str words);

#endif
