/* db/content.h: the bytes of messages and files, once an account, under a keyed hash.
 *
 * The name of a content is HMAC-SHA-256 under a key derived from the database's, so that nobody
 * outside can tell that two accounts, or a known file, have the same content. Compressed with zstd;
 * up to LIMIT_INLINE_CONTENT it is a row, above that a file in the blob folder of sealed chunks of
 * LIMIT_CHUNK plain bytes, durable before the row that names it. Its table is in
 * CONTENT_SCHEMA, which a schema that wants contents has as its first lines. References are counted
 * by the owner of the schema, who calls content_drop when there is none left; a file goes after
 * that commit (content_sweep).
 *
 * A file is one record a chunk, then one record with the chunks' lengths; each chunk is compressed
 * by itself (or not, when that does not help), so ranges are read without the rest, and a message
 * of any size needs memory for a few chunks only. Everything in it is sealed (db/vault_crypto.h)
 * under a key derived from the account's key and the hash, and bound to its number and to being the
 * last or not: a file that was cut, or put together from others, is ERROR_DAMAGED. */
#ifndef DB_CONTENT_H
#define DB_CONTENT_H

#include "base/buf.h"
#include "db/db.h"

/* content(id INTEGER PRIMARY KEY, hash BLOB UNIQUE, size, stored, data BLOB or NULL when in a file)
 */
#define CONTENT_SCHEMA                                                                             \
    "CREATE TABLE content (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"       \
    " size INTEGER NOT NULL, stored INTEGER NOT NULL, data BLOB) STRICT;"

/* A content on its way in, made before the transaction begins: compressed, and written and synced
 * when it is large. */
struct content_new;

/* bytes are borrowed until content_add or content_discard. ERROR_DISK;
 * ERROR_UNSUPPORTED when it is large and the database came without a folder. */
MUST_CHECK bool content_prepare(struct content_new **out, struct db *db, struct str bytes,
                                struct error *err);
/* Within a transaction: finds or inserts the row, gives its id. Consumes *c (sets it to NULL) on
 * success. */
MUST_CHECK bool content_add(struct content_new **c, struct db *db, int64_t *id, struct error *err);
/* For a prepared content that is not wanted after all, also after a rollback; NULL is fine. */
void content_discard(struct content_new **c, struct db *db);

/* Appends at most n plain bytes from `from` to out (less at the end). Reads only the chunks it
 * needs of a file. ERROR_DAMAGED, ERROR_LIMIT when out is too small. */
MUST_CHECK bool content_read(struct db *db, int64_t id, uint64_t from, uint64_t n, struct buf *out,
                             struct error *err);
/* Within a transaction: removes the row; its file goes at the next content_sweep. */
MUST_CHECK bool content_drop(struct db *db, int64_t id, struct error *err);
/* Outside a transaction: removes files that no row names (dropped ones, and orphans of a crash).
 * Called at open and when idle: it also frees what compression keeps between calls. Does nothing
 * more when nothing was dropped since. */
MUST_CHECK bool content_sweep(struct db *db, struct error *err);

/* Gives back the memory that compressing needs (about a megabyte); made again at the next need. */
void content_idle(void);

#endif
