/* proc/chan_test.c: channels and calls between two ends in one process. */
#include "proc/chan.c"

#include "base/test.h"

#include <sys/mman.h>
#include <sys/resource.h>

struct end {
    struct event_base *base;
    struct chan *chan;
    unsigned messages, ends;
    bool nests;      /* it reads on from within a message */
    unsigned end_at; /* the message at which it destroys the channel */
    size_t last_fds;
    int last_fd[LIMIT_MSG_FDS];
    uint64_t last_serial;
};

static unsigned open_before; /* descriptors that were open */

static unsigned descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void on_message(void *arg, struct chan *c, struct msg *m)
{
    struct end *e = arg;

    if (!m) {
        e->ends++;
        chan_destroy(c);
        e->chan = NULL;
        return;
    }
    e->messages++;
    if (e->messages == e->end_at) {
        chan_destroy(c);
        e->chan = NULL;
        return;
    }
    if (e->nests)
        chan_read_now(c);
    if (!e->chan)
        return;
    e->last_fds = m->nfds;
    memcpy(e->last_fd, m->fd, sizeof e->last_fd);
    if (m->type == MSG_RCPT_END)
        memcpy(&e->last_serial, m->rcpt_end.session.p, sizeof e->last_serial);
}

static void pair(struct end *a, enum role ra, struct end *b, enum role rb)
{
    struct event_base *base;
    int fd[2];

    open_before = descriptors();
    base = event_base_new();
    CHECK(chan_pair(fd));
    *a = (struct end){.base = base};
    *b = (struct end){.base = base};
    a->chan = chan_create(base, fd[0], ra, rb, on_message, a);
    b->chan = chan_create(base, fd[1], rb, ra, on_message, b);
}

static void spin(struct end *e)
{
    for (int i = 0; i < 20; i++)
        event_base_loop(e->base, EVLOOP_NONBLOCK);
}

static void done(struct end *a, struct end *b)
{
    chan_destroy(a->chan);
    chan_destroy(b->chan);
    event_base_free(a->base);
    CHECK_U64(descriptors(), open_before); /* none was kept */
}

/* A message of the edge's with so much in it. */
static struct msg numbered(uint64_t serial, char *text, size_t n)
{
    memcpy(text, &serial, sizeof serial);
    return (struct msg){.type = MSG_RCPT_END, .rcpt_end = {str_of(text, n)}};
}

static void a_descriptor_travels_with_its_message(void)
{
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1};
    struct end accounts, keys;

    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    m.fd[0] = memfd_create("x", MFD_CLOEXEC);
    CHECK(chan_send(accounts.chan, &m));
    close(m.fd[0]);
    spin(&accounts);
    CHECK(keys.messages == 1 && keys.last_fds == 1);
    done(&accounts, &keys);
}

/* 0 would be one of the receiver's own, and closed as if it had come. */
static void a_descriptor_that_did_not_come_is_none(void)
{
    struct msg m = {.type = MSG_KEYS_START};
    struct end accounts, keys;

    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    CHECK(chan_send(accounts.chan, &m));
    spin(&accounts);
    CHECK(keys.messages == 1 && keys.last_fds == 0);
    for (size_t i = 0; i < LIMIT_MSG_FDS; i++)
        CHECK(keys.last_fd[i] == -1);
    done(&accounts, &keys);
}

static void a_message_whose_descriptor_was_lost_ends_nothing(void)
{
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1};
    struct end accounts, keys;
    struct rlimit before, none;

    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    m.fd[0] = memfd_create("x", MFD_CLOEXEC);
    CHECK(chan_send(accounts.chan, &m));
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none); /* this process has none left */
    spin(&accounts);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(keys.messages == 0 && keys.ends == 0);
    CHECK(chan_send(accounts.chan, &m));
    close(m.fd[0]);
    spin(&accounts);
    CHECK(keys.messages == 1 && keys.last_fds == 1);
    done(&accounts, &keys);
}

static void a_message_that_a_peer_may_not_send_ends_the_channel(void)
{
    struct msg m = {.type = MSG_RCPT_END, .rcpt_end = {STR("s")}};
    struct end hasher, directory;
    struct error err;
    struct buf b;

    pair(&hasher, ROLE_HASHER, &directory, ROLE_DIRECTORY);
    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, &m, &err));
    CHECK(send(chan_fd(hasher.chan), b.p, b.n, 0) == (ssize_t)b.n); /* past our own check */
    test_expect_log("channel-broken");
    spin(&hasher);
    CHECK(directory.messages == 0 && directory.ends == 1);
    buf_done(&b);
    done(&hasher, &directory);
}

/* Bytes as they are, past our own checks; fd -1: none. */
static void send_raw(struct end *e, struct str bytes, int fd)
{
    CHECK(put_packet(e->chan, bytes, &fd, fd >= 0) == PUT_DONE);
}

/* The edge says RCPT_END with nfds in its head and fd beside it. */
static void say_with(unsigned nfds, int fd)
{
    struct msg m = {.type = MSG_RCPT_END, .rcpt_end = {STR("session!")}};
    uint16_t head = (uint16_t)nfds;
    struct end edge, directory;
    struct error err;
    struct buf b;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, &m, &err));
    memcpy(b.p + 2, &head, sizeof head);
    test_expect_log("channel-broken");
    send_raw(&edge, buf_view(&b), fd);
    spin(&edge);
    CHECK(directory.ends == 1 && directory.messages == 0);
    buf_done(&b);
    done(&edge, &directory);
}

static void descriptors_that_are_not_named_end_the_channel(void)
{
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1, .fd = {-1}};
    int fd = memfd_create("x", MFD_CLOEXEC);
    struct end accounts, keys;
    struct error err;
    struct buf b;

    say_with(0, fd);
    say_with(1, fd); /* this type has none */
    close(fd);
    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, &m, &err));
    test_expect_log("channel-broken");
    send_raw(&accounts, buf_view(&b), -1); /* named, and not there */
    spin(&accounts);
    CHECK(keys.ends == 1 && keys.messages == 0);
    buf_done(&b);
    done(&accounts, &keys);
}

/* What was read of it is a message by itself. */
static void a_message_that_is_longer_than_any_ends_the_channel(void)
{
    static char text[LIMIT_MSG_BYTES];
    struct msg m = numbered(1, text, LIMIT_MSG_BYTES - 8);
    struct end edge, directory;
    struct error err;
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES + 1);
    CHECK(msg_print(&b, &m, &err) && b.n == LIMIT_MSG_BYTES);
    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    send_raw(&edge, buf_view(&b), -1);
    spin(&edge);
    CHECK(directory.messages == 1 && directory.ends == 0);
    buf_char(&b, 'x');
    test_expect_log("channel-broken");
    send_raw(&edge, buf_view(&b), -1);
    spin(&edge);
    CHECK(directory.messages == 1 && directory.ends == 1);
    buf_done(&b);
    done(&edge, &directory);
}

static void an_owner_may_destroy_the_channel_while_it_reads_on_within_a_message(void)
{
    struct end edge, directory;
    char text[8];

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    directory.nests = true;
    directory.end_at = 3;
    for (uint64_t i = 1; i <= 5; i++) {
        struct msg m = numbered(i, text, sizeof text);

        CHECK(chan_send(edge.chan, &m));
    }
    spin(&edge);
    CHECK(directory.messages == 3 && !directory.chan && edge.ends == 1);
    done(&edge, &directory);
}

static void nothing_of_a_message_stays_in_the_buffer_that_sent_it(void)
{
    struct msg m = {.type = MSG_RCPT_END, .rcpt_end = {STR("a secret of somebody's")}};
    struct end edge, directory;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    CHECK(chan_send(edge.chan, &m));
    CHECK(str_find(str_of(send_buffer, 200), STR("secret")) == SIZE_MAX);
    done(&edge, &directory);
}

static void what_waits_is_not_overtaken(void)
{
    static char text[60000];
    struct end edge, directory;
    struct msg m;
    uint64_t n = 0;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    while (chan_idle(edge.chan)) {
        m = numbered(++n, text, sizeof text);
        CHECK(chan_send(edge.chan, &m));
    }
    chan_read_now(directory.chan); /* now the kernel would take one */
    m = numbered(++n, text, 8);
    CHECK(chan_send(edge.chan, &m));
    chan_read_now(directory.chan);
    CHECK_U64(directory.last_serial, n - 2);
    spin(&edge);
    CHECK(directory.messages == n && directory.last_serial == n);
    done(&edge, &directory);
}

static void a_queued_descriptor_is_a_copy_that_is_closed(void)
{
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1};
    struct end accounts, keys;
    unsigned n = 0;

    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    m.fd[0] = memfd_create("x", MFD_CLOEXEC);
    while (accounts.chan->waiting.n < 3 && n < 10000) {
        CHECK(chan_send(accounts.chan, &m));
        n++;
    }
    close(m.fd[0]);
    spin(&accounts);
    CHECK(n < 10000 && keys.messages == n && keys.last_fds == 1);
    done(&accounts, &keys);
}

static void garbage_ends_the_channel(void)
{
    struct end edge, directory;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    CHECK(send(chan_fd(edge.chan), "garbage", 7, 0) == 7);
    test_expect_log("channel-broken");
    spin(&edge);
    CHECK(directory.ends == 1 && directory.messages == 0);
    done(&edge, &directory);
}

static void what_the_kernel_does_not_take_is_queued_in_order(void)
{
    struct end edge, directory;
    char text[1000] = {0};

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct msg m = numbered(i, text, sizeof text);

        CHECK(chan_send(edge.chan, &m));
    }
    CHECK(!chan_idle(edge.chan));
    for (int i = 0; i < 200; i++)
        spin(&edge);
    CHECK_U64(directory.messages, 1000);
    CHECK_U64(directory.last_serial, 1000);
    CHECK(chan_idle(edge.chan));
    done(&edge, &directory);
}

static void a_peer_that_does_not_take_what_is_owed_to_it_is_not_heard(void)
{
    struct msg slow = {.type = MSG_ACCOUNT_PROBE};
    struct end directory, accounts;

    pair(&directory, ROLE_DIRECTORY, &accounts, ROLE_ACCOUNTS);
    chan_set_reading(accounts.chan, false);
    for (int i = 0; i < 150000; i++)
        CHECK(chan_send(directory.chan, &slow));
    CHECK(directory.chan->queued > LIMIT_CHAN_OWED && directory.chan->paused);
    chan_set_reading(accounts.chan, true);
    for (int i = 0; i < 5000; i++)
        spin(&directory);
    CHECK(accounts.messages == 150000 && !directory.chan->paused);
    done(&directory, &accounts);
}

static void a_peer_that_never_reads_is_given_up(void)
{
    struct end edge, directory;
    static char text[60000];
    bool ok = true;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    chan_set_reading(directory.chan, false);
    for (uint64_t i = 1; i <= 2 * LIMIT_CHAN_QUEUE / sizeof text && ok; i++) {
        struct msg m = numbered(i, text, sizeof text);

        ok = chan_send(edge.chan, &m);
    }
    CHECK(!ok);
    spin(&edge);
    CHECK(edge.ends == 1);
    done(&edge, &directory);
}

static void what_a_process_said_last_is_read_to_its_end(void)
{
    struct end edge, directory;
    char text[8];

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    for (uint64_t i = 1; i <= 3 * READ_BATCH; i++) {
        struct msg m = numbered(i, text, sizeof text);

        CHECK(chan_send(edge.chan, &m));
    }
    CHECK(chan_idle(edge.chan));
    chan_destroy(edge.chan);
    edge.chan = NULL;
    chan_read_now(directory.chan);
    CHECK_U64(directory.messages, 3 * READ_BATCH);
    CHECK_U64(directory.ends, 1);
    done(&edge, &directory);
}

int main(void)
{
    RUN(a_descriptor_travels_with_its_message);
    RUN(a_descriptor_that_did_not_come_is_none);
    RUN(a_message_whose_descriptor_was_lost_ends_nothing);
    RUN(a_message_that_a_peer_may_not_send_ends_the_channel);
    RUN(descriptors_that_are_not_named_end_the_channel);
    RUN(a_message_that_is_longer_than_any_ends_the_channel);
    RUN(an_owner_may_destroy_the_channel_while_it_reads_on_within_a_message);
    RUN(nothing_of_a_message_stays_in_the_buffer_that_sent_it);
    RUN(what_waits_is_not_overtaken);
    RUN(a_queued_descriptor_is_a_copy_that_is_closed);
    RUN(garbage_ends_the_channel);
    RUN(what_the_kernel_does_not_take_is_queued_in_order);
    RUN(a_peer_that_does_not_take_what_is_owed_to_it_is_not_heard);
    RUN(a_peer_that_never_reads_is_given_up);
    RUN(what_a_process_said_last_is_read_to_its_end);
    return test_end();
}
