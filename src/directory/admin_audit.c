/* directory/admin_audit.c: audit list, audit verify. */
#include "directory/admin_int.h"

#include "base/encode.h"
#include "directory/audit.h"

static void print_row(struct job *j, sqlite3_stmt *s)
{
    static const char *const names[] = {"who", "what", "object", "detail"};

    admin_json_open(&j->json, NULL, '{');
    admin_json_number(&j->json, "row", (uint64_t)db_col_int(s, 0));
    admin_json_time(&j->json, "time", db_col_int(s, 1));
    for (int i = 0; i < 4; i++)
        admin_json_text(&j->json, names[i], db_col_str(s, 2 + i));
    admin_json_close(&j->json);
}

bool admin_audit_list(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(j->d->db, "SELECT seq, at_us, who, what, object, detail"
                                                  " FROM audit WHERE seq > ? ORDER BY seq");
    struct str page = j->call.page;
    enum db_step step = DB_DONE;
    uint64_t from = 0;

    if (page.n && !admin_page_number(&page, ':', &from))
        return admin_page_is_wrong(j, err);
    admin_json_open(&j->json, NULL, '[');
    db_bind_int(s, 1, (int64_t)from);
    while (!j->next.n && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        print_row(j, s);
        if (admin_page_full(j))
            admin_page_next(j, "%lld", (long long)db_col_int(s, 0));
    }
    if (step == DB_FAIL)
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

bool admin_audit_verify(struct job *j, struct error *err)
{
    unsigned char last[AUDIT_HASH_BYTES];
    uint64_t rows = 0;
    struct buf hex;

    if (!audit_verify(j->d->db, &rows, last, err))
        return false;
    buf_init(&hex, 100);
    hex_print(&hex, last, sizeof last);
    admin_json_open(&j->json, NULL, '{');
    admin_json_bool(&j->json, "ok", true);
    admin_json_number(&j->json, "rows", rows);
    admin_json_text(&j->json, "last_hash", buf_view(&hex));
    admin_json_close(&j->json);
    buf_done(&hex);
    admin_done(j);
    return true;
}
