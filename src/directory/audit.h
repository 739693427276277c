/* directory/audit.h: the append-only log of who did what to whom, chained by hashes: each row's hash is SHA-256 over the hash
 * before it and the row, so that a changed, removed or inserted row shows. (Cutting off its end does not show from the
 * file alone: `posthus audit verify` prints the last hash, to be kept elsewhere.) */
#ifndef DIRECTORY_AUDIT_H
#define DIRECTORY_AUDIT_H

#include "db/db.h"

#define AUDIT_HASH_BYTES 32

/* Within a transaction: appends one row, which stands or falls with the change it tells of. */
MUST_CHECK bool audit_append(struct db *db, struct str who, struct str what, struct str object,
                             struct str detail, struct error *err);
/* Walks the chain in pieces, from an empty walk on: at most `most` rows more. done: that was its end, walk has its rows and the
 * hash of the last one. ERROR_DAMAGED names the first row that does not fit. */
struct audit_walk {
    uint64_t rows;
    unsigned char last[AUDIT_HASH_BYTES];
};
MUST_CHECK bool audit_walk(struct db *db, struct audit_walk *walk, uint64_t most, bool *done,
                           struct error *err);
/* Walks the whole chain. rows and last (the hash of the last row, zeros when there is none) are filled on success. ERROR_DAMAGED
 * names the first row that does not fit. */
MUST_CHECK bool audit_verify(struct db *db, uint64_t *rows, unsigned char last[AUDIT_HASH_BYTES],
                             struct error *err);

#endif
