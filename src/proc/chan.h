/* proc/chan.h: a channel to one peer process: framed messages over a SOCK_SEQPACKET socket, with descriptors.
 *
 * A framing error, or a message that this peer may not send, ends the channel (the owner is told by m == NULL, and it is
 * logged); an error in content is the owner's to answer. Sending never waits: what the kernel does not take is queued, up to
 * LIMIT_CHAN_QUEUE bytes, then the channel is given up. */
#ifndef PROC_CHAN_H
#define PROC_CHAN_H

#include "proc/msg.h"
#include "proc/roles.h"

#include <event2/event.h>

struct chan;

/* m is valid during the call, NULL when the channel has ended (the owner then destroys it; it may destroy it in any call).
 * Descriptors in m->fd that are not set to -1 are closed afterwards. */
typedef void (*chan_fn)(void *arg, struct chan *c, struct msg *m);

/* Takes fd and makes it non-blocking. self and peer are single roles. */
struct chan *chan_create(struct event_base *base, int fd, enum role self, enum role peer,
                         chan_fn fn, void *arg);
void chan_destroy(struct chan *c); /* NULL is fine; drops what is queued */
/* Descriptors in m stay the caller's (they are passed as copies). False when the channel has ended or the message is too
 * large; ending is told by fn as well. Panics when the table does not allow it. */
bool chan_send(struct chan *c, const struct msg *m);
/* Writes out what is queued, waiting at most ms milliseconds: for the end of a process. */
void chan_flush(struct chan *c, int ms);
/* Reading off and on: what comes meanwhile waits in the socket. On at first. */
void chan_set_reading(struct chan *c, bool on);
/* Reads what has arrived already, without the loop: what a process said last before it ended. fn may destroy the channel. */
void chan_read_now(struct chan *c);
/* The role at the other end. */
enum role chan_peer(const struct chan *c);
/* Whether all was taken by the kernel. */
bool chan_idle(const struct chan *c);
/* The descriptor, still the channel's. */
int chan_fd(const struct chan *c);
/* A connected pair of sockets for a channel, close-on-exec; ends the process when the kernel has none left and must is
 * set, else returns false. */
bool chan_pair(int fd[2], bool must);

#endif
