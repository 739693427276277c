/* base/count.h: counts what mem_alloc and the others take, for tests that assert a bound. A test
 * links base/count.c, which stands for base/base.c; what libraries allocate by themselves is not
 * seen. */
#ifndef BASE_COUNT_H
#define BASE_COUNT_H

#include "base/base.h"

struct count {
    size_t bytes; /* taken now, as the allocator rounds them */
    size_t most;  /* the most that they were since count_begin */
    size_t calls; /* allocations since count_begin */
};

/* Begins to count anew: bytes stay, most is them. */
void count_begin(void);
struct count count_now(void);

#endif
