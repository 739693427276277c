/* base/cursor.h: reading a slice from left to right with a failure that sticks. Grammar functions take and expect; the
 * first failure keeps its place and its words, everything after it is a no-op, and the caller looks once. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/error.h"

struct cursor {
    struct str in;
    size_t at;
    bool failed;
    struct error err;
};

void cursor_init(struct cursor *c, struct str in);
/* The next byte as unsigned char, or -1 at the end or after a failure. */
int cursor_peek(const struct cursor *c);
/* The byte after the next one, or -1. */
int cursor_peek2(const struct cursor *c);
/* Takes the next byte, or fails at the end; then returns -1. */
int cursor_take(struct cursor *c);
/* Takes ch if it is next. */
bool cursor_accept(struct cursor *c, char ch);
/* Takes word if it is next, ASCII case aside. */
bool cursor_accept_word(struct cursor *c, struct str word);
/* Takes ch or fails. */
void cursor_expect(struct cursor *c, char ch);
/* Takes the longest run of bytes for which is() holds, at most max; may be empty. */
struct str cursor_while(struct cursor *c, bool (*is)(char), size_t max);
/* Takes exactly n bytes or fails; then STR_NULL. */
struct str cursor_bytes(struct cursor *c, size_t n);
/* Takes a decimal number of at least one digit, at most max; fails otherwise. */
uint64_t cursor_number(struct cursor *c, uint64_t max);
bool cursor_at_end(const struct cursor *c);
/* What is left. */
struct str cursor_rest(const struct cursor *c);
/* Fails here with these words, unless it has failed before. */
PRINTF_LIKE(3, 4) void cursor_fail(struct cursor *c, enum error_kind kind, const char *fmt, ...);
/* True when nothing failed; else copies the first failure to *err (NULL is fine). */
MUST_CHECK bool cursor_ok(const struct cursor *c, struct error *err);

#endif
