/* directory/open_test.c: sockets to accounts' processes: made by the directory's word, with a ticket
 * for each asking, whoever is lost on the way. */
#include "directory/directory.c"
#include "directory/account_open.c"
#include "directory/open.c"

#include "directory/test_directory.h"
#include "keys/ticket.h"

#include <sys/resource.h>

static uint64_t asks;

static uint64_t ask_delivery(uint64_t account)
{
    role_end_send(b.intake, &(struct msg){.type = MSG_DELIVERY_OPEN_ASK,
                                          .delivery_open_ask = {++asks, account}});
    return asks;
}

/* The answer that intake gets; fd becomes its end, or -1. */
static enum error_kind take_delivery(uint64_t id, int *fd)
{
    struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(b.intake, MSG_DELIVERY_OPEN_TELL);
    *fd = -1;
    if (!CHECK(m && m->delivery_open_tell.id == id))
        return ERROR_INTERNAL;
    if (m->nfds == 1) {
        *fd = m->fd[0];
        m->fd[0] = -1;
    }
    CHECK((*fd >= 0) == (m->delivery_open_tell.error.kind == ERROR_NONE));
    return (enum error_kind)m->delivery_open_tell.error.kind;
}

static bool is_delivery_refused(uint64_t id, enum error_kind kind)
{
    int fd;

    return take_delivery(id, &fd) == kind && fd < 0;
}

static bool is_delivery_open(uint64_t id)
{
    int fd;
    bool ok = take_delivery(id, &fd) == ERROR_NONE;

    close(fd);
    return ok;
}

static void intake_gets_a_channel_to_the_accounts_process(void)
{
    struct error err = {0};
    char text[6] = "";
    struct msg *m;
    int theirs, ours;
    uint64_t id;

    begin();
    CHECK(account_set_settings(&b.d, ada, &(struct account_settings){5000, true, false}, &err));
    id = ask_delivery(ada);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    CHECK(m && m->nfds == 1 && m->session_ask.account == ada && m->session_ask.credential == 0 &&
          m->session_ask.quota == 5000 && m->session_ask.subaddress == 1);
    CHECK_STR(m->session_ask.service, STR("intake"));
    CHECK_STR(m->session_ask.user, STR(ADA));
    theirs = m->fd[0];
    m->fd[0] = -1;
    role_end_send(b.accounts,
                  &(struct msg){.type = MSG_SESSION_TELL, .session_tell.id = m->session_ask.id});
    CHECK(take_delivery(id, &ours) == ERROR_NONE);
    CHECK(send(ours, "hello", 5, 0) == 5 && recv(theirs, text, sizeof text, 0) == 5);
    close(ours);
    CHECK(recv(theirs, text, sizeof text, 0) == 0);
    close(theirs);
    end();
}

static void an_account_that_is_not_there_is_not_opened(void)
{
    static const uint64_t numbers[] = {0, 999, INT64_MAX, UINT64_MAX, 1ULL << 63};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        CHECK(is_delivery_refused(ask_delivery(numbers[i]), ERROR_NOT_FOUND));
    CHECK(role_end_waiting(b.accounts, MSG_NONE) == 0);
    end();
}

/* Each asking has a ticket of its own, good for this account at `keys`, once. */
static void each_opening_has_a_ticket(void)
{
    struct tickets tickets;
    struct error err = {0};

    begin();
    tickets_init(&tickets);
    for (int i = 0; i < 3; i++) {
        const struct msg *m;

        ask_delivery(ada);
        m = role_end_take(b.accounts, MSG_SESSION_ASK);
        CHECK(!tickets_take(&tickets, b.ticket_key, m->session_ask.ticket, ada + 1, &err));
        CHECK(tickets_take(&tickets, b.ticket_key, m->session_ask.ticket, ada, &err));
        CHECK(!tickets_take(&tickets, b.ticket_key, m->session_ask.ticket, ada, &err));
    }
    tickets_done(&tickets);
    end();
}

/* A predecessor may have used both: its ticket is taken, and its socket belongs to whom it gave it. */
static void a_successor_gets_a_new_ticket_and_a_new_socket(void)
{
    struct tickets tickets;
    struct error err = {0};
    struct msg *m;
    char text[6];
    int first;
    uint64_t id;

    begin();
    tickets_init(&tickets);
    id = ask_delivery(ada);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    CHECK(tickets_take(&tickets, b.ticket_key, m->session_ask.ticket, ada, &err));
    first = m->fd[0];
    m->fd[0] = -1;
    role_end_close(b.accounts);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    CHECK(m && tickets_take(&tickets, b.ticket_key, m->session_ask.ticket, ada, &err));
    CHECK(recv(first, text, sizeof text, MSG_DONTWAIT) == 0); /* the first session is over */
    close(first);
    role_end_send(b.accounts,
                  &(struct msg){.type = MSG_SESSION_TELL, .session_tell.id = m->session_ask.id});
    CHECK(is_delivery_open(id));
    tickets_done(&tickets);
    end();
}

static void accounts_that_ends_again_and_again_is_not_asked_for_ever(void)
{
    uint64_t id;
    unsigned asked = 0;

    begin();
    id = ask_delivery(ada);
    for (int i = 0; i < 10; i++) {
        role_test_pass(&b.t, 10);
        asked += role_end_take(b.accounts, MSG_SESSION_ASK) != NULL;
        role_end_close(b.accounts);
        b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    }
    CHECK_U64(asked, ASK_MOST);
    CHECK(is_delivery_refused(id, ERROR_TEMPORARY));
    end();
}

static void nobody_waits_for_accounts_longer_than_its_time(void)
{
    uint64_t id;

    begin();
    role_end_close(b.accounts);
    id = ask_delivery(ada);
    role_test_pass(&b.t, 14 * SECOND);
    CHECK_U64(role_end_waiting(b.intake, MSG_DELIVERY_OPEN_TELL), 0);
    role_test_pass(&b.t, 2 * SECOND);
    CHECK(is_delivery_refused(id, ERROR_TEMPORARY));
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK_U64(open_all(), 0);
    id = ask_delivery(ada); /* nor for one that is there and says nothing */
    role_test_pass(&b.t, 16 * SECOND);
    CHECK(is_delivery_refused(id, ERROR_TEMPORARY));
    CHECK_U64(open_all(), 1);
    end();
}

static void intake_that_is_lost_leaves_no_socket(void)
{
    uint64_t id;

    begin();
    ask_delivery(ada);
    role_end_close(b.intake);
    CHECK_U64(open_all(), 1);
    b.intake = role_test_peer(&b.t, ROLE_INTAKE, 0);
    id = ask_delivery(ada);
    CHECK(open_one() && is_delivery_open(id));
    end();
}

static void what_is_wrong_with_an_account_is_remembered(void)
{
    uint64_t id;

    begin();
    id = ask_delivery(ada);
    CHECK(open_one_with(ERROR_TEMPORARY) && is_delivery_refused(id, ERROR_TEMPORARY));
    CHECK(number_of("SELECT problem IS NULL FROM account WHERE id = ?", ada) == 1);
    id = ask_delivery(ada);
    CHECK(open_one_with(ERROR_DAMAGED) && is_delivery_refused(id, ERROR_DAMAGED));
    CHECK(number_of("SELECT problem = 'not now' FROM account WHERE id = ?", ada) == 1);
    end();
}

static void say_is_open(uint64_t account)
{
    role_end_send(b.accounts,
                  &(struct msg){.type = MSG_ACCOUNT_IS_OPEN, .account_is_open = {account}});
}

#define PROBLEMS "SELECT count(*) FROM account WHERE problem IS NOT NULL AND id = ?"

/* A message that cannot be read keeps it from nothing: a check says when that is over. */
static void what_is_damaged_in_an_account_stays(void)
{
    const struct msg damaged = {.type = MSG_ACCOUNT_IS_DAMAGED,
                                .account_is_damaged = {ada, STR("email 3 cannot be read")}};

    begin();
    role_end_send(b.accounts, &damaged);
    CHECK_U64(number_of(PROBLEMS, ada), 1);
    say_is_open(ada);
    CHECK_U64(number_of(PROBLEMS, ada), 1);
    account_set_problem(&b.d, ada, STR(""), true); /* a check finds nothing */
    CHECK_U64(number_of(PROBLEMS, ada), 0);
    end();
}

/* What kept it from opening is over when it opens; not so what its disk did, or what a check has found. */
static void what_was_wrong_is_over_when_the_account_opens(void)
{
    static const struct {
        enum error_kind kinds[2];
        bool stays;
    } rows[] = {{{ERROR_DAMAGED, ERROR_DAMAGED}, false},
                {{ERROR_DISK, ERROR_DISK}, true},
                {{ERROR_DISK, ERROR_DAMAGED}, true},
                {{ERROR_DAMAGED, ERROR_DISK}, true}};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        number_of("UPDATE account SET opened = 0 WHERE id = ?", ada);
        for (size_t k = 0; k < 2; k++) {
            uint64_t id = ask_delivery(ada);

            number_of("UPDATE account SET problem = 'another' WHERE id = ? AND problem NOT NULL",
                      ada);

            CHECK(open_one_with(rows[i].kinds[k]) && is_delivery_refused(id, rows[i].kinds[k]));
        }
        say_is_open(ada + 1);
        CHECK_U64(number_of(PROBLEMS, ada), 1);
        say_is_open(ada);
        CHECK_U64(number_of(PROBLEMS, ada), rows[i].stays);
        account_set_problem(&b.d, ada, STR(""), true); /* a check finds nothing */
        CHECK_U64(number_of(PROBLEMS, ada), 0);
    }
    end();
}

/* Whether it was open before goes with each opening. */
static void what_was_open_once_must_be_there(void)
{
    uint64_t id;

    begin();
    for (int i = 0; i < 2; i++) {
        id = ask_delivery(ada);
        CHECK(open_one() && is_delivery_open(id));
        CHECK_U64(b.last_open.opened, i);
        say_is_open(ada);
        say_is_open(999); /* nobody's, or one that was removed */
    }
    bench_stop();
    bench_start();
    id = ask_delivery(ada);
    CHECK(open_one() && is_delivery_open(id));
    CHECK_U64(b.last_open.opened, 1);
    end();
}

static void without_descriptors_an_opening_fails_with_words(void)
{
    struct rlimit before, none;
    uint64_t id;

    begin();
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){3, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    id = ask_delivery(ada);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(is_delivery_refused(id, ERROR_TEMPORARY));
    id = ask_delivery(ada);
    CHECK(open_one() && is_delivery_open(id));
    end();
}

/* Very many at once, of an intake that was taken over, and accounts that takes none of them. */
static void a_flood_of_openings_ends_by_itself(void)
{
    unsigned refused = 0;
    size_t least;

    begin();
    b.accounts->deaf = true;
    for (int i = 0; i < 300; i++)
        ask_delivery(ada);
    least = test_descriptors();
    CHECK(least > 300);
    role_test_pass(&b.t, 16 * SECOND);
    while (role_end_take(b.intake, MSG_DELIVERY_OPEN_TELL))
        refused++;
    CHECK_U64(refused, 300);
    b.accounts->deaf = false;
    role_test_spin(&b.t);
    while (role_end_take(b.accounts, MSG_SESSION_ASK))
        ;
    CHECK(open_all() == 0);
    end();
}

int main(void)
{
    RUN(intake_gets_a_channel_to_the_accounts_process);
    RUN(an_account_that_is_not_there_is_not_opened);
    RUN(each_opening_has_a_ticket);
    RUN(a_successor_gets_a_new_ticket_and_a_new_socket);
    RUN(accounts_that_ends_again_and_again_is_not_asked_for_ever);
    RUN(nobody_waits_for_accounts_longer_than_its_time);
    RUN(intake_that_is_lost_leaves_no_socket);
    RUN(what_is_wrong_with_an_account_is_remembered);
    RUN(what_is_damaged_in_an_account_stays);
    RUN(what_was_wrong_is_over_when_the_account_opens);
    RUN(what_was_open_once_must_be_there);
    RUN(without_descriptors_an_opening_fails_with_words);
    RUN(a_flood_of_openings_ends_by_itself);
    return test_end();
}
