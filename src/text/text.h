/* text/text.h: the text of a message that searching finds, folded (fold.h), read in steps.
 *
 * Two kinds of text, as IMAP tells them apart (RFC 9051 section 6.4.4): that of headers, which is every
 * field of every header in the message, "name: value" with encoded words decoded; and that of the body:
 * the file name of each part, the content of each text part, attachment or not, of delivery reports,
 * and of the bodies and names in winmail.dat (mime/tnef.h), without transfer encoding, from its
 * charset. Of HTML the words that are seen. So nothing is found that nobody can read there: no base64,
 * no tags.
 *
 * Between two of these stands a line feed, which no query holds once it is folded: so nothing is found
 * across them. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include "base/buf.h"
#include "base/error.h"

#define TEXT_FIELDS 1u
#define TEXT_BODY 2u

/* Where a part of the message is, as in mime/message.h. */
struct text_part {
    uint64_t header_at, body_at, end_at;
    bool multipart, message;
};

struct text_source {
    const struct text_part *parts; /* at least one */
    uint32_t parts_n;
    /* Appends n bytes of the message from `from` to out. */
    bool (*read)(void *arg, uint64_t from, size_t n, struct buf *out, struct error *err);
    void *arg;
};

struct text_reader;

/* What a step adds at most, about: a buffer of so much room is never full. */
#define TEXT_STEP_MOST ((size_t)4 << 20)

/* A reader, for one message after another. step: encoded bytes that one step takes at most, about; 0
 * for 64 KiB, which is some milliseconds at the worst. Whatever it is, the text is the same. Memory is
 * a few times what LIMIT_SEARCH_HEADER, LIMIT_SEARCH_PENDING and LIMIT_SEARCH_TNEF say, whatever the
 * messages are. Needs mime_process_init for charsets other than UTF-8. */
struct text_reader *text_reader_create(size_t step);
void text_reader_destroy(struct text_reader *r); /* NULL is fine */
/* Begins a message. what: TEXT_FIELDS, TEXT_BODY, or both, in the order in which they stand in it. The
 * source is borrowed. */
void text_reader_begin(struct text_reader *r, const struct text_source *source, unsigned what);
/* Takes a step and appends what comes of it to out, which may be nothing; whole characters. *kind says
 * which it is, TEXT_FIELDS or TEXT_BODY; 0: that was all. False: the source could not be read. */
MUST_CHECK bool text_reader_step(struct text_reader *r, struct buf *out, unsigned *kind,
                                 struct error *err);

/* Appends the value of one field, as it stands in the header, decoded and folded. */
void text_field(struct buf *out, struct str value);

#endif
