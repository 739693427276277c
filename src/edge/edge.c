/* edge/edge.c: see edge_int.h. */
#include "edge/edge_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CROWD_LEAST 500       /* connections; fewer are not worth it */
#define TRIM_AFTER_US 3000000 /* later than a stream lingers */
#define ENDING_US 10000
#define TOUCHED_MOST ((size_t)16384)

void edge_init(struct edge *e, const struct edge_ops *ops)
{
    *e = (struct edge){.ops = ops};
    net_shared_init(&e->shared);
}

void edge_done(struct edge *e)
{
    timer_stop(&e->trim_timer);
    timer_stop(&e->drain_deadline);
    timer_stop(&e->ending_timer);
    for (size_t i = 0; i < e->ports; i++)
        listener_destroy(e->port[i].listener);
    streams_done(&e->streams);
    SSL_CTX_free(e->tls);
    net_shared_done(&e->shared);
}

/* ---- ports and certificates ---- */

static void on_accepted(void *arg, int fd, const struct net_address *peer, bool within)
{
    struct edge_port *port = arg;

    port->edge->accepted++;
    port->edge->ops->connected(port, fd, peer, within);
}

static void listen_on(struct edge_port *port)
{
    struct process *p = port->edge->p;

    port->listener =
        listener_create(p->base, p->timers, port->fd, &port->edge->gate, on_accepted, port);
}

void edge_take_listener(void *arg, struct str service, int fd)
{
    struct edge *e = arg;
    struct edge_port *port;

    if (e->ports == ARRAY_LEN(e->port)) {
        base_close_fd(&fd);
        return;
    }
    if (fd < 0)
        return;
    port = &e->port[e->ports++];
    *port = (struct edge_port){.edge = e, .fd = fd};
    snprintf(port->service, sizeof port->service, "%.*s", STR_ARG(service));
    if (e->p)
        listen_on(port);
}

static void make_context(struct edge *e, struct str cert, struct str key)
{
    struct tls_names names = {.alpn = str_c(role_row(e->p->role)->alpn),
                              .hostname = str_c(e->p->config.hostname),
                              .more = str_c(e->p->config.tls_names)};
    struct error err;
    SSL_CTX *fresh;

    if (!tls_context_create(&fresh, cert, key, &names, &err)) {
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s%s", err.text,
                 e->tls ? "; the old one stays" : "");
        return;
    }
    SSL_CTX_free(e->tls); /* connections keep a reference of their own */
    e->tls = fresh;
}

void edge_take_tls(void *arg, struct str cert, struct str key)
{
    struct edge *e = arg;

    if (e->p) {
        make_context(e, cert, key);
        return;
    }
    buf_done(&e->cert);
    buf_done_wipe(&e->key);
    buf_init(&e->cert, cert.n + 1);
    buf_str(&e->cert, cert);
    buf_init(&e->key, key.n + 1);
    buf_str(&e->key, key);
}

void edge_take_shared(void *arg, unsigned instance, struct str key, int fd)
{
    struct edge *e = arg;
    struct error err;

    if (key.n)
        net_shared_set_own(&e->shared, key, fd);
    else if (!net_shared_set_sibling(&e->shared, instance, fd, &err))
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s: limits do not count its connections", err.text);
}

void edge_take_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m; /* none is expected: answers go to who has asked */
}

/* ---- the start ---- */

/* OpenSSL fetches and allocates much at its first handshake, and at its first error: once now, with files at hand, before anybody
 * waits, and in one place. */
static void warm_openssl(struct edge *e)
{
    SSL *ssl = e->tls ? SSL_new(e->tls) : NULL;

    SSL_free(ssl);
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    ERR_clear_error();
}

static void on_nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

/* libevent keeps a few bytes for each descriptor it has ever seen, for ever. They are taken now, side by side: left between the
 * memory of a crowd's connections, they would keep all of it from being given back. */
static void touch_descriptors(struct edge *e)
{
    size_t most = e->p->config.connections < TOUCHED_MOST ? (size_t)e->p->config.connections
                                                          : TOUCHED_MOST,
           n = 0;
    int *fd = mem_alloc((most + 1) * sizeof *fd);
    int pair[2] = {-1, -1};

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
        while (n < most && (fd[n] = dup(pair[0])) >= 0)
            n++;
    for (size_t i = 0; i < n; i++) {
        struct event *ev = event_new(e->p->base, fd[i], EV_READ, on_nothing, NULL);

        event_add(ev, NULL);
        event_free(ev);
    }
    while (n > 0)
        close(fd[--n]);
    base_close_fd(&pair[0]);
    base_close_fd(&pair[1]);
    mem_free(fd);
}

/* What a crowd has needed goes back to the kernel when it has left, not when the next one comes. */
static void on_trim(void *arg)
{
    struct edge *e = arg;

    net_gate_trim(&e->gate);
    if (e->ops->trim)
        e->ops->trim(e);
    malloc_trim(0);
    e->crowd = 0;
}

/* The last words of the last connections go out first. */
static void end_when_written(struct edge *e)
{
    if (e->streams.writing == 0)
        process_end(e->p);
    else
        timer_set(&e->ending_timer, ENDING_US);
}

static void on_ending(void *arg)
{
    end_when_written(arg);
}

static void drain_conns(struct edge *e, bool now)
{
    struct edge_conn *c, *next;

    LIST_EACH_SAFE(c, next, &e->conns, node)
        e->ops->drain(c, now);
}

static void on_drain_deadline(void *arg)
{
    struct edge *e = arg;

    drain_conns(e, true);
    process_end(e->p);
}

void edge_prepare(struct edge *e, struct process *p)
{
    e->p = p;
    streams_init(&e->streams, p->base, p->timers);
    timer_init(&e->trim_timer, p->timers, on_trim, e);
    timer_init(&e->drain_deadline, p->timers, on_drain_deadline, e);
    timer_init(&e->ending_timer, p->timers, on_ending, e);
    net_gate_init(&e->gate, &e->shared, p->config.connections, p->config.connections_address);
}

void edge_start(struct edge *e)
{
    struct error err;

    if (!net_shared_open(&e->shared, &err))
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s: limits do not hold over all processes", err.text);
    if (e->p->walls)
        touch_descriptors(e);
    if (e->cert.n)
        make_context(e, buf_view(&e->cert), buf_view(&e->key));
    buf_done(&e->cert);
    buf_done_wipe(&e->key);
    warm_openssl(e);
    for (size_t i = 0; i < e->ports; i++)
        listen_on(&e->port[i]);
}

/* ---- later ---- */

void edge_reload(struct edge *e)
{
    struct edge_conn *c, *next;

    e->gate.most_prefix = e->p->config.connections_address;
    LIST_EACH_SAFE(c, next, &e->conns, node)
        e->ops->reload(c);
}

void edge_drain(void *arg)
{
    struct edge *e = arg;

    for (size_t i = 0; i < e->ports; i++) {
        listener_destroy(e->port[i].listener);
        e->port[i].listener = NULL;
    }
    timer_set(&e->drain_deadline, EDGE_DRAIN_S * 1000000LL);
    drain_conns(e, false);
    if (e->conns.n == 0)
        end_when_written(e);
}

static void plan_trim(struct edge *e)
{
    if (++e->crowd >= CROWD_LEAST && !timer_is_set(&e->trim_timer))
        timer_set(&e->trim_timer, TRIM_AFTER_US);
}

void edge_left(struct edge *e, const struct net_address *counted)
{
    if (counted)
        net_gate_leave(&e->gate, counted);
    plan_trim(e);
    if (process_is_draining(e->p) && e->conns.n == 0)
        end_when_written(e);
}

void edge_status(struct edge *e, struct process_status *s)
{
    process_status_add(s, "connections", e->gate.open);
    process_status_add(s, "accepted", e->accepted);
    process_status_add(s, "refused-in-all", e->gate.refused_total);
    process_status_add(s, "refused-by-address", e->gate.refused_prefix);
    process_status_add(s, "accept-pauses", e->gate.paused);
    process_status_add(s, "tls-handshakes", e->handshakes);
    process_status_add(s, "bytes-dropped-before-tls", e->dropped_before_tls);
}
