/* account/renew.c: a new address layout. A child that dies by a signal has perhaps shown an attacker
 * something of the layout that all children of this process share. So this process hands those that
 * run to the supervisor, a few at a time, and ends; the supervisor executes it anew and hands them
 * back (supervisor/supervisor_accounts.c). A child that was adopted has the layout of a process that is
 * no more: when it crashes there is nothing to renew.
 *
 * What peers ask meanwhile waits in their channels for our successor. Children that are ending are no
 * use to it: they are killed. */
#include "account/accounts_int.h"

#include "base/clock.h"

#define HAND_OVER_AT_ONCE 32
#define FLUSH_US 1000000 /* for all channels together */

static void on_handed_over(void *arg, struct msg_hand_over_tell *tell, int *fd)
{
    struct accounts *a = arg;

    (void)tell,
        (void)fd; /* one that was not taken ends by itself, when its channel is gone with us */
    a->handing--;
    renew_step(a);
}

static void hand_over(struct running *r)
{
    struct accounts *a = r->a;
    struct msg_hand_over_ask ask = {.account = r->account,
                                    .pid = (uint64_t)r->pid,
                                    .started = r->started,
                                    .probe = r->ping != 0 || timer_is_set(&r->probe),
                                    .busy_until = (uint64_t)r->busy_until_us};

    a->handing++;
    call_hand_over(call_over(a->p->calls, a->p->supervisor), &ask, CALL_FD(chan_fd(r->chan)),
                   on_handed_over, a);
    running_forget(r);
}

/* One that runs, and has got all that was sent to it. */
static struct running *next_to_hand_over(const struct accounts *a)
{
    struct running *r;
    size_t at = 0;

    while ((r = running_each(a, &at)))
        if (r->state == RUNNING && chan_idle(r->chan) && !r->reaped)
            return r;
    return NULL;
}

void renew_step(struct accounts *a)
{
    struct chan *keys = process_peer(a->p, ROLE_KEYS);
    struct running *r;

    if (!a->renewing)
        return;
    while (a->handing < HAND_OVER_AT_ONCE && (r = next_to_hand_over(a)))
        hand_over(r);
    if (a->handing)
        return;
    if (keys) /* a child that was just born waits for what was said of it there */
        chan_flush(keys, 1000);
    chan_flush(a->p->supervisor, 1000);
    process_end(a->p);
}

/* What is sent to children gets there, or they are killed; what they say from now on is for our successor. */
static void settle_children(struct accounts *a)
{
    int64_t until_us = clock_boot_us() + FLUSH_US, left;
    struct running *r;
    size_t at = 0;

    while ((r = running_each(a, &at))) {
        left = until_us - clock_boot_us();
        chan_set_reading(r->chan, false);
        if (r->state == RUNNING && left > 0)
            chan_flush(r->chan, (int)(left / 1000));
        if (r->state != RUNNING || !chan_idle(r->chan))
            running_kill(r);
    }
    LIST_EACH(r, &a->leaving, node)
        running_kill(r);
}

void renew_begin(struct accounts *a)
{
    struct process_peer *q;

    if (a->renewing || process_is_draining(a->p) || !a->p->supervisor)
        return;
    a->renewing = true;
    a->renewals++;
    LIST_EACH(q, &a->p->peers, node)
        chan_set_reading(q->chan, false);
    settle_children(a);
    renew_step(a);
}
