/* db/used_test.c: a database that was in use is known by its mark, also when its files are gone. */
#include "db/used.c"

#include "base/test.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_mark_is_made_once_and_stays(void)
{
    int fd = memfd_create("used", MFD_CLOEXEC);
    struct stat first, again;

    CHECK(!db_used(fd));
    db_used_mark(fd);
    CHECK(db_used(fd) && fstat(fd, &first) == 0);
    db_used_mark(fd);
    CHECK(db_used(fd) && fstat(fd, &again) == 0 && first.st_size == again.st_size);
    close(fd);
}

static void without_a_file_nothing_is_known(void)
{
    CHECK(!db_used(-1));
    db_used_mark(-1);
}

int main(void)
{
    RUN(a_mark_is_made_once_and_stays);
    RUN(without_a_file_nothing_is_known);
    return test_end();
}
