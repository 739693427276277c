/* relay/relay.c: the queue for local redelivery.
 *
 * An entry is a row, valid or not there; its message is a content like any other (db/content.h). An entry is tried after
 * queue-retry seconds, then after twice as long, up to an hour, for ever: what got 250 is never given up here (the operator
 * sees its age in `posthus status`). It goes back to intake by the message and the transaction that it came with, so the
 * account takes it once; it is removed when intake says so. */
#include "relay/relay.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "proc/lock.h"
#include "proc/memfd.h"
#include "proc/process.h"
#include "db/content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEY_MS 10000
#define TRY_MS 60000
#define TRIES_MOST 8 /* under way at once */
#define RETRY_MOST_US (3600LL * 1000000)

static const char *const steps[] = {
    CONTENT_SCHEMA
    "CREATE TABLE entry ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " transaction_id BLOB NOT NULL,"  /* what the account knows a repeat by */
    " first_recipient TEXT NOT NULL," /* several entries of one transaction differ in it */
    " recipients BLOB NOT NULL,"      /* addresses, each with a NUL behind */
    " session TEXT NOT NULL,"         /* for `posthus trace` */
    " return_path TEXT NOT NULL,"
    " trace TEXT NOT NULL," /* the Received line */
    " size INTEGER NOT NULL,"
    " content INTEGER NOT NULL REFERENCES content (id),"
    " received_us INTEGER NOT NULL," /* wall clock */
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_us INTEGER NOT NULL," /* wall clock; not before */
    " last_error TEXT NOT NULL DEFAULT '',"
    " UNIQUE (transaction_id, first_recipient)) STRICT;"
    "CREATE INDEX entry_next ON entry (next_us);",
};

static const struct db_schema schema = {"queue", steps, ARRAY_LEN(steps)};

struct relay {
    struct process *p;
    struct db *db;
    int db_fd, wal_fd, large_fd;
    struct event *tick;
    uint64_t trying[TRIES_MOST]; /* entry ids, 0: free */
    uint64_t added, done, retried;
};

struct attempt {
    struct relay *r;
    int64_t id, attempts;
    char session[64];
};

static void check_db(struct relay *r)
{
    struct error err;

    if (!r->db || !db_failed(r->db))
        return;
    error_set(&err, ERROR_DISK, "queue.db can not be written; look at the disk");
    process_give_up(r->p, &err);
}

static void take_file(void *arg, struct str name, int fd)
{
    struct relay *r = arg;

    if (str_equal(name, STR("db")))
        r->db_fd = fd;
    else if (str_equal(name, STR("wal")))
        r->wal_fd = fd;
    else
        r->large_fd = fd;
}

/* ---- in ---- */

static bool exists(struct relay *r, const struct msg_queue_add *m, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(r->db, "SELECT id FROM entry WHERE transaction_id = ? AND first_recipient = ?");
    int64_t id;

    db_bind_blob(s, 1, m->transaction);
    db_bind_text(s, 2, m->recipients.v[0]);
    return db_one_int(r->db, s, &id, found, err);
}

static bool insert(struct relay *r, const struct msg_queue_add *m, struct str recipients,
                   int64_t content, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        r->db,
        "INSERT INTO entry (transaction_id, first_recipient, recipients, session, return_path,"
        " trace, size, content, received_us, next_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    db_bind_blob(s, 1, m->transaction);
    db_bind_text(s, 2, m->recipients.v[0]);
    db_bind_blob(s, 3, recipients);
    db_bind_text(s, 4, m->session);
    db_bind_text(s, 5, m->return_path);
    db_bind_text(s, 6, m->trace);
    db_bind_int(s, 7, (int64_t)m->size);
    db_bind_int(s, 8, content);
    db_bind_int(s, 9, (int64_t)m->received);
    db_bind_int(s, 10, clock_wall_us() + (int64_t)r->p->config.queue_retry * 1000000);
    return db_run(r->db, s, err);
}

static bool commit_entry(struct relay *r, const struct msg_queue_add *m,
                         struct content_new **content, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct buf recipients;
    int64_t id;
    bool ok;

    buf_init(&recipients, LIMIT_MSG_BYTES * 2);
    for (size_t i = 0; i < m->recipients.n; i++) {
        buf_str(&recipients, m->recipients.v[i]);
        buf_char(&recipients, '\0');
    }
    ok = db_begin(&tx, r->db, err) && content_add(content, r->db, &id, err) &&
         insert(r, m, buf_view(&recipients), id, err) && db_commit(&tx, err);
    buf_done(&recipients);
    return ok;
}

static bool add_bytes(struct relay *r, const struct msg_queue_add *m, struct str bytes,
                      struct error *err)
{
    struct content_new *content = NULL;
    bool ok, found = false;

    if (m->recipients.n == 0 || !exists(r, m, &found, err))
        return false;
    if (found) /* it was asked before, and the answer was lost */
        return true;
    ok = content_prepare(&content, r->db, bytes, err) && commit_entry(r, m, &content, err);
    content_discard(&content, r->db);
    return ok;
}

static bool add(struct relay *r, const struct msg *m, struct error *err)
{
    uint64_t size = m->queue_add.size;
    void *p = NULL;
    bool ok;

    if (m->nfds != 1 || !memfd_is_sealed(m->fd[0], size))
        return error_set(err, ERROR_INTERNAL, "a message that is not sealed, or not of its size");
    if (size) {
        p = mmap(NULL, size, PROT_READ, MAP_SHARED, m->fd[0], 0);
        if (p == MAP_FAILED)
            return error_set(err, ERROR_TEMPORARY, "no memory for the message");
    }
    ok = add_bytes(r, &m->queue_add, str_of(p, size), err);
    if (p)
        munmap(p, size);
    return ok;
}

static void queue_add(struct relay *r, struct chan *c, struct msg *m)
{
    struct msg out = {.type = MSG_QUEUE_ADDED, .queue_added = {.id = m->queue_add.id}};
    struct error err = {0};

    if (add(r, m, &err)) {
        r->added++;
    } else {
        out.queue_added.kind = err.kind ? err.kind : ERROR_INTERNAL;
        out.queue_added.text = str_c(err.text);
    }
    chan_send(c, &out);
}

/* ---- out ---- */

static void set_trying(struct relay *r, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < TRIES_MOST; i++) {
        if (r->trying[i] == from) {
            r->trying[i] = to;
            return;
        }
    }
}

static bool delete_entry(struct relay *r, int64_t id, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    AUTO_STMT sqlite3_stmt *get = db_stmt(r->db, "SELECT content FROM entry WHERE id = ?");
    AUTO_STMT sqlite3_stmt *del = db_stmt(r->db, "DELETE FROM entry WHERE id = ?");
    AUTO_STMT sqlite3_stmt *used = db_stmt(r->db, "SELECT count(*) FROM entry WHERE content = ?");
    int64_t content = 0, n = 0;
    bool found = false;

    db_bind_int(get, 1, id);
    db_bind_int(del, 1, id);
    if (!db_begin(&tx, r->db, err) || !db_one_int(r->db, get, &content, &found, err) ||
        !db_run(r->db, del, err))
        return false;
    db_bind_int(used, 1, content);
    if (!db_one_int(r->db, used, &n, NULL, err) ||
        (found && n == 0 && !content_drop(r->db, content, err)))
        return false;
    return db_commit(&tx, err) && content_sweep(r->db, err);
}

static bool put_off(struct relay *r, const struct attempt *t, struct str why, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        r->db,
        "UPDATE entry SET attempts = attempts + 1, next_us = ?, last_error = ? WHERE id = ?");
    int64_t delay = (int64_t)r->p->config.queue_retry * 1000000;

    for (int64_t i = 0; i < t->attempts && delay < RETRY_MOST_US; i++)
        delay *= 2;
    db_bind_int(s, 1, clock_wall_us() + (delay < RETRY_MOST_US ? delay : RETRY_MOST_US));
    db_bind_text(s, 2, why);
    db_bind_int(s, 3, t->id);
    return db_run(r->db, s, err);
}

static void on_tried(void *arg, struct msg *m)
{
    struct attempt *t = arg;
    struct relay *r = t->r;
    bool delivered = m && m->queue_tried.kind == ERROR_NONE;
    struct error err = {0};
    struct log_line l;
    bool ok;

    set_trying(r, (uint64_t)t->id, 0);
    if (delivered)
        ok = delete_entry(r, t->id, &err);
    else
        ok = put_off(r, t, m ? m->queue_tried.text : STR("no answer"), &err);
    log_begin(&l, delivered ? LOG_MAIL_UNQUEUED : LOG_MAIL_REQUEUED, str_c(t->session));
    log_u64(&l, "entry", (uint64_t)t->id);
    if (!delivered)
        log_str(&l, "why", m ? m->queue_tried.text : STR("no answer"));
    log_end(&l);
    if (delivered)
        r->done++;
    else
        r->retried++;
    if (!ok)
        check_db(r);
    mem_free(t);
}

/* The content as a sealed memfd, or -1. */
static int message_fd(struct relay *r, int64_t content, uint64_t size, struct error *err)
{
    int fd = memfd_new();
    struct buf b;
    bool ok = fd >= 0;

    buf_init(&b, (size_t)16 * LIMIT_CHUNK);
    for (uint64_t at = 0; ok && at < size; at += b.n) {
        buf_reset(&b);
        ok = content_read(r->db, content, at, b.max, &b, err) && b.n > 0 &&
             write(fd, b.p, b.n) == (ssize_t)b.n;
    }
    buf_done(&b);
    if (ok && memfd_seal(&fd, size, err))
        return fd;
    if (fd >= 0)
        close(fd);
    if (err->kind == ERROR_NONE)
        error_set(err, ERROR_TEMPORARY, "no memory for a queued message");
    return -1;
}

static void try_row(struct relay *r, sqlite3_stmt *s)
{
    struct attempt *t = mem_zalloc(sizeof *t);
    struct str list[LIMIT_MSG_LIST], rest = db_col_str(s, 2), one;
    struct msg m = {.type = MSG_QUEUE_TRY, .nfds = 1};
    struct error err = {0};
    size_t n = 0;

    *t = (struct attempt){.r = r, .id = db_col_int(s, 0), .attempts = db_col_int(s, 9)};
    snprintf(t->session, sizeof t->session, "%.*s", STR_ARG(db_col_str(s, 3)));
    while (n < ARRAY_LEN(list) && str_cut(rest, '\0', &one, &rest))
        list[n++] = one;
    m.fd[0] = message_fd(r, db_col_int(s, 7), (uint64_t)db_col_int(s, 6), &err);
    if (m.fd[0] < 0) { /* one bad row is set aside and does not stop the others (LESSONS 5) */
        log_text(LOG_ROLE_PROBLEM, str_c(t->session), "queued message %lld: %s", (long long)t->id,
                 err.text);
        if (!put_off(r, t, str_c(err.text), &err))
            check_db(r);
        mem_free(t);
        return;
    }
    m.queue_try = (struct msg_queue_try){calls_next_id(r->p->calls), db_col_str(s, 1),
                                         db_col_str(s, 3),           db_col_str(s, 4),
                                         db_col_str(s, 5),           {list, n},
                                         (uint64_t)db_col_int(s, 6), (uint64_t)db_col_int(s, 8)};
    set_trying(r, 0, (uint64_t)t->id);
    process_call(r->p, ROLE_INTAKE, m.queue_try.id, &m, TRY_MS, false, on_tried, t);
    close(m.fd[0]);
}

static bool is_trying(const struct relay *r, uint64_t id)
{
    for (size_t i = 0; i < TRIES_MOST; i++)
        if (r->trying[i] == id)
            return true;
    return false;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct relay *r = arg;
    struct timeval t = {.tv_sec = 1};
    int64_t ids[TRIES_MOST * 2];
    size_t n = 0;
    struct error err = {0};

    (void)fd, (void)what;
    {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(r->db, "SELECT id FROM entry WHERE next_us <= ? ORDER BY next_us LIMIT 16");

        db_bind_int(s, 1, clock_wall_us());
        while (n < ARRAY_LEN(ids) && db_next(r->db, s, &err) == DB_ROW)
            ids[n++] = db_col_int(s, 0);
    }
    for (size_t i = 0; i < n && is_trying(r, 0) && process_peer(r->p, ROLE_INTAKE); i++) {
        AUTO_STMT sqlite3_stmt *s = db_stmt(
            r->db,
            "SELECT id, transaction_id, recipients, session, return_path, trace, size, content,"
            " received_us, attempts FROM entry WHERE id = ?");

        db_bind_int(s, 1, ids[i]);
        if (!is_trying(r, (uint64_t)ids[i]) && db_next(r->db, s, &err) == DB_ROW)
            try_row(r, s);
    }
    check_db(r);
    evtimer_add(r->tick, &t);
}

/* ---- the role ---- */

static void on_key(void *arg, struct msg *m)
{
    struct relay *r = arg;
    struct db_source source = {
        .db_fd = r->db_fd, .wal_fd = r->wal_fd, .blob_fd = r->large_fd, .generation = 1};
    struct timeval t = {.tv_sec = 1};
    struct error err = {0};

    if (!m || m->service_key_tell.kind || m->service_key_tell.key.n != DB_KEY_BYTES) {
        error_set(&err, ERROR_TEMPORARY, "the key of queue.db did not come");
        process_give_up(r->p, &err);
    }
    memcpy(source.key, m->service_key_tell.key.p, DB_KEY_BYTES);
    if (!lock_file(r->db_fd, &err) || !db_open(&r->db, &source, &schema, &err) ||
        !content_sweep(r->db, &err))
        process_give_up(r->p, &err);
    mem_wipe(source.key, sizeof source.key);
    r->tick = evtimer_new(r->p->base, on_tick, r);
    evtimer_add(r->tick, &t);
    process_ready(r->p);
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct relay *r = arg;

    (void)err;
    r->p = p;
    db_process_init();
    *ready = false;
    return true;
}

static void sandboxed(void *arg)
{
    struct relay *r = arg;
    struct msg m = {.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {calls_next_id(r->p->calls)}};

    process_call(r->p, ROLE_KEYS, m.service_key_ask.id, &m, KEY_MS, true, on_key, r);
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    struct relay *r = arg;

    if (m->type != MSG_QUEUE_ADD)
        return;
    queue_add(r, c, m);
    check_db(r);
}

static void drain(void *arg)
{
    struct relay *r = arg;

    db_close(r->db);
    r->db = NULL;
    process_end(r->p);
}

static int folder(void *arg)
{
    struct relay *r = arg;

    return r->large_fd;
}

static uint64_t count(struct relay *r, const char *sql)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(r->db, sql);
    int64_t n = 0;
    struct error err;

    return db_one_int(r->db, s, &n, NULL, &err) && n > 0 ? (uint64_t)n : 0;
}

static void status(void *arg, struct process_status *s)
{
    struct relay *r = arg;
    uint64_t oldest;

    if (!r->db)
        return;
    oldest = count(r, "SELECT coalesce(min(received_us), 0) FROM entry");
    process_status_add(s, "queue", count(r, "SELECT count(*) FROM entry"));
    process_status_add(s, "queue-age-s",
                       oldest ? ((uint64_t)clock_wall_us() - oldest) / 1000000 : 0);
    process_status_add(s, "added", r->added);
    process_status_add(s, "delivered", r->done);
    process_status_add(s, "put-off", r->retried);
}

NORETURN void relay_main(unsigned instance)
{
    static const struct process_ops ops = {
        .file = take_file,
        .start = start,
        .sandboxed = sandboxed,
        .message = message,
        .drain = drain,
        .status = status,
        .folder = folder,
    };
    struct relay r = {.db_fd = -1, .wal_fd = -1, .large_fd = -1};

    process_main(ROLE_RELAY, instance, &ops, &r);
}
