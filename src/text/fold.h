/* text/fold.h: text as it is searched: two texts that a reader takes for the same word become the
 * same bytes.
 *
 * Compatibility forms become plain ones (full-width letters, ligatures), capitals small ones
 * (STRASSE and straße, İ and i), diacritics of Latin, Greek and Cyrillic and the vowel points of
 * Hebrew and Arabic go (é is e, ø is o, æ is ae), invisible characters go, a run of white space and
 * controls is one space. Marks of other scripts stay, because there they make other words; kana,
 * Hangul and others come out composed. Folding what is folded changes nothing.
 *
 * Unicode's NFKD, full case folding, then composition; from libunistring. */
#ifndef TEXT_FOLD_H
#define TEXT_FOLD_H

#include "base/buf.h"

struct mime_fold_entry;

/* Folds a text that comes in pieces; the result does not depend on how it is cut. */
struct mime_fold {
    struct buf *out;
    size_t begin, end;     /* of what it may write in out */
    uint32_t held;         /* the last character, which the next may still change; 0: none */
    char gap;              /* to be written before the next one: space, line feed, or 0 */
    bool full;             /* it stopped: end is reached, or out is full */
    unsigned char rest[4]; /* a character that is not yet whole */
    size_t rest_n;
    struct mime_fold_entry *cache; /* owned until end */
};

/* Appends to out, at most max bytes, whole characters. */
void mime_fold_begin(struct mime_fold *f, struct buf *out, size_t max);
/* UTF-8; a byte that is none counts as U+FFFD. Does nothing once f->full. */
void mime_fold_feed(struct mime_fold *f, struct str in);
/* What follows is another text: a line feed, which is in no folded text else, stands between. */
void mime_fold_break(struct mime_fold *f);
/* Writes what was held back and frees what begin made. */
void mime_fold_end(struct mime_fold *f);
/* All of it in one: a query. White space at its ends goes. */
void mime_fold(struct buf *out, struct str in);

#endif
