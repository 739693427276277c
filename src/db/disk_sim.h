/* db/disk_sim.h: for tests: a disk in memory behind struct io that can lose its power, fail, and
 * be looked at.
 *
 * It has a database file, a log and a folder of large contents. Every call is recorded. disk_cut
 * makes the disk as a power cut after the first t calls could have left it:
 *
 *   - What was synced is there.
 *   - Each write and truncate of a file since its last sync is, independently and at random: not
 * there, there, shortened, or torn: each of its units (4096, 512 or 1 byte, aligned in the file) is
 * there or not.
 *   - Of the creations, renames and removals in the folder since its last sync the first few are
 * there, in order, as a journal keeps them.
 *
 * One disk is in use at a time (disk_use), as struct io has no argument for it. */
#ifndef DB_DISK_SIM_H
#define DB_DISK_SIM_H

#include "db/db.h"

struct disk;
extern const struct io io_sim;

struct disk *disk_create(void);
void disk_destroy(struct disk *d); /* NULL is fine */
/* The disk that io_sim works on. */
void disk_use(struct disk *d);
/* Descriptors and io of a source; the rest is the caller's. */
void disk_source(struct db_source *source);

/* Calls recorded so far. */
size_t disk_calls(const struct disk *d);
/* Of these, the writes. */
size_t disk_writes(const struct disk *d);
/* From now on syncs do nothing, and say that they did. */
void disk_break_sync(struct disk *d);
/* From now on the nth call (from 1) and all later ones of this kind fail with -error; 0 ends that.
 */
enum disk_call { DISK_WRITE = 1, DISK_SYNC, DISK_TRUNCATE, DISK_READ };
void disk_fail(struct disk *d, enum disk_call kind, unsigned nth, int error);
/* A new disk, where everything is durable and nothing recorded. random gives bits. */
struct disk *disk_cut(const struct disk *d, size_t t, size_t unit, uint64_t (*random)(void));
/* A copy where everything is durable. */
struct disk *disk_copy(const struct disk *d);

/* Files: 0 is the database, 1 the log, then large contents in the order of creation. The bytes may
 * be changed in place; *n is 0 for a file that is gone. */
#define DISK_DB 0
#define DISK_WAL 1
size_t disk_files(const struct disk *d);
unsigned char *disk_bytes(struct disk *d, size_t file, size_t *n);
/* Descriptors, also for the functions of io_sim. */
int disk_fd(size_t file);

#endif
