/* account/account.h: the processes of accounts: the parent that forks them, kept warm, and the process of one account. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/base.h"
#include "proc/sandbox.h"

/* The role accounts (proc/roles.h), from process_main to the end of the process: the parent. It has no key, no database
 * and no file of an account open. It forks accounts' processes and ends idle ones. */
NORETURN void accounts_main(unsigned instance);

/* What a new account's process is given at its fork. */
struct account_birth {
    uint64_t account;
    bool opened;           /* it was open before: its files must be there */
    int parent, keys, log; /* channels, and the socket of its log */
    int folder;            /* of all accounts: the child opens its own below, and closes this one */
    const struct sandbox_filter *filter;
    unsigned landlock_abi;
    bool sandbox_required;
    uint64_t idle_s, retention_days;
};

/* The child's whole life, right after the fork: it drops what is the parent's, reseeds its generators, opens its files, locks
 * them, enters its sandbox, receives its key, and serves. */
NORETURN void account_live(const struct account_birth *birth);

#endif
