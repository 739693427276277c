/* net/test_shared.c: see test_shared.h. */
#include "net/test_shared.h"

#include "base/test.h"

#include <unistd.h>

static void area_begin(struct test_shared *t, unsigned i)
{
    struct error err;

    CHECK(net_shared_make(&t->own[i], &t->shown[i], &err));
    net_shared_init(&t->of[i]);
    net_shared_set_own(&t->of[i], STR("0123456789abcdef"), t->own[i]);
}

static void show_area(struct test_shared *t, unsigned i, unsigned to)
{
    struct error err;

    CHECK(net_shared_set_sibling(&t->of[to], i, dup(t->shown[i]), &err));
}

void test_shared_begin(struct test_shared *t, unsigned n)
{
    *t = (struct test_shared){.n = n};
    for (unsigned i = 0; i < n; i++)
        area_begin(t, i);
}

void test_shared_open(struct test_shared *t)
{
    struct error err;

    for (unsigned i = 0; i < t->n; i++) {
        CHECK(net_shared_open(&t->of[i], &err));
        for (unsigned k = 0; k < t->n; k++)
            if (k != i)
                show_area(t, k, i);
    }
}

void test_shared_again(struct test_shared *t, unsigned i)
{
    struct error err;

    net_shared_done(&t->of[i]);
    close(t->shown[i]);
    for (unsigned k = 0; k < t->n; k++)
        if (k != i)
            CHECK(net_shared_set_sibling(&t->of[k], i, -1, &err));
    area_begin(t, i);
}

void test_shared_open_again(struct test_shared *t, unsigned i)
{
    struct error err;

    CHECK(net_shared_open(&t->of[i], &err));
    for (unsigned k = 0; k < t->n; k++) {
        if (k == i)
            continue;
        show_area(t, i, k);
        show_area(t, k, i);
    }
}

void test_shared_end(struct test_shared *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        net_shared_done(&t->of[i]);
        close(t->shown[i]);
    }
}
