/* relay/relay.c: the queue for local redelivery: the role, and what it takes. lane.c says what waits for
 * whom and how long, try.c how it is given back. */
#include "relay/relay_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "db/content.h"
#include "db/used.h"
#include "proc/lock.h"
#include "proc/memfd.h"

#include <string.h>
#include <unistd.h>

#define LOAD_AT_ONCE 500               /* rows a turn of the loop, at the start */
#define IDLE_US 2000000                /* after a change it is tidied up */
#define PURGE_KEPT_US (60LL * 1000000) /* longer than a question of intake's may be on its way */

void relay_check_db(struct relay *r)
{
    struct error err;

    if (!r->db || !db_failed(r->db))
        return;
    error_set(&err, ERROR_DISK, "queue.db is damaged or cannot be written; look at the disk");
    process_give_up(r->p, &err);
}

void relay_used(struct relay *r)
{
    if (!timer_is_set(&r->idle))
        timer_set(&r->idle, IDLE_US);
}

static void on_idle(void *arg)
{
    struct relay *r = arg;
    struct error err = {0};

    if (!content_sweep(r->db, &err))
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "the queue: %s", err.text);
    relay_check_db(r);
    db_idle(r->db);
}

/* ---- in ---- */

static bool add_message(struct relay *r, const struct msg *m, int64_t *message, struct error *err)
{
    struct str bytes;
    bool ok;

    if (m->nfds != 1 || m->queue_add_ask.recipients.n == 0)
        return error_set(err, ERROR_INTERNAL, "a message without its bytes, or its recipients");
    if (!memfd_map(m->fd[0], m->queue_add_ask.size, &bytes, err))
        return false;
    ok = queue_add(r->db, &m->queue_add_ask, bytes, message, err);
    memfd_unmap(bytes);
    return ok;
}

/* Whose a recipient is; 0: nobody could say. */
static uint64_t owner_of(const struct msg_queue_add_ask *ask, size_t i)
{
    return i < ask->accounts.n ? msg_u64_item(ask->accounts.v[i]) : 0;
}

/* Items for the accounts of a new message, each once. */
static void add_items(struct relay *r, const struct msg_queue_add_ask *ask, int64_t message)
{
    for (size_t i = 0; i < ask->recipients.n; i++) {
        bool seen = false, fresh;
        struct lane *l;

        for (size_t k = 0; k < i && !seen; k++)
            seen = owner_of(ask, k) == owner_of(ask, i);
        if (seen)
            continue;
        l = lane_of(r, owner_of(ask, i), &fresh);
        item_add(l, message);
        if (fresh)
            lane_rest(l, lane_rest_us(r, 1));
        lane_check(l);
    }
}

/* Of the last minute. */
static void forget_purges(struct relay *r)
{
    struct purge *p;

    while ((p = LIST_FIRST(&r->purges, struct purge, node)) &&
           clock_boot_us() - p->at_us > PURGE_KEPT_US)
        purge_destroy(p);
}

/* Whether one of those of whom nobody could say who they are was removed just now: what was on its way
 * then must not wait here for whoever gets the address next. The sender tries again. */
static bool was_purged(struct relay *r, const struct msg_queue_add_ask *ask)
{
    const struct purge *p;

    forget_purges(r);
    LIST_EACH(p, &r->purges, node)
        for (size_t i = 0; i < ask->recipients.n; i++)
            if (owner_of(ask, i) == 0 && purge_matches(p, ask->recipients.v[i]))
                return true;
    return false;
}

static void take_add_ask(struct relay *r, struct chan *c, struct msg *m)
{
    struct error err = {0};
    struct asked asked;
    int64_t message = 0;

    asked_take(&asked, c, m);
    if (was_purged(r, &m->queue_add_ask))
        error_set(&err, ERROR_TEMPORARY, "this address is being removed; try again");
    else if (!add_message(r, m, &message, &err) && err.kind == ERROR_NONE)
        err.kind = ERROR_INTERNAL;
    if (err.kind == ERROR_NONE) {
        r->added++;
        relay_used(r);
        if (message)
            add_items(r, &m->queue_add_ask, message);
    }
    tell_queue_add(&asked, &(struct msg_queue_add_tell){.error = msg_error_of(&err)}, -1);
    relay_pump(r);
}

static void take_purge_ask(struct relay *r, struct chan *c, const struct msg *m)
{
    const struct msg_queue_purge_ask *ask = &m->queue_purge_ask;
    struct purge *p = purge_create(&ask->addresses);
    struct lane *l = ask->account ? map_find_u64(&r->lanes, ask->account) : NULL;
    struct msg_queue_purge_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    forget_purges(r);
    list_append(&r->purges, &p->node);
    if (!queue_purge(r->db, ask->account, p, &tell.purged, &err))
        tell.error = msg_error_of(&err);
    else if (l)
        lane_drop(l);
    r->purged += tell.purged;
    relay_used(r);
    tell_queue_purge(
        &asked, &tell,
        -1); /* items of nobody's whose rows are gone find that out when it is their turn */
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
        item_add(l, r->loaded.message);
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
    else if (str_equal(name, STR("used")))
        r->used_fd = fd;
    else
        r->large_fd = fd;
}

static void on_key(void *arg, struct msg_service_key_tell *tell, int *fd)
{
    struct relay *r = arg;
    struct db_source source = {.db_fd = r->db_fd,
                               .wal_fd = r->wal_fd,
                               .blob_fd = r->large_fd,
                               .generation = 1,
                               .must_exist = db_used(r->used_fd)};
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
    db_used_mark(r->used_fd);
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
    timer_init(&r->settle, p->timers, try_on_settle, r);
    timer_init(&r->idle, p->timers, on_idle, r);
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

    if (!r->db) /* it ends */
        return;
    if (m->type == MSG_QUEUE_ADD_ASK)
        take_add_ask(r, c, m);
    else if (m->type == MSG_QUEUE_PURGE_ASK)
        take_purge_ask(r, c, m);
    relay_check_db(r);
}

static void relay_close(struct relay *r)
{
    timer_stop(&r->load);
    timer_stop(&r->settle);
    timer_stop(&r->idle);
    db_close(r->db);
    r->db = NULL;
}

static void relay_drain(void *arg)
{
    struct relay *r = arg;

    if (r->tried.n)
        try_on_settle(r); /* what is delivered need not be tried once more */
    relay_close(r);
    process_end(r->p);
}

void relay_done(struct relay *r)
{
    struct purge *p;

    lane_done_all(r);
    while ((p = LIST_FIRST(&r->purges, struct purge, node)))
        purge_destroy(p);
    relay_close(r);
    base_close_fd(&r->db_fd);
    base_close_fd(&r->wal_fd);
    base_close_fd(&r->large_fd);
}

static int relay_folder(void *arg)
{
    struct relay *r = arg;

    return r->large_fd;
}

static void relay_status(void *arg, struct process_status *s)
{
    struct relay *r = arg;
    int64_t oldest_us, age_us;
    uint64_t waiting;

    if (!r->db)
        return;
    queue_count(r->db, &waiting, &oldest_us);
    age_us = oldest_us ? clock_wall_us() - oldest_us : 0; /* below 0: the wall clock was set back */
    process_status_add(s, "queue", waiting);
    process_status_add(s, "queue-age-s", age_us > 0 ? (uint64_t)age_us / 1000000 : 0);
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
    struct relay r = {.db_fd = -1, .wal_fd = -1, .large_fd = -1, .used_fd = -1};

    process_main(ROLE_RELAY, instance, &relay_ops, &r);
}
