/* edge/edge_smtp.c: connections of SMTP: TLS, the dialogue (smtp/server.h), and a message into a sealed memfd.
 *
 * The edge writes a message once, seals it so that nobody can change it any more, and passes it on. It holds no account and no
 * key. Asked twice (intake was started again meanwhile) it tells the same message under the same transaction. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "edge/edge.h"
#include "edge/edge_int.h"
#include "smtp/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ASK_MS 15000
#define MESSAGE_MS 45000 /* longer than intake takes at the worst */
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define ID_CHARS 10

struct smtp_edge {
    struct edge edge;
    struct conn *conns;
    uint64_t memory, memory_most; /* of messages in flight, bytes */
    struct smtp_config config;
    uint64_t accepted, refused;
};

struct conn {
    struct conn *next, **at;
    struct smtp_edge *e;
    struct stream *stream;
    struct smtp_server *server;
    struct buf out;
    struct net_address peer;
    bool entered, tls_wanted, closing;
    char id[ID_CHARS + 1];
    /* The transaction. */
    char transaction[16];
    struct buf rcpts; /* accepted addresses, each with a NUL behind */
    struct buf asked; /* the one that is being asked for */
    size_t rcpts_n;
    int fd;           /* the message, or -1 */
    uint64_t size;
    uint64_t call; /* the request under way, or 0 */
    bool handed;   /* intake has it, or is being asked to take it */
};

static void pump(struct conn *c);

static struct str id_of(const struct conn *c)
{
    return str_c(c->id);
}

/* ---- the transaction ---- */

static void drop_message(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->e->memory -= c->size;
    c->size = 0;
}

/* Nothing of a transaction outlives it, ended or given up. */
static void op_reset(void *arg)
{
    struct conn *c = arg;

    calls_forget(c->e->edge.p->calls, c->call);
    c->call = 0;
    c->handed = false;
    drop_message(c);
    buf_reset(&c->rcpts);
    c->rcpts_n = 0;
}

static void destroy(struct conn *c, const char *why)
{
    struct edge *e = &c->e->edge;
    struct net_address peer = c->peer;
    bool entered = c->entered;

    edge_log_disconnect(id_of(c), why);
    op_reset(c);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    smtp_server_destroy(c->server);
    buf_done(&c->out);
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

static void answered(struct conn *c, const struct error *err, struct str id)
{
    c->call = 0;
    smtp_server_answer(c->server, err, id);
    if (c->e->edge.p->draining && !c->closing)
        smtp_server_end(c->server, "this server is restarting; try again in a moment");
    if (flush(c))
        return;
    stream_set_reading(c->stream, true);
    pump(c);
}

static void log_refused(struct conn *c, const char *what, const struct error *err)
{
    struct log_line l;

    c->e->refused++;
    log_begin(&l, LOG_MAIL_REFUSED, id_of(c));
    log_c(&l, "what", what);
    log_str(&l, "recipient", buf_view(&c->asked));
    log_c(&l, "kind", error_kind_name(err->kind));
    log_c(&l, "why", err->text);
    log_end(&l);
}

static void on_rcpt(void *arg, struct msg *m)
{
    struct conn *c = arg;
    struct error err = {0};

    if (!m)
        error_set(&err, ERROR_TEMPORARY, "this address can not be looked up just now; try again");
    else if (m->rcpt_tell.kind)
        error_set(&err, (enum error_kind)m->rcpt_tell.kind, "%.*s", STR_ARG(m->rcpt_tell.text));
    if (err.kind) {
        log_refused(c, "recipient", &err);
    } else {
        buf_str(&c->rcpts, buf_view(&c->asked));
        buf_char(&c->rcpts, '\0');
        c->rcpts_n++;
    }
    answered(c, err.kind ? &err : NULL, STR_NULL);
}

static void op_rcpt(void *arg, const struct smtp_path_view *to, uint64_t size)
{
    struct conn *c = arg;
    struct process *p = c->e->edge.p;
    struct msg m = {.type = MSG_RCPT_ASK};

    buf_reset(&c->asked);
    buf_str(&c->asked, to->local);
    if (to->domain.n) {
        buf_char(&c->asked, '@');
        buf_str(&c->asked, to->domain);
    } else { /* RFC 5321 section 4.5.1: <postmaster> alone */
        buf_printf(&c->asked, "@%s", p->config.hostname);
    }
    m.rcpt_ask = (struct msg_rcpt_ask){c->call = calls_next_id(p->calls), to->local, to->domain, size};
    process_call(p, ROLE_DIRECTORY, c->call, &m, ASK_MS, true, on_rcpt, c);
}

static bool op_data_begin(void *arg, struct error *err)
{
    struct conn *c = arg;

    if (c->e->memory >= c->e->memory_most)
        return error_set(err, ERROR_DISK, "too many messages are on their way; try again in a moment");
    drop_message(c);
    c->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (c->fd < 0)
        return error_set(err, ERROR_TEMPORARY, "no room for a message just now; try again");
    random_bytes(c->transaction, sizeof c->transaction);
    return true;
}

static bool op_data(void *arg, struct str bytes, struct error *err)
{
    struct conn *c = arg;

    if (c->e->memory + bytes.n > c->e->memory_most)
        return error_set(err, ERROR_DISK, "too many messages are on their way; try again in a moment");
    if (write(c->fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
        return error_set(err, ERROR_TEMPORARY, "no room for the message just now; try again");
    c->size += bytes.n;
    c->e->memory += bytes.n;
    return true;
}

static void on_message(void *arg, struct msg *m)
{
    struct conn *c = arg;
    struct error err = {0};
    struct log_line l;

    if (!m)
        error_set(&err, ERROR_TEMPORARY, "the message could not be stored in time; try again");
    else if (m->intake_done.kind)
        error_set(&err, (enum error_kind)m->intake_done.kind, "%.*s", STR_ARG(m->intake_done.text));
    if (err.kind) {
        log_refused(c, "message", &err);
    } else {
        c->e->accepted++;
        log_begin(&l, LOG_MAIL_ACCEPTED, id_of(c));
        log_u64(&l, "size", c->size);
        log_u64(&l, "recipients", c->rcpts_n);
        log_end(&l);
    }
    op_reset(c);
    answered(c, err.kind ? &err : NULL, id_of(c));
}

static void send_rcpts(struct conn *c, struct chan *intake)
{
    struct str list[150], rest = buf_view(&c->rcpts), one;
    struct msg m = {.type = MSG_INTAKE_RCPTS};

    while (rest.n) {
        size_t n = 0;

        while (n < ARRAY_LEN(list) && str_cut(rest, '\0', &one, &rest))
            list[n++] = one;
        m.intake_rcpts = (struct msg_intake_rcpts){str_of(c->transaction, 16), {list, n}};
        chan_send(intake, &m);
    }
}

/* RFC 5321 section 4.4: the trace line, kept beside the sender's bytes. */
static void print_trace(struct conn *c, struct buf *out)
{
    bool ehlo, tls = stream_is_tls(c->stream);
    struct str helo = smtp_server_helo(c->server, &ehlo);
    struct str rcpt = buf_view(&c->rcpts), rest;
    struct buf ip;

    buf_init(&ip, 64);
    net_address_print_ip(&ip, &c->peer);
    buf_printf(out, "Received: from %.*s (%s[%.*s])\r\n\tby %s with %s%s id %s", STR_ARG(helo),
               c->peer.sa.ss_family == AF_INET6 && str_find_char(buf_view(&ip), ':') != SIZE_MAX ? "IPv6:" : "",
               STR_ARG(buf_view(&ip)), c->e->edge.p->config.hostname, ehlo ? "ESMTP" : "SMTP",
               tls && ehlo ? "S" : "", c->id); /* RFC 3848 */
    if (c->rcpts_n == 1 && str_cut(rcpt, '\0', &rcpt, &rest))
        buf_printf(out, "\r\n\tfor <%.*s>", STR_ARG(rcpt));
    buf_c(out, ";\r\n\t");
    clock_print_rfc5322(out, clock_wall_us());
    buf_c(out, "\r\n");
    buf_done(&ip);
}

static void op_data_end(void *arg, const struct smtp_path_view *mail_from, uint64_t size)
{
    struct conn *c = arg;
    struct process *p = c->e->edge.p;
    struct chan *intake = process_peer(p, ROLE_INTAKE);
    struct msg m = {.type = MSG_INTAKE_MESSAGE, .nfds = 1, .fd = {c->fd}};
    struct buf trace;

    (void)size;
    buf_init(&trace, 4096);
    print_trace(c, &trace);
    c->call = calls_next_id(p->calls);
    c->handed = true;
    m.intake_message = (struct msg_intake_message){
        c->call, str_of(c->transaction, 16), id_of(c), mail_from->whole, buf_view(&trace), c->size,
        (uint64_t)clock_wall_us()};
    if (fcntl(c->fd, F_ADD_SEALS, SEALS) != 0)
        panic("a memfd that can not be sealed: %s", strerror(errno));
    if (intake)
        send_rcpts(c, intake);
    process_call(p, ROLE_INTAKE, c->call, &m, MESSAGE_MS, true, on_message, c);
    buf_done(&trace);
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

static const struct smtp_ops ops = {
    .rcpt = op_rcpt, .data_begin = op_data_begin, .data = op_data, .data_end = op_data_end,
    .reset = op_reset, .starttls = op_starttls, .close = op_close,
};

/* ---- the connection ---- */

/* RFC 3207 section 4.2: what came in the clear behind STARTTLS is dropped, and counted. */
static void start_tls(struct conn *c)
{
    c->tls_wanted = false;
    c->e->edge.dropped_before_tls += stream_drop_input(c->stream);
    stream_start_tls(c->stream, c->e->edge.tls);
}

static void pump(struct conn *c)
{
    for (;;) {
        struct str in = stream_input(c->stream);
        size_t used;

        if (in.n == 0)
            return;
        if (stream_pending(c->stream) > EDGE_PENDING_MOST)
            break; /* it does not read our replies */
        used = smtp_server_input(c->server, in);
        stream_consume(c->stream, used);
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

    if (smtp_server_waiting(c->server) || c->call)
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

    if (strcmp(why, "timeout") == 0 && !c->handed) {
        smtp_server_end(c->server, "you were silent for too long; goodbye"); /* RFC 5321 section 4.5.3.2.7 */
        if (flush(c))
            return;
    }
    stream_destroy(c->stream);
    destroy(c, why);
}

static void connected(struct edge *edge, const struct edge_port *port, int fd, const struct net_address *peer,
                      bool within)
{
    static const struct stream_ops stream_ops = {
        .readable = on_readable, .drained = on_drained, .tls = on_tls, .closed = on_closed};
    struct smtp_edge *e = (struct smtp_edge *)edge;
    struct conn *c = mem_zalloc(sizeof *c);
    struct error err;

    *c = (struct conn){.next = e->conns, .at = &e->conns, .e = e, .peer = *peer, .entered = within, .fd = -1};
    if (c->next)
        c->next->at = &c->next;
    e->conns = c;
    random_text(c->id, ID_CHARS);
    buf_init(&c->out, 1 << 20);
    buf_init(&c->rcpts, (size_t)(LIMIT_SMTP_PATH + 300) * LIMIT_SMTP_RECIPIENTS);
    buf_init(&c->asked, LIMIT_SMTP_PATH + 300);
    edge_log_connect(port->service, id_of(c), peer);
    e->config.size_max = edge->p->config.message_size;
    e->config.recipients_max = (uint32_t)edge->p->config.recipients;
    e->config.starttls = edge->tls != NULL;
    c->stream = stream_create(edge->p->base, fd, NULL, &stream_ops, c);
    stream_set_timeout(c->stream, edge->p->config.smtp_timeout);
    c->server = smtp_server_create(&e->config, &ops, c, &c->out);
    error_set(&err, ERROR_LIMIT, "too many connections; try again in a moment");
    smtp_server_greet(c->server, within ? NULL : &err);
    flush(c);
}

/* ---- the role ---- */

static void drain_conns(struct edge *edge, bool now)
{
    struct smtp_edge *e = (struct smtp_edge *)edge;
    struct conn *next;

    for (struct conn *c = e->conns; c; c = next) {
        next = c->next;
        if (!now && (c->handed || c->fd >= 0 || c->call))
            continue; /* in the middle of a message: it is finished, then 421 */
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

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct smtp_edge *e = arg;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    (void)ready, (void)err;
    e->memory_most = p->config.message_memory;
    if (e->memory_most == 0)
        e->memory_most = (uint64_t)pages * (uint64_t)size / 4;
    e->config.hostname = str_c(p->config.hostname);
    edge_start(&e->edge, p);
    return true;
}

/* Intake is new: the recipients of messages that wait for it go ahead of them again. */
static void peer_new(void *arg, enum role role, struct chan *chan)
{
    struct smtp_edge *e = arg;

    if (role != ROLE_INTAKE)
        return;
    for (struct conn *c = e->conns; c; c = c->next)
        if (c->handed)
            send_rcpts(c, chan);
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
    struct smtp_edge *e = arg;

    edge_status(&e->edge, s);
    process_status_add(s, "messages", e->accepted);
    process_status_add(s, "refusals", e->refused);
    process_status_add(s, "message-memory", e->memory);
}

NORETURN void edge_smtp_main(unsigned instance)
{
    static const struct process_ops process_ops = {
        .listener = take_listener, .tls = take_tls, .start = start, .message = message,
        .peer_new = peer_new, .drain = drain, .status = status,
    };
    struct smtp_edge e = {.edge = {.alpn = "smtp", .connected = connected, .drain = drain_conns}};

    process_main(ROLE_EDGE_SMTP, instance, &process_ops, &e);
}
