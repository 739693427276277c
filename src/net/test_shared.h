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

/* Makes n processes' areas (at most TEST_SHARED_MOST), and gives each its own. The test then reserves what it counts in each
 * of t->of. */
void test_shared_begin(struct test_shared *t, unsigned n);
/* Shows the areas to one another, and opens them. */
void test_shared_open(struct test_shared *t);
/* As when a process has ended and was started again: t->of[i] is a fresh one, in which the test reserves again before it
 * calls test_shared_open_again. */
void test_shared_again(struct test_shared *t, unsigned i);
void test_shared_open_again(struct test_shared *t, unsigned i);
void test_shared_end(struct test_shared *t);

#endif
