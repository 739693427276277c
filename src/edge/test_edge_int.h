/* edge/test_edge_int.h: an edge on the bench (proc/test_role.h) with real clients: it listens on loopback, and clients connect to
 * it from addresses of their choice, plain or with TLS. All is one thread: whatever a client does, the bench is spun until
 * nothing happens any more.
 *
 *     test_edge_begin(&b, ROLE_EDGE_SMTP, &edge_smtp_ops, &e.edge, &smtp_ops);
 *     test_edge_listen(&b, "smtp");
 *     role_test_go(&b.t);
 *     c = test_client(&b, "smtp", "127.0.0.1");
 *     CHECK(test_client_hears(c, "220 localhost"));
 *     CHECK(test_client_says(c, "EHLO x\r\n", "250-localhost"));
 */
#ifndef EDGE_TEST_EDGE_INT_H
#define EDGE_TEST_EDGE_INT_H

#include "edge/edge_int.h"
#include "proc/test_role.h"

struct test_edge {
    struct role_test t;
    struct edge *edge;
    struct role_end *directory, *intake; /* those joined now */
    struct list clients;                 /* of struct test_client */
    struct test_listening {
        char service[16];
        struct net_address at;
    } listening[4];
    size_t listenings;
};

struct test_client {
    struct list_node node;
    struct test_edge *b;
    int fd;
    SSL *ssl;       /* NULL: plain */
    struct buf got; /* what came and was not heard yet */
    bool closed;    /* by the server */
};

/* Begins the bench and joins the role's peers. */
void test_edge_begin(struct test_edge *b, enum role role, const struct process_ops *ops,
                     struct edge *e, const struct edge_ops *edge_ops);
/* Has the edge listen for a service, on loopback; before role_test_go. */
void test_edge_listen(struct test_edge *b, const char *service);
/* Sends a self-signed certificate for this name, as the supervisor does; before role_test_go or later. */
void test_edge_certificate(struct test_edge *b, const char *hostname);
/* Ends all connections, and the bench. */
void test_edge_end(struct test_edge *b);

/* A client that connects to the service from this address; it is the bench's. */
struct test_client *test_client(struct test_edge *b, const char *service, const char *from);
/* Sends all these bytes. */
void test_client_say(struct test_client *c, struct str bytes);
/* Takes the next reply of SMTP or line of IMAP, CRLF included; empty: there is none. Valid until the next call. */
struct str test_client_reply(struct test_client *c);
/* Takes the next reply; whether it begins like this. */
bool test_client_hears(struct test_client *c, const char *begin);
/* Sends this, and takes the next reply; whether that begins like this. */
bool test_client_says(struct test_client *c, const char *bytes, const char *begin);
/* Reads all that is there, as bytes. */
struct str test_client_bytes(struct test_client *c);
bool test_client_is_closed(struct test_client *c);
/* Speaks TLS from now on, asking for this name; false: the handshake failed. */
bool test_client_tls(struct test_client *c, const char *sni, const char *alpn);
void test_client_close(struct test_client *c);

/* What one setting does: `probe` shows its effect as a number. */
struct test_setting {
    const char *key, *first, *second; /* values; first NULL: no edge of this kind looks at it */
    const char *more;                 /* other settings that the probe needs, one a line; or NULL */
    uint64_t (*probe)(struct test_edge *b);
    uint64_t want_first, want_second; /* at first, and with the second value where it is LIVE */
};
/* Tries each setting of config/settings.h, which must have a row, on a fresh edge that `begin` starts: its first value must
 * show; after a reload a LIVE setting must show its second value, and a START setting still its first. */
void test_edge_settings(const struct test_setting *rows, size_t n,
                        void (*begin)(struct test_edge *b, const char *settings));

#endif
