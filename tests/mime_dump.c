/* tests/mime_dump.c: what src/mime understands of messages, as lines for tests/mime_compare.py.
 * Arguments are files. */
#include "mime/address.h"
#include "mime/header.h"
#include "mime/message.h"
#include "mime/param.h"
#include "mime/transfer.h"

#include <stdio.h>

static uint32_t adler32(struct str s)
{
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < s.n; i++) {
        a = (a + (unsigned char)s.p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* A field of a line: bytes that would end it are escaped. */
static void print_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == '%' || s.p[i] == '|')
            printf("%%%02x", (unsigned char)s.p[i]);
        else
            putchar(s.p[i]);
    }
}

static void print_part(const struct mime_message *m, const struct mime_part *part)
{
    struct str name =
        mime_param_find(part->disposition_params, part->disposition_params_n, STR("filename"));
    struct str body = str_sub(m->bytes, part->body_at, part->end_at - part->body_at);
    struct mime_decoder d;
    struct buf out;

    if (!name.n)
        name = mime_param_find(part->params, part->params_n, STR("name"));
    buf_init(&out, body.n + 16);
    mime_decoder_init(&d, mime_transfer_parse(part->encoding));
    mime_decoder_feed(&d, body, &out);
    mime_decoder_end(&d, &out);
    printf("part|%u|", part->depth);
    print_text(part->type);
    printf("/");
    print_text(part->subtype);
    printf("|");
    print_text(name);
    if (part->children)
        printf("|-\n");
    else
        printf("|%zu:%08x\n", out.n, adler32(buf_view(&out)));
    buf_done(&out);
}

static void print_addresses(const struct mime_message *m, struct str name, struct arena *arena)
{
    struct str header = str_sub(m->bytes, 0, m->parts[0].body_at);
    struct mime_addresses list;
    struct mime_address a;
    struct mime_field field;

    if (!mime_find_field(header, name, &field))
        return;
    mime_addresses_begin(&list, field.value, arena);
    while (mime_addresses_next(&list, &a)) {
        if (a.kind != MIME_ADDRESS_MAILBOX)
            continue;
        printf("%.*s|", STR_ARG(name));
        print_text(mime_decode_words(a.name, arena));
        printf("|");
        print_text(a.local);
        if (a.domain.n)
            printf("@");
        print_text(a.domain);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    mime_process_init();
    for (int i = 1; i < argc; i++) {
        struct mime_message m;
        struct arena arena;
        struct buf bytes;
        char piece[4096];
        FILE *f = fopen(argv[i], "rb");
        size_t n;

        if (!f)
            fatal("cannot open %s", argv[i]);
        buf_init(&bytes, (size_t)64 << 20);
        while ((n = fread(piece, 1, sizeof piece, f)) > 0)
            buf_add(&bytes, piece, n);
        fclose(f);
        arena_init(&arena, bytes.n * 4 + 65536);
        mime_parse(buf_view(&bytes), &arena, &m);
        printf("file|%s\nsubject|", argv[i]);
        print_text(m.subject);
        printf("\nid|");
        print_text(m.message_id);
        printf("\ndate|%lld\n", m.date_us == INT64_MIN ? -1LL : (long long)m.date_us / 1000000);
        print_addresses(&m, STR("From"), &arena);
        print_addresses(&m, STR("To"), &arena);
        for (uint32_t k = 0; k < m.parts_n; k++)
            print_part(&m, &m.parts[k]);
        arena_done(&arena);
        buf_done(&bytes);
    }
    return 0;
}
