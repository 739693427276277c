/* store/store_check.c: whether what is derived is what it would be if it were made anew: counts
 * from placements and tombstones, texts and part tables from contents. Each kind of number has one
 * query that gives the rows that differ, so an account that is right costs reading and nothing
 * else. */
#include "store/store_int.h"

#include <stdarg.h>
#include <stdio.h>

struct check {
    struct store *store;
    struct store_tx *tx;
    struct buf *report;
    bool repair;
    uint64_t differences;
    uint64_t stale; /* emails that an earlier release has described */
};

PRINTF_LIKE(2, 3) static void store_differs(struct check *c, const char *fmt, ...)
{
    char line[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    c->differences++;
    buf_printf(c->report, "%s%s\n", line, c->repair ? " (repaired)" : "");
}

/* A rule: a query for rows (id, what there is, what it should be) that differ, and the statement
 * that sets it right for all of them. */
struct rule {
    const char *row, *is, *should; /* words before each of the three */
    const char *find;
    const char *repair;
};

#define PLACEMENTS "(SELECT count(*) FROM placement p WHERE p.mailbox = m.id)"
#define UNSEEN "(SELECT count(*) FROM placement p WHERE p.mailbox = m.id AND p.flags & 1 = 0)"
#define DELETED "(SELECT count(*) FROM placement p WHERE p.mailbox = m.id AND p.flags & 8 = 8)"
#define BYTES                                                                                      \
    "(SELECT coalesce(sum(e.size), 0) FROM placement p JOIN email e ON e.id = p.email"             \
    " WHERE p.mailbox = m.id)"
#define UIDNEXT                                                                                    \
    "max(m.uidnext, (SELECT coalesce(max(uid), 0) + 1 FROM placement p WHERE p.mailbox = m.id),"   \
    " (SELECT coalesce(max(uid), 0) + 1 FROM tombstone t WHERE t.mailbox = m.id))"
#define HIGHEST                                                                                    \
    "max(m.modseq, (SELECT coalesce(max(p.modseq), 0) FROM placement p WHERE p.mailbox = m.id),"   \
    " (SELECT coalesce(max(t.modseq), 0) FROM tombstone t WHERE t.mailbox = m.id))"
#define ARRIVED                                                                                    \
    "max(m.arrived, (SELECT coalesce(max(p.created), 0) FROM placement p WHERE p.mailbox = m.id))"
#define FLAGGED                                                                                    \
    "max(m.flagged, (SELECT coalesce(max(p.modseq), 0) FROM placement p WHERE p.mailbox = m.id"    \
    " AND p.modseq > p.created))"
#define EXPUNGED                                                                                   \
    "max(m.expunged, (SELECT coalesce(max(t.modseq), 0) FROM tombstone t WHERE t.mailbox = m.id))"
#define PLACES "(SELECT count(*) FROM placement p WHERE p.email = e.id)"
#define GRAVES "(SELECT count(*) FROM tombstone t WHERE t.email = e.id)"
#define SIZE "length(e.prefix) + (SELECT c.size FROM content c WHERE c.id = e.content)"
#define LIVE "(SELECT coalesce(sum(size), 0) FROM email WHERE places > 0)"
#define KEPT "(SELECT coalesce(sum(size), 0) FROM email WHERE places = 0 AND graves > 0)"
#define MESSAGES "(SELECT count(*) FROM email WHERE places > 0)"
#define CLOCK                                                                                      \
    "max(a.modseq, (SELECT coalesce(max(modseq), 0) FROM mailbox),"                                \
    " (SELECT coalesce(max(modseq), 0) FROM change))"

#define MAILBOX_RULE(words, column, value)                                                         \
    {                                                                                              \
        "mailbox", words " is", "should be",                                                       \
            "SELECT m.id, m." column ", " value " FROM mailbox m WHERE m." column " <> " value,    \
            "UPDATE mailbox AS m SET " column " = " value " WHERE m." column " <> " value          \
    }
#define EMAIL_RULE(words, column, value)                                                           \
    {                                                                                              \
        "email", words " is", "should be",                                                         \
            "SELECT e.id, e." column ", " value " FROM email e WHERE e." column " <> " value,      \
            "UPDATE email AS e SET " column " = " value " WHERE e." column " <> " value            \
    }
#define ACCOUNT_RULE(words, column, value)                                                         \
    {                                                                                              \
        "account", words " is", "should be",                                                       \
            "SELECT a.id, a." column ", " value " FROM account a WHERE a." column " <> " value,    \
            "UPDATE account AS a SET " column " = " value " WHERE a." column " <> " value          \
    }

/* In this order: sums of the account are made of what is right by then. */
static const struct rule rules[] = {
    {"mailbox", "the message with UID", "has no email",
     "SELECT p.mailbox, p.uid, p.email FROM placement p"
     " WHERE NOT EXISTS (SELECT 1 FROM email e WHERE e.id = p.email)",
     "DELETE FROM placement WHERE NOT EXISTS (SELECT 1 FROM email e WHERE e.id = placement.email)"},
    {"mailbox", "the tombstone with UID", "has no email",
     "SELECT t.mailbox, t.uid, t.email FROM tombstone t WHERE t.email IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM email e WHERE e.id = t.email)",
     "UPDATE tombstone SET email = NULL WHERE email IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM email e WHERE e.id = tombstone.email)"},
    {"mailbox", "a message and a tombstone have UID", "the tombstone has email",
     "SELECT t.mailbox, t.uid, coalesce(t.email, 0) FROM tombstone t"
     " JOIN placement p ON p.mailbox = t.mailbox AND p.uid = t.uid",
     "DELETE FROM tombstone WHERE EXISTS (SELECT 1 FROM placement p"
     " WHERE p.mailbox = tombstone.mailbox AND p.uid = tombstone.uid)"},
    EMAIL_RULE("the size", "size", SIZE),
    EMAIL_RULE("the number of placements", "places", PLACES),
    EMAIL_RULE("the number of tombstones", "graves", GRAVES),
    MAILBOX_RULE("the number of messages", "messages", PLACEMENTS),
    MAILBOX_RULE("the number of unseen ones", "unseen", UNSEEN),
    MAILBOX_RULE("the number of deleted ones", "deleted", DELETED),
    MAILBOX_RULE("the sum of sizes", "bytes", BYTES),
    MAILBOX_RULE("UIDNEXT", "uidnext", UIDNEXT),
    MAILBOX_RULE("the highest modseq", "modseq", HIGHEST),
    MAILBOX_RULE("the modseq of the last arrival", "arrived", ARRIVED),
    MAILBOX_RULE("the modseq of the last change of flags", "flagged", FLAGGED),
    MAILBOX_RULE("the modseq of the last expunge", "expunged", EXPUNGED),
    ACCOUNT_RULE("the sum of live bytes", "live_bytes", LIVE),
    ACCOUNT_RULE("the sum of kept bytes", "kept_bytes", KEPT),
    ACCOUNT_RULE("the number of messages", "messages", MESSAGES),
    ACCOUNT_RULE("the clock", "modseq", CLOCK),
};

static bool apply_rule(struct check *c, const struct rule *rule, struct error *err)
{
    uint64_t before = c->differences;
    {
        AUTO_STMT sqlite3_stmt *s = db_stmt(c->store->db, rule->find);
        enum db_step step;
        while ((step = db_next(c->store->db, s, err)) == DB_ROW)
            store_differs(c, "%s %lld: %s %lld, %s %lld", rule->row, (long long)db_col_int(s, 0),
                          rule->is, (long long)db_col_int(s, 1), rule->should,
                          (long long)db_col_int(s, 2));
        if (step == DB_FAIL)
            return false;
    }
    if (!c->repair || c->differences == before)
        return true;
    AUTO_STMT sqlite3_stmt *s = db_stmt(c->store->db, rule->repair);
    return db_run(c->store->db, s, err);
}

/* ---- what is derived from contents ---- */

static bool check_email(struct check *c, int64_t id, struct str bytes, struct error *err)
{
    struct store_derived differ;

    if (!store_derive_email(c->store, id, bytes, c->repair, &differ, err))
        return false;
    if (store_stale_has(c->store, id)) { /* what an earlier release understood is no damage */
        c->stale++;
        return true;
    }
    if (differ.texts)
        store_differs(c, "email %lld: what is understood of it is not what its content says",
                      (long long)id);
    if (differ.refs)
        store_differs(c, "email %lld: its references are not those of its header", (long long)id);
    return true;
}

/* A content that is gone or damaged is told and cannot be made again; the others are checked all the
 * same. */
static bool check_emails(struct check *c, struct error *err)
{
    int64_t id = 0, content;
    uint64_t size;
    bool found = true;
    for (;;) {
        struct buf bytes;
        struct error why = {0};
        if (!store_derive_next(c->store, &id, &content, &size, &found, err))
            return false;
        if (!found)
            return true;
        bool ok = true;
        buf_init(&bytes, size == UINT64_MAX ? 1 : (size_t)size + 1);
        if (size == UINT64_MAX || !content_read(c->store->db, content, 0, size, &bytes, &why)) {
            c->differences++;
            buf_printf(c->report, "email %lld: its content cannot be read: %s\n", (long long)id,
                       size == UINT64_MAX ? "it is not there" : why.text);
        } else {
            ok = check_email(c, id, buf_view(&bytes), err);
        }
        buf_done(&bytes);
        if (!ok)
            return false;
    }
}

static bool check_pages(struct check *c, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(c->store->db, "PRAGMA integrity_check(20)");
    enum db_step step;
    while ((step = db_next(c->store->db, s, err)) == DB_ROW) {
        struct str line = db_col_str(s, 0);
        if (str_equal(line, STR("ok")))
            continue;
        c->differences++;
        buf_printf(c->report, "database: %.*s\n", STR_ARG(line));
    }
    return step == DB_DONE;
}

static bool check_all(struct check *c, struct error *err)
{
    if (!check_pages(c, err) || !check_emails(c, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (!apply_rule(c, &rules[i], err))
            return false;
    if (c->stale > 0)
        buf_printf(c->report, "%llu messages that an earlier release read %s\n",
                   (unsigned long long)c->stale,
                   c->repair ? "were described anew" : "will be described anew in the background");
    return !c->repair || store_stale_none(c->store, err);
}

bool store_check(struct store *store, bool repair, struct buf *report, uint64_t *differences,
                 struct error *err)
{
    AUTO_STORE_TX struct store_tx t = {0};
    struct check c = {.store = store, .tx = &t, .report = report, .repair = repair};
    if (repair && !store_tx_begin(&t, store, STR("check"), STORE_CHANGE_REPAIR, err))
        return false;
    if (!check_all(&c, err))
        return false;
    *differences = c.differences;
    if (!repair)
        return true;
    if (c.differences > 0) {
        /* The clock itself may just have been set right. */
        struct store_usage usage;
        if (!store_usage(store, &usage, err))
            return false;
        t.clock = usage.modseq;
        (void)store_tx_modseq(&t);
        t.emails = t.mailboxes = t.news.overflow = true;
    }
    return store_tx_commit(&t, err);
}
