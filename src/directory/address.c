/* directory/address.c: rows of addresses: local parts at domains of ours. */
#include "base/clock.h"
#include "base/limits.h"
#include "directory/directory_int.h"
#include "address/address.h"

static bool find_exactly(struct directory *d, int64_t domain, struct str local, uint64_t *account,
                         bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "SELECT account FROM address WHERE domain = ? AND local = ?");
    int64_t id = 0;

    db_bind_int(s, 1, domain);
    db_bind_text(s, 2, local);
    if (!db_one_int(d->db, s, &id, found, err))
        return false;
    if (*found)
        *account = (uint64_t)id;
    return true;
}

bool address_find(struct directory *d, int64_t domain, struct str local, uint64_t *account,
                  bool *found, struct error *err)
{
    struct str base, detail;

    if (!find_exactly(d, domain, local, account, found, err))
        return false;
    address_detail(local, &base, &detail);
    return *found || base.n == local.n || find_exactly(d, domain, base, account, found, err);
}

bool address_add(struct directory *d, struct str name, uint64_t account, bool is_main,
                 struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        d->db,
        "INSERT INTO address (domain, local, account, main, created_us) VALUES (?, ?, ?, ?, ?)");
    struct error why = {0};
    struct str local, domain;
    struct buf b;
    int64_t id = 0;
    bool ok;

    if (!address_split(name, &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address; expected name@domain",
                         STR_ARG(str_sub(name, 0, 100)));
    if (!address_check(local, domain, err) || !domain_find(d, domain, &id, err))
        return false;
    buf_init(&b, (size_t)3 * LIMIT_SMTP_LOCAL); /* folding may make it longer */
    address_fold(&b, local);
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, buf_view(&b));
    db_bind_int(s, 3, (int64_t)account);
    db_bind_int(s, 4, is_main);
    db_bind_int(s, 5, clock_wall_us());
    ok = db_run(d->db, s, &why);
    buf_done(&b);
    if (!ok && why.kind == ERROR_EXISTS)
        return error_set(err, ERROR_EXISTS, "%.*s is taken already",
                         STR_ARG(str_sub(name, 0, 100)));
    return ok || error_set(err, why.kind, "%s", why.text);
}
