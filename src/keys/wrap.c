/* keys/wrap.c: see wrap.h. */
#include "keys/wrap.h"

#include "base/random.h"

#include <openssl/evp.h>
#include <string.h>

static EVP_CIPHER_CTX *begin_cipher(const unsigned char kek[KEY_BYTES], const unsigned char *nonce,
                                    uint64_t account, int seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    if (!ctx || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, kek, nonce, seal) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)&account, sizeof account) != 1)
        fatal("OpenSSL has no AES-256-GCM");
    return ctx;
}

void key_wrap(const unsigned char kek[KEY_BYTES], uint64_t account,
              const unsigned char key[KEY_BYTES], unsigned char out[KEY_WRAPPED_BYTES])
{
    EVP_CIPHER_CTX *ctx;
    int n;

    random_bytes(out, 12);
    ctx = begin_cipher(kek, out, account, 1);
    if (EVP_CipherUpdate(ctx, out + 12, &n, key, KEY_BYTES) != 1 ||
        EVP_CipherFinal_ex(ctx, out + 12 + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 12 + KEY_BYTES) != 1)
        fatal("AES-256-GCM failed");
    EVP_CIPHER_CTX_free(ctx);
}

bool key_unwrap(const unsigned char kek[KEY_BYTES], uint64_t account, struct str wrapped,
                unsigned char out[KEY_BYTES], struct error *err)
{
    unsigned char in[KEY_WRAPPED_BYTES], plain[KEY_BYTES];
    EVP_CIPHER_CTX *ctx;
    bool ok;
    int n;

    if (wrapped.n != KEY_WRAPPED_BYTES)
        return error_set(err, ERROR_DAMAGED,
                         "the wrapped key of account %llu has %zu bytes, not %d",
                         (unsigned long long)account, wrapped.n, KEY_WRAPPED_BYTES);
    memcpy(in, wrapped.p, sizeof in);
    ctx = begin_cipher(kek, in, account, 0);
    ok = EVP_CipherUpdate(ctx, plain, &n, in + 12, KEY_BYTES) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, in + 12 + KEY_BYTES) == 1 &&
         EVP_CipherFinal_ex(ctx, plain + n, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        memcpy(out, plain, sizeof plain);
    mem_wipe(plain, sizeof plain);
    return ok || error_set(err, ERROR_DAMAGED,
                           "the wrapped key of account %llu does not open with this "
                           "server key",
                           (unsigned long long)account);
}
