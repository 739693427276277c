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

#define STATUS_ROWS 100
#define PROCESS_INSTANCES_MOST 32

void process_status_add(struct process_status *s, const char *key, uint64_t value)
{
    char text[100], *copy;
    int n = snprintf(text, sizeof text, "%s=%llu", key, (unsigned long long)value);

    copy = str_dup_c(str_of(text, (size_t)n));
    *(char **)vec_add(s->rows) = copy;
}

struct chan *process_peer(const struct process *p, enum role role)
{
    struct chan *newest = NULL;
    const struct process_peer *q;

    LIST_EACH(q, &p->peers, node)
        if (q->role == role)
            newest = q->chan;
    return newest;
}

struct call_to process_to(const struct process *p, enum role role)
{
    return (struct call_to){p->calls, process_peer(p, role), role};
}

unsigned process_instances(const struct config *c, enum role role)
{
    enum role_instances how = role_row(role)->instances;
    uint64_t n = how == ROLE_EDGES ? c->edges : how == ROLE_HASHERS ? c->hashers : 1;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (n == 0)
        n = cores > 0 ? (uint64_t)cores : 1;
    return (unsigned)(n < PROCESS_INSTANCES_MOST ? n : PROCESS_INSTANCES_MOST);
}

bool process_is_draining(const struct process *p)
{
    return p->state == PROCESS_DRAINING;
}

/* A peer that is heard before this process is ready: it has the key. */
static bool is_heard_early(enum role role)
{
    return role == ROLE_KEYS;
}

void process_ready(struct process *p)
{
    struct msg m = {.type = MSG_READY};
    struct process_peer *q;

    if (p->state != PROCESS_STARTED)
        return;
    p->state = PROCESS_READY;
    LIST_EACH(q, &p->peers, node)
        chan_set_reading(q->chan, true);
    if (p->supervisor)
        chan_send(p->supervisor, &m);
}

void process_give_up(struct process *p, const struct error *err)
{
    struct msg m = {.type = MSG_PROBLEM, .problem = {.text = str_c(err->text)}};

    if (p->gave_up)
        p->gave_up(p, err);
    if (p->supervisor) {
        chan_send(p->supervisor, &m);
        chan_flush(p->supervisor, 1000);
    }
    _exit(1);
}

void process_end(struct process *p)
{
    p->ended = true;
    event_base_loopbreak(p->base);
}

/* ---- peers ---- */

/* The channel is over: its role forgets it, and the supervisor may bring another. */
static void peer_end(struct process_peer *q)
{
    struct process *p = q->process;
    struct msg m = {.type = MSG_PEER_LOST,
                    .peer_lost = {q->role, q->instance, q->serial, chan_is_broken(q->chan)}};

    list_remove(&q->node);
    if (p->supervisor)
        chan_send(p->supervisor, &m);
    if (p->ops->peer_lost && p->state != PROCESS_SETUP)
        p->ops->peer_lost(p->arg, q->role, q->chan);
    chan_destroy(q->chan);
    mem_free(q);
}

static void on_peer(void *arg, struct chan *c, struct msg *m)
{
    struct process_peer *q = arg;
    struct process *p = q->process;

    if (m)
        p->ops->message(p->arg, c, m);
    else
        peer_end(q);
}

/* From now on the role knows of it, and what waits for it goes to it: first the role, as what a
 * waiting question needs ahead of it is sent there. */
static void introduce_peer(struct process_peer *q)
{
    struct process *p = q->process;

    if (p->ops->peer_new)
        p->ops->peer_new(p->arg, q->role, q->chan);
    calls_peer_new(p->calls, q->role, q->chan);
}

/* A channel to the same process, or to its predecessor, that this one replaces. */
static void drop_replaced(struct process *p, enum role role, unsigned instance)
{
    struct process_peer *q, *next;

    LIST_EACH_SAFE(q, next, &p->peers, node)
        if (q->role == role && q->instance == instance)
            peer_end(q);
}

static void add_peer(struct process *p, struct msg *m)
{
    enum role role = (enum role)m->setup_peer.role;
    struct process_peer *q;

    if (m->nfds != 1 || !(role_row(p->role)->peers & role))
        return;
    drop_replaced(p, role, (unsigned)m->setup_peer.instance);
    q = mem_zalloc(sizeof *q);
    *q = (struct process_peer){.process = p,
                               .role = role,
                               .instance = (unsigned)m->setup_peer.instance,
                               .serial = m->setup_peer.serial};
    q->chan = chan_create(p->base, m->fd[0], p->role, role, on_peer, q);
    m->fd[0] = -1;
    list_append(&p->peers, &q->node);
    if (p->state < PROCESS_READY && !is_heard_early(role))
        chan_set_reading(q->chan, false);
    if (p->state != PROCESS_SETUP)
        introduce_peer(q);
}

/* ---- set up by the supervisor ---- */

static void take_config(struct process *p, struct str text)
{
    bool again = p->state != PROCESS_SETUP;
    struct config fresh, old;
    struct error err;

    config_init(&fresh);
    if (!config_parse(&fresh, text, &err))
        process_give_up(p, &err);
    if (again)
        config_keep_start(&fresh, &p->config);
    old = p->config;
    p->config = fresh;
    log_set_debug(p->config.log_debug);
    if (again && p->ops->reload)
        p->ops->reload(p->arg);
    config_done(&old);
}

static uint64_t descriptors_of(const struct process *p)
{
    const struct role_row *row = role_row(p->role);
    uint64_t n = row->descriptors.with == ROLE_CONNECTIONS         ? p->config.connections
                 : row->descriptors.with == ROLE_ACCOUNT_PROCESSES ? p->config.account_processes
                                                                   : 0;

    return row->descriptors.fixed + n * row->descriptors.times;
}

static void enter_walls(struct process *p)
{
    struct error err = {0};
    struct sandbox_filter *filter;

    if (!sandbox_filter_make(&filter, p->role, &err))
        process_give_up(p, &err);
    struct sandbox s = {
        .role = p->role,
        .filter = filter,
        .folder = p->ops->folder ? p->ops->folder(p->arg) : -1,
        .landlock_abi = (unsigned)p->config.landlock_abi,
        .required = p->config.sandbox_required,
        .descriptors = descriptors_of(p),
    };

    if (!sandbox_enter(&s, &err))
        process_give_up(p, &err);
}

static void take_go(struct process *p)
{
    struct process_peer *q;
    struct error err = {0};
    bool ready = true;

    if (p->state != PROCESS_SETUP)
        return;
    if (!p->ops->start(p->arg, p, &ready, &err))
        process_give_up(p, &err);
    if (p->walls)
        enter_walls(p);
    p->state = PROCESS_STARTED;
    if (p->ops->sandboxed)
        p->ops->sandboxed(p->arg);
    LIST_EACH(q, &p->peers, node)
        introduce_peer(q);
    if (ready)
        process_ready(p);
}

static void take_drain(struct process *p)
{
    bool started = p->state != PROCESS_SETUP;

    p->state = PROCESS_DRAINING;
    if (started && p->ops->drain)
        p->ops->drain(p->arg);
    else
        process_end(p);
}

static void take_status_ask(struct process *p, struct chan *c, const struct msg *m)
{
    struct vec rows;
    struct str list[STATUS_ROWS];
    struct process_status s = {&rows};
    struct msg_status_tell tell = {.counters = {.v = list}};
    struct asked asked;

    asked_take(&asked, c, m);
    vec_init(&rows, sizeof(char *));
    process_status_add(&s, "log-lines-dropped", log_dropped());
    process_status_add(&s, "requests-waiting", calls_waiting(p->calls));
    if (p->ops->status && p->state != PROCESS_SETUP)
        p->ops->status(p->arg, &s);
    for (size_t i = 0; i < rows.n && i < ARRAY_LEN(list); i++)
        list[tell.counters.n++] = str_c(*(char **)vec_at(&rows, i));
    tell_status(&asked, &tell, -1);
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
        p->supervisor = NULL;
        chan_destroy(c);
        process_end(p);
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
    case MSG_SETUP_SHARED:
        if (p->ops->shared)
            p->ops->shared(p->arg, (unsigned)m->setup_shared.instance, m->setup_shared.key,
                           take_fd(m));
        break;
    case MSG_SETUP_PEER:
        add_peer(p, m);
        break;
    case MSG_SETUP_GO:
        take_go(p);
        break;
    case MSG_STATUS_ASK:
        take_status_ask(p, c, m);
        break;
    case MSG_DRAIN:
        take_drain(p);
        break;
    default:
        p->ops->message(p->arg, c, m);
        break;
    }
}

struct process *process_create(enum role role, unsigned instance, const struct process_ops *ops,
                               void *arg, int fd)
{
    struct process *p = mem_zalloc(sizeof *p);
    struct event_config *ec = event_config_new();

    *p = (struct process){.role = role, .instance = instance, .ops = ops, .arg = arg};
    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    p->base = event_base_new_with_config(ec);
    event_config_free(ec);
    if (!p->base)
        fatal("libevent cannot make an event loop");
    config_init(&p->config);
    p->timers = timers_create(p->base);
    p->calls = calls_create(p->timers);
    p->supervisor = chan_create(p->base, fd, role, ROLE_SUPERVISOR, on_supervisor, p);
    return p;
}

void process_destroy(struct process *p)
{
    struct process_peer *q;

    if (!p)
        return;
    while ((q = LIST_FIRST(&p->peers, struct process_peer, node))) {
        list_remove(&q->node);
        chan_destroy(q->chan);
        mem_free(q);
    }
    chan_destroy(p->supervisor);
    calls_destroy(p->calls);
    timers_destroy(p->timers);
    config_done(&p->config);
    event_base_free(p->base);
    mem_free(p);
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

/* The environment and the signals of a role; only its user's rights from here on. */
static void prepare_process(enum role role)
{
    const char *uid = getenv("POSTHUS_UID");
    uint64_t number = 0;

    log_to_socket(PROCESS_FD_LOG);
    if (uid && !str_to_u64(str_c(uid), UINT32_MAX, &number))
        fatal("POSTHUS_UID is not a number");
    drop_privileges((unsigned)number);
    clearenv();
    setenv("TZ", "UTC", 1); /* so that no file is read for the zone, now or in the sandbox */
    tzset();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's */
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_NAME, role_name(role), 0, 0, 0);
}

NORETURN void process_main(enum role role, unsigned instance, const struct process_ops *ops,
                           void *arg)
{
    struct process *p;

    prepare_process(role);
    p = process_create(role, instance, ops, arg, PROCESS_FD_CHANNEL);
    p->walls = true;
    event_base_dispatch(p->base);
    if (p->supervisor)
        chan_flush(p->supervisor, 100);
    _exit(0); /* nothing is left to do that the kernel does not do better */
}
