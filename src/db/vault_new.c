/* db/vault_new.c: the birth of a database.
 *
 * With descriptors alone there is no rollback journal that would make SQLite's own creation safe,
 * so the vault writes the first page itself: an empty database of one page in WAL mode. A power cut
 * may leave any part of it. It is sealed with a nonce derived from the key, hence the same bytes
 * each time, and a cut-off creation is recognised byte by byte: each byte is that of the sealed
 * first page, or zero where the disk had not written yet. Anything else that does not open is
 * damage, however short. One plain text under one nonce is sealed again and again, which tells
 * nobody anything.
 *
 * The first page is synced before SQLite may write to the log, and the log is emptied only when the
 * database file was synced after a checkpoint; so an empty log beside a page that does not open is
 * a creation that was cut, and a log beside an empty database file is damage. */
#include "db/vault_int.h"

#include <string.h>

void vault_first_page(unsigned char out[PAGE_BYTES])
{
    memset(out, 0, PAGE_BYTES);
    memcpy(out, "SQLite format 3", 16);
    out[16] = PAGE_BYTES >> 8;
    out[18] = out[19] = 2; /* WAL, for writers and readers */
    out[20] = PAGE_RESERVED;
    out[21] = 64; /* the three payload fractions are fixed by the format */
    out[22] = out[23] = 32;
    vault_put_be32(out + 24, 1); /* change counter */
    vault_put_be32(out + 28, 1); /* pages */
    vault_put_be32(out + 52, 1); /* largest root page: auto-vacuum is on */
    vault_put_be32(out + 64, 1); /* ... and incremental */
    vault_put_be32(out + 92, 1); /* the change counter for which the number of pages holds */
    vault_put_be32(out + 96, 3040001);
    out[100] = 13; /* the schema table: an empty leaf */
    out[105] = PAGE_USABLE >> 8;
    out[106] = PAGE_USABLE & 255;
}

static void sealed_first_page(struct vault *v, unsigned char out[PAGE_BYTES])
{
    struct seal_place place = {.kind = SEAL_PAGE, .generation = v->generation, .number = 1};
    unsigned char page[PAGE_BYTES];

    vault_first_page(page); /* its last bytes are zeros: a seal count of none */
    seal_close_with(&v->page_seal, &place, page, PAGE_USABLE + EXTRA_BYTES, v->first_nonce, out);
}

static bool was_cut(const unsigned char *got, size_t n, const unsigned char want[PAGE_BYTES])
{
    for (size_t i = 0; i < n; i++)
        if (got[i] != want[i] && got[i] != 0)
            return false;
    return true;
}

bool vault_begin(struct vault *v, bool must_exist, struct error *err)
{
    int64_t db_size = v->io->size(v->db_fd), wal_size = v->io->size(v->wal_fd);
    unsigned char page[PAGE_BYTES], first[PAGE_BYTES];
    ssize_t got;

    if (db_size < 0 || wal_size < 0)
        return error_set(err, ERROR_DISK, "the size of a database's files cannot be read");
    if (db_size == 0 && wal_size > 0)
        return error_set(err, ERROR_DAMAGED, "the database file is empty and its log is not");
    if (db_size > PAGE_BYTES || wal_size > 0)
        return true;
    if (db_size == 0 && must_exist)
        return error_set(err, ERROR_DAMAGED,
                         "the files of a database that was in use are missing or empty");
    switch (vault_page_read(v, 1, page)) {
    case VAULT_READ_OK:
        return true;
    case VAULT_READ_FAILED:
        return vault_error(v, err);
    default:
        break;
    }
    got = v->io->pread(v->db_fd, page, PAGE_BYTES, 0);
    if (got < 0)
        return error_set(err, ERROR_DISK, "the database file cannot be read");
    sealed_first_page(v, first);
    if (must_exist || !was_cut(page, (size_t)got, first))
        return error_set(err, ERROR_DAMAGED, "the database's only page does not verify");
    if (vault_write_fd(v, v->db_fd, first, PAGE_BYTES, 0) != SQLITE_OK ||
        vault_sync_fd(v, v->db_fd, "database") != SQLITE_OK)
        return vault_error(v, err);
    return true;
}
