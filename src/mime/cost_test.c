/* mime/cost_test.c: hostile shapes cost linear time: CPU(4n) / CPU(n) is at most 5 (CVE-2024-23184,
 * CVE-2026-27859). */
#include "mime/message.h"
#include "mime/samples.h"

#include "base/test.h"

#include <stdio.h>
#include <time.h>

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
static double cost_us(const struct mime_shape *shape, size_t n)
{
    double least = 1e12;
    struct buf bytes;

    buf_init(&bytes, n + 1000);
    mime_shape_build(&bytes, shape, n);
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

    for (size_t i = 0; i < MIME_SHAPES; i++) {
        double ratio = 1e9, speed = 0; /* bytes a microsecond, which is MB/s */

        for (int tries = 0; tries < 5 && ratio > 5; tries++) {
            double one = cost_us(&mime_shapes[i], mime_shapes[i].n),
                   four = cost_us(&mime_shapes[i], 4 * mime_shapes[i].n);

            ratio = four / (one > 20 ? one : 20);
            speed = (double)(4 * mime_shapes[i].n) / four;
        }
        if (!CHECK_ROW(ratio <= 5, mime_shapes[i].name))
            fprintf(stderr, "ratio %.2f\n", ratio);
        if (ratio > worst) {
            worst = ratio;
            worst_name = mime_shapes[i].name;
        }
        if (speed < slowest) {
            slowest = speed;
            slowest_name = mime_shapes[i].name;
        }
    }
    printf("%d shapes, CPU(4n)/CPU(n) at most %.2f (%s), the slowest %.1f MB/s (%s)\n", MIME_SHAPES,
           worst, worst_name, slowest, slowest_name);
}

int main(void)
{
    mime_process_init();
    RUN(hostile_shapes_cost_linear_time);
    return test_end();
}
