/* relay/queue.c: see queue.h. */
#include "relay/queue.h"

#include "base/limits.h"
#include "base/vec.h"
#include "db/content.h"

static const char *const steps[] = {
    CONTENT_SCHEMA "CREATE TABLE entry ("
                   " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                   " transaction_id BLOB NOT NULL,"
                   " first_recipient TEXT NOT NULL,"
                   " recipients BLOB NOT NULL," /* addresses, each with a NUL after it */
                   " session TEXT NOT NULL,"
                   " return_path TEXT NOT NULL,"
                   " trace TEXT NOT NULL,"
                   " size INTEGER NOT NULL,"
                   " content INTEGER NOT NULL REFERENCES content (id),"
                   " received_us INTEGER NOT NULL,"
                   " attempts INTEGER NOT NULL DEFAULT 0,"
                   " next_us INTEGER NOT NULL,"
                   " last_error TEXT NOT NULL DEFAULT '',"
                   " UNIQUE (transaction_id, first_recipient)) STRICT;"
                   "CREATE INDEX entry_next ON entry (next_us);",

    /* 1: a row a recipient, with the account that is to get it. What waited by address alone is resolved
     * when it is tried (account 0). When to try again is not kept: it is a matter of this boot's clock. */
    "CREATE TABLE message ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " transaction_id BLOB NOT NULL," /* what the account knows a repeat by */
    " session TEXT NOT NULL,"        /* for `posthus trace` */
    " return_path TEXT NOT NULL,"
    " trace TEXT NOT NULL," /* the Received line */
    " size INTEGER NOT NULL,"
    " content INTEGER NOT NULL REFERENCES content (id),"
    " received_us INTEGER NOT NULL) STRICT;" /* wall clock */
    "INSERT INTO message SELECT id, transaction_id, session, return_path, trace, size, content, "
    "received_us"
    " FROM entry;"
    "CREATE TABLE recipient ("
    " transaction_id BLOB NOT NULL,"
    " address TEXT NOT NULL,"
    " message INTEGER NOT NULL REFERENCES message (id),"
    " account INTEGER NOT NULL," /* 0: nobody could say whose it is */
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " last_error TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (transaction_id, address)) STRICT, WITHOUT ROWID;"
    "WITH RECURSIVE part (id, tx, attempts, rest, one) AS ("
    " SELECT id, transaction_id, attempts, recipients, NULL FROM entry"
    " UNION ALL"
    " SELECT id, tx, attempts, substr(rest, instr(rest, x'00') + 1), substr(rest, 1, instr(rest, "
    "x'00') - 1)"
    " FROM part WHERE instr(rest, x'00') > 0)"
    "INSERT OR IGNORE INTO recipient (transaction_id, address, message, account, attempts)"
    " SELECT tx, CAST(one AS TEXT), id, 0, attempts FROM part WHERE one IS NOT NULL;"
    "CREATE INDEX recipient_item ON recipient (message, account);"
    "CREATE INDEX recipient_account ON recipient (account);"
    "CREATE INDEX message_content ON message (content);"
    "CREATE INDEX message_received ON message (received_us);"
    "DROP TABLE entry;",
};

const struct db_schema queue_schema = {"queue", steps, ARRAY_LEN(steps)};

static bool insert_message(struct db *db, const struct msg_queue_add_ask *ask, int64_t content,
                           int64_t *id, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        db, "INSERT INTO message (transaction_id, session, return_path, trace, size, content,"
            " received_us) VALUES (?, ?, ?, ?, ?, ?, ?)");

    db_bind_blob(s, 1, ask->transaction);
    db_bind_text(s, 2, ask->session);
    db_bind_text(s, 3, ask->return_path);
    db_bind_text(s, 4, ask->trace);
    db_bind_int(s, 5, (int64_t)ask->size);
    db_bind_int(s, 6, content);
    db_bind_int(s, 7, (int64_t)ask->received);
    if (!db_run(db, s, err))
        return false;
    *id = sqlite3_last_insert_rowid(db_sqlite(db));
    return true;
}

static bool is_queued(struct db *db, const struct msg_queue_add_ask *ask, size_t i, bool *found,
                      struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT message FROM recipient WHERE transaction_id = ? AND address = ?");
    int64_t id;

    db_bind_blob(s, 1, ask->transaction);
    db_bind_text(s, 2, ask->recipients.v[i]);
    return db_one_int(db, s, &id, found, err);
}

static bool insert_recipient(struct db *db, const struct msg_queue_add_ask *ask, size_t i,
                             int64_t message, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "INSERT OR IGNORE INTO recipient (transaction_id, address, message,"
                    " account) VALUES (?, ?, ?, ?)");

    db_bind_blob(s, 1, ask->transaction);
    db_bind_text(s, 2, ask->recipients.v[i]);
    db_bind_int(s, 3, message);
    db_bind_int(s, 4, i < ask->accounts.n ? (int64_t)msg_u64_item(ask->accounts.v[i]) : 0);
    return db_run(db, s, err);
}

static bool add_rows(struct db *db, const struct msg_queue_add_ask *ask,
                     struct content_new **content, int64_t *message, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    int64_t row;

    if (!db_begin(&tx, db, err) || !content_add(content, db, &row, err) ||
        !insert_message(db, ask, row, message, err))
        return false;
    for (size_t i = 0; i < ask->recipients.n; i++)
        if (!insert_recipient(db, ask, i, *message, err))
            return false;
    return db_commit(&tx, err);
}

bool queue_add(struct db *db, const struct msg_queue_add_ask *ask, struct str bytes,
               int64_t *message, struct error *err)
{
    struct content_new *content = NULL;
    bool found = true, ok;

    *message = 0;
    for (size_t i = 0; found && i < ask->recipients.n; i++)
        if (!is_queued(db, ask, i, &found, err))
            return false;
    if (found && ask->recipients.n) /* it was asked before, and the answer was lost */
        return true;
    ok = content_prepare(&content, db, bytes, err) && add_rows(db, ask, &content, message, err);
    content_discard(&content, db);
    return ok;
}

bool queue_next(struct db *db, struct queue_item *item, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT message, account FROM recipient WHERE (message, account) > (?, ?)"
                    " ORDER BY message, account LIMIT 1");
    enum db_step step;

    err->kind = ERROR_NONE;
    db_bind_int(s, 1, item->message);
    db_bind_int(s, 2, item->message ? (int64_t)item->account : INT64_MAX);
    step = db_next(db, s, err);
    if (step == DB_ROW)
        *item = (struct queue_item){db_col_int(s, 0), (uint64_t)db_col_int(s, 1)};
    return step == DB_ROW;
}

int64_t queue_newest(struct db *db)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT max((SELECT coalesce(max(id), 0) FROM message),"
                                            " (SELECT coalesce(max(message), 0) FROM recipient))");
    int64_t id = 0;
    struct error err;

    return db_one_int(db, s, &id, NULL, &err) ? id : 0;
}

static bool read_recipients(struct db *db, const struct queue_item *item, struct arena *arena,
                            struct queue_try *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT address, attempts FROM recipient WHERE message = ?"
                    " AND account = ? LIMIT ?");
    struct str *list = arena_array(arena, LIMIT_MSG_LIST, sizeof *list);
    size_t bytes = 0;
    enum db_step step = DB_DONE;

    out->recipients = (struct msg_list){list, 0};
    db_bind_int(s, 1, item->message);
    db_bind_int(s, 2, (int64_t)item->account);
    db_bind_int(s, 3, LIMIT_MSG_LIST);
    while (list && bytes < LIMIT_MSG_BYTES / 2 && (step = db_next(db, s, err)) == DB_ROW) {
        list[out->recipients.n] = arena_str(arena, db_col_str(s, 0));
        bytes += list[out->recipients.n++].n + 16;
        out->attempts = (uint64_t)db_col_int(s, 1);
    }
    return step != DB_FAIL;
}

/* A message that is not there any more has no recipients either. */
static bool nobody_waits(struct db *db, const struct queue_item *item, struct error *err)
{
    bool found = false;

    return queue_has(db, item, &found, err) &&
           (!found || error_set(err, ERROR_DAMAGED, "its row is missing"));
}

bool queue_read(struct db *db, const struct queue_item *item, struct arena *arena,
                struct queue_try *out, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT transaction_id, session, return_path, trace, size, content, received_us"
                    " FROM message WHERE id = ?");
    enum db_step step;

    db_bind_int(s, 1, item->message);
    step = db_next(db, s, err);
    *found = step == DB_ROW;
    if (!*found)
        return step != DB_FAIL && nobody_waits(db, item, err);
    *out = (struct queue_try){.transaction = arena_str(arena, db_col_str(s, 0)),
                              .session = arena_str(arena, db_col_str(s, 1)),
                              .return_path = arena_str(arena, db_col_str(s, 2)),
                              .trace = arena_str(arena, db_col_str(s, 3)),
                              .size = (uint64_t)db_col_int(s, 4),
                              .content = db_col_int(s, 5),
                              .received = (uint64_t)db_col_int(s, 6)};
    if (!read_recipients(db, item, arena, out, err))
        return false;
    *found = out->recipients.n > 0;
    return true;
}

static bool delete_recipient(struct db *db, int64_t message, struct str address, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "DELETE FROM recipient WHERE message = ? AND address = ?");

    db_bind_int(s, 1, message);
    db_bind_text(s, 2, address);
    return db_run(db, s, err);
}

/* Contents that no message has any more. */
static bool drop_contents(struct db *db, struct error *err)
{
    for (;;) {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(db, "SELECT id FROM content WHERE NOT EXISTS (SELECT 1 FROM message"
                        " WHERE message.content = content.id) LIMIT 1");
        int64_t content = 0;
        bool found = false;

        if (!db_one_int(db, s, &content, &found, err))
            return false;
        if (!found)
            return true;
        if (!content_drop(db, content, err))
            return false;
    }
}

static bool run_plain(struct db *db, const char *sql, int64_t first, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, sql);

    db_bind_int(s, 1, first);
    return db_run(db, s, err);
}

#define IS_EMPTY "NOT EXISTS (SELECT 1 FROM recipient WHERE recipient.message = message.id)"

static bool drop_message(struct db *db, int64_t message, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT content FROM message WHERE id = ? AND " IS_EMPTY);
    AUTO_STMT sqlite3_stmt *used = db_stmt(db, "SELECT count(*) FROM message WHERE content = ?");
    int64_t content = 0, n = 0;
    bool found = false;

    db_bind_int(s, 1, message);
    if (!db_one_int(db, s, &content, &found, err))
        return false;
    if (!found)
        return true;
    if (!run_plain(db, "DELETE FROM message WHERE id = ?", message, err))
        return false;
    db_bind_int(used, 1, content);
    return db_one_int(db, used, &n, NULL, err) && (n > 0 || content_drop(db, content, err));
}

bool queue_done(struct db *db, const struct queue_item *item, const struct msg_list *recipients,
                struct error *err)
{
    for (size_t i = 0; i < recipients->n; i++)
        if (!delete_recipient(db, item->message, recipients->v[i], err))
            return false;
    return drop_message(db, item->message, err);
}

bool queue_set_owners(struct db *db, const struct queue_item *item,
                      const struct msg_list *recipients, const uint64_t *owners, struct error *err)
{
    for (size_t i = 0; i < recipients->n; i++) {
        AUTO_STMT sqlite3_stmt *s = db_stmt(db, "UPDATE recipient SET account = ? WHERE message = ?"
                                                " AND address = ? AND account = 0");

        if (owners[i] == 0)
            continue;
        db_bind_int(s, 1, (int64_t)owners[i]);
        db_bind_int(s, 2, item->message);
        db_bind_text(s, 3, recipients->v[i]);
        if (!db_run(db, s, err))
            return false;
    }
    return true;
}

bool queue_has(struct db *db, const struct queue_item *item, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT 1 FROM recipient WHERE message = ? AND account = ? LIMIT 1");
    int64_t one;

    db_bind_int(s, 1, item->message);
    db_bind_int(s, 2, (int64_t)item->account);
    return db_one_int(db, s, &one, found, err);
}

bool queue_failed(struct db *db, const struct queue_item *item, struct str why, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE recipient SET attempts = attempts + 1, last_error = ?"
                    " WHERE message = ? AND account = ?");

    db_bind_text(s, 1, why);
    db_bind_int(s, 2, item->message);
    db_bind_int(s, 3, (int64_t)item->account);
    return db_run(db, s, err);
}

/* ---- purging ---- */

struct match { /* a recipient of nobody's, whose address is the account's */
    struct str transaction, address;
};

/* They lie in the arena. */
static bool find_matches(struct db *db, const struct purge *p, struct arena *arena,
                         struct vec *matches, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT transaction_id, address FROM recipient WHERE account = 0");
    enum db_step step;

    while ((step = db_next(db, s, err)) == DB_ROW) {
        struct match *m;

        if (!purge_matches(p, db_col_str(s, 1)))
            continue;
        m = vec_add(matches);
        *m = (struct match){arena_str(arena, db_col_str(s, 0)), arena_str(arena, db_col_str(s, 1))};
    }
    return step == DB_DONE;
}

static bool delete_match(struct db *db, const struct match *m, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "DELETE FROM recipient WHERE transaction_id = ? AND address = ?");

    db_bind_blob(s, 1, m->transaction);
    db_bind_text(s, 2, m->address);
    return db_run(db, s, err);
}

static bool purge_nobodys(struct db *db, const struct purge *p, uint64_t *purged, struct error *err)
{
    struct arena arena;
    struct vec matches;
    bool ok;

    arena_init(&arena, SIZE_MAX);
    vec_init(&matches, sizeof(struct match));
    ok = find_matches(db, p, &arena, &matches, err);
    for (size_t i = 0; ok && i < matches.n; i++)
        ok = delete_match(db, vec_at(&matches, i), err);
    *purged += ok ? matches.n : 0;
    vec_done(&matches);
    arena_done(&arena);
    return ok;
}

bool queue_purge(struct db *db, uint64_t account, const struct purge *p, uint64_t *purged,
                 struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    uint64_t n;

    *purged = 0;
    if (!db_begin(&tx, db, err) ||
        !run_plain(db, "DELETE FROM recipient WHERE account = ?1 AND ?1 <> 0", (int64_t)account,
                   err))
        return false;
    n = (uint64_t)sqlite3_changes(db_sqlite(db));
    if (!purge_nobodys(db, p, &n, err) ||
        !run_plain(db, "DELETE FROM message WHERE ?1 = ?1 AND " IS_EMPTY, 0, err) ||
        !drop_contents(db, err) || !db_commit(&tx, err))
        return false;
    *purged = n;
    return content_sweep(db, err);
}

void queue_count(struct db *db, uint64_t *recipients, int64_t *oldest_us)
{
    AUTO_STMT sqlite3_stmt *n = db_stmt(db, "SELECT count(*) FROM recipient");
    AUTO_STMT sqlite3_stmt *oldest =
        db_stmt(db, "SELECT coalesce(min(received_us), 0) FROM message");
    int64_t count = 0;
    struct error err;

    *oldest_us = 0;
    if (!db_one_int(db, n, &count, NULL, &err) || !db_one_int(db, oldest, oldest_us, NULL, &err))
        count = 0;
    *recipients = (uint64_t)count;
}
