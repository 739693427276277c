/* smtp/line.h: cuts bytes into command lines. Only CRLF ends one (RFC 5321 section 2.3.8); a line that
 * holds a CR or LF alone is one line all the same, so that its second half is never taken for a
 * command that somebody hid in an argument. It is shown at its first bare LF already, because a
 * client that ends its lines so would wait for ever for words; the rest of it is passed over. */
#ifndef SMTP_LINE_H
#define SMTP_LINE_H

#include "base/buf.h"

struct smtp_line {
    struct buf text; /* with its line end, as far as it fits */
    bool overflow;   /* it did not fit */
    bool bare;       /* a CR or LF stands alone in it */
    bool whole;      /* CRLF has come */
    bool refused;    /* it was shown, and is answered: what still comes of it is passed over */
    bool chunk;      /* BDAT begins it, or stands after a CR or LF alone in it */
    bool cr;         /* the last byte was a CR */
    size_t matched;  /* of "BDAT" where a command could begin; SIZE_MAX: it is none */
};

void smtp_line_init(struct smtp_line *l, size_t max);
void smtp_line_done(struct smtp_line *l);
/* Takes bytes up to the next LF and returns how many. *ended: that LF is there, so look at the line:
 * it is whole, or bare, or both. */
size_t smtp_line_feed(struct smtp_line *l, struct str in, bool *ended);
/* It is answered: a whole line is forgotten, of another one the rest is passed over. */
void smtp_line_answered(struct smtp_line *l);
/* Forgets whatever has come. */
void smtp_line_reset(struct smtp_line *l);

#endif
