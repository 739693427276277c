/* relay/queue.h: queue.db: messages that an account could not take at once, and who is to get them.
 *
 * A message is a row and a content (db/content.h), a recipient is a row of its own: it is there as
 * long as it has not got the message. What is tried together are a message's recipients in one
 * account. An entry is committed before anybody is told that it is kept, and either there or not. */
#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H

#include "db/db.h"
#include "proc/msg.h"
#include "relay/purge.h"

extern const struct db_schema queue_schema;

/* Keeps a message for the recipients of a question (accounts has as many items): those who have it
 * in the queue already, by transaction and address, are passed over, so that asking twice is asking
 * once. *message is its row, 0 when all were there. ERROR_DISK and others of the database. */
MUST_CHECK bool queue_add(struct db *db, const struct msg_queue_add_ask *ask, struct str bytes,
                          int64_t *message, struct error *err);

/* What is to be tried: a message and an account. */
struct queue_item {
    int64_t message;
    uint64_t account;
};
/* The item after *item in order, or the first when it is all zeros. False at the end, and with err
 * set (kind not ERROR_NONE) when the database failed. */
bool queue_next(struct db *db, struct queue_item *item, struct error *err);

/* The number of the newest message, 0: there is none. What is added later has a higher one. */
int64_t queue_newest(struct db *db);

/* All that a try says; slices and lists lie in the arena. */
struct queue_try {
    struct str transaction, session, return_path, trace;
    struct msg_list recipients;
    uint64_t size, received, attempts;
    int64_t content;
};
/* *found false: it is not there any more. */
MUST_CHECK bool queue_read(struct db *db, const struct queue_item *item, struct arena *arena,
                           struct queue_try *out, bool *found, struct error *err);
/* Whether it is there (still). */
MUST_CHECK bool queue_has(struct db *db, const struct queue_item *item, bool *found,
                          struct error *err);

/* The next three within a transaction of the caller's. */
/* These recipients of the item are done with; the message goes with its last one. */
MUST_CHECK bool queue_done(struct db *db, const struct queue_item *item,
                           const struct msg_list *recipients, struct error *err);
/* The recipients of an item of nobody's have owners, one for each (0: as before). Those that were
 * purged meanwhile stay away. */
MUST_CHECK bool queue_set_owners(struct db *db, const struct queue_item *item,
                                 const struct msg_list *recipients, const uint64_t *owners,
                                 struct error *err);
/* A try that did not succeed. why is kept for the operator. */
MUST_CHECK bool queue_failed(struct db *db, const struct queue_item *item, struct str why,
                             struct error *err);

/* Everything for an account that is no more, by its number, and by address where nobody could say whose it
 * was, at once and for good. *purged counts recipients. */
MUST_CHECK bool queue_purge(struct db *db, uint64_t account, const struct purge *p,
                            uint64_t *purged, struct error *err);
/* Recipients that wait, and since when the oldest message does (wall clock in us, 0: none). */
void queue_count(struct db *db, uint64_t *recipients, int64_t *oldest_us);

#endif
