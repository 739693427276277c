/* db/db.h: one SQLite database on the vault VFS (db/vault.h), opened the one way that
 * docs/design.md, "The vault", gives the reasons for: WAL, synchronous=FULL,
 * locking_mode=EXCLUSIVE, temp_store=MEMORY, secure_delete=FAST (ON in one that `erases`), auto_vacuum=INCREMENTAL,
 * cache_spill beyond 32 MiB, defensive, foreign keys, untrusted schema, no extensions, cell size
 * check, soft limits.
 *
 * An account's database, directory.db, keys.db and queue.db are all opened here. One process has it
 * open, from one thread. Never carried over fork(). A failed write, fsync or a page that does not
 * verify is ERROR_DISK or ERROR_DAMAGED: the owner ends its process and does not try again
 * (docs/failures.md, "250, then lost"); db_failed() tells. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/error.h"
#include "db/io.h"

#include <sqlite3.h>

#define DB_KEY_BYTES 32

struct db;

/* Sets SQLite up (single thread, memory limit, no temporary files), registers the vault, fetches
 * ciphers: about a millisecond that a parent spends once before it forks. Called by db_open when
 * nobody has. Ends the process when the SQLite library was built without what is relied upon. */
void db_process_init(void);
/* The first thing in a forked child: SQLite's own random numbers begin anew, or all children would
 * have the same. */
void db_after_fork(void);

/* Where the bytes are and what opens them. The descriptors stay the caller's and outlive the db;
 * who creates the files syncs their folder. */
struct db_source {
    int db_fd, wal_fd; /* O_RDWR; empty for a new database */
    int blob_fd;       /* folder of large contents, or -1 */
    unsigned char
        key[DB_KEY_BYTES]; /* the account's (or service's) key; file keys are derived from it */
    uint32_t generation;   /* of the key; 1, as keys are not rolled yet */
    const struct io *io;   /* NULL: io_kernel */
    bool must_exist;       /* it was in use before: empty files are damage, not a new database */
};

/* A schema and its migrations: steps[i] is SQL (several statements) that leads from user_version i
 * to i + 1. */
struct db_schema {
    const char *name; /* "account", "directory" ...; for messages */
    const char *const *steps;
    unsigned version; /* number of steps */
    bool erases;      /* what is deleted is overwritten, also on pages that it leaves free */
};

/* Opens, recovers, and migrates in one transaction. *out is the caller's, closed by db_close.
 * Errors: ERROR_DAMAGED (does not verify, or a log whose end is no crash's), ERROR_DISK,
 * ERROR_CONFLICT (made by a newer release; the text says so). */
MUST_CHECK bool db_open(struct db **out, const struct db_source *source,
                        const struct db_schema *schema, struct error *err);
/* Checkpoints (TRUNCATE), closes, wipes the keys. NULL is fine. */
void db_close(struct db *db);
sqlite3 *db_sqlite(struct db *db);
const struct db_source *db_source_of(const struct db *db);
/* A write, fsync or verification failed since db_open: the process must end. */
bool db_failed(const struct db *db);
/* Moves the log's pages into the database and truncates the log: of what was deleted in a database that `erases` nothing is
 * left then. Outside transactions, with no statement in hand. ERROR_DISK: it may be left. */
MUST_CHECK bool db_checkpoint(struct db *db, struct error *err);
/* Gives memory back when idle: forgets statements, releases page cache, checkpoints; at most one
 * slice of 20 ms of vacuum. Outside transactions, with no statement in hand. */
void db_idle(struct db *db);

/* A statement, prepared once a database and kept; sql must be a literal (the cache compares
 * pointers). Comes reset, with no bindings. Panics on SQL that does not compile (ours). AUTO_STMT
 * resets it when it goes out of scope; one statement is not used twice at once. */
sqlite3_stmt *db_stmt(struct db *db, const char *sql);
void db_stmt_reset(sqlite3_stmt **stmt);
#define AUTO_STMT __attribute__((cleanup(db_stmt_reset)))

/* Bindings by number from 1. Slices must live until the statement is reset (they are not copied).
 */
void db_bind_int(sqlite3_stmt *s, int i, int64_t v);
void db_bind_text(sqlite3_stmt *s, int i, struct str v);
void db_bind_blob(sqlite3_stmt *s, int i, struct str v);
void db_bind_null(sqlite3_stmt *s, int i);
/* Columns from 0; a slice is valid until the next step or reset. */
int64_t db_col_int(sqlite3_stmt *s, int i);
struct str db_col_str(sqlite3_stmt *s, int i); /* text or blob */

enum db_step { DB_FAIL, DB_ROW, DB_DONE };
/* One step. DB_FAIL fills err: ERROR_EXISTS for a broken UNIQUE or primary key, ERROR_CONFLICT for
 * a foreign key, ERROR_DAMAGED, ERROR_DISK (a full disk too), ERROR_TEMPORARY (interrupted),
 * ERROR_LIMIT, ERROR_INTERNAL. */
enum db_step db_next(struct db *db, sqlite3_stmt *s, struct error *err);
/* For statements that give no rows: true at DB_DONE. */
MUST_CHECK bool db_run(struct db *db, sqlite3_stmt *s, struct error *err);
/* One row with one integer; *out untouched when there is no row (then true too, and *found false;
 * found may be NULL). */
MUST_CHECK bool db_one_int(struct db *db, sqlite3_stmt *s, int64_t *out, bool *found,
                           struct error *err);

/* A transaction (BEGIN IMMEDIATE): rolled back when it goes out of scope without db_commit. Nested
 * begins are a panic.
 *
 *     AUTO_TX struct db_tx tx = {0};
 *     if (!db_begin(&tx, db, err)) return false;
 *     ...
 *     return db_commit(&tx, err);
 */
struct db_tx {
    struct db *db;
};
MUST_CHECK bool db_begin(struct db_tx *tx, struct db *db, struct error *err);
/* True: it is on the disk (fsynced). */
MUST_CHECK bool db_commit(struct db_tx *tx, struct error *err);
void db_tx_end(struct db_tx *tx);
#define AUTO_TX __attribute__((cleanup(db_tx_end)))

/* HKDF-SHA-256 (RFC 5869) of a 32-byte key; label is its info. out_n at most 64. */
void db_derive_key(const unsigned char key[DB_KEY_BYTES], struct str label, void *out,
                   size_t out_n);

#endif
