/* directory/reserve_test.c: recipients, and the room that messages on their way reserve in accounts
 * with a quota: asked, held, given back, and nothing left over whoever is lost. */
#define RESERVATIONS_MOST 50

#include "directory/directory.c"
#include "directory/reserve.c"

#include "directory/test_directory.h"

#define QUOTA 1000000
#define BEN "ben@example.test"

static uint64_t ben, rcpts;
static struct role_end *other; /* a second edge of SMTP */

/* Ben has a quota, ada has none. */
static void begin_with_ben(void)
{
    begin();
    ben = add_account(BEN, NULL, QUOTA);
    add_alias("benno@example.test", ben);
    other = role_test_peer(&b.t, ROLE_EDGE_SMTP, 1);
}

static uint64_t rcpt_over(struct role_end *edge, struct str session, const char *address,
                          uint64_t size)
{
    struct msg m = {.type = MSG_RCPT_ASK, .rcpt_ask = {.id = ++rcpts, .session = session}};

    CHECK(address_split(str_c(address), &m.rcpt_ask.local, &m.rcpt_ask.domain));
    m.rcpt_ask.size = size;
    role_end_send(edge, &m);
    return rcpts;
}

static uint64_t rcpt(const char *session, const char *address)
{
    return rcpt_over(b.smtp, str_c(session), address, 100);
}

static void rcpt_end_over(struct role_end *edge, const char *session)
{
    role_end_send(edge, &(struct msg){.type = MSG_RCPT_END, .rcpt_end = {str_c(session)}});
}

struct answer {
    bool came, reserved;
    enum error_kind kind;
};

/* The next answer at this edge; it must be to this question. */
static struct answer answer_at(struct role_end *edge, uint64_t id)
{
    const struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(edge, MSG_RCPT_TELL);
    CHECK(!m || m->rcpt_tell.id == id);
    return m ? (struct answer){true, m->rcpt_tell.reserved,
                               (enum error_kind)m->rcpt_tell.error.kind}
             : (struct answer){0};
}

static bool is_ok(uint64_t id, bool reserved)
{
    struct answer a = answer_at(b.smtp, id);

    return a.came && a.kind == ERROR_NONE && a.reserved == reserved;
}

static bool is_answered(uint64_t id, enum error_kind kind)
{
    struct answer a = answer_at(b.smtp, id);

    return a.came && a.kind == kind && !a.reserved;
}

static bool is_open(void)
{
    return role_end_waiting(b.smtp, MSG_RCPT_TELL) == 0;
}

/* The account's process gets its end of the link that is asked for; it has not said yet that it listens. */
static struct role_end *link_open_end(uint64_t account)
{
    struct msg tell = {.type = MSG_SESSION_TELL};
    struct role_end *end;
    struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    if (!CHECK(m && m->nfds == 1 && m->session_ask.account == account &&
               str_equal(m->session_ask.service, STR("directory"))))
        return NULL;
    CHECK(m->session_ask.quota == QUOTA && m->session_ask.ticket.n == TICKET_BYTES);
    end = role_test_over(&b.t, ROLE_ACCOUNT, m->fd[0]);
    m->fd[0] = -1;
    tell.session_tell.id = m->session_ask.id;
    role_end_send(b.accounts, &tell);
    return end;
}

static struct role_end *link_up(uint64_t account)
{
    struct role_end *end = link_open_end(account);

    role_end_send(end, &(struct msg){.type = MSG_LINK_READY});
    return end;
}

/* The account's process answers the reservation that it was asked for; its session's name. */
static uint64_t grant_with(struct role_end *link, enum error_kind kind)
{
    struct msg tell = {.type = MSG_RESERVE_TELL};
    uint64_t name = 0;
    const struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(link, MSG_RESERVE_ASK);
    if (!m)
        return 0;
    CHECK(m->reserve_ask.quota == QUOTA);
    CHECK(str_to_u64(m->reserve_ask.session, UINT64_MAX, &name) && name);
    tell.reserve_tell.id = m->reserve_ask.id;
    tell.reserve_tell.error =
        (struct msg_error){kind, kind ? STR("the mailbox is full") : STR_NULL};
    role_end_send(link, &tell);
    return name;
}

static uint64_t grant(struct role_end *link)
{
    return grant_with(link, ERROR_NONE);
}

/* The session of which something is given back; 0: nothing is. */
static uint64_t given_back(struct role_end *link)
{
    uint64_t name = 0;
    const struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(link, MSG_RESERVE_END);
    if (m)
        CHECK(str_to_u64(m->reserve_end.session, UINT64_MAX, &name));
    return name;
}

static void end_with_nothing_held(void)
{
    CHECK_U64(reserve_held(&b.d), 0);
    CHECK_U64(b.d.reserves->reservations, 0);
    end();
}

/* ---- recipients ---- */

static void a_recipient_without_a_quota_is_answered_at_once(void)
{
    begin_with_ben();
    CHECK(is_ok(rcpt("s", ADA), false));
    CHECK(is_ok(rcpt("s", "Augusta+lists@EXAMPLE.test"), false));
    CHECK(is_answered(rcpt("s", "eve@example.test"), ERROR_NOT_FOUND));
    CHECK(is_answered(rcpt("s", "ada@nowhere.test"), ERROR_DENIED));
    CHECK(is_ok(rcpt("s", "postmaster@example.test"), false)); /* the first account's */
    CHECK(role_end_waiting(b.accounts, MSG_NONE) == 0);
    CHECK(b.d.rcpt_ok == 3 && b.d.rcpt_refused == 2);
    end_with_nothing_held();
}

static void who_is_being_removed_gets_nothing_more(void)
{
    struct str words[] = {STR("account remove"), STR_NULL, STR("address=" ADA)};
    struct msg ask = {
        .type = MSG_ADMIN_ASK,
        .admin_ask = {.id = 1, .args = {words, ARRAY_LEN(words)}, .who = STR("operator")}};
    struct msg failed = {.type = MSG_KEYS_ERASE_TELL,
                         .keys_erase_tell = {.error = {ERROR_TEMPORARY, STR("later")}}};
    const struct msg *m;

    begin_with_ben();
    role_end_send(b.t.supervisor, &ask);
    m = role_end_take(b.keys, MSG_KEYS_ERASE_ASK);
    CHECK(m && m->keys_erase_ask.account == ada);
    failed.keys_erase_tell.id = m ? m->keys_erase_ask.id : 0;
    CHECK(is_answered(rcpt("s", ADA), ERROR_TEMPORARY));
    CHECK(is_answered(rcpt("s", "augusta@example.test"), ERROR_TEMPORARY));
    CHECK(is_answered(rcpt("s", "eve@example.test"), ERROR_NOT_FOUND));
    role_end_send(b.keys, &failed); /* so he stays */
    CHECK(is_ok(rcpt("s", ADA), false));
    end_with_nothing_held();
}

static void without_room_on_the_disk_nobody_is_taken(void)
{
    char path[300];

    snprintf(path, sizeof path, "%s/db", test_folder());
    begin_on(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    add_account(BEN, NULL, QUOTA);
    CHECK(is_ok(rcpt("s", ADA), false));
    CHECK(is_answered(rcpt_over(b.smtp, STR("s"), ADA, UINT64_MAX), ERROR_DISK));
    CHECK(is_answered(rcpt_over(b.smtp, STR("s"), ADA, UINT64_MAX / 2 + 1), ERROR_DISK));
    buf_reset(&b.t.config);
    role_test_set(&b.t, "disk-reserve = 1000G");
    role_test_reload(&b.t);
    CHECK(is_answered(rcpt("s", ADA), ERROR_DISK));
    CHECK(is_answered(rcpt("s", BEN), ERROR_DISK));
    end_with_nothing_held();
}

/* ---- a reservation's life ---- */

static void what_fits_is_held_until_the_transaction_ends(void)
{
    struct role_end *link;
    uint64_t id, name;

    begin_with_ben();
    id = rcpt("s", BEN);
    CHECK(is_open());
    link = link_up(ben);
    name = grant(link);
    CHECK(name && is_ok(id, true) && reserve_held(&b.d) == 1 && given_back(link) == 0);
    role_test_pass(&b.t, 200 * SECOND); /* it keeps the link */
    CHECK(!role_end_is_closed(link));
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(link) == name && reserve_held(&b.d) == 0);
    rcpt_end_over(b.smtp, "s"); /* again: nothing */
    CHECK_U64(given_back(link), 0);
    role_test_pass(&b.t, 100 * SECOND);
    CHECK(role_end_is_closed(link));
    end_with_nothing_held();
}

static void what_does_not_fit_is_refused_and_holds_nothing(void)
{
    struct role_end *link;
    uint64_t id;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    grant_with(link, ERROR_QUOTA);
    CHECK(is_answered(id, ERROR_QUOTA) && reserve_held(&b.d) == 0);
    for (int i = 0; i < 200; i++) { /* a client that tries on and on heaps nothing up */
        id = rcpt("s", BEN);
        grant_with(link, ERROR_TOO_LARGE);
        CHECK(is_answered(id, ERROR_TOO_LARGE));
    }
    CHECK(b.d.rcpt_refused == 201);
    end_with_nothing_held();
}

static void recipients_at_one_account_are_one_reservation(void)
{
    static const char *const names[] = {"ben+1@example.test", "Benno@example.test", BEN};
    struct role_end *link;
    uint64_t id, name;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    name = grant(link);
    CHECK(is_ok(id, true));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(is_ok(rcpt("s", names[i]), true));
    CHECK(role_end_waiting(link, MSG_RESERVE_ASK) == 0 && b.d.reserves->reservations == 1);
    id = rcpt("t", BEN); /* another message is another one */
    CHECK(grant(link) != name && is_ok(id, true));
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(link) == name && given_back(link) == 0);
    rcpt_end_over(b.smtp, "t");
    end_with_nothing_held();
}

static void so_they_are_when_they_are_asked_side_by_side(void)
{
    struct role_end *link;
    uint64_t id[3], name;

    begin_with_ben();
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        id[i] = rcpt("s", BEN);
    link = link_up(ben);
    name = grant(link);
    CHECK(name && grant(link) == name && grant(link) == name);
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        CHECK(is_ok(id[i], true));
    CHECK_U64(b.d.reserves->reservations, 1);
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(link) == name && given_back(link) == 0);
    end_with_nothing_held();
}

static void a_message_for_several_accounts_reserves_in_each(void)
{
    struct role_end *links[2];
    uint64_t cleo, id, names[2];

    begin_with_ben();
    cleo = add_account("cleo@example.test", NULL, QUOTA);
    id = rcpt("s", BEN);
    links[0] = link_up(ben);
    names[0] = grant(links[0]);
    CHECK(is_ok(id, true));
    id = rcpt("s", "cleo@example.test");
    links[1] = link_up(cleo);
    names[1] = grant(links[1]);
    CHECK(is_ok(id, true) && reserve_held(&b.d) == 1 && b.d.reserves->reservations == 2);
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(links[0]) == names[0] && given_back(links[1]) == names[1]);
    end_with_nothing_held();
}

static void beyond_the_most_the_quota_is_asked_for_and_nothing_is_kept(void)
{
    struct role_end *link;
    char session[20];
    uint64_t id, name;

    begin_with_ben();
    id = rcpt("first", BEN);
    link = link_up(ben);
    grant(link);
    CHECK(is_ok(id, true));
    for (int i = 1; i < RESERVATIONS_MOST; i++) {
        snprintf(session, sizeof session, "s%d", i);
        id = rcpt(session, BEN);
        grant(link);
        CHECK(is_ok(id, true));
    }
    id = rcpt("more", BEN);
    name = grant(link);
    CHECK(is_ok(id, false) && given_back(link) == name);
    id = rcpt("much more", BEN);
    CHECK(grant_with(link, ERROR_QUOTA) && is_answered(id, ERROR_QUOTA) && given_back(link) == 0);
    CHECK_U64(reserve_held(&b.d), RESERVATIONS_MOST);
    rcpt_end_over(b.smtp, "first");
    given_back(link);
    id = rcpt("more", BEN);
    CHECK(grant(link) && is_ok(id, true));
    role_end_close(b.smtp);
    end_with_nothing_held();
}

/* ---- edges ---- */

static void a_lost_edge_gives_back_what_it_has_and_no_more(void)
{
    struct role_end *link;
    uint64_t id, mine, theirs;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    mine = grant(link);
    CHECK(is_ok(id, true));
    id = rcpt_over(other, STR("s"), BEN, 100); /* by the same name */
    theirs = grant(link);
    CHECK(theirs && theirs != mine && answer_at(other, id).reserved);
    CHECK_U64(reserve_held(&b.d), 2);
    role_end_close(b.smtp);
    CHECK(given_back(link) == mine && given_back(link) == 0);
    b.smtp = role_test_peer(&b.t, ROLE_EDGE_SMTP, 0);
    rcpt_end_over(b.smtp, "s"); /* it is not its successor's to end */
    CHECK(given_back(link) == 0 && reserve_held(&b.d) == 1);
    rcpt_end_over(other, "s");
    CHECK_U64(given_back(link), theirs);
    end_with_nothing_held();
}

static void an_edge_neither_ends_nor_uses_the_session_of_another(void)
{
    struct role_end *link;
    uint64_t id, mine;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    mine = grant(link);
    CHECK(is_ok(id, true));
    rcpt_end_over(other, "s");
    CHECK_U64(given_back(link), 0);
    id = rcpt_over(other, STR("s"), BEN, 1);
    CHECK(grant(link) != mine); /* it would have made the first one smaller */
    CHECK(answer_at(other, id).came);
    role_end_close(other);
    CHECK(given_back(link) != mine && reserve_held(&b.d) == 1);
    rcpt_end_over(b.smtp, "s");
    CHECK_U64(given_back(link), mine);
    end_with_nothing_held();
}

static void an_edge_that_is_lost_on_the_way_leaves_nothing(void)
{
    struct role_end *link;
    uint64_t id, name;

    begin_with_ben();
    rcpt("s", BEN);
    role_end_close(b.smtp); /* while the link is opened */
    link = link_up(ben);
    CHECK(grant(link) == 0 && reserve_held(&b.d) == 0);
    b.smtp = role_test_peer(&b.t, ROLE_EDGE_SMTP, 0);
    id = rcpt("s", BEN);
    role_end_close(b.smtp); /* while the account has the question */
    CHECK_U64(reserve_held(&b.d), 0);
    name = grant(link);
    CHECK(name && given_back(link) == name); /* it came after the question */
    b.smtp = role_test_peer(&b.t, ROLE_EDGE_SMTP, 0);
    id = rcpt("s", BEN);
    grant(link);
    CHECK(is_ok(id, true));
    rcpt_end_over(b.smtp, "s");
    end_with_nothing_held();
}

static void a_transaction_that_ends_on_the_way_leaves_nothing(void)
{
    struct role_end *link;
    uint64_t name;

    begin_with_ben();
    rcpt("s", BEN);
    rcpt_end_over(b.smtp, "s");
    link = link_up(ben);
    CHECK(grant(link) == 0 && reserve_held(&b.d) == 0);
    rcpt("s", BEN);
    rcpt_end_over(b.smtp, "s");
    name = grant(link);
    CHECK(name && given_back(link) == name && is_open());
    end_with_nothing_held();
}

static void names_of_sessions_are_bounded(void)
{
    static char text[SESSION_MOST + 1];
    struct role_end *link;
    uint64_t id;

    begin_with_ben();
    memset(text, 's', sizeof text);
    id = rcpt_over(b.smtp, str_of(text, sizeof text), BEN, 1);
    CHECK(is_answered(id, ERROR_LIMIT) && role_end_waiting(b.accounts, MSG_NONE) == 0);
    id = rcpt_over(b.smtp, STR_NULL, BEN, 1); /* an odd name is still one */
    link = link_up(ben);
    grant(link);
    CHECK(is_ok(id, true));
    role_end_send(b.smtp, &(struct msg){.type = MSG_RCPT_END, .rcpt_end = {str_of(text, 101)}});
    CHECK_U64(given_back(link), 0);
    id = rcpt_over(b.smtp, str_of(text, SESSION_MOST), BEN, 1);
    grant(link);
    CHECK(is_ok(id, true));
    role_end_send(b.smtp, &(struct msg){.type = MSG_RCPT_END, .rcpt_end = {str_of(text, 100)}});
    rcpt_end_over(b.smtp, "");
    CHECK(given_back(link) && given_back(link));
    end_with_nothing_held();
}

static void an_edge_that_does_not_read_holds_nobody_else(void)
{
    struct role_end *link;
    uint64_t id;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    grant(link);
    CHECK(is_ok(id, true));
    other->deaf = true;
    for (int i = 0; i < 5000; i++)
        rcpt_over(other, STR("o"), i % 2 ? ADA : BEN, 1);
    for (int i = 0; i < 5000; i++)
        grant(link);
    CHECK(!role_end_is_closed(other) && is_ok(rcpt("s", BEN), true) &&
          is_ok(rcpt("s", ADA), false));
    rcpt_end_over(b.smtp, "s");
    role_end_close(other);
    end_with_nothing_held();
}

/* ---- the account's process ---- */

static void a_lost_process_takes_its_reservations_along(void)
{
    struct role_end *link;
    uint64_t id;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_up(ben);
    grant(link);
    CHECK(is_ok(id, true));
    role_end_close(link);
    CHECK_U64(reserve_held(&b.d), 0);
    id = rcpt("s", BEN); /* the same message goes on, at a new process */
    link = link_up(ben);
    CHECK(grant(link) && is_ok(id, true));
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(link) != 0);
    end_with_nothing_held();
}

static void a_process_that_is_lost_with_the_question_takes_its_mail_by_the_queue(void)
{
    uint64_t id;

    begin_with_ben();
    id = rcpt("s", BEN);
    role_end_close(link_up(ben));
    CHECK(is_ok(id, false));
    end_with_nothing_held();
}

static void so_does_one_that_hangs(void)
{
    struct role_end *link;
    uint64_t id, late;

    begin_with_ben();
    id = rcpt("s", BEN);
    link = link_open_end(ben);
    role_test_pass(&b.t, 9 * SECOND);
    CHECK(is_open());
    role_test_pass(&b.t, 2 * SECOND); /* it never says that it listens */
    CHECK(is_ok(id, false) && role_end_is_closed(link));
    id = rcpt("s", BEN);
    link = link_up(ben);
    role_test_pass(&b.t, 6 * SECOND); /* it does not answer */
    CHECK(is_ok(id, false));
    late = grant(link);
    CHECK(late && given_back(link) == late); /* what it takes late, it gives back */
    end_with_nothing_held();
}

static void so_does_one_that_cannot_be_opened(void)
{
    struct msg tell = {.type = MSG_SESSION_TELL};
    const struct msg *m;
    uint64_t id;

    begin_with_ben();
    id = rcpt("s", BEN);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    tell.session_tell.id = m->session_ask.id;
    tell.session_tell.error = (struct msg_error){ERROR_DAMAGED, STR("it does not verify")};
    role_end_send(b.accounts, &tell);
    CHECK(is_ok(id, false));
    end_with_nothing_held();
}

static void accounts_may_be_lost_at_any_time(void)
{
    struct role_end *link;
    uint64_t id;

    begin_with_ben();
    role_end_close(b.accounts);
    id = rcpt("s", BEN);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    role_test_spin(&b.t);
    CHECK_U64(role_end_waiting(b.accounts, MSG_SESSION_ASK), 1);
    role_end_close(b.accounts);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    link = link_up(ben);
    role_end_close(b.accounts);
    CHECK(grant(link) && is_ok(id, true));
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    rcpt_end_over(b.smtp, "s");
    CHECK(given_back(link) != 0);
    end_with_nothing_held();
}

/* Whatever else its process says: it speaks of its own account alone. */
static void a_hostile_process_harms_only_itself(void)
{
    struct msg tell = {.type = MSG_RESERVE_TELL};
    struct role_end *link, *cleos;
    uint64_t cleo, id, another;
    const struct msg *m;

    begin_with_ben();
    cleo = add_account("cleo@example.test", NULL, QUOTA);
    another = rcpt("t", "cleo@example.test");
    cleos = link_up(cleo);
    role_test_spin(&b.t);
    id = rcpt("s", BEN);
    link = link_up(ben);
    role_end_send(link, &(struct msg){.type = MSG_LINK_READY}); /* it has said so */
    m = role_end_take(cleos, MSG_RESERVE_ASK);
    tell.reserve_tell.id = m->reserve_ask.id;
    test_expect_log("channel-broken"); /* ben's process answers for cleo's */
    role_end_send(link, &tell);
    CHECK(role_end_is_closed(link) && is_ok(id, false));
    role_end_send(cleos, &tell);
    CHECK(is_ok(another, true));
    rcpt_end_over(b.smtp, "t");
    end_with_nothing_held();
}

int main(void)
{
    RUN(a_recipient_without_a_quota_is_answered_at_once);
    RUN(who_is_being_removed_gets_nothing_more);
    RUN(without_room_on_the_disk_nobody_is_taken);
    RUN(what_fits_is_held_until_the_transaction_ends);
    RUN(what_does_not_fit_is_refused_and_holds_nothing);
    RUN(recipients_at_one_account_are_one_reservation);
    RUN(so_they_are_when_they_are_asked_side_by_side);
    RUN(a_message_for_several_accounts_reserves_in_each);
    RUN(beyond_the_most_the_quota_is_asked_for_and_nothing_is_kept);
    RUN(a_lost_edge_gives_back_what_it_has_and_no_more);
    RUN(an_edge_neither_ends_nor_uses_the_session_of_another);
    RUN(an_edge_that_is_lost_on_the_way_leaves_nothing);
    RUN(a_transaction_that_ends_on_the_way_leaves_nothing);
    RUN(names_of_sessions_are_bounded);
    RUN(an_edge_that_does_not_read_holds_nobody_else);
    RUN(a_lost_process_takes_its_reservations_along);
    RUN(a_process_that_is_lost_with_the_question_takes_its_mail_by_the_queue);
    RUN(so_does_one_that_hangs);
    RUN(so_does_one_that_cannot_be_opened);
    RUN(accounts_may_be_lost_at_any_time);
    RUN(a_hostile_process_harms_only_itself);
    return test_end();
}
