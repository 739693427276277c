/* mime/charset.h: text in any charset to UTF-8.
 *
 * US-ASCII and UTF-8 need nothing. The single-byte charsets are tables of 128 code points each,
 * made once from iconv(3); the others keep one iconv descriptor each. Both happen in
 * mime_process_init (message.h), because the process that reads mail may open no file. What is not
 * available then is taken for UTF-8, and bytes that are not UTF-8 become U+FFFD.
 *
 * Names mean what senders mean by them: ISO-8859-1 is read as Windows-1252, GB2312 as GB18030,
 * KS_C_5601 as CP949, Shift_JIS as CP932 (the WHATWG Encoding Standard, section 4.2); each is a
 * superset. */
#ifndef MIME_CHARSET_H
#define MIME_CHARSET_H

#include "base/buf.h"

/* Appends `in` as UTF-8, always valid. Of the name only letters and digits count, without case and
 * without "x-" before it; empty or unknown is UTF-8. */
void mime_charset_convert(struct buf *out, struct str charset, struct str in);
/* True when text in it is converted by copying: UTF-8, and what is not known. */
bool mime_charset_is_utf8(struct str charset);
/* How many of the bytes can be converted alone: what comes out, and what comes out of the rest with
 * whatever follows, is what comes out of all of it in one. 0: nothing yet. The first `from` bytes were
 * given before, and 0 was the answer. Not for UTF-8. */
size_t mime_charset_cut(struct str charset, struct str bytes, size_t from);
/* True when this name is known and its table or descriptor is there. */
bool mime_charset_known(struct str charset);

#endif
