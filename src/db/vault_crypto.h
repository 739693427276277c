/* db/vault_crypto.h: how the vault seals one record: AES-256-GCM (NIST SP 800-38D) under a key
 * that belongs to one file, a random nonce, and associated data that binds the record to its file
 * kind, its place, the key's generation and the format. A sealed record is
 *
 *     sealed bytes (as many as plain ones), nonce (12), tag (16)
 *
 * so nothing of it is plain but the nonce. A record opens whole or not at all.
 *
 * Nonces come from random_bytes (getrandom) one by one: there is no pool, so none survives fork()
 * or the cloning of a machine. At most 2^32 seals a key are allowed; the vault counts them and
 * stops far below (vault.h). */
#ifndef DB_VAULT_CRYPTO_H
#define DB_VAULT_CRYPTO_H

#include "base/str.h"

#include <openssl/types.h>

#define SEAL_KEY_BYTES 32
#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES 16
#define SEAL_OVERHEAD (SEAL_NONCE_BYTES + SEAL_TAG_BYTES)

/* A key, expanded once and used for many records. Holds about 1 KiB. */
struct seal {
    EVP_CIPHER_CTX *ctx;
};

/* What a record is and where it stands; all of it is associated data. */
enum seal_kind { SEAL_PAGE = 1, SEAL_FRAME, SEAL_CHUNK, SEAL_CHUNK_INDEX };
struct seal_place {
    enum seal_kind kind;
    uint32_t generation; /* of the account's key */
    uint64_t number;     /* page, frame or chunk number */
    bool last;           /* of a file of chunks */
};

/* Fetches what OpenSSL looks up by name, once a process, best before fork(): it costs about a
 * millisecond. */
void seal_process_init(void);

void seal_init(struct seal *s, const unsigned char key[SEAL_KEY_BYTES]);
/* Wipes and frees. */
void seal_done(struct seal *s);
/* Seals n bytes of plain into out, which has room for n + SEAL_OVERHEAD; they do not overlap. */
void seal_close(struct seal *s, const struct seal_place *place, const void *plain, size_t n,
                unsigned char *out);
/* The same with a nonce of the caller's, for a record whose bytes must be the same each time
 * (vault_new.c). Never two different plain texts under one key and nonce. */
void seal_close_with(struct seal *s, const struct seal_place *place, const void *plain, size_t n,
                     const unsigned char nonce[SEAL_NONCE_BYTES], unsigned char *out);
/* Opens a record of in_n >= SEAL_OVERHEAD bytes into plain (in_n - SEAL_OVERHEAD bytes). False when
 * it is not what was sealed for this place; what plain then holds must not be looked at. */
MUST_CHECK bool seal_open(struct seal *s, const struct seal_place *place, const unsigned char *in,
                          size_t in_n, void *plain);

/* HKDF-SHA-256 (RFC 5869) without salt of a 32-byte key; label is its info. out_n at most 64. */
void seal_derive(const unsigned char key[SEAL_KEY_BYTES], struct str label, void *out,
                 size_t out_n);

#endif
