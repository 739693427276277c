/* supervisor/datadir.h: the data folder: how it is made, what lies where, and who owns it.
 *
 *     posthus.conf         settings
 *     tls/cert.pem key.pem
 *     directory/db wal     domains, addresses, accounts, credentials, audit log
 *     keys/db wal          wrapped account keys; server.key beside them is the key that wraps (root's alone)
 *     queue/db wal large/  what an account could not take at once
 *     accounts/XX/ID/      a folder for each account: db wal large/ used. ID is its number, XX the last byte of that, in hexadecimal
 *     directory.used ...   says that a database is in use, and must not be made again (db/used.h)
 *     log/posthus.log      one line an event
 *     control.sock posthus.pid lock empty/   lmtp.sock (where lmtp-socket says so)
 */
#ifndef SUPERVISOR_DATADIR_H
#define SUPERVISOR_DATADIR_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"

struct datadir;

/* Makes a data folder: settings (hostname, then the lines of `settings`), a self-signed certificate for hostname, the
 * server key. The folder may exist already. ERROR_EXISTS: it has a posthus.conf; ERROR_DENIED, ERROR_DISK: something cannot
 * be written; ERROR_INTERNAL: the certificate cannot be made. */
MUST_CHECK bool datadir_init(const char *path, struct str hostname, struct str settings,
                             struct error *err);
/* Opens one and takes its lock, which datadir_close gives back. ERROR_NOT_FOUND: path is not a data folder; ERROR_CONFLICT:
 * another server runs on it; ERROR_DENIED: it is another user's. */
MUST_CHECK bool datadir_open(struct datadir **out, const char *path, struct error *err);
void datadir_close(struct datadir *d); /* NULL is fine */
/* Reads posthus.conf into c (initialised), and its text, appended to `text`. ERROR_LIMIT: it is too large; ERROR_SYNTAX and
 * others name the file and the line; else as datadir_read. */
MUST_CHECK bool datadir_config(const char *path, struct config *c, struct buf *text,
                               struct error *err);
/* Once the settings are known: makes what is missing of the roles' folders and files (proc/roles.h), and gives them to their
 * roles' users; uid_base 0: they stay ours. ERROR_DENIED, ERROR_DISK; ERROR_DAMAGED: the log
 * of a database that was in use is gone. */
MUST_CHECK bool datadir_prepare(struct datadir *d, uint64_t uid_base, struct error *err);
/* Opens a file below for reading and writing (for reading alone, where it exists and no more is allowed), or a folder. The
 * descriptor is the caller's; -1 with ERROR_DENIED or ERROR_DISK. */
int datadir_file(struct datadir *d, const char *name, bool create, struct error *err);
int datadir_folder(struct datadir *d, const char *name, struct error *err);
/* Appends a file to `out`; name is below path, or absolute. ERROR_NOT_FOUND, ERROR_DENIED, ERROR_DISK; ERROR_LIMIT: it
 * does not fit out. */
MUST_CHECK bool datadir_read(const char *path, const char *name, struct buf *out,
                             struct error *err);
/* The folder itself; the descriptor is d's. */
int datadir_fd(const struct datadir *d);
const char *datadir_path(const struct datadir *d);

#endif
