/* store/store_int.h: what the files of an account's store share: the object, its transaction, and
 * the few steps that several changes have in common. Users include store/store.h. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "db/content.h"
#include "store/store.h"

/* How messages are understood: higher with each change of what store_parse makes of the same bytes,
 * so that older accounts read their messages again (store_derive.c).
 *
 *     1  the first
 *     2  BODYSTRUCTURE has a list of languages, also of one */
#define STORE_DERIVED 2

struct store {
    struct db *db;
    struct store_config config;
    unsigned char thread_key[16]; /* keys the hashes in email_ref */
    struct db_tx batch;           /* open between store_batch_begin and _commit */
    bool in_batch;
    struct store_news batch_news; /* of its parts, not committed yet */
    struct store_news news;       /* committed, not taken yet */
    void (*wake)(void *arg);
    void *wake_arg;
    bool in_tx; /* a store_tx is open: calls do not nest */
    uint64_t version;
    int64_t swept_us;           /* boot clock: when content_sweep ran last */
    int64_t stale_at, stale_to; /* emails after the one and up to the other are to be read again */
    unsigned stale_read;        /* since that was written down */
    size_t copies;              /* store_copying objects there are */
    int64_t last_copy;          /* the number of the last one */
    struct error damage;        /* why a message could not be read, the last time */
};

/* change.kind: what happened. Numbers are in the database: never reused. */
enum store_change_kind {
    STORE_CHANGE_SETUP = 1,
    STORE_CHANGE_DELIVER = 2,
    STORE_CHANGE_APPEND = 3,
    STORE_CHANGE_FLAGS = 4,
    STORE_CHANGE_EXPUNGE = 5,
    STORE_CHANGE_COPY = 6,
    STORE_CHANGE_MOVE = 7,
    STORE_CHANGE_CREATE = 8,
    STORE_CHANGE_DELETE = 9,
    STORE_CHANGE_RENAME = 10,
    STORE_CHANGE_SUBSCRIBE = 11,
    STORE_CHANGE_UNDELETE = 12,
    STORE_CHANGE_REPAIR = 13,
    STORE_CHANGE_UNDO = 14, /* of a copy that was not finished */
};

/* One change on its way: a transaction, or a savepoint inside a batch. Rolled back when it goes out
 * of scope without store_tx_commit (through store_tx_end, which the caller names as its cleanup by
 * AUTO_STORE_TX). */
struct store_tx {
    struct store *store;
    struct db_tx tx;
    bool open, savepoint;
    struct str actor;
    enum store_change_kind kind;
    uint64_t clock;         /* account.modseq as it was */
    uint64_t modseq;        /* taken by this change, or 0 */
    int64_t mailbox;        /* for the change record */
    bool emails, mailboxes; /* which published numbers it moves */
    struct store_news news;
    int64_t live_bytes, kept_bytes, messages; /* differences of account's sums */
};
MUST_CHECK bool store_tx_begin(struct store_tx *t, struct store *store, struct str actor,
                               enum store_change_kind kind, struct error *err);
/* The number of this change, taken at the first call. */
uint64_t store_tx_modseq(struct store_tx *t);
/* Writes the account's row and the change record when a number was taken, then commits. */
MUST_CHECK bool store_tx_commit(struct store_tx *t, struct error *err);
void store_tx_end(struct store_tx *t);
#define AUTO_STORE_TX __attribute__((cleanup(store_tx_end)))

/* Adds to news; the bounds are kept. */
void store_news_add(struct store_news *news, int64_t id, unsigned kinds);
void store_news_join(struct store_news *news, const struct store_news *more);
/* What a commit brought. */
void store_news_tell(struct store *store, const struct store_news *committed);

/* Differences of a mailbox's counts, written once a change. */
struct store_counts {
    int64_t messages, unseen, deleted, bytes;
    uint32_t uidnext; /* 0: as it is */
    unsigned kinds;   /* STORE_NEWS_... */
};
MUST_CHECK bool store_counts_write(struct store_tx *t, int64_t mailbox,
                                   const struct store_counts *counts, struct error *err);

/* A placement to be made or undone. */
struct store_placement {
    int64_t mailbox, email;
    uint32_t uid, flags;
    struct str keywords;
    int64_t saved_us;
    uint64_t size;
};
/* The next UID and UIDVALIDITY of a living mailbox. ERROR_NOT_FOUND, ERROR_LIMIT (UIDs are used
 * up). */
MUST_CHECK bool store_uidnext(struct store_tx *t, int64_t mailbox, uint32_t *uidnext,
                              uint32_t *uidvalidity, struct error *err);
/* Inserts the row, moves email.places, the account's sums and *counts. */
MUST_CHECK bool store_place(struct store_tx *t, const struct store_placement *p,
                            struct store_counts *counts, struct error *err);
/* Turns the row into a tombstone; the same sums the other way. */
MUST_CHECK bool store_unplace(struct store_tx *t, const struct store_placement *p,
                              struct store_counts *counts, struct error *err);
/* Remembers the words of `keywords` as keywords of the mailbox. */
MUST_CHECK bool store_keywords_note(struct store_tx *t, int64_t mailbox, struct str keywords,
                                    struct error *err);
/* The placement of a UID with its email's size. *found false: there is none. keywords in the arena.
 */
MUST_CHECK bool store_placement_find(struct store *store, int64_t mailbox, uint32_t uid,
                                     struct arena *arena, struct store_placement *out, bool *found,
                                     struct error *err);
/* Expunges all messages of a mailbox, inside t. */
MUST_CHECK bool store_expunge_all(struct store_tx *t, int64_t mailbox, struct error *err);
/* Expunges messages of these UIDs inside t; those that are not there are passed over. */
MUST_CHECK bool store_expunge_in(struct store_tx *t, int64_t mailbox, const uint32_t *uids,
                                 size_t n, struct error *err);
/* Takes back a slice of a copy that was not finished and that nobody is at any more; *more: there may be others.
 * Where the disk is full it is left as it is. */
MUST_CHECK bool store_copy_sweep(struct store *store, bool *more, struct error *err);
/* Moves or copies inside t (store_copy without its own transaction). */
MUST_CHECK bool store_copy_in(struct store_tx *t, int64_t mailbox, const uint32_t *uids, size_t n,
                              int64_t target, bool move, struct vec *pairs, struct error *err);
MUST_CHECK bool store_mailbox_insert(struct store_tx *t, struct str name, enum store_role role,
                                     int64_t *id, struct error *err);

/* What is understood of a message once. Slices are in the arena or in the parsed bytes, so both must
 * outlive them; store_parsed_done frees the arena and the bufs. */
struct store_parsed {
    struct arena arena;
    struct buf envelope, structure, preview, parts;
    struct str message_id, subject;
    int64_t sent_us;
    int64_t refs[24]; /* hashes for email_ref */
    size_t refs_n;
};
void store_parse(struct store *store, struct str bytes, struct store_parsed *out);
void store_parsed_done(struct store_parsed *p);
/* Binds sent_us, message_id, subject, preview, envelope, structure and parts, in this order, from
 * parameter i on. */
void store_bind_parsed(sqlite3_stmt *s, int i, const struct store_parsed *p);
MUST_CHECK bool store_insert_refs(struct store *store, int64_t email, const struct store_parsed *p,
                                  struct error *err);

/* ---- what is derived from contents, made again: store_derive.c ---- */

/* Compares what is kept of an email with what its content says, and writes that where `write`. */
struct store_derived {
    bool texts, refs; /* they differed */
};
MUST_CHECK bool store_derive_email(struct store *store, int64_t email, struct str content,
                                   bool write, struct store_derived *out, struct error *err);
/* The first email after *id, its content and that content's size (UINT64_MAX: it is not there);
 * *found false at the end. */
MUST_CHECK bool store_derive_next(struct store *store, int64_t *id, int64_t *content,
                                  uint64_t *size, bool *found, struct error *err);
/* At open: after an upgrade all emails there are become stale. */
MUST_CHECK bool store_stale_open(struct store *store, struct error *err);
/* Whether this email waits to be read again. */
bool store_stale_has(const struct store *store, int64_t email);
/* Reads some of them again; *more: there are others. */
MUST_CHECK bool store_stale_slice(struct store *store, bool *more, struct error *err);
/* All were read again, by a repair in this transaction. */
MUST_CHECK bool store_stale_none(struct store *store, struct error *err);

/* The part table as a blob: store_parts.c. Offsets in it are those of the content; reading adds
 * prefix_n. */
MUST_CHECK bool store_parts_parse(struct str blob, uint64_t prefix_n, struct arena *arena,
                                  struct store_part **parts, uint32_t *n, struct error *err);

/* One tombstone less holds the email; when nothing does any more, it goes, with a content that no
 * other one has. */
MUST_CHECK bool store_release(struct store_tx *t, int64_t email, struct error *err);

#endif
