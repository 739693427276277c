/* imap/write.h: how values get into IMAP output. Fixed words are appended as they are; whatever comes
 * from outside goes through these functions. They choose between atom, quoted string and literal;
 * nothing with a CR, LF or NUL gets into a line, so that what a sender wrote can never become a
 * response. */
#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H

#include "base/buf.h"
#include "base/error.h"
#include "imap/parse.h"

/* A quoted string where that can hold it (printable 7-bit, short), else a literal. */
void imap_write_string(struct buf *out, struct str s);
/* As above, or an atom. */
void imap_write_astring(struct buf *out, struct str s);
/* NIL for STR_NULL (p is NULL). */
void imap_write_nstring(struct buf *out, struct str s);
/* "{n}" CRLF: the n bytes are written by the caller. */
void imap_write_literal_head(struct buf *out, uint64_t n);
/* A mailbox name, in modified UTF-7 or UTF-8. */
void imap_write_mailbox(struct buf *out, struct str name, bool utf8);
/* "(\Seen $Forwarded)"; keywords as in store/store.h. */
void imap_write_flags(struct buf *out, uint32_t flags, struct str keywords);
/* "24-Nov-2026 13:17:26 +0000" with quotes. */
void imap_write_date_time(struct buf *out, int64_t us);
/* UIDs that ascend, or the second numbers of pairs, as a set: "1:3,7". */
void imap_write_set(struct buf *out, const uint32_t *numbers, size_t n);

/* "TAG OK [CODE] words" CRLF; tag may be "*" or "+", code may be empty. */
void imap_write_status(struct buf *out, struct str tag, const char *status, struct str code,
                       struct str words);
/* The same for an error: NO or BAD, with the response code that its kind has. not_found replaces
 * the one of ERROR_NOT_FOUND where it is not NULL ("TRYCREATE"). */
void imap_write_error(struct buf *out, struct str tag, const struct error *err,
                      const char *not_found);

#endif
