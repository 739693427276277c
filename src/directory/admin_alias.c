/* directory/admin_alias.c: the operator's commands on aliases. */
#include "base/clock.h"
#include "base/limits.h"
#include "directory/admin_int.h"
#include "directory/audit.h"
#include "address/address.h"

bool admin_list_aliases(struct job *j, uint64_t account, json_t *into, bool targets,
                        struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT a.local || '@' || d.name, m.local || '@' || e.name FROM address a"
                          " JOIN domain d ON d.id = a.domain"
                          " JOIN address m ON m.account = a.account AND m.main = 1"
                          " JOIN domain e ON e.id = m.domain"
                          " WHERE a.main = 0 AND (?1 = 0 OR a.account = ?1) ORDER BY 1");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)account);
    while ((step = db_next(j->d->db, s, err)) == DB_ROW) {
        json_t *o = json_object();

        if (!targets) {
            json_decref(o);
            json_array_append_new(into, admin_text(db_col_str(s, 0)));
            continue;
        }
        json_object_set_new(o, "alias", admin_text(db_col_str(s, 0)));
        json_object_set_new(o, "account", admin_text(db_col_str(s, 1)));
        json_array_append_new(into, o);
    }
    return step == DB_DONE;
}

bool admin_alias_add(struct job *j, json_t **out, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};

    if (!admin_want(j, 4, "alias add ALIAS ADDRESS", err) ||
        !account_of_name(j->d, j->args[3], &j->account, err) || !db_begin(&tx, j->d->db, err) ||
        !address_add(j->d, j->args[2], j->account, false, err) ||
        !audit_append(j->d->db, j->who, STR("alias add"), j->args[2], j->args[3], err) ||
        !db_commit(&tx, err))
        return false;
    admin_log(j, "alias add", j->args[2]);
    *out = json_object();
    json_object_set_new(*out, "alias", admin_text(j->args[2]));
    json_object_set_new(*out, "account", admin_text(j->args[3]));
    return true;
}

static bool delete_alias(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "DELETE FROM address WHERE domain = ? AND local = ? AND main = 0");
    struct str local, domain;
    struct buf b;
    int64_t id = 0;
    bool ok;

    if (!address_split(j->args[2], &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is no address", STR_ARG(j->args[2]));
    if (!domain_find(j->d, domain, &id, err))
        return false;
    buf_init(&b, 500);
    address_fold(&b, local);
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, buf_view(&b));
    ok = db_run(j->d->db, s, err);
    buf_done(&b);
    if (ok && sqlite3_changes(db_sqlite(j->d->db)) == 0)
        return error_set(err, ERROR_NOT_FOUND, "%.*s is no alias here", STR_ARG(j->args[2]));
    return ok;
}

bool admin_alias_remove(struct job *j, json_t **out, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};

    if (!admin_want(j, 3, "alias remove ALIAS", err) || !db_begin(&tx, j->d->db, err) ||
        !delete_alias(j, err) ||
        !audit_append(j->d->db, j->who, STR("alias remove"), j->args[2], STR_NULL, err) ||
        !db_commit(&tx, err))
        return false;
    admin_log(j, "alias remove", j->args[2]);
    *out = json_object();
    json_object_set_new(*out, "removed", admin_text(j->args[2]));
    return true;
}

bool admin_alias_list(struct job *j, json_t **out, struct error *err)
{
    *out = json_array();
    return admin_list_aliases(j, 0, *out, true, err);
}
