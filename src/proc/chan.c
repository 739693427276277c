/* proc/chan.c: see chan.h. */
#include "proc/chan.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BATCH 64 /* messages, then other events get their turn */

struct waiting {
    struct waiting *next;
    struct str bytes; /* ours */
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
};

struct chan {
    struct event *read_ev, *write_ev;
    int fd;
    enum role self, peer;
    chan_fn fn;
    void *arg;
    struct waiting *first, **last;
    size_t queued; /* bytes */
    bool ended;
    bool *destroyed; /* set while fn runs */
};

/* One thread, one message at a time. */
static char receive_buffer[LIMIT_MSG_BYTES], send_buffer[LIMIT_MSG_BYTES];

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

bool chan_pair(int fd[2], bool must)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0)
        return true;
    if (must)
        fatal("no sockets left: %s", strerror(errno));
    return false;
}

struct chan *chan_create(struct event_base *base, int fd, enum role self, enum role peer,
                         chan_fn fn, void *arg)
{
    struct chan *c = mem_zalloc(sizeof *c);

    evutil_make_socket_nonblocking(fd);
    *c = (struct chan){.fd = fd, .self = self, .peer = peer, .fn = fn, .arg = arg};
    c->last = &c->first;
    c->read_ev = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write_ev = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    event_add(c->read_ev, NULL);
    return c;
}

static void drop_first(struct chan *c)
{
    struct waiting *w = c->first;

    c->first = w->next;
    if (!c->first)
        c->last = &c->first;
    c->queued -= w->bytes.n;
    for (unsigned i = 0; i < w->nfds; i++)
        close(w->fd[i]);
    mem_wipe((char *)(uintptr_t)w->bytes.p, w->bytes.n);
    mem_free((char *)(uintptr_t)w->bytes.p);
    mem_free(w);
}

void chan_destroy(struct chan *c)
{
    if (!c)
        return;
    if (c->destroyed)
        *c->destroyed = true;
    while (c->first)
        drop_first(c);
    event_free(c->read_ev);
    event_free(c->write_ev);
    close(c->fd);
    mem_free(c);
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
    struct waiting *w;

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
    *c->last = w;
    c->last = &w->next;
    c->queued += bytes.n;
    event_add(c->write_ev, NULL);
    return w->nfds == m->nfds;
}

bool chan_send(struct chan *c, const struct msg *m)
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
        enum put did = c->first ? PUT_WAIT : put(c, buf_view(&b), m->fd, m->nfds);

        if (did == PUT_BROKEN || (did == PUT_WAIT && !enqueue(c, buf_view(&b), m))) {
            end(c);
            ok = false;
        }
    }
    mem_wipe(send_buffer, b.n); /* it may have held a password or a key */
    return ok;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct chan *c = arg;

    (void)fd, (void)what;
    while (c->first) {
        enum put did = put(c, c->first->bytes, c->first->fd, c->first->nfds);

        if (did == PUT_WAIT)
            return;
        if (did == PUT_BROKEN) {
            end(c);
            return;
        }
        drop_first(c);
    }
    event_del(c->write_ev);
}

void chan_flush(struct chan *c, int ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};

    while (c->first && !c->ended && poll(&p, 1, ms) > 0)
        on_writable(c->fd, EV_WRITE, c);
}

/* CMSG_SPACE rounds up to 8 bytes: with an odd number the kernel would give one descriptor more than fd has room for. */
_Static_assert(LIMIT_MSG_FDS % 2 == 0, "an even number of descriptors");

/* Takes the descriptors of a received message; false when there are more than we have room for. */
static bool take_fds(struct msghdr *h, int fd[LIMIT_MSG_FDS], unsigned *n)
{
    *n = 0;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
        if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS) {
            *n = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(fd, CMSG_DATA(cm), *n * sizeof(int));
        }
    }
    return !(h->msg_flags & (MSG_TRUNC | MSG_CTRUNC));
}

static void break_off(struct chan *c, const char *what, const char *name)
{
    struct log_line l;

    log_begin(&l, LOG_CHANNEL_BROKEN, STR_NULL);
    log_c(&l, "peer", role_name(c->peer));
    log_c(&l, "message", name);
    log_c(&l, "what", what);
    log_end(&l);
    c->ended = true;
}

/* Parses and hands on one message. True when the owner destroyed the channel. */
static bool handle(struct chan *c, struct str bytes, int *fd, unsigned nfds, bool whole)
{
    struct arena arena;
    struct error err = {0};
    struct msg m = {0};
    bool gone = false;

    arena_init(&arena, LIMIT_MSG_BYTES * 8);
    if (!whole)
        break_off(c, "too large, or too many descriptors", "?");
    else if (!msg_parse(bytes, &arena, &m, &err))
        break_off(c, err.text, "?");
    else if (m.nfds != nfds)
        break_off(c, "not the descriptors that it names", msg_name(m.type));
    else if (!msg_allowed(m.type, c->peer, c->self))
        break_off(c, "this peer may not send it", msg_name(m.type));
    else {
        memcpy(m.fd, fd, nfds * sizeof *fd);
        gone = tell(c, &m);
        memcpy(fd, m.fd, nfds * sizeof *fd);
    }
    for (unsigned i = 0; i < nfds; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    arena_done(&arena);
    return gone;
}

/* True when there may be more; false when there is none, or the channel has ended (and is perhaps gone). */
static bool read_batch(struct chan *c)
{
    for (int i = 0; i < READ_BATCH && !c->ended; i++) {
        union {
            char space[CMSG_SPACE(sizeof(int) * LIMIT_MSG_FDS)];
            struct cmsghdr align;
        } control;
        struct iovec v = {receive_buffer, sizeof receive_buffer};
        struct msghdr h = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = sizeof control.space};
        int fd[LIMIT_MSG_FDS];
        unsigned nfds;
        bool whole;
        ssize_t n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            c->ended = true;
            break;
        }
        whole = take_fds(&h, fd, &nfds);
        if (handle(c, str_of(receive_buffer, (size_t)n), fd, nfds, whole))
            return false;
    }
    if (!c->ended)
        return true;
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
    if (c->ended)
        return;
    if (on)
        event_add(c->read_ev, NULL);
    else
        event_del(c->read_ev);
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
    return !c->first;
}

int chan_fd(const struct chan *c)
{
    return c->fd;
}
