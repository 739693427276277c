/* directory/login_guesses_test.c: what many guesses at once cost, and whom: they wait before they are
 * hashed, and a crowd of them refuses nobody else (login_test.c has what becomes of one login). */
#include "directory/directory.c"
#include "directory/login.c"

#include "directory/test_directory.h"

/* ---- many guesses ---- */

static unsigned log_lines;

/* Logins that fail by the hundred write as many lines. */
static void count_line(struct str line)
{
    (void)line;
    log_lines++;
}

static void guesses_side_by_side_wait_before_they_are_hashed(void)
{
    unsigned at_once, hashes;
    uint64_t id[100];
    unsigned rate = 0, denied = 0;

    begin();
    log_set_sink(count_line);
    for (unsigned i = 0; i < ARRAY_LEN(id); i++) {
        char password[30];

        snprintf(password, sizeof password, "guess %u", i);
        id[i] = ask(i % 2 ? ADA : "ada+x@example.test", password, "a");
    }
    at_once = hash_all();
    CHECK_U64(at_once, 3);
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        CHECK(!is_in(id[i]));
    for (int i = 0; i < 300; i++) {
        role_test_pass(&b.t, SECOND / 10);
        hash_all();
    }
    hashes = b.hashes;
    for (size_t i = 0; i < ARRAY_LEN(id); i++) {
        denied += is_refused(id[i], ERROR_DENIED);
        rate += is_refused(id[i], ERROR_RATE);
    }
    CHECK_U64(hashes, 11);
    CHECK(denied == 11 && rate == 89);
    end();
}

static void who_is_one_too_many_hears_it_later_and_costs_nothing(void)
{
    uint64_t id = 0;

    begin();
    for (int i = 0; i < 12; i++) {
        char password[30];

        snprintf(password, sizeof password, "guess %d", i);
        test_expect_log("login-failed");
        id = ask(ADA, password, "a");
    }
    CHECK(hash_all() == 3 && is_waiting(id));
    role_test_pass(&b.t, REFUSAL_US - 10000);
    CHECK(is_waiting(id));
    role_test_pass(&b.t, 10000);
    CHECK(is_refused(id, ERROR_RATE));
    for (int i = 0; i < 30; i++) {
        role_test_pass(&b.t, SECOND);
        hash_all();
    }
    end();
}

static void all_names_of_an_account_are_one_count(void)
{
    static const char *const names[] = {ADA,
                                        "ada+1@example.test",
                                        "ADA+2@example.test",
                                        "augusta@example.test",
                                        "Augusta+x@Example.Test",
                                        "ada%40example.test",
                                        NULL};
    static const char *const one[] = {ADA, NULL};
    struct cost c;

    begin();
    c = guess_in_turn(names, 8, "a");
    CHECK(c.us >= 7 * SECOND && c.hashes == 8);
    c = guess_in_turn(one, 1, "a"); /* and it goes on counting, by whatever name */
    CHECK(c.us >= 4 * SECOND);
    c = guess_in_turn(one, 1, "b"); /* from elsewhere it does not wait */
    CHECK(c.us < SECOND);
    end();
}

static void a_device_with_many_connections_is_one_hash(void)
{
    uint64_t id[20];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        id[i] = ask(i % 2 ? ADA : "augusta@example.test", ADAS, HOME);
    CHECK(hash_all() == 1 && open_all() == 20);
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        CHECK(is_in(id[i]));
    CHECK_U64(b.d.logins_ok, 20);
    end();
}

/* Its first connection waits because of mistakes: the others with it, not after it. */
static void who_follows_one_that_waits_waits_with_it(void)
{
    static const char *const one[] = {ADA, NULL};
    uint64_t id[5];

    begin();
    guess_in_turn(one, 4, "a");
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        id[i] = ask(ADA, ADAS, "a");
    CHECK(hash_all() == 0 && is_waiting(id[0]));
    role_test_pass(&b.t, SECOND);
    CHECK(hash_all() == 1 && open_all() == 5);
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        CHECK(is_in(id[i]));
    end();
}

static void where_the_owner_is_at_home_a_few_mistakes_do_not_wait(void)
{
    static const char *const one[] = {ADA, NULL};
    static const char *const homes[] = {HOME, "verified", "app"};
    char app[APP_PASSWORD_TEXT];

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    CHECK(login(ADA, ADAS, homes[0]).has_fd); /* by a hash, and without one */
    CHECK(login(ADA, ADAS, homes[1]).has_fd && login(ADA, app, homes[2]).has_fd);
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        struct cost c = guess_in_turn(one, 10, homes[i]);

        CHECK(c.us < SECOND && c.hashes == 10);
    }
    end();
}

static void a_right_app_password_never_waits(void)
{
    static const char *const one[] = {ADA, NULL};
    char app[APP_PASSWORD_TEXT];
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    guess_in_turn(one, 12, "a");
    id = ask(ADA, app, "a");
    CHECK(hash_all() == 0 && open_all() == 1 && is_in(id));
    end();
}

/* ---- the queue of hashes, full ---- */

static void a_crowd_of_one_address_refuses_nobody_else(void)
{
    uint64_t crowd[75], id;
    unsigned rate = 0;

    begin();
    log_set_sink(count_line);
    for (unsigned i = 0; i < ARRAY_LEN(crowd); i++) {
        char user[50];

        snprintf(user, sizeof user, "guess%u@example.test", i);
        crowd[i] = ask(user, "x", "a");
    }
    id = ask(ADA, ADAS, HOME);
    CHECK(hash_one() && hash_one() && open_one() && is_in(id)); /* one was with the hasher */
    hash_all();
    role_test_pass(&b.t, REFUSAL_US);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        rate += is_refused(crowd[i], ERROR_RATE);
    CHECK(rate == 75 - 65 + 1 && b.hashes == 65);
    end();
}

static void a_crowd_from_everywhere_at_one_account_refuses_nobody_else(void)
{
    uint64_t id;

    begin();
    add_account("ben@example.test", "another horse", 0);
    log_set_sink(count_line);
    for (unsigned i = 0; i < 200; i++) {
        char prefix[30], password[30];

        snprintf(prefix, sizeof prefix, "prefix %u", i);
        snprintf(password, sizeof password, "guess %u", i);
        ask(ADA, password, prefix);
    }
    id = ask("ben@example.test", "another horse", HOME);
    CHECK(hash_one() && hash_one() && open_one() && is_in(id));
    hash_all();
    end();
}

/* Nor the owner himself, where he is at home: he is not one of the crowd at his account. */
static void nor_the_owner_where_he_is_at_home(void)
{
    uint64_t id;

    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    login_forget(&b.d, ada); /* or the hour is over: he needs a hash again */
    log_set_sink(count_line);
    for (unsigned i = 0; i < 200; i++) {
        char prefix[30], password[30];

        snprintf(prefix, sizeof prefix, "prefix %u", i);
        snprintf(password, sizeof password, "guess %u", i);
        ask(ADA, password, prefix);
    }
    id = ask(ADA, ADAS, HOME);
    CHECK(hash_one() && hash_one() && open_one() && is_in(id));
    hash_all();
    end();
}

int main(void)
{
    RUN(guesses_side_by_side_wait_before_they_are_hashed);
    RUN(who_is_one_too_many_hears_it_later_and_costs_nothing);
    RUN(all_names_of_an_account_are_one_count);
    RUN(a_device_with_many_connections_is_one_hash);
    RUN(who_follows_one_that_waits_waits_with_it);
    RUN(where_the_owner_is_at_home_a_few_mistakes_do_not_wait);
    RUN(a_right_app_password_never_waits);
    RUN(a_crowd_of_one_address_refuses_nobody_else);
    RUN(a_crowd_from_everywhere_at_one_account_refuses_nobody_else);
    RUN(nor_the_owner_where_he_is_at_home);
    return test_end();
}
