/* proc/lock.h: one process has a database open. The kernel keeps the lock with the open file and drops it when the last copy of
 * the descriptor is gone, so a predecessor that is still ending keeps its successor waiting, and a dead one does not
 * (never a row with a time in it, which a dead owner leaves behind). */
#ifndef PROC_LOCK_H
#define PROC_LOCK_H

#include "base/error.h"

/* Takes the write lock of fd's file, waiting at most ten seconds. ERROR_TEMPORARY: another process still has it. */
MUST_CHECK bool lock_file(int fd, struct error *err);

#endif
