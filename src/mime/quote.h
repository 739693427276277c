/* mime/quote.h: strings as IMAP writes them (RFC 9051 section 4.3). */
#ifndef MIME_QUOTE_H
#define MIME_QUOTE_H

#include "base/buf.h"

/* Appends s as a quoted string, or as a literal where it is longer than 1000 bytes or holds CR, LF
 * or a byte above 127. NUL cannot be sent in either, and is left out. */
void mime_print_string(struct buf *out, struct str s);
/* The same, and NIL for a string that is empty. */
void mime_print_nstring(struct buf *out, struct str s);

#endif
