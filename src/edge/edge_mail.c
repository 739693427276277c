/* edge/edge_mail.c: connections of IMAP: TLS, the dialogue before login (imap/session.h), then the relay of bytes between the
 * client and its account's process.
 *
 *     LOGIN -- the directory's socket comes --> RELAY -- either side ends --> gone
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "edge/edge.h"
#include "edge/edge_int.h"
#include "imap/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID_CHARS 10

struct mail_edge {
    struct edge edge;
    struct conn *conns;
    uint64_t sessions;
};

struct conn {
    struct conn *next, **at;
    struct mail_edge *e;
    struct stream *client, *account; /* account: only in RELAY */
    struct imap_login *login;        /* only in LOGIN */
    struct buf out;
    struct net_address peer;
    const char *service;
    uint64_t call;
    bool entered, tls_wanted, closing, heard; /* heard: the account has said something */
    char id[ID_CHARS + 1];
};

static void pump(struct conn *c);

static struct str id_of(const struct conn *c)
{
    return str_c(c->id);
}

static void destroy(struct conn *c, const char *why)
{
    struct edge *e = &c->e->edge;
    struct net_address peer = c->peer;
    bool entered = c->entered;

    edge_log_disconnect(id_of(c), why);
    calls_forget(e->p->calls, c->call);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    stream_destroy(c->account);
    imap_login_destroy(c->login);
    buf_done_wipe(&c->out);
    mem_free(c);
    if (entered)
        edge_left(e, &peer);
}

/* Writes the answers; true when the connection is over (and gone). */
static bool flush(struct conn *c)
{
    stream_write(c->client, buf_view(&c->out));
    buf_reset(&c->out);
    if (!c->closing)
        return false;
    stream_finish(c->client);
    destroy(c, "goodbye");
    return true;
}

/* ---- RELAY ---- */

/* Bytes from one side to the other, as far as the other reads them. */
static void relay(struct stream *from, struct stream *to)
{
    struct str in;

    while (stream_pending(to) < EDGE_PENDING_MOST && (in = stream_input(from)).n > 0) {
        stream_write(to, in);
        stream_consume(from, in.n);
    }
    stream_set_reading(from, stream_pending(to) < EDGE_PENDING_MOST);
}

static void account_readable(void *arg)
{
    struct conn *c = arg;

    c->heard = true;
    relay(c->account, c->client);
}

static void account_drained(void *arg)
{
    struct conn *c = arg;

    relay(c->client, c->account);
}

static void account_closed(void *arg, const char *why)
{
    struct conn *c = arg;

    (void)why;
    while (stream_input(c->account).n > 0) {
        struct str in = stream_input(c->account);

        stream_write(c->client, in);
        stream_consume(c->account, in.n);
    }
    if (!c->heard)
        stream_write(c->client, STR("* BYE [UNAVAILABLE] the account cannot be opened just now; "
                                    "your administrator can see why in the log\r\n"));
    stream_finish(c->client);
    destroy(c, c->heard ? "the session ended" : "the account did not open");
}

static void begin_relay(struct conn *c, int fd)
{
    static const struct stream_ops ops = {
        .readable = account_readable, .drained = account_drained, .closed = account_closed};

    c->e->sessions++;
    imap_login_destroy(c->login);
    c->login = NULL;
    c->account = stream_create(c->e->edge.p->base, fd, NULL, &ops, c);
    stream_set_timeout(c->client, c->e->edge.p->config.imap_timeout);
    relay(c->client, c->account);
}

/* ---- LOGIN ---- */

static void on_login(void *arg, struct msg_login_tell *tell, int *fd)
{
    struct conn *c = arg;
    struct error err = {0};

    c->call = 0;
    if (!msg_error_take(&tell->error, &err) && *fd < 0)
        error_set(&err, ERROR_TEMPORARY, "the login could not be checked just now; try again");
    if (err.kind == ERROR_NONE) {
        int account = *fd;

        *fd = -1;
        imap_login_answer(c->login, NULL);
        if (!flush(c))
            begin_relay(c, account);
        else
            close(account);
        return;
    }
    imap_login_answer(c->login, &err);
    if (process_is_draining(c->e->edge.p) && !c->closing)
        imap_login_end(c->login, "this server is restarting; reconnect in a moment");
    if (flush(c))
        return;
    stream_set_reading(c->client, true);
    pump(c);
}

static void op_credentials(void *arg, struct str authzid, struct str user, struct str password)
{
    struct conn *c = arg;
    struct msg_login_ask ask = {.session = id_of(c),
                                .service = STR("imap"),
                                .tag = imap_login_tag(c->login),
                                .authzid = authzid,
                                .user = user,
                                .password = password};
    struct buf ip, prefix;

    buf_init(&ip, 64);
    buf_init(&prefix, 16);
    net_address_print_ip(&ip, &c->peer);
    net_address_prefix(&prefix, &c->peer);
    ask.peer = buf_view(&ip);
    ask.prefix = buf_view(&prefix);
    c->call = call_login(process_to(c->e->edge.p, ROLE_DIRECTORY), &ask, NULL, on_login, c);
    buf_done(&ip);
    buf_done(&prefix);
}

static void op_starttls(void *arg)
{
    struct conn *c = arg;

    c->tls_wanted = true;
}

static void op_close(void *arg)
{
    struct conn *c = arg;

    c->closing = true;
}

static const struct imap_login_ops ops = {
    .credentials = op_credentials, .starttls = op_starttls, .close = op_close};

static void pump(struct conn *c)
{
    for (;;) {
        struct str in = stream_input(c->client);
        size_t used;

        if (in.n == 0)
            return;
        if (stream_pending(c->client) > EDGE_PENDING_MOST)
            break;
        used = imap_login_input(c->login, in);
        stream_consume(c->client, used);
        if (flush(c))
            return;
        if (c->tls_wanted) {
            c->tls_wanted = false;
            c->e->edge.dropped_before_tls += stream_drop_input(c->client);
            stream_start_tls(c->client, c->e->edge.tls);
            return;
        }
        if (used < in.n || imap_login_waiting(c->login))
            break;
    }
    stream_set_reading(c->client, false);
}

static void client_readable(void *arg)
{
    struct conn *c = arg;

    if (c->account)
        relay(c->client, c->account);
    else
        pump(c);
}

static void client_drained(void *arg)
{
    struct conn *c = arg;

    if (c->account) {
        relay(c->account, c->client);
    } else if (!c->call && !imap_login_waiting(c->login)) {
        stream_set_reading(c->client, true);
        pump(c);
    }
}

static void client_tls(void *arg, SSL *ssl)
{
    struct conn *c = arg;

    c->e->edge.handshakes++;
    edge_log_tls(id_of(c), ssl);
    if (strcmp(c->service, "imaps") == 0)
        imap_login_greet(c->login, NULL);
    else
        imap_login_tls_ready(c->login);
    flush(c);
}

static void client_closed(void *arg, const char *why)
{
    struct conn *c = arg;

    if (strcmp(why, "timeout") == 0) {
        if (c->login)
            imap_login_end(c->login, "you were silent for too long"); /* RFC 9051 section 5.4 */
        else
            stream_write(c->client, STR("* BYE you were silent for too long\r\n"));
        c->closing = true;
        flush(c);
        return;
    }
    stream_destroy(c->client);
    destroy(c, why);
}

static void greet(struct conn *c, bool within)
{
    struct error err;

    error_set(&err, ERROR_LIMIT, "too many connections; try again in a moment");
    /* Over TLS the greeting comes after the handshake; who is over the limit is told nothing there. */
    if (!stream_is_tls(c->client))
        imap_login_greet(c->login, within ? NULL : &err);
    else if (!within)
        c->closing = true;
    flush(c);
}

static void connected(struct edge *edge, const struct edge_port *port, int fd,
                      const struct net_address *peer, bool within)
{
    static const struct stream_ops stream_ops = {.readable = client_readable,
                                                 .drained = client_drained,
                                                 .tls = client_tls,
                                                 .closed = client_closed};
    struct mail_edge *e = (struct mail_edge *)edge;
    bool tls = strcmp(port->service, "imaps") == 0;
    struct imap_login_config config = {.starttls = edge->tls && !tls,
                                       .tls = tls,
                                       .plain_ok = edge->p->config.plain_login &&
                                                   net_address_loopback(peer)};
    struct conn *c;

    if (tls && !edge->tls) { /* no certificate: said in the log when it was read */
        close(fd);
        if (within)
            net_gate_leave(&edge->gate, peer);
        return;
    }
    c = mem_zalloc(sizeof *c);
    *c = (struct conn){.next = e->conns,
                       .at = &e->conns,
                       .e = e,
                       .peer = *peer,
                       .entered = within,
                       .service = port->service};
    if (c->next)
        c->next->at = &c->next;
    e->conns = c;
    random_text(c->id, ID_CHARS);
    buf_init(&c->out, 1 << 20);
    edge_log_connect(port->service, id_of(c), peer);
    c->client = stream_create(edge->p->base, fd, tls ? edge->tls : NULL, &stream_ops, c);
    stream_set_timeout(c->client, edge->p->config.login_timeout);
    c->login = imap_login_create(&config, &ops, c, &c->out);
    greet(c, within);
}

/* ---- the role ---- */

static void drain_conns(struct edge *edge, bool now)
{
    struct mail_edge *e = (struct mail_edge *)edge;
    struct conn *next;

    for (struct conn *c = e->conns; c; c = next) {
        next = c->next;
        if (c->login && (now || !c->call)) {
            imap_login_end(c->login, "this server is restarting; reconnect in a moment");
            flush(c);
        } else if (c->account) {
            stream_write(c->client,
                         STR("* BYE this server is restarting; reconnect in a moment\r\n"));
            c->closing = true;
            flush(c);
        }
    }
}

static void take_listener(void *arg, struct str service, int fd)
{
    edge_take_listener(arg, service, fd);
}

static void take_tls(void *arg, struct str cert, struct str key)
{
    edge_take_tls(arg, cert, key);
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct mail_edge *e = arg;

    (void)ready, (void)err;
    edge_start(&e->edge, p);
    return true;
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m; /* only answers come here, and those that are late */
}

static void drain(void *arg)
{
    edge_drain(arg);
}

static void reload(void *arg)
{
    struct mail_edge *e = arg;

    edge_reload(&e->edge);
}

static void status(void *arg, struct process_status *s)
{
    struct mail_edge *e = arg;

    edge_status(&e->edge, s);
    process_status_add(s, "sessions", e->sessions);
}

NORETURN void edge_mail_main(unsigned instance)
{
    static const struct process_ops process_ops = {
        .listener = take_listener,
        .tls = take_tls,
        .start = start,
        .message = message,
        .reload = reload,
        .drain = drain,
        .status = status,
    };
    struct mail_edge e = {.edge = {.connected = connected, .drain = drain_conns}};

    process_main(ROLE_EDGE_MAIL, instance, &process_ops, &e);
}
