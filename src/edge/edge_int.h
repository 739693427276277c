/* edge/edge_int.h: what the edges share: listeners, the gate, certificates, draining. */
#ifndef EDGE_EDGE_INT_H
#define EDGE_EDGE_INT_H

#include "base/vec.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/tls.h"
#include "proc/process.h"

#define EDGE_PENDING_MOST                                                                          \
    ((size_t)256 * 1024) /* bytes for a peer that does not read; then its other side waits */
#define EDGE_DRAIN_S 8

struct edge;

/* One listening socket of a service. */
struct edge_port {
    struct edge *edge;
    struct listener *listener;
    char service[16]; /* "smtp", "imaps" ... */
    int fd;           /* before the sandbox; then the listener's */
};

struct edge {
    struct process *p;
    struct edge_port port[64];
    size_t ports;
    struct net_gate gate;
    SSL_CTX *tls;         /* NULL: there is no usable certificate */
    struct buf cert, key; /* until the start, when the settings are known */
    uint64_t crowd;       /* connections that have ended since memory was given back last */
    uint64_t accepted, handshakes, dropped_before_tls;
    struct timer trim_timer, drain_deadline, ending_timer;
    /* A new connection: the edge's own struct is made and fd is taken; within as in listener.h (false: refuse politely). */
    void (*connected)(struct edge *e, const struct edge_port *port, int fd,
                      const struct net_address *peer, bool within);
    void (*drain)(struct edge *e, bool now); /* end what is idle; now: end everything */
};

/* For process_ops. */
void edge_take_listener(struct edge *e, struct str service, int fd);
void edge_take_tls(struct edge *e, struct str cert, struct str key);
void edge_start(struct edge *e, struct process *p);
/* Settings that are LIVE hold from now on. */
void edge_reload(struct edge *e);
void edge_drain(struct edge *e);
void edge_status(struct edge *e, struct process_status *s);
/* A connection that had passed the gate is gone. Ends the process when it was the last while draining. */
void edge_left(struct edge *e, const struct net_address *peer);
void edge_log_connect(const char *service, struct str id, const struct net_address *peer);
void edge_log_disconnect(struct str id, const char *why);
void edge_log_tls(struct str id, SSL *ssl);

#endif
