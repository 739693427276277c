/* proc/process.h: what every role but `account` shares: its start, its channels, its sandbox, its end.
 *
 * The supervisor executes the program anew with a channel at descriptor 3 and a log socket at 4 and sets the role up by
 * messages: settings, files, listeners, certificates, channels to peers. At SETUP_GO the role prepares (ops->start), enters
 * its sandbox, and says READY (or later, where it must wait for a key). Then it serves until the channel to the
 * supervisor ends or DRAIN comes. */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "config/config.h"
#include "proc/calls.h"
#include "proc/chan.h"
#include "base/vec.h"
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
    /* Everything that needs files or memory, before the sandbox. ready: false when READY is said later. */
    bool (*start)(void *arg, struct process *p, bool *ready, struct error *err);
    void (*sandboxed)(void *arg); /* the sandbox is entered */
    void (*message)(void *arg, struct chan *c,
                    struct msg *m); /* from a peer; answers to calls are already taken */
    void (*peer_new)(void *arg, enum role role, struct chan *c);
    void (*peer_lost)(void *arg, enum role role, struct chan *c); /* c is destroyed right after */
    void (*reload)(void *arg);                                    /* p->config has changed */
    void (*drain)(void *arg);                                     /* finish, then process_end */
    void (*status)(void *arg, struct process_status *s);
    /* What the sandbox allows besides the list. */
    int (*folder)(void *arg);
    bool folders_too;
};

struct process {
    enum role role;
    unsigned instance;
    struct event_base *base;
    struct chan *supervisor;
    struct chan *peer[ROLE_COUNT]; /* by role number; of several instances (hasher) the last */
    struct config config;
    struct calls *calls;
    struct vec deaf; /* of struct chan *: peers that are heard when this process is ready */
    bool draining, ready_said;
    const struct process_ops *ops;
    void *arg;
};

/* Runs the role to its end; then the process ends with status 0. */
NORETURN void process_main(enum role role, unsigned instance, const struct process_ops *ops,
                           void *arg);
/* READY, for a role that did not say so from start. Before it, only `keys` and the supervisor are heard; what other peers
 * ask waits. */
void process_ready(struct process *p);
/* Tells the supervisor why this process can not work, and ends it. */
NORETURN void process_give_up(struct process *p, const struct error *err);
/* Ends the loop after the current callback. */
void process_end(struct process *p);
/* The channel to a peer, NULL while it is away. */
struct chan *process_peer(const struct process *p, enum role role);
/* A request to a peer with the id that is in m; see calls_send. */
void process_call(struct process *p, enum role to, uint64_t id, const struct msg *m,
                  uint64_t timeout_ms, bool again, call_fn fn, void *arg);
/* The id of an answer, when m is one; else 0. */
uint64_t process_answer_id(const struct msg *m);

#endif
