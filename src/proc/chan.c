/* proc/chan.c: see chan.h. */
#include "proc/chan_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BATCH 64 /* messages, then other events get their turn */

struct packet { /* what the kernel has not taken */
    struct list_node node;
    struct str bytes; /* ours */
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
};

/* One thread, one message at a time. */
static char receive_buffer[LIMIT_MSG_BYTES], send_buffer[LIMIT_MSG_BYTES];

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

bool chan_pair(int fd[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0;
}

struct chan *chan_create(struct event_base *base, int fd, enum role self, enum role peer,
                         chan_fn fn, void *arg)
{
    struct chan *c = mem_zalloc(sizeof *c);

    evutil_make_socket_nonblocking(fd);
    *c = (struct chan){.fd = fd, .self = self, .peer = peer, .fn = fn, .arg = arg};
    c->read_ev = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write_ev = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    event_add(c->read_ev, NULL);
    return c;
}

static void packet_free(struct chan *c, struct packet *w)
{
    list_remove(&w->node);
    c->queued -= w->bytes.n;
    for (unsigned i = 0; i < w->nfds; i++)
        close(w->fd[i]);
    mem_wipe((char *)(uintptr_t)w->bytes.p, w->bytes.n);
    mem_free((char *)(uintptr_t)w->bytes.p);
    mem_free(w);
}

void chan_destroy(struct chan *c)
{
    struct packet *w;

    if (!c)
        return;
    if (c->destroyed)
        *c->destroyed = true;
    c->ended = true;
    call_chan_gone(c);
    while ((w = LIST_FIRST(&c->waiting, struct packet, node)))
        packet_free(c, w);
    event_free(c->read_ev);
    event_free(c->write_ev);
    close(c->fd);
    mem_free(c);
}

void chan_review(struct chan *c)
{
    bool paused = c->queued > LIMIT_CHAN_OWED || c->asked.n >= LIMIT_CHAN_ASKED;

    c->paused = paused;
    if (c->ended)
        return;
    if (c->deaf || paused)
        event_del(c->read_ev);
    else
        event_add(c->read_ev, NULL);
}

/* Tells the owner; true when it destroyed the channel. */
static bool tell(struct chan *c, struct msg *m)
{
    bool destroyed = false, *before = c->destroyed;

    c->destroyed = &destroyed;
    c->fn(c->arg, c, m);
    if (destroyed) {
        if (before)
            *before = true;
        return true;
    }
    c->destroyed = before;
    return false;
}

/* No more is read or written; the owner hears of it from the loop, never from within chan_send. */
static void end(struct chan *c)
{
    if (c->ended)
        return;
    c->ended = true;
    event_del(c->write_ev);
    event_active(c->read_ev, EV_READ, 0);
}

enum put { PUT_DONE, PUT_WAIT, PUT_BROKEN };

static enum put put(struct chan *c, struct str bytes, const int *fd, unsigned nfds)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * LIMIT_MSG_FDS)];
        struct cmsghdr align;
    } control = {0};
    struct iovec v = {(char *)(uintptr_t)bytes.p, bytes.n};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};

    if (nfds) {
        struct cmsghdr *cm = &control.align;

        h.msg_control = control.space;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(cm), fd, sizeof(int) * nfds);
    }
    for (;;) {
        if (sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return PUT_DONE;
        if (errno == EINTR)
            continue;
        /* ETOOMANYREFS: too many descriptors are on their way; it passes. */
        return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS ? PUT_WAIT : PUT_BROKEN;
    }
}

static bool enqueue(struct chan *c, struct str bytes, const struct msg *m)
{
    struct packet *w;

    if (c->queued + bytes.n > LIMIT_CHAN_QUEUE)
        return false;
    w = mem_zalloc(sizeof *w);
    w->bytes = str_of(str_dup_c(bytes), bytes.n);
    for (unsigned i = 0; i < m->nfds; i++) {
        w->fd[i] = fcntl(m->fd[i], F_DUPFD_CLOEXEC, 3);
        if (w->fd[i] < 0)
            break;
        w->nfds++;
    }
    list_append(&c->waiting, &w->node);
    c->queued += bytes.n;
    event_add(c->write_ev, NULL);
    if (c->queued > LIMIT_CHAN_OWED && !c->paused)
        chan_review(c);
    return w->nfds == m->nfds;
}

bool chan_put(struct chan *c, const struct msg *m)
{
    struct error err;
    struct buf b;
    bool ok;

    if (!msg_allowed(m->type, c->self, c->peer))
        panic("%s may not send %s to %s", role_name(c->self), msg_name(m->type),
              role_name(c->peer));
    if (c->ended)
        return false;
    b = (struct buf){.p = send_buffer, .cap = sizeof send_buffer, .max = sizeof send_buffer};
    ok = msg_print(&b, m, &err);
    if (ok) {
        enum put did = c->waiting.n ? PUT_WAIT : put(c, buf_view(&b), m->fd, m->nfds);

        if (did == PUT_BROKEN || (did == PUT_WAIT && !enqueue(c, buf_view(&b), m))) {
            end(c);
            ok = false;
        }
    }
    mem_wipe(send_buffer, b.n); /* it may have held a password or a key */
    return ok;
}

bool chan_send(struct chan *c, const struct msg *m)
{
    if (msg_call_of(m->type))
        panic("%s goes by proc/call.h", msg_name(m->type));
    return chan_put(c, m);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct chan *c = arg;
    struct packet *w;

    (void)fd, (void)what;
    while ((w = LIST_FIRST(&c->waiting, struct packet, node))) {
        enum put did = put(c, w->bytes, w->fd, w->nfds);

        if (did == PUT_WAIT)
            return;
        if (did == PUT_BROKEN) {
            end(c);
            return;
        }
        packet_free(c, w);
    }
    event_del(c->write_ev);
    if (c->paused)
        chan_review(c);
    call_send_waiting(c);
}

void chan_flush(struct chan *c, int ms)
{
    int64_t until_us = clock_boot_us() + ms * 1000LL, left;

    while (c->waiting.n && !c->ended && (left = until_us - clock_boot_us()) > 0) {
        struct pollfd p = {.fd = c->fd, .events = POLLOUT};
        size_t before = c->waiting.n;

        if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
            return;
        on_writable(c->fd, EV_WRITE, c);
        if (c->waiting.n ==
            before) /* too many descriptors are on their way: others must read first */
            poll(NULL, 0, 1);
    }
}

/* CMSG_SPACE rounds up to 8 bytes: with an odd number the kernel would give one descriptor more than fd has room for. */
_Static_assert(LIMIT_MSG_FDS % 2 == 0, "an even number of descriptors");

/* Takes the descriptors of a received message. */
static void take_fds(struct msghdr *h, int fd[LIMIT_MSG_FDS], unsigned *n)
{
    *n = 0;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
        if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS) {
            *n = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(fd, CMSG_DATA(cm), *n * sizeof(int));
        }
    }
}

void chan_break(struct chan *c, const char *what, const char *name)
{
    struct log_line l;

    log_begin(&l, LOG_CHANNEL_BROKEN, STR_NULL);
    log_c(&l, "peer", role_name(c->peer));
    log_c(&l, "message", name);
    log_c(&l, "what", what);
    log_end(&l);
    c->broken = true;
    end(c);
}

struct received {
    struct str bytes;
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
    int flags; /* of recvmsg */
};

/* What is wrong with a message that was read, NULL: nothing. lost: this process has no descriptors
 * left, so that the kernel has dropped those of the message. */
static const char *fault_of(const struct chan *c, const struct received *r, const struct msg *m,
                            bool *lost)
{
    *lost = false;
    if (!msg_allowed(m->type, c->peer, c->self))
        return "this peer may not send it";
    if ((r->flags & MSG_CTRUNC) && r->nfds < m->nfds) {
        *lost = true;
        return NULL;
    }
    if (m->nfds != r->nfds || (r->flags & MSG_CTRUNC))
        return "not the descriptors that it names";
    return NULL;
}

/* Hands a message on. True when the owner destroyed the channel. */
static bool hand_on(struct chan *c, struct msg *m, bool lost)
{
    const struct msg_call *call = msg_call_of(m->type);
    bool gone = false, *before = c->destroyed;

    if (lost) {
        call_refuse(c, m);
    } else if (call && call->tell == m->type) {
        c->destroyed = &gone;
        call_take_answer(c, m);
        if (gone && before)
            *before = true;
        else if (!gone)
            c->destroyed = before;
    } else {
        gone = tell(c, m);
    }
    return gone;
}

/* Parses and hands on one message. True when the owner destroyed the channel. */
static bool handle(struct chan *c, struct received *r)
{
    struct arena arena;
    struct error err = {0};
    struct msg m = {0};
    bool gone = false, lost = false;
    const char *fault;

    arena_init(&arena, LIMIT_MSG_BYTES * 8);
    if (r->flags & MSG_TRUNC)
        chan_break(c, "too large", "?");
    else if (!msg_parse(r->bytes, &arena, &m, &err))
        chan_break(c, err.text, "?");
    else if ((fault = fault_of(c, r, &m, &lost)))
        chan_break(c, fault, msg_name(m.type));
    else {
        for (unsigned i = 0; i < LIMIT_MSG_FDS; i++) /* one that did not come is none, not 0 */
            m.fd[i] = i < r->nfds ? r->fd[i] : -1;
        gone = hand_on(c, &m, lost);
        memcpy(r->fd, m.fd, r->nfds * sizeof *r->fd);
    }
    for (unsigned i = 0; i < r->nfds; i++)
        if (r->fd[i] >= 0)
            close(r->fd[i]);
    arena_done(&arena);
    return gone;
}

/* Reads one message: 1 when there was one, 0 when there is none, -1 at the end. */
static int receive(struct chan *c, struct received *r)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * LIMIT_MSG_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec v = {receive_buffer, sizeof receive_buffer};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    ssize_t n;

    do
        n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return -1;
    take_fds(&h, r->fd, &r->nfds);
    r->bytes = str_of(receive_buffer, (size_t)n);
    r->flags = h.msg_flags;
    return 1;
}

/* True when there may be more; false when there is none, or the channel has ended (and is perhaps gone). */
static bool read_batch(struct chan *c)
{
    for (int i = 0; i < READ_BATCH && !c->ended && !c->paused && !c->deaf; i++) {
        struct received r;
        int got = receive(c, &r);

        if (got == 0)
            return false;
        if (got < 0)
            c->ended = true;
        else if (handle(c, &r))
            return false;
    }
    if (!c->ended)
        return !c->paused && !c->deaf;
    event_del(c->read_ev);
    event_del(c->write_ev);
    tell(c, NULL);
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    read_batch(arg);
}

void chan_set_reading(struct chan *c, bool on)
{
    c->deaf = !on;
    chan_review(c);
}

void chan_read_now(struct chan *c)
{
    while (read_batch(c))
        ;
}

enum role chan_peer(const struct chan *c)
{
    return c->peer;
}

bool chan_idle(const struct chan *c)
{
    return c->waiting.n == 0;
}

bool chan_is_broken(const struct chan *c)
{
    return c->broken;
}

int chan_fd(const struct chan *c)
{
    return c->fd;
}
