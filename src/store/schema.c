/* store/schema.c: the schema of an account, whole. A change is a new step at the end, never an edit
 * (db/db.h). Columns marked "derived" can be recomputed from the others and from contents;
 * store_check does it. Times are microseconds since 1970 UTC; a modseq is a value of
 * account.modseq. */
#include "store/schema.h"

#include "db/content.h"

static const char step_1[] = CONTENT_SCHEMA
    /* One row: the account's clock and sums. */
    "CREATE TABLE account ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " epoch INTEGER NOT NULL,"          /* random; another one when history was rolled back */
    " modseq INTEGER NOT NULL,"         /* the clock: the number of the last change */
    " email_modseq INTEGER NOT NULL,"   /* published: the last that touched an email */
    " mailbox_modseq INTEGER NOT NULL," /* published: ... a mailbox or its counts */
    " uidvalidity INTEGER NOT NULL,"    /* the last one given; each mailbox gets a higher one */
    " live_bytes INTEGER NOT NULL,"     /* derived: sizes of emails with a placement */
    " kept_bytes INTEGER NOT NULL,"     /* derived: sizes of emails that only tombstones hold */
    " messages INTEGER NOT NULL,"       /* derived: emails with a placement */
    " created_us INTEGER NOT NULL"      /* when the account was first opened */
    ") STRICT;"

    /* Who made a change: "session:ID", "delivery:ID" and the like, once each. */
    "CREATE TABLE actor ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE" /* personal data: which device or sender acted */
    ") STRICT;"

    /* What happened: a row for each number of the clock. */
    "CREATE TABLE change ("
    " modseq INTEGER PRIMARY KEY,"
    " at_us INTEGER NOT NULL,"
    " actor INTEGER NOT NULL,"  /* actor.id */
    " kind INTEGER NOT NULL,"   /* enum store_change_kind (store/store_int.h) */
    " mailbox INTEGER NOT NULL" /* mailbox.id, or 0 */
    ") STRICT;"

    /* Mailboxes; a deleted one stays as a row with `gone`, for sessions and clients that have not
       heard of it. */
    "CREATE TABLE mailbox ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL,"    /* UTF-8, '/' between levels; personal data: names of folders */
    " role INTEGER NOT NULL," /* enum store_role */
    " uidvalidity INTEGER NOT NULL,"
    " uidnext INTEGER NOT NULL,"  /* the UID of the next message; never goes back */
    " messages INTEGER NOT NULL," /* derived: placements */
    " unseen INTEGER NOT NULL,"   /* derived: those without \\Seen */
    " deleted INTEGER NOT NULL,"  /* derived: those with \\Deleted */
    " bytes INTEGER NOT NULL,"    /* derived: sum of their sizes */
    " modseq INTEGER NOT NULL,"   /* the last change that touched it: HIGHESTMODSEQ */
    " floor INTEGER NOT NULL,"    /* tombstones up to this modseq may be missing */
    " gone INTEGER"               /* modseq of its deletion, or NULL */
    ") STRICT;"
    "CREATE UNIQUE INDEX mailbox_name ON mailbox (name) WHERE gone IS NULL;"

    /* Subscribed names; they need not exist (RFC 9051 section 6.3.7). */
    "CREATE TABLE subscription ("
    " name TEXT PRIMARY KEY NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    /* Keywords that messages of a mailbox have had, for its FLAGS. */
    "CREATE TABLE keyword ("
    " mailbox INTEGER NOT NULL," /* mailbox.id */
    " word TEXT NOT NULL COLLATE NOCASE,"
    " PRIMARY KEY (mailbox, word)"
    ") STRICT, WITHOUT ROWID;"

    /* A message: its content, and what was understood of it. */
    "CREATE TABLE email ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " content INTEGER NOT NULL,"     /* content.id; several emails may have the same */
    " prefix BLOB NOT NULL,"         /* header lines that we added in front */
    " size INTEGER NOT NULL,"        /* of prefix and content: RFC822.SIZE */
    " received_us INTEGER NOT NULL," /* INTERNALDATE */
    " created INTEGER NOT NULL,"     /* modseq of its arrival */
    " places INTEGER NOT NULL,"      /* derived: placements that have it */
    " graves INTEGER NOT NULL,"      /* derived: tombstones that hold it */
    " thread INTEGER NOT NULL,"      /* the id of the first email of its conversation */
    " sent_us INTEGER,"              /* derived: Date, or NULL */
    " message_id TEXT NOT NULL,"     /* derived: without < > */
    " subject TEXT NOT NULL,"        /* derived: decoded */
    " preview TEXT NOT NULL,"        /* derived: the beginning of its text */
    " envelope BLOB NOT NULL,"       /* derived: ENVELOPE as it is sent */
    " structure BLOB NOT NULL,"      /* derived: BODYSTRUCTURE as it is sent */
    " parts BLOB NOT NULL"           /* derived: offsets of its parts (store/store_parts.c) */
    ") STRICT;"
    "CREATE INDEX email_content ON email (content);"
    "CREATE INDEX email_message_id ON email (message_id);"

    /* Which Message-IDs an email names, each hashed together with its base subject under the
     * account's key: emails that share one are one conversation (RFC 8621 section 3). */
    "CREATE TABLE email_ref ("
    " email INTEGER NOT NULL," /* email.id */
    " ref INTEGER NOT NULL,"   /* the hash */
    " PRIMARY KEY (email, ref)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX email_ref_ref ON email_ref (ref);"

    /* An email in a mailbox. */
    "CREATE TABLE placement ("
    " mailbox INTEGER NOT NULL," /* mailbox.id */
    " uid INTEGER NOT NULL,"
    " email INTEGER NOT NULL,"   /* email.id */
    " flags INTEGER NOT NULL,"   /* STORE_SEEN and the like */
    " keywords TEXT NOT NULL,"   /* sorted, one space between */
    " modseq INTEGER NOT NULL,"  /* of its last change */
    " created INTEGER NOT NULL," /* modseq when it was put here */
    " saved_us INTEGER NOT NULL,"
    " PRIMARY KEY (mailbox, uid)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX placement_changed ON placement (mailbox, modseq);"
    "CREATE INDEX placement_email ON placement (email);"
    "CREATE INDEX placement_unseen ON placement (mailbox, uid) WHERE flags & 1 = 0;"
    "CREATE INDEX placement_deleted ON placement (mailbox, uid) WHERE flags & 8 = 8;"

    /* What was expunged: kept 400 days for sessions and clients; its email for the retention time. */
    "CREATE TABLE tombstone ("
    " mailbox INTEGER NOT NULL,"
    " uid INTEGER NOT NULL,"
    " modseq INTEGER NOT NULL," /* of the expunge */
    " at_us INTEGER NOT NULL,"  /* when */
    " email INTEGER,"           /* NULL once it is purged */
    " flags INTEGER NOT NULL,"  /* as they were, for undelete */
    " keywords TEXT NOT NULL,"
    " saved_us INTEGER NOT NULL,"
    " PRIMARY KEY (mailbox, uid)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX tombstone_modseq ON tombstone (mailbox, modseq);"
    "CREATE INDEX tombstone_email ON tombstone (email) WHERE email IS NOT NULL;"
    "CREATE INDEX tombstone_kept ON tombstone (at_us) WHERE email IS NOT NULL;"
    "CREATE INDEX tombstone_at ON tombstone (at_us);"

    /* Deliveries of the last 30 days, so that a repeated one does nothing. */
    "CREATE TABLE delivery ("
    " id BLOB PRIMARY KEY NOT NULL," /* the transaction's id */
    " at_us INTEGER NOT NULL,"
    " mailbox INTEGER NOT NULL," /* where it went, and as what */
    " uid INTEGER NOT NULL,"
    " email INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX delivery_at ON delivery (at_us);";

/* Which understanding of messages the derived columns of email are of (STORE_DERIVED), and which
 * emails have still to be read again for it: those after stale_at, up to stale_to. */
static const char step_2[] = "ALTER TABLE account ADD COLUMN derived INTEGER NOT NULL DEFAULT 1;"
                             "ALTER TABLE account ADD COLUMN stale_at INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE account ADD COLUMN stale_to INTEGER NOT NULL DEFAULT 0;";

/* The modseq of the last change of each kind that is told apart (STORE_NEWS_... in store.h); that of a
 * mailbox's deletion is `gone`. For changes before this step, the mailbox's last change stands for all kinds. */
static const char step_3[] =
    "ALTER TABLE mailbox ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE mailbox ADD COLUMN flagged INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE mailbox ADD COLUMN expunged INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE mailbox ADD COLUMN created INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE mailbox ADD COLUMN renamed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE mailbox ADD COLUMN subscribed INTEGER NOT NULL DEFAULT 0;"
    "UPDATE mailbox SET arrived = modseq, flagged = modseq, expunged = modseq;"
    "ALTER TABLE account ADD COLUMN subscribed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN used INTEGER NOT NULL DEFAULT 0;";

/* The slices of copies that are not finished: messages first to last of a mailbox. They are taken back when nobody is at
 * this copy any more (store_copy.c); empty but while there is a large COPY. */
static const char step_4[] = "CREATE TABLE copying ("
                             " mailbox INTEGER NOT NULL,"
                             " first INTEGER NOT NULL,"
                             " last INTEGER NOT NULL,"
                             " copy INTEGER NOT NULL," /* which, among those there are */
                             " PRIMARY KEY (mailbox, first)"
                             ") STRICT, WITHOUT ROWID;";

static const char *const steps[] = {step_1, step_2, step_3, step_4};

const struct db_schema store_schema = {"account", steps, ARRAY_LEN(steps)};
