/* intake/intake_hostile_test.c: edges that ask too much, or what they must not; accounts' processes that
 * hang, or lie; channels that are full. After each test nothing is held any more. */
#include "intake/test_intake.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* ---- edges that are lost, and their share ---- */

static void what_an_edge_has_asked_ends_with_it(void)
{
    begin();
    arrive("ada@x", NULL, NULL); /* each in another state: this one is offered, */
    CHECK(resolve());
    open_channels();
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1);
    arrive("ben@x", NULL, NULL); /* this one waits for its account, */
    CHECK(resolve() && open_channel(ERROR_NONE) == 2);
    arrive("dora@x", NULL, NULL); /* this one for the directory, */
    CHECK(in.arrivals.n == 3);
    test_expect_log("mail-queued");
    arrive("cleo@x", NULL, NULL);                     /* and this one for the queue */
    CHECK(role_end_take(directory, MSG_RESOLVE_ASK)); /* dora's */
    CHECK(resolve());
    CHECK(open_channel(ERROR_TEMPORARY) == 3);
    CHECK_U64(in.arrivals.n, 4);
    role_end_close(edge);
    CHECK(in.arrivals.n == 0 && in.shares.n == 0);
    CHECK(in.held == sizeof text - 1); /* what the account has, it has */
    CHECK(deliver_as(1, ERROR_NONE));
    CHECK_U64(in.held, 0);
    role_test_pass(&t, 60 * SECOND_US);
    end_busy();
}

/* The edge's channel broke, it lives and asks again: the account knows the transaction. */
static void an_edge_that_asks_again_is_answered_by_the_same_transaction(void)
{
    struct msg *m;
    uint64_t id;

    begin();
    arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    open_channels();
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1);
    edge = role_test_peer(&t, ROLE_EDGE_SMTP, 0); /* replaces the first */
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_KINDS); /* that was the first one's */
    m = role_end_take(process[1], MSG_DELIVER_ASK);
    CHECK_STR(m->deliver_ask.transaction, STR("0123456789abcdef"));
    role_end_send(process[1], &(struct msg){.type = MSG_DELIVER_TELL,
                                            .deliver_tell = {.id = m->deliver_ask.id}});
    CHECK_U64(told(id), ERROR_NONE);
    end_idle();
}

static void an_edge_that_asks_very_much_fills_its_own_share_only(void)
{
    struct role_end *other;
    struct msg m, *told_other;
    size_t before;

    begin();
    in.share_messages = 300;
    other = role_test_peer(&t, ROLE_EDGE_SMTP, 1);
    before = test_descriptors();
    for (int i = 0; i < 500; i++)
        arrive("ada@x", NULL, NULL);
    CHECK(in.arrivals.n == 300 &&
          test_descriptors() - before < 700); /* the rest waits in the edge's socket */
    m = arrival_of(&STR("ben@x"), 1, message, sizeof text - 1);
    role_end_send(other, &m);
    CHECK_U64(in.arrivals.n, 301);
    while (resolve())
        ;
    open_channels();
    CHECK(deliver_as(2, ERROR_NONE));
    told_other = role_end_take(other, MSG_ARRIVAL_TELL);
    CHECK(told_other && told_other->arrival_tell.error.kind == ERROR_NONE);
    /* When some of the first edge's are over, it is heard again. */
    for (int i = 0; i < 500; i++) {
        while (resolve())
            ;
        if (deliver_as(1, ERROR_NONE))
            CHECK(role_end_take(edge, MSG_ARRIVAL_TELL));
    }
    CHECK_U64(in.delivered, 501);
    end_idle();
}

/* In a process of its own, as the limit cannot be raised again. */
static void an_edge_fills_no_more_than_there_are_descriptors_for(void)
{
    struct rlimit few = {400, 400};
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (setrlimit(RLIMIT_NOFILE, &few) != 0)
            _exit(2);
        begin_with("edges = 1");
        for (int i = 0; i < 300; i++)
            arrive("ada@x", NULL, NULL);
        _exit(in.arrivals.n == 100 ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_full_share_is_freed_when_its_edge_ends(void)
{
    size_t before;

    begin();
    in.share_recipients = 200;
    before = test_descriptors();
    for (int i = 0; i < 150; i++)
        arrive("ada@x", "ben@x", NULL);
    CHECK(in.arrivals.n == 100 && LIST_FIRST(&in.shares, struct share, node)->full);
    close(edge->fd);
    edge->fd = -1;
    edge = role_test_peer(&t, ROLE_EDGE_SMTP, 0); /* its successor, as the first is not heard */
    CHECK(in.arrivals.n == 0 && test_descriptors() == before);
    arrive("ada@x", NULL, NULL);
    CHECK_U64(in.arrivals.n, 1);
    role_end_close(edge);
    end_idle();
}

/* ---- processes that hang ---- */

static uint64_t counter(const char *key)
{
    struct msg *m;
    char start[60];
    int n = snprintf(start, sizeof start, "%s=", key);

    role_end_send(t.supervisor,
                  &(struct msg){.type = MSG_STATUS_ASK, .status_ask = {.id = ++last_id}});
    m = role_end_take(t.supervisor, MSG_STATUS_TELL);
    for (size_t i = 0; m && i < m->status_tell.counters.n; i++) {
        struct str row = m->status_tell.counters.v[i];
        uint64_t value;

        if (str_starts(row, str_of(start, (size_t)n)) &&
            str_to_u64(str_skip(row, (size_t)n), UINT64_MAX, &value))
            return value;
    }
    CHECK_ROW(false, key);
    return 0;
}

/* A hundred messages of a megabyte for a process that does not answer. */
static void a_process_that_hangs_holds_one_window_and_the_queue_has_everything(void)
{
    const uint64_t size = 1 << 20;
    struct str ada = STR("ada@x");
    struct msg *m;
    size_t asked = 0;
    uint64_t held = 0;
    int fd;

    begin();
    count_queued_lines();
    fd = memfd_sized(size);
    for (int i = 0; i < 100; i++) {
        struct msg one = arrival_of(&ada, 1, fd, size);

        role_end_send(edge, &one);
        CHECK(resolve());
        if (i == 0)
            open_channels();
    }
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1); /* a megabyte is the window */
    CHECK(counter("message-memory") == 100 * size && counter("offered-bytes") == size);
    CHECK(counter("stuck-bytes") == 0);
    role_test_pass(&t, 11 * SECOND_US);
    while (queue_as(ERROR_NONE))
        asked++;
    CHECK(asked == 100 && queued_lines == 100);
    while ((m = role_end_take(edge, MSG_ARRIVAL_TELL))) {
        CHECK_U64(m->arrival_tell.error.kind, ERROR_NONE);
        held = m->arrival_tell.held;
    }
    CHECK_U64(held, size); /* the edges hear what the process still has */
    CHECK(counter("message-memory") == size && counter("stuck-bytes") == size);
    m = role_end_take(directory, MSG_ACCOUNT_SLOW);
    CHECK(m && m->account_slow.account == 1);
    role_end_close(process[1]); /* it is killed */
    CHECK(counter("message-memory") == 0 && counter("stuck-bytes") == 0);
    close(fd);
    end_idle();
}

static void small_messages_for_a_process_that_hangs_are_bounded_by_number(void)
{
    begin();
    for (int i = 0; i < 100; i++) {
        arrive("ada@x", NULL, NULL);
        CHECK(resolve());
        if (i == 0)
            open_channels();
    }
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), LINK_MOST);
    while (deliver_as(1, ERROR_NONE))
        ;
    CHECK_U64(in.delivered, 100);
    end_idle();
}

/* It was only slow: what it answers after all is not counted any more, and its link closes. */
static void a_process_that_answers_late_is_counted_no_longer(void)
{
    struct role_end *slow;
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    open_channels();
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    slow = process[1];
    CHECK_U64(account_links_stuck(in.links), sizeof text - 1);
    id = arrive("ada@x", NULL, NULL); /* by a new channel, over which it says nothing yet */
    CHECK(resolve());
    CHECK_U64(open_channel(ERROR_NONE), 1);
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 0);
    say_ready(1);
    CHECK_U64(role_end_waiting(process[1], MSG_DELIVER_ASK), 1);
    role_end_send(
        slow, &(struct msg){
                  .type = MSG_DELIVER_TELL,
                  .deliver_tell = {.id = role_end_take(slow, MSG_DELIVER_ASK)->deliver_ask.id}});
    CHECK(account_links_stuck(in.links) == 0 && role_end_is_closed(slow));
    CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_NONE);
    end_idle();
}

static void an_account_that_hangs_keeps_no_other_waiting(void)
{
    uint64_t id;

    begin();
    test_expect_log("mail-queued");
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    open_channels();
    for (int i = 0; i < 20; i++) {
        arrive("ben@x", NULL, NULL);
        CHECK(resolve());
        open_channels();
        CHECK(deliver_as(2, ERROR_NONE) && role_end_take(edge, MSG_ARRIVAL_TELL));
    }
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(queue_as(ERROR_NONE) == 1 && told(id) == ERROR_NONE);
    role_end_close(process[1]);
    end_idle();
}

/* ---- hostile edges ---- */

static struct str recipients_of(struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_c(b, "ada@x");
        buf_char(b, '\0');
    }
    return buf_view(b);
}

static void what_an_edge_must_not_send_is_refused_at_once(void)
{
    static char long_text[70000];
    struct str ada = STR("ada@x"), empty = STR(""), many[1001];
    struct str long_address = str_of(long_text, ADDRESS_MOST + 1);
    struct buf thousand, more, circles;
    int fds[10];
    size_t n = 0;

    begin();
    memset(long_text, 'a', sizeof long_text);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = ada;
    buf_init(&thousand, 100000);
    buf_init(&more, 100000);
    buf_init(&circles, 100000);
    recipients_of(&thousand, 1000);
    recipients_of(&more, 1001);
    for (int i = 0; i <= LIMIT_SMTP_HOPS; i++)
        buf_c(&circles, "Received: x\r\n");
    buf_c(&circles, "\r\n");

    fds[n++] = memfd_of(STR("hello"), 0);                      /* 0: not sealed */
    fds[n++] = memfd_of(STR("hello"), SEALS & ~F_SEAL_SHRINK); /* 1: not wholly */
    fds[n++] = memfd_of(STR("hello"), SEALS);                  /* 2 */
    fds[n++] = memfd_of(buf_view(&thousand), SEALS);           /* 3 */
    fds[n++] = memfd_of(buf_view(&more), SEALS);               /* 4 */
    fds[n++] = memfd_of(STR("ada@x\0ben@x"), SEALS);           /* 5: no NUL at the end */
    fds[n++] = memfd_of(STR("\0"), SEALS);                     /* 6: an empty name */
    fds[n++] = memfd_of(STR(""), SEALS);                       /* 7: nothing */
    fds[n++] = memfd_of(buf_view(&circles), SEALS);            /* 8 */
    fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);          /* 9: no memfd */

    /* clang-format off */
    const struct {
        const char *what;
        struct msg_list list;
        int fd, list_fd; /* of fds, -1: none */
        uint64_t size, list_size;
        struct str transaction, session, return_path, trace;
        enum error_kind kind;
    } rows[] = {
#define NAMES STR("t"), STR("s"), STR("r"), STR("Received: x\r\n")
#define LONG(n) str_of(long_text, (n))
        {"no descriptor",            {&ada, 1}, -1, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"not sealed",               {&ada, 1}, 0, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"sealed in part",           {&ada, 1}, 1, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"smaller than said",        {&ada, 1}, 2, -1, 6, 0, NAMES, ERROR_INTERNAL},
        {"larger than said",         {&ada, 1}, 2, -1, 4, 0, NAMES, ERROR_INTERNAL},
        {"said to be huge",          {&ada, 1}, 2, -1, UINT64_MAX, 0, NAMES, ERROR_TOO_LARGE},
        {"said to be half as huge",  {&ada, 1}, 2, -1, 1ULL << 63, 0, NAMES, ERROR_TOO_LARGE},
        {"larger than the setting",  {&ada, 1}, 2, -1, (50 << 20) + 1, 0, NAMES, ERROR_TOO_LARGE},
        {"no memfd",                 {&ada, 1}, 9, -1, 0, 0, NAMES, ERROR_INTERNAL},
        {"in circles",               {&ada, 1}, 8, -1, circles.n, 0, NAMES, ERROR_LOOP},
        {"no recipient",             {NULL, 0}, 2, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"an empty recipient",       {&empty, 1}, 2, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"a long recipient",         {&long_address, 1}, 2, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"1,001 recipients",         {many, 1001}, 2, -1, 5, 0, NAMES, ERROR_INTERNAL},
        {"1,001 in a memfd",         {NULL, 0}, 2, 4, 5, more.n, NAMES, ERROR_INTERNAL},
        {"no NUL at the end",        {NULL, 0}, 2, 5, 5, 11, NAMES, ERROR_INTERNAL},
        {"an empty name in a memfd", {NULL, 0}, 2, 6, 5, 1, NAMES, ERROR_INTERNAL},
        {"an empty memfd",           {NULL, 0}, 2, 7, 5, 0, NAMES, ERROR_INTERNAL},
        {"a list smaller than said", {NULL, 0}, 2, 3, 5, thousand.n + 1, NAMES, ERROR_INTERNAL},
        {"a list larger than said",  {NULL, 0}, 2, 3, 5, thousand.n - 1, NAMES, ERROR_INTERNAL},
        {"a list said to be huge",   {NULL, 0}, 2, 3, 5, UINT64_MAX, NAMES, ERROR_INTERNAL},
        {"a list that is open",      {NULL, 0}, 2, 0, 5, 5, NAMES, ERROR_INTERNAL},
        {"a list that is no memfd",  {NULL, 0}, 2, 9, 5, 5, NAMES, ERROR_INTERNAL},
        {"a list and a memfd",       {&ada, 1}, 2, 3, 5, thousand.n, NAMES, ERROR_INTERNAL},
        {"no transaction",           {&ada, 1}, 2, -1, 5, 0, STR(""), STR("s"), STR("r"), STR("t"), ERROR_INTERNAL},
        {"a long transaction",       {&ada, 1}, 2, -1, 5, 0, LONG(65), STR("s"), STR("r"), STR("t"), ERROR_INTERNAL},
        {"a long session",           {&ada, 1}, 2, -1, 5, 0, STR("t"), LONG(65), STR("r"), STR("t"), ERROR_INTERNAL},
        {"a long return path",       {&ada, 1}, 2, -1, 5, 0, STR("t"), STR("s"), LONG(2049), STR("t"), ERROR_INTERNAL},
        {"a long trace",             {&ada, 1}, 2, -1, 5, 0, STR("t"), STR("s"), STR("r"), LONG(4097), ERROR_INTERNAL},
#undef NAMES
#undef LONG
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msg m = arrival_of(rows[i].list.v, rows[i].list.n, -1, rows[i].size);
        struct msg *tell;

        m.nfds = rows[i].fd < 0 ? 0 : rows[i].list_fd < 0 ? 1 : 2;
        m.fd[0] = rows[i].fd < 0 ? -1 : fds[rows[i].fd];
        m.fd[1] = rows[i].list_fd < 0 ? -1 : fds[rows[i].list_fd];
        m.arrival_ask.recipients_size = rows[i].list_size;
        m.arrival_ask.transaction = rows[i].transaction;
        m.arrival_ask.session = rows[i].session;
        m.arrival_ask.return_path = rows[i].return_path;
        m.arrival_ask.trace = rows[i].trace;
        role_end_send(edge, &m);
        tell = role_end_take(edge, MSG_ARRIVAL_TELL);
        CHECK_ROW(tell && tell->arrival_tell.id == last_id, rows[i].what);
        CHECK_ROW(tell && tell->arrival_tell.error.kind == rows[i].kind, rows[i].what);
    }
    CHECK_U64(role_end_waiting(directory, MSG_NONE), 0);
    CHECK_U64(in.refused, ARRAY_LEN(rows));
    /* And it goes on: a thousand are not too many. */
    struct msg m = arrival_of(NULL, 0, fds[2], 5);

    m.nfds = 2;
    m.fd[1] = fds[3];
    m.arrival_ask.recipients_size = thousand.n;
    role_end_send(edge, &m);
    while (resolve())
        ;
    open_channels();
    CHECK(deliver_as(1, ERROR_NONE) && told(last_id) == ERROR_NONE);
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    buf_done(&thousand);
    buf_done(&more);
    buf_done(&circles);
    end_idle();
}

static void a_smaller_limit_refuses_nothing_that_an_edge_has_taken(void)
{
    struct str ada = STR("ada@x");
    struct msg m;
    int fd;

    begin_with("message-size = 2M");
    fd = memfd_sized(2 << 20);
    buf_reset(&t.config);
    role_test_set(&t, "message-size = 1M");
    role_test_reload(&t);
    m = arrival_of(&ada, 1, fd, 2 << 20);
    role_end_send(edge, &m);
    CHECK(resolve());
    open_channels();
    CHECK(deliver_as(1, ERROR_NONE) && told(last_id) == ERROR_NONE);
    close(fd);
    end_idle();
}

/* ---- hostile accounts ---- */

static void an_account_that_answers_twice_is_heard_once(void)
{
    struct msg tell = {.type = MSG_DELIVER_TELL};
    uint64_t id;

    begin();
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    open_channels();
    tell.deliver_tell.id = deliver_as(1, ERROR_NONE);
    CHECK_U64(told(id), ERROR_NONE);
    role_end_send(process[1], &tell);
    for (int i = 0; i < 100; i++)
        say_ready(1);
    CHECK(!role_end_is_closed(process[1]) && in.delivered == 1);
    id = arrive("ada@x", NULL, NULL);
    CHECK(resolve());
    CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_NONE);
    end_idle();
}

/* It answers in the name of another account: that ends its own channel, and the other is asked still. */
static void an_account_cannot_answer_for_another(void)
{
    struct msg tell = {.type = MSG_DELIVER_TELL}, *m;
    uint64_t id;

    begin();
    id = arrive("ada@x", "ben@x", NULL);
    CHECK(resolve());
    open_channels();
    m = role_end_take(process[2], MSG_DELIVER_ASK);
    tell.deliver_tell.id = m->deliver_ask.id;
    test_expect_log("channel-broken");
    role_end_send(process[1], &tell);
    CHECK(role_end_is_closed(process[1]) && !role_end_is_closed(process[2]));
    role_end_send(process[2], &tell);
    CHECK_U64(told(id), ERROR_KINDS);
    open_channels(); /* ada's is offered once more */
    CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_NONE);
    end_idle();
}

static void an_account_that_says_what_it_may_not_loses_its_channel_only(void)
{
    static const enum msg_type types[] = {MSG_ACCOUNT_IDLE, MSG_RESERVE_TELL, MSG_RESOLVE_TELL,
                                          MSG_ARRIVAL_ASK};
    struct str ada = STR("ada@x");

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct msg m = {.type = types[i]};
        uint64_t id;

        begin();
        if (types[i] == MSG_ARRIVAL_ASK)
            m = arrival_of(&ada, 1, message, sizeof text - 1);
        id = arrive("ada@x", "ben@x", NULL);
        CHECK(resolve());
        open_channels();
        test_expect_log("channel-broken");
        role_end_send(process[1], &m);
        CHECK(role_end_is_closed(process[1]));
        CHECK(deliver_as(2, ERROR_NONE));
        open_channels();
        CHECK(deliver_as(1, ERROR_NONE) && told(id) == ERROR_NONE);
        end_idle();
    }
}

/* ---- full channels ---- */

/* The directory reads nothing: what is asked waits here, and is asked when it reads again. */
static void a_directory_that_does_not_read_is_waited_for(void)
{
    struct msg *m;
    size_t ok = 0;

    begin();
    directory->deaf = true;
    for (int i = 0; i < 700; i++)
        arrive("ada@x", NULL, NULL);
    CHECK_U64(in.arrivals.n, 700);
    directory->deaf = false;
    role_test_spin(&t);
    for (int i = 0; i < 1000 && ok < 700; i++) {
        while (resolve())
            ;
        open_channels();
        while (deliver_as(1, ERROR_NONE))
            ;
        while ((m = role_end_take(edge, MSG_ARRIVAL_TELL)))
            ok += m->arrival_tell.error.kind == ERROR_NONE;
    }
    CHECK_U64(ok, 700);
    end_idle();
}

/* Neither does the queue: its questions hold a descriptor each, and are told in time. */
static void a_queue_that_does_not_read_holds_two_descriptors_a_message(void)
{
    struct msg *m;
    size_t before, failed = 0;

    begin();
    relay->deaf = true;
    before = test_descriptors();
    count_queued_lines();
    for (int i = 0; i < 400; i++) {
        arrive("ada@x", NULL, NULL);
        CHECK(resolve());
        while (open_channel(ERROR_TEMPORARY))
            ;
    }
    CHECK(test_descriptors() - before <= 2 * 400 + 1); /* the message, and what waits to be asked */
    role_test_pass(&t, 21 * SECOND_US);
    while ((m = role_end_take(edge, MSG_ARRIVAL_TELL)))
        failed += m->arrival_tell.error.kind == ERROR_TEMPORARY;
    CHECK(failed == 400 && queued_lines == 400);
    end_idle();
}

int main(void)
{
    RUN(what_an_edge_has_asked_ends_with_it);
    RUN(an_edge_that_asks_again_is_answered_by_the_same_transaction);
    RUN(an_edge_that_asks_very_much_fills_its_own_share_only);
    RUN(an_edge_fills_no_more_than_there_are_descriptors_for);
    RUN(a_full_share_is_freed_when_its_edge_ends);
    RUN(a_process_that_hangs_holds_one_window_and_the_queue_has_everything);
    RUN(small_messages_for_a_process_that_hangs_are_bounded_by_number);
    RUN(a_process_that_answers_late_is_counted_no_longer);
    RUN(an_account_that_hangs_keeps_no_other_waiting);
    RUN(what_an_edge_must_not_send_is_refused_at_once);
    RUN(a_smaller_limit_refuses_nothing_that_an_edge_has_taken);
    RUN(an_account_that_answers_twice_is_heard_once);
    RUN(an_account_cannot_answer_for_another);
    RUN(an_account_that_says_what_it_may_not_loses_its_channel_only);
    RUN(a_directory_that_does_not_read_is_waited_for);
    RUN(a_queue_that_does_not_read_holds_two_descriptors_a_message);
    return test_end();
}
