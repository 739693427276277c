/* supervisor/supervisor.c: see supervisor.h for the states. */
#include "supervisor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "proc/process.h"
#include "supervisor/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_US 10000000   /* all of stopping */
#define STABLE_US 10000000 /* a process that lived so long begins its back-off anew */
#define DELAY_FIRST_US 50000
#define DELAY_MOST_US 10000000
#define START_FAILURES 3
#define TICK_US 20000

/* Who stops when: first those who take in, last those whom others need. */
static const unsigned stop_stages[] = {
    ROLE_EDGE_SMTP | ROLE_EDGE_MAIL,
    ROLE_INTAKE | ROLE_RELAY,
    ROLE_ACCOUNTS,
    ROLE_DIRECTORY | ROLE_HASHER,
    ROLE_KEYS,
};

static void on_child(void *arg, struct chan *c, struct msg *m);

static struct supervisor *the; /* one a process */

static void give_up(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void give_up(const char *fmt, ...)
{
    char words[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    fprintf(stderr, "posthus: %s\n", words);
    log_text(LOG_SERVER_STOP, STR_NULL, "%s", words);
    for (size_t i = 0; i < the->children; i++)
        if (the->child[i].pid > 0)
            kill(-the->child[i].pid, SIGKILL); /* with the accounts that it has forked */
    the->status = 1;
    event_base_loopbreak(the->base);
}

static bool is_edge(const struct child *c)
{
    return c->role == ROLE_EDGE_SMTP || c->role == ROLE_EDGE_MAIL;
}

/* In the child between fork and exec: three descriptors and no others, a clean environment, the program anew. */
static NORETURN void become(struct supervisor *s, struct child *c, int fd)
{
    char instance[20], uid[40];
    char *argv[] = {(char *)(uintptr_t) "posthus", (char *)(uintptr_t) "role",
                    (char *)(uintptr_t)role_name(c->role), instance, NULL};
    /* A crowd's memory can only be given back whole when no chunk of it is kept at hand by glibc. */
    char *envp[] = {
        uid, is_edge(c) ? (char *)(uintptr_t) "GLIBC_TUNABLES=glibc.malloc.tcache_count=0" : NULL,
        NULL};
    sigset_t none;

    snprintf(instance, sizeof instance, "%u", c->instance);
    snprintf(uid, sizeof uid, "POSTHUS_UID=%llu",
             s->root ? (unsigned long long)s->config.uid_base + role_number(c->role) : 0ULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way first: a source may be one of the three targets. */
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    int log = fcntl(s->log_fd[1], F_DUPFD_CLOEXEC, 10),
        root = fcntl(s->empty_fd, F_DUPFD_CLOEXEC, 10);

    if (fd < 0 || log < 0 || root < 0 || dup2(fd, PROCESS_FD_CHANNEL) < 0 ||
        dup2(log, PROCESS_FD_LOG) < 0 || (s->root && dup2(root, PROCESS_FD_ROOT) < 0))
        _exit(126);
    close_range(s->root ? PROCESS_FD_ROOT + 1 : PROCESS_FD_ROOT, ~0U, CLOSE_RANGE_CLOEXEC);
    setpgid(0, 0);
    execve("/proc/self/exe", argv, envp);
    _exit(127);
}

static void spawn(struct supervisor *s, struct child *c)
{
    int fd[2];
    pid_t pid;

    chan_pair(fd, true);
    pid = fork();
    if (pid == 0)
        become(s, c, fd[1]);
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        c->restart_us = clock_boot_us() + DELAY_MOST_US;
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "cannot start %s: %s", role_name(c->role),
                 strerror(errno));
        return;
    }
    c->pid = pid;
    c->set_up = c->ready = false;
    c->restart_us = 0;
    c->started_us = clock_boot_us();
    c->chan = chan_create(s->base, fd[0], ROLE_SUPERVISOR, c->role, on_child, c);
    log_text(LOG_ROLE_START, STR_NULL, "%s pid %d", role_name(c->role), (int)pid);
}

static void say_ready(struct supervisor *s)
{
    s->state = SUPERVISOR_SERVING;
    log_text(LOG_SERVER_READY, STR_NULL, "after %lld ms",
             (long long)(clock_boot_us() - s->begun_us) / 1000);
    if (s->ready_fd >= 0) {
        if (write(s->ready_fd, "1", 1) != 1)
            log_text(LOG_ROLE_PROBLEM, STR_NULL, "nobody waits for the server to be ready");
        close(s->ready_fd);
        s->ready_fd = -1;
    }
}

/* The edges come last at the first start, so that a port that answers is a server that works. */
static void check_start(struct supervisor *s)
{
    bool others = true, edges = true;

    if (s->state != SUPERVISOR_STARTING)
        return;
    for (size_t i = 0; i < s->children; i++) {
        others = others && (is_edge(&s->child[i]) || s->child[i].ready);
        edges = edges && (!is_edge(&s->child[i]) || s->child[i].ready);
    }
    for (size_t i = 0; others && i < s->children; i++)
        if (is_edge(&s->child[i]) && s->child[i].chan && !s->child[i].set_up)
            supervisor_set_up(s, &s->child[i]);
    if (others && edges)
        say_ready(s);
}

static void keep_account(struct supervisor *s, struct msg *m)
{
    struct handed *h = vec_add(&s->handed);

    *h = (struct handed){m->accounts_child.account, m->accounts_child.pid,
                         m->accounts_child.started, m->fd[0]};
    m->fd[0] = -1;
}

static void on_child(void *arg, struct chan *chan, struct msg *m)
{
    struct child *c = arg;

    if (!m) { /* SIGCHLD tells the rest */
        chan_destroy(chan);
        if (c->chan == chan)
            c->chan = NULL;
        calls_peer_lost(the->calls, c->role);
        return;
    }
    switch (m->type) {
    case MSG_READY:
        c->ready = true;
        c->failures = 0;
        check_start(the);
        break;
    case MSG_PROBLEM:
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s: %.*s", role_name(c->role),
                 STR_ARG(m->problem.text));
        if (the->state == SUPERVISOR_STARTING)
            give_up("%s: %.*s", role_name(c->role), STR_ARG(m->problem.text));
        break;
    case MSG_ACCOUNTS_CHILD:
        if (m->nfds == 1)
            keep_account(the, m);
        break;
    case MSG_ADMIN_REPLY:
        calls_answer(the->calls, m->admin_reply.id, m);
        break;
    case MSG_STATUS_TELL:
        calls_answer(the->calls, m->status_tell.id, m);
        break;
    default:
        break;
    }
}

static void plan_restart(struct supervisor *s, struct child *c, int status)
{
    int64_t now = clock_boot_us();
    bool renewed = c->role == ROLE_ACCOUNTS && s->handed.n > 0 && WIFEXITED(status);

    if (!c->ready && !renewed)
        c->failures++;
    if (s->state == SUPERVISOR_STARTING && c->failures >= START_FAILURES) {
        give_up("%s ended %u times before it was ready (last: %s %d); look into the log",
                role_name(c->role), c->failures, WIFSIGNALED(status) ? "signal" : "exit status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        return;
    }
    c->restarts++;
    if (renewed || now - c->started_us > STABLE_US)
        c->delay_us = 0;
    c->restart_us = now + c->delay_us;
    c->delay_us = c->delay_us ? c->delay_us * 2 : DELAY_FIRST_US;
    if (c->delay_us > DELAY_MOST_US)
        c->delay_us = DELAY_MOST_US;
}

static void orphan_ended(struct supervisor *s, pid_t pid, int status)
{
    struct msg m = {.type = MSG_ACCOUNTS_ORPHAN, .accounts_orphan = {(uint64_t)pid, 0}};

    if (WIFSIGNALED(status))
        m.accounts_orphan.signal = (uint64_t)WTERMSIG(status);
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == ROLE_ACCOUNTS && s->child[i].chan)
            chan_send(s->child[i].chan, &m);
}

static void child_ended(struct supervisor *s, pid_t pid, int status)
{
    struct log_line l;
    struct child *c = NULL;

    for (size_t i = 0; i < s->children && !c; i++)
        if (s->child[i].pid == pid)
            c = &s->child[i];
    if (!c) { /* an account's process whose parent was renewed */
        orphan_ended(s, pid, status);
        return;
    }
    c->pid = 0;
    if (c->chan) { /* what it said last is still in the socket */
        chan_read_now(c->chan);
        chan_destroy(c->chan); /* NULL when its end was read as well */
        c->chan = NULL;
        calls_peer_lost(s->calls, c->role);
    }
    if (s->state == SUPERVISOR_STOPPING)
        return;
    log_begin(&l, LOG_ROLE_EXIT, STR_NULL);
    log_c(&l, "process", role_name(c->role));
    log_u64(&l, "pid", (uint64_t)pid);
    log_u64(&l, WIFSIGNALED(status) ? "signal" : "status",
            (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    log_end(&l);
    plan_restart(s, c, status);
}

static void reap(struct supervisor *s)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        child_ended(s, pid, status);
}

static void begin_stop(struct supervisor *s)
{
    if (s->state == SUPERVISOR_STOPPING)
        return;
    log_text(LOG_SERVER_STOP, STR_NULL, "stopping: finishing what is under way");
    s->state = SUPERVISOR_STOPPING;
    s->stop_stage = 0;
    s->stop_us = clock_boot_us();
    for (size_t i = 0; i < s->children; i++) {
        struct msg m = {.type = MSG_DRAIN};

        if ((stop_stages[0] & s->child[i].role) && s->child[i].chan)
            chan_send(s->child[i].chan, &m);
    }
}

static void next_stop_stage(struct supervisor *s)
{
    struct msg m = {.type = MSG_DRAIN};

    s->stop_stage++;
    if (s->stop_stage == ARRAY_LEN(stop_stages)) {
        event_base_loopbreak(s->base);
        return;
    }
    for (size_t i = 0; i < s->children; i++)
        if ((stop_stages[s->stop_stage] & s->child[i].role) && s->child[i].chan)
            chan_send(s->child[i].chan, &m);
}

static void step_stop(struct supervisor *s)
{
    bool left = false;

    for (size_t i = 0; i < s->children; i++)
        left = left || (s->child[i].pid > 0 && (stop_stages[s->stop_stage] & s->child[i].role));
    if (!left)
        next_stop_stage(s);
    else if (clock_boot_us() - s->stop_us > STOP_US)
        give_up("stopped after 10 s with processes that did not end");
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    int64_t now = clock_boot_us();

    (void)fd, (void)what;
    if (s->state == SUPERVISOR_STOPPING) {
        step_stop(s);
        return;
    }
    for (size_t i = 0; i < s->children; i++) {
        struct child *c = &s->child[i];

        if (c->pid == 0 && c->restart_us && c->restart_us <= now) {
            spawn(s, c);
            if (c->chan && (s->state == SUPERVISOR_SERVING || !is_edge(c)))
                supervisor_set_up(s, c);
        }
    }
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct signalfd_siginfo info;

    (void)what;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(s);
        else if (info.ssi_signo == SIGHUP)
            supervisor_reload(s);
        else
            begin_stop(s);
    }
}

/* Lines of all processes: to the file, and what is worse than INFO to the terminal while nobody reads the log yet. */
static void on_log(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    char line[LOG_LINE_MAX + 1];
    ssize_t n;

    (void)what;
    for (int i = 0; i < 256 && (n = recv(fd, line, LOG_LINE_MAX, MSG_DONTWAIT)) > 0; i++) {
        line[n] = '\n';
        if (write(s->log_file, line, (size_t)n + 1) < 0) /* a full disk must not stop the mail */
            return;
    }
}

static void add_child(struct supervisor *s, enum role role, unsigned instance)
{
    if (s->children == SUPERVISOR_PROCESSES)
        panic("too many processes");
    s->child[s->children++] = (struct child){.role = role, .instance = instance};
}

static bool begin(struct supervisor *s, const char *data, struct error *err)
{
    bool ok = datadir_open(&s->data, data, err) &&
              datadir_config(data, &s->config, &s->config_text, err) &&
              datadir_prepare(s->data, s->root ? s->config.uid_base : 0, err) &&
              supervisor_open_log(s, err) && supervisor_bind(s, err) &&
              (s->empty_fd = datadir_folder(s->data, "empty", err)) >= 0 && control_open(s, err);
    char pid[30], path[4200];

    if (!ok)
        return false;
    snprintf(path, sizeof path, "%s/posthus.pid", data);
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, pid, strlen(pid)) < 0)
        return error_set(err, ERROR_DISK, "cannot write %s: %s", path, strerror(errno));
    return true;
}

static void watch_signals(struct supervisor *s, struct event **ev)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    *ev = event_new(s->base, fd, EV_READ | EV_PERSIST, on_signal, s);
    event_add(*ev, NULL);
}

static void start_roles(struct supervisor *s)
{
    static const enum role once[] = {ROLE_KEYS,   ROLE_DIRECTORY, ROLE_ACCOUNTS, ROLE_RELAY,
                                     ROLE_INTAKE, ROLE_EDGE_SMTP, ROLE_EDGE_MAIL};

    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        add_child(s, once[i], 0);
    for (unsigned i = 0; i < s->config.hashers; i++)
        add_child(s, ROLE_HASHER, i);
    for (size_t i = 0; i < s->children; i++)
        spawn(s, &s->child[i]);
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].chan && !is_edge(&s->child[i]))
            supervisor_set_up(s, &s->child[i]);
}

static void serve(struct supervisor *s)
{
    struct timeval tick = {.tv_usec = TICK_US};
    struct event *signals, *logs, *ticks;

    watch_signals(s, &signals);
    logs = event_new(s->base, s->log_fd[0], EV_READ | EV_PERSIST, on_log, s);
    ticks = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    event_add(logs, NULL);
    event_add(ticks, &tick);
    log_text(LOG_SERVER_START, STR_NULL, "Posthus %s, data in %s", POSTHUS_VERSION,
             datadir_path(s->data));
    start_roles(s);
    event_base_dispatch(s->base);
    reap(s);
    log_text(LOG_SERVER_STOP, STR_NULL, "stopped");
    on_log(s->log_fd[0], EV_READ, s);
    control_close(s);
    event_free(signals);
    event_free(logs);
    event_free(ticks);
}

NORETURN void supervisor_main(const char *data, int ready_fd)
{
    struct supervisor s = {
        .ready_fd = ready_fd, .log_file = -1, .empty_fd = -1, .root = geteuid() == 0};
    struct error err = {0};

    the = &s;
    s.begun_us = clock_boot_us();
    log_init("supervisor");
    vec_init(&s.listening, sizeof(struct listening));
    vec_init(&s.handed, sizeof(struct handed));
    config_init(&s.config);
    buf_init(&s.config_text, 60000);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    s.base = event_base_new();
    s.calls = calls_create(s.base);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s.log_fd) != 0)
        fatal("no sockets left: %s", strerror(errno));
    if (!begin(&s, data, &err))
        fatal("%s", err.text);
    log_to_socket(s.log_fd[1]);
    serve(&s);
    datadir_close(s.data);
    _exit(s.status); /* the rest is the kernel's to take back */
}
