/* edge/edge_conn.c: what connections of all protocols have. */
#include "edge/edge_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#define OUT_MOST ((size_t)1 << 20)

void edge_conn_begin(struct edge_conn *c, struct edge_port *port, const struct net_address *peer,
                     bool within, timer_fn on_deadline)
{
    struct edge *e = port->edge;

    *c = (struct edge_conn){.edge = e,
                            .port = port,
                            .peer = *peer,
                            .counted = *peer,
                            .entered = within,
                            .began_us = clock_boot_us()};
    list_append(&e->conns, &c->node);
    buf_init(&c->out, OUT_MOST);
    timer_init(&c->deadline, e->p->timers, on_deadline, c);
    random_text(c->id, EDGE_ID_CHARS);
}

void edge_conn_open(struct edge_conn *c, int fd, SSL_CTX *tls, const struct stream_ops *ops)
{
    c->stream = stream_create(&c->edge->streams, fd, tls, ops, c);
}

void edge_conn_write(struct edge_conn *c)
{
    stream_write(c->stream, buf_view(&c->out));
    buf_reset(&c->out);
}

void edge_conn_set_deadline(struct edge_conn *c, uint64_t seconds)
{
    int64_t left = c->began_us + (int64_t)seconds * 1000000 - clock_boot_us();

    if (seconds)
        timer_set(&c->deadline, left > 0 ? left : 0);
    else
        timer_stop(&c->deadline);
}

void edge_conn_end(struct edge_conn *c, bool politely, const char *why)
{
    struct log_line l;

    log_begin(&l, LOG_DISCONNECT, edge_conn_id(c));
    log_c(&l, "why", why);
    log_end(&l);
    if (politely)
        stream_finish(c->stream);
    else
        stream_destroy(c->stream);
    c->stream = NULL;
    calls_forget(c->edge->p->calls, c->call);
    timer_stop(&c->deadline);
    list_remove(&c->node);
    buf_done_wipe(&c->out);
    edge_left(c->edge, c->entered ? &c->counted : NULL);
}

struct str edge_conn_id(const struct edge_conn *c)
{
    return str_c(c->id);
}

void edge_conn_log_begin(const struct edge_conn *c)
{
    struct log_line l;
    struct buf ip;

    buf_init(&ip, 64);
    net_address_print_ip(&ip, &c->peer);
    log_begin(&l, LOG_CONNECT, edge_conn_id(c));
    log_c(&l, "service", c->port->service);
    log_str(&l, "peer", buf_view(&ip));
    log_end(&l);
    buf_done(&ip);
}

void edge_conn_count_tls(struct edge_conn *c, SSL *ssl)
{
    struct log_line l;

    c->edge->handshakes++;
    log_begin(&l, LOG_TLS, edge_conn_id(c));
    log_c(&l, "version", SSL_get_version(ssl));
    log_c(&l, "cipher", SSL_get_cipher_name(ssl));
    log_end(&l);
}

void edge_conn_start_tls(struct edge_conn *c)
{
    c->edge->dropped_before_tls += stream_drop_input(c->stream);
    stream_start_tls(c->stream, c->edge->tls);
}

void edge_conn_check(const struct edge_conn *c)
{
#ifdef POSTHUS_SANITIZE
    if (c->node.in != &c->edge->conns || !c->stream)
        panic("a connection has a stream, and its edge knows it");
    if (c->out.n || c->out.overflow)
        panic("what was answered is on its way");
#else
    (void)c;
#endif
}
