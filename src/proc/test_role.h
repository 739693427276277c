/* proc/test_role.h: a role on the bench. A test makes the process of a role in its own, without
 * walls, on a clock that it moves, and plays the supervisor and every peer: it sends what they would
 * send, and what they must not, takes what comes, closes a channel, or does not read it.
 *
 *     role_test_begin(&t, ROLE_INTAKE, &intake_ops, &in);
 *     edge = role_test_peer(&t, ROLE_EDGE_SMTP, 0);
 *     role_test_go(&t);
 *     role_end_send(edge, &(struct msg){.type = MSG_ARRIVAL_ASK, ...});
 *     m = role_end_take(directory, MSG_RESOLVE_ASK);
 *     ...
 *     role_test_pass(&t, 10 * 1000000);
 *     role_test_end(&t);
 *
 * Ends speak raw bytes, below proc/chan.h, so that nothing of ours stands between the test and the
 * role. */
#ifndef PROC_TEST_ROLE_H
#define PROC_TEST_ROLE_H

#include "base/limits.h"
#include "proc/process.h"

struct role_test {
    struct process *p;
    struct list ends; /* of struct role_end */
    struct role_end *supervisor;
    struct buf config;
    uint64_t last_serial;
    unsigned descriptors; /* that were open before */
};

/* Where one peer of the role sits. */
struct role_end {
    struct list_node node;
    struct role_test *t;
    enum role role;
    unsigned instance;
    int fd;               /* -1: closed, by either side */
    bool deaf;            /* what the role sends stays in the socket */
    struct list letters;  /* what has come and was not taken */
    struct letter *taken; /* whose slices the test has */
    struct msg last;
};

/* The clock stands at some hour of 2026; settings are the defaults. arg is the role's own struct. */
void role_test_begin(struct role_test *t, enum role role, const struct process_ops *ops, void *arg);
/* A line of settings, before _go, or, with _reload, later. */
void role_test_set(struct role_test *t, const char *line);
/* Sends the settings as at SIGHUP. */
void role_test_reload(struct role_test *t);
/* Hands a file over, as the supervisor does; fd stays the test's. An empty one in memory for name when fd is -1. */
void role_test_file(struct role_test *t, const char *name, int fd);
/* Joins a peer, now or later; a peer of the same role and instance is replaced. The end is t's. */
struct role_end *role_test_peer(struct role_test *t, enum role role, unsigned instance);
/* An end over any connected socket, as the directory makes them: role is who sits there. Takes fd. */
struct role_end *role_test_over(struct role_test *t, enum role role, int fd);
/* SETUP_GO. */
void role_test_go(struct role_test *t);
/* Lets the loop run until nothing happens any more; the clock stands still. */
void role_test_spin(struct role_test *t);
/* Moves the clock on, from deadline to deadline, with all that falls due. */
void role_test_pass(struct role_test *t, int64_t us);
int64_t role_test_now_us(void);
/* How many descriptors this program has open. */
unsigned role_test_descriptors(void);
/* Ends the process and all ends; every descriptor that was made meanwhile must be closed by then. */
void role_test_end(struct role_test *t);

/* Sends, then spins. Descriptors stay the test's. Anything goes, allowed or not. */
void role_end_send(struct role_end *e, const struct msg *m);
/* Bytes that are no message. */
void role_end_send_raw(struct role_end *e, struct str bytes);
/* The oldest message of this type that has come, or NULL. Valid until the next take from this end; its descriptors
 * are closed then, unless the test sets them to -1. MSG_NONE: of any type. */
struct msg *role_end_take(struct role_end *e, enum msg_type type);
/* How many of this type (MSG_NONE: of any) have come and were not taken. */
size_t role_end_waiting(struct role_end *e, enum msg_type type);
/* The peer goes away; then spins. */
void role_end_close(struct role_end *e);
/* Whether the role has closed it. */
bool role_end_is_closed(struct role_end *e);

#endif
