/* net/timer_test.c: deadlines on a clock that the test moves, and on the loop's. */
#include "net/timer.c"

#include "base/random.h"
#include "base/test.h"

static int64_t now_us;

static int64_t boot_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = boot_clock, .boot_us = boot_clock};

struct caller {
    struct timer timer;
    int64_t called_us;
    unsigned calls;
};

static int64_t last_due;
static bool in_order;

static void on_due(void *arg)
{
    struct caller *c = arg;

    in_order = in_order && c->timer.due_us >= last_due;
    last_due = c->timer.due_us;
    c->called_us = now_us;
    c->calls++;
}

static void timers_are_called_once_in_the_order_of_their_due_times(void)
{
    static struct caller all[500];
    struct timers *t;
    unsigned stopped = 0, calls = 0;

    clock_set_source(&simulated);
    now_us = 1000;
    in_order = true;
    t = timers_create(NULL);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = (struct caller){0};
        timer_init(&all[i].timer, t, on_due, &all[i]);
        timer_set(&all[i].timer, (int64_t)random_below(10000));
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i += 3, stopped++)
        timer_stop(&all[i].timer);
    for (size_t i = 1; i < ARRAY_LEN(all); i += 3)
        timer_set(&all[i].timer, (int64_t)random_below(20000));
    for (; timers_next_us(t) >= 0; now_us += 37) {
        last_due = 0;
        timers_run(t);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        calls += all[i].calls;
        CHECK(all[i].calls <= 1 && (all[i].calls == 0) == (i % 3 == 0));
        if (all[i].calls)
            CHECK(all[i].called_us >= all[i].timer.due_us &&
                  all[i].called_us < all[i].timer.due_us + 37);
    }
    CHECK_U64(calls + stopped, ARRAY_LEN(all));
    CHECK(in_order);
    timers_destroy(t);
    clock_set_source(NULL);
}

static struct timers *shared;
static struct caller again;

static void on_again(void *arg)
{
    on_due(arg);
    timer_set(&again.timer, 0);
}

static void what_a_callback_sets_for_now_waits_for_the_next_run(void)
{
    clock_set_source(&simulated);
    now_us = 1000;
    shared = timers_create(NULL);
    again = (struct caller){0};
    timer_init(&again.timer, shared, on_again, &again);
    timer_set(&again.timer, 0);
    timers_run(shared);
    CHECK_U64(again.calls, 1);
    CHECK(timer_is_set(&again.timer));
    now_us++;
    timers_run(shared);
    CHECK_U64(again.calls, 2);
    timer_stop(&again.timer);
    CHECK(timers_next_us(shared) == -1);
    timers_destroy(shared);
    clock_set_source(NULL);
}

static void the_loop_wakes_for_the_first_timer(void)
{
    struct event_base *base = event_base_new();
    struct timers *t = timers_create(base);
    struct caller late = {0}, early = {0}, never = {0};

    timer_init(&late.timer, t, on_due, &late);
    timer_init(&early.timer, t, on_due, &early);
    timer_init(&never.timer, t, on_due, &never);
    timer_set(&late.timer, 20000);
    timer_set(&never.timer, 3600LL * 1000000);
    timer_set(&early.timer, 1000);
    while (!early.calls)
        event_base_loop(base, EVLOOP_ONCE);
    CHECK(!late.calls);
    while (!late.calls)
        event_base_loop(base, EVLOOP_ONCE);
    CHECK(!never.calls);
    timer_stop(&never.timer);
    timers_destroy(t);
    event_base_free(base);
}

/* The loop's clock stands while the machine sleeps, ours does not. */
static void the_loop_looks_at_the_clock_once_a_minute(void)
{
    struct event_base *base = event_base_new();
    struct timers *t = timers_create(base);
    struct caller late = {0};
    struct timeval now, wake;

    timer_init(&late.timer, t, on_due, &late);
    timer_set(&late.timer, 3600LL * 1000000);
    event_base_gettimeofday_cached(base, &now);
    CHECK(event_pending(t->wake, EV_TIMEOUT, &wake));
    CHECK(wake.tv_sec - now.tv_sec <= WAIT_MOST_US / 1000000 + 5);
    timer_stop(&late.timer);
    timers_destroy(t);
    event_base_free(base);
}

int main(void)
{
    RUN(timers_are_called_once_in_the_order_of_their_due_times);
    RUN(what_a_callback_sets_for_now_waits_for_the_next_run);
    RUN(the_loop_wakes_for_the_first_timer);
    RUN(the_loop_looks_at_the_clock_once_a_minute);
    return test_end();
}
