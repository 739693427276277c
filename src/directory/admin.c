/* directory/admin.c: the operator's commands on domains, accounts, aliases and the audit log. Arguments come as words, answers
 * go as JSON. Every change and its line in the audit log are one transaction. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "directory/credential.h"
#include "directory/admin_int.h"
#include "directory/audit.h"
#include "address/address.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANY_MOST 100000
#define KEYS_BATCH 1000
#define PART 60000

/* ---- answers ---- */

static void job_free(struct job *j)
{
    account_link_done(&j->check);
    asked_forget(&j->asked);
    arena_done(&j->arena);
    mem_free(j);
}

/* All but the last part goes ahead of the answer. */
static void answer(struct job *j, uint64_t kind, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    struct str rest = str_c(text);
    struct msg_admin_tell tell = {.error = {kind, STR("see the answer")}};

    while (asked_waits(&j->asked) && rest.n > PART) {
        struct msg m = {.type = MSG_ADMIN_PART,
                        .admin_part = {j->asked.id, str_sub(rest, 0, PART)}};

        rest = str_skip(rest, PART);
        chan_send(j->asked.chan, &m);
    }
    tell.text = rest;
    tell_admin(&j->asked, &tell, -1);
    free(text);
    json_decref(json);
    job_free(j);
}

json_t *admin_text(struct str s)
{
    json_t *t = json_stringn(s.p ? s.p : "", s.n);

    return t ? t : json_string("?");
}

static void fail(struct job *j, const struct error *err)
{
    json_t *o = json_object();

    json_object_set_new(o, "error", json_string(err->text));
    json_object_set_new(o, "kind", json_string(error_kind_name(err->kind)));
    answer(j, err->kind ? err->kind : ERROR_INTERNAL, o);
}

static void done(struct job *j, json_t *o)
{
    answer(j, ERROR_NONE, o);
}

void admin_log(struct job *j, const char *what, struct str object)
{
    struct log_line l;

    log_begin(&l, LOG_ADMIN, STR_NULL);
    log_str(&l, "who", j->who);
    log_c(&l, "command", what);
    log_str(&l, "object", object);
    log_end(&l);
}

/* ---- words ---- */

/* The word after --name, or STR_NULL; *there tells whether the option stands there at all. */
struct str admin_option(const struct job *j, const char *name, bool *there)
{
    for (size_t i = 0; i < j->args_n; i++) {
        if (str_equal(j->args[i], str_c(name))) {
            *there = true;
            return i + 1 < j->args_n ? j->args[i + 1] : STR_NULL;
        }
    }
    *there = false;
    return STR_NULL;
}

bool admin_number_option(const struct job *j, const char *name, uint64_t most, uint64_t *out,
                         struct error *err)
{
    bool there;
    struct str v = admin_option(j, name, &there);

    if (!there || str_to_u64(v, most, out))
        return true;
    return error_set(err, ERROR_SYNTAX, "%s wants a number up to %llu", name,
                     (unsigned long long)most);
}

bool admin_want(const struct job *j, size_t n, const char *usage, struct error *err)
{
    if (j->args_n >= n)
        return true;
    return error_set(err, ERROR_SYNTAX, "usage: posthus %s", usage);
}

/* ---- domains ---- */

static bool insert_domain(struct directory *d, struct str name, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "INSERT INTO domain (name, created_us) VALUES (?, ?)");
    struct buf b;
    struct error why = {0};
    bool ok;

    buf_init(&b, LIMIT_SMTP_DOMAIN);
    address_fold_domain(&b, name);
    db_bind_text(s, 1, buf_view(&b));
    db_bind_int(s, 2, clock_wall_us());
    ok = db_run(d->db, s, &why);
    buf_done(&b);
    if (!ok && why.kind == ERROR_EXISTS)
        return error_set(err, ERROR_EXISTS, "the domain %.*s is there already", STR_ARG(name));
    return ok || error_set(err, why.kind, "%s", why.text);
}

static bool domain_add(struct job *j, json_t **out, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct db *db = j->d->db;

    if (!admin_want(j, 3, "domain add NAME", err) || !address_check_domain(j->args[2], err) ||
        !db_begin(&tx, db, err) || !insert_domain(j->d, j->args[2], err) ||
        !audit_append(db, j->who, STR("domain add"), j->args[2], STR_NULL, err) ||
        !db_commit(&tx, err))
        return false;
    admin_log(j, "domain add", j->args[2]);
    *out = json_object();
    json_object_set_new(*out, "domain", admin_text(j->args[2]));
    return true;
}

static bool domain_list(struct job *j, json_t **out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT name, (SELECT count(*) FROM address WHERE domain = domain.id) "
                          "FROM domain ORDER BY name");
    enum db_step step;

    *out = json_array();
    while ((step = db_next(j->d->db, s, err)) == DB_ROW) {
        json_t *o = json_object();

        json_object_set_new(o, "domain", admin_text(db_col_str(s, 0)));
        json_object_set_new(o, "addresses", json_integer(db_col_int(s, 1)));
        json_array_append_new(*out, o);
    }
    return step == DB_DONE;
}

/* ---- account add: names, then a hash, then keys, then one transaction ---- */

static void finish_add(struct job *j);

static bool expand_many(struct job *j, struct str pattern, uint64_t n, struct error *err)
{
    struct str head, tail, width;
    uint64_t digits = 0;

    if (!str_cut(pattern, '%', &head, &tail) || !str_cut(tail, 'd', &width, &tail) ||
        (width.n && !str_to_u64(width, 9, &digits)))
        return error_set(err, ERROR_SYNTAX, "--many wants a pattern as user%%04d@example.test");
    j->names = arena_array(&j->arena, n, sizeof *j->names);
    for (uint64_t i = 0; j->names && i < n; i++)
        j->names[i] = arena_printf(&j->arena, "%.*s%0*llu%.*s", STR_ARG(head), (int)digits,
                                   (unsigned long long)i + 1, STR_ARG(tail));
    j->names_n = n;
    return !j->arena.full || error_set(err, ERROR_LIMIT, "too many accounts at once");
}

static bool insert_credential(struct job *j, uint64_t account, const struct scram_keys *scram,
                              struct error *err)
{
    unsigned char mac[MAC_BYTES];
    char normal[26];

    if (!j->app)
        return credential_set_password(j->d->db, account, j->hash, err);
    if (!app_password_normal(j->password, normal))
        return error_set(err, ERROR_SYNTAX,
                         "an app password is random: 26 characters of a-z and 2-7");
    app_password_mac(j->d->mac_key, account, normal, mac);
    mem_wipe(normal, sizeof normal);
    return credential_add_app(j->d->db, account, j->label, j->scope, j->read_only, j->expires_us,
                              mac, scram, err);
}

static void make_scram(struct job *j, struct scram_keys *out)
{
    unsigned char salt[16];

    random_bytes(salt, sizeof salt);
    if (j->app)
        scram_derive(j->password, salt, SCRAM_ITERATIONS, out);
}

static bool insert_accounts(struct job *j, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct db *db = j->d->db;
    struct scram_keys scram = {0};

    make_scram(j, &scram);
    if (!db_begin(&tx, db, err))
        return false;
    for (size_t i = 0; i < j->names_n; i++) {
        uint64_t account = j->first_account + i;

        if (!account_insert(j->d, account, j->quota, err) ||
            !address_add(j->d, j->names[i], account, true, err) ||
            !insert_credential(j, account, &scram, err) ||
            !audit_append(db, j->who, STR("account add"), j->names[i], STR_NULL, err))
            return false;
    }
    return db_commit(&tx, err);
}

static void on_keys(void *arg, struct msg_keys_create_tell *tell, int *fd)
{
    struct job *j = arg;
    struct error err = {0};

    (void)fd;
    if (msg_error_take(&tell->error, &err))
        fail(j, &err);
    else
        finish_add(j);
}

static void finish_add(struct job *j)
{
    struct error err = {0};
    json_t *o;

    if (j->keys_done < j->names_n) {
        size_t n = size_min(KEYS_BATCH, j->names_n - j->keys_done);
        uint64_t *numbers = arena_array(&j->arena, n, sizeof *numbers);
        struct str *items = arena_array(&j->arena, n, sizeof *items);
        struct msg_keys_create_ask ask = {0};

        for (size_t i = 0; numbers && items && i < n; i++) {
            numbers[i] = j->first_account + j->keys_done + i;
            items[i] = str_of(&numbers[i], sizeof numbers[i]);
        }
        j->keys_done += n;
        ask.accounts = (struct msg_list){items, items ? n : 0};
        call_keys_create(process_to(j->d->p, ROLE_KEYS), &ask, NULL, on_keys, j);
        return;
    }
    if (!insert_accounts(j, &err)) {
        fail(j, &err);
        return;
    }
    admin_log(j, "account add", j->names[0]);
    o = json_object();
    json_object_set_new(o, "account", admin_text(j->names[0]));
    if (j->names_n > 1)
        json_object_set_new(o, "accounts", json_integer((json_int_t)j->names_n));
    if (j->made_password)
        json_object_set_new(o, j->app ? "app_password" : "password", admin_text(j->password));
    done(j, o);
}

static void on_add_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct job *j = arg;

    if (!ok) {
        fail(j, err);
        return;
    }
    j->hash = arena_str(&j->arena, hash);
    finish_add(j);
}

/* The password from the command's input, or a new one that is shown once. */
static bool choose_password(struct job *j, struct error *err)
{
    bool there;

    admin_option(j, "--app-password", &there);
    j->app = j->app || there;
    j->password = str_trim(j->input);
    j->made_password = j->password.n == 0;
    if (j->made_password) {
        char made[APP_PASSWORD_TEXT];

        app_password_make(made);
        j->password =
            arena_str(&j->arena, str_sub(str_c(made), 0, j->app ? APP_PASSWORD_TEXT : 19));
        mem_wipe(made, sizeof made);
        return true;
    }
    if (j->password.n > LIMIT_PASSWORD || (!j->app && j->password.n < 8))
        return error_set(err, ERROR_SYNTAX, "a password has 8 to %d characters", LIMIT_PASSWORD);
    return true;
}

static bool account_add(struct job *j, struct error *err)
{
    uint64_t many = 1;
    struct str local, domain;
    int64_t id;

    j->quota = j->d->p->config.quota;
    if (!admin_want(j, 3, "account add ADDRESS [--quota BYTES] [--app-password]", err) ||
        !admin_number_option(j, "--many", MANY_MOST, &many, err) ||
        !admin_number_option(j, "--quota", INT64_MAX, &j->quota, err) || !choose_password(j, err))
        return false;
    j->names = &j->args[2];
    j->names_n = 1;
    if (many != 1 && !expand_many(j, j->args[2], many, err))
        return false;
    if (j->names_n == 0 || !address_split(j->names[0], &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is no address; expected name@domain",
                         STR_ARG(j->args[2]));
    if (!address_check(local, domain, err) || !domain_find(j->d, domain, &id, err))
        return false;
    j->label = STR("first");
    j->first_account = j->d->next_account;
    j->d->next_account += j->names_n;
    if (j->app)
        finish_add(j);
    else
        hash_queue_add(j->d->hashes, (struct hash_owner){0}, j->password, STR_NULL, on_add_hash, j);
    return true;
}

/* ---- account password, app-password ---- */

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

static void finish_password(struct job *j)
{
    AUTO_TX struct db_tx tx = {0};
    struct scram_keys scram = {0};
    struct error err = {0};
    int64_t old = 0;
    json_t *o;

    make_scram(j, &scram);
    if (!db_begin(&tx, j->d->db, &err) || !find_password(j, &old, &err) ||
        !insert_credential(j, j->account, &scram, &err) ||
        !audit_append(j->d->db, j->who, j->app ? STR("app password add") : STR("password set"),
                      j->args[2], j->app ? j->label : STR_NULL, &err) ||
        !db_commit(&tx, &err)) {
        db_tx_end(&tx);
        tx.db = NULL;
        fail(j, &err);
        return;
    }
    if (!j->app && old)
        login_end_credential(j->d, j->account, old);
    admin_log(j, j->app ? "account app-password" : "account password", j->args[2]);
    o = json_object();
    json_object_set_new(o, "account", admin_text(j->args[2]));
    if (j->made_password)
        json_object_set_new(o, j->app ? "app_password" : "password", admin_text(j->password));
    done(j, o);
}

static void on_password_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct job *j = arg;

    if (!ok) {
        fail(j, err);
        return;
    }
    j->hash = arena_str(&j->arena, hash);
    finish_password(j);
}

static bool account_password(struct job *j, struct error *err)
{
    bool there;
    uint64_t days = 0;

    j->app = str_equal(j->args[1], STR("app-password"));
    if (!admin_want(j, 3,
                    j->app ? "account app-password ADDRESS --name NAME [--scope SERVICES] "
                             "[--read-only] [--days N]"
                           : "account password ADDRESS",
                    err) ||
        !account_of_name(j->d, j->args[2], &j->account, err) ||
        !admin_number_option(j, "--days", 36500, &days, err) || !choose_password(j, err))
        return false;
    j->label = admin_option(j, "--name", &there);
    if (j->app && j->label.n == 0)
        return error_set(err, ERROR_SYNTAX, "--name says which device or program it is for");
    j->scope = admin_option(j, "--scope", &there);
    if (!there)
        j->scope = STR("all");
    admin_option(j, "--read-only", &j->read_only);
    if (days)
        j->expires_us = clock_wall_us() + (int64_t)days * 86400 * 1000000;
    if (j->app)
        finish_password(j);
    else
        hash_queue_add(j->d->hashes, (struct hash_owner){0}, j->password, STR_NULL,
                       on_password_hash, j);
    return true;
}

/* ---- account list, show ---- */

static bool account_list(struct job *j, json_t **out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT local || '@' || name, account.quota, account.problem FROM account"
                          " JOIN address ON address.account = account.id AND main = 1"
                          " JOIN domain ON domain.id = address.domain ORDER BY account.id");
    enum db_step step;

    *out = json_array();
    while ((step = db_next(j->d->db, s, err)) == DB_ROW) {
        json_t *o = json_object();

        json_object_set_new(o, "account", admin_text(db_col_str(s, 0)));
        json_object_set_new(o, "quota", json_integer(db_col_int(s, 1)));
        if (db_col_str(s, 2).n)
            json_object_set_new(o, "problem", admin_text(db_col_str(s, 2)));
        json_array_append_new(*out, o);
    }
    return step == DB_DONE;
}

static json_t *time_text(int64_t us)
{
    struct buf b;
    json_t *t;

    buf_init(&b, 64);
    clock_print_rfc3339(&b, us);
    t = admin_text(buf_view(&b));
    buf_done(&b);
    return t;
}

static bool list_credentials(struct job *j, json_t *into, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT kind, name, scope, read_only, expires_us, created_us, id FROM "
                          "credential WHERE account = ?"
                          " ORDER BY id");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)j->account);
    while ((step = db_next(j->d->db, s, err)) == DB_ROW) {
        json_t *o = json_object();

        json_object_set_new(o, "id", json_integer(db_col_int(s, 6)));
        json_object_set_new(o, "kind", admin_text(db_col_str(s, 0)));
        json_object_set_new(o, "name", admin_text(db_col_str(s, 1)));
        json_object_set_new(o, "scope", admin_text(db_col_str(s, 2)));
        json_object_set_new(o, "read_only", json_boolean(db_col_int(s, 3)));
        json_object_set_new(o, "created", time_text(db_col_int(s, 5)));
        if (sqlite3_column_type(s, 4) != SQLITE_NULL)
            json_object_set_new(o, "expires", time_text(db_col_int(s, 4)));
        json_array_append_new(into, o);
    }
    return step == DB_DONE;
}

static bool account_show(struct job *j, json_t **out, struct error *err)
{
    struct account_settings settings;
    struct buf name;
    json_t *aliases = json_array(), *credentials = json_array();

    *out = json_object();
    buf_init(&name, 500);
    if (!admin_want(j, 3, "account show ADDRESS", err) ||
        !account_of_name(j->d, j->args[2], &j->account, err) ||
        !account_name(j->d, j->account, &name, err) ||
        !account_settings(j->d, j->account, &settings, err) ||
        !admin_list_aliases(j, j->account, aliases, false, err) ||
        !list_credentials(j, credentials, err)) {
        json_decref(aliases);
        json_decref(credentials);
        buf_done(&name);
        return false;
    }
    json_object_set_new(*out, "account", admin_text(buf_view(&name)));
    json_object_set_new(*out, "number", json_integer((json_int_t)j->account));
    json_object_set_new(*out, "quota", json_integer((json_int_t)settings.quota));
    json_object_set_new(*out, "subaddress_folders", json_boolean(settings.subaddress));
    json_object_set_new(*out, "aliases", aliases);
    json_object_set_new(*out, "credentials", credentials);
    buf_done(&name);
    return true;
}

/* ---- account remove: the key first, so that nothing opens it again; then files; then rows ---- */

static void finish_remove(void *arg, struct msg_account_remove_tell *tell, int *fd)
{
    struct job *j = arg;
    AUTO_TX struct db_tx tx = {0};
    struct error err = {0};
    json_t *o;

    (void)fd;
    if (tell->error.kind)
        error_set(&err, ERROR_TEMPORARY,
                  "the account's key is destroyed, but its files could not be removed; "
                  "run the command again");
    if (err.kind || !db_begin(&tx, j->d->db, &err) || !account_delete(j->d, j->account, &err) ||
        !audit_append(j->d->db, j->who, STR("account remove"), j->args[2], STR_NULL, &err) ||
        !db_commit(&tx, &err)) {
        db_tx_end(&tx);
        tx.db = NULL;
        fail(j, &err);
        return;
    }
    login_forget(j->d, j->account);
    admin_log(j, "account remove", j->args[2]);
    o = json_object();
    json_object_set_new(o, "removed", admin_text(j->args[2]));
    done(j, o);
}

static void on_purged(void *arg, struct msg_queue_purge_tell *tell, int *fd)
{
    struct job *j = arg;
    struct error err = {0};

    (void)fd;
    if (msg_error_take(&tell->error, &err)) {
        fail(j, &err);
        return;
    }
    call_account_remove(process_to(j->d->p, ROLE_ACCOUNTS),
                        &(struct msg_account_remove_ask){.account = j->account}, NULL,
                        finish_remove, j);
}

static void on_erased(void *arg, struct msg_keys_erase_tell *tell, int *fd)
{
    struct job *j = arg;
    struct msg_queue_purge_ask ask = {.account = j->account};
    struct error err = {0};

    (void)fd;
    if (msg_error_take(&tell->error, &err)) {
        fail(j, &err);
        return;
    }
    if (!account_addresses(j->d, j->account, &j->arena, &ask.addresses, &err)) {
        fail(j, &err);
        return;
    }
    call_queue_purge(process_to(j->d->p, ROLE_RELAY), &ask, NULL, on_purged, j);
}

static bool account_remove(struct job *j, struct error *err)
{
    struct buf name, asked;
    bool same;

    if (!admin_want(j, 3, "account remove ADDRESS", err) ||
        !account_of_name(j->d, j->args[2], &j->account, err))
        return false;
    buf_init(&name, 500);
    buf_init(&asked, 500);
    address_fold_whole(&asked, j->args[2]);
    same =
        account_name(j->d, j->account, &name, err) && str_equal(buf_view(&name), buf_view(&asked));
    if (!same)
        error_set(err, ERROR_CONFLICT,
                  "%.*s is an address of %.*s; name the account itself to remove it",
                  STR_ARG(buf_view(&asked)), STR_ARG(buf_view(&name)));
    buf_done(&name);
    buf_done(&asked);
    if (!same)
        return false;
    call_keys_erase(process_to(j->d->p, ROLE_KEYS),
                    &(struct msg_keys_erase_ask){.account = j->account}, NULL, on_erased, j);
    return true;
}

/* ---- account check ---- */

static void on_checked(void *arg, struct msg_check_tell *tell, int *fd)
{
    struct job *j = arg;
    struct error err = {0};
    json_t *o;

    (void)fd;
    if (tell->id == 0) {
        error_set(&err, ERROR_TEMPORARY, "the account's process ended; `posthus log` says why");
        fail(j, &err);
        return;
    }
    account_set_problem(j->d, j->account,
                        tell->error.kind ? str_sub(tell->report, 0, 200) : STR_NULL);
    o = json_object();
    json_object_set_new(o, "account", admin_text(j->args[2]));
    json_object_set_new(o, "ok", json_boolean(tell->error.kind == ERROR_NONE));
    json_object_set_new(o, "report", admin_text(tell->report));
    answer(j, tell->error.kind, o);
}

static void on_check_turn(struct account_link_want *want, struct chan *chan,
                          const struct error *err)
{
    struct job *j = (struct job *)((char *)want - offsetof(struct job, check));
    bool repair;

    if (!chan) {
        fail(j, err);
        return;
    }
    admin_option(j, "--repair", &repair);
    call_check(call_over(j->d->p->calls, chan), &(struct msg_check_ask){.repair = repair}, NULL,
               on_checked, j);
}

static bool account_check(struct job *j, struct error *err)
{
    if (!admin_want(j, 3, "account check ADDRESS [--repair]", err) ||
        !account_of_name(j->d, j->args[2], &j->account, err))
        return false;
    j->check.fn = on_check_turn;
    account_link_want(j->d->links, j->account, 1, &j->check);
    return true;
}

/* ---- the audit log ---- */

static bool audit_check(struct job *j, json_t **out, struct error *err)
{
    unsigned char last[AUDIT_HASH_BYTES];
    uint64_t rows = 0;
    struct buf hex;

    if (!audit_verify(j->d->db, &rows, last, err))
        return false;
    buf_init(&hex, 100);
    for (size_t i = 0; i < sizeof last; i++)
        buf_printf(&hex, "%02x", last[i]);
    *out = json_object();
    json_object_set_new(*out, "ok", json_true());
    json_object_set_new(*out, "rows", json_integer((json_int_t)rows));
    json_object_set_new(*out, "last_hash", admin_text(buf_view(&hex)));
    buf_done(&hex);
    return true;
}

/* ---- the table ---- */

static const struct command {
    const char *noun, *verb;
    bool (*at_once)(struct job *j, json_t **out, struct error *err); /* answers itself */
    bool (*later)(struct job *j, struct error *err);                 /* true: it will answer */
} commands[] = {
    {"domain", "add", domain_add, NULL},
    {"domain", "list", domain_list, NULL},
    {"account", "add", NULL, account_add},
    {"account", "list", account_list, NULL},
    {"account", "show", account_show, NULL},
    {"account", "password", NULL, account_password},
    {"account", "app-password", NULL, account_password},
    {"account", "set", admin_account_set, NULL},
    {"account", "remove", NULL, account_remove},
    {"account", "check", NULL, account_check},
    {"alias", "add", admin_alias_add, NULL},
    {"alias", "remove", admin_alias_remove, NULL},
    {"alias", "list", admin_alias_list, NULL},
    {"audit", "verify", audit_check, NULL},
};

static struct job *job_new(struct directory *d, struct chan *c, const struct msg *m)
{
    const struct msg_admin_ask *call = &m->admin_ask;
    struct job *j = mem_zalloc(sizeof *j);

    *j = (struct job){.d = d, .expires_us = INT64_MAX, .scope = STR("all")};
    asked_take(&j->asked, c, m);
    arena_init(&j->arena, 64 << 20);
    j->args_n = call->args.n;
    j->args = arena_array(&j->arena, call->args.n + 1, sizeof *j->args);
    for (size_t i = 0; i < call->args.n; i++)
        j->args[i] = arena_str(&j->arena, call->args.v[i]);
    j->input = arena_str(&j->arena, call->input);
    j->who = arena_str(&j->arena, call->who);
    return j;
}

void admin_call(struct directory *d, struct chan *c, struct msg *m)
{
    struct job *j = job_new(d, c, m);
    struct error err = {0};
    json_t *out = NULL;

    for (size_t i = 0; j->args_n >= 2 && i < ARRAY_LEN(commands); i++) {
        const struct command *k = &commands[i];

        if (!str_equal(j->args[0], str_c(k->noun)) || !str_equal(j->args[1], str_c(k->verb)))
            continue;
        if (k->at_once ? k->at_once(j, &out, &err) : k->later(j, &err)) {
            if (k->at_once)
                done(j, out);
            return;
        }
        json_decref(out);
        fail(j, &err);
        return;
    }
    error_set(&err, ERROR_SYNTAX, "there is no command \"%.*s %.*s\"; `posthus help` lists them",
              STR_ARG(j->args_n ? j->args[0] : STR_NULL),
              STR_ARG(j->args_n > 1 ? j->args[1] : STR_NULL));
    fail(j, &err);
}
