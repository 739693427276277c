/* tests/dump.h: what tests/mime_dump.c and tests/gmime_dump.c share: how a message's fields are
 * written, so that tests/gmime_compare.py reads both alike. */
#ifndef TESTS_DUMP_H
#define TESTS_DUMP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint32_t dump_adler32(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* Part of a line: bytes that would end it, or a field in it, are escaped. */
static inline void dump_text(const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++) {
        if (p[i] < ' ' || p[i] == '%' || p[i] == '|')
            printf("%%%02x", p[i]);
        else
            putchar_unlocked(p[i]);
    }
}

/* Decoded bytes of a part that is no text: as a hash. */
static inline void dump_hash(const void *data, size_t n)
{
    printf("%zu:%08x", n, dump_adler32(data, n));
}

/* The whole file, and a byte of memory behind it; freed by the caller. */
static inline char *dump_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *data;
    long size;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    rewind(f);
    data = malloc((size_t)size + 1);
    *n = data ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    return data;
}

#endif
