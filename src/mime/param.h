/* mime/param.h: Content-Type and Content-Disposition values (RFC 2045 section 5.1, RFC 2183, RFC
 * 2231), as senders write them: missing quotes, spaces, slashes and "=" in values, comments,
 * encoded words in quoted strings, RFC 2231 pieces in any order and beside the plain form of the
 * same name. At most LIMIT_MIME_PARAMETERS are looked at. */
#ifndef MIME_PARAM_H
#define MIME_PARAM_H

#include "mime/message.h"

struct mime_params {
    struct mime_param *items;
    uint32_t n;
};

/* "type/subtype; params". False when there is no type/subtype (RFC 2045 section 5.2: the default
 * applies); "text" alone is text/plain (RFC 1049). rest is what follows, for the two functions
 * below. */
bool mime_content_type(struct str value, struct str *type, struct str *subtype, struct str *rest);
/* "attachment; params"; empty when there is no token. */
struct str mime_disposition(struct str value, struct str *rest);
/* The parameters as they stand, RFC 2231 pieces apart and undecoded, quotes removed: what IMAP's
 * BODYSTRUCTURE shows. */
struct mime_params mime_params_raw(struct str rest, struct arena *arena);
/* The parameters as they are meant, in UTF-8. Of two with the same name the RFC 2231 form wins (RFC
 * 6266 section 4.3), then the first. */
struct mime_params mime_params_parse(struct str rest, struct arena *arena);
/* The value of this name, ASCII case aside; STR_NULL when there is none. */
struct str mime_param_find(const struct mime_param *params, uint32_t n, struct str name);

#endif
