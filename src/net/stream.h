/* net/stream.h: a connected stream socket, plain or TLS, on libevent: bytes in, bytes out, one owner.
 *
 * The owner is told through stream_ops and answers by the functions below; it may destroy the stream in any callback.
 * Closing says goodbye in full: output is written, close_notify and FIN are sent, and what the peer still sends is
 * read and dropped for a moment, so that a reset does not eat our last words (mbsync waits for them). */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "base/error.h"

#include <event2/event.h>
#include <openssl/ssl.h>

struct stream;

struct stream_ops {
    void (*readable)(void *arg);      /* stream_input has more */
    void (*drained)(void *arg);       /* all output was written to the kernel; may be NULL */
    void (*tls)(void *arg, SSL *ssl); /* the handshake is done; may be NULL */
    void (*closed)(
        void *arg,
        const char *why); /* end, error or timeout ("timeout"); the owner destroys the stream */
};

/* Takes fd (non-blocking). ctx NULL: plain; else TLS from the first byte, as server. Reading is on. */
struct stream *stream_create(struct event_base *base, int fd, SSL_CTX *ctx,
                             const struct stream_ops *ops, void *arg);
/* Closes at once. NULL is fine. No callback comes after it. */
void stream_destroy(struct stream *s);
/* Some contiguous bytes that have arrived, maybe not all of them; valid until stream_consume or the next event. */
struct str stream_input(struct stream *s);
/* The same, but all that has arrived up to `most` bytes is joined into one piece. */
struct str stream_input_joined(struct stream *s, size_t most);
void stream_consume(struct stream *s, size_t n);
/* Drops all input (bytes in the clear before STARTTLS); returns how many there were. */
size_t stream_drop_input(struct stream *s);
void stream_write(struct stream *s, struct str bytes);
/* Bytes that were written and not yet taken by the kernel. */
size_t stream_pending(const struct stream *s);
/* Reading off and on: back pressure. */
void stream_set_reading(struct stream *s, bool on);
/* The longest silence of the peer while it is its turn; 0: none. Starts anew at each byte. */
void stream_set_timeout(struct stream *s, uint64_t seconds);
/* After the output so far was written: starts TLS as server on the plain stream. Input must be empty. */
void stream_start_tls(struct stream *s, SSL_CTX *ctx);
/* True when the peer has closed its side already, whether or not we have read so far. */
bool stream_peer_closed(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* Writes what is pending, closes politely and destroys itself; the owner forgets it now, no callback comes any more. */
void stream_finish(struct stream *s);
/* Streams of this process that are finishing and have not yet written everything: wait for 0 before the process ends. */
size_t stream_finishing(void);

#endif
