/* mime/transfer.h: content transfer encodings (RFC 2045 section 6), decoded as a stream: feed
 * slices as they come, in any pieces; the result does not depend on how they are cut. What comes
 * out is never longer than what went in.
 *
 * Decoding never fails. base64 skips what is no base64 character and ends with its padding (RFC 2045
 * section 6.8); quoted-printable keeps an "=" that begins nothing. x-uuencode, which
 * no RFC defines and old programs send, is what POSIX says of uudecode: from the line "begin" on.
 */
#ifndef MIME_TRANSFER_H
#define MIME_TRANSFER_H

#include "base/buf.h"

enum mime_transfer {
    MIME_TRANSFER_IDENTITY,
    MIME_TRANSFER_BASE64,
    MIME_TRANSFER_QUOTED,
    MIME_TRANSFER_UUENCODE
};

struct mime_decoder {
    enum mime_transfer kind;
    uint32_t bits;   /* base64, uuencode: what is not yet out */
    unsigned bits_n; /* sextets in it, 0 to 3 */
    unsigned pads;   /* base64: "=" in a row */
    bool ended;      /* base64: the last group was seen */
    unsigned state;  /* uuencode: where in the file it is */
    unsigned left;   /* uuencode: octets that this line still holds */
    char held[256];  /* quoted-printable: white space that may be trailing, or an escape not yet
                        whole */
    size_t held_n;   /* uuencode: how much of the word "begin " has been seen */
};

/* The kind that this Content-Transfer-Encoding names; unknown ones are identity. */
enum mime_transfer mime_transfer_parse(struct str encoding);
void mime_decoder_init(struct mime_decoder *d, enum mime_transfer kind);
/* Appends what the bytes decode to. */
void mime_decoder_feed(struct mime_decoder *d, struct str in, struct buf *out);
/* Appends what was held back. The decoder is then as after init. */
void mime_decoder_end(struct mime_decoder *d, struct buf *out);

#endif
