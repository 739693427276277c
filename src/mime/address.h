/* mime/address.h: address lists (RFC 5322 sections 3.4 and 4.4), one address at a time:
 *
 *     mime_addresses_begin(&list, field.value, arena);
 *     while (mime_addresses_next(&list, &address))
 *         ...
 *
 * Reads what senders write: comments as names, dots and bare commas in encoded words, routes,
 * groups, ";" between addresses, an unquoted address as name (a@b <a@b>), no domain, no ">". At
 * most LIMIT_MIME_ADDRESSES are returned. */
#ifndef MIME_ADDRESS_H
#define MIME_ADDRESS_H

#include "base/arena.h"
#include "base/cursor.h"

enum mime_address_kind {
    MIME_ADDRESS_MAILBOX,
    MIME_ADDRESS_GROUP, /* a group begins: name alone */
    MIME_ADDRESS_GROUP_END
};

struct mime_address {
    enum mime_address_kind kind;
    struct str name;   /* display name or, without one, the last comment; unquoted, encoded words as
                          they are */
    struct str route;  /* "@a,@b" of an obsolete route; empty by default */
    struct str local;  /* unquoted; may be empty */
    struct str domain; /* a literal with its brackets; empty when there is none */
};

struct mime_addresses {
    struct cursor in;
    char *words; /* what was unquoted so far: never longer than what was read */
    size_t words_n, count;
    bool in_group;
};

/* value is borrowed until the last next; memory of value.n bytes comes from the arena, and the
 * addresses lie in it. */
void mime_addresses_begin(struct mime_addresses *list, struct str value, struct arena *arena);
/* False at the end. A group that is not closed is closed at the end. */
bool mime_addresses_next(struct mime_addresses *list, struct mime_address *out);

#endif
