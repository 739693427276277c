/* edge/edge_smtp.c: connections of SMTP and LMTP: the PROXY header where one is expected, TLS, limits, and the dialogue
 * (smtp/server.h), whose transactions are in smtp_message.c. The edge holds no account and no key.
 *
 *     PROXY -- its header --> DIALOGUE -- a recipient ----> ASKING -- the directory's answer --> DIALOGUE
 *                                     \-- end of data ----> HANDED -- intake's answer -------> DIALOGUE
 *     from each: the client goes, a deadline, the dialogue's end --> ENDING --> gone
 *
 * PROXY     a load balancer's connection whose header has not come whole; there is no dialogue yet     conn_begin_dialogue
 * DIALOGUE  commands and data are read; in the middle of STARTTLS as well                               conn_pump
 * ASKING    nothing is read until the directory has answered, or until a no of our own is told         op_rcpt, answer_late
 * HANDED    nothing is read until intake has answered; it has the message, and we have it still         hand_over
 * ENDING    the last words are written; as soon as the dialogue returns, the connection is gone         op_close
 *
 * A question is answered by edge_smtp_answered, and given up by smtp_transaction_reset. */
#include "edge/edge_smtp_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/proxy.h"

#include <string.h>
#include <unistd.h>

#define PROXY_TIMEOUT_S 10 /* for the header of a load balancer */

void edge_smtp_become(struct smtp_conn *c, enum smtp_conn_state state)
{
    static const unsigned may_become[] = {
        [SMTP_CONN_PROXY] = 1 << SMTP_CONN_DIALOGUE,
        [SMTP_CONN_DIALOGUE] =
            1 << SMTP_CONN_ASKING | 1 << SMTP_CONN_HANDED | 1 << SMTP_CONN_ENDING,
        [SMTP_CONN_ASKING] = 1 << SMTP_CONN_DIALOGUE | 1 << SMTP_CONN_ENDING,
        [SMTP_CONN_HANDED] = 1 << SMTP_CONN_DIALOGUE | 1 << SMTP_CONN_ENDING,
        [SMTP_CONN_ENDING] = 0,
    };

    if (!(may_become[c->state] & 1U << state))
        panic("a connection in state %d becomes none in state %d", (int)c->state, (int)state);
    c->state = state;
}

/* What must hold whenever the loop comes round. */
static void conn_check(const struct smtp_conn *c)
{
#ifdef POSTHUS_SANITIZE
    bool asks = c->conn.call || (c->late && timer_is_set(&c->late->timer));

    edge_conn_check(&c->conn);
    if ((c->state == SMTP_CONN_PROXY) != (c->server == NULL))
        panic("a connection has a dialogue once it is known whose it is");
    if (asks != (c->state == SMTP_CONN_ASKING || c->state == SMTP_CONN_HANDED))
        panic("a connection waits for an answer while it asks");
    if (c->state == SMTP_CONN_HANDED && (c->fd < 0 || !c->conn.call))
        panic("what intake has is kept until it has answered");
    if (c->state == SMTP_CONN_ENDING)
        panic("a connection that has ended is gone");
    if (asks && !smtp_server_waiting(c->server))
        panic("the dialogue waits for the answer");
#else
    (void)c;
#endif
}

/* ---- the end of a connection ---- */

static void conn_end(struct smtp_conn *c, bool politely, const char *why)
{
    if (c->state == SMTP_CONN_HANDED)
        smtp_transaction_unheard(c);
    smtp_transaction_reset(c);
    smtp_server_destroy(c->server);
    if (c->late)
        timer_stop(&c->late->timer);
    mem_free(c->late);
    buf_done(&c->from);
    buf_done(&c->rcpts);
    buf_done(&c->asked);
    edge_conn_end(&c->conn, politely, why);
    mem_free(c);
}

/* Writes the replies; true when the connection is over (and gone). */
static bool conn_write(struct smtp_conn *c)
{
    edge_conn_write(&c->conn);
    if (c->state != SMTP_CONN_ENDING)
        return false;
    conn_end(c, true, "goodbye");
    return true;
}

/* The dialogue says 421 and why; the connection is gone. */
static void conn_say_goodbye(struct smtp_conn *c, const char *words)
{
    smtp_server_end(c->server, words);
    conn_write(c);
}

/* ---- PROXY ---- */

static bool conn_begin_dialogue(struct smtp_conn *c);

static void refuse_proxy(struct smtp_conn *c, const char *why)
{
    c->e->proxy_refused++;
    log_text(LOG_REFUSED, edge_conn_id(&c->conn), "%s", why);
    conn_end(c, false, "no PROXY header");
}

/* Reads the header of a load balancer; true when the dialogue has begun (and is not over). An incomplete header
 * stays in the input, where the rest of it arrives. */
static bool take_proxy_header(struct smtp_conn *c)
{
    struct edge_conn *conn = &c->conn;
    struct str in = stream_input_joined(conn->stream, LIMIT_PROXY_HEADER + 1);
    enum net_proxy got = NET_PROXY_MORE;
    struct error err;
    size_t used = 0;
    bool entered;

    if (in.n)
        got = net_proxy_parse(in, &used, &conn->peer, &err);
    if (got == NET_PROXY_BAD)
        refuse_proxy(c, err.text);
    if (got != NET_PROXY_DONE)
        return false;
    stream_consume(conn->stream, used);
    edge_conn_log_begin(conn);
    /* From now on the client is counted, not the balancer. */
    entered = net_gate_enter(&c->e->edge.gate, &conn->peer);
    net_gate_leave(&c->e->edge.gate, &conn->counted);
    conn->counted = conn->peer;
    conn->entered = entered;
    edge_smtp_become(c, SMTP_CONN_DIALOGUE);
    return conn_begin_dialogue(c);
}

/* ---- DIALOGUE ---- */

static void conn_pump(struct smtp_conn *c)
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
            break; /* it does not read our replies */
        used = smtp_server_input(c->server, in);
        stream_consume(conn->stream, used);
        if (c->too_many && c->state != SMTP_CONN_ENDING)
            smtp_server_end(c->server,
                            "too many errors from your address; come back in some minutes");
        if (conn_write(c))
            return;
        if (c->tls_wanted) {
            c->tls_wanted = false;
            edge_conn_start_tls(conn);
            return;
        }
        if (used < in.n || smtp_server_waiting(c->server))
            break;
    }
    stream_set_reading(conn->stream, false);
    conn_check(c);
}

void edge_smtp_answered(struct smtp_conn *c, const struct error *err, const struct error *errs,
                        size_t n, struct str id)
{
    if (errs)
        smtp_server_answer_each(c->server, errs, n, id);
    else
        smtp_server_answer(c->server, err, id);
    if (c->state != SMTP_CONN_ENDING && c->conn.overdue)
        smtp_server_end(c->server, "this connection has lasted long enough; make another");
    else if (c->state != SMTP_CONN_ENDING && process_is_draining(c->e->edge.p))
        smtp_server_end(c->server, "this server is restarting; try again in a moment");
    if (conn_write(c))
        return;
    stream_set_reading(c->conn.stream, true);
    conn_pump(c);
}

/* ---- what the stream and the clock say ---- */

static void sender_readable(void *arg)
{
    struct smtp_conn *c = arg;

    if (c->state != SMTP_CONN_PROXY || take_proxy_header(c))
        conn_pump(c);
}

static void sender_drained(void *arg)
{
    struct smtp_conn *c = arg;

    if (c->state != SMTP_CONN_DIALOGUE || smtp_server_waiting(c->server))
        return;
    stream_set_reading(c->conn.stream, true);
    conn_pump(c);
}

static void sender_tls(void *arg, SSL *ssl)
{
    struct smtp_conn *c = arg;

    edge_conn_count_tls(&c->conn, ssl);
    smtp_server_tls_ready(c->server);
}

static void sender_closed(void *arg, const char *why)
{
    struct smtp_conn *c = arg;

    if (strcmp(why, "timeout") == 0 && c->state == SMTP_CONN_DIALOGUE)
        conn_say_goodbye(c,
                         "you were silent for too long; goodbye"); /* RFC 5321 section 4.5.3.2.7 */
    else
        conn_end(c, false, why);
}

static void on_conn_deadline(void *arg)
{
    struct smtp_conn *c = arg;

    if (c->state == SMTP_CONN_PROXY) {
        refuse_proxy(c, "a PROXY header that does not come to its end");
        return;
    }
    c->e->too_long++;
    if (c->state == SMTP_CONN_HANDED)
        c->conn.overdue = true; /* it is ended when that is answered */
    else
        conn_say_goodbye(c, "this connection has lasted long enough; make another");
}

/* ---- the beginning of a connection ---- */

/* Why this client is turned away at once, if it is. */
static bool is_welcome(struct smtp_conn *c, struct error *err)
{
    const struct net_address *peer = &c->conn.peer;
    int64_t now = clock_boot_us();

    if (!c->conn.entered)
        return error_set(err, ERROR_LIMIT, "too many connections; try again in a moment");
    if (!c->limited)
        return true;
    if (!net_rates_take(&c->e->rates, NET_RATE_CONNECTIONS, peer, 1, now))
        return error_set(err, ERROR_RATE,
                         "too many connections a minute from your address; come more slowly");
    if (!net_rates_below(&c->e->rates, NET_RATE_ERRORS, peer, now))
        return error_set(err, ERROR_RATE,
                         "too many errors from your address; come back in some minutes");
    return true;
}

/* Begins the dialogue, or refuses the client with words. False: the connection is gone. */
static bool conn_begin_dialogue(struct smtp_conn *c)
{
    const struct config *config = &c->e->edge.p->config;
    struct smtp_config dialogue = c->lmtp ? c->e->lmtp : c->e->smtp;
    bool local = c->conn.peer.sa.ss_family == AF_UNIX;
    struct error err;

    c->limited = !local && !net_networks_hold(str_c(config->limit_exceptions), &c->conn.peer);
    dialogue.size_max = config->message_size;
    dialogue.recipients_max = (uint32_t)config->recipients;
    dialogue.messages_max = (uint32_t)config->messages_connection;
    dialogue.starttls = c->e->edge.tls != NULL && !local;
    stream_set_timeout(c->conn.stream, config->smtp_timeout);
    edge_conn_set_deadline(&c->conn, config->smtp_session_time);
    c->server = smtp_server_create(&dialogue, &smtp_edge_ops, c, &c->conn.out);
    smtp_server_greet(c->server, is_welcome(c, &err) ? NULL : &err);
    return !conn_write(c);
}

/* False: it was turned away. */
static bool is_a_balancer(struct smtp_edge *e, const struct net_address *peer, bool within)
{
    if (within && net_networks_hold(str_c(e->edge.p->config.proxy_from), peer))
        return true;
    e->proxy_refused++;
    if (within)
        edge_left(&e->edge, peer);
    return false;
}

static void on_connected(struct edge_port *port, int fd, const struct net_address *peer,
                         bool within)
{
    static const struct stream_ops stream_ops = {.readable = sender_readable,
                                                 .drained = sender_drained,
                                                 .tls = sender_tls,
                                                 .closed = sender_closed};
    struct smtp_edge *e = (struct smtp_edge *)port->edge;
    bool proxy = strcmp(port->service, "smtp-proxy") == 0;
    struct smtp_conn *c;

    if (proxy && !is_a_balancer(e, peer, within)) {
        close(fd);
        return;
    }
    c = mem_zalloc(sizeof *c);
    *c = (struct smtp_conn){.e = e,
                            .state = proxy ? SMTP_CONN_PROXY : SMTP_CONN_DIALOGUE,
                            .lmtp = strcmp(port->service, "lmtp") == 0,
                            .fd = -1};
    edge_conn_begin(&c->conn, port, peer, within, on_conn_deadline);
    c->local.n = sizeof c->local.sa;
    if (getsockname(fd, (struct sockaddr *)&c->local.sa, &c->local.n) != 0)
        c->local.n = 0;
    buf_init(&c->from, LIMIT_SMTP_PATH + 300);
    buf_init(&c->rcpts, (size_t)(LIMIT_SMTP_PATH + 300) * LIMIT_SMTP_RECIPIENTS);
    buf_init(&c->asked, LIMIT_SMTP_PATH + 300);
    edge_conn_open(&c->conn, fd, NULL, &stream_ops);
    if (proxy) {
        edge_conn_set_deadline(&c->conn, PROXY_TIMEOUT_S);
        return;
    }
    edge_conn_log_begin(&c->conn);
    if (conn_begin_dialogue(c))
        conn_check(c);
}

/* ---- the role ---- */

/* A client in the middle of a message may finish it; then it is told 421. */
static void conn_drain(struct edge_conn *conn, bool now)
{
    struct smtp_conn *c = (struct smtp_conn *)conn;

    if (!now && (c->state == SMTP_CONN_ASKING || c->state == SMTP_CONN_HANDED || c->fd >= 0))
        return;
    if (c->state == SMTP_CONN_PROXY) /* nothing was said yet */
        conn_end(c, false, "restarting");
    else
        conn_say_goodbye(c, "this server is restarting; try again in a moment");
}

/* The rest holds for connections that begin from now on: they were told it in the greeting. */
static void conn_reload(struct edge_conn *conn)
{
    struct smtp_conn *c = (struct smtp_conn *)conn;
    const struct config *config = &c->e->edge.p->config;

    if (c->state == SMTP_CONN_PROXY)
        return;
    stream_set_timeout(conn->stream, config->smtp_timeout);
    edge_conn_set_deadline(conn, config->smtp_session_time);
}

static void give_memory_back(struct edge *edge)
{
    struct smtp_edge *e = (struct smtp_edge *)edge;

    net_rates_trim(&e->rates, clock_boot_us());
}

static const struct edge_ops smtp_ops = {
    .connected = on_connected,
    .drain = conn_drain,
    .reload = conn_reload,
    .trim = give_memory_back,
};

static void set_rates(struct smtp_edge *e)
{
    const struct config *c = &e->edge.p->config;

    e->rates.most[NET_RATE_CONNECTIONS] = c->smtp_rate_connections;
    e->rates.most[NET_RATE_MESSAGES] = c->smtp_rate_messages;
    e->rates.most[NET_RATE_RECIPIENTS] = c->smtp_rate_recipients;
    e->rates.most[NET_RATE_BYTES] = c->smtp_rate_bytes;
    e->rates.most[NET_RATE_ERRORS] = c->smtp_rate_errors;
}

static bool edge_smtp_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct smtp_edge *e = arg;

    (void)ready, (void)err;
    edge_prepare(&e->edge, p);
    /* A START setting: its memory stays where it is. */
    e->smtp = (struct smtp_config){.hostname = str_c(p->config.hostname), .counters = &e->counters};
    e->lmtp = e->smtp;
    e->lmtp.lmtp = true;
    net_rates_init(&e->rates, &e->edge.shared);
    smtp_memory_init(&e->memory, &e->edge.shared, p->config.message_memory);
    smtp_unheard_init(&e->unheard, &e->edge.shared);
    set_rates(e);
    edge_start(&e->edge);
    return true;
}

/* A new one holds nothing yet. */
static void on_peer_new(void *arg, enum role role, struct chan *c)
{
    struct smtp_edge *e = arg;

    (void)c;
    if (role == ROLE_INTAKE)
        smtp_memory_intake(&e->memory, 0, clock_boot_us());
}

static void edge_smtp_reload(void *arg)
{
    struct smtp_edge *e = arg;

    set_rates(e);
    edge_reload(&e->edge);
}

static void edge_smtp_status(void *arg, struct process_status *s)
{
    static const char *const rate_names[NET_RATE_KINDS] = {
        [NET_RATE_CONNECTIONS] = "over-rate-connections",
        [NET_RATE_MESSAGES] = "over-rate-messages",
        [NET_RATE_RECIPIENTS] = "over-rate-recipients",
        [NET_RATE_BYTES] = "over-rate-bytes",
        [NET_RATE_ERRORS] = "over-rate-errors",
    };
    struct smtp_edge *e = arg;

    edge_status(&e->edge, s);
    process_status_add(s, "messages", e->accepted);
    process_status_add(s, "refusals", e->refused);
    process_status_add(s, "message-memory", tally_total_own(&e->memory.held));
    process_status_add(s, "repeated", e->repeated);
    process_status_add(s, "refused-without-proxy", e->proxy_refused);
    for (size_t i = 0; i < NET_RATE_KINDS; i++)
        process_status_add(s, rate_names[i], e->rates.refused[i]);
    process_status_add(s, "refused-too-large", e->counters.sizes);
    process_status_add(s, "refused-bare-line-end", e->counters.bare);
    process_status_add(s, "refused-recipients", e->counters.recipients);
    process_status_add(s, "ended-for-errors", e->counters.errors);
    process_status_add(s, "ended-for-idle-commands", e->counters.idle);
    process_status_add(s, "ended-for-unknown-recipients", e->counters.strangers);
    process_status_add(s, "ended-after-messages", e->counters.messages);
    process_status_add(s, "ended-for-other-protocol", e->counters.protocols);
    process_status_add(s, "ended-after-time", e->too_long);
}

static const struct process_ops edge_smtp_ops = {
    .listener = edge_take_listener,
    .tls = edge_take_tls,
    .shared = edge_take_shared,
    .start = edge_smtp_start,
    .message = edge_take_message,
    .peer_new = on_peer_new,
    .reload = edge_smtp_reload,
    .drain = edge_drain,
    .status = edge_smtp_status,
};

NORETURN void edge_smtp_main(unsigned instance)
{
    struct smtp_edge e = {0};

    edge_init(&e.edge, &smtp_ops);
    process_main(ROLE_EDGE_SMTP, instance, &edge_smtp_ops, &e);
}
