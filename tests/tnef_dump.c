/* tests/tnef_dump.c: what src/mime/tnef.h lists of files, as lines for tests/13_tnef.py: "file
 * PATH", then for each part its kind and, in hexadecimal, name, type, charset and data. */
#include "base/encode.h"
#include "mime/message.h"
#include "mime/tnef.h"

#include <stdio.h>

static void print(struct str s)
{
    struct buf hex;

    buf_init(&hex, 2 * s.n + 1);
    hex_print(&hex, s.p, s.n);
    printf(" %.*s.", STR_ARG(buf_view(&hex)));
    buf_done(&hex);
}

static void list(struct str bytes)
{
    struct mime_tnef_part part;
    struct mime_tnef t;
    struct arena arena;

    arena_init(&arena, 16 << 20);
    if (mime_tnef_begin(&t, bytes, &arena)) {
        while (mime_tnef_next(&t, &part)) {
            printf("%d", (int)part.kind);
            print(part.name);
            print(part.type);
            print(part.charset);
            print(part.data);
            printf("\n");
        }
    }
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static char bytes[1 << 24];

    mime_process_init();
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");

        if (!f)
            fatal("cannot open %s", argv[i]);
        printf("file %s\n", argv[i]);
        list(str_of(bytes, fread(bytes, 1, sizeof bytes, f)));
        fclose(f);
    }
    return 0;
}
