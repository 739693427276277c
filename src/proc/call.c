/* proc/call.c: see call.h.
 *
 *     UNSENT ------ the role has a channel, and it takes ------> SENT -- answer, deadline --> told
 *        ^  (waits in the channel's list, or for the role)         |
 *        +---- its channel ended, and it may be asked again -------+
 *              (else it fails, told from the loop)
 */
#include "proc/call.h"

#include "base/clock.h"
#include "base/map.h"
#include "proc/chan_int.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum call_state { CALL_UNSENT, CALL_SENT, CALL_FAILED };

struct call {
    struct list_node node;     /* of its channel's calls or unsent, or of calls->homeless */
    struct list_node all_node; /* of calls->all */
    struct calls *calls;
    struct chan *chan; /* NULL: the role is away */
    const struct msg_call *what;
    enum call_state state;
    uint64_t id;
    enum role role; /* 0: no successor is asked */
    call_told_fn told;
    call_any_fn fn;
    void *arg;
    struct timer deadline;
    char *bytes; /* the packed question, while it may have to be sent */
    size_t n;
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
};

struct calls {
    struct timers *timers;
    struct map by_id;
    struct list all;      /* in their order */
    struct list homeless; /* for roles that are away */
    uint64_t last_id;
};

struct calls *calls_create(struct timers *timers)
{
    struct calls *c = mem_zalloc(sizeof *c);

    c->timers = timers;
    map_init(&c->by_id);
    return c;
}

void calls_unlike_predecessor(struct calls *c)
{
    uint64_t now_us = (uint64_t)clock_boot_us();

    if (c->last_id < now_us)
        c->last_id = now_us;
}

static void drop_copy(struct call *k)
{
    for (unsigned i = 0; i < k->nfds; i++)
        close(k->fd[i]);
    k->nfds = 0;
    if (k->bytes)
        mem_wipe(k->bytes, k->n);
    mem_free(k->bytes);
    k->bytes = NULL;
}

static void call_free(struct call *k)
{
    timer_stop(&k->deadline);
    list_remove(&k->node);
    list_remove(&k->all_node);
    map_remove_u64(&k->calls->by_id, k->id);
    drop_copy(k);
    mem_free(k);
}

void calls_destroy(struct calls *c)
{
    struct call *k;

    if (!c)
        return;
    while ((k = LIST_FIRST(&c->all, struct call, all_node)))
        call_free(k);
    map_done(&c->by_id);
    mem_free(c);
}

void calls_forget(struct calls *c, uint64_t id)
{
    struct call *k = map_find_u64(&c->by_id, id);

    if (k)
        call_free(k);
}

size_t calls_waiting(const struct calls *c)
{
    return c->all.n;
}

/* Told from the loop that nobody answers, whatever else comes. */
static void call_fail(struct call *k)
{
    k->state = CALL_FAILED;
    k->chan = NULL;
    list_remove(&k->node);
    timer_set(&k->deadline, 0);
}

static void on_call_deadline(void *arg)
{
    struct call *k = arg;
    struct msg m = {.type = k->what->tell, .fd = {-1, -1, -1, -1}};
    call_told_fn told = k->told;
    call_any_fn fn = k->fn;

    m.any_tell.error = (struct msg_error){ERROR_TEMPORARY, str_c(k->what->words)};
    arg = k->arg;
    call_free(k);
    told(fn, arg, &m);
}

/* A copy for sending later, descriptors as well. False: it does not fit, or there are none left. */
static bool keep_copy(struct call *k, const struct msg *m)
{
    struct error err;
    struct buf b;

    if (k->bytes)
        return true;
    buf_init(&b, LIMIT_MSG_BYTES);
    if (!msg_print(&b, m, &err)) {
        buf_done(&b);
        return false;
    }
    k->bytes = b.p;
    k->n = b.n;
    for (unsigned i = 0; i < m->nfds; i++) {
        k->fd[i] = fcntl(m->fd[i], F_DUPFD_CLOEXEC, 3);
        if (k->fd[i] < 0) { /* sent without it, the message would end the channel for all */
            drop_copy(k);
            return false;
        }
        k->nfds++;
    }
    return true;
}

/* Whether the channel takes a question at once, with none ahead of it. */
static bool is_free(const struct chan *c)
{
    return c && !c->ended && c->waiting.n == 0 && c->unsent.n == 0;
}

static void call_sent(struct call *k, struct chan *c)
{
    k->state = CALL_SENT;
    k->chan = c;
    list_remove(&k->node);
    list_append(&c->calls, &k->node);
}

static void call_wait(struct call *k, struct chan *c)
{
    k->state = CALL_UNSENT;
    k->chan = c;
    list_remove(&k->node);
    list_append(c ? &c->unsent : &k->calls->homeless, &k->node);
}

/* Where a question goes first; false: nowhere. */
static bool call_begin(struct call *k, struct call_to to, struct msg *m)
{
    struct chan *c = to.chan && to.chan->ended ? NULL : to.chan;
    bool waits = !is_free(c);

    if (!c && !to.role)
        return false;
    if ((waits || (k->what->again && k->role)) && !keep_copy(k, m))
        return false;
    if (waits) {
        call_wait(k, c);
    } else if (chan_put(c, m)) {
        call_sent(k, c);
    } else if (c->ended && k->bytes) { /* just now */
        call_wait(k, NULL);
    } else {
        return false;
    }
    return true;
}

uint64_t calls_ask(struct call_to to, struct msg *m, const struct call_fds *fds, call_told_fn told,
                   call_any_fn fn, void *arg)
{
    struct calls *c = to.calls;
    struct call *k = mem_zalloc(sizeof *k);

    m->nfds = fds ? fds->n : 0;
    for (unsigned i = 0; i < m->nfds; i++)
        m->fd[i] = fds->fd[i];
    m->any_ask.id = ++c->last_id;
    *k = (struct call){.calls = c,
                       .what = msg_call_of(m->type),
                       .id = m->any_ask.id,
                       .role = to.role,
                       .told = told,
                       .fn = fn,
                       .arg = arg};
    list_append(&c->all, &k->all_node);
    map_put_u64(&c->by_id, k->id, k);
    timer_init(&k->deadline, c->timers, on_call_deadline, k);
    timer_set(&k->deadline, (int64_t)k->what->ms * 1000);
    if (!call_begin(k, to, m))
        call_fail(k);
    return m->any_ask.id;
}

/* From its copy. False: the channel has ended. */
static bool send_copy(struct call *k, struct chan *c)
{
    struct arena arena;
    struct msg m;
    bool ok;

    arena_init(&arena, LIMIT_MSG_BYTES * 8);
    ok = msg_parse(str_of(k->bytes, k->n), &arena, &m, NULL);
    memcpy(m.fd, k->fd, sizeof m.fd);
    ok = ok && chan_put(c, &m);
    arena_done(&arena);
    if (ok) {
        call_sent(k, c);
        if (!k->what->again || !k->role)
            drop_copy(k);
    }
    return ok;
}

void call_send_waiting(struct chan *c)
{
    struct call *k;

    while (c->waiting.n == 0 && (k = LIST_FIRST(&c->unsent, struct call, node)))
        if (!send_copy(k, c))
            return;
}

void calls_peer_new(struct calls *c, enum role role, struct chan *chan)
{
    struct call *k, *next;

    LIST_EACH_SAFE(k, next, &c->homeless, node)
        if (k->role == role)
            call_wait(k, chan);
    call_send_waiting(chan);
}

/* Questions over this channel wait for a successor where they may, in their order; the others fail. */
static void leave_channel(struct list *l)
{
    struct call *k;

    while ((k = LIST_FIRST(l, struct call, node))) {
        if (k->role && k->bytes)
            call_wait(k, NULL);
        else
            call_fail(k);
    }
}

void call_chan_gone(struct chan *c)
{
    struct asked *a;

    leave_channel(&c->calls);
    leave_channel(&c->unsent);
    while ((a = LIST_FIRST(&c->asked, struct asked, node)))
        asked_forget(a);
}

void call_take_answer(struct chan *c, struct msg *m)
{
    struct calls *calls;
    struct call *k = LIST_FIRST(&c->calls, struct call, node);
    call_told_fn told;
    call_any_fn fn;
    void *arg;

    if (!k) /* nobody waits on this channel: late, or made up; either is worth nothing */
        return;
    calls = k->calls;
    k = map_find_u64(&calls->by_id, m->any_tell.id);
    if (!k || k->state == CALL_FAILED)
        return;
    if (k->state != CALL_SENT || k->chan != c || k->what->tell != m->type) {
        chan_break(c, "an answer to what was not asked of it", msg_name(m->type));
        return;
    }
    told = k->told;
    fn = k->fn;
    arg = k->arg;
    call_free(k);
    if (m->nfds == 0)
        m->fd[0] = -1;
    told(fn, arg, m);
}

/* ---- the one who is asked ---- */

void asked_take(struct asked *a, struct chan *c, const struct msg *m)
{
    *a = (struct asked){.chan = c, .id = m->any_ask.id, .tell = msg_call_of(m->type)->tell};
    list_append(&c->asked, &a->node);
    if (c->asked.n >= LIMIT_CHAN_ASKED)
        chan_review(c);
}

bool asked_waits(const struct asked *a)
{
    return a->chan != NULL;
}

void asked_forget(struct asked *a)
{
    struct chan *c = a->chan;

    list_remove(&a->node);
    a->chan = NULL;
    if (c && c->paused)
        chan_review(c);
}

void asked_move(struct asked *to, struct asked *from)
{
    *to = (struct asked){.chan = from->chan, .id = from->id, .tell = from->tell};
    if (!from->chan)
        return;
    list_remove(&from->node);
    list_append(&to->chan->asked, &to->node);
    *from = (struct asked){0};
}

void asked_answer(struct asked *a, struct msg *m, int fd)
{
    struct chan *c = a->chan;

    if (!c)
        return;
    if (a->tell != m->type)
        panic("%s is not an answer to what was asked", msg_name(m->type));
    m->any_tell.id = a->id;
    m->nfds = fd >= 0;
    m->fd[0] = fd;
    asked_forget(a);
    chan_put(c, m);
}

void call_refuse(struct chan *c, const struct msg *m)
{
    const struct msg_call *call = msg_call_of(m->type);
    struct msg out = {0};

    if (!call || call->ask != m->type)
        return;
    out.type = call->tell;
    out.any_tell.id = m->any_ask.id;
    out.any_tell.error =
        (struct msg_error){ERROR_TEMPORARY, STR("this process has no descriptors left; try again")};
    chan_put(c, &out);
}
