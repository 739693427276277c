/* proc/process.c: see process.h. */
#include "proc/process.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

void process_status_add(struct process_status *s, const char *key, uint64_t value)
{
    char text[100], *copy;
    int n = snprintf(text, sizeof text, "%s=%llu", key, (unsigned long long)value);

    copy = str_dup_c(str_of(text, (size_t)n));
    *(char **)vec_add(s->rows) = copy;
}

/* The answers of messages.h that carry the id of a call. */
uint64_t process_answer_id(const struct msg *m)
{
    switch (m->type) {
#define ANSWER(NAME, name)                                                                         \
    case MSG_##NAME:                                                                               \
        return m->name.id;
        ANSWER(SERVICE_KEY_TELL, service_key_tell)
        ANSWER(KEYS_CREATED, keys_created)
        ANSWER(KEYS_ERASED, keys_erased)
        ANSWER(LOGIN_TELL, login_tell)
        ANSWER(SESSION_OPENED, session_opened)
        ANSWER(ACCOUNT_REMOVED, account_removed)
        ANSWER(RCPT_TELL, rcpt_tell)
        ANSWER(INTAKE_DONE, intake_done)
        ANSWER(RESOLVE_TELL, resolve_tell)
        ANSWER(DELIVERY_OPENED, delivery_opened)
        ANSWER(QUEUE_ADDED, queue_added)
        ANSWER(QUEUE_TRIED, queue_tried)
        ANSWER(ADMIN_REPLY, admin_reply)
        ANSWER(STATUS_TELL, status_tell)
#undef ANSWER
    default:
        return 0;
    }
}

struct chan *process_peer(const struct process *p, enum role role)
{
    return p->peer[role_number(role)];
}

void process_call(struct process *p, enum role to, uint64_t id, const struct msg *m,
                  uint64_t timeout_ms, bool again, call_fn fn, void *arg)
{
    calls_send(p->calls, process_peer(p, to), to, id, m, timeout_ms, again, fn, arg);
}

void process_ready(struct process *p)
{
    struct msg m = {.type = MSG_READY};

    if (p->ready_said)
        return;
    p->ready_said = true;
    for (size_t i = 0; i < p->deaf.n; i++) {
        struct chan *c = *(struct chan **)vec_at(&p->deaf, i);

        if (c)
            chan_set_reading(c, true);
    }
    vec_done(&p->deaf);
    chan_send(p->supervisor, &m);
}

void process_give_up(struct process *p, const struct error *err)
{
    struct msg m = {.type = MSG_PROBLEM, .problem = {.text = str_c(err->text)}};

    chan_send(p->supervisor, &m);
    chan_flush(p->supervisor, 1000);
    _exit(1);
}

void process_end(struct process *p)
{
    event_base_loopbreak(p->base);
}

static void on_peer(void *arg, struct chan *c, struct msg *m)
{
    struct process *p = arg;
    unsigned number = role_number(chan_peer(c));

    if (m) {
        uint64_t id = process_answer_id(m);

        if (!id || !calls_answer(p->calls, id, m))
            p->ops->message(p->arg, c, m);
        return;
    }
    if (p->peer[number] == c)
        p->peer[number] = NULL;
    for (size_t i = 0; i < p->deaf.n; i++) {
        struct chan **deaf = vec_at(&p->deaf, i);

        if (*deaf == c)
            *deaf = NULL;
    }
    calls_peer_lost(p->calls, chan_peer(c));
    if (p->ops->peer_lost)
        p->ops->peer_lost(p->arg, chan_peer(c), c);
    chan_destroy(c);
}

static void add_peer(struct process *p, struct msg *m)
{
    enum role role = (enum role)m->setup_peer.role;
    struct chan *c;

    if (m->nfds != 1 || !(role_peers(p->role) & role))
        return;
    c = chan_create(p->base, m->fd[0], p->role, role, on_peer, p);
    m->fd[0] = -1;
    p->peer[role_number(role)] = c;
    if (!p->ready_said && role != ROLE_KEYS) {
        chan_set_reading(c, false);
        *(struct chan **)vec_add(&p->deaf) = c;
    }
    if (p->ops->peer_new) /* first: what a waiting request needs ahead of it is sent here */
        p->ops->peer_new(p->arg, role, c);
    calls_peer_new(p->calls, role, c);
}

static void take_config(struct process *p, struct str text)
{
    struct config fresh;
    struct error err;

    config_init(&fresh);
    if (!config_parse(&fresh, text, &err))
        process_give_up(p, &err);
    config_done(&p->config);
    p->config = fresh;
    log_set_debug(p->config.log_debug);
    if (p->ready_said && p->ops->reload)
        p->ops->reload(p->arg);
}

static struct sandbox_limits limits_of(const struct process *p)
{
    switch (p->role) {
    case ROLE_EDGE_SMTP:
    case ROLE_EDGE_MAIL:
        return (struct sandbox_limits){.files = p->config.connections * 2 + 200};
    case ROLE_ACCOUNTS:
        return (struct sandbox_limits){.files = p->config.account_processes * 2 + 1000};
    case ROLE_HASHER:
        return (struct sandbox_limits){.files = 100, .memory = 512U << 20};
    case ROLE_KEYS:
        return (struct sandbox_limits){.files = 1000, .memory = 512U << 20};
    default:
        return (struct sandbox_limits){.files = 65536, .memory = 4ULL << 30};
    }
}

static void go(struct process *p)
{
    struct error err = {0};
    struct sandbox_filter *filter;
    bool ready = true;

    if (!p->ops->start(p->arg, p, &ready, &err) || !sandbox_filter_make(&filter, p->role, &err))
        process_give_up(p, &err);
    struct sandbox s = {
        .role = p->role,
        .filter = filter,
        .folder = p->ops->folder ? p->ops->folder(p->arg) : -1,
        .folders_too = p->ops->folders_too,
        .landlock_abi = (unsigned)p->config.landlock_abi,
        .required = p->config.sandbox_required,
        .limits = limits_of(p),
    };

    if (!sandbox_enter(&s, &err))
        process_give_up(p, &err);
    if (p->ops->sandboxed)
        p->ops->sandboxed(p->arg);
    if (ready)
        process_ready(p);
}

static void tell_status(struct process *p, uint64_t id)
{
    struct vec rows;
    struct str list[64];
    struct process_status s = {&rows};
    struct msg m = {.type = MSG_STATUS_TELL, .status_tell = {.id = id, .counters = {.v = list}}};

    vec_init(&rows, sizeof(char *));
    process_status_add(&s, "log-lines-dropped", log_dropped());
    process_status_add(&s, "requests-waiting", calls_waiting(p->calls));
    if (p->ops->status)
        p->ops->status(p->arg, &s);
    for (size_t i = 0; i < rows.n && i < ARRAY_LEN(list); i++)
        list[m.status_tell.counters.n++] = str_c(*(char **)vec_at(&rows, i));
    chan_send(p->supervisor, &m);
    for (size_t i = 0; i < rows.n; i++)
        mem_free(*(char **)vec_at(&rows, i));
    vec_done(&rows);
}

static int take_fd(struct msg *m)
{
    int fd = m->nfds ? m->fd[0] : -1;

    m->fd[0] = -1;
    return fd;
}

static void on_supervisor(void *arg, struct chan *c, struct msg *m)
{
    struct process *p = arg;

    if (!m) { /* it died: so do we, what is committed is committed */
        process_end(p);
        event_base_loopbreak(p->base);
        p->supervisor = NULL;
        chan_destroy(c);
        return;
    }
    switch (m->type) {
    case MSG_SETUP_CONFIG:
        take_config(p, m->setup_config.text);
        break;
    case MSG_SETUP_FILE:
        if (p->ops->file)
            p->ops->file(p->arg, m->setup_file.name, take_fd(m));
        break;
    case MSG_SETUP_LISTENER:
        if (p->ops->listener)
            p->ops->listener(p->arg, m->setup_listener.service, take_fd(m));
        break;
    case MSG_SETUP_TLS:
        if (p->ops->tls)
            p->ops->tls(p->arg, m->setup_tls.cert, m->setup_tls.key);
        break;
    case MSG_SETUP_PEER:
        add_peer(p, m);
        break;
    case MSG_SETUP_GO:
        go(p);
        break;
    case MSG_STATUS_ASK:
        tell_status(p, m->status_ask.id);
        break;
    case MSG_DRAIN:
        p->draining = true;
        if (p->ops->drain)
            p->ops->drain(p->arg);
        else
            process_end(p);
        break;
    default:
        if (!process_answer_id(m) || !calls_answer(p->calls, process_answer_id(m), m))
            p->ops->message(p->arg, c, m);
        break;
    }
}

/* As root: into the empty directory, then a user of its own, for good. */
static void drop_privileges(unsigned uid)
{
    if (uid == 0)
        return;
    if (fchdir(PROCESS_FD_ROOT) != 0 || chroot(".") != 0)
        fatal("cannot enter the empty root directory: %s", strerror(errno));
    close(PROCESS_FD_ROOT);
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        fatal("cannot become user %u: %s", uid, strerror(errno));
    if (setuid(0) == 0)
        fatal("user %u could become root again", uid);
}

NORETURN void process_main(enum role role, unsigned instance, const struct process_ops *ops,
                           void *arg)
{
    const char *uid = getenv("POSTHUS_UID");
    uint64_t number = 0;
    struct process p = {.role = role, .instance = instance, .ops = ops, .arg = arg};
    struct event_config *ec = event_config_new();

    log_init(role_name(role));
    log_to_socket(PROCESS_FD_LOG);
    if (uid && !str_to_u64(str_c(uid), UINT32_MAX, &number))
        fatal("POSTHUS_UID is no number");
    drop_privileges((unsigned)number);
    clearenv();
    setenv("TZ", "UTC", 1); /* so that no file is read for the zone, now or in the sandbox */
    tzset();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's */
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_NAME, role_name(role), 0, 0, 0);
    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    vec_init(&p.deaf, sizeof(struct chan *));
    p.base = event_base_new_with_config(ec);
    event_config_free(ec);
    if (!p.base)
        fatal("libevent gives no loop");
    config_init(&p.config);
    p.calls = calls_create(p.base);
    p.supervisor =
        chan_create(p.base, PROCESS_FD_CHANNEL, role, ROLE_SUPERVISOR, on_supervisor, &p);
    event_base_dispatch(p.base);
    if (p.supervisor)
        chan_flush(p.supervisor, 100);
    _exit(0); /* nothing is left to do that the kernel does not do better */
}
