/* directory/reserve.c: room that a message on its way has reserved in an account with a quota.
 *
 *     ASKING -- it fits --> HELD -- the transaction ends, its edge is lost, or the link is --> gone
 *       |
 *       +-- it does not fit, or nobody could say --> gone
 *
 * The account's process knows how much it holds, so it counts the reservations too; this end remembers
 * which session of which edge has which, and gives back what an edge can no longer use. An account
 * that cannot be asked takes the message all the same: the queue keeps it until it can, and after the
 * data the quota refuses nothing.
 *
 * Sessions are an edge's own: it can neither use nor end another's, whatever it calls them. Recipients
 * of a session that lead to one account are one reservation. Beyond RESERVATIONS_MOST the quota is
 * asked for, but nothing is kept: then a crowd of messages at once can fill an account a little
 * beyond it. */
#include "base/limits.h"
#include "base/list.h"
#include "directory/directory_int.h"

#include <stdio.h>

#ifndef RESERVATIONS_MOST        /* a test has fewer */
#define RESERVATIONS_MOST 100000 /* some 60 MiB */
#endif
#define SESSION_MOST 100 /* bytes of an edge's name for a session */

/* Room for the recipients of one message that lead to one account. */
struct reservation {
    struct list_node node; /* of the session's */
    struct directory *d;
    struct session_held *session;
    struct asked asked;            /* until it is answered */
    struct account_link_want want; /* for asking the account's process */
    struct account_link *held;     /* the link over which it was reserved; NULL: nothing is */
    bool fleeting;                 /* there are too many: it is given back at once */
    uint64_t account, call, size, quota;
};

struct session_held { /* of one edge's session */
    struct list_node node;
    struct chan *edge;
    struct buf key;           /* in by_session */
    char name[24];            /* what accounts' processes hear: the same for no two */
    struct list reservations; /* of struct reservation */
};

struct reserve_state {
    struct list sessions;  /* of struct session_held */
    struct map by_session; /* edge and its name -> the same */
    size_t reservations;
    uint64_t last_name;
};

struct reserve_state *reserve_create(void)
{
    struct reserve_state *s = mem_zalloc(sizeof *s);

    map_init(&s->by_session);
    return s;
}

static void session_key(struct buf *out, struct chan *edge, struct str session)
{
    uintptr_t number = (uintptr_t)edge;

    buf_init(out, sizeof number + SESSION_MOST);
    buf_add(out, &number, sizeof number);
    buf_str(out, session);
}

static struct session_held *session_find(struct reserve_state *s, struct chan *edge,
                                         struct str session)
{
    struct session_held *h;
    struct buf key;

    if (session.n > SESSION_MOST)
        return NULL;
    session_key(&key, edge, session);
    h = map_find(&s->by_session, buf_view(&key));
    buf_done(&key);
    return h;
}

static struct session_held *session_of(struct reserve_state *s, struct chan *edge,
                                       struct str session)
{
    struct session_held *h = session_find(s, edge, session);

    if (h)
        return h;
    h = mem_zalloc(sizeof *h);
    h->edge = edge;
    session_key(&h->key, edge, session);
    snprintf(h->name, sizeof h->name, "%llu", (unsigned long long)++s->last_name);
    map_put(&s->by_session, buf_view(&h->key), h);
    list_append(&s->sessions, &h->node);
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
    r->d->reserves->reservations--;
    if (h->reservations.n == 0) {
        list_remove(&h->node);
        map_remove(&r->d->reserves->by_session, buf_view(&h->key));
        buf_done(&h->key);
        mem_free(h);
    }
    mem_free(r);
}

void reserve_destroy(struct reserve_state *s)
{
    struct session_held *h;

    if (!s)
        return;
    while ((h = LIST_FIRST(&s->sessions, struct session_held, node)))
        reservation_free(LIST_FIRST(&h->reservations, struct reservation, node));
    map_done(&s->by_session);
    mem_free(s);
}

/* What the session holds, or may come to hold, over this link is given back. */
static void give_back(const struct reservation *r)
{
    struct chan *chan = r->held        ? account_link_chan(r->held)
                        : r->want.link ? account_link_chan(r->want.link)
                                       : NULL;
    struct msg m = {.type = MSG_RESERVE_END, .reserve_end = {str_c(r->session->name)}};

    if (chan)
        chan_send(chan, &m);
}

/* Another one that holds as much for the same account already; NULL: there is none. */
static struct reservation *find_same(const struct session_held *h, const struct reservation *but,
                                     uint64_t account, uint64_t size)
{
    struct reservation *r;

    LIST_EACH(r, &h->reservations, node)
        if (r != but && r->held && r->account == account && r->size >= size)
            return r;
    return NULL;
}

/* A session that holds nothing is freed at once, or a client could pile them up. */
static void reservation_answer(struct reservation *r, const struct error *err)
{
    bool keeps = r->held && !r->fleeting;

    if (err)
        r->d->rcpt_refused++;
    else
        r->d->rcpt_ok++;
    tell_rcpt(&r->asked, &(struct msg_rcpt_tell){.error = msg_error_of(err), .reserved = keeps},
              -1);
    if (r->held && r->fleeting)
        give_back(r);
    if (!keeps || find_same(r->session, r, r->account, r->size))
        reservation_free(r);
}

static void on_reserved(void *arg, struct msg_reserve_tell *tell, int *fd)
{
    struct reservation *r = arg;
    struct error err = {0};

    (void)fd;
    r->call = 0;
    if (tell->id == 0)
        give_back(r); /* it may yet take it, when it comes round */
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

static void on_reserve_turn(struct account_link_want *want, struct chan *chan,
                            const struct error *err)
{
    struct reservation *r =
        (struct reservation *)((char *)want - offsetof(struct reservation, want));
    struct msg_reserve_ask ask = {
        .session = str_c(r->session->name), .size = r->size, .quota = r->quota};

    (void)err;
    if (!chan)
        reservation_answer(r, NULL);
    else
        r->call = call_reserve(call_over(r->d->p->calls, chan), &ask, NULL, on_reserved, r);
}

/* Answers where the account need not be asked. True: it was answered. */
static bool answer_at_once(struct directory *d, struct chan *edge, const struct msg *m,
                           uint64_t account)
{
    const struct msg_rcpt_ask *ask = &m->rcpt_ask;
    const struct session_held *h;
    struct msg_rcpt_tell tell = {.reserved = 1};
    struct error err = {0};
    struct asked asked;

    if (ask->session.n > SESSION_MOST) {
        error_set(&err, ERROR_LIMIT, "a session with a name that is too long");
        tell = (struct msg_rcpt_tell){.error = msg_error_of(&err)};
        d->rcpt_refused++;
    } else {
        h = session_find(d->reserves, edge, ask->session);
        if (!h || !find_same(h, NULL, account, ask->size))
            return false;
        d->rcpt_ok++;
    }
    asked_take(&asked, edge, m);
    tell_rcpt(&asked, &tell, -1);
    return true;
}

void reserve_ask(struct directory *d, struct chan *edge, const struct msg *m, uint64_t account,
                 const struct account_settings *settings)
{
    struct reservation *r;

    if (answer_at_once(d, edge, m, account))
        return;
    r = mem_zalloc(sizeof *r);
    *r = (struct reservation){.d = d,
                              .session = session_of(d->reserves, edge, m->rcpt_ask.session),
                              .want = {.fn = on_reserve_turn},
                              .fleeting = d->reserves->reservations >= RESERVATIONS_MOST,
                              .account = account,
                              .size = m->rcpt_ask.size,
                              .quota = settings->quota};
    list_append(&r->session->reservations, &r->node);
    d->reserves->reservations++;
    asked_take(&r->asked, edge, m);
    account_link_want(d->links, account, 1, &r->want);
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
    struct session_held *h = session_find(d->reserves, edge, session);

    if (h)
        session_end(h);
}

void reserve_edge_lost(struct directory *d, struct chan *edge)
{
    struct session_held *h, *next;

    LIST_EACH_SAFE(h, next, &d->reserves->sessions, node)
        if (h->edge == edge)
            session_end(h);
}

void reserve_link_lost(struct directory *d, struct account_link *link)
{
    struct session_held *h, *next;
    struct reservation *r, *after;

    LIST_EACH_SAFE(h, next, &d->reserves->sessions, node)
        LIST_EACH_SAFE(r, after, &h->reservations, node) /* the last one frees h */
            if (r->held == link)
                reservation_free(r);
}

size_t reserve_held(const struct directory *d)
{
    return d->reserves->sessions.n;
}
