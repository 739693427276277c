/* net/proxy_fuzz.c: any bytes: a header is whole at its size and at no smaller one, and what is
 * after it changes nothing. */
#include "net/proxy.h"

#include "base/limits.h"
#include "base/replay.h"

#include <string.h>

const char fuzz_corpus[] = "net_proxy";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_address source = {.sa = {.ss_family = AF_UNIX}}, again = source;
    struct str in = str_of(data, size);
    struct error err = {0};
    size_t used = 0, used_again = 0;
    enum net_proxy result = net_proxy_parse(in, &used, &source, &err);

    if (result == NET_PROXY_BAD && (err.kind != ERROR_SYNTAX || !err.text[0]))
        panic("refused without words");
    if (result != NET_PROXY_DONE)
        return 0;
    if (used < 16 || used > size || used > LIMIT_PROXY_HEADER)
        panic("a header of an impossible size");
    if (net_proxy_parse(str_sub(in, 0, used), &used_again, &again, &err) != NET_PROXY_DONE ||
        used_again != used || memcmp(&source, &again, sizeof source) != 0)
        panic("what follows the header changes it");
    if (net_proxy_parse(str_sub(in, 0, used - 1), &used_again, &again, &err) != NET_PROXY_MORE)
        panic("a header that is not whole was taken");
    return 0;
}
