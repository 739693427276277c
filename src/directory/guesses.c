/* directory/guesses.c: what wrong passwords cost.
 *
 * They are counted for a network prefix and an account, whatever name led to it, and make the next guesses
 * of that prefix at that account wait before they are hashed: three are free, then each waits for 250 ms, 500
 * ms ... 4 s after the one before it, those that come side by side as well. Nothing that one network does
 * makes another wait, so that nobody can be locked out; and a network from which the account's owner has
 * logged in does not wait for his mistakes, unless there are very many of them.
 *
 * Both memories are bounded. When one is full, what was not touched for longest is forgotten with all its
 * generation: an attacker who fills it on purpose gets three more free guesses for 20,000 that he made. */
#include "base/clock.h"
#include "directory/directory_int.h"

#define WRONG_MOST 20000           /* entries of one generation of wrong guesses */
#define WRONG_US (900LL * 1000000) /* how long a generation lasts */
#define KNOWN_MOST 100000          /* the same of networks from which a login succeeded */
#define KNOWN_US (30LL * 86400 * 1000000)
#define FREE 2        /* a typing mistake or two */
#define FREE_KNOWN 20 /* of a network that is known */
#define STEP_US 250000
#define STEP_MOST_US 4000000
#define WAIT_MOST_US 20000000LL /* beyond, a guess is refused */

struct guess {
    unsigned wrong, under_way;
    int64_t next_us; /* when the next one may be hashed */
};

/* Two generations: what was not touched for a whole one is forgotten with it. */
struct generations {
    struct map now, before;
    int64_t began_us, life_us;
    size_t most;
};

struct guesses {
    struct generations wrong; /* owner -> struct guess */
    struct generations known; /* owner -> a byte of its own */
};

static struct str owner_key(const struct hash_owner *owner)
{
    return str_of(owner, sizeof *owner);
}

static void map_empty(struct map *m)
{
    size_t at = 0;
    void *v;

    while (map_each(m, &at, NULL, &v))
        mem_free(v);
    map_done(m);
    map_init(m);
}

static void generations_turn(struct generations *g)
{
    int64_t now = clock_boot_us();

    if (g->now.n < g->most && now - g->began_us < g->life_us)
        return;
    map_empty(&g->before);
    g->before = g->now;
    map_init(&g->now);
    g->began_us = now;
}

/* The entry, moved to the newest generation; NULL: there is none. */
static void *generations_find(struct generations *g, const struct hash_owner *owner)
{
    void *v;

    generations_turn(g);
    v = map_find(&g->now, owner_key(owner));
    if (!v && (v = map_remove(&g->before, owner_key(owner))))
        map_put(&g->now, owner_key(owner), v);
    return v;
}

static void generations_remove(struct generations *g, const struct hash_owner *owner)
{
    mem_free(map_remove(&g->now, owner_key(owner)));
    mem_free(map_remove(&g->before, owner_key(owner)));
}

struct guesses *guesses_create(void)
{
    struct guesses *g = mem_zalloc(sizeof *g);

    g->wrong = (struct generations){.life_us = WRONG_US, .most = WRONG_MOST};
    g->known = (struct generations){.life_us = KNOWN_US, .most = KNOWN_MOST};
    g->wrong.began_us = g->known.began_us = clock_boot_us();
    return g;
}

void guesses_destroy(struct guesses *g)
{
    if (!g)
        return;
    map_empty(&g->wrong.now);
    map_empty(&g->wrong.before);
    map_empty(&g->known.now);
    map_empty(&g->known.before);
    mem_free(g);
}

/* How long the guess after so many wrong ones waits. */
static int64_t wait_step_us(unsigned n, unsigned free)
{
    unsigned beyond = n > free ? n - free : 0;

    if (beyond == 0)
        return 0;
    return beyond > 5 ? STEP_MOST_US : STEP_US << (beyond - 1);
}

int64_t guesses_enter(struct guesses *g, const struct hash_owner *owner)
{
    struct guess *one = generations_find(&g->wrong, owner);
    unsigned free = guesses_is_known(g, owner) ? FREE_KNOWN : FREE;
    int64_t now = clock_boot_us(), at;

    if (!one) {
        one = mem_zalloc(sizeof *one);
        map_put(&g->wrong.now, owner_key(owner), one);
    }
    at =
        (one->next_us > now ? one->next_us : now) + wait_step_us(one->wrong + one->under_way, free);
    if (at - now > WAIT_MOST_US)
        return -1;
    one->under_way++;
    one->next_us = at;
    return at - now;
}

void guesses_over(struct guesses *g, const struct hash_owner *owner)
{
    struct guess *one = generations_find(&g->wrong, owner);

    if (one && one->under_way)
        one->under_way--;
}

void guesses_wrong(struct guesses *g, const struct hash_owner *owner)
{
    struct guess *one = generations_find(&g->wrong, owner);

    guesses_over(g, owner);
    if (one)
        one->wrong++;
}

void guesses_know(struct guesses *g, const struct hash_owner *owner)
{
    if (!generations_find(&g->known, owner))
        map_put(&g->known.now, owner_key(owner), mem_zalloc(1));
}

bool guesses_is_known(struct guesses *g, const struct hash_owner *owner)
{
    return generations_find(&g->known, owner) != NULL;
}

/* Guesses that are still under way go on counting. */
void guesses_right(struct guesses *g, const struct hash_owner *owner)
{
    struct guess *one;

    guesses_over(g, owner);
    one = generations_find(&g->wrong, owner);
    if (one && one->under_way)
        *one = (struct guess){.under_way = one->under_way};
    else if (one)
        generations_remove(&g->wrong, owner);
    guesses_know(g, owner);
}
