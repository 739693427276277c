/* supervisor/supervisor_peers_test.c: two that are joined, whose channel breaks, once or for ever. */
#include "supervisor/supervisor_peers.c"

#include "base/test.h"

#include <signal.h>
#include <sys/wait.h>

static int64_t now_us = 1000000;

static int64_t test_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = test_clock, .boot_us = test_clock};

/* One process: what it was given. */
static struct seat {
    struct chan *chan;
    unsigned ends; /* of channels to peers */
    uint64_t serial, role;
} seats[2];
static struct supervisor s;
static struct child *edge, *directory;

static void on_seat(void *arg, struct chan *c, struct msg *m)
{
    struct seat *seat = arg;

    (void)c;
    if (!m || m->type != MSG_SETUP_PEER || m->nfds != 1)
        return;
    seat->ends++;
    seat->serial = m->setup_peer.serial;
    seat->role = m->setup_peer.role;
}

static void on_supervisor(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
}

/* A process that waits for its end, in a group of its own. */
static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    setpgid(pid, pid);
    return pid;
}

static struct child *seat_add(enum role role, struct seat *seat)
{
    struct child *c = &s.child[s.children++];
    int fd[2];

    CHECK(chan_pair(fd));
    *c = (struct child){.s = &s, .role = role, .state = CHILD_READY, .pid = sleeper()};
    c->chan = chan_create(s.base, fd[0], ROLE_SUPERVISOR, role, on_supervisor, c);
    *seat = (struct seat){.chan = chan_create(s.base, fd[1], role, ROLE_SUPERVISOR, on_seat, seat)};
    return c;
}

static void spin(int64_t us)
{
    now_us += us;
    for (int i = 0; i < 20; i++) {
        timers_run(s.timers);
        event_base_loop(s.base, EVLOOP_NONBLOCK);
    }
}

static void begin(void)
{
    clock_set_source(&simulated);
    s = (struct supervisor){.state = SUPERVISOR_SERVING};
    s.base = event_base_new();
    s.timers = timers_create(s.base);
    edge = seat_add(ROLE_EDGE_SMTP, &seats[0]);
    directory = seat_add(ROLE_DIRECTORY, &seats[1]);
}

/* Whether the supervisor has killed it. */
static bool is_killed(const struct child *c)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT | (s.killed ? 0 : WNOHANG)) == 0 &&
           info.si_pid == c->pid && info.si_status == SIGKILL;
}

static void end(void)
{
    struct joint *j;

    while ((j = LIST_FIRST(&s.joints, struct joint, node))) {
        timer_stop(&j->again);
        list_remove(&j->node);
        mem_free(j);
    }
    for (size_t i = 0; i < s.children; i++) {
        kill(s.child[i].pid, SIGKILL);
        waitpid(s.child[i].pid, NULL, 0);
        chan_destroy(s.child[i].chan);
        chan_destroy(seats[i].chan);
    }
    timers_destroy(s.timers);
    event_base_free(s.base);
    clock_set_source(NULL);
}

static struct msg_peer_lost lost(uint64_t serial, bool broke)
{
    return (struct msg_peer_lost){ROLE_DIRECTORY, 0, serial, broke};
}

static void peers_get_both_ends_of_one_channel(void)
{
    begin();
    peers_join_all(&s, edge);
    spin(0);
    CHECK(seats[0].ends == 1 && seats[0].role == ROLE_DIRECTORY);
    CHECK(seats[1].ends == 1 && seats[1].role == ROLE_EDGE_SMTP);
    CHECK(seats[0].serial != 0 && seats[0].serial == seats[1].serial);
    end();
}

static void who_is_not_set_up_yet_is_not_joined(void)
{
    begin();
    directory->state = CHILD_SPAWNED;
    peers_join_all(&s, edge);
    spin(0);
    CHECK(seats[0].ends == 0 && seats[1].ends == 0);
    end();
}

static void a_channel_that_ends_while_both_live_is_made_anew_once(void)
{
    struct msg_peer_lost first;

    begin();
    peers_join_all(&s, edge);
    spin(0);
    first = lost(seats[0].serial, false);
    peers_lost(edge, &first);
    peers_lost(directory, &(struct msg_peer_lost){ROLE_EDGE_SMTP, 0, first.serial, false});
    spin(AGAIN_US - 1);
    CHECK_U64(seats[0].ends, 1); /* either may have ended, which is noticed first */
    test_expect_log("channel-rejoined");
    spin(1);
    CHECK(seats[0].ends == 2 && seats[1].ends == 2 && s.rejoined == 1);
    CHECK(seats[0].serial == seats[1].serial && seats[0].serial != first.serial);
    peers_lost(directory, &(struct msg_peer_lost){ROLE_EDGE_SMTP, 0, first.serial, true});
    spin(AGAIN_US); /* of the one before: nothing */
    CHECK(seats[0].ends == 2 && s.killed == 0);
    end();
}

static void of_two_of_which_one_has_ended_no_channel_is_made(void)
{
    struct msg_peer_lost m;

    begin();
    peers_join_all(&s, edge);
    spin(0);
    m = lost(seats[0].serial, false);
    peers_lost(edge, &m);
    directory->state = CHILD_AWAY;
    spin(AGAIN_US);
    CHECK(seats[0].ends == 1 && s.rejoined == 0);
    directory->state = CHILD_READY;
    end();
}

static void who_broke_the_rules_is_killed_and_not_who_says_so(void)
{
    struct msg_peer_lost m;

    begin();
    peers_join_all(&s, edge);
    spin(0);
    m = lost(seats[0].serial, true);
    test_expect_log("role-killed");
    peers_lost(edge, &m);
    CHECK(s.killed == 1 && is_killed(directory));
    s.killed = 0;
    CHECK(!is_killed(edge));
    end();
}

static void nobody_complains_of_who_is_no_peer(void)
{
    struct msg_peer_lost m = {ROLE_EDGE_SMTP, 0, 0, 1};

    begin();
    directory->role = ROLE_HASHER;
    peers_lost(directory, &m);
    peers_lost(edge, &m); /* itself */
    m.role = ROLE_KEYS;   /* it does not run */
    peers_lost(edge, &m);
    spin(AGAIN_US);
    CHECK(s.killed == 0 && s.joints.n == 0);
    end();
}

static void a_channel_that_breaks_again_and_again_ends_who_stops_first(void)
{
    struct msg_peer_lost m;

    begin();
    peers_join_all(&s, edge);
    spin(0);
    for (unsigned i = 0; i < REJOINS_MOST; i++) {
        test_expect_log("channel-rejoined");
        m = lost(seats[0].serial, false);
        peers_lost(edge, &m);
        spin(AGAIN_US);
    }
    CHECK(s.rejoined == REJOINS_MOST && s.killed == 0);
    now_us += MINUTE_US + 1; /* a minute later all is forgiven */
    for (unsigned i = 0; i < REJOINS_MOST; i++) {
        test_expect_log("channel-rejoined");
        m = lost(seats[0].serial, false);
        peers_lost(edge, &m);
        spin(AGAIN_US);
    }
    CHECK(s.rejoined == 2 * REJOINS_MOST && s.killed == 0);
    m = lost(seats[0].serial, false);
    test_expect_log("role-killed");
    peers_lost(edge, &m);
    spin(AGAIN_US);
    CHECK(s.rejoined == 2 * REJOINS_MOST && s.killed == 1 && is_killed(edge));
    end();
}

int main(void)
{
    RUN(peers_get_both_ends_of_one_channel);
    RUN(who_is_not_set_up_yet_is_not_joined);
    RUN(a_channel_that_ends_while_both_live_is_made_anew_once);
    RUN(of_two_of_which_one_has_ended_no_channel_is_made);
    RUN(who_broke_the_rules_is_killed_and_not_who_says_so);
    RUN(nobody_complains_of_who_is_no_peer);
    RUN(a_channel_that_breaks_again_and_again_ends_who_stops_first);
    return test_end();
}
