/* net/rate.h: how much of something came in the last minute, by address and by network, to all processes
 * of a kind together (net/tally.h), in bounded memory.
 *
 * A minute is this one and what is left of the last one: its count is taken to have been spread
 * evenly, so that nobody gets twice as much by waiting for the turn. Addresses are an IPv4 address
 * or the /64 of an IPv6 one; a network is a /24 or a /48, and may do NET_RATE_NETWORK times as much
 * as an address. */
#ifndef NET_RATE_H
#define NET_RATE_H

#include "net/address.h"
#include "net/tally.h"

#define NET_RATE_NETWORK 10
#define NET_RATE_MOST                                                                              \
    ((size_t)98304) /* addresses and networks of one minute and process; those that come later are counted together */

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
    uint64_t most[NET_RATE_KINDS]; /* a minute, of one address; 0: no limit. May be changed at any
                                      time */
    uint64_t refused[NET_RATE_KINDS];
    struct tally minutes[2]; /* even and odd ones, stamped with their number */
};

/* Reserves what it needs in `shared`. */
void net_rates_init(struct net_rates *r, struct net_shared *shared);
/* Adds n and tells whether address and network were below their limits before; else *false*,
 * `refused` counts it, and nothing is added. now_us is the time on CLOCK_BOOTTIME. */
bool net_rates_take(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                    uint64_t n, int64_t now_us);
/* Whether one more would be taken; counts nothing. */
bool net_rates_below(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                     int64_t now_us);
/* Gives the memory of minutes that count no more back. */
void net_rates_trim(struct net_rates *r, int64_t now_us);

#endif
