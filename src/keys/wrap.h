/* keys/wrap.h: wrapping an account's key with one that is derived from the server key (AES-256-GCM, with the account's
 * number as additional data, so that one account's wrapped key does not unwrap in another's row). kek is that derived key. */
#ifndef KEYS_WRAP_H
#define KEYS_WRAP_H

#include "base/error.h"

#define KEY_BYTES 32
#define KEY_WRAPPED_BYTES (12 + KEY_BYTES + 16) /* nonce, sealed key, tag */

/* Wraps it under a random nonce. */
void key_wrap(const unsigned char kek[KEY_BYTES], uint64_t account,
              const unsigned char key[KEY_BYTES], unsigned char out[KEY_WRAPPED_BYTES]);
/* ERROR_DAMAGED: `wrapped` is not KEY_WRAPPED_BYTES, or was not wrapped with this key for this account. */
MUST_CHECK bool key_unwrap(const unsigned char kek[KEY_BYTES], uint64_t account, struct str wrapped,
                           unsigned char out[KEY_BYTES], struct error *err);

#endif
