/* directory/scram.c: the keys by which SCRAM knows a password (directory/credential.h). */
#include "directory/credential.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
                        unsigned char out[32])
{
    unsigned int out_n = 32;

    if (!HMAC(EVP_sha256(), key, (int)key_n, p, n, out, &out_n))
        fatal("OpenSSL has no HMAC-SHA-256");
}

void scram_derive(struct str password, const unsigned char salt[16], uint32_t iterations,
                  struct scram_keys *out)
{
    unsigned char salted[32], client[32];
    unsigned int n = 32;

    if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, salt, 16, (int)iterations, EVP_sha256(), 32,
                          salted) != 1)
        fatal("OpenSSL has no PBKDF2");
    hmac_sha256(salted, 32, "Client Key", 10, client);
    if (EVP_Digest(client, 32, out->stored, &n, EVP_sha256(), NULL) != 1)
        fatal("OpenSSL has no SHA-256");
    hmac_sha256(salted, 32, "Server Key", 10, out->server);
    memcpy(out->salt, salt, 16);
    out->iterations = iterations;
    mem_wipe(salted, sizeof salted);
    mem_wipe(client, sizeof client);
}
