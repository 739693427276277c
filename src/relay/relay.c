/* relay/relay.c: the queue for local redelivery.
 *
 * What waits for an account waits in its lane, as it is the account that cannot take it. A lane rests
 * after a failure, queue-retry seconds first, then twice as long each time, up to an hour, for ever:
 * what got 250 is never given up here (the operator sees its age in `posthus status`). When its rest
 * is over it gives one item, and as soon as the account takes that, the others follow, several at a
 * time: so a long queue drains as fast as accounts take it, and one that hangs keeps nobody waiting.
 *
 *     lane:  RESTING -- the timer --> GOING -- a failure --> RESTING;  empty --> gone
 *     item:  WAITING -- its turn --> TRYING --+-- taken, or nobody's any more --> gone
 *               ^                             +-- the account cannot --> WAITING, first in the lane
 *               +------- its own timer -- ASIDE <-- this one cannot be taken, or not be read
 *
 * An item goes back to intake by the message and the transaction that it came with, so the account
 * takes it once. Rests run on CLOCK_BOOTTIME: a clock that jumps neither floods nor stops anything;
 * after a start everything is tried at once. */
#include "relay/relay.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "db/content.h"
#include "proc/lock.h"
#include "proc/memfd.h"
#include "proc/process.h"
#include "relay/queue.h"

#include <string.h>
#include <unistd.h>

#define TRIES_MOST 64 /* under way at once */
#define LANE_MOST 8   /* of them for one account */
#define REST_MOST_US (3600LL * 1000000)
#define REST_SHORT_US 500000 /* when it was intake that went away */
#define LOAD_AT_ONCE 500     /* rows a turn of the loop, at the start */

struct relay;

enum lane_state { LANE_RESTING, LANE_GOING };
enum item_state { ITEM_WAITING, ITEM_TRYING, ITEM_ASIDE };

struct lane {
    struct list_node node; /* of r->going, while it is */
    struct relay *r;
    enum lane_state state;
    uint64_t account;  /* 0: messages of which nobody could say whose they are */
    struct list items; /* of struct item: WAITING */
    size_t others;     /* items that are TRYING or ASIDE */
    size_t trying;
    unsigned failures; /* in a row */
    bool proven;       /* the account took something since the rest: several go at once */
    struct timer rest;
};

struct item {
    struct list_node node; /* of the lane's, while it is WAITING */
    struct lane *lane;
    enum item_state state;
    int64_t message;
    unsigned failures; /* of this one alone, in a row */
    struct timer aside;
    struct arena arena; /* while it is TRYING: what follows lies in it */
    struct queue_try try;
};

struct relay {
    struct process *p;
    struct db *db;
    int db_fd, wal_fd, large_fd;
    struct map lanes;  /* account -> struct lane */
    struct list going; /* of struct lane: whose turn is first */
    size_t trying, items;
    struct timer load;
    struct queue_item loaded; /* the last that was */
    int64_t load_last;        /* message; what was added since the start came with its items */
    uint64_t added, done, retried, purged;
};

static void relay_pump(struct relay *r);

static void relay_check_db(struct relay *r)
{
    struct error err;

    if (!r->db || !db_failed(r->db))
        return;
    error_set(&err, ERROR_DISK, "queue.db cannot be written; look at the disk");
    process_give_up(r->p, &err);
}

/* ---- lanes ---- */

/* What must hold whenever the loop comes round. */
static void lane_check(const struct lane *l)
{
#ifdef POSTHUS_SANITIZE
    if ((l->state == LANE_GOING) != (l->node.in == &l->r->going))
        panic("a lane that goes is in the list of those, and no other");
    if (l->state == LANE_RESTING && l->items.n && !timer_is_set(&l->rest))
        panic("a lane that rests has an end of its rest");
    if (l->trying > l->others || l->trying > LANE_MOST)
        panic("a lane tries %zu of %zu", l->trying, l->others);
#else
    (void)l;
#endif
}

static void lane_free_if_empty(struct lane *l)
{
    if (l->items.n || l->others)
        return;
    timer_stop(&l->rest);
    list_remove(&l->node);
    map_remove_u64(&l->r->lanes, l->account);
    mem_free(l);
}

static void lane_go(struct lane *l)
{
    timer_stop(&l->rest);
    if (l->state == LANE_GOING)
        return;
    l->state = LANE_GOING;
    list_append(&l->r->going, &l->node);
}

static void lane_rest(struct lane *l, int64_t us)
{
    if (l->state == LANE_GOING)
        list_remove(&l->node);
    l->state = LANE_RESTING;
    l->proven = false;
    timer_set(&l->rest, us);
}

static void on_rest_over(void *arg)
{
    struct lane *l = arg;

    lane_go(l);
    relay_pump(l->r);
}

static struct lane *lane_of(struct relay *r, uint64_t account, bool *fresh)
{
    struct lane *l = map_find_u64(&r->lanes, account);

    *fresh = !l;
    if (l)
        return l;
    l = mem_zalloc(sizeof *l);
    *l = (struct lane){.r = r, .account = account};
    timer_init(&l->rest, r->p->timers, on_rest_over, l);
    map_put_u64(&r->lanes, account, l);
    return l;
}

/* The rest after so many failures. */
static int64_t rest_us(const struct relay *r, unsigned failures)
{
    int64_t us = (int64_t)r->p->config.queue_retry * 1000000;

    for (unsigned i = 1; i < failures && us < REST_MOST_US; i++)
        us *= 2;
    return us < REST_MOST_US ? us : REST_MOST_US;
}

/* ---- items ---- */

static void item_free(struct item *i)
{
    struct lane *l = i->lane;

    if (i->state != ITEM_WAITING)
        l->others--;
    timer_stop(&i->aside);
    list_remove(&i->node);
    l->r->items--;
    mem_free(i);
    lane_free_if_empty(l);
}

static void item_wait(struct item *i, bool first)
{
    if (i->state != ITEM_WAITING)
        i->lane->others--;
    i->state = ITEM_WAITING;
    if (first)
        list_prepend(&i->lane->items, &i->node);
    else
        list_append(&i->lane->items, &i->node);
}

static void on_aside_over(void *arg)
{
    struct item *i = arg;
    struct relay *r = i->lane->r;

    item_wait(i, false);
    if (i->lane->state == LANE_RESTING && !timer_is_set(&i->lane->rest))
        lane_go(i->lane);
    relay_pump(r);
}

static void item_put_aside(struct item *i)
{
    i->state = ITEM_ASIDE;
    timer_set(&i->aside, rest_us(i->lane->r, ++i->failures));
}

static struct item *item_new(struct lane *l, int64_t message)
{
    struct item *i = mem_zalloc(sizeof *i);

    *i = (struct item){.lane = l, .message = message};
    timer_init(&i->aside, l->r->p->timers, on_aside_over, i);
    l->r->items++;
    list_append(&l->items, &i->node);
    return i;
}

/* ---- in ---- */

static bool add_message(struct relay *r, const struct msg *m, int64_t *message, struct error *err)
{
    struct str bytes;
    bool ok;

    if (!memfd_map(m->fd[0], m->queue_add_ask.size, &bytes, err))
        return false;
    ok = queue_add(r->db, &m->queue_add_ask, bytes, message, err);
    memfd_unmap(bytes);
    return ok;
}

/* Items for the accounts of a new message, each once. */
static void add_items(struct relay *r, const struct msg_queue_add_ask *ask, int64_t message)
{
    for (size_t i = 0; i < ask->recipients.n; i++) {
        uint64_t account = i < ask->accounts.n ? msg_u64_item(ask->accounts.v[i]) : 0;
        bool seen = false, fresh;
        struct lane *l;

        for (size_t k = 0; k < i && !seen; k++)
            seen = (k < ask->accounts.n ? msg_u64_item(ask->accounts.v[k]) : 0) == account;
        if (seen)
            continue;
        l = lane_of(r, account, &fresh);
        item_new(l, message);
        if (fresh)
            lane_rest(l, rest_us(r, 1));
    }
}

static void take_add_ask(struct relay *r, struct chan *c, struct msg *m)
{
    struct msg_queue_add_tell tell = {0};
    struct error err = {0};
    struct asked asked;
    int64_t message = 0;

    asked_take(&asked, c, m);
    if (m->queue_add_ask.recipients.n == 0)
        error_set(&err, ERROR_INTERNAL, "a message without recipients");
    if (err.kind == ERROR_NONE && add_message(r, m, &message, &err)) {
        r->added++;
        if (message)
            add_items(r, &m->queue_add_ask, message);
    } else if (err.kind == ERROR_NONE) {
        err.kind = ERROR_INTERNAL;
    }
    tell.error = msg_error_of(&err);
    tell_queue_add(&asked, &tell, -1);
    relay_pump(r);
}

static void take_purge_ask(struct relay *r, struct chan *c, const struct msg *m)
{
    const struct msg_queue_purge_ask *ask = &m->queue_purge_ask;
    struct msg_queue_purge_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    if (!queue_purge(r->db, ask->account, &ask->addresses, &tell.purged, &err))
        tell.error = msg_error_of(&err);
    r->purged += tell.purged;
    tell_queue_purge(&asked, &tell,
                     -1); /* items whose rows are gone find that out when it is their turn */
}

/* ---- out ---- */

static void log_tried(const struct item *i, bool done, const char *why)
{
    struct log_line l;

    log_begin(&l, done ? LOG_MAIL_UNQUEUED : LOG_MAIL_REQUEUED, i->try.session);
    log_u64(&l, "entry", (uint64_t)i->message);
    log_u64(&l, "account", i->lane->account);
    if (why[0])
        log_c(&l, "why", why);
    log_end(&l);
}

/* The recipients that are done with: taken, or nobody's any more. */
static void list_done(const struct item *i, const struct msg_queue_try_tell *tell,
                      struct str *items, struct msg_list *out)
{
    *out = (struct msg_list){items, 0};
    for (size_t k = 0; k < i->try.recipients.n; k++) {
        uint64_t kind = k < tell->kinds.n ? msg_u64_item(tell->kinds.v[k]) : tell->error.kind;

        if (tell->id && (kind == ERROR_NONE || kind == ERROR_NOT_FOUND))
            items[out->n++] = i->try.recipients.v[k];
    }
}

/* Whether it is the account that cannot take anything now, and not this message that it cannot take. */
static bool is_of_account(uint64_t kind)
{
    return kind == ERROR_TEMPORARY || kind == ERROR_DISK || kind == ERROR_DAMAGED ||
           kind == ERROR_QUOTA;
}

static void item_failed(struct item *i, const struct msg_queue_try_tell *tell,
                        const struct error *why)
{
    struct relay *r = i->lane->r;
    struct lane *l = i->lane;
    struct error err;

    r->retried++;
    if (!queue_failed(r->db, &(struct queue_item){i->message, l->account}, str_c(why->text), &err))
        relay_check_db(r);
    if (!is_of_account(why->kind)) {
        item_put_aside(i);
        return;
    }
    item_wait(i, true);
    if (l->state == LANE_GOING) /* the others that were under way tell the same */
        lane_rest(l, tell->id ? rest_us(r, ++l->failures) : REST_SHORT_US);
}

static void on_tried(void *arg, struct msg_queue_try_tell *tell, int *fd)
{
    struct item *i = arg;
    struct lane *l = i->lane;
    struct relay *r = l->r;
    struct str items[LIMIT_MSG_LIST];
    struct msg_list done;
    struct error err = {0}, why = {0};
    bool all;

    (void)fd;
    r->trying--;
    l->trying--;
    if (!msg_error_take(&tell->error, &why) && tell->kinds.n)
        error_set(&why, ERROR_TEMPORARY, "not all of its recipients could be reached");
    list_done(i, tell, items, &done);
    all = done.n == i->try.recipients.n;
    if (done.n && !queue_done(r->db, i->message, &done, &err))
        relay_check_db(r);
    log_tried(i, all, all && why.kind != ERROR_NOT_FOUND ? "" : why.text);
    arena_done(&i->arena);
    if (all) {
        r->done++;
        l->failures = 0;
        l->proven = true;
        item_free(i);
    } else {
        item_failed(i, tell, &why);
        lane_check(l);
    }
    relay_pump(r);
}

/* The content as a sealed memfd, or -1. */
static int message_fd(struct relay *r, const struct queue_try *t, struct error *err)
{
    int fd = memfd_new();
    struct buf b;
    bool ok = fd >= 0;

    buf_init(&b, (size_t)16 * LIMIT_CHUNK);
    for (uint64_t at = 0; ok && at < t->size; at += b.n) {
        buf_reset(&b);
        ok = content_read(r->db, t->content, at, b.max, &b, err) && b.n > 0 &&
             write(fd, b.p, b.n) == (ssize_t)b.n;
    }
    buf_done(&b);
    if (ok && memfd_seal(&fd, t->size, err))
        return fd;
    if (fd >= 0)
        close(fd);
    if (err->kind == ERROR_NONE)
        error_set(err, ERROR_TEMPORARY, "no memory for a queued message");
    return -1;
}

static void send_item(struct item *i, int fd)
{
    struct relay *r = i->lane->r;
    uint64_t account = i->lane->account;
    struct str number = str_of(&account, sizeof account);
    struct msg_queue_try_ask ask = {.transaction = i->try.transaction,
                                    .session = i->try.session,
                                    .return_path = i->try.return_path,
                                    .trace = i->try.trace,
                                    .recipients = i->try.recipients,
                                    .accounts = {&number, 1},
                                    .size = i->try.size,
                                    .received = i->try.received};

    r->trying++;
    i->lane->trying++;
    i->lane->others++;
    list_remove(&i->node);
    i->state = ITEM_TRYING;
    call_queue_try(process_to(r->p, ROLE_INTAKE), &ask, CALL_FD(fd), on_tried, i);
}

/* The first item of a lane. One that cannot be read is put aside, and stops nobody else. */
static void lane_try(struct lane *l)
{
    struct relay *r = l->r;
    struct item *i = LIST_FIRST(&l->items, struct item, node);
    struct queue_item row = {i->message, l->account};
    struct error err = {0};
    bool found = false;
    int fd = -1;

    arena_init(&i->arena, LIMIT_MSG_BYTES * 4);
    if (queue_read(r->db, &row, &i->arena, &i->try, &found, &err) && !found) {
        arena_done(&i->arena);
        item_free(i); /* purged, or all done */
        return;
    }
    if (found && (fd = message_fd(r, &i->try, &err)) >= 0) {
        send_item(i, fd);
        close(fd);
        return;
    }
    log_text(LOG_ROLE_PROBLEM, i->try.session, "queued message %lld: %s", (long long)i->message,
             err.text);
    arena_done(&i->arena);
    relay_check_db(r);
    list_remove(&i->node);
    l->others++;
    item_put_aside(i);
}

static bool lane_may_try(const struct lane *l)
{
    return l->items.n && l->trying < (l->proven ? LANE_MOST : 1);
}

/* Lanes take turns, an item each, as long as there is room. */
static void relay_pump(struct relay *r)
{
    size_t idle = 0;

    while (r->trying < TRIES_MOST && idle < r->going.n && process_peer(r->p, ROLE_INTAKE)) {
        struct lane *l = LIST_FIRST(&r->going, struct lane, node);

        list_remove(&l->node);
        list_append(&r->going, &l->node);
        lane_check(l);
        if (lane_may_try(l)) {
            lane_try(l);
            idle = 0;
        } else {
            idle++;
        }
    }
}

/* ---- the start ---- */

/* All that was there, in slices; each lane goes at once. */
static void on_load(void *arg)
{
    struct relay *r = arg;
    struct error err = {0};

    for (int n = 0; n < LOAD_AT_ONCE; n++) {
        struct lane *l;
        bool fresh;

        if (!queue_next(r->db, &r->loaded, &err) || r->loaded.message > r->load_last) {
            relay_check_db(r);
            relay_pump(r);
            return;
        }
        l = lane_of(r, r->loaded.account, &fresh);
        item_new(l, r->loaded.message);
        if (fresh)
            lane_go(l);
    }
    relay_pump(r);
    timer_set(&r->load, 0);
}

static void relay_file(void *arg, struct str name, int fd)
{
    struct relay *r = arg;

    if (str_equal(name, STR("db")))
        r->db_fd = fd;
    else if (str_equal(name, STR("wal")))
        r->wal_fd = fd;
    else
        r->large_fd = fd;
}

static void on_key(void *arg, struct msg_service_key_tell *tell, int *fd)
{
    struct relay *r = arg;
    struct db_source source = {
        .db_fd = r->db_fd, .wal_fd = r->wal_fd, .blob_fd = r->large_fd, .generation = 1};
    struct error err = {0};

    (void)fd;
    if (tell->error.kind || tell->key.n != DB_KEY_BYTES) {
        error_set(&err, ERROR_TEMPORARY, "the key of queue.db did not come");
        process_give_up(r->p, &err);
    }
    memcpy(source.key, tell->key.p, DB_KEY_BYTES);
    if (!lock_file(r->db_fd, &err) || !db_open(&r->db, &source, &queue_schema, &err) ||
        !content_sweep(r->db, &err))
        process_give_up(r->p, &err);
    mem_wipe(source.key, sizeof source.key);
    r->load_last = queue_newest(r->db);
    timer_set(&r->load, 0);
    process_ready(r->p);
}

static bool relay_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct relay *r = arg;

    (void)err;
    r->p = p;
    map_init(&r->lanes);
    timer_init(&r->load, p->timers, on_load, r);
    db_process_init();
    *ready = false;
    return true;
}

static void relay_sandboxed(void *arg)
{
    struct relay *r = arg;

    call_service_key(process_to(r->p, ROLE_KEYS), &(struct msg_service_key_ask){0}, NULL, on_key,
                     r);
}

static void relay_peer_new(void *arg, enum role role, struct chan *c)
{
    (void)c;
    if (role == ROLE_INTAKE)
        relay_pump(arg);
}

static void relay_message(void *arg, struct chan *c, struct msg *m)
{
    struct relay *r = arg;

    if (m->type == MSG_QUEUE_ADD_ASK)
        take_add_ask(r, c, m);
    else if (m->type == MSG_QUEUE_PURGE_ASK)
        take_purge_ask(r, c, m);
    relay_check_db(r);
}

static void relay_drain(void *arg)
{
    struct relay *r = arg;

    timer_stop(&r->load);
    db_close(r->db);
    r->db = NULL;
    process_end(r->p);
}

static int relay_folder(void *arg)
{
    struct relay *r = arg;

    return r->large_fd;
}

static void relay_status(void *arg, struct process_status *s)
{
    struct relay *r = arg;
    uint64_t waiting;
    int64_t oldest_us;

    if (!r->db)
        return;
    queue_count(r->db, &waiting, &oldest_us);
    process_status_add(s, "queue", waiting);
    process_status_add(s, "queue-age-s",
                       oldest_us ? (uint64_t)(clock_wall_us() - oldest_us) / 1000000 : 0);
    process_status_add(s, "queue-accounts", r->lanes.n);
    process_status_add(s, "trying", r->trying);
    process_status_add(s, "added", r->added);
    process_status_add(s, "delivered", r->done);
    process_status_add(s, "put-off", r->retried);
    process_status_add(s, "purged", r->purged);
}

static const struct process_ops relay_ops = {
    .file = relay_file,
    .start = relay_start,
    .sandboxed = relay_sandboxed,
    .message = relay_message,
    .peer_new = relay_peer_new,
    .drain = relay_drain,
    .status = relay_status,
    .folder = relay_folder,
};

NORETURN void relay_main(unsigned instance)
{
    struct relay r = {.db_fd = -1, .wal_fd = -1, .large_fd = -1};

    process_main(ROLE_RELAY, instance, &relay_ops, &r);
}
