/* tests/gmime_dump.c: what GMime 3 understands of messages, in the lines of tests/mime_dump.c
 * --fields. Arguments are files. GMime is as lenient as it can be told to be. */
#include "dump.h"

#include <gmime/gmime.h>
#include <string.h>

static void print_text(const char *text)
{
    if (text)
        dump_text(text, strlen(text));
}

static void print_list(const char *label, InternetAddressList *list);

static void print_members(InternetAddressList *list)
{
    int n = list ? internet_address_list_length(list) : 0;

    for (int i = 0; i < n; i++) {
        InternetAddress *a = internet_address_list_get_address(list, i);

        print_text(internet_address_get_name(a));
        if (INTERNET_ADDRESS_IS_GROUP(a)) {
            printf(": ");
            print_members(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)));
            printf("; ");
        } else {
            printf(" <");
            print_text(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
            printf(">, ");
        }
    }
}

static void print_list(const char *label, InternetAddressList *list)
{
    printf("%s|", label);
    print_members(list);
    printf("\n");
}

/* References, then what In-Reply-To has besides. */
static void print_references(GMimeMessage *m)
{
    static const char *const names[] = {"References", "In-Reply-To"};
    GMimeReferences *lists[2] = {NULL, NULL};

    printf("References|");
    for (int k = 0; k < 2; k++) {
        const char *value = g_mime_object_get_header(GMIME_OBJECT(m), names[k]);

        if (!value)
            continue;
        lists[k] = g_mime_references_parse(NULL, value);
        for (int i = 0; i < g_mime_references_length(lists[k]); i++) {
            const char *id = g_mime_references_get_message_id(lists[k], i);
            int seen = 0;

            for (int j = 0; k == 1 && lists[0] && j < g_mime_references_length(lists[0]); j++)
                seen |= strcmp(id, g_mime_references_get_message_id(lists[0], j)) == 0;
            if (seen)
                continue;
            printf("<");
            print_text(id);
            printf("> ");
        }
    }
    for (int k = 0; k < 2; k++)
        if (lists[k])
            g_mime_references_free(lists[k]);
    printf("\n");
}

static const char *encoding_name(GMimeObject *part)
{
    GMimeContentEncoding encoding = GMIME_CONTENT_ENCODING_DEFAULT;

    if (GMIME_IS_PART(part)) {
        encoding = g_mime_part_get_content_encoding(GMIME_PART(part));
    } else {
        const char *value = g_mime_object_get_header(part, "Content-Transfer-Encoding");

        if (value)
            encoding = g_mime_content_encoding_from_string(value);
    }
    switch (encoding) {
    case GMIME_CONTENT_ENCODING_BASE64:
        return "base64";
    case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
        return "quoted-printable";
    case GMIME_CONTENT_ENCODING_UUENCODE:
        return "uuencode";
    default:
        return "identity";
    }
}

static void print_content(GMimeObject *part, const char *path)
{
    printf("part|%s|content|", path);
    if (GMIME_IS_MULTIPART(part) || GMIME_IS_MESSAGE_PART(part)) {
        printf("-");
    } else if (GMIME_IS_TEXT_PART(part)) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));

        print_text(text);
        g_free(text);
    } else {
        GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
        GMimeStream *out = g_mime_stream_mem_new();
        GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(out));

        if (content)
            g_mime_data_wrapper_write_to_stream(content, out);
        dump_hash(bytes->data, bytes->len);
        g_object_unref(out);
    }
    printf("\n");
}

static const char *type_param(GMimeObject *part, const char *name)
{
    return g_mime_object_get_content_type_parameter(part, name);
}

static void print_value(const char *path, const char *what, const char *value)
{
    printf("part|%s|%s|", path, what);
    print_text(value);
    printf("\n");
}

static void print_parts(GMimeObject *part, const char *path)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    const char *filename = g_mime_object_get_content_disposition_parameter(part, "filename");
    char name[1000];

    printf("part|%s|type|", path);
    print_text(g_mime_content_type_get_media_type(type));
    printf("/");
    print_text(g_mime_content_type_get_media_subtype(type));
    printf("\n");
    print_value(path, "filename", filename && *filename ? filename : type_param(part, "name"));
    print_value(path, "name", type_param(part, "name"));
    print_value(path, "charset", type_param(part, "charset"));
    print_value(path, "disposition", g_mime_object_get_disposition(part));
    print_value(path, "encoding", encoding_name(part));
    print_content(part, path);
    if (GMIME_IS_MULTIPART(part)) {
        int n = g_mime_multipart_get_count(GMIME_MULTIPART(part));

        for (int i = 0; i < n; i++) {
            snprintf(name, sizeof name, "%s.%d", path, i + 1);
            print_parts(g_mime_multipart_get_part(GMIME_MULTIPART(part), i), name);
        }
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        GMimeObject *root = inner ? g_mime_message_get_mime_part(inner) : NULL;

        snprintf(name, sizeof name, "%s.1", path);
        if (root)
            print_parts(root, name);
    }
}

static void print_message(GMimeMessage *m)
{
    GDateTime *date = g_mime_message_get_date(m);
    GMimeObject *root = g_mime_message_get_mime_part(m);

    printf("Subject|");
    print_text(g_mime_message_get_subject(m));
    printf("\nMessage-ID|");
    print_text(g_mime_message_get_message_id(m));
    printf("\n");
    print_references(m);
    printf("Date|");
    if (date)
        printf("%lld", (long long)g_date_time_to_unix(date));
    printf("\n");
    print_list("From", g_mime_message_get_from(m));
    print_list("To", g_mime_message_get_to(m));
    print_list("Cc", g_mime_message_get_cc(m));
    print_list("Reply-To", g_mime_message_get_reply_to(m));
    print_list("Sender", g_mime_message_get_sender(m));
    if (root)
        print_parts(root, "1");
}

int main(int argc, char **argv)
{
    GMimeParserOptions *options;

    g_mime_init();
    options = g_mime_parser_options_new();
    g_mime_parser_options_set_allow_addresses_without_domain(options, TRUE);
    for (int i = 1; i < argc; i++) {
        size_t n;
        char *bytes = dump_read(argv[i], &n);
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, n);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *m = g_mime_parser_construct_message(parser, options);

        printf("file|%s\n", argv[i]);
        if (m) {
            print_message(m);
            g_object_unref(m);
        }
        g_object_unref(parser);
        g_object_unref(stream);
        free(bytes);
    }
    g_mime_parser_options_free(options);
    g_mime_shutdown();
    return 0;
}
