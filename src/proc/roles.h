/* proc/roles.h: the table of processes: what each is, with whom it talks, what it is given, and what
 * the kernel lets it do. Whatever differs from role to role is a column here; to add a process is
 * to add its row, its ROLE_SYSCALLS_name, and one file with `name_main`.
 *
 *     ROLE(number, NAME, name, "text", "what it does", columns of struct role_row)
 *
 * The number never changes: started as root, a process runs as uid and gid (uid-base + number), and
 * files belong to that user. A new role takes the next free one, a role that goes leaves a gap.
 *
 * A role is a bit, so that messages.h can name several. Two roles that are not peers have no
 * channel, unless the directory makes one to an account's process. */
#ifndef PROC_ROLES_H
#define PROC_ROLES_H

#include "base/str.h"

/* clang-format off */
/* Those that the supervisor starts. */
#define ROLES_STARTED(ROLE) \
    ROLE(1, EDGE_SMTP, edge_smtp, "edge-smtp", "TLS and the SMTP dialogue", \
         .peers = DIRECTORY | INTAKE, .stop = 0, .instances = ROLE_EDGES, .descriptors = {300, ROLE_CONNECTIONS, 4}, \
         .memory = 4ULL << 30, .edge = true, .alpn = "smtp", .listens = {"smtp", "smtp-proxy", "lmtp"}) \
    ROLE(2, EDGE_MAIL, edge_mail, "edge-mail", "TLS and IMAP until login, then relays bytes", \
         .peers = DIRECTORY, .stop = 0, .instances = ROLE_EDGES, .descriptors = {300, ROLE_CONNECTIONS, 2}, \
         .memory = 4ULL << 30, .edge = true, .alpn = "imap", .listens = {"imaps", "imap"}, .logins = {"imap"}) \
    ROLE(3, DIRECTORY, directory, "directory", "directory.db: domains, addresses, accounts, credentials, audit log", \
         .peers = EDGES | INTAKE | KEYS | HASHER | ACCOUNTS | RELAY, .stop = 3, .descriptors = {65536}, .memory = 4ULL << 30, \
         .files = {{"db", "directory/db"}, {"wal", "directory/wal"}, {"used", "directory.used"}}) \
    ROLE(4, HASHER, hasher, "hasher", "Argon2id, nothing else", \
         .peers = DIRECTORY, .stop = 3, .instances = ROLE_HASHERS, .descriptors = {100}, .memory = 512ULL << 20) \
    ROLE(5, KEYS, keys, "keys", "keys.db: the wrapped keys of accounts", \
         .peers = DIRECTORY | RELAY | ACCOUNTS, .stop = 4, .descriptors = {1000}, .memory = 512ULL << 20, \
         .files = {{"db", "keys/db"}, {"wal", "keys/wal"}, {"used", "keys.used"}, \
                   {"server-key", "keys/server.key", .given = true}}) \
    ROLE(6, ACCOUNTS, accounts, "accounts", "the warmed parent: forks an account's process, ends idle ones", \
         .peers = DIRECTORY | KEYS, .stop = 2, .descriptors = {5000, ROLE_ACCOUNT_PROCESSES, 2}, .memory = 4ULL << 30, \
         .files = {{"accounts", "accounts", .folder = true}}, .beneath = ROLE_FILES_AND_FOLDERS) \
    ROLE(8, INTAKE, intake, "intake", "takes messages from outside to accounts, or to the queue", \
         .peers = EDGE_SMTP | DIRECTORY | RELAY, .stop = 1, .descriptors = {65536}, .memory = 4ULL << 30) \
    ROLE(9, RELAY, relay, "relay", "queue.db: what an account could not take at once", \
         .peers = INTAKE | KEYS | DIRECTORY, .stop = 1, .descriptors = {65536}, .memory = 4ULL << 30, \
         .files = {{"db", "queue/db"}, {"wal", "queue/wal"}, {"large", "queue/large", .folder = true}, \
                   {"used", "queue.used"}}, .beneath = ROLE_FILES)

/* Those that it does not. */
#define ROLES_OTHER(ROLE) \
    ROLE(0, SUPERVISOR, supervisor, "supervisor", "reads the configuration, binds ports, starts and restarts the rest", \
         .peers = ANY) \
    ROLE(7, ACCOUNT, account, "account", "one account: its database, its sessions, delivery", \
         .descriptors = {4096}, .memory = 2ULL << 30, .beneath = ROLE_FILES) \
    ROLE(10, CONTROL, control, "control", "the command line, on the control socket")
#define ROLE_COUNT 11 /* one more than the highest number */
/* clang-format on */

#define ROLES(ROLE) ROLES_STARTED(ROLE) ROLES_OTHER(ROLE)

enum role_number {
#define ROLE(number, NAME, name, text, what, ...) ROLE_NUMBER_##NAME = (number),
    ROLES(ROLE)
#undef ROLE
};

enum role {
#define ROLE(number, NAME, name, text, what, ...) ROLE_##NAME = 1 << (number),
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
        FILED = ROLE_DIRECTORY | ROLE_KEYS | ROLE_ACCOUNTS | ROLE_RELAY,                           \
        ANY = (1 << ROLE_COUNT) - 1                                                                \
    };

/* How many processes of a role there are: one, or as many as a setting says (0: one a core). */
enum role_instances { ROLE_ONE, ROLE_EDGES, ROLE_HASHERS };
/* What a limit of descriptors grows with, each time as many as a setting says. */
enum role_grows { ROLE_FIXED, ROLE_CONNECTIONS, ROLE_ACCOUNT_PROCESSES };
/* What it may do below the folder that it works in. */
enum role_beneath { ROLE_NO_FOLDER, ROLE_FILES, ROLE_FILES_AND_FOLDERS };
/* TCP by Landlock, where the kernel can: an edge accepts on sockets that were bound for it, so that
 * nobody binds or connects; ROLE_NETWORK_OUT may connect. */
enum role_network { ROLE_NETWORK_NONE, ROLE_NETWORK_OUT };

/* A file of the data folder that the supervisor opens for the role; it belongs to the role's user. */
struct role_file {
    const char *name; /* as the role calls it, in SETUP_FILE */
    const char *path; /* below the data folder */
    bool folder;
    bool given; /* made with the data folder, never anew, and root's own */
};

#define ROLE_FILES_MOST 4
#define ROLE_WORDS_MOST 4

struct role_row {
    const char *name, *what;
    unsigned peers; /* roles that it has a channel to */
    unsigned stop;  /* when it stops: first those who take in, last those whom others need */
    enum role_instances instances;
    /* RLIMIT_NOFILE is fixed + grows with * times. An account's process inherits its parent's limit,
     * which therefore must not be lower than its own. */
    struct {
        uint64_t fixed;
        enum role_grows with;
        uint64_t times;
    } descriptors;
    uint64_t memory; /* RLIMIT_AS in bytes, 0: none */
    bool edge;       /* it has listeners and certificates, and starts when all others are ready */
    enum role_network network;
    enum role_beneath beneath;
    const char *alpn;                     /* RFC 7301: the protocol's name in TLS */
    const char *listens[ROLE_WORDS_MOST]; /* services: the setting listen-SERVICE has addresses */
    const char *logins[ROLE_WORDS_MOST];  /* services for which it may ask for a login */
    struct role_file files[ROLE_FILES_MOST];
};

#define ROLE_STOPS 5 /* one more than the last stage of stopping */

/* ---- system calls ---- */

/* clang-format off */
/* What every process does: its loop, its channels, its memory, its end. */
#define SYSCALLS_ALL(S) \
    S(read) S(write) S(readv) S(writev) S(recvmsg) S(sendmsg) S(recvfrom) S(close) \
    S(epoll_wait) S(epoll_pwait) S(epoll_ctl) S(poll) S(clock_gettime) S(gettimeofday) \
    S(getrandom) S(futex) S(brk) S(munmap) S(mremap) S(madvise) S(rt_sigreturn) \
    S(rt_sigprocmask) S(rt_sigaction) S(exit) S(exit_group) S(getpid) S(gettid) \
    S(restart_syscall) S(shutdown) S(lseek) S(dup)

/* What every process does with the arguments that sandbox.c names: mmap and mprotect without PROT_EXEC, few commands of
 * fcntl and ioctl, sendto without an address. */
#define SYSCALLS_FILTERED(S) S(mmap) S(mprotect) S(fcntl) S(ioctl) S(sendto)

/* The edges accept and set options; a message becomes a memfd, and a recipient at an address literal is compared with the
 * socket's own address. No files. */
#define ROLE_SYSCALLS_edge_smtp(S) S(accept4) S(setsockopt) S(getsockopt) S(getsockname) S(memfd_create)
#define ROLE_SYSCALLS_edge_mail(S) S(accept4) S(setsockopt) S(getsockopt)
/* Databases by descriptor. */
#define ROLE_SYSCALLS_DATABASE(S) S(pread64) S(pwrite64) S(fdatasync) S(ftruncate)
#define ROLE_SYSCALLS_directory(S) ROLE_SYSCALLS_DATABASE(S) S(socketpair) S(fstatfs)
#define ROLE_SYSCALLS_hasher(S)
#define ROLE_SYSCALLS_keys(S) ROLE_SYSCALLS_DATABASE(S)
/* The parent forks; its children open files beneath the accounts' folder, and their list is part of its own. */
#define ROLE_SYSCALLS_accounts(S) \
    ROLE_SYSCALLS_account(S) S(clone) S(wait4) S(mkdirat) S(socketpair) S(close_range) S(prctl) \
    S(seccomp) S(landlock_create_ruleset) S(landlock_add_rule) S(landlock_restrict_self) \
    S(prlimit64) S(set_robust_list) S(epoll_create1) S(pipe2) S(getuid) S(geteuid) S(getgid) \
    S(getegid) S(faccessat2) S(newfstatat)
/* One account: its descriptors, and the names in its own folder of large contents. */
#define ROLE_SYSCALLS_account(S) \
    ROLE_SYSCALLS_DATABASE(S) S(openat) S(unlinkat) S(renameat) S(getdents64) S(fsync)
#define ROLE_SYSCALLS_intake(S)
/* The supervisor's own, and what a program does until it has entered its list: it is loaded, becomes its user in its root,
 * sets its limits, and builds its walls. What is on no list fails there with EPERM. */
#define ROLE_SYSCALLS_supervisor(S) \
    ROLE_SYSCALLS_accounts(S) ROLE_SYSCALLS_edge_smtp(S) ROLE_SYSCALLS_directory(S) \
    S(execve) S(access) S(arch_prctl) S(set_tid_address) S(rseq) S(getrlimit) S(setrlimit) S(sched_getaffinity) S(sysinfo) \
    S(uname) S(readlink) S(readlinkat) S(fstat) S(stat) S(lstat) S(chroot) S(fchdir) S(chdir) S(setgroups) S(setuid) S(setresuid) \
    S(setresgid) S(geteuid) S(getppid) S(setpgid) S(getpgid) S(dup2) S(dup3) S(fork) S(vfork) S(kill) S(tgkill) S(waitid) \
    S(signalfd4) S(eventfd2) S(timerfd_create) S(timerfd_settime) S(mkdir) S(fchownat) S(unlink) S(umask) S(flock) S(fsync) \
    S(open) S(pipe) S(prctl) S(capget) S(capset) S(clone3) S(nanosleep) S(clock_nanosleep) S(sched_yield) S(getcwd) S(fadvise64)
#define ROLE_SYSCALLS_control(S)
/* As an account: the queue's database and its large contents; a message leaves as a memfd. */
#define ROLE_SYSCALLS_relay(S) ROLE_SYSCALLS_account(S) S(memfd_create)
/* clang-format on */

/* The row of a single role; never NULL. */
const struct role_row *role_row(enum role role);
/* The name in logs and on the command line; "?" for none. */
const char *role_name(enum role role);
/* The role of a name, or 0. */
unsigned role_find(const char *name);
/* The number of a single role. */
unsigned role_number(enum role role);
/* Whether the role may ask for logins to this service. */
bool role_may_login(enum role role, struct str service);

#endif
