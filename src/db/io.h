/* db/io.h: the seam under everything that is durable. All I/O of the database files, the
 * write-ahead log and the large contents of an account goes through this one small table of
 * functions, so that a test can record the writes and cut the power, and a second back end
 * (docs/design.md, "Past one machine") can take its place.
 *
 * Files are descriptors that were opened by somebody with the right to; nothing here takes a path,
 * but the three calls on the folder of large contents, whose names are ours (hexadecimal). All
 * functions return 0 or a byte count, or -errno. */
#ifndef DB_IO_H
#define DB_IO_H

#include "base/str.h"

#include <sys/types.h>

struct io {
    ssize_t (*pread)(int fd, void *p, size_t n, int64_t at); /* short at the end of the file only */
    ssize_t (*pwrite)(int fd, const void *p, size_t n, int64_t at); /* all of it, or an error */
    int (*sync)(int fd);                                            /* fdatasync */
    int (*truncate)(int fd, int64_t size);
    int64_t (*size)(int fd);
    /* A descriptor, O_RDWR, of a new and empty file; -EEXIST. */
    int (*blob_create)(int folder, const char *name);
    int (*blob_open)(int folder, const char *name); /* a descriptor for reading */
    int (*blob_rename)(int folder, const char *from, const char *to);
    int (*blob_remove)(int folder, const char *name);
    int (*blob_list)(int folder, void (*each)(const char *name, void *arg), void *arg);
    int (*folder_sync)(int folder);
    void (*close)(int fd);
};

/* The kernel's. */
extern const struct io io_kernel;

#endif
