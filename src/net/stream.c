/* net/stream.c: on libevent's bufferevents.
 *
 * A stream is OPEN until stream_finish makes it LINGERING: then it writes its rest, half-closes, swallows input for
 * LINGER_SECONDS or LINGER_BYTES and frees itself. */
#include "net/stream.h"

#include "base/clock.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_SECONDS 2LL
#define LINGER_BYTES (1 << 20)
#define READ_HIGH ((size_t)256 * 1024)

struct stream {
    struct event_base *base;
    struct bufferevent *bev;
    const struct stream_ops *ops;
    void *arg;
    SSL *ssl;          /* owned by bev */
    SSL_CTX *starting; /* STARTTLS waits for the output to drain */
    bool lingering, half_closed;
    size_t swallowed;
    int64_t half_closed_us;
    uint64_t timeout_s;
};

static size_t finishing;

static void hook(struct stream *s);

size_t stream_finishing(void)
{
    return finishing;
}

static void linger_step(struct stream *s)
{
    struct evbuffer *out = bufferevent_get_output(s->bev);

    if (s->half_closed || evbuffer_get_length(out) > 0)
        return;
    if (s->ssl)
        SSL_shutdown(s->ssl);
    ERR_clear_error();
    shutdown(bufferevent_getfd(s->bev), SHUT_WR);
    s->half_closed = true;
    s->half_closed_us = clock_boot_us();
    finishing--;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;
    struct evbuffer *in = bufferevent_get_input(bev);

    if (!s->lingering) {
        s->ops->readable(s->arg);
        return;
    }
    s->swallowed += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
    /* The timeout is one of silence: who goes on talking, byte by byte, is not listened to for ever. */
    if (s->swallowed > LINGER_BYTES ||
        (s->half_closed && clock_boot_us() - s->half_closed_us > LINGER_SECONDS * 1000000))
        stream_destroy(s);
}

static void begin_tls(struct stream *s)
{
    evutil_socket_t fd = bufferevent_getfd(s->bev);
    SSL_CTX *ctx = s->starting;

    s->starting = NULL;
    bufferevent_setfd(s->bev, -1);
    bufferevent_free(s->bev);
    s->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    s->bev = bufferevent_openssl_socket_new(s->base, fd, s->ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!s->bev)
        fatal("libevent cannot make a TLS stream");
    hook(s);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;

    (void)bev;
    if (s->lingering) {
        linger_step(s);
        return;
    }
    if (s->starting)
        begin_tls(s);
    if (s->ops->drained)
        s->ops->drained(s->arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct stream *s = arg;
    const char *why = "closed by the client";

    if (what & BEV_EVENT_CONNECTED) {
        if (s->ops->tls && !s->lingering)
            s->ops->tls(s->arg, s->ssl);
        return;
    }
    if (s->lingering) {
        stream_destroy(s);
        return;
    }
    if (what & BEV_EVENT_TIMEOUT) {
        why = "timeout";
    } else if (what & BEV_EVENT_ERROR) {
        unsigned long code = s->ssl ? bufferevent_get_openssl_error(bev) : 0;

        why = code ? ERR_reason_error_string(code) : strerror(EVUTIL_SOCKET_ERROR());
    }
    ERR_clear_error();
    s->ops->closed(s->arg, why ? why : "TLS error");
}

static void hook(struct stream *s)
{
    struct timeval t = {.tv_sec = (time_t)s->timeout_s};

    bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
    bufferevent_setwatermark(s->bev, EV_READ, 0, READ_HIGH);
    bufferevent_set_timeouts(s->bev, s->timeout_s ? &t : NULL, s->timeout_s ? &t : NULL);
    bufferevent_enable(s->bev, EV_READ | EV_WRITE);
}

struct stream *stream_create(struct event_base *base, int fd, SSL_CTX *ctx,
                             const struct stream_ops *ops, void *arg)
{
    struct stream *s = mem_zalloc(sizeof *s);

    *s = (struct stream){.base = base, .ops = ops, .arg = arg};
    if (ctx) {
        s->ssl = SSL_new(ctx);
        s->bev = bufferevent_openssl_socket_new(base, fd, s->ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    } else {
        s->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    }
    if (!s->bev)
        fatal("libevent cannot make a stream");
    hook(s);
    return s;
}

void stream_destroy(struct stream *s)
{
    if (!s)
        return;
    if (s->lingering && !s->half_closed)
        finishing--;
    SSL_CTX_free(s->starting);
    bufferevent_free(s->bev);
    mem_free(s);
}

struct str stream_input(struct stream *s)
{
    struct evbuffer *in = bufferevent_get_input(s->bev);
    struct evbuffer_iovec v;

    if (s->starting || evbuffer_peek(in, -1, NULL, &v, 1) < 1)
        return STR_NULL;
    return str_of(v.iov_base, v.iov_len);
}

struct str stream_input_joined(struct stream *s, size_t most)
{
    struct evbuffer *in = bufferevent_get_input(s->bev);
    size_t n = size_min(evbuffer_get_length(in), most);

    if (s->starting || n == 0)
        return STR_NULL;
    return str_of(evbuffer_pullup(in, (ev_ssize_t)n), n);
}

void stream_consume(struct stream *s, size_t n)
{
    evbuffer_drain(bufferevent_get_input(s->bev), n);
}

size_t stream_drop_input(struct stream *s)
{
    struct evbuffer *in = bufferevent_get_input(s->bev);
    size_t n = evbuffer_get_length(in);

    evbuffer_drain(in, n);
    return n;
}

void stream_write(struct stream *s, struct str bytes)
{
    if (bytes.n && bufferevent_write(s->bev, bytes.p, bytes.n) != 0)
        fatal("out of memory");
}

size_t stream_pending(const struct stream *s)
{
    return evbuffer_get_length(bufferevent_get_output(s->bev));
}

void stream_set_reading(struct stream *s, bool on)
{
    if (on)
        bufferevent_enable(s->bev, EV_READ);
    else
        bufferevent_disable(s->bev, EV_READ);
}

void stream_set_timeout(struct stream *s, uint64_t seconds)
{
    struct timeval t = {.tv_sec = (time_t)seconds};

    s->timeout_s = seconds;
    bufferevent_set_timeouts(s->bev, seconds ? &t : NULL, seconds ? &t : NULL);
}

void stream_start_tls(struct stream *s, SSL_CTX *ctx)
{
    SSL_CTX_up_ref(ctx);
    s->starting = ctx;
    bufferevent_disable(s->bev, EV_READ);
    /* With nothing pending there is no write event to wait for; the callbacks of a plain stream are deferred, so the bev
     * may be replaced here. */
    if (stream_pending(s) == 0)
        begin_tls(s);
}

bool stream_peer_closed(const struct stream *s)
{
    struct pollfd p = {.fd = bufferevent_getfd(s->bev), .events = POLLRDHUP};

    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool stream_is_tls(const struct stream *s)
{
    return s->ssl != NULL;
}

void stream_finish(struct stream *s)
{
    struct timeval t = {.tv_sec = LINGER_SECONDS};

    s->lingering = true;
    finishing++;
    bufferevent_set_timeouts(s->bev, &t, &t);
    stream_drop_input(s);
    bufferevent_enable(s->bev, EV_READ | EV_WRITE);
    linger_step(s);
}
