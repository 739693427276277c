/* mime/heap_test.c: what parsing takes: at most half of the message and 64 KiB, whatever the bytes,
 * temporary memory included; and few allocations. */
#include "mime/message.h"
#include "mime/samples.h"

#include "base/count.h"
#include "base/random.h"
#include "base/test.h"

#include <stdio.h>
#include <string.h>

#define MUTANTS 40

/* The most of all that were parsed: heap above half of the message, and allocations. */
static struct {
    const char *heap_name, *calls_name;
    size_t heap, calls, arena, messages;
} worst;

static void check_heap(const char *name, struct str bytes)
{
    size_t max = bytes.n / 2 + 65536, before = count_now().bytes, heap;
    struct mime_message m;
    struct arena arena;

    arena_init(&arena, max);
    count_begin();
    mime_parse(bytes, &arena, &m);
    heap = count_now().most - before;
    if (!CHECK_ROW(heap <= max, name))
        fprintf(stderr, "%zu bytes of heap for %zu, arena %zu\n", heap, bytes.n, arena.used);
    CHECK_ROW(arena.used <= max, name);
    worst.messages++;
    worst.arena = size_max(worst.arena, arena.used > bytes.n / 2 ? arena.used - bytes.n / 2 : 0);
    if (heap > bytes.n / 2 && heap - bytes.n / 2 > worst.heap) {
        worst.heap = heap - bytes.n / 2;
        worst.heap_name = name;
    }
    if (count_now().calls > worst.calls) {
        worst.calls = count_now().calls;
        worst.calls_name = name;
    }
    arena_done(&arena);
    CHECK_U64(count_now().bytes, before);
}

static void check_message(const char *path, struct str bytes)
{
    check_heap(strrchr(path, '/') + 1, bytes);
    for (int i = 0; i < MUTANTS; i++) {
        char *copy = str_dup_c(bytes);
        size_t n = i % 4 ? bytes.n : random_below(bytes.n + 1);

        for (int k = 0; k < 1 + i && bytes.n; k++)
            copy[random_below(bytes.n)] = "\r\n\0-=\";:<>(\\,@? \xff"[random_below(18)];
        check_heap(strrchr(path, '/') + 1, str_of(copy, n));
        mem_free(copy);
    }
}

static void messages_and_mutants_take_half_of_their_size(void)
{
    CHECK(mime_each_message(check_message) >= 210);
}

static void hostile_shapes_take_half_of_their_size(void)
{
    static const size_t sizes[] = {100, MIME_SHAPE_FIELD, 4 * MIME_SHAPE_FIELD, MIME_SHAPE_WHOLE};

    for (size_t i = 0; i < MIME_SHAPES; i++) {
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            struct buf bytes;

            buf_init(&bytes, sizes[k] + 1000);
            mime_shape_build(&bytes, &mime_shapes[i], sizes[k]);
            check_heap(mime_shapes[i].name, buf_view(&bytes));
            buf_done(&bytes);
        }
    }
}

int main(void)
{
    mime_process_init();
    RUN(messages_and_mutants_take_half_of_their_size);
    RUN(hostile_shapes_take_half_of_their_size);
    printf("%zu messages; above half of the message at most %zu bytes of heap (%s), %zu of arena; "
           "at most %zu allocations (%s)\n",
           worst.messages, worst.heap, worst.heap_name, worst.arena, worst.calls, worst.calls_name);
    return test_end();
}
