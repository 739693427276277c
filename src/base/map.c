/* base/map.c: open addressing with linear probing and backward-shift deletion, at most 3/4 full. */
#include "base/map.h"

#include "base/random.h"

#include <string.h>

struct map_slot {
    uint64_t hash;
    char *key; /* our copy; NULL marks a free slot */
    size_t key_n;
    void *value;
};

static uint64_t rotate_left(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
}

uint64_t siphash24(const unsigned char key[16], const void *p, size_t n)
{
    const unsigned char *in = p;
    uint64_t k0, k1, m, last = (uint64_t)n << 56;
    uint64_t v[4];

    memcpy(&k0, key, 8);
    memcpy(&k1, key + 8, 8);
    v[0] = k0 ^ 0x736f6d6570736575U;
    v[1] = k1 ^ 0x646f72616e646f6dU;
    v[2] = k0 ^ 0x6c7967656e657261U;
    v[3] = k1 ^ 0x7465646279746573U;
    for (; n >= 8; n -= 8, in += 8) {
        memcpy(&m, in, 8);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)in[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_of(struct str key)
{
    static unsigned char secret[16];
    static bool made;

    if (!made) {
        random_bytes(secret, sizeof secret);
        made = true;
    }
    return siphash24(secret, key.p, key.n);
}

#define SHRINKS_FROM 1024 /* slots */

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_done(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        mem_free(m->slots[i].key);
    mem_free(m->slots);
    map_init(m);
}

/* The slot of key, or the free slot where it would go. Needs cap > n. */
static struct map_slot *slot_of(const struct map *m, struct str key, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);

    for (;; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];

        if (!s->key || (s->hash == hash && str_equal(str_of(s->key, s->key_n), key)))
            return s;
    }
}

static void resize_map(struct map *m, size_t cap)
{
    struct map old = *m;

    m->cap = cap;
    m->slots = mem_zalloc(m->cap * sizeof *m->slots);
    for (size_t i = 0; i < old.cap; i++) {
        struct map_slot *s = &old.slots[i];

        if (s->key)
            *slot_of(m, str_of(s->key, s->key_n), s->hash) = *s;
    }
    mem_free(old.slots);
}

void *map_find(const struct map *m, struct str key)
{
    struct map_slot *s = m->cap ? slot_of(m, key, hash_of(key)) : NULL;

    return s && s->key ? s->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = hash_of(key);
    struct map_slot *s;
    void *before;

    if ((m->n + 1) * 4 > m->cap * 3)
        resize_map(m, m->cap ? m->cap * 2 : 8);
    s = slot_of(m, key, hash);
    before = s->key ? s->value : NULL;
    if (!s->key) {
        *s = (struct map_slot){.hash = hash, .key = str_dup_c(key), .key_n = key.n};
        m->n++;
    }
    s->value = value;
    return before;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *s = m->cap ? slot_of(m, key, hash_of(key)) : NULL;
    size_t hole, i;
    void *value;

    if (!s || !s->key)
        return NULL;
    value = s->value;
    mem_free(s->key);
    m->n--;
    hole = (size_t)(s - m->slots);
    for (i = (hole + 1) & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
        size_t home = m->slots[i].hash & (m->cap - 1);

        /* It may move into the hole unless its home lies between the hole (not included) and where it is. */
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    if (m->cap > SHRINKS_FROM && m->n < m->cap / 8) /* what a crowd has needed goes with it */
        resize_map(m, m->cap / 4);
    return value;
}

void *map_find_u64(const struct map *m, uint64_t key)
{
    return map_find(m, str_of(&key, sizeof key));
}

void *map_put_u64(struct map *m, uint64_t key, void *value)
{
    return map_put(m, str_of(&key, sizeof key), value);
}

void *map_remove_u64(struct map *m, uint64_t key)
{
    return map_remove(m, str_of(&key, sizeof key));
}

bool map_each(const struct map *m, size_t *at, struct str *key, void **value)
{
    while (*at < m->cap) {
        const struct map_slot *s = &m->slots[(*at)++];

        if (!s->key)
            continue;
        if (key)
            *key = str_of(s->key, s->key_n);
        *value = s->value;
        return true;
    }
    return false;
}
