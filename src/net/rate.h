/* net/rate.h: limits on how much of something comes per minute, by address and by network, over all processes of a
 * kind (net/tally.h), in bounded memory.
 *
 * What counts is this minute so far, and the part of the last one that is less than a minute ago: its
 * count is taken to have been spread evenly, so that nobody gets twice as much by waiting for the minute to turn.
 * An address is an IPv4 address or the /64 of an IPv6 one; a network is a /24 or a /48, and may do NET_RATE_NETWORK
 * times as much as an address. */
#ifndef NET_RATE_H
#define NET_RATE_H

#include "net/address.h"
#include "net/tally.h"

#define NET_RATE_NETWORK 10
#define NET_RATE_MOST                                                                              \
    ((size_t)98304) /* addresses and networks in one minute and process; those beyond are counted together */

/* What is counted. */
enum net_rate_kind {
    NET_RATE_CONNECTIONS,
    NET_RATE_MESSAGES,
    NET_RATE_RECIPIENTS,
    NET_RATE_BYTES,
    NET_RATE_ERRORS,
    NET_RATE_KINDS
};

struct net_rates {
    uint64_t most[NET_RATE_KINDS]; /* a minute and address; 0: no limit. May be changed */
    uint64_t refused[NET_RATE_KINDS];
    struct tally minutes[2]; /* even and odd minutes, stamped with their number */
};

/* Reserves what it needs in `shared`, before net_shared_open. */
void net_rates_init(struct net_rates *r, struct net_shared *shared);
/* True, and n is added, when the address and its network were below their limits before; else `refused` counts it, and
 * nothing is added. now_us is the time on CLOCK_BOOTTIME. */
bool net_rates_take(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                    uint64_t n, int64_t now_us);
/* Whether one more would be taken; counts nothing. */
bool net_rates_below(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                     int64_t now_us);
/* Gives back the memory of minutes that no longer count. */
void net_rates_trim(struct net_rates *r, int64_t now_us);

#endif
