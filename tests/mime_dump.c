/* tests/mime_dump.c: what src/mime understands of messages, as lines: a few for
 * tests/mime_compare.py, or, with --fields first, all of them for tests/gmime_compare.py. The other
 * arguments are files. */
#include "mime/address.h"
#include "mime/charset.h"
#include "mime/header.h"
#include "mime/message.h"
#include "mime/param.h"
#include "mime/transfer.h"

#include "dump.h"

#include <string.h>

static void print_text(struct str s)
{
    dump_text(s.p, s.n);
}

static struct str body_of(const struct mime_message *m, const struct mime_part *part)
{
    return str_sub(m->bytes, part->body_at, part->end_at - part->body_at);
}

static void decode_body(const struct mime_message *m, const struct mime_part *part, struct buf *out)
{
    struct str body = body_of(m, part);
    struct mime_decoder d;

    buf_init(out, body.n + 16);
    mime_decoder_init(&d, mime_transfer_parse(part->encoding));
    mime_decoder_feed(&d, body, out);
    mime_decoder_end(&d, out);
}

static struct str filename_of(const struct mime_part *part)
{
    struct str name =
        mime_param_find(part->disposition_params, part->disposition_params_n, STR("filename"));

    return name.n ? name : mime_param_find(part->params, part->params_n, STR("name"));
}

static struct str header_of(const struct mime_message *m)
{
    return str_sub(m->bytes, 0, m->parts[0].body_at);
}

/* ---- the short form ---- */

static void print_part(const struct mime_message *m, const struct mime_part *part)
{
    struct buf out;

    decode_body(m, part, &out);
    printf("part|%u|", part->depth);
    print_text(part->type);
    printf("/");
    print_text(part->subtype);
    printf("|");
    print_text(filename_of(part));
    printf("|");
    if (part->children)
        printf("-");
    else
        dump_hash(out.p, out.n);
    printf("\n");
    buf_done(&out);
}

static void print_addresses(const struct mime_message *m, struct str name, struct arena *arena)
{
    struct mime_addresses list;
    struct mime_address a;
    struct mime_field field;
    size_t at = 0;

    do
        if (!mime_next_field(header_of(m), &at, &field))
            return;
    while (!str_equal_nocase(field.name, name));
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

static void print_short(const struct mime_message *m, struct arena *arena)
{
    printf("subject|");
    print_text(m->subject);
    printf("\nid|");
    print_text(m->message_id);
    printf("\ndate|%lld\n", m->date_us == INT64_MIN ? -1LL : (long long)m->date_us / 1000000);
    print_addresses(m, STR("From"), arena);
    print_addresses(m, STR("To"), arena);
    for (uint32_t k = 0; k < m->parts_n; k++)
        print_part(m, &m->parts[k]);
}

/* ---- all fields ---- */

static void print_address(const struct mime_address *a, struct arena *arena)
{
    if (a->kind == MIME_ADDRESS_GROUP_END) {
        printf("; ");
        return;
    }
    print_text(mime_decode_words(a->name, arena));
    if (a->kind == MIME_ADDRESS_GROUP) {
        printf(": ");
        return;
    }
    printf(" <");
    print_text(a->local);
    if (a->domain.n)
        printf("@");
    print_text(a->domain);
    printf(">, ");
}

/* All fields of this name, one list. */
static void print_list(const struct mime_message *m, struct str name, struct arena *arena)
{
    struct mime_addresses list;
    struct mime_address a;
    struct mime_field field;

    printf("%.*s|", STR_ARG(name));
    for (size_t at = 0; mime_next_field(header_of(m), &at, &field);) {
        if (!str_equal_nocase(field.name, name))
            continue;
        mime_addresses_begin(&list, field.value, arena);
        while (mime_addresses_next(&list, &a))
            print_address(&a, arena);
    }
    printf("\n");
}

static void print_param(const char *path, const char *what, struct str value)
{
    printf("part|%s|%s|", path, what);
    print_text(value);
    printf("\n");
}

static const char *encoding_name(struct str encoding)
{
    switch (mime_transfer_parse(encoding)) {
    case MIME_TRANSFER_BASE64:
        return "base64";
    case MIME_TRANSFER_QUOTED:
        return "quoted-printable";
    case MIME_TRANSFER_UUENCODE:
        return "uuencode";
    default:
        return "identity";
    }
}

static void print_content(const struct mime_message *m, const struct mime_part *part,
                          const char *path)
{
    struct str charset = mime_param_find(part->params, part->params_n, STR("charset"));
    struct buf bytes, text;

    printf("part|%s|content|", path);
    if (part->multipart || part->message) {
        printf("-\n");
        return;
    }
    decode_body(m, part, &bytes);
    if (str_equal_nocase(part->type, STR("text"))) {
        buf_init(&text, bytes.n * 4 + 16);
        mime_charset_convert(&text, charset, buf_view(&bytes));
        print_text(buf_view(&text));
        buf_done(&text);
    } else {
        dump_hash(bytes.p, bytes.n);
    }
    printf("\n");
    buf_done(&bytes);
}

/* "1" is the message, "1.2" its second part. */
static void print_parts(const struct mime_message *m, uint32_t index, const char *path)
{
    const struct mime_part *part = &m->parts[index];
    unsigned child = 0;

    printf("part|%s|type|", path);
    print_text(part->type);
    printf("/");
    print_text(part->subtype);
    printf("\n");
    print_param(path, "filename", filename_of(part));
    print_param(path, "name", mime_param_find(part->params, part->params_n, STR("name")));
    print_param(path, "charset", mime_param_find(part->params, part->params_n, STR("charset")));
    print_param(path, "disposition", part->disposition);
    printf("part|%s|encoding|%s\n", path, encoding_name(part->encoding));
    print_content(m, part, path);
    for (uint32_t i = index + 1; i < m->parts_n; i++) {
        char name[1000];

        if (m->parts[i].parent != index)
            continue;
        snprintf(name, sizeof name, "%s.%u", path, ++child);
        print_parts(m, i, name);
    }
}

static void print_fields(const struct mime_message *m, struct arena *arena)
{
    printf("Subject|");
    print_text(m->subject);
    printf("\nMessage-ID|");
    print_text(m->message_id);
    printf("\nReferences|");
    for (uint32_t i = 0; i < m->references_n; i++) {
        printf("<");
        print_text(m->references[i]);
        printf("> ");
    }
    printf("\nDate|");
    if (m->date_us != INT64_MIN)
        printf("%lld", (long long)m->date_us / 1000000);
    printf("\n");
    print_list(m, STR("From"), arena);
    print_list(m, STR("To"), arena);
    print_list(m, STR("Cc"), arena);
    print_list(m, STR("Reply-To"), arena);
    print_list(m, STR("Sender"), arena);
    print_parts(m, 0, "1");
}

int main(int argc, char **argv)
{
    bool fields = argc > 1 && strcmp(argv[1], "--fields") == 0;

    mime_process_init();
    for (int i = fields ? 2 : 1; i < argc; i++) {
        struct mime_message m;
        struct arena arena;
        size_t n;
        char *bytes = dump_read(argv[i], &n);

        arena_init(&arena, n * 4 + 65536);
        mime_parse(str_of(bytes, n), &arena, &m);
        printf("file|%s\n", argv[i]);
        if (fields)
            print_fields(&m, &arena);
        else
            print_short(&m, &arena);
        arena_done(&arena);
        free(bytes);
    }
    return 0;
}
