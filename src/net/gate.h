/* net/gate.h: how many connections there are, in all and by address, counted over all processes of a
 * kind (net/tally.h). Addresses count as net_address_prefix has it.
 *
 * Whoever enters is counted first and checked afterwards, so that there are never more than allowed. When two
 * come for the last place at the very same moment, to two processes, both may be turned away. */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "net/address.h"
#include "net/tally.h"

/* One for all listeners of a process. */
struct net_gate {
    uint64_t most, most_prefix;                     /* of all processes; may be changed */
    uint64_t open;                                  /* of this process */
    uint64_t refused_total, refused_prefix, paused; /* shown by `posthus status` */
    struct tally_total total;
    struct tally by_prefix;
};

/* Reserves what it needs in `shared`. `most` may become smaller later, not larger. */
void net_gate_init(struct net_gate *g, struct net_shared *shared, uint64_t most,
                   uint64_t most_prefix);
/* False, and counted, when a limit is reached. Each true is paired with one net_gate_leave. */
MUST_CHECK bool net_gate_enter(struct net_gate *g, const struct net_address *a);
void net_gate_leave(struct net_gate *g, const struct net_address *a);
/* Gives memory back, if there are no connections. */
void net_gate_trim(struct net_gate *g);

#endif
