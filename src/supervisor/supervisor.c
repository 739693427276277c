/* supervisor/supervisor.c: see supervisor.h for the states. */
#include "supervisor/supervisor.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/process.h"
#include "supervisor/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long each stage of stopping may take (roles.h), in seconds; then what is left is killed. The edges
 * finish messages under way; the parent of accounts has its children killed earlier. */
static const unsigned stop_s[ROLE_STOPS] = {10, 3, 6, 3, 2};

void supervisor_give_up(struct supervisor *s, const char *fmt, ...)
{
    char words[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    fprintf(stderr, "posthus: %s\n", words);
    log_text(LOG_SERVER_STOP, STR_NULL, "%s", words);
    s->state = SUPERVISOR_STOPPING;
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].pid > 0)
            kill(-s->child[i].pid, SIGKILL); /* with the accounts that it has forked */
    s->status = 1;
    event_base_loopbreak(s->base);
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
void supervisor_check_start(struct supervisor *s)
{
    bool others = true, edges = true;

    if (s->state != SUPERVISOR_STARTING)
        return;
    for (size_t i = 0; i < s->children; i++) {
        bool ready = s->child[i].state == CHILD_READY;

        others = others && (child_is_edge(&s->child[i]) || ready);
        edges = edges && (!child_is_edge(&s->child[i]) || ready);
    }
    for (size_t i = 0; others && i < s->children; i++)
        if (child_is_edge(&s->child[i]) && s->child[i].chan && s->child[i].state == CHILD_SPAWNED)
            supervisor_set_up(s, &s->child[i]);
    if (others && edges)
        say_ready(s);
}

/* ---- stopping ---- */

static bool is_of_stage(const struct supervisor *s, const struct child *c)
{
    return role_row(c->role)->stop == s->stop_stage;
}

static void stop_stage_begin(struct supervisor *s)
{
    struct msg m = {.type = MSG_DRAIN};

    timer_set(&s->stop_deadline, stop_s[s->stop_stage] * 1000000LL);
    for (size_t i = 0; i < s->children; i++)
        if (is_of_stage(s, &s->child[i]) && s->child[i].chan)
            chan_send(s->child[i].chan, &m);
}

/* On to the next stage that still has somebody, or to the end. */
static void stop_check(struct supervisor *s)
{
    if (s->state != SUPERVISOR_STOPPING)
        return;
    for (;;) {
        for (size_t i = 0; i < s->children; i++)
            if (s->child[i].pid > 0 && is_of_stage(s, &s->child[i]))
                return;
        if (++s->stop_stage == ROLE_STOPS) {
            event_base_loopbreak(s->base);
            return;
        }
        stop_stage_begin(s);
    }
}

static void on_stop_deadline(void *arg)
{
    struct supervisor *s = arg;

    for (size_t i = 0; i < s->children; i++)
        if (is_of_stage(s, &s->child[i]))
            child_kill(&s->child[i], "it did not stop in time");
}

static void stop_begin(struct supervisor *s)
{
    if (s->state == SUPERVISOR_STOPPING)
        return;
    log_text(LOG_SERVER_STOP, STR_NULL, "stopping: finishing what is under way");
    s->state = SUPERVISOR_STOPPING;
    s->stop_stage = 0;
    stop_stage_begin(s);
    stop_check(s);
}

/* ---- the loop ---- */

/* Nobody waits for an answer: the log has it. */
static void reload_by_signal(struct supervisor *s)
{
    struct error err = {0};
    struct buf later;

    buf_init(&later, LIMIT_CONFIG_TEXT);
    (void)supervisor_reload(s, &later, &err);
    buf_done(&later);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct signalfd_siginfo info;

    (void)what;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            child_reap(s);
            stop_check(s);
        } else if (info.ssi_signo == SIGHUP) {
            reload_by_signal(s);
        } else {
            stop_begin(s);
        }
    }
}

static bool write_pid(const char *data, struct error *err)
{
    char pid[30], path[4200];

    snprintf(path, sizeof path, "%s/posthus.pid", data);
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, pid, strlen(pid)) < 0)
        return error_set(err, ERROR_DISK, "cannot write %s: %s", path, strerror(errno));
    return true;
}

static bool supervisor_prepare(struct supervisor *s, const char *data, struct error *err)
{
    return datadir_open(&s->data, data, err) && supervisor_read_config(s, err) &&
           datadir_prepare(s->data, s->root ? s->config.uid_base : 0, err) &&
           supervisor_logs_open(s, err) && supervisor_bind(s, err) &&
           (s->empty_fd = datadir_folder(s->data, "empty", err)) >= 0 && control_open(s, err) &&
           write_pid(data, err);
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
#define ROLE(number, NAME, name, text, what, ...) ROLE_##NAME,
    static const enum role started[] = {ROLES_STARTED(ROLE)};
#undef ROLE

    for (size_t i = 0; i < ARRAY_LEN(started); i++)
        for (unsigned n = 0; n < process_instances(&s->config, started[i]); n++)
            child_add(s, started[i], n);
    for (size_t i = 0; i < s->children; i++)
        child_spawn(&s->child[i]);
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].chan && !child_is_edge(&s->child[i]))
            supervisor_set_up(s, &s->child[i]);
}

static void supervisor_serve(struct supervisor *s)
{
    struct event *signals;
    struct error err;

    watch_signals(s, &signals);
    log_text(LOG_SERVER_START, STR_NULL, "Posthus %s, data in %s", POSTHUS_VERSION,
             datadir_path(s->data));
    supervisor_raise_limits(s);
    if (!walls_enter(s, &err)) {
        supervisor_give_up(s, "%s", err.text);
        return;
    }
    start_roles(s);
    event_base_dispatch(s->base);
    child_reap(s);
    accounts_end_orphans(
        s); /* nothing that hangs outlives us, with a lock that a next start needs */
    supervisor_logs_drain(s);
    log_text(LOG_SERVER_STOP, STR_NULL, "stopped");
    control_close(s);
    event_free(signals);
}

NORETURN void supervisor_main(const char *data, int ready_fd)
{
    static struct supervisor s; /* too large for the stack of a small machine */
    struct error err = {0};

    s = (struct supervisor){
        .ready_fd = ready_fd, .log_file = -1, .empty_fd = -1, .root = geteuid() == 0};
    s.begun_us = clock_boot_us();
    random_bytes(s.shared_key, sizeof s.shared_key);
    log_init("supervisor");
    vec_init(&s.listening, sizeof(struct listening));
    vec_init(&s.handed, sizeof(struct handed));
    vec_init(&s.families, sizeof(pid_t));
    vec_init(&s.orphans, sizeof(struct orphan));
    config_init(&s.config);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    s.base = event_base_new();
    s.timers = timers_create(s.base);
    s.calls = calls_create(s.timers);
    timer_init(&s.stop_deadline, s.timers, on_stop_deadline, &s);
    timer_init(&s.orphans_end, s.timers, accounts_end_orphans, &s);
    if (!supervisor_prepare(&s, data, &err))
        fatal("%s", err.text);
    log_set_sink(supervisor_logs_write_own);
    supervisor_serve(&s);
    datadir_close(s.data);
    _exit(s.status); /* the rest is the kernel's to take back */
}
