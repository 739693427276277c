/* net/tally.c: a table is a head, then slots of a tag and its numbers. The head is a slot as well: its tag is the stamp,
 * its numbers are those of the keys without a place. */
#include "net/tally.h"

#define HEAD ((size_t)64) /* bytes; the buckets begin at a cache line */
#define SIBLING_MOST (UINT64_MAX >> 6)

static size_t slot_bytes(const struct tally *t)
{
    return (t->counts + 1) * sizeof(uint64_t);
}

static size_t table_bytes(const struct tally *t)
{
    return HEAD + t->buckets * TALLY_WAYS * slot_bytes(t);
}

void tally_init(struct tally *t, struct net_shared *shared, size_t keys, size_t counts)
{
    size_t buckets = 1;

    while (buckets * TALLY_WAYS / 4 * 3 < keys) /* fuller than that, places begin to be missing */
        buckets *= 2;
    *t = (struct tally){.shared = shared, .buckets = buckets, .counts = counts, .most = keys};
    t->at = net_shared_reserve(shared, table_bytes(t));
}

static const uint64_t *head_of(const struct tally *t, const char *area)
{
    return (const uint64_t *)(const void *)(area + t->at);
}

static const uint64_t *slot_at(const struct tally *t, const char *area, size_t bucket, size_t way)
{
    return (const uint64_t *)(const void *)(area + t->at + HEAD +
                                            (bucket * TALLY_WAYS + way) * slot_bytes(t));
}

static size_t bucket_of(const struct tally *t, uint64_t tag, int choice)
{
    return (size_t)(choice ? tag >> 32 : tag) & (t->buckets - 1);
}

/* NULL: the key has no place there. */
static const uint64_t *find_slot(const struct tally *t, const char *area, uint64_t tag)
{
    for (int choice = 0; choice < 2; choice++) {
        for (size_t way = 0; way < TALLY_WAYS; way++) {
            const uint64_t *slot = slot_at(t, area, bucket_of(t, tag, choice), way);

            if (net_shared_load(slot) == tag)
                return slot;
        }
    }
    return NULL;
}

/* A free slot of the emptier of its two buckets, or NULL. */
static uint64_t *free_slot(const struct tally *t, uint64_t tag)
{
    const uint64_t *found[2] = {NULL, NULL};
    size_t n[2] = {0, 0};

    for (int choice = 0; choice < 2; choice++) {
        for (size_t way = 0; way < TALLY_WAYS; way++) {
            const uint64_t *slot = slot_at(t, t->shared->own, bucket_of(t, tag, choice), way);

            if (net_shared_load(slot) != 0)
                continue;
            found[choice] = slot;
            n[choice]++;
        }
    }
    return (uint64_t *)(uintptr_t)found[n[1] > n[0]];
}

/* Where the own counts of a key are: its slot, or else the head. */
static uint64_t *own_slot(const struct tally *t, uint64_t tag)
{
    const uint64_t *slot = find_slot(t, t->shared->own, tag);

    return (uint64_t *)(uintptr_t)(slot ? slot : head_of(t, t->shared->own));
}

void tally_add(struct tally *t, uint64_t tag, size_t which, uint64_t n)
{
    uint64_t *slot = own_slot(t, tag), *fresh;

    if (slot == head_of(t, t->shared->own) && t->used < t->most && (fresh = free_slot(t, tag))) {
        slot = fresh; /* its numbers are zeros */
        net_shared_store(slot, tag);
        t->used++;
    }
    net_shared_store(&slot[1 + which], slot[1 + which] + n);
}

void tally_subtract(struct tally *t, uint64_t tag, size_t which, uint64_t n)
{
    uint64_t *slot = own_slot(t, tag), *number = &slot[1 + which];

    net_shared_store(number, *number > n ? *number - n : 0);
    if (slot == head_of(t, t->shared->own))
        return;
    for (size_t i = 0; i < t->counts; i++)
        if (slot[1 + i])
            return;
    net_shared_store(slot, 0);
    t->used--;
}

uint64_t tally_own(const struct tally *t, uint64_t tag, size_t which)
{
    return own_slot(t, tag)[1 + which];
}

/* What a sibling has counted. It may change while it is read: a table that got another stamp, or a place that
 * became another key's, counts nothing. */
static uint64_t sibling_count(const struct tally *t, const char *area, uint64_t tag, size_t which,
                              uint64_t stamp)
{
    const uint64_t *head = head_of(t, area), *slot;
    uint64_t n;

    if (net_shared_load(head) != stamp)
        return 0;
    slot = find_slot(t, area, tag);
    n = net_shared_load(slot ? &slot[1 + which] : &head[1 + which]);
    if (net_shared_load(head) != stamp || (slot && net_shared_load(slot) != tag))
        return 0;
    return n < SIBLING_MOST ? n : SIBLING_MOST;
}

uint64_t tally_sum(const struct tally *t, uint64_t tag, size_t which, uint64_t stamp)
{
    uint64_t sum = sibling_count(t, t->shared->own, tag, which, stamp);

    for (size_t i = 0; i < t->shared->siblings; i++)
        sum += sibling_count(t, t->shared->sibling[i].area, tag, which, stamp);
    return sum;
}

uint64_t tally_stamp(const struct tally *t)
{
    return *head_of(t, t->shared->own);
}

/* Meanwhile the stamp is one that nobody asks for. */
void tally_restart(struct tally *t, uint64_t stamp)
{
    uint64_t *head = (uint64_t *)(uintptr_t)head_of(t, t->shared->own);

    net_shared_store(head, UINT64_MAX);
    net_shared_clear(t->shared, t->at, table_bytes(t));
    net_shared_store(head, stamp);
    t->used = 0;
}

/* ---- one number ---- */

void tally_total_init(struct tally_total *t, struct net_shared *shared)
{
    *t = (struct tally_total){shared, net_shared_reserve(shared, sizeof(uint64_t))};
}

static uint64_t *own_total(const struct tally_total *t)
{
    return (uint64_t *)(void *)(t->shared->own + t->at);
}

void tally_total_add(struct tally_total *t, uint64_t n)
{
    net_shared_store(own_total(t), *own_total(t) + n);
}

void tally_total_subtract(struct tally_total *t, uint64_t n)
{
    uint64_t *number = own_total(t);

    net_shared_store(number, *number > n ? *number - n : 0);
}

uint64_t tally_total_own(const struct tally_total *t)
{
    return *own_total(t);
}

uint64_t tally_total_sum(const struct tally_total *t)
{
    uint64_t sum = tally_total_own(t);

    for (size_t i = 0; i < t->shared->siblings; i++) {
        uint64_t n = net_shared_load(t->shared->sibling[i].area + t->at);

        sum += n < SIBLING_MOST ? n : SIBLING_MOST;
    }
    return sum;
}
