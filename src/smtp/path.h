/* smtp/path.h: the addresses of MAIL FROM and RCPT TO (RFC 5321 section 4.1.2, "Path").
 *
 * A path borrows from the line that it was parsed from, except where quoting had to be undone: then
 * its local part lies in the arena. A path that exists is valid; nobody behind the parser looks at
 * its syntax again. UTF-8 stands where RFC 6531 section 3.3 allows it; `utf8` tells. */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/limits.h"

struct smtp_path {
    struct str local;  /* unquoted, 1..LIMIT_SMTP_LOCAL octets; empty only in the null path "<>" */
    struct str domain; /* as sent, an address literal with its brackets; empty in "<>" and
                          "<postmaster>" */
    bool utf8;         /* local part or domain hold characters beyond ASCII */
};

/* What smtp_path_print needs at most: each octet of the local part quoted, its quotes, "@", the
 * domain. */
#define SMTP_PATH_PRINT_MAX (2 * LIMIT_SMTP_LOCAL + 3 + LIMIT_SMTP_DOMAIN)

/* Reads one path from "<" to ">" and leaves the cursor after it. A source route is read and
 * dropped (RFC 5321 appendix C). Fails with ERROR_SYNTAX at the first octet that no rule allows, or
 * ERROR_LIMIT; then *out is untouched. */
MUST_CHECK bool smtp_path_parse(struct cursor *in, struct arena *arena, struct smtp_path *out,
                                struct error *err);

/* Writes the path as it goes out, without < >, quoted where it must be: parse("<" print(p) ">") is
 * p for every valid p. */
void smtp_path_print(struct buf *out, const struct smtp_path *path);

#endif
