/* directory/accounts.c: whose an address is, and the rows of accounts. Answers come from the database
 * each time; there is no cache that could be cold or stale. */
#include "base/clock.h"
#include "base/limits.h"
#include "directory/directory_int.h"
#include "address/address.h"

/* RFC 5321 section 4.5.1: postmaster is always there; where nobody has the address it is the first account's. */
static bool find_postmaster(struct directory *d, uint64_t *account, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(d->db, "SELECT min(id) FROM account HAVING count(*) > 0");
    int64_t id = 0;

    if (!db_one_int(d->db, s, &id, found, err))
        return false;
    if (*found)
        *account = (uint64_t)id;
    return true;
}

/* The domain in which an address is looked up; *id is 0 where there is none, and then only postmaster is found. */
static bool find_own_domain(struct directory *d, struct str local, struct str domain, int64_t *id,
                            struct error *err)
{
    struct error why = {0};

    *id = 0;
    if (domain.n == 0 || domain_find(d, domain, id, &why))
        return true;
    if (why.kind != ERROR_NOT_FOUND)
        return error_set(err, why.kind, "%s", why.text);
    /* RFC 5321 section 4.5.1: <postmaster> alone travels as postmaster at our own name. */
    if (str_equal_nocase(local, STR("postmaster")) &&
        str_equal_nocase(domain, str_c(d->p->config.hostname)))
        return true;
    return error_set(err, ERROR_DENIED,
                     "%.*s is not a domain of this server, and it does not relay",
                     STR_ARG(str_sub(domain, 0, 100)));
}

bool account_of_address(struct directory *d, struct str local, struct str domain, uint64_t *account,
                        struct error *err)
{
    bool found = false, ok;
    struct buf b;
    int64_t id;

    if (!find_own_domain(d, local, domain, &id, err))
        return false;
    buf_init(&b, LIMIT_SMTP_PATH);
    address_fold(&b, local);
    ok = id == 0 || address_find(d, id, buf_view(&b), account, &found, err);
    if (ok && !found && str_equal(buf_view(&b), STR("postmaster")))
        ok = find_postmaster(d, account, &found, err);
    buf_done(&b);
    if (ok && !found)
        return error_set(err, ERROR_NOT_FOUND, "nobody here has this address");
    return ok;
}

bool account_of_name(struct directory *d, struct str name, uint64_t *account, struct error *err)
{
    struct str local, domain;

    if (!address_split(name, &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address; expected name@domain",
                         STR_ARG(str_sub(name, 0, 100)));
    return account_of_address(d, local, domain, account, err);
}

bool account_name(struct directory *d, uint64_t account, struct buf *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "SELECT local || '@' || name FROM address JOIN domain"
                       " ON domain.id = address.domain WHERE account = ? AND main = 1");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)account);
    step = db_next(d->db, s, err);
    if (step == DB_ROW)
        buf_str(out, db_col_str(s, 0));
    if (step == DB_DONE)
        return error_set(err, ERROR_NOT_FOUND, "there is no such account");
    return step == DB_ROW;
}

bool account_addresses(struct directory *d, uint64_t account, struct arena *arena,
                       struct msg_list *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "SELECT local || '@' || name FROM address JOIN domain"
                       " ON domain.id = address.domain WHERE account = ?");
    struct str *list = arena_array(arena, LIMIT_MSG_LIST, sizeof *list);
    enum db_step step = DB_DONE;

    *out = (struct msg_list){list, 0};
    db_bind_int(s, 1, (int64_t)account);
    while (list && out->n < LIMIT_MSG_LIST && (step = db_next(d->db, s, err)) == DB_ROW)
        list[out->n++] = arena_str(arena, db_col_str(s, 0));
    return step != DB_FAIL;
}

bool account_settings(struct directory *d, uint64_t account, struct account_settings *out,
                      struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "SELECT quota, subaddress, opened FROM account WHERE id = ?");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)account);
    step = db_next(d->db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_NOT_FOUND, "there is no such account");
    if (step != DB_ROW)
        return false;
    *out = (struct account_settings){(uint64_t)db_col_int(s, 0), db_col_int(s, 1) != 0,
                                     db_col_int(s, 2) != 0};
    return true;
}

bool account_set_settings(struct directory *d, uint64_t account,
                          const struct account_settings *settings, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "UPDATE account SET quota = ?, subaddress = ? WHERE id = ?");

    db_bind_int(s, 1, (int64_t)settings->quota);
    db_bind_int(s, 2, settings->subaddress);
    db_bind_int(s, 3, (int64_t)account);
    return db_run(d->db, s, err);
}

void account_set_problem(struct directory *d, uint64_t account, struct str why, bool stays)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "UPDATE account SET problem = nullif(?1, ''), problem_stays ="
                       " CASE WHEN ?1 = '' THEN 0 ELSE max(problem_stays, ?2) END WHERE id = ?3"
                       " AND (coalesce(problem, '') <> ?1 OR (?1 <> '' AND problem_stays < ?2))");
    struct error err;

    db_bind_text(s, 1, why);
    db_bind_int(s, 2, stays);
    db_bind_int(s, 3, (int64_t)account);
    if (!db_run(d->db, s, &err))
        directory_check_db(d);
}

void account_set_opened(struct directory *d, uint64_t account)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "UPDATE account SET opened = 1, problem = CASE WHEN problem_stays THEN"
                       " problem END WHERE id = ? AND (NOT opened OR"
                       " (problem IS NOT NULL AND NOT problem_stays))");
    struct error err;

    db_bind_int(s, 1, (int64_t)account);
    if (!db_run(d->db, s, &err))
        directory_check_db(d);
}

bool account_insert(struct directory *d, uint64_t account, uint64_t quota, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "INSERT INTO account (id, quota, created_us) VALUES (?, ?, ?)");

    db_bind_int(s, 1, (int64_t)account);
    db_bind_int(s, 2, (int64_t)quota);
    db_bind_int(s, 3, clock_wall_us());
    return db_run(d->db, s, err);
}

static bool delete_rows(struct directory *d, const char *sql, uint64_t account, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(d->db, sql);

    db_bind_int(s, 1, (int64_t)account);
    return db_run(d->db, s, err);
}

bool account_delete(struct directory *d, uint64_t account, struct error *err)
{
    return delete_rows(d, "DELETE FROM credential WHERE account = ?", account, err) &&
           delete_rows(d, "DELETE FROM address WHERE account = ?", account, err) &&
           delete_rows(d, "DELETE FROM account WHERE id = ?", account, err);
}

bool accounts_next_number(struct directory *d, uint64_t *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "SELECT seq FROM sqlite_sequence WHERE name = 'account'");
    int64_t n = 0;

    if (!db_one_int(d->db, s, &n, NULL, err))
        return false;
    *out = (uint64_t)n + 1;
    return true;
}
