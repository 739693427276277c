/* supervisor/supervisor_int.h: what the files of the supervisor share. */
#ifndef SUPERVISOR_SUPERVISOR_INT_H
#define SUPERVISOR_SUPERVISOR_INT_H

#include "base/vec.h"
#include "config/config.h"
#include "proc/calls.h"
#include "proc/chan.h"
#include "supervisor/datadir.h"

#include <event2/event.h>
#include <sys/types.h>

#define SUPERVISOR_PROCESSES 100

enum supervisor_state { SUPERVISOR_STARTING, SUPERVISOR_SERVING, SUPERVISOR_STOPPING };

/* One process of a role. */
struct child {
    enum role role;
    unsigned instance;
    pid_t pid; /* 0: not running */
    struct chan *chan;
    bool set_up, ready;
    unsigned restarts, failures;    /* in all; in a row before READY */
    int64_t started_us, restart_us; /* CLOCK_BOOTTIME; restart_us 0: not planned */
    int64_t delay_us;
};

struct listening {
    const char *service;
    enum role role;
    int fd;
};

struct handed { /* a running account's process between two parents */
    uint64_t account, pid, started;
    int fd;
};

struct supervisor {
    enum supervisor_state state;
    struct event_base *base;
    struct datadir *data;
    struct config config;
    struct buf config_text;
    struct child child[SUPERVISOR_PROCESSES];
    size_t children;
    struct vec listening; /* of struct listening */
    struct vec handed;    /* of struct handed */
    int log_fd[2], log_file, empty_fd, ready_fd;
    struct calls *calls;
    struct control *control;
    unsigned stop_stage;
    int64_t stop_us, begun_us;
    int status;
    bool root;
};

/* supervisor_setup.c: what each role is given. */
MUST_CHECK bool supervisor_bind(struct supervisor *s, struct error *err);
MUST_CHECK bool supervisor_open_log(struct supervisor *s, struct error *err);
bool supervisor_send_tls(struct supervisor *s, struct child *only, struct error *err);
void supervisor_set_up(struct supervisor *s, struct child *c);
void supervisor_reload(struct supervisor *s);

/* supervisor_control.c: the control socket. */
MUST_CHECK bool control_open(struct supervisor *s, struct error *err);
void control_close(struct supervisor *s);
/* Asks the directory: list as admin/call.h prints it. fn gets its answer (m->admin_reply), or NULL where it gave none; once,
 * later. False when the directory is not there: fn is then not called. */
MUST_CHECK bool control_ask_directory(struct supervisor *s, struct msg_list list, struct str input,
                                      uint64_t timeout_ms, call_fn fn, void *arg);

/* supervisor_status.c: gathers the answer of `status`. fn gets its JSON, once, later. */
typedef void (*status_fn)(void *arg, struct str json);
void supervisor_status(struct supervisor *s, status_fn fn, void *arg);

#endif
