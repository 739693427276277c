/* edge/smtp_unheard.h: messages whose answer nobody heard. A client whose connection broke before our answer came sends
 * the same message again, to any process of edge-smtp. If it does within an hour, the message gets the transaction of
 * the first time, so that the accounts take it once (docs/failures.md, "doubled or half delivered").
 *
 * Each process keeps a ring of them that its siblings see. A message is recognised by its size and a SHA-256
 * over sender, recipients and bytes. So a hostile sibling can only lie about messages that it has seen itself, and could
 * have dropped. now_us is CLOCK_BOOTTIME. */
#ifndef EDGE_SMTP_UNHEARD_H
#define EDGE_SMTP_UNHEARD_H

#include "net/shared.h"

#define SMTP_UNHEARD_HASH_BYTES 32
#define SMTP_TRANSACTION_BYTES 16

struct smtp_unheard {
    struct net_shared *shared;
    size_t at;
    size_t next; /* in the own ring */
};

struct smtp_unheard_key {
    uint64_t size;
    unsigned char hash[SMTP_UNHEARD_HASH_BYTES];
};

/* Reserves what it needs in `shared`, before net_shared_open. */
void smtp_unheard_init(struct smtp_unheard *u, struct net_shared *shared);
/* Keeps one, in place of the oldest of 1000. */
void smtp_unheard_add(struct smtp_unheard *u, const struct smtp_unheard_key *key,
                      const char transaction[SMTP_TRANSACTION_BYTES], int64_t now_us);
/* Whether there may be one of this size: if not, no hash need be computed. */
bool smtp_unheard_has_size(const struct smtp_unheard *u, uint64_t size, int64_t now_us);
/* Gives out the transaction of a message, once. False: there is none. */
MUST_CHECK bool smtp_unheard_take(struct smtp_unheard *u, const struct smtp_unheard_key *key,
                                  char transaction[SMTP_TRANSACTION_BYTES], int64_t now_us);

#endif
