/* store/store_arrive.c: messages that come in: deliveries and APPEND. The content is compressed,
 * and a large one written and synced, before the transaction begins; one transaction then puts
 * content, email, placement, UID and counts, so that a message is everywhere or nowhere. */
#include "store/store_int.h"

#include "base/clock.h"

#define JOIN_MOST 2000 /* emails and references that are looked at to join conversations */

/* A message on its way in. */
struct arrival {
    struct str bytes, prefix, keywords;
    int64_t mailbox, received_us;
    uint32_t flags;
    struct store_parsed parsed;
    struct content_new *content;
    int64_t content_row; /* 0: not added yet */
};

/* The oldest conversation that shares a reference with the message; 0: none. *several: there are
 * more. All emails of one reference are in one conversation, so that the first of them tells: work
 * does not grow with it. */
static bool find_thread(struct store *store, const struct store_parsed *p, int64_t *thread,
                        bool *several, struct error *err)
{
    *thread = 0;
    *several = false;
    for (size_t i = 0; i < p->refs_n; i++) {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(store->db, "SELECT e.thread FROM email_ref r JOIN email e ON e.id = r.email"
                               " WHERE r.ref = ? ORDER BY r.email LIMIT 1");
        db_bind_int(s, 1, p->refs[i]);
        int64_t found = 0;
        if (!db_one_int(store->db, s, &found, NULL, err))
            return false;
        if (found == 0)
            continue;
        *several = *several || (*thread && *thread != found);
        if (*thread == 0 || found < *thread)
            *thread = found;
    }
    return true;
}

/* A message that came late ties conversations together that had nothing in common before it (RFC
 * 8621 section 3): all that it is connected with, by references over any number of emails, becomes
 * the oldest one of them. A conversation that is larger than JOIN_MOST is joined in part: nobody
 * may make deliveries slow by his messages. A thread is known to nobody outside of the store; who
 * is told of it one day is told of these emails as new ones, as that section asks. */
static bool join_threads(struct store *store, int64_t email, int64_t thread, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "UPDATE email SET thread = ?1 WHERE thread <> ?1 AND id IN ("
                           "WITH RECURSIVE walk (is_ref, v) AS (SELECT 0, ?2"
                           " UNION SELECT 1, r.ref FROM walk"
                           " JOIN email_ref r ON r.email = walk.v WHERE walk.is_ref = 0"
                           " UNION SELECT 0, r.email FROM walk"
                           " JOIN email_ref r ON r.ref = walk.v WHERE walk.is_ref = 1 LIMIT ?3)"
                           " SELECT v FROM walk WHERE is_ref = 0)");
    db_bind_int(s, 1, thread);
    db_bind_int(s, 2, email);
    db_bind_int(s, 3, JOIN_MOST);
    return db_run(store->db, s, err);
}

bool store_insert_refs(struct store *store, int64_t email, const struct store_parsed *p,
                       struct error *err)
{
    for (size_t i = 0; i < p->refs_n; i++) {
        AUTO_STMT sqlite3_stmt *s = db_stmt(store->db, "INSERT INTO email_ref VALUES (?, ?)");
        db_bind_int(s, 1, email);
        db_bind_int(s, 2, p->refs[i]);
        if (!db_run(store->db, s, err))
            return false;
    }
    return true;
}

void store_bind_parsed(sqlite3_stmt *s, int i, const struct store_parsed *p)
{
    if (p->sent_us == INT64_MIN)
        db_bind_null(s, i);
    else
        db_bind_int(s, i, p->sent_us);
    db_bind_text(s, i + 1, p->message_id.p ? p->message_id : STR(""));
    db_bind_text(s, i + 2, p->subject.p ? p->subject : STR(""));
    db_bind_text(s, i + 3, p->preview.n ? buf_view(&p->preview) : STR(""));
    db_bind_blob(s, i + 4, buf_view(&p->envelope));
    db_bind_blob(s, i + 5, buf_view(&p->structure));
    db_bind_blob(s, i + 6, buf_view(&p->parts));
}

static bool insert_email(struct store_tx *t, struct arrival *a, int64_t *email, struct error *err)
{
    struct db *db = t->store->db;
    int64_t thread;
    bool several;
    if ((a->content_row == 0 && !content_add(&a->content, db, &a->content_row, err)) ||
        !find_thread(t->store, &a->parsed, &thread, &several, err))
        return false;
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        db, "INSERT INTO email (content, prefix, size, received_us, created, places, graves,"
            " thread, sent_us, message_id, subject, preview, envelope, structure, parts)"
            " VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_int(s, 1, a->content_row);
    db_bind_blob(s, 2, a->prefix.p ? a->prefix : STR(""));
    db_bind_int(s, 3, (int64_t)(a->prefix.n + a->bytes.n));
    db_bind_int(s, 4, a->received_us);
    db_bind_int(s, 5, (int64_t)store_tx_modseq(t));
    db_bind_int(s, 6, thread);
    store_bind_parsed(s, 7, &a->parsed);
    if (!db_run(db, s, err))
        return false;
    *email = sqlite3_last_insert_rowid(db_sqlite(db));
    if (!store_insert_refs(t->store, *email, &a->parsed, err))
        return false;
    if (several)
        return join_threads(t->store, *email, thread, err);
    if (thread != 0)
        return true;
    AUTO_STMT sqlite3_stmt *first = db_stmt(db, "UPDATE email SET thread = id WHERE id = ?");
    db_bind_int(first, 1, *email);
    return db_run(db, first, err);
}

static bool arrive_in(struct store_tx *t, struct arrival *a, struct store_placed *out,
                      struct error *err)
{
    struct store_counts counts = {0};
    struct store_placement p = {
        .mailbox = a->mailbox,
        .flags = a->flags,
        .keywords = a->keywords,
        .saved_us = clock_wall_us(),
        .size = a->prefix.n + a->bytes.n,
    };
    uint32_t uidvalidity;
    if (!store_uidnext(t, a->mailbox, &p.uid, &uidvalidity, err) ||
        !insert_email(t, a, &p.email, err) || !store_place(t, &p, &counts, err) ||
        !store_keywords_note(t, a->mailbox, a->keywords, err) ||
        !store_counts_write(t, a->mailbox, &counts, err))
        return false;
    *out = (struct store_placed){a->mailbox, p.email, uidvalidity, p.uid, t->modseq, false};
    return true;
}

/* Everything that needs no transaction. */
static bool arrival_init(struct store *store, struct arrival *a, struct error *err)
{
    if (!content_prepare(&a->content, store->db, a->bytes, err))
        return false;
    store_parse(store, a->bytes, &a->parsed);
    return true;
}

static void arrival_done(struct store *store, struct arrival *a)
{
    content_discard(&a->content, store->db);
    store_parsed_done(&a->parsed);
}

/* ---- deliveries ---- */

static bool find_delivery(struct store *store, struct str id, struct store_placed *out, bool *found,
                          struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT d.mailbox, d.email, m.uidvalidity, d.uid FROM delivery d"
                           " JOIN mailbox m ON m.id = d.mailbox WHERE d.id = ?");
    db_bind_blob(s, 1, id);
    enum db_step step = db_next(store->db, s, err);
    *found = step == DB_ROW;
    if (step == DB_ROW)
        *out = (struct store_placed){.mailbox = db_col_int(s, 0),
                                     .email = db_col_int(s, 1),
                                     .uidvalidity = (uint32_t)db_col_int(s, 2),
                                     .uid = (uint32_t)db_col_int(s, 3),
                                     .duplicate = true};
    return step != DB_FAIL;
}

static bool note_delivery(struct store *store, struct str id, const struct store_placed *placed,
                          struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "INSERT INTO delivery (id, at_us, mailbox, uid, email)"
                           " VALUES (?, ?, ?, ?, ?)");
    db_bind_blob(s, 1, id);
    db_bind_int(s, 2, clock_wall_us());
    db_bind_int(s, 3, placed->mailbox);
    db_bind_int(s, 4, placed->uid);
    db_bind_int(s, 5, placed->email);
    return db_run(store->db, s, err);
}

/* Ids of deliveries are remembered for 30 days, and a queue may wait longer (its account could not be
 * opened, say) with an answer that was lost at its first try; or the wall clock jumped, and they were
 * forgotten. So what comes late is here already when a message with its very bytes was received in the
 * same microsecond, deleted or not. (One that was purged since is not known any more, and comes again.) */
static bool find_twin(struct store *store, struct arrival *a, struct store_placed *out, bool *found,
                      struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db, "SELECT id, created FROM email WHERE content = ? AND received_us = ?");
    if (!content_add(&a->content, store->db, &a->content_row, err))
        return false;
    db_bind_int(s, 1, a->content_row);
    db_bind_int(s, 2, a->received_us);
    enum db_step step = db_next(store->db, s, err);
    *found = step == DB_ROW;
    if (*found)
        *out = (struct store_placed){
            .email = db_col_int(s, 0), .modseq = (uint64_t)db_col_int(s, 1), .duplicate = true};
    return step != DB_FAIL;
}

/* A mailbox that is gone meanwhile must not lose the message: it goes to INBOX. */
static bool delivery_mailbox(struct store *store, struct str name, int64_t *id, struct error *err)
{
    struct arena arena;
    struct store_mailbox m;
    struct error why = {0};

    arena_init(&arena, 64 << 10);
    bool ok = store_mailbox_find(store, name.n ? name : STR("INBOX"), &arena, &m, &why);
    if (!ok && why.kind == ERROR_NOT_FOUND)
        ok = store_mailbox_find(store, STR("INBOX"), &arena, &m, &why);
    if (ok)
        *id = m.id;
    else if (err)
        *err = why;
    arena_done(&arena);
    return ok;
}

/* In a transaction of its own; a late one that is there already stays as it is. */
static bool deliver_once(struct store *store, const struct store_delivery *d, struct arrival *a,
                         struct store_placed *placed, struct error *err)
{
    bool found = false;
    AUTO_STORE_TX struct store_tx t = {0};

    if (!store_tx_begin(&t, store, d->actor, STORE_CHANGE_DELIVER, err) ||
        (d->late && !find_twin(store, a, placed, &found, err)))
        return false;
    return found || (delivery_mailbox(store, d->mailbox, &a->mailbox, err) &&
                     arrive_in(&t, a, placed, err) &&
                     note_delivery(store, d->transaction, placed, err) && store_tx_commit(&t, err));
}

bool store_deliver(struct store *store, const struct store_delivery *d, struct store_placed *out,
                   struct error *err)
{
    struct store_placed placed = {0};
    bool found, ok;
    if (d->transaction.n == 0 || d->transaction.n > 64)
        return error_set(err, ERROR_SYNTAX, "a delivery's id has 1 to 64 bytes");
    if (!find_delivery(store, d->transaction, &placed, &found, err))
        return false;
    if (found) {
        if (out)
            *out = placed;
        return true;
    }
    struct arrival a = {.bytes = d->bytes,
                        .prefix = d->prefix,
                        .keywords = d->keywords,
                        .received_us = d->received_us,
                        .flags = d->flags};
    if (!arrival_init(store, &a, err))
        return false;
    ok = deliver_once(store, d, &a, &placed, err);
    arrival_done(store, &a);
    if (ok && out)
        *out = placed;
    return ok;
}

bool store_append(struct store *store, const struct store_append *append, struct store_placed *out,
                  struct error *err)
{
    struct store_placed placed = {0};
    if (!store_quota_check(store, append->bytes.n, err))
        return false;
    struct arrival a = {.bytes = append->bytes,
                        .keywords = append->keywords,
                        .mailbox = append->mailbox,
                        .received_us = append->received_us,
                        .flags = append->flags};
    if (!arrival_init(store, &a, err))
        return false;
    AUTO_STORE_TX struct store_tx t = {0};
    bool ok = store_tx_begin(&t, store, append->actor, STORE_CHANGE_APPEND, err) &&
              arrive_in(&t, &a, &placed, err) && store_tx_commit(&t, err);
    store_tx_end(&t);
    arrival_done(store, &a);
    if (ok && out)
        *out = placed;
    return ok;
}
