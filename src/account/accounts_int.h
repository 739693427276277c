/* account/accounts_int.h: what the files of the parent of accounts share: accounts.c, the role;
 * running.c, its children and their states; removal.c, children that remove an account's files;
 * renew.c, a new address layout. */
#ifndef ACCOUNT_ACCOUNTS_INT_H
#define ACCOUNT_ACCOUNTS_INT_H

#include "account/account.h"

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "proc/process.h"

#include <sys/types.h>

struct accounts;

enum running_state { RUNNING, ENDING, KILLED, LEAVING }; /* running.c has the diagram */

struct running {           /* an account's process */
    struct list_node node; /* of a->leaving, while it is LEAVING */
    struct accounts *a;
    enum running_state state;
    uint64_t account;
    pid_t pid;
    struct chan *chan;     /* NULL: LEAVING */
    uint64_t started;      /* sessions sent to it */
    uint64_t unheard;      /* sessions sent since the channel was last seen empty */
    bool told_to_die;      /* the supervisor was asked to kill it: its end is not a crash */
    bool reaped;           /* its pid may be another process's by now */
    uint64_t ping;         /* the question whether it lives, or 0 */
    int64_t pinged_us;     /* when that was last asked */
    struct timer probe;    /* when it is asked next, where there was a session since */
    int64_t busy_until_us; /* it said that it will not answer before */
    struct list waiting;   /* of struct waiting */
    struct asked removal;  /* who asked to remove its files, which go when it has ended */
    struct timer deadline; /* of all states but RUNNING */
};

struct handed { /* a child of our predecessor, until SETUP_GO */
    uint64_t account, pid, started;
    bool probe;            /* it is to be asked whether it lives */
    int64_t busy_until_us; /* as struct running has it */
    int fd;
};

struct ended { /* one of those that ended before SETUP_GO */
    pid_t pid;
    int status;
};

/* How children are made: a seam, for tests. Each forks, and returns the pid, or -1 with errno. */
struct accounts_forks {
    pid_t (*live)(const struct account_birth *b); /* the child is the account's process */
    pid_t (*remove)(int folder,
                    uint64_t account); /* the child ends with 0 when the files are gone */
};

struct accounts {
    struct process *p;
    const struct accounts_forks *forks;
    struct vec handed; /* of struct handed */
    struct vec ended;  /* of struct ended */
    int folder;
    struct map running;   /* account -> struct running, but those LEAVING */
    struct list leaving;  /* of struct running */
    struct list removals; /* of struct removing */
    struct map failures;  /* account -> struct failure */
    struct sandbox_filter *filter;
    struct event *children;
    bool renewing;
    size_t handing; /* HAND_OVERs that are not answered yet */
    uint64_t starts, crashes, killed, renewals;
};

/* ---- running.c ---- */

/* Sends a session to the account's process, which is started if there is none; if it is ending, the session waits for
 * the next. Answers asked, at once or later. *fd is set to -1 where it is kept. */
void running_open(struct accounts *a, struct asked *asked, const struct msg_session_ask *ask,
                  int *fd);
/* Ends the sessions that a credential has opened (0: all), and those that wait to be. */
void running_end_sessions(struct accounts *a, const struct msg_sessions_end_ask *ask);
/* Tells it to end; it is killed when it takes too long. While the server stops, it has less time. */
void running_stop(struct running *r);
/* Asks the supervisor to kill it, and asks again until it has ended. */
void running_kill(struct running *r);
/* Asks a RUNNING process whether it lives; one that does not answer is killed. */
void running_probe(struct running *r);
/* Forgets it, and closes its channel; it is another parent's from now on. Not while it is LEAVING. */
void running_forget(struct running *r);
/* A child was collected. True when it was ours and crashed: it died of a signal, and nobody had asked for that. */
bool running_reaped(struct accounts *a, pid_t pid, int status);
/* Takes over a child of our predecessor. */
void running_adopt(struct accounts *a, const struct handed *h);
struct running *running_find(const struct accounts *a, uint64_t account);
/* The next of them, in no order, without those LEAVING; *at starts at 0. NULL at the end. None may come or go meanwhile. */
struct running *running_each(const struct accounts *a, size_t *at);
/* Openings of this account fail with `why` for the next for_us microseconds. */
void running_note_failure(struct accounts *a, uint64_t account, const struct error *why,
                          int64_t for_us);
/* The next opening is tried, whatever was noted; but not that of an account whose files were removed (ERROR_GONE). */
void running_retry(struct accounts *a, uint64_t account);
/* In a build with sanitizers: panics unless what must hold between two events does. */
void running_check(const struct running *r);
/* For tests: frees all of them, and all that is noted of accounts that failed. */
void running_done(struct accounts *a);

/* ---- removal.c ---- */

/* Removes an account's files; if its process runs, it is told to end first. Answers asked when they are gone. */
void removal_ask(struct accounts *a, uint64_t account, struct asked *asked);
/* The same when no process runs: forks a child that removes them. */
void removal_begin(struct accounts *a, uint64_t account, struct asked *asked);
bool removal_is_under_way(const struct accounts *a, uint64_t account);
/* A child was collected. True when it was one that removed files. */
bool removal_ended(struct accounts *a, pid_t pid, int status);
void removal_done(struct accounts *a); /* for tests: forgets them all */

/* ---- renew.c ---- */

/* Begins to hand all running children to the supervisor; when that is done, the process ends. */
void renew_begin(struct accounts *a);
/* Goes on with it, if it has begun. */
void renew_step(struct accounts *a);

#endif
