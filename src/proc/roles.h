/* proc/roles.h: the table of processes: what each is, with whom it talks, and what the kernel lets it do.
 *
 *     ROLE(NAME, "name", peers, "what it does")
 *     ROLE_SYSCALLS_name: the system calls it may make besides SYSCALLS_ALL
 *
 * A role is a bit, so that messages.h can name several. As root, role number n runs as uid and gid (uid-base + n) in an
 * empty root directory. Two roles that are not peers have no channel. */
#ifndef PROC_ROLES_H
#define PROC_ROLES_H

#include <stdint.h>

/* clang-format off */
#define ROLES(ROLE) \
    ROLE(SUPERVISOR, supervisor, "supervisor", ANY,                            "reads the configuration, binds ports, starts and restarts the rest") \
    ROLE(EDGE_SMTP,  edge_smtp,  "edge-smtp",  DIRECTORY | INTAKE,             "TLS and the SMTP dialogue") \
    ROLE(EDGE_MAIL,  edge_mail,  "edge-mail",  DIRECTORY,                      "TLS and IMAP until login, then relays bytes") \
    ROLE(DIRECTORY,  directory,  "directory",  EDGES | INTAKE | KEYS | HASHER | ACCOUNTS, "directory.db: domains, addresses, accounts, credentials, audit log") \
    ROLE(HASHER,     hasher,     "hasher",     DIRECTORY,                      "Argon2id, nothing else") \
    ROLE(KEYS,       keys,       "keys",       DIRECTORY | RELAY | ACCOUNTS,   "keys.db: the wrapped keys of accounts") \
    ROLE(ACCOUNTS,   accounts,   "accounts",   DIRECTORY | KEYS,               "the warmed parent: opens an account's files, forks its process, ends idle ones") \
    ROLE(ACCOUNT,    account,    "account",    0,                              "one account: its database, its sessions, delivery") \
    ROLE(INTAKE,     intake,     "intake",     EDGE_SMTP | DIRECTORY | RELAY,  "takes messages from outside to accounts, or to the queue") \
    ROLE(RELAY,      relay,      "relay",      INTAKE | KEYS,                  "queue.db: what an account could not take at once") \
    ROLE(CONTROL,    control,    "control",    0,                              "the command line, on the control socket")
/* clang-format on */

enum role_number {
#define ROLE(NAME, name, text, peers, what) ROLE_NUMBER_##NAME,
    ROLES(ROLE)
#undef ROLE
        ROLE_COUNT
};

enum role {
#define ROLE(NAME, name, text, peers, what) ROLE_##NAME = 1 << ROLE_NUMBER_##NAME,
    ROLES(ROLE)
#undef ROLE
};

/* The same bits under the short names that the tables use; only roles.c and msg.c expand them. */
#define ROLE_SETS_BEGIN                                                                            \
    enum {                                                                                         \
        SUPERVISOR = ROLE_SUPERVISOR,                                                              \
        EDGE_SMTP = ROLE_EDGE_SMTP,                                                                \
        EDGE_MAIL = ROLE_EDGE_MAIL,                                                                \
        DIRECTORY = ROLE_DIRECTORY,                                                                \
        HASHER = ROLE_HASHER,                                                                      \
        KEYS = ROLE_KEYS,                                                                          \
        ACCOUNTS = ROLE_ACCOUNTS,                                                                  \
        ACCOUNT = ROLE_ACCOUNT,                                                                    \
        INTAKE = ROLE_INTAKE,                                                                      \
        RELAY = ROLE_RELAY,                                                                        \
        CONTROL = ROLE_CONTROL,                                                                    \
        EDGES = ROLE_EDGE_SMTP | ROLE_EDGE_MAIL,                                                   \
        ANY = (1 << ROLE_COUNT) - 1                                                                \
    };

/* clang-format off */
/* What every process does: its loop, its channels, its memory, its end. mmap and mprotect without PROT_EXEC, fcntl,
 * clone and ioctl with the arguments that sandbox.c names. */
#define SYSCALLS_ALL(S)                                                                            \
    S(read) S(write) S(readv) S(writev) S(recvmsg) S(sendmsg) S(recvfrom) S(sendto) S(close)       \
    S(epoll_wait) S(epoll_pwait) S(epoll_ctl) S(poll) S(clock_gettime) S(gettimeofday)             \
    S(getrandom) S(futex) S(brk) S(munmap) S(mremap) S(madvise) S(rt_sigreturn)                    \
    S(rt_sigprocmask) S(rt_sigaction) S(exit) S(exit_group) S(getpid) S(gettid)                    \
    S(restart_syscall) S(shutdown) S(lseek) S(dup)

#define SYSCALLS_FILTERED(S) S(mmap) S(mprotect) S(fcntl) S(ioctl)

/* The edges accept and set options; a message becomes a memfd, and a recipient at an address literal is compared with the
 * socket's own address. No files. */
#define ROLE_SYSCALLS_edge_smtp(S) S(accept4) S(setsockopt) S(getsockopt) S(getsockname) S(memfd_create)
#define ROLE_SYSCALLS_edge_mail(S) S(accept4) S(setsockopt) S(getsockopt)
/* Databases by descriptor. */
#define ROLE_SYSCALLS_DATABASE(S) S(pread64) S(pwrite64) S(fdatasync) S(ftruncate)
#define ROLE_SYSCALLS_directory(S) ROLE_SYSCALLS_DATABASE(S) S(socketpair) S(fstatfs)
#define ROLE_SYSCALLS_hasher(S)
#define ROLE_SYSCALLS_keys(S) ROLE_SYSCALLS_DATABASE(S)
/* The parent opens files beneath the accounts' folder and forks; its children's list is part of its own. */
#define ROLE_SYSCALLS_accounts(S)                                                                  \
    ROLE_SYSCALLS_account(S) S(clone) S(wait4) S(mkdirat) S(socketpair) S(close_range) S(prctl)    \
    S(seccomp) S(landlock_create_ruleset) S(landlock_add_rule) S(landlock_restrict_self)           \
    S(prlimit64) S(set_robust_list) S(epoll_create1) S(pipe2) S(getuid) S(geteuid) S(getgid)   \
    S(getegid) S(faccessat2) S(newfstatat)
/* One account: its descriptors, and the names in its own folder of large contents. */
#define ROLE_SYSCALLS_account(S)                                                                   \
    ROLE_SYSCALLS_DATABASE(S) S(openat) S(unlinkat) S(renameat) S(getdents64) S(fsync)
#define ROLE_SYSCALLS_intake(S)
/* As an account: the queue's database and its large contents; a message leaves as a memfd. */
#define ROLE_SYSCALLS_relay(S) ROLE_SYSCALLS_account(S) S(memfd_create)

/* clang-format on */

/* The name in logs and on the command line; "?" for none. */
const char *role_name(enum role role);
/* The role of a name, or 0. */
unsigned role_find(const char *name);
unsigned role_number(enum role role);
/* Roles that this one has a channel to, the supervisor aside. */
unsigned role_peers(enum role role);
const char *role_what(enum role role);

#endif
