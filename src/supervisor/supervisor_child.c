/* supervisor/supervisor_child.c: starting processes, and starting them again. */
#include "base/clock.h"
#include "base/log.h"
#include "proc/process.h"
#include "supervisor/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STABLE_US 10000000 /* a process that lived so long begins its back-off anew */
#define DELAY_FIRST_US 50000
#define DELAY_MOST_US 10000000
#define START_FAILURES 3

bool child_is_edge(const struct child *c)
{
    return role_row(c->role)->edge;
}

/* What the program is called with. */
static NORETURN void execute_role(const struct child *c)
{
    char instance[20], uid[40];
    char *argv[] = {(char *)(uintptr_t) "posthus", (char *)(uintptr_t) "role",
                    (char *)(uintptr_t)role_name(c->role), instance, NULL};
    /* A crowd's memory can only be given back whole when no chunk of it is kept at hand by glibc. */
    char *envp[] = {
        uid,
        child_is_edge(c) ? (char *)(uintptr_t) "GLIBC_TUNABLES=glibc.malloc.tcache_count=0" : NULL,
        NULL};

    snprintf(instance, sizeof instance, "%u", c->instance);
    snprintf(uid, sizeof uid, "POSTHUS_UID=%llu",
             c->s->root ? (unsigned long long)c->s->config.uid_base + role_number(c->role) : 0ULL);
    execve("/proc/self/exe", argv, envp);
    _exit(127);
}

/* In the child between fork and exec: three descriptors and no others, the program anew. */
static NORETURN void become_role(const struct child *c, int chan, int log)
{
    struct supervisor *s = c->s;
    sigset_t none;
    int root;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way first: a source may be one of the three targets. */
    chan = fcntl(chan, F_DUPFD_CLOEXEC, 10);
    log = fcntl(log, F_DUPFD_CLOEXEC, 10);
    root = fcntl(s->empty_fd, F_DUPFD_CLOEXEC, 10);
    if (chan < 0 || log < 0 || root < 0 || dup2(chan, PROCESS_FD_CHANNEL) < 0 ||
        dup2(log, PROCESS_FD_LOG) < 0 || (s->root && dup2(root, PROCESS_FD_ROOT) < 0))
        _exit(126);
    close_range(s->root ? PROCESS_FD_ROOT + 1 : PROCESS_FD_ROOT, ~0U, CLOSE_RANGE_CLOEXEC);
    setpgid(0, 0);
    execute_role(c);
}

static void on_child_message(void *arg, struct chan *chan, struct msg *m)
{
    struct child *c = arg;
    struct supervisor *s = c->s;

    if (!m) { /* SIGCHLD tells the rest */
        chan_destroy(chan);
        if (c->chan == chan)
            c->chan = NULL;
        return;
    }
    switch (m->type) {
    case MSG_READY:
        c->state = CHILD_READY;
        c->failures = 0;
        supervisor_check_start(s);
        break;
    case MSG_PROBLEM:
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s: %.*s", role_name(c->role),
                 STR_ARG(m->problem.text));
        if (s->state == SUPERVISOR_STARTING)
            supervisor_give_up(s, "%s: %.*s", role_name(c->role), STR_ARG(m->problem.text));
        break;
    case MSG_PEER_LOST:
        peers_lost(c, &m->peer_lost);
        break;
    case MSG_HAND_OVER_ASK:
        accounts_take_child(s, chan, m);
        break;
    case MSG_ACCOUNT_KILL:
        accounts_kill_child(s, &m->account_kill);
        break;
    case MSG_ACCOUNT_LOG:
        accounts_take_log(s, m);
        break;
    default:
        break;
    }
}

static void plan_start(struct child *c)
{
    timer_set(&c->restart, c->delay_us);
    c->delay_us = c->delay_us ? c->delay_us * 2 : DELAY_FIRST_US;
    if (c->delay_us > DELAY_MOST_US)
        c->delay_us = DELAY_MOST_US;
}

/* Forks; 0 when the kernel has no process, no socket or no memory for it. */
static pid_t fork_child(struct child *c, int *chan, int *log)
{
    int channel[2] = {-1, -1}, lines[2] = {-1, -1};
    pid_t pid = -1;

    if (chan_pair(channel) && chan_pair(lines)) {
        pid = fork();
        if (pid == 0)
            become_role(c, channel[1], lines[1]);
    }
    if (pid < 0) {
        int saved = errno;

        base_close_fd(&channel[0]);
        base_close_fd(&lines[0]);
        errno = saved;
    }
    *chan = channel[0];
    *log = lines[0];
    base_close_fd(&channel[1]);
    base_close_fd(&lines[1]);
    return pid > 0 ? pid : 0;
}

void child_spawn(struct child *c)
{
    struct supervisor *s = c->s;
    int chan, log;

    c->pid = fork_child(c, &chan, &log);
    if (c->pid == 0) {
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "cannot start %s: %s; trying again",
                 role_name(c->role), strerror(errno));
        c->delay_us = c->delay_us ? c->delay_us : DELAY_FIRST_US;
        plan_start(c);
        return;
    }
    setpgid(c->pid, c->pid); /* whichever of the two is first */
    c->state = CHILD_SPAWNED;
    c->started_us = clock_boot_us();
    c->chan = chan_create(s->base, chan, ROLE_SUPERVISOR, c->role, on_child_message, c);
    supervisor_logs_add(s, c->role, c->instance, c->pid, log);
    if (c->role == ROLE_ACCOUNTS)
        accounts_family(s, c->pid);
    log_text(LOG_ROLE_START, STR_NULL, "%s pid %d", role_name(c->role), (int)c->pid);
}

static void on_restart(void *arg)
{
    struct child *c = arg;

    if (c->s->state == SUPERVISOR_STOPPING)
        return;
    child_spawn(c);
    if (c->chan && (c->s->state == SUPERVISOR_SERVING || !child_is_edge(c)))
        supervisor_set_up(c->s, c);
    supervisor_check_start(c->s); /* an edge that was lost after all others had become ready */
}

void child_add(struct supervisor *s, enum role role, unsigned instance)
{
    struct child *c;

    if (s->children == SUPERVISOR_PROCESSES)
        panic("too many processes");
    c = &s->child[s->children++];
    *c = (struct child){.s = s, .role = role, .instance = instance, .shown = -1};
    timer_init(&c->restart, s->timers, on_restart, c);
}

void child_kill(struct child *c, const char *why)
{
    struct log_line l;

    if (c->pid <= 0)
        return;
    c->s->killed++;
    log_begin(&l, LOG_ROLE_KILLED, STR_NULL);
    log_c(&l, "process", role_name(c->role));
    log_u64(&l, "of-pid", (uint64_t)c->pid);
    log_c(&l, "why", why);
    log_end(&l);
    kill(-c->pid, SIGKILL); /* with the accounts that it has forked */
}

static void log_exit(const struct child *c, pid_t pid, int status)
{
    struct log_line l;

    log_begin(&l, LOG_ROLE_EXIT, STR_NULL);
    log_c(&l, "process", role_name(c->role));
    log_u64(&l, "of-pid", (uint64_t)pid);
    log_u64(&l, WIFSIGNALED(status) ? "signal" : "status",
            (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    log_end(&l);
}

static void plan_restart(struct child *c, bool was_ready, int status)
{
    struct supervisor *s = c->s;
    bool renewed = c->role == ROLE_ACCOUNTS && s->handed.n > 0 && WIFEXITED(status);

    if (!was_ready && !renewed)
        c->failures++;
    if (s->state == SUPERVISOR_STARTING && c->failures >= START_FAILURES) {
        supervisor_give_up(
            s, "%s ended %u times before it was ready (last: %s %d); look into the log",
            role_name(c->role), c->failures, WIFSIGNALED(status) ? "signal" : "exit status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        return;
    }
    c->restarts++;
    if (renewed || clock_boot_us() - c->started_us > STABLE_US)
        c->delay_us = 0;
    plan_start(c);
}

static void child_ended(struct child *c, pid_t pid, int status)
{
    struct supervisor *s = c->s;
    bool was_ready = c->state == CHILD_READY;

    if (c->chan)
        chan_read_now(
            c->chan); /* what it said last is still in the socket; its end may be read as well */
    chan_destroy(c->chan);
    c->chan = NULL;
    c->pid = 0;
    c->state = CHILD_AWAY;
    supervisor_unshare(s, c);
    if (c->role == ROLE_ACCOUNTS)
        accounts_parent_ended(s);
    if (s->state == SUPERVISOR_STOPPING) {
        accounts_let_go(s);
        return;
    }
    log_exit(c, pid, status);
    plan_restart(c, was_ready, status);
}

void child_reap(struct supervisor *s)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *c = NULL;

        for (size_t i = 0; i < s->children && !c; i++)
            if (s->child[i].pid == pid)
                c = &s->child[i];
        if (c)
            child_ended(c, pid, status);
        else /* an account's process whose parent was renewed */
            accounts_orphan_ended(s, pid, status);
    }
}
