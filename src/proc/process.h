/* proc/process.h: what every role but `account` shares: its start, its channels, its sandbox, its
 * end.
 *
 *     SETUP -- GO --> STARTED -- says READY --> READY -- DRAIN --> DRAINING --> process_end
 *
 * The supervisor executes the program anew with a channel at descriptor 3 and a log socket at 4 and
 * sets the role up by messages: settings, files, listeners, certificates, channels to peers. At
 * SETUP_GO the role prepares (ops->start), enters its sandbox, hears of its peers (ops->peer_new),
 * and says READY (or later, where it must wait for a key). Before READY only `keys` and the
 * supervisor are heard; what other peers ask waits. DRAIN before GO ends it at once. When the
 * channel to the supervisor ends, it ends too: what is committed is committed.
 *
 * A channel to a peer that ends is told to the supervisor, which brings a new one, from the same
 * process or from its successor.
 *
 * A test makes a process of its own with process_create and plays its peers; there are no walls
 * then. */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "base/list.h"
#include "base/vec.h"
#include "config/config.h"
#include "net/timer.h"
#include "proc/call.h"
#include "proc/chan.h"
#include "proc/sandbox.h"

#include <event2/event.h>

#define PROCESS_FD_CHANNEL 3
#define PROCESS_FD_LOG 4
#define PROCESS_FD_ROOT 5 /* the empty root directory, when started as root */

struct process;

/* Counters for `posthus status`, as "key=value". */
struct process_status {
    struct vec *rows; /* of char * */
};
void process_status_add(struct process_status *s, const char *key, uint64_t value);

/* All but start and message may be NULL. Descriptors handed over are the role's. */
struct process_ops {
    void (*file)(void *arg, struct str name, int fd);
    void (*listener)(void *arg, struct str service, int fd);
    void (*tls)(void *arg, struct str cert, struct str key); /* also later, at a reload */
    /* SETUP_SHARED, also later; fd may be -1. */
    void (*shared)(void *arg, unsigned instance, struct str key, int fd);
    /* Everything that needs files or memory, before the sandbox. ready: false when READY is said later. */
    bool (*start)(void *arg, struct process *p, bool *ready, struct error *err);
    void (*sandboxed)(void *arg); /* the sandbox is entered */
    void (*message)(void *arg, struct chan *c,
                    struct msg *m); /* from a peer: messages and questions */
    void (*peer_new)(void *arg, enum role role, struct chan *c);  /* only after start */
    void (*peer_lost)(void *arg, enum role role, struct chan *c); /* c is destroyed right after */
    void (*reload)(void *arg); /* p->config has changed; what START settings point to has not */
    void (*drain)(void *arg);  /* finish, then process_end */
    void (*status)(void *arg, struct process_status *s);
    int (*folder)(void *arg); /* what the role works beneath (roles.h), after start */
};

enum process_state { PROCESS_SETUP, PROCESS_STARTED, PROCESS_READY, PROCESS_DRAINING };

/* A channel to a peer. */
struct process_peer {
    struct list_node node;
    struct process *process;
    struct chan *chan;
    enum role role;
    unsigned instance;
    uint64_t serial; /* of this channel, for the supervisor */
};

struct process {
    enum role role;
    unsigned instance;
    enum process_state state;
    struct event_base *base;
    struct timers *timers;
    struct chan *supervisor; /* NULL: it has ended */
    struct list peers;       /* of struct process_peer */
    struct config config;
    struct calls *calls;
    const struct process_ops *ops;
    void *arg;
    bool walls; /* it enters its sandbox */
    bool ended; /* process_end was called */
    /* Of a test: process_give_up comes here instead of ending the test; it does not return. */
    void (*gave_up)(struct process *p, const struct error *err);
};

/* Runs the role to its end; then the process ends with status 0. */
NORETURN void process_main(enum role role, unsigned instance, const struct process_ops *ops,
                           void *arg);
/* A process without walls in the caller's own, for tests. Takes fd, the channel to the supervisor.
 * Its loop, p->base, is the caller's to turn. */
struct process *process_create(enum role role, unsigned instance, const struct process_ops *ops,
                               void *arg, int fd);
void process_destroy(struct process *p);
/* READY, for a role that did not say so from start. */
void process_ready(struct process *p);
/* Tells the supervisor why this process cannot work, and ends it. */
NORETURN void process_give_up(struct process *p, const struct error *err);
/* Ends the loop after the current callback. */
void process_end(struct process *p);
bool process_is_draining(const struct process *p);
/* The channel to a peer (of several instances the newest), NULL while it is away. */
struct chan *process_peer(const struct process *p, enum role role);
/* For the call_NAME functions: this role, or its successor where the CALL says AGAIN. */
struct call_to process_to(const struct process *p, enum role role);
/* How many instances of a role there are (roles.h) by these settings. */
unsigned process_instances(const struct config *c, enum role role);

#endif
