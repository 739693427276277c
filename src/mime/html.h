/* mime/html.h: the text of an HTML document, for previews and searching; not for showing. A tag
 * becomes a space, or nothing where it stands within a word as <b> does; what stands in head,
 * style, script and comments is left out, character references are decoded. One pass, no memory of
 * its own; the text is the same, however the document is cut into pieces. */
#ifndef MIME_HTML_H
#define MIME_HTML_H

#include "base/buf.h"

/* Embedded object without memory of its own. */
struct mime_html_stream {
    enum {
        MIME_HTML_TEXT,
        MIME_HTML_OPEN,      /* after "<" */
        MIME_HTML_REFERENCE, /* after "&" */
        MIME_HTML_NAME,      /* in the name of a tag, or of what begins with "<!--" */
        MIME_HTML_TAG,
        MIME_HTML_COMMENT,
        MIME_HTML_HIDDEN /* in an element without text */
    } state;
    char word[16]; /* what was read of a reference, or of a name */
    size_t word_n;
    size_t matched;     /* of "-->", or of "</name" */
    char quote;         /* of an attribute's value; 0: none */
    const char *hidden; /* the element that is left out at the end of this tag, or that it is in;
                           NULL: none */
};

void mime_html_stream_init(struct mime_html_stream *h);
/* Appends the text of the next piece, UTF-8 or anything else that is ASCII where HTML is. */
void mime_html_stream_feed(struct mime_html_stream *h, struct str in, struct buf *out);
/* Appends what was held back. */
void mime_html_stream_end(struct mime_html_stream *h, struct buf *out);

/* The same for a document that is there whole; stops soon after `max` bytes were appended, or when
 * out is full. */
void mime_html_text(struct buf *out, struct str html, size_t max);

#endif
