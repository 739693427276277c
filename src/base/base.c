/* base/base.c: memory that never returns NULL, and the two ways to end. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void base_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void *or_die(void *p)
{
    if (!p)
        fatal("out of memory");
    return p;
}

void *mem_alloc(size_t n)
{
    return or_die(malloc(n ? n : 1));
}

void *mem_zalloc(size_t n)
{
    return or_die(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
    return or_die(realloc(p, n ? n : 1));
}

void mem_free(void *p)
{
    free(p);
}

void mem_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

bool mem_equal_secret(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;

    for (size_t i = 0; i < n; i++)
        diff |= x[i] ^ y[i];
    return diff == 0;
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("posthus: broken invariant: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

void fatal(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("posthus: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    _exit(1);
}
