/* directory/reserve.c: room that a message on its way has reserved in an account with a quota.
 *
 * The account's process knows how much it holds, so it counts the reservations too; this end remembers which session of which
 * edge has which, and gives back what an edge can no longer use. An account that can not be asked takes the message all the
 * same: the queue keeps it until it can, and after the data the quota refuses nothing. */
#include "base/limits.h"
#include "base/list.h"
#include "directory/directory_int.h"

/* Room for one recipient of one message on its way. */
struct reservation {
    struct list_node node;     /* of the session's */
    struct list_node all_node; /* of all */
    struct directory *d;
    struct session_held *session;
    struct asked asked; /* until it is answered */
    bool answered;
    struct account_link_want want; /* for asking the account's process */
    struct account_link *held;     /* the link over which it was reserved; NULL: nothing is */
    uint64_t account, call, size, quota;
};

struct session_held { /* of one edge's session */
    struct chan *edge;
    struct buf session;
    struct list reservations; /* of struct reservation */
};

struct reserve_state {
    struct list all;       /* of struct reservation */
    struct map by_session; /* session -> struct session_held */
};

struct reserve_state *reserve_create(void)
{
    struct reserve_state *s = mem_zalloc(sizeof *s);

    map_init(&s->by_session);
    return s;
}

static struct session_held *session_of(struct reserve_state *s, struct chan *edge,
                                       struct str session)
{
    struct session_held *h = map_find(&s->by_session, session);

    if (h)
        return h;
    h = mem_zalloc(sizeof *h);
    h->edge = edge;
    buf_init(&h->session, 64);
    buf_str(&h->session, session);
    map_put(&s->by_session, buf_view(&h->session), h);
    return h;
}

/* The last of a session takes it along. */
static void reservation_free(struct reservation *r)
{
    struct session_held *h = r->session;

    calls_forget(r->d->p->calls, r->call);
    account_link_done(&r->want);
    if (r->held)
        account_link_release(r->held);
    asked_forget(&r->asked);
    list_remove(&r->node);
    list_remove(&r->all_node);
    if (h->reservations.n == 0) {
        map_remove(&r->d->reserves->by_session, buf_view(&h->session));
        buf_done(&h->session);
        mem_free(h);
    }
    mem_free(r);
}

void reserve_destroy(struct reserve_state *s)
{
    struct reservation *r;

    if (!s)
        return;
    while ((r = LIST_FIRST(&s->all, struct reservation, all_node)))
        reservation_free(r);
    map_done(&s->by_session);
    mem_free(s);
}

/* One that was refused holds nothing: it goes at once, or a client could heap them up. */
static void reservation_answer(struct reservation *r, const struct error *err)
{
    r->answered = true;
    if (err)
        r->d->rcpt_refused++;
    else
        r->d->rcpt_ok++;
    tell_rcpt(&r->asked, &(struct msg_rcpt_tell){.error = msg_error_of(err), .reserved = 1}, -1);
    if (err)
        reservation_free(r);
}

static void on_reserved(void *arg, struct msg_reserve_tell *tell, int *fd)
{
    struct reservation *r = arg;
    struct error err = {0};

    (void)fd;
    r->call = 0;
    if (tell->error.kind == ERROR_NONE && r->want.link) {
        r->held = r->want.link;
        account_link_hold(r->held);
    }
    account_link_done(&r->want);
    /* A process that does not answer takes its mail all the same, by way of the queue. */
    if (tell->id && msg_error_take(&tell->error, &err))
        reservation_answer(r, &err);
    else
        reservation_answer(r, NULL);
}

static void on_turn(struct account_link_want *want, struct chan *chan, const struct error *err)
{
    struct reservation *r =
        (struct reservation *)((char *)want - offsetof(struct reservation, want));
    struct msg_reserve_ask ask = {
        .session = buf_view(&r->session->session), .size = r->size, .quota = r->quota};

    (void)err;
    if (!chan)
        reservation_answer(r, NULL);
    else
        r->call = call_reserve(call_over(r->d->p->calls, chan), &ask, NULL, on_reserved, r);
}

void reserve_ask(struct directory *d, struct chan *edge, const struct msg *m, uint64_t account,
                 const struct account_settings *settings)
{
    struct reservation *r = mem_zalloc(sizeof *r);

    *r = (struct reservation){.d = d,
                              .session = session_of(d->reserves, edge, m->rcpt_ask.session),
                              .want = {.fn = on_turn},
                              .account = account,
                              .size = m->rcpt_ask.size,
                              .quota = settings->quota};
    list_append(&r->session->reservations, &r->node);
    list_append(&d->reserves->all, &r->all_node);
    asked_take(&r->asked, edge, m);
    account_link_want(d->links, account, 1, &r->want);
}

/* What the session holds over this link is given back; several recipients of one message that lead to
 * one account were one reservation there, so that saying it once for each is harmless. */
static void give_back(const struct reservation *r)
{
    struct chan *chan = r->held        ? account_link_chan(r->held)
                        : r->want.link ? account_link_chan(r->want.link)
                                       : NULL;
    struct msg m = {.type = MSG_RESERVE_END, .reserve_end = {buf_view(&r->session->session)}};

    if (chan)
        chan_send(chan, &m);
}

static void session_end(struct session_held *h)
{
    size_t left = h->reservations.n;

    while (left-- > 0) { /* the last one frees h */
        struct reservation *r = LIST_FIRST(&h->reservations, struct reservation, node);

        give_back(r);
        reservation_free(r);
    }
}

void reserve_end(struct directory *d, struct chan *edge, struct str session)
{
    struct session_held *h = map_find(&d->reserves->by_session, session);

    if (h && h->edge == edge)
        session_end(h);
}

void reserve_edge_lost(struct directory *d, struct chan *edge)
{
    struct reservation *r = LIST_FIRST(&d->reserves->all, struct reservation, all_node);

    while (r) {
        if (r->session->edge == edge) {
            session_end(r->session);
            r = LIST_FIRST(&d->reserves->all, struct reservation, all_node);
        } else {
            r = LIST_NEXT(r, all_node);
        }
    }
}

void reserve_link_lost(struct directory *d, struct account_link *link)
{
    struct reservation *r;

    LIST_EACH(r, &d->reserves->all, all_node)
        if (r->held == link)
            r->held = NULL;
}

size_t reserve_held(const struct directory *d)
{
    return d->reserves->by_session.n;
}
