/* db/vault_int.h: what the files of the vault share. vault.c has the VFS and the database file,
 * vault_wal.c the log, vault_new.c the first page. */
#ifndef DB_VAULT_INT_H
#define DB_VAULT_INT_H

#include "db/vault.h"
#include "db/vault_crypto.h"

#define PAGE_BYTES 4096
#define PAGE_RESERVED 32 /* nonce, tag, and four bytes: see below */
#define PAGE_USABLE (PAGE_BYTES - PAGE_RESERVED)
#define EXTRA_BYTES 4
#define WAL_HEADER_BYTES 32
#define FRAME_HEADER_BYTES 24
#define FRAME_BYTES (FRAME_HEADER_BYTES + PAGE_BYTES)
#define DATABASE_HEADER_BYTES 100 /* the SQLite file format, section 1.3 */

/* The four bytes are sealed with the rest. In the database file they hold the seal count at that
 * moment, so that the count needs no place and no write of its own. In a log frame they hold the
 * number of the first frame of its transaction, which proves that everything before that frame was
 * durable when this one was written (vault_wal.c). */

struct vault {
    struct vault *next; /* in the list that xOpen looks names up in */
    char name[32];
    const struct io *io;
    int db_fd, wal_fd;
    uint32_t generation;
    struct seal page_seal, frame_seal;
    uint64_t seals, seals_kept;
    unsigned char first_nonce[SEAL_NONCE_BYTES]; /* of the first page of a new database */

    uint32_t
        pages; /* of the database, by its last commit: the file, or the log, has each of them */

    /* The log (vault_wal.c). */
    bool holding; /* a frame's header came and its page has not yet */
    uint32_t held_frame;
    unsigned char held[FRAME_HEADER_BYTES];
    uint32_t tx_first;       /* first frame of the transaction that is being written */
    uint32_t commit_pending; /* a commit frame that waits for its sync, or 0 */

    enum error_kind failure;
    int last_errno;
    char why[160];

    /* Room for one record; nothing is kept in it between calls. */
    unsigned char record[FRAME_BYTES], plain[FRAME_BYTES];
};

struct vault_file {
    sqlite3_file base;
    struct vault *vault;
};

enum vault_read {
    VAULT_READ_OK,
    VAULT_READ_END,   /* nothing is there */
    VAULT_READ_BAD,   /* it does not verify */
    VAULT_READ_FAILED /* the disk does not read; vault_failure is set */
};

extern const sqlite3_io_methods vault_page_methods, vault_wal_methods;

/* Notes the first failure and returns code. */
PRINTF_LIKE(4, 5)
int vault_fail(struct vault *v, enum error_kind kind, int code, const char *fmt, ...);
/* Fills *err from the failure, or says that the disk is full; returns false. */
bool vault_error(const struct vault *v, struct error *err);

/* One page of the database file, its reserved bytes zeroed: the log's checksums were made over
 * zeros (docs/design.md, "The vault", trap 1). */
enum vault_read vault_page_read(struct vault *v, uint32_t page, unsigned char out[PAGE_BYTES]);
/* Both return an SQLite code. */
int vault_page_write(struct vault *v, uint32_t page, const unsigned char in[PAGE_BYTES]);
int vault_sync_fd(struct vault *v, int fd, const char *what);
int vault_write_fd(struct vault *v, int fd, const unsigned char *p, size_t n, int64_t at);
int vault_truncate_fd(struct vault *v, int fd, int64_t size);
/* Counts one more record and says whether it may be sealed. */
bool vault_count_seal(struct vault *v);

/* Plain methods that both kinds of file share. */
int vault_file_close(sqlite3_file *file);
int vault_file_lock(sqlite3_file *file, int level);
int vault_file_reserved(sqlite3_file *file, int *out);
int vault_file_control(sqlite3_file *file, int op, void *arg);
int vault_file_sector(sqlite3_file *file);
int vault_file_traits(sqlite3_file *file);

/* Judges the log before SQLite sees it. */
MUST_CHECK bool vault_wal_check(struct vault *v, struct error *err);

/* The first page of an empty database: WAL mode, 32 reserved bytes, auto_vacuum=INCREMENTAL. */
void vault_first_page(unsigned char out[PAGE_BYTES]);
/* Gives a new database its first page; tells new, interrupted and damaged apart. */
MUST_CHECK bool vault_begin(struct vault *v, bool must_exist, struct error *err);

static inline struct vault *vault_of(sqlite3_file *file)
{
    return ((struct vault_file *)(void *)file)->vault;
}

static inline uint32_t vault_get_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void vault_put_be32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

#endif
