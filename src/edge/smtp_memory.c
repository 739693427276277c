/* edge/smtp_memory.c: see smtp_memory.h. */
#include "edge/smtp_memory.h"

#include <unistd.h>

/* What intake said to one of the processes; the latest counts. */
struct smtp_memory_word {
    uint64_t at_us; /* CLOCK_BOOTTIME; 0: nothing */
    uint64_t bytes; /* beside what connections hold */
};

void smtp_memory_init(struct smtp_memory *m, struct net_shared *shared, uint64_t most)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    *m = (struct smtp_memory){.most = most ? most : (uint64_t)pages * (uint64_t)size / 4};
    tally_total_init(&m->held, shared);
    tally_total_init(&m->handed, shared);
    m->word = net_shared_reserve(shared, sizeof(struct smtp_memory_word));
}

/* A word that changes while it is read is ignored. */
static struct smtp_memory_word read_word(const struct smtp_memory *m, const char *area)
{
    const struct smtp_memory_word *in = (const void *)(area + m->word);
    struct smtp_memory_word w = {net_shared_load(&in->at_us), net_shared_load(&in->bytes)};

    if (net_shared_load(&in->at_us) != w.at_us)
        w.at_us = 0;
    return w;
}

static uint64_t intake_bytes(const struct smtp_memory *m, int64_t now_us)
{
    const struct net_shared *s = m->held.shared;
    struct smtp_memory_word last = read_word(m, s->own);

    for (size_t i = 0; i < s->siblings; i++) {
        struct smtp_memory_word w = read_word(m, s->sibling[i].area);

        if (w.at_us > last.at_us && w.at_us <= (uint64_t)now_us)
            last = w;
    }
    if (last.at_us == 0 || (uint64_t)now_us - last.at_us > SMTP_MEMORY_BELIEVED_US)
        return 0;
    return last.bytes < UINT64_MAX >> 6 ? last.bytes : UINT64_MAX >> 6;
}

uint64_t smtp_memory_used(const struct smtp_memory *m, int64_t now_us)
{
    return tally_total_sum(&m->held) + intake_bytes(m, now_us);
}

bool smtp_memory_take(struct smtp_memory *m, uint64_t n, int64_t now_us)
{
    uint64_t used;

    tally_total_add(&m->held, n); /* first, so that two processes do not both take what is left */
    used = smtp_memory_used(m, now_us);
    if (n ? used <= m->most : used < m->most)
        return true;
    tally_total_subtract(&m->held, n);
    return false;
}

void smtp_memory_give(struct smtp_memory *m, uint64_t n)
{
    tally_total_subtract(&m->held, n);
}

void smtp_memory_hand(struct smtp_memory *m, uint64_t n)
{
    tally_total_add(&m->handed, n);
}

void smtp_memory_unhand(struct smtp_memory *m, uint64_t n)
{
    tally_total_subtract(&m->handed, n);
}

/* What intake was handed and has not answered is in its figure, and counted by us already: that part is
 * subtracted. */
void smtp_memory_intake(struct smtp_memory *m, uint64_t held, int64_t now_us)
{
    uint64_t handed = tally_total_sum(&m->handed);
    struct smtp_memory_word *out = (void *)(m->held.shared->own + m->word);

    net_shared_store(&out->at_us, 0);
    net_shared_store(&out->bytes, held > handed ? held - handed : 0);
    net_shared_store(&out->at_us, (uint64_t)now_us);
}
