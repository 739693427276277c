/* keys/ticket.h: the directory's permission to start one account's process now. The directory makes a
 * ticket for each opening of an account; the parent of accounts passes it on to `keys`, which gives
 * the account's key in exchange, once. So the parent, which forks on the network's behalf, cannot
 * get the key of an account that nobody opens.
 *
 * A ticket is a nonce, the account's number, the time at which it expires (CLOCK_BOOTTIME), and HMAC-SHA-256 over these
 * under a key that only `keys` and the directory have. One that was made before `keys` was started
 * is refused, as nobody remembers whether it was used; so the directory makes a new one each
 * time that it asks, and never sends the same one twice. */
#ifndef KEYS_TICKET_H
#define KEYS_TICKET_H

#include "base/error.h"
#include "base/map.h"

#define TICKET_KEY_BYTES 32
#define TICKET_BYTES 64
#define TICKET_LIFE_US (60LL * 1000000) /* longer than an opening may wait */

/* Makes a fresh ticket for one start of this account's process. */
void ticket_make(const unsigned char key[TICKET_KEY_BYTES], uint64_t account,
                 unsigned char out[TICKET_BYTES]);

/* The tickets that were used, remembered until they would have expired. */
struct tickets {
    /* nonce -> the set itself: used since began_us, and in the TICKET_LIFE_US before it */
    struct map now, before;
    int64_t began_us;
    int64_t since_us; /* a ticket that was made earlier is refused */
};

/* Embedded object. Tickets that are made from now on are good. */
void tickets_init(struct tickets *t);
void tickets_done(struct tickets *t);
/* Uses a ticket for this account. ERROR_DENIED: it is forged, another account's, expired, used already,
 * or made before tickets_init. */
MUST_CHECK bool tickets_take(struct tickets *t, const unsigned char key[TICKET_KEY_BYTES],
                             struct str ticket, uint64_t account, struct error *err);

#endif
