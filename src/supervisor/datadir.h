/* supervisor/datadir.h: the data folder: what lies where, who owns it, and its making.
 *
 *     posthus.conf         settings
 *     tls/cert.pem key.pem
 *     directory/db wal     domains, addresses, accounts, credentials, audit log
 *     keys/db wal          wrapped account keys; server.key beside them is the key that wraps (root's alone)
 *     queue/db wal large/  what an account could not take at once
 *     accounts/XX/ID/      one folder an account: db wal large/ used
 *     directory.used ...   that a database is in use, and never made anew (db/used.h)
 *     log/posthus.log      one line an event
 *     control.sock posthus.pid lock empty/   lmtp.sock (where lmtp-socket says so)
 */
#ifndef SUPERVISOR_DATADIR_H
#define SUPERVISOR_DATADIR_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"

struct datadir;

/* Makes an empty data folder: settings (the lines of `settings` are added), a self-signed certificate for hostname, the
 * server key. ERROR_EXISTS when path holds one already. */
MUST_CHECK bool datadir_init(const char *path, struct str hostname, struct str settings,
                             struct error *err);
/* Opens an existing one; makes missing folders below it and gives them to their roles' users when root. Holds its lock
 * until datadir_close. ERROR_NOT_FOUND, ERROR_CONFLICT (another server runs on it), ERROR_DENIED. */
MUST_CHECK bool datadir_open(struct datadir **out, const char *path, struct error *err);
void datadir_close(struct datadir *d);
/* Reads posthus.conf into c (initialised). */
MUST_CHECK bool datadir_config(const char *path, struct config *c, struct buf *text,
                               struct error *err);
/* After the settings are known: makes the roles' folders and files with their owners (uid_base 0: nobody's but ours). */
MUST_CHECK bool datadir_prepare(struct datadir *d, uint64_t uid_base, struct error *err);
/* Opens a file or folder below, O_RDWR (a folder: O_DIRECTORY); -1 with err. */
int datadir_file(struct datadir *d, const char *name, bool create, struct error *err);
int datadir_folder(struct datadir *d, const char *name, struct error *err);
/* Reads a small file; name may be an absolute path. */
MUST_CHECK bool datadir_read(const char *path, const char *name, struct buf *out,
                             struct error *err);
/* The folder itself; it stays open as long as d. */
int datadir_fd(const struct datadir *d);
const char *datadir_path(const struct datadir *d);

#endif
