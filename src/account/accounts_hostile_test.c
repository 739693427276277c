/* account/accounts_hostile_test.c: children that say what they must not, or hear nothing; a directory that
 * asks too much; peers of the parent that are lost. */
#include "account/test_accounts.h"

static void what_a_child_may_not_say_ends_its_channel_only(void)
{
    static const enum msg_type types[] = {MSG_SESSION_ASK,  MSG_LINK_READY,    MSG_DELIVER_TELL,
                                          MSG_ACCOUNT_KILL, MSG_HAND_OVER_ASK, MSG_ACCOUNTS_ORPHAN};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        begin();
        open_account(7);
        open_account(8);
        test_expect_log("channel-broken");
        role_end_send(child[7], &(struct msg){.type = types[i]});
        CHECK(role_end_is_closed(child[7]) && !role_end_is_closed(child[8]));
        CHECK_U64(acc.leaving.n, 1);
        role_test_pass(&t, LEAVE_US + SECOND_US / 10); /* and it does not live on unseen */
        CHECK_U64(asked_to_kill(), pid_of[7]);
        collect(pid_of[7], 9);
        open_account(7);
        end();
    }
}

static void what_a_child_repeats_is_heard_once(void)
{
    begin();
    open_account(7);
    test_expect_log("role-problem"); /* one line, however often it says so */
    for (int i = 0; i < 100; i++)
        say_failed(7, ERROR_DISK);
    CHECK_U64(acc.failures.n, 1);
    open_account(8);
    for (int i = 0; i < 100; i++)
        say_idle(8, 1);
    CHECK(role_end_take(child[8], MSG_ACCOUNT_STOP) && !role_end_take(child[8], MSG_ACCOUNT_STOP));
    role_test_pass(&t, STOP_US + SECOND_US);
    CHECK(asked_to_kill() && asked_to_kill() && !asked_to_kill());
    end();
}

static void a_child_cannot_be_busy_for_ever_by_saying_so_once(void)
{
    begin();
    open_account(7);
    CHECK(answer_ping(7));
    say_busy(7, UINT64_MAX);
    role_test_pass(&t, BUSY_MOST_US + SECOND_US);
    test_expect_log("role-problem");
    say_probe(7);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    end();
}

static void a_child_that_says_nothing_wrong_but_a_wrong_number_is_asked_again(void)
{
    begin();
    open_account(7);
    role_end_send(child[7],
                  &(struct msg){.type = MSG_ACCOUNT_PING_TELL, .account_ping_tell = {.id = 99999}});
    CHECK(!role_end_is_closed(child[7])); /* an answer that nobody waits for */
    test_expect_log("role-problem");
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    end();
}

/* It reads nothing, and many want it. */
static void a_child_that_does_not_read_holds_few_descriptors(void)
{
    size_t before, refused = 0;

    begin();
    open_account(7);
    open_account(8);
    CHECK(answer_ping(8));
    child[7]->deaf = true;
    before = test_descriptors();
    for (int i = 0; i < 3000; i++)
        refused += hears_of_session(ask_session(7, 1)) == ERROR_TEMPORARY;
    CHECK(refused > 1000 && test_descriptors() <= before + UNHEARD_MOST + 1);
    CHECK_U64(hears_of_session(ask_session(8, 1)), ERROR_NONE);
    test_expect_log("role-problem");
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(asked_to_kill(), pid_of[7]);
    exit_child(7);
    CHECK(test_descriptors() <= before);
    open_account(7);
    end();
}

static void a_session_without_its_socket_is_refused(void)
{
    struct msg m = {.type = MSG_SESSION_ASK};

    begin();
    m.session_ask = (struct msg_session_ask){.id = ++last_id, .account = 7};
    role_end_send(directory, &m);
    CHECK(hears_of_session(last_id) == ERROR_INTERNAL && births == 0);
    end();
}

/* Two for one account, one without a channel; and some later, when we have started. */
static void children_that_cannot_be_adopted_are_let_go(void)
{
    struct msg m = {.type = MSG_ADOPT_ASK, .nfds = 1};
    struct role_end *twice[3];
    int pair[2];

    begin_setup("");
    for (size_t i = 0; i < 3; i++) {
        if (i == 2)
            go();
        CHECK(chan_pair(pair));
        m.fd[0] = pair[0];
        m.adopt_ask = (struct msg_adopt_ask){++last_id, 7, FIRST_PID + 50 + i, 0};
        twice[i] = role_test_over(&t, ROLE_ACCOUNT, pair[1]);
        role_end_send(t.supervisor, &m);
        close(pair[0]);
        CHECK(role_end_take(t.supervisor, MSG_ADOPT_TELL) != NULL);
    }
    m.nfds = 0;
    role_end_send(t.supervisor, &m);
    CHECK(role_end_take(t.supervisor, MSG_ADOPT_TELL) != NULL);
    CHECK(!role_end_is_closed(twice[0]) && role_end_is_closed(twice[1]));
    CHECK(role_end_is_closed(twice[2]) && acc.running.n == 1);
    end();
}

/* The directory is started again while its questions wait: nobody is told, and nothing is kept. Whoever
 * wants the removal asks again. */
static void a_directory_that_is_lost_leaves_its_questions_behind(void)
{
    begin();
    open_account(7);
    say_idle(7, 1);
    ask_session(7, 2);
    ask_removal(7);
    role_end_close(directory);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    exit_child(7);
    CHECK(removers == 0 && acc.removals.n == 0);
    CHECK_U64(role_end_waiting(directory, MSG_NONE), 0);
    ask_removal(7);
    role_end_close(directory);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    exit_child(7);
    ask_removal(7);
    role_end_close(directory);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK_U64(removers, 1);
    collect(FIRST_PID * 2 + 1, 0); /* it goes on to its end */
    CHECK(acc.removals.n == 0 && role_end_waiting(directory, MSG_NONE) == 0);
    end();
}

static void without_the_supervisor_it_ends(void)
{
    begin();
    open_account(7);
    role_end_close(t.supervisor);
    CHECK(t.p->ended && t.p->supervisor == NULL);
    CHECK_U64(hears_of_session(ask_session(8, 1)),
              ERROR_TEMPORARY); /* in the same turn of the loop */
    running_kill(running_find(&acc, 7));
    end();
}

int main(void)
{
    RUN(what_a_child_may_not_say_ends_its_channel_only);
    RUN(what_a_child_repeats_is_heard_once);
    RUN(a_child_cannot_be_busy_for_ever_by_saying_so_once);
    RUN(a_child_that_says_nothing_wrong_but_a_wrong_number_is_asked_again);
    RUN(a_child_that_does_not_read_holds_few_descriptors);
    RUN(a_session_without_its_socket_is_refused);
    RUN(children_that_cannot_be_adopted_are_let_go);
    RUN(a_directory_that_is_lost_leaves_its_questions_behind);
    RUN(without_the_supervisor_it_ends);
    return test_end();
}
