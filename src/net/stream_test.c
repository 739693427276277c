/* net/stream_test.c: bytes in and out over a socket pair, and the end of a stream. */
#include "net/stream.h"

#include "base/clock.h"
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    struct event_base *base;
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

    *e = (struct ends){.base = event_base_new()};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) != 0)
        fatal("no socket pair");
    e->peer = fd[1];
    e->stream = stream_create(e->base, fd[0], NULL, &ops, e);
}

/* Turns the loop until nothing has happened for a moment, or for at most ms. */
static void turn(struct ends *e, int ms)
{
    int64_t until = clock_boot_us() + (int64_t)ms * 1000;

    do {
        event_base_loop(e->base, EVLOOP_NONBLOCK);
        usleep(1000);
    } while (clock_boot_us() < until);
}

static void end(struct ends *e)
{
    stream_destroy(e->stream);
    close(e->peer);
    turn(e, 20); /* a finished stream sees it, and is gone */
    event_base_free(e->base);
}

static void bytes_go_both_ways(void)
{
    char got[100];
    struct ends e;

    begin(&e);
    CHECK_U64(write(e.peer, "one", 3), 3);
    turn(&e, 5);
    CHECK_STR(stream_input(e.stream), STR("one"));
    stream_consume(e.stream, 2);
    CHECK_U64(write(e.peer, "two", 3), 3);
    turn(&e, 5);
    CHECK(e.readable == 2);
    CHECK_STR(stream_input_joined(e.stream, 3), STR("etw"));
    CHECK_STR(stream_input_joined(e.stream, 100), STR("etwo"));
    CHECK_U64(stream_drop_input(e.stream), 4);
    CHECK(stream_input(e.stream).n == 0 && stream_input_joined(e.stream, 10).n == 0);
    stream_write(e.stream, STR("answer"));
    turn(&e, 5);
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
    turn(&e, 5);
    CHECK(stream_pending(e.stream) > 0 && e.drained == 0);
    while ((n = read(e.peer, much, sizeof much)) > 0) {
        got += (size_t)n;
        turn(&e, 2);
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
    turn(&e, 5);
    CHECK(e.readable == 0);
    CHECK(!stream_peer_closed(e.stream));
    shutdown(e.peer, SHUT_WR);
    CHECK(stream_peer_closed(e.stream)); /* known although we have not read so far */
    stream_set_reading(e.stream, true);
    turn(&e, 5);
    CHECK(e.readable == 1 && e.closed && strcmp(e.closed, "closed by the client") == 0);
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
    turn(&e, 5);
    stream_write(e.stream, str_of(much, sizeof much));
    stream_finish(e.stream);
    e.stream = NULL;
    CHECK_U64(stream_finishing(), 1);
    while ((n = read(e.peer, much, sizeof much)) != 0) {
        if (n > 0)
            got += (size_t)n;
        else if (errno != EAGAIN)
            break;
        turn(&e, 2);
    }
    CHECK_U64(got, sizeof much); /* whole, and then the end */
    CHECK(n == 0 && stream_finishing() == 0 && !e.closed);
    end(&e);
}

/* The timeout is one of silence; a byte now and then must not keep a finished stream. */
static void a_finished_stream_is_over_soon(void)
{
    struct ends e;
    int64_t began = clock_boot_us();
    bool open = true;

    begin(&e);
    stream_finish(e.stream);
    e.stream = NULL;
    while (open && clock_boot_us() - began < 10000000) {
        open = send(e.peer, "x", 1, MSG_NOSIGNAL) == 1;
        turn(&e, 100);
    }
    CHECK(!open && clock_boot_us() - began < 5000000);
    end(&e);
}

static void silence_ends_it(void)
{
    struct ends e;

    begin(&e);
    stream_set_timeout(e.stream, 1);
    turn(&e, 500);
    CHECK(!e.closed);
    CHECK_U64(write(e.peer, "x", 1), 1);
    turn(&e, 700);
    CHECK(!e.closed); /* it began anew */
    turn(&e, 700);
    CHECK(e.closed && strcmp(e.closed, "timeout") == 0);
    end(&e);
}

int main(void)
{
    RUN(bytes_go_both_ways);
    RUN(who_does_not_read_is_waited_for);
    RUN(reading_can_be_put_off);
    RUN(the_last_words_are_heard);
    RUN(a_finished_stream_is_over_soon);
    RUN(silence_ends_it);
    return test_end();
}
