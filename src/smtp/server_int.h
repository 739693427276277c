/* smtp/server_int.h: the dialogue's inside, for the files of smtp/ alone. States are drawn in
 * server.c. */
#ifndef SMTP_SERVER_INT_H
#define SMTP_SERVER_INT_H

#include "smtp/data.h"
#include "smtp/line.h"
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
    SMTP_STATE_CHUNKS = 1 << 9, /* after a BDAT that was not the last, between chunks */
    SMTP_STATE_CHUNK = 1 << 10, /* within a chunk, also within one that is only swallowed */
};

struct smtp_server {
    struct smtp_config config;
    const struct smtp_ops *ops;
    void *arg;
    struct buf *out;
    enum smtp_state state;
    bool tls;              /* the stream is encrypted */
    bool ehlo;             /* EHLO, not HELO */
    unsigned bad;          /* refused commands in a row */
    unsigned unknown;      /* commands that are none, in all */
    unsigned idle;         /* commands since a message was taken, RCPT and BDAT aside */
    unsigned strangers;    /* recipients that were refused for good since then */
    uint32_t messages;     /* transactions begun */
    struct smtp_line line; /* a command that has not come whole yet */
    struct buf helo;       /* the argument of EHLO or HELO */

    /* The transaction, from MAIL on. */
    struct arena arena;
    struct smtp_mail mail;
    uint32_t recipients; /* taken ones */
    struct smtp_data data;
    uint64_t size;    /* of the message so far */
    bool data_failed; /* the owner had no room; data_error says why */
    struct error data_error;
    /* The chunk that is being read (RFC 3030). */
    uint64_t chunk_left; /* octets of it that have not come */
    uint64_t chunk_size; /* all of it */
    bool chunk_last;
    const char *chunk_reply;    /* not NULL: it is swallowed, and this is said at its end */
    enum smtp_state chunk_back; /* the state after a swallowed chunk */
};

/* Appends one reply of one line: code, enhanced code, words; the line end is added. */
PRINTF_LIKE(2, 3) void smtp_reply(struct smtp_server *s, const char *fmt, ...);
/* How many replies a whole message gets: one, or in LMTP one for each recipient (RFC 2033 section
 * 4.2). */
uint32_t smtp_message_replies(const struct smtp_server *s);
/* The same reply so many times. */
PRINTF_LIKE(3, 4)
void smtp_reply_times(struct smtp_server *s, uint32_t times, const char *fmt, ...);
/* The same for a command that was wrong: counts it, and ends the connection at
 * LIMIT_SMTP_BAD_COMMANDS in a row. */
void smtp_refuse(struct smtp_server *s, const char *words);
/* Which question an error answers, and so which column of the table of codes holds. */
enum smtp_question { SMTP_QUESTION_CONNECT, SMTP_QUESTION_RCPT, SMTP_QUESTION_DATA };
void smtp_reply_error(struct smtp_server *s, enum smtp_question question, const struct error *err);
/* True when the code that answers this error is a 5yz. */
bool smtp_is_final(enum smtp_question question, const struct error *err);

/* Forgets the transaction, if there is one, and tells the owner. The state is READY afterwards if
 * it was in one. */
void smtp_transaction_end(struct smtp_server *s);
/* Ends the connection: nothing is read any more. The last reply is in out already. */
void smtp_close(struct smtp_server *s);
/* The owner gets bytes of the message, unless it is refused anyway. */
void smtp_message_bytes(struct smtp_server *s, struct str bytes);
/* The end of the data, or of a chunk after which no more is wanted: refuses by what was seen, in
 * `lines` replies, or asks the owner. */
void smtp_message_end(struct smtp_server *s, uint32_t lines);
/* Makes ready for the bytes of a message; false when the owner has no room, and was answered so. */
bool smtp_message_begin(struct smtp_server *s);
/* BDAT (RFC 3030 section 2), in any state. */
void smtp_chunk_command(struct smtp_server *s, struct str argument);
/* A BDAT that cannot be read: octets follow it whose number nobody knows, and which must not be
 * taken for commands. Refuses it, and ends the connection. */
void smtp_chunk_unclear(struct smtp_server *s);
/* In SMTP_STATE_CHUNK: takes octets of the chunk, returns how many. */
size_t smtp_chunk_input(struct smtp_server *s, struct str in);
/* Reads the parameters of MAIL; false when one was refused, and answered. */
bool smtp_mail_parameters(struct smtp_server *s, struct cursor *c, struct smtp_mail *out);
/* Carries out one command line, or refuses it. */
void smtp_command_run(struct smtp_server *s, const struct smtp_line *line);

#endif
