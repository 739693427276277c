/* net/tally_test.c: counts over several processes; keys that meet, tables that are full, siblings that lie or end. */
#include "net/tally.c"

#include "base/random.h"
#include "base/test.h"
#include "net/test_shared.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODEL_KEYS 300
#define RACE_WINS 3000

struct tallies {
    struct test_shared shared;
    struct tally t[TEST_SHARED_MOST];
    struct tally_total total[TEST_SHARED_MOST];
};

static void begin(struct tallies *x, unsigned n, size_t keys, size_t counts)
{
    test_shared_begin(&x->shared, n);
    for (unsigned i = 0; i < n; i++) {
        tally_init(&x->t[i], &x->shared.of[i], keys, counts);
        tally_total_init(&x->total[i], &x->shared.of[i]);
    }
    test_shared_open(&x->shared);
}

static void end(struct tallies *x)
{
    test_shared_end(&x->shared);
}

static void counts_add_up_over_processes(void)
{
    struct tallies x;
    uint64_t ada, ben;

    begin(&x, 3, 100, 2);
    ada = net_shared_tag(&x.shared.of[0], STR("ada"));
    ben = net_shared_tag(&x.shared.of[2], STR("ben"));
    tally_add(&x.t[0], ada, 0, 1);
    tally_add(&x.t[1], ada, 0, 2);
    tally_add(&x.t[2], ada, 1, 40);
    tally_add(&x.t[2], ben, 0, 7);
    for (int i = 0; i < 3; i++) {
        CHECK_U64(tally_sum(&x.t[i], ada, 0, 0), 3);
        CHECK_U64(tally_sum(&x.t[i], ada, 1, 0), 40);
        CHECK_U64(tally_sum(&x.t[i], ben, 0, 0), 7);
        CHECK_U64(tally_sum(&x.t[i], ada + 1, 0, 0), 0);
        tally_total_add(&x.total[i], 10);
    }
    CHECK_U64(tally_own(&x.t[1], ada, 0), 2);
    CHECK_U64(tally_total_sum(&x.total[1]), 30);
    tally_total_subtract(&x.total[0], 4);
    tally_total_subtract(&x.total[2], 11); /* more than there is */
    CHECK_U64(tally_total_sum(&x.total[1]), 16);
    tally_subtract(&x.t[1], ada, 0, 5);
    CHECK(tally_sum(&x.t[0], ada, 0, 0) == 1 && x.t[1].used == 0);
    end(&x);
}

/* Tags that all name the same two buckets. */
static uint64_t meeting(uint64_t n)
{
    return n << 20 | n << 52 | 5ULL << 32 | 3;
}

static void keys_that_meet_have_places_and_then_are_counted_together(void)
{
    struct tallies x;

    begin(&x, 2, 1000, 1);
    for (uint64_t n = 1; n <= 16; n++)
        tally_add(&x.t[0], meeting(n), 0, n);
    for (uint64_t n = 1; n <= 16; n++)
        CHECK_U64(tally_sum(&x.t[1], meeting(n), 0, 0), n);
    CHECK_U64(x.t[0].used, 16);
    tally_add(&x.t[0], meeting(17), 0, 100);
    tally_add(&x.t[0], meeting(18), 0, 1);
    CHECK_U64(x.t[0].used, 16);
    CHECK_U64(tally_sum(&x.t[1], meeting(17), 0, 0), 101);
    CHECK_U64(tally_sum(&x.t[1], meeting(18), 0, 0), 101);
    CHECK_U64(tally_sum(&x.t[1], meeting(16), 0, 0), 16);
    tally_subtract(&x.t[0], meeting(18), 0, 1);
    tally_subtract(&x.t[0], meeting(17), 0, 100);
    CHECK_U64(tally_sum(&x.t[1], meeting(17), 0, 0), 0);
    tally_subtract(&x.t[0], meeting(3), 0, 3); /* its place is another's */
    tally_add(&x.t[0], meeting(17), 0, 5);
    CHECK(tally_sum(&x.t[1], meeting(17), 0, 0) == 5 && tally_sum(&x.t[1], meeting(3), 0, 0) == 0);
    CHECK_U64(tally_sum(&x.t[1], meeting(18), 0, 0), 0);
    end(&x);
}

static void a_full_table_counts_the_rest_together(void)
{
    struct tallies x;

    begin(&x, 1, 8000, 1);
    for (uint64_t n = 0; n < 8000; n++)
        tally_add(&x.t[0], random_u64() | 1, 0, 1);
    CHECK(x.t[0].used > 7990 &&
          head_of(&x.t[0], x.shared.of[0].own)[1] <= 1); /* all have a place */
    while (x.t[0].used < 8000)
        tally_add(&x.t[0], random_u64() | 1, 0, 1);
    tally_add(&x.t[0], 12345, 0, 1);
    tally_add(&x.t[0], 12346, 0, 1);
    CHECK_U64(x.t[0].used, 8000);
    CHECK(tally_sum(&x.t[0], 12345, 0, 0) >= 2);
    tally_restart(&x.t[0], 0);
    CHECK(x.t[0].used == 0 && tally_sum(&x.t[0], 12345, 0, 0) == 0);
    end(&x);
}

/* Against a model: random keys, in random processes, which now and then end and are started anew. */
static void a_random_history_is_counted_right(void)
{
    static uint64_t model[3][MODEL_KEYS];
    struct tallies x;
    uint64_t tags[MODEL_KEYS];
    bool right = true;

    begin(&x, 3, MODEL_KEYS, 1);
    memset(model, 0, sizeof model);
    for (int i = 0; i < MODEL_KEYS; i++)
        tags[i] = random_u64() | 1;
    for (int step = 0; step < 100000 && right; step++) {
        unsigned who = (unsigned)random_below(3), key = (unsigned)random_below(MODEL_KEYS), at;
        uint64_t n = random_below(5), want = 0;

        if (random_below(2000) == 0) {
            test_shared_again(&x.shared, who);
            tally_init(&x.t[who], &x.shared.of[who], MODEL_KEYS, 1);
            tally_total_init(&x.total[who], &x.shared.of[who]);
            test_shared_open_again(&x.shared, who);
            memset(model[who], 0, sizeof model[who]);
        } else if (random_below(2)) {
            tally_add(&x.t[who], tags[key], 0, n);
            model[who][key] += n;
        } else {
            n = n < model[who][key] ? n : model[who][key];
            tally_subtract(&x.t[who], tags[key], 0, n);
            model[who][key] -= n;
        }
        at = (unsigned)random_below(MODEL_KEYS);
        for (int i = 0; i < 3; i++)
            want += model[i][at];
        right = tally_sum(&x.t[random_below(3)], tags[at], 0, 0) == want;
    }
    CHECK(right);
    end(&x);
}

static void counts_of_another_time_are_none(void)
{
    struct tallies x;
    struct stat st;

    begin(&x, 2, 1000, 5);
    tally_restart(&x.t[0], 8);
    tally_restart(&x.t[1], 8);
    for (uint64_t tag = 1; tag < 800; tag++)
        tally_add(&x.t[1], random_u64() | 1, 4, 6);
    tally_add(&x.t[1], 77, 4, 6);
    CHECK_U64(tally_sum(&x.t[0], 77, 4, 8), 6);
    CHECK_U64(tally_sum(&x.t[0], 77, 4, 9), 0);
    CHECK(fstat(x.shared.shown[1], &st) == 0 && st.st_blocks > 80);
    tally_restart(&x.t[1], 9);
    CHECK(fstat(x.shared.shown[1], &st) == 0 && st.st_blocks <= 16); /* the memory is given back */
    CHECK_U64(tally_sum(&x.t[0], 77, 4, 8), 0);
    CHECK_U64(tally_sum(&x.t[0], 77, 4, 9), 0);
    CHECK_U64(tally_stamp(&x.t[1]), 9);
    end(&x);
}

static void a_sibling_that_lies_lies_about_itself(void)
{
    struct tallies x;

    begin(&x, 4, 100, 2);
    tally_add(&x.t[0], 50, 0, 3);
    for (unsigned i = 1; i < 4; i++)
        memset(x.shared.of[i].own, 0xff, x.shared.of[i].size);
    CHECK_U64(tally_sum(&x.t[0], 50, 0, 0), 3); /* of another time, as its stamp says */
    for (unsigned i = 1; i < 4; i++)
        net_shared_store(x.shared.of[i].own + x.t[i].at, 0);
    CHECK_U64(tally_sum(&x.t[0], 50, 0, 0), 3 + 3 * SIBLING_MOST); /* no overflow */
    CHECK_U64(tally_sum(&x.t[0], UINT64_MAX, 0, 0), 3 * SIBLING_MOST);
    CHECK(tally_total_sum(&x.total[0]) == 3 * SIBLING_MOST && tally_own(&x.t[0], 50, 0) == 3);
    end(&x);
}

/* It writes what it likes, whenever it likes: sums stay within what it may say. */
static void a_sibling_that_scribbles_disturbs_nobody(void)
{
    struct tallies x;
    bool bounded = true;
    pid_t pid;

    begin(&x, 2, 1000, 1);
    tally_add(&x.t[0], 50, 0, 3);
    pid = fork();
    if (pid == 0)
        for (;;)
            net_shared_store(x.shared.of[1].own + random_below(x.shared.of[1].size / 8) * 8,
                             random_u64());
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t n = tally_sum(&x.t[0], i % 2 ? 50 : i, 0, 0);

        bounded = bounded && n <= 3 + SIBLING_MOST && (i % 2 == 0 || n >= 3);
    }
    CHECK(bounded && tally_own(&x.t[0], 50, 0) == 3);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    end(&x);
}

/* Counted first and looked at then, one of two always sees the other: never are two within where one may be. */
static void race_for_one_place(struct tally *t, uint64_t *within, uint64_t *twice, uint64_t *got)
{
    while (net_shared_load(got) < RACE_WINS) {
        tally_add(t, 50, 0, 1);
        if (tally_sum(t, 50, 0, 0) == 1) {
            if (atomic_fetch_add((_Atomic uint64_t *)within, 1) != 0)
                net_shared_store(twice, 1);
            net_shared_store(got, net_shared_load(got) + 1);
            atomic_fetch_sub((_Atomic uint64_t *)within, 1);
        }
        tally_subtract(t, 50, 0, 1);
        if (random_below(50) == 0)
            sched_yield(); /* the other may have been stopped within */
    }
}

static void two_processes_never_both_get_the_last_place(void)
{
    struct tallies x;
    uint64_t *seen;
    int status = -1;
    pid_t pid;

    begin(&x, 3, 100, 1);
    seen =
        (uint64_t *)(void *)(x.shared.of[2].own + x.total[2].at); /* a line that nobody counts in */
    pid = fork();
    if (pid == 0) {
        race_for_one_place(&x.t[1], seen, seen + 1, seen + 2);
        _exit(0);
    }
    race_for_one_place(&x.t[0], seen, seen + 1, seen + 3);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_U64(seen[1], 0);
    CHECK(seen[2] == RACE_WINS && seen[3] == RACE_WINS);
    end(&x);
}

int main(void)
{
    RUN(counts_add_up_over_processes);
    RUN(keys_that_meet_have_places_and_then_are_counted_together);
    RUN(a_full_table_counts_the_rest_together);
    RUN(a_random_history_is_counted_right);
    RUN(counts_of_another_time_are_none);
    RUN(a_sibling_that_lies_lies_about_itself);
    RUN(a_sibling_that_scribbles_disturbs_nobody);
    RUN(two_processes_never_both_get_the_last_place);
    return test_end();
}
