/* mime/header.h: header fields, as bytes. The iterator stands in message.h.
 *
 * A line ends with LF, whatever stands before it. Only where a header has no LF at all its lines
 * end with CR (messages from old Macs); a CR within a line is otherwise a byte like any other, so
 * that no reader sees a field there that another one does not see. */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "mime/message.h"

/* The offset after the line that begins at `at`, its line end included. cr: lines end with CR. */
size_t mime_line_end(struct str in, size_t at, bool cr);
/* True when lines of this text end with CR: it has a CR, and no LF. */
bool mime_line_is_cr(struct str in);
/* True when the line from at to end holds nothing but its line end. */
bool mime_line_is_empty(struct str in, size_t at, size_t end);
/* The value without line ends and NUL, and without white space at both ends (RFC 5322
 * section 2.2.3). value itself where that changes nothing, else in the arena; STR_NULL when the
 * arena is full. */
struct str mime_unfold(struct str value, struct arena *arena);
/* The first field of this name, ASCII case aside; false when there is none. */
bool mime_find_field(struct str header, struct str name, struct mime_field *out);

#endif
