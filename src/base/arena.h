/* base/arena.h: memory of one unit of work (an SMTP transaction, an IMAP command, a parse), freed
 * at its end at once. Has a maximum; going over it ends nothing: arena_alloc returns NULL once, the
 * arena remembers, and the parser that owns it answers ERROR_LIMIT. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used, max;      /* bytes handed out, and the most that may be */
    size_t heap, heap_max; /* bytes of the heap for that, with what is not handed out yet; no
                              maximum by default */
    bool full;             /* something was refused */
};

/* Embedded object; holds no memory until the first allocation. */
void arena_init(struct arena *a, size_t max);
/* Frees everything; the arena can be used again. */
void arena_done(struct arena *a);
/* n zeroed bytes, aligned for any type, or NULL when max is reached (a->full is then set). */
void *arena_alloc(struct arena *a, size_t n);
/* Makes p, which is NULL or comes from here, n bytes long: zeroed after what it had. It moves, and
 * both are counted while it does. NULL when there is no room for that; then p is as it was, and
 * a->full is not set. */
void *arena_resize(struct arena *a, void *p, size_t n);
/* What can still be taken, of both maxima. */
size_t arena_room(const struct arena *a);
/* Counts n bytes of the heap that the caller holds beside the arena, until it lets them go. */
void arena_hold(struct arena *a, size_t n);
void arena_let_go(struct arena *a, size_t n);
/* n items of size bytes; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy with a NUL after it (not counted in n); STR_NULL when full. */
struct str arena_str(struct arena *a, struct str s);
PRINTF_LIKE(2, 3) struct str arena_printf(struct arena *a, const char *fmt, ...);

#endif
