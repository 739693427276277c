/* smtp/data.h: the bytes between "354" and the end of the data (RFC 5321 sections 4.1.1.4
 * and 4.5.2): dots that were put at the beginning of lines are removed, the end is found.
 *
 * Only CRLF "." CRLF ends the data; the first CRLF may be the one that ended the DATA command. A CR
 * or LF alone is no line end (RFC 5321 section 2.3.8): it makes no end of data and no dot after it
 * is removed, and `bare` tells that the message must be refused whole, so that no server behind us
 * can read it in another way ("SMTP smuggling", CVE-2023-51764 to 51766). */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/str.h"

enum smtp_data_place {
    SMTP_DATA_LINE,   /* at the beginning of a line */
    SMTP_DATA_DOT,    /* after a dot there */
    SMTP_DATA_DOT_CR, /* after a dot and CR there */
    SMTP_DATA_TEXT,   /* anywhere else */
    SMTP_DATA_CR,     /* after a CR in text */
    SMTP_DATA_BLANK,  /* after a CR at the beginning of a line: smtp_data_check alone */
    SMTP_DATA_DONE    /* after the end of the data */
};

struct smtp_data { /* zeroed: at the beginning of the data */
    enum smtp_data_place place;
    bool bare; /* a CR or LF stood alone */
    bool body; /* the empty line was seen: smtp_data_check alone */
};

/* Takes bytes from the front of `in` and returns how many; *slice is what of them belongs to the
 * message (may be empty): as long as no dot has to be removed. Call again with the rest until it is
 * empty or place is SMTP_DATA_DONE. */
size_t smtp_data_next(struct smtp_data *d, struct str in, struct str *slice);
/* The octets of chunks (RFC 3030), which end by their count: nothing is removed, but bare CR and LF
 * are noticed in the same way. In a binary message (BODY=BINARYMIME) they are allowed after the
 * header. */
void smtp_data_check(struct smtp_data *d, struct str in, bool binary);
/* True when the message that smtp_data_check saw may not end here: after a CR alone. */
bool smtp_data_is_cut(const struct smtp_data *d);

#endif
