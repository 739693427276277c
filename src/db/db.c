/* db/db.c: see db.h. Opening, migrating and closing; statements and transactions are in
 * db_stmt.c. */
#include "db/db_int.h"

#include "base/clock.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define HEAP_MAX (96 << 20)     /* bytes SQLite may hold; beyond it the process ends */
#define CHECKPOINT_FRAMES "250" /* about 1 MiB of log: what a cold start has to read */
#define IDLE_SLICE_US 20000     /* nothing holds the loop for longer */
#define IDLE_VACUUM_PAGES 256   /* free pages below which vacuum is not worth its writes */
#define SEALS_UNKEPT 65536      /* seals after which db_close writes page 1 to keep their count */

/* 32 MiB. Not a multiple of 256: SQLite takes the low byte for on or off. */
#define SPILL_PAGES "8000"

/* What Debian's library is built with, and we rely on. */
static void check_library(void)
{
    static const char *const needed[] = {"ENABLE_FTS5"};
    static const char *const refused[] = {"OMIT_WAL", "OMIT_AUTOVACUUM", "OMIT_FOREIGN_KEY",
                                          "TEMP_STORE=0", "OMIT_INCRBLOB"};

    if (sqlite3_libversion_number() < 3040000)
        fatal("the SQLite library is %s; 3.40 or later is needed", sqlite3_libversion());
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!sqlite3_compileoption_used(needed[i]))
            fatal("the SQLite library was built without %s", needed[i]);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (sqlite3_compileoption_used(refused[i]))
            fatal("the SQLite library was built with %s", refused[i]);
}

void db_process_init(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    check_library();
    /* A statement journal beyond 64 KiB would become a temporary file, whatever temp_store says. */
    if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_URI, 0) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        panic("SQLite was in use before db_process_init");
    sqlite3_hard_heap_limit64(HEAP_MAX);
    vault_process_init();
}

void db_after_fork(void)
{
    sqlite3_randomness(0, NULL);
}

/* Which constraint a statement ran into, as those who call distinguish them. */
static enum error_kind constraint_kind(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return ERROR_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return ERROR_CONFLICT;
    default:
        return ERROR_INTERNAL;
    }
}

bool db_error(struct db *db, int code, struct error *err)
{
    const char *why;
    enum error_kind failure = vault_failure(db->vault, &why);

    if (failure != ERROR_NONE)
        return error_set(err, failure, "%s", why);
    if (db->failure != ERROR_NONE)
        return error_set(err, db->failure, "the database has failed before");
    switch (code & 255) {
    case SQLITE_CONSTRAINT:
        return error_set(err, constraint_kind(code), "%s", sqlite3_errmsg(db->sqlite));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        db->failure = ERROR_DAMAGED;
        return error_set(err, ERROR_DAMAGED, "the database is damaged: %s",
                         sqlite3_errmsg(db->sqlite));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return error_set(err, ERROR_DISK, "%s", sqlite3_errmsg(db->sqlite));
    case SQLITE_FULL:
        return error_set(err, ERROR_DISK, "the disk is full");
    case SQLITE_INTERRUPT:
        return error_set(err, ERROR_TEMPORARY, "interrupted");
    case SQLITE_TOOBIG:
        return error_set(err, ERROR_LIMIT, "%s", sqlite3_errmsg(db->sqlite));
    case SQLITE_NOMEM:
        fatal("out of memory in the database");
    default:
        break;
    }
    return error_set(err, ERROR_INTERNAL, "%s", sqlite3_errmsg(db->sqlite));
}

bool db_io_failed(struct db *db, int64_t code, const char *what, struct error *err)
{
    int error = (int)-code;

    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return error_set(err, ERROR_DISK, "the disk is full");
    db->failure = ERROR_DISK;
    return error_set(err, ERROR_DISK, "%s failed: %s", what, strerror(error));
}

static bool exec_sql(struct db *db, const char *sql, struct error *err)
{
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || db_error(db, code, err);
}

/* The first column of the first row of sql, as text. */
static bool query_text(struct db *db, const char *sql, char *out, size_t out_n, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);

        snprintf(out, out_n, "%s", text ? text : "");
    }
    sqlite3_finalize(s);
    return code == SQLITE_ROW || db_error(db, code, err);
}

/* A setting, and what it must read as afterwards: a setting that a library ignores shows here. */
struct setting {
    const char *set, *get, *want;
};

static const struct setting settings[] = {
    /* Before the first access: the wal-index is then on the heap. */
    {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA locking_mode", "exclusive"},
    {"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2"},
    {"PRAGMA mmap_size=0", NULL, NULL},
    {"PRAGMA cache_size=-1024", "PRAGMA cache_size", "-1024"},
    /* Pages of one transaction that are kept in memory before they go to the log uncommitted. Not
     * OFF: a transaction over a million rows would end the process, again at each try. */
    {"PRAGMA cache_spill=" SPILL_PAGES, "PRAGMA cache_spill", SPILL_PAGES},
    {"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"},
    {"PRAGMA synchronous=FULL", "PRAGMA synchronous", "2"},
    {"PRAGMA secure_delete=FAST", "PRAGMA secure_delete", "2"},
    {"PRAGMA wal_autocheckpoint=" CHECKPOINT_FRAMES, "PRAGMA wal_autocheckpoint",
     CHECKPOINT_FRAMES},
    {"PRAGMA journal_size_limit=1048576", "PRAGMA journal_size_limit", "1048576"},
    {NULL, "PRAGMA journal_mode", "wal"},
    {NULL, "PRAGMA auto_vacuum", "2"},
    {NULL, "PRAGMA page_size", "4096"},
};

static const struct setting erasing = {"PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1"};

static bool set_one(struct db *db, const struct setting *s, struct error *err)
{
    char got[64] = "";

    if (s->set && !exec_sql(db, s->set, err))
        return false;
    if (!s->get)
        return true;
    if (!query_text(db, s->get, got, sizeof got, err))
        return false;
    return strcmp(got, s->want) == 0 ||
           error_set(err, ERROR_INTERNAL, "%s is %s and not %s", s->get, got, s->want);
}

static bool configure_db(struct db *db, const struct db_schema *schema, struct error *err)
{
    static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DDL,
                              SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                              SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER};
    static const int limits[][2] = {
        {SQLITE_LIMIT_LENGTH, 32 << 20},      {SQLITE_LIMIT_SQL_LENGTH, 200000},
        {SQLITE_LIMIT_COLUMN, 200},           {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 20},   {SQLITE_LIMIT_VDBE_OP, 100000},
        {SQLITE_LIMIT_ATTACHED, 0},           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 2000}, {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        sqlite3_limit(db->sqlite, limits[i][0], limits[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        sqlite3_db_config(db->sqlite, off[i], 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_extended_result_codes(db->sqlite, 1);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!set_one(db, &settings[i], err))
            return false;
    if (schema->erases && !set_one(db, &erasing, err))
        return false;
    /* Only now: it would forbid some of the settings. */
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return true;
}

static bool migrate_schema(struct db *db, const struct db_schema *schema, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    char text[64] = "";
    uint64_t version;

    if (!query_text(db, "PRAGMA user_version", text, sizeof text, err))
        return false;
    if (!str_to_u64(str_c(text), INT32_MAX, &version))
        return error_set(err, ERROR_DAMAGED, "the schema's version is %s", text);
    if (version > schema->version)
        return error_set(err, ERROR_CONFLICT,
                         "the %s database was written by a newer release (schema %llu, this one "
                         "knows %u): run that release or a later one",
                         schema->name, (unsigned long long)version, schema->version);
    if (version == 0 && db->source.must_exist)
        return error_set(err, ERROR_DAMAGED, "the %s database was in use and is empty",
                         schema->name);
    if (version == schema->version)
        return true;
    if (!db_begin(&tx, db, err))
        return false;
    for (; version < schema->version; version++)
        if (!exec_sql(db, schema->steps[version], err))
            return false;
    snprintf(text, sizeof text, "PRAGMA user_version=%u", schema->version);
    /* What a step has freed goes too: a page that was never written would be the only one not sealed. */
    return exec_sql(db, text, err) && exec_sql(db, "PRAGMA incremental_vacuum", err) &&
           db_commit(&tx, err);
}

bool db_open(struct db **out, const struct db_source *source, const struct db_schema *schema,
             struct error *err)
{
    struct db *db;
    int code;

    db_process_init();
    db = mem_zalloc(sizeof *db);
    db->source = *source;
    if (!db->source.io)
        db->source.io = &io_kernel;
    if (!vault_open(&db->vault, &db->source, err))
        goto fail;
    code = sqlite3_open_v2(vault_name(db->vault), &db->sqlite,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                           "vault");
    if (code != SQLITE_OK) {
        db_error(db, code, err);
        goto fail;
    }
    db->sweep = true;
    if (!configure_db(db, schema, err) || !migrate_schema(db, schema, err))
        goto fail;
    *out = db;
    return true;
fail:
    db->failure = ERROR_INTERNAL; /* nothing more is written */
    db_close(db);
    return false;
}

/* PRAGMA user_version writes page 1 even when the number stays. */
static void keep_seal_count(struct db *db)
{
    char text[64] = "", sql[96];

    if (vault_seals(db->vault) < vault_seals_kept(db->vault) + SEALS_UNKEPT)
        return;
    if (!query_text(db, "PRAGMA user_version", text, sizeof text, NULL))
        return;
    snprintf(sql, sizeof sql, "PRAGMA user_version=%s", text);
    if (!exec_sql(db, sql, NULL))
        return; /* the next one to close it will */
}

bool db_checkpoint(struct db *db, struct error *err)
{
    int code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    return code == SQLITE_OK || db_error(db, code, err);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    if (db->in_tx)
        panic("a database is closed within a transaction");
    db_forget_statements(db);
    if (db->sqlite) {
        if (!db_failed(db)) {
            keep_seal_count(db);
            (void)!db_checkpoint(db, NULL); /* the next start reads the log */
        } else {
            sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        }
        if (sqlite3_close(db->sqlite) != SQLITE_OK)
            panic("a database is closed while a statement is in use");
    }
    vault_close(db->vault);
    mem_wipe(db, sizeof *db);
    mem_free(db);
}

sqlite3 *db_sqlite(struct db *db)
{
    return db->sqlite;
}

const struct db_source *db_source_of(const struct db *db)
{
    return &db->source;
}

bool db_failed(const struct db *db)
{
    return db->failure != ERROR_NONE || vault_failure(db->vault, NULL) != ERROR_NONE;
}

/* Gives free pages back to the file system when they are many, in small steps until the slice is
 * over. */
static void vacuum_pages(struct db *db, int64_t until_us)
{
    char text[64] = "";
    uint64_t pages;

    while (clock_boot_us() < until_us) {
        if (!query_text(db, "PRAGMA freelist_count", text, sizeof text, NULL) ||
            !str_to_u64(str_c(text), UINT32_MAX, &pages) || pages < IDLE_VACUUM_PAGES ||
            !exec_sql(db, "PRAGMA incremental_vacuum(64)", NULL))
            return;
    }
}

void db_idle(struct db *db)
{
    int64_t until_us = clock_boot_us() + IDLE_SLICE_US * 3 / 4; /* the rest is the checkpoint's */

    if (db->in_tx)
        panic("a database is idle within a transaction");
    if (db_failed(db))
        return;
    db_forget_statements(db);
    vacuum_pages(db, until_us);
    (void)!db_checkpoint(db, NULL); /* or later */
    sqlite3_db_release_memory(db->sqlite);
    malloc_trim(0);
}

void db_derive_key(const unsigned char key[DB_KEY_BYTES], struct str label, void *out, size_t out_n)
{
    seal_derive(key, label, out, out_n);
}
