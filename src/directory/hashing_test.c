/* directory/hashing_test.c: the queue before the hashers is bounded and fair, and survives a hasher. */
#include "directory/hashing.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <string.h>

static char order[400]; /* what the hashers were given, a letter a job */
static size_t order_n;
static unsigned right, wrong, refused, lost;
static struct role_test bench;
static struct role_end *hasher;
static struct directory d;

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    (void)arg, (void)hash;
    if (ok)
        right++;
    else if (err->kind == ERROR_RATE)
        refused++;
    else if (err->kind == ERROR_TEMPORARY)
        lost++;
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
    order_n = right = wrong = refused = lost = 0;
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

/* The hasher answers what it has, if it has something. */
static bool answer(enum error_kind kind)
{
    struct msg tell = {.type = MSG_HASH_TELL};
    struct msg *m;

    role_test_spin(&bench);
    m = role_end_take(hasher, MSG_HASH_ASK);
    if (!m)
        return false;
    order[order_n++] = m->hash_ask.password.p[0];
    tell.hash_tell.id = m->hash_ask.id;
    tell.hash_tell.error.kind = kind;
    role_end_send(hasher, &tell);
    return true;
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
    answer(ERROR_NONE);
    CHECK_STR(str_of(order, 2), STR("fo"));
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

int main(void)
{
    RUN(prefixes_take_turns);
    RUN(accounts_take_turns_too);
    RUN(one_hasher_has_one_job_at_a_time);
    RUN(a_full_queue_costs_the_one_who_fills_it);
    RUN(so_does_one_account_that_is_guessed_at_from_everywhere);
    RUN(the_operator_is_never_refused);
    RUN(what_a_lost_hasher_had_goes_to_another_once);
    return test_end();
}
