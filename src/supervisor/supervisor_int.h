/* supervisor/supervisor_int.h: what the files of the supervisor share. */
#ifndef SUPERVISOR_SUPERVISOR_INT_H
#define SUPERVISOR_SUPERVISOR_INT_H

#include "base/list.h"
#include "base/vec.h"
#include "config/config.h"
#include "net/shared.h"
#include "net/timer.h"
#include "proc/call.h"
#include "proc/chan.h"
#include "supervisor/datadir.h"

#include <event2/event.h>
#include <sys/types.h>

#define SUPERVISOR_PROCESSES 128

enum supervisor_state { SUPERVISOR_STARTING, SUPERVISOR_SERVING, SUPERVISOR_STOPPING };

/* AWAY -- forked --> SPAWNED -- set up --> SET_UP -- it says READY --> READY; from each of them, when the
 * process ends, to AWAY, where a timer starts it again. */
enum child_state { CHILD_AWAY, CHILD_SPAWNED, CHILD_SET_UP, CHILD_READY };

/* One process of a role. */
struct child {
    struct supervisor *s;
    enum role role;
    unsigned instance;
    enum child_state state;
    pid_t pid;                   /* 0: AWAY */
    struct chan *chan;           /* NULL: AWAY, or the process closed it and has not ended yet */
    unsigned restarts, failures; /* in all; in a row before READY */
    int64_t started_us;          /* CLOCK_BOOTTIME */
    int64_t delay_us;            /* before the next start */
    int shown; /* what it counts, for its siblings to read (net/shared.h); -1: none */
    struct timer restart;
};

struct listening {
    const char *service;
    enum role role;
    int fd;
};

struct handed { /* an account's process between two parents */
    uint64_t account, pid, started, probe, busy_until; /* as HAND_OVER has them */
    int fd;
};

struct orphan { /* an account's process whose parent has ended, so that it has to end too */
    pid_t pid;
    bool killed; /* by us: no crash */
};

/* A channel between two children. */
struct joint {
    struct list_node node;
    struct supervisor *s;
    struct child *a, *b;
    uint64_t serial;  /* of the channel that both were given last */
    unsigned rejoins; /* in this minute */
    int64_t minute_us;
    struct timer again; /* when due, joins them if both still live */
};

struct supervisor {
    enum supervisor_state state;
    struct event_base *base;
    struct timers *timers;
    struct datadir *data;
    struct config config;
    struct buf config_text; /* the settings in force, as every process gets them */
    unsigned char shared_key[ROLE_COUNT]
                            [NET_SHARED_KEY_BYTES]; /* of what a role's processes count */
    struct child child[SUPERVISOR_PROCESSES];
    size_t children;
    struct list joints; /* of struct joint */
    uint64_t last_serial, rejoined, killed;
    struct vec listening; /* of struct listening */
    struct vec handed;    /* of struct handed */
    size_t adopting;      /* those offered to the new parent that it has not answered for */
    struct vec families;  /* of pid_t: process groups of the parents of accounts */
    struct vec orphans;   /* of struct orphan */
    struct timer orphans_end;
    struct list logs; /* of struct log_source */
    struct timer log_tell;
    uint64_t log_dropped,
        log_failed; /* lines over their rate, and lines that could not be written */
    int log_file, empty_fd, ready_fd;
    struct calls *calls;
    struct control *control;
    unsigned stop_stage;
    struct timer stop_deadline;
    int64_t begun_us;
    uint64_t
        files; /* that a process may have open, where that is less than the settings need; else 0 */
    int status;
    bool root;
};

/* supervisor.c */
/* The server cannot work: says so on standard error and in the log, kills the processes and leaves the loop; status is 1. */
PRINTF_LIKE(2, 3) void supervisor_give_up(struct supervisor *s, const char *fmt, ...);
/* While STARTING: sets the edges up when all others are ready, and tells that the server is ready when they are. */
void supervisor_check_start(struct supervisor *s);

/* supervisor_child.c: starting and ending processes. */
void child_add(struct supervisor *s, enum role role, unsigned instance); /* a row; starts nothing */
/* Forks it; where that fails it is tried again later. */
void child_spawn(struct child *c);
/* Collects the processes that have ended, and has their successors started. */
void child_reap(struct supervisor *s);
bool child_is_edge(const struct child *c);
/* Kills it and its children, for a reason that is logged; it is started again as after any end. */
void child_kill(struct child *c, const char *why);

/* supervisor_setup.c: what each role is given. */
/* Opens the ports of all settings listen-... and the LMTP socket. Errors of net_listen. */
MUST_CHECK bool supervisor_bind(struct supervisor *s, struct error *err);
/* Reads the certificate and its key and sends them to the edges that are set up, or to `only` (NULL: all). Errors of
 * datadir_read. */
bool supervisor_send_tls(struct supervisor *s, struct child *only, struct error *err);
/* Sends a process all that its row gives it, then GO. */
void supervisor_set_up(struct supervisor *s, struct child *c);
/* SIGHUP: settings and certificates are read again. False: some are wrong, and the old ones stay; where it is the settings,
 * the certificates are not read. Appends to `later` the settings that wait for the next start, with spaces between. All of it is logged. */
bool supervisor_reload(struct supervisor *s, struct buf *later, struct error *err);
/* Reads posthus.conf into s->config, and prints it to s->config_text. Errors of datadir_config. */
MUST_CHECK bool supervisor_read_config(struct supervisor *s, struct error *err);
/* s->config_text is made of s->config again. */
void supervisor_print_config(struct supervisor *s);

/* supervisor_limits.c: how many files may be open. */
/* As many as the settings need, where the kernel lets us; else these are lowered to what fits, and that is logged. */
void supervisor_raise_limits(struct supervisor *s);
/* Lowers what does not fit so many open files in a process; 0: all fits. */
void supervisor_fit(struct config *c, uint64_t files);

/* supervisor_accounts.c: accounts' processes while their parent is renewed, and when they do not end. */
/* HAND_OVER: keeps a child of a parent that is about to end. */
void accounts_take_child(struct supervisor *s, struct chan *c, struct msg *m);
/* Gives a new parent what its predecessor left, a few at a time; then it gets its peers and GO. */
void accounts_adopt(struct child *c);
/* The server stops: those between two parents lose their channels, and so end. */
void accounts_let_go(struct supervisor *s);
/* ACCOUNT_LOG: reads a new process's log. */
void accounts_take_log(struct supervisor *s, struct msg *m);
/* ACCOUNT_KILL: kills a process that a parent of accounts has forked, and no other. */
void accounts_kill_child(struct supervisor *s, const struct msg_account_kill *m);
/* A process that is none of ours was collected; its parent's successor is told. */
void accounts_orphan_ended(struct supervisor *s, pid_t pid, int status);
/* A parent of accounts was forked, with this process group. */
void accounts_family(struct supervisor *s, pid_t group);
/* The parent has ended: its children, other than those it has handed over, get a moment to end too. */
void accounts_parent_ended(struct supervisor *s);
/* That moment is over: kills those that are left. arg is the supervisor. */
void accounts_end_orphans(void *arg);

/* supervisor_peers.c: channels between processes. */
/* Joins a process that is being set up with those of its peers that are set up. */
void peers_join_all(struct supervisor *s, struct child *c);
/* PEER_LOST: a process has lost its channel to another. */
void peers_lost(struct child *c, const struct msg_peer_lost *m);

/* supervisor_shared.c: what the processes of an edge count together. */
/* A process that is being set up gets fresh memory to count in; it and its siblings are shown one another's. */
void supervisor_share(struct supervisor *s, struct child *c);
/* It has ended: its siblings no longer count what it had counted. */
void supervisor_unshare(struct supervisor *s, struct child *c);

/* supervisor_log.c: the log file, and a socket for each process's lines. */
MUST_CHECK bool supervisor_logs_open(struct supervisor *s, struct error *err);
/* Takes fd; lines that come over it are written as this process's. */
void supervisor_logs_add(struct supervisor *s, enum role role, unsigned instance, pid_t pid,
                         int fd);
/* Writes a line of the supervisor's own; it comes whole, without its line end. */
void supervisor_logs_write_own(struct str line);
/* Calls fn with each process of the role whose log is still open. */
void supervisor_logs_each(struct supervisor *s, enum role role, void (*fn)(void *arg, pid_t pid),
                          void *arg);
/* Writes whatever lines the processes have sent so far. */
void supervisor_logs_drain(struct supervisor *s);

/* supervisor_walls.c: the supervisor's own list of system calls (proc/roles.h). */
MUST_CHECK bool walls_enter(struct supervisor *s, struct error *err);

/* supervisor_control.c: the control socket. */
MUST_CHECK bool control_open(struct supervisor *s, struct error *err);
void control_close(struct supervisor *s);
/* Puts a command (`list`, as admin/call.h prints it) to the directory as the operator. told is called once, later. Returns
 * the question's id, for calls_forget. */
uint64_t control_ask_directory(struct supervisor *s, struct msg_list list, struct str input,
                               told_admin_fn told, void *arg);

/* supervisor_status.c: asks every process, and gathers the answer of `status`. fn gets its JSON, once, later. */
typedef void (*status_fn)(void *arg, struct str json);
void supervisor_status(struct supervisor *s, status_fn fn, void *arg);

#endif
