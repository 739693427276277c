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
};

void smtp_reply(struct smtp_server *s, const char *fmt, ...)
{
    char words[REPLY_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    for (char *p = words; *p; p++)
        if (*p < ' ' || *p > 126) /* textstring = 1*(%d09 / %d32-126) */
            *p = '?';
    buf_c(s->out, words);
    buf_c(s->out, "\r\n");
}

void smtp_refuse(struct smtp_server *s, const char *words)
{
    smtp_reply(s, "%s", words);
    if (++s->bad < LIMIT_SMTP_BAD_COMMANDS)
        return;
    smtp_reply(s, "421 4.7.0 Too many errors");
    smtp_close(s);
}

void smtp_reply_error(struct smtp_server *s, enum smtp_question question, const struct error *err)
{
    enum error_kind kind = err->kind < ERROR_KINDS ? err->kind : ERROR_INTERNAL;
    const char *code = codes[kind].data;

    if (question == SMTP_QUESTION_CONNECT)
        code = codes[kind].connect;
    else if (question == SMTP_QUESTION_RCPT)
        code = codes[kind].rcpt;
    smtp_reply(s, "%s %s", code, err->text[0] ? err->text : error_kind_name(kind));
}
