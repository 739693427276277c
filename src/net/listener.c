/* net/listener.c: see listener.h. */
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPT_BATCH 64 /* then other events get their turn */
#define PAUSE_US 200000 /* at EMFILE */

struct listener {
    struct event *ev;
    struct timer pause;
    struct net_gate *gate;
    listener_fn fn;
    void *arg;
    int fd;
};

static void on_pause_over(void *arg)
{
    struct listener *l = arg;

    event_add(l->ev, NULL);
}

/* No descriptors or no memory: what waits is still there in a moment. */
static void pause_listening(struct listener *l)
{
    l->gate->paused++;
    event_del(l->ev);
    timer_set(&l->pause, PAUSE_US);
}

static void on_connection(evutil_socket_t lfd, short what, void *arg)
{
    struct listener *l = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct net_address peer = {.n = sizeof peer.sa};
        int fd = accept4(lfd, (struct sockaddr *)&peer.sa, &peer.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int one = 1;

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_listening(l);
            return;
        }
        if (peer.sa.ss_family != AF_UNIX)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        l->fn(l->arg, fd, &peer, net_gate_enter(l->gate, &peer));
    }
}

struct listener *listener_create(struct event_base *base, struct timers *timers, int fd,
                                 struct net_gate *gate, listener_fn fn, void *arg)
{
    struct listener *l = mem_zalloc(sizeof *l);

    *l = (struct listener){.gate = gate, .fn = fn, .arg = arg, .fd = fd};
    l->ev = event_new(base, fd, EV_READ | EV_PERSIST, on_connection, l);
    timer_init(&l->pause, timers, on_pause_over, l);
    event_add(l->ev, NULL);
    return l;
}

void listener_destroy(struct listener *l)
{
    if (!l)
        return;
    event_free(l->ev);
    timer_stop(&l->pause);
    close(l->fd);
    mem_free(l);
}

bool net_listen(const struct net_address *a, int *fd, struct error *err)
{
    int one = 1, s = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct buf ip;
    int e;

    if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(s, (const struct sockaddr *)&a->sa, a->n) == 0 && listen(s, 1024) == 0) {
        *fd = s;
        return true;
    }
    e = errno;
    if (s >= 0)
        close(s);
    buf_init(&ip, 64);
    net_address_print_ip(&ip, a);
    error_set(err,
              e == EADDRINUSE ? ERROR_CONFLICT
              : e == EACCES   ? ERROR_DENIED
                              : ERROR_TEMPORARY,
              "cannot listen on %.*s port %u: %s", STR_ARG(buf_view(&ip)), net_address_port(a),
              e == EADDRINUSE ? "another program does; choose another port" : strerror(e));
    buf_done(&ip);
    return false;
}

bool net_listen_unix(const char *path, int *fd, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s, e;

    if (strlen(path) >= sizeof a.sun_path)
        return error_set(err, ERROR_LIMIT,
                         "%s is too long for a socket; %zu characters are the most", path,
                         sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, (const struct sockaddr *)&a, sizeof a) == 0) {
        close(s);
        return error_set(err, ERROR_CONFLICT, "cannot listen on %s: another program does", path);
    }
    if (s >= 0 && errno == ECONNREFUSED)
        unlink(path); /* its server is gone */
    if (s >= 0) {
        close(s); /* a failed connect may leave it unusable */
        s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (s >= 0 && bind(s, (const struct sockaddr *)&a, sizeof a) == 0 && chmod(path, 0666) == 0 &&
        listen(s, 1024) == 0) {
        *fd = s;
        return true;
    }
    e = errno;
    if (s >= 0)
        close(s);
    return error_set(err, e == EACCES ? ERROR_DENIED : ERROR_TEMPORARY, "cannot listen on %s: %s",
                     path, strerror(e));
}
