/* net/stream.c: on libevent's bufferevents; deadlines are timers of our own. */
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

#define SECOND_US 1000000LL
#define LINGER_US (2 * SECOND_US) /* after the last byte was written */
#define TAKE_US (10 * SECOND_US)  /* the longest that a peer may take nothing of our last words */
#define WRITE_US (30 * SECOND_US) /* until it must have all of them */
#define LINGER_BYTES (1 << 20)
#define READ_HIGH ((size_t)256 * 1024)

enum stream_state { STREAM_OPEN, STREAM_WRITING, STREAM_LINGERING };

struct stream {
    struct list_node node; /* of all->finishing */
    struct streams *all;
    enum stream_state state;
    struct bufferevent *bev;
    const struct stream_ops *ops;
    void *arg;
    SSL *ssl;          /* owned by bev */
    SSL_CTX *starting; /* STARTTLS waits for the output to drain */
    bool handshake;    /* it is under way */
    bool reading;
    bool full;                  /* READ_HIGH bytes wait for the owner: no more are read */
    size_t swallowed;           /* while it is finishing */
    int64_t timeout_us;         /* 0: none */
    int64_t heard_us, taken_us; /* when a byte came last, and when one was taken */
    int64_t finish_us;          /* when its present state began, while it is finishing */
    struct timer silence;
};

static void stream_hook(struct stream *s);
static void bev_free(struct stream *s);

void streams_init(struct streams *all, struct event_base *base, struct timers *timers)
{
    *all = (struct streams){.base = base, .timers = timers};
}

void streams_done(struct streams *all)
{
    struct stream *s;

    while ((s = LIST_FIRST(&all->finishing, struct stream, node)))
        stream_destroy(s);
}

/* ---- silence ---- */

static int64_t earlier_time(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the peer's time is over; INT64_MAX: it is not its turn. */
static int64_t silence_due(const struct stream *s)
{
    int64_t due = INT64_MAX;

    switch (s->state) {
    case STREAM_OPEN:
        if (s->timeout_us && s->reading)
            due = s->heard_us + s->timeout_us;
        if (s->timeout_us && stream_pending(s) > 0)
            due = earlier_time(due, s->taken_us + s->timeout_us);
        return due;
    case STREAM_WRITING:
        return earlier_time(s->taken_us + TAKE_US, s->finish_us + WRITE_US);
    case STREAM_LINGERING: /* no byte moves it: who goes on talking is not listened to for ever */
        return s->finish_us + LINGER_US;
    }
    return due;
}

/* The timer is not moved at each byte: when it is due it looks when the last one was. */
static void watch_silence(struct stream *s)
{
    int64_t due = timer_is_set(&s->silence) ? INT64_MAX : silence_due(s);

    if (due != INT64_MAX)
        timer_set(&s->silence, due - clock_boot_us());
}

static void on_silence(void *arg)
{
    struct stream *s = arg;

    if (silence_due(s) > clock_boot_us())
        watch_silence(s);
    else if (s->state != STREAM_OPEN)
        stream_destroy(s);
    else
        s->ops->closed(s->arg, "timeout");
}

/* What is waited for has changed. */
static void rewatch_silence(struct stream *s)
{
    timer_stop(&s->silence);
    watch_silence(s);
}

static void heard_something(struct stream *s)
{
    s->heard_us = clock_boot_us();
    watch_silence(s);
}

/* Output was added, or taken by the kernel. */
static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    struct stream *s = arg;

    (void)out;
    if (info->orig_size == 0 || info->n_deleted)
        s->taken_us = clock_boot_us();
    watch_silence(s);
}

/* ---- finishing ---- */

/* As soon as all is written. */
static void stream_linger(struct stream *s)
{
    if (s->state != STREAM_WRITING || stream_pending(s) > 0)
        return;
    if (s->ssl)
        SSL_shutdown(s->ssl);
    ERR_clear_error();
    shutdown(bufferevent_getfd(s->bev), SHUT_WR);
    s->state = STREAM_LINGERING;
    s->finish_us = clock_boot_us();
    s->all->writing--;
    rewatch_silence(s);
}

static void swallow_input(struct stream *s)
{
    s->swallowed += stream_drop_input(s);
    if (s->swallowed > LINGER_BYTES)
        stream_destroy(s);
}

static bool holds_much(const struct stream *s)
{
    return evbuffer_get_length(bufferevent_get_input(s->bev)) >= READ_HIGH;
}

/* The owner has taken some of the input. */
static void input_taken(struct stream *s)
{
    if (!s->full || holds_much(s))
        return;
    s->full = false;
    if (s->reading)
        bufferevent_enable(s->bev, EV_READ);
}

/* Above its high mark libevent calls this again and again, before anything of a lower priority, unless
 * reading is off: an owner that takes the input later, in its turn, would never have one. */
static void on_input(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;

    if (holds_much(s)) {
        s->full = true;
        bufferevent_disable(bev, EV_READ);
    }
    if (s->state == STREAM_OPEN) {
        heard_something(s);
        s->ops->readable(s->arg);
    } else {
        swallow_input(s);
    }
}

static void begin_tls(struct stream *s)
{
    evutil_socket_t fd = bufferevent_getfd(s->bev);
    SSL_CTX *ctx = s->starting;

    s->starting = NULL;
    bufferevent_setfd(s->bev, -1);
    bev_free(s);
    s->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    s->bev = bufferevent_openssl_socket_new(s->all->base, fd, s->ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!s->bev)
        fatal("libevent gives no TLS stream");
    s->handshake = true;
    stream_hook(s);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;

    (void)bev;
    if (s->state != STREAM_OPEN) {
        stream_linger(s);
        return;
    }
    if (s->starting)
        begin_tls(s);
    if (s->ops->drained)
        s->ops->drained(s->arg);
}

static const char *error_words(const struct stream *s)
{
    unsigned long code = s->ssl ? bufferevent_get_openssl_error(s->bev) : 0;
    const char *why = code ? ERR_reason_error_string(code) : strerror(EVUTIL_SOCKET_ERROR());

    return why ? why : "TLS error";
}

static void on_state(struct bufferevent *bev, short what, void *arg)
{
    struct stream *s = arg;
    const char *why;

    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        s->handshake = false;
        heard_something(s);
        if (s->ops->tls && s->state == STREAM_OPEN)
            s->ops->tls(s->arg, s->ssl);
        return;
    }
    if (s->state != STREAM_OPEN) {
        stream_destroy(s);
        return;
    }
    why = what & BEV_EVENT_ERROR ? error_words(s) : "closed by the client";
    ERR_clear_error();
    s->ops->closed(s->arg, why);
}

static void stream_hook(struct stream *s)
{
    bufferevent_setcb(s->bev, on_input, on_written, on_state, s);
    bufferevent_setwatermark(s->bev, EV_READ, 0, READ_HIGH);
    evbuffer_add_cb(bufferevent_get_output(s->bev), on_output, s);
    bufferevent_enable(s->bev, EV_READ | EV_WRITE);
    s->reading = true;
    s->full = false;
    heard_something(s);
}

/* Its callbacks that wait for their turn find nobody. */
static void bev_free(struct stream *s)
{
    evbuffer_remove_cb(bufferevent_get_output(s->bev), on_output, s);
    bufferevent_free(s->bev);
}

struct stream *stream_create(struct streams *all, int fd, SSL_CTX *ctx,
                             const struct stream_ops *ops, void *arg)
{
    struct stream *s = mem_zalloc(sizeof *s);

    *s = (struct stream){.all = all, .ops = ops, .arg = arg};
    timer_init(&s->silence, all->timers, on_silence, s);
    if (ctx) {
        s->ssl = SSL_new(ctx);
        s->handshake = true;
        s->bev = bufferevent_openssl_socket_new(all->base, fd, s->ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    } else {
        s->bev =
            bufferevent_socket_new(all->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    }
    if (!s->bev)
        fatal("libevent gives no stream");
    stream_hook(s);
    return s;
}

void stream_destroy(struct stream *s)
{
    if (!s)
        return;
    if (s->state == STREAM_WRITING)
        s->all->writing--;
    list_remove(&s->node);
    timer_stop(&s->silence);
    SSL_CTX_free(s->starting);
    bev_free(s);
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
    input_taken(s);
}

size_t stream_drop_input(struct stream *s)
{
    struct evbuffer *in = bufferevent_get_input(s->bev);
    size_t n = evbuffer_get_length(in);

    evbuffer_drain(in, n);
    input_taken(s);
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
    bool was = s->reading;

    s->reading = on;
    if (on && !s->full)
        bufferevent_enable(s->bev, EV_READ);
    else if (!on)
        bufferevent_disable(s->bev, EV_READ);
    if (on && !was)
        heard_something(s);
}

void stream_set_timeout(struct stream *s, uint64_t seconds)
{
    s->timeout_us = (int64_t)seconds * SECOND_US;
    s->heard_us = s->taken_us = clock_boot_us();
    rewatch_silence(s);
}

void stream_start_tls(struct stream *s, SSL_CTX *ctx)
{
    SSL_CTX_up_ref(ctx);
    s->starting = ctx;
    stream_set_reading(s, false);
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

bool stream_is_in_handshake(const struct stream *s)
{
    return s->starting || s->handshake;
}

void stream_finish(struct stream *s)
{
    s->state = STREAM_WRITING;
    s->finish_us = s->taken_us = clock_boot_us();
    list_append(&s->all->finishing, &s->node);
    s->all->writing++;
    stream_drop_input(s);
    stream_set_reading(s, true);
    rewatch_silence(s);
    stream_linger(s);
}
