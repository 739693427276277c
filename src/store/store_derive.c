/* store/store_derive.c: what is kept of a message once it was understood, made again from its content:
 * by the check, and after an upgrade that understands messages in another way. That is done in slices
 * while nothing else is to do; until its turn comes, a message is shown as the earlier release
 * understood it. */
#include "store/store_int.h"

#include "base/clock.h"

#define SLICE_US 10000 /* less than a slice is (store_idle): the last message may be a long one */
#define NOTE_EVERY                                                                                 \
    1000 /* messages after which the place is written down, when none had to change */

/* ---- one email ---- */

static bool compare_texts(struct store *store, int64_t id, const struct store_parsed *p,
                          bool *differ, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT sent_us, message_id, subject, preview, envelope, structure,"
                           " parts FROM email WHERE id = ?");
    db_bind_int(s, 1, id);
    enum db_step step = db_next(store->db, s, err);
    *differ = false;
    if (step != DB_ROW)
        return step != DB_FAIL;
    bool no_date = sqlite3_column_type(s, 0) == SQLITE_NULL;
    *differ = (no_date ? p->sent_us != INT64_MIN : p->sent_us != db_col_int(s, 0)) ||
              !str_equal(db_col_str(s, 1), p->message_id) ||
              !str_equal(db_col_str(s, 2), p->subject) ||
              !str_equal(db_col_str(s, 3), buf_view(&p->preview)) ||
              !str_equal(db_col_str(s, 4), buf_view(&p->envelope)) ||
              !str_equal(db_col_str(s, 5), buf_view(&p->structure)) ||
              !str_equal(db_col_str(s, 6), buf_view(&p->parts));
    return true;
}

static bool write_texts(struct store *store, int64_t id, const struct store_parsed *p,
                        struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "UPDATE email SET sent_us = ?, message_id = ?, subject = ?,"
                           " preview = ?, envelope = ?, structure = ?, parts = ? WHERE id = ?");
    store_bind_parsed(s, 1, p);
    db_bind_int(s, 8, id);
    return db_run(store->db, s, err);
}

static bool compare_refs(struct store *store, int64_t id, const struct store_parsed *p,
                         bool *differ, struct error *err)
{
    int64_t n = 0, missing = 0;
    for (size_t i = 0; i < p->refs_n; i++) {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(store->db, "SELECT count(*) FROM email_ref WHERE email = ? AND ref = ?");
        int64_t there = 0;
        db_bind_int(s, 1, id);
        db_bind_int(s, 2, p->refs[i]);
        if (!db_one_int(store->db, s, &there, NULL, err))
            return false;
        missing += there == 0;
    }
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT count(*) FROM email_ref WHERE email = ?");
    db_bind_int(s, 1, id);
    if (!db_one_int(store->db, s, &n, NULL, err))
        return false;
    *differ = missing > 0 || n != (int64_t)p->refs_n;
    return true;
}

static bool write_refs(struct store *store, int64_t id, const struct store_parsed *p,
                       struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, "DELETE FROM email_ref WHERE email = ?");
    db_bind_int(s, 1, id);
    return db_run(store->db, s, err) && store_insert_refs(store, id, p, err);
}

bool store_derive_email(struct store *store, int64_t email, struct str content, bool write,
                        struct store_derived *out, struct error *err)
{
    struct store_parsed p;
    *out = (struct store_derived){0};
    store_parse(store, content, &p);
    bool ok = compare_texts(store, email, &p, &out->texts, err) &&
              compare_refs(store, email, &p, &out->refs, err) &&
              (!write || !out->texts || write_texts(store, email, &p, err)) &&
              (!write || !out->refs || write_refs(store, email, &p, err));
    store_parsed_done(&p);
    return ok;
}

bool store_derive_next(struct store *store, int64_t *id, int64_t *content, uint64_t *size,
                       bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT e.id, e.content, coalesce(c.size, -1) FROM email e"
                           " LEFT JOIN content c ON c.id = e.content WHERE e.id > ?"
                           " ORDER BY e.id LIMIT 1");
    db_bind_int(s, 1, *id);
    enum db_step step = db_next(store->db, s, err);
    *found = step == DB_ROW;
    if (*found) {
        *id = db_col_int(s, 0);
        *content = db_col_int(s, 1);
        *size = (uint64_t)db_col_int(s, 2);
    }
    return step != DB_FAIL;
}

/* ---- after an upgrade ---- */

static bool write_stale(struct store *store, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "UPDATE account SET derived = ?, stale_at = ?, stale_to = ?");
    db_bind_int(s, 1, STORE_DERIVED);
    db_bind_int(s, 2, store->stale_at);
    db_bind_int(s, 3, store->stale_to);
    return db_run(store->db, s, err);
}

bool store_stale_open(struct store *store, struct error *err)
{
    int64_t derived = 0;
    {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(store->db, "SELECT derived, stale_at, stale_to,"
                               " (SELECT coalesce(max(id), 0) FROM email) FROM account");
        enum db_step step = db_next(store->db, s, err);
        if (step == DB_DONE)
            return error_set(err, ERROR_DAMAGED, "the account's own row is missing");
        if (step != DB_ROW)
            return false;
        derived = db_col_int(s, 0);
        bool current = derived == STORE_DERIVED;
        store->stale_at = current ? db_col_int(s, 1) : 0;
        store->stale_to = current ? db_col_int(s, 2) : db_col_int(s, 3);
    }
    return derived == STORE_DERIVED || write_stale(store, err);
}

bool store_stale_has(const struct store *store, int64_t email)
{
    return email > store->stale_at && email <= store->stale_to;
}

bool store_stale_none(struct store *store, struct error *err)
{
    store->stale_at = store->stale_to = 0;
    return write_stale(store, err);
}

/* Reads the next one again. A content that cannot be read is passed over: the check tells of it. */
static bool refresh_next(struct store *store, bool *changed, bool *found, struct error *err)
{
    struct buf bytes;
    struct error why = {0};
    struct store_derived differed = {0};
    int64_t content;
    uint64_t size;
    bool ok = true;
    if (!store_derive_next(store, &store->stale_at, &content, &size, found, err))
        return false;
    *found = *found && store->stale_at <= store->stale_to;
    if (!*found || size == UINT64_MAX)
        return true;
    buf_init(&bytes, (size_t)size + 1);
    if (content_read(store->db, content, 0, size, &bytes, &why))
        ok = store_derive_email(store, store->stale_at, buf_view(&bytes), true, &differed, err);
    buf_done(&bytes);
    *changed = *changed || differed.texts || differed.refs;
    return ok;
}

/* Whether the place is to be written down: when rows were written, which costs no more then, or when
 * much would have to be read again after a crash. */
static bool is_worth_noting(const struct store *store, bool changed)
{
    return changed || store->stale_to == 0 || store->stale_read >= NOTE_EVERY;
}

static bool refresh_some(struct store *store, bool *more, struct error *err)
{
    int64_t began = clock_boot_us();
    bool changed = false;
    AUTO_TX struct db_tx tx = {0};
    if (!db_begin(&tx, store->db, err))
        return false;
    for (*more = true; *more && clock_boot_us() - began < SLICE_US; store->stale_read++)
        if (!refresh_next(store, &changed, more, err))
            return false;
    if (!*more)
        store->stale_at = store->stale_to = 0;
    if (is_worth_noting(store, changed)) {
        store->stale_read = 0;
        if (!write_stale(store, err))
            return false;
    }
    return db_commit(&tx, err);
}

bool store_stale_slice(struct store *store, bool *more, struct error *err)
{
    int64_t at = store->stale_at, to = store->stale_to;
    *more = false;
    if (at >= to)
        return true;
    if (refresh_some(store, more, err))
        return true;
    store->stale_at = at;
    store->stale_to = to;
    return false;
}
