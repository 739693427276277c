/* mime/transfer.h: content transfer encodings (RFC 2045 section 6), decoded as a stream: feed
 * slices as they come, in any pieces; the result does not depend on how they are cut.
 *
 * Decoding never fails. base64 skips what is no base64 character and goes on after padding (parts
 * that were glued together); quoted-printable keeps an "=" that begins nothing. */
#ifndef MIME_TRANSFER_H
#define MIME_TRANSFER_H

#include "base/buf.h"

enum mime_transfer { MIME_TRANSFER_IDENTITY, MIME_TRANSFER_BASE64, MIME_TRANSFER_QUOTED };

struct mime_decoder {
    enum mime_transfer kind;
    uint32_t bits;   /* base64: what is not yet out */
    unsigned bits_n; /* base64: sextets in it, 0 to 3 */
    char held[256];  /* quoted-printable: white space that may be trailing, or an escape not yet
                        whole */
    size_t held_n;
};

/* The kind that this Content-Transfer-Encoding names; unknown ones are identity. */
enum mime_transfer mime_transfer_parse(struct str encoding);
void mime_decoder_init(struct mime_decoder *d, enum mime_transfer kind);
/* Appends what the bytes decode to. */
void mime_decoder_feed(struct mime_decoder *d, struct str in, struct buf *out);
/* Appends what was held back. The decoder is then as after init. */
void mime_decoder_end(struct mime_decoder *d, struct buf *out);

#endif
