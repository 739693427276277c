/* supervisor/supervisor_accounts_test.c: what a parent of accounts can have the supervisor do, and what it
 * cannot, whatever it says. */
#include "base/test.h"

#include <signal.h>
#include <sys/types.h>

/* What must never be killed is not killed by a test that fails. */
static int kill_one(pid_t pid, int number);
#define kill(pid, number) kill_one((pid), (number))
#include "supervisor/supervisor_accounts.c"
#undef kill

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct supervisor s;
static struct chan *theirs; /* the end of the parent of accounts */
static uint64_t taken, refused, orphans, last_orphan, adopted;
static struct msg_adopt_ask last_adopted;

static unsigned wild; /* signals to a crowd, or to what is not a test's */

static int kill_one(pid_t pid, int number)
{
    if (number && (pid <= 1 || pid == getpid() || pid == getppid())) {
        wild++;
        return 0;
    }
    return kill(pid, number);
}

/* What the supervisor says. */
static void on_their_message(void *arg, struct chan *c, struct msg *m)
{
    struct asked asked;

    (void)arg;
    if (m && m->type == MSG_ACCOUNTS_ORPHAN) {
        orphans++;
        last_orphan = m->accounts_orphan.pid;
    } else if (m && m->type == MSG_ADOPT_ASK) {
        adopted++;
        last_adopted = m->adopt_ask;
        asked_take(&asked, c, m);
        tell_adopt(&asked, &(struct msg_adopt_tell){0}, -1);
    }
}

/* What the parent of accounts says; as in supervisor_child.c. */
static void on_our_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg;
    if (m && m->type == MSG_HAND_OVER_ASK)
        accounts_take_child(&s, c, m);
    else if (m && m->type == MSG_ACCOUNT_KILL)
        accounts_kill_child(&s, &m->account_kill);
    else if (m && m->type == MSG_ACCOUNT_LOG)
        accounts_take_log(&s, m);
}

static void on_handed(void *arg, struct msg_hand_over_tell *tell, int *fd)
{
    (void)arg, (void)fd;
    if (tell->error.kind)
        refused++;
    else
        taken++;
}

static void spin(void)
{
    for (int i = 0; i < 20; i++) {
        timers_run(s.timers);
        event_base_loop(s.base, EVLOOP_NONBLOCK);
    }
}

static void begin(void)
{
    int fd[2];

    taken = refused = orphans = last_orphan = adopted = 0;
    s = (struct supervisor){.state = SUPERVISOR_SERVING, .children = 1, .log_file = -1};
    s.base = event_base_new();
    s.timers = timers_create(s.base);
    s.calls = calls_create(s.timers);
    vec_init(&s.handed, sizeof(struct handed));
    vec_init(&s.families, sizeof(pid_t));
    config_init(&s.config);
    CHECK(chan_pair(fd));
    s.child[0] = (struct child){.s = &s, .role = ROLE_ACCOUNTS, .state = CHILD_SPAWNED};
    s.child[0].chan =
        chan_create(s.base, fd[0], ROLE_SUPERVISOR, ROLE_ACCOUNTS, on_our_message, NULL);
    theirs = chan_create(s.base, fd[1], ROLE_ACCOUNTS, ROLE_SUPERVISOR, on_their_message, NULL);
}

static void end(void)
{
    accounts_let_go(&s);
    calls_destroy(s.calls);
    chan_destroy(s.child[0].chan);
    chan_destroy(theirs);
    spin(); /* logs whose other end is gone go too */
    timers_destroy(s.timers);
    event_base_free(s.base);
    vec_done(&s.handed);
    vec_done(&s.families);
    config_done(&s.config);
}

static void hand_over(uint64_t account, uint64_t pid, const struct call_fds *fds)
{
    struct msg_hand_over_ask ask = {.account = account, .pid = pid};

    call_hand_over(call_over(s.calls, theirs), &ask, fds, on_handed, NULL);
    spin();
}

/* A process in a group of its own (0), or in that one, which sleeps until it is killed. */
static pid_t sleeper(pid_t group)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            poll(NULL, 0, 1000);
    }
    CHECK(pid > 0 && setpgid(pid, group) == 0);
    return pid;
}

static bool lives(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static bool dies(pid_t pid)
{
    for (int i = 0; i < 200; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void say_kill(uint64_t pid)
{
    struct msg m = {.type = MSG_ACCOUNT_KILL, .account_kill = {1, pid}};

    CHECK(chan_send(theirs, &m));
    spin();
}

static void a_child_of_accounts_is_killed_and_nobody_else(void)
{
    pid_t parent = sleeper(0), child = sleeper(parent), other = sleeper(0), gone = sleeper(0);

    begin();
    accounts_family(&s, parent);
    say_kill((uint64_t)other);    /* of another family, a role of ours perhaps */
    say_kill((uint64_t)parent);   /* the parent itself */
    say_kill((uint64_t)getpid()); /* us */
    say_kill((uint64_t)getppid());
    say_kill(0); /* our group, to kill(2) */
    say_kill(1);
    say_kill(UINT32_MAX);                            /* -1: everybody */
    say_kill(((uint64_t)1 << 32) + (uint64_t)child); /* cut to 32 bits it would be the child's */
    say_kill(UINT64_MAX);
    CHECK(lives(other) && lives(parent) && lives(child) && s.killed == 0 && wild == 0);
    test_expect_log("role-killed");
    say_kill((uint64_t)child);
    CHECK(dies(child) && lives(other) && lives(parent) && s.killed == 1);
    /* One that is gone: whoever asks hears so. */
    end_process(gone);
    orphans = 0;
    say_kill((uint64_t)gone);
    CHECK(orphans == 1 && last_orphan == (uint64_t)gone);
    end_process(parent);
    end_process(other);
    end();
}

static void families_of_which_nobody_lives_are_forgotten(void)
{
    pid_t parent = sleeper(0), child = sleeper(parent), next = sleeper(0);

    begin();
    accounts_family(&s, parent);
    end_process(parent);
    accounts_family(&s, next);
    CHECK_U64(s.families.n, 2); /* its child lives */
    test_expect_log("role-killed");
    say_kill((uint64_t)child);
    CHECK(dies(child));
    accounts_family(&s, next);
    CHECK_U64(s.families.n, 2); /* both are the next one's */
    for (int i = 0; i < 1000; i++)
        accounts_family(&s, next);
    CHECK(s.families.n <= FAMILIES_MOST && !is_of_family(&s, parent));
    end_process(next);
    end();
}

static void children_between_two_parents_are_bounded(void)
{
    int fd = memfd_create("x", MFD_CLOEXEC);
    size_t before;

    begin();
    s.config.account_processes = 50;
    before = test_descriptors();
    for (uint64_t i = 0; i < 80; i++)
        hand_over(i, 1000000 + i, CALL_FD(fd));
    CHECK(taken == 50 && refused == 30 && test_descriptors() == before + 50);
    hand_over(1, 2, NULL); /* without its channel */
    CHECK_U64(refused, 31);
    accounts_let_go(&s);
    CHECK(test_descriptors() == before && s.handed.n == 0);
    s.state = SUPERVISOR_STOPPING;
    hand_over(1, 2, CALL_FD(fd));
    CHECK(refused == 32 && test_descriptors() == before);
    close(fd);
    end();
}

static void one_that_ends_between_two_parents_is_not_handed_on(void)
{
    int fd = memfd_create("x", MFD_CLOEXEC);

    begin();
    for (uint64_t i = 1; i <= 3; i++)
        hand_over(i, 1000000 + i, CALL_FD(fd));
    accounts_orphan_ended(&s, 1000002, 9);
    CHECK_U64(s.handed.n, 2);
    s.child[0].state = CHILD_SET_UP; /* its successor is there */
    accounts_adopt(&s.child[0]);
    spin();
    CHECK(adopted == 2 && s.handed.n == 0 && s.adopting == 0);
    close(fd);
    end();
}

/* One that is handed over has a next parent; one that is not ends by itself, or is ended. */
static void who_is_between_two_parents_is_no_orphan(void)
{
    struct msg m = {.type = MSG_ACCOUNT_LOG, .nfds = 1};
    int fd = memfd_create("x", MFD_CLOEXEC), pair[2][2];

    begin();
    vec_init(&s.orphans, sizeof(struct orphan));
    timer_init(&s.orphans_end, s.timers, accounts_end_orphans, &s);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(chan_pair(pair[i]));
        m.fd[0] = pair[i][0];
        m.account_log = (struct msg_account_log){i + 1, 1000001 + i};
        CHECK(chan_send(theirs, &m));
        spin();
        close(pair[i][0]);
    }
    hand_over(2, 1000002, CALL_FD(fd));
    accounts_parent_ended(&s);
    CHECK_U64(s.orphans.n, 1);
    CHECK(((struct orphan *)vec_at(&s.orphans, 0))->pid == 1000001);
    CHECK(timer_is_set(&s.orphans_end));
    timer_stop(&s.orphans_end);
    for (unsigned i = 0; i < 2; i++)
        close(pair[i][1]);
    vec_done(&s.orphans);
    close(fd);
    end();
}

/* So many at a time: the others follow with the answers. */
static void children_go_to_their_new_parent_a_few_at_a_time(void)
{
    int fd = memfd_create("x", MFD_CLOEXEC);

    begin();
    s.config.account_processes = 100;
    for (uint64_t i = 1; i <= 80; i++)
        hand_over(i, 1000000 + i, CALL_FD(fd));
    accounts_adopt(&s.child[0]);
    CHECK(s.adopting == ADOPT_AT_ONCE && s.handed.n == 80 - ADOPT_AT_ONCE);
    for (int i = 0; i < 10; i++)
        spin();
    CHECK(adopted == 80 && s.handed.n == 0 && s.adopting == 0);
    close(fd);
    end();
}

static void what_a_parent_knew_of_a_child_is_handed_on(void)
{
    int fd = memfd_create("x", MFD_CLOEXEC);

    begin();
    call_hand_over(
        call_over(s.calls, theirs),
        &(struct msg_hand_over_ask){
            .account = 7, .pid = 1000001, .started = 9, .probe = 1, .busy_until = 12345678901},
        CALL_FD(fd), on_handed, NULL);
    spin();
    accounts_adopt(&s.child[0]);
    spin();
    CHECK(adopted == 1 && last_adopted.account == 7 && last_adopted.pid == 1000001);
    CHECK(last_adopted.started == 9 && last_adopted.probe == 1);
    CHECK_U64(last_adopted.busy_until, 12345678901);
    close(fd);
    end();
}

static void logs_are_bounded_and_need_a_socket(void)
{
    struct msg m = {.type = MSG_ACCOUNT_LOG, .nfds = 0};
    size_t before, most;
    int pair[2];

    begin();
    s.config.account_processes = 10;
    before = test_descriptors();
    CHECK(chan_send(theirs, &m)); /* without one */
    spin();
    CHECK(s.logs.n == 0 && test_descriptors() == before);
    CHECK(chan_pair(pair));
    m.nfds = 1;
    m.fd[0] = pair[0];
    most = SUPERVISOR_PROCESSES + LOGS_OVER + 10;
    for (size_t i = 0; i < most + 500; i++) {
        CHECK(chan_send(theirs, &m));
        if (i % 50 == 0)
            spin();
    }
    for (int i = 0; i < 100; i++)
        spin();
    CHECK(s.logs.n == most + 1);
    close(pair[0]);
    close(pair[1]);
    for (int i = 0; i < 100; i++)
        spin(); /* all their other ends are gone */
    CHECK(s.logs.n == 0 && test_descriptors() == before);
    end();
}

int main(void)
{
    struct rlimit r;

    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    RUN(a_child_of_accounts_is_killed_and_nobody_else);
    RUN(families_of_which_nobody_lives_are_forgotten);
    RUN(children_between_two_parents_are_bounded);
    RUN(one_that_ends_between_two_parents_is_not_handed_on);
    RUN(who_is_between_two_parents_is_no_orphan);
    RUN(children_go_to_their_new_parent_a_few_at_a_time);
    RUN(what_a_parent_knew_of_a_child_is_handed_on);
    RUN(logs_are_bounded_and_need_a_socket);
    return test_end();
}
