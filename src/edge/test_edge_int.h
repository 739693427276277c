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
    struct role_end *directory, *intake; /* that are there now */
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

/* The peers that the role has are joined. */
void test_edge_begin(struct test_edge *b, enum role role, const struct process_ops *ops,
                     struct edge *e, const struct edge_ops *edge_ops);
/* Before role_test_go. */
void test_edge_listen(struct test_edge *b, const char *service);
/* A self-signed certificate for this name, as the supervisor sends it. */
void test_edge_certificate(struct test_edge *b, const char *hostname);
/* Ends all connections, and the bench. */
void test_edge_end(struct test_edge *b);

struct test_client *test_client(struct test_edge *b, const char *service, const char *from);
/* Says it, whole. */
void test_client_say(struct test_client *c, struct str bytes);
/* Takes the next reply of SMTP, or line of IMAP, with its end; empty: there is none. Valid until the next call. */
struct str test_client_reply(struct test_client *c);
/* Whether the next reply begins like this. */
bool test_client_hears(struct test_client *c, const char *begin);
/* Says it, and whether the next reply begins like this. */
bool test_client_says(struct test_client *c, const char *bytes, const char *begin);
/* Reads all that is there, as bytes. */
struct str test_client_bytes(struct test_client *c);
bool test_client_is_closed(struct test_client *c);
/* Speaks TLS from now on, asking for this name; false: the handshake failed. */
bool test_client_tls(struct test_client *c, const char *sni, const char *alpn);
void test_client_close(struct test_client *c);

/* What one setting does: `probe` makes it seen as a number. */
struct test_setting {
    const char *key, *first, *second; /* values; first NULL: no edge of this kind looks at it */
    const char *more;                 /* other settings that the probe needs, one a line; or NULL */
    uint64_t (*probe)(struct test_edge *b);
    uint64_t want_first, want_second; /* at first, and with the second value where it is LIVE */
};
/* Goes through all settings, each in a row of its own, with a fresh edge that `begin` starts. Before, and after a reload, what
 * is LIVE must do what it says, and what is START what it said. A setting without a row fails. */
void test_edge_settings(const struct test_setting *rows, size_t n,
                        void (*begin)(struct test_edge *b, const char *settings));

#endif
