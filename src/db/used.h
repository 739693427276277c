/* db/used.h: whether a database was in use before. Its files cannot say so when they are gone: what is made in their place is as
 * empty as a new one, and would be taken for it (docs/failures.md, "an empty file for a lost one"). So there is a small file apart
 * from them, which is written when the database has opened for the first time, and never changes again. */
#ifndef DB_USED_H
#define DB_USED_H

#include "base/base.h"

/* True when fd, the small file, was marked; -1 is none. What db_source.must_exist is set to. */
MUST_CHECK bool db_used(int fd);
/* After db_open: marks it on the disk, once. A disk that is full is no error: the next start tries again. */
void db_used_mark(int fd);

#endif
