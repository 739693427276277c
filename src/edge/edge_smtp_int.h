/* edge/edge_smtp_int.h: what the files of edge-smtp share: connections (edge_smtp.c) and their transactions
 * (smtp_message.c). */
#ifndef EDGE_EDGE_SMTP_INT_H
#define EDGE_EDGE_SMTP_INT_H

#include "edge/edge_int.h"
#include "edge/smtp_memory.h"
#include "edge/smtp_unheard.h"
#include "net/rate.h"
#include "smtp/server.h"

struct smtp_edge {
    struct edge edge; /* first */
    struct smtp_config smtp, lmtp;
    struct smtp_counters counters;
    struct net_rates rates;
    struct smtp_memory memory;
    struct smtp_unheard unheard;
    uint64_t accepted, refused, proxy_refused, repeated, too_long;
};

/* edge_smtp.c has the diagram. */
enum smtp_conn_state {
    SMTP_CONN_PROXY,
    SMTP_CONN_DIALOGUE,
    SMTP_CONN_ASKING,
    SMTP_CONN_HANDED,
    SMTP_CONN_ENDING,
};

/* A refusal of our own, which the dialogue hears from the loop, as it does other answers. */
struct smtp_late {
    struct timer timer;
    const char *what; /* "recipient" or "message" */
    struct error err;
};

struct smtp_conn {
    struct edge_conn conn; /* first */
    struct smtp_edge *e;
    enum smtp_conn_state state;
    struct smtp_server *server; /* NULL in PROXY */
    struct net_address local;   /* our address, to which the client has connected */
    bool tls_wanted;
    bool lmtp, limited; /* limited: the limits per minute apply */
    bool too_many;      /* errors: it is ended when the dialogue returns */
    /* The transaction. */
    char transaction[SMTP_TRANSACTION_BYTES];
    struct buf from;  /* the return path, once the message is whole */
    struct buf rcpts; /* accepted addresses, each with a NUL after it */
    struct buf asked; /* the address about which the directory is being asked */
    size_t rcpts_n;
    bool counted;           /* as a message, against the limit per minute */
    bool reserved;          /* the directory has reserved room for it, or may have */
    struct smtp_late *late; /* NULL before the first */
    int fd;                 /* the message, or -1 */
    uint64_t size;
};

extern const struct smtp_ops smtp_edge_ops;

/* Changes its state. Panics when there is no such transition. */
void edge_smtp_become(struct smtp_conn *c, enum smtp_conn_state state);
/* Answers what the dialogue asked, and goes on reading. err NULL: yes. errs is NULL, or in LMTP has one for each of n
 * recipients, and err is not looked at. id (may be empty) stands in the 250. c may be gone afterwards. */
void edge_smtp_answered(struct smtp_conn *c, const struct error *err, const struct error *errs,
                        size_t n, struct str id);
/* The transaction has ended, or was given up: drops all of it, and the question under way. */
void smtp_transaction_reset(struct smtp_conn *c);
/* The connection ends while intake has its message. Should the client send it again, it gets the same transaction
 * (smtp_unheard.h). */
void smtp_transaction_unheard(struct smtp_conn *c);

#endif
