/* mime/samples.c: see samples.h. */
#include "mime/samples.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD MIME_SHAPE_FIELD
#define WHOLE MIME_SHAPE_WHOLE

const struct mime_shape mime_shapes[MIME_SHAPES] = {
    {"addresses", FIELD, "To: ", "a@b, "},
    {"addresses without commas", FIELD, "To: ", "<a@b> \"x\" (y) "},
    {"groups", FIELD, "To: ", "a:b@c;,"},
    {"groups that are not closed", FIELD, "To: ", "a:"},
    {"comments in comments", FIELD, "To: ", "("},
    {"comments", FIELD, "To: ", "(a)"},
    {"comments in a domain", FIELD, "To: a@", "b(c)."},
    {"quoted strings", FIELD, "To: ", "\"a\""},
    {"backslashes", FIELD, "To: \"", "\\"},
    {"at signs", FIELD, "To: ", "@"},
    {"commas", FIELD, "To: ", ","},
    {"opening brackets", FIELD, "To: ", "<"},
    {"a route", FIELD, "To: <", "@a,"},
    {"words", FIELD, "To: ", "a "},
    {"dots", FIELD, "To: ", "a ."},
    {"addresses as names", FIELD, "To: ", "a@b "},
    {"encoded words as names", FIELD, "To: ", "=?a?q?b"},
    {"To fields", WHOLE, "", "To: a@b\n"},
    {"encoded words", FIELD, "Subject: ", "=?utf-8?q?a?= "},
    {"encoded words in many charsets", FIELD, "Subject: ", "=?utf-7?q?a?= =?big5?b?YQ==?= "},
    {"beginnings of encoded words", FIELD, "Subject: ", "=?utf-8?q?"},
    {"beginnings without encoding", FIELD, "Subject: ", "=?a"},
    {"ends of encoded words", FIELD, "Subject: =?utf-8?q", "?="},
    {"bytes that are not UTF-8", FIELD, "Subject: ", "\xff"},
    {"forwards in forwards", FIELD, "Subject: ", "[fwd: "},
    {"replies", FIELD, "Subject: ", "re:"},
    {"blobs", FIELD, "Subject: re", "[a]"},
    {"blobs that are not closed", FIELD, "Subject: ", "[re"},
    {"references", FIELD, "References: ", "<a@%d> "},
    {"references that are not closed", FIELD, "References: ", "<a "},
    {"answers to many", FIELD, "In-Reply-To: ", "<a@%d> "},
    {"parameters", FIELD, "Content-Type: a/b", "; p%d=x"},
    {"RFC 2231 pieces", FIELD, "Content-Type: a/b", "; p*%d*=%%41"},
    {"RFC 2231 pieces of one number", FIELD, "Content-Disposition: a", "; p*0=x"},
    {"parameters in quotes", FIELD, "Content-Type: a/b; x=\"", "\\a"},
    {"semicolons", FIELD, "Content-Type: a/b", ";"},
    {"comments in a type", FIELD, "Content-Type: ", "("},
    {"a date of comments", FIELD, "Date: ", "(a)"},
    {"folds", FIELD, "Subject:", "\n a"},
    {"languages", FIELD, "Content-Language: ", "a,"},
    {"fields", WHOLE, "", "a: b\n"},
    {"lines that are no field", WHOLE, "", "a\n"},
    {"content types", WHOLE, "", "Content-Type: multipart/mixed; boundary=b\n"},
    {"lines of white space", WHOLE, "A: b\n", " \n"},
    {"parts", WHOLE, "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n"},
    {"parts with parameters", WHOLE, "Content-Type: multipart/mixed; boundary=b\n\n",
     "--b\nContent-Type: a/b; a=1; b*=2; c*0=3; c*1=4; d=\"5\"; e; f=6; g=7; h=8; i=9\n\n"},
    {"digests", WHOLE, "Content-Type: multipart/digest; boundary=b\n\n", "--b\n\n\n"},
    {"multiparts in multiparts", WHOLE, "", "Content-Type: multipart/mixed; boundary=%d\n\n--%d\n"},
    {"messages in messages", WHOLE, "", "Content-Type: message/rfc822\n\n"},
    {"lines that look like boundaries", WHOLE, "Content-Type: multipart/mixed; boundary=b\n\n",
     "--bx\n"},
    {"hyphens", WHOLE, "Content-Type: multipart/mixed; boundary=b\n\n", "-"},
    {"empty lines", WHOLE, "\n", "\n"},
    {"CR alone", WHOLE, "", "\r"},
    {"fields that end with CR", WHOLE, "", "a: b\r"},
    {"CR CR LF", WHOLE, "A: b", "\r\r\n"},
    {"HTML tags", WHOLE, "Content-Type: text/html\n\n", "<a"},
    {"HTML comments", WHOLE, "Content-Type: text/html\n\n", "<!--"},
    {"HTML styles", WHOLE, "Content-Type: text/html\n\n", "<style>"},
    {"HTML references", WHOLE, "Content-Type: text/html\n\n", "&a"},
    {"quoted-printable", WHOLE, "Content-Transfer-Encoding: quoted-printable\n\n", "= "},
    {"base64 padding", WHOLE, "Content-Transfer-Encoding: base64\n\n", "="},
    {"uuencode", WHOLE, "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n", "!8\n"},
    {"boundary lines", WHOLE, "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n"},
    {"UTF-7", WHOLE, "Content-Type: text/plain; charset=utf-7\n\n", "+"},
    {"ISO-2022-JP", WHOLE, "Content-Type: text/plain; charset=iso-2022-jp\n\n", "\033$B"},
};

void mime_shape_build(struct buf *out, const struct mime_shape *shape, size_t n)
{
    bool counts = strchr(shape->piece, '%');

    buf_c(out, shape->first);
    for (int i = 0; out->n < n; i++) {
        struct str piece = str_c(shape->piece), head;

        while (counts && str_cut(piece, '%', &head, &piece)) {
            buf_str(out, head);
            if (piece.n && piece.p[0] == 'd')
                buf_u64(out, (uint64_t)i);
            else
                buf_char(out, '%');
            piece = str_skip(piece, 1);
        }
        buf_str(out, piece);
    }
    buf_c(out, "\n");
}

/* The file in a block of its exact size, so that a sanitizer sees one byte too far. */
static void use_file(const char *path, void (*use)(const char *path, struct str bytes))
{
    char piece[4096], *exact;
    FILE *f = fopen(path, "rb");
    struct buf bytes;
    size_t n;

    if (!f)
        fatal("cannot open %s", path);
    buf_init(&bytes, (size_t)64 << 20);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&bytes, piece, n);
    fclose(f);
    exact = mem_alloc(bytes.n);
    if (bytes.n)
        memcpy(exact, bytes.p, bytes.n);
    n = bytes.n;
    buf_done(&bytes);
    use(path, str_of(exact, n));
    mem_free(exact);
}

static unsigned use_folder(const char *folder, void (*use)(const char *path, struct str bytes))
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned files = 0;

    if (!dir)
        fatal("cannot open %s", folder);
    while ((entry = readdir(dir))) {
        char path[2000];

        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (str_ends(str_c(path), STR(".eml"))) {
            use_file(path, use);
            files++;
        }
    }
    closedir(dir);
    return files;
}

unsigned mime_each_message(void (*use)(const char *path, struct str bytes))
{
    static const char *const folders[] = {"legacy", "rfc", "shapes"};
    const char *given = getenv("POSTHUS_TEST_DATA"), *slash = strrchr(__FILE__, '/');
    unsigned files = 0;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char path[1500];

        if (given)
            snprintf(path, sizeof path, "%s/messages/%s", given, folders[i]);
        else
            snprintf(path, sizeof path, "%.*s/../../tests/data/messages/%s",
                     (int)(slash - __FILE__), __FILE__, folders[i]);
        files += use_folder(path, use);
    }
    return files;
}
