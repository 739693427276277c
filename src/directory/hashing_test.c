/* directory/hashing_test.c: the queue before the hashers is bounded and fair, and survives a hasher. */
#include "directory/hashing.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <string.h>
#include <unistd.h>

static char order[400]; /* what the hashers were given, a letter a job */
static size_t order_n;
static unsigned right, wrong, refused, lost, odd;
static char made[200];
static struct role_test bench;
static struct role_end *hasher;
static struct directory d;

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    (void)arg;
    if (ok)
        right++;
    if (ok && hash.n && hash.n < sizeof made)
        memcpy(made, hash.p, hash.n);
    if (ok)
        return;
    if (err->kind == ERROR_RATE)
        refused++;
    else if (err->kind == ERROR_TEMPORARY)
        lost++;
    else if (err->kind == ERROR_INTERNAL)
        odd++;
    else
        wrong++;
}

static bool on_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    (void)arg, (void)ready, (void)err;
    d.p = p;
    d.hashes = hash_queue_create(&d);
    return true;
}

static void on_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
}

static void on_peer_new(void *arg, enum role role, struct chan *c)
{
    (void)arg, (void)role;
    hash_queue_peer_new(d.hashes, c);
}

static void on_peer_lost(void *arg, enum role role, struct chan *c)
{
    (void)arg, (void)role;
    hash_queue_peer_lost(d.hashes, c);
}

static const struct process_ops ops = {
    .start = on_start, .message = on_message, .peer_new = on_peer_new, .peer_lost = on_peer_lost};

static void begin(void)
{
    memset(order, 0, sizeof order);
    memset(made, 0, sizeof made);
    order_n = right = wrong = refused = lost = odd = 0;
    role_test_begin(&bench, ROLE_DIRECTORY, &ops, NULL);
    hasher = role_test_peer(&bench, ROLE_HASHER,
                            0); /* before the start, as at every start of the server */
    role_test_go(&bench);
}

static void end(void)
{
    hash_queue_destroy(d.hashes);
    role_test_end(&bench);
}

static void add(uint64_t prefix, uint64_t account, const char *letter)
{
    hash_queue_add(d.hashes, (struct hash_owner){prefix, account}, str_c(letter), STR("h"), on_hash,
                   NULL);
}

/* A hasher answers what it has, if it has something. */
static bool answer_with(struct role_end *h, enum error_kind kind, struct str hash)
{
    struct msg tell = {.type = MSG_HASH_TELL};
    struct msg *m;

    role_test_spin(&bench);
    m = role_end_take(h, MSG_HASH_ASK);
    if (!m)
        return false;
    order[order_n++] = m->hash_ask.password.p[0];
    tell.hash_tell = (struct msg_hash_tell){m->hash_ask.id, {kind, STR_NULL}, hash};
    role_end_send(h, &tell);
    return true;
}

static bool answer(enum error_kind kind)
{
    return answer_with(hasher, kind, STR_NULL);
}

static void answer_all(void)
{
    while (answer(ERROR_NONE))
        ;
}

static void prefixes_take_turns(void)
{
    begin();
    for (uint64_t i = 0; i < 5; i++)
        add(1, 100 + i, "f");
    add(2, 200, "h");
    add(3, 300, "w");
    answer_all();
    CHECK_STR(str_of(order, order_n), STR("fhwffff")); /* who floods waits behind himself */
    CHECK(right == 7 && hash_queue_waiting(d.hashes) == 0);
    end();
}

static void accounts_take_turns_too(void)
{
    begin();
    for (uint64_t i = 0; i < 5; i++)
        add(1 + i, 100, "g"); /* many addresses guess at one account */
    add(50, 200, "h");
    answer_all();
    CHECK_STR(str_of(order, order_n), STR("ghgggg"));
    end();
}

static void one_hasher_has_one_job_at_a_time(void)
{
    begin();
    for (int i = 0; i < 3; i++)
        add(1, 1, "x");
    role_test_spin(&bench);
    CHECK_U64(role_end_waiting(hasher, MSG_HASH_ASK), 1);
    answer(ERROR_DENIED);
    CHECK(wrong == 1 && role_end_waiting(hasher, MSG_HASH_ASK) == 1);
    answer_all();
    CHECK_U64(right, 2);
    end();
}

static void a_full_queue_costs_the_one_who_fills_it(void)
{
    begin();
    for (int i = 0; i < WAITING_MOST + 1 + 3; i++) /* one is with the hasher */
        add(1, (uint64_t)i, "f");
    CHECK_U64(refused, 3);
    add(2, 1000, "h"); /* who asks once gets in, at the flood's cost */
    CHECK_U64(refused, 4);
    answer(ERROR_NONE);
    answer(ERROR_NONE);
    CHECK_STR(str_of(order, 2), STR("fh"));
    answer_all();
    CHECK(right == WAITING_MOST + 1 && hash_queue_refused(d.hashes) == 4);
    end();
}

static void so_does_one_account_that_is_guessed_at_from_everywhere(void)
{
    begin();
    for (uint64_t i = 0; i < WAITING_MOST + 10; i++)
        add(1000 + i, 1, "g");
    CHECK_U64(refused, 9);
    add(1, 2, "h");
    CHECK_U64(refused, 10);
    answer_all();
    CHECK(strchr(order, 'h') != NULL && strchr(order, 'h') - order == 1);
    end();
}

static void the_operator_is_never_refused(void)
{
    begin();
    for (uint64_t i = 0; i < WAITING_MOST + 1; i++)
        add(1, i, "f");
    hash_queue_add(d.hashes, (struct hash_owner){0}, STR("o"), STR_NULL, on_hash, NULL);
    CHECK_U64(refused, 1);
    answer(ERROR_NONE);
    answer_with(hasher, ERROR_NONE, STR("$argon2id$x"));
    CHECK_STR(str_of(order, 2), STR("fo"));
    CHECK_STR(str_c(made), STR("$argon2id$x"));
    answer_all();
    end();
}

static void what_a_lost_hasher_had_goes_to_another_once(void)
{
    begin();
    add(1, 1, "a");
    add(1, 1, "b");
    role_test_spin(&bench);
    role_end_close(hasher);
    CHECK(lost == 0 && hash_queue_waiting(d.hashes) == 2);
    hasher = role_test_peer(&bench, ROLE_HASHER, 0);
    role_test_spin(&bench);
    CHECK(role_end_waiting(hasher, MSG_HASH_ASK) == 1);
    role_end_close(hasher);
    CHECK_U64(lost, 1); /* twice is enough: it may be what ends them */
    hasher = role_test_peer(&bench, ROLE_HASHER, 0);
    answer_all();
    CHECK_STR(str_of(order, order_n), STR("b"));
    CHECK_U64(right, 1);
    end();
}

static void what_was_lost_goes_ahead_of_the_others(void)
{
    begin();
    add(1, 1, "a");
    role_test_spin(&bench);
    add(2, 2, "b");
    add(3, 3, "c");
    role_end_close(hasher);
    hasher = role_test_peer(&bench, ROLE_HASHER, 0);
    answer_all();
    CHECK_STR(str_of(order, order_n), STR("abc"));
    CHECK(right == 3 && lost == 0);
    end();
}

/* Its end is noticed only by the job that is sent to it. */
static void a_hasher_that_has_just_ended_costs_one_chance(void)
{
    begin();
    close(hasher->fd);
    hasher->fd = -1;
    add(1, 1, "a");
    role_test_spin(&bench);
    CHECK_U64(lost, 0);
    hasher = role_test_peer(&bench, ROLE_HASHER, 0);
    answer_all();
    CHECK(right == 1 && lost == 0);
    end();
}

static void a_hasher_that_hangs_keeps_one_job_for_its_time(void)
{
    struct role_end *other;

    begin();
    other = role_test_peer(&bench, ROLE_HASHER, 1);
    add(1, 1, "a");
    role_test_spin(&bench);
    CHECK_U64(role_end_waiting(hasher, MSG_HASH_ASK), 1);
    for (uint64_t i = 2; i < 10; i++) {
        add(i, i, "b"); /* the others go on */
        CHECK(answer_with(other, ERROR_NONE, STR_NULL));
    }
    CHECK_U64(right, 8);
    role_test_pass(&bench, 30000000);
    CHECK(answer_with(other, ERROR_NONE, STR_NULL));
    CHECK(right == 9 && lost == 0);
    add(20, 20, "c"); /* and it gets no other for a while */
    CHECK(answer_with(other, ERROR_NONE, STR_NULL));
    CHECK_U64(role_end_waiting(hasher, MSG_HASH_ASK), 1);
    CHECK_U64(role_end_waiting(other, MSG_HASH_ASK), 0);
    end();
}

/* As after the machine has slept: nobody is left out for good. */
static void a_hasher_that_let_its_time_pass_is_tried_again(void)
{
    begin();
    add(1, 1, "a");
    role_test_pass(&bench, 30000000);
    add(2, 2, "b");
    CHECK_U64(role_end_waiting(hasher, MSG_HASH_ASK), 1);
    role_end_take(hasher, MSG_HASH_ASK);
    role_test_pass(&bench, REST_US + 100000);
    answer_all();
    CHECK_STR(str_of(order, order_n), STR("ab"));
    CHECK(right == 2 && lost == 0);
    end();
}

/* Each answers for the job that it was given, and for no other's. */
static void a_hasher_does_not_answer_for_another(void)
{
    struct msg tell = {.type = MSG_HASH_TELL};
    struct role_end *other;

    begin();
    other = role_test_peer(&bench, ROLE_HASHER, 1);
    add(1, 1, "a");
    add(2, 2, "b");
    role_test_spin(&bench);
    tell.hash_tell.id = role_end_take(hasher, MSG_HASH_ASK)->hash_ask.id;
    test_expect_log("channel-broken");
    role_end_send(other, &tell);
    CHECK(right == 0 && wrong == 0 && role_end_is_closed(other));
    role_end_send(hasher, &tell);
    CHECK_U64(right, 1);
    answer_all();
    CHECK_U64(right, 2);
    end();
}

static void hashers_work_side_by_side(void)
{
    struct role_end *more[3];

    begin();
    for (unsigned i = 0; i < 3; i++)
        more[i] = role_test_peer(&bench, ROLE_HASHER, i + 1);
    for (uint64_t i = 0; i < 6; i++)
        add(i + 1, i + 1, "x");
    role_test_spin(&bench);
    CHECK_U64(hash_queue_waiting(d.hashes), 2);
    CHECK(answer(ERROR_NONE));
    for (size_t i = 0; i < 3; i++)
        CHECK(answer_with(more[i], ERROR_NONE, STR_NULL));
    answer_all();
    for (size_t i = 0; i < 3; i++)
        answer_with(more[i], ERROR_NONE, STR_NULL);
    CHECK_U64(right, 6);
    end();
}

/* A hasher that was taken over may say that a password is right; it cannot have a password without
 * a hash set, nor have a made hash taken for a verified one. */
static void an_answer_to_another_question_is_none(void)
{
    char text[HASH_BYTES + 2] = "$argon2id$";
    struct str bad[] = {STR_NULL, STR("x"), STR("$argon2id$\0"), str_of(text, HASH_BYTES + 1)};

    memset(text + 10, 'x', sizeof text - 10);
    begin();
    add(1, 1, "v");
    answer_with(hasher, ERROR_NONE, STR("$argon2id$x"));
    CHECK(right == 0 && odd == 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        hash_queue_add(d.hashes, (struct hash_owner){0}, STR("m"), STR_NULL, on_hash, NULL);
        answer_with(hasher, ERROR_NONE, bad[i]);
    }
    CHECK(right == 0 && odd == 1 + ARRAY_LEN(bad));
    hash_queue_add(d.hashes, (struct hash_owner){0}, STR("m"), STR_NULL, on_hash, NULL);
    answer_with(hasher, ERROR_NONE, str_of(text, HASH_BYTES));
    CHECK(right == 1 && str_c(made).n == HASH_BYTES);
    end();
}

/* Very many at once hold no more than the queue has room for, whoever asks and whoever answers. */
static void what_waits_is_bounded(void)
{
    begin();
    for (uint64_t i = 0; i < 20000; i++) {
        add(i, 40000 + i, "x");
        if (i % 1000 == 0)
            answer(ERROR_DENIED);
    }
    CHECK_U64(hash_queue_waiting(d.hashes), WAITING_MOST);
    CHECK(d.hashes->served_prefix.n <= SERVED_MOST);
    answer_all();
    CHECK_U64(right + wrong + refused, 20000);
    end();
}

static void whose_turn_was_is_forgotten_after_very_many(void)
{
    begin();
    for (uint64_t i = 1; i < 3 * SERVED_MOST; i++) {
        add(i, i, "x");
        order_n = 0;
        CHECK(answer(ERROR_NONE));
    }
    CHECK(d.hashes->served_prefix.n <= SERVED_MOST && d.hashes->served_account.n <= SERVED_MOST);
    end();
}

int main(void)
{
    RUN(prefixes_take_turns);
    RUN(accounts_take_turns_too);
    RUN(one_hasher_has_one_job_at_a_time);
    RUN(a_full_queue_costs_the_one_who_fills_it);
    RUN(so_does_one_account_that_is_guessed_at_from_everywhere);
    RUN(the_operator_is_never_refused);
    RUN(what_a_lost_hasher_had_goes_to_another_once);
    RUN(what_was_lost_goes_ahead_of_the_others);
    RUN(a_hasher_that_has_just_ended_costs_one_chance);
    RUN(a_hasher_that_hangs_keeps_one_job_for_its_time);
    RUN(a_hasher_that_let_its_time_pass_is_tried_again);
    RUN(a_hasher_does_not_answer_for_another);
    RUN(hashers_work_side_by_side);
    RUN(an_answer_to_another_question_is_none);
    RUN(what_waits_is_bounded);
    RUN(whose_turn_was_is_forgotten_after_very_many);
    return test_end();
}
