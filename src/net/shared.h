/* net/shared.h: memory in which the processes of one kind ("siblings") show one another what each has counted, so that
 * it can be added up. Each process writes an area of its own; the others can only read it.
 *
 *     net_shared_init(&s);
 *     net_shared_set_own(&s, key, fd);
 *     net_shared_set_sibling(&s, 1, fd, &err);   (now or at any later time)
 *     at = net_shared_reserve(&s, 1000);     (the same in each process, in the same order)
 *     net_shared_open(&s, &err);
 *     ... net_shared_load(s.own + at) ...
 *
 * The supervisor makes a fresh area for each process that it sets up (net_shared_make), gives it to that
 * process to write and to its siblings to read, and tells them when the process has ended: what it had
 * counted then counts no longer. The size of an area is sealed, so that nobody can cut it short under a reader.
 * Numbers are atomic, and sequentially consistent over all processes: of two that write first and then
 * read the other's, at least one sees what the other wrote.
 *
 * A sibling may be hostile. Its area holds what it says it has counted, and nothing else: a number is
 * read once and bounded before it is used, and never says where to read. */
#ifndef NET_SHARED_H
#define NET_SHARED_H

#include "base/error.h"

#include <stdatomic.h>

#define NET_SHARED_KEY_BYTES 16
#define NET_SHARED_SIBLINGS 31
#define NET_SHARED_BYTES ((size_t)64 << 20) /* of an area; only what is touched takes memory */

struct net_shared_sibling {
    unsigned instance;
    int fd;           /* before net_shared_open; then -1 */
    const char *area; /* NULL: before net_shared_open */
};

struct net_shared {
    unsigned char key[NET_SHARED_KEY_BYTES]; /* of all siblings, for net_shared_tag */
    size_t size;                             /* reserved */
    char *own;                               /* zeros at first; NULL before net_shared_open */
    int own_fd;                              /* -1: none was given, or it is mapped */
    struct net_shared_sibling sibling[NET_SHARED_SIBLINGS];
    size_t siblings;
};

/* Makes an area: *own is a descriptor for the process that writes it, *shown a read-only one for those who read it; both
 * are the caller's. ERROR_TEMPORARY: the kernel has no memory or no descriptor for it. */
MUST_CHECK bool net_shared_make(int *own, int *shown, struct error *err);

/* Embedded object: at first without siblings, and with a random key. */
void net_shared_init(struct net_shared *s);
/* Unmaps the areas and closes the descriptors; to be used again it needs net_shared_init. */
void net_shared_done(struct net_shared *s);
/* Before net_shared_open; later it changes the key alone. Takes fd. A key of any other length than NET_SHARED_KEY_BYTES is
 * ignored. */
void net_shared_set_own(struct net_shared *s, struct str key, int fd);
/* Takes fd; replaces what was known of that instance. fd -1: the sibling has ended. ERROR_INTERNAL: fd is not an area;
 * ERROR_LIMIT: there are more than NET_SHARED_SIBLINGS. In both cases this sibling is left out of all sums. */
MUST_CHECK bool net_shared_set_sibling(struct net_shared *s, unsigned instance, int fd,
                                       struct error *err);
/* Before net_shared_open: reserves so many bytes in each area, and returns their offset, which is that of a cache line, or
 * of a page where `bytes` is a page or more. Panics when an area has no room left. */
size_t net_shared_reserve(struct net_shared *s, size_t bytes);
/* Maps the areas. A process that was given no area of its own counts in memory that nobody else sees. ERROR_INTERNAL: an
 * area that was given cannot be used; the process then goes on without it. */
MUST_CHECK bool net_shared_open(struct net_shared *s, struct error *err);
/* Zeroes what was reserved at this offset, in the own area; whole pages are given back to the kernel. */
void net_shared_clear(struct net_shared *s, size_t at, size_t bytes);
/* A keyed hash of the bytes, the same in all siblings, never 0. */
uint64_t net_shared_tag(const struct net_shared *s, struct str bytes);

/* p points into an area, a multiple of eight bytes from its beginning. */
static inline uint64_t net_shared_load(const void *p)
{
    return atomic_load((const _Atomic uint64_t *)p);
}

static inline void net_shared_store(void *p, uint64_t n)
{
    atomic_store((_Atomic uint64_t *)p, n);
}

#endif
