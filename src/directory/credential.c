/* directory/credential.c: see credential.h. */
#include "directory/credential.h"

#include "base/clock.h"

#include <stdio.h>

bool credential_add_app(struct db *db, uint64_t account, struct str name, struct str scope,
                        bool read_only, int64_t expires_us, const unsigned char mac[MAC_BYTES],
                        const struct scram_keys *scram, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "INSERT INTO credential (account, kind, name, scope, read_only, expires_us, "
                    "mac, scram_salt,"
                    " scram_iterations, scram_stored, scram_server, created_us)"
                    " VALUES (?, 'app', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    db_bind_int(s, 1, (int64_t)account);
    db_bind_text(s, 2, name);
    db_bind_text(s, 3, scope);
    db_bind_int(s, 4, read_only);
    if (expires_us == INT64_MAX)
        db_bind_null(s, 5);
    else
        db_bind_int(s, 5, expires_us);
    db_bind_blob(s, 6, str_of(mac, MAC_BYTES));
    db_bind_blob(s, 7, str_of(scram->salt, sizeof scram->salt));
    db_bind_int(s, 8, scram->iterations);
    db_bind_blob(s, 9, str_of(scram->stored, sizeof scram->stored));
    db_bind_blob(s, 10, str_of(scram->server, sizeof scram->server));
    db_bind_int(s, 11, clock_wall_us());
    return db_run(db, s, err);
}

static bool remove_password(struct db *db, uint64_t account, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "DELETE FROM credential WHERE account = ? AND kind = 'password'");

    db_bind_int(s, 1, (int64_t)account);
    return db_run(db, s, err);
}

bool credential_set_password(struct db *db, uint64_t account, struct str hash, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        db, "INSERT INTO credential (account, kind, name, scope, read_only, hash, created_us)"
            " VALUES (?, 'password', 'password', 'all', 0, ?, ?)");

    if (!remove_password(db, account, err))
        return false;
    db_bind_int(s, 1, (int64_t)account);
    db_bind_text(s, 2, hash);
    db_bind_int(s, 3, clock_wall_us());
    return db_run(db, s, err);
}

/* Columns id, read_only, expires_us, scope. */
static void read_credential_row(sqlite3_stmt *s, struct credential *out)
{
    struct str scope = db_col_str(s, 3);

    *out = (struct credential){.id = db_col_int(s, 0), .read_only = db_col_int(s, 1) != 0};
    out->expires_us = sqlite3_column_type(s, 2) == SQLITE_NULL ? INT64_MAX : db_col_int(s, 2);
    snprintf(out->scope, sizeof out->scope, "%.*s", STR_ARG(scope));
}

bool credential_find_app(struct db *db, uint64_t account, const unsigned char mac[MAC_BYTES],
                         struct credential *out, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT id, read_only, expires_us, scope FROM credential"
                    " WHERE mac = ? AND account = ? AND kind = 'app'");
    enum db_step step;

    db_bind_blob(s, 1, str_of(mac, MAC_BYTES));
    db_bind_int(s, 2, (int64_t)account);
    step = db_next(db, s, err);
    *found = step == DB_ROW;
    if (*found)
        read_credential_row(s, out);
    return step != DB_FAIL;
}

bool credential_find_password(struct db *db, uint64_t account, struct credential *out,
                              struct buf *hash, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT id, read_only, expires_us, scope, hash FROM credential"
                    " WHERE account = ? AND kind = 'password'");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)account);
    step = db_next(db, s, err);
    *found = step == DB_ROW;
    if (*found) {
        read_credential_row(s, out);
        buf_str(hash, db_col_str(s, 4));
    }
    return step != DB_FAIL;
}

bool credential_exists(struct db *db, uint64_t account, int64_t id, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT id FROM credential WHERE id = ? AND account = ?");
    int64_t same;

    db_bind_int(s, 1, id);
    db_bind_int(s, 2, (int64_t)account);
    return db_one_int(db, s, &same, found, err);
}

bool credential_allows(const struct credential *c, struct str service, int64_t now_us)
{
    struct str list = str_c(c->scope);

    if (now_us >= c->expires_us)
        return false;
    while (list.n) {
        struct str word = list, rest = STR_NULL;

        str_cut(list, ' ', &word, &rest);
        if (str_equal(word, STR("all")) || str_equal(word, service))
            return true;
        list = rest;
    }
    return false;
}
