/* net/stream.h: a connected stream socket, plain or TLS, on libevent. It has one owner.
 *
 *     OPEN -- stream_finish --> WRITING -- all was written --> LINGERING -- a moment later --> gone
 *       \-- stream_destroy, also from within a callback --> gone
 *
 * The owner hears of events through stream_ops and acts by the functions below; it may destroy the stream in any callback.
 * stream_finish closes politely: output is written, close_notify and FIN are sent, and what the peer still sends is
 * read and dropped for a moment, so that a reset does not destroy our last words on their way (mbsync waits for them). */
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
    size_t writing;        /* those of them with output left: wait for 0 before the process ends */
};
void streams_init(struct streams *all, struct event_base *base, struct timers *timers);
/* Destroys those that are finishing; no stream may have an owner any more. */
void streams_done(struct streams *all);

struct stream_ops {
    void (*readable)(void *arg);      /* stream_input has more */
    void (*drained)(void *arg);       /* all output was written to the kernel; may be NULL */
    void (*tls)(void *arg, SSL *ssl); /* the handshake is done; may be NULL */
    /* The peer closed it, it failed, or it timed out (why is then "timeout"); the owner destroys the stream. */
    void (*closed)(void *arg, const char *why);
};

/* Takes fd (non-blocking). ctx NULL: plain; else TLS from the first byte, as the server; the stream keeps a reference of
 * its own. Reading is on. ops must stay where it is. */
struct stream *stream_create(struct streams *all, int fd, SSL_CTX *ctx,
                             const struct stream_ops *ops, void *arg);
/* Closes at once, whatever is unwritten. NULL is fine. No callback comes after it. */
void stream_destroy(struct stream *s);
/* Contiguous bytes that have arrived, perhaps not all of them; valid until stream_consume or the next event. */
struct str stream_input(struct stream *s);
/* The same, but all that has arrived, up to `most` bytes, in one piece. */
struct str stream_input_joined(struct stream *s, size_t most);
/* The first n bytes of the input are done with. */
void stream_consume(struct stream *s, size_t n);
/* Drops all input (bytes in the clear before STARTTLS); returns how many there were. */
size_t stream_drop_input(struct stream *s);
/* Adds to the output, however much waits already: callers look at stream_pending. */
void stream_write(struct stream *s, struct str bytes);
/* Bytes of output that the kernel has not taken yet. */
size_t stream_pending(const struct stream *s);
/* Reading off and on: back pressure. */
void stream_set_reading(struct stream *s, bool on);
/* The longest silence, in seconds, while it is the peer's turn: while we read, or while it does not take what we have
 * written. 0: no limit. Each byte in either direction starts it again, but for those of a TLS handshake. */
void stream_set_timeout(struct stream *s, uint64_t seconds);
/* Starts TLS as the server on a plain stream, once the output so far is written. Input must be empty. ctx stays the
 * caller's. Turns reading on. */
void stream_start_tls(struct stream *s, SSL_CTX *ctx);
/* True when the peer has closed its side already, even if we have not read that far. */
bool stream_peer_closed(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* Whether a TLS handshake was asked for and is not done: what is written meanwhile waits for its end. */
bool stream_is_in_handshake(const struct stream *s);
/* Writes what is pending, closes politely and destroys itself. The owner must forget the stream now; no callback comes
 * after it. A peer that takes nothing for 10 seconds, or not everything within 30, loses the rest. */
void stream_finish(struct stream *s);

#endif
