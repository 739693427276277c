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
    ((size_t)256 * 1024) /* bytes for a peer that does not read; then the other side is not read */
#define EDGE_DRAIN_S 8   /* from DRAIN until connections are ended in whatever state */
#define EDGE_ID_CHARS 10

struct edge;
struct edge_conn;

/* One listening socket of a service. */
struct edge_port {
    struct edge *edge;
    struct listener *listener;
    char service[16]; /* "smtp", "imaps" ... */
    int fd;           /* the listener's, once there is one */
};

/* What differs between edge-smtp and edge-mail. */
struct edge_ops {
    /* A new connection; takes fd. within: the gate let it in and counts it; if not, the client is told so and goes. */
    void (*connected)(struct edge_port *port, int fd, const struct net_address *peer, bool within);
    /* Ends a connection, unless something is under way in it; with `now`, in any case. */
    void (*drain)(struct edge_conn *c, bool now);
    /* LIVE settings have changed: sets again what a connection keeps of them. */
    void (*reload)(struct edge_conn *c);
    /* A crowd has left: gives memory back. May be NULL. */
    void (*trim)(struct edge *e);
};

/* The first member of the role's own struct, so that the arg of process_ops is both. */
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
    uint64_t crowd;       /* connections that have ended since memory was last given back */
    uint64_t accepted, handshakes, dropped_before_tls;
    struct timer trim_timer, drain_deadline, ending_timer;
};

/* Before the role's process_main. */
void edge_init(struct edge *e, const struct edge_ops *ops);
/* For tests, where the process goes on: after the last connection has gone. */
void edge_done(struct edge *e);
/* In process_ops->start: first edge_prepare; then the role reserves what it shares (net/shared.h); then edge_start, which
 * listens. What fails in edge_start is logged, and the edge does without it. */
void edge_prepare(struct edge *e, struct process *p);
void edge_start(struct edge *e);
/* In process_ops->reload, after the role has taken over its own settings. */
void edge_reload(struct edge *e);
/* In process_ops->status: adds what all edges count. */
void edge_status(struct edge *e, struct process_status *s);
/* To be put into process_ops; arg is the struct edge. */
void edge_take_listener(void *arg, struct str service, int fd);
void edge_take_tls(void *arg, struct str cert, struct str key);
void edge_take_shared(void *arg, unsigned instance, struct str key, int fd);
void edge_take_message(void *arg, struct chan *c, struct msg *m);
void edge_drain(void *arg);
/* A connection is gone; `counted` is the address for which the gate counts it, NULL where it does not. While draining, the
 * last one ends the process. */
void edge_left(struct edge *e, const struct net_address *counted);

/* ---- edge_conn.c ---- */

/* What each connection has; the first member of the role's own struct. */
struct edge_conn {
    struct list_node node; /* of edge->conns */
    struct edge *edge;
    const struct edge_port *port;
    struct stream *stream;      /* the client's */
    struct buf out;             /* what the dialogue has answered, on its way to the stream */
    struct net_address peer;    /* the client; behind a load balancer, the one that it names */
    struct net_address counted; /* the address for which the gate counts it, if `entered` */
    bool entered;               /* the gate counts it */
    bool overdue;               /* its deadline passed where it could not be ended */
    uint64_t call;              /* the question under way; 0: none */
    int64_t began_us;
    struct timer deadline;
    char id[EDGE_ID_CHARS + 1];
};

/* Begins one, without a stream and without a deadline; on_deadline gets c. */
void edge_conn_begin(struct edge_conn *c, struct edge_port *port, const struct net_address *peer,
                     bool within, timer_fn on_deadline);
/* Gives it its stream: takes fd; the callbacks get c. tls as for stream_create. */
void edge_conn_open(struct edge_conn *c, int fd, SSL_CTX *tls, const struct stream_ops *ops);
/* The stream gets what the dialogue has answered. */
void edge_conn_write(struct edge_conn *c);
/* Sets its deadline, in seconds from its beginning; 0: none. */
void edge_conn_set_deadline(struct edge_conn *c, uint64_t seconds);
/* It is over, which is logged with `why`. politely: what was written goes out first (stream_finish). The caller frees its
 * memory. */
void edge_conn_end(struct edge_conn *c, bool politely, const char *why);
/* Its id in logs; valid as long as c. */
struct str edge_conn_id(const struct edge_conn *c);
/* Logs that it has begun, from where and to which service. */
void edge_conn_log_begin(const struct edge_conn *c);
/* A handshake is done: counts and logs it. */
void edge_conn_count_tls(struct edge_conn *c, SSL *ssl);
/* STARTTLS was answered: begins TLS; what came in the clear after the command is dropped and counted (RFC 3207
 * section 4.2). */
void edge_conn_start_tls(struct edge_conn *c);
/* In a build with sanitizers: panics unless what must hold between two events does. */
void edge_conn_check(const struct edge_conn *c);

#endif
