/* net/gate.c: see gate.h. */
#include "net/gate.h"

void net_gate_init(struct net_gate *g, struct net_shared *shared, uint64_t most,
                   uint64_t most_prefix)
{
    *g = (struct net_gate){.most = most, .most_prefix = most_prefix};
    tally_total_init(&g->total, shared);
    tally_init(&g->by_prefix, shared, most, 1);
}

static uint64_t tag_of(const struct net_gate *g, const struct net_address *a)
{
    char space[16];
    struct buf b = {.p = space, .cap = sizeof space, .max = sizeof space};

    net_address_prefix(&b, a);
    return net_shared_tag(g->by_prefix.shared, buf_view(&b));
}

static void gate_uncount(struct net_gate *g, uint64_t tag)
{
    g->open--;
    tally_total_subtract(&g->total, 1);
    tally_subtract(&g->by_prefix, tag, 0, 1);
}

bool net_gate_enter(struct net_gate *g, const struct net_address *a)
{
    uint64_t tag = tag_of(g, a);

    g->open++;
    tally_total_add(&g->total, 1);
    tally_add(&g->by_prefix, tag, 0, 1);
    if (tally_total_sum(&g->total) > g->most)
        g->refused_total++;
    else if (tally_sum(&g->by_prefix, tag, 0, 0) > g->most_prefix)
        g->refused_prefix++;
    else
        return true;
    gate_uncount(g, tag);
    return false;
}

void net_gate_leave(struct net_gate *g, const struct net_address *a)
{
    uint64_t tag = tag_of(g, a);

    if (g->open == 0 || tally_own(&g->by_prefix, tag, 0) == 0)
        panic("net_gate_leave without enter");
    gate_uncount(g, tag);
}

void net_gate_trim(struct net_gate *g)
{
    if (g->open == 0)
        tally_restart(&g->by_prefix, 0);
}
