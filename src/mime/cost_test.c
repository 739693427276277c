/* mime/cost_test.c: hostile shapes cost linear time: CPU(4n) / CPU(n) is at most 5 (CVE-2024-23184,
 * CVE-2026-27859). A shape is what comes first, and a piece that is repeated up to n bytes; "%d" in
 * it is a number that counts. */
#include "mime/message.h"

#include "base/test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Bytes of one field, four times of which are looked at (LIMIT_MIME_FIELD), and of a message. */
#define FIELD 15000
#define WHOLE 250000

static const struct shape {
    const char *name;
    size_t n;
    const char *first, *piece;
} shapes[] = {
    {"addresses", FIELD, "To: ", "a@b, "},
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

static void build(struct buf *out, const struct shape *shape, size_t n)
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

/* Everything that is done with a message when it arrives and is shown. */
static void work(struct str bytes)
{
    struct arena arena, scratch;
    struct mime_message m;
    struct buf out;

    arena_init(&arena, bytes.n / 2 + 65536);
    arena_init(&scratch, (size_t)64 << 20);
    buf_init(&out, (size_t)64 << 20);
    mime_parse(bytes, &arena, &m);
    mime_print_envelope(&out, &m, 0, &scratch);
    mime_print_bodystructure(&out, &m, true, &scratch);
    mime_print_preview(&out, &m, &scratch);
    CHECK(!out.overflow);
    buf_done(&out);
    arena_done(&arena);
    arena_done(&scratch);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The least of some tries: what the machine does besides only adds. */
static double cost_us(const struct shape *shape, size_t n)
{
    double least = 1e12;
    struct buf bytes;

    buf_init(&bytes, n + 1000);
    build(&bytes, shape, n);
    for (int i = 0; i < 3; i++) {
        double from = now_us(), took;

        work(buf_view(&bytes));
        took = now_us() - from;
        least = took < least ? took : least;
    }
    buf_done(&bytes);
    return least;
}

static void hostile_shapes_cost_linear_time(void)
{
    double worst = 0, slowest = 1e9;
    const char *worst_name = "", *slowest_name = "";

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        double ratio = 1e9, speed = 0; /* bytes a microsecond, which is MB/s */

        for (int tries = 0; tries < 5 && ratio > 5; tries++) {
            double one = cost_us(&shapes[i], shapes[i].n),
                   four = cost_us(&shapes[i], 4 * shapes[i].n);

            ratio = four / (one > 20 ? one : 20);
            speed = (double)(4 * shapes[i].n) / four;
        }
        if (!CHECK_ROW(ratio <= 5, shapes[i].name))
            fprintf(stderr, "ratio %.2f\n", ratio);
        if (ratio > worst) {
            worst = ratio;
            worst_name = shapes[i].name;
        }
        if (speed < slowest) {
            slowest = speed;
            slowest_name = shapes[i].name;
        }
    }
    printf("%zu shapes, CPU(4n)/CPU(n) at most %.2f (%s), the slowest %.1f MB/s (%s)\n",
           ARRAY_LEN(shapes), worst, worst_name, slowest, slowest_name);
}

int main(void)
{
    mime_process_init();
    RUN(hostile_shapes_cost_linear_time);
    return test_end();
}
