/* net/timer.h: deadlines. A timer calls its owner once, when CLOCK_BOOTTIME (base/clock.h) has reached its due time. One
 * event of the loop serves all timers of a process. A test with a clock of its own moves that clock and calls timers_run.
 *
 *     timer_init(&c->timeout, timers, on_timeout, c);
 *     timer_set(&c->timeout, 30 * 1000000);
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include "base/base.h"

struct event_base;
struct timers;

typedef void (*timer_fn)(void *arg);

/* Embedded in its owner, who stops it before the memory goes. */
struct timer {
    struct timers *timers;
    timer_fn fn;
    void *arg;
    int64_t due_us; /* CLOCK_BOOTTIME */
    size_t place;   /* in the heap, counted from 1; 0: not set */
};

/* The timers of one loop. base NULL: there is none, the owner calls timers_run. */
struct timers *timers_create(struct event_base *base);
/* The timers themselves stay their owners': one that is still set must not be touched any more. NULL is fine. */
void timers_destroy(struct timers *t);
/* Calls what is due, in the order of due times; what a callback sets for now waits for the next run. A loop
 * (timers_create) calls this itself. */
void timers_run(struct timers *t);
/* Microseconds until the first is due: 0 when one is due now, -1 when none is set. */
int64_t timers_next_us(const struct timers *t);

/* Prepares a timer; it is not set. */
void timer_init(struct timer *timer, struct timers *t, timer_fn fn, void *arg);
/* Has fn called after so many microseconds (0: when the loop comes round). A timer that is set is moved. */
void timer_set(struct timer *timer, int64_t after_us);
/* Stops it; one that is not set, or is all zeros, stays as it is. */
void timer_stop(struct timer *timer);
bool timer_is_set(const struct timer *timer);

#endif
