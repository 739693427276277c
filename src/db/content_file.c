/* db/content_file.c: a large content as a file of sealed chunks (content.h).
 *
 *     chunk 0 .. chunk k-1    each: sealed (method (1), bytes), nonce, tag
 *     index                   sealed (length of each chunk's record (4)), nonce, tag
 *
 * The plain size stands in the row; so k, the size of the index and its place at the end are known
 * without a header, and no byte of the file is plain. The file is written under a name of its own,
 * synced, renamed, and the folder synced, before its row is: a crash leaves a file
 * too many, never a row without its file. */
#include "db/content_int.h"

#include "base/encode.h"
#include "base/limits.h"
#include "base/random.h"

#include <errno.h>
#include <string.h>

#define METHOD_PLAIN 0
#define METHOD_ZSTD 1
#define CHUNK_RECORD (1 + LIMIT_CHUNK + SEAL_OVERHEAD) /* the most a chunk takes */

/* The file that is being written or read. */
struct chunk_file {
    struct db *db;
    const struct io *io;
    int fd;
    struct seal seal;
    uint32_t chunks;
    unsigned char *lengths;        /* chunks times 4 bytes, big-endian */
    unsigned char *plain, *record; /* room for one chunk's */
    int64_t at;                    /* where the next chunk is written */
};

static void put_length(unsigned char *p, size_t n)
{
    p[0] = (unsigned char)(n >> 24);
    p[1] = (unsigned char)(n >> 16);
    p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
}

static uint32_t get_length(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void content_file_name(const unsigned char hash[CONTENT_HASH_BYTES], char name[CONTENT_NAME_BYTES])
{
    struct buf b;

    buf_init(&b, CONTENT_NAME_BYTES);
    hex_print(&b, hash, CONTENT_HASH_BYTES);
    memcpy(name, b.p, CONTENT_NAME_BYTES - 1);
    name[CONTENT_NAME_BYTES - 1] = '\0';
    buf_done(&b);
}

static void file_init(struct chunk_file *f, struct db *db, const unsigned char *hash, uint64_t size)
{
    unsigned char info[4 + CONTENT_HASH_BYTES] = "blob", key[SEAL_KEY_BYTES];

    *f = (struct chunk_file){.db = db, .io = db_source_of(db)->io, .fd = -1};
    memcpy(info + 4, hash, CONTENT_HASH_BYTES);
    db_derive_key(db_source_of(db)->key, str_of(info, sizeof info), key, sizeof key);
    seal_init(&f->seal, key);
    mem_wipe(key, sizeof key);
    f->chunks = (uint32_t)((size + LIMIT_CHUNK - 1) / LIMIT_CHUNK);
    f->lengths = mem_alloc((size_t)f->chunks * 4);
    f->plain = mem_alloc(CHUNK_RECORD);
    f->record = mem_alloc(CHUNK_RECORD);
}

static void file_done(struct chunk_file *f)
{
    seal_done(&f->seal);
    mem_free(f->lengths);
    mem_free(f->plain);
    mem_free(f->record);
    if (f->fd >= 0)
        f->io->close(f->fd);
}

static struct seal_place chunk_place(const struct chunk_file *f, uint32_t chunk)
{
    return (struct seal_place){.kind = SEAL_CHUNK, .number = chunk, .last = chunk + 1 == f->chunks};
}

static bool write_at_end(struct chunk_file *f, const unsigned char *p, size_t n, struct error *err)
{
    ssize_t put = f->io->pwrite(f->fd, p, n, f->at);

    if (put != (ssize_t)n)
        return db_io_failed(f->db, put < 0 ? put : -EIO, "writing a content", err);
    f->at += put;
    return true;
}

static bool write_chunk(struct chunk_file *f, uint32_t chunk, struct str plain, struct error *err)
{
    struct seal_place place = chunk_place(f, chunk);
    size_t n = content_squeeze(plain.p, plain.n, f->plain + 1, plain.n - 1);

    f->plain[0] = n ? METHOD_ZSTD : METHOD_PLAIN;
    if (!n) {
        memcpy(f->plain + 1, plain.p, plain.n);
        n = plain.n;
    }
    seal_close(&f->seal, &place, f->plain, n + 1, f->record);
    put_length(f->lengths + (size_t)chunk * 4, n + 1 + SEAL_OVERHEAD);
    return write_at_end(f, f->record, n + 1 + SEAL_OVERHEAD, err);
}

static bool write_all(struct chunk_file *f, struct str bytes, struct error *err)
{
    struct seal_place place = {.kind = SEAL_CHUNK_INDEX, .number = f->chunks, .last = true};
    size_t index_n = (size_t)f->chunks * 4;
    unsigned char *index;
    bool ok;
    int rc;

    for (uint32_t i = 0; i < f->chunks; i++)
        if (!write_chunk(f, i, str_sub(bytes, (size_t)i * LIMIT_CHUNK, LIMIT_CHUNK), err))
            return false;
    index = mem_alloc(index_n + SEAL_OVERHEAD);
    seal_close(&f->seal, &place, f->lengths, index_n, index);
    ok = write_at_end(f, index, index_n + SEAL_OVERHEAD, err);
    mem_free(index);
    if (!ok)
        return false;
    rc = f->io->sync(f->fd);
    return rc == 0 || db_io_failed(f->db, rc, "fsync of a content", err);
}

static bool put_in_place(struct chunk_file *f, const char *tmp, const char *name, struct error *err)
{
    int folder = db_source_of(f->db)->blob_fd, rc = f->io->blob_rename(folder, tmp, name);

    if (rc)
        return db_io_failed(f->db, rc, "renaming a content", err);
    rc = f->io->folder_sync(folder);
    return rc == 0 || db_io_failed(f->db, rc, "fsync of the contents' folder", err);
}

bool content_file_write(struct db *db, const unsigned char hash[CONTENT_HASH_BYTES],
                        struct str bytes, uint64_t *stored, struct error *err)
{
    int folder = db_source_of(db)->blob_fd;
    char tmp[4 + 16 + 1] = "new-", name[CONTENT_NAME_BYTES];
    struct chunk_file f;
    bool ok = false;

    if (folder < 0)
        return error_set(err, ERROR_UNSUPPORTED, "there is no folder for large contents");
    file_init(&f, db, hash, bytes.n);
    content_file_name(hash, name);
    random_text(tmp + 4, 16);
    f.fd = f.io->blob_create(folder, tmp);
    if (f.fd < 0) {
        db_io_failed(db, f.fd, "making a content's file", err);
        goto out;
    }
    ok = write_all(&f, bytes, err) && put_in_place(&f, tmp, name, err);
    if (ok)
        *stored = (uint64_t)f.at;
    else
        f.io->blob_remove(folder, tmp);
out:
    file_done(&f);
    return ok;
}

static bool file_damaged(struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "a large content's file does not verify");
}

static bool read_record(struct chunk_file *f, const struct seal_place *place, int64_t at, size_t n,
                        unsigned char *record, unsigned char *plain, struct error *err)
{
    ssize_t got = f->io->pread(f->fd, record, n, at);

    if (got < 0)
        return error_set(err, ERROR_DISK, "reading a content failed: %s", strerror((int)-got));
    if (got != (ssize_t)n || !seal_open(&f->seal, place, record, n, plain))
        return file_damaged(err);
    return true;
}

/* Opens the file and its index; the lengths and the index must make up the whole file. */
static bool open_file(struct chunk_file *f, const unsigned char *hash, struct error *err)
{
    struct seal_place place = {.kind = SEAL_CHUNK_INDEX, .number = f->chunks, .last = true};
    int64_t size, sum = 0, index_n = (int64_t)f->chunks * 4 + SEAL_OVERHEAD;
    char name[CONTENT_NAME_BYTES];
    unsigned char *index;
    bool ok;

    content_file_name(hash, name);
    f->fd = f->io->blob_open(db_source_of(f->db)->blob_fd, name);
    if (f->fd == -ENOENT)
        return error_set(err, ERROR_DAMAGED, "a large content's file is missing");
    if (f->fd < 0)
        return error_set(err, ERROR_DISK, "opening a content failed: %s", strerror(-f->fd));
    size = f->io->size(f->fd);
    if (size < index_n)
        return file_damaged(err);
    index = mem_alloc((size_t)index_n);
    ok = read_record(f, &place, size - index_n, (size_t)index_n, index, f->lengths, err);
    mem_free(index);
    if (!ok)
        return false;
    for (uint32_t i = 0; i < f->chunks; i++) {
        uint32_t n = get_length(f->lengths + (size_t)i * 4);

        if (n < SEAL_OVERHEAD + 2 || n > CHUNK_RECORD)
            return file_damaged(err);
        sum += n;
    }
    return sum + index_n == size || file_damaged(err);
}

/* Reads chunk, whose record is at `at`, into want plain bytes. */
static bool read_chunk(struct chunk_file *f, uint32_t chunk, int64_t at, char *out, size_t want,
                       struct error *err)
{
    struct seal_place place = chunk_place(f, chunk);
    size_t n = get_length(f->lengths + (size_t)chunk * 4);

    if (!read_record(f, &place, at, n, f->record, f->plain, err))
        return false;
    n -= SEAL_OVERHEAD + 1;
    if (f->plain[0] == METHOD_PLAIN && n == want) {
        memcpy(out, f->plain + 1, n);
        return true;
    }
    return (f->plain[0] == METHOD_ZSTD && content_unsqueeze(f->plain + 1, n, out, want)) ||
           file_damaged(err);
}

bool content_file_read(struct db *db, const unsigned char hash[CONTENT_HASH_BYTES], uint64_t size,
                       uint64_t from, size_t n, char *out, struct error *err)
{
    char *chunk_bytes = mem_alloc(LIMIT_CHUNK);
    struct chunk_file f;
    int64_t at = 0;
    bool ok;

    file_init(&f, db, hash, size);
    ok = open_file(&f, hash, err);
    for (uint32_t i = 0; ok && i < f.chunks && n; i++) {
        uint64_t start = (uint64_t)i * LIMIT_CHUNK;
        size_t has = size - start < LIMIT_CHUNK ? (size_t)(size - start) : LIMIT_CHUNK;

        if (from < start + has) {
            size_t skip = (size_t)(from - start), take = size_min(has - skip, n);

            ok = read_chunk(&f, i, at, chunk_bytes, has, err);
            if (ok)
                memcpy(out, chunk_bytes + skip, take);
            out += take;
            from += take;
            n -= take;
        }
        at += get_length(f.lengths + (size_t)i * 4);
    }
    file_done(&f);
    mem_free(chunk_bytes);
    return ok;
}
