/* imap/names.h: mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) unless the
 * session has enabled UTF-8. */
#ifndef IMAP_NAMES_H
#define IMAP_NAMES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* Appends the UTF-8 name in modified UTF-7. What is not UTF-8 becomes U+FFFD. */
void imap_utf7_print(struct buf *out, struct str name);
/* The UTF-8 of a modified UTF-7 name, in the arena. Strict where two spellings would name the same
 * mailbox: only what imap_utf7_print writes is taken. 8-bit bytes that are UTF-8 are taken as they
 * are, since clients send them. ERROR_SYNTAX, ERROR_LIMIT. */
MUST_CHECK bool imap_utf7_parse(struct str in, struct arena *arena, struct str *out,
                                struct error *err);

#endif
