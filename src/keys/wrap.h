/* keys/wrap.h: wrapping an account's key with a key that is derived from the server key (AES-256-GCM, the account's number
 * as additional data, so that one account's wrapped key does not open in another's place). */
#ifndef KEYS_WRAP_H
#define KEYS_WRAP_H

#include "base/error.h"

#define KEY_BYTES 32
#define KEY_WRAPPED_BYTES (12 + KEY_BYTES + 16) /* nonce, sealed key, tag */

void key_wrap(const unsigned char kek[KEY_BYTES], uint64_t account,
              const unsigned char key[KEY_BYTES], unsigned char out[KEY_WRAPPED_BYTES]);
/* ERROR_DAMAGED when it was not wrapped by this key for this account. */
MUST_CHECK bool key_unwrap(const unsigned char kek[KEY_BYTES], uint64_t account, struct str wrapped,
                           unsigned char out[KEY_BYTES], struct error *err);

#endif
