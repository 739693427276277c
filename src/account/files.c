/* account/files.c: see files.h. */
#include "account/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_open(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int folder_open(int folder, const char *name, bool create)
{
    if (create && mkdirat(folder, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int shard_open(int folder, uint64_t account, bool create)
{
    char name[20];

    snprintf(name, sizeof name, "%02llx", (unsigned long long)account & 0xff);
    return folder_open(folder, name, create);
}

/* The account's own folder. One that was made just now is on the disk before anything is in it. */
static int own_open(int folder, uint64_t account, bool create)
{
    AUTO_FD int shard = shard_open(folder, account, create);
    char name[20];
    int fd;

    if (shard < 0)
        return -1;
    snprintf(name, sizeof name, "%016llx", (unsigned long long)account);
    fd = folder_open(shard, name, create);
    if (fd >= 0 && create && faccessat(fd, "db", F_OK, 0) != 0 &&
        (fsync(shard) != 0 || fsync(folder) != 0)) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* Once an account was in use its log has a file, be it an empty one. A lost one must not be taken for that: it holds what was
 * committed since it was last emptied. Where its database is lost as well, that is said (db/vault_new.c). */
static bool log_is_lost(int own, bool was_open)
{
    struct stat db, used;

    if (fstatat(own, "db", &db, AT_SYMLINK_NOFOLLOW) != 0 || db.st_size == 0 ||
        faccessat(own, "wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
        return false;
    return was_open || (fstatat(own, "used", &used, AT_SYMLINK_NOFOLLOW) == 0 && used.st_size > 0);
}

static bool files_open(int own, struct account_files *out)
{
    bool fresh = faccessat(own, "db", F_OK, 0) != 0 || faccessat(own, "used", F_OK, 0) != 0;

    out->db = file_open(own, "db");
    out->wal = file_open(own, "wal");
    out->used = file_open(own, "used");
    out->large = folder_open(own, "large", true);
    return out->db >= 0 && out->wal >= 0 && out->used >= 0 && out->large >= 0 &&
           (!fresh || fsync(own) == 0);
}

bool account_files_open(int folder, uint64_t account, bool was_open, struct account_files *out,
                        struct error *err)
{
    AUTO_FD int own = own_open(folder, account, !was_open);
    int saved;

    *out = (struct account_files){-1, -1, -1, -1};
    if (own >= 0 && log_is_lost(own, was_open))
        return error_set(err, ERROR_DAMAGED,
                         "the account's log accounts/%02llx/%016llx/wal is gone, and the newest "
                         "mail with it; put it back, or make an empty file to go on without",
                         (unsigned long long)account & 0xff, (unsigned long long)account);
    if (own >= 0 && files_open(own, out))
        return true;
    saved = errno;
    if (own < 0 && was_open && saved == ENOENT)
        return error_set(err, ERROR_DAMAGED,
                         "the account's folder accounts/%02llx/%016llx is gone; put it back from a "
                         "backup, or remove the account and add it anew",
                         (unsigned long long)account & 0xff, (unsigned long long)account);
    base_close_fd(&out->db);
    base_close_fd(&out->wal);
    base_close_fd(&out->used);
    base_close_fd(&out->large);
    return error_set(err, ERROR_DISK, "the account's files cannot be opened: %s", strerror(saved));
}

static bool remove_folder(int parent, const char *name)
{
    int fd = folder_open(parent, name, false);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool ok = true;

    if (!dir) {
        bool gone = fd < 0 && errno == ENOENT;

        base_close_fd(&fd);
        return gone;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) != 0 && errno != ENOENT) /* somebody else removes them too */
            ok = (errno == EISDIR || errno == EPERM) && remove_folder(fd, e->d_name) && ok;
    }
    closedir(dir);
    return (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) && ok;
}

bool account_files_remove(int folder, uint64_t account)
{
    AUTO_FD int shard = shard_open(folder, account, false);
    char name[20];

    if (shard < 0)
        return errno == ENOENT;
    snprintf(name, sizeof name, "%016llx", (unsigned long long)account);
    return remove_folder(shard, name) && fsync(shard) == 0;
}
