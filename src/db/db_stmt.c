/* db/db_stmt.c: the statements and transactions of db.h. */
#include "db/db_int.h"

#include <limits.h>
#include <string.h>

static struct db_cached *slot_of(struct db_cached *slots, size_t cap, const char *sql)
{
    size_t i = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (cap - 1);

    while (slots[i].sql && slots[i].sql != sql)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static void grow_cache(struct db *db)
{
    size_t cap = db->cached_cap ? db->cached_cap * 2 : 32;
    struct db_cached *slots = mem_zalloc(cap * sizeof *slots);

    for (size_t i = 0; i < db->cached_cap; i++)
        if (db->cached[i].sql)
            *slot_of(slots, cap, db->cached[i].sql) = db->cached[i];
    mem_free(db->cached);
    db->cached = slots;
    db->cached_cap = cap;
}

void db_forget_statements(struct db *db)
{
    for (size_t i = 0; i < db->cached_cap; i++) {
        if (db->cached[i].stmt && sqlite3_stmt_busy(db->cached[i].stmt))
            panic("a statement is in use: %s", db->cached[i].sql);
        sqlite3_finalize(db->cached[i].stmt);
    }
    mem_free(db->cached);
    db->cached = NULL;
    db->cached_n = db->cached_cap = 0;
}

sqlite3_stmt *db_stmt(struct db *db, const char *sql)
{
    struct db_cached *slot;
    struct error err;
    int code;

    if (db->cached_n * 2 >= db->cached_cap)
        grow_cache(db);
    slot = slot_of(db->cached, db->cached_cap, sql);
    if (slot->stmt) {
        if (sqlite3_stmt_busy(slot->stmt))
            panic("a statement is used twice at once: %s", sql);
        return slot->stmt;
    }
    code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL);
    if (code == SQLITE_OK && slot->stmt) {
        slot->sql = sql;
        db->cached_n++;
        return slot->stmt;
    }
    db_error(db, code, &err);
    if (!db_failed(db) && err.kind != ERROR_DISK)
        panic("%s: %s", err.text, sql);
    return NULL; /* the schema could not be read; db_next reports it */
}

void db_stmt_reset(sqlite3_stmt **stmt)
{
    if (!*stmt)
        return;
    sqlite3_reset(*stmt);
    sqlite3_clear_bindings(*stmt);
}

/* A NULL statement comes of a failed database (db_stmt): bindings to it go nowhere. */
static void check_bound(sqlite3_stmt *s, int code)
{
    if (code != SQLITE_OK)
        panic("a binding is out of range or too large: %s", sqlite3_sql(s));
}

void db_bind_int(sqlite3_stmt *s, int i, int64_t v)
{
    if (s)
        check_bound(s, sqlite3_bind_int64(s, i, v));
}

void db_bind_text(sqlite3_stmt *s, int i, struct str v)
{
    if (s)
        check_bound(s, sqlite3_bind_text64(s, i, v.p ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(sqlite3_stmt *s, int i, struct str v)
{
    if (s)
        check_bound(s, sqlite3_bind_blob64(s, i, v.p ? v.p : "", v.n, SQLITE_STATIC));
}

void db_bind_null(sqlite3_stmt *s, int i)
{
    if (s)
        check_bound(s, sqlite3_bind_null(s, i));
}

int64_t db_col_int(sqlite3_stmt *s, int i)
{
    return sqlite3_column_int64(s, i);
}

struct str db_col_str(sqlite3_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(s, i); /* of a text too: its bytes, as they are stored */

    return str_of(p, (size_t)sqlite3_column_bytes(s, i));
}

enum db_step db_next(struct db *db, sqlite3_stmt *s, struct error *err)
{
    int code = s ? sqlite3_step(s) : SQLITE_IOERR;

    if (code == SQLITE_ROW)
        return DB_ROW;
    if (code == SQLITE_DONE)
        return DB_DONE;
    db_error(db, code, err);
    return DB_FAIL;
}

bool db_run(struct db *db, sqlite3_stmt *s, struct error *err)
{
    switch (db_next(db, s, err)) {
    case DB_DONE:
        return true;
    case DB_ROW:
        panic("a statement gives rows: %s", sqlite3_sql(s));
    default:
        return false;
    }
}

bool db_one_int(struct db *db, sqlite3_stmt *s, int64_t *out, bool *found, struct error *err)
{
    enum db_step step = db_next(db, s, err);

    if (step == DB_FAIL)
        return false;
    if (step == DB_ROW)
        *out = db_col_int(s, 0);
    if (found)
        *found = step == DB_ROW;
    return true;
}

static bool run_literal(struct db *db, const char *sql, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, sql);

    return db_run(db, s, err);
}

bool db_begin(struct db_tx *tx, struct db *db, struct error *err)
{
    if (db->in_tx || tx->db)
        panic("a transaction begins within another");
    if (db_failed(db))
        return db_error(db, SQLITE_IOERR, err);
    if (!run_literal(db, "BEGIN IMMEDIATE", err))
        return false;
    db->in_tx = true;
    tx->db = db;
    return true;
}

bool db_commit(struct db_tx *tx, struct error *err)
{
    struct db *db = tx->db;

    if (!db)
        panic("a commit without a transaction");
    if (sqlite3_get_autocommit(db->sqlite)) /* an error has rolled it back already */
        return error_set(err, ERROR_DISK, "the transaction was rolled back");
    if (!run_literal(db, "COMMIT", err))
        return false;
    db->in_tx = false;
    tx->db = NULL;
    return true;
}

void db_tx_end(struct db_tx *tx)
{
    struct db *db = tx->db;

    if (!db)
        return;
    tx->db = NULL;
    db->in_tx = false;
    if (sqlite3_get_autocommit(db->sqlite))
        return;
    if (!run_literal(db, "ROLLBACK", NULL) && !db_failed(db))
        panic("a rollback failed: %s", sqlite3_errmsg(db->sqlite));
}
