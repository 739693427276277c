/* directory/audit.h: the append-only log of who did what to whom, chained by hashes: each row's hash is SHA-256 over the hash
 * before it and the row, so that a changed, removed or inserted row shows. (A log whose last rows were cut off looks whole:
 * to notice that, keep the last hash, which `posthus audit verify` prints, elsewhere.) */
#ifndef DIRECTORY_AUDIT_H
#define DIRECTORY_AUDIT_H

#include "db/db.h"

#define AUDIT_HASH_BYTES 32

/* Within the transaction of the change that it records: appends one row. */
MUST_CHECK bool audit_append(struct db *db, struct str who, struct str what, struct str object,
                             struct str detail, struct error *err);
/* Verifies the chain in pieces: each call goes at most `most` rows further than the last. A walk begins zeroed. *done: the
 * end was reached; walk has the number of rows and the hash of the last one (zeros when there is none). ERROR_DAMAGED names
 * the first row that does not fit. */
struct audit_walk {
    uint64_t rows;
    unsigned char last[AUDIT_HASH_BYTES];
};
MUST_CHECK bool audit_walk(struct db *db, struct audit_walk *walk, uint64_t most, bool *done,
                           struct error *err);

#endif
