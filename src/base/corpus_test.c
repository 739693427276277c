/* base/corpus_test.c: what fuzzing reached is reached again, and every invariant of the fuzzer
 * holds. Linked with one fuzzer, which names its corpus. */
#include "base/replay.h"

#include "base/test.h"

static void the_corpus_of_the_fuzzer_holds(void)
{
    CHECK(replay_corpus(fuzz_corpus) >= 20);
}

int main(void)
{
    RUN(the_corpus_of_the_fuzzer_holds);
    return test_end();
}
