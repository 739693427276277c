/* net/listener.h: accepting connections, within the limits of a gate. At EMFILE or ENFILE it pauses instead of
 * spinning. Several processes may listen on one socket. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/gate.h"
#include "net/timer.h"

#include <event2/event.h>

struct listener;
/* accepted takes fd (non-blocking, close-on-exec). within: false: a limit is reached, say so and close. */
typedef void (*listener_fn)(void *arg, int fd, const struct net_address *peer, bool within);

/* fd is a listening socket; it is taken. */
struct listener *listener_create(struct event_base *base, struct timers *timers, int fd,
                                 struct net_gate *gate, listener_fn fn, void *arg);
void listener_destroy(struct listener *l); /* NULL is fine */
/* Binds and listens; the descriptor is the caller's. ERROR_CONFLICT (in use), ERROR_DENIED (privileged port) ... */
MUST_CHECK bool net_listen(const struct net_address *a, int *fd, struct error *err);
/* The same on a Unix socket at `path`, which every user of the machine may connect to; one that is left there and that
 * nobody answers on is replaced. ERROR_LIMIT: the path is longer than such an address can be. */
MUST_CHECK bool net_listen_unix(const char *path, int *fd, struct error *err);

#endif
