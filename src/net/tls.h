/* net/tls.h: one TLS server context: TLS 1.2 and 1.3 only, no session tickets, strict ALPN and SNI (ALPACA: a client
 * that names another protocol or another host is refused, not served). */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/error.h"

#include <openssl/ssl.h>

struct tls_names {
    struct str
        alpn; /* the protocol's name, as "imap"; a client that sends ALPN must offer it (RFC 7301) */
    struct str
        hostname;    /* a client that sends SNI must ask for this, localhost, or one of `more` */
    struct str more; /* separated by spaces */
};

/* cert and key are PEM texts. The context is the caller's (SSL_CTX_free); names are copied. ERROR_SYNTAX with words that say
 * which of the two is wrong. */
MUST_CHECK bool tls_context_create(SSL_CTX **out, struct str cert, struct str key,
                                   const struct tls_names *names, struct error *err);
/* The SHA-256 fingerprint of the first certificate of a PEM text: 32 bytes to out. */
MUST_CHECK bool tls_fingerprint(struct str cert, unsigned char out[32], struct error *err);
/* Makes a self-signed ECDSA P-256 certificate for hostname, valid for ten years; PEM texts are appended. */
MUST_CHECK bool tls_self_signed(struct str hostname, struct buf *cert, struct buf *key,
                                struct error *err);

#endif
