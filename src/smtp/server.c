/* smtp/server.c: see server.h. */
// clang-format off
/* States, and what is true in each:
 *
 *     START ---EHLO, HELO, LHLO--> READY ---MAIL--> MAIL ---RCPT--> ASKED_RCPT ---yes--> RCPT
 *       ^                          |  ^               ^                 |  ^            |  | |
 *       |                      STARTTLS  \             +-------no--------+  +----RCPT----+  | |
 *       |                          v      \                                             |  |
 *       +-------tls_ready--------- TLS     \            +--CRLF . CRLF-- DATA <---DATA--+  BDAT
 *                                           \           v                                  v
 *                                            +-- ASKED_DATA <-----------LAST----------- CHUNK
 *                                         answer, or refused                            |  ^
 *                                                                                       v  BDAT
 *                                                                                      CHUNKS
 *
 *     START       nothing is known of the client             smtp_server_greet, smtp_server_tls_ready
 *     READY       helo is set, no transaction                take_helo, smtp_transaction_end
 *     MAIL        mail is set, recipients is 0               cmd_mail
 *     RCPT        mail is set, recipients is above 0         smtp_server_answer
 *     DATA        as RCPT; bytes are the message             cmd_data
 *     CHUNK       chunk_left octets of a chunk are to come   smtp_chunk_command
 *     CHUNKS      as RCPT; some chunks have come             smtp_chunk_input
 *     ASKED_RCPT  waits for smtp_server_answer               cmd_rcpt
 *     ASKED_DATA  the same; the message is whole             smtp_message_end
 *     TLS         waits for smtp_server_tls_ready            cmd_starttls
 *     CLOSED      ops->close was called; input is not read   smtp_close
 *
 * EHLO, HELO, LHLO and RSET lead from MAIL, RCPT and CHUNKS back to READY, QUIT and too many errors lead to CLOSED. In
 * ASKED_RCPT the answer no leads back to MAIL or RCPT, whichever recipients says. A chunk that comes where none may, or
 * whose message is refused already, is swallowed in CHUNK, and leads back to where it came. */
// clang-format on
#include "smtp/server_int.h"

#include <string.h>

#define IN_TRANSACTION                                                                             \
    (SMTP_STATE_MAIL | SMTP_STATE_RCPT | SMTP_STATE_DATA | SMTP_STATE_CHUNKS |                     \
     SMTP_STATE_ASKED_RCPT | SMTP_STATE_ASKED_DATA)
#define IS_WAITING (SMTP_STATE_ASKED_RCPT | SMTP_STATE_ASKED_DATA | SMTP_STATE_TLS)
#define READS_COMMANDS                                                                             \
    (SMTP_STATE_START | SMTP_STATE_READY | SMTP_STATE_MAIL | SMTP_STATE_RCPT | SMTP_STATE_CHUNKS)

struct smtp_server *smtp_server_create(const struct smtp_config *config, const struct smtp_ops *ops,
                                       void *arg, struct buf *out)
{
    struct smtp_server *s = mem_zalloc(sizeof *s);

    s->config = *config;
    s->ops = ops;
    s->arg = arg;
    s->out = out;
    s->state = SMTP_STATE_START;
    smtp_line_init(&s->line, LIMIT_SMTP_LINE);
    buf_init(&s->helo, LIMIT_SMTP_DOMAIN);
    arena_init(&s->arena, LIMIT_SMTP_ARENA);
    return s;
}

void smtp_server_destroy(struct smtp_server *s)
{
    if (!s)
        return;
    smtp_line_done(&s->line);
    buf_done(&s->helo);
    arena_done(&s->arena);
    mem_free(s);
}

static void forget_transaction(struct smtp_server *s)
{
    s->mail = (struct smtp_mail){0};
    s->recipients = 0;
    arena_done(&s->arena);
    s->state = SMTP_STATE_READY;
}

void smtp_transaction_end(struct smtp_server *s)
{
    bool within = s->state & IN_TRANSACTION;

    if (s->state == SMTP_STATE_CHUNK) /* a swallowed one may stand outside */
        within = !s->chunk_reply || (s->chunk_back & IN_TRANSACTION);
    if (!within)
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
        smtp_reply(s, "220 %.*s %s", STR_ARG(s->config.hostname),
                   s->config.lmtp ? "LMTP" : "ESMTP");
        return;
    }
    smtp_reply_error(s, SMTP_QUESTION_CONNECT, refusal);
    smtp_close(s);
}

/* Takes bytes up to the end of a line and carries it out when it is there. */
static size_t input_line(struct smtp_server *s, struct str in)
{
    bool ended;
    size_t n = smtp_line_feed(&s->line, in, &ended);

    if (!ended)
        return n;
    if (!s->line.refused || s->line.chunk)
        smtp_command_run(s, &s->line);
    smtp_line_answered(&s->line);
    return n;
}

bool smtp_message_begin(struct smtp_server *s)
{
    struct error err = {0};

    if (!s->ops->data_begin(s->arg, &err)) {
        smtp_reply_error(s, SMTP_QUESTION_DATA, &err);
        return false;
    }
    s->data = (struct smtp_data){0};
    s->size = 0;
    s->data_failed = false;
    s->bad = 0;
    return true;
}

void smtp_message_bytes(struct smtp_server *s, struct str bytes)
{
    s->size = bytes.n > UINT64_MAX - s->size ? UINT64_MAX : s->size + bytes.n;
    if (bytes.n && !s->data.bare && s->size <= s->config.size_max && !s->data_failed) {
        s->data_error = (struct error){0};
        s->data_failed = !s->ops->data(s->arg, bytes, &s->data_error);
    }
}

void smtp_message_end(struct smtp_server *s, uint32_t lines)
{
    if (s->data.bare) {
        s->config.counters->bare++;
        smtp_transaction_end(s);
        smtp_reply_times(s, lines,
                         "554 5.6.0 A line ends with CR or LF alone; RFC 5321 section 2.3.8");
    } else if (s->size > s->config.size_max) {
        s->config.counters->sizes++;
        smtp_transaction_end(s);
        smtp_reply_times(s, lines, "552 5.3.4 Messages are limited to %llu bytes",
                         (unsigned long long)s->config.size_max);
    } else if (s->data_failed) {
        smtp_transaction_end(s);
        while (lines-- > 0)
            smtp_reply_error(s, SMTP_QUESTION_DATA, &s->data_error);
    } else {
        s->state = SMTP_STATE_ASKED_DATA;
        s->ops->data_end(s->arg, &s->mail, s->size);
    }
}

/* Takes bytes of the message; those of one that is refused anyway are swallowed. */
static size_t input_data(struct smtp_server *s, struct str in)
{
    struct str slice;
    size_t n = smtp_data_next(&s->data, in, &slice);

    smtp_message_bytes(s, slice);
    if (s->data.place == SMTP_DATA_DONE)
        smtp_message_end(s, smtp_message_replies(s));
    return n;
}

size_t smtp_server_input(struct smtp_server *s, struct str bytes)
{
    size_t at = 0;

    while (at < bytes.n) {
        if (s->state == SMTP_STATE_DATA)
            at += input_data(s, str_skip(bytes, at));
        else if (s->state == SMTP_STATE_CHUNK)
            at += smtp_chunk_input(s, str_skip(bytes, at));
        else if (s->state & READS_COMMANDS)
            at += input_line(s, str_skip(bytes, at));
        else
            break;
    }
    return at;
}

static void rcpt_answered(struct smtp_server *s, const struct error *err)
{
    if (!err)
        s->recipients++;
    s->state = s->recipients ? SMTP_STATE_RCPT : SMTP_STATE_MAIL;
    if (!err) {
        smtp_reply(s, "250 2.1.5 Recipient taken");
        return;
    }
    smtp_reply_error(s, SMTP_QUESTION_RCPT, err);
    if (!smtp_is_final(SMTP_QUESTION_RCPT, err))
        return;
    s->ops->refused(s->arg);
    if (++s->strangers < LIMIT_SMTP_STRANGERS)
        return;
    s->config.counters->strangers++;
    smtp_reply(s, "421 4.7.0 Too many unknown recipients");
    smtp_close(s);
}

/* One line of the answer to a message. */
static void message_answered(struct smtp_server *s, const struct error *err, struct str id)
{
    if (err && err->kind)
        smtp_reply_error(s, SMTP_QUESTION_DATA, err);
    else
        smtp_reply(s, "250 2.0.0 Message taken%s%.*s", id.n ? " as " : "", STR_ARG(id));
    if (!err || !err->kind)
        s->idle = s->strangers = 0;
}

void smtp_server_answer(struct smtp_server *s, const struct error *err, struct str id)
{
    uint32_t lines = smtp_message_replies(s);

    switch (s->state) {
    case SMTP_STATE_ASKED_RCPT:
        rcpt_answered(s, err);
        return;
    case SMTP_STATE_ASKED_DATA:
        forget_transaction(s);
        while (lines-- > 0)
            message_answered(s, err, id);
        return;
    case SMTP_STATE_CLOSED: /* it was ended while the owner thought about it */
        return;
    default:
        panic("smtp_server_answer: nothing was asked");
    }
}

void smtp_server_answer_each(struct smtp_server *s, const struct error *err, size_t n,
                             struct str id)
{
    if (s->state == SMTP_STATE_CLOSED)
        return;
    if (s->state != SMTP_STATE_ASKED_DATA || !s->config.lmtp || n != s->recipients)
        panic("smtp_server_answer_each: that was not asked");
    forget_transaction(s);
    for (size_t i = 0; i < n; i++)
        message_answered(s, &err[i], id);
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
    smtp_line_reset(&s->line);
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
