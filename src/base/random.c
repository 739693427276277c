/* base/random.c: see random.h. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static void (*source)(void *p, size_t n);

void random_set_source(void (*fill)(void *p, size_t n))
{
    source = fill;
}

void random_bytes(void *p, size_t n)
{
    char *at = p;

    if (source) {
        source(p, n);
        return;
    }
    while (n) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            fatal("the kernel does not give random bytes (getrandom)");
        at += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t v;

    random_bytes(&v, sizeof v);
    return v;
}

uint64_t random_below(uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;

    do
        v = random_u64();
    while (v >= limit);
    return v % n;
}

void random_text(char *out, size_t n)
{
    random_bytes(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = "abcdefghijklmnopqrstuvwxyz234567"[(unsigned char)out[i] & 31];
    out[n] = '\0';
}
