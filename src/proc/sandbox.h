/* proc/sandbox.h: the walls around a process: no_new_privs, rlimits, not dumpable, Landlock (ABI 2 and newer) and the seccomp
 * list of its row in roles.h. Entering is the last line of start-up: afterwards there is no way back.
 *
 * A call that is not on the list ends the process (SIGSYS): what is not needed is a break-in or a bug of ours, and
 * either is louder as a crash. */
#ifndef PROC_SANDBOX_H
#define PROC_SANDBOX_H

#include "base/error.h"
#include "proc/roles.h"

struct
    sandbox_filter; /* a seccomp program, made once, entered by this process or by its children */

struct sandbox {
    enum role role;
    const struct sandbox_filter *filter;
    int folder;            /* a folder it may work beneath (roles.h says how), or -1 */
    unsigned landlock_abi; /* use at most this one, 0: the newest known */
    bool required;         /* fail where there is no Landlock */
    uint64_t descriptors;  /* RLIMIT_NOFILE */
};

/* Makes the program of a role. The caller frees it with sandbox_filter_free, or keeps it for ever. ERROR_INTERNAL. */
MUST_CHECK bool sandbox_filter_make(struct sandbox_filter **out, enum role role, struct error *err);
void sandbox_filter_free(struct sandbox_filter *f);
/* The system calls of a role, by number, ends with -1; the array is the callee's. For the test that tries all others. */
const int *sandbox_syscalls(enum role role);
/* The kernel's Landlock ABI, 0 where there is none. */
unsigned sandbox_landlock_abi(void);
/* Enters the list of system calls alone, for the supervisor, who has no_new_privs already: what is on no list fails with EPERM
 * there, as whatever it executes inherits the list and ends by its own. ERROR_INTERNAL. */
MUST_CHECK bool sandbox_enter_list(enum role role, struct error *err);
/* Enters. ERROR_UNSUPPORTED (no Landlock, or older than 2, and required), ERROR_INTERNAL. */
MUST_CHECK bool sandbox_enter(const struct sandbox *s, struct error *err);

#endif
