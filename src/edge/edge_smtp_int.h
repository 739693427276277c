/* edge/edge_smtp_int.h: what the files of edge-smtp share: connections (edge_smtp.c) and their transactions
 * (smtp_message.c). */
#ifndef EDGE_EDGE_SMTP_INT_H
#define EDGE_EDGE_SMTP_INT_H

#include "edge/edge_int.h"
#include "net/rate.h"
#include "smtp/server.h"

#define SMTP_ID_CHARS 10
#define SMTP_TRANSACTION_BYTES 16

struct unheard;

struct smtp_edge {
    struct edge edge;
    struct conn *conns;
    uint64_t memory, memory_most; /* of messages in flight, bytes */
    uint64_t
        memory_intake; /* of those that were answered here and that intake still holds, as it said last */
    struct smtp_config smtp, lmtp;
    struct smtp_counters counters;
    struct net_rates rates;
    struct unheard
        *unheard; /* a ring of messages whose answer nobody heard; NULL before the first */
    uint64_t accepted, refused, proxy_refused, repeated, too_long;
};

struct late {
    struct timer timer;
    const char *what; /* "recipient" or "message" */
    struct error err;
};

struct conn {
    struct conn *next, **at;
    struct smtp_edge *e;
    struct stream *stream;
    struct smtp_server *server; /* NULL while the PROXY header is awaited */
    struct buf out;
    struct net_address peer;        /* the client, also behind a load balancer */
    struct net_address socket_peer; /* who the gate counts */
    struct net_address local;
    bool entered, tls_wanted, closing;
    bool lmtp, limited; /* limited: the limits by the minute apply */
    bool too_many;      /* errors: it is ended once the dialogue has returned */
    int64_t began_us;
    char id[SMTP_ID_CHARS + 1];
    /* The transaction. */
    char transaction[SMTP_TRANSACTION_BYTES];
    struct buf from;  /* the return path, once the message is whole */
    struct buf rcpts; /* accepted addresses, each with a NUL behind */
    struct buf asked; /* the one that is being asked for */
    size_t rcpts_n;
    bool counted;      /* as a message of this minute */
    bool reserved;     /* the directory has reserved room for it */
    struct late *late; /* a no that is told from the loop; NULL before the first one */
    int fd;            /* the message, or -1 */
    uint64_t size;
    uint64_t call; /* the request under way, or 0 */
    bool handed;   /* intake has it, or is being asked to take it */
};

extern const struct smtp_ops smtp_edge_ops;

/* The answer to what the dialogue asked; goes on reading. errs is NULL, or in LMTP one for each of n recipients. */
void smtp_conn_answered(struct conn *c, const struct error *err, const struct error *errs, size_t n,
                        struct str id);
/* Nothing of a transaction outlives it, ended or given up. */
void smtp_transaction_reset(struct conn *c);
/* The connection ends while intake has its message: should the client send it again, it is the same one. */
void smtp_transaction_unheard(struct conn *c);

#endif
