/* db/io_test.c: the kernel's functions behind struct io. */
#include "db/io.c"

#include "base/test.h"

#include <string.h>
#include <sys/stat.h>

static int folder = -1;

static void a_file_is_made_once_read_and_written(void)
{
    int fd = io_kernel.blob_create(folder, "aa"), again;
    char got[10] = "";
    struct stat st;

    CHECK(fd >= 0);
    CHECK(io_kernel.blob_create(folder, "aa") == -EEXIST);
    CHECK(io_kernel.pwrite(fd, "hello", 5, 3) == 5);
    CHECK(io_kernel.size(fd) == 8);
    CHECK(io_kernel.pread(fd, got, 10, 4) == 4); /* short at the end only */
    CHECK(memcmp(got, "ello", 4) == 0);
    CHECK(io_kernel.pread(fd, got, 10, 100) == 0);
    CHECK(io_kernel.truncate(fd, 2) == 0 && io_kernel.size(fd) == 2);
    CHECK(io_kernel.sync(fd) == 0 && io_kernel.folder_sync(folder) == 0);
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
    again = io_kernel.blob_open(folder, "aa");
    CHECK(again >= 0);
    CHECK(io_kernel.pwrite(again, "x", 1, 0) == -EBADF); /* for reading */
    io_kernel.close(again);
    io_kernel.close(fd);
    CHECK(io_kernel.blob_remove(folder, "aa") == 0);
    CHECK(io_kernel.blob_remove(folder, "aa") == -ENOENT);
    CHECK(io_kernel.blob_open(folder, "aa") == -ENOENT);
}

static void a_symbolic_link_is_not_followed(void)
{
    CHECK(symlinkat("/dev/null", folder, "link") == 0);
    CHECK(io_kernel.blob_open(folder, "link") == -ELOOP);
    CHECK(io_kernel.blob_create(folder, "link") == -EEXIST);
    CHECK(io_kernel.blob_remove(folder, "link") == 0);
}

static void count(const char *name, void *arg)
{
    unsigned *n = arg;

    CHECK(name[0] == 'f');
    ++*n;
}

/* More than one getdents64 holds. */
static void a_folder_is_listed_whole(void)
{
    char name[80];
    unsigned n = 0;

    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "f%064d", i);
        io_kernel.close(io_kernel.blob_create(folder, name));
    }
    CHECK(io_kernel.blob_list(folder, count, &n) == 0);
    CHECK_U64(n, 500);
    CHECK(io_kernel.blob_rename(folder, name, "f") == 0);
    CHECK(io_kernel.blob_rename(folder, name, "f") == -ENOENT);
    n = 0;
    CHECK(io_kernel.blob_list(folder, count, &n) == 0);
    CHECK_U64(n, 500);
}

static void errors_come_as_negative_numbers(void)
{
    char c = 0;

    CHECK(io_kernel.pread(-1, &c, 1, 0) == -EBADF);
    CHECK(io_kernel.pwrite(-1, &c, 1, 0) == -EBADF);
    CHECK(io_kernel.sync(-1) == -EBADF);
    CHECK(io_kernel.truncate(-1, 0) == -EBADF);
    CHECK(io_kernel.size(-1) == -EBADF);
    CHECK(io_kernel.folder_sync(-1) == -EBADF);
    CHECK(io_kernel.blob_list(-1, count, NULL) == -EBADF);
}

int main(void)
{
    folder = open(test_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RUN(a_file_is_made_once_read_and_written);
    RUN(a_symbolic_link_is_not_followed);
    RUN(a_folder_is_listed_whole);
    RUN(errors_come_as_negative_numbers);
    close(folder);
    return test_end();
}
