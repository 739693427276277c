/* smtp/server.c: see server.h.
 *
 * States, and what is true in each:
 *
 *     START ---EHLO, HELO--> READY ---MAIL--> MAIL ---RCPT--> ASKED_RCPT ---yes--> RCPT ---DATA-->
 * DATA ^                     |  ^             ^                  |  ^              | | | STARTTLS |
 * +-------no---------+  +-----RCPT-----+         CRLF . CRLF |                     v  | v
 *       +---tls_ready------- TLS +------------------------answer, or refused---------------
 * ASKED_DATA
 *
 *     START       nothing is known of the client             smtp_server_greet,
 * smtp_server_tls_ready READY       helo is set, no transaction                take_helo,
 * smtp_transaction_end MAIL        from is set, recipients is 0               cmd_mail RCPT from is
 * set, recipients is above 0         smtp_server_answer DATA        as RCPT; bytes are the message
 * cmd_data ASKED_RCPT  waits for smtp_server_answer               cmd_rcpt ASKED_DATA  the same;
 * the message is whole             data_ended TLS         waits for smtp_server_tls_ready
 * cmd_starttls CLOSED      ops->close was called; input is not read   smtp_close
 *
 * EHLO, HELO and RSET lead from MAIL and RCPT back to READY, QUIT and errors in a row lead to
 * CLOSED. In ASKED_RCPT the answer no leads back to MAIL or RCPT, whichever recipients says. */
#include "smtp/server_int.h"

#include <string.h>

#define IN_TRANSACTION                                                                             \
    (SMTP_STATE_MAIL | SMTP_STATE_RCPT | SMTP_STATE_DATA | SMTP_STATE_ASKED_RCPT |                 \
     SMTP_STATE_ASKED_DATA)
#define IS_WAITING (SMTP_STATE_ASKED_RCPT | SMTP_STATE_ASKED_DATA | SMTP_STATE_TLS)
#define READS_COMMANDS (SMTP_STATE_START | SMTP_STATE_READY | SMTP_STATE_MAIL | SMTP_STATE_RCPT)

struct smtp_server *smtp_server_create(const struct smtp_config *config, const struct smtp_ops *ops,
                                       void *arg, struct buf *out)
{
    struct smtp_server *s = mem_zalloc(sizeof *s);

    s->config = *config;
    s->ops = ops;
    s->arg = arg;
    s->out = out;
    s->state = SMTP_STATE_START;
    buf_init(&s->line, LIMIT_SMTP_LINE);
    buf_init(&s->helo, LIMIT_SMTP_DOMAIN);
    arena_init(&s->arena, LIMIT_SMTP_ARENA);
    return s;
}

void smtp_server_destroy(struct smtp_server *s)
{
    if (!s)
        return;
    buf_done(&s->line);
    buf_done(&s->helo);
    arena_done(&s->arena);
    mem_free(s);
}

static void forget_transaction(struct smtp_server *s)
{
    s->from = (struct smtp_path_view){0};
    s->size_param = 0;
    s->recipients = 0;
    arena_done(&s->arena);
    s->state = SMTP_STATE_READY;
}

void smtp_transaction_end(struct smtp_server *s)
{
    if (!(s->state & IN_TRANSACTION))
        return;
    forget_transaction(s);
    s->ops->reset(s->arg);
}

void smtp_close(struct smtp_server *s)
{
    if (s->state == SMTP_STATE_CLOSED)
        return;
    smtp_transaction_end(s);
    s->state = SMTP_STATE_CLOSED;
    s->ops->close(s->arg);
}

void smtp_server_greet(struct smtp_server *s, const struct error *refusal)
{
    if (!refusal) {
        smtp_reply(s, "220 %.*s ESMTP", STR_ARG(s->config.hostname));
        return;
    }
    smtp_reply_error(s, SMTP_QUESTION_CONNECT, refusal);
    smtp_close(s);
}

/* Takes bytes up to the end of a line and carries it out when it is there. */
static size_t input_line(struct smtp_server *s, struct str in)
{
    size_t lf = str_find_char(in, '\n');
    struct str piece = str_sub(in, 0, lf == SIZE_MAX ? in.n : lf + 1);

    if (!s->line_overflow && piece.n > s->line.max - s->line.n) {
        s->line_overflow = true; /* what fits is kept, to see what kind of peer it is */
        buf_str(&s->line, str_sub(piece, 0, s->line.max - s->line.n));
    } else if (!s->line_overflow) {
        buf_str(&s->line, piece);
    }
    if (lf == SIZE_MAX)
        return piece.n;
    smtp_command_run(s, buf_view(&s->line));
    buf_reset(&s->line);
    s->line_overflow = false;
    return piece.n;
}

/* The end of the data: refuses by what was seen, or asks the owner. */
static void data_ended(struct smtp_server *s)
{
    if (s->data.bare) {
        smtp_transaction_end(s);
        smtp_reply(s, "554 5.6.0 A line ends with CR or LF alone; RFC 5321 section 2.3.8");
    } else if (s->size > s->config.size_max) {
        smtp_transaction_end(s);
        smtp_reply(s, "552 5.3.4 A message may have %llu bytes here",
                   (unsigned long long)s->config.size_max);
    } else if (s->data_failed) {
        smtp_transaction_end(s);
        smtp_reply_error(s, SMTP_QUESTION_DATA, &s->data_error);
    } else {
        s->state = SMTP_STATE_ASKED_DATA;
        s->ops->data_end(s->arg, &s->from, s->size);
    }
}

/* Takes bytes of the message; those of one that is refused anyway are swallowed. */
static size_t input_data(struct smtp_server *s, struct str in)
{
    struct str slice;
    size_t n = smtp_data_next(&s->data, in, &slice);

    s->size = slice.n > UINT64_MAX - s->size ? UINT64_MAX : s->size + slice.n;
    if (slice.n && !s->data.bare && s->size <= s->config.size_max && !s->data_failed) {
        s->data_error = (struct error){0};
        s->data_failed = !s->ops->data(s->arg, slice, &s->data_error);
    }
    if (s->data.place == SMTP_DATA_DONE)
        data_ended(s);
    return n;
}

size_t smtp_server_input(struct smtp_server *s, struct str bytes)
{
    size_t at = 0;

    while (at < bytes.n) {
        if (s->state == SMTP_STATE_DATA)
            at += input_data(s, str_skip(bytes, at));
        else if (s->state & READS_COMMANDS)
            at += input_line(s, str_skip(bytes, at));
        else
            break;
    }
    return at;
}

void smtp_server_answer(struct smtp_server *s, const struct error *err, struct str id)
{
    switch (s->state) {
    case SMTP_STATE_ASKED_RCPT:
        if (!err)
            s->recipients++;
        s->state = s->recipients ? SMTP_STATE_RCPT : SMTP_STATE_MAIL;
        if (err)
            smtp_reply_error(s, SMTP_QUESTION_RCPT, err);
        else
            smtp_reply(s, "250 2.1.5 Recipient taken");
        return;
    case SMTP_STATE_ASKED_DATA:
        forget_transaction(s);
        if (err)
            smtp_reply_error(s, SMTP_QUESTION_DATA, err);
        else
            smtp_reply(s, "250 2.0.0 Message taken%s%.*s", id.n ? " as " : "", STR_ARG(id));
        return;
    case SMTP_STATE_CLOSED: /* it was ended while the owner thought about it */
        return;
    default:
        panic("smtp_server_answer: nothing was asked");
    }
}

void smtp_server_tls_ready(struct smtp_server *s)
{
    if (s->state == SMTP_STATE_CLOSED)
        return;
    if (s->state != SMTP_STATE_TLS)
        panic("smtp_server_tls_ready: no STARTTLS was said");
    s->tls = true;
    s->ehlo = false;
    s->bad = 0;
    buf_reset(&s->helo);
    buf_reset(&s->line);
    s->state = SMTP_STATE_START;
}

void smtp_server_end(struct smtp_server *s, const char *words)
{
    if (s->state == SMTP_STATE_CLOSED)
        return;
    smtp_reply(s, "421 4.3.2 %s", words);
    smtp_close(s);
}

struct str smtp_server_helo(const struct smtp_server *s, bool *ehlo)
{
    if (ehlo)
        *ehlo = s->ehlo;
    return buf_view(&s->helo);
}

bool smtp_server_waiting(const struct smtp_server *s)
{
    return s->state & IS_WAITING;
}
