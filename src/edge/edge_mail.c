/* edge/edge_mail.c: connections of IMAP: TLS, the dialogue before login (imap/session.h), then the relay of bytes between the
 * client and its account's process.
 *
 *     LOGIN -- credentials --> ASKING -- the directory's no --> LOGIN
 *                                    \-- its socket ---------> RELAY
 *     from each: either side goes, a deadline, the dialogue's end --> ENDING --> gone
 *
 * LOGIN   commands before login are read, within login-timeout from the connection's beginning    conn_pump
 * ASKING  nothing is read until the directory has answered, however long that takes               op_credentials
 * RELAY   there is no dialogue any more; bytes go both ways as fast as they are read               relay_begin
 * ENDING  the last words are written; as soon as the dialogue returns, the connection is gone      op_close */
#include "base/limits.h"
#include "base/log.h"
#include "edge/edge_int.h"
#include "imap/session.h"

#include <string.h>
#include <unistd.h>

struct mail_edge {
    struct edge edge; /* first */
    uint64_t sessions, too_slow;
};

enum mail_conn_state { MAIL_CONN_LOGIN, MAIL_CONN_ASKING, MAIL_CONN_RELAY, MAIL_CONN_ENDING };

struct mail_conn {
    struct edge_conn conn; /* first */
    struct mail_edge *e;
    enum mail_conn_state state;
    struct imap_login *login; /* NULL in RELAY */
    struct stream *account;   /* only in RELAY */
    bool tls_wanted;
    bool heard; /* the account has said something */
};

static const char too_slow[] = "you took too long to log in";

static void conn_become(struct mail_conn *c, enum mail_conn_state state)
{
    static const unsigned may_become[] = {
        [MAIL_CONN_LOGIN] = 1 << MAIL_CONN_ASKING | 1 << MAIL_CONN_ENDING,
        [MAIL_CONN_ASKING] = 1 << MAIL_CONN_LOGIN | 1 << MAIL_CONN_RELAY | 1 << MAIL_CONN_ENDING,
        [MAIL_CONN_RELAY] = 1 << MAIL_CONN_ENDING,
        [MAIL_CONN_ENDING] = 0,
    };

    if (!(may_become[c->state] & 1U << state))
        panic("a connection in state %d becomes none in state %d", (int)c->state, (int)state);
    c->state = state;
}

/* What must hold whenever the loop comes round. */
static void conn_check(const struct mail_conn *c)
{
#ifdef POSTHUS_SANITIZE
    edge_conn_check(&c->conn);
    if ((c->state == MAIL_CONN_RELAY) != (c->account != NULL) ||
        (c->state == MAIL_CONN_RELAY) != (c->login == NULL))
        panic("a connection has a dialogue, or an account");
    if ((c->state == MAIL_CONN_ASKING) != (c->conn.call != 0))
        panic("a connection waits for an answer while it asks");
    if (c->state == MAIL_CONN_ASKING && !imap_login_waiting(c->login))
        panic("the dialogue waits for the answer");
    if (c->state == MAIL_CONN_ENDING)
        panic("a connection that has ended is gone");
    if ((c->state == MAIL_CONN_LOGIN) != timer_is_set(&c->conn.deadline) &&
        c->state != MAIL_CONN_ASKING)
        panic("there is a deadline before login");
#else
    (void)c;
#endif
}

/* ---- the end of a connection ---- */

static void conn_end(struct mail_conn *c, bool politely, const char *why)
{
    stream_destroy(c->account);
    imap_login_destroy(c->login);
    edge_conn_end(&c->conn, politely, why);
    mem_free(c);
}

/* Writes the answers; true when the connection is over (and gone). */
static bool conn_write(struct mail_conn *c)
{
    edge_conn_write(&c->conn);
    if (c->state != MAIL_CONN_ENDING)
        return false;
    conn_end(c, true, "goodbye");
    return true;
}

/* BYE and why; the connection is gone. A client in the middle of a handshake would not hear it. */
static void conn_say_goodbye(struct mail_conn *c, const char *words)
{
    if (stream_is_in_handshake(c->conn.stream)) {
        conn_end(c, false, words);
        return;
    }
    if (c->login) {
        imap_login_end(c->login, words);
    } else {
        buf_printf(&c->conn.out, "* BYE %s\r\n", words);
        conn_become(c, MAIL_CONN_ENDING);
    }
    conn_write(c);
}

/* ---- RELAY ---- */

/* Bytes from one side to the other, as far as the other reads them. */
static void relay_bytes(struct stream *from, struct stream *to)
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
    struct mail_conn *c = arg;

    c->heard = true;
    relay_bytes(c->account, c->conn.stream);
}

static void account_drained(void *arg)
{
    struct mail_conn *c = arg;

    relay_bytes(c->conn.stream, c->account);
}

/* What it said last is for the client. */
static void account_closed(void *arg, const char *why)
{
    struct mail_conn *c = arg;
    struct str in;

    (void)why;
    while ((in = stream_input(c->account)).n > 0) {
        c->heard = true;
        stream_write(c->conn.stream, in);
        stream_consume(c->account, in.n);
    }
    if (!c->heard)
        stream_write(c->conn.stream,
                     STR("* BYE [UNAVAILABLE] the account cannot be opened just now; "
                         "your administrator can see why in the log\r\n"));
    conn_end(c, true, c->heard ? "the session ended" : "the account did not open");
}

/* fd is the directory's socket to the account's process; it is taken. */
static void relay_begin(struct mail_conn *c, int fd)
{
    static const struct stream_ops ops = {
        .readable = account_readable, .drained = account_drained, .closed = account_closed};

    c->e->sessions++;
    imap_login_destroy(c->login);
    c->login = NULL;
    conn_become(c, MAIL_CONN_RELAY);
    c->account = stream_create(&c->e->edge.streams, fd, NULL, &ops, c);
    edge_conn_set_deadline(&c->conn, 0);
    stream_set_timeout(c->conn.stream, c->e->edge.p->config.imap_timeout);
    relay_bytes(c->conn.stream, c->account);
    conn_check(c);
}

/* ---- LOGIN and ASKING ---- */

static void conn_pump(struct mail_conn *c)
{
    struct edge_conn *conn = &c->conn;

    for (;;) {
        struct str in = stream_input(conn->stream);
        size_t used;

        if (in.n == 0) {
            conn_check(c);
            return;
        }
        if (stream_pending(conn->stream) > EDGE_PENDING_MOST)
            break;
        used = imap_login_input(c->login, in);
        stream_consume(conn->stream, used);
        if (conn_write(c))
            return;
        if (c->tls_wanted) {
            c->tls_wanted = false;
            edge_conn_start_tls(conn);
            return;
        }
        if (used < in.n || imap_login_waiting(c->login))
            break;
    }
    stream_set_reading(conn->stream, false);
    conn_check(c);
}

static void login_refused(struct mail_conn *c, const struct error *err)
{
    conn_become(c, MAIL_CONN_LOGIN);
    imap_login_answer(c->login, err);
    if (c->state != MAIL_CONN_ENDING && c->conn.overdue)
        imap_login_end(c->login, too_slow);
    else if (c->state != MAIL_CONN_ENDING && process_is_draining(c->e->edge.p))
        imap_login_end(c->login, "this server is restarting; reconnect in a moment");
    if (conn_write(c))
        return;
    stream_set_reading(c->conn.stream, true);
    conn_pump(c);
}

static void on_login(void *arg, struct msg_login_tell *tell, int *fd)
{
    struct mail_conn *c = arg;
    struct error err = {0};

    c->conn.call = 0;
    if (!msg_error_take(&tell->error, &err) && *fd < 0)
        error_set(&err, ERROR_TEMPORARY, "the login could not be checked just now; try again");
    if (err.kind) {
        login_refused(c, &err);
        return;
    }
    imap_login_answer(c->login, NULL);
    edge_conn_write(&c->conn);
    relay_begin(c, *fd);
    *fd = -1;
}

static void op_credentials(void *arg, struct str authzid, struct str user, struct str password)
{
    struct mail_conn *c = arg;
    struct msg_login_ask ask = {.session = edge_conn_id(&c->conn),
                                .service = STR("imap"),
                                .tag = imap_login_tag(c->login),
                                .authzid = authzid,
                                .user = user,
                                .password = password};
    struct buf ip, prefix;

    buf_init(&ip, 64);
    buf_init(&prefix, 16);
    net_address_print_ip(&ip, &c->conn.peer);
    net_address_prefix(&prefix, &c->conn.peer);
    ask.peer = buf_view(&ip);
    ask.prefix = buf_view(&prefix);
    conn_become(c, MAIL_CONN_ASKING);
    c->conn.call = call_login(process_to(c->e->edge.p, ROLE_DIRECTORY), &ask, NULL, on_login, c);
    buf_done(&ip);
    buf_done(&prefix);
}

static void op_starttls(void *arg)
{
    ((struct mail_conn *)arg)->tls_wanted = true;
}

static void op_close(void *arg)
{
    conn_become(arg, MAIL_CONN_ENDING);
}

static const struct imap_login_ops login_ops = {
    .credentials = op_credentials, .starttls = op_starttls, .close = op_close};

/* ---- what the stream and the clock say ---- */

static void client_readable(void *arg)
{
    struct mail_conn *c = arg;

    if (c->state == MAIL_CONN_RELAY)
        relay_bytes(c->conn.stream, c->account);
    else
        conn_pump(c);
}

static void client_drained(void *arg)
{
    struct mail_conn *c = arg;

    if (c->state == MAIL_CONN_RELAY) {
        relay_bytes(c->account, c->conn.stream);
    } else if (!imap_login_waiting(c->login)) {
        stream_set_reading(c->conn.stream, true);
        conn_pump(c);
    }
}

static void client_tls(void *arg, SSL *ssl)
{
    struct mail_conn *c = arg;

    edge_conn_count_tls(&c->conn, ssl);
    if (strcmp(c->conn.port->service, "imaps") == 0)
        imap_login_greet(c->login, NULL);
    else
        imap_login_tls_ready(c->login);
    if (!conn_write(c))
        conn_check(c);
}

static void client_closed(void *arg, const char *why)
{
    struct mail_conn *c = arg;

    if (strcmp(why, "timeout") == 0)
        conn_say_goodbye(c, "you were silent for too long"); /* RFC 9051 section 5.4 */
    else
        conn_end(c, false, why);
}

/* Before login a client has this long in all, whatever it says meanwhile. */
static void on_login_deadline(void *arg)
{
    struct mail_conn *c = arg;

    c->e->too_slow++;
    if (c->state == MAIL_CONN_ASKING)
        c->conn.overdue = true; /* the answer is ours to give */
    else
        conn_say_goodbye(c, too_slow);
}

/* ---- the beginning of a connection ---- */

/* Over TLS the greeting comes after the handshake; a client over a limit is closed without a word. */
static void conn_greet(struct mail_conn *c)
{
    struct error err;

    error_set(&err, ERROR_LIMIT, "too many connections; try again in a moment");
    if (!stream_is_tls(c->conn.stream))
        imap_login_greet(c->login, c->conn.entered ? NULL : &err);
    else if (!c->conn.entered)
        conn_become(c, MAIL_CONN_ENDING);
    if (!conn_write(c))
        conn_check(c);
}

static void on_connected(struct edge_port *port, int fd, const struct net_address *peer,
                         bool within)
{
    static const struct stream_ops stream_ops = {.readable = client_readable,
                                                 .drained = client_drained,
                                                 .tls = client_tls,
                                                 .closed = client_closed};
    struct edge *edge = port->edge;
    const struct config *config = &edge->p->config;
    bool tls = strcmp(port->service, "imaps") == 0;
    struct imap_login_config login = {.starttls = edge->tls && !tls,
                                      .tls = tls,
                                      .plain_ok =
                                          config->plain_login && net_address_loopback(peer)};
    struct mail_conn *c;

    if (tls && !edge->tls) { /* no certificate: said in the log when it was read */
        close(fd);
        edge_left(edge, within ? peer : NULL);
        return;
    }
    c = mem_zalloc(sizeof *c);
    c->e = (struct mail_edge *)edge;
    edge_conn_begin(&c->conn, port, peer, within, on_login_deadline);
    edge_conn_log_begin(&c->conn);
    edge_conn_open(&c->conn, fd, tls ? edge->tls : NULL, &stream_ops);
    edge_conn_set_deadline(&c->conn, config->login_timeout);
    c->login = imap_login_create(&login, &login_ops, c, &c->conn.out);
    conn_greet(c);
}

/* ---- the role ---- */

static void conn_drain(struct edge_conn *conn, bool now)
{
    struct mail_conn *c = (struct mail_conn *)conn;

    if (now || c->state != MAIL_CONN_ASKING)
        conn_say_goodbye(c, "this server is restarting; reconnect in a moment");
}

static void conn_reload(struct edge_conn *conn)
{
    struct mail_conn *c = (struct mail_conn *)conn;
    const struct config *config = &c->e->edge.p->config;

    if (c->state == MAIL_CONN_RELAY)
        stream_set_timeout(conn->stream, config->imap_timeout);
    else if (!conn->overdue)
        edge_conn_set_deadline(conn, config->login_timeout);
}

static const struct edge_ops mail_ops = {
    .connected = on_connected, .drain = conn_drain, .reload = conn_reload};

static bool edge_mail_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct mail_edge *e = arg;

    (void)ready, (void)err;
    edge_prepare(&e->edge, p);
    edge_start(&e->edge);
    return true;
}

static void edge_mail_reload(void *arg)
{
    struct mail_edge *e = arg;

    edge_reload(&e->edge);
}

static void edge_mail_status(void *arg, struct process_status *s)
{
    struct mail_edge *e = arg;

    edge_status(&e->edge, s);
    process_status_add(s, "sessions", e->sessions);
    process_status_add(s, "ended-before-login", e->too_slow);
}

static const struct process_ops edge_mail_ops = {
    .listener = edge_take_listener,
    .tls = edge_take_tls,
    .shared = edge_take_shared,
    .start = edge_mail_start,
    .message = edge_take_message,
    .reload = edge_mail_reload,
    .drain = edge_drain,
    .status = edge_mail_status,
};

NORETURN void edge_mail_main(unsigned instance)
{
    struct mail_edge e = {0};

    edge_init(&e.edge, &mail_ops);
    process_main(ROLE_EDGE_MAIL, instance, &edge_mail_ops, &e);
}
