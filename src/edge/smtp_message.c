/* edge/smtp_message.c: one transaction of SMTP or LMTP: recipients asked of the directory, the message in a
 * sealed memfd, the trace line, the answer of intake.
 *
 * An intake that was started again meanwhile is given the same message under the same transaction; so is
 * one that a client sends again because its connection broke before it heard our answer (smtp_unheard.h). */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "edge/edge_smtp_int.h"
#include "proc/memfd.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LISTED_MOST 100    /* recipients in the message to intake; more go by a memfd */
#define LISTED_BYTES 30000 /* and their bytes */

static void drop_message(struct smtp_conn *c)
{
    base_close_fd(&c->fd);
    c->fd = -1;
    smtp_memory_give(&c->e->memory, c->size);
    c->size = 0;
}

/* What was reserved in accounts for this transaction is given back. */
static void end_reservation(struct smtp_conn *c)
{
    struct chan *directory = process_peer(c->e->edge.p, ROLE_DIRECTORY);
    struct msg m = {.type = MSG_RCPT_END, .rcpt_end = {edge_conn_id(&c->conn)}};

    if ((c->reserved || (c->state == SMTP_CONN_ASKING && c->conn.call)) && directory)
        chan_send(directory, &m);
    c->reserved = false;
}

/* Nobody is asked any more, and no answer of our own is under way. */
static void stop_asking(struct smtp_conn *c)
{
    calls_forget(c->e->edge.p->calls, c->conn.call);
    c->conn.call = 0;
    if (c->late)
        timer_stop(&c->late->timer);
    if (c->state == SMTP_CONN_HANDED)
        smtp_memory_unhand(&c->e->memory, c->size);
    if (c->state == SMTP_CONN_ASKING || c->state == SMTP_CONN_HANDED)
        edge_smtp_become(c, SMTP_CONN_DIALOGUE);
}

void smtp_transaction_reset(struct smtp_conn *c)
{
    end_reservation(c);
    stop_asking(c);
    c->counted = false;
    drop_message(c);
    buf_reset(&c->from);
    buf_reset(&c->rcpts);
    c->rcpts_n = 0;
}

static void op_reset(void *arg)
{
    smtp_transaction_reset(arg);
}

/* ---- messages whose answer nobody heard ---- */

/* SHA-256 over sender, recipients and bytes. False when the memfd cannot be mapped. */
static bool hash_message(const struct smtp_conn *c, struct smtp_unheard_key *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    void *p = c->size ? mmap(NULL, c->size, PROT_READ, MAP_SHARED, c->fd, 0) : NULL;
    bool ok = p != MAP_FAILED && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(md, c->from.p, c->from.n) == 1 && EVP_DigestUpdate(md, "", 1) == 1 &&
              EVP_DigestUpdate(md, c->rcpts.p, c->rcpts.n) == 1 &&
              EVP_DigestUpdate(md, "", 1) == 1 &&
              (c->size == 0 || EVP_DigestUpdate(md, p, c->size) == 1) &&
              EVP_DigestFinal_ex(md, out->hash, NULL) == 1;

    out->size = c->size;
    if (c->size && p != MAP_FAILED)
        munmap(p, c->size);
    EVP_MD_CTX_free(md);
    return ok;
}

void smtp_transaction_unheard(struct smtp_conn *c)
{
    struct smtp_unheard_key key;

    if (hash_message(c, &key))
        smtp_unheard_add(&c->e->unheard, &key, c->transaction, clock_boot_us());
}

/* Gives the message the transaction of the first time, if there was one. */
static void find_unheard(struct smtp_conn *c)
{
    struct smtp_unheard_key key;
    int64_t now = clock_boot_us();

    if (smtp_unheard_has_size(&c->e->unheard, c->size, now) && hash_message(c, &key) &&
        smtp_unheard_take(&c->e->unheard, &key, c->transaction, now))
        c->e->repeated++;
}

/* ---- recipients ---- */

static void log_refused(struct smtp_conn *c, const char *what, const struct error *err)
{
    struct log_line l;

    c->e->refused++;
    log_begin(&l, LOG_MAIL_REFUSED, edge_conn_id(&c->conn));
    log_c(&l, "what", what);
    log_str(&l, "recipient", buf_view(&c->asked));
    log_c(&l, "kind", error_kind_name(err->kind));
    log_c(&l, "why", err->text);
    log_end(&l);
}

static void on_late(void *arg)
{
    struct smtp_conn *c = arg;
    struct error err = c->late->err;

    log_refused(c, c->late->what, &err);
    if (strcmp(c->late->what, "message") == 0)
        smtp_transaction_reset(c);
    else
        edge_smtp_become(c, SMTP_CONN_DIALOGUE);
    edge_smtp_answered(c, &err, NULL, 0, STR_NULL);
}

/* A refusal of our own comes from the loop, as all answers do: the dialogue is never called from within itself. */
static void answer_late(struct smtp_conn *c, const char *what, const struct error *err)
{
    if (!c->late) {
        c->late = mem_zalloc(sizeof *c->late);
        timer_init(&c->late->timer, c->e->edge.p->timers, on_late, c);
    }
    c->late->what = what;
    c->late->err = *err;
    timer_set(&c->late->timer, 0);
    edge_smtp_become(c, SMTP_CONN_ASKING);
}

static void on_rcpt(void *arg, struct msg_rcpt_tell *tell, int *fd)
{
    struct smtp_conn *c = arg;
    struct error err = {0};

    (void)fd;
    c->conn.call = 0;
    edge_smtp_become(c, SMTP_CONN_DIALOGUE);
    msg_error_take(&tell->error, &err);
    c->reserved = c->reserved || tell->id == 0 || tell->reserved;
    if (err.kind) {
        log_refused(c, "recipient", &err);
    } else {
        buf_str(&c->rcpts, buf_view(&c->asked));
        buf_char(&c->rcpts, '\0');
        c->rcpts_n++;
    }
    edge_smtp_answered(c, err.kind ? &err : NULL, NULL, 0, STR_NULL);
}

/* Is this address literal the one that the client has connected to? (RFC 5321 section 4.1.3, RFC 1123 section 5.2.17) */
static bool is_our_literal(const struct smtp_conn *c, struct str domain)
{
    struct str inside = str_sub(domain, 1, domain.n - 2);
    struct net_address a;
    struct buf text, ours;
    bool six, same;

    if (domain.n < 3 || domain.p[0] != '[' || c->local.n == 0)
        return false;
    six = str_starts_nocase(inside, STR("IPv6:"));
    buf_init(&text, 400);
    buf_init(&ours, 64);
    buf_printf(&text, six ? "[%.*s]:0" : "%.*s:0", STR_ARG(str_skip(inside, six ? 5 : 0)));
    same = net_address_parse(buf_view(&text), &a, NULL);
    buf_reset(&text);
    if (same) {
        net_address_print_ip(&text, &a);
        net_address_print_ip(&ours, &c->local);
        same = str_equal(buf_view(&text), buf_view(&ours));
    }
    buf_done(&text);
    buf_done(&ours);
    return same;
}

static bool within_rates(struct smtp_conn *c, uint64_t size, struct error *err)
{
    int64_t now = clock_boot_us();

    if (!c->limited)
        return true;
    if (!c->counted && !net_rates_take(&c->e->rates, NET_RATE_MESSAGES, &c->conn.peer, 1, now))
        return error_set(err, ERROR_RATE,
                         "too many messages a minute from your address; go on more slowly");
    c->counted = true;
    if (!net_rates_take(&c->e->rates, NET_RATE_RECIPIENTS, &c->conn.peer, 1, now))
        return error_set(err, ERROR_RATE,
                         "too many recipients a minute from your address; go on more slowly");
    if (size && !net_rates_below(&c->e->rates, NET_RATE_BYTES, &c->conn.peer, now))
        return error_set(err, ERROR_RATE,
                         "too many bytes a minute from your address; go on more slowly");
    return true;
}

static void op_rcpt(void *arg, const struct smtp_path_view *to, uint64_t size)
{
    struct smtp_conn *c = arg;
    struct process *p = c->e->edge.p;
    struct msg_rcpt_ask ask = {.session = edge_conn_id(&c->conn), .local = to->local, .size = size};
    bool postmaster = str_equal_nocase(to->local, STR("postmaster"));
    struct str domain = to->domain;
    struct error err;

    if (is_our_literal(c, domain))
        domain = postmaster ? STR_NULL : str_c(p->config.hostname);
    buf_reset(&c->asked);
    buf_str(&c->asked, to->local);
    if (domain.n) {
        buf_char(&c->asked, '@');
        buf_str(&c->asked, domain);
    } else { /* RFC 5321 section 4.5.1: <postmaster> alone */
        buf_printf(&c->asked, "@%s", p->config.hostname);
    }
    if (!within_rates(c, size, &err)) {
        answer_late(c, "recipient", &err);
        return;
    }
    ask.domain = domain;
    edge_smtp_become(c, SMTP_CONN_ASKING);
    c->conn.call = call_rcpt(process_to(p, ROLE_DIRECTORY), &ask, NULL, on_rcpt, c);
}

/* ---- the message ---- */

static const char no_memory[] = "too many messages are on their way; try again in a moment";

static bool op_data_begin(void *arg, struct error *err)
{
    struct smtp_conn *c = arg;

    if (!smtp_memory_take(&c->e->memory, 0, clock_boot_us()))
        return error_set(err, ERROR_DISK, "%s", no_memory);
    drop_message(c);
    c->fd = memfd_new();
    if (c->fd < 0)
        return error_set(err, ERROR_TEMPORARY, "no room for a message just now; try again");
    random_bytes(c->transaction, sizeof c->transaction);
    return true;
}

static bool op_data(void *arg, struct str bytes, struct error *err)
{
    struct smtp_conn *c = arg;
    int64_t now = clock_boot_us();

    if (c->limited && !net_rates_take(&c->e->rates, NET_RATE_BYTES, &c->conn.peer, bytes.n, now))
        return error_set(err, ERROR_RATE,
                         "too many bytes a minute from your address; go on more slowly");
    if (!smtp_memory_take(&c->e->memory, bytes.n, now))
        return error_set(err, ERROR_DISK, "%s", no_memory);
    c->size += bytes.n;
    if (write(c->fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
        return error_set(err, ERROR_TEMPORARY, "no room for the message just now; try again");
    return true;
}

static void log_accepted(const struct smtp_conn *c)
{
    struct log_line l;

    c->e->accepted++;
    log_begin(&l, LOG_MAIL_ACCEPTED, edge_conn_id(&c->conn));
    log_u64(&l, "size", c->size);
    log_u64(&l, "recipients", c->rcpts_n);
    log_end(&l);
}

/* An unknown kind, from a peer that does not keep to the table, counts as a temporary refusal. */
static enum error_kind kind_of(struct str item)
{
    uint64_t kind = msg_u64_item(item);

    return item.n == sizeof kind && kind < ERROR_KINDS ? (enum error_kind)kind : ERROR_TEMPORARY;
}

/* LMTP's answers, one a recipient; NULL where all are the same. The caller frees them. */
static struct error *each_answer(const struct smtp_conn *c, const struct msg_arrival_tell *done)
{
    struct error *errs;

    if (!c->lmtp || done->kinds.n == 0 || done->kinds.n != c->rcpts_n)
        return NULL;
    errs = mem_zalloc(c->rcpts_n * sizeof *errs);
    for (size_t i = 0; i < c->rcpts_n; i++) {
        enum error_kind kind = kind_of(done->kinds.v[i]);

        if (kind != ERROR_NONE)
            error_set(&errs[i], kind, "%.*s", STR_ARG(done->words));
    }
    return errs;
}

static void on_arrival(void *arg, struct msg_arrival_tell *tell, int *fd)
{
    struct smtp_conn *c = arg;
    struct error err = {0}, *errs = each_answer(c, tell);
    size_t n = c->rcpts_n;

    (void)fd;
    c->conn.call = 0;
    msg_error_take(&tell->error, &err);
    if (err.kind)
        log_refused(c, "message", &err);
    else
        log_accepted(c);
    if (stream_peer_closed(c->conn.stream)) /* it does not hear this */
        smtp_transaction_unheard(c);
    smtp_transaction_reset(c);
    if (tell->id)
        smtp_memory_intake(&c->e->memory, tell->held, clock_boot_us());
    edge_smtp_answered(c, err.kind ? &err : NULL, errs, n, edge_conn_id(&c->conn));
    mem_free(errs);
}

/* Few recipients travel in the question itself (*fd is -1), more in a sealed memfd of their own, which is the caller's. */
static bool put_recipients(struct smtp_conn *c, struct msg_arrival_ask *ask,
                           struct str list[LISTED_MOST], int *fd, struct error *err)
{
    struct str rest = buf_view(&c->rcpts), one;
    size_t n = 0;

    *fd = -1;
    if (c->rcpts_n <= LISTED_MOST && rest.n <= LISTED_BYTES) {
        while (n < LISTED_MOST && str_cut(rest, '\0', &one, &rest))
            list[n++] = one;
        ask->recipients = (struct msg_list){list, n};
        return true;
    }
    ask->recipients_size = rest.n;
    *fd = memfd_new();
    if (*fd >= 0 && write(*fd, rest.p, rest.n) == (ssize_t)rest.n && memfd_seal(fd, rest.n, err))
        return true;
    base_close_fd(fd);
    return error_set(err, ERROR_TEMPORARY,
                     "no room for the list of recipients just now; try again");
}

/* RFC 5321 section 4.4: the trace line, kept beside the sender's bytes. The protocol's name is of RFC 3848 section 1 and,
 * for addresses in UTF-8, RFC 6531 section 4.3. */
static void print_trace(struct smtp_conn *c, const struct smtp_mail *mail, struct buf *out)
{
    bool ehlo, tls = stream_is_tls(c->conn.stream);
    struct str helo = smtp_server_helo(c->server, &ehlo);
    struct str rcpt = buf_view(&c->rcpts), rest;
    const char *protocol = c->lmtp ? "LMTP" : mail->smtputf8 ? "SMTP" : ehlo ? "ESMTP" : "SMTP";
    struct buf ip;

    buf_init(&ip, 64);
    net_address_print_ip(&ip, &c->conn.peer);
    buf_printf(out, "Received: from %.*s", STR_ARG(helo));
    if (c->conn.peer.sa.ss_family == AF_UNIX)
        buf_c(out, " (local)");
    else
        buf_printf(out, " ([%s%.*s])", str_find_char(buf_view(&ip), ':') != SIZE_MAX ? "IPv6:" : "",
                   STR_ARG(buf_view(&ip)));
    buf_printf(out, "\r\n\tby %s with %s%s%s id %s", c->e->edge.p->config.hostname,
               mail->smtputf8 ? "UTF8" : "", protocol, tls && ehlo ? "S" : "", c->conn.id);
    if (c->rcpts_n == 1 && str_cut(rcpt, '\0', &rcpt, &rest))
        buf_printf(out, "\r\n\tfor <%.*s>", STR_ARG(rcpt));
    buf_c(out, ";\r\n\t");
    clock_print_rfc5322(out, clock_wall_us());
    buf_c(out, "\r\n");
    buf_done(&ip);
}

static void hand_over(struct smtp_conn *c, const struct msg_arrival_ask *ask, int recipients_fd)
{
    const struct call_fds fds = {recipients_fd >= 0 ? 2 : 1, {c->fd, recipients_fd}};

    edge_smtp_become(c, SMTP_CONN_HANDED);
    smtp_memory_hand(&c->e->memory, c->size);
    c->conn.call = call_arrival(process_to(c->e->edge.p, ROLE_INTAKE), ask, &fds, on_arrival, c);
}

static void op_data_end(void *arg, const struct smtp_mail *mail, uint64_t size)
{
    struct smtp_conn *c = arg;
    struct msg_arrival_ask ask = {.session = edge_conn_id(&c->conn),
                                  .received = (uint64_t)clock_wall_us()};
    struct str list[LISTED_MOST];
    struct error err;
    struct buf trace;
    int recipients_fd;

    (void)size;
    buf_str(&c->from, mail->from.whole);
    if (!memfd_seal(&c->fd, c->size, &err) ||
        !put_recipients(c, &ask, list, &recipients_fd, &err)) {
        answer_late(c, "message", &err);
        return;
    }
    find_unheard(c);
    buf_init(&trace, 4096);
    print_trace(c, mail, &trace);
    ask.transaction = str_of(c->transaction, sizeof c->transaction);
    ask.return_path = buf_view(&c->from);
    ask.trace = buf_view(&trace);
    ask.size = c->size;
    hand_over(c, &ask, recipients_fd);
    base_close_fd(&recipients_fd);
    buf_done(&trace);
}

/* ---- the rest ---- */

static void op_starttls(void *arg)
{
    ((struct smtp_conn *)arg)->tls_wanted = true;
}

static void op_refused(void *arg)
{
    struct smtp_conn *c = arg;

    if (c->limited &&
        !net_rates_take(&c->e->rates, NET_RATE_ERRORS, &c->conn.peer, 1, clock_boot_us()))
        c->too_many = true;
}

static void op_close(void *arg)
{
    edge_smtp_become(arg, SMTP_CONN_ENDING);
}

const struct smtp_ops smtp_edge_ops = {
    .rcpt = op_rcpt,
    .data_begin = op_data_begin,
    .data = op_data,
    .data_end = op_data_end,
    .reset = op_reset,
    .starttls = op_starttls,
    .refused = op_refused,
    .close = op_close,
};
