/* directory/domains.c: rows of domains. */
#include "base/limits.h"
#include "directory/directory_int.h"
#include "address/address.h"

bool domain_find(struct directory *d, struct str name, int64_t *id, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(d->db, "SELECT id FROM domain WHERE name = ?");
    struct buf b;
    bool found = false, ok;

    buf_init(&b, LIMIT_SMTP_DOMAIN + 1);
    address_fold_domain(&b, name);
    db_bind_text(s, 1, buf_view(&b));
    ok = db_one_int(d->db, s, id, &found, err);
    buf_done(&b);
    if (ok && !found)
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no domain %.*s here; `posthus domain add` makes one",
                         STR_ARG(str_sub(name, 0, 100)));
    return ok;
}
