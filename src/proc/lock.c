/* proc/lock.c: see lock.h. */
#include "proc/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define TRIES 200
#define PAUSE_MS 50

bool lock_file(int fd, struct error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (int i = 0; i < TRIES; i++) {
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return true;
        if (errno != EAGAIN && errno != EACCES)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    return error_set(err, ERROR_TEMPORARY, "another process still has the file open");
}
