/* relay/relay_test.c: what the queue gives back, to whom, when and how much at once; what nobody knew whose it
 * is; accounts that are removed. */
#include "relay/test_relay.h"

/* ---- one message ---- */

static void a_message_is_kept_and_given_back_as_it_came(void)
{
    struct msg_queue_try_ask *ask;
    struct error err;
    struct str bytes;
    uint64_t five = 5;

    begin();
    CHECK_U64(add_bytes("t1", STR("hello"), &STR("ada@x"), &five, 1), ERROR_NONE);
    role_test_pass(&t, 9 * SECOND_US);
    CHECK(tried() == NULL); /* queue-retry seconds */
    role_test_pass(&t, 2 * SECOND_US);
    ask = tried();
    CHECK(ask && ask->size == 5 && ask->received == 1795000000000000 && ask->recipients.n == 1);
    CHECK_STR(ask->transaction, STR("t1"));
    CHECK_STR(ask->session, STR("s1"));
    CHECK_STR(ask->return_path, STR("a@example.org"));
    CHECK_STR(ask->trace, STR("Received: x\r\n"));
    CHECK_STR(ask->recipients.v[0], STR("ada@x"));
    CHECK_U64(msg_u64_item(ask->accounts.v[0]), 5);
    CHECK(memfd_map(intake->last.fd[0], 5, &bytes, &err));
    CHECK_STR(bytes, STR("hello"));
    memfd_unmap(bytes);
    CHECK_U64(counter("queue"), 1);
    tell_tried(ask->id, ERROR_NONE);
    CHECK(counter("queue") == 0 && counter("queue-accounts") == 0 && counter("trying") == 0);
    CHECK(unqueued == 1 && requeued == 0);
    role_test_pass(&t, 7200 * SECOND_US);
    CHECK(tried() == NULL);
    end();
}

static void what_is_in_the_queue_outlives_the_process_and_is_tried_at_its_start(void)
{
    begin();
    for (uint64_t i = 1; i <= 3; i++)
        add(i);
    stop();
    start();
    CHECK_U64(answer_all(ERROR_NONE), 3); /* at once, whenever it was to be tried */
    CHECK_U64(counter("queue"), 0);
    stop();
    start();
    CHECK(tried() == NULL);
    end();
}

static void nobodys_any_more_is_over(void)
{
    begin();
    add(1);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(answer_try(ERROR_NOT_FOUND) == 1);
    CHECK_U64(counter("queue"), 0);
    end();
}

/* ---- rests ---- */

static void a_lane_rests_longer_each_time_up_to_an_hour(void)
{
    static const int64_t rests_s[] = {10, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};

    begin();
    add(1);
    for (size_t i = 0; i < ARRAY_LEN(rests_s); i++) {
        role_test_pass(&t, (rests_s[i] - 1) * SECOND_US);
        CHECK_ROW(tried() == NULL, "too soon");
        role_test_pass(&t, 2 * SECOND_US);
        CHECK_ROW(answer_try(ERROR_TEMPORARY) == 1, "too late");
    }
    CHECK_U64(requeued, ARRAY_LEN(rests_s));
    role_test_pass(&t, 3601 * SECOND_US);
    CHECK(answer_try(ERROR_NONE) == 1 && counter("queue") == 0);
    end();
}

/* The wall clock may be what it likes. */
static int64_t wall_shift_us;

static int64_t shifted_us(void)
{
    return role_test_now_us() + wall_shift_us;
}

static void a_wall_clock_that_jumps_changes_nothing(void)
{
    static const struct clock_source shifted = {.wall_us = shifted_us, .boot_us = role_test_now_us};
    static const int64_t years[] = {10, -10, 10, 0};

    begin();
    clock_set_source(&shifted);
    for (uint64_t i = 1; i <= 4; i++)
        add(i);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(answer_all(ERROR_TEMPORARY), 4);
    for (size_t i = 0; i < ARRAY_LEN(years); i++) {
        wall_shift_us = years[i] * 365 * 86400 * SECOND_US;
        role_test_pass(&t, SECOND_US);
        CHECK(tried() == NULL && counter("queue") == 4);
        CHECK(counter("queue-age-s") < 20LL * 365 * 86400); /* and not below 0 */
    }
    role_test_pass(&t, 7 * SECOND_US);
    CHECK_U64(answer_all(ERROR_NONE), 4);
    wall_shift_us = 0;
    end();
}

static void when_an_account_takes_one_the_others_follow(void)
{
    begin();
    for (int i = 0; i < 30; i++)
        add(1);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), 1); /* to see whether it can */
    CHECK(answer_try(ERROR_NONE) == 1);
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), LANE_MOST);
    CHECK_U64(answer_all(ERROR_NONE), 29);
    CHECK_U64(counter("queue"), 0);
    end();
}

/* One that the account does not take holds up none of the others, however it fails. */
static void one_message_that_fails_keeps_no_other_back(void)
{
    static const enum error_kind kinds[] = {ERROR_TEMPORARY, ERROR_DISK, ERROR_INTERNAL,
                                            ERROR_LIMIT, ERROR_GONE};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct msg_queue_try_ask *ask;
        uint64_t one = 1;

        begin();
        CHECK_U64(add_bytes("poison", STR("x"), &STR("ada@x"), &one, 1), ERROR_NONE);
        for (int k = 0; k < 20; k++)
            add(1);
        for (int turn = 0; turn < 30; turn++) {
            role_test_pass(&t, 11 * SECOND_US);
            while ((ask = tried()))
                tell_tried(ask->id,
                           str_equal(ask->transaction, STR("poison")) ? kinds[i] : ERROR_NONE);
        }
        CHECK_U64(counter("queue"), 1);
        CHECK_U64(unqueued, 20);
        end();
    }
}

static void one_account_that_hangs_slows_no_other(void)
{
    struct msg_queue_try_ask *ask;
    size_t taken = 0, hung = 0;

    begin();
    for (int i = 0; i < 50; i++)
        add(1);
    for (uint64_t i = 0; i < 300; i++)
        add(2 + i % 3);
    role_test_pass(&t, 11 * SECOND_US);
    while ((ask = tried())) { /* the first account's is not answered */
        if (msg_u64_item(ask->accounts.v[0]) == 1) {
            hung++;
            continue;
        }
        taken++;
        tell_tried(ask->id, ERROR_NONE);
    }
    CHECK(taken == 300 && hung == 1);
    CHECK_U64(counter("queue"), 50);
    end();
}

static void so_many_are_under_way_at_once_and_so_many_bytes(void)
{
    char *large = mem_zalloc(30 << 20);
    uint64_t account;
    size_t n = 0;

    begin();
    for (account = 1; account <= 100; account++)
        add(account);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), TRIES_MOST);
    CHECK_U64(answer_all(ERROR_NONE), 100);
    for (account = 1; account <= 4; account++) {
        large[0] = (char)account;
        CHECK_U64(add_bytes(account == 1   ? "a"
                            : account == 2 ? "b"
                            : account == 3 ? "c"
                                           : "d",
                            str_of(large, 30 << 20), &STR("ada@x"), &account, 1),
                  ERROR_NONE);
    }
    role_test_pass(&t, 11 * SECOND_US);
    while (role_end_waiting(intake, MSG_QUEUE_TRY_ASK)) {
        CHECK(role_end_waiting(intake, MSG_QUEUE_TRY_ASK) <= 2);
        CHECK(r.trying_bytes <= TRIES_BYTES);
        n += answer_try(ERROR_NONE) >= 0;
    }
    CHECK_U64(n, 4);
    role_test_pass(&t, 5 * SECOND_US); /* their files go */
    mem_free(large);
    end();
}

/* ---- whose nobody could say ---- */

static void of_nobodys_it_hears_whose_they_are_and_then_they_are_tried(void)
{
    static const uint64_t nobody[3], owners[] = {4, 5, 0};
    struct msg_queue_try_ask *ask;

    begin();
    CHECK_U64(add_bytes("t1", STR("hello"), three, nobody, 3), ERROR_NONE);
    role_test_pass(&t, 11 * SECOND_US);
    ask = tried();
    CHECK(ask && ask->recipients.n == 3 && msg_u64_item(ask->accounts.v[0]) == 0);
    tell_owners(ask->id, owners, 3);
    CHECK_U64(counter("queue"), 2); /* the third is nobody's any more */
    for (uint64_t i = 4; i <= 5; i++) {
        ask = tried(); /* at once: it is not the account that failed */
        CHECK(ask && ask->recipients.n == 1);
        CHECK_U64(msg_u64_item(ask->accounts.v[0]), i);
        CHECK_STR(ask->recipients.v[0], three[i - 4]);
        CHECK_STR(ask->transaction, STR("t1"));
        tell_tried(ask->id, i == 4 ? ERROR_NONE : ERROR_TEMPORARY);
    }
    CHECK_U64(counter("queue"), 1);
    CHECK_U64(add_bytes("t2", STR("hello"), three, nobody, 1), ERROR_NONE);
    role_test_pass(&t, 9 * SECOND_US);
    stop(); /* what is known stays known */
    start();
    ask = tried();
    CHECK(ask && msg_u64_item(ask->accounts.v[0]) == 5);
    end();
}

/* One that hangs among nobody's does not keep the others there. */
static void without_the_directory_nobodys_wait(void)
{
    static const uint64_t nobody[1];

    begin();
    CHECK_U64(add_bytes("t1", STR("hello"), three, nobody, 1), ERROR_NONE);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(answer_try(ERROR_TEMPORARY) == 0 && counter("queue") == 1);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(answer_try(ERROR_TEMPORARY) == 0 && counter("queue") == 1);
    end();
}

/* ---- removed accounts ---- */

static void the_mail_of_a_removed_account_is_gone(void)
{
    static const uint64_t nobody[3], owners[] = {4, 5, 0};
    struct msg_queue_try_ask *ask;
    uint64_t id = 0;

    begin();
    for (int i = 0; i < 20; i++)
        add(4);
    add(5);
    CHECK_U64(add_bytes("t1", STR("hello"), three, nobody, 3), ERROR_NONE);
    role_test_pass(&t, 11 * SECOND_US);
    for (int i = 0; i < 3; i++) { /* one of each lane; nobody's stays under way */
        ask = tried();
        if (ask && msg_u64_item(ask->accounts.v[0]) == 0)
            id = ask->id;
        else if (ask)
            tell_tried(ask->id,
                       msg_u64_item(ask->accounts.v[0]) == 4 ? ERROR_NONE : ERROR_TEMPORARY);
    }
    CHECK(id != 0); /* and now eight of the account's are */
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), LANE_MOST);
    CHECK_U64(purge(4, "ADA@x"), 19 + 1);
    CHECK_U64(counter("queue"), 1 + 2);
    CHECK_U64(lane_of(&r, 4, NULL)->waiting.n, 0); /* at once, whatever it rests */
    tell_owners(id, owners, 3);                    /* found out for whom ada was: too late */
    CHECK_U64(counter("queue"), 1 + 1);
    while (answer_try(ERROR_NOT_FOUND) == 4) /* what intake says of those that were under way */
        ;
    CHECK_U64(counter("queue-accounts"), 1);
    role_test_pass(&t, 59 * SECOND_US);
    while ((ask = tried()))
        CHECK(msg_u64_item(ask->accounts.v[0]) == 5);
    end();
}

/* What was on its way into the queue just then is not kept for whoever gets the address next. */
static void what_comes_just_after_the_removal_is_refused_where_nobody_knows_whose_it_is(void)
{
    static const uint64_t nobody[1], known[] = {9};

    begin();
    CHECK_U64(purge(4, "ada@x"), 0);
    CHECK_U64(add_bytes("t1", STR("m"), &STR("Ada+y@X"), nobody, 1), ERROR_TEMPORARY);
    CHECK_U64(add_bytes("t2", STR("m"), &STR("ada@x"), known, 1), ERROR_NONE);
    CHECK_U64(add_bytes("t3", STR("m"), &STR("ben@x"), nobody, 1), ERROR_NONE);
    CHECK_U64(counter("queue"), 2);
    role_test_pass(&t, 50 * SECOND_US);
    CHECK_U64(add_bytes("t5", STR("m"), &STR("ada@x"), nobody, 1), ERROR_TEMPORARY);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(add_bytes("t4", STR("m"), &STR("ada@x"), nobody, 1), ERROR_NONE);
    CHECK(r.purges.n == 0);
    end();
}

int main(void)
{
    RUN(a_message_is_kept_and_given_back_as_it_came);
    RUN(what_is_in_the_queue_outlives_the_process_and_is_tried_at_its_start);
    RUN(nobodys_any_more_is_over);
    RUN(a_lane_rests_longer_each_time_up_to_an_hour);
    RUN(a_wall_clock_that_jumps_changes_nothing);
    RUN(when_an_account_takes_one_the_others_follow);
    RUN(one_message_that_fails_keeps_no_other_back);
    RUN(one_account_that_hangs_slows_no_other);
    RUN(so_many_are_under_way_at_once_and_so_many_bytes);
    RUN(of_nobodys_it_hears_whose_they_are_and_then_they_are_tried);
    RUN(without_the_directory_nobodys_wait);
    RUN(the_mail_of_a_removed_account_is_gone);
    RUN(what_comes_just_after_the_removal_is_refused_where_nobody_knows_whose_it_is);
    return test_end();
}
