/* smtp/server_int.h: the dialogue's inside, for the files of smtp/ alone. States are drawn in
 * server.c. */
#ifndef SMTP_SERVER_INT_H
#define SMTP_SERVER_INT_H

#include "smtp/data.h"
#include "smtp/path.h"
#include "smtp/server.h"

enum smtp_state {
    SMTP_STATE_START = 1 << 0,      /* connected, or TLS just came up: no EHLO yet */
    SMTP_STATE_READY = 1 << 1,      /* after EHLO or HELO, no transaction */
    SMTP_STATE_MAIL = 1 << 2,       /* a sender, no recipient that was taken */
    SMTP_STATE_RCPT = 1 << 3,       /* at least one recipient */
    SMTP_STATE_DATA = 1 << 4,       /* between 354 and the end of the data */
    SMTP_STATE_ASKED_RCPT = 1 << 5, /* waits for the answer to ops->rcpt */
    SMTP_STATE_ASKED_DATA = 1 << 6, /* waits for the answer to ops->data_end */
    SMTP_STATE_TLS = 1 << 7,        /* waits for the handshake */
    SMTP_STATE_CLOSED = 1 << 8,
};

struct smtp_server {
    struct smtp_config config;
    const struct smtp_ops *ops;
    void *arg;
    struct buf *out;
    enum smtp_state state;
    bool tls;           /* the stream is encrypted */
    bool ehlo;          /* EHLO, not HELO */
    unsigned bad;       /* refused commands in a row */
    struct buf line;    /* a command that has not come whole yet */
    bool line_overflow; /* it is too long: the rest is dropped up to its LF */
    struct buf helo;    /* the argument of EHLO or HELO */

    /* The transaction, from MAIL on. */
    struct arena arena;
    struct smtp_path_view from;
    uint64_t size_param; /* SIZE= of MAIL, or 0 */
    uint32_t recipients; /* taken ones */
    struct smtp_data data;
    uint64_t size;    /* of the message so far */
    bool data_failed; /* the owner had no room; data_error says why */
    struct error data_error;
};

/* Appends one reply of one line: code, enhanced code, words; the line end is added. */
PRINTF_LIKE(2, 3) void smtp_reply(struct smtp_server *s, const char *fmt, ...);
/* The same for a command that was wrong: counts it, and ends the connection at
 * LIMIT_SMTP_BAD_COMMANDS in a row. */
void smtp_refuse(struct smtp_server *s, const char *words);
/* Which question an error answers, and so which column of the table of codes holds. */
enum smtp_question { SMTP_QUESTION_CONNECT, SMTP_QUESTION_RCPT, SMTP_QUESTION_DATA };
void smtp_reply_error(struct smtp_server *s, enum smtp_question question, const struct error *err);

/* Forgets the transaction, if there is one, and tells the owner. The state is READY afterwards if
 * it was in one. */
void smtp_transaction_end(struct smtp_server *s);
/* Ends the connection: nothing is read any more. The last reply is in out already. */
void smtp_close(struct smtp_server *s);
/* Carries out one command line, with its line end. */
void smtp_command_run(struct smtp_server *s, struct str line);

#endif
