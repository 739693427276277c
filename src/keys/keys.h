/* keys/keys.h: the process that holds the server key. It makes and wraps the keys of accounts, and gives one out for each
 * start of an account's process, over that process's own socket. It has no network and no account's files. */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "base/base.h"

/* The role keys (proc/roles.h), from process_main to the end of the process. */
NORETURN void keys_main(unsigned instance);

#endif
