/* base/test.h: the test harness. A test program includes the file it tests, so that statics are testable:
 *
 *     #include "smtp/path.c"
 *     #include "base/test.h"
 *
 *     static void a_dot_never_comes_twice(void)
 *     {
 *         CHECK(!parse("<a..b@c.test>"));
 *     }
 *
 *     int main(void)
 *     {
 *         RUN(a_dot_never_comes_twice);
 *         return test_end();
 *     }
 *
 * A failed CHECK is counted and printed with its place, and the test goes on. A log line at WARN or above that was not
 * expected (test_expect_log) fails the test that made it. test_end prints "N passed, N failed" and returns the exit
 * status. Names of tests are sentences. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include "base/str.h"

#define CHECK(condition) test_check((condition), #condition, __FILE__, __LINE__)
/* As CHECK, with words for a table's row. */
#define CHECK_ROW(condition, row) test_check((condition), (row), __FILE__, __LINE__)
#define CHECK_STR(got, want) test_check_str((got), (want), __FILE__, __LINE__)
#define CHECK_U64(got, want) test_check_u64((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__)
#define RUN(function) test_run(#function, function)

bool test_check(bool ok, const char *what, const char *file, int line);
bool test_check_str(struct str got, struct str want, const char *file, int line);
bool test_check_u64(uint64_t got, uint64_t want, const char *file, int line);
void test_run(const char *name, void (*function)(void));
/* The next log line of this event name is wanted. */
void test_expect_log(const char *event);
/* A heap copy of exactly s.n bytes, so that the sanitizer sees one byte too far. Freed at test_end. */
struct str test_exact(struct str s);
/* A temporary folder of this test program, removed at test_end; under $TMPDIR or /tmp. */
const char *test_folder(void);
/* Descriptors that are open in this process: what leaks shows between two calls. */
size_t test_descriptors(void);
int test_end(void);

#endif
