/* account/accounts.c: the warmed parent of accounts' processes: the role. running.c has its children and
 * their states, removal.c those that remove files, renew.c what happens when one has crashed.
 *
 * Nothing here waits for a disk: a child opens its files itself. */
#include "account/accounts_int.h"

#include "account/files.h"
#include "db/db.h"
#include "mime/message.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what peers ask ---- */

static void take_session_ask(struct accounts *a, struct chan *c, struct msg *m)
{
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    if (m->nfds == 1) {
        running_open(a, &asked, &m->session_ask, &m->fd[0]);
        return;
    }
    error_set(&err, ERROR_INTERNAL, "a session without its socket");
    tell_session(&asked, &(struct msg_session_tell){.error = msg_error_of(&err)}, -1);
}

static void take_sessions_end_ask(struct accounts *a, struct chan *c, const struct msg *m)
{
    struct asked asked;

    asked_take(&asked, c, m);
    running_end_sessions(a, &m->sessions_end_ask);
    tell_sessions_end(&asked, &(struct msg_sessions_end_tell){0}, -1);
}

static void take_remove_ask(struct accounts *a, struct chan *c, const struct msg *m)
{
    struct asked asked;

    asked_take(&asked, c, m);
    removal_ask(a, m->account_remove_ask.account, &asked);
}

static void take_probe(struct accounts *a, const struct msg_account_probe *m)
{
    struct running *r = running_find(a, m->account);

    if (r)
        running_probe(r);
}

/* Before our start, from the supervisor: so that no open comes ahead of it. */
static void take_adopt_ask(struct accounts *a, struct chan *c, struct msg *m)
{
    struct asked asked;
    struct handed *h;

    asked_take(&asked, c, m);
    if (m->nfds == 1 && !a->p) {
        h = vec_add(&a->handed);
        *h = (struct handed){.account = m->adopt_ask.account,
                             .pid = m->adopt_ask.pid,
                             .started = m->adopt_ask.started,
                             .probe = m->adopt_ask.probe != 0,
                             .busy_until_us = (int64_t)m->adopt_ask.busy_until,
                             .fd = m->fd[0]};
        m->fd[0] = -1;
    }
    tell_adopt(&asked, &(struct msg_adopt_tell){0}, -1);
}

/* An adopted child has ended, perhaps before our start. If it crashed, it has shown our predecessor's
 * address layout, which nothing is forked with any more. */
static void take_orphan(struct accounts *a, const struct msg_accounts_orphan *m)
{
    int status = (int)m->signal; /* as waitpid has it: the signal alone, or 0 */
    struct ended *e;

    if (a->p) {
        (void)running_reaped(a, (pid_t)m->pid, status);
        return;
    }
    e = vec_add(&a->ended);
    *e = (struct ended){(pid_t)m->pid, status};
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
    case MSG_ACCOUNT_RETRY:
        running_retry(a, m->account_retry.account);
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

/* ---- children ---- */

static pid_t fork_live(const struct account_birth *b)
{
    pid_t pid = fork();

    if (pid == 0)
        account_live(b);
    return pid;
}

/* Without the channels of others: who waits for their end must not wait for this. */
static pid_t fork_remove(int folder, uint64_t account)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (folder > 3)
        close_range(3, (unsigned)folder - 1, 0);
    close_range((unsigned)folder + 1, ~0U, 0);
    _exit(account_files_remove(folder, account) ? 0 : 1);
}

static const struct accounts_forks real_forks = {fork_live, fork_remove};

static void on_sigchld(evutil_socket_t fd, short what, void *arg)
{
    struct accounts *a = arg;
    struct signalfd_siginfo info;
    bool crashed = false;
    pid_t pid;
    int status;

    (void)what;
    while (read(fd, &info, sizeof info) == sizeof info)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!removal_ended(a, pid, status))
            crashed = running_reaped(a, pid, status) || crashed;
    if (crashed)
        renew_begin(a);
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

/* ---- the role ---- */

static void accounts_file(void *arg, struct str name, int fd)
{
    struct accounts *a = arg;

    if (str_equal(name, STR("accounts")))
        a->folder = fd;
    else
        close(fd);
}

/* What LIVE settings say of processes that run. */
static void accounts_reload(void *arg)
{
    struct accounts *a = arg;
    const struct config *c = &a->p->config;
    struct msg m = {.type = MSG_ACCOUNT_SETTINGS,
                    .account_settings = {c->account_idle, c->retention_days, c->log_debug}};
    struct running *r;
    size_t at = 0;

    while ((r = running_each(a, &at)))
        chan_send(r->chan, &m);
}

/* Our predecessor's children become ours; it may have been long ago that they heard of settings. */
static void adopt_children(struct accounts *a)
{
    for (size_t i = 0; i < a->handed.n; i++)
        running_adopt(a, vec_at(&a->handed, i));
    for (size_t i = 0; i < a->ended.n; i++) {
        const struct ended *e = vec_at(&a->ended, i);

        (void)running_reaped(a, e->pid, e->status);
    }
    vec_done(&a->handed);
    vec_done(&a->ended);
    accounts_reload(a);
}

static bool accounts_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct accounts *a = arg;

    (void)ready;
    a->p = p;
    if (a->folder < 0)
        return error_set(err, ERROR_NOT_FOUND, "the folder of accounts did not come");
    calls_unlike_predecessor(p->calls);
    db_process_init();
    mime_process_init();
    watch_children(a);
    adopt_children(a);
    return sandbox_filter_make(&a->filter, ROLE_ACCOUNT, err);
}

static int accounts_folder(void *arg)
{
    struct accounts *a = arg;

    return a->folder;
}

static void accounts_drain(void *arg)
{
    struct accounts *a = arg;
    struct running *r;
    size_t at = 0;

    while ((r = running_each(a, &at)))
        running_stop(r);
    if (a->running.n == 0)
        process_end(a->p);
}

static void accounts_status(void *arg, struct process_status *s)
{
    struct accounts *a = arg;

    process_status_add(s, "accounts-running", a->running.n);
    process_status_add(s, "accounts-leaving", a->leaving.n);
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
    *a = (struct accounts){.folder = -1, .forks = &real_forks};
    vec_init(&a->handed, sizeof(struct handed));
    vec_init(&a->ended, sizeof(struct ended));
}

NORETURN void accounts_main(unsigned instance)
{
    struct accounts a;

    accounts_init(&a);
    process_main(ROLE_ACCOUNTS, instance, &accounts_ops, &a);
}
