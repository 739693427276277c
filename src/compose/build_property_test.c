/* compose/build_property_test.c: parse(print(x)) is x for a million random x. $POSTHUS_BUILD_SEED
 * makes others. */
#include "compose/build_check.h"

#include "base/test.h"

#include <stdlib.h>

static void what_is_written_is_read_again(void)
{
    const char *given = getenv("POSTHUS_BUILD_SEED");
    uint64_t seed = 1;

    if (given && !str_to_u64(str_c(given), UINT64_MAX, &seed))
        fatal("POSTHUS_BUILD_SEED is a number");
    CHECK_U64(compose_check(seed * UINT64_C(1000000007), 1000000), 1000000);
}

int main(void)
{
    RUN(what_is_written_is_read_again);
    return test_end();
}
