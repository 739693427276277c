/* net/shared.h: memory that the processes of one kind show one another, so that what each counts for
 * itself can be added up. Each writes an area of its own, which the others can only read.
 *
 *     net_shared_init(&s);
 *     net_shared_set_own(&s, key, fd);
 *     net_shared_set_sibling(&s, 1, fd);     (now or at any later time)
 *     at = net_shared_reserve(&s, 1000);     (the same in each process, in the same order)
 *     net_shared_open(&s, &err);
 *     ... net_shared_load(s.own + at) ...
 *
 * The supervisor makes an area for each process when it sets it up (net_shared_make), gives it to that
 * process to write and to its siblings to read, and takes it back when the process has ended: what the
 * dead had counted is forgotten with them. An area cannot be cut short under a reader: its size is
 * sealed. Numbers are atomic, and sequentially consistent over all processes: of two that write
 * first and then read the other's, at least one sees what the other wrote.
 *
 * A sibling may be hostile. What is in its area is its word about what it has counted itself, and no more:
 * it is never a place to read from, is read once, and is bounded before it is used. */
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

/* Makes an area: *own is a descriptor for whoever writes it, *shown for those who read it; both are the caller's.
 * ERROR_TEMPORARY. */
MUST_CHECK bool net_shared_make(int *own, int *shown, struct error *err);

/* Embedded object: nobody's siblings, under a key of its own. */
void net_shared_init(struct net_shared *s);
void net_shared_done(struct net_shared *s);
/* Before net_shared_open. Takes fd. key has NET_SHARED_KEY_BYTES, or the one that was made up stays. */
void net_shared_set_own(struct net_shared *s, struct str key, int fd);
/* Takes fd; replaces what was known of that instance. -1: the sibling is gone. ERROR_INTERNAL: it is no
 * area, or ERROR_LIMIT: there are too many siblings; then it is left out. */
MUST_CHECK bool net_shared_set_sibling(struct net_shared *s, unsigned instance, int fd,
                                       struct error *err);
/* Before net_shared_open: the offset of so many bytes in each area, at the beginning of a cache line; of a page, if it
 * is a page or more. */
size_t net_shared_reserve(struct net_shared *s, size_t bytes);
/* Maps the areas; without one of its own it has memory that nobody else sees. ERROR_INTERNAL: one that was given cannot be
 * used; it does without. */
MUST_CHECK bool net_shared_open(struct net_shared *s, struct error *err);
/* Makes what was reserved there zeros in the own area; pages give their memory back. */
void net_shared_clear(struct net_shared *s, size_t at, size_t bytes);
/* A keyed hash, the same in all siblings, never 0. */
uint64_t net_shared_tag(const struct net_shared *s, struct str bytes);

/* p is in an area, and a multiple of eight bytes from its beginning. */
static inline uint64_t net_shared_load(const void *p)
{
    return atomic_load((const _Atomic uint64_t *)p);
}

static inline void net_shared_store(void *p, uint64_t n)
{
    atomic_store((_Atomic uint64_t *)p, n);
}

#endif
