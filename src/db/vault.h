/* db/vault.h: the SQLite VFS "vault", under every database of Posthus. Its reasons, with what was
 * measured: docs/design.md, "The vault".
 *
 * Each 4096-byte page in the database file, and each frame of the write-ahead log with its header,
 * is one record sealed with AES-256-GCM (db/vault_crypto.h) and bound to its file kind, place,
 * generation and format. The 32 bytes that SQLite leaves free at the end of a page hold nonce, tag
 * and four bytes of our own. What was altered or torn is an error, never data. The 32-byte header
 * of the log is plain: it holds salts and sizes alone.
 *
 * Not promised, and to be told to operators:
 *   - An older copy of a whole file, or an older record put back at its own place, opens.
 *   - The last commit in the log cannot be told from one that a power cut interrupted: when it is
 * altered, the database opens without that one commit. Any commit before it that does not verify is
 * ERROR_DAMAGED.
 *   - A log that was cut to nothing cannot be told from one that was empty.
 *   - File sizes and the pattern of writes are visible.
 *
 * Descriptors come from the caller (struct db_source); the VFS opens, makes and removes nothing.
 * One thread; never carried over fork(). A failed write, sync or verification makes every later
 * write fail too (vault_failure). */
#ifndef DB_VAULT_H
#define DB_VAULT_H

#include "db/db.h"

#define VAULT_SEALS_MAX (UINT64_C(3) << 30) /* of one key; from here on writes are refused */

struct vault;

/* Registers the VFS; once a process, after sqlite3_initialize. */
void vault_process_init(void);

/* Makes an entry for these descriptors that sqlite3_open_v2 can open by vault_name with the VFS
 * "vault", after checking both files: new ones get their first page, durably; a log's end is judged
 * (vault_wal.c), and what a crash left of an unfinished commit is cut off. Errors:
 * ERROR_DAMAGED, ERROR_DISK. */
MUST_CHECK bool vault_open(struct vault **out, const struct db_source *source, struct error *err);
/* After sqlite3_close. Wipes the keys. NULL is fine. */
void vault_close(struct vault *v);
const char *vault_name(const struct vault *v);
/* ERROR_NONE, or the first failure's kind: ERROR_DISK or ERROR_DAMAGED. *why (may be NULL) gets its
 * words, which live as long as the vault. */
enum error_kind vault_failure(const struct vault *v, const char **why);
/* Records sealed under this generation's keys, as far as known: the greatest count that any record
 * read so far carries, and those made since. */
uint64_t vault_seals(const struct vault *v);
/* The count that the database's first page carries on the disk. */
uint64_t vault_seals_kept(const struct vault *v);

#endif
