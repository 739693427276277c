/* store/store_change.c: what sessions change: flags, expunging, copying, moving, bringing back. */
#include "store/store_int.h"

#include "base/clock.h"
#include "base/limits.h"

#define ARENA_ONE (64 << 10) /* the keywords of one message, old and new */

/* ---- flags ---- */

/* The keywords of a message after a change. */
static bool new_keywords(struct str old, const struct store_flags_change *c, struct arena *arena,
                         struct str *out, struct error *err)
{
    struct str words[LIMIT_KEYWORDS], word;
    size_t n = 0;
    if (c->mode == STORE_FLAGS_SET)
        old = STR_NULL;
    for (size_t at = 0; store_keywords_next(old, &at, &word) && n < ARRAY_LEN(words);)
        if (c->mode != STORE_FLAGS_REMOVE || !store_keywords_has(c->keywords, word))
            words[n++] = word;
    if (c->mode != STORE_FLAGS_REMOVE)
        for (size_t at = 0; store_keywords_next(c->keywords, &at, &word) && n < ARRAY_LEN(words);)
            words[n++] = word;
    return store_keywords_join(words, n, arena, out, err);
}

static uint32_t new_flags(uint32_t old, const struct store_flags_change *c)
{
    switch (c->mode) {
    case STORE_FLAGS_SET:
        return c->flags;
    case STORE_FLAGS_ADD:
        return old | c->flags;
    case STORE_FLAGS_REMOVE:
        return old & ~c->flags;
    }
    panic("flags mode %d", (int)c->mode);
}

static bool write_flags(struct store_tx *t, const struct store_placement *p, uint32_t flags,
                        struct str keywords, struct store_counts *counts, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE placement SET flags = ?, keywords = ?, modseq = ?"
                    " WHERE mailbox = ? AND uid = ?");
    db_bind_int(s, 1, flags);
    db_bind_text(s, 2, keywords.p ? keywords : STR(""));
    db_bind_int(s, 3, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 4, p->mailbox);
    db_bind_int(s, 5, p->uid);
    counts->unseen += !(flags & STORE_SEEN) - !(p->flags & STORE_SEEN);
    counts->deleted += !!(flags & STORE_DELETED) - !!(p->flags & STORE_DELETED);
    counts->kinds |= STORE_NEWS_FLAGS;
    t->emails = t->mailboxes = true;
    return db_run(db, s, err);
}

static bool placement_modseq(struct store *store, const struct store_placement *p, uint64_t *modseq,
                             struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT modseq FROM placement WHERE mailbox = ? AND uid = ?");
    int64_t value = 0;
    db_bind_int(s, 1, p->mailbox);
    db_bind_int(s, 2, p->uid);
    if (!db_one_int(store->db, s, &value, NULL, err))
        return false;
    *modseq = (uint64_t)value;
    return true;
}

static bool flags_one(struct store_tx *t, int64_t mailbox, uint32_t uid,
                      const struct store_flags_change *c, struct arena *arena,
                      struct store_counts *counts, struct vec *conflicts, struct error *err)
{
    struct store_placement p;
    struct str keywords;
    bool found;
    if (!store_placement_find(t->store, mailbox, uid, arena, &p, &found, err))
        return false;
    if (!found)
        return true;
    if (c->unchanged_since != UINT64_MAX) {
        uint64_t modseq;
        if (!placement_modseq(t->store, &p, &modseq, err))
            return false;
        if (modseq > c->unchanged_since) {
            if (conflicts)
                *(uint32_t *)vec_add(conflicts) = uid;
            return true;
        }
    }
    if (!new_keywords(p.keywords, c, arena, &keywords, err))
        return false;
    uint32_t flags = new_flags(p.flags, c);
    if (flags == p.flags && str_equal(keywords, p.keywords))
        return true;
    return write_flags(t, &p, flags, keywords, counts, err);
}

bool store_flags(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                 const struct store_flags_change *change, struct str actor, uint64_t *modseq,
                 struct vec *conflicts, struct error *err)
{
    struct store_counts counts = {0};
    AUTO_STORE_TX struct store_tx t = {0};
    if (!store_tx_begin(&t, store, actor, STORE_CHANGE_FLAGS, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_ONE);
        bool ok = flags_one(&t, mailbox, uids[i], change, &arena, &counts, conflicts, err);
        arena_done(&arena);
        if (!ok)
            return false;
    }
    if (t.modseq != 0) {
        if (change->mode != STORE_FLAGS_REMOVE &&
            !store_keywords_note(&t, mailbox, change->keywords, err))
            return false;
        if (!store_counts_write(&t, mailbox, &counts, err))
            return false;
    }
    *modseq = t.modseq;
    return store_tx_commit(&t, err);
}

/* ---- expunging ---- */

static bool expunge_one(struct store_tx *t, int64_t mailbox, uint32_t uid,
                        struct store_counts *counts, struct error *err)
{
    struct arena arena;
    struct store_placement p;
    bool found;

    arena_init(&arena, ARENA_ONE);
    bool ok = store_placement_find(t->store, mailbox, uid, &arena, &p, &found, err) &&
              (!found || store_unplace(t, &p, counts, err));
    arena_done(&arena);
    return ok;
}

bool store_expunge_in(struct store_tx *t, int64_t mailbox, const uint32_t *uids, size_t n,
                      struct error *err)
{
    struct store_counts counts = {0};
    for (size_t i = 0; i < n; i++)
        if (!expunge_one(t, mailbox, uids[i], &counts, err))
            return false;
    return t->modseq == 0 || store_counts_write(t, mailbox, &counts, err);
}

bool store_expunge(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                   struct str actor, uint64_t *modseq, struct error *err)
{
    AUTO_STORE_TX struct store_tx t = {0};
    if (!store_tx_begin(&t, store, actor, STORE_CHANGE_EXPUNGE, err) ||
        !store_expunge_in(&t, mailbox, uids, n, err))
        return false;
    *modseq = t.modseq;
    return store_tx_commit(&t, err);
}

bool store_expunge_all(struct store_tx *t, int64_t mailbox, struct error *err)
{
    struct vec uids;
    vec_init(&uids, sizeof(uint32_t));
    bool ok = store_view(t->store, mailbox, 1, UINT32_MAX, INT64_MAX, SIZE_MAX, &uids, err) &&
              store_expunge_in(t, mailbox, uids.p, uids.n, err);
    vec_done(&uids);
    return ok;
}

/* ---- copying and moving ---- */

struct copying {
    int64_t from, to;
    bool move;
    uint32_t uidnext; /* of the target */
    int64_t now_us;
    struct store_counts from_counts, to_counts;
};

static bool copy_one(struct store_tx *t, struct copying *c, uint32_t uid, struct arena *arena,
                     struct vec *pairs, struct error *err)
{
    struct store_placement p, q;
    bool found;
    if (!store_placement_find(t->store, c->from, uid, arena, &p, &found, err))
        return false;
    if (!found)
        return true;
    if (c->uidnext == UINT32_MAX)
        return error_set(err, ERROR_LIMIT, "the mailbox has no UIDs left; use another one");
    q = p;
    q.mailbox = c->to;
    q.uid = c->uidnext++;
    q.saved_us = c->now_us;
    struct store_pair *pair = vec_add(pairs);
    *pair = (struct store_pair){uid, q.uid};
    /* The new place first, so that a moved email is never without one: its bytes stay live. */
    return store_place(t, &q, &c->to_counts, err) &&
           (!c->move || store_unplace(t, &p, &c->from_counts, err)) &&
           store_keywords_note(t, c->to, q.keywords, err);
}

bool store_copy_in(struct store_tx *t, int64_t mailbox, const uint32_t *uids, size_t n,
                   int64_t target, bool move, struct vec *pairs, struct error *err)
{
    struct copying c = {.from = mailbox, .to = target, .move = move, .now_us = clock_wall_us()};
    uint32_t uidvalidity;
    if (!store_uidnext(t, target, &c.uidnext, &uidvalidity, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_ONE);
        bool ok = copy_one(t, &c, uids[i], &arena, pairs, err);
        arena_done(&arena);
        if (!ok)
            return false;
    }
    if (t->modseq == 0 || pairs->n == 0)
        return true;
    return (!move || store_counts_write(t, mailbox, &c.from_counts, err)) &&
           store_counts_write(t, target, &c.to_counts, err);
}

bool store_copy(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                int64_t target, bool move, struct str actor, struct vec *pairs, uint64_t *modseq,
                struct error *err)
{
    AUTO_STORE_TX struct store_tx t = {0};
    size_t before = pairs->n;
    if (store_tx_begin(&t, store, actor, move ? STORE_CHANGE_MOVE : STORE_CHANGE_COPY, err) &&
        store_copy_in(&t, mailbox, uids, n, target, move, pairs, err)) {
        *modseq = t.modseq;
        if (store_tx_commit(&t, err))
            return true;
    }
    pairs->n = before;
    return false;
}

/* ---- bringing back ---- */

static bool undelete_target(struct store_tx *t, int64_t mailbox, int64_t *target, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT id FROM mailbox WHERE gone IS NULL AND (id = ?1 OR name = 'INBOX')"
                    " ORDER BY id = ?1 DESC LIMIT 1");
    db_bind_int(s, 1, mailbox);
    int64_t id = 0;
    if (!db_one_int(db, s, &id, NULL, err))
        return false;
    *target = id;
    return true;
}

static bool undelete_in(struct store_tx *t, int64_t mailbox, uint32_t uid, struct arena *arena,
                        struct store_placed *out, struct error *err)
{
    struct store_message m;
    struct store_email e;
    struct store_counts counts = {0};
    uint32_t uidvalidity;
    if (!store_message_get(t->store, mailbox, uid, arena, &m, err))
        return false;
    if (!m.expunged)
        return error_set(err, ERROR_NOT_FOUND, "message %u was not deleted", uid);
    if (m.email == 0)
        return error_set(err, ERROR_GONE, "message %u is past its retention time", uid);
    struct store_placement p = {.email = m.email,
                                .flags = m.flags & ~STORE_DELETED,
                                .keywords = m.keywords,
                                .saved_us = clock_wall_us()};
    if (!store_email_head(t->store, m.email, &e, err) ||
        !undelete_target(t, mailbox, &p.mailbox, err) ||
        !store_uidnext(t, p.mailbox, &p.uid, &uidvalidity, err))
        return false;
    p.size = e.size;
    *out = (struct store_placed){
        .mailbox = p.mailbox, .email = p.email, .uidvalidity = uidvalidity, .uid = p.uid};
    return store_place(t, &p, &counts, err) && store_keywords_note(t, p.mailbox, p.keywords, err) &&
           store_counts_write(t, p.mailbox, &counts, err);
}

/* The tombstone stays for sessions, but holds the email no more. */
static bool empty_grave(struct store_tx *t, int64_t mailbox, uint32_t uid, struct error *err)
{
    struct db *db = t->store->db;
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "UPDATE tombstone SET email = NULL WHERE mailbox = ? AND uid = ?");
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    return db_run(db, s, err);
}

bool store_undelete(struct store *store, int64_t mailbox, uint32_t uid, struct str actor,
                    struct store_placed *out, struct error *err)
{
    struct arena arena;
    struct store_placed placed;
    AUTO_STORE_TX struct store_tx t = {0};

    arena_init(&arena, ARENA_ONE);
    bool ok = store_tx_begin(&t, store, actor, STORE_CHANGE_UNDELETE, err) &&
              undelete_in(&t, mailbox, uid, &arena, &placed, err) &&
              empty_grave(&t, mailbox, uid, err) && store_release(&t, placed.email, err);
    if (ok) {
        placed.modseq = t.modseq;
        ok = store_tx_commit(&t, err);
    }
    if (ok && out)
        *out = placed;
    store_tx_end(&t);
    arena_done(&arena);
    return ok;
}
