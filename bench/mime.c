/* bench/mime.c: CPU of src/mime and of GMime 3 over the same messages: mime ROUNDS FILE... See
 * bench/mime, which builds it.
 *
 * "parse": the tree of parts with type, parameters, disposition and encoding of each; subject (RFC
 * 2047 decoded), Message-ID, References and In-Reply-To, Date; From, To, Cc, Reply-To and Sender
 * with decoded names. src/mime decodes and reads all of this in mime_parse but for the addresses,
 * which are read here. GMime reads much of it when it is asked, so everything is asked for.
 *
 * "and decode": besides, each leaf is decoded from its transfer encoding into memory, and text to
 * UTF-8.
 *
 * Both read from the bytes in memory without a copy of the whole; each message has an arena of its
 * own here and objects of its own there, and both are freed within the time. */
#include "mime/address.h"
#include "mime/charset.h"
#include "mime/header.h"
#include "mime/message.h"
#include "mime/param.h"
#include "mime/transfer.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 1000

struct input {
    char *p;
    size_t n;
};

static size_t sink; /* what was understood, so that no work can be left out */

/* ---- src/mime ---- */

static void our_addresses(const struct mime_message *m, struct arena *arena)
{
    static const char *const names[] = {"from", "to", "cc", "reply-to", "sender"};
    struct str header = str_sub(m->bytes, 0, m->parts[0].body_at);
    struct mime_field field;

    for (size_t at = 0; mime_next_field(header, &at, &field);) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            struct mime_addresses list;
            struct mime_address a;

            if (!str_equal_nocase(field.name, str_c(names[i])))
                continue;
            mime_addresses_begin(&list, field.value, arena);
            while (mime_addresses_next(&list, &a))
                sink += mime_decode_words(a.name, arena).n + a.local.n + a.domain.n;
        }
    }
}

static void our_body(const struct mime_message *m, const struct mime_part *part)
{
    struct str body = str_sub(m->bytes, part->body_at, part->end_at - part->body_at);
    struct mime_decoder d;
    struct buf bytes, text;

    buf_init(&bytes, body.n + 16);
    mime_decoder_init(&d, mime_transfer_parse(part->encoding));
    mime_decoder_feed(&d, body, &bytes);
    mime_decoder_end(&d, &bytes);
    if (str_equal_nocase(part->type, STR("text"))) {
        buf_init(&text, bytes.n * 4 + 16);
        mime_charset_convert(&text, mime_param_find(part->params, part->params_n, STR("charset")),
                             buf_view(&bytes));
        sink += text.n;
        buf_done(&text);
    }
    sink += bytes.n;
    buf_done(&bytes);
}

static void ours(const struct input *in, bool decode)
{
    struct mime_message m;
    struct arena arena;

    arena_init(&arena, in->n * 4 + 65536);
    mime_parse(str_of(in->p, in->n), &arena, &m);
    our_addresses(&m, &arena);
    sink += m.subject.n + m.message_id.n + m.references_n + (size_t)m.date_us;
    for (uint32_t i = 0; i < m.parts_n; i++) {
        const struct mime_part *part = &m.parts[i];

        sink += part->type.n + part->subtype.n + part->params_n + part->disposition.n +
                part->disposition_params_n + part->encoding.n;
        if (decode && !part->multipart && !part->message)
            our_body(&m, part);
    }
    arena_done(&arena);
}

/* ---- GMime ---- */

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static void their_list(InternetAddressList *list)
{
    int n = list ? internet_address_list_length(list) : 0;

    for (int i = 0; i < n; i++) {
        InternetAddress *a = internet_address_list_get_address(list, i);

        sink += length(internet_address_get_name(a));
        if (INTERNET_ADDRESS_IS_GROUP(a))
            their_list(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)));
        else
            sink += length(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
    }
}

static void their_references(GMimeMessage *m, const char *name)
{
    const char *value = g_mime_object_get_header(GMIME_OBJECT(m), name);
    GMimeReferences *list = value ? g_mime_references_parse(NULL, value) : NULL;

    if (!list)
        return;
    sink += (size_t)g_mime_references_length(list);
    g_mime_references_free(list);
}

static void their_params(GMimeParamList *list)
{
    int n = list ? g_mime_param_list_length(list) : 0;

    for (int i = 0; i < n; i++)
        sink += length(g_mime_param_get_value(g_mime_param_list_get_parameter_at(list, i)));
}

static void their_leaf(GMimePart *part)
{
    if (GMIME_IS_TEXT_PART(part)) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));

        sink += length(text);
        g_free(text);
    } else {
        GMimeDataWrapper *content = g_mime_part_get_content(part);
        GMimeStream *out = g_mime_stream_mem_new();

        if (content)
            sink += (size_t)g_mime_data_wrapper_write_to_stream(content, out);
        g_object_unref(out);
    }
}

static void their_part(GMimeObject *part, bool decode)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    GMimeContentDisposition *disposition = g_mime_object_get_content_disposition(part);

    sink += length(g_mime_content_type_get_media_type(type)) +
            length(g_mime_content_type_get_media_subtype(type));
    their_params(g_mime_content_type_get_parameters(type));
    if (disposition)
        their_params(g_mime_content_disposition_get_parameters(disposition));
    if (GMIME_IS_MULTIPART(part)) {
        int n = g_mime_multipart_get_count(GMIME_MULTIPART(part));

        for (int i = 0; i < n; i++)
            their_part(g_mime_multipart_get_part(GMIME_MULTIPART(part), i), decode);
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        GMimeObject *root = inner ? g_mime_message_get_mime_part(inner) : NULL;

        if (root)
            their_part(root, decode);
    } else if (GMIME_IS_PART(part)) {
        sink += (size_t)g_mime_part_get_content_encoding(GMIME_PART(part));
        if (decode)
            their_leaf(GMIME_PART(part));
    }
}

static void theirs(const struct input *in, bool decode)
{
    GByteArray *bytes = g_byte_array_new_take((guint8 *)in->p, in->n);
    GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *m;
    GMimeObject *root;

    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    if ((m = g_mime_parser_construct_message(parser, NULL))) {
        GDateTime *date = g_mime_message_get_date(m);

        sink += length(g_mime_message_get_subject(m)) + length(g_mime_message_get_message_id(m));
        sink += date ? (size_t)g_date_time_to_unix(date) : 0;
        their_references(m, "References");
        their_references(m, "In-Reply-To");
        their_list(g_mime_message_get_from(m));
        their_list(g_mime_message_get_to(m));
        their_list(g_mime_message_get_cc(m));
        their_list(g_mime_message_get_reply_to(m));
        their_list(g_mime_message_get_sender(m));
        if ((root = g_mime_message_get_mime_part(m)))
            their_part(root, decode);
        g_object_unref(m);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    g_byte_array_free(bytes, FALSE); /* the bytes themselves are ours */
}

/* ---- rounds ---- */

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cost_us(void (*parse)(const struct input *, bool), const struct input *in, int n,
                      int repeat, bool decode)
{
    double from = now_us();

    for (int k = 0; k < repeat; k++)
        for (int i = 0; i < n; i++)
            parse(&in[i], decode);
    return (now_us() - from) / repeat;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return values[n / 2];
}

static void compare(const struct input *in, int n, int rounds, bool decode)
{
    static double a[ROUNDS_MAX], b[ROUNDS_MAX], ratio[ROUNDS_MAX];
    double bytes = 0;
    int repeat;

    for (int i = 0; i < n; i++)
        bytes += (double)in[i].n;
    /* The first turn of each warms up, and says how often makes a round of about 20 ms of ours. */
    repeat = 1 + (int)(20000 / (cost_us(ours, in, n, 1, decode) + 1));
    cost_us(theirs, in, n, 1, decode);
    for (int i = 0; i < rounds; i++) {
        a[i] = cost_us(ours, in, n, repeat, decode);
        b[i] = cost_us(theirs, in, n, 1 + repeat / 5, decode);
        ratio[i] = b[i] / a[i];
    }
    median(ratio, rounds);
    printf("  %-16s ours %9.1f us %7.0f MB/s   GMime %9.1f us %7.0f MB/s   ratio %5.1f (%.1f .. "
           "%.1f)\n",
           decode ? "parse and decode" : "parse", median(a, rounds) / n, bytes / median(a, rounds),
           median(b, rounds) / n, bytes / median(b, rounds), ratio[rounds / 2], ratio[0],
           ratio[rounds - 1]);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[1]) : 0, n = argc - 2;
    struct input *in;

    if (rounds < 1 || rounds > ROUNDS_MAX || !(in = calloc((size_t)n, sizeof *in))) {
        fprintf(stderr, "usage: mime ROUNDS FILE...\n");
        return 1;
    }
    for (int i = 0; i < n; i++) {
        gsize size;

        if (!g_file_get_contents(argv[i + 2], &in[i].p, &size, NULL))
            return 1;
        in[i].n = size;
    }
    mime_process_init();
    g_mime_init();
    compare(in, n, rounds, false);
    compare(in, n, rounds, true);
    g_mime_shutdown();
    return sink == 1;
}
