/* edge/edge_smtp_test.c: edge-smtp on the bench: messages in, peers that end and come back or say what they may not, and an
 * intake that does not read. */
#include "edge/edge_smtp.c"

#include "base/test.h"
#include "edge/test_smtp_int.h"
#include "proc/memfd.h"

#include <stdio.h>

#define CROWD 130       /* connections whose final dots come together */
#define RECIPIENTS 1000 /* of each */

/* ---- normal life ---- */

static void a_message_goes_from_ehlo_to_250(void)
{
    struct test_client *c;
    struct str bytes;
    struct error err;
    struct msg *m;

    begin();
    c = client("smtp");
    CHECK(test_client_says(c, "MAIL FROM:<a@example.org> SIZE=500\r\n", "250"));
    test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
    CHECK_U64(test_client_reply(c).n, 0); /* nothing before the directory has answered */
    m = role_end_take(b.directory, MSG_RCPT_ASK);
    CHECK(m && m->rcpt_ask.size == 500);
    CHECK_STR(m->rcpt_ask.local, STR("ada"));
    CHECK_STR(m->rcpt_ask.domain, STR("example.test"));
    role_end_send(b.directory, &(struct msg){.type = MSG_RCPT_TELL,
                                             .rcpt_tell = {.id = m->rcpt_ask.id, .reserved = 1}});
    CHECK(test_client_hears(c, "250 2.1.5"));
    test_client_say(c, STR("RCPT TO:<eva@example.test>\r\n"));
    CHECK(answer_rcpt(ERROR_NOT_FOUND, "nobody here has this address"));
    CHECK(test_client_hears(c, "550 5.1.1"));
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("Subject: x\r\n\r\n..\r\n.\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    CHECK(m && m->nfds == 1 && m->arrival_ask.recipients.n == 1);
    CHECK_STR(m->arrival_ask.recipients.v[0], STR("ada@example.test"));
    CHECK_STR(m->arrival_ask.return_path, STR("a@example.org"));
    CHECK(str_starts(m->arrival_ask.trace, STR("Received: from x ([127.0.0.1])")));
    CHECK(m->arrival_ask.transaction.n == SMTP_TRANSACTION_BYTES);
    CHECK(memfd_map(m->fd[0], m->arrival_ask.size, &bytes, &err)); /* it is sealed */
    CHECK_STR(bytes, STR("Subject: x\r\n\r\n.\r\n"));
    memfd_unmap(bytes);
    CHECK_U64(tally_total_own(&e.memory.held), m->arrival_ask.size);
    CHECK_U64(tally_total_own(&e.memory.handed), m->arrival_ask.size);
    CHECK_U64(test_client_reply(c).n, 0); /* nothing before intake has answered */
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                          .arrival_tell = {.id = m->arrival_ask.id}});
    CHECK(test_client_hears(c, "250 2.0.0"));
    CHECK_U64(tally_total_own(&e.memory.held), 0);
    m = role_end_take(b.directory, MSG_RCPT_END); /* what was reserved is given back */
    CHECK(m != NULL && e.accepted == 1 && e.refused == 1);
    CHECK(test_client_says(c, "QUIT\r\n", "221") && test_client_is_closed(c));
    end();
}

static void more_than_a_hundred_recipients_go_by_a_memfd(void)
{
    struct test_client *c;
    struct str bytes;
    struct error err;
    struct msg *m;
    size_t names = 0;
    char line[60];

    begin();
    c = client("smtp");
    CHECK(test_client_says(c, "MAIL FROM:<>\r\n", "250"));
    for (unsigned i = 0; i < 101; i++) {
        snprintf(line, sizeof line, "RCPT TO:<u%u@example.test>\r\n", i);
        recipient(c, line);
    }
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("x\r\n.\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    CHECK(m && m->nfds == 2 && m->arrival_ask.recipients.n == 0);
    CHECK(memfd_map(m->fd[1], m->arrival_ask.recipients_size, &bytes, &err));
    for (size_t i = 0; i < bytes.n; i++)
        names += bytes.p[i] == '\0';
    CHECK(names == 101 && str_starts(bytes, STR("u0@example.test")));
    memfd_unmap(bytes);
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                          .arrival_tell = {.id = m->arrival_ask.id}});
    CHECK(test_client_hears(c, "250 2.0.0"));
    end();
}

static void a_message_whose_answer_nobody_heard_keeps_its_transaction(void)
{
    struct test_client *c;
    char first[SMTP_TRANSACTION_BYTES];
    struct msg *m;

    begin();
    c = client_in_data("smtp");
    test_client_say(c, STR(".\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    memcpy(first, m->arrival_ask.transaction.p, sizeof first);
    test_client_close(c); /* before the answer */
    CHECK(e.edge.conns.n == 1);
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                          .arrival_tell = {.id = m->arrival_ask.id}});
    CHECK(e.edge.conns.n == 0);
    c = client_in_data("smtp");
    test_client_say(c, STR(".\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    CHECK(memcmp(first, m->arrival_ask.transaction.p, sizeof first) == 0 && e.repeated == 1);
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                          .arrival_tell = {.id = m->arrival_ask.id}});
    CHECK(test_client_hears(c, "250"));
    c = client_in_data("smtp"); /* a third time, after one that was heard */
    test_client_say(c, STR(".\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    CHECK(memcmp(first, m->arrival_ask.transaction.p, sizeof first) != 0);
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                          .arrival_tell = {.id = m->arrival_ask.id}});
    end();
}

/* ---- peers that end ---- */

enum step { BEFORE, ASKED, AFTER };

/* The directory ends before a recipient is asked about, while it is, or after; and comes back, or does not. */
static void lose_directory(enum step step, bool back)
{
    struct test_client *c;

    begin();
    c = client("smtp");
    CHECK(test_client_says(c, "MAIL FROM:<a@example.org>\r\n", "250"));
    if (step == BEFORE)
        role_end_close(b.directory);
    test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
    if (step == ASKED) {
        CHECK(role_end_take(b.directory, MSG_RCPT_ASK) != NULL);
        role_end_close(b.directory);
    }
    if (step == AFTER) {
        CHECK(answer_rcpt(ERROR_NONE, ""));
        role_end_close(b.directory);
        CHECK(test_client_hears(c, "250 2.1.5"));
        test_client_say(c, STR("RCPT TO:<ben@example.test>\r\n"));
    }
    CHECK(role_end_take(b.t.supervisor, MSG_PEER_LOST) != NULL);
    CHECK_U64(test_client_reply(c).n, 0);
    role_test_pass(&b.t, 3 * SECOND);
    if (back) {
        b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
        role_test_spin(&b.t);
        CHECK(answer_rcpt(ERROR_NONE, "")); /* the question is put again */
        CHECK(test_client_hears(c, "250 2.1.5"));
    } else {
        role_test_pass(&b.t, 13 * SECOND);
        CHECK(test_client_hears(c, "451 4."));
        b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
        recipient(c, "RCPT TO:<ada@example.test>\r\n"); /* and then it works */
    }
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("x\r\n.\r\n"));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250 2.0.0"));
    end();
}

static void the_directory_may_end_at_each_step(void)
{
    for (int step = BEFORE; step <= AFTER; step++)
        for (int back = 0; back < 2; back++)
            lose_directory((enum step)step, back);
}

static void lose_intake(enum step step, bool back)
{
    struct test_client *c;
    char first[SMTP_TRANSACTION_BYTES] = {0};
    struct msg *m;

    begin();
    c = client_in_data("smtp");
    if (step == BEFORE)
        role_end_close(b.intake);
    test_client_say(c, STR(".\r\n"));
    if (step == ASKED) {
        m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
        memcpy(first, m->arrival_ask.transaction.p, sizeof first);
        role_end_close(b.intake);
    }
    if (step == AFTER) {
        CHECK(answer_arrival(ERROR_NONE, ""));
        role_end_close(b.intake);
        CHECK(test_client_hears(c, "250 2.0.0"));
        CHECK(test_client_says(c, "MAIL FROM:<>\r\n", "250"));
        recipient(c, "RCPT TO:<ada@example.test>\r\n");
        CHECK(test_client_says(c, "DATA\r\n", "354"));
        test_client_say(c, STR(".\r\n"));
    }
    CHECK(role_end_take(b.t.supervisor, MSG_PEER_LOST) != NULL);
    CHECK_U64(test_client_reply(c).n, 0);
    role_test_pass(&b.t, 10 * SECOND);
    if (back) {
        b.intake = role_test_peer(&b.t, ROLE_INTAKE, 0);
        role_test_spin(&b.t);
        m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
        CHECK(m && m->nfds == 1 && memfd_is_sealed(m->fd[0], m->arrival_ask.size));
        CHECK(step != ASKED || /* the same message, under the same transaction */
              memcmp(first, m->arrival_ask.transaction.p, sizeof first) == 0);
        role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                              .arrival_tell = {.id = m->arrival_ask.id}});
        CHECK(test_client_hears(c, "250 2.0.0"));
    } else {
        role_test_pass(&b.t, 36 * SECOND);
        CHECK(test_client_hears(c, "451 4."));
        CHECK_U64(tally_total_own(&e.memory.held), 0);
        b.intake = role_test_peer(&b.t, ROLE_INTAKE, 0);
    }
    CHECK(test_client_says(c, "NOOP\r\n", "250"));
    end();
}

static void intake_may_end_at_each_step(void)
{
    for (int step = BEFORE; step <= AFTER; step++)
        for (int back = 0; back < 2; back++)
            lose_intake((enum step)step, back);
}

/* ---- peers that say what they may not ---- */

/* A peer says this while a recipient, or else a message, is asked about: its channel ends, and the question is put to its
 * successor. */
static void be_told(enum role from, const struct msg *m, struct str raw)
{
    bool arrival = from == ROLE_INTAKE;
    struct test_client *c;
    struct role_end *end_of;

    begin();
    c = client_in_data("smtp");
    if (arrival) {
        test_client_say(c, STR(".\r\n"));
    } else {
        struct test_client *other = client("smtp");

        CHECK(test_client_says(other, "MAIL FROM:<>\r\n", "250"));
        test_client_say(c, STR(".\r\n"));
        c = other;
        test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
    }
    end_of = arrival ? b.intake : b.directory;
    test_expect_log("channel-broken");
    if (m)
        role_end_send(end_of, m);
    else
        role_end_send_raw(end_of, raw);
    CHECK(role_end_is_closed(end_of));
    CHECK_U64(test_client_reply(c).n, 0);
    if (arrival)
        b.intake = role_test_peer(&b.t, ROLE_INTAKE, 0);
    else
        b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
    role_test_spin(&b.t);
    CHECK(arrival || answer_rcpt(ERROR_NONE, ""));
    CHECK(answer_arrival(ERROR_NONE, "")); /* the other one goes on */
    CHECK(test_client_hears(c, "250 2."));
    end();
}

/* The id of the question that is under way is always 1 or 2 at first; answers of another type under it, and messages of
 * others, are no answers. */
static void peers_that_lie_end_their_channel_and_nothing_else(void)
{
    static const struct {
        enum role from;
        struct msg m;
    } rows[] = {
        {ROLE_INTAKE, {.type = MSG_ARRIVAL_ASK}}, /* the question itself */
        {ROLE_INTAKE, {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = 2}}},
        {ROLE_INTAKE, {.type = MSG_LOGIN_TELL, .login_tell = {.id = 2}}},
        {ROLE_INTAKE, {.type = MSG_SETUP_GO}},
        {ROLE_INTAKE, {.type = MSG_RCPT_END}},
        {ROLE_DIRECTORY, {.type = MSG_ARRIVAL_TELL, .arrival_tell = {.id = 2}}},
        {ROLE_DIRECTORY, {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = 2}}}, /* intake's question */
        {ROLE_DIRECTORY, {.type = MSG_SETUP_LISTENER}},
        {ROLE_DIRECTORY, {.type = MSG_LOGIN_TELL, .login_tell = {.id = 3}}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        be_told(rows[i].from, &rows[i].m, STR_NULL);
    be_told(ROLE_INTAKE, NULL, STR("x"));
    be_told(ROLE_DIRECTORY, NULL, STR("no message at all, but more than its head"));
}

static void descriptors_where_none_belong_end_the_channel(void)
{
    struct role_end *directory;
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct cmsghdr *cm = (struct cmsghdr *)control;
    struct msg tell = {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = 1}};
    struct test_client *c;
    struct iovec v;
    struct msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct buf bytes;

    begin();
    c = client("smtp");
    CHECK(test_client_says(c, "MAIL FROM:<>\r\n", "250"));
    test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
    directory = b.directory;
    buf_init(&bytes, 1000);
    CHECK(msg_print(&bytes, &tell, NULL));
    v = (struct iovec){bytes.p, bytes.n};
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cm), &(int){0}, sizeof(int));
    test_expect_log("channel-broken");
    CHECK(sendmsg(directory->fd, &h, 0) > 0);
    role_test_spin(&b.t);
    CHECK(role_end_is_closed(directory) && test_client_reply(c).n == 0);
    b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
    role_test_spin(&b.t);
    CHECK(answer_rcpt(ERROR_NONE, "") && test_client_hears(c, "250 2.1.5"));
    buf_done(&bytes);
    end();
}

static void an_answer_under_an_unknown_id_is_dropped(void)
{
    struct test_client *c;

    begin();
    c = client_in_data("smtp");
    test_client_say(c, STR(".\r\n"));
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL, .arrival_tell = {.id = 12345}});
    CHECK(test_client_reply(c).n == 0 && !role_end_is_closed(b.intake));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250"));
    role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL, .arrival_tell = {.id = 2}});
    CHECK(test_client_reply(c).n == 0 && !role_end_is_closed(b.intake)); /* a second time */
    end();
}

/* LMTP with three recipients; intake answers with these kinds. */
static void lmtp_kinds(const struct str *items, size_t n, enum error_kind all, const char *one,
                       const char *two, const char *three)
{
    struct msg tell = {.type = MSG_ARRIVAL_TELL};
    struct test_client *c;
    struct msg *m;

    begin();
    c = client("lmtp");
    CHECK(test_client_says(c, "MAIL FROM:<>\r\n", "250"));
    recipient(c, "RCPT TO:<ada@example.test>\r\n");
    recipient(c, "RCPT TO:<ben@example.test>\r\n");
    recipient(c, "RCPT TO:<eva@example.test>\r\n");
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("x\r\n.\r\n"));
    m = role_end_take(b.intake, MSG_ARRIVAL_ASK);
    tell.arrival_tell = (struct msg_arrival_tell){.id = m->arrival_ask.id,
                                                  .error = {all, STR("not now")},
                                                  .words = STR("no such recipient"),
                                                  .kinds = {(struct str *)(uintptr_t)items, n},
                                                  .held = UINT64_MAX};
    role_end_send(b.intake, &tell);
    CHECK(test_client_hears(c, one) && test_client_hears(c, two) && test_client_hears(c, three));
    CHECK(test_client_says(c, "NOOP\r\n", "250"));
    end();
}

static void lists_of_kinds_are_looked_at_before_they_are_believed(void)
{
    static const uint64_t none = ERROR_NONE, gone = ERROR_NOT_FOUND, beyond = ERROR_KINDS,
                          huge = UINT64_MAX;
    struct str good = str_of(&none, 8), refused = str_of(&gone, 8), invalid = str_of(&beyond, 8),
               worse = str_of(&huge, 8), cut = str_of(&none, 7), empty = STR_NULL;

    lmtp_kinds((struct str[]){good, refused, good}, 3, ERROR_NONE, "250", "550 5.1.1", "250");
    lmtp_kinds((struct str[]){good, invalid, worse}, 3, ERROR_NONE, "250", "451", "451");
    lmtp_kinds((struct str[]){cut, empty, good}, 3, ERROR_NONE, "451", "451", "250");
    lmtp_kinds((struct str[]){refused}, 1, ERROR_NONE, "250", "250",
               "250"); /* too short: not used */
    lmtp_kinds((struct str[]){good, good, good, refused}, 4, ERROR_TEMPORARY, "451", "451", "451");
}

/* ---- full channels ---- */

/* Answers at once to all that was asked about recipients, as a directory that is quick: one turn for many. */
static size_t answer_recipients(void)
{
    size_t n = 0;
    struct msg *m;

    while ((m = role_end_take(b.directory, MSG_RCPT_ASK))) {
        struct msg tell = {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = m->rcpt_ask.id}};
        struct buf bytes;

        buf_init(&bytes, 1000);
        CHECK(msg_print(&bytes, &tell, NULL));
        CHECK(send(b.directory->fd, bytes.p, bytes.n, 0) > 0);
        buf_done(&bytes);
        n++;
    }
    role_test_spin(&b.t);
    return n;
}

/* Each has a thousand recipients, and all but the final dot. */
static void fill_crowd(struct test_client *crowd[CROWD])
{
    struct buf many;
    size_t asked = 0;

    buf_init(&many, 100 * RECIPIENTS);
    buf_c(&many, "EHLO x\r\nMAIL FROM:<a@example.org>\r\n");
    for (int i = 0; i < RECIPIENTS; i++)
        buf_printf(&many, "RCPT TO:<somebody-with-a-long-name-%d@example.test>\r\n", i);
    buf_c(&many, "DATA\r\n");
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = test_client(&b, "smtp", "127.0.0.1");
        test_client_say(crowd[i], buf_view(&many));
    }
    while (asked < (size_t)CROWD * RECIPIENTS) {
        size_t n = answer_recipients();

        if (!CHECK(n > 0))
            break;
        asked += n;
    }
    for (int i = 0; i < CROWD; i++)
        CHECK(str_find(test_client_bytes(crowd[i]), STR("\n354 ")) != SIZE_MAX);
    buf_done(&many);
}

static void a_crowd_of_large_transactions_waits_for_intake_and_hurts_nobody(void)
{
    static struct test_client *crowd[CROWD];
    struct test_client *other;
    size_t answered = 0;
    struct chan *intake;
    struct msg *m;

    begin();
    fill_crowd(crowd);
    intake = process_peer(e.edge.p, ROLE_INTAKE);
    b.intake->deaf = true;
    setsockopt(chan_fd(intake), SOL_SOCKET, SO_SNDBUF, &(int){5000},
               sizeof(int)); /* a few messages */
    for (int i = 0; i < CROWD; i++)
        test_client_say(crowd[i], STR("Subject: x\r\n\r\nto many\r\n.\r\n"));
    CHECK(process_peer(e.edge.p, ROLE_INTAKE) == intake && !chan_idle(intake));
    CHECK_U64(calls_waiting(e.edge.p->calls), CROWD);
    CHECK_U64(tally_total_own(&e.memory.handed), CROWD * 23);
    for (int i = 0; i < CROWD; i++)
        CHECK_U64(test_client_reply(crowd[i]).n, 0);
    /* Another connection goes on to its own final dot, and login would anyway. */
    other = client_in_data("smtp");
    CHECK(test_client_says(client("lmtp"), "NOOP\r\n", "250"));
    role_test_pass(&b.t, 20 * SECOND);
    test_client_say(other, STR(".\r\n"));
    CHECK_U64(calls_waiting(e.edge.p->calls), CROWD + 1);
    b.intake->deaf = false;
    role_test_spin(&b.t);
    while ((m = role_end_take(b.intake, MSG_ARRIVAL_ASK))) {
        CHECK(m->nfds == 1 ||
              (m->nfds == 2 && memfd_is_sealed(m->fd[1], m->arrival_ask.recipients_size)));
        role_end_send(b.intake, &(struct msg){.type = MSG_ARRIVAL_TELL,
                                              .arrival_tell = {.id = m->arrival_ask.id}});
        answered++;
    }
    CHECK_U64(answered, CROWD + 1);
    for (int i = 0; i < CROWD; i++)
        CHECK(test_client_hears(crowd[i], "250 2.0.0"));
    CHECK(test_client_hears(other, "250 2.0.0"));
    CHECK_U64(tally_total_own(&e.memory.held), 0);
    end();
}

int main(void)
{
    RUN(a_message_goes_from_ehlo_to_250);
    RUN(more_than_a_hundred_recipients_go_by_a_memfd);
    RUN(a_message_whose_answer_nobody_heard_keeps_its_transaction);
    RUN(the_directory_may_end_at_each_step);
    RUN(intake_may_end_at_each_step);
    RUN(peers_that_lie_end_their_channel_and_nothing_else);
    RUN(descriptors_where_none_belong_end_the_channel);
    RUN(an_answer_under_an_unknown_id_is_dropped);
    RUN(lists_of_kinds_are_looked_at_before_they_are_believed);
    RUN(a_crowd_of_large_transactions_waits_for_intake_and_hurts_nobody);
    return test_end();
}
