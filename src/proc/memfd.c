/* proc/memfd.c: see memfd.h. */
#include "proc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define TRIES 4 /* each may take the kernel a tenth of a second */

int memfd_new(void)
{
    return memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* The same bytes in pages that nobody else holds; -1 when there is no memory. */
static int copy_of(int fd, uint64_t size)
{
    int copy = memfd_new();
    const char *p = NULL;
    bool ok = copy >= 0;

    if (ok && size) {
        p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        ok = p != MAP_FAILED;
    }
    for (uint64_t at = 0; ok && at < size;) {
        ssize_t n = write(copy, p + at, size - at);

        ok = n > 0;
        at += ok ? (uint64_t)n : 0;
    }
    if (size && p && p != MAP_FAILED)
        munmap((void *)(uintptr_t)p, size);
    if (ok)
        return copy;
    if (copy >= 0)
        close(copy);
    return -1;
}

bool memfd_seal(int *fd, uint64_t size, struct error *err)
{
    for (int i = 0; i < TRIES; i++) {
        int copy;

        if (fcntl(*fd, F_ADD_SEALS, SEALS) == 0)
            return true;
        if (errno != EBUSY || (copy = copy_of(*fd, size)) < 0)
            break;
        close(*fd);
        *fd = copy;
    }
    return error_set(err, ERROR_TEMPORARY, "the message could not be sealed just now; try again");
}

bool memfd_is_sealed(int fd, uint64_t size)
{
    off_t real = lseek(fd, 0, SEEK_END);
    int seals = fcntl(fd, F_GET_SEALS); /* -1, which has all bits, for what is no memfd */

    return seals >= 0 && (seals & SEALS) == SEALS && real >= 0 && (uint64_t)real == size;
}

bool memfd_map(int fd, uint64_t size, struct str *out, struct error *err)
{
    void *p;

    *out = STR_NULL;
    if (!memfd_is_sealed(fd, size))
        return error_set(err, ERROR_INTERNAL, "a message that is not sealed, or not of its size");
    if (size == 0)
        return true;
    p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return error_set(err, ERROR_TEMPORARY, "no memory for the message");
    *out = str_of(p, size);
    return true;
}

void memfd_unmap(struct str bytes)
{
    if (bytes.n)
        munmap((void *)(uintptr_t)bytes.p, bytes.n);
}
