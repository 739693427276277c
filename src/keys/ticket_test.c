/* keys/ticket_test.c: a ticket opens one account, once, for a minute. */
#include "keys/ticket.c"

#include "base/test.h"

static int64_t now_us = 1000;

static int64_t boot_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = boot_clock, .boot_us = boot_clock};
static const unsigned char key[TICKET_KEY_BYTES] = {1, 2, 3},
                           other_key[TICKET_KEY_BYTES] = {3, 2, 1};

static bool ticket_take(struct tickets *t, const unsigned char ticket[TICKET_BYTES],
                        uint64_t account)
{
    struct error err = {0};
    bool ok = tickets_take(t, key, test_exact(str_of(ticket, TICKET_BYTES)), account, &err);

    CHECK(ok || err.kind == ERROR_DENIED);
    return ok;
}

static void a_ticket_is_good_once_for_its_account(void)
{
    struct tickets t;
    unsigned char ticket[TICKET_BYTES], second[TICKET_BYTES];

    tickets_init(&t);
    ticket_make(key, 7, ticket);
    ticket_make(key, 7, second);
    CHECK(!ticket_take(&t, ticket, 8));
    CHECK(ticket_take(&t, ticket, 7));
    CHECK(!ticket_take(&t, ticket, 7));
    CHECK(ticket_take(&t, second, 7));
    tickets_done(&t);
}

static void a_ticket_that_was_changed_or_made_up_opens_nothing(void)
{
    struct tickets t;
    unsigned char ticket[TICKET_BYTES];

    tickets_init(&t);
    for (size_t i = 0; i < TICKET_BYTES; i++) {
        ticket_make(key, 7, ticket);
        ticket[i] ^= 1;
        CHECK(!ticket_take(&t, ticket, 7));
        CHECK(!ticket_take(&t, ticket, 6));
    }
    ticket_make(other_key, 7, ticket);
    CHECK(!ticket_take(&t, ticket, 7));
    CHECK(!tickets_take(&t, key, str_of(ticket, TICKET_BYTES - 1), 7, NULL));
    CHECK(!tickets_take(&t, key, STR_NULL, 7, NULL));
    tickets_done(&t);
}

static void a_ticket_ends_and_is_never_good_twice_before_that(void)
{
    struct tickets t;
    unsigned char early[TICKET_BYTES], late[TICKET_BYTES];

    clock_set_source(&simulated);
    tickets_init(&t);
    ticket_make(key, 7, early);
    for (int i = 0; i < 5; i++) { /* over the turns of the two sets */
        ticket_make(key, 7, late);
        now_us += TICKET_LIFE_US / 2;
        CHECK(ticket_take(&t, late, 7));
        now_us += TICKET_LIFE_US / 2 - 1;
        CHECK(!ticket_take(&t, late, 7));
    }
    CHECK(!ticket_take(&t, early, 7));
    CHECK(t.now.n + t.before.n <= 3);
    tickets_done(&t);
    clock_set_source(NULL);
}

/* What was taken in an earlier life of `keys` is known to nobody. */
static void a_ticket_from_before_the_start_opens_nothing(void)
{
    struct tickets t;
    unsigned char before[TICKET_BYTES], after[TICKET_BYTES];

    clock_set_source(&simulated);
    ticket_make(key, 7, before);
    now_us++;
    tickets_init(&t);
    ticket_make(key, 7, after);
    CHECK(!ticket_take(&t, before, 7));
    CHECK(ticket_take(&t, after, 7));
    tickets_done(&t);
    clock_set_source(NULL);
}

/* The clock was set back, or it is of another boot. */
static void a_ticket_that_ends_too_late_is_none(void)
{
    struct tickets t;
    unsigned char ticket[TICKET_BYTES];

    clock_set_source(&simulated);
    tickets_init(&t);
    ticket_make(key, 7, ticket);
    now_us--;
    CHECK(!ticket_take(&t, ticket, 7));
    now_us++;
    CHECK(ticket_take(&t, ticket, 7));
    tickets_done(&t);
    clock_set_source(NULL);
}

static void what_was_taken_is_forgotten_when_it_would_have_ended(void)
{
    struct tickets t;
    unsigned char ticket[TICKET_BYTES];

    clock_set_source(&simulated);
    tickets_init(&t);
    for (int i = 0; i < 3; i++) {
        ticket_make(key, 7, ticket);
        CHECK(ticket_take(&t, ticket, 7));
        CHECK(t.now.n == 1 && t.before.n == 0);
        now_us += 2 * TICKET_LIFE_US;
    }
    tickets_done(&t);
    clock_set_source(NULL);
}

int main(void)
{
    RUN(a_ticket_is_good_once_for_its_account);
    RUN(a_ticket_that_was_changed_or_made_up_opens_nothing);
    RUN(a_ticket_ends_and_is_never_good_twice_before_that);
    RUN(a_ticket_from_before_the_start_opens_nothing);
    RUN(a_ticket_that_ends_too_late_is_none);
    RUN(what_was_taken_is_forgotten_when_it_would_have_ended);
    return test_end();
}
