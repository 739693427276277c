/* directory/guesses_test.c: wrong passwords make the next guesses of their network at their account
 * wait, and nobody else. */
#include "directory/guesses.c"

#include "base/test.h"

static int64_t now_us;

static int64_t boot_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = boot_clock, .boot_us = boot_clock};
static const struct hash_owner attacker = {1, 100}, owner = {2, 100}, other = {1, 200};

static struct guesses *begin(void)
{
    now_us = 1000000;
    clock_set_source(&simulated);
    return guesses_create();
}

static void end(struct guesses *g)
{
    guesses_destroy(g);
    clock_set_source(NULL);
}

/* One guess after the other, each wrong: the microseconds that it waited. */
static int64_t guess_wrong(struct guesses *g, const struct hash_owner *o)
{
    int64_t wait = guesses_enter(g, o);

    if (wait >= 0) {
        now_us += wait;
        guesses_wrong(g, o);
    }
    return wait;
}

static void each_wrong_guess_makes_the_next_wait_longer(void)
{
    static const int64_t want[] = {0, 0, 0, 250000, 500000, 1000000, 2000000, 4000000, 4000000};
    struct guesses *g = begin();

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_U64(guess_wrong(g, &attacker), want[i]);
    end(g);
}

static void guesses_side_by_side_wait_for_one_another(void)
{
    struct guesses *g = begin();
    int64_t last = 0;
    unsigned in = 0, at_once = 0;

    for (int i = 0; i < 100; i++) {
        int64_t wait = guesses_enter(g, &attacker);

        if (wait < 0)
            continue;
        in++;
        at_once += wait == 0;
        CHECK(wait >= last);
        last = wait;
    }
    CHECK_U64(at_once, 3);
    CHECK_U64(in, 11); /* what would wait beyond WAIT_MOST_US is not let in */
    CHECK(last <= WAIT_MOST_US && guesses_enter(g, &attacker) == -1);
    now_us += last; /* they were checked, one after the other */
    for (unsigned i = 0; i < in; i++)
        guesses_wrong(g, &attacker);
    CHECK_U64(guesses_enter(g, &attacker), STEP_MOST_US);
    end(g);
}

static void nobody_else_waits(void)
{
    struct guesses *g = begin();

    while (guesses_enter(g, &attacker) >= 0)
        ;
    CHECK_U64(guesses_enter(g, &owner), 0); /* the account from elsewhere */
    CHECK_U64(guesses_enter(g, &other), 0); /* another account from here */
    end(g);
}

static void a_right_one_ends_the_waiting(void)
{
    struct guesses *g = begin();

    for (int i = 0; i < 6; i++)
        guess_wrong(g, &owner);
    now_us += guesses_enter(g, &owner);
    guesses_right(g, &owner);
    CHECK_U64(guesses_enter(g, &owner), 0);
    end(g);
}

/* Who is let in with others, and is right, does not make the others free. */
static void what_is_under_way_counts_on_beside_a_right_one(void)
{
    struct guesses *g = begin();

    for (int i = 0; i < 6; i++)
        CHECK(guesses_enter(g, &attacker) >= 0);
    guesses_right(g, &attacker);
    for (int i = 0; i < 5; i++)
        guesses_wrong(g, &attacker);
    now_us += WAIT_MOST_US;
    for (int i = 0; i < 15; i++) /* of a known network there are twenty free ones */
        CHECK_U64(guess_wrong(g, &attacker), 0);
    CHECK_U64(guess_wrong(g, &attacker), 0);
    CHECK_U64(guess_wrong(g, &attacker), STEP_US);
    end(g);
}

static void where_the_owner_is_at_home_a_few_mistakes_are_free(void)
{
    struct guesses *g = begin();

    CHECK(!guesses_is_known(g, &owner));
    guesses_know(g, &owner);
    CHECK(guesses_is_known(g, &owner) && !guesses_is_known(g, &attacker));
    for (unsigned i = 0; i <= FREE_KNOWN; i++)
        CHECK_U64(guess_wrong(g, &owner), 0);
    CHECK_U64(guess_wrong(g, &owner), STEP_US);
    end(g);
}

static void what_was_not_checked_is_no_mistake(void)
{
    struct guesses *g = begin();

    for (int i = 0; i < 100; i++) {
        CHECK_U64(guesses_enter(g, &owner), 0);
        guesses_over(g, &owner);
    }
    guesses_over(g, &owner); /* one too many changes nothing */
    CHECK_U64(guesses_enter(g, &owner), 0);
    end(g);
}

static void mistakes_are_forgotten_after_a_while(void)
{
    struct guesses *g = begin();

    for (int i = 0; i < 8; i++)
        guess_wrong(g, &attacker);
    now_us += WRONG_US;
    CHECK_U64(guess_wrong(g, &attacker), STEP_MOST_US); /* not yet */
    now_us += 2 * WRONG_US;
    CHECK_U64(guess_wrong(g, &other), 0); /* turns the generations */
    now_us += WRONG_US;
    CHECK_U64(guess_wrong(g, &attacker), 0);
    end(g);
}

static void networks_are_remembered_for_a_month_or_two(void)
{
    struct guesses *g = begin();

    guesses_know(g, &owner);
    now_us += KNOWN_US;
    CHECK(guesses_is_known(g, &owner));
    now_us += KNOWN_US;
    CHECK(guesses_is_known(g, &owner));
    now_us += KNOWN_US;
    guesses_is_known(g, &other);
    now_us += KNOWN_US;
    CHECK(!guesses_is_known(g, &owner));
    end(g);
}

static void memory_is_bounded_whoever_guesses(void)
{
    struct guesses *g = begin();

    for (uint64_t i = 0; i < 5ULL * WRONG_MOST; i++) {
        struct hash_owner o = {i, i};

        CHECK_U64(guess_wrong(g, &o), 0);
    }
    CHECK(g->wrong.now.n <= WRONG_MOST && g->wrong.before.n <= WRONG_MOST);
    for (uint64_t i = 0; i < 3ULL * KNOWN_MOST; i++) {
        struct hash_owner o = {i, i};

        guesses_know(g, &o);
    }
    CHECK(g->known.now.n <= KNOWN_MOST && g->known.before.n <= KNOWN_MOST);
    end(g);
}

int main(void)
{
    RUN(each_wrong_guess_makes_the_next_wait_longer);
    RUN(guesses_side_by_side_wait_for_one_another);
    RUN(nobody_else_waits);
    RUN(a_right_one_ends_the_waiting);
    RUN(what_is_under_way_counts_on_beside_a_right_one);
    RUN(where_the_owner_is_at_home_a_few_mistakes_are_free);
    RUN(what_was_not_checked_is_no_mistake);
    RUN(mistakes_are_forgotten_after_a_while);
    RUN(networks_are_remembered_for_a_month_or_two);
    RUN(memory_is_bounded_whoever_guesses);
    return test_end();
}
