/* base/arena.c: see arena.h. Blocks double from 1 KiB to 64 KiB, as long as the heap's maximum
 * allows; an item that would waste much of one gets a block of its own, after the one that is
 * filled. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN ((size_t)1024)
#define BLOCK_MAX ((size_t)65536)
#define OVERHEAD (sizeof(struct arena_block) + 16) /* 16: what the allocator may round up */

struct arena_block {
    struct arena_block *next;
    size_t n, cap;
    alignas(max_align_t) char data[];
};

static size_t align_up(size_t n)
{
    return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max, .heap_max = SIZE_MAX};
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

static size_t heap_room(const struct arena *a)
{
    size_t left = a->heap_max > a->heap ? a->heap_max - a->heap : 0;

    return left > OVERHEAD ? (left - OVERHEAD) & ~(alignof(max_align_t) - 1) : 0;
}

size_t arena_room(const struct arena *a)
{
    size_t head = a->blocks ? a->blocks->cap - a->blocks->n : 0;

    return size_min(a->max - a->used, size_max(heap_room(a), head));
}

static struct arena_block *add_block(struct arena *a, size_t cap, struct arena_block **before)
{
    struct arena_block *b = mem_alloc(sizeof *b + cap);

    *b = (struct arena_block){.next = *before, .cap = cap};
    *before = b;
    a->heap += OVERHEAD + cap;
    return b;
}

/* A block with room for n bytes; NULL when the heap's maximum is reached. */
static struct arena_block *block_for(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    size_t cap;

    if (b && n <= b->cap - b->n)
        return b;
    if (n > heap_room(a))
        return NULL;
    cap = b ? size_min(size_max(b->cap * 2, BLOCK_MIN), BLOCK_MAX) : BLOCK_MIN;
    if (b && n > cap / 4)
        return add_block(a, n, &b->next);
    return add_block(a, size_max(size_min(cap, heap_room(a)), n), &a->blocks);
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *b;
    void *p;

    if (n > a->max - a->used || !(b = block_for(a, align_up(n)))) {
        a->full = true;
        return NULL;
    }
    n = align_up(n);
    p = b->data + b->n;
    b->n += n;
    a->used = size_min(a->used + n, a->max);
    memset(p, 0, n);
    return p;
}

void arena_hold(struct arena *a, size_t n)
{
    a->heap += n;
}

void arena_let_go(struct arena *a, size_t n)
{
    a->heap -= n;
}

/* The link to the block that begins with p. */
static struct arena_block **link_of(struct arena *a, const void *p)
{
    for (struct arena_block **at = &a->blocks; *at; at = &(*at)->next)
        if ((*at)->data == p)
            return at;
    panic("arena_resize of what it did not make");
}

void *arena_resize(struct arena *a, void *p, size_t n)
{
    struct arena_block **link = p ? link_of(a, p) : NULL, *b;
    size_t old = p ? (*link)->n : 0;

    n = align_up(n);
    if (n > a->max - a->used || n > heap_room(a))
        return NULL;
    if (!p && !a->blocks && heap_room(a) - n > 2 * OVERHEAD) /* what is small goes there */
        add_block(a, size_min(BLOCK_MIN, heap_room(a) - n - OVERHEAD), &a->blocks);
    if (!p)
        link = a->blocks ? &a->blocks->next : &a->blocks;
    b = mem_realloc(p ? *link : NULL, sizeof *b + n);
    *b = (struct arena_block){.next = p ? b->next : *link, .n = n, .cap = n};
    *link = b;
    if (n > old)
        memset(b->data + old, 0, n - old);
    a->heap = p ? a->heap - old + n : a->heap + OVERHEAD + n;
    a->used = size_min(a->used - old + n, a->max);
    return b->data;
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
