/* base/test.c: see test.h. */
#include "base/test.h"

#include "base/log.h"
#include "base/vec.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    unsigned passed, failed, failed_here;
    const char *expected[16];
    size_t expected_n;
    struct vec copies;
    char folder[256];
} state = {.copies = {.item = sizeof(void *)}};

bool test_check(bool ok, const char *what, const char *file, int line)
{
    if (!ok) {
        state.failed_here++;
        fprintf(stderr, "%s:%d: %s\n", file, line, what);
    }
    return ok;
}

bool test_check_str(struct str got, struct str want, const char *file, int line)
{
    if (str_equal(got, want))
        return true;
    state.failed_here++;
    fprintf(stderr, "%s:%d: got  [%.*s]\n%*s want [%.*s]\n", file, line, STR_ARG(got),
            (int)strlen(file) + 4, "", STR_ARG(want));
    return false;
}

bool test_check_u64(uint64_t got, uint64_t want, const char *file, int line)
{
    if (got == want)
        return true;
    state.failed_here++;
    fprintf(stderr, "%s:%d: got %llu, want %llu\n", file, line, (unsigned long long)got,
            (unsigned long long)want);
    return false;
}

static void sink(struct str line)
{
    for (size_t i = 0; i < state.expected_n; i++) {
        if (str_find(line, str_c(state.expected[i])) == SIZE_MAX)
            continue;
        state.expected[i] = state.expected[--state.expected_n];
        return;
    }
    for (size_t i = 0; i < LOG_EVENT_COUNT; i++) {
        static const struct {
            const char *name;
            enum log_level level;
        } known[] = {
#define EVENT(constant, name, level, whose, help) {" " name, LOG_LEVEL_##level},
            LOG_EVENTS(EVENT)
#undef EVENT
        };

        if (known[i].level >= LOG_LEVEL_WARN && str_find(line, str_c(known[i].name)) != SIZE_MAX) {
            state.failed_here++;
            fprintf(stderr, "unexpected log line: %.*s\n", STR_ARG(line));
            return;
        }
    }
}

void test_expect_log(const char *event)
{
    if (state.expected_n < ARRAY_LEN(state.expected))
        state.expected[state.expected_n++] = event;
}

void test_run(const char *name, void (*function)(void))
{
    log_set_sink(sink);
    state.failed_here = 0;
    state.expected_n = 0;
    function();
    for (size_t i = 0; i < state.expected_n; i++) {
        state.failed_here++;
        fprintf(stderr, "%s: no log line %s\n", name, state.expected[i]);
    }
    if (state.failed_here) {
        state.failed++;
        fprintf(stderr, "FAILED %s\n", name);
    } else {
        state.passed++;
    }
}

struct str test_exact(struct str s)
{
    char *p = malloc(s.n ? s.n : 1);

    if (!p)
        abort();
    if (s.n)
        memcpy(p, s.p, s.n);
    *(void **)vec_add(&state.copies) = p;
    return str_of(p, s.n);
}

const char *test_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    if (!state.folder[0]) {
        snprintf(state.folder, sizeof state.folder, "%s/posthus-test-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(state.folder))
            fatal("cannot make a temporary folder %s", state.folder);
    }
    return state.folder;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
                      struct FTW *ftw UNUSED)
{
    return remove(path);
}

size_t test_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

int test_end(void)
{
    log_set_sink(NULL);
    for (size_t i = 0; i < state.copies.n; i++)
        free(*(void **)vec_at(&state.copies, i));
    vec_done(&state.copies);
    if (state.folder[0])
        nftw(state.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    printf("%u passed, %u failed\n", state.passed, state.failed);
    return state.failed || !state.passed ? 1 : 0;
}
