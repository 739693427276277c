/* config/config_fuzz.c: whatever stands in the file, what was read prints and reads back the same. */
#include "base/limits.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c, again;
    struct error err;

    config_init(&c);
    if (config_parse(&c, str_of(data, size), &err)) {
        struct buf out;

        buf_init(&out, LIMIT_CONFIG_FILE + 65536);
        config_init(&again);
        config_print(&c, &out);
        if (!config_parse(&again, buf_view(&out), &err))
            panic("what was printed is not read: %s", err.text);
        config_done(&again);
        buf_done(&out);
    }
    config_done(&c);
    return 0;
}
