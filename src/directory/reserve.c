/* directory/reserve.c: room that a message on its way has reserved in an account with a quota (RATIONALE 4).
 *
 * The account's process knows how much it holds, so it counts the reservations too; this end remembers which session of which
 * edge has which, and gives back what an edge can no longer use. An account that can not be asked takes the message all the
 * same: the queue keeps it until it can, and after the data the quota refuses nothing. */
#include "base/limits.h"
#include "directory/directory_int.h"

#define ASK_MS 5000
#define CHANNELS_MOST 2000 /* beyond, those without a reservation are closed */

struct reserve_chan { /* a channel to an account's process */
    struct directory *d;
    struct reserve_chan *next;
    uint64_t account;
    struct chan *chan;         /* NULL: being opened */
    struct reservation *first; /* those that name it, by their links */
};

struct reservation {
    struct reservation *next;           /* of the session */
    struct reservation *next_k, **at_k; /* of the channel; at_k NULL: in none */
    struct directory *d;
    struct chan *edge;
    struct reserve_chan *k; /* NULL: its process ended */
    struct buf session;
    uint64_t id; /* the edge's, until it is answered */
    uint64_t call, size, quota;
    bool answered;
};

struct reserve_state {
    struct reserve_chan *chans;
    size_t chans_n;
    struct map by_account; /* account -> struct reserve_chan */
    struct map by_session; /* session -> its first struct reservation */
};

struct reserve_state *reserve_create(void)
{
    struct reserve_state *s = mem_zalloc(sizeof *s);

    map_init(&s->by_account);
    map_init(&s->by_session);
    return s;
}

static void answer(struct reservation *r, const struct error *err)
{
    struct msg m = {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = r->id, .reserved = 1}};

    r->answered = true;
    if (err) {
        m.rcpt_tell.kind = err->kind;
        m.rcpt_tell.text = str_c(err->text);
        r->d->rcpt_refused++;
    } else {
        r->d->rcpt_ok++;
    }
    if (r->edge)
        chan_send(r->edge, &m);
}

static void chan_free(struct reserve_chan *k)
{
    struct reserve_state *s = k->d->reserves;
    struct reserve_chan **at = &s->chans;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    s->chans_n--;
    map_remove_u64(&s->by_account, k->account);
    chan_destroy(k->chan);
    mem_free(k);
}

static void join(struct reservation *r, struct reserve_chan *k)
{
    r->k = k;
    r->next_k = k->first;
    r->at_k = &k->first;
    if (k->first)
        k->first->at_k = &r->next_k;
    k->first = r;
}

static void leave(struct reservation *r)
{
    if (!r->k)
        return;
    *r->at_k = r->next_k;
    if (r->next_k)
        r->next_k->at_k = r->at_k;
    r->k = NULL;
    r->at_k = NULL;
}

/* The account's process is gone, or could not be had: its mail is taken, without a reservation. */
static void chan_lost(struct reserve_chan *k)
{
    struct reservation *r;

    while ((r = k->first)) {
        leave(r);
        if (r->answered)
            continue;
        calls_forget(r->d->p->calls, r->call);
        answer(r, NULL);
    }
    chan_free(k);
}

static void on_account(void *arg, struct chan *c, struct msg *m)
{
    struct reserve_chan *k = arg;

    (void)c;
    if (!m)
        chan_lost(k);
    else if (m->type == MSG_RESERVE_TELL)
        calls_answer(k->d->p->calls, m->reserve_tell.id, m);
}

static void release(struct reservation *r)
{
    struct msg m = {.type = MSG_RESERVE_END, .reserve_end = {buf_view(&r->session)}};

    if (!r->answered)
        calls_forget(r->d->p->calls, r->call);
    if (r->k && r->k->chan)
        chan_send(r->k->chan, &m);
    leave(r);
    buf_done(&r->session);
    mem_free(r);
}

/* One that was refused holds nothing: it goes at once, or a client could heap them up. */
static void drop_refused(struct reservation *r)
{
    struct map *sessions = &r->d->reserves->by_session;
    struct reservation *at = map_find(sessions, buf_view(&r->session));

    if (at == r && r->next) {
        map_put(sessions, buf_view(&r->session), r->next);
    } else if (at == r) {
        map_remove(sessions, buf_view(&r->session));
    } else {
        while (at && at->next != r)
            at = at->next;
        if (at)
            at->next = r->next;
    }
    leave(r); /* the account keeps what the session has there for another recipient */
    release(r);
}

static void on_told(void *arg, struct msg *m)
{
    struct reservation *r = arg;
    struct error err = {0};

    if (m && m->reserve_tell.kind)
        error_set(&err, (enum error_kind)m->reserve_tell.kind, "%.*s",
                  STR_ARG(m->reserve_tell.text));
    answer(r, err.kind ? &err : NULL);
    if (err.kind)
        drop_refused(r);
}

static void ask(struct reservation *r)
{
    struct directory *d = r->d;
    struct msg m = {.type = MSG_RESERVE_ASK};

    r->call = calls_next_id(d->p->calls);
    m.reserve_ask = (struct msg_reserve_ask){r->call, buf_view(&r->session), r->size, r->quota};
    calls_send(d->p->calls, r->k->chan, ROLE_ACCOUNT, r->call, &m, ASK_MS, false, on_told, r);
}

static void on_open(void *arg, int fd, const struct error *err)
{
    struct reserve_chan *k = arg;

    if (err) {
        chan_lost(k);
        return;
    }
    k->chan = chan_create(k->d->p->base, fd, ROLE_DIRECTORY, ROLE_ACCOUNT, on_account, k);
    for (struct reservation *r = k->first; r; r = r->next_k)
        if (!r->answered)
            ask(r);
}

static void drop_idle(struct directory *d)
{
    struct reserve_chan *next;

    if (d->reserves->chans_n <= CHANNELS_MOST)
        return;
    for (struct reserve_chan *k = d->reserves->chans; k; k = next) {
        next = k->next;
        if (k->chan && !k->first)
            chan_free(k);
    }
}

static struct reserve_chan *chan_of(struct directory *d, uint64_t account, bool *fresh)
{
    struct reserve_state *s = d->reserves;
    struct reserve_chan *k = map_find_u64(&s->by_account, account);

    *fresh = !k;
    if (k)
        return k;
    drop_idle(d);
    k = mem_zalloc(sizeof *k);
    *k = (struct reserve_chan){.d = d, .next = s->chans, .account = account};
    s->chans = k;
    s->chans_n++;
    map_put_u64(&s->by_account, account, k);
    return k;
}

void reserve_ask(struct directory *d, struct chan *edge, const struct msg_rcpt_ask *rcpt,
                 uint64_t account, const struct account_settings *settings)
{
    struct reserve_state *s = d->reserves;
    struct open_request request = {
        .account = account, .settings = *settings, .service = STR("reserve")};
    struct reservation *r = mem_zalloc(sizeof *r);
    bool fresh;

    *r = (struct reservation){
        .d = d, .edge = edge, .id = rcpt->id, .size = rcpt->size, .quota = settings->quota};
    join(r, chan_of(d, account, &fresh));
    buf_init(&r->session, 64);
    buf_str(&r->session, rcpt->session);
    r->next = map_find(&s->by_session, buf_view(&r->session));
    map_put(&s->by_session, buf_view(&r->session), r);
    if (fresh)
        account_open(d, &request, on_open, r->k);
    else if (r->k->chan)
        ask(r);
}

void reserve_end(struct directory *d, struct chan *edge, struct str session)
{
    struct reservation *r = map_find(&d->reserves->by_session, session);

    if (!r || r->edge != edge)
        return;
    map_remove(&d->reserves->by_session, session);
    while (r) {
        struct reservation *next = r->next;

        release(r);
        r = next;
    }
}

/* One session a turn, as the map must not change while it is iterated. */
static bool end_one_of(struct directory *d, struct chan *edge)
{
    size_t at = 0;
    struct str key;
    void *value;

    while (map_each(&d->reserves->by_session, &at, &key, &value)) {
        struct reservation *r = value;
        struct buf session;

        if (r->edge != edge)
            continue;
        buf_init(&session, 64);
        buf_str(&session, key);
        reserve_end(d, edge, buf_view(&session));
        buf_done(&session);
        return true;
    }
    return false;
}

void reserve_edge_lost(struct directory *d, struct chan *edge)
{
    while (end_one_of(d, edge))
        ;
}

size_t reserve_held(const struct directory *d)
{
    return d->reserves->by_session.n;
}
