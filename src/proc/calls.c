/* proc/calls.c: see calls.h. One timer ticks while anything waits. */
#include "proc/calls.h"

#include "base/clock.h"
#include "base/map.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TICK_US 100000

struct call {
    struct call *next, *prev;
    uint64_t id;
    enum role to;
    int64_t deadline_us;
    call_fn fn;
    void *arg;
    char *bytes; /* the packed request, when it may be sent again or was not sent yet */
    size_t n;
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
    bool failed; /* told at the next tick */
};

struct calls {
    struct event *tick;
    struct map by_id;
    struct call *first;
    uint64_t next_id;
    bool ticking;
};

static void on_tick(evutil_socket_t fd, short what, void *arg);

struct calls *calls_create(struct event_base *base)
{
    struct calls *c = mem_zalloc(sizeof *c);

    map_init(&c->by_id);
    c->tick = evtimer_new(base, on_tick, c);
    return c;
}

static void start_tick(struct calls *c, int64_t us)
{
    struct timeval t = {.tv_usec = us};

    if (c->ticking && us)
        return;
    c->ticking = true;
    evtimer_add(c->tick, &t);
}

static void unlink_call(struct calls *c, struct call *k)
{
    if (k->prev)
        k->prev->next = k->next;
    else
        c->first = k->next;
    if (k->next)
        k->next->prev = k->prev;
    map_remove_u64(&c->by_id, k->id);
}

static void free_call(struct call *k)
{
    for (unsigned i = 0; i < k->nfds; i++)
        close(k->fd[i]);
    if (k->bytes)
        mem_wipe(k->bytes, k->n);
    mem_free(k->bytes);
    mem_free(k);
}

void calls_destroy(struct calls *c)
{
    if (!c)
        return;
    while (c->first) {
        struct call *k = c->first;

        unlink_call(c, k);
        free_call(k);
    }
    event_free(c->tick);
    map_done(&c->by_id);
    mem_free(c);
}

uint64_t calls_next_id(struct calls *c)
{
    return ++c->next_id;
}

static void keep_request(struct call *k, const struct msg *m)
{
    struct error err;
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    if (msg_print(&b, m, &err)) {
        k->bytes = b.p;
        k->n = b.n;
        for (unsigned i = 0; i < m->nfds; i++) {
            k->fd[i] = fcntl(m->fd[i], F_DUPFD_CLOEXEC, 3);
            if (k->fd[i] < 0) { /* sent without it, the message would end the channel for all */
                k->failed = true;
                break;
            }
            k->nfds++;
        }
        return;
    }
    buf_done(&b);
    k->failed = true;
}

void calls_send(struct calls *c, struct chan *chan, enum role to, uint64_t id, const struct msg *m,
                uint64_t timeout_ms, bool again, call_fn fn, void *arg)
{
    struct call *k = mem_zalloc(sizeof *k);

    *k = (struct call){.id = id,
                       .to = to,
                       .fn = fn,
                       .arg = arg,
                       .next = c->first,
                       .deadline_us = clock_boot_us() + (int64_t)timeout_ms * 1000};
    if (c->first)
        c->first->prev = k;
    c->first = k;
    map_put_u64(&c->by_id, id, k);
    if (again || !chan)
        keep_request(k, m);
    if (chan && !chan_send(chan, m) && !again)
        k->failed = true;
    start_tick(c, k->failed ? 0 : TICK_US);
}

bool calls_answer(struct calls *c, uint64_t id, struct msg *m)
{
    struct call *k = map_find_u64(&c->by_id, id);
    call_fn fn;
    void *arg;

    if (!k)
        return false;
    fn = k->fn;
    arg = k->arg;
    unlink_call(c, k);
    free_call(k);
    fn(arg, m);
    return true;
}

void calls_forget(struct calls *c, uint64_t id)
{
    struct call *k = map_find_u64(&c->by_id, id);

    if (!k)
        return;
    unlink_call(c, k);
    free_call(k);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct calls *c = arg;
    int64_t now = clock_boot_us();
    bool more = true;

    (void)fd, (void)what;
    c->ticking = false;
    while (more) { /* a callback may change the list: begin anew after each */
        more = false;
        for (struct call *k = c->first; k; k = k->next) {
            if (k->failed || k->deadline_us <= now) {
                more = calls_answer(c, k->id, NULL);
                break;
            }
        }
    }
    if (c->first)
        start_tick(c, TICK_US);
}

void calls_peer_lost(struct calls *c, enum role role)
{
    for (struct call *k = c->first; k; k = k->next) {
        if (k->to == role && !k->bytes) {
            k->failed = true;
            start_tick(c, 0);
        }
    }
}

void calls_peer_new(struct calls *c, enum role role, struct chan *chan)
{
    struct call *k = c->first, *next;

    /* The list has the newest first: go to its end and come back, so that the order of requests stays. */
    while (k && k->next)
        k = k->next;
    for (; k; k = next) {
        struct arena arena;
        struct msg m;

        next = k->prev;
        if (k->to != role || !k->bytes || k->failed)
            continue;
        arena_init(&arena, LIMIT_MSG_BYTES * 8);
        if (msg_parse(str_of(k->bytes, k->n), &arena, &m, NULL)) {
            memcpy(m.fd, k->fd, sizeof m.fd);
            chan_send(chan, &m);
        }
        arena_done(&arena);
    }
}

size_t calls_waiting(const struct calls *c)
{
    return c->by_id.n;
}
