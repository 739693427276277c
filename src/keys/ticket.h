/* keys/ticket.h: the directory's word that one account's process may be started now. It makes a
 * ticket for each opening of an account; the parent of accounts passes it on to `keys`, which hands
 * out the account's key against it, once. So the parent, which forks on the network's behalf, cannot
 * ask for the key of an account that nobody opens.
 *
 * A ticket is a nonce, the account's number, an end on CLOCK_BOOTTIME, and HMAC-SHA-256 over these
 * under a key that only `keys` and the directory have. One that was made before `keys` was started
 * is refused, as nobody remembers whether it was taken; so the directory makes a new one for each
 * time that it asks, and never sends the same one twice. */
#ifndef KEYS_TICKET_H
#define KEYS_TICKET_H

#include "base/error.h"
#include "base/map.h"

#define TICKET_KEY_BYTES 32
#define TICKET_BYTES 64
#define TICKET_LIFE_US (60LL * 1000000) /* longer than an opening may wait */

/* A fresh ticket for one start of this account. */
void ticket_make(const unsigned char key[TICKET_KEY_BYTES], uint64_t account,
                 unsigned char out[TICKET_BYTES]);

/* Tickets that were taken, until they would have ended. */
struct tickets {
    /* nonce -> the set itself: of this life of a ticket, and of the one before */
    struct map now, before;
    int64_t began_us; /* of `now` */
    int64_t since_us; /* none that was made before then is good */
};

/* Embedded. Tickets that are made from now on are good. */
void tickets_init(struct tickets *t);
void tickets_done(struct tickets *t);
/* Takes a ticket for this account. ERROR_DENIED: made up, of another account, over, taken before,
 * or made before tickets_init. */
MUST_CHECK bool tickets_take(struct tickets *t, const unsigned char key[TICKET_KEY_BYTES],
                             struct str ticket, uint64_t account, struct error *err);

#endif
