/* net/tls.c: see tls.h. */
#include "net/tls.h"

#include "base/random.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

struct names {
    char *alpn, *hostname, *more;
};

static void names_free(void *parent, void *p, CRYPTO_EX_DATA *ad, int index, long l, void *arg)
{
    struct names *n = p;

    (void)parent, (void)ad, (void)index, (void)l, (void)arg;
    if (!n)
        return;
    mem_free(n->alpn);
    mem_free(n->hostname);
    mem_free(n->more);
    mem_free(n);
}

static int names_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, names_free);
    return index;
}

/* RFC 7301 section 3.2: no overlap is no_application_protocol. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned int in_n, void *arg)
{
    const struct names *names = arg;
    struct str want = str_c(names->alpn);

    (void)ssl;
    for (unsigned int at = 0; at < in_n && at + 1 + in[at] <= in_n; at += 1U + in[at]) {
        if (str_equal(str_of(in + at + 1, in[at]), want)) {
            *out = in + at + 1;
            *out_n = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool list_holds(struct str list, struct str name)
{
    while (list.n) {
        struct str word = list, rest = STR_NULL;

        str_cut(list, ' ', &word, &rest);
        if (word.n && str_equal_nocase(word, name))
            return true;
        list = rest;
    }
    return false;
}

/* RFC 6066 section 3 forbids addresses in SNI; msmtp sends them all the same. It names no other host. */
static bool is_address(const char *sni)
{
    unsigned char a[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, sni, a) == 1 || inet_pton(AF_INET6, sni, a) == 1;
}

/* RFC 6066 section 3: a name that is not ours is unrecognized_name, fatal. A trailing dot is dropped:
 * Outlook sends one. */
static int check_sni(SSL *ssl, int *alert, void *arg)
{
    const struct names *names = arg;
    struct str sni = str_c(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));

    if (sni.n && sni.p[sni.n - 1] == '.')
        sni.n--;
    if (sni.n == 0 || is_address(sni.p) || str_equal_nocase(sni, str_c(names->hostname)) ||
        str_equal_nocase(sni, STR("localhost")) || list_holds(str_c(names->more), sni))
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool load_chain(SSL_CTX *ctx, struct str cert)
{
    BIO *bio = BIO_new_mem_buf(cert.p, (int)cert.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;

    X509_free(x);
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        ok = SSL_CTX_add0_chain_cert(ctx, x) == 1;
    ERR_clear_error();
    BIO_free(bio);
    return ok;
}

static bool load_key(SSL_CTX *ctx, struct str key)
{
    BIO *bio = BIO_new_mem_buf(key.p, (int)key.n);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    bool ok = pkey && SSL_CTX_use_PrivateKey(ctx, pkey) == 1;

    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_clear_error();
    return ok;
}

bool tls_context_create(SSL_CTX **out, struct str cert, struct str key,
                        const struct tls_names *names, struct error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct names *copy;

    if (!ctx)
        return error_set(err, ERROR_INTERNAL, "OpenSSL cannot make a TLS context");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!load_chain(ctx, cert)) {
        SSL_CTX_free(ctx);
        return error_set(err, ERROR_SYNTAX, "the certificate is not a PEM certificate chain");
    }
    if (!load_key(ctx, key) || SSL_CTX_check_private_key(ctx) != 1) {
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return error_set(err, ERROR_SYNTAX,
                         "the key is not a PEM key, or does not belong to the certificate");
    }
    copy = mem_alloc(sizeof *copy);
    *copy =
        (struct names){str_dup_c(names->alpn), str_dup_c(names->hostname), str_dup_c(names->more)};
    SSL_CTX_set_ex_data(ctx, names_index(), copy);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, copy);
    SSL_CTX_set_tlsext_servername_callback(ctx, check_sni);
    SSL_CTX_set_tlsext_servername_arg(ctx, copy);
    *out = ctx;
    return true;
}

bool tls_fingerprint(struct str cert, unsigned char out[32], struct error *err)
{
    BIO *bio = BIO_new_mem_buf(cert.p, (int)cert.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned int n = 32;
    bool ok = x && X509_digest(x, EVP_sha256(), out, &n) == 1;

    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return ok || error_set(err, ERROR_SYNTAX, "there is no PEM certificate");
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool fill_certificate(X509 *x, EVP_PKEY *pkey, const char *hostname)
{
    X509_NAME *name = X509_get_subject_name(x);
    char alt[600];

    snprintf(alt, sizeof alt, "DNS:%s%s,IP:127.0.0.1", hostname,
             strcmp(hostname, "localhost") == 0 ? "" : ",DNS:localhost");
    return X509_set_version(x, 2) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), random_u64() >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(x), 3650L * 86400) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)hostname,
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, pkey) == 1 &&
           add_extension(x, NID_subject_alt_name, alt) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           X509_sign(x, pkey, EVP_sha256()) > 0;
}

static void take_bio(BIO *bio, struct buf *out)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    if (n > 0)
        buf_add(out, p, (size_t)n);
}

bool tls_self_signed(struct str hostname, struct buf *cert, struct buf *key, struct error *err)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    char *name = str_dup_c(hostname);
    bool ok = pkey && x && c && k && fill_certificate(x, pkey, name) &&
              PEM_write_bio_X509(c, x) == 1 &&
              PEM_write_bio_PrivateKey(k, pkey, NULL, NULL, 0, NULL, NULL) == 1;

    if (ok) {
        take_bio(c, cert);
        take_bio(k, key);
    }
    mem_free(name);
    BIO_free(c);
    BIO_free(k);
    X509_free(x);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return ok || error_set(err, ERROR_INTERNAL, "OpenSSL cannot make a certificate for \"%.*s\"",
                           STR_ARG(hostname));
}
