/* base/buf.c: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    mem_free(b->p);
    buf_init(b, b->max);
}

void buf_done_wipe(struct buf *b)
{
    if (b->p)
        mem_wipe(b->p, b->cap);
    buf_done(b);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (n > b->max - b->n) {
        b->overflow = true;
        return NULL;
    }
    if (n > b->cap - b->n) {
        size_t want = size_max(b->n + n, size_max(64, b->cap * 2));

        b->cap = size_min(want, b->max);
        b->p = mem_realloc(b->p, b->cap);
    }
    return b->p ? b->p + b->n : (b->p = mem_realloc(NULL, b->cap = size_min(64, b->max)));
}

void buf_commit(struct buf *b, size_t n)
{
    if (n > b->cap - b->n)
        panic("buf_commit beyond what was reserved");
    b->n += n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to;

    if (n == 0 || !(to = buf_reserve(b, n)))
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_c(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, digits + i, sizeof digits - i);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char small[256], *to;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        panic("a format that vsnprintf refuses");
    if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
        return;
    }
    if (!(to = buf_reserve(b, (size_t)n + 1))) /* its NUL is written, and not kept */
        return;
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
    n = size_min(n, b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n);
}

struct str buf_view(const struct buf *b)
{
    return (struct str){b->p, b->n};
}
