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

struct text_fold_entry;

/* Folds a text that comes in pieces; the result does not depend on how it is cut. */
struct text_fold {
    struct buf *out; /* may be another one at each feed, and what is in it may be taken away */
    uint32_t held;   /* the last character, which the next may still change; 0: none */
    char gap;        /* to be written before the next one: space, line feed, or 0 */
    bool any;        /* something was written */
    bool edges;      /* white space at both ends stays, as one space */
    bool full;       /* it stopped: out is full */
    unsigned char rest[4]; /* a character that is not yet whole */
    size_t rest_n;
    struct text_fold_entry *cache; /* owned until end */
};

void text_fold_begin(struct text_fold *f, struct buf *out);
/* UTF-8; a byte that is none counts as U+FFFD. Appends whole characters, of at most 12 bytes for each
 * byte of `in`, and a few more. Does nothing once f->full. */
void text_fold_feed(struct text_fold *f, struct str in);
/* What follows is another text: a line feed, which is in no folded text else, stands between. */
void text_fold_break(struct text_fold *f);
/* Writes what was held back and frees what begin made. */
void text_fold_end(struct text_fold *f);
/* All of it in one: what is looked for. White space at an end is one space: " a" is not found in "ba". */
void text_fold_query(struct buf *out, struct str in);

#endif
