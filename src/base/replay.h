/* base/replay.h: replays the corpus of a fuzzer in a unit test. */
#ifndef BASE_REPLAY_H
#define BASE_REPLAY_H

#include "base/base.h"

/* The fuzzer's entry; the test links or includes the file that defines it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The folder of its corpus, where replayed by corpus_test.c. */
extern const char fuzz_corpus[];

/* Gives each file of tests/data/fuzz/<name> to it, in blocks of their exact size;
 * $POSTHUS_TEST_DATA stands for tests/data. Returns how many there were. */
size_t replay_corpus(const char *name);

#endif
