/* store/store_mailbox.c: the mailboxes of an account: names, finding, making, deleting, renaming,
 * subscribing. */
#include "store/store_int.h"

#include "base/limits.h"
#include "base/utf8.h"

#define COLUMNS                                                                                    \
    "m.id, m.name, m.role, m.uidvalidity, m.uidnext, m.messages, m.unseen, m.deleted, m.bytes,"    \
    " m.modseq, EXISTS (SELECT 1 FROM subscription s WHERE s.name = m.name),"                      \
    " EXISTS (SELECT 1 FROM mailbox c WHERE c.gone IS NULL"                                        \
    "  AND c.name > m.name || '/' AND c.name < m.name || '0'), m.gone IS NOT NULL"

/* ---- names ---- */

static bool name_char_ok(int32_t code)
{
    /* Controls (C0, DEL, C1) and the line separators are no part of a name that anybody sees (RFC
     * 9051 section 5.1). */
    return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x2028 && code != 0x2029 &&
           code != '*' && code != '%';
}

static bool levels_ok(struct str name)
{
    struct str level, rest = name;
    bool more = true;
    while (more) {
        more = str_cut(rest, '/', &level, &rest);
        if (!more)
            level = rest;
        if (level.n == 0 || str_equal(level, STR(".")) || str_equal(level, STR("..")))
            return false;
    }
    return true;
}

/* Whether this is INBOX, in any case, or below it. */
static bool is_inbox(struct str name)
{
    return str_starts_nocase(name, STR("INBOX")) && (name.n == 5 || name.p[5] == '/');
}

bool store_mailbox_name(struct str words, struct str *out, struct arena *arena, struct error *err)
{
    struct str name = words;
    if (name.n > 1 && str_ends(name, STR("/"))) /* RFC 9051 section 6.3.4 */
        name.n--;
    if (name.n == 0 || name.n > LIMIT_MAILBOX_NAME)
        return error_set(err, ERROR_SYNTAX, "a mailbox name has 1 to %d bytes", LIMIT_MAILBOX_NAME);
    for (size_t at = 0; at < name.n;)
        if (!name_char_ok(utf8_next(name, &at)))
            return error_set(err, ERROR_SYNTAX,
                             "a mailbox name is UTF-8 without control characters, * and %%");
    if (!levels_ok(name))
        return error_set(err, ERROR_SYNTAX,
                         "no level of a mailbox name may be empty, \".\" or \"..\"");
    /* INBOX in any case is INBOX (RFC 9051 section 5.1); below it as well, or there would be two
     * trees. */
    bool inbox = is_inbox(name);
    if (inbox && name.n > 6 && is_inbox(str_skip(name, 6)))
        return error_set(err, ERROR_SYNTAX, "INBOX cannot be inside INBOX");
    if (inbox && !str_starts(name, STR("INBOX")))
        name = arena_printf(arena, "INBOX%.*s", STR_ARG(str_skip(name, 5)));
    else
        name = arena_str(arena, name);
    if (name.n == 0)
        return error_set(err, ERROR_LIMIT, "too much memory for one command");
    *out = name;
    return true;
}

/* ---- finding ---- */

static bool read_row(sqlite3_stmt *s, struct arena *arena, struct store_mailbox *out, bool *gone,
                     struct error *err)
{
    struct store_mailbox m = {.id = db_col_int(s, 0)};
    struct str name = db_col_str(s, 1);
    m.name = arena_str(arena, name);
    if (m.name.n != name.n)
        return error_set(err, ERROR_LIMIT, "too much memory for one command");
    m.role = (enum store_role)db_col_int(s, 2);
    m.uidvalidity = (uint32_t)db_col_int(s, 3);
    m.uidnext = (uint32_t)db_col_int(s, 4);
    m.messages = (uint32_t)db_col_int(s, 5);
    m.unseen = (uint32_t)db_col_int(s, 6);
    m.deleted = (uint32_t)db_col_int(s, 7);
    m.bytes = (uint64_t)db_col_int(s, 8);
    m.modseq = (uint64_t)db_col_int(s, 9);
    m.subscribed = db_col_int(s, 10) != 0;
    m.has_children = db_col_int(s, 11) != 0;
    if (gone)
        *gone = db_col_int(s, 12) != 0;
    *out = m;
    return true;
}

static bool not_found(struct str name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "there is no mailbox \"%.*s\"",
                     STR_ARG(utf8_cut(name, 120)));
}

bool store_mailbox_find(struct store *store, struct str words, struct arena *arena,
                        struct store_mailbox *out, struct error *err)
{
    struct str name;
    if (!store_mailbox_name(words, &name, arena, NULL))
        return not_found(words, err);
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT " COLUMNS " FROM mailbox m WHERE m.name = ? AND m.gone IS NULL");
    db_bind_text(s, 1, name);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return not_found(words, err);
    return step == DB_ROW && read_row(s, arena, out, NULL, err);
}

bool store_mailbox_get(struct store *store, int64_t id, struct arena *arena,
                       struct store_mailbox *out, bool *gone, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT " COLUMNS " FROM mailbox m WHERE m.id = ?");
    db_bind_int(s, 1, id);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_NOT_FOUND, "there is no such mailbox");
    return step == DB_ROW && read_row(s, arena, out, gone, err);
}

/* The id of a living mailbox of exactly this stored name, or 0. */
static bool mailbox_id(struct store *store, struct str name, int64_t *id, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT id FROM mailbox WHERE name = ? AND gone IS NULL");
    db_bind_text(s, 1, name);
    int64_t value = 0;
    if (!db_one_int(store->db, s, &value, NULL, err))
        return false;
    *id = value;
    return true;
}

/* The first subscribed name between two neighbouring mailboxes (next empty: after the last): there
 * is no mailbox of that name. */
static bool next_lonely(struct store *store, struct str after, struct str next, struct arena *arena,
                        struct str *name, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, next.n > 0 ? "SELECT name FROM subscription WHERE name > ? AND name < ?"
                                        " ORDER BY name LIMIT 1"
                                      : "SELECT name FROM subscription WHERE name > ?"
                                        " ORDER BY name LIMIT 1");
    db_bind_text(s, 1, after.p ? after : STR(""));
    if (next.n > 0)
        db_bind_text(s, 2, next);
    enum db_step step = db_next(store->db, s, err);
    *name = STR_NULL;
    if (step == DB_ROW)
        *name = arena_str(arena, db_col_str(s, 0));
    return step != DB_FAIL;
}

bool store_mailbox_next(struct store *store, struct str after, struct arena *arena,
                        struct store_mailbox *out, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT " COLUMNS " FROM mailbox m"
                           " WHERE m.name > ? AND m.gone IS NULL ORDER BY m.name LIMIT 1");
    db_bind_text(s, 1, after.p ? after : STR(""));
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_FAIL)
        return false;
    struct store_mailbox m = {0};
    if (step == DB_ROW && !read_row(s, arena, &m, NULL, err))
        return false;
    struct str lonely;
    if (!next_lonely(store, after, m.name, arena, &lonely, err))
        return false;
    if (lonely.n > 0)
        m = (struct store_mailbox){.name = lonely, .subscribed = true};
    *found = m.name.n > 0;
    *out = m;
    return true;
}

/* ---- making ---- */

static bool room_for_one(struct store *store, struct error *err)
{
    int64_t n = 0;
    AUTO_STMT sqlite3_stmt *highest =
        db_stmt(store->db, "SELECT coalesce(max(id), 0) FROM mailbox");
    if (!db_one_int(store->db, highest, &n, NULL, err))
        return false;
    if (n < LIMIT_MAILBOXES) /* there were never as many: no need to count */
        return true;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT count(*) FROM mailbox WHERE gone IS NULL");
    if (!db_one_int(store->db, s, &n, NULL, err))
        return false;
    if (n >= LIMIT_MAILBOXES)
        return error_set(err, ERROR_LIMIT, "an account has at most %d mailboxes", LIMIT_MAILBOXES);
    return true;
}

bool store_mailbox_insert(struct store_tx *t, struct str name, enum store_role role, int64_t *id,
                          struct error *err)
{
    struct db *db = t->store->db;
    if (!room_for_one(t->store, err))
        return false;
    AUTO_STMT sqlite3_stmt *validity =
        db_stmt(db, "UPDATE account SET uidvalidity = uidvalidity + 1");
    if (!db_run(db, validity, err))
        return false;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "INSERT INTO mailbox (name, role, uidvalidity, uidnext, messages, unseen,"
                    " deleted, bytes, modseq, floor, created)"
                    " SELECT ?1, ?2, uidvalidity, 1, 0, 0, 0, 0, ?3, ?3, ?3 FROM account");
    db_bind_text(s, 1, name);
    db_bind_int(s, 2, role);
    db_bind_int(s, 3, (int64_t)store_tx_modseq(t));
    if (!db_run(db, s, err))
        return false;
    *id = sqlite3_last_insert_rowid(db_sqlite(db));
    t->mailboxes = true;
    t->mailbox = *id;
    store_news_add(&t->news, *id, STORE_NEWS_CREATED);
    return true;
}

/* Makes the levels above name that are missing. */
static bool make_parents(struct store_tx *t, struct str name, struct error *err)
{
    for (size_t i = 0; i < name.n; i++) {
        int64_t id;
        if (name.p[i] != '/')
            continue;
        struct str parent = str_sub(name, 0, i);
        if (!mailbox_id(t->store, parent, &id, err))
            return false;
        if (id == 0 && !store_mailbox_insert(t, parent, STORE_ROLE_NONE, &id, err))
            return false;
    }
    return true;
}

static bool role_free(struct store *store, enum store_role role, struct error *err)
{
    int64_t n = 0;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT count(*) FROM mailbox WHERE role = ? AND gone IS NULL");
    db_bind_int(s, 1, role);
    if (!db_one_int(store->db, s, &n, NULL, err))
        return false;
    if (role != STORE_ROLE_NONE && n > 0)
        return error_set(err, ERROR_CONFLICT, "another mailbox has this special use");
    return true;
}

static bool name_free(struct store *store, struct str name, struct error *err)
{
    int64_t id;
    if (!mailbox_id(store, name, &id, err))
        return false;
    if (id != 0)
        return error_set(err, ERROR_EXISTS, "there is a mailbox \"%.*s\" already",
                         STR_ARG(utf8_cut(name, 120)));
    return true;
}

bool store_mailbox_create(struct store *store, struct str words, enum store_role role,
                          struct str actor, int64_t *id, struct error *err)
{
    struct arena arena;
    struct str name;
    int64_t made;
    bool ok = false;
    AUTO_STORE_TX struct store_tx t = {0};

    arena_init(&arena, 4 * LIMIT_MAILBOX_NAME + 4096);
    if (!store_mailbox_name(words, &name, &arena, err) ||
        !store_tx_begin(&t, store, actor, STORE_CHANGE_CREATE, err))
        goto out;
    ok = name_free(store, name, err) && role_free(store, role, err) &&
         make_parents(&t, name, err) && store_mailbox_insert(&t, name, role, &made, err) &&
         store_tx_commit(&t, err);
    if (ok && id)
        *id = made;
out:
    store_tx_end(&t);
    arena_done(&arena);
    return ok;
}

/* ---- deleting ---- */

static bool mark_gone(struct store_tx *t, int64_t id, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE mailbox SET gone = ?1, modseq = ?1 WHERE id = ?2");
    db_bind_int(s, 1, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 2, id);
    t->mailboxes = true;
    t->mailbox = id;
    store_news_add(&t->news, id, STORE_NEWS_DELETED);
    return db_run(db, s, err);
}

static bool delete_in(struct store_tx *t, const struct store_mailbox *m, struct error *err)
{
    if (m->role == STORE_ROLE_INBOX)
        return error_set(err, ERROR_DENIED, "INBOX cannot be deleted");
    if (m->has_children)
        return error_set(err, ERROR_CONFLICT,
                         "it has mailboxes below it; delete or move these first");
    return store_expunge_all(t, m->id, err) && mark_gone(t, m->id, err);
}

bool store_mailbox_delete(struct store *store, struct str name, struct str actor, struct error *err)
{
    struct arena arena;
    struct store_mailbox m;
    AUTO_STORE_TX struct store_tx t = {0};

    arena_init(&arena, 8 * LIMIT_MAILBOX_NAME + 4096);
    bool ok = store_tx_begin(&t, store, actor, STORE_CHANGE_DELETE, err) &&
              store_mailbox_find(store, name, &arena, &m, err) && delete_in(&t, &m, err) &&
              store_tx_commit(&t, err);
    store_tx_end(&t);
    arena_done(&arena);
    return ok;
}

/* ---- renaming ---- */

/* One statement renames the mailbox and all below it; substr counts characters, so does length. */
static bool rename_rows(struct store_tx *t, struct str from, struct str to, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE mailbox SET name = ?2 || substr(name, length(?1) + 1), modseq = ?3,"
                    " renamed = ?3 WHERE gone IS NULL AND (name = ?1 OR"
                    " (name > ?1 || '/' AND name < ?1 || '0')) RETURNING id");
    db_bind_text(s, 1, from);
    db_bind_text(s, 2, to);
    db_bind_int(s, 3, (int64_t)store_tx_modseq(t));
    t->mailboxes = true;
    enum db_step step;
    while ((step = db_next(db, s, err)) == DB_ROW)
        store_news_add(&t->news, db_col_int(s, 0), STORE_NEWS_RENAMED);
    return step == DB_DONE;
}

static bool longest_fits(struct store *store, struct str from, struct str to, struct error *err)
{
    int64_t longest = 0;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT max(length(CAST(name AS BLOB))) FROM mailbox WHERE gone IS NULL"
                           " AND (name = ?1 OR (name > ?1 || '/' AND name < ?1 || '0'))");
    db_bind_text(s, 1, from);
    if (!db_one_int(store->db, s, &longest, NULL, err))
        return false;
    if (longest - (int64_t)from.n + (int64_t)to.n > LIMIT_MAILBOX_NAME)
        return error_set(err, ERROR_LIMIT, "a mailbox name has at most %d bytes",
                         LIMIT_MAILBOX_NAME);
    return true;
}

/* RFC 9051 section 6.3.6: INBOX itself stays, empty; what is below it stays as well. */
static bool rename_inbox(struct store_tx *t, const struct store_mailbox *inbox, struct str to,
                         struct error *err)
{
    struct vec uids, pairs;
    int64_t id;
    bool ok = false;

    vec_init(&uids, sizeof(uint32_t));
    vec_init(&pairs, sizeof(struct store_pair));
    if (make_parents(t, to, err) && store_mailbox_insert(t, to, STORE_ROLE_NONE, &id, err) &&
        store_view(t->store, inbox->id, 1, inbox->uidnext, UINT64_MAX >> 1, SIZE_MAX, &uids, err))
        ok = store_copy_in(t, inbox->id, uids.p, uids.n, id, true, &pairs, err);
    vec_done(&uids);
    vec_done(&pairs);
    return ok;
}

static bool rename_in(struct store_tx *t, struct str words_from, struct str words_to,
                      struct arena *arena, struct error *err)
{
    struct store_mailbox m;
    struct str to;
    if (!store_mailbox_find(t->store, words_from, arena, &m, err) ||
        !store_mailbox_name(words_to, &to, arena, err) || !name_free(t->store, to, err))
        return false;
    if (m.role == STORE_ROLE_INBOX)
        return rename_inbox(t, &m, to, err);
    if (to.n > m.name.n && str_starts(to, m.name) && to.p[m.name.n] == '/')
        return error_set(err, ERROR_CONFLICT, "a mailbox cannot be moved below itself");
    t->mailbox = m.id;
    return longest_fits(t->store, m.name, to, err) && make_parents(t, to, err) &&
           rename_rows(t, m.name, to, err);
}

bool store_mailbox_rename(struct store *store, struct str from, struct str to, struct str actor,
                          struct error *err)
{
    struct arena arena;
    AUTO_STORE_TX struct store_tx t = {0};

    arena_init(&arena, 16 * LIMIT_MAILBOX_NAME + 4096);
    bool ok = store_tx_begin(&t, store, actor, STORE_CHANGE_RENAME, err) &&
              rename_in(&t, from, to, &arena, err) && store_tx_commit(&t, err);
    store_tx_end(&t);
    arena_done(&arena);
    return ok;
}

/* ---- subscriptions and keywords ---- */

/* A mailbox that has this name keeps the number of the change, else the account. */
static bool note_subscription(struct store_tx *t, struct str name, struct error *err)
{
    struct db *db = t->store->db;
    int64_t id;
    t->mailboxes = true;
    if (!mailbox_id(t->store, name, &id, err))
        return false;
    store_news_add(&t->news, id, STORE_NEWS_SUBSCRIBED);
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "UPDATE mailbox SET subscribed = ? WHERE id = ?");
    db_bind_int(s, 1, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 2, id);
    return db_run(db, s, err);
}

static bool subscribe_in(struct store_tx *t, struct str name, bool subscribed, struct error *err)
{
    struct db *db = t->store->db;
    int64_t n = 0;
    AUTO_STMT sqlite3_stmt *count = db_stmt(db, "SELECT count(*) FROM subscription");
    if (!db_one_int(db, count, &n, NULL, err))
        return false;
    if (subscribed && n >= LIMIT_MAILBOXES)
        return error_set(err, ERROR_LIMIT, "an account has at most %d subscriptions",
                         LIMIT_MAILBOXES);
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, subscribed ? "INSERT OR IGNORE INTO subscription VALUES (?)"
                               : "DELETE FROM subscription WHERE name = ?");
    db_bind_text(s, 1, name);
    if (!db_run(db, s, err))
        return false;
    return sqlite3_changes(db_sqlite(db)) == 0 || note_subscription(t, name, err);
}

bool store_subscribe(struct store *store, struct str words, bool subscribed, struct str actor,
                     struct error *err)
{
    struct arena arena;
    struct str name;
    bool ok = false;
    AUTO_STORE_TX struct store_tx t = {0};

    arena_init(&arena, 4 * LIMIT_MAILBOX_NAME + 4096);
    if (store_mailbox_name(words, &name, &arena, err))
        ok = store_tx_begin(&t, store, actor, STORE_CHANGE_SUBSCRIBE, err) &&
             subscribe_in(&t, name, subscribed, err) && store_tx_commit(&t, err);
    store_tx_end(&t);
    arena_done(&arena);
    return ok;
}

bool store_mailbox_keywords(struct store *store, int64_t mailbox, struct arena *arena,
                            struct str *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT group_concat(word, ' ') FROM keyword WHERE mailbox = ?");
    db_bind_int(s, 1, mailbox);
    enum db_step step = db_next(store->db, s, err);
    if (step == DB_ROW)
        *out = arena_str(arena, db_col_str(s, 0));
    return step == DB_ROW;
}
