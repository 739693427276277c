/* net/listener.h: accepting connections, within limits. At EMFILE or ENFILE it pauses instead of spinning, and
 * connections beyond the limits are closed at once after `refused` was told. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/map.h"
#include "net/address.h"

#include <event2/event.h>

/* Counts connections in all and by address prefix; one for all listeners of a process. */
struct net_gate {
    uint64_t most, most_prefix;
    uint64_t open, refused_total, refused_prefix, paused; /* shown by `posthus status` */
    struct map by_prefix;                                 /* prefix -> count */
};

void net_gate_init(struct net_gate *g, uint64_t most, uint64_t most_prefix);
/* False, and counted, when a limit is reached. Each true is paired with one net_gate_leave. */
MUST_CHECK bool net_gate_enter(struct net_gate *g, const struct net_address *a);
void net_gate_leave(struct net_gate *g, const struct net_address *a);

struct listener;
/* accepted takes fd (non-blocking, close-on-exec). within: false: a limit is reached, say so and close. */
typedef void (*listener_fn)(void *arg, int fd, const struct net_address *peer, bool within);

/* fd is a listening socket; it is taken. */
struct listener *listener_create(struct event_base *base, int fd, struct net_gate *gate,
                                 listener_fn fn, void *arg);
void listener_destroy(struct listener *l); /* NULL is fine */
/* Binds and listens; the descriptor is the caller's. ERROR_CONFLICT (in use), ERROR_DENIED (privileged port) ... */
MUST_CHECK bool net_listen(const struct net_address *a, int *fd, struct error *err);
/* The same on a Unix socket at `path`, which every user of the machine may connect to; one that is left there and that
 * nobody answers on is replaced. ERROR_LIMIT: the path is longer than such an address can be. */
MUST_CHECK bool net_listen_unix(const char *path, int *fd, struct error *err);

#endif
