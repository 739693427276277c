/* admin/json.h: JSON as it goes out: the answers of commands, and what is generated from the table.
 *
 * A text is escaped so that it is harmless in a terminal as well: controls (C0 and C1) and marks that change the direction of
 * writing come as \uXXXX, bytes that are not UTF-8 as U+FFFD. */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include "base/buf.h"

#define ADMIN_JSON_DEPTH 16

/* Whether a terminal could take this code point for something else than a letter. */
bool admin_json_is_control(uint32_t code);
/* Appends the text in quotes. */
void admin_json_print_text(struct buf *out, struct str s);

/* Writes one value after another; commas and line ends are its own. Every open is followed by a close. */
struct admin_json {
    struct buf *out;
    char close[ADMIN_JSON_DEPTH];
    unsigned depth;
    bool comma;
    bool lines; /* an item a line, indented; else all in one */
};

void admin_json_init(struct admin_json *j, struct buf *out, bool lines);
/* name is NULL in lists and outside. */
void admin_json_open(struct admin_json *j, const char *name, char bracket);
void admin_json_close(struct admin_json *j);
void admin_json_text(struct admin_json *j, const char *name, struct str s);
void admin_json_c(struct admin_json *j, const char *name, const char *s);
void admin_json_number(struct admin_json *j, const char *name, uint64_t n);
void admin_json_bool(struct admin_json *j, const char *name, bool yes);
/* "2026-11-24T13:17:26.123Z" (RFC 3339 section 5.6). */
void admin_json_time(struct admin_json *j, const char *name, int64_t wall_us);

#endif
