/* store/store_idle.c: what can wait until nothing else is to do, in slices: purging what is past
 * its retention, forgetting what nobody can ask for any more, and describing messages anew after an
 * upgrade. */
#include "store/store_int.h"

#include "base/clock.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define DELIVERY_KEPT_US                                                                           \
    (30 * DAY_US) /* senders give up long before; what is in our queue is tried each hour */
#define HISTORY_KEPT_US                                                                            \
    (400 * DAY_US) /* tombstones and change records: a client may come back after a year */
#define SWEEP_EVERY_US (INT64_C(3600) * 1000000)
#define SLICE 100

struct grave {
    int64_t mailbox, email, at_us;
    uint32_t uid;
};

/* What is to be purged: what was expunged until then, and from what is younger the oldest, until so many
 * bytes are free. */
struct purge {
    int64_t before_us;
    uint64_t over;
};

/* The oldest tombstones that still hold an email. */
static bool oldest_graves(struct store *store, int64_t before_us, struct vec *graves,
                          struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        store->db, "SELECT mailbox, uid, email, at_us FROM tombstone INDEXED BY tombstone_kept"
                   " WHERE email IS NOT NULL AND at_us <= ? ORDER BY at_us LIMIT ?");
    db_bind_int(s, 1, before_us);
    db_bind_int(s, 2, SLICE);
    enum db_step step;
    while ((step = db_next(store->db, s, err)) == DB_ROW) {
        struct grave *g = vec_add(graves);
        g->mailbox = db_col_int(s, 0);
        g->uid = (uint32_t)db_col_int(s, 1);
        g->email = db_col_int(s, 2);
        g->at_us = db_col_int(s, 3);
    }
    return step == DB_DONE;
}

/* *n: so many. */
static bool purge_graves(struct store *store, const struct vec *graves, const struct purge *what,
                         size_t *n, struct error *err)
{
    AUTO_STORE_TX struct store_tx t = {0};
    if (!store_tx_begin(&t, store, STR("retention"), STORE_CHANGE_EXPUNGE, err))
        return false;
    (void)store_tx_modseq(&t);
    for (*n = 0; *n < graves->n; ++*n) {
        const struct grave *g = vec_at(graves, *n);
        if (g->at_us > what->before_us && t.kept_bytes + (int64_t)what->over <= 0)
            break;
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(store->db, "UPDATE tombstone SET email = NULL WHERE mailbox = ? AND uid = ?");
        db_bind_int(s, 1, g->mailbox);
        db_bind_int(s, 2, g->uid);
        if (!db_run(store->db, s, err) || !store_release(&t, g->email, err))
            return false;
    }
    return store_tx_commit(&t, err);
}

/* What is past its retention; and where more is kept than the quota, the oldest of the rest until it is not, so that an
 * account takes at most twice its quota. */
static bool purge_slice(struct store *store, bool *more, struct error *err)
{
    struct store_usage usage;
    struct vec graves;
    size_t n = 0;
    if (!store_usage(store, &usage, err))
        return false;
    int64_t kept = store->config.retention_us < 0 ? 0 : store->config.retention_us;
    struct purge what = {.before_us = clock_wall_us() - kept};
    if (usage.quota != 0 && usage.kept_bytes > usage.quota)
        what.over = usage.kept_bytes - usage.quota;
    vec_init(&graves, sizeof(struct grave));
    bool ok = oldest_graves(store, what.over ? INT64_MAX : what.before_us, &graves, err) &&
              (graves.n == 0 || purge_graves(store, &graves, &what, &n, err));
    *more = ok && n == SLICE;
    vec_done(&graves);
    return ok;
}

static bool run_before(struct store *store, const char *sql, int64_t before_us, int64_t *n,
                       struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, sql);
    db_bind_int(s, 1, before_us);
    db_bind_int(s, 2, SLICE);
    if (!db_run(store->db, s, err))
        return false;
    *n += sqlite3_changes(db_sqlite(store->db));
    return true;
}

/* Tombstones of more than a year go, and each mailbox remembers up to where they may be missing. */
static bool forget_history(struct store *store, int64_t now_us, int64_t *n, struct error *err)
{
    return run_before(store,
                      "UPDATE mailbox SET floor = max(floor, (SELECT max(t.modseq) FROM tombstone t"
                      " WHERE t.mailbox = mailbox.id AND t.at_us < ?1)) WHERE ?2 AND id IN"
                      " (SELECT mailbox FROM tombstone INDEXED BY tombstone_at WHERE at_us < ?1)",
                      now_us - HISTORY_KEPT_US, n, err) &&
           run_before(store,
                      "DELETE FROM tombstone WHERE (mailbox, uid) IN (SELECT mailbox, uid FROM"
                      " tombstone INDEXED BY tombstone_at WHERE at_us < ? AND email IS NULL"
                      " ORDER BY at_us LIMIT ?)",
                      now_us - HISTORY_KEPT_US, n, err) &&
           run_before(store,
                      "DELETE FROM change WHERE modseq IN (SELECT modseq FROM change"
                      " ORDER BY modseq LIMIT ?2) AND at_us < ?1",
                      now_us - HISTORY_KEPT_US, n, err);
}

/* Whether there is anything to forget: an idle account must not write. */
static bool something_old(struct store *store, int64_t now_us, bool *yes, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT EXISTS (SELECT 1 FROM delivery WHERE at_us < ?1)"
                           " OR EXISTS (SELECT 1 FROM tombstone INDEXED BY tombstone_at"
                           "  WHERE at_us < ?2)"
                           " OR (SELECT at_us FROM change ORDER BY modseq LIMIT 1) < ?2");
    db_bind_int(s, 1, now_us - DELIVERY_KEPT_US);
    db_bind_int(s, 2, now_us - HISTORY_KEPT_US);
    int64_t value = 0;
    if (!db_one_int(store->db, s, &value, NULL, err))
        return false;
    *yes = value != 0;
    return true;
}

static bool forget_slice(struct store *store, bool *more, struct error *err)
{
    int64_t now_us = clock_wall_us(), n = 0;
    bool old = false;
    if (!something_old(store, now_us, &old, err))
        return false;
    *more = false;
    if (!old)
        return true;
    AUTO_TX struct db_tx tx = {0};
    if (!db_begin(&tx, store->db, err) ||
        !run_before(store,
                    "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE at_us < ?"
                    " ORDER BY at_us LIMIT ?)",
                    now_us - DELIVERY_KEPT_US, &n, err) ||
        !forget_history(store, now_us, &n, err))
        return false;
    *more = n >= SLICE;
    return db_commit(&tx, err);
}

bool store_idle(struct store *store, bool *more, struct error *err)
{
    bool purging, forgetting;
    if (store->in_batch || store->in_tx)
        panic("store_idle inside a change");
    if (!store_copy_sweep(store, more, err) || !purge_slice(store, &purging, err))
        return false;
    if (*more || purging) {
        *more = true;
        return true;
    }
    if (!forget_slice(store, &forgetting, err))
        return false;
    if (clock_boot_us() - store->swept_us > SWEEP_EVERY_US) {
        store->swept_us = clock_boot_us();
        if (!content_sweep(store->db, err))
            return false;
    }
    *more = forgetting;
    if (!forgetting && !store_stale_slice(store, more, err))
        return false;
    if (!*more) {
        content_idle();
        db_idle(store->db);
    }
    return true;
}
