/* net/tls.h: TLS server contexts: TLS 1.2 and 1.3 only, no session tickets, strict ALPN and SNI: a client that names
 * another protocol or another host is refused (docs/failures.md, "another protocol"). Also fingerprints, and the making of a
 * certificate. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/error.h"

#include <openssl/ssl.h>

struct tls_names {
    struct str alpn;     /* such as "imap"; a client that sends ALPN must offer it (RFC 7301) */
    struct str hostname; /* a client that sends SNI must ask for it, localhost, or one of `more` */
    struct str more;     /* separated by spaces */
};

/* cert (the server's certificate, then its chain) and key are PEM texts. *out is the caller's (SSL_CTX_free); names are
 * copied. ERROR_SYNTAX says which of the two is wrong; ERROR_INTERNAL: OpenSSL failed. */
MUST_CHECK bool tls_context_create(SSL_CTX **out, struct str cert, struct str key,
                                   const struct tls_names *names, struct error *err);
/* The SHA-256 fingerprint of the first certificate of a PEM text: 32 bytes to out. ERROR_SYNTAX: there is none. */
MUST_CHECK bool tls_fingerprint(struct str cert, unsigned char out[32], struct error *err);
/* Makes a self-signed ECDSA P-256 certificate for hostname, localhost and 127.0.0.1, valid for ten years, and its key; PEM
 * texts are appended to both. ERROR_INTERNAL: OpenSSL cannot, for example as the name is too long. */
MUST_CHECK bool tls_self_signed(struct str hostname, struct buf *cert, struct buf *key,
                                struct error *err);

#endif
