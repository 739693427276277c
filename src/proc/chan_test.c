/* proc/chan_test.c: channels and calls between two ends in one process. */
#include "proc/chan.c"

#include "base/test.h"
#include "proc/calls.h"

#include <sys/mman.h>
#include <sys/resource.h>

struct end {
    struct event_base *base;
    struct chan *chan;
    unsigned messages, ends;
    size_t last_fds;
    uint64_t last_id;
    struct calls *calls;
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
    if (m->type == MSG_RCPT_ASK)
        e->last_id = m->rcpt_ask.id;
    if (m->type == MSG_RCPT_TELL && e->calls)
        calls_answer(e->calls, m->rcpt_tell.id, m);
}

static void pair(struct end *a, enum role ra, struct end *b, enum role rb)
{
    struct event_base *base = event_base_new();
    int fd[2];

    chan_pair(fd, true);
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

static void a_descriptor_travels_with_its_message(void)
{
    struct msg m = {.type = MSG_INTAKE_MESSAGE, .nfds = 1, .intake_message = {.id = 1}};
    struct end edge, intake;

    pair(&edge, ROLE_EDGE_SMTP, &intake, ROLE_INTAKE);
    m.fd[0] = memfd_create("x", MFD_CLOEXEC);
    CHECK(chan_send(edge.chan, &m));
    close(m.fd[0]);
    spin(&edge);
    CHECK(intake.messages == 1 && intake.last_fds == 1);
    done(&edge, &intake);
}

static void a_message_that_a_peer_may_not_send_ends_the_channel(void)
{
    struct msg m = {.type = MSG_RCPT_ASK, .rcpt_ask = {.id = 1}};
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

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    for (uint64_t i = 1; i <= 2000; i++) {
        char text[1000] = {0};
        struct msg m = {.type = MSG_RCPT_ASK,
                        .rcpt_ask = {i, STR("s"), str_of(text, sizeof text), STR("x"), 0}};

        CHECK(chan_send(edge.chan, &m));
    }
    CHECK(!chan_idle(edge.chan));
    for (int i = 0; i < 200; i++)
        spin(&edge);
    CHECK_U64(directory.messages, 2000);
    CHECK_U64(directory.last_id, 2000);
    CHECK(chan_idle(edge.chan));
    done(&edge, &directory);
}

static void a_peer_that_never_reads_is_given_up(void)
{
    struct end edge, directory;
    static char text[60000];
    bool ok = true;

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    chan_set_reading(directory.chan, false);
    for (uint64_t i = 1; i <= 1000 && ok; i++) {
        struct msg m = {.type = MSG_RCPT_ASK,
                        .rcpt_ask = {i, STR("s"), str_of(text, sizeof text), STR("x"), 0}};

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

    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    for (uint64_t i = 1; i <= 3 * READ_BATCH; i++) {
        struct msg m = {.type = MSG_RCPT_ASK, .rcpt_ask = {.id = i}};

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

static unsigned answered, failed;

static void on_answer(void *arg, struct msg *m)
{
    (void)arg;
    if (m)
        answered++;
    else
        failed++;
}

static void a_request_is_asked_again_of_a_successor(void)
{
    struct msg ask = {.type = MSG_RCPT_ASK, .rcpt_ask = {.id = 1}};
    struct msg tell = {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = 1}};
    struct end edge, directory, edge2, directory2;

    answered = failed = 0;
    pair(&edge, ROLE_EDGE_SMTP, &directory, ROLE_DIRECTORY);
    edge.calls = calls_create(edge.base);
    CHECK(calls_next_id(edge.calls) == 1);
    calls_send(edge.calls, edge.chan, ROLE_DIRECTORY, 1, &ask, 60000, true, on_answer, NULL);
    spin(&edge);
    CHECK(directory.messages == 1);
    chan_destroy(directory.chan); /* it crashed before it answered */
    directory.chan = NULL;
    spin(&edge);
    CHECK(edge.ends == 1);
    calls_peer_lost(edge.calls, ROLE_DIRECTORY);
    pair(&edge2, ROLE_EDGE_SMTP, &directory2, ROLE_DIRECTORY);
    edge2.calls = edge.calls;
    calls_peer_new(edge.calls, ROLE_DIRECTORY, edge2.chan);
    spin(&edge2);
    CHECK(directory2.messages == 1 && directory2.last_id == 1);
    CHECK(chan_send(directory2.chan, &tell));
    spin(&edge2);
    CHECK(answered == 1 && failed == 0 && calls_waiting(edge.calls) == 0);
    calls_destroy(edge.calls);
    done(&edge2, &directory2);
    done(&edge, &directory);
}

static void a_request_whose_descriptor_could_not_be_kept_fails_alone(void)
{
    struct msg m = {.type = MSG_INTAKE_MESSAGE, .nfds = 1, .intake_message = {.id = 1}};
    struct end edge, intake;
    struct rlimit before, none;

    answered = failed = 0;
    pair(&edge, ROLE_EDGE_SMTP, &intake, ROLE_INTAKE);
    edge.calls = calls_create(edge.base);
    m.fd[0] = memfd_create("x", MFD_CLOEXEC);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    calls_send(edge.calls, NULL, ROLE_INTAKE, calls_next_id(edge.calls), &m, 60000, true, on_answer,
               NULL);
    setrlimit(RLIMIT_NOFILE, &before);
    calls_peer_new(edge.calls, ROLE_INTAKE, edge.chan);
    spin(&edge);
    CHECK(edge.ends == 0 && intake.ends == 0 && intake.messages == 0);
    CHECK(failed == 1 && answered == 0 && calls_waiting(edge.calls) == 0);
    close(m.fd[0]);
    calls_destroy(edge.calls);
    done(&edge, &intake);
}

int main(void)
{
    RUN(a_descriptor_travels_with_its_message);
    RUN(a_message_that_a_peer_may_not_send_ends_the_channel);
    RUN(garbage_ends_the_channel);
    RUN(what_the_kernel_does_not_take_is_queued_in_order);
    RUN(a_peer_that_never_reads_is_given_up);
    RUN(what_a_process_said_last_is_read_to_its_end);
    RUN(a_request_is_asked_again_of_a_successor);
    RUN(a_request_whose_descriptor_could_not_be_kept_fails_alone);
    return test_end();
}
