/* base/error.h: why something did not work. A function that can fail returns bool and fills a struct error; it logs
 * nothing. Each protocol has one table from kind to its own reply. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/str.h"

enum error_kind {
    ERROR_NONE,
    ERROR_TEMPORARY, /* try again later: a peer or a resource is away */
    ERROR_SYNTAX,    /* the input breaks its grammar */
    ERROR_DENIED,    /* not allowed, or wrong credentials */
    ERROR_NOT_FOUND, /* there is no such thing */
    ERROR_EXISTS,    /* there is one already */
    ERROR_CONFLICT,  /* it changed meanwhile, or does not fit its state */
    ERROR_QUOTA,     /* the account is full */
    ERROR_LIMIT,     /* more than limits.h or a setting allows */
    ERROR_GONE,      /* it was, and is no more */
    ERROR_DISK,      /* fsync, write or space failed */
    ERROR_DAMAGED,   /* what was read is not what was written */
    ERROR_UNSUPPORTED,
    ERROR_INTERNAL,
    ERROR_LOOP,      /* it has come by here too often */
    ERROR_TOO_LARGE, /* it would not fit if everything else went away */
    ERROR_RATE,      /* too much in too short a time; later it would do */
    ERROR_KINDS
};

#define ERROR_TEXT_MAX 240

struct error {
    enum error_kind kind;
    size_t at; /* offset in the input, for ERROR_SYNTAX and ERROR_LIMIT */
    char text
        [ERROR_TEXT_MAX]; /* words for the one who can act; printable ASCII or UTF-8, no CR, LF, NUL */
};

/* Fills *err (NULL is fine) and returns false, so that `return error_set(...)` reads well. Control characters in the
 * result become '?'; longer words are cut. */
#define error_set(...) error_false(error_fill(__VA_ARGS__))
/* Its two halves: a macro, so that compilers and analysers see that it is never true. */
PRINTF_LIKE(3, 4)
struct error *error_fill(struct error *err, enum error_kind kind, const char *fmt, ...);
static inline bool error_false(const struct error *err UNUSED)
{
    return false;
}
/* The kind in one word, as it stands in logs and JSON: "temporary", "not-found" ... Never NULL. */
const char *error_kind_name(enum error_kind kind);

#endif
