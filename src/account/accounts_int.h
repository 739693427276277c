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

struct running {           /* a process of an account */
    struct list_node node; /* of a->leaving, while it is LEAVING */
    struct accounts *a;
    enum running_state state;
    uint64_t account;
    pid_t pid;
    struct chan *chan;     /* NULL: LEAVING */
    uint64_t started;      /* sessions sent to it */
    uint64_t unheard;      /* of these, since it read everything last */
    bool told_to_die;      /* the supervisor was asked to kill it: no crash */
    bool reaped;           /* its number may be somebody else's by now */
    uint64_t ping;         /* the question whether it lives, or 0 */
    int64_t pinged_us;     /* when it was put last */
    struct timer probe;    /* when it is put next, where there was a session since */
    int64_t busy_until_us; /* so long it is not expected to answer */
    struct list waiting;   /* of struct waiting */
    struct asked removal;  /* its files go when it has ended */
    struct timer deadline; /* of all states but RUNNING */
};

struct handed { /* a child of our predecessor, until we have a loop for it */
    uint64_t account, pid, started;
    bool probe;            /* it is to be asked whether it lives */
    int64_t busy_until_us; /* as struct running has it */
    int fd;
};

struct ended { /* one of those that ended before that */
    pid_t pid;
    int status;
};

/* How a child is made: one of the seams, for tests. Each forks; the pid, or -1 with errno. */
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
    size_t handing; /* over, not answered */
    uint64_t starts, crashes, killed, renewals;
};

/* ---- running.c ---- */

/* Sends a session to the account's process, which is started where there is none; waits where it is
 * ending. Answers asked, at once or later. Takes *fd where it is kept. */
void running_open(struct accounts *a, struct asked *asked, const struct msg_session_ask *ask,
                  int *fd);
/* Sessions that a credential (0: any) has opened are over, also those that wait to be. */
void running_end_sessions(struct accounts *a, const struct msg_sessions_end_ask *ask);
/* It is told to end, and has a time to do so, a shorter one where the server ends too. */
void running_stop(struct running *r);
/* The supervisor is asked to kill it, again and again as long as it lives. */
void running_kill(struct running *r);
/* Asks a RUNNING process whether it lives; one that does not answer is killed. */
void running_probe(struct running *r);
/* Nothing more is done about it here; its channel closes. Not while it is LEAVING. */
void running_forget(struct running *r);
/* A child that was collected. True when it died of a signal that nobody here wished. */
bool running_reaped(struct accounts *a, pid_t pid, int status);
/* Takes over a child of our predecessor. */
void running_adopt(struct accounts *a, const struct handed *h);
struct running *running_find(const struct accounts *a, uint64_t account);
/* The next of them, but those LEAVING; *at starts at 0. NULL at the end. None may come or go meanwhile. */
struct running *running_each(const struct accounts *a, size_t *at);
/* Why this account is not opened, for some time. */
void running_note_failure(struct accounts *a, uint64_t account, const struct error *why,
                          int64_t for_us);
void running_check(const struct running *r);
/* All of them, and all that is kept of accounts that failed: for tests. */
void running_done(struct accounts *a);

/* ---- removal.c ---- */

/* Removes an account's files, once its process has ended; answers asked then. */
void removal_ask(struct accounts *a, uint64_t account, struct asked *asked);
/* Its process has ended. */
void removal_begin(struct accounts *a, uint64_t account, struct asked *asked);
bool removal_is_under_way(const struct accounts *a, uint64_t account);
/* True when it was one of these children. */
bool removal_ended(struct accounts *a, pid_t pid, int status);
void removal_done(struct accounts *a); /* forgets them all */

/* ---- renew.c ---- */

/* Hands all children that run to the supervisor, and ends. */
void renew_begin(struct accounts *a);
/* Goes on with that, where it is under way. */
void renew_step(struct accounts *a);

#endif
