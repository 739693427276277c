/* smtp/server_owner.h: an owner of the dialogue for tests and the fuzzer. It writes down what it is
 * asked, in order, and answers by the recipient's local part:
 *
 *     nobody  ERROR_NOT_FOUND        full   ERROR_QUOTA      later    ERROR_TEMPORARY
 *     relay   ERROR_DENIED           limit  ERROR_LIMIT      gone     ERROR_GONE
 *
 * and takes every other one. A message whose text begins with the word of an error kind is answered
 * with that kind. */
#ifndef SMTP_SERVER_OWNER_H
#define SMTP_SERVER_OWNER_H

#include "smtp/server.h"

struct owner {
    struct smtp_server *server;
    struct smtp_counters counters;
    struct buf out;     /* replies */
    struct buf events;  /* one line each: "rcpt a@b size 0", "begin", "end a@b 12" with what
                           MAIL said of BODY and SMTPUTF8, "reset", "starttls", "close" */
    struct buf message; /* of the running transaction */
    struct buf all;     /* every message that was taken, each with "--" and a line end after it */
    size_t room;        /* ops->data says no beyond that many bytes */
    bool begin_fails;
    bool each;      /* in LMTP every second recipient of a message is put off */
    uint32_t taken; /* recipients of the running transaction */
    bool starttls, closed, asked_rcpt, asked_data;
    struct error answer; /* to what was asked; kind ERROR_NONE: yes */
    unsigned data_calls, slices_lost, refusals;
};

void owner_init(struct owner *o, const struct smtp_config *config);
void owner_done(struct owner *o);
/* Feeds the bytes in pieces of at most `piece` bytes, answers what is asked, does the TLS handshake
 * (dropping the rest of that piece, as RFC 3207 section 4.2 wants), and stops when the dialogue is
 * closed. */
void owner_feed(struct owner *o, struct str bytes, size_t piece);
/* Feeds one piece; returns how many of its bytes were dropped at STARTTLS. */
size_t owner_feed_piece(struct owner *o, struct str bytes);

#endif
