/* db/content.c: see content.h. Rows, and what goes into a row or a file; content_file.c has the
 * files. */
#include "db/content_int.h"

#include "base/encode.h"
#include "base/limits.h"
#include "base/vec.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 1            /* of zstd */
#define WINDOW_LOG_MAX 23  /* 8 MiB: no frame may ask for more memory */
#define INLINE_MAX 4194304 /* plain bytes of a row: reading a range of it decompresses it whole */

struct content_new {
    struct content_new *next; /* in `pending` */
    struct db *db;
    struct str bytes; /* borrowed */
    unsigned char hash[CONTENT_HASH_BYTES];
    enum { CONTENT_KNOWN, CONTENT_INLINE, CONTENT_FILE } where; /* known: there was a row already */
    unsigned char *data;                                        /* compressed; inline only */
    uint64_t stored;
};

/* Prepared and neither added nor discarded: their files have no row yet, and content_sweep leaves
 * them. */
static struct content_new *pending;
static ZSTD_CCtx *compressor;
static ZSTD_DCtx *decompressor;

size_t content_squeeze(const void *in, size_t n, void *out, size_t out_n)
{
    size_t got;

    if (!compressor) {
        compressor = ZSTD_createCCtx();
        if (!compressor)
            fatal("out of memory in zstd");
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, LEVEL);
    }
    got = ZSTD_compress2(compressor, out, out_n, in, n);
    if (!ZSTD_isError(got))
        return got;
    if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
        fatal("out of memory in zstd");
    return 0;
}

bool content_unsqueeze(const void *in, size_t n, void *out, size_t out_n)
{
    if (!decompressor) {
        decompressor = ZSTD_createDCtx();
        if (!decompressor)
            fatal("out of memory in zstd");
        ZSTD_DCtx_setParameter(decompressor, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    }
    return ZSTD_getFrameContentSize(in, n) == out_n &&
           ZSTD_decompressDCtx(decompressor, out, out_n, in, n) == out_n;
}

void content_idle(void)
{
    ZSTD_freeCCtx(compressor);
    ZSTD_freeDCtx(decompressor);
    compressor = NULL;
    decompressor = NULL;
}

static void name_content(struct db *db, struct str bytes, unsigned char hash[CONTENT_HASH_BYTES])
{
    unsigned char key[32];
    unsigned n = CONTENT_HASH_BYTES;

    db_derive_key(db_source_of(db)->key, STR("content"), key, sizeof key);
    if (!HMAC(EVP_sha256(), key, sizeof key, (const unsigned char *)bytes.p, bytes.n, hash, &n) ||
        n != CONTENT_HASH_BYTES)
        panic("HMAC-SHA-256 does not work");
    mem_wipe(key, sizeof key);
}

static bool find_row(struct db *db, const unsigned char *hash, int64_t *id, bool *found,
                     struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT id FROM content WHERE hash = ?1");

    db_bind_blob(s, 1, str_of(hash, CONTENT_HASH_BYTES));
    return db_one_int(db, s, id, found, err);
}

/* Compresses to a row's data, or writes the file when that is larger than a row may be. */
static bool pack_content(struct content_new *c, struct error *err)
{
    if (c->bytes.n <= INLINE_MAX) {
        size_t room = size_min(ZSTD_compressBound(c->bytes.n), LIMIT_INLINE_CONTENT);

        c->data = mem_alloc(room);
        c->stored = content_squeeze(c->bytes.p ? c->bytes.p : "", c->bytes.n, c->data, room);
        if (c->stored) {
            c->data = mem_realloc(c->data, c->stored);
            c->where = CONTENT_INLINE;
            return true;
        }
        mem_free(c->data);
        c->data = NULL;
    }
    c->db->sweep = true; /* until its row is committed */
    if (!content_file_write(c->db, c->hash, c->bytes, &c->stored, err))
        return false;
    c->where = CONTENT_FILE;
    return true;
}

static void forget_content(struct content_new *c)
{
    for (struct content_new **at = &pending; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    mem_free(c->data);
    mem_free(c);
}

static bool within_tx(struct db *db)
{
    return !sqlite3_get_autocommit(db_sqlite(db));
}

bool content_prepare(struct content_new **out, struct db *db, struct str bytes, struct error *err)
{
    struct content_new *c = mem_zalloc(sizeof *c);
    bool found = false;
    int64_t id;

    c->db = db;
    c->bytes = bytes;
    name_content(db, bytes, c->hash);
    if (!find_row(db, c->hash, &id, &found, err) || (!found && !pack_content(c, err))) {
        forget_content(c);
        return false;
    }
    c->next = pending;
    pending = c;
    *out = c;
    return true;
}

static bool insert_row(struct content_new *c, struct db *db, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "INSERT INTO content (hash, size, stored, data) "
                                            "VALUES (?1, ?2, ?3, ?4)");

    db_bind_blob(s, 1, str_of(c->hash, CONTENT_HASH_BYTES));
    db_bind_int(s, 2, (int64_t)c->bytes.n);
    db_bind_int(s, 3, (int64_t)c->stored);
    if (c->where == CONTENT_INLINE)
        db_bind_blob(s, 4, str_of(c->data, c->stored));
    return db_run(db, s, err);
}

bool content_add(struct content_new **c, struct db *db, int64_t *id, struct error *err)
{
    bool found = false;

    if (!within_tx(db))
        panic("a content is added outside a transaction");
    if (!find_row(db, (*c)->hash, id, &found, err))
        return false;
    if (!found) {
        /* Its row was there when it was prepared, and was dropped since. */
        if ((*c)->where == CONTENT_KNOWN && !pack_content(*c, err))
            return false;
        if (!insert_row(*c, db, err))
            return false;
        *id = sqlite3_last_insert_rowid(db_sqlite(db));
    }
    forget_content(*c);
    *c = NULL;
    return true;
}

static bool is_pending(struct db *db, const unsigned char *hash)
{
    for (struct content_new *c = pending; c; c = c->next)
        if (c->db == db && memcmp(c->hash, hash, CONTENT_HASH_BYTES) == 0)
            return true;
    return false;
}

/* Within a transaction the file stays for the sweep: a row that this transaction drops and rolls
 * back may name it. */
void content_discard(struct content_new **c, struct db *db)
{
    unsigned char hash[CONTENT_HASH_BYTES];
    char name[CONTENT_NAME_BYTES];
    bool file, found = true;
    int64_t id;

    if (!*c)
        return;
    file = (*c)->where == CONTENT_FILE;
    memcpy(hash, (*c)->hash, sizeof hash);
    forget_content(*c);
    *c = NULL;
    if (!file || within_tx(db) || is_pending(db, hash) || db_failed(db) ||
        !find_row(db, hash, &id, &found, NULL) || found)
        return;
    content_file_name(hash, name);
    db_source_of(db)->io->blob_remove(db_source_of(db)->blob_fd, name);
}

/* n bytes from `from` of a row's data; the caller has checked the range. */
static bool read_inline(struct str data, uint64_t size, uint64_t from, size_t n, char *out,
                        struct error *err)
{
    char *whole;
    bool ok;

    if (size > INLINE_MAX)
        return error_set(err, ERROR_DAMAGED, "a content's row has an impossible size");
    if (from == 0 && n == size) {
        ok = content_unsqueeze(data.p, data.n, out, n);
    } else {
        whole = mem_alloc((size_t)size);
        ok = content_unsqueeze(data.p, data.n, whole, (size_t)size);
        if (ok)
            memcpy(out, whole + from, n);
        mem_free(whole);
    }
    return ok || error_set(err, ERROR_DAMAGED, "a content's row does not decompress");
}

bool content_read(struct db *db, int64_t id, uint64_t from, uint64_t n, struct buf *out,
                  struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT size, hash, data, data IS NULL FROM content WHERE id = ?1");
    unsigned char hash[CONTENT_HASH_BYTES];
    struct str row_hash;
    uint64_t size;
    char *room;
    bool ok;

    db_bind_int(s, 1, id);
    switch (db_next(db, s, err)) {
    case DB_FAIL:
        return false;
    case DB_DONE:
        return error_set(err, ERROR_NOT_FOUND, "there is no content %lld", (long long)id);
    default:
        break;
    }
    size = (uint64_t)db_col_int(s, 0);
    if (from >= size || n == 0)
        return true;
    if (n > size - from)
        n = size - from;
    room = n > out->max ? NULL : buf_reserve(out, (size_t)n);
    if (!room)
        return error_set(err, ERROR_LIMIT, "a content of %llu bytes is too large here",
                         (unsigned long long)n);
    row_hash = db_col_str(s, 1);
    if (row_hash.n != sizeof hash)
        return error_set(err, ERROR_DAMAGED, "a content's row has no name");
    memcpy(hash, row_hash.p, sizeof hash);
    ok = db_col_int(s, 3) ? content_file_read(db, hash, size, from, (size_t)n, room, err)
                          : read_inline(db_col_str(s, 2), size, from, (size_t)n, room, err);
    if (ok)
        buf_commit(out, (size_t)n);
    return ok;
}

bool content_drop(struct db *db, int64_t id, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "DELETE FROM content WHERE id = ?1");

    if (!within_tx(db))
        panic("a content is dropped outside a transaction");
    db_bind_int(s, 1, id);
    if (!db_run(db, s, err))
        return false;
    if (sqlite3_changes(db_sqlite(db)) == 0)
        return error_set(err, ERROR_NOT_FOUND, "there is no content %lld", (long long)id);
    db->sweep = true;
    return true;
}

struct sweep {
    struct db *db;
    struct vec names; /* of files to remove: char [CONTENT_NAME_BYTES] */
    struct error *err;
    bool ok;
};

static void sweep_one(const char *name, void *arg)
{
    struct sweep *w = arg;
    unsigned char hash[CONTENT_HASH_BYTES];
    size_t n = strlen(name);
    bool keep = false;

    if (!w->ok || n >= CONTENT_NAME_BYTES)
        return;
    if (hex_parse(hash, sizeof hash, str_c(name))) {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(w->db, "SELECT 1 FROM content WHERE hash = ?1 AND data IS NULL");
        int64_t one;

        db_bind_blob(s, 1, str_of(hash, sizeof hash));
        w->ok = db_one_int(w->db, s, &one, &keep, w->err);
        keep = keep || !w->ok || is_pending(w->db, hash);
    } else if (n < 4 || memcmp(name, "new-", 4) != 0) {
        return; /* not ours */
    }
    if (!keep)
        memcpy(vec_add(&w->names), name, n + 1);
}

bool content_sweep(struct db *db, struct error *err)
{
    const struct db_source *source = db_source_of(db);
    struct sweep w = {.db = db, .err = err, .ok = true};
    int rc;

    if (within_tx(db))
        panic("contents are swept within a transaction");
    content_idle();
    if (!db->sweep || source->blob_fd < 0)
        return true;
    vec_init(&w.names, CONTENT_NAME_BYTES);
    rc = source->io->blob_list(source->blob_fd, sweep_one, &w);
    if (rc)
        w.ok = error_set(err, ERROR_DISK, "listing contents failed: %s", strerror(-rc));
    for (size_t i = 0; w.ok && i < w.names.n; i++) {
        rc = source->io->blob_remove(source->blob_fd, vec_at(&w.names, i));
        if (rc && rc != -ENOENT)
            w.ok = error_set(err, ERROR_DISK, "removing a content failed: %s", strerror(-rc));
    }
    vec_done(&w.names);
    db->sweep = !w.ok || pending;
    return w.ok;
}
