/* intake/test_intake.h: intake on the bench: the test is every edge, the directory, the queue and the
 * accounts' processes. A test program includes this once; it has the whole role with it. */
#ifndef INTAKE_TEST_INTAKE_H
#define INTAKE_TEST_INTAKE_H

#include "intake/intake.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define ACCOUNTS 8
#define SECOND_US 1000000LL

static struct role_test t;
static struct intake in;
static struct role_end *edge, *directory, *relay, *process[ACCOUNTS];
static size_t fds_before;
static uint64_t last_id;
static int message = -1; /* a sealed one, "Subject: x\r\n\r\nhello\r\n" */

static const char text[] = "Subject: x\r\n\r\nhello\r\n";

/* For tests in which very many messages are queued: the lines are counted. */
static size_t queued_lines;

static UNUSED void count_queued(struct str line)
{
    if (str_find(line, STR(" mail-queued ")) != SIZE_MAX)
        queued_lines++;
}

static UNUSED void count_queued_lines(void)
{
    queued_lines = 0;
    log_set_sink(count_queued);
}

static UNUSED int memfd_of(struct str bytes, int seals)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

/* Of this size, without anything in it. */
static UNUSED int memfd_sized(uint64_t size)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0);
    return fd;
}

static UNUSED void begin_with(const char *setting)
{
    fds_before = test_descriptors();
    in = (struct intake){0};
    memset(process, 0, sizeof process);
    message = memfd_of(STR("Subject: x\r\n\r\nhello\r\n"), SEALS);
    role_test_begin(&t, ROLE_INTAKE, &intake_ops, &in);
    role_test_set(&t, setting);
    edge = role_test_peer(&t, ROLE_EDGE_SMTP, 0);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
}

static UNUSED void begin(void)
{
    begin_with("");
}

/* Nothing may be under way any more; nothing may be left open. */
static UNUSED void end_idle(void)
{
    CHECK(in.arrivals.n == 0 && in.offers.n == 0 && in.held == 0);
    CHECK(account_links_weight(in.links) == 0 && account_links_stuck(in.links) == 0);
    CHECK_U64(calls_waiting(in.p->calls), 0);
    intake_done(&in);
    role_test_end(&t);
    close(message);
    CHECK_U64(test_descriptors(), fds_before);
}

/* Something may be under way; nothing may be left open all the same. */
static UNUSED void end_busy(void)
{
    intake_done(&in);
    role_test_end(&t);
    close(message);
    CHECK_U64(test_descriptors(), fds_before);
    CHECK_U64(in.held, 0);
}

/* ---- what the peers say ---- */

static UNUSED struct msg arrival_of(const struct str *list, size_t n, int fd, uint64_t size)
{
    struct msg m = {.type = MSG_ARRIVAL_ASK, .nfds = 1, .fd = {fd}};

    m.arrival_ask = (struct msg_arrival_ask){.id = ++last_id,
                                             .transaction = STR("0123456789abcdef"),
                                             .session = STR("s1"),
                                             .return_path = STR("a@example.org"),
                                             .trace = STR("Received: x\r\n"),
                                             .size = size,
                                             .received = 1795000000000000,
                                             .recipients = {list, n}};
    return m;
}

/* The edge brings a message for up to three recipients; the question's id. */
static UNUSED uint64_t arrive(const char *a, const char *b, const char *c)
{
    struct str list[3] = {str_c(a), str_c(b), str_c(c)};
    struct msg m = arrival_of(list, c ? 3 : b ? 2 : 1, message, sizeof text - 1);

    role_end_send(edge, &m);
    return last_id;
}

/* The letter's place in the alphabet is the account's number; x is nobody's. */
static UNUSED uint64_t account_of(struct str address)
{
    return address.p[0] == 'x' ? 0 : (uint64_t)(address.p[0] - 'a' + 1);
}

/* The directory says whose they are. False: it was not asked. */
static UNUSED bool resolve(void)
{
    struct msg *m = role_end_take(directory, MSG_RESOLVE_ASK);
    struct msg tell = {.type = MSG_RESOLVE_TELL};
    uint64_t numbers[LIMIT_SMTP_RECIPIENTS];
    struct str items[LIMIT_SMTP_RECIPIENTS];
    size_t n = m ? m->resolve_ask.recipients.n : 0;

    if (!m)
        return false;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = account_of(m->resolve_ask.recipients.v[i]);
        items[i] = str_of(&numbers[i], sizeof numbers[i]);
    }
    tell.resolve_tell = (struct msg_resolve_tell){.id = m->resolve_ask.id, .accounts = {items, n}};
    role_end_send(directory, &tell);
    return true;
}

/* The directory answers for a channel to an account: 0, or an error. The account's end in process[]. */
static UNUSED uint64_t open_channel(enum error_kind kind)
{
    struct msg *m = role_end_take(directory, MSG_DELIVERY_OPEN_ASK);
    struct msg tell = {.type = MSG_DELIVERY_OPEN_TELL, .nfds = kind == ERROR_NONE};
    uint64_t account = m ? m->delivery_open_ask.account : 0;
    int fd[2] = {-1, -1};

    if (!m)
        return 0;
    tell.delivery_open_tell.id = m->delivery_open_ask.id;
    tell.delivery_open_tell.error = (struct msg_error){kind, STR("not now")};
    if (kind == ERROR_NONE) {
        CHECK(chan_pair(fd));
        process[account] = role_test_over(&t, ROLE_ACCOUNT, fd[1]);
        tell.fd[0] = fd[0];
    }
    role_end_send(directory, &tell);
    base_close_fd(&fd[0]);
    return account;
}

static UNUSED void say_ready(uint64_t account)
{
    role_end_send(process[account], &(struct msg){.type = MSG_LINK_READY});
}

/* Every channel that was asked for, and its process listens. */
static UNUSED void open_channels(void)
{
    uint64_t account;

    while ((account = open_channel(ERROR_NONE)))
        say_ready(account);
}

/* The account answers what it was offered; 0: it was offered nothing. */
static UNUSED uint64_t deliver_as(uint64_t account, enum error_kind kind)
{
    struct msg *m = process[account] ? role_end_take(process[account], MSG_DELIVER_ASK) : NULL;
    struct msg tell = {.type = MSG_DELIVER_TELL};

    if (!m)
        return 0;
    tell.deliver_tell =
        (struct msg_deliver_tell){.id = m->deliver_ask.id, .error = {kind, STR("no")}};
    role_end_send(process[account], &tell);
    return tell.deliver_tell.id;
}

/* The queue takes what it is asked to. Recipients it took, 0: it was not asked. */
static UNUSED size_t queue_as(enum error_kind kind)
{
    struct msg *m = role_end_take(relay, MSG_QUEUE_ADD_ASK);
    struct msg tell = {.type = MSG_QUEUE_ADD_TELL};
    size_t n = m ? m->queue_add_ask.recipients.n : 0;

    if (!m)
        return 0;
    tell.queue_add_tell =
        (struct msg_queue_add_tell){.id = m->queue_add_ask.id, .error = {kind, STR("no")}};
    role_end_send(relay, &tell);
    return n;
}

/* What the edge is told of a question: a kind, or ERROR_KINDS for nothing yet. */
static UNUSED enum error_kind told(uint64_t id)
{
    struct msg *m = role_end_take(edge, MSG_ARRIVAL_TELL);

    if (!m)
        return ERROR_KINDS;
    CHECK_U64(m->arrival_tell.id, id);
    return (enum error_kind)m->arrival_tell.error.kind;
}

static UNUSED void idle_links_go(void)
{
    role_test_pass(&t, 65 * SECOND_US);
    CHECK_U64(account_links_open(in.links), 0);
}

#endif
