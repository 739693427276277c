/* supervisor/datadir.c: see datadir.h. */
#include "supervisor/datadir.h"

#include "base/limits.h"
#include "base/random.h"
#include "net/tls.h"
#include "proc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct datadir {
    char *path;
    int fd, lock;
};

/* Folders of the supervisor's own. */
static const char *const own_folders[] = {"log", "empty"};

static bool file_failed(struct error *err, const char *what, const char *path, const char *name)
{
    return error_set(err, errno == EACCES || errno == EPERM ? ERROR_DENIED : ERROR_DISK,
                     "cannot %s %s/%s: %s", what, path, name, strerror(errno));
}

static bool write_file(int dir, const char *path, const char *name, struct str text, mode_t mode,
                       struct error *err)
{
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) != 0)
        return file_failed(err, "write", path, name);
    return true;
}

static bool write_all(int dir, const char *path, struct str hostname, struct str settings,
                      struct error *err)
{
    struct buf conf, cert, key;
    unsigned char secret[32];
    bool ok;

    buf_init(&conf, 65536);
    buf_init(&cert, 65536);
    buf_init(&key, 65536);
    random_bytes(secret, sizeof secret);
    buf_c(&conf, "# Settings of Posthus. `posthus config show --sample` prints all there are.\n");
    buf_printf(&conf, "hostname = %.*s\n", STR_ARG(hostname));
    buf_str(&conf, settings);
    ok = tls_self_signed(hostname, &cert, &key, err) &&
         write_file(dir, path, "tls/cert.pem", buf_view(&cert), 0644, err) &&
         write_file(dir, path, "tls/key.pem", buf_view(&key), 0600, err) &&
         write_file(dir, path, "keys/server.key", str_of(secret, sizeof secret), 0400, err) &&
         write_file(dir, path, "posthus.conf", buf_view(&conf), 0644, err) &&
         (fsync(dir) == 0 || file_failed(err, "sync", path, "."));
    mem_wipe(secret, sizeof secret);
    buf_done(&conf);
    buf_done(&cert);
    buf_done_wipe(&key);
    return ok;
}

bool datadir_init(const char *path, struct str hostname, struct str settings, struct error *err)
{
    AUTO_FD int dir = -1;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return file_failed(err, "make", path, "");
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return file_failed(err, "open", path, "");
    if (faccessat(dir, "posthus.conf", F_OK, 0) == 0)
        return error_set(err, ERROR_EXISTS, "%s is a data folder already", path);
    if ((mkdirat(dir, "tls", 0700) != 0 && errno != EEXIST) ||
        (mkdirat(dir, "keys", 0700) != 0 && errno != EEXIST))
        return file_failed(err, "make a folder in", path, "");
    return write_all(dir, path, hostname, settings, err);
}

bool datadir_open(struct datadir **out, const char *path, struct error *err)
{
    struct datadir *d = mem_zalloc(sizeof *d);

    *d = (struct datadir){.path = str_dup_c(str_c(path)), .lock = -1};
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0 || faccessat(d->fd, "posthus.conf", F_OK, 0) != 0) {
        error_set(err, ERROR_NOT_FOUND,
                  "%s is not a data folder; `posthus init --data %s` makes one", path, path);
    } else if ((d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) {
        struct stat st = {0};

        fstat(d->fd, &st);
        error_set(err, ERROR_DENIED,
                  "the data folder %s belongs to uid %u; run as that user, or chown it", path,
                  (unsigned)st.st_uid);
    } else if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
        error_set(err, ERROR_CONFLICT,
                  "another server runs on %s; `posthus status --data %s` shows it", path, path);
    } else {
        *out = d;
        return true;
    }
    datadir_close(d);
    return false;
}

void datadir_close(struct datadir *d)
{
    if (!d)
        return;
    if (d->fd >= 0)
        close(d->fd);
    if (d->lock >= 0)
        close(d->lock);
    mem_free(d->path);
    mem_free(d);
}

static bool give_to_role(struct datadir *d, const char *name, uint64_t uid_base, enum role role,
                         struct error *err)
{
    uid_t uid = (uid_t)(uid_base + role_number(role));

    return uid_base == 0 || fchownat(d->fd, name, uid, uid, AT_SYMLINK_NOFOLLOW) == 0 ||
           file_failed(err, "change the owner of", d->path, name);
}

static bool make_folder(struct datadir *d, const char *name, struct error *err)
{
    return mkdirat(d->fd, name, 0700) == 0 || errno == EEXIST ||
           file_failed(err, "make", d->path, name);
}

/* The folder that a role's file lies in: "keys" of "keys/db". */
static bool prepare_parent(struct datadir *d, const char *path, uint64_t uid_base, enum role role,
                           struct error *err)
{
    char parent[100];
    const char *slash = strchr(path, '/');

    if (!slash)
        return true;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    return make_folder(d, parent, err) && give_to_role(d, parent, uid_base, role, err);
}

/* The file's name is on the disk before anything in it counts. */
static bool sync_parent(struct datadir *d, const char *path, struct error *err)
{
    AUTO_FD int fd = -1;
    char parent[100] = ".";
    const char *slash = strchr(path, '/');

    if (slash)
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    fd = openat(d->fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || file_failed(err, "sync", d->path, parent);
}

static bool prepare_file(struct datadir *d, const struct role_file *file, uint64_t uid_base,
                         enum role role, struct error *err)
{
    if (!prepare_parent(d, file->path, uid_base, role, err))
        return false;
    if (file->given)
        return true;
    if (file->folder) {
        if (!make_folder(d, file->path, err))
            return false;
    } else {
        AUTO_FD int fd = openat(d->fd, file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return file_failed(err, "open", d->path, file->path);
        if (!sync_parent(d, file->path, err))
            return false;
    }
    return give_to_role(d, file->path, uid_base, role, err);
}

static const char *path_of(const struct role_row *row, const char *name)
{
    for (size_t i = 0; i < ROLE_FILES_MOST && row->files[i].name; i++)
        if (strcmp(row->files[i].name, name) == 0)
            return row->files[i].path;
    return NULL;
}

static bool has_bytes(struct datadir *d, const char *path)
{
    struct stat st;

    return path && fstatat(d->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

/* Of a database in use, the log has a file, be it an empty one. A new one is not made for one that is lost, and with it what was
 * committed last. */
static bool log_is_there(struct datadir *d, const struct role_row *row, struct error *err)
{
    const char *wal = path_of(row, "wal");

    if (!wal || !has_bytes(d, path_of(row, "db")) || !has_bytes(d, path_of(row, "used")) ||
        faccessat(d->fd, wal, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
        return true;
    return error_set(err, ERROR_DAMAGED,
                     "%s/%s is gone, and the newest changes with it; put it back, or make an empty "
                     "file to go on without",
                     d->path, wal);
}

bool datadir_prepare(struct datadir *d, uint64_t uid_base, struct error *err)
{
    for (unsigned number = 0; number < ROLE_COUNT; number++) {
        enum role role = (enum role)(1U << number);
        const struct role_row *row = role_row(role);

        if (!log_is_there(d, row, err))
            return false;
        for (size_t i = 0; i < ROLE_FILES_MOST && row->files[i].name; i++)
            if (!prepare_file(d, &row->files[i], uid_base, role, err))
                return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(own_folders); i++)
        if (!make_folder(d, own_folders[i], err))
            return false;
    return fsync(d->fd) == 0 || file_failed(err, "sync", d->path, ".");
}

int datadir_file(struct datadir *d, const char *name, bool create, struct error *err)
{
    int fd = openat(d->fd, name, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);

    if (fd < 0 && !create && errno == EACCES)
        fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        file_failed(err, "open", d->path, name);
    return fd;
}

int datadir_folder(struct datadir *d, const char *name, struct error *err)
{
    int fd = openat(d->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        file_failed(err, "open", d->path, name);
    return fd;
}

bool datadir_read(const char *path, const char *name, struct buf *out, struct error *err)
{
    char full[4200];
    AUTO_FD int fd = -1;
    ssize_t n = 0;
    char *to;

    if (name[0] == '/')
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "%s/%s", path, name);
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_DENIED,
                         "cannot read %s: %s", full, strerror(errno));
    while ((to = buf_reserve(out, 4096)) && (n = read(fd, to, 4096)) > 0)
        buf_commit(out, (size_t)n);
    if (n < 0)
        return error_set(err, ERROR_DISK, "cannot read %s: %s", full, strerror(errno));
    return to || error_set(err, ERROR_LIMIT, "%s is too large", full);
}

bool datadir_config(const char *path, struct config *c, struct buf *text, struct error *err)
{
    struct error why = {0};

    if (!datadir_read(path, "posthus.conf", text, err))
        return false;
    if (text->n > LIMIT_CONFIG_FILE)
        return error_set(err, ERROR_LIMIT, "%s/posthus.conf is larger than %d bytes", path,
                         LIMIT_CONFIG_FILE);
    if (config_parse(c, buf_view(text), &why))
        return true;
    return error_set(err, why.kind, "%s/posthus.conf, %s", path, why.text);
}

const char *datadir_path(const struct datadir *d)
{
    return d->path;
}

int datadir_fd(const struct datadir *d)
{
    return d->fd;
}
