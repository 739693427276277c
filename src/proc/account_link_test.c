/* proc/account_link_test.c: links to accounts' processes: opened, shared, bounded, lost, left alone. */
#include "proc/account_link.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <unistd.h>

#define MOST 5

static struct process *process;
static struct account_links *links;
static struct role_end *ends[8]; /* of the accounts' processes, by account */
static struct role_test bench;
static unsigned opens, losses, turns, failures;
static char order[100];
static size_t order_n;
static enum error_kind refuse;
static bool hold_open; /* the channel comes later */

struct wish {
    struct account_link_want want;
    char mark;
    struct chan *chan;
};

static void on_open(void *arg, uint64_t account)
{
    struct error err;
    int fd[2];

    (void)arg;
    opens++;
    if (hold_open)
        return;
    if (refuse) {
        error_set(&err, refuse, "not now");
        account_link_opened(links, account, -1, &err);
        return;
    }
    CHECK(chan_pair(fd));
    ends[account] = role_test_over(&bench, ROLE_ACCOUNT, fd[1]);
    account_link_opened(links, account, fd[0], NULL);
}

static void on_lost(void *arg, struct account_link *link)
{
    (void)arg, (void)link;
    losses++;
}

static void on_want(struct account_link_want *want, struct chan *chan, const struct error *err)
{
    struct wish *w = (struct wish *)want;

    w->chan = chan;
    if (chan)
        turns++;
    else if (err->text[0])
        failures++;
    order[order_n++] = w->mark;
}

static bool on_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    static const struct account_link_ops ops = {
        .open = on_open, .lost = on_lost, .window = 100, .most = MOST};

    (void)arg, (void)ready, (void)err;
    process = p;
    links = account_links_create(p, &ops, NULL);
    return true;
}

static void on_role_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
}

static const struct process_ops ops = {.start = on_start, .message = on_role_message};

static void begin(void)
{
    opens = losses = turns = failures = 0;
    order_n = 0;
    refuse = ERROR_NONE;
    hold_open = false;
    role_test_begin(&bench, ROLE_INTAKE, &ops, NULL);
    role_test_go(&bench);
}

static void end(void)
{
    account_links_destroy(links);
    role_test_end(&bench);
}

static void say_ready(uint64_t account)
{
    role_end_send(ends[account], &(struct msg){.type = MSG_LINK_READY});
}

static void want(struct wish *w, char mark, uint64_t account, uint64_t weight)
{
    *w = (struct wish){.want = {.fn = on_want}, .mark = mark};
    account_link_want(links, account, weight, &w->want);
}

static void several_share_one_link_in_their_order(void)
{
    struct wish a, b;

    begin();
    want(&a, 'a', 1, 10);
    want(&b, 'b', 1, 10);
    role_test_spin(&bench);
    CHECK(opens == 1 && turns == 0); /* its process has not said that it listens */
    say_ready(1);
    CHECK(turns == 2 && a.chan && a.chan == b.chan);
    CHECK_STR(str_of(order, order_n), STR("ab"));
    CHECK_U64(account_links_weight(links), 20);
    account_link_done(&a.want);
    account_link_done(&b.want);
    CHECK_U64(account_links_weight(links), 0);
    end();
}

static void what_is_under_way_is_bounded(void)
{
    struct wish a, b, c, d;

    begin();
    want(&a, 'a', 1, 500); /* more than the window: alone */
    want(&b, 'b', 1, 60);
    want(&c, 'c', 1, 60);
    want(&d, 'd', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    CHECK_STR(str_of(order, order_n), STR("a"));
    account_link_done(&a.want);
    role_test_spin(&bench);
    CHECK_STR(str_of(order, order_n), STR("ab")); /* d does not pass c by */
    account_link_done(&b.want);
    role_test_spin(&bench);
    CHECK_STR(str_of(order, order_n), STR("abcd"));
    account_link_done(&c.want);
    account_link_done(&d.want);
    end();
}

static void who_waits_for_a_link_that_is_refused_is_told_and_may_try_again(void)
{
    struct wish a;

    begin();
    refuse = ERROR_DAMAGED;
    want(&a, 'a', 1, 1);
    CHECK_U64(failures, 0); /* never from within */
    role_test_spin(&bench);
    CHECK(failures == 1 && a.want.link == NULL && account_links_open(links) == 0);
    refuse = ERROR_NONE;
    want(&a, 'a', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    CHECK_U64(turns, 1);
    account_link_done(&a.want);
    end();
}

static void a_process_that_never_says_that_it_listens_is_given_up(void)
{
    struct wish a;

    begin();
    want(&a, 'a', 1, 1);
    role_test_pass(&bench, READY_US - 200000);
    CHECK_U64(failures, 0);
    role_test_pass(&bench, 400000);
    CHECK(failures == 1 && role_end_is_closed(ends[1]));
    end();
}

static void the_window_is_used_to_its_end(void)
{
    struct wish a, b, c;

    begin();
    want(&a, 'a', 1, 40);
    want(&b, 'b', 1, 60);
    want(&c, 'c', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    CHECK_STR(str_of(order, order_n), STR("ab"));
    account_link_done(&c.want); /* it does not want it any more */
    account_link_done(&a.want);
    account_link_done(&b.want);
    CHECK(turns == 2 && account_links_weight(links) == 0);
    end();
}

static void a_socket_that_nobody_wants_any_more_is_closed(void)
{
    struct role_end *late;
    struct wish a;
    int fd[2];

    begin();
    want(&a, 'a', 1, 1);
    role_test_spin(&bench);
    for (uint64_t account = 1; account <= 2; account++) { /* it has one already; it has no link */
        CHECK(chan_pair(fd));
        late = role_test_over(&bench, ROLE_ACCOUNT, fd[1]);
        account_link_opened(links, account, fd[0], NULL);
        role_test_spin(&bench);
        CHECK(role_end_is_closed(late));
    }
    CHECK(account_links_open(links) == 1 && !role_end_is_closed(ends[1]));
    account_link_done(&a.want);
    end();
}

static void a_link_is_idle_from_its_last_use(void)
{
    struct wish a;

    begin();
    want(&a, 'a', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    role_test_pass(&bench, IDLE_US + 2 * SWEEP_US);
    account_link_done(&a.want);
    role_test_pass(&bench, IDLE_US - 2 * SWEEP_US);
    CHECK(!role_end_is_closed(ends[1]));
    role_test_pass(&bench, 4 * SWEEP_US);
    CHECK(role_end_is_closed(ends[1]));
    end();
}

static void who_waits_for_a_stuck_process_is_told(void)
{
    struct wish a, b;

    begin();
    want(&a, 'a', 1, 100);
    want(&b, 'b', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    CHECK(turns == 1 && failures == 0);
    account_link_stuck(&a.want);
    CHECK(failures == 1 && b.want.link == NULL && a.want.link != NULL);
    account_link_stuck(&a.want); /* counted once */
    CHECK(account_links_stuck(links) == 100 && account_links_weight(links) == 100);
    account_link_done(&a.want);
    end();
}

static void a_lost_process_ends_its_link_only(void)
{
    struct wish a, b, c;

    begin();
    want(&a, 'a', 1, 100);
    want(&b, 'b', 1, 1);
    want(&c, 'c', 2, 1);
    role_test_spin(&bench);
    say_ready(1);
    say_ready(2);
    CHECK_U64(turns, 2);
    role_end_close(ends[1]);
    CHECK(losses == 1 && failures == 0 && a.want.link == NULL);
    CHECK(c.want.link && account_links_open(links) == 2); /* b waits for another one, once */
    CHECK(opens == 3 && b.want.link && turns == 2);
    role_end_close(ends[1]);
    CHECK(losses == 2 && failures == 1 && b.want.link == NULL && opens == 3);
    CHECK_U64(account_links_open(links), 1);
    account_link_done(&c.want);
    end();
}

static void an_idle_link_is_closed_after_a_while_unless_it_is_held(void)
{
    struct wish a, b;
    struct account_link *held;

    begin();
    want(&a, 'a', 1, 1);
    want(&b, 'b', 2, 1);
    role_test_spin(&bench);
    say_ready(1);
    say_ready(2);
    held = b.want.link;
    account_link_hold(held);
    account_link_done(&a.want);
    account_link_done(&b.want);
    role_test_pass(&bench, IDLE_US + 2 * SWEEP_US);
    CHECK(role_end_is_closed(ends[1]) && !role_end_is_closed(ends[2]));
    account_link_release(held);
    role_test_pass(&bench, IDLE_US + 2 * SWEEP_US);
    CHECK(role_end_is_closed(ends[2]) && account_links_open(links) == 0);
    end();
}

static void what_a_stuck_process_holds_counts_until_it_ends(void)
{
    struct role_end *stuck;
    struct wish a, b, c;

    begin();
    want(&a, 'a', 1, 70);
    want(&b, 'b', 1, 70); /* has no room, and so no turn */
    role_test_spin(&bench);
    say_ready(1);
    account_link_stuck(&b.want);
    CHECK_U64(account_links_stuck(links), 0); /* it had no turn: nothing is stuck */
    account_link_stuck(&a.want);
    CHECK(failures == 1 && b.want.link == NULL); /* who waits is told */
    CHECK(account_links_stuck(links) == 70 && account_links_weight(links) == 70);
    stuck = ends[1];
    want(&c, 'c', 1, 1); /* a new link, over which nothing goes until the process answers */
    role_test_pass(&bench, IDLE_US / 10);
    CHECK(opens == 2 && turns == 1 && !role_end_is_closed(stuck));
    say_ready(1);
    CHECK_U64(turns, 2);
    role_end_close(stuck);
    CHECK(a.want.link == NULL && account_links_stuck(links) == 0);
    CHECK_U64(account_links_weight(links), 1);
    account_link_done(&c.want);
    end();
}

/* However long it hangs: an idle link closes, a stuck one does not. */
static void a_stuck_link_is_not_idle(void)
{
    struct wish a;

    begin();
    want(&a, 'a', 1, 70);
    role_test_spin(&bench);
    say_ready(1);
    account_link_stuck(&a.want);
    role_test_pass(&bench, 2 * IDLE_US);
    CHECK(!role_end_is_closed(ends[1]) && account_links_stuck(links) == 70);
    account_link_done(&a.want); /* it has answered after all */
    CHECK(account_links_stuck(links) == 0 && account_links_weight(links) == 0);
    role_test_spin(&bench);
    CHECK(role_end_is_closed(ends[1]) && account_links_open(links) == 0);
    end();
}

static void a_stuck_link_ends_with_the_last_of_what_is_under_way(void)
{
    struct wish a, b;

    begin();
    want(&a, 'a', 1, 30);
    want(&b, 'b', 1, 40);
    role_test_spin(&bench);
    say_ready(1);
    account_link_stuck(&a.want);
    account_link_done(&b.want);
    role_test_spin(&bench);
    CHECK(!role_end_is_closed(ends[1]) && account_links_stuck(links) == 30);
    say_ready(1); /* says nothing about what it has */
    CHECK(!role_end_is_closed(ends[1]) && account_links_stuck(links) == 30);
    account_link_done(&a.want);
    role_test_spin(&bench);
    CHECK(role_end_is_closed(ends[1]));
    end();
}

static void what_is_under_way_is_bounded_by_number_too(void)
{
    struct wish w[8];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        want(&w[i], 'a', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    CHECK_U64(turns, MOST);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        account_link_done(&w[i].want);
        role_test_spin(&bench);
    }
    CHECK(turns == ARRAY_LEN(w) && account_links_weight(links) == 0);
    end();
}

/* In each state of a want: waiting for the channel, for the process, for its turn, and in its turn. */
static void who_goes_away_leaves_nothing_behind(void)
{
    struct wish a, b;

    for (int state = 0; state < 4; state++) {
        begin();
        hold_open = state == 0;
        want(&a, 'a', 1, 100);
        want(&b, 'b', 1, 100);
        role_test_spin(&bench);
        if (state >= 2)
            say_ready(1);
        CHECK_U64(turns, state >= 2);
        account_link_done(state == 3 ? &a.want : &b.want);
        account_link_done(state == 3 ? &a.want : &b.want); /* twice is once */
        hold_open = false;
        if (state == 0)
            on_open(NULL, 1); /* the channel comes now */
        role_test_spin(&bench);
        if (state < 2)
            say_ready(1);
        CHECK_U64(turns, state == 3 ? 2 : 1);
        account_link_done(state == 3 ? &b.want : &a.want);
        CHECK_U64(account_links_weight(links), 0);
        end();
    }
}

/* Two channels for one link: it was asked for twice, as the first was dropped before it came. */
static void a_channel_that_nobody_wants_any_more_is_closed(void)
{
    struct error err;
    struct wish a;
    struct role_end *first;

    begin();
    hold_open = true;
    want(&a, 'a', 1, 1);
    error_set(&err, ERROR_TEMPORARY, "the account is closed");
    link_end(map_find_u64(&links->by_account, 1), &err);
    CHECK(failures == 1 && losses == 1 && account_links_open(links) == 0);
    hold_open = false;
    on_open(NULL, 1);
    role_test_spin(&bench);
    CHECK(role_end_is_closed(ends[1]));
    hold_open = true;
    want(&a, 'a', 1, 1);
    hold_open = false;
    on_open(NULL, 1);
    first = ends[1];
    on_open(NULL, 1);
    role_test_spin(&bench);
    CHECK(!role_end_is_closed(first) && role_end_is_closed(ends[1]));
    role_end_send(first, &(struct msg){.type = MSG_LINK_READY});
    CHECK_U64(turns, 1);
    account_link_done(&a.want);
    end();
}

static void beyond_a_thousand_idle_links_close_at_once(void)
{
    static struct wish w[LINKS_MOST + 1];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        hold_open = true;
        want(&w[i], 'a', 100 + i, 1);
        order_n = 0;
    }
    link_end(map_find_u64(&links->by_account, 100), &(struct error){.kind = ERROR_TEMPORARY});
    order_n = 0;
    CHECK_U64(account_links_open(links), LINKS_MOST);
    hold_open = false;
    want(&w[0], 'a', 1, 1);
    role_test_spin(&bench);
    say_ready(1);
    account_link_done(&w[0].want);
    role_test_pass(&bench, 2 * SWEEP_US);
    CHECK(role_end_is_closed(ends[1]) && account_links_open(links) == LINKS_MOST);
    for (size_t i = 1; i < ARRAY_LEN(w); i++)
        account_link_done(&w[i].want);
    hold_open = false;
    end();
}

int main(void)
{
    RUN(several_share_one_link_in_their_order);
    RUN(what_is_under_way_is_bounded);
    RUN(who_waits_for_a_link_that_is_refused_is_told_and_may_try_again);
    RUN(a_process_that_never_says_that_it_listens_is_given_up);
    RUN(the_window_is_used_to_its_end);
    RUN(a_socket_that_nobody_wants_any_more_is_closed);
    RUN(a_link_is_idle_from_its_last_use);
    RUN(who_waits_for_a_stuck_process_is_told);
    RUN(a_lost_process_ends_its_link_only);
    RUN(an_idle_link_is_closed_after_a_while_unless_it_is_held);
    RUN(what_a_stuck_process_holds_counts_until_it_ends);
    RUN(a_stuck_link_is_not_idle);
    RUN(a_stuck_link_ends_with_the_last_of_what_is_under_way);
    RUN(what_is_under_way_is_bounded_by_number_too);
    RUN(who_goes_away_leaves_nothing_behind);
    RUN(a_channel_that_nobody_wants_any_more_is_closed);
    RUN(beyond_a_thousand_idle_links_close_at_once);
    return test_end();
}
