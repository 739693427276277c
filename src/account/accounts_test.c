/* account/accounts_test.c: the life of accounts' processes as their parent sees it: opened, ending, killed,
 * removed, handed over and adopted. */
#include "account/test_accounts.h"

/* ---- opening and ending ---- */

static void the_first_session_forks_and_the_second_does_not(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    id = ask_session(7, 1);
    CHECK(births == 1 && hears_of_session(id) == ERROR_NONE);
    m = role_end_take(keys, MSG_KEYS_START);
    CHECK(m && m->keys_start.account == 7 && m->nfds == 1);
    CHECK_STR(m->keys_start.ticket, STR("ticket"));
    m = role_end_take(t.supervisor, MSG_ACCOUNT_LOG);
    CHECK(m && m->account_log.pid == (uint64_t)pid_of[7] && m->nfds == 1);
    m = role_end_take(child[7], MSG_SESSION_START);
    CHECK(m && m->nfds == 1 && m->session_start.credential == 1);
    CHECK_STR(m->session_start.service, STR("imap"));
    CHECK_STR(m->session_start.user, STR("ada@x"));
    id = ask_session(7, 2);
    CHECK(births == 1 && hears_of_session(id) == ERROR_NONE);
    m = role_end_take(child[7], MSG_SESSION_START);
    CHECK(m && m->session_start.credential == 2);
    open_account(8);
    CHECK_U64(births, 2);
    end();
}

static void an_idle_process_ends_only_when_nothing_was_sent_meanwhile(void)
{
    begin();
    open_account(7);
    say_idle(7, 0); /* it has not seen the session yet */
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP) == NULL);
    say_idle(7, 1);
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP) != NULL);
    exit_child(7);
    CHECK(acc.running.n == 0 && acc.leaving.n == 0 && acc.crashes == 0);
    open_account(7);
    CHECK_U64(births, 2);
    end();
}

static void opens_wait_for_the_end_of_the_process_and_get_the_next_one(void)
{
    uint64_t first, second;

    begin();
    open_account(7);
    say_idle(7, 1);
    first = ask_session(7, 2);
    second = ask_session(7, 3);
    CHECK(births == 1 && hears_of_session(first) == ERROR_KINDS);
    role_end_close(child[7]); /* its end is collected later */
    CHECK(births == 2 && hears_of_session(first) == ERROR_NONE &&
          hears_of_session(second) == ERROR_NONE);
    CHECK_U64(role_end_take(child[7], MSG_SESSION_START)->session_start.credential, 2);
    CHECK_U64(role_end_take(child[7], MSG_SESSION_START)->session_start.credential, 3);
    CHECK_U64(acc.leaving.n, 1);
    collect(FIRST_PID + 1, 0);
    CHECK(acc.leaving.n == 0 && asked_to_kill() == 0);
    end();
}

/* SIGSTOPped, say: it costs its parent no more than those who wait, and these not for ever. */
static void a_process_that_ignores_its_end_is_killed_and_costs_little(void)
{
    size_t before, refused = 0;

    begin();
    open_account(7);
    before = test_descriptors();
    say_idle(7, 1);
    for (int i = 0; i < 200; i++)
        refused += hears_of_session(ask_session(7, 2)) == ERROR_TEMPORARY;
    CHECK(refused == 200 - WAITING_MOST && test_descriptors() <= before + WAITING_MOST);
    open_account(8); /* others are not concerned */
    CHECK(answer_ping(8));
    role_test_pass(&t, STOP_US - SECOND_US);
    CHECK_U64(asked_to_kill(), 0);
    role_test_pass(&t, 2 * SECOND_US);
    CHECK(asked_to_kill() == pid_of[7] && acc.killed == 1);
    role_test_pass(&t, 20 * SECOND_US); /* it waits for a disk: whoever asked has given up */
    CHECK(asked_to_kill() == pid_of[7] && acc.killed == 1);
    CHECK(test_descriptors() <= before + 5 /* the other account's */ &&
          role_end_waiting(directory, MSG_SESSION_TELL) == 0);
    CHECK_U64(hears_of_session(ask_session(7, 2)), ERROR_KINDS); /* and others may wait now */
    exit_child(7);
    CHECK(births == 3 && acc.crashes == 0);
    end();
}

static void a_process_that_leaves_its_channel_and_lives_on_is_killed(void)
{
    begin();
    open_account(7);
    role_end_close(child[7]);
    role_test_pass(&t, LEAVE_US + SECOND_US / 10);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    open_account(7); /* the lock on its database is between the two */
    collect(FIRST_PID + 1, 9);
    CHECK(acc.leaving.n == 0 && acc.crashes == 0 && acc.renewing == false);
    end();
}

static void why_a_process_has_given_up_can_be_found(void)
{
    begin();
    open_account(7);
    role_end_close(child[7]);
    test_expect_log("role-problem");
    collect(pid_of[7], 1 << 8);
    CHECK(acc.leaving.n == 0 && acc.crashes == 0 && !acc.renewing);
    open_account(8);
    exit_child(8); /* as all do */
    end();
}

/* ---- does it live? ---- */

static void a_process_that_does_not_answer_is_killed(void)
{
    begin();
    open_account(7);
    CHECK(answer_ping(7)); /* with its first session */
    say_probe(7);
    say_probe(7);
    CHECK(answer_ping(7) && !answer_ping(7)); /* one question at a time */
    role_test_pass(&t, 20 * SECOND_US);
    CHECK_U64(asked_to_kill(), 0);
    say_probe(7);
    role_test_pass(&t, 9 * SECOND_US);
    CHECK_U64(asked_to_kill(), 0);
    test_expect_log("role-problem");
    role_test_pass(&t, 2 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    say_probe(9); /* nobody's: nothing happens */
    exit_child(7);
    CHECK(acc.killed == 1 && acc.crashes == 0);
    open_account(7);
    end();
}

static void a_process_that_said_that_it_is_busy_is_not_killed_before(void)
{
    begin();
    open_account(7);
    CHECK(answer_ping(7));
    say_busy(7, 60);
    for (int i = 0; i < 4; i++) {
        say_probe(7);
        role_test_pass(&t, 12 * SECOND_US);
    }
    CHECK_U64(asked_to_kill(), 0);
    say_busy(7, 0); /* it is done, and hangs */
    test_expect_log("role-problem");
    say_probe(7);
    role_test_pass(&t, 12 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    end();
}

/* Nobody sends mail, somebody logs in: the process is found to hang all the same. */
static void a_session_asks_now_and_then_whether_the_process_lives(void)
{
    begin();
    open_account(7);
    CHECK(answer_ping(7));
    for (int i = 0; i < 50; i++)
        CHECK_U64(hears_of_session(ask_session(7, 1)), ERROR_NONE);
    CHECK(!answer_ping(7)); /* not with each */
    role_test_pass(&t, PROBE_US + SECOND_US);
    CHECK(answer_ping(7) && !answer_ping(7)); /* once for all of them */
    role_test_pass(&t, 10 * PROBE_US);
    CHECK(!answer_ping(7));
    CHECK_U64(hears_of_session(ask_session(7, 1)), ERROR_NONE);
    CHECK(answer_ping(7));
    CHECK_U64(hears_of_session(ask_session(7, 1)),
              ERROR_NONE); /* it hangs, and nobody else comes */
    role_test_pass(&t, PROBE_US + 9 * SECOND_US);
    CHECK_U64(asked_to_kill(), 0);
    test_expect_log("role-problem");
    role_test_pass(&t, 2 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    end();
}

/* ---- what cannot be opened ---- */

static void why_an_account_failed_is_told_for_ten_seconds(void)
{
    struct msg *m;

    begin();
    open_account(7);
    test_expect_log("account-damaged");
    say_failed(7, ERROR_DAMAGED);
    exit_child(7);
    ask_session(7, 1);
    m = role_end_take(directory, MSG_SESSION_TELL);
    CHECK(m && m->session_tell.error.kind == ERROR_DAMAGED && births == 1);
    CHECK_STR(m->session_tell.error.text, STR("its disk"));
    role_test_pass(&t, FAILURE_US + SECOND_US);
    open_account(7);
    CHECK(births == 2 && acc.failures.n == 0);
    end();
}

/* The operator has mended it, and looks at once. */
static void an_account_that_failed_is_tried_again_when_it_is_wished(void)
{
    struct msg m = {.type = MSG_ACCOUNT_RETRY, .account_retry = {8}};

    begin();
    open_account(7);
    test_expect_log("account-damaged");
    say_failed(7, ERROR_DAMAGED);
    exit_child(7);
    role_end_send(directory, &m); /* another one */
    CHECK_U64(hears_of_session(ask_session(7, 1)), ERROR_DAMAGED);
    m.account_retry.account = 7;
    role_end_send(directory, &m);
    open_account(7);
    CHECK(births == 2 && acc.failures.n == 0);
    end();
}

static void without_keys_or_processes_an_account_is_not_opened(void)
{
    begin_setup("account-processes = 2");
    go();
    no_fork = true;
    CHECK_U64(hears_of_session(ask_session(1, 1)), ERROR_TEMPORARY);
    no_fork = false;
    open_account(1);
    open_account(2);
    CHECK_U64(hears_of_session(ask_session(3, 1)), ERROR_TEMPORARY);
    CHECK_U64(hears_of_session(ask_session(2, 1)), ERROR_NONE);
    exit_child(1);
    open_account(3);
    role_end_close(keys);
    exit_child(3);
    CHECK_U64(hears_of_session(ask_session(3, 1)), ERROR_TEMPORARY);
    keys = role_test_peer(&t, ROLE_KEYS, 0);
    open_account(3);
    end();
}

static void failures_of_very_many_accounts_are_forgotten(void)
{
    struct error err;

    begin();
    error_set(&err, ERROR_DAMAGED, "x");
    for (uint64_t i = 0; i < 3 * FAILURES_KEPT; i++) {
        running_note_failure(&acc, i, &err, FAILURE_US);
        role_test_pass(&t, FAILURE_US / 100);
    }
    CHECK(acc.failures.n <= FAILURES_KEPT + 1);
    end();
}

/* ---- sessions that are over ---- */

static void sessions_of_a_credential_end_also_those_that_wait(void)
{
    struct msg m = {.type = MSG_SESSIONS_END_ASK}, *tell;
    uint64_t two, other, intakes;

    begin();
    open_account(7);
    say_idle(7, 1);
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP));
    two = ask_session(7, 2);
    other = ask_session(7, 3);
    intakes = ask_session(7, 0);
    m.sessions_end_ask =
        (struct msg_sessions_end_ask){++last_id, 7, 2, STR("the password was changed")};
    role_end_send(directory, &m);
    CHECK(role_end_take(directory, MSG_SESSIONS_END_TELL));
    tell = role_end_take(child[7], MSG_SESSIONS_STOP);
    CHECK(tell && tell->sessions_stop.credential == 2);
    CHECK_U64(hears_of_session(two), ERROR_DENIED);
    m.sessions_end_ask.credential = 0; /* all of them, but intake has none */
    role_end_send(directory, &m);
    CHECK_U64(hears_of_session(other), ERROR_DENIED);
    exit_child(7);
    CHECK_U64(hears_of_session(intakes), ERROR_NONE);
    end();
}

/* ---- removal ---- */

static void files_are_removed_by_a_child_when_the_process_has_ended(void)
{
    uint64_t id, open;

    begin();
    open_account(7);
    id = ask_removal(7);
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP) && removers == 0);
    open = ask_session(7, 1);
    exit_child(7);
    CHECK(removers == 1 && removed == 7 && hears_of_removal(id) == ERROR_KINDS);
    CHECK(hears_of_session(open) == ERROR_GONE && births == 1);
    CHECK_U64(hears_of_session(ask_session(7, 1)), ERROR_GONE);
    collect(FIRST_PID * 2 + 1, 0);
    CHECK_U64(hears_of_removal(id), ERROR_NONE);
    /* Its rows are still there, and its files must not come back. */
    CHECK(hears_of_session(ask_session(7, 1)) == ERROR_GONE && births == 1);
    role_end_send(directory, &(struct msg){.type = MSG_ACCOUNT_RETRY, .account_retry = {7}});
    CHECK(hears_of_session(ask_session(7, 1)) == ERROR_GONE && births == 1);
    id = ask_removal(8); /* one without a process */
    CHECK(removers == 2 && removed == 8);
    collect(FIRST_PID * 2 + 2, 1 << 8);
    CHECK_U64(hears_of_removal(id), ERROR_DISK);
    no_fork = true;
    CHECK_U64(hears_of_removal(ask_removal(8)), ERROR_DISK);
    end();
}

static void who_asks_again_for_a_removal_is_answered_last(void)
{
    uint64_t first, second;

    begin();
    open_account(7);
    first = ask_removal(7); /* while its process ends, */
    second = ask_removal(7);
    CHECK_U64(hears_of_removal(first), ERROR_DISK);
    exit_child(7);
    first = second;
    second = ask_removal(7); /* and while its files go: one child does it */
    CHECK(hears_of_removal(first) == ERROR_DISK && removers == 1);
    collect(FIRST_PID * 2 + 1, 0);
    CHECK_U64(hears_of_removal(second), ERROR_NONE);
    end();
}

/* ---- a new address layout ---- */

static struct msg *handed_over(void)
{
    return role_end_take(t.supervisor, MSG_HAND_OVER_ASK);
}

static void tell_handed(uint64_t id)
{
    role_end_send(t.supervisor, &(struct msg){.type = MSG_HAND_OVER_TELL, .hand_over_tell = {id}});
}

static void after_a_crash_children_are_handed_over_a_few_at_a_time(void)
{
    bool seen[ACCOUNTS] = {false};
    size_t n = 0, before;
    struct msg *m;

    begin();
    for (uint64_t i = 1; i <= 100; i++)
        open_account(i);
    before = test_descriptors();
    say_idle(50, 1); /* one is ending: it is no use to anybody */
    ask_session(50, 1);
    test_expect_log("account-crash");
    collect(pid_of[51], 11); /* its channel ends later */
    CHECK(acc.renewing && acc.crashes == 1 && !t.p->ended);
    CHECK_U64(asked_to_kill(), pid_of[50]);
    CHECK_U64(role_end_waiting(t.supervisor, MSG_HAND_OVER_ASK), HAND_OVER_AT_ONCE);
    ask_session(1, 1);                    /* waits for the successor: it is not read */
    running_left(running_find(&acc, 50)); /* and what waits here is asked of it again */
    for (; (m = handed_over()); n++) {
        CHECK(m->nfds == 1 && m->hand_over_ask.started == 1);
        CHECK(m->hand_over_ask.pid == (uint64_t)pid_of[m->hand_over_ask.account]);
        CHECK(!seen[m->hand_over_ask.account]);
        seen[m->hand_over_ask.account] = true;
        tell_handed(m->hand_over_ask.id);
    }
    CHECK(n == 98 && !seen[50] && !seen[51]);
    CHECK(t.p->ended && test_descriptors() < before);
    CHECK(role_end_take(directory, MSG_SESSION_TELL) == NULL && births == 100);
    end();
}

/* The supervisor does not answer for one, or a child was asked whether it lives: nothing of it is used
 * any more. */
static void what_was_under_way_with_a_child_ends_when_it_is_handed_over(void)
{
    begin();
    for (uint64_t i = 1; i <= 3; i++)
        open_account(i);
    say_probe(1);
    test_expect_log("account-crash");
    role_end_close(child[3]);
    collect(pid_of[3], 11);
    CHECK_U64(role_end_waiting(t.supervisor, MSG_HAND_OVER_ASK), 2);
    role_test_pass(&t, 12 * SECOND_US); /* the ping, and the hand-overs, have had their time */
    CHECK(t.p->ended && asked_to_kill() == 0);
    end();
}

static void adopt_as(struct msg_adopt_ask ask)
{
    struct msg m = {.type = MSG_ADOPT_ASK, .nfds = 1};
    uint64_t account = ask.account;
    int pair[2];

    CHECK(chan_pair(pair));
    m.fd[0] = pair[0];
    m.adopt_ask = ask;
    m.adopt_ask.id = ++last_id;
    pid_of[account] = (pid_t)ask.pid;
    child[account] = role_test_over(&t, ROLE_ACCOUNT, pair[1]);
    role_end_send(t.supervisor, &m);
    close(pair[0]);
    CHECK(role_end_take(t.supervisor, MSG_ADOPT_TELL) != NULL);
}

static void adopt(uint64_t account, pid_t pid, uint64_t started)
{
    adopt_as((struct msg_adopt_ask){.account = account, .pid = (uint64_t)pid, .started = started});
}

/* One hangs, one is at a long piece of work, and another one crashes: what is known of the two is handed on. */
static void what_is_known_of_a_child_is_handed_over(void)
{
    int64_t busy_until_us;
    struct msg *m;

    begin();
    for (uint64_t i = 1; i <= 4; i++) {
        open_account(i);
        CHECK(answer_ping(i));
    }
    say_probe(1);
    CHECK_U64(hears_of_session(ask_session(3, 1)), ERROR_NONE); /* it is asked later */
    say_busy(2, 60);
    busy_until_us = role_test_now_us() + 60 * SECOND_US;
    test_expect_log("account-crash");
    role_end_close(child[4]);
    collect(pid_of[4], 11);
    for (size_t i = 0; i < 3; i++) {
        m = handed_over();
        CHECK(m && m->hand_over_ask.probe == (m->hand_over_ask.account != 2));
        CHECK_U64(m->hand_over_ask.busy_until,
                  m->hand_over_ask.account == 2 ? (uint64_t)busy_until_us : 0);
        tell_handed(m->hand_over_ask.id);
    }
    end();
}

static void a_child_that_hung_before_it_was_handed_over_is_killed(void)
{
    begin_setup("");
    adopt_as((struct msg_adopt_ask){.account = 7, .pid = FIRST_PID + 500, .probe = 1});
    adopt_as((struct msg_adopt_ask){.account = 8, .pid = FIRST_PID + 501, .probe = 1});
    adopt(9, FIRST_PID + 502, 0);
    go();
    CHECK(answer_ping(8) && !answer_ping(9));
    test_expect_log("role-problem");
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(asked_to_kill() == FIRST_PID + 500 && asked_to_kill() == 0);
    end();
}

/* It was asked by our predecessor, whose ids began as ours do; 7 is asked by us. */
static void a_late_answer_to_our_predecessor_ends_nothing(void)
{
    struct msg late = {.type = MSG_ACCOUNT_PING_TELL};

    begin_setup("");
    adopt_as((struct msg_adopt_ask){.account = 7, .pid = FIRST_PID + 500, .probe = 1});
    adopt_as((struct msg_adopt_ask){.account = 8, .pid = FIRST_PID + 501, .probe = 1});
    go();
    for (uint64_t id = 1; id < 10; id++) {
        late.account_ping_tell.id = id;
        role_end_send(child[8], &late);
    }
    CHECK(!role_end_is_closed(child[8]) && answer_ping(8) && answer_ping(7));
    role_test_pass(&t, 20 * SECOND_US);
    CHECK_U64(asked_to_kill(), 0);
    end();
}

static void a_child_that_was_busy_when_it_was_handed_over_still_is(void)
{
    begin_setup("");
    adopt_as((struct msg_adopt_ask){
        .account = 7,
        .pid = FIRST_PID + 500,
        .busy_until = (uint64_t)(role_test_now_us() + 60 * SECOND_US),
    });
    go();
    for (int i = 0; i < 4; i++) {
        say_probe(7);
        role_test_pass(&t, 12 * SECOND_US);
    }
    CHECK_U64(asked_to_kill(), 0);
    role_test_pass(&t, 13 * SECOND_US);
    test_expect_log("role-problem");
    say_probe(7);
    role_test_pass(&t, 12 * SECOND_US);
    CHECK_U64(asked_to_kill(), FIRST_PID + 500);
    end();
}

static void say_orphan(pid_t pid, uint64_t signal_number)
{
    role_end_send(t.supervisor, &(struct msg){.type = MSG_ACCOUNTS_ORPHAN,
                                              .accounts_orphan = {(uint64_t)pid, signal_number}});
}

static void adopted_children_serve_on_and_their_crash_renews_nothing(void)
{
    begin_setup("account-idle = 33");
    adopt(7, FIRST_PID + 500, 4);
    adopt(8, FIRST_PID + 501, 0);
    go();
    CHECK_U64(role_end_take(child[7], MSG_ACCOUNT_SETTINGS)->account_settings.idle_s, 33);
    open_account(7);
    CHECK_U64(births, 0);
    say_idle(7, 4);
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP) ==
          NULL); /* it was told of 4, and of one more */
    say_idle(7, 5);
    CHECK(role_end_take(child[7], MSG_ACCOUNT_STOP) != NULL);
    role_end_close(child[7]);
    say_orphan(pid_of[7], 0);
    CHECK(acc.leaving.n == 0 && acc.crashes == 0);
    test_expect_log("account-crash");
    role_end_close(child[8]);
    say_orphan(pid_of[8], 11);
    CHECK(acc.crashes == 1 && !acc.renewing && acc.running.n == 0 && acc.leaving.n == 0);
    say_orphan(FIRST_PID + 999, 9); /* one that our predecessor had killed */
    CHECK(acc.crashes == 1 && !acc.renewing);
    open_account(8);
    end();
}

/* They end while we are being set up. */
static void children_that_end_before_the_start_are_known_to_have_ended(void)
{
    begin_setup("");
    adopt(7, FIRST_PID + 500, 4);
    adopt(8, FIRST_PID + 501, 0);
    say_orphan(FIRST_PID + 500, 11); /* before its channel is read, */
    role_end_close(child[8]);
    test_expect_log("account-crash");
    go();
    role_end_close(child[7]);
    say_orphan(FIRST_PID + 501, 0); /* and after */
    CHECK(acc.running.n == 0 && acc.leaving.n == 0 && !acc.renewing);
    role_test_pass(&t, 20 * SECOND_US);
    CHECK_U64(asked_to_kill(), 0); /* the number may be somebody else's */
    end();
}

/* ---- the end of the server ---- */

static void at_the_end_all_are_told_and_those_that_do_not_end_are_killed(void)
{
    begin();
    for (uint64_t i = 1; i <= 3; i++)
        open_account(i);
    say_idle(3, 1);
    CHECK(role_end_take(child[3], MSG_ACCOUNT_STOP));
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(role_end_take(child[1], MSG_ACCOUNT_STOP) && role_end_take(child[2], MSG_ACCOUNT_STOP));
    CHECK(role_end_take(child[3], MSG_ACCOUNT_STOP) == NULL);        /* it has heard already */
    CHECK_U64(hears_of_session(ask_session(1, 1)), ERROR_TEMPORARY); /* nobody is opened any more */
    CHECK_U64(hears_of_session(ask_session(9, 1)), ERROR_TEMPORARY);
    CHECK_U64(births, 3);
    exit_child(1);
    CHECK(!t.p->ended);
    role_test_pass(&t, STOP_DRAINING_US + SECOND_US / 10);
    CHECK(asked_to_kill() && asked_to_kill() && !asked_to_kill());
    exit_child(2);
    exit_child(3);
    CHECK(t.p->ended);
    end();
}

static void a_crash_at_the_end_renews_nothing(void)
{
    begin();
    open_account(1);
    open_account(2);
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    test_expect_log("account-crash");
    role_end_close(child[1]);
    collect(pid_of[1], 11);
    CHECK(!acc.renewing && !t.p->ended);
    exit_child(2);
    CHECK(t.p->ended);
    end();
}

/* It goes on: the session that met it is told, and the directory is. */
static void what_is_damaged_in_an_account_is_told_to_the_directory(void)
{
    const struct msg damaged = {.type = MSG_ACCOUNT_DAMAGED,
                                .account_damaged = {STR("email 3 cannot be read")}};
    struct msg *m;

    begin();
    open_account(7);
    test_expect_log("account-damaged");
    role_end_send(child[7], &damaged);
    m = role_end_take(directory, MSG_ACCOUNT_IS_DAMAGED);
    if (CHECK(m && m->account_is_damaged.account == 7))
        CHECK_STR(m->account_is_damaged.what, STR("email 3 cannot be read"));
    CHECK_U64(hears_of_session(ask_session(7, 1)), ERROR_NONE);
    role_end_close(directory);
    test_expect_log("account-damaged");
    role_end_send(child[7], &damaged); /* nobody hears it */
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK(role_end_take(directory, MSG_NONE) == NULL);
    end();
}

/* The directory says of each account whether it was open before, and hears when it is. */
static void what_was_open_once_is_known(void)
{
    const struct msg opened = {.type = MSG_ACCOUNT_OPENED};
    struct msg *m;

    begin();
    open_account(7);
    CHECK(!born_opened);
    role_end_send(child[7], &opened);
    m = role_end_take(directory, MSG_ACCOUNT_IS_OPEN);
    CHECK(m && m->account_is_open.account == 7);
    asks_for_opened = true;
    open_account(8);
    CHECK(born_opened);
    role_end_close(directory);
    role_end_send(child[8], &opened); /* nobody hears it */
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK(role_end_take(directory, MSG_NONE) == NULL);
    end();
}

int main(void)
{
    RUN(what_was_open_once_is_known);
    RUN(what_is_damaged_in_an_account_is_told_to_the_directory);
    RUN(the_first_session_forks_and_the_second_does_not);
    RUN(an_idle_process_ends_only_when_nothing_was_sent_meanwhile);
    RUN(opens_wait_for_the_end_of_the_process_and_get_the_next_one);
    RUN(a_process_that_ignores_its_end_is_killed_and_costs_little);
    RUN(a_process_that_leaves_its_channel_and_lives_on_is_killed);
    RUN(why_a_process_has_given_up_can_be_found);
    RUN(a_process_that_does_not_answer_is_killed);
    RUN(a_process_that_said_that_it_is_busy_is_not_killed_before);
    RUN(a_session_asks_now_and_then_whether_the_process_lives);
    RUN(why_an_account_failed_is_told_for_ten_seconds);
    RUN(an_account_that_failed_is_tried_again_when_it_is_wished);
    RUN(without_keys_or_processes_an_account_is_not_opened);
    RUN(failures_of_very_many_accounts_are_forgotten);
    RUN(sessions_of_a_credential_end_also_those_that_wait);
    RUN(files_are_removed_by_a_child_when_the_process_has_ended);
    RUN(who_asks_again_for_a_removal_is_answered_last);
    RUN(after_a_crash_children_are_handed_over_a_few_at_a_time);
    RUN(what_was_under_way_with_a_child_ends_when_it_is_handed_over);
    RUN(what_is_known_of_a_child_is_handed_over);
    RUN(a_child_that_hung_before_it_was_handed_over_is_killed);
    RUN(a_late_answer_to_our_predecessor_ends_nothing);
    RUN(a_child_that_was_busy_when_it_was_handed_over_still_is);
    RUN(adopted_children_serve_on_and_their_crash_renews_nothing);
    RUN(children_that_end_before_the_start_are_known_to_have_ended);
    RUN(at_the_end_all_are_told_and_those_that_do_not_end_are_killed);
    RUN(a_crash_at_the_end_renews_nothing);
    return test_end();
}
