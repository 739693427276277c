/* account/test_accounts.h: the parent of accounts on the bench: the test is the directory, keys, the
 * supervisor and each child; nothing is forked. A test program includes this once; it has the whole role
 * with it. */
#ifndef ACCOUNT_TEST_ACCOUNTS_H
#define ACCOUNT_TEST_ACCOUNTS_H

#include "account/accounts.c"
#include "account/removal.c"
#include "account/renew.c"
#include "account/running.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <sys/mman.h>

#define ACCOUNTS 4000
#define FIRST_PID 100000000 /* higher than any that a kernel gives */

static struct role_test t;
static struct accounts acc;
static struct role_end *directory, *keys;
static struct role_end *child[ACCOUNTS]; /* the newest process of each account */
static pid_t pid_of[ACCOUNTS];
static unsigned births, removers;
static bool no_fork, asks_for_opened, born_opened;
static uint64_t last_id, removed;
static size_t fds_before;

static pid_t fake_live(const struct account_birth *b)
{
    if (no_fork) {
        errno = ENOMEM;
        return -1;
    }
    born_opened = b->opened;
    child[b->account] = role_test_over(&t, ROLE_ACCOUNT, fcntl(b->parent, F_DUPFD_CLOEXEC, 3));
    return pid_of[b->account] = FIRST_PID + (pid_t)++births;
}

static pid_t fake_remove(int folder, uint64_t account)
{
    (void)folder;
    removed = account;
    return no_fork ? -1 : FIRST_PID * 2 + (pid_t)++removers;
}

static const struct accounts_forks fakes = {fake_live, fake_remove};

/* Up to its start. */
static UNUSED void begin_setup(const char *setting)
{
    int folder;

    (void)test_folder();
    fds_before = test_descriptors();
    births = removers = 0;
    no_fork = asks_for_opened = false;
    removed = 0;
    accounts_init(&acc);
    acc.forks = &fakes;
    role_test_begin(&t, ROLE_ACCOUNTS, &accounts_ops, &acc);
    role_test_set(&t, setting);
    folder = open(test_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    role_test_file(&t, "accounts", folder);
    close(folder);
}

static UNUSED void go(void)
{
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    keys = role_test_peer(&t, ROLE_KEYS, 0);
    role_test_go(&t);
    CHECK(role_end_take(t.supervisor, MSG_READY) != NULL);
}

static UNUSED void begin(void)
{
    begin_setup("");
    go();
}

static UNUSED void end(void)
{
    running_done(&acc);
    removal_done(&acc);
    close(event_get_fd(acc.children));
    event_free(acc.children);
    sandbox_filter_free(acc.filter);
    close(acc.folder);
    role_test_end(&t);
    CHECK_U64(test_descriptors(), fds_before);
}

/* ---- what the directory says ---- */

/* Asks for a session; the question's id. */
static UNUSED uint64_t ask_session(uint64_t account, uint64_t credential)
{
    struct msg m = {.type = MSG_SESSION_ASK, .nfds = 1};
    int pair[2];

    CHECK(chan_pair(pair));
    m.fd[0] = pair[0];
    m.session_ask = (struct msg_session_ask){.id = ++last_id,
                                             .account = account,
                                             .service = STR("imap"),
                                             .session = STR("s1"),
                                             .user = STR("ada@x"),
                                             .credential = credential,
                                             .opened = asks_for_opened,
                                             .ticket = STR("ticket")};
    role_end_send(directory, &m);
    close(pair[0]);
    close(pair[1]);
    return last_id;
}

/* What it is told: a kind, or ERROR_KINDS for nothing yet. */
static UNUSED enum error_kind hears_of_session(uint64_t id)
{
    struct msg *m = role_end_take(directory, MSG_SESSION_TELL);

    if (!m)
        return ERROR_KINDS;
    CHECK_U64(m->session_tell.id, id);
    return (enum error_kind)m->session_tell.error.kind;
}

/* An account's process with one session. */
static UNUSED void open_account(uint64_t account)
{
    CHECK_U64(hears_of_session(ask_session(account, 1)), ERROR_NONE);
    CHECK(role_end_take(child[account], MSG_SESSION_START) != NULL);
}

static UNUSED uint64_t ask_removal(uint64_t account)
{
    role_end_send(directory, &(struct msg){.type = MSG_ACCOUNT_REMOVE_ASK,
                                           .account_remove_ask = {++last_id, account}});
    return last_id;
}

static UNUSED enum error_kind hears_of_removal(uint64_t id)
{
    struct msg *m = role_end_take(directory, MSG_ACCOUNT_REMOVE_TELL);

    if (!m)
        return ERROR_KINDS;
    CHECK_U64(m->account_remove_tell.id, id);
    return (enum error_kind)m->account_remove_tell.error.kind;
}

static UNUSED void say_probe(uint64_t account)
{
    role_end_send(directory, &(struct msg){.type = MSG_ACCOUNT_PROBE, .account_probe = {account}});
}

/* ---- what children do ---- */

static UNUSED void say_idle(uint64_t account, uint64_t started)
{
    role_end_send(child[account],
                  &(struct msg){.type = MSG_ACCOUNT_IDLE, .account_idle = {started}});
}

static UNUSED void say_busy(uint64_t account, uint64_t seconds)
{
    role_end_send(child[account],
                  &(struct msg){.type = MSG_ACCOUNT_BUSY, .account_busy = {seconds}});
}

static UNUSED void say_failed(uint64_t account, enum error_kind kind)
{
    role_end_send(child[account], &(struct msg){.type = MSG_ACCOUNT_FAILED,
                                                .account_failed = {{kind, STR("its disk")}}});
}

/* False: it was not asked. */
static UNUSED bool answer_ping(uint64_t account)
{
    struct msg *m = role_end_take(child[account], MSG_ACCOUNT_PING_ASK);

    if (!m)
        return false;
    role_end_send(child[account],
                  &(struct msg){.type = MSG_ACCOUNT_PING_TELL,
                                .account_ping_tell = {.id = m->account_ping_ask.id}});
    return true;
}

/* As on_sigchld does with what waitpid says: 0, or a signal. */
static UNUSED void collect(pid_t pid, int status)
{
    if (!removal_ended(&acc, pid, status) && running_reaped(&acc, pid, status))
        renew_begin(&acc);
    role_test_spin(&t);
}

/* It ends by itself, and is collected. */
static UNUSED void exit_child(uint64_t account)
{
    role_end_close(child[account]);
    collect(pid_of[account], 0);
}

/* The pid that the supervisor was asked to kill, 0: none. */
static UNUSED pid_t asked_to_kill(void)
{
    struct msg *m = role_end_take(t.supervisor, MSG_ACCOUNT_KILL);

    return m ? (pid_t)m->account_kill.pid : 0;
}

#endif
