/* net/listener.h: accepting connections, within the limits of a gate. When descriptors or memory run out (EMFILE,
 * ENFILE, ENOBUFS, ENOMEM) it pauses instead of spinning. Several processes may listen on one socket. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/gate.h"
#include "net/timer.h"

#include <event2/event.h>

struct listener;
/* Called for each accepted connection. fd (non-blocking, close-on-exec) is the callee's. within: whether the gate let it in
 * and counts it; if not, the callee says that a limit is reached and closes it. */
typedef void (*listener_fn)(void *arg, int fd, const struct net_address *peer, bool within);

/* fd is a listening socket; it is the listener's from now on. The caller owns the listener. */
struct listener *listener_create(struct event_base *base, struct timers *timers, int fd,
                                 struct net_gate *gate, listener_fn fn, void *arg);
void listener_destroy(struct listener *l); /* NULL is fine */
/* Binds and listens; *fd is the caller's. ERROR_CONFLICT: the address is in use; ERROR_DENIED: a privileged port;
 * ERROR_TEMPORARY: anything else, in words. */
MUST_CHECK bool net_listen(const struct net_address *a, int *fd, struct error *err);
/* The same on a Unix socket at `path`, which every user of the machine may connect to. A socket that was left there and on
 * which nobody answers is replaced. ERROR_LIMIT: the path is longer than such an address can be. */
MUST_CHECK bool net_listen_unix(const char *path, int *fd, struct error *err);

#endif
