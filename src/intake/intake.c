/* intake/intake.c: from a sealed memfd to 250.
 *
 *     from an edge:   RESOLVING --> DELIVERING --> (QUEUEING) --> answered
 *     from the queue: (RESOLVING) -> DELIVERING ----------------> answered
 *
 * RESOLVING:  the directory says whose the recipients are, again, because an edge is not to be
 *             believed; what the queue has says whose it is, and only where nobody could is asked.
 * DELIVERING: recipients that lead to one account are one target, and one delivery. Each has until the
 *             arrival's deadline.
 * QUEUEING:   recipients whose account did not take it go to the queue, with the same transaction, so
 *             that the account takes it once, whichever way it comes.
 *
 * 250 is said when each recipient is in its account or in the queue; an error only when nothing was
 * kept. An asker that goes away does not end an arrival: it, or the client, asks again with the same
 * transaction.
 *
 * A target waits for its account's process in a link (proc/account_link.h), which takes no more than
 * LINK_WINDOW bytes at a time: a process that hangs pins so much, or one message, and no more; the
 * rest is dropped here as soon as the queue has it. An account that let its time pass is named to the
 * directory, which has its process looked at (account/accounts.c). */
#include "intake/intake.h"

#include "base/limits.h"
#include "base/log.h"
#include "mime/message.h"
#include "proc/account_link.h"
#include "proc/memfd.h"

#include <string.h>
#include <unistd.h>

#define DELIVER_US 10000000
#define LINK_WINDOW (1ULL << 20)
#define HEADER_MOST ((size_t)1 << 20) /* bytes of a header that are looked at */
#define TOGETHER 100                  /* recipients of one question */
#define TOGETHER_BYTES 30000          /* and their bytes */
#define TARGET_NAMED 20               /* recipients that an account is told of */

struct intake;
struct arrival;

enum arrival_state { ARRIVAL_RESOLVING, ARRIVAL_DELIVERING, ARRIVAL_QUEUEING };
enum target_state { TARGET_WAITING, TARGET_SENT, TARGET_DONE };

struct rcpt {
    struct str address;
    uint64_t account; /* 0: nobody's any more, or nobody could say */
    bool kept;        /* in the account or in the queue */
};

/* WAITING -- its turn --> SENT -- answered, or the deadline --> DONE; once back to WAITING when its process ended. */
struct target { /* one account of an arrival */
    struct list_node node;
    struct arrival *arrival;
    enum target_state state;
    uint64_t account, call;
    struct account_link_want want;
    bool again;       /* its first process ended before it answered */
    bool gone;        /* the directory does not know the account any more */
    struct error err; /* why it is not kept, once DONE */
};

struct arrival {
    struct list_node node;
    struct intake *in;
    enum arrival_state state;
    struct asked asked;
    bool queued; /* it comes from the queue */
    struct arena arena;
    struct str transaction, session, return_path, trace;
    struct rcpt *rcpts;
    size_t rcpts_n, resolved;
    uint64_t size, received;
    int fd;
    struct list targets; /* of struct target */
    size_t targets_left, queue_left;
    bool resolving_failed; /* nobody could say whose they are */
    struct error err;
    struct timer deadline;
};

struct intake {
    struct process *p;
    struct list arrivals; /* of struct arrival */
    struct account_links *links;
    uint64_t held; /* bytes of messages that arrivals hold */
    uint64_t delivered, queued, failed, slow;
};

static void arrival_step(struct arrival *a);

/* What must hold whenever the loop comes round. */
static void arrival_check(const struct arrival *a)
{
#ifdef POSTHUS_SANITIZE
    if ((a->state == ARRIVAL_RESOLVING) != (a->resolved < a->rcpts_n))
        panic("an arrival resolves until all is resolved");
    if (a->targets_left > a->targets.n || (a->state == ARRIVAL_RESOLVING && a->targets.n))
        panic("an arrival delivers to what was resolved");
    if ((a->state == ARRIVAL_DELIVERING) != (a->targets_left > 0))
        panic("an arrival delivers as long as targets are left");
    if ((a->state == ARRIVAL_QUEUEING) != (a->queue_left > 0))
        panic("an arrival queues as long as the queue owes it answers");
#else
    (void)a;
#endif
}

/* ---- the end of an arrival ---- */

static void arrival_free(struct arrival *a)
{
    struct target *t;

    LIST_EACH(t, &a->targets, node) {
        account_link_done(&t->want);
        calls_forget(a->in->p->calls, t->call);
    }
    timer_stop(&a->deadline);
    asked_forget(&a->asked);
    list_remove(&a->node);
    a->in->held -= a->size;
    close(a->fd);
    arena_done(&a->arena); /* the targets as well */
    mem_free(a);
}

/* Nobody has this address any more. */
static bool is_gone(const struct arrival *a, const struct rcpt *r)
{
    return !r->kept && r->account == 0 && !a->resolving_failed;
}

/* A kind for each recipient where they fared differently: LMTP tells them (RFC 2033 section 4.2), and
 * the queue keeps those that it has to. */
static void list_kinds(const struct arrival *a, struct msg_list *out, uint64_t *kinds,
                       struct str *items)
{
    bool differ = false;

    for (size_t i = 0; i < a->rcpts_n; i++) {
        kinds[i] = a->rcpts[i].kept           ? ERROR_NONE
                   : is_gone(a, &a->rcpts[i]) ? ERROR_NOT_FOUND
                                              : ERROR_TEMPORARY;
        items[i] = str_of(&kinds[i], sizeof kinds[i]);
        differ = differ || kinds[i] != kinds[0];
    }
    *out = (struct msg_list){items, differ ? a->rcpts_n : 0};
}

static void arrival_answer(struct arrival *a, const struct error *err)
{
    uint64_t *kinds = mem_alloc(a->rcpts_n * sizeof *kinds + 1);
    struct str *items = mem_alloc(a->rcpts_n * sizeof *items + 1);
    struct msg_list list;

    list_kinds(a, &list, kinds, items);
    if (a->queued) {
        tell_queue_try(&a->asked,
                       &(struct msg_queue_try_tell){.error = msg_error_of(err), .kinds = list}, -1);
    } else {
        struct msg_arrival_tell tell = {.error = msg_error_of(err),
                                        .kinds = list,
                                        .held = a->in->held - a->size +
                                                account_links_stuck(a->in->links)};

        if (list.n)
            tell.words = STR("this recipient is no longer here");
        tell_arrival(&a->asked, &tell, -1);
    }
    mem_free(kinds);
    mem_free(items);
    arrival_free(a);
}

/* A recipient whose account is gone since RCPT keeps nobody else's mail back: it is refused only where
 * that can be said to it alone, or where it was the only one. */
static void arrival_finish(struct arrival *a)
{
    size_t kept = 0, gone = 0;

    for (size_t i = 0; i < a->rcpts_n; i++) {
        kept += a->rcpts[i].kept;
        gone += is_gone(a, &a->rcpts[i]);
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

/* ---- QUEUEING ---- */

struct queueing {
    struct arrival *arrival;
    size_t from, n; /* of its recipients */
};

static void on_queued(void *arg, struct msg_queue_add_tell *tell, int *fd)
{
    struct queueing *q = arg;
    struct arrival *a = q->arrival;

    (void)fd;
    if (tell->error.kind == ERROR_NONE) {
        for (size_t i = q->from; i < q->from + q->n; i++)
            a->rcpts[i].kept = true;
        a->in->queued++;
    } else {
        error_set(&a->err, (enum error_kind)tell->error.kind, "%s",
                  "the message could be stored nowhere just now");
    }
    a->queue_left--;
    if (a->queue_left == 0)
        arrival_finish(a);
}

/* The target of an account; NULL: there is none. */
static const struct target *find_target(const struct arrival *a, uint64_t account)
{
    const struct target *t;

    LIST_EACH(t, &a->targets, node)
        if (t->account == account)
            return t;
    return NULL;
}

/* Whether the queue has to keep it: its account did not take it, or nobody could say whose it is. One
 * whose account is no more is nobody's: what is erased is not kept for later. */
static bool needs_queue(const struct arrival *a, const struct rcpt *r)
{
    const struct target *t = r->account ? find_target(a, r->account) : NULL;

    if (r->kept)
        return false;
    if (!t)
        return a->resolving_failed;
    return t->err.kind != ERROR_NONE;
}

/* How many recipients from here on stand together and fit one question. */
static size_t together(const struct arrival *a, size_t from)
{
    size_t n = 0, bytes = 0;

    while (from + n < a->rcpts_n && n < TOGETHER && bytes < TOGETHER_BYTES &&
           needs_queue(a, &a->rcpts[from + n]))
        bytes += a->rcpts[from + n++].address.n;
    return n;
}

static void queue_some(struct arrival *a, size_t from, size_t n)
{
    struct str addresses[TOGETHER], accounts[TOGETHER];
    struct msg_queue_add_ask ask = {.transaction = a->transaction,
                                    .session = a->session,
                                    .return_path = a->return_path,
                                    .trace = a->trace,
                                    .recipients = {addresses, n},
                                    .accounts = {accounts, n},
                                    .size = a->size,
                                    .received = a->received};
    struct queueing *q = arena_alloc(&a->arena, sizeof *q);

    if (!q)
        fatal("out of memory");
    *q = (struct queueing){a, from, n};
    for (size_t i = 0; i < n; i++) {
        addresses[i] = a->rcpts[from + i].address;
        accounts[i] = str_of(&a->rcpts[from + i].account, sizeof a->rcpts[from + i].account);
    }
    a->queue_left++;
    call_queue_add(process_to(a->in->p, ROLE_RELAY), &ask, CALL_FD(a->fd), on_queued, q);
}

static void log_queued(const struct arrival *a)
{
    const struct target *t;
    struct log_line l;

    LIST_EACH(t, &a->targets, node) {
        if (t->err.kind == ERROR_NONE)
            continue;
        log_begin(&l, LOG_MAIL_QUEUED, a->session);
        log_u64(&l, "account", t->account);
        log_c(&l, "why", t->err.text);
        log_end(&l);
    }
}

/* False: there was nothing for the queue. */
static bool queue_rest(struct arrival *a)
{
    size_t n;

    for (size_t i = 0; i < a->rcpts_n; i += n ? n : 1) {
        n = together(a, i);
        if (n)
            queue_some(a, i, n);
    }
    if (a->queue_left == 0)
        return false;
    log_queued(a);
    a->state = ARRIVAL_QUEUEING;
    return true;
}

/* ---- DELIVERING ---- */

static void target_done(struct target *t, const struct error *err)
{
    struct arrival *a = t->arrival;

    if (t->state == TARGET_DONE)
        return;
    t->state = TARGET_DONE;
    if (err)
        t->err = *err;
    account_link_done(&t->want);
    calls_forget(a->in->p->calls, t->call);
    t->call = 0;
    a->targets_left--;
}

static void on_delivered(void *arg, struct msg_deliver_tell *tell, int *fd)
{
    struct target *t = arg;
    struct error err = {0};

    (void)fd;
    t->call = 0;
    account_link_done(&t->want);
    if (msg_error_take(&tell->error, &err) && err.kind == ERROR_NOT_FOUND)
        err.kind =
            ERROR_INTERNAL; /* of a mailbox, say: that the account is gone is the directory's to say */
    if (tell->id == 0 && !t->again) {
        /* An idle process may end just as a message comes: it is offered once more, to a new one. */
        t->again = true;
        t->state = TARGET_WAITING;
        account_link_want(t->arrival->in->links, t->account, t->arrival->size, &t->want);
        return;
    }
    target_done(t, err.kind ? &err : NULL);
    arrival_step(t->arrival);
}

static void tell_slow(struct intake *in, uint64_t account)
{
    struct msg m = {.type = MSG_ACCOUNT_SLOW, .account_slow = {account}};
    struct chan *directory = process_peer(in->p, ROLE_DIRECTORY);

    in->slow++;
    if (directory)
        chan_send(directory, &m);
}

static void on_turn(struct account_link_want *want, struct chan *chan, const struct error *err)
{
    struct target *t = (struct target *)((char *)want - offsetof(struct target, want));
    struct arrival *a = t->arrival;
    struct str list[TARGET_NAMED];
    struct msg_deliver_ask ask = {.transaction = a->transaction,
                                  .session = a->session,
                                  .return_path = a->return_path,
                                  .trace = a->trace,
                                  .recipients = {list, 0},
                                  .size = a->size,
                                  .received = a->received};

    if (!chan) {
        t->gone = err->kind == ERROR_NOT_FOUND;
        if (err->kind == ERROR_TEMPORARY)
            tell_slow(a->in, t->account);
        target_done(t, err);
        arrival_step(a);
        return;
    }
    for (size_t i = 0; i < a->rcpts_n && ask.recipients.n < TARGET_NAMED; i++)
        if (a->rcpts[i].account == t->account)
            list[ask.recipients.n++] = a->rcpts[i].address;
    t->state = TARGET_SENT;
    t->call = call_deliver(call_over(a->in->p->calls, chan), &ask, CALL_FD(a->fd), on_delivered, t);
}

/* The accounts had their time. */
static void on_deadline(void *arg)
{
    struct arrival *a = arg;
    struct target *t;
    struct error err;

    error_set(&err, ERROR_TEMPORARY, "the account did not answer within %d s",
              DELIVER_US / 1000000);
    LIST_EACH(t, &a->targets, node) {
        if (t->state == TARGET_DONE)
            continue;
        tell_slow(a->in, t->account);
        account_link_stuck(&t->want);
        target_done(t, &err);
    }
    arrival_step(a);
}

static void target_add(struct arrival *a, uint64_t account)
{
    struct target *t;

    if (account == 0 || find_target(a, account))
        return;
    t = arena_alloc(&a->arena, sizeof *t);
    if (!t)
        fatal("out of memory");
    *t = (struct target){.arrival = a, .account = account, .want = {.fn = on_turn}};
    list_append(&a->targets, &t->node);
    a->targets_left++;
}

static void arrival_deliver(struct arrival *a)
{
    struct target *t;
    struct log_line l;

    for (size_t i = 0; i < a->rcpts_n; i++)
        target_add(a, a->rcpts[i].account);
    log_begin(&l, LOG_MAIL_OFFERED, a->session);
    log_u64(&l, "accounts", a->targets_left);
    log_u64(&l, "from-queue", a->queued);
    log_end(&l);
    a->state = ARRIVAL_DELIVERING;
    if (a->targets_left == 0) {
        arrival_step(a);
        return;
    }
    timer_set(&a->deadline, DELIVER_US);
    LIST_EACH(t, &a->targets, node)
        account_link_want(a->in->links, t->account, a->size, &t->want);
}

/* What an account has committed is kept. */
static void note_kept(struct arrival *a)
{
    for (size_t i = 0; i < a->rcpts_n; i++) {
        struct rcpt *r = &a->rcpts[i];
        const struct target *t = r->account && !r->kept ? find_target(a, r->account) : NULL;

        if (!t || t->err.kind != ERROR_NONE) {
            if (t && t->gone)
                r->account = 0;
            continue;
        }
        r->kept = true;
        a->in->delivered++;
    }
}

/* Called whenever a target is done. */
static void arrival_step(struct arrival *a)
{
    const struct target *t;

    if (a->targets_left)
        return;
    timer_stop(&a->deadline);
    note_kept(a);
    if (!a->queued && queue_rest(a)) {
        arrival_check(a);
        return;
    }
    if (a->queued)
        LIST_EACH(t, &a->targets, node)
            if (t->err.kind)
                a->err = t->err;
    arrival_finish(a);
}

/* ---- RESOLVING ---- */

static void arrival_resolve(struct arrival *a);

/* The directory is away: what was accepted at RCPT is kept in the queue until it is back. */
static void resolving_fail(struct arrival *a)
{
    a->resolving_failed = true;
    a->resolved = a->rcpts_n;
    if (a->queued)
        error_set(&a->err, ERROR_TEMPORARY, "the directory does not answer");
    a->state = ARRIVAL_DELIVERING;
    arrival_step(a);
}

static void on_resolved(void *arg, struct msg_resolve_tell *tell, int *fd)
{
    struct arrival *a = arg;
    size_t n = tell->accounts.n;

    (void)fd;
    if (tell->error.kind || n == 0 || n > a->rcpts_n - a->resolved) {
        resolving_fail(a);
        return;
    }
    for (size_t i = 0; i < n; i++)
        a->rcpts[a->resolved + i].account = msg_u64_item(tell->accounts.v[i]);
    a->resolved += n;
    if (a->resolved < a->rcpts_n)
        arrival_resolve(a);
    else
        arrival_deliver(a);
}

static void arrival_resolve(struct arrival *a)
{
    struct str list[TOGETHER];
    struct msg_resolve_ask ask = {.recipients = {list, 0}};
    size_t bytes = 0;

    for (size_t i = a->resolved;
         i < a->rcpts_n && ask.recipients.n < TOGETHER && bytes < TOGETHER_BYTES; i++) {
        list[ask.recipients.n++] = a->rcpts[i].address;
        bytes += a->rcpts[i].address.n;
    }
    call_resolve(process_to(a->in->p, ROLE_DIRECTORY), &ask, NULL, on_resolved, a);
    arrival_check(a);
}

/* ---- the beginning of an arrival ---- */

static struct arrival *arrival_new(struct intake *in, struct chan *c, struct msg *m)
{
    struct arrival *a = mem_zalloc(sizeof *a);

    *a = (struct arrival){.in = in, .fd = m->fd[0]};
    m->fd[0] = -1;
    list_append(&in->arrivals, &a->node);
    asked_take(&a->asked, c, m);
    arena_init(&a->arena, 4 << 20);
    timer_init(&a->deadline, in->p->timers, on_deadline, a);
    return a;
}

/* Whether the message has come through so many servers that it must be going in circles (RFC 5321 section 6.3). */
static bool is_looping(struct str bytes)
{
    size_t at = 0, hops = 0;
    struct mime_field field;
    struct str header = str_sub(bytes, 0, HEADER_MOST);

    header = str_sub(header, 0, str_find(header, STR("\r\n\r\n")));
    while (hops <= LIMIT_SMTP_HOPS && mime_next_field(header, &at, &field))
        hops += str_equal_nocase(field.name, STR("Received"));
    return hops > LIMIT_SMTP_HOPS;
}

static bool check_message(const struct arrival *a, struct error *err)
{
    struct str bytes;
    bool loops;

    if (!a->rcpts || !a->rcpts_n || a->arena.full)
        return error_set(err, ERROR_INTERNAL, "a message without recipients");
    if (!memfd_map(a->fd, a->size, &bytes, err))
        return false;
    loops = !a->queued && is_looping(bytes);
    memfd_unmap(bytes);
    return !loops ||
           error_set(err, ERROR_LOOP,
                     "this message has come through more than %d servers; it goes in circles",
                     LIMIT_SMTP_HOPS);
}

static void arrival_begin(struct arrival *a, bool resolved)
{
    struct error err;

    a->in->held += a->size;
    if (!check_message(a, &err)) {
        arrival_answer(a, &err);
    } else if (resolved) {
        a->resolved = a->rcpts_n;
        arrival_deliver(a);
    } else {
        arrival_resolve(a);
    }
}

static void keep_recipients(struct arrival *a, const struct msg_list *list, uint64_t account)
{
    a->rcpts = arena_array(&a->arena, list->n, sizeof *a->rcpts);
    for (size_t i = 0; a->rcpts && i < list->n; i++)
        a->rcpts[a->rcpts_n++] =
            (struct rcpt){.address = arena_str(&a->arena, list->v[i]), .account = account};
}

/* Those that were too many for the message, in a memfd of their own, each with a NUL after it. */
static void map_recipients(struct arrival *a, int fd, uint64_t size)
{
    struct str bytes, rest, one;
    struct error err;

    if (size > (uint64_t)LIMIT_SMTP_RECIPIENTS * (LIMIT_SMTP_PATH + 300) ||
        !memfd_map(fd, size, &bytes, &err))
        return;
    rest = arena_str(&a->arena, bytes);
    memfd_unmap(bytes);
    a->rcpts = arena_array(&a->arena, LIMIT_SMTP_RECIPIENTS, sizeof *a->rcpts);
    while (a->rcpts && a->rcpts_n < LIMIT_SMTP_RECIPIENTS && str_cut(rest, '\0', &one, &rest))
        a->rcpts[a->rcpts_n++].address = one;
}

static void take_arrival(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_arrival_ask *ask = &m->arrival_ask;
    struct arrival *a;

    if (m->nfds == 0)
        return;
    a = arrival_new(in, c, m);
    a->transaction = arena_str(&a->arena, ask->transaction);
    a->session = arena_str(&a->arena, ask->session);
    a->return_path = arena_str(&a->arena, ask->return_path);
    a->trace = arena_str(&a->arena, ask->trace);
    a->size = ask->size;
    a->received = ask->received;
    if (m->nfds == 2)
        map_recipients(a, m->fd[1], ask->recipients_size);
    else
        keep_recipients(a, &ask->recipients, 0);
    arrival_begin(a, false);
}

static void take_queue_try(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_queue_try_ask *ask = &m->queue_try_ask;
    uint64_t account = ask->accounts.n ? msg_u64_item(ask->accounts.v[0]) : 0;
    struct arrival *a;

    if (m->nfds != 1)
        return;
    a = arrival_new(in, c, m);
    a->queued = true;
    a->transaction = arena_str(&a->arena, ask->transaction);
    a->session = arena_str(&a->arena, ask->session);
    a->return_path = arena_str(&a->arena, ask->return_path);
    a->trace = arena_str(&a->arena, ask->trace);
    a->size = ask->size;
    a->received = ask->received;
    keep_recipients(a, &ask->recipients, account);
    arrival_begin(a, account != 0);
}

/* ---- the role ---- */

struct link_opening {
    struct intake *in;
    uint64_t account;
};

static void on_link_open(void *arg, struct msg_delivery_open_tell *tell, int *fd)
{
    struct link_opening *o = arg;
    struct error err = {0};

    if (!msg_error_take(&tell->error, &err) && *fd < 0)
        error_set(&err, ERROR_INTERNAL, "a channel was promised and did not come");
    account_link_opened(o->in->links, o->account, err.kind ? -1 : *fd, &err);
    if (!err.kind)
        *fd = -1;
    mem_free(o);
}

static void link_open(void *arg, uint64_t account)
{
    struct intake *in = arg;
    struct link_opening *o = mem_zalloc(sizeof *o);

    *o = (struct link_opening){in, account};
    call_delivery_open(process_to(in->p, ROLE_DIRECTORY),
                       &(struct msg_delivery_open_ask){.account = account}, NULL, on_link_open, o);
}

static bool intake_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    static const struct account_link_ops ops = {.open = link_open, .window = LINK_WINDOW};
    struct intake *in = arg;

    (void)ready, (void)err;
    in->p = p;
    in->links = account_links_create(p, &ops, in);
    return true;
}

static void intake_message(void *arg, struct chan *c, struct msg *m)
{
    struct intake *in = arg;

    if (m->type == MSG_ARRIVAL_ASK)
        take_arrival(in, c, m);
    else if (m->type == MSG_QUEUE_TRY_ASK)
        take_queue_try(in, c, m);
}

static void intake_status(void *arg, struct process_status *s)
{
    struct intake *in = arg;

    process_status_add(s, "deliveries", in->delivered);
    process_status_add(s, "queued", in->queued);
    process_status_add(s, "failed", in->failed);
    process_status_add(s, "slow-accounts", in->slow);
    process_status_add(s, "under-way", in->arrivals.n);
    process_status_add(s, "message-memory", in->held);
    process_status_add(s, "account-channels", account_links_open(in->links));
    process_status_add(s, "offered-bytes", account_links_weight(in->links));
    process_status_add(s, "stuck-bytes", account_links_stuck(in->links));
}

static const struct process_ops intake_ops = {
    .start = intake_start, .message = intake_message, .status = intake_status};

NORETURN void intake_main(unsigned instance)
{
    struct intake in = {0};

    process_main(ROLE_INTAKE, instance, &intake_ops, &in);
}
