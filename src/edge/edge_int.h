/* edge/edge_int.h: what the edges share: listeners, limits, certificates, connections, draining. */
#ifndef EDGE_EDGE_INT_H
#define EDGE_EDGE_INT_H

#include "base/list.h"
#include "edge/edge.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/tls.h"
#include "proc/process.h"

#define EDGE_PENDING_MOST                                                                          \
    ((size_t)256 * 1024) /* bytes for a peer that does not read; then its other side waits */
#define EDGE_DRAIN_S 8
#define EDGE_ID_CHARS 10

struct edge;
struct edge_conn;

/* One listening socket of a service. */
struct edge_port {
    struct edge *edge;
    struct listener *listener;
    char service[16]; /* "smtp", "imaps" ... */
    int fd;           /* before the sandbox; then the listener's */
};

/* Where one kind of edge differs from the other. */
struct edge_ops {
    /* A new connection; takes fd. within: the gate counts it; false: it is over a limit and is told so. */
    void (*connected)(struct edge_port *port, int fd, const struct net_address *peer, bool within);
    /* Ends a connection, unless something is under way in it; now: in any case. */
    void (*drain)(struct edge_conn *c, bool now);
    /* Settings that are LIVE have changed: those that a connection keeps are set anew. */
    void (*reload)(struct edge_conn *c);
    /* A crowd has left: gives memory back. May be NULL. */
    void (*trim)(struct edge *e);
};

/* Embedded, first, in that of the role, so that it is the arg of process_ops. */
struct edge {
    struct process *p; /* NULL before the start */
    const struct edge_ops *ops;
    struct edge_port port[64];
    size_t ports;
    struct net_shared shared; /* with the other processes of this kind */
    struct net_gate gate;
    struct streams streams;
    struct list conns;    /* of struct edge_conn */
    SSL_CTX *tls;         /* NULL: there is no usable certificate */
    struct buf cert, key; /* until the start, when the settings are known */
    uint64_t crowd;       /* connections that have ended since memory was given back last */
    uint64_t accepted, handshakes, dropped_before_tls;
    struct timer trim_timer, drain_deadline, ending_timer;
};

void edge_init(struct edge *e, const struct edge_ops *ops);
/* For tests: after the last connection has gone. */
void edge_done(struct edge *e);
/* In process_ops->start: first edge_prepare; then the role reserves what it shares; then edge_start. */
void edge_prepare(struct edge *e, struct process *p);
void edge_start(struct edge *e);
/* In process_ops->reload, after the role has taken over its own settings. */
void edge_reload(struct edge *e);
void edge_status(struct edge *e, struct process_status *s);
/* For process_ops, as they are. */
void edge_take_listener(void *arg, struct str service, int fd);
void edge_take_tls(void *arg, struct str cert, struct str key);
void edge_take_shared(void *arg, unsigned instance, struct str key, int fd);
void edge_take_message(void *arg, struct chan *c, struct msg *m);
void edge_drain(void *arg);
/* A connection is gone that the gate has counted for this address (NULL: for none). Ends the process when it was
 * the last while draining. */
void edge_left(struct edge *e, const struct net_address *counted);

/* ---- edge_conn.c ---- */

/* What each connection has; embedded, first, in that of the role. */
struct edge_conn {
    struct list_node node; /* of edge->conns */
    struct edge *edge;
    const struct edge_port *port;
    struct stream *stream;      /* the client's */
    struct buf out;             /* what the dialogue has answered, on its way to the stream */
    struct net_address peer;    /* the client, also behind a load balancer */
    struct net_address counted; /* for whom the gate counts it, if it does */
    bool entered;               /* the gate counts it */
    bool overdue;               /* its deadline passed where it could not be ended */
    uint64_t call;              /* the question under way; 0: none */
    int64_t began_us;
    struct timer deadline;
    char id[EDGE_ID_CHARS + 1];
};

/* Begins one without a stream; on_deadline gets c. */
void edge_conn_begin(struct edge_conn *c, struct edge_port *port, const struct net_address *peer,
                     bool within, timer_fn on_deadline);
/* Takes fd; the callbacks get c. */
void edge_conn_open(struct edge_conn *c, int fd, SSL_CTX *tls, const struct stream_ops *ops);
/* The stream gets what the dialogue has answered. */
void edge_conn_write(struct edge_conn *c);
/* Its deadline is so many seconds after it began; 0: it has none any more. */
void edge_conn_set_deadline(struct edge_conn *c, uint64_t seconds);
/* It is over; its memory is the caller's. politely: what was written goes out first (stream_finish). */
void edge_conn_end(struct edge_conn *c, bool politely, const char *why);
/* The id in logs. */
struct str edge_conn_id(const struct edge_conn *c);
void edge_conn_log_begin(const struct edge_conn *c);
/* A handshake is done. */
void edge_conn_count_tls(struct edge_conn *c, SSL *ssl);
/* STARTTLS was said and answered: what came in the clear after it is dropped, and counted (RFC 3207 section 4.2). */
void edge_conn_start_tls(struct edge_conn *c);
/* What must hold whenever the loop comes round, in a build with sanitizers. */
void edge_conn_check(const struct edge_conn *c);

#endif
