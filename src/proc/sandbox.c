/* proc/sandbox.c: see sandbox.h and docs/design.md, "Processes and walls". */
#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef POSTHUS_SANITIZE /* the one debug switch: what the sanitizers' own runtime calls */
#define SYSCALLS_SANITIZER(S)                                                                      \
    S(openat)                                                                                      \
    S(readlink)                                                                                    \
    S(sigaltstack)                                                                                 \
    S(prctl)                                                                                       \
    S(sched_yield)                                                                                 \
    S(clone)                                                                                       \
    S(wait4)                                                                                       \
    S(uname)                                                                                       \
    S(getrlimit)                                                                                   \
    S(prlimit64)                                                                                   \
    S(newfstatat)                                                                                  \
    S(fstat)                                                                                       \
    S(arch_prctl)                                                                                  \
    S(set_robust_list)                                                                             \
    S(rt_sigtimedwait)                                                                             \
    S(process_vm_readv)                                                                            \
    S(pipe2) S(getdents64) S(membarrier) S(rseq) S(readlinkat) S(nanosleep) S(clock_nanosleep)
#else
#define SYSCALLS_SANITIZER(S)
#endif

#define S(name) SCMP_SYS(name),
#define ROLE(number, NAME, name, text, what, ...)                                                  \
    static const int list_##name[] = {                                                             \
        SYSCALLS_ALL(S) SYSCALLS_FILTERED(S) SYSCALLS_SANITIZER(S) ROLE_SYSCALLS_##name(S) - 1};
ROLES(ROLE)
#undef ROLE
#undef S

struct sandbox_filter {
    struct sock_fprog program;
};

const int *sandbox_syscalls(enum role role)
{
    static const int *const lists[ROLE_COUNT] = {
#define ROLE(number, NAME, name, text, what, ...) [number] = list_##name,
        ROLES(ROLE)
#undef ROLE
    };

    return lists[role_number(role)];
}

static int allow_call(scmp_filter_ctx ctx, int nr, struct scmp_arg_cmp arg)
{
    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &arg);
}

static int allow_fcntl(scmp_filter_ctx ctx)
{
    static const int commands[] = {F_GETFL,         F_SETFL,     F_GETFD,     F_SETFD,
                                   F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS, F_OFD_SETLK};
    int bad = 0;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        bad |= allow_call(ctx, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i], 0));
    return bad;
}

/* Connected pairs only. A datagram socket could send to any socket of that kind on the machine that has a
 * name: Landlock forbids that from ABI 6 on, and sendmsg's address is out of a filter's sight. */
static int allow_socketpair(scmp_filter_ctx ctx)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    int bad = 0;

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        bad |= seccomp_rule_add(
            ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
            SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
                    (scmp_datum_t)types[i]));
    return bad;
}

/* Arguments that decide: no memory becomes code, signals go to the process itself, a fork is only a fork. */
static int add_rule(scmp_filter_ctx ctx, int nr)
{
    if (nr == SCMP_SYS(mmap) || nr == SCMP_SYS(mprotect))
        return allow_call(ctx, nr, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (nr == SCMP_SYS(fcntl))
        return allow_fcntl(ctx);
    if (nr == SCMP_SYS(socketpair))
        return allow_socketpair(ctx);
    if (nr == SCMP_SYS(sendto)) /* to the other end, never to an address of its choice */
        return allow_call(ctx, nr, SCMP_A4(SCMP_CMP_EQ, 0, 0));
    if (nr == SCMP_SYS(ioctl))
        return allow_call(ctx, nr, SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
#ifndef POSTHUS_SANITIZE
    if (nr == SCMP_SYS(clone))
        return allow_call(
            ctx, nr,
            SCMP_A0(SCMP_CMP_MASKED_EQ,
                    0xffffffffU & ~(0xffU | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID), 0));
#endif
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
}

static bool export_program(scmp_filter_ctx ctx, struct sandbox_filter *f)
{
    AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
    off_t size;

    if (fd < 0 || seccomp_export_bpf(ctx, fd) != 0 || (size = lseek(fd, 0, SEEK_END)) <= 0)
        return false;
    f->program.filter = mem_alloc((size_t)size);
    f->program.len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
    return pread(fd, f->program.filter, (size_t)size, 0) == size;
}

/* What is executed later brings its own list; until then memory becomes code, and descriptors are what a
 * loader needs: arguments do not decide. */
static bool is_unfiltered(enum role role)
{
    return role == ROLE_SUPERVISOR;
}

bool sandbox_filter_make(struct sandbox_filter **out, enum role role, struct error *err)
{
    scmp_filter_ctx ctx =
        seccomp_init(is_unfiltered(role) ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    const int *list = sandbox_syscalls(role);
    struct sandbox_filter *f = mem_zalloc(sizeof *f);
    int bad = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -1;

    for (size_t i = 0; bad == 0 && list[i] != -1; i++) {
        bad = is_unfiltered(role) ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, list[i], 0)
                                  : add_rule(ctx, list[i]);
        if (bad == -EEXIST)
            bad = 0;
    }
    if (bad == 0 && export_program(ctx, f)) {
        seccomp_release(ctx);
        *out = f;
        return true;
    }
    if (ctx)
        seccomp_release(ctx);
    sandbox_filter_free(f);
    return error_set(err, ERROR_INTERNAL, "libseccomp cannot build the filter of %s (%d)",
                     role_name(role), bad);
}

void sandbox_filter_free(struct sandbox_filter *f)
{
    if (!f)
        return;
    mem_free(f->program.filter);
    mem_free(f);
}

/* ---- Landlock: the kernel's structures, which Debian 12's header does not have in full ---- */

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_DIR (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR (1ULL << 7)
#define FS_MAKE_REG (1ULL << 8)
#define FS_TRUNCATE (1ULL << 14)
#define NET_BIND (1ULL << 0)
#define NET_CONNECT (1ULL << 1)

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

struct beneath_attr {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

#define LANDLOCK_VERSION_FLAG 1U
#define LANDLOCK_BENEATH 1

unsigned sandbox_landlock_abi(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION_FLAG);

    return v > 0 ? (unsigned)v : 0;
}

/* What each ABI can forbid; its attribute's size grows with it. */
static void rights_of(unsigned abi, struct ruleset_attr *a, size_t *size)
{
    *a = (struct ruleset_attr){.fs = (1ULL << 13) - 1};
    *size = sizeof a->fs;
    if (abi >= 2)
        a->fs |= 1ULL << 13; /* REFER: renames and links across folders */
    if (abi >= 3)
        a->fs |= FS_TRUNCATE;
    if (abi >= 5)
        a->fs |= 1ULL << 15; /* ioctl on devices */
    if (abi >= 4) {
        a->net = NET_BIND | NET_CONNECT;
        *size = 2 * sizeof a->fs;
    }
    if (abi >= 6) {
        a->scoped = 3; /* abstract Unix sockets, signals */
        *size = sizeof *a;
    }
}

static bool enter_landlock(const struct sandbox *s, struct error *err)
{
    const struct role_row *row = role_row(s->role);
    unsigned abi = sandbox_landlock_abi();
    struct ruleset_attr attr;
    size_t size;
    AUTO_FD int fd = -1;

    if (s->landlock_abi && abi > s->landlock_abi)
        abi = s->landlock_abi;
    if (abi < 2)
        return !s->required ||
               error_set(err, ERROR_UNSUPPORTED,
                         "this kernel has no Landlock (ABI 2 or newer, Linux 5.19); "
                         "start with sandbox-required = no to do without");
    rights_of(abi, &attr, &size);
    if (row->network == ROLE_NETWORK_OUT)
        attr.net &= ~NET_CONNECT;
    fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0U);
    if (fd < 0)
        return error_set(err, ERROR_INTERNAL, "Landlock: %s", strerror(errno));
    if (s->folder >= 0 && row->beneath != ROLE_NO_FOLDER) {
        struct beneath_attr rule = {
            .allowed =
                (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG |
                 FS_TRUNCATE |
                 (row->beneath == ROLE_FILES_AND_FOLDERS ? FS_MAKE_DIR | FS_REMOVE_DIR : 0)) &
                attr.fs,
            .folder = s->folder,
        };

        if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_BENEATH, &rule, 0U) != 0)
            return error_set(err, ERROR_INTERNAL, "Landlock: %s", strerror(errno));
    }
    if (syscall(SYS_landlock_restrict_self, fd, 0U) != 0)
        return error_set(err, ERROR_INTERNAL, "Landlock: %s", strerror(errno));
    return true;
}

static void set_limit(int what, uint64_t n)
{
    struct rlimit now, r = {n, n};

    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max < n)
        r.rlim_cur = r.rlim_max = now.rlim_max;
    setrlimit((__rlimit_resource_t)what, &r);
}

static void enter_limits(const struct sandbox *s)
{
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_NOFILE, s->descriptors);
    set_limit(RLIMIT_FSIZE, 1ULL << 40);
#ifndef POSTHUS_SANITIZE /* ASan's shadow is terabytes of address space */
    if (role_row(s->role)->memory)
        set_limit(RLIMIT_AS, role_row(s->role)->memory);
#endif
}

bool sandbox_enter(const struct sandbox *s, struct error *err)
{
    enter_limits(s);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(err, ERROR_INTERNAL, "prctl: %s", strerror(errno));
    if (!enter_landlock(s, err))
        return false;
    if (syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0U, &s->filter->program) != 0)
        return error_set(err, ERROR_INTERNAL, "seccomp: %s", strerror(errno));
    return true;
}

bool sandbox_enter_list(enum role role, struct error *err)
{
    struct sandbox_filter *filter;
    bool ok;

    if (!sandbox_filter_make(&filter, role, err))
        return false;
    ok = syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0U, &filter->program) == 0;
    sandbox_filter_free(filter);
    return ok || error_set(err, ERROR_INTERNAL, "seccomp: %s", strerror(errno));
}
