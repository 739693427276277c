/* tests/mime_build_dump.c: random messages that src/compose/build.h writes, and what they were made
 * of, for tests/mime_build_compare.py. Arguments: the first seed, how many. A line is a word and
 * values in hexadecimal; "bytes", the message itself, is the last one of each. */
#include "base/encode.h"
#include "compose/build_check.h"

#include <stdio.h>

static void print(struct str s)
{
    struct buf hex;

    buf_init(&hex, 2 * s.n + 1);
    hex_print(&hex, s.p, s.n);
    printf(" %.*s.", STR_ARG(buf_view(&hex)));
    buf_done(&hex);
}

static void print_line(const char *word, struct str s)
{
    printf("%s", word);
    print(s);
    printf("\n");
}

static void dump(uint64_t seed)
{
    struct compose_sample s;

    compose_sample_init(&s, seed);
    printf("seed %llu\n", (unsigned long long)seed);
    print_line("subject", s.subject);
    printf("date %lld\n", (long long)(s.date_us / 1000000));
    print_line("id", s.id);
    for (size_t i = 0; i < s.references_n; i++)
        print_line("reference", s.references[i]);
    for (size_t i = 0; i < s.to_n; i++) {
        printf("to %d", (int)s.to[i].kind);
        print(s.to[i].name);
        print(s.to[i].local);
        print(s.to[i].domain);
        printf("\n");
    }
    for (size_t i = 0; i < s.parts_n; i++) {
        printf("part %u %d", s.parts[i].depth, s.parts[i].container);
        print(s.parts[i].type);
        print(s.parts[i].filename);
        print(s.parts[i].content);
        printf("\n");
    }
    print_line("bytes", buf_view(&s.out));
    compose_sample_done(&s);
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 1;

    if (argc != 3 || !str_to_u64(str_c(argv[1]), UINT64_MAX / 2, &first) ||
        !str_to_u64(str_c(argv[2]), 10000000, &count))
        fatal("usage: mime_build_dump SEED COUNT");
    for (uint64_t i = 0; i < count; i++)
        dump(first + i);
    return 0;
}
