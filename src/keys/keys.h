/* keys/keys.h: the process that holds the server key: it makes, wraps and unwraps the keys of accounts, one for one start of
 * one account's process, over that process's own socket. It has no network and no account's files. */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "base/base.h"

NORETURN void keys_main(unsigned instance);

#endif
