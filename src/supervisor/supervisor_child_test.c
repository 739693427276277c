/* supervisor/supervisor_child_test.c: when a process is started again, and what one may ask of the
 * supervisor. */
#include "supervisor/supervisor_child.c"

#include "base/test.h"

static int64_t now_us = 1000000;

static int64_t test_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = test_clock, .boot_us = test_clock};

static struct supervisor s;
static struct child *accounts;
static struct chan *theirs; /* the end of the parent of accounts */
static struct calls *their_calls;
static unsigned told, refused;

static void on_theirs(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
}

static void on_hand_over(void *arg, struct msg_hand_over_tell *tell, int *fd)
{
    (void)arg, (void)fd;
    told++;
    refused += tell->error.kind != ERROR_NONE;
}

static void begin(enum supervisor_state state)
{
    int fd[2];

    clock_set_source(&simulated);
    told = refused = 0;
    s = (struct supervisor){.state = state, .log_file = -1, .ready_fd = -1};
    config_init(&s.config);
    vec_init(&s.handed, sizeof(struct handed));
    vec_init(&s.families, sizeof(pid_t));
    vec_init(&s.orphans, sizeof(struct orphan));
    s.base = event_base_new();
    s.timers = timers_create(s.base);
    timer_init(&s.orphans_end, s.timers, accounts_end_orphans, &s);
    s.calls = calls_create(s.timers);
    child_add(&s, ROLE_ACCOUNTS, 0);
    accounts = &s.child[0];
    CHECK(chan_pair(fd));
    accounts->chan =
        chan_create(s.base, fd[0], ROLE_SUPERVISOR, ROLE_ACCOUNTS, on_child_message, accounts);
    accounts->state = CHILD_READY;
    their_calls = calls_create(s.timers);
    theirs = chan_create(s.base, fd[1], ROLE_ACCOUNTS, ROLE_SUPERVISOR, on_theirs, NULL);
}

static void spin(void)
{
    for (int i = 0; i < 20; i++) {
        timers_run(s.timers);
        event_base_loop(s.base, EVLOOP_NONBLOCK);
    }
}

static void end(void)
{
    timer_stop(&accounts->restart);
    chan_destroy(theirs);
    chan_destroy(accounts->chan);
    calls_destroy(their_calls);
    calls_destroy(s.calls);
    vec_done(&s.handed);
    vec_done(&s.families);
    timer_stop(&s.orphans_end);
    vec_done(&s.orphans);
    timers_destroy(s.timers);
    event_base_free(s.base);
    config_done(&s.config);
    clock_set_source(NULL);
}

/* Ends a life that was so long, and says after how long the next begins. */
static int64_t ended_after(int64_t life_us, bool was_ready)
{
    int64_t delay;

    accounts->state = was_ready ? CHILD_READY : CHILD_SET_UP;
    accounts->started_us = now_us;
    now_us += life_us;
    plan_restart(accounts, was_ready, 0);
    delay = timer_is_set(&accounts->restart) ? timers_next_us(s.timers) : -1;
    timer_stop(&accounts->restart);
    return delay;
}

static void a_process_that_ends_again_and_again_is_started_ever_later(void)
{
    int64_t delay, before = DELAY_FIRST_US;

    begin(SUPERVISOR_SERVING);
    CHECK_U64(ended_after(1000, true), 0);
    CHECK_U64(ended_after(1000, true), DELAY_FIRST_US);
    for (int i = 0; i < 20; i++) {
        delay = ended_after(1000, false);
        CHECK(delay == 2 * before || delay == DELAY_MOST_US);
        before = delay;
    }
    CHECK_U64(before, DELAY_MOST_US);
    CHECK_U64(ended_after(STABLE_US, true), DELAY_MOST_US);
    CHECK_U64(ended_after(STABLE_US + 1, true), 0); /* it was stable */
    CHECK_U64(accounts->restarts, 24);
    end();
}

static void a_server_whose_process_is_never_ready_does_not_start(void)
{
    begin(SUPERVISOR_STARTING);
    child_add(&s, ROLE_DIRECTORY, 0); /* not ready either, so that the server is not */
    CHECK(ended_after(1000, false) >= 0 && ended_after(1000, false) >= 0);
    CHECK(s.state == SUPERVISOR_STARTING && s.status == 0);
    CHECK(chan_send(
        theirs, &(struct msg){.type = MSG_READY})); /* at the third it works: from the beginning */
    spin();
    CHECK(ended_after(1000, false) >= 0 && ended_after(1000, false) >= 0);
    CHECK(ended_after(1000, false) == -1);
    CHECK(s.state == SUPERVISOR_STOPPING && s.status == 1);
    end();
}

static void a_parent_of_accounts_that_is_renewed_has_not_failed(void)
{
    begin(SUPERVISOR_SERVING);
    (void)ended_after(1000, true);
    *(struct handed *)vec_add(&s.handed) = (struct handed){.fd = -1};
    CHECK_U64(ended_after(1000, false), 0);
    CHECK_U64(accounts->failures, 0);
    end();
}

static void no_more_is_taken_over_than_may_run(void)
{
    int fd[2];

    begin(SUPERVISOR_SERVING);
    s.config.account_processes = 2;
    CHECK(chan_pair(fd));
    for (uint64_t i = 1; i <= 3; i++)
        call_hand_over(call_over(their_calls, theirs), &(struct msg_hand_over_ask){.account = i},
                       CALL_FD(fd[0]), on_hand_over, NULL);
    spin();
    CHECK(told == 3 && refused == 1 && s.handed.n == 2);
    for (size_t i = 0; i < s.handed.n; i++)
        close(((struct handed *)vec_at(&s.handed, i))->fd);
    close(fd[0]);
    close(fd[1]);
    end();
}

static void what_comes_without_its_descriptor_is_refused(void)
{
    struct msg log = {.type = MSG_ACCOUNT_LOG, .account_log = {.account = 1, .pid = 2}};

    begin(SUPERVISOR_SERVING);
    call_hand_over(call_over(their_calls, theirs), &(struct msg_hand_over_ask){.account = 1}, NULL,
                   on_hand_over, NULL);
    CHECK(chan_send(theirs, &log));
    spin();
    CHECK(told == 1 && refused == 1);
    CHECK(s.handed.n == 0 && s.logs.n == 0);
    end();
}

static void a_child_that_is_handed_over_keeps_its_descriptor(void)
{
    struct handed *h;
    int fd[2];

    begin(SUPERVISOR_SERVING);
    CHECK(chan_pair(fd));
    call_hand_over(call_over(their_calls, theirs),
                   &(struct msg_hand_over_ask){.account = 7, .pid = 8, .started = 9},
                   CALL_FD(fd[0]), on_hand_over, NULL);
    spin();
    CHECK(told == 1 && refused == 0 && s.handed.n == 1);
    h = vec_at(&s.handed, 0);
    CHECK(h->account == 7 && h->pid == 8 && h->started == 9);
    CHECK(close(h->fd) == 0);
    close(fd[0]);
    close(fd[1]);
    end();
}

int main(void)
{
    RUN(a_process_that_ends_again_and_again_is_started_ever_later);
    RUN(a_server_whose_process_is_never_ready_does_not_start);
    RUN(a_parent_of_accounts_that_is_renewed_has_not_failed);
    RUN(no_more_is_taken_over_than_may_run);
    RUN(what_comes_without_its_descriptor_is_refused);
    RUN(a_child_that_is_handed_over_keeps_its_descriptor);
    return test_end();
}
