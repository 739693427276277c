/* db/vault_wal.c: the write-ahead log of the vault.
 *
 * SQLite writes a frame by two calls: 24 bytes of header, then the page. The vault holds the header
 * until its page comes and writes one sealed record of 4120 bytes, so offsets stay SQLite's,
 * nothing is read back, a torn record fails as a whole, and page numbers and SQLite's checksum (a
 * linear function of the plain text) are hidden. Two other writes occur, both on frames of the
 * transaction in progress only: a header alone (walRewriteChecksums) and a page alone (a page that
 * was spilled and changed again). They open the record, replace the part, and seal it again under a
 * new nonce.
 *
 * How a crash looks. Each commit is synced before the next begins. So a power cut leaves, beyond
 * the last commit, parts of one transaction at most. Every frame carries the number of the first
 * frame of its transaction: a frame with the current salts whose transaction began beyond the last
 * good commit proves that commits were durable which do not verify now. That is damage, and the log
 * is not opened (docs/design.md, "The vault", trap 6). Frames with older salts are what was left
 * before the log began anew. What an unfinished commit left is cut off before SQLite opens the log,
 * or a second power cut could look like damage.
 *
 * The log's header is rewritten when the log begins anew, at which time all its frames are in the
 * database. When the header does not verify, the frames must therefore agree with the database's
 * pages; else the header is damaged and commits would be lost. */
#include "db/vault_int.h"

#include "base/map.h"

#include <string.h>

static int64_t frame_at(uint32_t frame)
{
    return WAL_HEADER_BYTES + (int64_t)(frame - 1) * FRAME_BYTES;
}

/* Opens frame into v->plain: header, page without its reserved bytes, first frame of the
 * transaction. */
static enum vault_read frame_read(struct vault *v, uint32_t frame)
{
    struct seal_place place = {.kind = SEAL_FRAME, .generation = v->generation, .number = frame};
    ssize_t got = v->io->pread(v->wal_fd, v->record, FRAME_BYTES, frame_at(frame));

    if (got < 0) {
        v->last_errno = (int)-got;
        vault_fail(v, ERROR_DISK, 0, "reading the log failed: %s", strerror(v->last_errno));
        return VAULT_READ_FAILED;
    }
    if (got == 0)
        return VAULT_READ_END;
    if (got < FRAME_BYTES || !seal_open(&v->frame_seal, &place, v->record, FRAME_BYTES, v->plain))
        return VAULT_READ_BAD;
    return VAULT_READ_OK;
}

/* Seals v->plain as this frame and writes it. */
static int frame_write(struct vault *v, uint32_t frame)
{
    struct seal_place place = {.kind = SEAL_FRAME, .generation = v->generation, .number = frame};

    if (!vault_count_seal(v))
        return vault_fail(v, ERROR_DISK, SQLITE_IOERR_WRITE, "the key is worn: roll it");
    seal_close(&v->frame_seal, &place, v->plain, FRAME_BYTES - SEAL_OVERHEAD, v->record);
    return vault_write_fd(v, v->wal_fd, v->record, FRAME_BYTES, frame_at(frame));
}

static int frame_damaged(struct vault *v, uint32_t frame)
{
    return vault_fail(v, ERROR_DAMAGED, SQLITE_IOERR_DATA, "frame %u of the log does not verify",
                      frame);
}

/* Replaces a part of a frame that is there already. */
static int frame_patch(struct vault *v, uint32_t frame, const void *in, size_t n, size_t at)
{
    switch (frame_read(v, frame)) {
    case VAULT_READ_OK:
        memcpy(v->plain + at, in, n);
        return frame_write(v, frame);
    case VAULT_READ_FAILED:
        return SQLITE_IOERR_READ;
    default:
        return frame_damaged(v, frame);
    }
}

/* A header that is followed by anything but its page was a rewrite of a header alone. */
static int flush_held(struct vault *v)
{
    if (!v->holding)
        return SQLITE_OK;
    v->holding = false;
    return frame_patch(v, v->held_frame, v->held, FRAME_HEADER_BYTES, 0);
}

static int write_page(struct vault *v, uint32_t frame, const unsigned char *page)
{
    unsigned char any = 0;
    uint32_t pages;
    int rc;

    for (size_t i = PAGE_USABLE; i < PAGE_BYTES; i++)
        any |= page[i];
    if (any)
        panic("frame %u uses its reserved bytes", frame);
    if (!v->holding || v->held_frame != frame) {
        rc = flush_held(v);
        return rc ? rc : frame_patch(v, frame, page, PAGE_USABLE, FRAME_HEADER_BYTES);
    }
    v->holding = false;
    memcpy(v->plain, v->held, FRAME_HEADER_BYTES);
    memcpy(v->plain + FRAME_HEADER_BYTES, page, PAGE_USABLE);
    vault_put_be32(v->plain + FRAME_HEADER_BYTES + PAGE_USABLE, v->tx_first);
    rc = frame_write(v, frame);
    pages = vault_get_be32(v->held + 4);
    if (rc == SQLITE_OK && pages) { /* one for which the disk had no room is no commit */
        v->commit_pending = frame;
        v->pages = pages;
    }
    return rc;
}

static int wal_write(sqlite3_file *file, const void *in, int n, sqlite3_int64 at)
{
    struct vault *v = vault_of(file);
    int64_t offset = (at - WAL_HEADER_BYTES) % FRAME_BYTES;
    uint32_t frame = (uint32_t)((at - WAL_HEADER_BYTES) / FRAME_BYTES) + 1;
    int rc;

    if (at == 0 && n == WAL_HEADER_BYTES) {
        rc = flush_held(v);
        v->tx_first = 1;
        v->commit_pending = 0;
        return rc ? rc : vault_write_fd(v, v->wal_fd, in, WAL_HEADER_BYTES, 0);
    }
    if (at >= WAL_HEADER_BYTES && offset == 0 && n == FRAME_HEADER_BYTES) {
        rc = flush_held(v);
        v->holding = true;
        v->held_frame = frame;
        memcpy(v->held, in, FRAME_HEADER_BYTES);
        return rc;
    }
    if (at >= WAL_HEADER_BYTES && offset == FRAME_HEADER_BYTES && n == PAGE_BYTES)
        return write_page(v, frame, in);
    panic("a write of %d bytes at %lld of the log", n, (long long)at);
}

/* Bytes n from at of a frame as SQLite sees it, its reserved bytes zero. */
static void frame_copy(const struct vault *v, unsigned char *out, size_t n, size_t at)
{
    size_t end = FRAME_HEADER_BYTES + PAGE_USABLE;

    memset(out, 0, n);
    if (at < end)
        memcpy(out, v->plain + at, size_min(n, end - at));
}

static int wal_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
    struct vault *v = vault_of(file);
    int64_t offset = (at - WAL_HEADER_BYTES) % FRAME_BYTES;
    uint32_t frame = (uint32_t)((at - WAL_HEADER_BYTES) / FRAME_BYTES) + 1;
    int rc = flush_held(v);

    if (rc)
        return rc;
    if (at + n <= WAL_HEADER_BYTES) {
        ssize_t got = v->io->pread(v->wal_fd, out, (size_t)n, at);

        if (got < 0)
            return vault_fail(v, ERROR_DISK, SQLITE_IOERR_READ, "reading the log failed");
        memset((char *)out + got, 0, (size_t)(n - got));
        return got == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }
    if (at < WAL_HEADER_BYTES || offset + n > FRAME_BYTES ||
        !((offset == 0 && n == FRAME_BYTES) || (offset == FRAME_HEADER_BYTES && n == PAGE_BYTES) ||
          (offset == 16 && n == 8)))
        panic("a read of %d bytes at %lld of the log", n, (long long)at);
    switch (frame_read(v, frame)) {
    case VAULT_READ_OK:
        frame_copy(v, out, (size_t)n, (size_t)offset);
        return SQLITE_OK;
    case VAULT_READ_FAILED:
        return SQLITE_IOERR_READ;
    default: /* vault_wal_check left only frames that verify */
        return frame_damaged(v, frame);
    }
}

/* To any size: journal_size_limit does not fall on a frame's end. A record cut in half is never
 * read; SQLite counts whole frames. */
static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct vault *v = vault_of(file);
    int rc = flush_held(v);

    return rc ? rc : vault_truncate_fd(v, v->wal_fd, size);
}

static int wal_sync(sqlite3_file *file, int flags UNUSED)
{
    struct vault *v = vault_of(file);
    int rc = flush_held(v);

    if (rc == SQLITE_OK)
        rc = vault_sync_fd(v, v->wal_fd, "log");
    if (rc == SQLITE_OK && v->commit_pending) {
        v->tx_first = v->commit_pending + 1;
        v->commit_pending = 0;
    }
    return rc;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *out)
{
    struct vault *v = vault_of(file);
    int rc = flush_held(v);
    int64_t size = v->io->size(v->wal_fd);

    if (size < 0)
        return vault_fail(v, ERROR_DISK, SQLITE_IOERR_FSTAT, "the log's size is not known");
    *out = size;
    return rc;
}

const sqlite3_io_methods vault_wal_methods = {
    .iVersion = 1,
    .xClose = vault_file_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = vault_file_lock,
    .xUnlock = vault_file_lock,
    .xCheckReservedLock = vault_file_reserved,
    .xFileControl = vault_file_control,
    .xSectorSize = vault_file_sector,
    .xDeviceCharacteristics = vault_file_traits,
};

/* What is known while the log is read from its beginning. */
struct scan {
    bool big_endian;        /* the checksum's words, by the header's magic number */
    uint32_t sum[2];        /* of all frames so far */
    unsigned char salts[8]; /* of the header */
    uint32_t frames;        /* whole records in the file */
    uint32_t committed;     /* the last good commit frame */
    uint32_t pages;         /* of the database after that commit */
};

/* The checksum of the SQLite file format, section 4.2, over n bytes, a multiple of 8. */
static void add_checksum(struct scan *s, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint32_t a = vault_get_be32(p + i), b = vault_get_be32(p + i + 4);

        if (!s->big_endian) {
            a = __builtin_bswap32(a);
            b = __builtin_bswap32(b);
        }
        s->sum[0] += a + s->sum[1];
        s->sum[1] += b + s->sum[0];
    }
}

static bool header_good(struct scan *s, const unsigned char *header)
{
    uint32_t magic = vault_get_be32(header);

    if ((magic & ~1U) != 0x377f0682 || vault_get_be32(header + 4) != 3007000 ||
        vault_get_be32(header + 8) != PAGE_BYTES)
        return false;
    s->big_endian = magic & 1;
    memcpy(s->salts, header + 16, sizeof s->salts);
    add_checksum(s, header, 24);
    return s->sum[0] == vault_get_be32(header + 24) && s->sum[1] == vault_get_be32(header + 28);
}

/* Whether the frame in v->plain follows the ones before it, as SQLite decides it. */
static bool frame_follows(struct vault *v, struct scan *s)
{
    static const unsigned char zeros[PAGE_RESERVED];

    if (memcmp(v->plain + 8, s->salts, sizeof s->salts) != 0 || vault_get_be32(v->plain) == 0)
        return false;
    add_checksum(s, v->plain, 8);
    add_checksum(s, v->plain + FRAME_HEADER_BYTES, PAGE_USABLE);
    add_checksum(s, zeros, PAGE_RESERVED);
    return s->sum[0] == vault_get_be32(v->plain + 16) && s->sum[1] == vault_get_be32(v->plain + 20);
}

/* Everything beyond the last good commit is cut off, durably. */
static bool cut_tail(struct vault *v, const struct scan *s, int64_t size, struct error *err)
{
    int64_t want = s->committed ? frame_at(s->committed + 1) : 0;

    v->tx_first = s->committed + 1;
    v->seals += s->committed;
    if (s->committed)
        v->pages = s->pages;
    if (size == want)
        return true;
    if (vault_truncate_fd(v, v->wal_fd, want) != SQLITE_OK ||
        vault_sync_fd(v, v->wal_fd, "log") != SQLITE_OK)
        return vault_error(v, err);
    return true;
}

/* The newest version of each page in frames 1 to s->committed is what the database file holds. */
static enum vault_read all_in_database(struct vault *v, const struct scan *s)
{
    unsigned char page[PAGE_BYTES], logged[PAGE_USABLE];
    enum vault_read result = VAULT_READ_OK;
    struct map seen;

    map_init(&seen);
    for (uint32_t i = s->committed; i >= 1 && result == VAULT_READ_OK; i--) {
        uint32_t number;

        result = frame_read(v, i);
        if (result != VAULT_READ_OK)
            break;
        number = vault_get_be32(v->plain);
        if (number > s->pages || number == 0 || map_put_u64(&seen, number, v))
            continue;
        memcpy(logged, v->plain + FRAME_HEADER_BYTES, PAGE_USABLE);
        result = vault_page_read(v, number, page);
        if (result == VAULT_READ_OK && memcmp(page, logged, PAGE_USABLE) != 0)
            result = VAULT_READ_BAD;
    }
    map_done(&seen);
    return result;
}

/* The run of frames at the log's beginning with the same salts, and the last commit among them. A
 * first frame that does not open is passed over: its neighbour has the salts. */
static enum vault_read scan_without_header(struct vault *v, struct scan *s)
{
    bool salted = false;

    for (uint32_t i = 1; i <= s->frames; i++) {
        enum vault_read read = frame_read(v, i);

        if (read == VAULT_READ_FAILED)
            return read;
        if (read != VAULT_READ_OK && i == 1)
            continue;
        if (read != VAULT_READ_OK)
            break;
        if (!salted)
            memcpy(s->salts, v->plain + 8, sizeof s->salts);
        salted = true;
        if (memcmp(v->plain + 8, s->salts, sizeof s->salts) != 0)
            break;
        if (vault_get_be32(v->plain + 4) != 0) {
            s->committed = i;
            s->pages = vault_get_be32(v->plain + 4);
        }
    }
    return VAULT_READ_OK;
}

/* The header does not verify: see the top of the file. */
static bool header_lost(struct vault *v, struct scan *s, int64_t size, struct error *err)
{
    enum vault_read read = scan_without_header(v, s);

    if (read == VAULT_READ_OK && s->committed)
        read = all_in_database(v, s);
    if (read == VAULT_READ_FAILED)
        return vault_error(v, err);
    if (read != VAULT_READ_OK)
        return error_set(err, ERROR_DAMAGED,
                         "the log's header does not verify, and the log holds commits");
    s->committed = 0;
    return cut_tail(v, s, size, err);
}

/* From the first frame that does not follow: is there one which proves that later commits were
 * durable? */
static bool tail_is_crash(struct vault *v, const struct scan *s, uint32_t bad, struct error *err)
{
    for (uint32_t i = bad; i <= s->frames; i++) {
        enum vault_read read = frame_read(v, i);

        if (read == VAULT_READ_FAILED)
            return vault_error(v, err);
        if (read != VAULT_READ_OK || memcmp(v->plain + 8, s->salts, sizeof s->salts) != 0)
            continue;
        if (vault_get_be32(v->plain + FRAME_HEADER_BYTES + PAGE_USABLE) > s->committed + 1)
            return error_set(err, ERROR_DAMAGED,
                             "frame %u of the log does not verify, and there are commits beyond it",
                             bad);
    }
    return true;
}

bool vault_wal_check(struct vault *v, struct error *err)
{
    unsigned char header[WAL_HEADER_BYTES];
    int64_t size = v->io->size(v->wal_fd);
    struct scan s = {0};
    uint32_t i = 1;
    ssize_t got;

    v->tx_first = 1;
    if (size == 0)
        return true;
    got = size < 0 ? -1 : v->io->pread(v->wal_fd, header, sizeof header, 0);
    if (got < 0)
        return error_set(err, ERROR_DISK, "the log cannot be read");
    if (size > WAL_HEADER_BYTES)
        s.frames = (uint32_t)((size - WAL_HEADER_BYTES) / FRAME_BYTES);
    if (got < WAL_HEADER_BYTES || !header_good(&s, header))
        return header_lost(v, &s, size, err);
    for (; i <= s.frames; i++) {
        enum vault_read read = frame_read(v, i);

        if (read == VAULT_READ_FAILED)
            return vault_error(v, err);
        if (read != VAULT_READ_OK || !frame_follows(v, &s))
            break;
        if (vault_get_be32(v->plain + 4) != 0) {
            s.committed = i;
            s.pages = vault_get_be32(v->plain + 4);
        }
    }
    return tail_is_crash(v, &s, i, err) && cut_tail(v, &s, size, err);
}
