/* compose/build_int.h: what the two files of build.h share. */
#ifndef COMPOSE_BUILD_INT_H
#define COMPOSE_BUILD_INT_H

#include "compose/build.h"

/* Keeps the first error. */
PRINTF_LIKE(3, 4)
void compose_fail(struct compose *w, enum error_kind kind, const char *fmt, ...);
/* A run of MIME token characters (RFC 2045 section 5.1), ASCII only, not empty. */
bool compose_is_token(struct str s);

#endif
