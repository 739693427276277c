/* base/random.h: randomness, one of the seams: a test replaces the source by a seeded one. There is no pool, so nothing
 * of it survives fork(). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/base.h"

/* Fills n bytes from getrandom(2), or from the test's source. Never fails (a kernel without it ends the process). */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Uniform in 0..n-1, n > 0. */
uint64_t random_below(uint64_t n);
/* n characters of [a-z2-7] (5 bits each) and a NUL; out has room for n + 1. */
void random_text(char *out, size_t n);
/* The seam: fill is called instead of the kernel; NULL restores it. */
void random_set_source(void (*fill)(void *p, size_t n));

#endif
