/* imap/search.h: what SEARCH asks, as a tree, and whether a message is it.
 *
 * Text is looked for as a substring, whatever its case (ASCII, Latin, Greek, Cyrillic), in the
 * decoded text: header fields without encoded words, text parts without transfer encoding and in
 * UTF-8. Nothing is guessed from an index. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "base/buf.h"
#include "imap/parse.h"

enum imap_search_kind {
    IMAP_SEARCH_ALL,
    IMAP_SEARCH_NONE, /* NEW, RECENT: nobody has \Recent */
    IMAP_SEARCH_FLAG, /* has all bits of `flag` */
    IMAP_SEARCH_KEYWORD,
    IMAP_SEARCH_SET,
    IMAP_SEARCH_BEFORE, /* `date`, of INTERNALDATE, Date or the saved date */
    IMAP_SEARCH_ON,
    IMAP_SEARCH_SINCE,
    IMAP_SEARCH_OLDER, /* `number` seconds */
    IMAP_SEARCH_YOUNGER,
    IMAP_SEARCH_LARGER,
    IMAP_SEARCH_SMALLER,
    IMAP_SEARCH_MODSEQ,
    IMAP_SEARCH_HEADER, /* `field` contains `text` */
    IMAP_SEARCH_BODY,
    IMAP_SEARCH_TEXT,
    IMAP_SEARCH_NOT, /* `a` */
    IMAP_SEARCH_OR,  /* `a` or `b` */
    IMAP_SEARCH_AND, /* all of the list that begins with `a` */
};

enum imap_search_date { IMAP_SEARCH_INTERNAL, IMAP_SEARCH_SENT, IMAP_SEARCH_SAVED };

struct imap_span;

struct imap_search_key {
    enum imap_search_kind kind;
    struct imap_search_key *next; /* in a list all of which must match */
    struct imap_search_key *a, *b;
    uint32_t flag;
    struct str field, text; /* text folded */
    enum imap_search_date which;
    int64_t date; /* days since 1970 */
    uint64_t number;
    struct imap_set set;
    bool by_uid;
    struct imap_span *spans; /* of the set, made by the command */
    size_t spans_n;
    struct imap_search_key *next_set; /* all keys with a set, from the first key of the whole */
};

/* Takes search-key *(SP search-key). The first of the list; NULL when the parse failed. */
struct imap_search_key *imap_take_search(struct imap_parse *p);
/* The first key with a set; the others by next_set. */
struct imap_search_key *imap_search_sets(struct imap_search_key *first);
bool imap_search_uses_modseq(const struct imap_search_key *first);

struct imap_session;
/* Whether message `number` of the session's view matches the list; *modseq is its own. */
MUST_CHECK bool imap_search_matches(struct imap_session *s, const struct imap_search_key *first,
                                    uint32_t number, bool *yes, uint64_t *modseq,
                                    struct error *err);
/* Appends text for comparing: without case. */
void imap_search_fold(struct buf *out, struct str text);

#endif
