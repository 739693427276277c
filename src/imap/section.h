/* imap/section.h: a section of a message, as BODY[...] names it (RFC 9051 section 6.4.5.1): its
 * grammar, and which bytes of a message it is. */
#ifndef IMAP_SECTION_H
#define IMAP_SECTION_H

#include "imap/parse.h"
#include "store/store.h"

#define IMAP_SECTION_DEPTH 64

enum imap_section_text {
    IMAP_SECTION_WHOLE,
    IMAP_SECTION_HEADER,
    IMAP_SECTION_FIELDS,
    IMAP_SECTION_FIELDS_NOT,
    IMAP_SECTION_TEXT,
    IMAP_SECTION_MIME,
};

struct imap_section {
    uint32_t *path; /* part numbers */
    size_t path_n;
    enum imap_section_text text;
    struct str *fields; /* of HEADER.FIELDS */
    size_t fields_n;
    bool partial;
    uint64_t from, n; /* <from.n> */
};

/* Takes "[...]" and a partial after it. */
void imap_take_section(struct imap_parse *p, struct imap_section *out);
/* Appends "[1.2.HEADER.FIELDS (DATE FROM)]<0>", as the answer names it. */
void imap_write_section(struct buf *out, const struct imap_section *section);

/* Bytes from..to of the message. */
struct imap_extent {
    uint64_t from, to;
};
/* Where the section lies, without its partial; for HEADER.FIELDS the whole header. False: the
 * message has no such part. */
bool imap_section_find(const struct imap_section *section, const struct store_email *email,
                       struct imap_extent *out);
/* Appends the fields of a header that the section wants, and the empty line. */
void imap_section_filter(const struct imap_section *section, struct str header, struct buf *out);

#endif
