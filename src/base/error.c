/* base/error.c: see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct error *error_fill(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return NULL;
    err->kind = kind;
    err->at = 0;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    for (char *p = err->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
    return err;
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[ERROR_KINDS] = {
        [ERROR_NONE] = "none",
        [ERROR_TEMPORARY] = "temporary",
        [ERROR_SYNTAX] = "syntax",
        [ERROR_DENIED] = "denied",
        [ERROR_NOT_FOUND] = "not-found",
        [ERROR_EXISTS] = "exists",
        [ERROR_CONFLICT] = "conflict",
        [ERROR_QUOTA] = "quota",
        [ERROR_LIMIT] = "limit",
        [ERROR_GONE] = "gone",
        [ERROR_DISK] = "disk",
        [ERROR_DAMAGED] = "damaged",
        [ERROR_UNSUPPORTED] = "unsupported",
        [ERROR_INTERNAL] = "internal",
        [ERROR_LOOP] = "loop",
        [ERROR_TOO_LARGE] = "too-large",
        [ERROR_RATE] = "rate",
    };

    return (unsigned)kind < ERROR_KINDS ? names[kind] : "unknown";
}
