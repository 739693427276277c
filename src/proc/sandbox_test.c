/* proc/sandbox_test.c: from inside each role, as roles.h has it: every system call of the kernel is tried, and what is let
 * through equals the list; then what a break-in would try next is tried, and fails. Once with Landlock held to ABI 2
 * (Debian 12's kernel), once with the newest of this kernel.
 *
 * It tests the walls as they are in production, so it belongs to a build without sanitizers, whose runtime needs holes. */
#include "proc/sandbox.c"

#include "base/test.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define SYSCALL_MOST 470
#define BLOCKED_MS 2000

/* Every role but the supervisor and the command line, which have walls of another kind. */
static const enum role tested[] = {
#define ROLE(number, NAME, name, text, what, ...) ROLE_##NAME,
    ROLES_STARTED(ROLE)
#undef ROLE
        ROLE_ACCOUNT};

static char mine[300],
    other[300]; /* the folder that a role may work in, and another account's file */
static pid_t sibling;
static int named_socket,
    pair_end; /* a datagram socket of an abstract name; one end of a connected pair */

static bool has_folder(enum role role)
{
    return role_row(role)->beneath != ROLE_NO_FOLDER;
}

static void enter(enum role role, unsigned abi)
{
    struct sandbox_filter *filter;
    struct error err = {0};
    struct sandbox s = {.role = role,
                        .folder = has_folder(role) ? open(mine, O_RDONLY | O_DIRECTORY) : -1,
                        .landlock_abi = abi,
                        .required = true,
                        .descriptors = 100};

    if (!sandbox_filter_make(&filter, role, &err))
        _exit(99);
    s.filter = filter;
    if (!sandbox_enter(&s, &err))
        _exit(99);
}

/* How a child ended: its exit status, or minus the signal; a child that blocks was let through. */
static int result_of(pid_t pid)
{
    int status = 0;

    for (int i = 0; i < BLOCKED_MS; i++) {
        struct timespec ms = {.tv_nsec = 1000000};

        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        nanosleep(&ms, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return 0;
}

/* ---- every call ---- */

struct arguments {
    int nr;
    long a[5];
    bool passes; /* with these; else the filter ends the process */
};

/* Calls whose arguments decide, as they pass and as they do not. All others are tried with -1 everywhere: nothing that a
 * kernel does with that harms the machine if a wall were missing. */
static const struct arguments special[] = {
    {SCMP_SYS(mmap), {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS}, true},
    {SCMP_SYS(mmap), {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}, false},
    {SCMP_SYS(mprotect), {0, 0, PROT_READ, 0}, true},
    {SCMP_SYS(mprotect), {0, 0, PROT_EXEC, 0}, false},
    {SCMP_SYS(fcntl), {0, F_GETFD, 0, 0}, true},
    {SCMP_SYS(fcntl), {0, F_SETOWN, 1, 0}, false},
    {SCMP_SYS(ioctl), {-1, FIONREAD, 0, 0}, true},
    {SCMP_SYS(ioctl), {-1, 0x5412 /* TIOCSTI */, 0, 0}, false},
    {SCMP_SYS(socketpair), {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0}, true},
    {SCMP_SYS(socketpair), {AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, 0}, true},
    {SCMP_SYS(socketpair), {AF_UNIX, SOCK_DGRAM, 0, 0}, false},
    {SCMP_SYS(socketpair), {AF_INET, SOCK_STREAM, 0, 0}, false},
    {SCMP_SYS(sendto), {-1, 0, 0, 0, 0}, true},
    {SCMP_SYS(sendto), {-1, 0, 0, 0, 1}, false},
    {SCMP_SYS(clone), {CLONE_NEWUSER | SIGCHLD, 0, 0, 0}, false},
    {SCMP_SYS(clone), {CLONE_THREAD | CLONE_VM, 0, 0, 0}, false},
};

static int try_call(enum role role, unsigned abi, int nr, const long a[5])
{
    pid_t pid = fork();

    if (pid == 0) {
        enter(role, abi);
        syscall(nr, a[0], a[1], a[2], a[3], a[4], -1L);
        syscall(SYS_exit_group, 0);
    }
    return result_of(pid);
}

static bool listed(enum role role, int nr)
{
    for (const int *at = sandbox_syscalls(role); *at != -1; at++)
        if (*at == nr)
            return true;
    return false;
}

/* uretprobe and uprobe: the kernel itself never filters them, and answers only a trampoline that it has made (Linux 6.11,
 * kernel/seccomp.c). */
#define UNFILTERED_FIRST 335
#define UNFILTERED_LAST 336

static bool is_special(int nr)
{
    if (nr >= UNFILTERED_FIRST && nr <= UNFILTERED_LAST)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (special[i].nr == nr)
            return true;
    return false;
}

static void check_call(enum role role, unsigned abi, int nr, const long a[5], bool want)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
    int result = try_call(role, abi, nr, a);
    char words[200];

    snprintf(words, sizeof words, "%s, ABI %u: %s (%d) is %s", role_name(role), abi,
             name ? name : "?", nr,
             want ? "stopped, and is on the list" : "let through, and is not on the list");
    CHECK_ROW(result != 99 && (result == -SIGSYS) == !want, words);
    free(name);
}

static void try_all(enum role role, unsigned abi)
{
    static const long ones[5] = {-1, -1, -1, -1, -1};

    for (int nr = 0; nr < SYSCALL_MOST; nr++)
        if (!is_special(nr))
            check_call(role, abi, nr, ones, listed(role, nr));
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        check_call(role, abi, special[i].nr, special[i].a,
                   special[i].passes && listed(role, special[i].nr));
}

/* ---- what a break-in would try ---- */

static void open_other(void)
{
    _exit(open(other, O_RDONLY) >= 0 ? 1 : 0);
}

static void make_beside(void)
{
    char path[400];

    snprintf(path, sizeof path, "%s.new", other);
    _exit(open(path, O_WRONLY | O_CREAT, 0600) >= 0 ? 1 : 0);
}

static void stat_other(void)
{
    struct stat st;

    _exit(fstatat(AT_FDCWD, other, &st, 0) == 0 ? 1 : 0);
}

static void truncate_other(void)
{
    _exit(truncate(other, 0) == 0 ? 1 : 0);
}

static void make_socket(void)
{
    _exit(socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 0);
}

/* To a datagram socket that has a name, of whatever process. */
static void send_to_a_name(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0posthus-test"};
    struct iovec v = {(char *)(uintptr_t) "x", 1};
    struct msghdr h = {
        .msg_name = &a, .msg_namelen = sizeof a.sun_family + 13, .msg_iov = &v, .msg_iovlen = 1};
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) != 0)
        _exit(0);
    _exit(sendmsg(fd[0], &h, MSG_DONTWAIT) == 1 ? 1 : 0);
}

/* The same over what a process has: a connected pair. */
static void send_a_pair_to_a_name(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0posthus-test"};
    struct iovec v = {(char *)(uintptr_t) "y", 1};
    struct msghdr h = {
        .msg_name = &a, .msg_namelen = sizeof a.sun_family + 13, .msg_iov = &v, .msg_iovlen = 1};
    char got = 0;

    (void)!sendmsg(pair_end, &h, MSG_DONTWAIT);
    _exit(recv(named_socket, &got, 1, MSG_DONTWAIT) == 1 && got == 'y' ? 1 : 0);
}

static void run_program(void)
{
    char *argv[] = {(char *)(uintptr_t) "/bin/true", NULL};

    execv(argv[0], argv);
    _exit(0);
}

static void trace_sibling(void)
{
    _exit(ptrace(PTRACE_ATTACH, sibling, 0, 0) == 0 ? 1 : 0);
}

static void signal_sibling(void)
{
    _exit(kill(sibling, 0) == 0 ? 1 : 0);
}

static void tgkill_sibling(void)
{
    _exit(syscall(SYS_tgkill, sibling, sibling, 0) == 0 ? 1 : 0);
}

static void memory_of_sibling(void)
{
    char path[100];

    snprintf(path, sizeof path, "/proc/%d/mem", (int)sibling);
    _exit(open(path, O_RDONLY) >= 0 ? 1 : 0);
}

static void names_of_sibling(void)
{
    char path[100];

    snprintf(path, sizeof path, "/proc/%d/maps", (int)sibling);
    _exit(open(path, O_RDONLY) >= 0 ? 1 : 0);
}

static const struct {
    const char *what;
    void (*fn)(void); /* exits 1 when it succeeded */
    unsigned may;     /* roles for which it may succeed */
} deeds[] = {
    {"reads another account's file", open_other, 0},
    {"makes a file beside it", make_beside, 0},
    {"sees another account's metadata", stat_other, ROLE_ACCOUNTS}, /* it opens the files of all */
    {"truncates another account's file", truncate_other, 0},
    {"makes a socket", make_socket, 0},
    {"sends to a named datagram socket", send_to_a_name, 0},
    {"sends to a name over a pair of its own", send_a_pair_to_a_name, 0},
    {"executes a program", run_program, 0},
    {"traces a sibling", trace_sibling, 0},
    {"signals a sibling", signal_sibling, 0},
    {"signals a sibling's thread", tgkill_sibling, 0},
    {"opens a sibling's memory", memory_of_sibling, 0},
    {"reads a sibling's address layout", names_of_sibling, 0},
};

static void try_deeds(enum role role, unsigned abi)
{
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        pid_t pid = fork();
        char words[200];
        int result;

        if (pid == 0) {
            enter(role, abi);
            deeds[i].fn();
        }
        result = result_of(pid);
        snprintf(words, sizeof words, "%s, ABI %u: %s", role_name(role), abi, deeds[i].what);
        CHECK_ROW(result == -SIGSYS || result == 0 || (result == 1 && (deeds[i].may & role)),
                  words);
    }
}

/* The positive side: with a folder, files in it are made, renamed and removed. */
static void try_own_folder(enum role role, unsigned abi)
{
    pid_t pid;

    if (!has_folder(role) || role == ROLE_ACCOUNTS)
        return;
    pid = fork();
    if (pid == 0) {
        int folder = open(mine, O_RDONLY | O_DIRECTORY), fd;

        enter(role, abi);
        fd = openat(folder, "new", O_RDWR | O_CREAT, 0600);
        _exit(fd >= 0 && write(fd, "x", 1) == 1 && renameat(folder, "new", folder, "name") == 0 &&
                      unlinkat(folder, "name", 0) == 0
                  ? 0
                  : 1);
    }
    CHECK_ROW(result_of(pid) == 0, role_name(role));
}

static void in_every_role(unsigned abi)
{
    for (size_t i = 0; i < ARRAY_LEN(tested); i++) {
        try_all(tested[i], abi);
        try_deeds(tested[i], abi);
        try_own_folder(tested[i], abi);
    }
}

static void the_walls_hold_with_landlock_abi_2(void)
{
    in_every_role(2);
}

static void the_walls_hold_with_the_newest_landlock(void)
{
    CHECK(sandbox_landlock_abi() >= 2);
    in_every_role(0);
}

/* Without the filter or without Landlock a deed succeeds: the deeds above fail because of the walls. */
static void the_deeds_succeed_without_walls(void)
{
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        pid_t pid;

        if (deeds[i].fn == run_program || deeds[i].fn == truncate_other ||
            deeds[i].fn == trace_sibling || deeds[i].fn == send_a_pair_to_a_name)
            continue;
        pid = fork();
        if (pid == 0)
            deeds[i].fn();
        CHECK_ROW(result_of(pid) == 1, deeds[i].what);
    }
}

static void prepare_sockets(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0posthus-test"};
    int fd[2];

    named_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(named_socket, (struct sockaddr *)&a, sizeof a.sun_family + 13) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) != 0)
        panic("the test's sockets: %s", strerror(errno));
    pair_end = fd[0];
}

static void prepare(void)
{
    int fd;

    snprintf(mine, sizeof mine, "%s/a", test_folder());
    snprintf(other, sizeof other, "%s/b", test_folder());
    mkdir(mine, 0700);
    mkdir(other, 0700);
    snprintf(other, sizeof other, "%s/b/db", test_folder());
    fd = open(other, O_WRONLY | O_CREAT, 0600);
    close(fd);
    prepare_sockets();
    sibling = fork();
    if (sibling == 0)
        for (;;)
            pause();
}

int main(void)
{
    prepare();
    RUN(the_deeds_succeed_without_walls);
    RUN(the_walls_hold_with_landlock_abi_2);
    RUN(the_walls_hold_with_the_newest_landlock);
    kill(sibling, SIGKILL);
    waitpid(sibling, NULL, 0);
    return test_end();
}
