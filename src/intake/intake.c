/* intake/intake.c: from a sealed memfd to 250 (RATIONALE 4).
 *
 *     an arrival:  RESOLVING -> DELIVERING -> (QUEUEING) -> answered
 *     from queue:  RESOLVING -> DELIVERING -> answered
 *
 * Recipients are resolved again here, because an edge is not to be believed; those that lead to one account are one
 * delivery. What an account has not committed within DELIVER_MS goes to the queue, with the same transaction, so that the
 * account takes it once. 250 is said when each recipient is in one of the two; an error only when nothing was kept. */
#include "intake/intake.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "mime/message.h"
#include "proc/memfd.h"
#include "proc/process.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DELIVER_MS 10000
#define RESOLVE_MS 10000
#define OPEN_MS 10000
#define QUEUE_MS 20000
#define CHANNELS_MOST 1000
#define CHANNEL_IDLE_US (60LL * 1000000)
#define COLLECT_US (120LL * 1000000)
#define HEADER_MOST ((size_t)1 << 20) /* bytes of a header that are looked at */
#define QUEUE_RECIPIENTS 100          /* of one entry, so that a message holds them */

struct intake;
struct arrival;

struct rcpt {
    struct str address;
    uint64_t account; /* 0: gone meanwhile */
    bool kept;        /* in the account or in the queue */
};

struct target { /* one account of an arrival */
    struct arrival *arrival;
    struct target *next;         /* of the arrival */
    struct target *next_waiting; /* of the account channel */
    struct account_chan *chan;
    uint64_t account, id;
    bool answered, sent, again; /* again: its first process ended before it answered */
    struct error err;
};

struct account_chan { /* a channel to an account's process */
    struct intake *in;
    struct account_chan *next;
    uint64_t account;
    struct chan *chan; /* NULL: being opened */
    struct target *waiting;
    size_t under_way;
    int64_t used_us;
};

struct arrival {
    struct intake *in;
    struct arrival *next, **at;
    struct chan *from; /* the edge or the relay; NULL: gone */
    bool queued;       /* it comes from the queue */
    uint64_t id;       /* the asker's */
    struct arena arena;
    struct str transaction, session, return_path, trace;
    struct rcpt *rcpts;
    size_t rcpts_n, resolved;
    uint64_t size, received;
    int fd;
    struct target *targets;
    size_t targets_left, queue_left;
    bool resolving_failed;
    struct error err;
    struct event *timer;
};

struct collecting {  /* recipients that came ahead of their message */
    struct buf list; /* addresses, each with a NUL behind */
    size_t n;
    int64_t began_us;
};

struct intake {
    struct process *p;
    struct map collecting; /* transaction -> struct collecting */
    struct arrival *arrivals;
    struct account_chan *chans;
    size_t chans_n;
    struct map by_account; /* account -> struct account_chan */
    struct map by_id;      /* delivery id -> struct target */
    uint64_t next_id;
    struct event *sweep;
    uint64_t delivered, queued, failed;
};

static void try_finish(struct arrival *a);

/* ---- channels to accounts ---- */

static void chan_unlink(struct account_chan *k)
{
    struct account_chan **at = &k->in->chans;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    k->in->chans_n--;
    map_remove_u64(&k->in->by_account, k->account);
}

static void target_done(struct target *t, const struct error *err)
{
    if (t->answered)
        return;
    t->answered = true;
    if (err)
        t->err = *err;
    if (t->chan && t->sent)
        t->chan->under_way--;
    map_remove_u64(&t->arrival->in->by_id, t->id);
    t->arrival->targets_left--;
}

static void assign(struct target *t);

/* The account's process is gone. What it had not answered is offered once more, to a new one, by the same transaction (an idle
 * process may end just as a message comes); else it goes to the queue. */
static void chan_gone(struct account_chan *k, const struct error *err, bool again)
{
    struct intake *in = k->in;
    struct arrival *next;

    chan_unlink(k);
    chan_destroy(k->chan);
    for (struct arrival *a = in->arrivals; a; a = next) {
        bool touched = false;

        next = a->next;
        for (struct target *t = a->targets; t; t = t->next) {
            if (t->chan != k)
                continue;
            if (!t->answered && again && !t->again) {
                t->again = true;
                t->sent = false;
                assign(t);
                continue;
            }
            touched = touched || !t->answered;
            target_done(t, err);
            t->chan = NULL;
        }
        if (touched)
            try_finish(a);
    }
    mem_free(k);
}

static void on_account(void *arg, struct chan *c, struct msg *m)
{
    struct account_chan *k = arg;
    struct target *t;
    struct error err = {0};

    (void)c;
    if (!m) {
        error_set(&err, ERROR_TEMPORARY, "the account's process ended before it answered");
        chan_gone(k, &err, true);
        return;
    }
    if (m->type != MSG_DELIVERED || !(t = map_find_u64(&k->in->by_id, m->delivered.id)) ||
        t->chan != k)
        return;
    if (m->delivered.kind)
        error_set(&err, (enum error_kind)m->delivered.kind, "%.*s", STR_ARG(m->delivered.text));
    target_done(t, err.kind ? &err : NULL);
    k->used_us = clock_boot_us();
    try_finish(t->arrival);
}

static void send_target(struct account_chan *k, struct target *t)
{
    struct arrival *a = t->arrival;
    struct str list[20];
    struct msg m = {.type = MSG_DELIVER, .nfds = 1, .fd = {a->fd}};
    size_t n = 0;

    for (size_t i = 0; i < a->rcpts_n && n < ARRAY_LEN(list); i++)
        if (a->rcpts[i].account == t->account)
            list[n++] = a->rcpts[i].address;
    m.deliver = (struct msg_deliver){t->id,    a->transaction, a->session, a->return_path,
                                     a->trace, {list, n},      a->size,    a->received};
    t->sent = true;
    k->under_way++;
    chan_send(k->chan, &m);
}

static void on_open(void *arg, struct msg *m)
{
    struct account_chan *k = arg;
    struct error err = {0};

    if (!m || m->nfds != 1) {
        error_set(&err, ERROR_TEMPORARY, "the account does not open just now");
        if (m && m->delivery_opened.kind)
            error_set(&err, (enum error_kind)m->delivery_opened.kind, "%.*s",
                      STR_ARG(m->delivery_opened.text));
        chan_gone(k, &err, false);
        return;
    }
    k->chan = chan_create(k->in->p->base, m->fd[0], ROLE_INTAKE, ROLE_ACCOUNT, on_account, k);
    m->fd[0] = -1;
    while (k->waiting) {
        struct target *t = k->waiting;

        k->waiting = t->next_waiting;
        if (!t->answered)
            send_target(k, t);
    }
}

/* Recipients whose message never came: their edge is gone. At most one entry a turn, as the map must not change while it is
 * iterated. */
static void drop_collecting(struct intake *in)
{
    size_t at = 0;
    struct str key;
    void *v;

    while (map_each(&in->collecting, &at, &key, &v)) {
        struct collecting *c = v;

        if (clock_boot_us() - c->began_us < COLLECT_US)
            continue;
        map_remove(&in->collecting, key);
        buf_done(&c->list);
        mem_free(c);
        return;
    }
}

/* An open channel keeps its account's process alive, so idle ones go. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct intake *in = arg;
    struct account_chan *next;
    struct timeval t = {.tv_sec = 1};
    struct error err;

    (void)fd, (void)what;
    error_set(&err, ERROR_TEMPORARY, "closed");
    for (struct account_chan *k = in->chans; k; k = next) {
        next = k->next;
        if (k->chan && k->under_way == 0 && !k->waiting &&
            (clock_boot_us() - k->used_us > CHANNEL_IDLE_US || in->chans_n > CHANNELS_MOST))
            chan_gone(k, &err, false);
    }
    drop_collecting(in);
    evtimer_add(in->sweep, &t);
}

static struct account_chan *chan_of(struct intake *in, uint64_t account)
{
    struct account_chan *k = map_find_u64(&in->by_account, account);
    struct msg m = {.type = MSG_DELIVERY_OPEN};

    if (k)
        return k;
    k = mem_zalloc(sizeof *k);
    *k = (struct account_chan){
        .in = in, .next = in->chans, .account = account, .used_us = clock_boot_us()};
    in->chans = k;
    in->chans_n++;
    map_put_u64(&in->by_account, account, k);
    m.delivery_open = (struct msg_delivery_open){calls_next_id(in->p->calls), account};
    process_call(in->p, ROLE_DIRECTORY, m.delivery_open.id, &m, OPEN_MS, true, on_open, k);
    return k;
}

/* ---- an arrival ---- */

static void arrival_free(struct arrival *a)
{
    for (struct target *t = a->targets; t; t = t->next) {
        struct account_chan *k = t->chan;

        map_remove_u64(&a->in->by_id, t->id);
        if (!k)
            continue;
        if (t->sent && !t->answered)
            k->under_way--;
        for (struct target **at = &k->waiting; *at; at = &(*at)->next_waiting)
            if (*at == t) {
                *at = t->next_waiting;
                break;
            }
    }
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    event_free(a->timer);
    close(a->fd);
    arena_done(&a->arena);
    mem_free(a);
}

/* Where the recipients of one message fared differently: a kind for each, which LMTP tells them (RFC 2033 section 4.2). */
static void list_kinds(const struct arrival *a, struct msg_list *out, uint64_t *kinds,
                       struct str *items)
{
    bool differ = false;

    for (size_t i = 0; a->rcpts && i < a->rcpts_n; i++) {
        if (a->rcpts[i].kept)
            kinds[i] = ERROR_NONE;
        else if (a->rcpts[i].account == 0 && !a->resolving_failed)
            kinds[i] = ERROR_NOT_FOUND;
        else
            kinds[i] = ERROR_TEMPORARY;
        items[i] = str_of(&kinds[i], sizeof kinds[i]);
        differ = differ || kinds[i] != kinds[0];
    }
    *out = (struct msg_list){items, differ ? a->rcpts_n : 0};
}

static void answer(struct arrival *a, const struct error *err)
{
    struct msg m = {.type = a->queued ? MSG_QUEUE_TRIED : MSG_INTAKE_DONE};
    uint64_t kind = err ? err->kind : 0, *kinds = mem_alloc(a->rcpts_n * sizeof *kinds + 1);
    struct str text = err ? str_c(err->text) : STR_NULL,
               *items = mem_alloc(a->rcpts_n * sizeof *items + 1);

    if (a->queued) {
        m.queue_tried = (struct msg_queue_tried){a->id, kind, text};
    } else {
        m.intake_done = (struct msg_intake_done){a->id, kind, text, {NULL, 0}};
        list_kinds(a, &m.intake_done.kinds, kinds, items);
        if (m.intake_done.kinds.n && text.n == 0)
            m.intake_done.text = STR("this recipient is no longer here");
    }
    if (a->from)
        chan_send(a->from, &m);
    mem_free(kinds);
    mem_free(items);
    arrival_free(a);
}

struct queueing {
    struct arrival *arrival;
    size_t from, n; /* of its recipients */
};

static void on_queued(void *arg, struct msg *m)
{
    struct queueing *q = arg;
    struct arrival *a = q->arrival;

    if (m && m->queue_added.kind == ERROR_NONE) {
        for (size_t i = q->from; i < q->from + q->n; i++)
            a->rcpts[i].kept = true;
        a->in->queued++;
    } else {
        error_set(&a->err, m ? (enum error_kind)m->queue_added.kind : ERROR_TEMPORARY, "%s",
                  "the message could be stored nowhere just now");
    }
    mem_free(q);
    a->queue_left--;
    try_finish(a);
}

static bool account_failed(const struct arrival *a, uint64_t account)
{
    for (const struct target *t = a->targets; t; t = t->next)
        if (t->account == account)
            return t->err.kind != ERROR_NONE;
    return a->resolving_failed; /* nobody could say whose it is: the queue keeps it */
}

/* Recipients whose account could not take it go to the queue, together where they stand together. */
static void queue_rest(struct arrival *a)
{
    struct str list[QUEUE_RECIPIENTS];
    size_t i = 0;

    a->queue_left = 1; /* so that an answer from within does not finish too early */
    while (i < a->rcpts_n) {
        struct msg m = {.type = MSG_QUEUE_ADD, .nfds = 1, .fd = {a->fd}};
        size_t n = 0;

        if (a->rcpts[i].kept || !account_failed(a, a->rcpts[i].account)) {
            i++;
            continue;
        }
        while (i + n < a->rcpts_n && n < QUEUE_RECIPIENTS && !a->rcpts[i + n].kept &&
               account_failed(a, a->rcpts[i + n].account)) {
            list[n] = a->rcpts[i + n].address;
            n++;
        }
        struct queueing *q = mem_zalloc(sizeof *q);

        *q = (struct queueing){a, i, n};
        m.queue_add = (struct msg_queue_add){calls_next_id(a->in->p->calls),
                                             a->transaction,
                                             a->session,
                                             a->return_path,
                                             a->trace,
                                             {list, n},
                                             a->size,
                                             a->received};
        a->queue_left++;
        process_call(a->in->p, ROLE_RELAY, m.queue_add.id, &m, QUEUE_MS, true, on_queued, q);
        i += n;
    }
    a->queue_left--;
}

static void log_queued(const struct arrival *a)
{
    struct log_line l;

    for (const struct target *t = a->targets; t; t = t->next) {
        if (t->err.kind == ERROR_NONE)
            continue;
        log_begin(&l, LOG_MAIL_QUEUED, a->session);
        log_u64(&l, "account", t->account);
        log_c(&l, "why", t->err.text);
        log_end(&l);
    }
}

/* A recipient whose account is gone since RCPT keeps nobody else's mail back: it is refused only where that can be said to it
 * alone, or where it was the only one. */
static void finish(struct arrival *a)
{
    size_t kept = 0, gone = 0;

    for (size_t i = 0; i < a->rcpts_n; i++) {
        kept += a->rcpts[i].kept;
        gone += !a->rcpts[i].kept && a->rcpts[i].account == 0 && !a->resolving_failed;
    }
    if (kept + gone < a->rcpts_n)
        a->in->failed++;
    if (a->err.kind == ERROR_NONE && kept + gone < a->rcpts_n)
        error_set(&a->err, ERROR_TEMPORARY, "the message could not be stored just now");
    else if (a->err.kind == ERROR_NONE && kept == 0)
        error_set(&a->err, ERROR_NOT_FOUND, "nobody here has this address any more");
    /* Where some were kept and the queue failed for the rest, losing is worse than doubling: the sender tries again. */
    answer(a, a->err.kind ? &a->err : NULL);
}

/* Called whenever something was answered. */
static void try_finish(struct arrival *a)
{
    bool left = false;

    if (a->targets_left || a->queue_left || a->resolved < a->rcpts_n)
        return;
    for (size_t i = 0; i < a->rcpts_n; i++) {
        struct rcpt *r = &a->rcpts[i];

        if (!r->kept && r->account && !account_failed(a, r->account)) {
            r->kept = true;
            a->in->delivered++;
        }
        left = left || (!r->kept && account_failed(a, r->account));
    }
    if (left && a->err.kind == ERROR_NONE && !a->queued) {
        log_queued(a);
        evtimer_del(a->timer);
        queue_rest(a);
        if (a->queue_left)
            return;
    }
    if (a->queued && left)
        for (struct target *t = a->targets; t; t = t->next)
            if (t->err.kind)
                a->err = t->err;
    finish(a);
}

/* The accounts had their time. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct arrival *a = arg;
    struct error err;

    (void)fd, (void)what;
    error_set(&err, ERROR_TEMPORARY, "the account did not answer within %d s", DELIVER_MS / 1000);
    for (struct target *t = a->targets; t; t = t->next)
        target_done(t, &err);
    try_finish(a);
}

static void assign(struct target *t)
{
    struct account_chan *k = chan_of(t->arrival->in, t->account);

    t->chan = k;
    if (k->chan) {
        send_target(k, t);
    } else {
        t->next_waiting = k->waiting;
        k->waiting = t;
    }
}

static struct target *target_of(struct arrival *a, uint64_t account)
{
    struct target *t = a->targets;

    while (t && t->account != account)
        t = t->next;
    if (t)
        return t;
    t = arena_alloc(&a->arena, sizeof *t);
    if (!t)
        fatal("out of memory");
    *t = (struct target){
        .arrival = a, .next = a->targets, .account = account, .id = ++a->in->next_id};
    a->targets = t;
    a->targets_left++;
    map_put_u64(&a->in->by_id, t->id, t);
    return t;
}

static void deliver(struct arrival *a)
{
    struct timeval t = {.tv_sec = DELIVER_MS / 1000};
    struct log_line l;

    for (size_t i = 0; i < a->rcpts_n; i++)
        if (a->rcpts[i].account)
            target_of(a, a->rcpts[i].account);
    evtimer_add(a->timer, &t);
    log_begin(&l, LOG_MAIL_OFFERED, a->session);
    log_u64(&l, "accounts", a->targets_left);
    log_u64(&l, "from-queue", a->queued);
    log_end(&l);
    for (struct target *x = a->targets; x; x = x->next)
        assign(x);
    try_finish(a);
}

static void resolve(struct arrival *a);

static void on_resolved(void *arg, struct msg *m)
{
    struct arrival *a = arg;
    size_t n = m ? m->resolve_tell.accounts.n : 0;

    if (!m || m->resolve_tell.kind || n == 0 || n > a->rcpts_n - a->resolved) {
        /* The directory is away: what was accepted at RCPT is kept in the queue until it is back. */
        a->resolving_failed = true;
        a->resolved = a->rcpts_n;
        try_finish(a);
        return;
    }
    for (size_t i = 0; i < n; i++)
        a->rcpts[a->resolved + i].account = msg_u64_item(m->resolve_tell.accounts.v[i]);
    a->resolved += n;
    if (a->resolved < a->rcpts_n)
        resolve(a);
    else
        deliver(a);
}

static void resolve(struct arrival *a)
{
    struct str list[QUEUE_RECIPIENTS];
    size_t n = size_min(QUEUE_RECIPIENTS, a->rcpts_n - a->resolved);
    struct msg m = {.type = MSG_RESOLVE_ASK};

    for (size_t i = 0; i < n; i++)
        list[i] = a->rcpts[a->resolved + i].address;
    m.resolve_ask = (struct msg_resolve_ask){calls_next_id(a->in->p->calls), {list, n}};
    process_call(a->in->p, ROLE_DIRECTORY, m.resolve_ask.id, &m, RESOLVE_MS, true, on_resolved, a);
}

static struct arrival *arrival_new(struct intake *in, struct chan *from, uint64_t id, struct msg *m)
{
    struct arrival *a = mem_zalloc(sizeof *a);

    *a = (struct arrival){.in = in,
                          .next = in->arrivals,
                          .at = &in->arrivals,
                          .from = from,
                          .id = id,
                          .fd = m->fd[0]};
    m->fd[0] = -1;
    if (a->next)
        a->next->at = &a->next;
    in->arrivals = a;
    arena_init(&a->arena, 4 << 20);
    a->timer = evtimer_new(in->p->base, on_timer, a);
    return a;
}

/* Whether the message has come through so many servers that it must be going in circles (RFC 5321 section 6.3). */
static bool is_looping(const struct arrival *a)
{
    size_t n = a->size < HEADER_MOST ? (size_t)a->size : HEADER_MOST, at = 0, hops = 0;
    struct mime_field field;
    struct str header;
    void *p;

    if (n == 0 || (p = mmap(NULL, n, PROT_READ, MAP_SHARED, a->fd, 0)) == MAP_FAILED)
        return false;
    header = str_of(p, n);
    header = str_sub(header, 0, str_find(header, STR("\r\n\r\n")));
    while (hops <= LIMIT_SMTP_HOPS && mime_next_field(header, &at, &field))
        hops += str_equal_nocase(field.name, STR("Received"));
    munmap(p, n);
    return hops > LIMIT_SMTP_HOPS;
}

static void begin(struct arrival *a)
{
    struct error err;

    if (!a->rcpts || !a->rcpts_n || a->arena.full || !memfd_is_sealed(a->fd, a->size)) {
        error_set(&err, ERROR_INTERNAL, "a message without recipients, or not sealed");
        answer(a, &err);
    } else if (!a->queued && is_looping(a)) {
        error_set(&err, ERROR_LOOP,
                  "this message has come through more than %d servers; it goes in circles",
                  LIMIT_SMTP_HOPS);
        answer(a, &err);
    } else {
        resolve(a);
    }
}

static void keep_text(struct arrival *a, struct str transaction, struct str session,
                      struct str return_path, struct str trace)
{
    a->transaction = arena_str(&a->arena, transaction);
    a->session = arena_str(&a->arena, session);
    a->return_path = arena_str(&a->arena, return_path);
    a->trace = arena_str(&a->arena, trace);
}

/* ---- from the edge: recipients first, then the message ---- */

static void take_rcpts(struct intake *in, const struct msg_intake_rcpts *m)
{
    struct collecting *c = map_find(&in->collecting, m->transaction);

    if (!c) {
        if (in->collecting.n > 100000)
            return;
        c = mem_zalloc(sizeof *c);
        buf_init(&c->list, (size_t)(LIMIT_SMTP_PATH + 10) * LIMIT_SMTP_RECIPIENTS);
        c->began_us = clock_boot_us();
        map_put(&in->collecting, m->transaction, c);
    }
    for (size_t i = 0; i < m->recipients.n; i++) {
        buf_str(&c->list, m->recipients.v[i]);
        buf_char(&c->list, '\0');
        c->n++;
    }
}

static void take_message(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_intake_message *x = &m->intake_message;
    struct collecting *list;
    struct arrival *a;

    if (m->nfds != 1)
        return;
    list = map_remove(&in->collecting, x->transaction);
    a = arrival_new(in, c, x->id, m);
    keep_text(a, x->transaction, x->session, x->return_path, x->trace);
    a->size = x->size;
    a->received = x->received;
    if (list) {
        struct str rest = arena_str(&a->arena, buf_view(&list->list)), one;

        a->rcpts = arena_array(&a->arena, list->n, sizeof *a->rcpts);
        while (a->rcpts && a->rcpts_n < list->n && str_cut(rest, '\0', &one, &rest))
            a->rcpts[a->rcpts_n++].address = one;
        buf_done(&list->list);
        mem_free(list);
    }
    begin(a);
}

static void take_queued(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_queue_try *x = &m->queue_try;
    struct arrival *a;

    if (m->nfds != 1)
        return;
    a = arrival_new(in, c, x->id, m);
    a->queued = true;
    keep_text(a, x->transaction, x->session, x->return_path, x->trace);
    a->size = x->size;
    a->received = x->received;
    a->rcpts = arena_array(&a->arena, x->recipients.n, sizeof *a->rcpts);
    for (size_t i = 0; a->rcpts && i < x->recipients.n; i++)
        a->rcpts[a->rcpts_n++].address = arena_str(&a->arena, x->recipients.v[i]);
    begin(a);
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    struct intake *in = arg;

    if (m->type == MSG_INTAKE_RCPTS)
        take_rcpts(in, &m->intake_rcpts);
    else if (m->type == MSG_INTAKE_MESSAGE)
        take_message(in, c, m);
    else if (m->type == MSG_QUEUE_TRY)
        take_queued(in, c, m);
}

static void peer_lost(void *arg, enum role role, struct chan *c)
{
    struct intake *in = arg;

    (void)role;
    for (struct arrival *a = in->arrivals; a; a = a->next)
        if (a->from == c)
            a->from =
                NULL; /* it is delivered all the same; the asker asks again with the same transaction */
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct intake *in = arg;
    struct timeval t = {.tv_sec = 1};

    (void)ready, (void)err;
    in->p = p;
    in->sweep = evtimer_new(p->base, on_sweep, in);
    evtimer_add(in->sweep, &t);
    return true;
}

static void status(void *arg, struct process_status *s)
{
    struct intake *in = arg;
    uint64_t n = 0;

    for (struct arrival *a = in->arrivals; a; a = a->next)
        n++;
    process_status_add(s, "deliveries", in->delivered);
    process_status_add(s, "queued", in->queued);
    process_status_add(s, "failed", in->failed);
    process_status_add(s, "under-way", n);
    process_status_add(s, "account-channels", in->chans_n);
}

NORETURN void intake_main(unsigned instance)
{
    static const struct process_ops ops = {
        .start = start, .message = message, .peer_lost = peer_lost, .status = status};
    struct intake in = {0};

    map_init(&in.collecting);
    map_init(&in.by_account);
    map_init(&in.by_id);
    process_main(ROLE_INTAKE, instance, &ops, &in);
}
