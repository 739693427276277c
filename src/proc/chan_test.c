/* proc/chan_test.c: channels and calls between two ends in one process. */
#include "proc/chan.c"

#include "base/test.h"

#include <sys/mman.h>
#include <sys/resource.h>

struct end {
    struct event_base *base;
    struct chan *chan;
    unsigned messages, ends;
    size_t last_fds;
    int last_fd; /* its first, as the message has it */
    uint64_t last_serial;
};

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
    e->last_fds = m->nfds;
    e->last_fd = m->fd[0];
    if (m->type == MSG_RCPT_END)
        memcpy(&e->last_serial, m->rcpt_end.session.p, sizeof e->last_serial);
}

static void pair(struct end *a, enum role ra, struct end *b, enum role rb)
{
    struct event_base *base = event_base_new();
    int fd[2];

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

/* A message may have fewer than the most; who expects one must not take 0 for it. */
static void a_descriptor_that_did_not_come_is_none(void)
{
    struct msg m = {.type = MSG_KEYS_START};
    struct end accounts, keys;

    pair(&accounts, ROLE_ACCOUNTS, &keys, ROLE_KEYS);
    CHECK(chan_send(accounts.chan, &m));
    spin(&accounts);
    CHECK(keys.messages == 1 && keys.last_fds == 0 && keys.last_fd == -1);
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
    RUN(garbage_ends_the_channel);
    RUN(what_the_kernel_does_not_take_is_queued_in_order);
    RUN(a_peer_that_does_not_take_what_is_owed_to_it_is_not_heard);
    RUN(a_peer_that_never_reads_is_given_up);
    RUN(what_a_process_said_last_is_read_to_its_end);
    return test_end();
}
