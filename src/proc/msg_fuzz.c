/* proc/msg_fuzz.c: whatever a peer sends is refused, or is a message that prints as the same bytes. */
#include "proc/msg.h"

#include "base/replay.h"

#include <string.h>

const char fuzz_corpus[] = "proc_msg";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error err;
    struct msg m;

    arena_init(&arena, 1 << 20);
    if (msg_parse(str_of(data, size), &arena, &m, &err)) {
        struct buf b;

        buf_init(&b, LIMIT_MSG_BYTES);
        if (msg_print(&b, &m, &err) && !str_equal(buf_view(&b), str_of(data, size)))
            panic("a message that prints as another");
        buf_done(&b);
    }
    arena_done(&arena);
    return 0;
}
