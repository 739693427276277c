/* base/count.c: base/base.c with its allocations counted. See count.h. */
#include "base/count.h"

#include <malloc.h>
#include <stdlib.h>

static struct count count;

void count_begin(void)
{
    count.most = count.bytes;
    count.calls = 0;
}

struct count count_now(void)
{
    return count;
}

static void *count_taken(void *p)
{
    count.calls++;
    count.bytes += malloc_usable_size(p);
    count.most = size_max(count.most, count.bytes);
    return p;
}

static void counted_free(void *p)
{
    count.bytes -= malloc_usable_size(p);
    free(p);
}

static void *counted_malloc(size_t n)
{
    return count_taken(malloc(n));
}

static void *counted_calloc(size_t n, size_t size)
{
    return count_taken(calloc(n, size));
}

/* Counted as one that moves: both blocks are there for a moment. */
static void *counted_realloc(void *p, size_t n)
{
    size_t old = malloc_usable_size(p);

    p = count_taken(realloc(p, n));
    count.bytes -= old;
    return p;
}

#define malloc counted_malloc
#define calloc counted_calloc
#define realloc counted_realloc
#define free counted_free
#include "base/base.c" // NOLINT(bugprone-suspicious-include): it is what is counted
