/* net/tls_test.c: who is served over TLS, and who is not. */
#include "net/tls.c"

#include "base/test.h"

static struct buf cert, key;

static SSL_CTX *server_context(const char *more)
{
    struct tls_names names = {STR("imap"), STR("mx.example.test"), str_c(more)};
    struct error err = {0};
    SSL_CTX *ctx = NULL;

    CHECK_ROW(tls_context_create(&ctx, buf_view(&cert), buf_view(&key), &names, &err), err.text);
    return ctx;
}

struct hello {
    const char *what, *sni, *alpn; /* alpn as on the wire: length, name */
    int least, most;               /* versions; 0: the library's */
    bool ok;
};

/* Both ends in memory; true when both finish. */
static bool shake(SSL_CTX *server_ctx, const struct hello *h, SSL **out_client)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client, *server;
    BIO *a, *b;
    bool done = false;

    SSL_CTX_set_security_level(ctx, 0); /* so that it offers old versions at all */
    if (h->least)
        SSL_CTX_set_min_proto_version(ctx, h->least);
    if (h->most)
        SSL_CTX_set_max_proto_version(ctx, h->most);
    client = SSL_new(ctx);
    server = SSL_new(server_ctx);
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (h->sni)
        SSL_set_tlsext_host_name(client, h->sni);
    if (h->alpn)
        SSL_set_alpn_protos(client, (const unsigned char *)h->alpn, (unsigned int)strlen(h->alpn));
    for (int i = 0; i < 10 && !done; i++) {
        int c = SSL_do_handshake(client), s = SSL_do_handshake(server);

        done = c == 1 && s == 1;
    }
    SSL_free(server);
    if (out_client)
        *out_client = client;
    else
        SSL_free(client);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return done;
}

static void only_who_means_us_is_served(void)
{
    static const struct hello rows[] = {
        {"nothing named", NULL, NULL, 0, 0, true},
        {"our name", "mx.example.test", NULL, 0, 0, true},
        {"our name in capitals", "MX.Example.Test", NULL, 0, 0, true},
        {"our name with a dot behind (Outlook)", "mx.example.test.", NULL, 0, 0, true},
        {"localhost", "localhost", NULL, 0, 0, true},
        {"a further name", "mail.example.test", NULL, 0, 0, true},
        {"an address (msmtp)", "127.0.0.1", NULL, 0, 0, true},
        {"another host", "example.test", NULL, 0, 0, false},
        {"a name below ours", "x.mx.example.test", NULL, 0, 0, false},
        {"our protocol", NULL, "\x04imap", 0, 0, true},
        {"our protocol among others", NULL, "\x08http/1.1\x04imap", 0, 0, true},
        {"another protocol", NULL, "\x08http/1.1", 0, 0, false},
        {"a prefix of ours", NULL, "\x03ima", 0, 0, false},
        {"TLS 1.2", NULL, NULL, TLS1_2_VERSION, TLS1_2_VERSION, true},
        {"TLS 1.3", NULL, NULL, TLS1_3_VERSION, TLS1_3_VERSION, true},
        {"TLS 1.1", NULL, NULL, TLS1_VERSION, TLS1_1_VERSION, false},
    };
    SSL_CTX *ctx = server_context("mail.example.test www.example.test");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_ROW(shake(ctx, &rows[i], NULL) == rows[i].ok, rows[i].what);
    SSL_CTX_free(ctx);
}

/* Some senders stumble over tickets (docs/failures.md, "session tickets"). */
static void no_session_is_resumed(void)
{
    static const struct hello plain = {"plain", NULL, NULL, 0, 0, true};
    SSL_CTX *ctx = server_context("");
    SSL *client = NULL;

    CHECK(shake(ctx, &plain, &client));
    CHECK(SSL_SESSION_has_ticket(SSL_get0_session(client)) == 0);
    SSL_free(client);
    SSL_CTX_free(ctx);
}

static void a_certificate_without_its_key_is_refused_with_words(void)
{
    struct tls_names names = {STR("imap"), STR("x"), STR_NULL};
    struct buf cert2, key2;
    struct error err = {0};
    SSL_CTX *ctx;

    buf_init(&cert2, 65536);
    buf_init(&key2, 65536);
    CHECK(tls_self_signed(STR("x"), &cert2, &key2, &err));
    CHECK(!tls_context_create(&ctx, buf_view(&cert), buf_view(&key2), &names, &err));
    CHECK(str_find(str_c(err.text), STR("key")) != SIZE_MAX);
    CHECK(!tls_context_create(&ctx, STR("garbage"), buf_view(&key), &names, &err));
    CHECK(str_find(str_c(err.text), STR("certificate")) != SIZE_MAX);
    CHECK(!tls_context_create(&ctx, STR_NULL, STR_NULL, &names, &err));
    buf_done(&cert2);
    buf_done(&key2);
}

static void a_fingerprint_is_that_of_the_certificate(void)
{
    unsigned char one[32], two[32];
    struct buf twice;
    struct error err;

    buf_init(&twice, 65536);
    buf_str(&twice, buf_view(&cert));
    buf_str(&twice, buf_view(&cert));
    CHECK(tls_fingerprint(buf_view(&cert), one, &err) &&
          tls_fingerprint(buf_view(&twice), two, &err));
    CHECK(memcmp(one, two, 32) == 0);
    CHECK(!tls_fingerprint(STR("x"), one, &err));
    buf_done(&twice);
}

int main(void)
{
    struct error err = {0};

    buf_init(&cert, 65536);
    buf_init(&key, 65536);
    if (!tls_self_signed(STR("mx.example.test"), &cert, &key, &err))
        fatal("%s", err.text);
    RUN(only_who_means_us_is_served);
    RUN(no_session_is_resumed);
    RUN(a_certificate_without_its_key_is_refused_with_words);
    RUN(a_fingerprint_is_that_of_the_certificate);
    buf_done(&cert);
    buf_done(&key);
    return test_end();
}
