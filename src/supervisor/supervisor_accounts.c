/* supervisor/supervisor_accounts.c: processes of accounts, where their parent needs a hand. It may
 * not signal anybody, nor execute itself anew (proc/roles.h): it hands its running children over
 * and ends, and its successor gets them from here, so many at a time that neither the sockets nor
 * the kernel's count of descriptors on their way is strained. */
#include "supervisor/supervisor_int.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADOPT_AT_ONCE 32
#define FAMILIES_MOST 256
#define LOGS_OVER 1000     /* of processes that have ended, and whose last lines are not read yet */
#define ORPHANS_US 2000000 /* for those whose parent is gone to end by themselves */

/* Those of which nobody lives any more are forgotten: the number may be used again. */
void accounts_family(struct supervisor *s, pid_t group)
{
    for (size_t i = s->families.n; i-- > 0;)
        if (kill(-*(pid_t *)vec_at(&s->families, i), 0) != 0 && errno == ESRCH)
            vec_remove(&s->families, i);
    if (s->families.n == FAMILIES_MOST)
        vec_remove(&s->families, 0);
    *(pid_t *)vec_add(&s->families) = group;
}

static bool is_of_family(const struct supervisor *s, pid_t pid)
{
    pid_t group = pid > 1 ? getpgid(pid) : -1;

    for (size_t i = 0; i < s->families.n; i++)
        if (group > 1 && group == *(pid_t *)vec_at(&s->families, i) && pid != group)
            return true;
    return false;
}

void accounts_take_child(struct supervisor *s, struct chan *c, struct msg *m)
{
    struct msg_hand_over_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    if (m->nfds != 1 || s->handed.n >= s->config.account_processes ||
        s->state == SUPERVISOR_STOPPING) {
        error_set(&err, ERROR_LIMIT, "this process is not taken over");
        tell.error = msg_error_of(&err);
    } else {
        *(struct handed *)vec_add(&s->handed) =
            (struct handed){.account = m->hand_over_ask.account,
                            .pid = m->hand_over_ask.pid,
                            .started = m->hand_over_ask.started,
                            .probe = m->hand_over_ask.probe,
                            .busy_until = m->hand_over_ask.busy_until,
                            .fd = m->fd[0]};
        m->fd[0] = -1;
    }
    tell_hand_over(&asked, &tell, -1);
}

void accounts_let_go(struct supervisor *s)
{
    for (size_t i = 0; i < s->handed.n; i++)
        close(((struct handed *)vec_at(&s->handed, i))->fd);
    vec_reset(&s->handed);
}

void accounts_take_log(struct supervisor *s, struct msg *m)
{
    if (m->nfds != 1 || s->logs.n > SUPERVISOR_PROCESSES + LOGS_OVER + s->config.account_processes)
        return;
    supervisor_logs_add(s, ROLE_ACCOUNT, 0, (pid_t)m->account_log.pid, m->fd[0]);
    m->fd[0] = -1;
}

static void on_adopted(void *arg, struct msg_adopt_tell *tell, int *fd)
{
    struct child *c = arg;

    (void)tell,
        (void)fd; /* one that it does not take ends by itself, as nobody holds its channel */
    c->s->adopting--;
    accounts_adopt(c);
}

static void adopt_one(struct child *c)
{
    struct supervisor *s = c->s;
    struct handed h = *(struct handed *)vec_at(&s->handed, s->handed.n - 1);
    struct msg_adopt_ask ask = {.account = h.account,
                                .pid = h.pid,
                                .started = h.started,
                                .probe = h.probe,
                                .busy_until = h.busy_until};

    vec_remove(&s->handed, s->handed.n - 1);
    s->adopting++;
    call_adopt(call_over(s->calls, c->chan), &ask, CALL_FD(h.fd), on_adopted, c);
    close(h.fd);
}

void accounts_adopt(struct child *c)
{
    struct msg go = {.type = MSG_SETUP_GO};

    if (!c->chan)
        return;
    while (c->s->handed.n && c->s->adopting < ADOPT_AT_ONCE)
        adopt_one(c);
    if (c->s->adopting == 0 && c->state == CHILD_SPAWNED) {
        c->state = CHILD_SET_UP;
        peers_join_all(c->s, c);
        chan_send(c->chan, &go);
    }
}

void accounts_kill_child(struct supervisor *s, const struct msg_account_kill *m)
{
    struct log_line l;

    if (m->pid > INT_MAX)
        return;
    if (kill((pid_t)m->pid, 0) != 0 && errno == ESRCH) {
        accounts_orphan_ended(s, (pid_t)m->pid,
                              0); /* collected already: nobody else would say so */
        return;
    }
    if (!is_of_family(s, (pid_t)m->pid))
        return;
    s->killed++;
    log_begin(&l, LOG_ROLE_KILLED, STR_NULL);
    log_c(&l, "process", role_name(ROLE_ACCOUNT));
    log_u64(&l, "account", m->account);
    log_u64(&l, "of-pid", m->pid);
    log_end(&l);
    kill((pid_t)m->pid, SIGKILL);
}

/* One that is between two parents is not handed on: its number may be somebody else's from now on. */
static void drop_handed(struct supervisor *s, pid_t pid)
{
    for (size_t i = s->handed.n; i-- > 0;) {
        struct handed *h = vec_at(&s->handed, i);

        if (h->pid != (uint64_t)pid)
            continue;
        close(h->fd);
        vec_remove(&s->handed, i);
    }
}

static bool is_handed(const struct supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < s->handed.n; i++)
        if (((const struct handed *)vec_at(&s->handed, i))->pid == (uint64_t)pid)
            return true;
    return false;
}

/* True: it was one that we have killed. */
static bool orphan_forget(struct supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < s->orphans.n; i++) {
        struct orphan o = *(struct orphan *)vec_at(&s->orphans, i);

        if (o.pid != pid)
            continue;
        vec_remove(&s->orphans, i);
        return o.killed;
    }
    return false;
}

static void orphan_add(void *arg, pid_t pid)
{
    struct supervisor *s = arg;

    if (is_handed(s, pid))
        return;
    orphan_forget(s, pid);
    *(struct orphan *)vec_add(&s->orphans) = (struct orphan){.pid = pid};
}

void accounts_parent_ended(struct supervisor *s)
{
    supervisor_logs_each(s, ROLE_ACCOUNT, orphan_add, s);
    if (s->orphans.n)
        timer_set(&s->orphans_end, ORPHANS_US);
}

/* One that hangs would keep its account locked for all successors. The numbers are still theirs:
 * whoever ended was collected by us, and is not here any more. */
void accounts_end_orphans(void *arg)
{
    struct supervisor *s = arg;

    for (size_t i = 0; i < s->orphans.n; i++) {
        struct orphan *o = vec_at(&s->orphans, i);

        if (o->killed || !is_of_family(s, o->pid))
            continue;
        o->killed = true;
        s->killed++;
        log_text(LOG_ROLE_KILLED, STR_NULL,
                 "an account's process (%d) that did not end after its parent", (int)o->pid);
        kill(o->pid, SIGKILL);
    }
}

void accounts_orphan_ended(struct supervisor *s, pid_t pid, int status)
{
    struct msg m = {.type = MSG_ACCOUNTS_ORPHAN, .accounts_orphan = {(uint64_t)pid, 0}};

    if (!orphan_forget(s, pid) && WIFSIGNALED(status))
        m.accounts_orphan.signal = (uint64_t)WTERMSIG(status);
    drop_handed(s, pid);
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == ROLE_ACCOUNTS && s->child[i].chan)
            chan_send(s->child[i].chan, &m);
}
