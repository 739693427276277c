/* account/session.c: IMAP sessions: bytes from the edge into the session, its answers back. What they do
 * is done in turns (account_turn), a slice each. */
#include "account/account_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "imap/session.h"

#include <stdio.h>

struct session {
    struct list_node node;
    struct list_node turn; /* of a->turns */
    struct account *a;
    uint64_t credential; /* that has opened it */
    struct stream *stream;
    struct imap_session *imap;
    struct buf out;
};

static void session_destroy(struct session *s)
{
    account_used(s->a); /* from now on it may be idle */
    list_remove(&s->node);
    list_remove(&s->turn);
    imap_session_destroy(s->imap);
    buf_done(&s->out);
    mem_free(s);
}

/* Output goes to the stream; true when the session is over (and gone). */
static bool write_out(struct session *s)
{
    if (s->out.overflow)
        panic("an IMAP session wrote more than its limit");
    stream_write(s->stream, buf_view(&s->out));
    buf_reset(&s->out);
    if (!imap_session_done(s->imap))
        return false;
    stream_finish(s->stream);
    session_destroy(s);
    return true;
}

static void want_turn(struct session *s)
{
    if (!s->turn.in)
        list_append(&s->a->turns, &s->turn);
    account_want_turn(s->a);
}

/* A slice. */
static void run_session(struct session *s)
{
    struct account *a = s->a;
    int64_t deadline = clock_boot_us() + SLICE_US;
    bool waits = false;

    account_used(a);
    while (stream_pending(s->stream) < LIMIT_IMAP_OUTPUT) {
        struct str in = stream_input(s->stream);
        size_t used;

        if (in.n == 0 && !imap_session_busy(s->imap))
            break;
        used = imap_session_input(s->imap, in, deadline);
        stream_consume(s->stream, used);
        account_check_store(a);
        if (write_out(s))
            return;
        if (clock_boot_us() >= deadline || (used == 0 && in.n > 0 && !imap_session_busy(s->imap))) {
            waits = true;
            break;
        }
    }
    if (waits && (imap_session_busy(s->imap) || stream_input(s->stream).n > 0))
        want_turn(s);
}

void session_turn(struct account *a)
{
    struct session *s = LIST_FIRST(&a->turns, struct session, turn);

    if (!s)
        return;
    list_remove(&s->turn);
    run_session(s);
    if (a->turns.n > 0)
        account_want_turn(a);
}

static void on_session_readable(void *arg)
{
    want_turn(arg);
}

static void on_session_drained(void *arg)
{
    want_turn(arg);
}

static void on_session_closed(void *arg, const char *why)
{
    struct session *s = arg;

    (void)why;
    if (s->turn.in) /* what came before the end is still to be done, as far as a slice goes */
        (void)imap_session_input(s->imap, stream_input(s->stream), clock_boot_us() + SLICE_US);
    account_check_store(s->a);
    stream_destroy(s->stream);
    session_destroy(s);
}

/* What sessions announce side by side must fit the process's memory: it would end, and they all with it. */
static bool has_append_room(void *arg, uint64_t n)
{
    const struct session *own = arg;
    const struct session *s;

    LIST_EACH(s, &own->a->sessions, node)
        if (s != own && s->imap)
            n += imap_session_held(s->imap);
    return n <= LIMIT_APPENDS_ACCOUNT;
}

void session_start(struct account *a, int fd, const struct msg_session_start *m)
{
    static const struct stream_ops ops = {.readable = on_session_readable,
                                          .drained = on_session_drained,
                                          .closed = on_session_closed};
    /* One account may not take all the memory and descriptors of its process by sessions alone. */
    bool refused = a->sessions.n >= LIMIT_SESSIONS_ACCOUNT;
    struct session *s = mem_zalloc(sizeof *s);
    struct imap_session_config config = {.user = m->user,
                                         .login_tag = m->tag,
                                         .read_only = m->read_only,
                                         .has_room = has_append_room,
                                         .arg = s};
    struct log_line l;
    char actor[60];
    int n = snprintf(actor, sizeof actor, "session:%llu", (unsigned long long)m->credential);

    config.actor = str_of(actor, (size_t)n);
    *s = (struct session){.a = a, .credential = m->credential};
    list_append(&a->sessions, &s->node);
    /* An answer that was begun is finished: pauses come between pieces, so twice the limit always holds one. */
    buf_init(&s->out, (size_t)16 * LIMIT_IMAP_OUTPUT);
    s->stream = stream_create(&a->streams, fd, NULL, &ops, s);
    s->imap = imap_session_create(a->store, &config, &s->out);
    log_begin(&l, LOG_SESSION, m->session);
    log_u64(&l, "account", a->number);
    log_str(&l, "service", m->service);
    log_end(&l);
    if (refused)
        imap_session_end(s->imap, "too many sessions of this account; close some");
    write_out(s);
}

void session_tell_news(struct account *a, const struct store_news *news)
{
    struct session *s;

    LIST_EACH(s, &a->sessions, node)
        if (imap_session_changed(s->imap, news))
            want_turn(s);
}

bool session_is_busy(const struct account *a)
{
    return a->sessions.n > 0;
}

void session_end_all(struct account *a, uint64_t credential, const char *words)
{
    struct session *s, *next;

    LIST_EACH_SAFE(s, next, &a->sessions, node) {
        if (credential && s->credential != credential)
            continue;
        imap_session_end(s->imap, words);
        write_out(s);
    }
}
