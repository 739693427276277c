/* imap/replay_test.c: what fuzzing reached is reached again, and every invariant of the fuzzer
 * holds. */
#include "base/clock.h"
#include "base/test.h"
#include "base/replay.h"

static void the_corpus_of_imap_fuzz_holds(void)
{
    CHECK(replay_corpus("imap") >= 100);
    clock_set_source(NULL);
}

int main(void)
{
    RUN(the_corpus_of_imap_fuzz_holds);
    return test_end();
}
