/* store/store_copy.c: copies in slices. While one is under way each slice that is there has a row in `copying`, which
 * goes with the last slice; so a row whose copy nobody is at is to be taken back. A copy of one slice writes none. */
#include "store/store_int.h"

struct store_copying {
    struct store *store;
    int64_t from, to;
    int64_t number; /* of its rows; 0: it has none */
};

struct store_copying *store_copy_begin(struct store *store, int64_t mailbox, int64_t target)
{
    struct store_copying *c = mem_zalloc(sizeof(*c));
    *c = (struct store_copying){.store = store, .from = mailbox, .to = target};
    store->copies++;
    return c;
}

void store_copy_end(struct store_copying *c)
{
    if (!c)
        return;
    c->store->copies--;
    mem_free(c);
}

/* ---- a slice more ---- */

static bool add_row(struct store_copying *c, int64_t number, const struct vec *pairs, size_t from,
                    struct error *err)
{
    struct db *db = c->store->db;
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "INSERT INTO copying VALUES (?, ?, ?, ?)");
    const struct store_pair *p = pairs->p;
    if (pairs->n == from)
        return true;
    db_bind_int(s, 1, c->to);
    db_bind_int(s, 2, p[from].to);
    db_bind_int(s, 3, p[pairs->n - 1].to);
    db_bind_int(s, 4, number);
    return db_run(db, s, err);
}

static bool drop_rows(struct store_copying *c, struct error *err)
{
    struct db *db = c->store->db;
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "DELETE FROM copying WHERE copy = ?");
    db_bind_int(s, 1, c->number);
    return c->number == 0 || db_run(db, s, err);
}

bool store_copy_slice(struct store *store, struct store_copying *c, const uint32_t *uids, size_t n,
                      bool last, struct str actor, struct vec *pairs, struct error *err)
{
    int64_t number = c->number ? c->number : store->last_copy + 1;
    size_t before = pairs->n;
    AUTO_STORE_TX struct store_tx t = {0};
    if (store_tx_begin(&t, store, actor, STORE_CHANGE_COPY, err) &&
        store_copy_in(&t, c->from, uids, n, c->to, false, pairs, err) &&
        (last ? drop_rows(c, err) : add_row(c, number, pairs, before, err)) &&
        store_tx_commit(&t, err)) {
        c->number = last ? 0 : number;
        store->last_copy = number > store->last_copy ? number : store->last_copy;
        return true;
    }
    pairs->n = before;
    return false;
}

/* ---- taking back ---- */

struct slice {
    int64_t mailbox, number;
    uint32_t first, last;
};

/* One of this copy (0: of any). *found false: there is none. */
static bool find_slice(struct store *store, int64_t number, struct slice *out, bool *found,
                       struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT mailbox, first, last, copy FROM copying"
                           " WHERE ?1 IN (0, copy) ORDER BY mailbox DESC, first DESC LIMIT 1");
    db_bind_int(s, 1, number);
    enum db_step step = db_next(store->db, s, err);
    *found = step == DB_ROW;
    if (*found)
        *out = (struct slice){db_col_int(s, 0), db_col_int(s, 3), (uint32_t)db_col_int(s, 1),
                              (uint32_t)db_col_int(s, 2)};
    return step != DB_FAIL;
}

static bool undo_slice(struct store *store, const struct slice *slice, struct str actor,
                       struct error *err)
{
    struct db *db = store->db;
    struct vec uids;
    AUTO_STORE_TX struct store_tx t = {0};
    AUTO_STMT sqlite3_stmt *row =
        db_stmt(db, "DELETE FROM copying WHERE mailbox = ? AND first = ?");
    db_bind_int(row, 1, slice->mailbox);
    db_bind_int(row, 2, slice->first);
    vec_init(&uids, sizeof(uint32_t));
    for (uint32_t uid = slice->first; uid <= slice->last; uid++)
        *(uint32_t *)vec_add(&uids) = uid;
    bool ok = store_tx_begin(&t, store, actor, STORE_CHANGE_UNDO, err) &&
              store_expunge_in(&t, slice->mailbox, uids.p, uids.n, err) && db_run(db, row, err) &&
              store_tx_commit(&t, err);
    vec_done(&uids);
    return ok;
}

static bool undo_one(struct store *store, int64_t number, struct str actor, bool *more,
                     struct error *err)
{
    struct slice slice;
    bool found = false;
    *more = false;
    if (!find_slice(store, number, &slice, &found, err) ||
        (found && !undo_slice(store, &slice, actor, err)))
        return false;
    *more = found;
    return true;
}

bool store_copy_undo(struct store *store, struct store_copying *c, struct str actor, bool *more,
                     struct error *err)
{
    *more = false;
    return c->number == 0 || undo_one(store, c->number, actor, more, err);
}

bool store_copy_sweep(struct store *store, bool *more, struct error *err)
{
    *more = false;
    if (store->copies > 0 || undo_one(store, 0, STR("undo"), more, err))
        return true;
    /* A disk that is full keeps nobody from reading: it is tried the next time. */
    *more = false;
    return !db_failed(store->db);
}
