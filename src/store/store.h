/* store/store.h: the mail of one account, in one database.
 *
 * Mailboxes hold placements; a placement puts an email into a mailbox under a UID with its flags;
 * an email is a content (db/content.h) with the prefix that we add in front (Return-Path,
 * Received) and what was understood of it once, at its arrival. A message on the wire is the prefix
 * followed by the content: all offsets and sizes here count both.
 *
 * One clock, the modseq, numbers every change of an account. A change takes the next number, writes
 * it to whatever it touched, and leaves a record of who made it. A mailbox publishes the highest
 * number that touched it. What is expunged leaves a tombstone that holds its email for the
 * retention time, so a session that has not been told yet still reads it.
 *
 * What a session sees is a function of the database: with U the UIDNEXT it was told
 * and E the modseq up to which it was told of expunges, it sees the placements and tombstones of
 * the mailbox with uid < U that are alive or were expunged after E, in UID order.
 *
 * One thread, no callbacks into the store from a hook. Every changing call is one transaction that
 * is on the disk when it returns true, except between store_batch_begin and store_batch_commit.
 * Errors: ERROR_DISK and ERROR_DAMAGED from anything (then store_failed, and the process must end);
 * the others are named at each function. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "db/db.h"

/* System flags, as bits (RFC 9051 section 2.3.2). Keywords are words, sorted, with one space
 * between, as one slice. */
#define STORE_SEEN 1u
#define STORE_ANSWERED 2u
#define STORE_FLAGGED 4u
#define STORE_DELETED 8u
#define STORE_DRAFT 16u

enum store_role {
    STORE_ROLE_NONE,
    STORE_ROLE_INBOX,
    STORE_ROLE_DRAFTS,
    STORE_ROLE_SENT,
    STORE_ROLE_ARCHIVE,
    STORE_ROLE_JUNK,
    STORE_ROLE_TRASH,
    STORE_ROLES
};

struct store;

struct store_config {
    uint64_t quota;       /* bytes of live messages; 0: no limit */
    int64_t retention_us; /* how long what was expunged can be brought back; 0: 30 days; < 0: purged
                             at once */
};

/* Opens, migrates; makes INBOX, Drafts, Sent, Archive, Junk and Trash at the first time.
 * ERROR_CONFLICT: made by a newer release. */
MUST_CHECK bool store_open(struct store **out, const struct db_source *source,
                           const struct store_config *config, struct error *err);
void store_close(struct store *store); /* NULL is fine */
/* A write, an fsync or a verification failed: end the process. */
bool store_failed(const struct store *store);
/* Why a message of this account could not be read, the last time, by store_email_read: ERROR_DAMAGED, or no error. The store goes
 * on: it is that message alone. */
const struct error *store_damage(const struct store *store);
struct db *store_db(struct store *store);

/* Rises with each change, from 0 at open; also with one inside a batch, and when a batch is given
 * up. */
uint64_t store_version(const struct store *store);

struct store_usage {
    uint64_t live_bytes;    /* emails that stand in a mailbox, each once: what the quota counts */
    uint64_t kept_bytes;    /* expunged ones that can be brought back */
    uint64_t messages;      /* emails that stand in a mailbox */
    uint64_t quota;         /* 0: no limit */
    uint64_t modseq, epoch; /* the clock, and which history it numbers */
};
MUST_CHECK bool store_usage(struct store *store, struct store_usage *out, struct error *err);

/* ---- what changed: for IDLE, and for whoever follows an account ---- */

/* Kinds, as bits. Of a mailbox: */
#define STORE_NEWS_ARRIVED 1u  /* messages were put into it */
#define STORE_NEWS_FLAGS 2u    /* flags or keywords of its messages changed */
#define STORE_NEWS_EXPUNGED 4u /* messages left it */
#define STORE_NEWS_CREATED 8u
#define STORE_NEWS_RENAMED 16u
#define STORE_NEWS_DELETED 32u
/* ... or, with the id 0, of a name that is no mailbox: */
#define STORE_NEWS_SUBSCRIBED 64u /* or no longer */
/* Of the account, with the id 0: */
#define STORE_NEWS_QUOTA 128u /* what is used changed, or what may be */
/* 256 and higher are for collections that hold no mail; their ids will be their own. */
#define STORE_NEWS_ALL UINT32_MAX

struct store_news_item {
    int64_t id; /* mailbox, or 0 */
    unsigned kinds;
};

#define STORE_NEWS_ITEMS 16

/* What happened between two looks: each mailbox once. */
struct store_news {
    unsigned kinds; /* of all items; only of those that there was room for when `overflow` */
    struct store_news_item items[STORE_NEWS_ITEMS];
    size_t n;
    bool overflow; /* there was more: anything may have changed */
};

/* wake is called when there is news: after a commit, at once where some waits already; then not again
 * until it is taken. It must not call the store, and has its owner's loop call store_news_take. NULL
 * ends that. */
void store_on_news(struct store *store, void (*wake)(void *arg), void *arg);
/* What was committed since the last call; forgotten then. False: nothing. */
bool store_news_take(struct store *store, struct store_news *out);
/* Of which of these kinds there is news about this mailbox, or, with the id 0, about the account; all
 * of them when there was no room to say. */
unsigned store_news_of(const struct store_news *news, int64_t id, unsigned kinds);

/* The same from the database: what changed after the modseq `since`, of these kinds. Adds to items (a
 * vec of struct store_news_item) those after the id `after`, ascending, at most max of them: fewer
 * than max are the last. Begin with after = -1, go on with the id of the last item; and read the clock
 * (store_usage) before the first call, because that is what to ask from the next time. Deleted
 * mailboxes are in it; one that was made and deleted since has both kinds. What was changed before
 * the account knew of kinds may be told once too often. */
MUST_CHECK bool store_changes(struct store *store, uint64_t since, unsigned kinds, int64_t after,
                              size_t max, struct vec *items, struct error *err);

/* ---- several changes, one fsync ---- */

/* Between the two, each changing call is a savepoint: it takes effect or fails by itself, and
 * nothing is on the disk or told to anybody before store_batch_commit returns true. When that
 * fails, none of them happened. */
MUST_CHECK bool store_batch_begin(struct store *store, struct error *err);
MUST_CHECK bool store_batch_commit(struct store *store, struct error *err);
void store_batch_abort(struct store *store);

/* ---- mailboxes ---- */

struct store_mailbox {
    int64_t id;      /* 0: only subscribed, there is no such mailbox */
    struct str name; /* UTF-8, '/' between levels; in the caller's arena */
    enum store_role role;
    bool subscribed, has_children;
    uint32_t uidvalidity, uidnext;
    uint32_t messages, unseen, deleted; /* deleted: with \Deleted */
    uint64_t bytes;                     /* sum of the sizes of its messages */
    uint64_t modseq;                    /* the highest that touched it */
};

/* By name; INBOX in any case. ERROR_NOT_FOUND. */
MUST_CHECK bool store_mailbox_find(struct store *store, struct str name, struct arena *arena,
                                   struct store_mailbox *out, struct error *err);
/* By id; a deleted one as well, so that a session which has it selected can still be told (*gone
 * may be NULL). */
MUST_CHECK bool store_mailbox_get(struct store *store, int64_t id, struct arena *arena,
                                  struct store_mailbox *out, bool *gone, struct error *err);
/* The first mailbox or subscribed name whose name sorts after `after` (empty: from the beginning);
 * *found false at the end. */
MUST_CHECK bool store_mailbox_next(struct store *store, struct str after, struct arena *arena,
                                   struct store_mailbox *out, bool *found, struct error *err);
/* Makes it and what is missing above it. ERROR_EXISTS, ERROR_SYNTAX (no possible name),
 * ERROR_CONFLICT (role taken), ERROR_LIMIT. id may be NULL. */
MUST_CHECK bool store_mailbox_create(struct store *store, struct str name, enum store_role role,
                                     struct str actor, int64_t *id, struct error *err);
/* Its messages become tombstones. ERROR_NOT_FOUND, ERROR_CONFLICT (it has children), ERROR_DENIED
 * (INBOX). */
MUST_CHECK bool store_mailbox_delete(struct store *store, struct str name, struct str actor,
                                     struct error *err);
/* With its children. INBOX stays, and its messages move to the new one (RFC 9051 section 6.3.6).
 * ERROR_NOT_FOUND, ERROR_EXISTS, ERROR_SYNTAX, ERROR_CONFLICT (below itself), ERROR_LIMIT. */
MUST_CHECK bool store_mailbox_rename(struct store *store, struct str from, struct str to,
                                     struct str actor, struct error *err);
/* A name need not exist (RFC 9051 section 6.3.7). ERROR_SYNTAX. */
MUST_CHECK bool store_subscribe(struct store *store, struct str name, bool subscribed,
                                struct str actor, struct error *err);
/* The keywords that messages of it have had, with spaces between, in the arena. */
MUST_CHECK bool store_mailbox_keywords(struct store *store, int64_t mailbox, struct arena *arena,
                                       struct str *out, struct error *err);
/* Whether words may be a mailbox's name; *out is the name as it is stored (INBOX spelled so, no '/'
 * at the end). */
MUST_CHECK bool store_mailbox_name(struct str words, struct str *out, struct arena *arena,
                                   struct error *err);

/* ---- messages come in ---- */

struct store_delivery {
    struct str transaction; /* 1 to 64 bytes; a second delivery with it does nothing */
    struct str bytes;       /* the message as the sender sent it */
    struct str prefix;      /* header lines that we add in front; may be empty */
    struct str mailbox;     /* where to; INBOX when empty or when there is none of this name */
    int64_t received_us;    /* wall clock: INTERNALDATE */
    uint32_t flags;
    struct str keywords;
    struct str actor; /* "delivery:..." */
    bool late; /* it may have been delivered so long ago that its id is forgotten: the same bytes
                  received in the same microsecond are it (deleted ones too, until they are purged) */
};
struct store_placed {
    int64_t mailbox, email;
    uint32_t uidvalidity, uid;
    uint64_t modseq;
    bool duplicate; /* it was there already; uid is that of the first time */
};
/* Never refused by the quota: its sender was told that it is kept. out may be NULL. */
MUST_CHECK bool store_deliver(struct store *store, const struct store_delivery *delivery,
                              struct store_placed *out, struct error *err);

struct store_append {
    struct str bytes;
    int64_t mailbox;
    int64_t received_us;
    uint32_t flags;
    struct str keywords;
    struct str actor;
};
/* ERROR_QUOTA, ERROR_NOT_FOUND (the mailbox), ERROR_LIMIT (keywords). */
MUST_CHECK bool store_append(struct store *store, const struct store_append *append,
                             struct store_placed *out, struct error *err);
/* From now on. */
void store_set_retention(struct store *store, int64_t us); /* as in the config */
/* From now on; that is news. */
void store_set_quota(struct store *store, uint64_t quota);
/* Whether n more bytes fit the quota. */
MUST_CHECK bool store_quota_check(struct store *store, uint64_t n, struct error *err);

/* ---- reading ---- */

struct store_message {
    uint32_t uid;
    uint32_t flags;
    uint64_t modseq;
    struct str keywords; /* in the arena */
    int64_t saved_us;    /* when it was put into this mailbox */
    int64_t email;       /* 0: purged; only when expunged */
    bool expunged;       /* a tombstone: for sessions that have not been told */
};
/* ERROR_NOT_FOUND: no message and no tombstone has this UID. */
MUST_CHECK bool store_message_get(struct store *store, int64_t mailbox, uint32_t uid,
                                  struct arena *arena, struct store_message *out,
                                  struct error *err);

struct store_part {
    uint32_t parent;                     /* index; its own for part 0 */
    bool multipart, message;             /* as in mime/message.h */
    uint64_t header_at, body_at, end_at; /* in the message with its prefix */
};
struct store_email {
    int64_t id, thread;
    uint64_t size;                  /* RFC822.SIZE */
    int64_t received_us;            /* INTERNALDATE */
    int64_t sent_us;                /* of Date, INT64_MIN without one */
    struct str message_id;          /* without < > */
    struct str subject, preview;    /* UTF-8 */
    struct str envelope, structure; /* ENVELOPE and BODYSTRUCTURE as they are sent */
    struct store_part *parts;       /* at least one */
    uint32_t parts_n;
};
/* All in the arena. ERROR_NOT_FOUND. */
MUST_CHECK bool store_email_get(struct store *store, int64_t email, struct arena *arena,
                                struct store_email *out, struct error *err);
/* Its sizes and dates alone (no strings, no parts): cheap. */
MUST_CHECK bool store_email_head(struct store *store, int64_t email, struct store_email *out,
                                 struct error *err);
/* Where its parts are, in the arena. */
MUST_CHECK bool store_email_parts(struct store *store, int64_t email, struct arena *arena,
                                  struct store_part **parts, uint32_t *n, struct error *err);
/* Appends at most n bytes of the message from `from`; less at the end. ERROR_LIMIT: out is too
 * small. */
MUST_CHECK bool store_email_read(struct store *store, int64_t email, uint64_t from, uint64_t n,
                                 struct buf *out, struct error *err);

/* UIDs of the view (above) from `from` on, ascending, at most max of them, are added to uids (a vec
 * of uint32_t). */
MUST_CHECK bool store_view(struct store *store, int64_t mailbox, uint32_t from, uint32_t below,
                           uint64_t expunged_after, size_t max, struct vec *uids,
                           struct error *err);
/* UIDs below `below` that were expunged after one modseq and not after another, descending. */
MUST_CHECK bool store_expunged(struct store *store, int64_t mailbox, uint32_t below, uint64_t after,
                               uint64_t until, size_t max, struct vec *uids, struct error *err);
/* UIDs below `below` of living messages that changed after (modseq, uid), in that order: the last
 * one's pair is where to go on. */
struct store_changed {
    uint64_t modseq;
    uint32_t uid;
};
MUST_CHECK bool store_changed(struct store *store, int64_t mailbox, uint32_t below,
                              struct store_changed after, size_t max, struct vec *changed,
                              struct error *err);
/* The lowest UID >= from that has no \Seen, or 0. */
MUST_CHECK bool store_first_unseen(struct store *store, int64_t mailbox, uint32_t from,
                                   uint32_t *uid, struct error *err);

/* ---- changing ---- */

enum store_flags_mode { STORE_FLAGS_SET, STORE_FLAGS_ADD, STORE_FLAGS_REMOVE };
struct store_flags_change {
    enum store_flags_mode mode;
    uint32_t flags;
    struct str keywords; /* sorted as above */
    uint64_t
        unchanged_since; /* a message with a higher modseq is left alone; UINT64_MAX: none is */
};
/* Messages of these UIDs that are not there are passed over. One that has the flags already keeps
 * its modseq. *modseq is that of the change, or 0 when nothing had to change. conflicts (vec of
 * uint32_t, may be NULL) gets the UIDs that unchanged_since left alone. ERROR_LIMIT: too many
 * keywords. */
MUST_CHECK bool store_flags(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                            const struct store_flags_change *change, struct str actor,
                            uint64_t *modseq, struct vec *conflicts, struct error *err);
/* Messages of these UIDs become tombstones. *modseq as above. */
MUST_CHECK bool store_expunge(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                              struct str actor, uint64_t *modseq, struct error *err);
/* UIDs with \Deleted, from `from` on, ascending, at most max. */
MUST_CHECK bool store_deleted(struct store *store, int64_t mailbox, uint32_t from, size_t max,
                              struct vec *uids, struct error *err);
/* Puts the messages into another mailbox (or the same) as well, or, moving, instead. Pairs of old
 * and new UID in ascending order are added to pairs (vec of struct store_pair). All or nothing.
 * ERROR_NOT_FOUND (the target), ERROR_QUOTA never: a copy costs nothing. */
struct store_pair {
    uint32_t from, to;
};
MUST_CHECK bool store_copy(struct store *store, int64_t mailbox, const uint32_t *uids, size_t n,
                           int64_t target, bool move, struct str actor, struct vec *pairs,
                           uint64_t *modseq, struct error *err);
/* The same for many messages in slices, each a transaction, so that others get their turn in between, and all or
 * nothing all the same. Each slice is seen by others as soon as it is there. What was not finished, because a slice
 * failed, or store_copy_end came first, or the power went, is taken back (expunged): by store_copy_undo, by
 * store_idle, or at the next open.
 *
 *     c = store_copy_begin(store, mailbox, target)
 *     store_copy_slice(store, c, uids, n, last, ...) again and again; the one that is `last` makes it stay
 *     store_copy_end(c)
 */
struct store_copying;
/* The object is the caller's, freed by store_copy_end, before the store is closed. */
struct store_copying *store_copy_begin(struct store *store, int64_t mailbox, int64_t target);
/* As store_copy. False: this slice has not happened; then comes store_copy_undo. n may be 0. */
MUST_CHECK bool store_copy_slice(struct store *store, struct store_copying *c, const uint32_t *uids,
                                 size_t n, bool last, struct str actor, struct vec *pairs,
                                 struct error *err);
/* Takes a slice back; *more: there are others. */
MUST_CHECK bool store_copy_undo(struct store *store, struct store_copying *c, struct str actor,
                                bool *more, struct error *err);
void store_copy_end(struct store_copying *c); /* NULL is fine */
/* Brings a tombstone back as a new message of its mailbox (of INBOX when that is gone), with its
 * flags less \Deleted. ERROR_NOT_FOUND, ERROR_GONE (purged). */
MUST_CHECK bool store_undelete(struct store *store, int64_t mailbox, uint32_t uid, struct str actor,
                               struct store_placed *out, struct error *err);

/* ---- words ---- */

/* Sorts, drops doubles (ASCII case aside; the first spelling stays) and joins n keywords.
 * ERROR_LIMIT, ERROR_SYNTAX. */
MUST_CHECK bool store_keywords_join(struct str *words, size_t n, struct arena *arena,
                                    struct str *out, struct error *err);
/* Iterates joined keywords: *at from 0. */
bool store_keywords_next(struct str keywords, size_t *at, struct str *word);
/* Whether joined keywords hold word, ASCII case aside. */
bool store_keywords_has(struct str keywords, struct str word);

/* ---- upkeep ---- */

/* One slice (at most about 20 ms) of what can wait: purging what is past its retention, forgetting
 * old delivery ids, sweeping files, reading messages again that an earlier release has described,
 * giving memory back, taking back copies that were not finished. *more: call again. */
MUST_CHECK bool store_idle(struct store *store, bool *more, struct error *err);
/* Recomputes every derived number and text from contents and placements and compares; a line of
 * report for each difference. repair: writes the right ones. *differences counts; what an earlier
 * release has described and store_idle has not come to yet is none, and gets one line in all. */
MUST_CHECK bool store_check(struct store *store, bool repair, struct buf *report,
                            uint64_t *differences, struct error *err);

#endif
