/* db/db_int.h: what db.c and db_stmt.c share. */
#ifndef DB_DB_INT_H
#define DB_DB_INT_H

#include "db/db.h"
#include "db/vault.h"
#include "db/vault_crypto.h"

struct db_cached {
    const char *sql; /* a literal; its address is the key */
    sqlite3_stmt *stmt;
};

struct db {
    struct db_source source;
    struct vault *vault;
    sqlite3 *sqlite;
    struct db_cached *cached; /* open addressing; cached_cap is a power of two, or 0 */
    size_t cached_n, cached_cap;
    bool in_tx;
    enum error_kind failure; /* beside the vault's own: what SQLite or a large content met */
    bool sweep;              /* there may be files that no row names (content_sweep) */
};

/* Fills *err for an SQLite result code, the vault's own words first; returns false. */
bool db_error(struct db *db, int code, struct error *err);
/* A large content's file could not be written or synced: fills *err from -errno; db_failed is true
 * from now on, unless the disk was only full. Returns false. */
bool db_io_failed(struct db *db, int64_t code, const char *what, struct error *err);
/* Finalizes all kept statements. None may be in use. */
void db_forget_statements(struct db *db);

#endif
