/* directory/directory.h: the process that knows who is who, and the one that computes hashes of passwords for it. */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/base.h"

/* The role directory (proc/roles.h), from process_main to the end of the process. */
NORETURN void directory_main(unsigned instance);
/* The role hasher, likewise: Argon2id, nothing else. It verifies a password against a hash, or makes a hash, one at a time. */
NORETURN void hasher_main(unsigned instance);

#endif
