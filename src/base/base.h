/* base/base.h: what every file of Posthus may use without asking: the standard types, the attributes, and memory that
 * never returns NULL.
 *
 * Out of memory ends the process (what was promised stays true, nothing else ends), so no caller checks. Sizes that a
 * peer controls are checked against limits.h before they come here. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes *fd unless it is -1, and leaves the number as it is: whoever goes on with it sets it to -1. */
void base_close_fd(int *fd);
/* A file descriptor that closes itself when it goes out of scope; set it to -1 to keep it. The three cleanup
 * attributes are this one, AUTO_STMT and AUTO_TX (db/db.h). */
#define AUTO_FD __attribute__((cleanup(base_close_fd)))

/* Returns n bytes, uninitialised or zeroed; never NULL, also for n = 0. The caller frees with mem_free. */
void *mem_alloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *mem_zalloc(size_t n) __attribute__((malloc, alloc_size(1)));
/* Grows or shrinks; p may be NULL. Never NULL. */
void *mem_realloc(void *p, size_t n) __attribute__((alloc_size(2)));
/* NULL is fine. */
void mem_free(void *p);
/* Overwrites n bytes with zeros in a way that no compiler removes: for keys and passwords. */
void mem_wipe(void *p, size_t n);
/* True when both hold the same n bytes; the time does not depend on where they differ. */
bool mem_equal_secret(const void *a, const void *b, size_t n);

/* A broken invariant: writes the place and the words to stderr and aborts. */
NORETURN PRINTF_LIKE(1, 2) void panic(const char *fmt, ...);
/* An environment that the process cannot work in: writes the sentence to stderr for the operator, exits 1. */
NORETURN PRINTF_LIKE(1, 2) void fatal(const char *fmt, ...);

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
