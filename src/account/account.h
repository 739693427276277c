/* account/account.h: the processes of accounts: the warmed parent that forks them, and the one that is an account. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/base.h"
#include "proc/sandbox.h"

/* The parent: no key, no database, no file of an account. It forks an account's process, and ends idle ones. */
NORETURN void accounts_main(unsigned instance);

/* What a new account's process is given at its fork. */
struct account_birth {
    uint64_t account;
    bool opened;           /* it was open before: its files must be there */
    int parent, keys, log; /* channels, and the socket of its log */
    int folder;            /* of all accounts: it opens its own below and closes this one */
    const struct sandbox_filter *filter;
    unsigned landlock_abi;
    bool sandbox_required;
    uint64_t idle_s, retention_days;
};

/* The child's whole life: descriptors, files, reseeding, sandbox, key, first byte, in that order. Never returns. */
NORETURN void account_live(const struct account_birth *birth);

#endif
