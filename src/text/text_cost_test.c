/* text/text_cost_test.c: the text of a hostile message costs time that is linear in its size, as
 * cost_test.c has it for parsing. Only without sanitizers: theirs makes each call of iconv(3) cost
 * as much as its whole input is long. */
#include "text/test_text.h"

#include "base/limits.h"
#include "base/test.h"

#include <stdio.h>
#include <time.h>

#define SIZE 60000
#define PLAIN "Content-Type: text/plain; charset="

/* CPU time of the least of some runs, without that of parsing. */
static double cost_us(struct str head, struct str unit, size_t n)
{
    double least = 1e12;
    struct mime_message m;
    struct arena arena;
    struct buf in, out;

    buf_init(&in, n + 1000);
    buf_init(&out, 64 * n + 65536);
    buf_str(&in, head);
    while (in.n < n)
        buf_str(&in, unit);
    arena_init(&arena, n + 65536);
    mime_parse(buf_view(&in), &arena, &m);
    for (int i = 0; i < 2; i++) {
        struct timespec from, to;
        double us;

        buf_reset(&out);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        test_text(&out, &m, TEXT_FIELDS | TEXT_BODY, 0);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        us = (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
        least = us < least ? us : least;
    }
    buf_done(&in);
    buf_done(&out);
    arena_done(&arena);
    return least;
}

/* CPU(4n) / CPU(n) is at most 5, as in cost_test.c. */
static void hostile_texts_cost_linear_time(void)
{
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
    double worst = 0;
    static const struct str heads[] = {
        BYTES("Content-Type: text/html\r\n\r\n"),
        BYTES(PLAIN "shift_jis\r\n\r\n"),
        BYTES("Content-Type: text/html; charset=gbk\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n\r\n"),
        BYTES(PLAIN "utf-7\r\n\r\n"),
        BYTES("Content-Type: a/ms-tnef\r\n\r\nx\x9f>\"\0\0"),
        BYTES("Content-Type: "
              "a/ms-tnef\r\n\r\nx\x9f>\"\0\0\1\3\x90\6\0\xff\xff\xff\xff\xff\xff\xff\xff"),
    };
    static const struct str units[] = {
        BYTES("<"),
        BYTES("&"),
        BYTES("<!--"),
        BYTES("<script>"),
        BYTES("</"),
        BYTES("\x93"),
        BYTES("="),
        BYTES("+"),
        BYTES("\xcc\x81"),
        BYTES(" "),
        BYTES("\xe2\x82"),
        BYTES("&#"),
        BYTES("<a '"),
        BYTES("\xef\xb7\xba"),
        BYTES("\1\0\0\x10"),
        BYTES("\0\0\0\0"),
        BYTES("\2\2\x90\6\0\0\0\0\0\0\0"),
        BYTES("\1\3\x90\6\0\4\0\0\0\xff\xff\xff\xff\0\0"),
        BYTES("\x1e\0\0\x10\1\0\0\0\1\0\0\0a\0\0\0"),
        BYTES("\2\5\x90\6\0\x14\0\0\0\1\0\0\0\x1e\0\7\x37\1\0\0\0\1\0\0\0a\0\0\0\0\0"),
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        for (size_t k = 0; k < ARRAY_LEN(units); k++) {
            double ratio = 1e9;

            for (int tries = 0; tries < 5 && ratio > 5; tries++) {
                double one = cost_us(heads[i], units[k], SIZE),
                       four = cost_us(heads[i], units[k], 4 * SIZE);

                ratio = four / (one > 100 ? one : 100);
            }
            worst = ratio > worst ? ratio : worst;
            if (!CHECK(ratio <= 5))
                fprintf(stderr, "head %zu, unit %zu: ratio %.2f\n", i, k, ratio);
        }
    }
    printf("%zu shapes, CPU(4n)/CPU(n) at most %.2f\n", ARRAY_LEN(heads) * ARRAY_LEN(units), worst);
}

int main(void)
{
    mime_process_init();
    RUN(hostile_texts_cost_linear_time);
    return test_end();
}
