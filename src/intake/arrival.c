/* intake/arrival.c: the way of one message to its accounts, or to the queue.
 *
 *     from an edge:   RESOLVING --> DELIVERING --> (QUEUEING) --> answered
 *     from the queue: DELIVERING --> answered
 *                     RESOLVING --> answered (nobody could say before whose the recipients are)
 *
 * RESOLVING:  the directory says whose the recipients are, again, because an edge is not to be
 *             believed. It has ten seconds for all of them; who is left then goes to the queue.
 * DELIVERING: recipients that lead to one account are one target, and one delivery. The accounts have
 *             ten seconds.
 * QUEUEING:   recipients whose account did not take it go to the queue, with the same transaction, so
 *             that the account takes it once, whichever way it comes. One question at a time, as each
 *             holds a descriptor; the queue has twenty seconds. So an edge, which waits for 45, hears
 *             the truth.
 *
 * 250 is said when each recipient is in its account or in the queue; an error when not all were kept.
 * An arrival whose asker is gone is over: it, or the client, asks again with the same transaction. */
#include "intake/intake_int.h"

#include "base/log.h"

#include <unistd.h>

#define RESOLVE_US 10000000
#define DELIVER_US 10000000
#define QUEUE_US 20000000
#define TOGETHER 100         /* recipients of one question */
#define TOGETHER_BYTES 30000 /* and their bytes */

/* What must hold whenever the loop comes round. */
static void arrival_check(const struct arrival *a)
{
#ifdef POSTHUS_SANITIZE
    size_t left = 0;

    for (size_t i = 0; i < a->targets_n; i++)
        left += a->targets[i].state != TARGET_DONE;
    if (left != a->targets_left)
        panic("an arrival counts the targets that are not done");
    if ((a->state == ARRIVAL_DELIVERING) != (left > 0))
        panic("an arrival delivers as long as targets are left");
    if ((a->state != ARRIVAL_DELIVERING) != (a->call != 0))
        panic("an arrival resolves or queues as long as a question is under way");
    if (a->state == ARRIVAL_RESOLVING && (a->targets_n || a->resolved >= a->rcpts_n))
        panic("an arrival resolves until all is resolved");
    if (!timer_is_set(&a->deadline))
        panic("each state of an arrival ends");
#else
    (void)a;
#endif
}

struct arrival *arrival_create(struct intake *in, struct share *s, struct chan *c, struct msg *m)
{
    struct arrival *a = mem_zalloc(sizeof *a);

    *a = (struct arrival){.in = in, .share = s, .fd = m->nfds ? m->fd[0] : -1};
    m->fd[0] = -1;
    list_append(&in->arrivals, &a->node);
    asked_take(&a->asked, c, m);
    arena_init(&a->arena, 4 << 20);
    return a;
}

bool arrival_room(struct arrival *a, size_t n)
{
    a->rcpts = arena_array(&a->arena, n, sizeof *a->rcpts);
    a->targets = arena_array(&a->arena, n, sizeof *a->targets);
    return a->rcpts && a->targets;
}

/* ---- the end ---- */

void arrival_destroy(struct arrival *a)
{
    for (size_t i = 0; i < a->targets_n; i++)
        target_done(&a->targets[i], NULL);
    calls_forget(a->in->p->calls, a->call);
    timer_stop(&a->deadline);
    asked_forget(&a->asked);
    list_remove(&a->node);
    if (a->parcel) {
        parcel_drop(a->parcel);
        intake_share_remove(a->share, a->in, a->rcpts_n);
    }
    base_close_fd(&a->fd);
    arena_done(&a->arena);
    mem_free(a);
}

/* Nobody has this address any more. */
static bool is_gone(const struct arrival *a, size_t i)
{
    return !a->rcpts[i].kept && a->rcpts[i].account == 0 && i < a->resolved;
}

static enum error_kind kind_of(const struct arrival *a, size_t i)
{
    return a->rcpts[i].kept ? ERROR_NONE : is_gone(a, i) ? ERROR_NOT_FOUND : ERROR_TEMPORARY;
}

/* A kind for each recipient where they fared differently: LMTP tells them (RFC 2033 section 4.2), and
 * the queue keeps those that it has to. False: they fared alike. */
static bool list_kinds(const struct arrival *a, uint64_t *kinds, struct str *items)
{
    bool differ = false;

    for (size_t i = 0; i < a->rcpts_n; i++) {
        kinds[i] = kind_of(a, i);
        items[i] = str_of(&kinds[i], sizeof kinds[i]);
        differ = differ || kinds[i] != kinds[0];
    }
    return differ;
}

static void list_owners(struct arrival *a, struct str *items)
{
    for (size_t i = 0; i < a->rcpts_n; i++)
        items[i] = str_of(&a->rcpts[i].account, sizeof a->rcpts[i].account);
}

/* What is held once this one is answered. */
static uint64_t held_after(const struct arrival *a)
{
    return a->in->held - (a->parcel && a->parcel->refs == 1 ? a->size : 0);
}

/* Answers, and ends it. */
static void arrival_answer(struct arrival *a, const struct error *err)
{
    uint64_t *kinds = mem_alloc(a->rcpts_n * sizeof *kinds);
    struct str *items = mem_alloc(a->rcpts_n * sizeof *items);
    struct msg_list list = {0}, owners = {0};

    if (a->owners && !err) {
        list_owners(a, items);
        owners = (struct msg_list){items, a->rcpts_n};
    } else if (list_kinds(a, kinds, items)) {
        list = (struct msg_list){items, a->rcpts_n};
    }
    if (a->queued)
        tell_queue_try(&a->asked,
                       &(struct msg_queue_try_tell){
                           .error = msg_error_of(err), .kinds = list, .accounts = owners},
                       -1);
    else
        tell_arrival(&a->asked,
                     &(struct msg_arrival_tell){
                         .error = msg_error_of(err),
                         .kinds = list,
                         .words = list.n ? STR("this recipient is no longer here") : STR_NULL,
                         .held = held_after(a)},
                     -1);
    mem_free(kinds);
    mem_free(items);
    arrival_destroy(a);
}

void arrival_refuse(struct arrival *a, const struct error *err)
{
    a->in->refused++;
    arrival_answer(a, err);
}

/* A recipient whose account is gone since RCPT keeps nobody else's mail back: it is refused only where
 * that can be said to it alone, or where it was the only one. */
static void arrival_finish(struct arrival *a)
{
    size_t kept = 0, gone = 0;

    for (size_t i = 0; i < a->rcpts_n; i++) {
        kept += a->rcpts[i].kept;
        gone += is_gone(a, i);
    }
    if (kept + gone < a->rcpts_n)
        a->in->failed++;
    if (a->err.kind == ERROR_NONE && kept + gone < a->rcpts_n)
        error_set(&a->err, ERROR_TEMPORARY, "the message could not be stored just now");
    else if (a->err.kind == ERROR_NONE && kept == 0)
        error_set(&a->err, ERROR_NOT_FOUND, "nobody here has this address any more");
    /* Where some were kept and the queue failed for the rest, losing is worse than doubling: the sender tries again. */
    arrival_answer(a, a->err.kind ? &a->err : NULL);
}

/* ---- RESOLVING ---- */

static void on_resolved(void *arg, struct msg_resolve_tell *tell, int *fd)
{
    struct arrival *a = arg;
    size_t n = tell->accounts.n;

    (void)fd;
    a->call = 0;
    if (tell->error.kind || n == 0 || n > a->call_n) {
        a->unresolved = true;
    } else {
        for (size_t i = 0; i < n; i++)
            a->rcpts[a->resolved + i].account = msg_u64_item(tell->accounts.v[i]);
        a->resolved += n;
    }
    arrival_step(a);
}

static void resolve_some(struct arrival *a)
{
    struct str list[TOGETHER];
    struct msg_resolve_ask ask = {.recipients = {list, 0}};
    size_t bytes = 0;

    for (size_t i = a->resolved;
         i < a->rcpts_n && ask.recipients.n < TOGETHER && bytes < TOGETHER_BYTES; i++) {
        list[ask.recipients.n++] = a->rcpts[i].address;
        bytes += a->rcpts[i].address.n;
    }
    a->call_n = ask.recipients.n;
    a->call = call_resolve(process_to(a->in->p, ROLE_DIRECTORY), &ask, NULL, on_resolved, a);
}

/* ---- DELIVERING ---- */

static struct target *target_of(struct arrival *a, uint64_t account)
{
    struct target *t;

    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].account == account)
            return &a->targets[i];
    t = &a->targets[a->targets_n++];
    *t = (struct target){.arrival = a, .account = account};
    a->targets_left++;
    return t;
}

static void log_offered(const struct arrival *a)
{
    struct log_line l;

    log_begin(&l, LOG_MAIL_OFFERED, a->session);
    log_u64(&l, "accounts", a->targets_n);
    log_u64(&l, "from-queue", a->queued);
    log_end(&l);
}

static void delivering_begin(struct arrival *a)
{
    a->state = ARRIVAL_DELIVERING;
    for (size_t i = 0; i < a->rcpts_n; i++)
        if (a->rcpts[i].account)
            a->rcpts[i].target = target_of(a, a->rcpts[i].account);
    log_offered(a);
    timer_set(&a->deadline, DELIVER_US);
    for (size_t i = 0; i < a->targets_n; i++)
        offer_begin(&a->targets[i]);
}

/* What an account has committed is kept; what is of an account that is no more is nobody's. */
static void note_kept(struct arrival *a)
{
    for (size_t i = 0; i < a->rcpts_n; i++) {
        struct rcpt *r = &a->rcpts[i];

        if (!r->target)
            continue;
        if (r->target->gone)
            r->account = 0;
        r->kept = r->target->err.kind == ERROR_NONE;
        a->in->delivered += r->kept;
    }
}

/* ---- QUEUEING ---- */

/* Whether the queue has to keep it: its account did not take it, or nobody could say whose it is. One
 * whose account is no more is nobody's: what is erased is not kept for later. */
static bool needs_queue(const struct arrival *a, size_t i)
{
    return !a->rcpts[i].kept && !is_gone(a, i);
}

static void on_queued(void *arg, struct msg_queue_add_tell *tell, int *fd)
{
    struct arrival *a = arg;

    (void)fd;
    a->call = 0;
    if (tell->error.kind == ERROR_NONE) {
        for (size_t i = a->call_from; i < a->call_from + a->call_n; i++)
            a->rcpts[i].kept = true;
        a->in->queued++;
    } else {
        error_set(&a->err, (enum error_kind)tell->error.kind, "%s",
                  "the message could be stored nowhere just now");
        a->passed = a->rcpts_n; /* the rest would fare no better */
    }
    arrival_step(a);
}

/* How many recipients from here on stand together and fit one question. */
static size_t run_length(const struct arrival *a, size_t from)
{
    size_t n = 0, bytes = 0;

    while (from + n < a->rcpts_n && n < TOGETHER && bytes < TOGETHER_BYTES &&
           needs_queue(a, from + n))
        bytes += a->rcpts[from + n++].address.n;
    return n;
}

/* The next of them. False: there are none any more. */
static bool queue_some(struct arrival *a)
{
    struct str addresses[TOGETHER], accounts[TOGETHER];
    struct msg_queue_add_ask ask = {.transaction = a->transaction,
                                    .session = a->session,
                                    .return_path = a->return_path,
                                    .trace = a->trace,
                                    .recipients = {addresses, 0},
                                    .accounts = {accounts, 0},
                                    .size = a->size,
                                    .received = a->received};

    while (a->passed < a->rcpts_n && !needs_queue(a, a->passed))
        a->passed++;
    a->call_from = a->passed;
    a->call_n = run_length(a, a->passed);
    a->passed += a->call_n;
    if (a->call_n == 0)
        return false;
    for (size_t i = 0; i < a->call_n; i++) {
        const struct rcpt *r = &a->rcpts[a->call_from + i];

        addresses[i] = r->address;
        accounts[i] = str_of(&r->account, sizeof r->account);
    }
    ask.recipients.n = ask.accounts.n = a->call_n;
    a->call = call_queue_add(process_to(a->in->p, ROLE_RELAY), &ask, CALL_FD(a->fd), on_queued, a);
    return true;
}

static void log_queued(const struct arrival *a)
{
    struct log_line l;

    for (size_t i = 0; i < a->targets_n; i++) {
        const struct target *t = &a->targets[i];

        if (t->err.kind == ERROR_NONE || t->gone)
            continue;
        log_begin(&l, LOG_MAIL_QUEUED, a->session);
        log_u64(&l, "account", t->account);
        log_c(&l, "why", t->err.text);
        log_end(&l);
    }
    if (!a->unresolved)
        return;
    log_begin(&l, LOG_MAIL_QUEUED, a->session);
    log_u64(&l, "recipients", a->rcpts_n - a->resolved);
    log_c(&l, "why", "the directory does not say whose they are");
    log_end(&l);
}

static void queueing_begin(struct arrival *a)
{
    a->state = ARRIVAL_QUEUEING;
    log_queued(a);
    timer_set(&a->deadline, QUEUE_US);
}

/* ---- from state to state ---- */

/* The queue is told why an account did not take it, or that nobody could be asked. */
static void queue_error(struct arrival *a)
{
    if (a->unresolved)
        error_set(&a->err, ERROR_TEMPORARY, "the directory does not answer");
    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].err.kind)
            a->err = a->targets[i].err;
}

/* One step. False: it was answered, and is gone. */
static bool arrival_go_on(struct arrival *a)
{
    if (a->state == ARRIVAL_RESOLVING && a->resolved < a->rcpts_n && !a->unresolved) {
        resolve_some(a);
    } else if (a->state == ARRIVAL_RESOLVING && !a->owners) {
        delivering_begin(a);
    } else if (a->state != ARRIVAL_QUEUEING && a->queued) {
        note_kept(a);
        queue_error(a);
        if (a->owners)
            arrival_answer(a, a->err.kind ? &a->err : NULL);
        else
            arrival_finish(a);
        return false;
    } else if (a->state == ARRIVAL_DELIVERING) {
        note_kept(a);
        queueing_begin(a);
    } else if (!queue_some(a)) {
        arrival_finish(a);
        return false;
    }
    return true;
}

void arrival_step(struct arrival *a)
{
    while (!a->call && !a->targets_left)
        if (!arrival_go_on(a))
            return;
    arrival_check(a);
}

static void accounts_late(struct arrival *a)
{
    struct error err;

    error_set(&err, ERROR_TEMPORARY, "the account did not answer within %d s",
              DELIVER_US / 1000000);
    for (size_t i = 0; i < a->targets_n; i++)
        target_late(&a->targets[i], &err);
}

static void on_arrival_deadline(void *arg)
{
    struct arrival *a = arg;

    calls_forget(a->in->p->calls, a->call);
    a->call = 0;
    if (a->state == ARRIVAL_RESOLVING) {
        a->unresolved = true;
    } else if (a->state == ARRIVAL_DELIVERING) {
        accounts_late(a);
    } else {
        error_set(&a->err, ERROR_TEMPORARY, "the queue did not answer within %d s",
                  QUEUE_US / 1000000);
        a->passed = a->rcpts_n;
    }
    arrival_step(a);
}

void arrival_begin(struct arrival *a)
{
    timer_init(&a->deadline, a->in->p->timers, on_arrival_deadline, a);
    a->parcel = parcel_create(a->in, a->size);
    intake_share_add(a->share, a->in, a->rcpts_n);
    timer_set(&a->deadline, RESOLVE_US);
    arrival_step(a);
}
