/* account/accounts.c: the warmed parent of accounts' processes.
 *
 *     (none) -- open --> RUNNING -- told idle, nothing sent since; failed; drained --> ENDING
 *        ^                  |                                                            |
 *        |                  | its channel ends                        its channel ends   | its time is over
 *        |                  v                                                |           v
 *        +-- reaped ---- LEAVING <-------------------------------------------+------- KILLED
 *                           | it still lives after a moment --> KILLED
 *
 * An open for a RUNNING account goes to the same process; for an ENDING or KILLED one it waits, and a
 * new process is forked when the old one's channel has ended (the lock on the database makes sure of
 * the rest). A process that does not end when it is told to, or that does not answer when it was asked
 * whether it lives, is killed by the supervisor: this process may signal nobody.
 *
 * Nothing here waits for a disk: a child opens its files itself, and an account's files are removed by
 * a child that does nothing else. A child that dies by a signal has perhaps shown an attacker something
 * of the address layout that all children share, so this process then hands its running children to the
 * supervisor, a few at a time, and ends; the supervisor executes it anew and hands them back. */
#include "account/account.h"

#include "account/files.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "db/db.h"
#include "mime/message.h"
#include "proc/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURE_US (10LL * 1000000)
#define STOP_US (5LL * 1000000) /* for a process to end when told to */
#define STOP_DRAINING_US (2LL * 1000000)
#define LEAVE_US (2LL * 1000000) /* between the end of its channel and its own */
#define WAIT_US (15LL * 1000000) /* whoever asked has given up by then */
#define WAITING_MOST 64          /* opens for one account */
#define HAND_OVER_AT_ONCE 32

enum running_state { RUNNING, ENDING, KILLED, LEAVING };

struct waiting { /* an open while the process is ending */
    struct list_node node;
    struct asked asked;
    struct msg_session_ask open; /* its slices lie in text */
    char *text;
    int fd;
    int64_t since_us;
};

struct running {
    struct list_node node; /* of a->leaving, while it is LEAVING */
    struct accounts *a;
    enum running_state state;
    uint64_t account;
    pid_t pid;
    struct chan *chan;     /* NULL: LEAVING */
    uint64_t started;      /* sessions sent to it */
    bool told_to_die;      /* the supervisor was asked to kill it: no crash */
    bool reaped;           /* its number may be somebody else's by now */
    uint64_t ping;         /* the question whether it lives, or 0 */
    struct list waiting;   /* of struct waiting */
    struct asked removal;  /* its files go when it has ended */
    struct timer deadline; /* of ENDING, and of LEAVING */
};

struct removing { /* a child that removes an account's files */
    struct list_node node;
    uint64_t account;
    pid_t pid;
    struct asked asked;
};

struct failure { /* why an account did not open, for a while: it is not tried at every message */
    int64_t until_us;
    struct error err;
};

struct handed { /* a child of our predecessor, until we have a loop for it */
    uint64_t account, pid, started;
    int fd;
};

struct accounts {
    struct process *p;
    struct vec handed; /* of struct handed */
    int folder;
    struct map running;   /* account -> struct running, but those LEAVING */
    struct list leaving;  /* of struct running */
    struct list removals; /* of struct removing */
    struct map failures;  /* account -> struct failure */
    struct sandbox_filter *filter;
    struct event *children;
    bool renewing;
    size_t handing; /* over, not answered */
    uint64_t starts, crashes, killed;
};

static void on_child(void *arg, struct chan *c, struct msg *m);
static void open_session(struct accounts *a, struct asked *asked, const struct msg_session_ask *ask,
                         int *fd);
static void renew_step(struct accounts *a);

/* What must hold whenever the loop comes round. */
static void running_check(const struct running *r)
{
#ifdef POSTHUS_SANITIZE
    if ((r->state == LEAVING) != (r->chan == NULL) ||
        (r->state == LEAVING) != (r->node.in == &r->a->leaving))
        panic("a process that leaves has no channel, any other has one");
    if (r->state == RUNNING && (r->waiting.n || asked_waits(&r->removal)))
        panic("nobody waits for the end of a process that runs");
    if ((r->state == ENDING) && !timer_is_set(&r->deadline))
        panic("a process that ends has a time to do so");
#else
    (void)r;
#endif
}

/* ---- the end of a process ---- */

static void running_kill(struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_KILL, .account_kill = {r->account, (uint64_t)r->pid}};

    if (r->reaped)
        return;
    if (r->state != LEAVING)
        r->state = KILLED;
    r->told_to_die = true;
    r->a->killed++;
    if (r->a->p->supervisor)
        chan_send(r->a->p->supervisor, &m);
}

static void on_deadline(void *arg)
{
    running_kill(arg);
}

static void running_stop(struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_STOP};

    if (r->state != RUNNING)
        return;
    chan_send(r->chan, &m);
    r->state = ENDING;
    timer_set(&r->deadline, process_is_draining(r->a->p) ? STOP_DRAINING_US : STOP_US);
    running_check(r);
}

static void running_free(struct running *r)
{
    timer_stop(&r->deadline);
    list_remove(&r->node);
    mem_free(r);
}

static void waiting_free(struct waiting *w)
{
    list_remove(&w->node);
    asked_forget(&w->asked);
    if (w->fd >= 0)
        close(w->fd);
    mem_free(w->text);
    mem_free(w);
}

static void answer_removal(struct asked *asked, bool ok)
{
    struct error err = {0};

    if (!ok)
        error_set(&err, ERROR_DISK, "its files could not be removed");
    tell_account_remove(asked, &(struct msg_account_remove_tell){.error = msg_error_of(&err)}, -1);
}

/* In a child, as there may be much to remove. */
static void removal_begin(struct accounts *a, uint64_t account, struct asked *asked)
{
    struct removing *x;
    pid_t pid = fork();

    if (pid == 0)
        _exit(account_files_remove(a->folder, account) ? 0 : 1);
    if (pid < 0) {
        answer_removal(asked, false);
        return;
    }
    x = mem_zalloc(sizeof *x);
    *x = (struct removing){.account = account, .pid = pid};
    asked_move(&x->asked, asked);
    list_append(&a->removals, &x->node);
}

static bool removal_ended(struct accounts *a, pid_t pid, int status)
{
    struct removing *x;

    LIST_EACH(x, &a->removals, node) {
        if (x->pid != pid)
            continue;
        answer_removal(&x->asked, WIFEXITED(status) && WEXITSTATUS(status) == 0);
        list_remove(&x->node);
        mem_free(x);
        return true;
    }
    return false;
}

/* Its channel is gone: what waited for that begins. */
static void running_left(struct running *r)
{
    struct accounts *a = r->a;
    struct waiting *w;

    map_remove_u64(&a->running, r->account);
    calls_forget(a->p->calls, r->ping);
    chan_destroy(r->chan);
    r->chan = NULL;
    r->state = LEAVING;
    list_append(&a->leaving, &r->node);
    timer_set(&r->deadline, LEAVE_US);
    if (asked_waits(&r->removal))
        removal_begin(a, r->account, &r->removal);
    while ((w = LIST_FIRST(&r->waiting, struct waiting, node))) {
        if (clock_boot_us() - w->since_us < WAIT_US)
            open_session(a, &w->asked, &w->open, &w->fd);
        waiting_free(w);
    }
    if (r->reaped)
        running_free(r);
    if (a->renewing)
        renew_step(a);
    else if (process_is_draining(a->p) && a->running.n == 0)
        process_end(a->p);
}

static struct running *running_of_pid(struct accounts *a, pid_t pid)
{
    struct running *r;
    size_t at = 0;
    void *v;

    LIST_EACH(r, &a->leaving, node)
        if (r->pid == pid)
            return r;
    while (map_each(&a->running, &at, NULL, &v)) {
        r = v;
        if (r->pid == pid)
            return r;
    }
    return NULL;
}

/* ---- its beginning ---- */

static struct running *running_add(struct accounts *a, uint64_t account, pid_t pid, int fd)
{
    struct running *r = mem_zalloc(sizeof *r);

    *r = (struct running){.a = a, .account = account, .pid = pid};
    timer_init(&r->deadline, a->p->timers, on_deadline, r);
    r->chan = chan_create(a->p->base, fd, ROLE_ACCOUNTS, ROLE_ACCOUNT, on_child, r);
    map_put_u64(&a->running, account, r);
    return r;
}

/* The sockets of a new process; its own ends are birth's. */
struct birth_ends {
    int parent[2], keys[2], log[2];
};

static void ends_close(struct birth_ends *e, int side)
{
    base_close_fd(&e->parent[side]);
    base_close_fd(&e->keys[side]);
    base_close_fd(&e->log[side]);
}

static struct running *fork_account(struct accounts *a, struct account_birth *b,
                                    struct birth_ends *e, struct str ticket)
{
    struct msg start = {.type = MSG_KEYS_START, .nfds = 1, .fd = {e->keys[0]}};
    struct msg log = {.type = MSG_ACCOUNT_LOG, .nfds = 1, .fd = {e->log[0]}};
    struct chan *keys = process_peer(a->p, ROLE_KEYS);
    struct running *r;
    pid_t pid;

    errno = EAGAIN;
    if (!keys || (pid = fork()) < 0)
        return NULL;
    if (pid == 0)
        account_live(b);
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
static struct running *start_account(struct accounts *a, uint64_t account, struct str ticket,
                                     struct error *err)
{
    struct birth_ends e = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct account_birth b = {.account = account,
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
        r = fork_account(a, &b, &e, ticket);
    }
    saved = errno;
    ends_close(&e, 0);
    ends_close(&e, 1);
    if (!r)
        error_set(err, ERROR_TEMPORARY, "the account cannot be opened just now (%s)",
                  strerror(saved));
    return r;
}

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

/* ---- opening ---- */

static void note_failure(struct accounts *a, uint64_t account, const struct msg_error *why)
{
    struct failure *f = mem_zalloc(sizeof *f);

    f->until_us = clock_boot_us() + FAILURE_US;
    msg_error_take(why, &f->err);
    mem_free(map_put_u64(&a->failures, account, f));
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

static bool is_being_removed(const struct accounts *a, uint64_t account)
{
    const struct removing *x;

    LIST_EACH(x, &a->removals, node)
        if (x->account == account)
            return true;
    return false;
}

/* Takes *fd when it is kept. */
static void open_session(struct accounts *a, struct asked *asked, const struct msg_session_ask *ask,
                         int *fd)
{
    struct running *r = map_find_u64(&a->running, ask->account);
    struct error err = {0};

    if (r && r->state != RUNNING && r->waiting.n < WAITING_MOST) {
        wait_open(r, asked, ask, fd);
        return;
    }
    if (r && r->state != RUNNING)
        error_set(&err, ERROR_TEMPORARY, "the account's process is ending; try again in a moment");
    else if (is_being_removed(a, ask->account))
        error_set(&err, ERROR_GONE, "this account is being removed");
    else if (!r && !failed_lately(a, ask->account, &err))
        r = start_account(a, ask->account, ask->ticket, &err);
    if (err.kind == ERROR_NONE)
        send_session(r, ask, *fd);
    tell_session(asked, &(struct msg_session_tell){.error = msg_error_of(&err)}, -1);
}

static void take_session_ask(struct accounts *a, struct chan *c, struct msg *m)
{
    struct asked asked;

    asked_take(&asked, c, m);
    if (m->nfds == 1)
        open_session(a, &asked, &m->session_ask, &m->fd[0]);
    asked_forget(&asked);
}

/* ---- sessions that are over ---- */

static void take_sessions_end_ask(struct accounts *a, struct chan *c, const struct msg *m)
{
    const struct msg_sessions_end_ask *ask = &m->sessions_end_ask;
    struct running *r = map_find_u64(&a->running, ask->account);
    struct msg stop = {.type = MSG_SESSIONS_STOP, .sessions_stop = {ask->credential, ask->text}};
    struct waiting *w, *next;
    struct asked asked;

    if (r) {
        chan_send(r->chan, &stop);
        LIST_EACH_SAFE(w, next, &r->waiting, node)
            if (w->open.credential &&
                (w->open.credential == ask->credential || ask->credential == 0))
                waiting_free(w);
    }
    asked_take(&asked, c, m);
    tell_sessions_end(&asked, &(struct msg_sessions_end_tell){0}, -1);
}

static void take_remove_ask(struct accounts *a, struct chan *c, const struct msg *m)
{
    struct running *r = map_find_u64(&a->running, m->account_remove_ask.account);
    struct asked asked;

    asked_take(&asked, c, m);
    if (!r) {
        removal_begin(a, m->account_remove_ask.account, &asked);
        return;
    }
    running_stop(r);
    if (!asked_waits(&r->removal))
        asked_move(&r->removal, &asked);
    else
        answer_removal(&asked, false);
}

/* ---- does it live? ---- */

static void on_ping(void *arg, struct msg_account_ping_tell *tell, int *fd)
{
    struct running *r = arg;
    struct log_line l;

    (void)fd;
    r->ping = 0;
    if (tell->id || r->state == KILLED)
        return;
    log_begin(&l, LOG_ROLE_PROBLEM, STR_NULL);
    log_u64(&l, "account", r->account);
    log_c(&l, "what",
          "its process does not answer, and is killed; what it has not taken is in the queue");
    log_end(&l);
    running_kill(r);
}

static void take_probe(struct accounts *a, const struct msg_account_probe *m)
{
    struct running *r = map_find_u64(&a->running, m->account);

    if (r && r->state == RUNNING && !r->ping)
        r->ping = call_account_ping(call_over(a->p->calls, r->chan),
                                    &(struct msg_account_ping_ask){0}, NULL, on_ping, r);
}

/* ---- what a child says ---- */

static void take_failed(struct running *r, const struct msg_account_failed *m)
{
    struct log_line l;

    log_begin(&l, m->error.kind == ERROR_DAMAGED ? LOG_ACCOUNT_DAMAGED : LOG_ROLE_PROBLEM,
              STR_NULL);
    log_u64(&l, "account", r->account);
    log_str(&l, "what", m->error.text);
    log_end(&l);
    note_failure(r->a, r->account, &m->error);
    if (r->state == RUNNING) { /* it ends by itself */
        r->state = ENDING;
        timer_set(&r->deadline, STOP_US);
    }
}

static void on_child(void *arg, struct chan *c, struct msg *m)
{
    struct running *r = arg;

    (void)c;
    if (!m) {
        running_left(r);
    } else if (m->type == MSG_ACCOUNT_IDLE) {
        /* It has seen all that was sent to it, and nobody is there: it may end. */
        if (m->account_idle.started == r->started && !r->a->renewing)
            running_stop(r);
    } else if (m->type == MSG_ACCOUNT_FAILED) {
        take_failed(r, &m->account_failed);
    }
}

/* ---- a new address layout ---- */

static void on_handed_over(void *arg, struct msg_hand_over_tell *tell, int *fd)
{
    struct accounts *a = arg;

    (void)tell,
        (void)fd; /* one that was not taken ends by itself, when its channel is gone with us */
    a->handing--;
    renew_step(a);
}

static void hand_over(struct running *r)
{
    struct accounts *a = r->a;
    struct msg_hand_over_ask ask = {
        .account = r->account, .pid = (uint64_t)r->pid, .started = r->started};

    a->handing++;
    call_hand_over(call_over(a->p->calls, a->p->supervisor), &ask, CALL_FD(chan_fd(r->chan)),
                   on_handed_over, a);
    map_remove_u64(&a->running, r->account);
    calls_forget(a->p->calls, r->ping); /* whoever asked for it asks our successor again */
    timer_stop(&r->deadline);
    chan_destroy(r->chan);
    mem_free(r);
}

/* The next few children go; those that are ending are no use to anybody. */
static void renew_step(struct accounts *a)
{
    while (a->handing < HAND_OVER_AT_ONCE) {
        size_t at = 0;
        void *v;
        struct running *r = NULL;

        while (map_each(&a->running, &at, NULL, &v)) {
            r = v;
            if (r->state == RUNNING && chan_idle(r->chan))
                break;
            r = NULL;
        }
        if (!r)
            break;
        hand_over(r);
    }
    if (a->handing == 0) {
        chan_flush(a->p->supervisor, 1000);
        _exit(0);
    }
}

static void kill_ending(struct accounts *a)
{
    size_t at = 0;
    void *v;
    struct running *r;

    while (map_each(&a->running, &at, NULL, &v)) {
        r = v;
        chan_set_reading(r->chan, false); /* what it says from now on is for our successor */
        if (r->state == RUNNING)
            chan_flush(r->chan, 1000);
        if (r->state != RUNNING || !chan_idle(r->chan))
            running_kill(r);
    }
    LIST_EACH(r, &a->leaving, node)
        running_kill(r);
}

/* What peers ask from now on waits for our successor. */
static void renew(struct accounts *a)
{
    struct process_peer *q;

    if (a->renewing || process_is_draining(a->p) || !a->p->supervisor)
        return;
    a->renewing = true;
    LIST_EACH(q, &a->p->peers, node)
        chan_set_reading(q->chan, false);
    kill_ending(a);
    renew_step(a);
}

static void log_crash(pid_t pid, int status)
{
    struct log_line l;

    log_begin(&l, LOG_ACCOUNT_CRASH, STR_NULL);
    log_u64(&l, "of-pid", (uint64_t)pid);
    log_u64(&l, "signal", (uint64_t)WTERMSIG(status));
    log_end(&l);
}

/* A process has ended, and was collected: its number may be somebody else's from now on. */
static void child_reaped(struct accounts *a, pid_t pid, int status)
{
    struct running *r = running_of_pid(a, pid);
    bool wanted = r && r->told_to_die;

    if (removal_ended(a, pid, status))
        return;
    if (r && r->state == LEAVING)
        running_free(r);
    else if (r)
        r->reaped = true; /* its channel ends just now */
    if (!WIFSIGNALED(status) || wanted)
        return;
    a->crashes++;
    log_crash(pid, status);
    renew(a);
}

static void on_sigchld(evutil_socket_t fd, short what, void *arg)
{
    struct accounts *a = arg;
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    (void)what;
    while (read(fd, &info, sizeof info) == sizeof info)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        child_reaped(a, pid, status);
}

/* ---- the role ---- */

static void accounts_file(void *arg, struct str name, int fd)
{
    struct accounts *a = arg;

    if (str_equal(name, STR("accounts")))
        a->folder = fd;
    else
        close(fd);
}

static void watch_children(struct accounts *a)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    a->children = event_new(a->p->base, fd, EV_READ | EV_PERSIST, on_sigchld, a);
    event_add(a->children, NULL);
}

static bool accounts_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct accounts *a = arg;

    (void)ready;
    a->p = p;
    if (a->folder < 0)
        return error_set(err, ERROR_NOT_FOUND, "the folder of accounts did not come");
    db_process_init();
    mime_process_init();
    watch_children(a);
    for (size_t i = 0; i < a->handed.n; i++) {
        const struct handed *h = vec_at(&a->handed, i);

        running_add(a, h->account, (pid_t)h->pid, h->fd)->started = h->started;
    }
    vec_done(&a->handed);
    return sandbox_filter_make(&a->filter, ROLE_ACCOUNT, err);
}

static int accounts_folder(void *arg)
{
    struct accounts *a = arg;

    return a->folder;
}

/* Before our start, from the supervisor: so that no open comes ahead of it. */
static void take_adopt_ask(struct accounts *a, struct chan *c, struct msg *m)
{
    struct asked asked;
    struct handed *h;

    asked_take(&asked, c, m);
    if (m->nfds == 1 && !a->p) {
        h = vec_add(&a->handed);
        *h =
            (struct handed){m->adopt_ask.account, m->adopt_ask.pid, m->adopt_ask.started, m->fd[0]};
        m->fd[0] = -1;
    }
    tell_adopt(&asked, &(struct msg_adopt_tell){0}, -1);
}

static void handed_forget(struct accounts *a, pid_t pid)
{
    for (size_t i = 0; i < a->handed.n; i++) {
        struct handed *h = vec_at(&a->handed, i);

        if (h->pid != (uint64_t)pid)
            continue;
        close(h->fd);
        vec_remove(&a->handed, i);
        return;
    }
}

static void take_orphan(struct accounts *a, const struct msg_accounts_orphan *m)
{
    int status = (int)m->signal; /* as waitpid has it: the signal alone, or 0 */

    if (!a->p) { /* not started yet: our layout is new, nobody has seen it */
        handed_forget(a, (pid_t)m->pid);
        if (WIFSIGNALED(status)) {
            a->crashes++;
            log_crash((pid_t)m->pid, status);
        }
        return;
    }
    child_reaped(a, (pid_t)m->pid, status);
}

static void accounts_message(void *arg, struct chan *c, struct msg *m)
{
    struct accounts *a = arg;

    switch (m->type) {
    case MSG_SESSION_ASK:
        take_session_ask(a, c, m);
        break;
    case MSG_SESSIONS_END_ASK:
        take_sessions_end_ask(a, c, m);
        break;
    case MSG_ACCOUNT_REMOVE_ASK:
        take_remove_ask(a, c, m);
        break;
    case MSG_ACCOUNT_PROBE:
        take_probe(a, &m->account_probe);
        break;
    case MSG_ADOPT_ASK:
        take_adopt_ask(a, c, m);
        break;
    case MSG_ACCOUNTS_ORPHAN:
        take_orphan(a, &m->accounts_orphan);
        break;
    default:
        break;
    }
}

/* What LIVE settings say of processes that run. */
static void accounts_reload(void *arg)
{
    struct accounts *a = arg;
    const struct config *c = &a->p->config;
    struct msg m = {.type = MSG_ACCOUNT_SETTINGS,
                    .account_settings = {c->account_idle, c->retention_days, c->log_debug}};
    size_t at = 0;
    void *v;

    while (map_each(&a->running, &at, NULL, &v))
        chan_send(((struct running *)v)->chan, &m);
}

static void accounts_drain(void *arg)
{
    struct accounts *a = arg;
    size_t at = 0;
    void *v;

    while (map_each(&a->running, &at, NULL, &v))
        running_stop(v);
    if (a->running.n == 0)
        process_end(a->p);
}

static void accounts_status(void *arg, struct process_status *s)
{
    struct accounts *a = arg;

    process_status_add(s, "accounts-running", a->running.n);
    process_status_add(s, "account-starts", a->starts);
    process_status_add(s, "account-crashes", a->crashes);
    process_status_add(s, "account-kills", a->killed);
}

static const struct process_ops accounts_ops = {
    .file = accounts_file,
    .start = accounts_start,
    .message = accounts_message,
    .reload = accounts_reload,
    .drain = accounts_drain,
    .status = accounts_status,
    .folder = accounts_folder,
};

static void accounts_init(struct accounts *a)
{
    *a = (struct accounts){.folder = -1};
    vec_init(&a->handed, sizeof(struct handed));
}

NORETURN void accounts_main(unsigned instance)
{
    struct accounts a;

    accounts_init(&a);
    process_main(ROLE_ACCOUNTS, instance, &accounts_ops, &a);
}
