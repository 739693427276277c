/* net/tally.h: a table of counts by key, added up over all processes of a kind (net/shared.h). Each process
 * counts in its own area; a sum is what it and its siblings have there.
 *
 * A key is a tag (net_shared_tag), whose bits name two buckets of TALLY_WAYS places each; the key has one of these places.
 * So finding or adding a key looks at sixteen places, whatever the table holds and whoever wrote it, and
 * takes no memory. Keys that find no place are counted together; in a table with no more keys than it was made for
 * that happens to one in millions.
 *
 * A table has a stamp, which says of what time its counts are: a sum takes in the tables with one stamp only. The stamp
 * is 0 until tally_restart sets another. */
#ifndef NET_TALLY_H
#define NET_TALLY_H

#include "net/shared.h"

#define TALLY_WAYS 8
#define TALLY_COUNTS 7 /* the most counts that a key has */

/* Embedded object; the memory is that of `shared`. */
struct tally {
    struct net_shared *shared;
    size_t at, buckets, counts;
    size_t used, most; /* keys that have a place in the own table, and may have */
};

/* Reserves the table in `shared`, before net_shared_open: `counts` numbers (at most TALLY_COUNTS) for each of at most
 * `keys` keys. */
void tally_init(struct tally *t, struct net_shared *shared, size_t keys, size_t counts);
/* Adds to the own count number `which` of a key, or subtracts from it, not below 0. A key whose counts are all 0 gives its
 * place back. */
void tally_add(struct tally *t, uint64_t tag, size_t which, uint64_t n);
void tally_subtract(struct tally *t, uint64_t tag, size_t which, uint64_t n);
/* The own count; and the sum over the tables of all processes that have this stamp. What a sibling claims is bounded, so
 * that no sum overflows. */
uint64_t tally_own(const struct tally *t, uint64_t tag, size_t which);
uint64_t tally_sum(const struct tally *t, uint64_t tag, size_t which, uint64_t stamp);
uint64_t tally_stamp(const struct tally *t);
/* Empties the own table, gives its memory back to the kernel, and sets its stamp. */
void tally_restart(struct tally *t, uint64_t stamp);

/* A single number, without keys or stamp. */
struct tally_total {
    struct net_shared *shared;
    size_t at;
};
void tally_total_init(struct tally_total *t, struct net_shared *shared);
void tally_total_add(struct tally_total *t, uint64_t n);
void tally_total_subtract(struct tally_total *t, uint64_t n); /* not below 0 */
uint64_t tally_total_own(const struct tally_total *t);
uint64_t tally_total_sum(const struct tally_total *t);

#endif
