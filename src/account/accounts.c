/* account/accounts.c: the warmed parent of accounts' processes.
 *
 *     (none) -- open --> RUNNING -- told idle, nothing sent since --> ENDING -- its channel ends --> (none)
 *
 * An open for a RUNNING account goes to the same process; for an ENDING one it waits, and a new process is forked when
 * the old one is gone (the lock on the database makes sure of it). A child that dies by a signal has perhaps shown an
 * attacker something of the address layout that all children share, so this process then hands its running children to the
 * supervisor and ends; the supervisor executes it anew and hands them back (RATIONALE 2). */
#include "account/account.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "mime/message.h"
#include "proc/process.h"
#include "db/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURE_US (10LL * 1000000)

struct waiting { /* an open while the process is ending */
    struct waiting *next;
    struct msg_session_open open; /* its slices lie in text */
    char *text;
    int fd;
};

struct running {
    struct accounts *a;
    uint64_t account;
    pid_t pid;
    struct chan *chan;
    uint64_t started; /* sessions sent to it */
    bool ending;
    struct waiting *first, **last;
    uint64_t remove_id; /* the request to remove its files, or 0 */
};

struct handed { /* a child of our predecessor, until we have a loop for it */
    uint64_t account, pid, started;
    int fd;
};

struct failure { /* why an account did not open, for a while: it is not tried at every message */
    int64_t until_us;
    struct error err;
};

struct accounts {
    struct process *p;
    struct vec handed; /* of struct handed */
    int folder;
    struct map running;  /* account -> struct running */
    struct map failures; /* account -> struct failure */
    struct sandbox_filter *filter;
    struct event *children;
    bool renewing;
    uint64_t starts, crashes;
};

static void on_child(void *arg, struct chan *c, struct msg *m);
static void open_session(struct accounts *a, struct msg *m);

/* ---- files ---- */

static int open_below(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int open_folder(int folder, const char *name, bool create)
{
    if (create && mkdirat(folder, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* accounts/XX/ID: two digits of the number's low byte, so that no folder grows too large. */
static int account_folder(struct accounts *a, uint64_t account, bool create)
{
    char name[20];
    AUTO_FD int shard = -1;
    int fd;

    snprintf(name, sizeof name, "%02llx", (unsigned long long)account & 0xff);
    shard = open_folder(a->folder, name, create);
    if (shard < 0)
        return -1;
    snprintf(name, sizeof name, "%016llx", (unsigned long long)account);
    fd = open_folder(shard, name, create);
    if (fd >= 0 && create && faccessat(fd, "db", F_OK, 0) != 0 &&
        (fsync(shard) != 0 || fsync(a->folder) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Opens, or makes and syncs, what the account's process will have. */
static bool open_files(struct accounts *a, struct account_birth *b)
{
    AUTO_FD int folder = account_folder(a, b->account, true);
    bool fresh;

    if (folder < 0)
        return false;
    fresh = faccessat(folder, "db", F_OK, 0) != 0;
    b->db = open_below(folder, "db");
    b->wal = open_below(folder, "wal");
    b->large = open_folder(folder, "large", true);
    return b->db >= 0 && b->wal >= 0 && b->large >= 0 && (!fresh || fsync(folder) == 0);
}

static bool remove_folder(int parent, const char *name)
{
    int fd = open_folder(parent, name, false);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool ok = true;

    if (!dir) {
        bool gone = fd < 0 && errno == ENOENT;

        base_close_fd(&fd);
        return gone;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) != 0)
            ok = (errno == EISDIR || errno == EPERM) && remove_folder(fd, e->d_name) && ok;
    }
    closedir(dir);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 && ok;
}

static bool remove_files(struct accounts *a, uint64_t account)
{
    char shard[20], name[20];
    AUTO_FD int fd = -1;

    snprintf(shard, sizeof shard, "%02llx", (unsigned long long)account & 0xff);
    snprintf(name, sizeof name, "%016llx", (unsigned long long)account);
    fd = open_folder(a->folder, shard, false);
    if (fd < 0)
        return errno == ENOENT;
    return remove_folder(fd, name) && fsync(fd) == 0;
}

/* ---- children ---- */

static void close_birth(struct account_birth *b)
{
    base_close_fd(&b->parent);
    base_close_fd(&b->keys);
    base_close_fd(&b->db);
    base_close_fd(&b->wal);
    base_close_fd(&b->large);
}

static struct running *add_running(struct accounts *a, uint64_t account, pid_t pid, int fd)
{
    struct running *r = mem_zalloc(sizeof *r);

    *r = (struct running){.a = a, .account = account, .pid = pid};
    r->last = &r->first;
    r->chan = chan_create(a->p->base, fd, ROLE_ACCOUNTS, ROLE_ACCOUNT, on_child, r);
    map_put_u64(&a->running, account, r);
    return r;
}

static bool fork_account(struct accounts *a, struct account_birth *b, int keys_end, int parent_end,
                         struct running **out)
{
    struct msg m = {
        .type = MSG_KEYS_START, .nfds = 1, .fd = {keys_end}, .keys_start = {b->account}};
    struct chan *keys = process_peer(a->p, ROLE_KEYS);
    pid_t pid;

    if (!keys) {
        errno = EAGAIN;
        return false;
    }
    pid = fork();
    if (pid == 0)
        account_live(b);
    if (pid < 0)
        return false;
    chan_send(keys, &m);
    a->starts++;
    *out = add_running(a, b->account, pid, parent_end);
    return true;
}

/* NULL, with words, when it can not be. */
static struct running *start_account(struct accounts *a, uint64_t account, struct error *err)
{
    struct account_birth b = {.account = account,
                              .parent = -1,
                              .keys = -1,
                              .db = -1,
                              .wal = -1,
                              .large = -1,
                              .filter = a->filter,
                              .idle_s = a->p->config.account_idle,
                              .retention_days = a->p->config.retention_days,
                              .landlock_abi = (unsigned)a->p->config.landlock_abi,
                              .sandbox_required = a->p->config.sandbox_required};
    int to_parent[2] = {-1, -1}, to_keys[2] = {-1, -1};
    struct running *r = NULL;
    int saved = 0;

    if (a->running.n >= a->p->config.account_processes) {
        error_set(err, ERROR_TEMPORARY,
                  "too many accounts are in use at once; try again in a moment");
        return NULL;
    }
    if (open_files(a, &b) && chan_pair(to_parent, false) && chan_pair(to_keys, false)) {
        b.parent = to_parent[1];
        b.keys = to_keys[1];
        if (!fork_account(a, &b, to_keys[0], to_parent[0], &r)) {
            saved = errno;
            close(to_parent[0]);
        }
    } else {
        saved = errno;
        base_close_fd(&to_parent[0]);
        base_close_fd(&to_parent[1]);
    }
    base_close_fd(&to_keys[0]);
    close_birth(&b);
    if (!r)
        error_set(err, ERROR_TEMPORARY, "the account can not be opened just now (%s)",
                  strerror(saved));
    return r;
}

static void send_session(struct running *r, const struct msg_session_open *o, int fd)
{
    struct msg m = {.type = MSG_SESSION_START, .nfds = 1, .fd = {fd}};

    m.session_start =
        (struct msg_session_start){o->service,    o->session,   o->user,  o->tag,
                                   o->credential, o->read_only, o->quota, o->subaddress};
    r->started++;
    chan_send(r->chan, &m);
}

static void answer_open(struct accounts *a, uint64_t id, const struct error *err)
{
    struct chan *c = process_peer(a->p, ROLE_DIRECTORY);
    struct msg m = {.type = MSG_SESSION_OPENED, .session_opened = {.id = id}};

    if (err) {
        m.session_opened.kind = err->kind;
        m.session_opened.text = str_c(err->text);
    }
    if (c)
        chan_send(c, &m);
}

/* Keeps an open until the ending process is gone; its slices are copied into one block. */
static void wait_open(struct running *r, struct msg *m)
{
    struct waiting *w = mem_zalloc(sizeof *w);
    struct msg_session_open *o = &w->open;
    struct str *part[] = {&o->service, &o->session, &o->user, &o->tag, &o->credential};
    size_t n = 0;

    w->open = m->session_open;
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
    w->fd = m->fd[0];
    m->fd[0] = -1;
    *r->last = w;
    r->last = &w->next;
}

static void note_failure(struct accounts *a, uint64_t account, const struct msg_account_failed *m)
{
    struct failure *f = mem_zalloc(sizeof *f);

    f->until_us = clock_boot_us() + FAILURE_US;
    error_set(&f->err, (enum error_kind)m->kind, "%.*s", STR_ARG(m->text));
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

static void open_session(struct accounts *a, struct msg *m)
{
    uint64_t account = m->session_open.account;
    struct running *r = map_find_u64(&a->running, account);
    struct error err = {0};

    if (m->nfds != 1)
        return;
    if (r && r->ending) {
        wait_open(r, m);
        return;
    }
    if (!r && !failed_lately(a, account, &err))
        r = start_account(a, account, &err);
    if (r)
        send_session(r, &m->session_open, m->fd[0]);
    answer_open(a, m->session_open.id, r ? NULL : &err);
}

static void answer_remove(struct accounts *a, uint64_t id, bool ok)
{
    struct chan *c = process_peer(a->p, ROLE_DIRECTORY);
    struct msg m = {.type = MSG_ACCOUNT_REMOVED, .account_removed = {.id = id}};

    if (!ok) {
        m.account_removed.kind = ERROR_DISK;
        m.account_removed.text = STR("its files could not be removed");
    }
    if (c)
        chan_send(c, &m);
}

/* The process is gone: what waited for that begins. */
static void running_ended(struct running *r)
{
    struct accounts *a = r->a;
    struct waiting *w = r->first;
    uint64_t account = r->account, remove_id = r->remove_id;

    map_remove_u64(&a->running, account);
    chan_destroy(r->chan);
    mem_free(r);
    if (remove_id)
        answer_remove(a, remove_id, remove_files(a, account));
    while (w) {
        struct waiting *next = w->next;
        struct msg m = {
            .type = MSG_SESSION_OPEN, .nfds = 1, .fd = {w->fd}, .session_open = w->open};

        open_session(a, &m);
        if (m.fd[0] >= 0)
            close(m.fd[0]);
        mem_free(w->text);
        mem_free(w);
        w = next;
    }
    if (a->p->draining && a->running.n == 0)
        process_end(a->p);
}

static void stop(struct running *r)
{
    struct msg m = {.type = MSG_ACCOUNT_STOP};

    if (!r->ending)
        chan_send(r->chan, &m);
    r->ending = true;
}

static void on_child(void *arg, struct chan *c, struct msg *m)
{
    struct running *r = arg;

    (void)c;
    if (!m) {
        running_ended(r);
    } else if (m->type == MSG_ACCOUNT_IDLE) {
        /* It has seen all that was sent to it, and nobody is there: it may end. */
        if (m->account_idle.started == r->started)
            stop(r);
    } else if (m->type == MSG_ACCOUNT_FAILED) {
        struct log_line l;

        log_begin(&l,
                  m->account_failed.kind == ERROR_DAMAGED ? LOG_ACCOUNT_DAMAGED : LOG_ROLE_PROBLEM,
                  STR_NULL);
        log_u64(&l, "account", r->account);
        log_str(&l, "what", m->account_failed.text);
        log_end(&l);
        note_failure(r->a, r->account, &m->account_failed);
        r->ending = true;
    }
}

/* ---- a new address layout ---- */

static void renew(struct accounts *a)
{
    size_t at = 0;
    void *v;

    if (a->renewing || a->p->draining)
        return;
    a->renewing = true;
    while (map_each(&a->running, &at, NULL, &v)) {
        struct running *r = v;
        struct msg m = {.type = MSG_ACCOUNTS_CHILD,
                        .nfds = 1,
                        .fd = {chan_fd(r->chan)},
                        .accounts_child = {r->account, (uint64_t)r->pid, r->started}};

        if (r->ending)
            continue; /* it ends by itself, and its lock keeps a successor waiting */
        chan_flush(r->chan, 1000);
        chan_send(a->p->supervisor, &m);
    }
    chan_flush(a->p->supervisor, 5000);
    _exit(0);
}

static void crashed(struct accounts *a, pid_t pid, uint64_t signal)
{
    struct log_line l;

    log_begin(&l, LOG_ACCOUNT_CRASH, STR_NULL);
    log_u64(&l, "pid", (uint64_t)pid);
    log_u64(&l, "signal", signal);
    log_end(&l);
    a->crashes++;
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
        if (WIFSIGNALED(status))
            crashed(a, pid, (uint64_t)WTERMSIG(status));
}

static void adopt(struct accounts *a, const struct handed *h)
{
    struct running *r = add_running(a, h->account, (pid_t)h->pid, h->fd);

    r->started = h->started;
}

/* ---- the role ---- */

static void take_file(void *arg, struct str name, int fd)
{
    struct accounts *a = arg;

    if (str_equal(name, STR("accounts")))
        a->folder = fd;
    else
        close(fd);
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct accounts *a = arg;
    sigset_t set;
    int fd;

    (void)ready;
    a->p = p;
    if (a->folder < 0)
        return error_set(err, ERROR_NOT_FOUND, "the folder of accounts did not come");
    db_process_init();
    mime_process_init();
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    a->children = event_new(p->base, fd, EV_READ | EV_PERSIST, on_sigchld, a);
    event_add(a->children, NULL);
    for (size_t i = 0; i < a->handed.n; i++)
        adopt(a, vec_at(&a->handed, i));
    vec_done(&a->handed);
    return sandbox_filter_make(&a->filter, ROLE_ACCOUNT, err);
}

static int folder(void *arg)
{
    struct accounts *a = arg;

    return a->folder;
}

/* Before our start, from the supervisor: so that no open comes ahead of it. */
static void take_handed(struct accounts *a, struct msg *m)
{
    struct handed *h;

    if (m->nfds != 1 || a->p)
        return;
    h = vec_add(&a->handed);
    *h = (struct handed){m->accounts_child.account, m->accounts_child.pid,
                         m->accounts_child.started, m->fd[0]};
    m->fd[0] = -1;
}

static void remove_account(struct accounts *a, const struct msg_account_remove *m)
{
    struct running *r = map_find_u64(&a->running, m->account);

    if (!r) {
        answer_remove(a, m->id, remove_files(a, m->account));
        return;
    }
    r->remove_id = m->id;
    stop(r);
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    struct accounts *a = arg;

    (void)c;
    switch (m->type) {
    case MSG_SESSION_OPEN:
        open_session(a, m);
        break;
    case MSG_ACCOUNT_REMOVE:
        remove_account(a, &m->account_remove);
        break;
    case MSG_ACCOUNTS_CHILD:
        take_handed(a, m);
        break;
    case MSG_ACCOUNTS_ORPHAN:
        if (m->accounts_orphan.signal)
            crashed(a, (pid_t)m->accounts_orphan.pid, m->accounts_orphan.signal);
        break;
    default:
        break;
    }
}

static void drain(void *arg)
{
    struct accounts *a = arg;
    size_t at = 0;
    void *v;

    while (map_each(&a->running, &at, NULL, &v))
        stop(v);
    if (a->running.n == 0)
        process_end(a->p);
}

static void status(void *arg, struct process_status *s)
{
    struct accounts *a = arg;

    process_status_add(s, "accounts-running", a->running.n);
    process_status_add(s, "account-starts", a->starts);
    process_status_add(s, "account-crashes", a->crashes);
}

NORETURN void accounts_main(unsigned instance)
{
    static const struct process_ops ops = {
        .file = take_file,
        .start = start,
        .message = message,
        .drain = drain,
        .status = status,
        .folder = folder,
        .folders_too = true,
    };
    struct accounts a = {.folder = -1};

    map_init(&a.running);
    map_init(&a.failures);
    vec_init(&a.handed, sizeof(struct handed));
    process_main(ROLE_ACCOUNTS, instance, &ops, &a);
}
