/* net/rate.c: see rate.h. All processes agree on the minutes, which are those of CLOCK_BOOTTIME. */
#include "net/rate.h"

#define MINUTE_US 60000000
#define MINUTE_MS 60000

/* Who is counted: as an address, and as one of its network. */
struct who {
    uint64_t address, network;
};

void net_rates_init(struct net_rates *r, struct net_shared *shared)
{
    *r = (struct net_rates){0};
    for (size_t i = 0; i < ARRAY_LEN(r->minutes); i++)
        tally_init(&r->minutes[i], shared, NET_RATE_MOST, NET_RATE_KINDS);
}

/* The number of the minute, from 1: a table without a stamp is of none. */
static uint64_t minute_of(int64_t now_us)
{
    return (uint64_t)(now_us / MINUTE_US) + 1;
}

static struct tally *table_of(struct net_rates *r, uint64_t minute)
{
    return &r->minutes[minute % 2];
}

/* This minute's table, begun anew when it still is that of an earlier one. */
static struct tally *table_now(struct net_rates *r, int64_t now_us)
{
    uint64_t minute = minute_of(now_us);
    struct tally *t = table_of(r, minute);

    if (tally_stamp(t) != minute)
        tally_restart(t, minute);
    return t;
}

/* A network's key has a byte more, so that it is no address's. */
static struct who who_is(const struct net_rates *r, const struct net_address *a)
{
    const struct net_shared *shared = r->minutes[0].shared;
    char space[16];
    struct buf b = {.p = space, .cap = sizeof space, .max = sizeof space};
    struct who who;

    net_address_prefix(&b, a);
    who.address = net_shared_tag(shared, buf_view(&b));
    b.n = b.n == 8 ? 6 : b.n - 1; /* /48 of the /64, /24 of an IPv4 address */
    buf_c(&b, "/net");
    who.network = net_shared_tag(shared, buf_view(&b));
    return who;
}

/* The part of last minute's count that still counts, rounded up: a limit is never exceeded by rounding. */
static uint64_t part_left(uint64_t n, uint64_t left_ms)
{
    return n / MINUTE_MS * left_ms + (n % MINUTE_MS * left_ms + MINUTE_MS - 1) / MINUTE_MS;
}

static uint64_t count_of(struct net_rates *r, uint64_t tag, enum net_rate_kind kind, int64_t now_us)
{
    uint64_t minute = minute_of(now_us),
             left_ms = MINUTE_MS - (uint64_t)(now_us % MINUTE_US) / 1000;

    return tally_sum(table_of(r, minute), tag, kind, minute) +
           part_left(tally_sum(table_of(r, minute - 1), tag, kind, minute - 1), left_ms);
}

/* Whether address and network are below their limits, less what was just taken. */
static bool is_below(struct net_rates *r, enum net_rate_kind kind, const struct who *who,
                     uint64_t taken, int64_t now_us)
{
    return count_of(r, who->address, kind, now_us) < r->most[kind] + taken &&
           count_of(r, who->network, kind, now_us) < r->most[kind] * NET_RATE_NETWORK + taken;
}

bool net_rates_below(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                     int64_t now_us)
{
    struct who who;

    if (r->most[kind] == 0)
        return true;
    who = who_is(r, a);
    return is_below(r, kind, &who, 0, now_us);
}

/* As at a gate: it is counted first, so that two processes do not both take what is left. */
bool net_rates_take(struct net_rates *r, enum net_rate_kind kind, const struct net_address *a,
                    uint64_t n, int64_t now_us)
{
    struct tally *t;
    struct who who;

    if (r->most[kind] == 0)
        return true;
    t = table_now(r, now_us);
    who = who_is(r, a);
    tally_add(t, who.address, kind, n);
    tally_add(t, who.network, kind, n);
    if (is_below(r, kind, &who, n, now_us))
        return true;
    r->refused[kind]++;
    tally_subtract(t, who.address, kind, n);
    tally_subtract(t, who.network, kind, n);
    return false;
}

void net_rates_trim(struct net_rates *r, int64_t now_us)
{
    for (size_t i = 0; i < ARRAY_LEN(r->minutes); i++) {
        struct tally *t = &r->minutes[i];

        if (t->used && tally_stamp(t) + 1 < minute_of(now_us))
            tally_restart(t, 0);
    }
}
