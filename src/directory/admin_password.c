/* directory/admin_password.c: account password, app-password add, list, end; and what `account add` shares with them. A credential
 * that is replaced or deleted ends what it has opened. */
#include "directory/admin_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "directory/audit.h"
#include "directory/credential.h"

#include <string.h>

#define MADE_PASSWORD 19 /* characters of a person's password that is made here: 80 random bits */
#define PASSWORD_LEAST 8
#define DAY_US (86400LL * 1000000)

/* ---- a new secret ---- */

/* Code points, or bytes of what is no UTF-8. */
static size_t password_length(struct str s)
{
    size_t n = 0, at = 0;

    for (; at < s.n; n++)
        (void)utf8_next(s, &at);
    return n;
}

static bool has_outer_space(struct str s)
{
    return str_trim(s).n != s.n;
}

bool admin_secret_choose(struct job *j, bool app, struct error *err)
{
    struct admin_secret *s = &j->secret;
    char made[APP_PASSWORD_TEXT];

    *s = (struct admin_secret){.app = app, .scope = STR("all"), .expires_us = INT64_MAX};
    s->password = app ? str_trim(j->input) : j->input;
    s->made = s->password.n == 0;
    if (s->made) {
        app_password_make(made);
        s->password =
            arena_str(&j->arena, str_sub(str_c(made), 0, app ? APP_PASSWORD_TEXT : MADE_PASSWORD));
        mem_wipe(made, sizeof made);
        return true;
    }
    if (!app && has_outer_space(s->password))
        return error_set(err, ERROR_SYNTAX, "a password neither begins nor ends with a space");
    if (s->password.n > LIMIT_PASSWORD || (!app && password_length(s->password) < PASSWORD_LEAST))
        return error_set(err, ERROR_SYNTAX, "a password has %d to %d characters", PASSWORD_LEAST,
                         LIMIT_PASSWORD);
    return true;
}

struct hash_call {
    struct job *j;
    admin_peer_fn fn;
};

static void on_secret_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct hash_call call = *(struct hash_call *)arg;

    mem_free(arg);
    if (ok)
        call.j->secret.hash = arena_str(&call.j->arena, hash);
    call.fn(call.j, ok ? NULL : err);
}

void admin_secret_hash(struct job *j, admin_peer_fn fn)
{
    struct hash_call *call;

    if (j->secret.app) {
        fn(j, NULL);
        return;
    }
    call = mem_alloc(sizeof *call);
    *call = (struct hash_call){j, fn};
    hash_queue_add(j->d->hashes, (struct hash_owner){0}, j->secret.password, STR_NULL,
                   on_secret_hash, call);
}

void admin_secret_scram(const struct job *j, struct scram_keys *out)
{
    unsigned char salt[16];

    random_bytes(salt, sizeof salt);
    if (j->secret.app)
        scram_derive(j->secret.password, salt, SCRAM_ITERATIONS, out);
}

static bool insert_app_password(struct job *j, uint64_t account, const struct scram_keys *scram,
                                struct error *err)
{
    const struct admin_secret *s = &j->secret;
    unsigned char mac[MAC_BYTES];
    char normal[26];

    if (!app_password_normal(s->password, normal))
        return error_set(err, ERROR_SYNTAX,
                         "an app password is random: 26 characters of a-z and 2-7");
    app_password_mac(j->d->mac_key, account, normal, mac);
    mem_wipe(normal, sizeof normal);
    return credential_add_app(j->d->db, account, s->name, s->scope, s->read_only, s->expires_us,
                              mac, scram, err);
}

bool admin_secret_insert(struct job *j, uint64_t account, const struct scram_keys *scram,
                         int64_t *id, struct error *err)
{
    if (!(j->secret.app ? insert_app_password(j, account, scram, err)
                        : credential_set_password(j->d->db, account, j->secret.hash, err)))
        return false;
    *id = sqlite3_last_insert_rowid(db_sqlite(j->d->db));
    return true;
}

void admin_secret_show(struct job *j)
{
    if (j->secret.made)
        admin_json_text(&j->json, j->secret.app ? "app_password" : "password", j->secret.password);
}

/* ---- account password ---- */

/* The number of the password that the account has, 0: none. */
static bool find_password(struct job *j, int64_t *id, struct error *err)
{
    struct credential old = {0};
    struct buf hash;
    bool found = false, ok;

    buf_init(&hash, 200);
    ok = credential_find_password(j->d->db, j->account, &old, &hash, &found, err);
    buf_done_wipe(&hash);
    *id = found ? old.id : 0;
    return ok;
}

/* While it was hashed, the account may have been removed. */
static bool save_password(struct job *j, int64_t *old, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct account_settings unused;
    int64_t id;

    return db_begin(&tx, j->d->db, err) && account_settings(j->d, j->account, &unused, err) &&
           find_password(j, old, err) && admin_secret_insert(j, j->account, NULL, &id, err) &&
           audit_append(j->d->db, j->who, STR("account password"), j->name, STR_NULL, err) &&
           db_commit(&tx, err);
}

static void on_password_hash(struct job *j, const struct error *failed)
{
    struct error err = {0};
    int64_t old = 0;

    if (failed || !save_password(j, &old, &err)) {
        admin_fail(j, failed ? failed : &err);
        return;
    }
    if (old)
        login_end_credential(j->d, j->account, old);
    admin_log(j, j->name);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", j->name);
    admin_secret_show(j);
    admin_json_close(&j->json);
    admin_done(j);
}

bool admin_account_password(struct job *j, struct error *err)
{
    if (!admin_find_account(j, j->call.account_password.address.text, err) ||
        !admin_secret_choose(j, false, err))
        return false;
    admin_secret_hash(j, on_password_hash);
    return true;
}

/* ---- app-password add ---- */

static bool save_app_password(struct job *j, int64_t *id, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct scram_keys scram = {0};

    admin_secret_scram(j, &scram);
    return db_begin(&tx, j->d->db, err) && admin_secret_insert(j, j->account, &scram, id, err) &&
           audit_append(j->d->db, j->who, STR("app-password add"), j->name, j->secret.name, err) &&
           db_commit(&tx, err);
}

bool admin_app_password_add(struct job *j, struct error *err)
{
    const struct admin_takes_app_password_add *a = &j->call.app_password_add;
    int64_t id = 0;

    if (!admin_find_account(j, a->address.text, err) || !admin_secret_choose(j, true, err))
        return false;
    j->secret.name = a->name.text;
    j->secret.scope = a->scope.text;
    j->secret.read_only = a->read_only.yes;
    if (a->days.given)
        j->secret.expires_us = clock_wall_us() + (int64_t)a->days.number * DAY_US;
    if (!save_app_password(j, &id, err))
        return false;
    admin_log(j, j->name);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", j->name);
    admin_json_number(&j->json, "id", (uint64_t)id);
    admin_secret_show(j);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- app-password list ---- */

void admin_credential_print(struct job *j, sqlite3_stmt *s, bool with_kind)
{
    admin_json_open(&j->json, NULL, '{');
    if (with_kind)
        admin_json_text(&j->json, "kind", db_col_str(s, 1));
    admin_json_number(&j->json, "id", (uint64_t)db_col_int(s, 0));
    admin_json_text(&j->json, "name", db_col_str(s, 2));
    admin_json_text(&j->json, "scope", db_col_str(s, 3));
    admin_json_bool(&j->json, "read_only", db_col_int(s, 4) != 0);
    admin_json_time(&j->json, "created", db_col_int(s, 5));
    if (sqlite3_column_type(s, 6) != SQLITE_NULL)
        admin_json_time(&j->json, "expires", db_col_int(s, 6));
    admin_json_close(&j->json);
}

bool admin_app_password_list(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        j->d->db, "SELECT id, kind, name, scope, read_only, created_us, expires_us FROM credential"
                  " WHERE account = ?1 AND kind = 'app' AND id > ?2 ORDER BY id");
    struct str page = j->call.page;
    enum db_step step = DB_DONE;
    uint64_t from = 0;

    if (page.n && !admin_page_number(&page, ':', &from))
        return admin_page_is_wrong(j, err);
    if (!admin_find_account(j, j->call.app_password_list.address.text, err))
        return false;
    admin_json_open(&j->json, NULL, '[');
    db_bind_int(s, 1, (int64_t)j->account);
    db_bind_int(s, 2, (int64_t)from);
    while (!j->next.n && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        admin_credential_print(j, s, false);
        if (admin_page_full(j))
            admin_page_next(j, "%lld", (long long)db_col_int(s, 0));
    }
    if (step == DB_FAIL)
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- app-password end ---- */

static bool delete_app_password(struct job *j, int64_t id, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "DELETE FROM credential WHERE id = ?1 AND account = ?2 AND kind = 'app'");

    db_bind_int(s, 1, id);
    db_bind_int(s, 2, (int64_t)j->account);
    if (!db_run(j->d->db, s, err))
        return false;
    return sqlite3_changes(db_sqlite(j->d->db)) == 1 ||
           error_set(err, ERROR_NOT_FOUND,
                     "%.*s has no app password %lld; `posthus app-password list %.*s` shows them",
                     STR_ARG(str_sub(j->name, 0, 80)), (long long)id,
                     STR_ARG(str_sub(j->name, 0, 80)));
}

/* What it was called, for the audit log; appended. */
static bool find_name(struct job *j, int64_t id, struct buf *name, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(j->d->db, "SELECT name FROM credential WHERE id = ?");
    enum db_step step;

    db_bind_int(s, 1, id);
    step = db_next(j->d->db, s, err);
    if (step == DB_ROW)
        buf_str(name, db_col_str(s, 0));
    return step != DB_FAIL;
}

static bool save_end(struct job *j, int64_t id, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct buf name;
    bool ok;

    buf_init(&name, 1000);
    ok = db_begin(&tx, j->d->db, err) && find_name(j, id, &name, err) &&
         delete_app_password(j, id, err) &&
         audit_append(j->d->db, j->who, STR("app-password end"), j->name, buf_view(&name), err) &&
         db_commit(&tx, err);
    buf_done(&name);
    return ok;
}

bool admin_app_password_end(struct job *j, struct error *err)
{
    const struct admin_takes_app_password_end *a = &j->call.app_password_end;
    int64_t id = (int64_t)a->id.number;

    if (!admin_find_account(j, a->address.text, err) || !save_end(j, id, err))
        return false;
    login_end_credential(j->d, j->account, id);
    admin_log(j, j->name);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", j->name);
    admin_json_number(&j->json, "ended", (uint64_t)id);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}
