/* relay/queue.h: queue.db: messages that an account could not take at once, and who is to get them.
 *
 * A message is a row and a content (db/content.h); each recipient who has not got it yet is a row of its own. A message's
 * recipients in one account are tried together, as an item. What queue_add has kept is on the disk when it returns. Errors
 * are those of the database (db/db.h). */
#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H

#include "db/db.h"
#include "proc/msg.h"
#include "relay/purge.h"

extern const struct db_schema queue_schema;

/* Keeps a message for the recipients of a question; its `accounts` has an item for each. Recipients for whom it is in the
 * queue already, by transaction and address, are passed over, so that asking twice is asking once. *message is its row, or 0
 * when all were there. */
MUST_CHECK bool queue_add(struct db *db, const struct msg_queue_add_ask *ask, struct str bytes,
                          int64_t *message, struct error *err);

/* What is to be tried: a message and an account. */
struct queue_item {
    int64_t message;
    uint64_t account;
};
/* *item becomes the one after it, or the first when it is all zeros. False at the end, where err's kind is ERROR_NONE, and
 * when the database failed. */
bool queue_next(struct db *db, struct queue_item *item, struct error *err);

/* The number of the newest message, 0 when there is none. Messages that are added later have higher ones. */
int64_t queue_newest(struct db *db);

/* What intake is told of an item; slices and lists lie in the arena. */
struct queue_try {
    struct str transaction, session, return_path, trace;
    struct msg_list recipients;
    uint64_t size, received, attempts;
    int64_t content;
};
/* Reads an item, with as many recipients as fit a message. *found false: it is no longer there. */
MUST_CHECK bool queue_read(struct db *db, const struct queue_item *item, struct arena *arena,
                           struct queue_try *out, bool *found, struct error *err);
/* Whether an item is there: whether a recipient of it is left. */
MUST_CHECK bool queue_has(struct db *db, const struct queue_item *item, bool *found,
                          struct error *err);

/* The next three are called within a transaction of the caller's. */
/* Removes these recipients of the item, and with a message's last recipient the message. */
MUST_CHECK bool queue_done(struct db *db, const struct queue_item *item,
                           const struct msg_list *recipients, struct error *err);
/* For an item of account 0: moves these recipients to the accounts that own them, one for each (0: it stays). Recipients
 * that were purged meanwhile do not come back. */
MUST_CHECK bool queue_set_owners(struct db *db, const struct queue_item *item,
                                 const struct msg_list *recipients, const uint64_t *owners,
                                 struct error *err);
/* Counts a try that did not succeed; why is kept for the operator. */
MUST_CHECK bool queue_failed(struct db *db, const struct queue_item *item, struct str why,
                             struct error *err);

/* Removes everything for an account that was removed, in a transaction of its own: recipients with its number, and those of
 * account 0 whose address matches. *purged is how many. */
MUST_CHECK bool queue_purge(struct db *db, uint64_t account, const struct purge *p,
                            uint64_t *purged, struct error *err);
/* How many recipients wait, and when the oldest message came (wall clock in microseconds, 0: there is none). */
void queue_count(struct db *db, uint64_t *recipients, int64_t *oldest_us);

#endif
