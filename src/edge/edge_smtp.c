/* edge/edge_smtp.c: connections of SMTP and LMTP: the PROXY header where one is expected, TLS, limits, and the dialogue
 * (smtp/server.h), whose transactions are in smtp_message.c. The edge holds no account and no key. */
#include "edge/edge.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "edge/edge_smtp_int.h"
#include "net/proxy.h"

#include <string.h>
#include <unistd.h>

#define PROXY_TIMEOUT_S 10 /* for the header of a load balancer */

static void pump(struct conn *c);

static struct str id_of(const struct conn *c)
{
    return str_c(c->id);
}

static void destroy(struct conn *c, const char *why)
{
    struct edge *e = &c->e->edge;
    struct net_address peer = c->socket_peer;
    bool entered = c->entered;

    edge_log_disconnect(id_of(c), why);
    if (c->handed)
        smtp_transaction_unheard(c);
    smtp_transaction_reset(c);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    smtp_server_destroy(c->server);
    if (c->late)
        timer_stop(&c->late->timer);
    mem_free(c->late);
    buf_done(&c->out);
    buf_done(&c->from);
    buf_done(&c->rcpts);
    buf_done(&c->asked);
    mem_free(c);
    if (entered)
        edge_left(e, &peer);
}

/* Writes the replies; true when the connection is over (and gone). */
static bool flush(struct conn *c)
{
    stream_write(c->stream, buf_view(&c->out));
    buf_reset(&c->out);
    if (!c->closing)
        return false;
    stream_finish(c->stream);
    destroy(c, "goodbye");
    return true;
}

void smtp_conn_answered(struct conn *c, const struct error *err, const struct error *errs, size_t n,
                        struct str id)
{
    if (errs)
        smtp_server_answer_each(c->server, errs, n, id);
    else
        smtp_server_answer(c->server, err, id);
    if (process_is_draining(c->e->edge.p) && !c->closing)
        smtp_server_end(c->server, "this server is restarting; try again in a moment");
    if (flush(c))
        return;
    stream_set_reading(c->stream, true);
    pump(c);
}

/* ---- the connection ---- */

/* RFC 3207 section 4.2: what came in the clear behind STARTTLS is dropped, and counted. */
static void start_tls(struct conn *c)
{
    c->tls_wanted = false;
    c->e->edge.dropped_before_tls += stream_drop_input(c->stream);
    stream_start_tls(c->stream, c->e->edge.tls);
}

/* What can not be told within a callback of the dialogue. */
static void end_if_over(struct conn *c)
{
    uint64_t most = c->e->edge.p->config.smtp_session_time;

    if (c->too_many) {
        smtp_server_end(c->server, "too many errors from your address; come back in some minutes");
    } else if (clock_boot_us() - c->began_us > (int64_t)most * 1000000 && !c->handed &&
               !c->closing) {
        c->e->too_long++;
        smtp_server_end(c->server, "this connection has lasted long enough; make another");
    }
}

static bool begin(struct conn *c, bool within);

static void refuse_proxy(struct conn *c, const char *why)
{
    c->e->proxy_refused++;
    log_text(LOG_REFUSED, id_of(c), "%s", why);
    stream_destroy(c->stream);
    destroy(c, "no PROXY header");
}

/* The header of a load balancer; true when the dialogue has begun (and is not over). */
static bool take_proxy_header(struct conn *c)
{
    struct str in = stream_input_joined(c->stream, LIMIT_PROXY_HEADER + 1);
    struct error err;
    size_t used = 0;
    bool within;

    if (in.n == 0)
        return false;
    switch (net_proxy_parse(in, &used, &c->peer, &err)) {
    case NET_PROXY_MORE: /* nothing was consumed, so what comes next is put behind it */
        if (clock_boot_us() - c->began_us <= PROXY_TIMEOUT_S * 1000000LL)
            return false;
        refuse_proxy(c, "a PROXY header that does not come to its end");
        return false;
    case NET_PROXY_BAD:
        refuse_proxy(c, err.text);
        return false;
    case NET_PROXY_DONE:
        break;
    }
    stream_consume(c->stream, used);
    edge_log_connect("smtp-proxy", id_of(c), &c->peer);
    within = net_gate_enter(&c->e->edge.gate,
                            &c->peer); /* from now on the client is counted, not the balancer */
    edge_left(&c->e->edge, &c->socket_peer);
    c->socket_peer = c->peer;
    c->entered = within;
    return begin(c, within);
}

static void pump(struct conn *c)
{
    if (!c->server && !take_proxy_header(c))
        return;
    for (;;) {
        struct str in = stream_input(c->stream);
        size_t used;

        if (in.n == 0)
            return;
        if (stream_pending(c->stream) > EDGE_PENDING_MOST)
            break; /* it does not read our replies */
        used = smtp_server_input(c->server, in);
        stream_consume(c->stream, used);
        end_if_over(c);
        if (flush(c))
            return;
        if (c->tls_wanted) {
            start_tls(c);
            return;
        }
        if (used < in.n || smtp_server_waiting(c->server))
            break;
    }
    stream_set_reading(c->stream, false);
}

static void on_readable(void *arg)
{
    pump(arg);
}

static void on_drained(void *arg)
{
    struct conn *c = arg;

    if (!c->server || smtp_server_waiting(c->server) || c->call)
        return;
    stream_set_reading(c->stream, true);
    pump(c);
}

static void on_tls(void *arg, SSL *ssl)
{
    struct conn *c = arg;

    c->e->edge.handshakes++;
    edge_log_tls(id_of(c), ssl);
    smtp_server_tls_ready(c->server);
}

static void on_closed(void *arg, const char *why)
{
    struct conn *c = arg;

    if (strcmp(why, "timeout") == 0 && !c->handed && c->server) {
        smtp_server_end(c->server,
                        "you were silent for too long; goodbye"); /* RFC 5321 section 4.5.3.2.7 */
        if (flush(c))
            return;
    }
    stream_destroy(c->stream);
    destroy(c, why);
}

/* Why this client is turned away at once, if it is. */
static bool is_welcome(struct conn *c, bool within, struct error *err)
{
    int64_t now = clock_boot_us();

    if (!within)
        return error_set(err, ERROR_LIMIT, "too many connections; try again in a moment");
    if (!c->limited)
        return true;
    if (!net_rates_take(&c->e->rates, NET_RATE_CONNECTIONS, &c->peer, 1, now))
        return error_set(err, ERROR_RATE,
                         "too many connections a minute from your address; come more slowly");
    if (!net_rates_below(&c->e->rates, NET_RATE_ERRORS, &c->peer, now))
        return error_set(err, ERROR_RATE,
                         "too many errors from your address; come back in some minutes");
    return true;
}

/* The dialogue begins, or is refused with words. False: it is over. */
static bool begin(struct conn *c, bool within)
{
    const struct config *config = &c->e->edge.p->config;
    struct smtp_config *dialogue = c->lmtp ? &c->e->lmtp : &c->e->smtp;
    struct error err;

    c->limited = c->peer.sa.ss_family != AF_UNIX &&
                 !net_networks_hold(str_c(config->limit_exceptions), &c->peer);
    dialogue->size_max = config->message_size;
    dialogue->recipients_max = (uint32_t)config->recipients;
    dialogue->messages_max = (uint32_t)config->messages_connection;
    dialogue->starttls = c->e->edge.tls != NULL && c->peer.sa.ss_family != AF_UNIX;
    stream_set_timeout(c->stream, config->smtp_timeout);
    c->server = smtp_server_create(dialogue, &smtp_edge_ops, c, &c->out);
    smtp_server_greet(c->server, is_welcome(c, within, &err) ? NULL : &err);
    return !flush(c);
}

static void connected(struct edge *edge, const struct edge_port *port, int fd,
                      const struct net_address *peer, bool within)
{
    static const struct stream_ops stream_ops = {
        .readable = on_readable, .drained = on_drained, .tls = on_tls, .closed = on_closed};
    struct smtp_edge *e = (struct smtp_edge *)edge;
    const struct config *config = &edge->p->config;
    bool proxy = strcmp(port->service, "smtp-proxy") == 0;
    struct conn *c;

    if (proxy && (!within || !net_networks_hold(str_c(config->proxy_from), peer))) {
        e->proxy_refused++;
        close(fd);
        if (within)
            edge_left(edge, peer);
        return;
    }
    c = mem_zalloc(sizeof *c);
    *c = (struct conn){.next = e->conns,
                       .at = &e->conns,
                       .e = e,
                       .peer = *peer,
                       .socket_peer = *peer,
                       .lmtp = strcmp(port->service, "lmtp") == 0,
                       .entered = within,
                       .began_us = clock_boot_us(),
                       .fd = -1};
    if (c->next)
        c->next->at = &c->next;
    e->conns = c;
    c->local.n = sizeof c->local.sa;
    if (getsockname(fd, (struct sockaddr *)&c->local.sa, &c->local.n) != 0)
        c->local.n = 0;
    random_text(c->id, SMTP_ID_CHARS);
    buf_init(&c->out, 1 << 20);
    buf_init(&c->from, LIMIT_SMTP_PATH + 300);
    buf_init(&c->rcpts, (size_t)(LIMIT_SMTP_PATH + 300) * LIMIT_SMTP_RECIPIENTS);
    buf_init(&c->asked, LIMIT_SMTP_PATH + 300);
    c->stream = stream_create(edge->p->base, fd, NULL, &stream_ops, c);
    if (proxy) {
        stream_set_timeout(c->stream, PROXY_TIMEOUT_S);
        return;
    }
    edge_log_connect(port->service, id_of(c), peer);
    (void)begin(c, within);
}

/* ---- the role ---- */

static void drain_conns(struct edge *edge, bool now)
{
    struct smtp_edge *e = (struct smtp_edge *)edge;
    struct conn *next;

    for (struct conn *c = e->conns; c; c = next) {
        next = c->next;
        if (!now &&
            (c->handed || c->fd >= 0 || c->call || (c->late && timer_is_set(&c->late->timer))))
            continue;     /* in the middle of a message: it is finished, then 421 */
        if (!c->server) { /* nothing was said yet */
            stream_destroy(c->stream);
            destroy(c, "restarting");
            continue;
        }
        smtp_server_end(c->server, "this server is restarting; try again in a moment");
        flush(c);
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

static void set_rates(struct smtp_edge *e)
{
    const struct config *c = &e->edge.p->config;

    e->rates.most[NET_RATE_CONNECTIONS] = c->smtp_rate_connections;
    e->rates.most[NET_RATE_MESSAGES] = c->smtp_rate_messages;
    e->rates.most[NET_RATE_RECIPIENTS] = c->smtp_rate_recipients;
    e->rates.most[NET_RATE_BYTES] = c->smtp_rate_bytes;
    e->rates.most[NET_RATE_ERRORS] = c->smtp_rate_errors;
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct smtp_edge *e = arg;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    (void)ready, (void)err;
    e->memory_most = p->config.message_memory;
    if (e->memory_most == 0)
        e->memory_most = (uint64_t)pages * (uint64_t)size / 4;
    e->memory_most /=
        process_instances(&p->config, ROLE_EDGE_SMTP); /* the budget is the server's */
    e->smtp.hostname = e->lmtp.hostname = str_c(p->config.hostname);
    e->lmtp.lmtp = true;
    e->smtp.counters = e->lmtp.counters = &e->counters;
    net_rates_init(&e->rates);
    e->edge.p = p;
    set_rates(e);
    edge_start(&e->edge, p);
    return true;
}

static void reload(void *arg)
{
    struct smtp_edge *e = arg;

    set_rates(e);
    edge_reload(&e->edge);
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m; /* only answers come here, and those that are late */
}

static void drain(void *arg)
{
    edge_drain(arg);
}

static void status(void *arg, struct process_status *s)
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
    process_status_add(s, "message-memory", e->memory + e->memory_intake);
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

NORETURN void edge_smtp_main(unsigned instance)
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
    struct smtp_edge e = {.edge = {.connected = connected, .drain = drain_conns}};

    process_main(ROLE_EDGE_SMTP, instance, &process_ops, &e);
}
