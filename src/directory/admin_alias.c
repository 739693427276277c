/* directory/admin_alias.c: alias add, alias list, alias remove. */
#include "directory/admin_int.h"

#include "address/address.h"
#include "base/clock.h"
#include "base/limits.h"
#include "directory/audit.h"

bool admin_alias_add(struct job *j, struct error *err)
{
    const struct admin_takes_alias_add *a = &j->call.alias_add;
    struct str alias = admin_folded(j, a->alias.text);
    AUTO_TX struct db_tx tx = {0};

    if (!admin_find_account(j, a->address.text, err) || !db_begin(&tx, j->d->db, err) ||
        !address_add(j->d, a->alias.text, j->account, false, err) ||
        !audit_append(j->d->db, j->who, STR("alias add"), alias, j->name, err) ||
        !db_commit(&tx, err))
        return false;
    admin_log(j, alias);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "alias", alias);
    admin_json_text(&j->json, "account", j->name);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

static bool delete_alias(struct job *j, struct str alias, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "DELETE FROM address WHERE domain = ? AND local = ? AND main = 0");
    struct str local, domain;
    struct buf b;
    int64_t id = 0;
    bool ok;

    if (!address_split(alias, &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address", STR_ARG(alias));
    if (!domain_find(j->d, domain, &id, err))
        return false;
    buf_init(&b, 3 * LIMIT_SMTP_PATH); /* folding may make it longer */
    address_fold(&b, local);
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, buf_view(&b));
    ok = db_run(j->d->db, s, err);
    buf_done(&b);
    if (ok && sqlite3_changes(db_sqlite(j->d->db)) == 0)
        return error_set(err, ERROR_NOT_FOUND, "%.*s is not an alias here", STR_ARG(alias));
    return ok;
}

bool admin_alias_remove(struct job *j, struct error *err)
{
    struct str alias = admin_folded(j, j->call.alias_remove.alias.text);
    AUTO_TX struct db_tx tx = {0};

    if (!db_begin(&tx, j->d->db, err) || !delete_alias(j, alias, err) ||
        !audit_append(j->d->db, j->who, STR("alias remove"), alias, STR_NULL, err) ||
        !db_commit(&tx, err))
        return false;
    admin_log(j, alias);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "removed", alias);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- of one account ---- */

static void print_address(struct job *j, struct str local, struct str domain)
{
    struct buf name;

    buf_init(&name, 4 * LIMIT_SMTP_PATH);
    buf_printf(&name, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));
    admin_json_text(&j->json, NULL, buf_view(&name));
    buf_done(&name);
}

bool admin_alias_each(struct job *j, uint64_t *domain, struct str *local, bool *more,
                      struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT domain, local, name FROM address"
                          " JOIN domain ON domain.id = address.domain"
                          " WHERE account = ?1 AND main = 0 AND (domain, local) > (?2, ?3)"
                          " ORDER BY domain, local");
    enum db_step step = DB_DONE;

    *more = false;
    db_bind_int(s, 1, (int64_t)j->account);
    db_bind_int(s, 2, (int64_t)*domain);
    db_bind_text(s, 3, *local);
    while (!*more && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        print_address(j, db_col_str(s, 1), db_col_str(s, 2));
        *more = admin_page_full(j);
        if (*more) {
            *domain = (uint64_t)db_col_int(s, 0);
            *local = arena_str(&j->arena, db_col_str(s, 1));
        }
    }
    return step != DB_FAIL;
}

/* ---- of all: every address is looked at, domain by domain, as few are aliases and no index has them alone ---- */

static bool print_alias(struct job *j, struct str local, struct str domain, uint64_t account,
                        struct error *err)
{
    struct buf name;
    bool ok;

    buf_init(&name, 4 * LIMIT_SMTP_PATH);
    admin_json_open(&j->json, NULL, '{');
    buf_printf(&name, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));
    admin_json_text(&j->json, "alias", buf_view(&name));
    buf_reset(&name);
    ok = account_name(j->d, account, &name, err);
    admin_json_text(&j->json, "account", buf_view(&name));
    admin_json_close(&j->json);
    buf_done(&name);
    return ok;
}

/* The aliases of one domain after `local`. */
static bool print_domain(struct job *j, int64_t id, struct str domain, struct str local, bool *full,
                         struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT local, main, account FROM address WHERE domain = ? AND local > ?"
                          " ORDER BY local");
    enum db_step step = DB_DONE;

    db_bind_int(s, 1, id);
    db_bind_text(s, 2, local);
    while (!*full && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        if (!db_col_int(s, 1) &&
            !print_alias(j, db_col_str(s, 0), domain, (uint64_t)db_col_int(s, 2), err))
            return false;
        *full = admin_page_full(j);
        if (*full)
            admin_page_next(j, "%.*s:%.*s", STR_ARG(domain), STR_ARG(db_col_str(s, 0)));
    }
    return step != DB_FAIL;
}

bool admin_alias_list(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT id, name FROM domain WHERE name >= ? ORDER BY name");
    struct str domain = STR_NULL, local = STR_NULL;
    enum db_step step = DB_DONE;
    bool full = false;

    if (j->call.page.n && !str_cut(j->call.page, ':', &domain, &local))
        return admin_page_is_wrong(j, err);
    admin_json_open(&j->json, NULL, '[');
    db_bind_text(s, 1, domain);
    while (!full && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        struct str name = db_col_str(s, 1);

        if (!print_domain(j, db_col_int(s, 0), name, str_equal(name, domain) ? local : STR_NULL,
                          &full, err))
            return false;
    }
    if (step == DB_FAIL)
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}
