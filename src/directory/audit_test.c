/* directory/audit_test.c: a changed, removed or inserted row shows; and the database itself refuses to change one. */
#include "directory/audit.c"

#include "base/test.h"
#include "directory/directory_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct db *open_new(void)
{
    static unsigned n;
    struct db_source source = {.blob_fd = -1, .generation = 1};
    struct error err = {0};
    struct db *db = NULL;
    char path[400];

    snprintf(path, sizeof path, "%s/db%u", test_folder(), n);
    source.db_fd = open(path, O_RDWR | O_CREAT, 0600);
    snprintf(path, sizeof path, "%s/wal%u", test_folder(), n++);
    source.wal_fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK_ROW(db_open(&db, &source, &directory_schema, &err), err.text);
    return db;
}

static void append(struct db *db, const char *what)
{
    AUTO_TX struct db_tx tx = {0};
    struct error err;

    CHECK(db_begin(&tx, db, &err));
    CHECK(audit_append(db, STR("operator"), str_c(what), STR("ada@example.test"), STR_NULL, &err));
    CHECK(db_commit(&tx, &err));
}

static bool sql(struct db *db, const char *text)
{
    return sqlite3_exec(db_sqlite(db), text, NULL, NULL, NULL) == SQLITE_OK;
}

static struct db *with_rows(void)
{
    struct db *db = open_new();

    for (int i = 0; i < 5; i++)
        append(db, i % 2 ? "password set" : "account add");
    return db;
}

/* The whole chain: its rows, and the hash of the last. */
static bool verify_all(struct db *db, uint64_t *rows, unsigned char last[AUDIT_HASH_BYTES],
                       struct error *err)
{
    struct audit_walk walk = {0};
    bool done = false;

    if (!audit_walk(db, &walk, UINT64_MAX, &done, err))
        return false;
    *rows = walk.rows;
    memcpy(last, walk.last, sizeof walk.last);
    return done;
}

static void an_untouched_log_verifies(void)
{
    struct db *db = with_rows();
    unsigned char last[AUDIT_HASH_BYTES], before[AUDIT_HASH_BYTES];
    uint64_t rows = 0;
    struct error err;

    CHECK(verify_all(db, &rows, before, &err) && rows == 5);
    append(db, "account remove");
    CHECK(verify_all(db, &rows, last, &err) && rows == 6);
    CHECK(memcmp(before, last, sizeof last) != 0);
    db_close(db);
}

static void the_database_refuses_to_change_it(void)
{
    struct db *db = with_rows();

    CHECK(!sql(db, "UPDATE audit SET what = 'nothing' WHERE seq = 2"));
    CHECK(!sql(db, "DELETE FROM audit WHERE seq = 2"));
    db_close(db);
}

/* Somebody with the key drops the triggers first. */
static void every_change_shows(void)
{
    static const struct {
        const char *what, *sql;
    } rows[] = {
        {"a changed word", "UPDATE audit SET what = 'nothing' WHERE seq = 2"},
        {"a changed time", "UPDATE audit SET at_us = at_us + 1 WHERE seq = 2"},
        {"words moved between columns",
         "UPDATE audit SET who = 'operatora', what = 'ccount add' WHERE seq = 1"},
        {"a removed row", "DELETE FROM audit WHERE seq = 3"},
        {"the first row removed", "DELETE FROM audit WHERE seq = 1"},
        {"a row in between", "UPDATE audit SET seq = seq + 10 WHERE seq > 3;"
                             "INSERT INTO audit SELECT 4, at_us, who, what, object, detail, hash "
                             "FROM audit WHERE seq = 1"},
        {"two rows exchanged",
         "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 4;"
         "UPDATE audit SET seq = 4 WHERE seq = 99"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db *db = with_rows();
        unsigned char last[AUDIT_HASH_BYTES];
        uint64_t n;
        struct error err = {0};

        CHECK(sql(db, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete"));
        CHECK_ROW(sql(db, rows[i].sql), rows[i].what);
        CHECK_ROW(!verify_all(db, &n, last, &err) && err.kind == ERROR_DAMAGED, rows[i].what);
        db_close(db);
    }
}

static void a_walk_in_pieces_is_the_whole_way(void)
{
    struct db *db = with_rows();
    unsigned char last[AUDIT_HASH_BYTES];
    uint64_t rows = 0;
    struct error err;

    CHECK(verify_all(db, &rows, last, &err) && rows == 5);
    for (uint64_t most = 1; most <= 6; most++) {
        struct audit_walk walk = {0};
        unsigned pieces = 0;
        bool done = false;

        while (!done && pieces++ < 10)
            CHECK(audit_walk(db, &walk, most, &done, &err));
        CHECK_U64(pieces, 5 / most + 1);
        CHECK_U64(walk.rows, 5);
        CHECK(memcmp(walk.last, last, sizeof last) == 0);
    }
    db_close(db);
}

static void a_row_before_the_first_shows(void)
{
    struct db *db = with_rows();
    unsigned char last[AUDIT_HASH_BYTES];
    uint64_t rows = 0;
    struct error err;

    CHECK(sql(db, "INSERT INTO audit (seq, at_us, who, what, object, detail, hash)"
                  " SELECT -1, at_us, who, what, object, detail, hash FROM audit WHERE seq = 1"));
    CHECK(!verify_all(db, &rows, last, &err) && err.kind == ERROR_DAMAGED);
    db_close(db);
}

int main(void)
{
    RUN(a_walk_in_pieces_is_the_whole_way);
    RUN(a_row_before_the_first_shows);
    RUN(an_untouched_log_verifies);
    RUN(the_database_refuses_to_change_it);
    RUN(every_change_shows);
    return test_end();
}
