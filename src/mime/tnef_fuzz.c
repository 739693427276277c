/* mime/tnef_fuzz.c: any bytes can be listed as TNEF. The first byte chooses how much memory there
 * is. */
#include "mime/message.h"
#include "mime/tnef.h"

#include "base/limits.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list(struct str bytes, struct arena *arena, unsigned depth)
{
    struct mime_tnef_part part;
    struct mime_tnef t;
    size_t done = 0, count = 0;

    if (!mime_tnef_begin(&t, bytes, arena))
        return;
    while (mime_tnef_next(&t, &part)) {
        size_t at = part.data.n ? (size_t)(part.data.p - bytes.p) : done;

        if (at < done || at > bytes.n || part.data.n > bytes.n - at)
            panic("data lie in the input, one after the other");
        if (!utf8_valid(part.name) || str_find_char(part.name, '\n') != SIZE_MAX)
            panic("names are UTF-8 without controls");
        if ((part.kind == MIME_TNEF_TEXT || part.kind == MIME_TNEF_HTML) && part.data.n == 0)
            panic("a body is not empty");
        if (++count > LIMIT_MIME_PARTS)
            panic("too many parts");
        done = at + part.data.n;
        if (part.kind == MIME_TNEF_MESSAGE && depth < 8)
            list(part.data, arena, depth + 1);
    }
    if (mime_tnef_next(&t, &part))
        panic("the end is the end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    mime_process_init();
    if (size < 1)
        return 0;
    arena_init(&arena, data[0] & 1 ? 1 << 20 : (size_t)data[0] * 16);
    list(str_skip(str_of(data, size), 1), &arena, 0);
    arena_done(&arena);
    return 0;
}
