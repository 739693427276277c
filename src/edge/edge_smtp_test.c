/* edge/edge_smtp_test.c: edge-smtp on the bench: messages in, peers that end and come back or say what they may not, an
 * intake that does not read, deadlines, settings. */
#include "edge/edge_smtp.c"

#include "base/test.h"
#include "edge/test_edge.h"
#include "proc/memfd.h"

#include <stdio.h>

#define SECOND 1000000LL
#define CROWD 130       /* connections whose final dots come together */
#define RECIPIENTS 1000 /* of each */

static struct smtp_edge e;
static struct test_edge b;

static void begin_with(struct test_edge *bench, const char *settings)
{
    e = (struct smtp_edge){0};
    test_edge_begin(bench, ROLE_EDGE_SMTP, &edge_smtp_ops, &e.edge, &smtp_ops);
    if (settings)
        role_test_set(&bench->t, settings);
    test_edge_listen(bench, "smtp");
    test_edge_listen(bench, "lmtp");
    test_edge_listen(bench, "smtp-proxy");
    test_edge_certificate(bench, "localhost");
    role_test_go(&bench->t);
    CHECK(role_end_take(bench->t.supervisor, MSG_READY) != NULL);
}

static void begin(void)
{
    begin_with(&b, NULL);
}

static void end(void)
{
    CHECK(tally_total_own(&e.memory.handed) == 0 && calls_waiting(e.edge.p->calls) == 0);
    test_edge_end(&b);
}

/* ---- what peers answer ---- */

static bool answer_rcpt(enum error_kind kind, const char *words)
{
    struct msg tell = {.type = MSG_RCPT_TELL};
    struct msg *m = role_end_take(b.directory, MSG_RCPT_ASK);

    if (!m)
        return false;
    tell.rcpt_tell = (struct msg_rcpt_tell){.id = m->rcpt_ask.id, .error = {kind, str_c(words)}};
    role_end_send(b.directory, &tell);
    return true;
}

static bool answer_arrival(enum error_kind kind, const char *words)
{
    struct msg tell = {.type = MSG_ARRIVAL_TELL};
    struct msg *m = role_end_take(b.intake, MSG_ARRIVAL_ASK);

    if (!m)
        return false;
    tell.arrival_tell =
        (struct msg_arrival_tell){.id = m->arrival_ask.id, .error = {kind, str_c(words)}};
    role_end_send(b.intake, &tell);
    return true;
}

static struct test_client *client(const char *service)
{
    struct test_client *c = test_client(&b, service, "127.0.0.1");
    bool lmtp = strcmp(service, "lmtp") == 0;

    CHECK(test_client_hears(c, "220 localhost"));
    CHECK(test_client_says(c, lmtp ? "LHLO x\r\n" : "EHLO x\r\n", "250-localhost"));
    return c;
}

static void recipient(struct test_client *c, const char *line)
{
    test_client_say(c, str_c(line));
    CHECK(answer_rcpt(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250 2.1.5"));
}

/* A client that has said all but the final dot. */
static struct test_client *client_in_data(const char *service)
{
    struct test_client *c = client(service);

    CHECK(test_client_says(c, "MAIL FROM:<a@example.org>\r\n", "250"));
    recipient(c, "RCPT TO:<ada@example.test>\r\n");
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("Subject: x\r\n\r\nhello\r\n"));
    return c;
}

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

/* ---- deadlines ---- */

/* Seconds until it is closed, saying this each second; at most 500. */
static uint64_t seconds_until_closed(struct test_edge *bench, struct test_client *c,
                                     const char *saying)
{
    uint64_t n = 0;

    while (!test_client_is_closed(c) && n < 500) {
        role_test_pass(&bench->t, SECOND);
        if (saying)
            test_client_say(c, str_c(saying));
        n++;
    }
    return n;
}

static void deadlines_end_connections_with_words(void)
{
    struct test_client *c;

    begin_with(&b, "smtp-timeout = 20\nsmtp-session-time = 100");
    c = client("smtp");
    CHECK_U64(seconds_until_closed(&b, c, NULL), 20);
    CHECK(test_client_hears(c, "421"));
    c = client_in_data("smtp");
    CHECK_U64(seconds_until_closed(&b, c, "x\r\n"), 100);
    CHECK(test_client_hears(c, "421") && e.too_long == 1);
    c = test_client(&b, "smtp-proxy", "127.0.0.1"); /* half a header, byte by byte */
    test_expect_log("refused");
    test_client_say(c, STR("\r\n\r\n"));
    CHECK_U64(seconds_until_closed(&b, c, NULL), 10);
    CHECK_U64(e.proxy_refused, 1);
    /* Who waits for us is neither silent nor too long. */
    c = client_in_data("smtp");
    test_client_say(c, STR(".\r\n"));
    role_test_pass(&b.t, 30 * SECOND);
    CHECK(!test_client_is_closed(c));
    CHECK(answer_arrival(ERROR_NONE, "") && test_client_hears(c, "250"));
    role_test_pass(&b.t, 19 * SECOND);
    CHECK(test_client_says(c, "NOOP\r\n", "250"));
    end();
}

static void a_message_under_way_is_finished_when_the_time_is_over(void)
{
    struct test_client *c;

    begin_with(&b, "smtp-session-time = 20");
    c = client_in_data("smtp");
    role_test_pass(&b.t, 10 * SECOND);
    test_client_say(c, STR(".\r\n"));
    role_test_pass(&b.t, 15 * SECOND);
    CHECK(!test_client_is_closed(c));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250 2.0.0") && test_client_hears(c, "421") &&
          test_client_is_closed(c));
    end();
}

static void a_reload_moves_the_deadlines_of_those_who_are_there(void)
{
    struct test_client *silent, *busy, *proxy;

    begin_with(&b, "smtp-timeout = 300\nsmtp-session-time = 400");
    silent = client("smtp");
    busy = client("smtp");
    role_test_pass(&b.t, 20 * SECOND);
    proxy = test_client(&b, "smtp-proxy", "127.0.0.1"); /* it has a deadline of its own */
    buf_reset(&b.t.config);
    role_test_set(&b.t, "smtp-timeout = 30\nsmtp-session-time = 100\nmessage-size = 1234");
    role_test_reload(&b.t);
    test_expect_log("refused");
    CHECK(test_client_says(busy, "NOOP\r\n", "250"));
    test_client_say(proxy, STR("\r\n"));
    CHECK_U64(seconds_until_closed(&b, proxy, NULL), 10);
    CHECK(test_client_says(busy, "NOOP\r\n", "250"));
    CHECK_U64(seconds_until_closed(&b, silent, NULL), 20);
    CHECK_U64(seconds_until_closed(&b, busy, "NOOP\r\n"), 50);
    end();
}

/* What it was told in the greeting holds for a connection. */
static void a_reload_changes_no_limits_of_a_dialogue(void)
{
    struct test_client *c;

    begin_with(&b, "message-size = 2000");
    c = client("smtp");
    buf_reset(&b.t.config);
    role_test_set(&b.t, "message-size = 1024");
    role_test_reload(&b.t);
    CHECK(test_client_says(c, "MAIL FROM:<> SIZE=1500\r\n", "250"));
    CHECK(test_client_says(client("smtp"), "MAIL FROM:<> SIZE=1500\r\n", "552"));
    end();
}

static void draining_finishes_messages_and_takes_no_more(void)
{
    struct test_client *idle, *data, *asking, *handed, *proxy;

    begin();
    idle = client("smtp");
    data = client_in_data("smtp");
    handed = client_in_data("smtp");
    test_client_say(handed, STR(".\r\n"));
    asking = client("smtp");
    CHECK(test_client_says(asking, "MAIL FROM:<>\r\n", "250"));
    test_client_say(asking, STR("RCPT TO:<ada@example.test>\r\n"));
    proxy = test_client(&b, "smtp-proxy", "127.0.0.1");
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(test_client_hears(idle, "421") && test_client_is_closed(idle));
    CHECK(test_client_is_closed(proxy) && !test_client_is_closed(data));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(handed, "250 2.0.0") && test_client_hears(handed, "421"));
    CHECK(answer_rcpt(ERROR_NONE, ""));
    CHECK(test_client_hears(asking, "250 2.1.5") && test_client_hears(asking, "421"));
    test_client_say(data, STR(".\r\n"));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(data, "250 2.0.0") && test_client_hears(data, "421"));
    role_test_pass(&b.t, SECOND);
    CHECK(b.t.p->ended);
    end();
}

static void draining_does_not_wait_for_ever(void)
{
    struct test_client *c;

    begin();
    c = client_in_data("smtp");
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    role_test_pass(&b.t, 7 * SECOND);
    CHECK(!test_client_is_closed(c) && !b.t.p->ended);
    role_test_pass(&b.t, 2 * SECOND);
    CHECK(test_client_hears(c, "421") && b.t.p->ended);
    end();
}

/* ---- settings ---- */

/* A number that follows these words in what EHLO answers; 0: they are not there. */
static uint64_t ehlo_says(struct test_edge *bench, const char *words)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    struct str reply, digits;
    uint64_t n = 0;
    size_t at, end_at = 0;

    test_client_reply(c);
    test_client_say(c, STR("EHLO x\r\n"));
    reply = test_client_reply(c);
    at = str_find(reply, str_c(words));
    if (at != SIZE_MAX) {
        digits = str_skip(reply, at + strlen(words));
        while (end_at < digits.n && digits.p[end_at] >= '0' && digits.p[end_at] <= '9')
            end_at++;
        CHECK(str_to_u64(str_sub(digits, 0, end_at), UINT64_MAX, &n));
    }
    test_client_close(c);
    return n;
}

static uint64_t probe_size(struct test_edge *bench)
{
    return ehlo_says(bench, "SIZE ");
}

static uint64_t probe_recipients(struct test_edge *bench)
{
    return ehlo_says(bench, "RCPTMAX=");
}

static uint64_t probe_messages(struct test_edge *bench)
{
    return ehlo_says(bench, "MAILMAX=");
}

/* Which of the two names the banner has. */
static uint64_t probe_hostname(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    struct str reply = test_client_reply(c);
    uint64_t n = str_starts(reply, STR("220 first.test"))    ? 1
                 : str_starts(reply, STR("220 second.test")) ? 2
                                                             : 0;

    test_client_close(c);
    return n;
}

/* How many of twenty at once are let in. */
static uint64_t probe_connections(struct test_edge *bench)
{
    struct test_client *c[20];
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND); /* no minute of before counts */
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = test_client(bench, "smtp", "127.0.0.1");
        n += str_starts(test_client_reply(c[i]), STR("220"));
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        test_client_close(c[i]);
    return n;
}

static uint64_t probe_proxy(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp-proxy", "127.0.0.1");
    bool closed = test_client_is_closed(c);

    test_client_close(c);
    return closed ? 1 : 2;
}

static uint64_t probe_silence(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    uint64_t n = seconds_until_closed(bench, c, NULL);

    test_client_close(c);
    return n;
}

static uint64_t probe_session(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    uint64_t n = seconds_until_closed(bench, c, "NOOP\r\n");

    test_client_close(c);
    return n;
}

/* How many of twenty commands are not refused for being too many. */
static uint64_t probe_rate(struct test_edge *bench, const char *command, bool rcpt)
{
    struct test_client *c;
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND);
    c = test_client(bench, "smtp", "127.0.0.1");
    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    test_client_says(c, "MAIL FROM:<>\r\n", "250");
    for (int i = 0; i < 20; i++) {
        struct str reply;
        struct msg *m;

        test_client_say(c, str_c(command));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        if (m)
            role_end_send(bench->directory, &(struct msg){.type = MSG_RCPT_TELL,
                                                          .rcpt_tell = {.id = m->rcpt_ask.id}});
        reply = test_client_reply(c);
        n += rcpt ? str_starts(reply, STR("250")) : str_starts(reply, STR("5"));
    }
    test_client_close(c);
    return n;
}

static uint64_t probe_rate_recipients(struct test_edge *bench)
{
    return probe_rate(bench, "RCPT TO:<ada@example.test>\r\n", true);
}

static uint64_t probe_rate_errors(struct test_edge *bench)
{
    return probe_rate(bench, "EXPN x\r\n", false);
}

/* How many of twenty transactions are taken. */
static uint64_t probe_rate_messages(struct test_edge *bench)
{
    struct test_client *c;
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND);
    c = test_client(bench, "smtp", "127.0.0.1");
    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    for (int i = 0; i < 20; i++) {
        struct msg *m;

        test_client_says(c, "MAIL FROM:<>\r\n", "250");
        test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        if (m)
            role_end_send(bench->directory, &(struct msg){.type = MSG_RCPT_TELL,
                                                          .rcpt_tell = {.id = m->rcpt_ask.id}});
        n += str_starts(test_client_reply(c), STR("250"));
        test_client_says(c, "RSET\r\n", "250");
    }
    test_client_close(c);
    return n;
}

/* How many thousand bytes of a message are taken, to ten at most. */
static uint64_t probe_bytes(struct test_edge *bench)
{
    char line[1001];
    uint64_t n = 0;

    memset(line, 'x', sizeof line);
    memcpy(line + 998, "\r\n", 3);
    for (int thousands = 1; thousands <= 10; thousands++) {
        struct test_client *c;
        struct msg *m;

        role_test_pass(&bench->t, 180 * SECOND);
        c = test_client(bench, "smtp", "127.0.0.1");
        test_client_reply(c);
        test_client_says(c, "EHLO x\r\n", "250");
        test_client_says(c, "MAIL FROM:<>\r\n", "250");
        test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        role_end_send(bench->directory,
                      &(struct msg){.type = MSG_RCPT_TELL, .rcpt_tell = {.id = m->rcpt_ask.id}});
        test_client_reply(c);
        test_client_says(c, "DATA\r\n", "354");
        for (int i = 0; i < thousands; i++)
            test_client_say(c, str_of(line, 1000));
        test_client_say(c, STR(".\r\n"));
        n += role_end_take(bench->intake, MSG_ARRIVAL_ASK) != NULL;
        test_client_close(c);
        role_test_pass(&bench->t, 50 * SECOND);
    }
    return n;
}

/* Whether a client may ask for second.test. */
static uint64_t probe_tls_names(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    bool ok;

    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    test_client_says(c, "STARTTLS\r\n", "220");
    ok = test_client_tls(c, "second.test", "smtp");
    test_client_close(c);
    return ok ? 2 : 1;
}

#define LIMITED "limit-exceptions = 192.0.2.0/24\n"

static const struct test_setting rows[] = {
    {"hostname", "first.test", "second.test", NULL, probe_hostname, 1, 2},
    {"proxy-from", "192.0.2.0/24", "127.0.0.0/8", NULL, probe_proxy, 1, 2},
    {"tls-names", "first.test", "second.test", NULL, probe_tls_names, 1, 2},
    {"message-size", "2000", "3000", NULL, probe_size, 2000, 3000},
    {"message-memory", "4500", "8500", NULL, probe_bytes, 4, 8},
    {"recipients", "20", "30", NULL, probe_recipients, 20, 30},
    {"connections", "10", "15", NULL, probe_connections, 10, 15},
    {"connections-per-address", "3", "5", NULL, probe_connections, 3, 5},
    {"limit-exceptions", "192.0.2.0/24", "127.0.0.0/8", "smtp-rate-connections = 4\n",
     probe_connections, 4, 20},
    {"smtp-rate-connections", "4", "7", LIMITED, probe_connections, 4, 7},
    {"smtp-rate-messages", "5", "9", LIMITED, probe_rate_messages, 5, 9},
    {"smtp-rate-recipients", "6", "11", LIMITED, probe_rate_recipients, 6, 11},
    {"smtp-rate-bytes", "3000", "6000", LIMITED, probe_bytes, 3, 6},
    {"smtp-rate-errors", "3", "5", LIMITED, probe_rate_errors, 4, 6},
    {"messages-per-connection", "2", "4", NULL, probe_messages, 2, 4},
    {"smtp-session-time", "30", "60", NULL, probe_session, 30, 60},
    {"smtp-timeout", "15", "25", NULL, probe_silence, 15, 25},
    /* The supervisor's, or another process's. */
    {.key = "listen-smtp"},
    {.key = "listen-smtp-proxy"},
    {.key = "listen-lmtp"},
    {.key = "lmtp-socket"},
    {.key = "listen-imaps"},
    {.key = "listen-imap"},
    {.key = "tls-cert"},
    {.key = "tls-key"},
    {.key = "plain-login-on-loopback"},
    {.key = "login-timeout"},
    {.key = "imap-timeout"},
    {.key = "edges"},
    {.key = "hashers"},
    {.key = "argon2-memory"},
    {.key = "argon2-passes"},
    {.key = "account-idle"},
    {.key = "account-processes"},
    {.key = "quota"},
    {.key = "retention-days"},
    {.key = "queue-retry"},
    {.key = "disk-reserve"},
    {.key = "uid-base"},
    {.key = "sandbox-required"},
    {.key = "landlock-abi"},
    {.key = "log-rate"},
    {.key = "log-debug"},
};

static void each_setting_is_live_or_not_as_the_table_says(void)
{
    test_edge_settings(rows, ARRAY_LEN(rows), begin_with);
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
    RUN(deadlines_end_connections_with_words);
    RUN(a_message_under_way_is_finished_when_the_time_is_over);
    RUN(a_reload_moves_the_deadlines_of_those_who_are_there);
    RUN(a_reload_changes_no_limits_of_a_dialogue);
    RUN(draining_finishes_messages_and_takes_no_more);
    RUN(draining_does_not_wait_for_ever);
    RUN(each_setting_is_live_or_not_as_the_table_says);
    return test_end();
}
