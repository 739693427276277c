/* mime/tnef.h: application/ms-tnef ("winmail.dat"), the envelope into which Outlook and Exchange
 * put attachments and bodies. Lists what is in it:
 *
 *     if (mime_tnef_begin(&tnef, bytes, &arena))
 *         while (mime_tnef_next(&tnef, &part))
 *             ...
 *
 * Formats: [MS-OXTNEF], property numbers: [MS-OXPROPS]. Reading never fails: what is cut off ends
 * there, wrong checksums are not looked at, unknown attributes are skipped. Work is linear in the
 * size, data are slices of the input whose offsets strictly increase, at most LIMIT_MIME_PARTS are
 * listed.
 *
 * Bodies in compressed RTF are not listed: they would have to be decompressed and read as RTF. Most
 * senders have the same text beside them, as text/plain in the message around or as a body that is
 * listed here. */
#ifndef MIME_TNEF_H
#define MIME_TNEF_H

#include "base/arena.h"

enum mime_tnef_kind {
    MIME_TNEF_ATTACHMENT,
    MIME_TNEF_MESSAGE, /* an attached message: its data is TNEF again; bound the depth */
    MIME_TNEF_TEXT,    /* the body as plain text */
    MIME_TNEF_HTML     /* the body as HTML */
};

struct mime_tnef_part {
    enum mime_tnef_kind kind;
    struct str name; /* UTF-8, without control characters, otherwise as the sender wrote it: it may
                        hold a path; empty when there is none, and of bodies */
    struct str type; /* "image/png" when the sender said so, else empty; of attachments */
    struct str charset; /* of bodies: for mime_charset_convert */
    struct str data;    /* may be empty */
};

/* Where a stream is being read. Plain data, set by the functions below. */
struct mime_tnef {
    struct str in;
    size_t at;   /* the next attribute */
    size_t done; /* the end of the last data that was returned */
    struct arena *arena;
    uint32_t codepage, html_codepage; /* 0: not given */
    size_t count;                     /* parts that were returned */
    bool open;                        /* an attachment has begun */
    bool flush;                       /* bodies are to be returned */
    bool ended;
    struct {
        struct str title;    /* in codepage */
        struct str names[3]; /* long, short, display name; UTF-8 */
        struct str type, data;
        bool message;
    } attachment;
    struct mime_tnef_part text, html; /* data.p is NULL when there is none */
};

/* bytes are those of the part, its transfer encoding decoded; borrowed, as the arena is, until the
 * last next. False when they do not begin as TNEF does. */
bool mime_tnef_begin(struct mime_tnef *t, struct str bytes, struct arena *arena);
/* False at the end. Names, types and charsets are in the arena; where it is full they are empty. */
bool mime_tnef_next(struct mime_tnef *t, struct mime_tnef_part *out);

#endif
