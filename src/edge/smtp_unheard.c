/* edge/smtp_unheard.c: see smtp_unheard.h. An area has the time of its newest entry, then the ring. An entry
 * that was taken is not removed, as it may be a sibling's: one without a transaction follows it, and of a
 * message's entries the newest counts. */
#include "edge/smtp_unheard.h"

#include <string.h>

#define RING 1000
#define LIFE_US (3600LL * 1000000)
#define HEAD ((size_t)64) /* bytes */

struct entry {
    uint64_t at_us; /* CLOCK_BOOTTIME; 0: none */
    uint64_t size;
    uint64_t hash[SMTP_UNHEARD_HASH_BYTES / 8];
    uint64_t transaction[SMTP_TRANSACTION_BYTES / 8]; /* zeros: it was taken */
};

#define WORDS (sizeof(struct entry) / 8)

void smtp_unheard_init(struct smtp_unheard *u, struct net_shared *shared)
{
    *u = (struct smtp_unheard){.shared = shared};
    u->at = net_shared_reserve(shared, HEAD + RING * sizeof(struct entry));
}

static const char *entry_at(const struct smtp_unheard *u, const char *area, size_t i)
{
    return area + u->at + HEAD + i * sizeof(struct entry);
}

static bool is_current(uint64_t at_us, int64_t now_us)
{
    return at_us && at_us <= (uint64_t)now_us && (uint64_t)now_us - at_us <= LIFE_US;
}

/* False: there is none, or it changes just now. */
static bool entry_read(const char *from, struct entry *out, int64_t now_us)
{
    uint64_t words[WORDS] = {0};

    for (size_t i = 0; i < WORDS; i++)
        words[i] = net_shared_load(from + i * 8);
    memcpy(out, words, sizeof words);
    return is_current(out->at_us, now_us) && net_shared_load(from) == out->at_us;
}

static void entry_write(struct smtp_unheard *u, const struct entry *e)
{
    char *to = (char *)(uintptr_t)entry_at(u, u->shared->own, u->next);
    uint64_t words[WORDS];

    memcpy(words, e, sizeof words);
    net_shared_store(to, 0);
    for (size_t i = 1; i < WORDS; i++)
        net_shared_store(to + i * 8, words[i]);
    net_shared_store(to, words[0]);
    net_shared_store(u->shared->own + u->at, e->at_us);
    u->next = (u->next + 1) % RING;
}

static struct entry entry_of(const struct smtp_unheard_key *key, int64_t now_us)
{
    struct entry e = {.at_us = (uint64_t)now_us, .size = key->size};

    memcpy(e.hash, key->hash, sizeof e.hash);
    return e;
}

void smtp_unheard_add(struct smtp_unheard *u, const struct smtp_unheard_key *key,
                      const char transaction[SMTP_TRANSACTION_BYTES], int64_t now_us)
{
    struct entry e = entry_of(key, now_us);

    memcpy(e.transaction, transaction, sizeof e.transaction);
    entry_write(u, &e);
}

/* The area of each process in turn, the own one first; NULL: no other has anything of the last hour. */
static const char *next_area(const struct smtp_unheard *u, size_t *i, int64_t now_us)
{
    while (*i <= u->shared->siblings) {
        const char *area = *i ? u->shared->sibling[*i - 1].area : u->shared->own;

        (*i)++;
        if (is_current(net_shared_load(area + u->at), now_us))
            return area;
    }
    return NULL;
}

bool smtp_unheard_has_size(const struct smtp_unheard *u, uint64_t size, int64_t now_us)
{
    const char *area;
    size_t next = 0;

    while ((area = next_area(u, &next, now_us)))
        for (size_t i = 0; i < RING; i++)
            if (net_shared_load(entry_at(u, area, i) + offsetof(struct entry, size)) == size)
                return true;
    return false;
}

static bool is_taken(const struct entry *e)
{
    return e->transaction[0] == 0 && e->transaction[1] == 0;
}

/* The newest entry of this message; of two of the same moment, the one that says it was taken. False: there is
 * none. */
static bool find_newest(const struct smtp_unheard *u, const struct smtp_unheard_key *key,
                        struct entry *out, int64_t now_us)
{
    const char *area;
    struct entry e;
    size_t next = 0;

    *out = (struct entry){0};
    while ((area = next_area(u, &next, now_us))) {
        for (size_t i = 0; i < RING; i++) {
            if (!entry_read(entry_at(u, area, i), &e, now_us) || e.size != key->size ||
                memcmp(e.hash, key->hash, sizeof e.hash) != 0)
                continue;
            if (e.at_us > out->at_us || (e.at_us == out->at_us && is_taken(&e)))
                *out = e;
        }
    }
    return out->at_us != 0;
}

bool smtp_unheard_take(struct smtp_unheard *u, const struct smtp_unheard_key *key,
                       char transaction[SMTP_TRANSACTION_BYTES], int64_t now_us)
{
    struct entry e, taken = entry_of(key, now_us);

    if (!find_newest(u, key, &e, now_us) || is_taken(&e))
        return false;
    memcpy(transaction, e.transaction, sizeof e.transaction);
    entry_write(u, &taken);
    return true;
}
