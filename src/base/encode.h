/* base/encode.h: base64 (RFC 4648 section 4) and hexadecimal. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/buf.h"
#include "base/error.h"

void base64_print(struct buf *out, struct str in);
/* Strict: padding must be right, no white space, no bits left over. Appends to out. ERROR_SYNTAX, or ERROR_LIMIT when out
 * is too small. */
MUST_CHECK bool base64_parse(struct buf *out, struct str in, struct error *err);
/* Lower case. */
void hex_print(struct buf *out, const void *p, size_t n);
/* Exactly 2 * n digits into n bytes. */
MUST_CHECK bool hex_parse(void *out, size_t n, struct str in);

#endif
