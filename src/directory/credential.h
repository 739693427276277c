/* directory/credential.h: what a person or a program logs in with, and how it is kept (docs/design.md, "Login and passwords").
 *
 * App passwords are made here, of 128 random bits: 26 characters of [a-z2-7] in groups. They are kept as an HMAC, and as keys
 * for SCRAM-SHA-256 (RFC 7677). People's passwords are kept as Argon2id hashes, which only hasher processes compute. All
 * functions that take a db return the database's errors (db/db.h). */
#ifndef DIRECTORY_CREDENTIAL_H
#define DIRECTORY_CREDENTIAL_H

#include "base/buf.h"
#include "db/db.h"

#define APP_PASSWORD_TEXT 33 /* 26 characters, 6 dashes, NUL */
#define MAC_BYTES 32
#define SCRAM_ITERATIONS 4096 /* RFC 7677 section 4; enough at 128 random bits */

struct scram_keys {
    unsigned char salt[16], stored[32], server[32];
    uint32_t iterations;
};

/* Makes a new app password, with a NUL at its end. */
void app_password_make(char out[APP_PASSWORD_TEXT]);
/* The form in which app passwords are compared: lower case, without dashes and spaces, and without a NUL. False when
 * `password` cannot be an app password, for its length or its characters. */
MUST_CHECK bool app_password_normal(struct str password, char out[26]);
/* HMAC-SHA-256, under key, over the account and the normal form. */
void app_password_mac(const unsigned char key[32], uint64_t account, const char normal[26],
                      unsigned char out[MAC_BYTES]);
/* RFC 5802 section 3 with SHA-256: StoredKey and ServerKey of the password, dashes and all, as it was given out. */
void scram_derive(struct str password, const unsigned char salt[16], uint32_t iterations,
                  struct scram_keys *out);

struct credential {
    int64_t id;
    bool read_only;
    int64_t expires_us; /* INT64_MAX: never */
    char scope[200];
};

/* Within a transaction: a new app password; mac from app_password_mac. */
MUST_CHECK bool credential_add_app(struct db *db, uint64_t account, struct str name,
                                   struct str scope, bool read_only, int64_t expires_us,
                                   const unsigned char mac[MAC_BYTES],
                                   const struct scram_keys *scram, struct error *err);
/* Within a transaction: sets the person's password, replacing the old one. */
MUST_CHECK bool credential_set_password(struct db *db, uint64_t account, struct str hash,
                                        struct error *err);
/* Finds the app password with this mac. *found false: the account has none. */
MUST_CHECK bool credential_find_app(struct db *db, uint64_t account,
                                    const unsigned char mac[MAC_BYTES], struct credential *out,
                                    bool *found, struct error *err);
/* Finds the person's password; its hash is appended. *found false: the account has none. */
MUST_CHECK bool credential_find_password(struct db *db, uint64_t account, struct credential *out,
                                         struct buf *hash, bool *found, struct error *err);
/* Whether the account still has the credential with this id. Ids are never used twice, and a changed password gets a new
 * one. */
MUST_CHECK bool credential_exists(struct db *db, uint64_t account, int64_t id, bool *found,
                                  struct error *err);
/* Whether it opens this service now: by its scope, and before it expires. now_us is the wall clock. */
bool credential_allows(const struct credential *c, struct str service, int64_t now_us);

#endif
