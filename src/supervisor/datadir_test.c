/* supervisor/datadir_test.c: files of the data folder that an operator wrote. */
#include "supervisor/datadir.c"

#include "base/test.h"

static bool read_one(const char *name, struct buf *out, struct error *err)
{
    buf_reset(out);
    return datadir_read(test_folder(), name, out, err);
}

static void put(const char *name, const char *text, size_t n)
{
    AUTO_FD int folder = open(test_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
}

static void a_file_is_read_whole_or_said_why_not(void)
{
    struct error err = {0};
    struct buf out;

    buf_init(&out, 10000);
    put("small", "abc", 3);
    CHECK(read_one("small", &out, &err));
    CHECK_STR(buf_view(&out), STR("abc"));
    put("empty", "", 0);
    CHECK(read_one("empty", &out, &err) && out.n == 0);
    CHECK(!read_one("none", &out, &err) && err.kind == ERROR_NOT_FOUND);
    /* It opens, and each read fails. */
    CHECK(!read_one(".", &out, &err) && err.kind == ERROR_DISK);
    CHECK(str_find(str_c(err.text), STR("Is a directory")) != SIZE_MAX);
    buf_done(&out);
}

static void a_file_that_is_too_large_is_refused(void)
{
    static const char text[20000];
    struct error err = {0};
    struct buf out;

    buf_init(&out, 10000);
    put("large", text, sizeof text);
    CHECK(!read_one("large", &out, &err) && err.kind == ERROR_LIMIT);
    buf_done(&out);
}

int main(void)
{
    RUN(a_file_is_read_whole_or_said_why_not);
    RUN(a_file_that_is_too_large_is_refused);
    return test_end();
}
