/* proc/calls.h: requests that wait for their answer: an id, a deadline, a callback.
 *
 * A request that was sent to a role which crashed is sent again to its successor when it may be (`again`): logins, look-ups
 * and messages with a transaction id are idempotent. Deadlines run on CLOCK_BOOTTIME through the loop's timer. */
#ifndef PROC_CALLS_H
#define PROC_CALLS_H

#include "proc/chan.h"

/* m is the answer, or NULL: the deadline passed, or the peer went away and the request was not to be sent again. */
typedef void (*call_fn)(void *arg, struct msg *m);

struct calls;

struct calls *calls_create(struct event_base *base);
void calls_destroy(struct calls *c); /* forgets all, calls nobody */
/* A new id that no waiting call has; put it into the request. */
uint64_t calls_next_id(struct calls *c);
/* Sends m (whose id is `id`) over chan, which may be NULL: the role is just not there, and the request waits for it. fn is
 * called once, never from within. */
void calls_send(struct calls *c, struct chan *chan, enum role to, uint64_t id, const struct msg *m,
                uint64_t timeout_ms, bool again, call_fn fn, void *arg);
/* An answer with this id has come; false when nobody waits for it (any more). */
bool calls_answer(struct calls *c, uint64_t id, struct msg *m);
/* The caller is gone: fn will not be called. Unknown ids are fine. */
void calls_forget(struct calls *c, uint64_t id);
/* The channel to this role has ended: calls that may not be sent again fail now. */
void calls_peer_lost(struct calls *c, enum role role);
/* A new channel to this role: what waits is sent again. */
void calls_peer_new(struct calls *c, enum role role, struct chan *chan);
size_t calls_waiting(const struct calls *c);

#endif
