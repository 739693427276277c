/* directory/directory.h: the processes that know who is who: directory and hasher. */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/base.h"

NORETURN void directory_main(unsigned instance);
/* Argon2id, nothing else: takes a password and a hash to verify, or makes a hash; one at a time. */
NORETURN void hasher_main(unsigned instance);

#endif
