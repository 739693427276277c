/* db/vault.c: see vault.h. The VFS, and the methods of the database file.
 *
 * SQLite asks for whole pages, but for two reads within page 1 before it knows the page size: the
 * 100-byte header, and the change counter. Anything else is a broken invariant and panics
 * (docs/design.md, "The vault", trap 5): it would mean that SQLite uses the file in a way that was
 * not thought through here. */
#include "db/vault_int.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct vault *vaults;
static unsigned names;
/* A torn first page answers no header. Set by db/powercut_test.c alone, which shows by it that
 * the header below is needed, and that the test would see it missing. */
static bool no_synthetic_header;

int vault_fail(struct vault *v, enum error_kind kind, int code, const char *fmt, ...)
{
    va_list args;

    if (v->failure == ERROR_NONE) {
        v->failure = kind;
        va_start(args, fmt);
        vsnprintf(v->why, sizeof v->why, fmt, args);
        va_end(args);
    }
    return code;
}

bool vault_error(const struct vault *v, struct error *err)
{
    if (v->failure == ERROR_NONE)
        return error_set(err, ERROR_DISK, "the disk is full");
    return error_set(err, v->failure, "%s", v->why);
}

enum error_kind vault_failure(const struct vault *v, const char **why)
{
    if (why)
        *why = v->why;
    return v->failure;
}

uint64_t vault_seals(const struct vault *v)
{
    return v->seals;
}

uint64_t vault_seals_kept(const struct vault *v)
{
    return v->seals_kept;
}

bool vault_count_seal(struct vault *v)
{
    if (v->seals >= VAULT_SEALS_MAX)
        return false;
    v->seals++;
    return true;
}

/* Disk full is no failure of the vault: SQLite rolls back, and the process goes on. */
static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

int vault_write_fd(struct vault *v, int fd, const unsigned char *p, size_t n, int64_t at)
{
    ssize_t put;

    if (v->failure != ERROR_NONE)
        return SQLITE_IOERR_WRITE;
    put = v->io->pwrite(fd, p, n, at);
    if (put == (ssize_t)n)
        return SQLITE_OK;
    v->last_errno = put < 0 ? (int)-put : EIO;
    if (is_full(v->last_errno))
        return SQLITE_FULL;
    return vault_fail(v, ERROR_DISK, SQLITE_IOERR_WRITE, "writing failed: %s",
                      strerror(v->last_errno));
}

int vault_sync_fd(struct vault *v, int fd, const char *what)
{
    int rc;

    if (v->failure != ERROR_NONE)
        return SQLITE_IOERR_FSYNC;
    rc = v->io->sync(fd);
    if (rc == 0)
        return SQLITE_OK;
    v->last_errno = -rc;
    return vault_fail(v, ERROR_DISK, SQLITE_IOERR_FSYNC, "fsync of the %s failed: %s", what,
                      strerror(v->last_errno));
}

int vault_truncate_fd(struct vault *v, int fd, int64_t size)
{
    int rc;

    if (v->failure != ERROR_NONE)
        return SQLITE_IOERR_TRUNCATE;
    rc = v->io->truncate(fd, size);
    if (rc == 0)
        return SQLITE_OK;
    v->last_errno = -rc;
    return vault_fail(v, ERROR_DISK, SQLITE_IOERR_TRUNCATE, "truncating failed: %s",
                      strerror(v->last_errno));
}

enum vault_read vault_page_read(struct vault *v, uint32_t page, unsigned char out[PAGE_BYTES])
{
    struct seal_place place = {.kind = SEAL_PAGE, .generation = v->generation, .number = page};
    ssize_t got = v->io->pread(v->db_fd, v->record, PAGE_BYTES, (int64_t)(page - 1) * PAGE_BYTES);
    uint32_t count;

    if (got < 0) {
        v->last_errno = (int)-got;
        vault_fail(v, ERROR_DISK, 0, "reading the database failed: %s", strerror(v->last_errno));
        return VAULT_READ_FAILED;
    }
    if (got == 0)
        return VAULT_READ_END;
    if (got < PAGE_BYTES || !seal_open(&v->page_seal, &place, v->record, PAGE_BYTES, v->plain))
        return VAULT_READ_BAD;
    memcpy(out, v->plain, PAGE_USABLE);
    memset(out + PAGE_USABLE, 0, PAGE_RESERVED);
    count = vault_get_be32(v->plain + PAGE_USABLE);
    if (count > v->seals)
        v->seals = count;
    if (page == 1)
        v->seals_kept = count;
    return VAULT_READ_OK;
}

static bool all_zero(const unsigned char *p, size_t n)
{
    unsigned char any = 0;

    while (n--)
        any |= *p++;
    return any == 0;
}

int vault_page_write(struct vault *v, uint32_t page, const unsigned char in[PAGE_BYTES])
{
    struct seal_place place = {.kind = SEAL_PAGE, .generation = v->generation, .number = page};

    if (!all_zero(in + PAGE_USABLE, PAGE_RESERVED))
        panic("page %u uses its reserved bytes", page);
    if (!vault_count_seal(v))
        return vault_fail(v, ERROR_DISK, SQLITE_IOERR_WRITE, "the key is worn: roll it");
    memcpy(v->plain, in, PAGE_USABLE);
    vault_put_be32(v->plain + PAGE_USABLE, (uint32_t)v->seals);
    seal_close(&v->page_seal, &place, v->plain, PAGE_USABLE + EXTRA_BYTES, v->record);
    if (page == 1)
        v->seals_kept = v->seals;
    return vault_write_fd(v, v->db_fd, v->record, PAGE_BYTES, (int64_t)(page - 1) * PAGE_BYTES);
}

static int page_damaged(struct vault *v, uint32_t page)
{
    return vault_fail(v, ERROR_DAMAGED, SQLITE_IOERR_DATA,
                      "page %u of the database does not verify", page);
}

/* A read within page 1. When that page is torn, a checkpoint was cut and the log has the page
 * whole; but SQLite asks for the header before it looks at the log. Sizes and flags are the same in
 * all our databases, so they are answered from the first page of an empty one (docs/design.md, "The
 * vault", trap 2). The page itself, asked for later, is still an error unless the log has it. */
static int read_header(struct vault *v, void *out, size_t n, size_t at)
{
    unsigned char page[PAGE_BYTES];

    switch (vault_page_read(v, 1, page)) {
    case VAULT_READ_OK:
        break;
    case VAULT_READ_FAILED:
        return SQLITE_IOERR_READ;
    default:
        if (no_synthetic_header || at + n > DATABASE_HEADER_BYTES)
            return page_damaged(v, 1);
        vault_first_page(page);
    }
    memcpy(out, page + at, n);
    return SQLITE_OK;
}

static int page_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
    struct vault *v = vault_of(file);
    uint32_t page = (uint32_t)(at / PAGE_BYTES) + 1;

    if (n < PAGE_BYTES && at >= 0 && at + n <= PAGE_BYTES)
        return read_header(v, out, (size_t)n, (size_t)at);
    if (n != PAGE_BYTES || at % PAGE_BYTES)
        panic("a read of %d bytes at %lld", n, (long long)at);
    switch (vault_page_read(v, page, out)) {
    case VAULT_READ_OK:
        return SQLITE_OK;
    case VAULT_READ_END:
        if (page <= v->pages)
            return vault_fail(v, ERROR_DAMAGED, SQLITE_IOERR_DATA,
                              "the database file is cut short: page %u of %u is missing", page,
                              v->pages);
        memset(out, 0, PAGE_BYTES);
        return SQLITE_IOERR_SHORT_READ;
    case VAULT_READ_BAD:
        return page_damaged(v, page);
    default:
        return SQLITE_IOERR_READ;
    }
}

static int page_write(sqlite3_file *file, const void *in, int n, sqlite3_int64 at)
{
    if (n != PAGE_BYTES || at % PAGE_BYTES)
        panic("a write of %d bytes at %lld", n, (long long)at);
    return vault_page_write(vault_of(file), (uint32_t)(at / PAGE_BYTES) + 1, in);
}

static int page_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct vault *v = vault_of(file);

    if (size % PAGE_BYTES)
        panic("a database of %lld bytes", (long long)size);
    return vault_truncate_fd(v, v->db_fd, size);
}

static int page_sync(sqlite3_file *file, int flags UNUSED)
{
    struct vault *v = vault_of(file);

    return vault_sync_fd(v, v->db_fd, "database");
}

static int page_size(sqlite3_file *file, sqlite3_int64 *out)
{
    struct vault *v = vault_of(file);
    int64_t size = v->io->size(v->db_fd);

    if (size < 0)
        return vault_fail(v, ERROR_DISK, SQLITE_IOERR_FSTAT, "the database's size is not known");
    *out = size;
    return SQLITE_OK;
}

int vault_file_close(sqlite3_file *file UNUSED)
{
    return SQLITE_OK; /* the descriptors are the caller's */
}

/* One process has the database, and one connection in it: who may open it is decided before
 * descriptors are given out. */
int vault_file_lock(sqlite3_file *file UNUSED, int level UNUSED)
{
    return SQLITE_OK;
}

int vault_file_reserved(sqlite3_file *file UNUSED, int *out)
{
    *out = 0;
    return SQLITE_OK;
}

int vault_file_control(sqlite3_file *file, int op, void *arg)
{
    switch (op) {
    case SQLITE_FCNTL_PERSIST_WAL:         /* the log is never unlinked: it is a descriptor */
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE: /* a record is written whole, nothing beside it */
        *(int *)arg = 1;
        return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
        *(int *)arg = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_LAST_ERRNO:
        *(int *)arg = vault_of(file)->last_errno;
        return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;
    }
}

int vault_file_sector(sqlite3_file *file UNUSED)
{
    return PAGE_BYTES;
}

int vault_file_traits(sqlite3_file *file UNUSED)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

const sqlite3_io_methods vault_page_methods = {
    .iVersion = 1, /* no shared memory: with locking_mode=EXCLUSIVE the wal-index is on the heap */
    .xClose = vault_file_close,
    .xRead = page_read,
    .xWrite = page_write,
    .xTruncate = page_truncate,
    .xSync = page_sync,
    .xFileSize = page_size,
    .xLock = vault_file_lock,
    .xUnlock = vault_file_lock,
    .xCheckReservedLock = vault_file_reserved,
    .xFileControl = vault_file_control,
    .xSectorSize = vault_file_sector,
    .xDeviceCharacteristics = vault_file_traits,
};

static struct vault *find_vault(const char *name, const char *ending)
{
    for (struct vault *v = vaults; v; v = v->next) {
        size_t n = strlen(v->name);

        if (strncmp(name, v->name, n) == 0 && strcmp(name + n, ending) == 0)
            return v;
    }
    return NULL;
}

/* Temporary files have no name and are refused, as are rollback journals: so a missed temp_store
 * shows at once. */
static int vfs_open(sqlite3_vfs *vfs UNUSED, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct vault_file *f = (struct vault_file *)(void *)file;

    f->base.pMethods = NULL;
    f->vault = NULL;
    if (name && (flags & SQLITE_OPEN_MAIN_DB)) {
        f->vault = find_vault(name, "");
        f->base.pMethods = &vault_page_methods;
    } else if (name && (flags & SQLITE_OPEN_WAL)) {
        f->vault = find_vault(name, "-wal");
        f->base.pMethods = &vault_wal_methods;
    }
    if (!f->vault) {
        f->base.pMethods = NULL;
        return SQLITE_CANTOPEN;
    }
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs UNUSED, const char *name, int sync_folder UNUSED)
{
    return find_vault(name, "-wal") || find_vault(name, "") ? SQLITE_IOERR_DELETE
                                                            : SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs UNUSED, const char *name, int flags UNUSED, int *out)
{
    *out = find_vault(name, "-wal") || find_vault(name, "");
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs UNUSED, const char *name, int n, char *out)
{
    return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs UNUSED, int n, char *out)
{
    random_bytes(out, (size_t)n);
    return n;
}

static int vfs_sleep(sqlite3_vfs *vfs UNUSED, int us UNUSED)
{
    return 0;
}

static int vfs_time(sqlite3_vfs *vfs UNUSED, sqlite3_int64 *out)
{
    *out = clock_wall_us() / 1000 + INT64_C(210866760000000); /* milliseconds of the Julian day */
    return SQLITE_OK;
}

static int vfs_time_double(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms;

    vfs_time(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs UNUSED, int n UNUSED, char *out UNUSED)
{
    return 0;
}

void vault_process_init(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct vault_file),
        .mxPathname = 64,
        .zName = "vault",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_name,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time_double,
        .xCurrentTimeInt64 = vfs_time,
        .xGetLastError = vfs_last_error,
    };

    seal_process_init();
    /* The default one: SQLite takes its random seed from that, and unix would open /dev/urandom. */
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        panic("SQLite takes no VFS");
}

static void derive_seal(const struct db_source *source, const char *label, struct seal *out)
{
    unsigned char info[8], key[SEAL_KEY_BYTES];
    struct str s = str_c(label);

    memcpy(info, s.p, s.n);
    vault_put_be32(info + s.n, source->generation);
    seal_derive(source->key, str_of(info, s.n + 4), key, sizeof key);
    seal_init(out, key);
    mem_wipe(key, sizeof key);
}

/* With no commit in the log the database's first page says how many there are (the SQLite file
 * format, section 1.3.4). Where it does not verify SQLite gets no further than that page. */
static bool count_pages(struct vault *v, struct error *err)
{
    unsigned char page[PAGE_BYTES];

    if (v->pages)
        return true;
    switch (vault_page_read(v, 1, page)) {
    case VAULT_READ_OK:
        v->pages = vault_get_be32(page + 28);
        return true;
    case VAULT_READ_FAILED:
        return vault_error(v, err);
    default:
        return true;
    }
}

bool vault_open(struct vault **out, const struct db_source *source, struct error *err)
{
    struct vault *v = mem_zalloc(sizeof *v);
    unsigned char info[8] = "new";

    v->io = source->io ? source->io : &io_kernel;
    v->db_fd = source->db_fd;
    v->wal_fd = source->wal_fd;
    v->generation = source->generation;
    derive_seal(source, "db", &v->page_seal);
    derive_seal(source, "wal", &v->frame_seal);
    vault_put_be32(info + 3, source->generation);
    seal_derive(source->key, str_of(info, 7), v->first_nonce, sizeof v->first_nonce);
    snprintf(v->name, sizeof v->name, "vault-%u", ++names);
    v->next = vaults;
    vaults = v;
    if (!vault_begin(v, source->must_exist, err) || !vault_wal_check(v, err) ||
        !count_pages(v, err)) {
        vault_close(v);
        return false;
    }
    *out = v;
    return true;
}

void vault_close(struct vault *v)
{
    if (!v)
        return;
    for (struct vault **at = &vaults; *at; at = &(*at)->next) {
        if (*at == v) {
            *at = v->next;
            break;
        }
    }
    seal_done(&v->page_seal);
    seal_done(&v->frame_seal);
    mem_wipe(v, sizeof *v);
    mem_free(v);
}

const char *vault_name(const struct vault *v)
{
    return v->name;
}
