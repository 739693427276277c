/* net/gate.h: limits on how many connections are open, in all and by address, over all processes of a kind
 * (net/tally.h). An address here is what net_address_prefix makes of it.
 *
 * A connection is counted first and checked afterwards, so that there are never more than allowed. When two
 * processes each accept one for the last place at the same moment, both may be turned away. */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "net/address.h"
#include "net/tally.h"

/* One for all listeners of a process. */
struct net_gate {
    uint64_t most, most_prefix;                     /* over all processes; may be lowered later */
    uint64_t open;                                  /* of this process */
    uint64_t refused_total, refused_prefix, paused; /* shown by `posthus status` */
    struct tally_total total;
    struct tally by_prefix;
};

/* Reserves what it needs in `shared`, before net_shared_open. most: connections in all; most_prefix: of one address. */
void net_gate_init(struct net_gate *g, struct net_shared *shared, uint64_t most,
                   uint64_t most_prefix);
/* Counts a connection. False when that is over a limit: then it is not counted, but the refusal is. After true, call
 * net_gate_leave once, when the connection has ended. */
MUST_CHECK bool net_gate_enter(struct net_gate *g, const struct net_address *a);
/* The connection of a net_gate_enter that returned true has ended. Panics when there was none. */
void net_gate_leave(struct net_gate *g, const struct net_address *a);
/* Gives the memory of the counts back to the kernel, if this process has no connections. */
void net_gate_trim(struct net_gate *g);

#endif
