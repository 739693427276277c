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
/* How bytes of this charset may be cut before they are converted. */
enum mime_charset_form {
    MIME_CHARSET_UTF8,   /* as it is; what is not known is taken for it */
    MIME_CHARSET_SINGLE, /* anywhere */
    MIME_CHARSET_MULTI,  /* behind a byte below 0x30, which never is a part of a longer character */
    MIME_CHARSET_SHIFTS  /* nowhere: what a byte means depends on those before it */
};
enum mime_charset_form mime_charset_form(struct str charset);
/* True when this name is known and its table or descriptor is there. */
bool mime_charset_known(struct str charset);

#endif
