/* smtp/reply.c: replies (RFC 5321 section 4.2), each with its enhanced status code (RFC 2034, RFC
 * 3463). Nothing that the client sent is repeated in them, except where the owner's words hold an
 * address that was parsed. */
#include "smtp/server_int.h"

#include <stdarg.h>
#include <stdio.h>

#define REPLY_MAX 500 /* RFC 5321 section 4.5.3.1.5: 512 octets with code and line end */

/* What an error is in SMTP. One row a kind, one column a question. */
static const struct {
    const char *connect, *rcpt, *data;
} codes[ERROR_KINDS] = {
    [ERROR_NONE] = {"421 4.3.0", "451 4.3.0", "451 4.3.0"},
    [ERROR_TEMPORARY] = {"421 4.3.2", "451 4.3.0", "451 4.3.0"},
    [ERROR_SYNTAX] = {"421 4.3.0", "501 5.1.3", "554 5.6.0"},
    [ERROR_DENIED] = {"421 4.7.0", "550 5.7.1", "550 5.7.1"},
    [ERROR_NOT_FOUND] = {"421 4.3.0", "550 5.1.1", "550 5.1.1"},
    [ERROR_EXISTS] = {"421 4.3.0", "451 4.3.0", "451 4.3.0"},
    [ERROR_CONFLICT] = {"421 4.3.0", "451 4.3.0", "451 4.3.0"},
    [ERROR_QUOTA] = {"421 4.3.0", "452 4.2.2", "452 4.2.2"},
    [ERROR_LIMIT] = {"421 4.7.0", "452 4.5.3", "552 5.3.4"},
    [ERROR_GONE] = {"421 4.3.0", "550 5.2.1", "550 5.2.1"},
    [ERROR_DISK] = {"421 4.3.1", "452 4.3.1", "452 4.3.1"},
    [ERROR_DAMAGED] = {"421 4.3.0", "451 4.3.0", "451 4.3.0"},
    [ERROR_UNSUPPORTED] = {"421 4.3.0", "550 5.3.3", "554 5.3.3"},
    [ERROR_INTERNAL] = {"421 4.3.0", "451 4.3.0", "451 4.3.0"},
    [ERROR_LOOP] = {"421 4.3.0", "554 5.4.6", "554 5.4.6"},
    [ERROR_TOO_LARGE] = {"421 4.3.0", "552 5.2.2", "552 5.3.4"},
    [ERROR_RATE] = {"421 4.7.0", "450 4.7.1", "450 4.7.1"},
};

static void reply_words(struct smtp_server *s, uint32_t times, const char *fmt, va_list ap)
{
    char words[REPLY_MAX];

    vsnprintf(words, sizeof words, fmt, ap);
    for (char *p = words; *p; p++)
        if (*p < ' ' || *p > 126) /* textstring = 1*(%d09 / %d32-126) */
            *p = '?';
    while (times-- > 0) {
        buf_c(s->out, words);
        buf_c(s->out, "\r\n");
    }
}

void smtp_reply(struct smtp_server *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    reply_words(s, 1, fmt, ap);
    va_end(ap);
}

uint32_t smtp_message_replies(const struct smtp_server *s)
{
    return s->config.lmtp ? s->recipients : 1;
}

void smtp_reply_times(struct smtp_server *s, uint32_t times, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    reply_words(s, times, fmt, ap);
    va_end(ap);
}

void smtp_refuse(struct smtp_server *s, const char *words)
{
    smtp_reply(s, "%s", words);
    s->ops->refused(s->arg);
    if (++s->bad < LIMIT_SMTP_BAD_COMMANDS && s->unknown < LIMIT_SMTP_UNKNOWN_COMMANDS)
        return;
    s->config.counters->errors++;
    smtp_reply(s, "421 4.7.0 Too many errors");
    smtp_close(s);
}

static const char *code_of(enum smtp_question question, const struct error *err)
{
    enum error_kind kind = err->kind < ERROR_KINDS ? err->kind : ERROR_INTERNAL;

    if (question == SMTP_QUESTION_CONNECT)
        return codes[kind].connect;
    return question == SMTP_QUESTION_RCPT ? codes[kind].rcpt : codes[kind].data;
}

bool smtp_is_final(enum smtp_question question, const struct error *err)
{
    return code_of(question, err)[0] == '5';
}

void smtp_reply_error(struct smtp_server *s, enum smtp_question question, const struct error *err)
{
    smtp_reply(s, "%s %s", code_of(question, err),
               err->text[0] ? err->text : error_kind_name(err->kind));
}
