/* smtp/server.h: the receiving side of SMTP (RFC 5321) and LMTP (RFC 2033) as a pure dialogue:
 * bytes in, bytes and calls out. Opens nothing, waits for nothing: where an answer takes time (is
 * this recipient ours? is the message safe?) the owner is asked through `ops`, the dialogue stops
 * reading commands, and goes on when the owner calls smtp_server_answer.
 *
 * States, transitions and what is true in each are drawn in server.c. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "base/buf.h"
#include "base/error.h"

struct smtp_server;

/* How often a limit was met; for `posthus status`. */
struct smtp_counters {
    uint64_t errors;     /* connections ended for errors in a row, or words that are no command */
    uint64_t idle;       /* ... for commands without a message */
    uint64_t strangers;  /* ... for recipients that are not here */
    uint64_t messages;   /* ... after messages_max */
    uint64_t protocols;  /* ... because another protocol was spoken */
    uint64_t recipients; /* recipients refused beyond recipients_max */
    uint64_t sizes;      /* messages refused beyond size_max */
    uint64_t bare;       /* messages refused for a CR or LF alone */
};

struct smtp_config {
    struct str hostname;     /* in the greeting and EHLO; borrowed for the server's life */
    uint64_t size_max;       /* SIZE (RFC 1870), bytes */
    uint32_t recipients_max; /* a transaction: RCPTMAX of LIMITS (RFC 9422) */
    uint32_t messages_max;   /* transactions of a connection: MAILMAX of LIMITS; 0: no limit */
    bool starttls;           /* offered while the stream is plain */
    bool submission;         /* own users' clients: a space before a path is let through */
    bool lmtp;               /* LMTP: LHLO, and an answer for each recipient after the data */
    struct smtp_counters *counters; /* the owner's, of all its dialogues */
};

struct smtp_path_view {       /* an address as the dialogue parsed it; valid during the call */
    struct str local, domain; /* unquoted local part; domain as sent */
    struct str whole;         /* as it is printed, without < > */
    bool utf8;                /* it holds characters beyond ASCII (RFC 6531) */
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };

/* What MAIL said; valid during the call. */
struct smtp_mail {
    struct smtp_path_view from; /* whole is empty for <> */
    uint64_t size;              /* SIZE=, or 0 */
    enum smtp_body body;        /* BODY= (RFC 6152, RFC 3030); 7BIT by default */
    bool smtputf8;              /* SMTPUTF8 (RFC 6531) */
};

/* What the dialogue asks of its owner. All are called from smtp_server_input, smtp_server_answer or
 * smtp_server_tls_ready, none calls back into the dialogue before it returns. */
struct smtp_ops {
    /* Is this recipient taken? Answer later with smtp_server_answer: true accepts; an error
     * refuses, its kind chooses the code (the table is in reply.c) and its text is shown. size is
     * that of MAIL's SIZE parameter, or 0. */
    void (*rcpt)(void *arg, const struct smtp_path_view *to, uint64_t size);
    /* DATA or the first BDAT was said, all is well: where should the bytes go? False refuses (452
     * or 451 by err's kind). */
    bool (*data_begin)(void *arg, struct error *err);
    /* Message bytes: dots removed, line ends as sent: CRLF, except in the body of a BINARYMIME
     * message. False (no room): the rest is swallowed and refused. */
    bool (*data)(void *arg, struct str bytes, struct error *err);
    /* The end of the data, of `size` bytes. Answer later: true is 250, an error by its kind. */
    void (*data_end)(void *arg, const struct smtp_mail *mail, uint64_t size);
    /* The transaction was given up (RSET, EHLO, a message that was refused here, the end): forget
     * recipients and data. Not called for one that data_end asked about, unless it is ended before
     * the answer. */
    void (*reset)(void *arg);
    /* STARTTLS: the reply is in out; once it is written, start TLS and call smtp_server_tls_ready.
     */
    void (*starttls)(void *arg);
    /* A recipient or a command was refused for good: the owner may count such by address. */
    void (*refused)(void *arg);
    /* Write what is in out, then close. */
    void (*close)(void *arg);
};

/* out is the owner's: replies are appended to it. arg goes to every op. */
struct smtp_server *smtp_server_create(const struct smtp_config *config, const struct smtp_ops *ops,
                                       void *arg, struct buf *out);
void smtp_server_destroy(struct smtp_server *s); /* NULL is fine; calls no op */
/* Writes the greeting, 220; or for a refusal (too many connections, draining) 421 with words, then
 * ops->close. */
void smtp_server_greet(struct smtp_server *s, const struct error *refusal);
/* Takes as many of the bytes as it can use now; returns how many. Less than all: it waits for an
 * answer (call again with the rest after smtp_server_answer), for TLS (drop the rest: bytes in the
 * clear before STARTTLS, RFC 3207 section 4.2), or it is closed. */
size_t smtp_server_input(struct smtp_server *s, struct str bytes);
/* The answer to the op that is waited for. err NULL: yes. id (may be empty) stands in the 250 after
 * the data. In LMTP the answer to data_end holds for each recipient. */
void smtp_server_answer(struct smtp_server *s, const struct error *err, struct str id);
/* LMTP's answer to data_end (RFC 2033 section 4.2): err[i] is that to the i-th recipient that was
 * taken, of kind ERROR_NONE for yes; n is how many were taken, or the dialogue panics. */
void smtp_server_answer_each(struct smtp_server *s, const struct error *err, size_t n,
                             struct str id);
/* TLS is up; the dialogue starts anew (RFC 3207 section 4.2). */
void smtp_server_tls_ready(struct smtp_server *s);
/* The owner ends it: appends 421 with words (timeout, shutdown) and calls ops->close. */
void smtp_server_end(struct smtp_server *s, const char *words);
/* What the client said in EHLO, HELO or LHLO, and whether it was not HELO; empty before. For the
 * Received line. */
struct str smtp_server_helo(const struct smtp_server *s, bool *ehlo);
/* True while it waits for the owner (an answer or TLS), so that the owner's timeout does not run.
 */
bool smtp_server_waiting(const struct smtp_server *s);

#endif
