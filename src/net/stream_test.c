/* net/stream_test.c: bytes in and out over a socket pair, and the end of a stream. */
#include "net/stream.c"

#include "base/test.h"

#include <errno.h>
#include <fcntl.h>

#define SECOND 1000000LL

static int64_t now_us = 1000 * SECOND;

static int64_t simulated_us(void)
{
    return now_us;
}

/* Time stands still but for pass(). */
static const struct clock_source simulated = {.wall_us = simulated_us, .boot_us = simulated_us};

struct ends {
    struct streams all;
    struct stream *stream;
    int peer;
    unsigned readable, drained;
    const char *closed;
};

static void on_readable(void *arg)
{
    ((struct ends *)arg)->readable++;
}

static void on_drained(void *arg)
{
    ((struct ends *)arg)->drained++;
}

static void on_closed(void *arg, const char *why)
{
    struct ends *e = arg;

    e->closed = why;
    stream_destroy(e->stream);
    e->stream = NULL;
}

static const struct stream_ops ops = {
    .readable = on_readable, .drained = on_drained, .closed = on_closed};

static void begin(struct ends *e)
{
    int fd[2];

    clock_set_source(&simulated);
    *e = (struct ends){0};
    streams_init(&e->all, event_base_new(), NULL);
    e->all.timers = timers_create(e->all.base);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) != 0)
        fatal("no socket pair");
    e->peer = fd[1];
    e->stream = stream_create(&e->all, fd[0], NULL, &ops, e);
}

/* Turns the loop until nothing happens any more. */
static void turn(struct ends *e)
{
    for (int i = 0; i < 20; i++) {
        timers_run(e->all.timers);
        event_base_loop(e->all.base, EVLOOP_NONBLOCK);
    }
}

static void pass(struct ends *e, int64_t us)
{
    turn(e);
    now_us += us;
    turn(e);
}

static void end(struct ends *e)
{
    stream_destroy(e->stream);
    if (e->peer >= 0)
        close(e->peer);
    streams_done(&e->all);
    timers_destroy(e->all.timers);
    event_base_free(e->all.base);
    clock_set_source(NULL);
}

static void bytes_go_both_ways(void)
{
    char got[100];
    struct ends e;

    begin(&e);
    CHECK_U64(write(e.peer, "one", 3), 3);
    turn(&e);
    CHECK_STR(stream_input(e.stream), STR("one"));
    stream_consume(e.stream, 2);
    CHECK_U64(write(e.peer, "two", 3), 3);
    turn(&e);
    CHECK(e.readable == 2);
    CHECK_STR(stream_input_joined(e.stream, 3), STR("etw"));
    CHECK_STR(stream_input_joined(e.stream, 100), STR("etwo"));
    CHECK_U64(stream_drop_input(e.stream), 4);
    CHECK(stream_input(e.stream).n == 0 && stream_input_joined(e.stream, 10).n == 0);
    stream_write(e.stream, STR("answer"));
    turn(&e);
    CHECK_U64(read(e.peer, got, sizeof got), 6);
    CHECK(memcmp(got, "answer", 6) == 0 && e.drained >= 1 && stream_pending(e.stream) == 0);
    CHECK(!stream_is_tls(e.stream));
    end(&e);
}

static void who_does_not_read_is_waited_for(void)
{
    static char much[1 << 20];
    struct ends e;
    size_t got = 0;
    ssize_t n;

    begin(&e);
    stream_write(e.stream, str_of(much, sizeof much));
    turn(&e);
    CHECK(stream_pending(e.stream) > 0 && e.drained == 0);
    while ((n = read(e.peer, much, sizeof much)) > 0) {
        got += (size_t)n;
        turn(&e);
    }
    CHECK_U64(got, sizeof much);
    CHECK(stream_pending(e.stream) == 0 && e.drained == 1);
    end(&e);
}

static void reading_can_be_put_off(void)
{
    struct ends e;

    begin(&e);
    stream_set_reading(e.stream, false);
    CHECK_U64(write(e.peer, "x", 1), 1);
    turn(&e);
    CHECK(e.readable == 0);
    CHECK(!stream_peer_closed(e.stream));
    shutdown(e.peer, SHUT_WR);
    CHECK(stream_peer_closed(e.stream)); /* known although we have not read so far */
    stream_set_reading(e.stream, true);
    turn(&e);
    CHECK(e.readable == 1 && e.closed && strcmp(e.closed, "closed by the client") == 0);
    end(&e);
}

/* Nor is it called again and again meanwhile. */
static void an_owner_may_take_much_later(void)
{
    static const char much[1 << 20];
    struct ends e;
    size_t sent = 0, got = 0;
    unsigned before;
    ssize_t n;

    begin(&e);
    while (got < sizeof much) {
        while ((n = write(e.peer, much, size_min(sizeof much - sent, 100000))) > 0) {
            sent += (size_t)n;
            turn(&e);
        }
        before = e.readable;
        turn(&e);
        CHECK_U64(e.readable, before);
        CHECK(sent == sizeof much || sent - got >= READ_HIGH);
        n = (ssize_t)stream_input_joined(e.stream, sizeof much).n;
        CHECK(n > 0);
        got += (size_t)n;
        stream_consume(e.stream, (size_t)n);
        turn(&e);
    }
    CHECK(sent == sizeof much && stream_input(e.stream).n == 0);
    /* Also where reading is put off, and on again, in between. */
    for (sent = 0; sent < 2 * READ_HIGH && (n = write(e.peer, much, 100000)) > 0; turn(&e))
        sent += (size_t)n;
    stream_set_reading(e.stream, false);
    stream_set_reading(e.stream, true);
    before = e.readable;
    turn(&e);
    CHECK_U64(e.readable, before);
    stream_set_reading(e.stream, false);
    got = stream_drop_input(e.stream);
    turn(&e);
    CHECK_U64(e.readable, before);
    stream_set_reading(e.stream, true);
    turn(&e);
    CHECK(e.readable > before && got < sent);
    end(&e);
}

static void the_last_words_are_heard(void)
{
    static char much[1 << 20];
    struct ends e;
    size_t got = 0;
    ssize_t n;

    begin(&e);
    CHECK_U64(write(e.peer, "unread", 6), 6);
    turn(&e);
    stream_write(e.stream, str_of(much, sizeof much));
    stream_finish(e.stream);
    e.stream = NULL;
    CHECK_U64(e.all.writing, 1);
    while ((n = read(e.peer, much, sizeof much)) != 0) {
        if (n > 0)
            got += (size_t)n;
        else if (errno != EAGAIN)
            break;
        turn(&e);
    }
    CHECK_U64(got, sizeof much); /* whole, and then the end */
    CHECK(n == 0 && e.all.writing == 0 && !e.closed);
    end(&e);
}

/* A byte now and then must not keep a finished stream. */
static void a_finished_stream_is_over_soon(void)
{
    struct ends e;
    int seconds = 0;

    begin(&e);
    stream_finish(e.stream);
    e.stream = NULL;
    while (e.all.finishing.n && seconds < 10) {
        CHECK_U64(send(e.peer, "x", 1, MSG_NOSIGNAL), 1);
        pass(&e, SECOND);
        seconds++;
    }
    CHECK_U64(seconds, 2);
    end(&e);
}

static void who_sends_on_without_end_is_not_listened_to(void)
{
    static char much[65536];
    struct ends e;
    size_t sent = 0;

    begin(&e);
    stream_finish(e.stream);
    e.stream = NULL;
    while (e.all.finishing.n && sent < 100 * sizeof much) {
        ssize_t n = send(e.peer, much, sizeof much, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        turn(&e);
    }
    CHECK(e.all.finishing.n == 0 && sent > LINGER_BYTES && sent < LINGER_BYTES + 10 * sizeof much);
    end(&e);
}

/* Last words wait for a slow reader, not for one that does not read, and for nobody longer than half a minute. */
static void last_words_wait_for_a_reader(void)
{
    static char much[4 << 20], some[40000];
    struct ends e;
    int seconds = 0;

    begin(&e);
    stream_write(e.stream, str_of(much, sizeof much));
    stream_finish(e.stream);
    e.stream = NULL;
    while (e.all.finishing.n && seconds < 100) {
        while (recv(e.peer, much, sizeof much / 8, 0) < 0) /* enough for the kernel to take more */
            turn(&e);
        pass(&e, 5 * SECOND);
        seconds += 5;
    }
    CHECK(e.all.writing == 0 && seconds > 10 && seconds < 60);
    end(&e);
    begin(&e);
    stream_write(e.stream, str_of(much, sizeof much));
    stream_finish(e.stream);
    e.stream = NULL;
    pass(&e, 9 * SECOND);
    CHECK_U64(e.all.writing, 1);
    pass(&e, 2 * SECOND);
    CHECK(e.all.writing == 0 && e.all.finishing.n == 0);
    end(&e);
    begin(&e);
    stream_write(e.stream, str_of(much, sizeof much));
    stream_finish(e.stream);
    e.stream = NULL;
    turn(&e);
    for (seconds = 0; e.all.finishing.n && seconds < 100; seconds++) {
        CHECK(recv(e.peer, some, sizeof some, 0) > 0); /* bit by bit */
        pass(&e, SECOND);
    }
    CHECK_U64(seconds, 30);
    end(&e);
}

static void silence_ends_it(void)
{
    struct ends e;

    begin(&e);
    stream_set_timeout(e.stream, 10);
    pass(&e, 9 * SECOND);
    CHECK(!e.closed);
    CHECK_U64(write(e.peer, "x", 1), 1);
    pass(&e, 0);
    stream_write(e.stream, STR("what we say is not what it says"));
    pass(&e, 9 * SECOND);
    CHECK(!e.closed); /* it began anew */
    pass(&e, 2 * SECOND);
    CHECK(e.closed && strcmp(e.closed, "timeout") == 0);
    end(&e);
}

static void while_we_do_not_read_nobody_is_silent(void)
{
    struct ends e;

    begin(&e);
    stream_set_timeout(e.stream, 10);
    stream_set_reading(e.stream, false);
    pass(&e, 100 * SECOND);
    CHECK(!e.closed);
    stream_set_reading(e.stream, true); /* from now on it is its turn */
    pass(&e, 9 * SECOND);
    CHECK(!e.closed);
    stream_set_timeout(e.stream, 5); /* and anew */
    pass(&e, 4 * SECOND);
    CHECK(!e.closed);
    pass(&e, SECOND);
    CHECK(e.closed && strcmp(e.closed, "timeout") == 0);
    end(&e);
}

static void who_takes_nothing_of_what_we_say_is_silent(void)
{
    static char much[1 << 20];
    struct ends e;

    begin(&e);
    stream_set_timeout(e.stream, 10);
    stream_set_reading(e.stream, false);
    stream_write(e.stream, str_of(much, sizeof much));
    pass(&e, 9 * SECOND);
    CHECK(recv(e.peer, much, sizeof much, 0) > 0 && !e.closed);
    pass(&e, 9 * SECOND); /* it took some */
    CHECK(!e.closed);
    pass(&e, 2 * SECOND);
    CHECK(e.closed && strcmp(e.closed, "timeout") == 0);
    end(&e);
}

int main(void)
{
    RUN(bytes_go_both_ways);
    RUN(who_does_not_read_is_waited_for);
    RUN(reading_can_be_put_off);
    RUN(an_owner_may_take_much_later);
    RUN(the_last_words_are_heard);
    RUN(a_finished_stream_is_over_soon);
    RUN(who_sends_on_without_end_is_not_listened_to);
    RUN(last_words_wait_for_a_reader);
    RUN(silence_ends_it);
    RUN(while_we_do_not_read_nobody_is_silent);
    RUN(who_takes_nothing_of_what_we_say_is_silent);
    return test_end();
}
