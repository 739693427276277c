/* smtp/replay_test.c: what fuzzing reached is reached again, and every invariant of the fuzzer
 * holds. */
#include "base/replay.h"

#include "base/test.h"

static void the_corpus_of_server_fuzz_holds(void)
{
    CHECK(replay_corpus("smtp") >= 100);
}

int main(void)
{
    RUN(the_corpus_of_server_fuzz_holds);
    return test_end();
}
