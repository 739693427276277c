/* store/store_place.c: placements and tombstones, and the sums that follow them. Whatever puts a
 * message into a mailbox or takes it out goes through here, so that the counts have one place where
 * they can be wrong. */
#include "store/store_int.h"

#include "base/clock.h"
#include "base/limits.h"

#include <string.h>

struct email_sums {
    int64_t places, graves;
    uint64_t size;
};

static bool read_sums(struct store_tx *t, int64_t email, struct email_sums *out, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT places, graves, size FROM email WHERE id = ?");
    db_bind_int(s, 1, email);
    enum db_step step = db_next(db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_DAMAGED, "email %lld is named but is not there",
                         (long long)email);
    if (step != DB_ROW)
        return false;
    *out = (struct email_sums){db_col_int(s, 0), db_col_int(s, 1), (uint64_t)db_col_int(s, 2)};
    return true;
}

/* Moves an email's counts, and the account's bytes when it thereby becomes live, kept or neither.
 */
static bool move_sums(struct store_tx *t, int64_t email, int places, int graves, struct error *err)
{
    struct db *db = t->store->db;
    struct email_sums sums;
    if (!read_sums(t, email, &sums, err))
        return false;
    int64_t size = (int64_t)sums.size;
    bool was_live = sums.places > 0, is_live = sums.places + places > 0;
    bool was_kept = !was_live && sums.graves > 0, is_kept = !is_live && sums.graves + graves > 0;
    t->live_bytes += (is_live - was_live) * size;
    t->messages += is_live - was_live;
    t->kept_bytes += (is_kept - was_kept) * size;
    t->emails = t->mailboxes = true;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE email SET places = places + ?, graves = graves + ? WHERE id = ?");
    db_bind_int(s, 1, places);
    db_bind_int(s, 2, graves);
    db_bind_int(s, 3, email);
    return db_run(db, s, err);
}

static void count_placement(struct store_counts *counts, const struct store_placement *p, int n)
{
    counts->messages += n;
    counts->unseen += (p->flags & STORE_SEEN) ? 0 : n;
    counts->deleted += (p->flags & STORE_DELETED) ? n : 0;
    counts->bytes += n * (int64_t)p->size;
}

bool store_counts_write(struct store_tx *t, int64_t mailbox, const struct store_counts *counts,
                        struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE mailbox SET messages = messages + ?1, unseen = unseen + ?2,"
                    " deleted = deleted + ?3, bytes = bytes + ?4, uidnext = max(uidnext, ?5),"
                    " modseq = ?6, arrived = CASE WHEN ?8 & 1 THEN ?6 ELSE arrived END,"
                    " flagged = CASE WHEN ?8 & 2 THEN ?6 ELSE flagged END,"
                    " expunged = CASE WHEN ?8 & 4 THEN ?6 ELSE expunged END WHERE id = ?7");
    db_bind_int(s, 1, counts->messages);
    db_bind_int(s, 2, counts->unseen);
    db_bind_int(s, 3, counts->deleted);
    db_bind_int(s, 4, counts->bytes);
    db_bind_int(s, 5, counts->uidnext);
    db_bind_int(s, 6, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 7, mailbox);
    db_bind_int(s, 8, counts->kinds);
    t->mailbox = mailbox;
    store_news_add(&t->news, mailbox, counts->kinds);
    return db_run(db, s, err);
}

bool store_uidnext(struct store_tx *t, int64_t mailbox, uint32_t *uidnext, uint32_t *uidvalidity,
                   struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT uidnext, uidvalidity FROM mailbox WHERE id = ? AND gone IS NULL");
    db_bind_int(s, 1, mailbox);
    enum db_step step = db_next(db, s, err);
    if (step == DB_DONE)
        return error_set(err, ERROR_NOT_FOUND, "the mailbox is not there any more");
    if (step != DB_ROW)
        return false;
    int64_t next = db_col_int(s, 0);
    if (next >= UINT32_MAX)
        return error_set(err, ERROR_LIMIT, "the mailbox has no UIDs left; use another one");
    *uidnext = (uint32_t)next;
    *uidvalidity = (uint32_t)db_col_int(s, 1);
    return true;
}

bool store_place(struct store_tx *t, const struct store_placement *p, struct store_counts *counts,
                 struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "INSERT INTO placement (mailbox, uid, email, flags, keywords, modseq, created,"
                    " saved_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)");
    db_bind_int(s, 1, p->mailbox);
    db_bind_int(s, 2, p->uid);
    db_bind_int(s, 3, p->email);
    db_bind_int(s, 4, p->flags);
    db_bind_text(s, 5, p->keywords.p ? p->keywords : STR(""));
    db_bind_int(s, 6, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 7, p->saved_us);
    count_placement(counts, p, 1);
    counts->kinds |= STORE_NEWS_ARRIVED;
    if (p->uid + 1 > counts->uidnext)
        counts->uidnext = p->uid + 1;
    return db_run(db, s, err) && move_sums(t, p->email, 1, 0, err);
}

bool store_unplace(struct store_tx *t, const struct store_placement *p, struct store_counts *counts,
                   struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *grave =
        db_stmt(db, "INSERT INTO tombstone (mailbox, uid, modseq, at_us, email, flags, keywords,"
                    " saved_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_int(grave, 1, p->mailbox);
    db_bind_int(grave, 2, p->uid);
    db_bind_int(grave, 3, (int64_t)store_tx_modseq(t));
    db_bind_int(grave, 4, clock_wall_us());
    db_bind_int(grave, 5, p->email);
    db_bind_int(grave, 6, p->flags);
    db_bind_text(grave, 7, p->keywords.p ? p->keywords : STR(""));
    db_bind_int(grave, 8, p->saved_us);
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "DELETE FROM placement WHERE mailbox = ? AND uid = ?");
    db_bind_int(s, 1, p->mailbox);
    db_bind_int(s, 2, p->uid);
    count_placement(counts, p, -1);
    counts->kinds |= STORE_NEWS_EXPUNGED;
    return db_run(db, grave, err) && db_run(db, s, err) && move_sums(t, p->email, -1, 1, err);
}

bool store_release(struct store_tx *t, int64_t email, struct error *err)
{
    struct db *db = t->store->db;
    struct email_sums sums;
    int64_t content = 0, others = 0;
    if (!move_sums(t, email, 0, -1, err) || !read_sums(t, email, &sums, err))
        return false;
    if (sums.places > 0 || sums.graves > 0)
        return true;
    AUTO_STMT sqlite3_stmt *find = db_stmt(db, "SELECT content FROM email WHERE id = ?");
    AUTO_STMT sqlite3_stmt *refs = db_stmt(db, "DELETE FROM email_ref WHERE email = ?");
    AUTO_STMT sqlite3_stmt *row = db_stmt(db, "DELETE FROM email WHERE id = ?");
    AUTO_STMT sqlite3_stmt *shared = db_stmt(db, "SELECT count(*) FROM email WHERE content = ?");
    db_bind_int(find, 1, email);
    db_bind_int(refs, 1, email);
    db_bind_int(row, 1, email);
    if (!db_one_int(db, find, &content, NULL, err) || !db_run(db, refs, err) ||
        !db_run(db, row, err))
        return false;
    db_bind_int(shared, 1, content);
    if (!db_one_int(db, shared, &others, NULL, err))
        return false;
    return others > 0 || content_drop(db, content, err);
}

bool store_placement_find(struct store *store, int64_t mailbox, uint32_t uid, struct arena *arena,
                          struct store_placement *out, bool *found, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        store->db, "SELECT p.email, p.flags, p.keywords, p.saved_us, e.size FROM placement p"
                   " JOIN email e ON e.id = p.email WHERE p.mailbox = ? AND p.uid = ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    enum db_step step = db_next(store->db, s, err);
    *found = step == DB_ROW;
    if (step == DB_ROW)
        *out = (struct store_placement){
            .mailbox = mailbox,
            .uid = uid,
            .email = db_col_int(s, 0),
            .flags = (uint32_t)db_col_int(s, 1),
            .keywords = arena_str(arena, db_col_str(s, 2)),
            .saved_us = db_col_int(s, 3),
            .size = (uint64_t)db_col_int(s, 4),
        };
    return step != DB_FAIL;
}

/* ---- keywords ---- */

bool store_keywords_next(struct str keywords, size_t *at, struct str *word)
{
    struct str rest = str_skip(keywords, *at), tail;
    if (rest.n == 0)
        return false;
    if (!str_cut(rest, ' ', word, &tail))
        *word = rest;
    *at += word->n + 1;
    return true;
}

bool store_keywords_has(struct str keywords, struct str word)
{
    struct str each;
    for (size_t at = 0; store_keywords_next(keywords, &at, &each);)
        if (str_equal_nocase(each, word))
            return true;
    return false;
}

static int cmp_nocase(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int d = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
        if (d != 0)
            return d;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

/* An atom without the characters that IMAP gives a meaning (RFC 9051 section 9, flag-keyword). */
static bool keyword_ok(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] <= ' ' || word.p[i] >= 0x7f || (word.p[i] && strchr("(){%*\"\\]", word.p[i])))
            return false;
    return word.n > 0 && word.n <= LIMIT_KEYWORD;
}

/* Insertion sort: at most 60 stay, so it is 60 * n steps at the worst. */
bool store_keywords_join(struct str *words, size_t n, struct arena *arena, struct str *out,
                         struct error *err)
{
    struct str sorted[60];
    size_t m = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        if (!keyword_ok(words[i]))
            return error_set(err, ERROR_SYNTAX, "a keyword is an atom of 1 to %d bytes",
                             LIMIT_KEYWORD);
        while (at < m && cmp_nocase(sorted[at], words[i]) < 0)
            at++;
        if (at < m && cmp_nocase(sorted[at], words[i]) == 0)
            continue;
        if (m == ARRAY_LEN(sorted))
            return error_set(err, ERROR_LIMIT, "a message has at most 60 keywords");
        memmove(&sorted[at + 1], &sorted[at], (m - at) * sizeof(sorted[0]));
        sorted[at] = words[i];
        bytes += words[i].n + 1;
        m++;
    }
    *out = STR_NULL;
    if (m == 0)
        return true;
    char *p = arena_alloc(arena, bytes);
    if (!p)
        return error_set(err, ERROR_LIMIT, "too much memory for one command");
    out->p = p;
    for (size_t i = 0; i < m; i++) {
        memcpy(p + out->n, sorted[i].p, sorted[i].n);
        out->n += sorted[i].n;
        if (i + 1 < m)
            p[out->n++] = ' ';
    }
    return true;
}

bool store_keywords_note(struct store_tx *t, int64_t mailbox, struct str keywords,
                         struct error *err)
{
    struct db *db = t->store->db;
    struct str word;
    for (size_t at = 0; store_keywords_next(keywords, &at, &word);) {
        int64_t n = 0;
        AUTO_STMT sqlite3_stmt *add = db_stmt(db, "INSERT OR IGNORE INTO keyword VALUES (?, ?)");
        db_bind_int(add, 1, mailbox);
        db_bind_text(add, 2, word);
        if (!db_run(db, add, err))
            return false;
        if (sqlite3_changes(db_sqlite(db)) == 0)
            continue;
        AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT count(*) FROM keyword WHERE mailbox = ?");
        db_bind_int(s, 1, mailbox);
        if (!db_one_int(db, s, &n, NULL, err))
            return false;
        if (n > LIMIT_KEYWORDS)
            return error_set(err, ERROR_LIMIT, "a mailbox has at most %d different keywords",
                             LIMIT_KEYWORDS);
    }
    return true;
}
