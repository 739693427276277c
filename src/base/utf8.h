/* base/utf8.h: UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* Reads one code point at *at and moves past it. Returns -1 for a byte that begins none, and moves past that byte. *at < s.n. */
int32_t utf8_next(struct str s, size_t *at);
bool utf8_valid(struct str s);
void utf8_print(struct buf *out, uint32_t code);
/* The longest prefix of at most n bytes that does not cut a code point. */
struct str utf8_cut(struct str s, size_t n);
/* Copies s, each byte that is not UTF-8 becomes U+FFFD. */
void utf8_repair(struct buf *out, struct str s);

#endif
