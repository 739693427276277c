/* directory/admin_audit.c: audit list, audit verify. */
#include "directory/admin_int.h"

#include "base/encode.h"
#include "directory/audit.h"

#define WALKED_AT_ONCE 500 /* rows; less than a millisecond */

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

/* ---- verify: a page is a piece of the way, and answers nothing until the last ---- */

/* "rows:hash" of the rows that were walked. What a caller makes up deceives that caller alone. */
static bool read_walk(struct str page, struct audit_walk *walk)
{
    return !page.n || (admin_page_number(&page, ':', &walk->rows) &&
                       hex_parse(walk->last, sizeof walk->last, page));
}

static void print_hash(struct buf *out, const struct audit_walk *walk)
{
    buf_init(out, 2 * AUDIT_HASH_BYTES);
    hex_print(out, walk->last, sizeof walk->last);
}

bool admin_audit_verify(struct job *j, struct error *err)
{
    struct audit_walk walk = {0};
    bool done = false;
    struct buf hash;

    if (!read_walk(j->call.page, &walk))
        return admin_page_is_wrong(j, err);
    do {
        if (!audit_walk(j->d->db, &walk, WALKED_AT_ONCE, &done, err))
            return false;
    } while (!done && !admin_page_full(j));
    print_hash(&hash, &walk);
    admin_json_open(&j->json, NULL, '{');
    if (done) {
        admin_json_bool(&j->json, "ok", true);
        admin_json_number(&j->json, "rows", walk.rows);
        admin_json_text(&j->json, "last_hash", buf_view(&hash));
    } else {
        admin_page_next(j, "%llu:%.*s", (unsigned long long)walk.rows, STR_ARG(buf_view(&hash)));
    }
    admin_json_close(&j->json);
    buf_done(&hash);
    admin_done(j);
    return true;
}
