/* supervisor/supervisor_walls.c: what the supervisor itself may do, once it has bound its ports: it is
 * the one process that stays root, when root has started the server. It keeps the capabilities that
 * starting, stopping and handing files to the others needs, and makes only system calls of a list.
 *
 * The list passes on to what it executes, so that it holds what a program needs to start as well; each
 * role then enters a narrower one of its own (proc/sandbox.h), and an account's process too. */
#include "supervisor/supervisor_int.h"

#include "proc/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who it is to others: the roles' users (SETUID, SETGID), their empty root (SYS_CHROOT), their files
 * (CHOWN, DAC_OVERRIDE, FOWNER), their end (KILL). */
static const unsigned kept[] = {CAP_SETUID,       CAP_SETGID, CAP_SYS_CHROOT, CAP_CHOWN,
                                CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL};

static bool is_kept(unsigned capability)
{
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (kept[i] == capability)
            return true;
    return false;
}

/* For this process, and, by the bounding set, for all that it executes. */
static bool drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2] = {{0}};

    for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (!is_kept(c) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EPERM)
            return error_set(err, ERROR_INTERNAL, "a capability cannot be dropped: %s",
                             strerror(errno));
    if (syscall(SYS_capget, &head, now) != 0)
        return error_set(err, ERROR_INTERNAL, "capabilities cannot be read: %s", strerror(errno));
    for (unsigned word = 0; word < 2; word++) {
        uint32_t mask = 0;

        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
            if (kept[i] / 32 == word)
                mask |= 1U << kept[i] % 32;
        now[word].permitted &= mask;
        now[word].effective &= mask;
        now[word].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, now) != 0)
        return error_set(err, ERROR_INTERNAL, "capabilities cannot be dropped: %s",
                         strerror(errno));
    return true;
}

bool walls_enter(struct supervisor *s, struct error *err)
{
    if (s->root && !drop_capabilities(err))
        return false;
#ifdef POSTHUS_SANITIZE /* what the sanitizers' runtime needs is on no list */
    return true;
#else
    return sandbox_enter_list(ROLE_SUPERVISOR, err);
#endif
}
