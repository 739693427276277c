/* base/map_test.c: keys that were chosen to collide do not: whoever does not know the process's key cannot choose them. */
#include "base/map.c"

#include "base/test.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS 300
#define SLOTS 512 /* of a map with so many keys */

/* All of the first slot, under a key that is known: zeros. */
static uint64_t keys[KEYS];

static void choose_keys(void)
{
    static const unsigned char zeros[16];
    size_t n = 0;

    for (uint64_t key = 0; n < KEYS; key++)
        if (siphash24(zeros, &key, sizeof key) % SLOTS == 0)
            keys[n++] = key;
}

static void zero_bytes(void *p, size_t n)
{
    memset(p, 0, n);
}

/* How far the farthest entry is from the slot where it belongs: what finding it costs. */
static size_t farthest(const struct map *m)
{
    size_t most = 0;

    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key)
            most = size_max(most, (i - (size_t)m->slots[i].hash) & (m->cap - 1));
    return most;
}

/* What a process of its own, which draws its key from `source`, says of a map with these keys. */
struct said {
    size_t farthest, slots;
    uint64_t hash;
};

static struct said ask_process(void (*source)(void *p, size_t n))
{
    struct said *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct said said;
    struct map m;
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        random_set_source(source);
        map_init(&m);
        for (size_t i = 0; i < KEYS; i++)
            map_put_u64(&m, keys[i], keys);
        *shared = (struct said){farthest(&m), m.cap, hash_of(STR("a key"))};
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    said = *shared;
    munmap(shared, sizeof *shared);
    return said;
}

static void keys_that_collide_under_one_key_are_spread_under_another(void)
{
    struct said known = ask_process(zero_bytes), one = ask_process(NULL), other = ask_process(NULL);

    CHECK_U64(known.slots, SLOTS);
    CHECK_U64(known.farthest, KEYS - 1); /* the flood is one, where the key is known */
    CHECK(one.farthest < KEYS / 2 && other.farthest < KEYS / 2);
    CHECK(one.hash != other.hash && one.hash != known.hash);
}

int main(void)
{
    choose_keys();
    RUN(keys_that_collide_under_one_key_are_spread_under_another);
    return test_end();
}
