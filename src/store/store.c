/* store/store.c: opening an account's store, its clock, and the transaction that every change is.
 */
#include "store/store_int.h"

#include "base/clock.h"
#include "base/random.h"
#include "store/schema.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define RETENTION_US (30 * DAY_US)
#define TAKE_BACK_US 1000000

static const struct first_mailbox {
    const char *name;
    enum store_role role;
} first_mailboxes[] = {
    {"INBOX", STORE_ROLE_INBOX},     {"Drafts", STORE_ROLE_DRAFTS}, {"Sent", STORE_ROLE_SENT},
    {"Archive", STORE_ROLE_ARCHIVE}, {"Junk", STORE_ROLE_JUNK},     {"Trash", STORE_ROLE_TRASH},
};

static bool insert_account(struct store *store, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        store->db, "INSERT INTO account VALUES (1, ?1, 0, 0, 0, ?2, 0, 0, 0, ?3, ?4, 0, 0, 0, 0)");
    int64_t now = clock_wall_us();
    db_bind_int(s, 1, (int64_t)(random_u64() >> 1));
    /* Seconds since 1970, so that UIDVALIDITY differs from that of an account which was here before
     * and is lost (RFC 9051 section 2.3.1.1). */
    db_bind_int(s, 2, now / 1000000 & 0x7fffffff);
    db_bind_int(s, 3, now);
    db_bind_int(s, 4, STORE_DERIVED);
    return db_run(store->db, s, err);
}

static bool insert_mailboxes(struct store *store, struct error *err)
{
    AUTO_STORE_TX struct store_tx t = {0};
    if (!store_tx_begin(&t, store, STR("setup"), STORE_CHANGE_SETUP, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(first_mailboxes); i++) {
        const struct first_mailbox *m = &first_mailboxes[i];
        int64_t id;
        if (!store_mailbox_insert(&t, str_c(m->name), m->role, &id, err))
            return false;
        AUTO_STMT sqlite3_stmt *sub = db_stmt(store->db, "INSERT INTO subscription VALUES (?)");
        db_bind_text(sub, 1, str_c(m->name));
        if (!db_run(store->db, sub, err))
            return false;
    }
    return store_tx_commit(&t, err);
}

/* The account's row and its first mailboxes, in one transaction, so that an account is whole or not
 * there. */
static bool set_up_account(struct store *store, struct error *err)
{
    bool found = false;
    int64_t one;
    {
        AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, "SELECT 1 FROM account");
        if (!db_one_int(store->db, s, &one, &found, err))
            return false;
    }
    if (found)
        return true;
    if (!store_batch_begin(store, err))
        return false;
    if (insert_account(store, err) && insert_mailboxes(store, err))
        return store_batch_commit(store, err);
    store_batch_abort(store);
    return false;
}

/* What a power cut has left of them, before anybody sees it. What takes longer, as an account's process has to answer, or
 * fails, as a full disk must not keep the account from being read, is for store_idle. */
static bool take_back_copies(struct store *store, struct error *err)
{
    int64_t until_us = clock_boot_us() + TAKE_BACK_US;
    bool more = true;
    while (more && clock_boot_us() < until_us)
        if (!store_copy_sweep(store, &more, err))
            break;
    AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, "SELECT coalesce(max(copy), 0) FROM copying");
    return db_one_int(store->db, s, &store->last_copy, NULL, err); /* new ones are not these */
}

bool store_open(struct store **out, const struct db_source *source,
                const struct store_config *config, struct error *err)
{
    struct store *store = mem_zalloc(sizeof(*store));
    store->config = *config;
    if (store->config.retention_us == 0)
        store->config.retention_us = RETENTION_US;
    if (!db_open(&store->db, source, &store_schema, err)) {
        mem_free(store);
        return false;
    }
    db_derive_key(source->key, STR("thread"), store->thread_key, sizeof(store->thread_key));
    if (!set_up_account(store, err) || !take_back_copies(store, err) ||
        !store_stale_open(store, err) || !content_sweep(store->db, err)) {
        store_close(store);
        return false;
    }
    store->swept_us = clock_boot_us();
    *out = store;
    return true;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_batch_abort(store);
    db_close(store->db);
    mem_wipe(store->thread_key, sizeof(store->thread_key));
    mem_free(store);
}

bool store_failed(const struct store *store)
{
    return db_failed(store->db);
}

const struct error *store_damage(const struct store *store)
{
    return &store->damage;
}

struct db *store_db(struct store *store)
{
    return store->db;
}

uint64_t store_version(const struct store *store)
{
    return store->version;
}

bool store_usage(struct store *store, struct store_usage *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT live_bytes, kept_bytes, messages, modseq, epoch FROM account");
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_DAMAGED, "the account's own row is missing");
    if (step != DB_ROW)
        return false;
    out->live_bytes = (uint64_t)db_col_int(s, 0);
    out->kept_bytes = (uint64_t)db_col_int(s, 1);
    out->messages = (uint64_t)db_col_int(s, 2);
    out->modseq = (uint64_t)db_col_int(s, 3);
    out->epoch = (uint64_t)db_col_int(s, 4);
    out->quota = store->config.quota;
    return true;
}

void store_set_retention(struct store *store, int64_t us)
{
    store->config.retention_us = us ? us : RETENTION_US;
}

void store_set_quota(struct store *store, uint64_t quota)
{
    struct store_news news = {0};
    if (store->config.quota == quota)
        return;
    store->config.quota = quota;
    store_news_add(&news, 0, STORE_NEWS_QUOTA);
    store_news_tell(store, &news);
}

bool store_quota_check(struct store *store, uint64_t n, struct error *err)
{
    struct store_usage u;
    if (!store_usage(store, &u, err))
        return false;
    if (u.quota == 0 || (n <= u.quota && u.live_bytes <= u.quota - n))
        return true;
    return error_set(err, ERROR_QUOTA,
                     "the account is full: %llu of %llu KiB are used; delete something first",
                     (unsigned long long)(u.live_bytes >> 10), (unsigned long long)(u.quota >> 10));
}

/* ---- batches ---- */

bool store_batch_begin(struct store *store, struct error *err)
{
    if (store->in_batch)
        panic("a batch is open already");
    if (!db_begin(&store->batch, store->db, err))
        return false;
    store->in_batch = true;
    store->batch_news = (struct store_news){0};
    return true;
}

bool store_batch_commit(struct store *store, struct error *err)
{
    if (!store->in_batch)
        panic("no batch is open");
    store->in_batch = false;
    bool ok = db_commit(&store->batch, err);
    db_tx_end(&store->batch);
    if (ok)
        store_news_tell(store, &store->batch_news);
    return ok;
}

void store_batch_abort(struct store *store)
{
    if (!store->in_batch)
        return;
    store->in_batch = false;
    db_tx_end(&store->batch);
    store->version++;
}

/* ---- the transaction of one change ---- */

static bool run_sql(struct store *store, const char *sql, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, sql);
    return db_run(store->db, s, err);
}

bool store_tx_begin(struct store_tx *t, struct store *store, struct str actor,
                    enum store_change_kind kind, struct error *err)
{
    if (store->in_tx)
        panic("changes of a store do not nest");
    *t = (struct store_tx){.store = store, .actor = actor, .kind = kind};
    t->savepoint = store->in_batch;
    if (t->savepoint ? !run_sql(store, "SAVEPOINT one", err) : !db_begin(&t->tx, store->db, err))
        return false;
    t->open = store->in_tx = true;
    struct store_usage u;
    if (!store_usage(store, &u, err))
        return false;
    t->clock = u.modseq;
    return true;
}

uint64_t store_tx_modseq(struct store_tx *t)
{
    if (t->modseq == 0)
        t->modseq = t->clock + 1;
    return t->modseq;
}

static bool actor_id(struct store_tx *t, int64_t *id, struct error *err)
{
    struct db *db = t->store->db;
    bool found = false;
    AUTO_STMT sqlite3_stmt *find = db_stmt(db, "SELECT id FROM actor WHERE name = ?");
    db_bind_text(find, 1, t->actor);
    if (!db_one_int(db, find, id, &found, err))
        return false;
    if (found)
        return true;
    AUTO_STMT sqlite3_stmt *add = db_stmt(db, "INSERT INTO actor (name) VALUES (?)");
    db_bind_text(add, 1, t->actor);
    if (!db_run(db, add, err))
        return false;
    *id = sqlite3_last_insert_rowid(db_sqlite(db));
    return true;
}

static bool write_clock(struct store_tx *t, struct error *err)
{
    struct db *db = t->store->db;
    int64_t modseq = (int64_t)t->modseq, actor;
    bool used = t->live_bytes != 0 || t->messages != 0;
    AUTO_STMT sqlite3_stmt *account =
        db_stmt(db, "UPDATE account SET modseq = ?1,"
                    " email_modseq = CASE WHEN ?2 THEN ?1 ELSE email_modseq END,"
                    " mailbox_modseq = CASE WHEN ?3 THEN ?1 ELSE mailbox_modseq END,"
                    " live_bytes = live_bytes + ?4, kept_bytes = kept_bytes + ?5,"
                    " messages = messages + ?6, used = CASE WHEN ?7 THEN ?1 ELSE used END,"
                    " subscribed = CASE WHEN ?8 THEN ?1 ELSE subscribed END");
    db_bind_int(account, 1, modseq);
    db_bind_int(account, 2, t->emails);
    db_bind_int(account, 3, t->mailboxes);
    db_bind_int(account, 4, t->live_bytes);
    db_bind_int(account, 5, t->kept_bytes);
    db_bind_int(account, 6, t->messages);
    db_bind_int(account, 7, used);
    db_bind_int(account, 8, store_news_of(&t->news, 0, STORE_NEWS_SUBSCRIBED) != 0);
    if (!db_run(db, account, err) || !actor_id(t, &actor, err))
        return false;
    store_news_add(&t->news, 0, used ? STORE_NEWS_QUOTA : 0);
    AUTO_STMT sqlite3_stmt *change = db_stmt(db, "INSERT INTO change VALUES (?, ?, ?, ?, ?)");
    db_bind_int(change, 1, modseq);
    db_bind_int(change, 2, clock_wall_us());
    db_bind_int(change, 3, actor);
    db_bind_int(change, 4, t->kind);
    db_bind_int(change, 5, t->mailbox);
    return db_run(db, change, err);
}

bool store_tx_commit(struct store_tx *t, struct error *err)
{
    struct store *store = t->store;
    if (t->modseq != 0 && !write_clock(t, err))
        return false;
    if (t->savepoint ? !run_sql(store, "RELEASE one", err) : !db_commit(&t->tx, err))
        return false;
    t->open = store->in_tx = false;
    if (t->modseq == 0)
        return true;
    store->version++;
    if (t->savepoint)
        store_news_join(&store->batch_news, &t->news);
    else
        store_news_tell(store, &t->news);
    return true;
}

void store_tx_end(struct store_tx *t)
{
    if (t->open && t->savepoint) {
        /* When the database has failed these fail too, and the batch's commit tells. */
        (void)!run_sql(t->store, "ROLLBACK TO one", NULL);
        (void)!run_sql(t->store, "RELEASE one", NULL);
    }
    if (t->open)
        t->store->in_tx = false;
    t->open = false;
    if (t->tx.db)
        db_tx_end(&t->tx);
}
