/* store/store_read.c: reading messages, and the view that a session has of a mailbox. */
#include "store/store_int.h"

/* ---- messages ---- */

static bool too_much(struct error *err)
{
    return error_set(err, ERROR_LIMIT, "too much memory for one message");
}

/* A copy in the arena; false when it did not fit. */
static bool keep_text(struct arena *arena, struct str in, struct str *out)
{
    *out = arena_str(arena, in);
    return out->n == in.n;
}

static bool get_tombstone(struct store *store, int64_t mailbox, uint32_t uid, struct arena *arena,
                          struct store_message *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT flags, modseq, keywords, saved_us, email FROM tombstone"
                           " WHERE mailbox = ? AND uid = ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_NOT_FOUND, "there is no message with UID %u", uid);
    if (step != DB_ROW)
        return false;
    struct store_message m = {.uid = uid,
                              .flags = (uint32_t)db_col_int(s, 0),
                              .modseq = (uint64_t)db_col_int(s, 1),
                              .saved_us = db_col_int(s, 3),
                              .email = db_col_int(s, 4),
                              .expunged = true};
    if (!keep_text(arena, db_col_str(s, 2), &m.keywords))
        return too_much(err);
    *out = m;
    return true;
}

bool store_message_get(struct store *store, int64_t mailbox, uint32_t uid, struct arena *arena,
                       struct store_message *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT flags, modseq, keywords, saved_us, email FROM placement"
                           " WHERE mailbox = ? AND uid = ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return get_tombstone(store, mailbox, uid, arena, out, err);
    if (step != DB_ROW)
        return false;
    struct store_message m = {.uid = uid,
                              .flags = (uint32_t)db_col_int(s, 0),
                              .modseq = (uint64_t)db_col_int(s, 1),
                              .saved_us = db_col_int(s, 3),
                              .email = db_col_int(s, 4)};
    if (!keep_text(arena, db_col_str(s, 2), &m.keywords))
        return too_much(err);
    *out = m;
    return true;
}

static bool no_email(int64_t email, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "there is no email %lld", (long long)email);
}

bool store_email_head(struct store *store, int64_t email, struct store_email *out,
                      struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT size, received_us, sent_us, thread FROM email WHERE id = ?");
    db_bind_int(s, 1, email);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return no_email(email, err);
    if (step != DB_ROW)
        return false;
    *out = (struct store_email){
        .id = email,
        .size = (uint64_t)db_col_int(s, 0),
        .received_us = db_col_int(s, 1),
        .sent_us = sqlite3_column_type(s, 2) == SQLITE_NULL ? INT64_MIN : db_col_int(s, 2),
        .thread = db_col_int(s, 3),
    };
    return true;
}

bool store_email_get(struct store *store, int64_t email, struct arena *arena,
                     struct store_email *out, struct error *err)
{
    struct store_email e;
    if (!store_email_head(store, email, &e, err))
        return false;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT message_id, subject, preview, envelope, structure, parts,"
                           " length(prefix) FROM email WHERE id = ?");
    db_bind_int(s, 1, email);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return no_email(email, err);
    if (step != DB_ROW)
        return false;
    if (!keep_text(arena, db_col_str(s, 0), &e.message_id) ||
        !keep_text(arena, db_col_str(s, 1), &e.subject) ||
        !keep_text(arena, db_col_str(s, 2), &e.preview) ||
        !keep_text(arena, db_col_str(s, 3), &e.envelope) ||
        !keep_text(arena, db_col_str(s, 4), &e.structure))
        return too_much(err);
    if (!store_parts_parse(db_col_str(s, 5), (uint64_t)db_col_int(s, 6), arena, &e.parts,
                           &e.parts_n, err))
        return false;
    *out = e;
    return true;
}

bool store_email_parts(struct store *store, int64_t email, struct arena *arena,
                       struct store_part **parts, uint32_t *n, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT parts, length(prefix) FROM email WHERE id = ?");
    db_bind_int(s, 1, email);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return no_email(email, err);
    return step == DB_ROW &&
           store_parts_parse(db_col_str(s, 0), (uint64_t)db_col_int(s, 1), arena, parts, n, err);
}

bool store_email_read(struct store *store, int64_t email, uint64_t from, uint64_t n,
                      struct buf *out, struct error *err)
{
    int64_t content;
    uint64_t prefix_n;
    {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(store->db, "SELECT content, prefix FROM email WHERE id = ?");
        db_bind_int(s, 1, email);
        enum db_step step = db_next(store->db, s, err);
        if (step == DB_DONE)
            return no_email(email, err);
        if (step != DB_ROW)
            return false;
        content = db_col_int(s, 0);
        struct str prefix = db_col_str(s, 1);
        prefix_n = prefix.n;
        if (from < prefix_n) {
            struct str piece = str_sub(prefix, (size_t)from, (size_t)(n < prefix_n ? n : prefix_n));
            buf_str(out, piece);
            if (out->overflow)
                return too_much(err);
            from += piece.n;
            n -= piece.n;
        }
    }
    if (n == 0 || content_read(store->db, content, from - prefix_n, n, out, err))
        return true;
    if (err->kind == ERROR_DAMAGED)
        error_set(&store->damage, err->kind, "email %lld cannot be read: %s", (long long)email,
                  err->text);
    return false;
}

/* ---- the view ---- */

static bool collect_uids(struct store *store, sqlite3_stmt *s, struct vec *uids, struct error *err)
{
    enum db_step step;
    while ((step = db_next(store->db, s, err)) == DB_ROW)
        *(uint32_t *)vec_add(uids) = (uint32_t)db_col_int(s, 0);
    return step == DB_DONE;
}

static int64_t at_most(size_t max)
{
    return max > INT64_MAX ? INT64_MAX : (int64_t)max;
}

bool store_view(struct store *store, int64_t mailbox, uint32_t from, uint32_t below,
                uint64_t expunged_after, size_t max, struct vec *uids, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT uid FROM placement WHERE mailbox = ?1 AND uid >= ?2 AND uid < ?3"
                           " UNION ALL"
                           " SELECT uid FROM tombstone WHERE mailbox = ?1 AND modseq > ?4"
                           " AND +uid >= ?2 AND +uid < ?3"
                           " ORDER BY uid LIMIT ?5");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, from);
    db_bind_int(s, 3, below);
    db_bind_int(s, 4, (int64_t)(expunged_after & INT64_MAX));
    db_bind_int(s, 5, at_most(max));
    return collect_uids(store, s, uids, err);
}

bool store_expunged(struct store *store, int64_t mailbox, uint32_t below, uint64_t after,
                    uint64_t until, size_t max, struct vec *uids, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT uid FROM tombstone WHERE mailbox = ? AND modseq > ?"
                           " AND modseq <= ? AND +uid < ? ORDER BY +uid DESC LIMIT ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, (int64_t)after);
    db_bind_int(s, 3, (int64_t)until);
    db_bind_int(s, 4, below);
    db_bind_int(s, 5, at_most(max));
    return collect_uids(store, s, uids, err);
}

bool store_changed(struct store *store, int64_t mailbox, uint32_t below, struct store_changed after,
                   size_t max, struct vec *changed, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT modseq, uid FROM placement INDEXED BY placement_changed"
                           " WHERE mailbox = ? AND (modseq, uid) > (?, ?) AND +uid < ?"
                           " ORDER BY modseq, uid LIMIT ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, (int64_t)after.modseq);
    db_bind_int(s, 3, after.uid);
    db_bind_int(s, 4, below);
    db_bind_int(s, 5, at_most(max));
    enum db_step step;
    while ((step = db_next(store->db, s, err)) == DB_ROW) {
        struct store_changed *c = vec_add(changed);
        c->modseq = (uint64_t)db_col_int(s, 0);
        c->uid = (uint32_t)db_col_int(s, 1);
    }
    return step == DB_DONE;
}

bool store_first_unseen(struct store *store, int64_t mailbox, uint32_t from, uint32_t *uid,
                        struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT uid FROM placement INDEXED BY placement_unseen"
                           " WHERE mailbox = ? AND uid >= ? AND flags & 1 = 0"
                           " ORDER BY uid LIMIT 1");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, from);
    int64_t value = 0;
    if (!db_one_int(store->db, s, &value, NULL, err))
        return false;
    *uid = (uint32_t)value;
    return true;
}

bool store_deleted(struct store *store, int64_t mailbox, uint32_t from, size_t max,
                   struct vec *uids, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT uid FROM placement INDEXED BY placement_deleted"
                           " WHERE mailbox = ? AND uid >= ? AND flags & 8 = 8"
                           " ORDER BY uid LIMIT ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, from);
    db_bind_int(s, 3, at_most(max));
    return collect_uids(store, s, uids, err);
}
