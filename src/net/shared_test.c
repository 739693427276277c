/* net/shared_test.c: who may write an area, what is taken for one, siblings that come and go. */
#include "net/shared.c"

#include "base/test.h"

#include <sys/stat.h>

#define AREA ((size_t)3 * PAGE)

/* Two processes' worth of memory in one: each has its own area, and sees the other's. */
struct pair {
    struct net_shared one, two;
    int own[2], shown[2];
};

static void make_pair(struct pair *p)
{
    struct error err;

    for (int i = 0; i < 2; i++)
        CHECK(net_shared_make(&p->own[i], &p->shown[i], &err));
    net_shared_init(&p->one);
    net_shared_init(&p->two);
    net_shared_set_own(&p->one, STR("0123456789abcdef"), p->own[0]);
    net_shared_set_own(&p->two, STR("0123456789abcdef"), p->own[1]);
    CHECK(net_shared_set_sibling(&p->one, 1, dup(p->shown[1]), &err));
    CHECK_U64(net_shared_reserve(&p->one, AREA), 0);
    CHECK_U64(net_shared_reserve(&p->two, AREA), 0);
    CHECK(net_shared_open(&p->one, &err) && net_shared_open(&p->two, &err));
    CHECK(net_shared_set_sibling(&p->two, 0, dup(p->shown[0]), &err)); /* later as well */
}

static void end_pair(struct pair *p)
{
    net_shared_done(&p->one);
    net_shared_done(&p->two);
    close(p->shown[0]);
    close(p->shown[1]);
}

static void each_sees_what_the_other_writes(void)
{
    struct pair p;

    make_pair(&p);
    CHECK_U64(net_shared_load(p.one.sibling[0].area + 64), 0);
    net_shared_store(p.two.own + 64, 7);
    net_shared_store(p.one.own + 64, 5);
    CHECK_U64(net_shared_load(p.one.sibling[0].area + 64), 7);
    CHECK_U64(net_shared_load(p.two.sibling[0].area + 64), 5);
    CHECK(net_shared_tag(&p.one, STR("x")) == net_shared_tag(&p.two, STR("x")));
    CHECK(net_shared_tag(&p.one, STR("x")) != net_shared_tag(&p.one, STR("y")));
    end_pair(&p);
}

static void nobody_writes_what_he_was_only_shown_nor_cuts_it_short(void)
{
    struct error err;
    int own, shown;

    CHECK(net_shared_make(&own, &shown, &err));
    CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shown, 0) == MAP_FAILED);
    CHECK(write(shown, "x", 1) < 0 && errno == EBADF);
    CHECK(ftruncate(own, 0) < 0 && errno == EPERM);
    CHECK(fcntl(own, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);

    void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, shown, 0);

    CHECK(p != MAP_FAILED && mprotect(p, PAGE, PROT_READ | PROT_WRITE) != 0);
    munmap(p, PAGE);
    close(own);
    close(shown);
}

static void what_is_no_area_is_left_out(void)
{
    struct pair p;
    struct error err;
    int no_seals = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING), shrinks, pipes[2];

    make_pair(&p);
    CHECK(ftruncate(no_seals, (off_t)NET_SHARED_BYTES) == 0);
    CHECK(!net_shared_set_sibling(&p.one, 7, dup(no_seals), &err) && err.kind == ERROR_INTERNAL);
    CHECK(ftruncate(no_seals, PAGE) == 0 && fcntl(no_seals, F_ADD_SEALS, SIZE_SEALS) == 0);
    CHECK(!net_shared_set_sibling(&p.one, 7, no_seals, &err)); /* too short */
    shrinks = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(ftruncate(shrinks, (off_t)NET_SHARED_BYTES) == 0 &&
          fcntl(shrinks, F_ADD_SEALS, F_SEAL_GROW) == 0);
    CHECK(!net_shared_set_sibling(&p.one, 7, shrinks, &err));
    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    close(pipes[1]);
    CHECK(!net_shared_set_sibling(&p.one, 7, pipes[0], &err));
    CHECK_U64(p.one.siblings, 1);
    end_pair(&p);
}

static void an_area_of_ones_own_that_is_none_is_done_without(void)
{
    struct net_shared s;
    struct error err = {0};
    int pipes[2];

    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    close(pipes[1]);
    net_shared_init(&s);
    net_shared_set_own(&s, STR("short"), pipes[0]);
    CHECK_U64(net_shared_reserve(&s, 8), 0);
    CHECK(!net_shared_open(&s, &err) && err.kind == ERROR_INTERNAL);
    net_shared_store(s.own, 3);
    CHECK_U64(net_shared_load(s.own), 3);
    net_shared_done(&s);
}

static void without_siblings_nothing_is_missing(void)
{
    struct net_shared s;
    struct error err;

    net_shared_init(&s);
    CHECK_U64(net_shared_reserve(&s, 8), 0);
    CHECK_U64(net_shared_reserve(&s, 65), LINE);
    CHECK_U64(net_shared_reserve(&s, PAGE + 1), PAGE);
    CHECK_U64(net_shared_reserve(&s, 8), 3 * PAGE);
    CHECK(net_shared_open(&s, &err));
    net_shared_done(&s);
}

static void siblings_are_replaced_and_go(void)
{
    struct pair p;
    struct error err;
    int own, shown;

    make_pair(&p);
    net_shared_store(p.two.own, 9);
    CHECK_U64(net_shared_load(p.one.sibling[0].area), 9);
    CHECK(net_shared_make(&own, &shown, &err)); /* instance 1 was started anew */
    CHECK(net_shared_set_sibling(&p.one, 1, shown, &err));
    CHECK(p.one.siblings == 1 && net_shared_load(p.one.sibling[0].area) == 0);
    close(own);
    CHECK(net_shared_set_sibling(&p.one, 1, -1, &err));
    CHECK_U64(p.one.siblings, 0);
    CHECK(net_shared_set_sibling(&p.one, 1, -1, &err)); /* known already */
    for (unsigned i = 0; i < NET_SHARED_SIBLINGS; i++)
        CHECK(net_shared_set_sibling(&p.one, 100 + i, dup(p.shown[1]), &err));
    CHECK(!net_shared_set_sibling(&p.one, 99, dup(p.shown[1]), &err) && err.kind == ERROR_LIMIT);
    CHECK(net_shared_set_sibling(&p.one, 100, dup(p.shown[1]), &err)); /* one that is known */
    end_pair(&p);
}

static void memory_is_given_back(void)
{
    struct pair p;
    struct stat st;

    make_pair(&p);
    memset(p.one.own, 1, AREA);
    CHECK(fstat(p.shown[0], &st) == 0 && st.st_blocks == (blkcnt_t)(AREA / 512));
    net_shared_clear(&p.one, PAGE, AREA - PAGE);
    CHECK(fstat(p.shown[0], &st) == 0 && st.st_blocks == (blkcnt_t)(PAGE / 512));
    CHECK(p.one.own[0] == 1 && p.one.own[PAGE] == 0 && p.two.sibling[0].area[AREA - 1] == 0);
    net_shared_clear(&p.one, 0, 8);
    CHECK(p.one.own[7] == 0 && p.one.own[8] == 1);
    end_pair(&p);
}

int main(void)
{
    RUN(each_sees_what_the_other_writes);
    RUN(nobody_writes_what_he_was_only_shown_nor_cuts_it_short);
    RUN(what_is_no_area_is_left_out);
    RUN(an_area_of_ones_own_that_is_none_is_done_without);
    RUN(without_siblings_nothing_is_missing);
    RUN(siblings_are_replaced_and_go);
    RUN(memory_is_given_back);
    return test_end();
}
