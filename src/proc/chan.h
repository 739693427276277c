/* proc/chan.h: a channel to one peer process: framed messages over a SOCK_SEQPACKET socket, with
 * descriptors. Questions and answers (proc/call.h) go over it as well and never reach its owner as
 * messages: an answer goes to whoever asked, if this channel and this type were asked.
 *
 * A framing error, or a message that this peer may not send, ends the channel (the owner is told by
 * m == NULL, and it is logged); an error in content is the owner's to answer.
 *
 * Sending never waits. What the kernel does not take is queued; questions wait in their order until
 * the rest is gone. That is back pressure, in both directions: while a peer does not take what we
 * say to it, nothing more that it says is read, and while it owes us answers, those who asked wait
 * (an edge does not read a connection that waits). Only a peer that takes nothing for so long that
 * LIMIT_CHAN_QUEUE is reached loses its channel: what fills it then are answers and notices, which
 * nobody bounds but the peer itself. */
#ifndef PROC_CHAN_H
#define PROC_CHAN_H

#include "proc/msg.h"
#include "proc/roles.h"

#include <event2/event.h>

struct chan;

/* m is valid during the call, NULL when the channel has ended (the owner then destroys it; it may destroy it in any call).
 * Descriptors in m->fd that are not set to -1 are closed afterwards; of a message that came with fewer than it may have the rest
 * are -1. */
typedef void (*chan_fn)(void *arg, struct chan *c, struct msg *m);

/* Takes fd and makes it non-blocking. self and peer are single roles. */
struct chan *chan_create(struct event_base *base, int fd, enum role self, enum role peer,
                         chan_fn fn, void *arg);
/* NULL is fine; drops what is queued. Questions that were put over it fail, or wait for a successor
 * (proc/call.h); those that it brought have nobody any more who waits for the answer. */
void chan_destroy(struct chan *c);
/* A MSG, not the half of a CALL. Descriptors in m stay the caller's (they are passed as copies).
 * False when the channel has ended or the message is too large; ending is told by fn as well.
 * Panics when the table does not allow it. */
bool chan_send(struct chan *c, const struct msg *m);
/* Writes out what is queued, waiting at most ms milliseconds in all: for the end of a process. */
void chan_flush(struct chan *c, int ms);
/* Reading off and on: what comes meanwhile waits in the socket. On at first. */
void chan_set_reading(struct chan *c, bool on);
/* Reads what has arrived already, without the loop: what a process said last before it ended. fn may destroy the channel. */
void chan_read_now(struct chan *c);
/* The role at the other end. */
enum role chan_peer(const struct chan *c);
/* Whether all was taken by the kernel. */
bool chan_idle(const struct chan *c);
/* Whether the peer broke the framing, or said what it may not: why the channel ended. */
bool chan_is_broken(const struct chan *c);
/* The descriptor, still the channel's. */
int chan_fd(const struct chan *c);
/* A connected pair of sockets for a channel, close-on-exec. False when the kernel has none left. */
MUST_CHECK bool chan_pair(int fd[2]);

#endif
