/* intake/intake_test.c: the life of a message on its way in, and each peer lost at each step. After each
 * test nothing is held any more. */
#include "intake/test_intake.h"

/* ---- the life of a message ---- */

static void a_message_goes_to_its_account_and_is_answered(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    id = arrive("ada@x", NULL, NULL);
    CHECK(in.held == sizeof text - 1);
    m = role_end_take(directory, MSG_RESOLVE_ASK);
    CHECK(m && m->resolve_ask.recipients.n == 1);
    CHECK_STR(m->resolve_ask.recipients.v[0], STR("ada@x"));
    role_end_send(directory,
                  &(struct msg){.type = MSG_RESOLVE_TELL,
                                .resolve_tell = {.id = m->resolve_ask.id,
                                                 .accounts = {&STR("\1\0\0\0\0\0\0\0"), 1}}});
    CHECK_U64(open_channel(ERROR_NONE), 1);
    CHECK(role_end_waiting(process[1], MSG_DELIVER_ASK) == 0); /* it has not said that it listens */
    say_ready(1);
    m = role_end_take(process[1], MSG_DELIVER_ASK);
    CHECK(m && m->nfds == 1 && memfd_is_sealed(m->fd[0], sizeof text - 1));
    CHECK_STR(m->deliver_ask.transaction, STR("0123456789abcdef"));
    CHECK_STR(m->deliver_ask.session, STR("s1"));
    CHECK_STR(m->deliver_ask.return_path, STR("a@example.org"));
    CHECK_STR(m->deliver_ask.trace, STR("Received: x\r\n"));
    CHECK(m->deliver_ask.recipients.n == 1 && m->deliver_ask.received == 1795000000000000);
    CHECK_U64(told(id), ERROR_KINDS); /* not before it is committed */
    role_end_send(process[1], &(struct msg){.type = MSG_DELIVER_TELL,
                                            .deliver_tell = {.id = m->deliver_ask.id}});
    CHECK_U64(told(id), ERROR_NONE);
    CHECK(in.delivered == 1 && role_end_waiting(relay, MSG_NONE) == 0);
    idle_links_go();
    end_idle();
}

static void recipients_of_one_account_are_one_delivery(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    id = arrive("ada@x", "ben@x", "ada+lists@x");
    CHECK(resolve());
    open_channels();
    m = role_end_take(process[1], MSG_DELIVER_ASK);
    CHECK(m && m->deliver_ask.recipients.n == 2);
    CHECK_STR(m->deliver_ask.recipients.v[1], STR("ada+lists@x"));
    role_end_send(process[1], &(struct msg){.type = MSG_DELIVER_TELL,
                                            .deliver_tell = {.id = m->deliver_ask.id}});
    CHECK_U64(told(id), ERROR_KINDS);
    CHECK(deliver_as(2, ERROR_NONE) && told(id) == ERROR_NONE);
    CHECK_U64(in.delivered, 3);
    end_idle();
}

/* 250 recipients, of three accounts, in a memfd of their own. */
static void very_many_recipients_come_in_a_memfd(void)
{
    struct msg m;
    struct buf b;
    uint64_t id;
    int list;

    begin();
    buf_init(&b, 10000);
    for (int i = 0; i < 250; i++) {
        buf_printf(&b, "%c%d@x", 'a' + i % 3, i);
        buf_char(&b, '\0');
    }
    list = memfd_of(buf_view(&b), SEALS);
    m = arrival_of(NULL, 0, message, sizeof text - 1);
    m.nfds = 2;
    m.fd[1] = list;
    m.arrival_ask.recipients_size = b.n;
    role_end_send(edge, &m);
    id = last_id;
    CHECK(resolve() && resolve() && resolve() && !resolve());
    open_channels();
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_U64(told(id), ERROR_KINDS);
        CHECK(deliver_as(i, ERROR_NONE));
    }
    CHECK_U64(told(id), ERROR_NONE);
    CHECK_U64(in.delivered, 250);
    close(list);
    buf_done(&b);
    end_idle();
}

static void what_an_account_does_not_take_goes_to_the_queue(void)
{
    static const enum error_kind kinds[] = {ERROR_TEMPORARY, ERROR_DAMAGED, ERROR_DISK,
                                            ERROR_INTERNAL, ERROR_NOT_FOUND};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct msg *m;
        uint64_t id;

        begin();
        test_expect_log("mail-queued");
        id = arrive("ada@x", "ben@x", NULL);
        CHECK(resolve());
        open_channels();
        CHECK(deliver_as(1, ERROR_NONE) && deliver_as(2, kinds[i]));
        m = role_end_take(relay, MSG_QUEUE_ADD_ASK);
        CHECK(m && m->nfds == 1 && memfd_is_sealed(m->fd[0], sizeof text - 1));
        CHECK(m->queue_add_ask.recipients.n == 1 && m->queue_add_ask.accounts.n == 1);
        CHECK_STR(m->queue_add_ask.recipients.v[0], STR("ben@x"));
        CHECK_U64(msg_u64_item(m->queue_add_ask.accounts.v[0]), 2);
        CHECK_STR(m->queue_add_ask.transaction, STR("0123456789abcdef"));
        CHECK_U64(told(id), ERROR_KINDS);
        role_end_send(relay, &(struct msg){.type = MSG_QUEUE_ADD_TELL,
                                           .queue_add_tell = {.id = m->queue_add_ask.id}});
        CHECK_U64(told(id), ERROR_NONE);
        end_idle();
    }
}

static void an_account_that_cannot_be_opened_goes_to_the_queue(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    CHECK_U64(open_channel(ERROR_DAMAGED), 1);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    CHECK_U64(in.slow, 0); /* it is not slow: nobody has to look at its process */
    end_idle();
}

static void what_is_nobodys_any_more_is_refused_only_where_that_can_be_said(void)
{
    uint64_t id;
    struct msg *m;

    begin();
    id = arrive("x@x", NULL, NULL);
    CHECK(resolve());
    CHECK_U64(told(id), ERROR_NOT_FOUND);
    id = arrive("ada@x", "x@x", NULL); /* LMTP is told of each, SMTP has its 250 */
    CHECK(resolve());
    open_channels();
    CHECK(deliver_as(1, ERROR_NONE));
    m = role_end_take(edge, MSG_ARRIVAL_TELL);
    CHECK(m && m->arrival_tell.error.kind == ERROR_NONE && m->arrival_tell.kinds.n == 2);
    CHECK_U64(msg_u64_item(m->arrival_tell.kinds.v[0]), ERROR_NONE);
    CHECK_U64(msg_u64_item(m->arrival_tell.kinds.v[1]), ERROR_NOT_FOUND);
    CHECK(m->arrival_tell.words.n > 0);
    /* Removed after the directory had said whose it is: it is not kept for later. */
    id = arrive("ben@x", NULL, NULL);
    CHECK(resolve());
    CHECK_U64(open_channel(ERROR_NOT_FOUND), 2);
    CHECK_U64(told(id), ERROR_NOT_FOUND);
    CHECK_U64(role_end_waiting(relay, MSG_NONE), 0);
    end_idle();
}

static void where_the_queue_fails_too_the_sender_tries_again(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve() && open_channel(ERROR_TEMPORARY) == 1);
    CHECK(queue_as(ERROR_DISK) == 1 && told(id) == ERROR_DISK);
    CHECK_U64(in.failed, 1);
    end_idle();
}

/* ---- from the queue ---- */

static uint64_t try_queued(const char *a, const char *b, uint64_t account)
{
    struct str list[2] = {str_c(a), str_c(b)}, number = str_of(&account, sizeof account);
    struct msg m = {.type = MSG_QUEUE_TRY_ASK, .nfds = 1, .fd = {message}};

    m.queue_try_ask = (struct msg_queue_try_ask){.id = ++last_id,
                                                 .transaction = STR("0123456789abcdef"),
                                                 .session = STR("s1"),
                                                 .recipients = {list, b ? 2 : 1},
                                                 .accounts = {&number, 1},
                                                 .size = sizeof text - 1};
    role_end_send(relay, &m);
    return last_id;
}

static void what_the_queue_gives_back_goes_to_the_account_that_it_is_of(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    id = try_queued("ada@x", "old-name@x", 4);
    CHECK(!resolve()); /* by number: the address may be somebody else's by now */
    CHECK_U64(in.held, sizeof text - 1);
    open_channels();
    CHECK(deliver_as(4, ERROR_NONE));
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == id && m->queue_try_tell.error.kind == ERROR_NONE);
    CHECK(m->queue_try_tell.kinds.n == 0 && m->queue_try_tell.accounts.n == 0);
    id = try_queued("ada@x", NULL, 5); /* one that was removed */
    CHECK_U64(open_channel(ERROR_NOT_FOUND), 5);
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == id && m->queue_try_tell.error.kind == ERROR_NOT_FOUND);
    id = try_queued("ada@x", NULL, 4); /* it cannot: the queue hears why, and keeps it */
    CHECK(deliver_as(4, ERROR_DAMAGED));
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == id && m->queue_try_tell.error.kind == ERROR_DAMAGED);
    id = try_queued("ada@x", NULL,
                    4); /* what its process does not find is not the account: it would be dropped */
    CHECK(deliver_as(4, ERROR_NOT_FOUND));
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == id && m->queue_try_tell.error.kind == ERROR_INTERNAL);
    CHECK_U64(role_end_waiting(relay, MSG_QUEUE_ADD_ASK), 0);
    end_idle();
}

static void of_what_nobody_knew_the_queue_hears_only_whose_it_is(void)
{
    struct msg *m;

    begin();
    try_queued("ben@x", "x@x", 0);
    CHECK(resolve());
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.error.kind == ERROR_NONE && m->queue_try_tell.accounts.n == 2);
    CHECK_U64(msg_u64_item(m->queue_try_tell.accounts.v[0]), 2);
    CHECK_U64(msg_u64_item(m->queue_try_tell.accounts.v[1]), 0);
    CHECK_U64(role_end_waiting(directory, MSG_DELIVERY_OPEN_ASK), 0);
    try_queued("ben@x", "x@x", 0); /* and where the directory is still away, that it is */
    role_test_pass(&t, 11 * SECOND_US);
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.error.kind == ERROR_TEMPORARY && !m->queue_try_tell.accounts.n);
    end_idle();
}

/* ---- peers that are lost ---- */

static void a_directory_that_comes_back_is_asked_again(void)
{
    uint64_t id;

    begin();
    id = arrive("ada@x", NULL, NULL);
    CHECK_U64(role_end_waiting(directory, MSG_RESOLVE_ASK), 1);
    role_end_close(directory);
    role_test_pass(&t, 3 * SECOND_US);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK(resolve());
    CHECK_U64(role_end_waiting(directory, MSG_DELIVERY_OPEN_ASK), 1);
    role_end_close(directory); /* and once more, for the channel */
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    open_channels();
    CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_NONE);
    end_idle();
}

static void without_the_directory_messages_wait_in_the_queue_as_nobodys(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    role_end_close(directory);
    id = arrive("ada@x", "ben@x", NULL);
    role_test_pass(&t, 9 * SECOND_US);
    CHECK_U64(role_end_waiting(relay, MSG_NONE), 0);
    role_test_pass(&t, 2 * SECOND_US);
    m = role_end_take(relay, MSG_QUEUE_ADD_ASK);
    CHECK(m && m->queue_add_ask.recipients.n == 2);
    CHECK(msg_u64_item(m->queue_add_ask.accounts.v[0]) == 0 &&
          msg_u64_item(m->queue_add_ask.accounts.v[1]) == 0);
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_ADD_TELL,
                                       .queue_add_tell = {.id = m->queue_add_ask.id}});
    CHECK_U64(told(id), ERROR_NONE);
    end_idle();
}

/* The directory has said of some whose they are, then nothing more: these are delivered. */
static void what_was_resolved_is_delivered_when_the_rest_is_not(void)
{
    struct str list[101];
    struct msg m, *q;
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        list[i] = i == 100 ? STR("ben@x") : STR("ada@x");
    m = arrival_of(list, ARRAY_LEN(list), message, sizeof text - 1);
    role_end_send(edge, &m);
    id = last_id;
    CHECK(resolve());
    role_test_pass(&t, 11 * SECOND_US);
    open_channels();
    CHECK(deliver_as(1, ERROR_NONE));
    q = role_end_take(relay, MSG_QUEUE_ADD_ASK);
    CHECK(q && q->queue_add_ask.recipients.n == 1);
    CHECK_STR(q->queue_add_ask.recipients.v[0], STR("ben@x"));
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_ADD_TELL,
                                       .queue_add_tell = {.id = q->queue_add_ask.id}});
    CHECK_U64(told(id), ERROR_NONE);
    role_test_pass(&t, 60 * SECOND_US);
    end_idle();
}

static void a_directory_that_answers_nonsense_keeps_nobody_waiting(void)
{
    uint64_t many[3] = {1, 1, 1};
    struct str items[3];

    for (size_t n = 0; n <= 3; n += 3) {
        struct msg *m;
        uint64_t id;

        begin();
        test_expect_log("mail-queued");
        for (size_t i = 0; i < n; i++)
            items[i] = str_of(&many[i], sizeof many[i]);
        id = arrive("ada@x", "ben@x", NULL);
        m = role_end_take(directory, MSG_RESOLVE_ASK);
        role_end_send(directory, &(struct msg){.type = MSG_RESOLVE_TELL,
                                               .resolve_tell = {.id = m->resolve_ask.id,
                                                                .accounts = {items, n}}});
        CHECK(queue_as(ERROR_NONE) == 2 && told(id) == ERROR_NONE);
        end_idle();
    }
}

static void a_process_that_ends_just_then_is_asked_once_more_and_only_once(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    open_channels();
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1);
    role_end_close(process[1]);
    open_channels();
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1);
    CHECK_U64(role_end_waiting(relay, MSG_NONE), 0);
    role_end_close(process[1]);
    CHECK_U64(role_end_waiting(directory, MSG_DELIVERY_OPEN_ASK), 0);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    end_idle();
}

/* Before it has listened: the link is lost while somebody waits for it. */
static void a_process_that_ends_before_it_listens_is_opened_once_more(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    CHECK_U64(open_channel(ERROR_NONE), 1);
    role_end_close(process[1]);
    CHECK_U64(open_channel(ERROR_NONE), 1);
    role_end_close(process[1]);
    CHECK_U64(open_channel(ERROR_NONE), 0);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    end_idle();
}

static void a_queue_that_comes_back_is_asked_again_and_one_that_does_not_keeps_nobody(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve() && open_channel(ERROR_TEMPORARY) == 1);
    CHECK_U64(role_end_waiting(relay, MSG_QUEUE_ADD_ASK), 1);
    role_end_close(relay);
    role_test_pass(&t, 5 * SECOND_US);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    test_expect_log("mail-queued");
    role_end_close(relay);
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve() && open_channel(ERROR_TEMPORARY) == 1);
    role_test_pass(&t, 21 * SECOND_US);
    CHECK_U64(told(id), ERROR_TEMPORARY);
    end_idle();
}

/* Each of the three steps takes several questions, and each answer is late. */
static void the_longest_way_is_shorter_than_an_edge_waits(void)
{
    static struct str list[LIMIT_SMTP_RECIPIENTS];
    int64_t began, last = 0;
    enum error_kind kind;
    size_t queued = 0;
    struct msg m;

    begin();
    test_expect_log("mail-queued");
    test_expect_log("mail-queued");
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        list[i] = STR("ada@x");
    m = arrival_of(list, ARRAY_LEN(list), message, sizeof text - 1);
    began = role_test_now_us();
    role_end_send(edge, &m);
    while ((kind = told(m.arrival_ask.id)) == ERROR_KINDS) {
        role_test_pass(&t, SECOND_US / 2);
        if (role_test_now_us() - last < 6 * SECOND_US)
            continue;
        last = role_test_now_us();
        resolve();
        open_channels(); /* the account does not answer */
        queued += queue_as(ERROR_NONE);
    }
    CHECK(kind == ERROR_TEMPORARY && queued > 0 && queued < LIMIT_SMTP_RECIPIENTS);
    CHECK(role_test_now_us() - began < 42 * SECOND_US); /* ARRIVAL's deadline is 45 */
    role_end_close(process[1]);
    end_idle();
}

int main(void)
{
    RUN(a_message_goes_to_its_account_and_is_answered);
    RUN(recipients_of_one_account_are_one_delivery);
    RUN(very_many_recipients_come_in_a_memfd);
    RUN(what_an_account_does_not_take_goes_to_the_queue);
    RUN(an_account_that_cannot_be_opened_goes_to_the_queue);
    RUN(what_is_nobodys_any_more_is_refused_only_where_that_can_be_said);
    RUN(where_the_queue_fails_too_the_sender_tries_again);
    RUN(what_the_queue_gives_back_goes_to_the_account_that_it_is_of);
    RUN(of_what_nobody_knew_the_queue_hears_only_whose_it_is);
    RUN(a_directory_that_comes_back_is_asked_again);
    RUN(without_the_directory_messages_wait_in_the_queue_as_nobodys);
    RUN(what_was_resolved_is_delivered_when_the_rest_is_not);
    RUN(a_directory_that_answers_nonsense_keeps_nobody_waiting);
    RUN(a_process_that_ends_just_then_is_asked_once_more_and_only_once);
    RUN(a_process_that_ends_before_it_listens_is_opened_once_more);
    RUN(a_queue_that_comes_back_is_asked_again_and_one_that_does_not_keeps_nobody);
    RUN(the_longest_way_is_shorter_than_an_edge_waits);
    return test_end();
}
