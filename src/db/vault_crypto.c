/* db/vault_crypto.c: see vault_crypto.h. */
#include "db/vault_crypto.h"

#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define FORMAT                                                                                     \
    1 /* of sealed records; a change of their layout or of the associated data raises it */
#define AAD_BYTES 20

static EVP_CIPHER *cipher;
static EVP_KDF *kdf;
/* Records are copied instead of sealed. Set by store/sealed_test.c alone, which shows by it that
 * its checks would see a store that is not sealed. */
static bool null_cipher;

void seal_process_init(void)
{
    unsigned char key[SEAL_KEY_BYTES] = {0};

    if (cipher)
        return;
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (!cipher || !kdf)
        fatal("OpenSSL offers no AES-256-GCM or no HKDF: check openssl.cnf");
    /* Deriving once fetches the digests beneath, too. */
    seal_derive(key, STR("warm"), key, sizeof key);
}

void seal_init(struct seal *s, const unsigned char key[SEAL_KEY_BYTES])
{
    seal_process_init();
    s->ctx = EVP_CIPHER_CTX_new();
    if (!s->ctx || EVP_EncryptInit_ex2(s->ctx, cipher, key, NULL, NULL) != 1)
        panic("AES-256-GCM takes no key");
}

void seal_done(struct seal *s)
{
    EVP_CIPHER_CTX_free(s->ctx); /* wipes the key schedule */
    s->ctx = NULL;
}

static void put_be(unsigned char *p, uint64_t v, size_t n)
{
    while (n--) {
        p[n] = (unsigned char)v;
        v >>= 8;
    }
}

static void associated_data(unsigned char aad[AAD_BYTES], const struct seal_place *place)
{
    static const unsigned char magic[] = {'P', 's', 'V', FORMAT};

    memcpy(aad, magic, sizeof magic);
    put_be(aad + 4, (uint64_t)place->kind, 2);
    put_be(aad + 6, place->last, 2);
    put_be(aad + 8, place->generation, 4);
    put_be(aad + 12, place->number, 8);
}

void seal_close_with(struct seal *s, const struct seal_place *place, const void *plain, size_t n,
                     const unsigned char nonce[SEAL_NONCE_BYTES], unsigned char *out)
{
    unsigned char aad[AAD_BYTES], *tag = out + n + SEAL_NONCE_BYTES;
    int done;

    if (n > INT32_MAX)
        panic("a record of %zu bytes", n);
    memcpy(out + n, nonce, SEAL_NONCE_BYTES);
    if (null_cipher) {
        memcpy(out, plain, n);
        memset(out + n, 0, SEAL_OVERHEAD);
        return;
    }
    associated_data(aad, place);
    if (EVP_EncryptInit_ex2(s->ctx, NULL, NULL, nonce, NULL) != 1 ||
        EVP_EncryptUpdate(s->ctx, NULL, &done, aad, AAD_BYTES) != 1 ||
        EVP_EncryptUpdate(s->ctx, out, &done, plain, (int)n) != 1 || done != (int)n ||
        EVP_EncryptFinal_ex(s->ctx, tag, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, tag) != 1)
        panic("AES-256-GCM does not seal");
}

void seal_close(struct seal *s, const struct seal_place *place, const void *plain, size_t n,
                unsigned char *out)
{
    unsigned char nonce[SEAL_NONCE_BYTES];

    random_bytes(nonce, sizeof nonce);
    seal_close_with(s, place, plain, n, nonce, out);
}

bool seal_open(struct seal *s, const struct seal_place *place, const unsigned char *in, size_t in_n,
               void *plain)
{
    size_t n = in_n - SEAL_OVERHEAD;
    unsigned char aad[AAD_BYTES], tag[SEAL_TAG_BYTES], end[16];
    int done;

    if (in_n < SEAL_OVERHEAD || in_n > INT32_MAX)
        panic("a record of %zu bytes", in_n);
    if (null_cipher) {
        memcpy(plain, in, n);
        return true;
    }
    associated_data(aad, place);
    memcpy(tag, in + n + SEAL_NONCE_BYTES, sizeof tag);
    if (EVP_DecryptInit_ex2(s->ctx, NULL, NULL, in + n, NULL) != 1 ||
        EVP_DecryptUpdate(s->ctx, NULL, &done, aad, AAD_BYTES) != 1 ||
        EVP_DecryptUpdate(s->ctx, plain, &done, in, (int)n) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, tag) != 1)
        panic("AES-256-GCM does not open");
    return EVP_DecryptFinal_ex(s->ctx, end, &done) == 1;
}

void seal_derive(const unsigned char key[SEAL_KEY_BYTES], struct str label, void *out, size_t out_n)
{
    EVP_KDF_CTX *ctx;
    OSSL_PARAM params[4];

    if (out_n == 0 || out_n > 64)
        panic("a derived key of %zu bytes", out_n);
    seal_process_init();
    ctx = EVP_KDF_CTX_new(kdf);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key,
                                                  SEAL_KEY_BYTES);
    params[2] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label.p, label.n);
    params[3] = OSSL_PARAM_construct_end();
    if (!ctx || EVP_KDF_derive(ctx, out, out_n, params) != 1)
        panic("HKDF does not derive");
    EVP_KDF_CTX_free(ctx);
}
