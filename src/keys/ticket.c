/* keys/ticket.c: see ticket.h. */
#include "keys/ticket.h"

#include "base/clock.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define NONCE_BYTES 16
#define SIGNED_BYTES (NONCE_BYTES + 16) /* nonce, account, end */
#define MAC_BYTES 32

_Static_assert(SIGNED_BYTES + MAC_BYTES == TICKET_BYTES, "the parts of a ticket");

static void sign_ticket(const unsigned char key[TICKET_KEY_BYTES],
                        const unsigned char ticket[SIGNED_BYTES], unsigned char mac[MAC_BYTES])
{
    unsigned int n = MAC_BYTES;

    if (!HMAC(EVP_sha256(), key, TICKET_KEY_BYTES, ticket, SIGNED_BYTES, mac, &n))
        fatal("OpenSSL has no HMAC-SHA-256");
}

void ticket_make(const unsigned char key[TICKET_KEY_BYTES], uint64_t account,
                 unsigned char out[TICKET_BYTES])
{
    int64_t end_us = clock_boot_us() + TICKET_LIFE_US;

    random_bytes(out, NONCE_BYTES);
    memcpy(out + NONCE_BYTES, &account, 8);
    memcpy(out + NONCE_BYTES + 8, &end_us, 8);
    sign_ticket(key, out, out + SIGNED_BYTES);
}

void tickets_init(struct tickets *t)
{
    map_init(&t->now);
    map_init(&t->before);
    t->began_us = t->since_us = clock_boot_us();
}

void tickets_done(struct tickets *t)
{
    map_done(&t->now);
    map_done(&t->before);
}

/* After a whole life, what was taken in the one before has ended by itself. */
static void tickets_turn(struct tickets *t, int64_t now_us)
{
    if (now_us - t->began_us < TICKET_LIFE_US)
        return;
    map_done(&t->before);
    t->before = t->now;
    map_init(&t->now);
    if (now_us - t->began_us >= 2 * TICKET_LIFE_US)
        map_done(&t->before);
    t->began_us = now_us;
}

bool tickets_take(struct tickets *t, const unsigned char key[TICKET_KEY_BYTES], struct str ticket,
                  uint64_t account, struct error *err)
{
    struct str nonce = str_sub(ticket, 0, NONCE_BYTES);
    int64_t now = clock_boot_us(), end_us, made_us;
    unsigned char mac[MAC_BYTES];
    uint64_t whose;

    if (ticket.n != TICKET_BYTES)
        return error_set(err, ERROR_DENIED, "this is not a ticket of the directory");
    sign_ticket(key, (const unsigned char *)ticket.p, mac);
    memcpy(&whose, ticket.p + NONCE_BYTES, 8);
    memcpy(&end_us, ticket.p + NONCE_BYTES + 8, 8);
    if (!mem_equal_secret(mac, ticket.p + SIGNED_BYTES, MAC_BYTES) || whose != account)
        return error_set(err, ERROR_DENIED,
                         "this is not a ticket of the directory for this account");
    made_us = end_us - TICKET_LIFE_US;
    if (end_us < now || made_us > now)
        return error_set(err, ERROR_DENIED, "the ticket has expired");
    if (made_us < t->since_us)
        return error_set(err, ERROR_DENIED, "the ticket was made before `keys` was started");
    tickets_turn(t, now);
    if (map_find(&t->now, nonce) || map_find(&t->before, nonce))
        return error_set(err, ERROR_DENIED, "the ticket was used before");
    map_put(&t->now, nonce, t);
    return true;
}
