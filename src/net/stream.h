/* net/stream.h: a connected stream socket, plain or TLS, on libevent: bytes in, bytes out, one owner.
 *
 *     OPEN -- stream_finish --> WRITING -- all was written --> LINGERING -- a moment later --> gone
 *       \-- stream_destroy, also from within a callback --> gone
 *
 * The owner is told through stream_ops and answers by the functions below; it may destroy the stream in any callback.
 * Closing says goodbye in full: output is written, close_notify and FIN are sent, and what the peer still sends is
 * read and dropped for a moment, so that a reset does not eat our last words (mbsync waits for them). */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "net/timer.h"

#include <event2/event.h>
#include <openssl/ssl.h>

struct stream;

/* The streams of one loop; embedded. */
struct streams {
    struct event_base *base;
    struct timers *timers;
    struct list finishing; /* those without an owner */
    size_t
        writing; /* of these, those that have not yet written everything: wait for 0 before the process ends */
};
void streams_init(struct streams *all, struct event_base *base, struct timers *timers);
/* Destroys those that are finishing; no stream may have an owner any more. */
void streams_done(struct streams *all);

struct stream_ops {
    void (*readable)(void *arg);      /* stream_input has more */
    void (*drained)(void *arg);       /* all output was written to the kernel; may be NULL */
    void (*tls)(void *arg, SSL *ssl); /* the handshake is done; may be NULL */
    /* End, error or timeout ("timeout"); the owner destroys the stream. */
    void (*closed)(void *arg, const char *why);
};

/* Takes fd (non-blocking). ctx NULL: plain; else TLS from the first byte, as server. Reading is on. */
struct stream *stream_create(struct streams *all, int fd, SSL_CTX *ctx,
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
/* The longest silence of the peer, in seconds, while it is its turn: while we read, or have written what it does not
 * take; 0: none. Starts anew at each byte, either way, that is not part of a TLS handshake. */
void stream_set_timeout(struct stream *s, uint64_t seconds);
/* After the output so far was written: starts TLS as server on the plain stream. Input must be empty. */
void stream_start_tls(struct stream *s, SSL_CTX *ctx);
/* True when the peer has closed its side already, whether or not we have read so far. */
bool stream_peer_closed(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* Whether a TLS handshake is still to come, or under way: what is written meanwhile waits for its end. */
bool stream_is_in_handshake(const struct stream *s);
/* Writes what is pending, closes politely and destroys itself; the owner forgets it now, no callback comes any more. A peer that
 * takes nothing for some seconds, or not all within half a minute, loses the rest. */
void stream_finish(struct stream *s);

#endif
