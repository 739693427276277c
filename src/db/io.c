/* db/io.c: see io.h. The kernel's own calls, with what every caller would otherwise repeat:
 * short transfers are continued, EINTR is tried again, errors come back as -errno. No stat and no
 * path outside the folder of large contents, so that the system call filter of an account process
 * can stay short. */
#include "db/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static ssize_t kernel_pread(int fd, void *p, size_t n, int64_t at)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, (char *)p + done, n - done, at + (int64_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static ssize_t kernel_pwrite(int fd, const void *p, size_t n, int64_t at)
{
    size_t done = 0;

    while (done < n) {
        ssize_t put = pwrite(fd, (const char *)p + done, n - done, at + (int64_t)done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        if (put == 0)
            return -EIO;
        done += (size_t)put;
    }
    return (ssize_t)done;
}

/* Not repeated on EINTR or any other error: after a failed fsync the kernel may have dropped the
 * pages, and a second one would return success over the loss
 * (docs/failures.md, "250, then lost"). */
static int kernel_sync(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int kernel_truncate(int fd, int64_t size)
{
    int rc;

    do
        rc = ftruncate(fd, size);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int64_t kernel_size(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);

    return end < 0 ? -errno : end;
}

static int kernel_blob_create(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? -errno : fd;
}

static int kernel_blob_open(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

static int kernel_blob_rename(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

static int kernel_blob_remove(int folder, const char *name)
{
    return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

/* By getdents64 itself: opendir would stat the folder, which the filter does not let through. */
static int kernel_blob_list(int folder, void (*each)(const char *name, void *arg), void *arg)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(struct dirent64) char entries[8192];
    ssize_t n;

    if (fd < 0)
        return -errno;
    while ((n = getdents64(fd, entries, sizeof entries)) > 0) {
        const struct dirent64 *entry;

        for (ssize_t at = 0; at < n; at += entry->d_reclen) {
            entry = (const struct dirent64 *)(const void *)(entries + at);
            if (entry->d_name[0] != '.')
                each(entry->d_name, arg);
        }
    }
    if (n < 0)
        n = -errno;
    close(fd);
    return (int)n;
}

static int kernel_folder_sync(int folder)
{
    return fsync(folder) < 0 ? -errno : 0;
}

static void kernel_close(int fd)
{
    close(fd);
}

const struct io io_kernel = {
    .pread = kernel_pread,
    .pwrite = kernel_pwrite,
    .sync = kernel_sync,
    .truncate = kernel_truncate,
    .size = kernel_size,
    .blob_create = kernel_blob_create,
    .blob_open = kernel_blob_open,
    .blob_rename = kernel_blob_rename,
    .blob_remove = kernel_blob_remove,
    .blob_list = kernel_blob_list,
    .folder_sync = kernel_folder_sync,
    .close = kernel_close,
};
