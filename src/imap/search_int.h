/* imap/search_int.h: a search on its way, for search_match.c and search_text.c. */
#ifndef IMAP_SEARCH_INT_H
#define IMAP_SEARCH_INT_H

#include "imap/search.h"
#include "imap/session_int.h"
#include "text/text.h"

struct imap_search {
    struct imap_session *s;
    struct imap_search_key *first;
    size_t
        overlap; /* a string that is cut at the end of a piece of text is found with so much of it */

    /* The message that it is at, as far as it has been read. */
    uint32_t number; /* 0: none */
    struct arena arena;
    struct store_message message;
    struct store_email email;
    bool has_message, has_email, has_parts;
    struct error err; /* the first failure */
    struct text_part *parts;
    uint32_t parts_n;
    struct buf bytes; /* a piece of it, or all */
    uint64_t bytes_at;

    /* HEADER: its header, the next field, and whether all were looked at. */
    struct buf header;
    size_t field_at;
    bool has_header, header_done;
    struct str field; /* the name of the one in `window` */

    /* TEXT and BODY. */
    struct text_reader *reader;
    struct text_source source;
    bool reading, text_done;
    unsigned kind; /* of what is in `window` */

    /* Text that is compared, and with which key to go on; NULL: it was compared with all. */
    struct buf window;
    struct imap_search_key *next;
};

bool imap_search_failed(const struct imap_search *search);
/* Reads the email's sizes, once. False: it is purged, or could not be read. */
bool imap_search_need_email(struct imap_search *search);

/* search_text.c: begins anew for another message; and looks into a piece more of its text, which sets
 * `found` of keys. */
void imap_search_text_begin(struct imap_search *search);
void imap_search_text_step(struct imap_search *search);
/* Whether that key can still be found. */
bool imap_search_text_open(const struct imap_search *search, const struct imap_search_key *key);

#endif
