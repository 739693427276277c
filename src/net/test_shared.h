/* net/test_shared.h: several processes of a kind in one test: each has an area, and is shown those of the
 * others. */
#ifndef NET_TEST_SHARED_H
#define NET_TEST_SHARED_H

#include "net/shared.h"

#define TEST_SHARED_MOST 4

struct test_shared {
    struct net_shared of[TEST_SHARED_MOST];
    int own[TEST_SHARED_MOST], shown[TEST_SHARED_MOST];
    unsigned n;
};

/* Makes the areas, and gives each its own; then what is counted is reserved in each. */
void test_shared_begin(struct test_shared *t, unsigned n);
/* Opens all, and shows them to one another. */
void test_shared_open(struct test_shared *t);
/* As when a process has ended and was started anew: t->of[i] is a new one, for what is counted to be reserved in. */
void test_shared_again(struct test_shared *t, unsigned i);
void test_shared_open_again(struct test_shared *t, unsigned i);
void test_shared_end(struct test_shared *t);

#endif
