/* net/tally.h: a table of counts by key, added up over all processes of a kind (net/shared.h). Each process
 * counts in its own area; a sum is what it and its siblings have there.
 *
 * A key is a tag (net_shared_tag). It has its place in one of two buckets of TALLY_WAYS, which its bits
 * name, so that finding or adding one looks at sixteen places, whatever the table holds and whoever wrote
 * it, and takes no memory. A key for which there is no place is counted together with all others of
 * that kind; with no more than `keys` of them that is as unlikely as not to happen (none in millions).
 *
 * A table is of one time, its stamp: counts of a sibling whose table is of another are none. One that is
 * never restarted has the stamp 0. */
#ifndef NET_TALLY_H
#define NET_TALLY_H

#include "net/shared.h"

#define TALLY_WAYS 8
#define TALLY_COUNTS 7 /* the most numbers of one key */

/* Embedded object; the memory is that of `shared`. */
struct tally {
    struct net_shared *shared;
    size_t at, buckets, counts;
    size_t used, most; /* keys that have a place in the own table */
};

/* Reserves the table: so many numbers for each of at most so many keys. */
void tally_init(struct tally *t, struct net_shared *shared, size_t keys, size_t counts);
/* Adds to the own count of a key, or subtracts, not below 0. A key of zeros gives its place back. */
void tally_add(struct tally *t, uint64_t tag, size_t which, uint64_t n);
void tally_subtract(struct tally *t, uint64_t tag, size_t which, uint64_t n);
/* The own count; and those of all, each sibling's bounded so that no sum overflows, where their stamp is this one. */
uint64_t tally_own(const struct tally *t, uint64_t tag, size_t which);
uint64_t tally_sum(const struct tally *t, uint64_t tag, size_t which, uint64_t stamp);
uint64_t tally_stamp(const struct tally *t);
/* Forgets all, gives the memory back, and is of this time from now on. */
void tally_restart(struct tally *t, uint64_t stamp);

/* One number, without a key. */
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
