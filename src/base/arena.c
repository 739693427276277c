/* base/arena.c: see arena.h. Blocks double from 1 KiB to 64 KiB; a larger item gets a block of its own. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN ((size_t)1024)
#define BLOCK_MAX ((size_t)65536)

struct arena_block {
    struct arena_block *next;
    size_t n, cap;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_done(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;

        a->blocks = b->next;
        mem_free(b);
    }
    arena_init(a, a->max);
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    void *p;

    if (n > a->max - a->used) {
        a->full = true;
        return NULL;
    }
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!b || n > b->cap - b->n) {
        size_t cap = b ? size_min(b->cap * 2, BLOCK_MAX) : BLOCK_MIN;

        cap = size_max(cap, n);
        b = mem_alloc(sizeof *b + cap);
        *b = (struct arena_block){.next = a->blocks, .cap = cap};
        a->blocks = b;
    }
    p = b->data + b->n;
    b->n += n;
    a->used = size_min(a->used + n, a->max);
    memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        a->full = true;
        return NULL;
    }
    return arena_alloc(a, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

    if (!p)
        return STR_NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !(p = arena_alloc(a, (size_t)n + 1)))
        return STR_NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){p, (size_t)n};
}
