/* db/used.c: see used.h. */
#include "db/used.h"

#include "db/io.h"

bool db_used(int fd)
{
    return fd >= 0 && io_kernel.size(fd) > 0;
}

void db_used_mark(int fd)
{
    static const char mark[] = "this database is in use: it is never made anew\n";

    if (fd >= 0 && !db_used(fd) && io_kernel.pwrite(fd, mark, sizeof mark - 1, 0) > 0)
        io_kernel.sync(fd);
}
