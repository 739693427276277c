/* directory/credential.c: see credential.h. */
#include "directory/credential.h"

#include "base/clock.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static void hmac(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[32])
{
    unsigned int out_n = 32;

    if (!HMAC(EVP_sha256(), key, (int)key_n, p, n, out, &out_n))
        fatal("OpenSSL has no HMAC-SHA-256");
}

void app_password_make(char out[APP_PASSWORD_TEXT])
{
    char text[27];
    size_t n = 0;

    random_text(text, 26);
    for (size_t i = 0; i < 26; i++) {
        if (i && i % 4 == 0)
            out[n++] = '-';
        out[n++] = text[i];
    }
    out[n] = '\0';
    mem_wipe(text, sizeof text);
}

bool app_password_normal(struct str password, char out[26])
{
    size_t n = 0;

    for (size_t i = 0; i < password.n; i++) {
        char c = ascii_lower(password.p[i]);

        if (c == '-' || c == ' ')
            continue;
        if (n == 26 || !((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
            return false;
        out[n++] = c;
    }
    return n == 26;
}

void app_password_mac(const unsigned char key[32], uint64_t account, const char normal[26],
                      unsigned char out[MAC_BYTES])
{
    unsigned char in[sizeof account + 26];

    memcpy(in, &account, sizeof account);
    memcpy(in + sizeof account, normal, 26);
    hmac(key, 32, in, sizeof in, out);
    mem_wipe(in, sizeof in);
}

void scram_derive(struct str password, const unsigned char salt[16], uint32_t iterations,
                  struct scram_keys *out)
{
    unsigned char salted[32], client[32];
    unsigned int n = 32;

    if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, salt, 16, (int)iterations, EVP_sha256(), 32,
                          salted) != 1)
        fatal("OpenSSL has no PBKDF2");
    hmac(salted, 32, "Client Key", 10, client);
    if (EVP_Digest(client, 32, out->stored, &n, EVP_sha256(), NULL) != 1)
        fatal("OpenSSL has no SHA-256");
    hmac(salted, 32, "Server Key", 10, out->server);
    memcpy(out->salt, salt, 16);
    out->iterations = iterations;
    mem_wipe(salted, sizeof salted);
    mem_wipe(client, sizeof client);
}

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
static void read_row(sqlite3_stmt *s, struct credential *out)
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
        read_row(s, out);
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
        read_row(s, out);
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
