/* net/timer.c: a binary heap of timers by due time. */
#include "net/timer.h"

#include "base/clock.h"
#include "base/vec.h"

#include <event2/event.h>

/* libevent waits on a clock that stands still while the machine sleeps, and deadlines do not: it is
 * asked to look again now and then. */
#define WAIT_MOST_US (60LL * 1000000)

struct timers {
    struct event *wake; /* NULL: without a loop */
    struct vec heap;    /* of struct timer *, the first due is item 0 */
    int64_t run_us; /* while timers_run runs: what is set for this time waits for the next run */
};

static struct timer **item_at(const struct timers *t, size_t i)
{
    return vec_at(&t->heap, i);
}

static void put_at(struct timers *t, size_t i, struct timer *timer)
{
    *item_at(t, i) = timer;
    timer->place = i + 1;
}

static void move_up(struct timers *t, size_t i, struct timer *timer)
{
    while (i > 0 && (*item_at(t, (i - 1) / 2))->due_us > timer->due_us) {
        put_at(t, i, *item_at(t, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    put_at(t, i, timer);
}

static void move_down(struct timers *t, size_t i, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < t->heap.n &&
            (*item_at(t, child + 1))->due_us < (*item_at(t, child))->due_us)
            child++;
        if (child >= t->heap.n || (*item_at(t, child))->due_us >= timer->due_us)
            break;
        put_at(t, i, *item_at(t, child));
        i = child;
    }
    put_at(t, i, timer);
}

static void heap_remove(struct timers *t, struct timer *timer)
{
    size_t i = timer->place - 1;
    struct timer *last = *item_at(t, t->heap.n - 1);

    vec_remove(&t->heap, t->heap.n - 1);
    timer->place = 0;
    if (last == timer)
        return;
    if (i > 0 && (*item_at(t, (i - 1) / 2))->due_us > last->due_us)
        move_up(t, i, last);
    else
        move_down(t, i, last);
}

int64_t timers_next_us(const struct timers *t)
{
    int64_t left;

    if (t->heap.n == 0)
        return -1;
    left = (*item_at(t, 0))->due_us - clock_boot_us();
    return left > 0 ? left : 0;
}

/* Has the loop wake for the first timer. */
static void plan_wake(struct timers *t)
{
    int64_t left = timers_next_us(t);
    struct timeval tv;

    if (!t->wake || t->run_us)
        return;
    if (left < 0) {
        event_del(t->wake);
        return;
    }
    if (left > WAIT_MOST_US)
        left = WAIT_MOST_US;
    tv = (struct timeval){.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    evtimer_add(t->wake, &tv);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    timers_run(arg);
}

struct timers *timers_create(struct event_base *base)
{
    struct timers *t = mem_zalloc(sizeof *t);

    vec_init(&t->heap, sizeof(struct timer *));
    if (base)
        t->wake = evtimer_new(base, on_wake, t);
    return t;
}

void timers_destroy(struct timers *t)
{
    if (!t)
        return;
    if (t->wake)
        event_free(t->wake);
    vec_done(&t->heap);
    mem_free(t);
}

void timers_run(struct timers *t)
{
    t->run_us = clock_boot_us();
    while (t->heap.n && (*item_at(t, 0))->due_us <= t->run_us) {
        struct timer *timer = *item_at(t, 0);

        heap_remove(t, timer);
        timer->fn(timer->arg);
    }
    t->run_us = 0;
    plan_wake(t);
}

void timer_init(struct timer *timer, struct timers *t, timer_fn fn, void *arg)
{
    *timer = (struct timer){.timers = t, .fn = fn, .arg = arg};
}

void timer_set(struct timer *timer, int64_t after_us)
{
    struct timers *t = timer->timers;

    timer_stop(timer);
    timer->due_us = clock_boot_us() + after_us;
    if (t->run_us && timer->due_us <= t->run_us)
        timer->due_us = t->run_us + 1;
    vec_add(&t->heap);
    move_up(t, t->heap.n - 1, timer);
    if (timer->place == 1)
        plan_wake(t);
}

void timer_stop(struct timer *timer)
{
    if (timer->place)
        heap_remove(timer->timers, timer);
}

bool timer_is_set(const struct timer *timer)
{
    return timer->place != 0;
}
