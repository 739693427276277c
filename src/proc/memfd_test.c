/* proc/memfd_test.c: sealing, also while the kernel holds pages of the message. */
#include "proc/memfd.h"

#include "base/test.h"

#include <stdio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static char text[100000];

static int written(void)
{
    int fd = memfd_new();

    CHECK(fd >= 0);
    CHECK_U64(write(fd, text, sizeof text), sizeof text);
    return fd;
}

static void check_whole(int fd)
{
    static char got[sizeof text];

    CHECK(memfd_is_sealed(fd, sizeof text) && !memfd_is_sealed(fd, sizeof text - 1));
    CHECK_U64(pread(fd, got, sizeof got, 0), sizeof got);
    CHECK(memcmp(got, text, sizeof text) == 0);
    CHECK(pwrite(fd, "x", 1, 0) < 0 && ftruncate(fd, 1) < 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
}

static void nobody_changes_what_is_sealed(void)
{
    struct error err = {0};
    int fd = written(), empty = memfd_new();

    CHECK(!memfd_is_sealed(fd, sizeof text)); /* not yet */
    CHECK(memfd_seal(&fd, sizeof text, &err));
    check_whole(fd);
    CHECK(memfd_seal(&empty, 0, &err) && memfd_is_sealed(empty, 0));
    close(fd);
    close(empty);
}

/* A page in a pipe is held by the kernel: sealing is then refused with EBUSY. */
static void a_page_that_is_held_does_not_keep_a_message_from_being_sealed(void)
{
    struct error err = {0};
    int fd = written(), pipe_fd[2], before = fd;
    struct iovec v = {.iov_len = 4096};

    v.iov_base = mmap(NULL, sizeof text, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(v.iov_base != MAP_FAILED && pipe(pipe_fd) == 0);
    CHECK_U64(vmsplice(pipe_fd[1], &v, 1, 0), 4096);
    munmap(v.iov_base, sizeof text);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EBUSY); /* what this test is about */
    CHECK(memfd_seal(&fd, sizeof text, &err));
    CHECK(fd != before);
    check_whole(fd);
    close(fd);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void only_what_is_sealed_and_of_its_size_is_mapped(void)
{
    struct error err = {0};
    struct str bytes;
    int fd = written();

    CHECK(!memfd_map(fd, sizeof text, &bytes, &err) && err.kind == ERROR_INTERNAL && bytes.n == 0);
    CHECK(!memfd_map(-1, 0, &bytes, &err));
    CHECK(memfd_seal(&fd, sizeof text, &err));
    CHECK(!memfd_map(fd, sizeof text + 1, &bytes, &err) && bytes.n == 0);
    CHECK(memfd_map(fd, sizeof text, &bytes, &err));
    CHECK_STR(bytes, str_of(text, sizeof text));
    memfd_unmap(bytes);
    close(fd);
}

static void what_can_not_be_sealed_is_an_error(void)
{
    struct error err = {0};
    int fd = memfd_create("unsealable", MFD_CLOEXEC);

    CHECK(!memfd_seal(&fd, 0, &err) && err.kind == ERROR_TEMPORARY);
    CHECK(!memfd_is_sealed(fd, 0) && !memfd_is_sealed(-1, 0));
    close(fd);
}

/* The kernel answers -1 for their seals. */
static void what_is_no_memfd_is_not_sealed(void)
{
    char path[4200];
    int null = open("/dev/null", O_RDWR), file;

    snprintf(path, sizeof path, "%s/file", test_folder());
    file = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(null >= 0 && !memfd_is_sealed(null, 0));
    CHECK(write(file, "hello", 5) == 5 && !memfd_is_sealed(file, 5));
    close(null);
    close(file);
}

int main(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23);
    RUN(nobody_changes_what_is_sealed);
    RUN(a_page_that_is_held_does_not_keep_a_message_from_being_sealed);
    RUN(only_what_is_sealed_and_of_its_size_is_mapped);
    RUN(what_can_not_be_sealed_is_an_error);
    RUN(what_is_no_memfd_is_not_sealed);
    return test_end();
}
