/* imap/search.h: what SEARCH asks, as a tree, and whether a message is it.
 *
 * Text is looked for as a substring of what text/text.h reads of a message, both folded by text/fold.h:
 * TEXT in all of it, BODY in that of the body, HEADER and its like in the value of a field of the
 * message's own header. An empty string is in each of them, that of HEADER in each field of the name.
 * Nothing is guessed from an index. */
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
    struct str field, text; /* text as text_fold_query makes it */
    enum imap_search_date which;
    int64_t date; /* days since 1970 */
    uint64_t number;
    struct imap_set set;
    bool by_uid;
    struct imap_span *spans; /* of the set, made by the command */
    size_t spans_n;
    struct imap_search_key *next_set;  /* keys with a set; that of the first key is the first one */
    struct imap_search_key *next_text; /* the same of those that look into text */
    bool found;                        /* such a key, in the message that is looked at */
};

/* Takes search-key *(SP search-key), strings in this charset (mime/charset.h). The first of the list;
 * NULL when the parse failed. */
struct imap_search_key *imap_take_search(struct imap_parse *p, struct str charset);
bool imap_search_uses_modseq(const struct imap_search_key *first);

struct imap_session;
struct imap_search;

/* A search of these keys, which stay where they are, in the session's selected mailbox. */
struct imap_search *imap_search_create(struct imap_session *s, struct imap_search_key *first);
void imap_search_destroy(struct imap_search *search); /* NULL is fine */

enum imap_search_answer {
    IMAP_SEARCH_NO,
    IMAP_SEARCH_YES,
    IMAP_SEARCH_OPEN, /* not known yet: ask again, and a piece more of the message is read */
};
/* Whether message `number` of the session's view matches: a piece of the work, a few milliseconds at
 * most. With yes, *modseq is that of the message. */
MUST_CHECK bool imap_search_step(struct imap_search *search, uint32_t number,
                                 enum imap_search_answer *answer, uint64_t *modseq,
                                 struct error *err);

#endif
