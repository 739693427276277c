/* edge/test_edge.c: see test_edge_int.h. */
#include "edge/test_edge_int.h"

#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ANSWERS_MOST ((size_t)8 << 20)

void test_edge_begin(struct test_edge *b, enum role role, const struct process_ops *ops,
                     struct edge *e, const struct edge_ops *edge_ops)
{
    struct rlimit files;

    *b = (struct test_edge){.edge = e};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    edge_init(e, edge_ops);
    role_test_begin(&b->t, role, ops, e);
    b->directory = role_test_peer(&b->t, ROLE_DIRECTORY, 0);
    if (role == ROLE_EDGE_SMTP)
        b->intake = role_test_peer(&b->t, ROLE_INTAKE, 0);
}

void test_edge_listen(struct test_edge *b, const char *service)
{
    struct msg m = {.type = MSG_SETUP_LISTENER, .nfds = 1, .setup_listener = {str_c(service)}};
    struct test_listening *l = &b->listening[b->listenings++];
    struct error err;

    snprintf(l->service, sizeof l->service, "%s", service);
    if (!net_address_parse(STR("127.0.0.1:0"), &l->at, &err) || !net_listen(&l->at, &m.fd[0], &err))
        panic("%s", err.text);
    getsockname(m.fd[0], (struct sockaddr *)&l->at.sa, &l->at.n);
    role_end_send(b->t.supervisor, &m);
    close(m.fd[0]);
}

void test_edge_certificate(struct test_edge *b, const char *hostname)
{
    struct buf cert, key;
    struct error err;

    buf_init(&cert, 20000);
    buf_init(&key, 20000);
    if (!tls_self_signed(str_c(hostname), &cert, &key, &err))
        panic("%s", err.text);
    role_end_send(b->t.supervisor, &(struct msg){.type = MSG_SETUP_TLS,
                                                 .setup_tls = {buf_view(&cert), buf_view(&key)}});
    buf_done(&cert);
    buf_done(&key);
}

void test_edge_end(struct test_edge *b)
{
    struct edge_conn *c, *next;
    struct test_client *client;

    while ((client = LIST_FIRST(&b->clients, struct test_client, node)))
        test_client_close(client);
    LIST_EACH_SAFE(c, next, &b->edge->conns, node)
        b->edge->ops->drain(c, true);
    CHECK(b->edge->conns.n == 0 && b->edge->gate.open == 0);
    edge_done(b->edge);
    role_test_end(&b->t);
}

/* ---- clients ---- */

static const struct net_address *address_of(const struct test_edge *b, const char *service)
{
    for (size_t i = 0; i < b->listenings; i++)
        if (strcmp(b->listening[i].service, service) == 0)
            return &b->listening[i].at;
    panic("nobody listens for %s", service);
}

struct test_client *test_client(struct test_edge *b, const char *service, const char *from)
{
    const struct net_address *to = address_of(b, service);
    struct test_client *c = mem_zalloc(sizeof *c);
    struct net_address source;
    struct error err;
    char text[60];
    int one = 1;

    snprintf(text, sizeof text, "%s:0", from);
    c->b = b;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    buf_init(&c->got, ANSWERS_MOST);
    list_append(&b->clients, &c->node);
    if (!net_address_parse(str_c(text), &source, &err) ||
        bind(c->fd, (struct sockaddr *)&source.sa, source.n) != 0 ||
        (connect(c->fd, (const struct sockaddr *)&to->sa, to->n) != 0 && errno != EINPROGRESS))
        panic("a client cannot connect: %s", strerror(errno));
    role_test_spin(&b->t);
    return c;
}

void test_client_close(struct test_client *c)
{
    struct test_edge *b = c->b;

    SSL_free(c->ssl);
    ERR_clear_error();
    close(c->fd);
    buf_done(&c->got);
    list_remove(&c->node);
    mem_free(c);
    role_test_spin(&b->t);
}

/* Reads one piece; false: there is none. */
static bool client_read(struct test_client *c)
{
    char some[16384];
    int n = c->ssl ? SSL_read(c->ssl, some, sizeof some)
                   : (int)recv(c->fd, some, sizeof some, MSG_DONTWAIT);

    if (n > 0)
        buf_add(&c->got, some, (size_t)n);
    else if (c->ssl ? SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ : n == 0 || errno != EAGAIN)
        c->closed = true;
    ERR_clear_error();
    return n > 0;
}

static void client_read_all(struct test_client *c)
{
    role_test_spin(&c->b->t);
    while (!c->closed && client_read(c))
        role_test_spin(&c->b->t);
}

void test_client_say(struct test_client *c, struct str bytes)
{
    while (bytes.n && !c->closed) {
        int n = c->ssl ? SSL_write(c->ssl, bytes.p, (int)bytes.n)
                       : (int)send(c->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            bytes = str_skip(bytes, (size_t)n);
        else if (!c->ssl && errno != EAGAIN)
            return;
        client_read_all(c);
    }
    role_test_spin(&c->b->t);
}

/* The end of the first whole reply: a line whose fourth character is no hyphen; 0: there is none. */
static size_t reply_end(struct str s)
{
    size_t at = 0;

    for (;;) {
        size_t n = str_find_char(str_skip(s, at), '\n');

        if (n == SIZE_MAX)
            return 0;
        if (n < 4 || s.p[at + 3] != '-')
            return at + n + 1;
        at += n + 1;
    }
}

struct str test_client_reply(struct test_client *c)
{
    static char last[ANSWERS_MOST];
    struct str reply;

    client_read_all(c);
    reply = str_sub(buf_view(&c->got), 0, reply_end(buf_view(&c->got)));
    memcpy(last, reply.p ? reply.p : "", reply.n);
    buf_drop(&c->got, reply.n);
    return str_of(last, reply.n);
}

bool test_client_hears(struct test_client *c, const char *begin)
{
    struct str reply = test_client_reply(c);

    if (str_starts(reply, str_c(begin)))
        return true;
    fprintf(stderr, "wanted \"%s\", heard \"%.*s\"\n", begin, STR_ARG(reply));
    return false;
}

bool test_client_says(struct test_client *c, const char *bytes, const char *begin)
{
    test_client_say(c, str_c(bytes));
    return test_client_hears(c, begin);
}

struct str test_client_bytes(struct test_client *c)
{
    static char all[ANSWERS_MOST];
    size_t n;

    client_read_all(c);
    n = c->got.n;
    memcpy(all, c->got.p ? c->got.p : "", n);
    buf_reset(&c->got);
    return str_of(all, n);
}

bool test_client_is_closed(struct test_client *c)
{
    client_read_all(c);
    return c->closed;
}

bool test_client_tls(struct test_client *c, const char *sni, const char *alpn)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    unsigned char offer[20] = {(unsigned char)strlen(alpn)};
    int n = -1;

    memcpy(offer + 1, alpn, strlen(alpn));
    c->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_tlsext_host_name(c->ssl, sni);
    SSL_set_alpn_protos(c->ssl, offer, (unsigned)strlen(alpn) + 1);
    for (int i = 0; i < 10 && n != 1; i++) {
        n = SSL_connect(c->ssl);
        if (n != 1 && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
            break;
        role_test_spin(&c->b->t);
    }
    ERR_clear_error();
    c->closed = n != 1;
    return n == 1;
}

/* ---- settings ---- */

static const struct {
    const char *key;
    bool live;
} settings[] = {
#define LIVE true
#define START false
#define SETTING(type, field, key, def, least, most, reload, help) {key, reload},
    SETTINGS(SETTING)
#undef SETTING
#undef START
#undef LIVE
};

static const struct test_setting *row_of(const struct test_setting *rows, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

static void print_settings(const struct test_setting *row, const char *value, struct buf *out)
{
    buf_printf(out, "%s = %s\n%s", row->key, value, row->more ? row->more : "");
    buf_char(out, '\0');
}

static void check_setting(const struct test_setting *row, bool live,
                          void (*begin)(struct test_edge *b, const char *settings))
{
    struct test_edge b;
    struct buf text;
    uint64_t first, second;
    char words[200];

    buf_init(&text, LIMIT_CONFIG_TEXT);
    print_settings(row, row->first, &text);
    begin(&b, text.p);
    first = row->probe(&b);
    buf_reset(&text);
    print_settings(row, row->second, &text);
    buf_reset(&b.t.config);
    buf_c(&b.t.config, text.p);
    role_test_reload(&b.t);
    test_edge_certificate(&b, "localhost"); /* as the supervisor does */
    second = row->probe(&b);
    snprintf(words, sizeof words, "%s (%s): %llu, then %llu", row->key, live ? "LIVE" : "START",
             (unsigned long long)first, (unsigned long long)second);
    CHECK_ROW(row->want_first != row->want_second && first == row->want_first &&
                  second == (live ? row->want_second : row->want_first),
              words);
    test_edge_end(&b);
    buf_done(&text);
}

void test_edge_settings(const struct test_setting *rows, size_t n,
                        void (*begin)(struct test_edge *b, const char *settings))
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct test_setting *row = row_of(rows, n, settings[i].key);

        if (CHECK_ROW(row != NULL, settings[i].key) && row->first)
            check_setting(row, settings[i].live, begin);
    }
}
