/* account/files.h: the files of one account, accounts/XX/ID/: db, wal, used and large/. ID is the account's number, and XX
 * its low byte, both in hexadecimal; so no folder grows too large. */
#ifndef ACCOUNT_FILES_H
#define ACCOUNT_FILES_H

#include "base/error.h"

#include <stdint.h>

struct account_files {
    int db, wal, used, large; /* used: db/used.h; large: the folder of large contents */
};

/* Opens them below the folder of all accounts, or makes and syncs them. The descriptors are the caller's. This may wait for a
 * disk, so only the account's own process does it. was_open: they were there before, and its folder is not made anew.
 * ERROR_DISK; ERROR_DAMAGED, that folder or the log in it is missing: nothing is open then. */
MUST_CHECK bool account_files_open(int folder, uint64_t account, bool was_open,
                                   struct account_files *out, struct error *err);
/* Removes them all. True when nothing is left, including when there was nothing. */
bool account_files_remove(int folder, uint64_t account);

#endif
