/* base/buf.h: bytes that grow, up to a maximum that must be named. Adding beyond it changes nothing and sets
 * `overflow`, which stays: a writer looks once, at the end. May hold NUL. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflow; /* something did not fit; cleared by buf_reset */
};

/* Embedded object; holds no memory until the first byte. max in bytes. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buf is then as after buf_init. */
void buf_done(struct buf *b);
/* Frees after overwriting with zeros: for buffers that held a secret. */
void buf_done_wipe(struct buf *b);
/* Empties it and keeps the memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_c(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v); /* decimal */
PRINTF_LIKE(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);
/* Makes room for n more bytes and returns where they go, or NULL (overflow). buf_commit adds what was written. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Removes n bytes (at most all) from the front. */
void buf_drop(struct buf *b, size_t n);
/* What it holds; valid until the next change. */
struct str buf_view(const struct buf *b);

#endif
