/* net/rate.c: see rate.h. */
#include "net/rate.h"

#define MINUTE_US 60000000

struct net_rate_count {
    uint64_t n[NET_RATE_KINDS];
};

void net_rates_init(struct net_rates *r)
{
    *r = (struct net_rates){0};
    map_init(&r->now);
    map_init(&r->before);
}

static void empty(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;

    while (map_each(m, &at, &key, &value))
        mem_free(value);
    map_done(m);
    map_init(m);
}

void net_rates_done(struct net_rates *r)
{
    empty(&r->now);
    empty(&r->before);
}

static void turn(struct net_rates *r, int64_t now_us)
{
    int64_t passed = now_us - r->began_us;

    if (passed < MINUTE_US)
        return;
    empty(&r->before);
    if (passed < 2 * (int64_t)MINUTE_US) {
        r->before = r->now;
        map_init(&r->now);
        r->began_us += MINUTE_US;
    } else {
        empty(&r->now);
        r->began_us = now_us;
    }
}

/* Keys of 4 and 8 bytes are addresses, one byte more than a network's own makes them differ. */
static struct str key_of(const struct net_address *a, bool network, struct buf *b)
{
    buf_init(b, 16);
    net_address_prefix(b, a);
    if (network) {
        b->n = b->n == 8 ? 6 : b->n - 1; /* /48 of the /64, /24 of an IPv4 address */
        buf_char(b, '/');
    }
    return buf_view(b);
}

static uint64_t counted(const struct net_rates *r, struct str key, enum net_rate_kind kind,
                        int64_t now_us)
{
    const struct net_rate_count *now = map_find(&r->now, key), *before = map_find(&r->before, key);
    uint64_t left = (uint64_t)(MINUTE_US - (now_us - r->began_us)) /
                    1000; /* ms of the last minute that still count */
    uint64_t n = now ? now->n[kind] : 0;

    if (!before)
        return n;
    return n + (uint64_t)((double)before->n[kind] * (double)left / (MINUTE_US / 1000.0));
}

static struct net_rate_count *count_of(struct net_rates *r, struct str key)
{
    struct net_rate_count *c;

    if (r->now.n >= NET_RATE_MOST && !map_find(&r->now, key))
        key = STR("rest");
    c = map_find(&r->now, key);
    if (!c) {
        c = mem_zalloc(sizeof *c);
        map_put(&r->now, key, c);
    }
    return c;
}

/* For the address (network false) or its network. */
static bool below(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                  bool network, int64_t now_us)
{
    uint64_t most = r->most[kind] * (network ? NET_RATE_NETWORK : 1);
    struct buf b;
    struct str key = key_of(a, network, &b);
    bool ok = counted(r, key, kind, now_us) < most;

    buf_done(&b);
    return ok;
}

bool net_rates_below(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                     int64_t now_us)
{
    if (r->most[kind] == 0)
        return true;
    turn(r, now_us);
    return below(r, kind, a, false, now_us) && below(r, kind, a, true, now_us);
}

bool net_rates_take(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                    uint64_t n, int64_t now_us)
{
    if (r->most[kind] == 0)
        return true;
    if (!net_rates_below(r, kind, a, now_us)) {
        r->refused[kind]++;
        return false;
    }
    for (int network = 0; network < 2; network++) {
        struct buf b;

        count_of(r, key_of(a, network, &b))->n[kind] += n;
        buf_done(&b);
    }
    return true;
}
