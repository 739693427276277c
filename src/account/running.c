/* account/running.c: the processes of accounts, as their parent sees them.
 *
 *     (none) -- open --> RUNNING -- told idle, nothing sent since; failed; drained; removed --> ENDING
 *        ^                  |                                                                     |
 *        |                  +-- it does not answer whether it lives --> KILLED <-- its time is over
 *        |                  | its channel ends                            | its channel ends (of ENDING too)
 *        |                  v                                             |
 *        +-- reaped ---- LEAVING <----------------------------------------+
 *                           | it still lives after a moment --> the supervisor is asked to kill it
 *
 * An open for a RUNNING account goes to the same process; for an ENDING or KILLED one it waits, and a
 * new process is forked when the old one's channel has ended (the lock on the database makes sure of
 * the rest). A process that does not end when it is told to, or that does not answer when it was asked
 * whether it lives, is killed by the supervisor: this process may signal nobody. It is asked when intake
 * found it slow, and after a session, at once or ten seconds after the question before: an account
 * whose process hangs would not come back otherwise. */
#include "account/accounts_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND_US 1000000LL
#define FAILURE_US (10 * SECOND_US)
#define STOP_US (5 * SECOND_US) /* for a process to end when told to */
#define STOP_DRAINING_US (2 * SECOND_US)
#define LEAVE_US (2 * SECOND_US)      /* between the end of its channel and its own */
#define KILL_AGAIN_US (5 * SECOND_US) /* it waits for a disk, say */
#define WAIT_US (15 * SECOND_US)      /* whoever asked has given up by then */
#define PROBE_US (10 * SECOND_US)     /* no oftener for sessions */
#define BUSY_MOST_US (3600 * SECOND_US)
#define WAITING_MOST 64    /* opens for one account that wait for the end of its process */
#define UNHEARD_MOST 200   /* that it has not read */
#define WHAT_MOST 200      /* bytes of a child's words */
#define FAILURES_KEPT 1000 /* then those that are over go */

struct waiting { /* an open while the process is ending */
    struct list_node node;
    struct asked asked;
    struct msg_session_ask open; /* its slices lie in text */
    char *text;
    int fd;
    int64_t since_us;
};

struct failure { /* why an account did not open, for a while: it is not tried at every message */
    int64_t until_us;
    struct error err;
};

void running_check(const struct running *r)
{
#ifdef POSTHUS_SANITIZE
    if ((r->state == LEAVING) != (r->chan == NULL) ||
        (r->state == LEAVING) != (r->node.in == &r->a->leaving))
        panic("a process that leaves has no channel, any other has one");
    if ((r->state == RUNNING || r->state == LEAVING) && (r->waiting.n || asked_waits(&r->removal)))
        panic("nobody waits for the end of a process that runs, or that has left");
    if ((r->state != RUNNING) != timer_is_set(&r->deadline))
        panic("a process that ends has a time to do so");
    if ((r->state == KILLED && !r->told_to_die) || (r->state == LEAVING && r->ping))
        panic("a process that was killed was told to die");
#else
    (void)r;
#endif
}

struct running *running_find(const struct accounts *a, uint64_t account)
{
    return map_find_u64(&a->running, account);
}

struct running *running_each(const struct accounts *a, size_t *at)
{
    void *v;

    return map_each(&a->running, at, NULL, &v) ? v : NULL;
}

/* ---- its end ---- */

static void waiting_free(struct waiting *w)
{
    list_remove(&w->node);
    asked_forget(&w->asked);
    base_close_fd(&w->fd);
    mem_free(w->text);
    mem_free(w);
}

/* Those whose asker has given up. */
static void drop_overdue(struct running *r)
{
    struct waiting *w, *next;

    LIST_EACH_SAFE(w, next, &r->waiting, node)
        if (clock_boot_us() - w->since_us >= WAIT_US)
            waiting_free(w);
}

void running_kill(struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_KILL, .account_kill = {r->account, (uint64_t)r->pid}};

    if (r->state != LEAVING)
        r->state = KILLED;
    timer_set(&r->deadline, KILL_AGAIN_US);
    r->a->killed += !r->told_to_die;
    r->told_to_die = true;
    if (r->a->p->supervisor && !r->reaped)
        chan_send(r->a->p->supervisor, &m);
}

static void on_running_deadline(void *arg)
{
    struct running *r = arg;

    drop_overdue(r);
    running_kill(r);
    running_check(r);
}

/* From now on it has a time to end. */
static void running_ends(struct running *r)
{
    r->state = ENDING;
    timer_set(&r->deadline, process_is_draining(r->a->p) ? STOP_DRAINING_US : STOP_US);
    running_check(r);
}

void running_stop(struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_STOP};

    if (r->state == RUNNING)
        chan_send(r->chan, &m);
    if (r->state == RUNNING || (r->state == ENDING && process_is_draining(r->a->p)))
        running_ends(r);
}

static void running_free(struct running *r)
{
    struct waiting *w;

    while ((w = LIST_FIRST(&r->waiting, struct waiting, node)))
        waiting_free(w);
    asked_forget(&r->removal);
    timer_stop(&r->deadline);
    timer_stop(&r->probe);
    calls_forget(r->a->p->calls, r->ping);
    list_remove(&r->node);
    chan_destroy(r->chan);
    mem_free(r);
}

void running_forget(struct running *r)
{
    map_remove_u64(&r->a->running, r->account);
    running_free(r);
}

/* Its channel is gone: what waited for that begins. */
static void running_left(struct running *r)
{
    struct accounts *a = r->a;
    struct waiting *w;

    map_remove_u64(&a->running, r->account);
    calls_forget(a->p->calls, r->ping);
    r->ping = 0;
    chan_destroy(r->chan);
    r->chan = NULL;
    r->state = LEAVING;
    list_append(&a->leaving, &r->node);
    timer_set(&r->deadline, LEAVE_US);
    if (asked_waits(&r->removal))
        removal_begin(a, r->account, &r->removal);
    drop_overdue(r);
    while ((w = LIST_FIRST(&r->waiting, struct waiting, node))) {
        if (!a->renewing) /* else our successor is asked */
            running_open(a, &w->asked, &w->open, &w->fd);
        waiting_free(w);
    }
    if (r->reaped)
        running_free(r);
    else
        running_check(r);
    renew_step(a);
    if (process_is_draining(a->p) && a->running.n == 0)
        process_end(a->p);
}

static struct running *running_of_pid(const struct accounts *a, pid_t pid)
{
    struct running *r;
    size_t at = 0;

    LIST_EACH(r, &a->leaving, node)
        if (r->pid == pid)
            return r;
    while ((r = running_each(a, &at)))
        if (r->pid == pid)
            return r;
    return NULL;
}

static void log_crash(const struct running *r, int status)
{
    struct log_line l;

    log_begin(&l, LOG_ACCOUNT_CRASH, STR_NULL);
    log_u64(&l, "account", r->account);
    log_u64(&l, "of-pid", (uint64_t)r->pid);
    log_u64(&l, "signal", (uint64_t)WTERMSIG(status));
    log_end(&l);
}

/* It gave up: it had no memory left, say. Whatever else ends it is told by itself, or by a signal. */
static void log_exit(const struct running *r, int status)
{
    struct log_line l;

    log_begin(&l, LOG_ROLE_PROBLEM, STR_NULL);
    log_u64(&l, "account", r->account);
    log_c(&l, "what",
          "its process gave up, and its sessions ended; standard error of the server says why");
    log_u64(&l, "of-pid", (uint64_t)r->pid);
    log_u64(&l, "status", (uint64_t)WEXITSTATUS(status));
    log_end(&l);
}

bool running_reaped(struct accounts *a, pid_t pid, int status)
{
    struct running *r = running_of_pid(a, pid);
    bool crashed = r && WIFSIGNALED(status) && !r->told_to_die;

    if (!r)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_exit(r, status);
    if (crashed) {
        a->crashes++;
        log_crash(r, status);
    }
    r->reaped = true; /* its number may be somebody else's from now on */
    if (r->state == LEAVING)
        running_free(r); /* else its channel ends just now */
    return crashed;
}

/* ---- does it live? ---- */

static void on_ping(void *arg, struct msg_account_ping_tell *tell, int *fd)
{
    struct running *r = arg;
    struct log_line l;

    (void)fd;
    r->ping = 0;
    if (tell->id || r->state != RUNNING || clock_boot_us() < r->busy_until_us)
        return;
    log_begin(&l, LOG_ROLE_PROBLEM, STR_NULL);
    log_u64(&l, "account", r->account);
    log_c(&l, "what",
          "its process does not answer, and is killed; what it has not taken is in the queue");
    log_end(&l);
    running_kill(r);
    running_check(r);
}

void running_probe(struct running *r)
{
    if (r->state != RUNNING || r->ping)
        return;
    r->pinged_us = clock_boot_us();
    r->ping = call_account_ping(call_over(r->a->p->calls, r->chan),
                                &(struct msg_account_ping_ask){0}, NULL, on_ping, r);
}

static void on_probe(void *arg)
{
    running_probe(arg);
}

/* It got a session: whoever has that would wait for ever, if it hangs. */
static void probe_soon(struct running *r)
{
    int64_t left_us = r->pinged_us ? r->pinged_us + PROBE_US - clock_boot_us() : 0;

    if (left_us <= 0)
        running_probe(r);
    else if (!timer_is_set(&r->probe))
        timer_set(&r->probe, left_us);
}

/* ---- what it says ---- */

static void take_failed(struct running *r, const struct msg_account_failed *m)
{
    struct error why = {0};
    struct log_line l;

    if (r->state != RUNNING || !msg_error_take(&m->error, &why))
        return; /* it has said so, or is ending anyway */
    log_begin(&l, why.kind == ERROR_DAMAGED ? LOG_ACCOUNT_DAMAGED : LOG_ROLE_PROBLEM, STR_NULL);
    log_u64(&l, "account", r->account);
    log_c(&l, "what", why.text);
    log_end(&l);
    running_note_failure(r->a, r->account, &why, FAILURE_US);
    running_ends(r); /* by itself */
}

static void take_busy(struct running *r, const struct msg_account_busy *m)
{
    int64_t most = BUSY_MOST_US / SECOND_US;
    int64_t seconds = m->seconds < (uint64_t)most ? (int64_t)m->seconds : most;

    r->busy_until_us = clock_boot_us() + seconds * SECOND_US;
}

/* The directory hears of it when it is there; else at the next start. */
static void tell_open(const struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_IS_OPEN, .account_is_open = {r->account}};
    struct chan *directory = process_peer(r->a->p, ROLE_DIRECTORY);

    if (directory)
        chan_send(directory, &m);
}

static void take_damaged(const struct running *r, const struct msg_account_damaged *m)
{
    struct str what = str_sub(m->what, 0, WHAT_MOST);
    struct msg tell = {.type = MSG_ACCOUNT_IS_DAMAGED, .account_is_damaged = {r->account, what}};
    struct chan *directory = process_peer(r->a->p, ROLE_DIRECTORY);
    struct log_line l;

    log_begin(&l, LOG_ACCOUNT_DAMAGED, STR_NULL);
    log_u64(&l, "account", r->account);
    log_str(&l, "what", what);
    log_end(&l);
    if (directory)
        chan_send(directory, &tell);
}

static void on_child_message(void *arg, struct chan *c, struct msg *m)
{
    struct running *r = arg;

    (void)c;
    if (!m) {
        running_left(r);
        return;
    }
    switch (m->type) {
    case MSG_ACCOUNT_IDLE:
        /* It has seen all that was sent to it, and nobody is there: it may end. */
        if (m->account_idle.started == r->started && !r->a->renewing)
            running_stop(r);
        break;
    case MSG_ACCOUNT_FAILED:
        take_failed(r, &m->account_failed);
        break;
    case MSG_ACCOUNT_OPENED:
        tell_open(r);
        break;
    case MSG_ACCOUNT_DAMAGED:
        take_damaged(r, &m->account_damaged);
        break;
    case MSG_ACCOUNT_BUSY:
        take_busy(r, &m->account_busy);
        break;
    default:
        break;
    }
    running_check(r);
}

/* ---- its beginning ---- */

static struct running *running_add(struct accounts *a, uint64_t account, pid_t pid, int fd)
{
    struct running *r = mem_zalloc(sizeof *r);

    *r = (struct running){.a = a, .account = account, .pid = pid};
    timer_init(&r->deadline, a->p->timers, on_running_deadline, r);
    timer_init(&r->probe, a->p->timers, on_probe, r);
    r->chan = chan_create(a->p->base, fd, ROLE_ACCOUNTS, ROLE_ACCOUNT, on_child_message, r);
    map_put_u64(&a->running, account, r);
    return r;
}

void running_adopt(struct accounts *a, const struct handed *h)
{
    struct running *r;

    if (running_find(a, h->account)) {
        close(h->fd);
        return;
    }
    r = running_add(a, h->account, (pid_t)h->pid, h->fd);
    r->started = h->started;
    r->busy_until_us = h->busy_until_us;
    if (h->probe) /* else one that hangs would live on: it was our predecessor who had asked */
        running_probe(r);
}

/* The sockets of a new process; [0] are ours, [1] are its. */
struct birth_ends {
    int parent[2], keys[2], log[2];
};

static void ends_close(struct birth_ends *e, int side)
{
    base_close_fd(&e->parent[side]);
    base_close_fd(&e->keys[side]);
    base_close_fd(&e->log[side]);
}

static struct running *make_child(struct accounts *a, struct account_birth *b, struct birth_ends *e,
                                  struct str ticket)
{
    struct msg start = {.type = MSG_KEYS_START, .nfds = 1, .fd = {e->keys[0]}};
    struct msg log = {.type = MSG_ACCOUNT_LOG, .nfds = 1, .fd = {e->log[0]}};
    struct chan *keys = process_peer(a->p, ROLE_KEYS);
    struct running *r;
    pid_t pid;

    errno = EAGAIN;
    if (!keys || !a->p->supervisor || (pid = a->forks->live(b)) < 0)
        return NULL;
    start.keys_start = (struct msg_keys_start){b->account, ticket};
    chan_send(keys, &start);
    log.account_log = (struct msg_account_log){b->account, (uint64_t)pid};
    chan_send(a->p->supervisor, &log);
    a->starts++;
    r = running_add(a, b->account, pid, e->parent[0]);
    e->parent[0] = -1;
    return r;
}

/* NULL, with words, when it cannot be. */
static struct running *start_account(struct accounts *a, const struct msg_session_ask *ask,
                                     struct error *err)
{
    struct birth_ends e = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct account_birth b = {.account = ask->account,
                              .opened = ask->opened,
                              .folder = a->folder,
                              .filter = a->filter,
                              .idle_s = a->p->config.account_idle,
                              .retention_days = a->p->config.retention_days,
                              .landlock_abi = (unsigned)a->p->config.landlock_abi,
                              .sandbox_required = a->p->config.sandbox_required};
    struct running *r = NULL;
    int saved;

    if (a->running.n >= a->p->config.account_processes) {
        error_set(err, ERROR_TEMPORARY,
                  "too many accounts are in use at once; try again in a moment");
        return NULL;
    }
    if (chan_pair(e.parent) && chan_pair(e.keys) && chan_pair(e.log)) {
        b.parent = e.parent[1];
        b.keys = e.keys[1];
        b.log = e.log[1];
        r = make_child(a, &b, &e, ask->ticket);
    }
    saved = errno;
    ends_close(&e, 0);
    ends_close(&e, 1);
    if (!r)
        error_set(err, ERROR_TEMPORARY, "the account cannot be opened just now (%s)",
                  strerror(saved));
    return r;
}

/* ---- opening ---- */

static void send_session(struct running *r, const struct msg_session_ask *o, int fd)
{
    struct msg m = {.type = MSG_SESSION_START, .nfds = 1, .fd = {fd}};

    m.session_start = (struct msg_session_start){.service = o->service,
                                                 .session = o->session,
                                                 .user = o->user,
                                                 .tag = o->tag,
                                                 .credential = o->credential,
                                                 .read_only = o->read_only,
                                                 .quota = o->quota,
                                                 .subaddress = o->subaddress};
    r->started++;
    chan_send(r->chan, &m);
    r->unheard = chan_idle(r->chan) ? 0 : r->unheard + 1;
    probe_soon(r);
}

/* Keeps an open until the ending process is gone; its slices are copied into one block. */
static void wait_open(struct running *r, struct asked *asked, const struct msg_session_ask *ask,
                      int *fd)
{
    struct waiting *w = mem_zalloc(sizeof *w);
    struct msg_session_ask *o = &w->open;
    struct str *part[] = {&o->service, &o->session, &o->user, &o->tag, &o->ticket};
    size_t n = 0;

    w->open = *ask;
    for (size_t i = 0; i < ARRAY_LEN(part); i++)
        n += part[i]->n;
    w->text = mem_alloc(n);
    n = 0;
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        if (part[i]->n)
            memcpy(w->text + n, part[i]->p, part[i]->n);
        part[i]->p = w->text + n;
        n += part[i]->n;
    }
    w->fd = *fd;
    *fd = -1;
    w->since_us = clock_boot_us();
    asked_move(&w->asked, asked);
    list_append(&r->waiting, &w->node);
}

static void drop_old_failures(struct accounts *a)
{
    struct vec old;
    struct str key;
    size_t at = 0;
    void *v;

    vec_init(&old, sizeof(uint64_t));
    while (map_each(&a->failures, &at, &key, &v))
        if (clock_boot_us() >= ((struct failure *)v)->until_us)
            memcpy(vec_add(&old), key.p, sizeof(uint64_t));
    for (size_t i = 0; i < old.n; i++)
        mem_free(map_remove_u64(&a->failures, *(uint64_t *)vec_at(&old, i)));
    vec_done(&old);
}

void running_note_failure(struct accounts *a, uint64_t account, const struct error *err,
                          int64_t for_us)
{
    struct failure *f = mem_zalloc(sizeof *f);

    *f = (struct failure){clock_boot_us() + for_us, *err};
    mem_free(map_put_u64(&a->failures, account, f));
    if (a->failures.n % FAILURES_KEPT == 0)
        drop_old_failures(a);
}

void running_retry(struct accounts *a, uint64_t account)
{
    const struct failure *f = map_find_u64(&a->failures, account);

    if (f && f->err.kind != ERROR_GONE)
        mem_free(map_remove_u64(&a->failures, account));
}

static bool failed_lately(struct accounts *a, uint64_t account, struct error *err)
{
    struct failure *f = map_find_u64(&a->failures, account);

    if (!f)
        return false;
    if (clock_boot_us() < f->until_us) {
        *err = f->err;
        return true;
    }
    mem_free(map_remove_u64(&a->failures, account));
    return false;
}

/* Whether a process can have this session; false with words. */
static bool may_open(struct accounts *a, const struct running *r, uint64_t account,
                     struct error *err)
{
    if (process_is_draining(a->p))
        return error_set(err, ERROR_TEMPORARY, "the server is stopping; try again in a moment");
    if (r && r->state != RUNNING)
        return error_set(err, ERROR_TEMPORARY,
                         "the account's process is ending; try again in a moment");
    if (r && !chan_idle(r->chan) && r->unheard >= UNHEARD_MOST)
        return error_set(err, ERROR_TEMPORARY,
                         "the account's process does not answer; try again in a moment");
    if (removal_is_under_way(a, account))
        return error_set(err, ERROR_GONE, "this account is being removed");
    return r || !failed_lately(a, account, err);
}

void running_open(struct accounts *a, struct asked *asked, const struct msg_session_ask *ask,
                  int *fd)
{
    struct running *r = running_find(a, ask->account);
    struct error err = {0};
    bool ok;

    if (r && r->state != RUNNING && !process_is_draining(a->p)) {
        drop_overdue(r);
        if (r->waiting.n < WAITING_MOST) {
            wait_open(r, asked, ask, fd);
            return;
        }
    }
    ok = may_open(a, r, ask->account, &err);
    if (ok && !r) {
        r = start_account(a, ask, &err);
        ok = r != NULL;
    }
    if (ok)
        send_session(r, ask, *fd);
    tell_session(asked, &(struct msg_session_tell){.error = msg_error_of(&err)}, -1);
}

void running_end_sessions(struct accounts *a, const struct msg_sessions_end_ask *ask)
{
    struct running *r = running_find(a, ask->account);
    struct msg stop = {.type = MSG_SESSIONS_STOP, .sessions_stop = {ask->credential, ask->text}};
    struct waiting *w, *next;
    struct error err;

    if (!r)
        return;
    chan_send(r->chan, &stop);
    error_set(&err, ERROR_DENIED, "%.*s", STR_ARG(ask->text));
    LIST_EACH_SAFE(w, next, &r->waiting, node) {
        if (!w->open.credential || (ask->credential && w->open.credential != ask->credential))
            continue;
        tell_session(&w->asked, &(struct msg_session_tell){.error = msg_error_of(&err)}, -1);
        waiting_free(w);
    }
}

void running_done(struct accounts *a)
{
    struct running *r;
    size_t at = 0;
    void *v;

    while ((r = LIST_FIRST(&a->leaving, struct running, node)))
        running_free(r);
    while ((r = running_each(a, &at)))
        running_free(r);
    map_done(&a->running);
    at = 0;
    while (map_each(&a->failures, &at, NULL, &v))
        mem_free(v);
    map_done(&a->failures);
}
