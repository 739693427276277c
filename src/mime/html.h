/* mime/html.h: the text of an HTML document, for previews and searching; not for showing. A tag
 * becomes a space, or nothing where it stands within a word as <b> does; what stands in head,
 * style, script and comments is left out, character references are decoded. One pass, no memory of
 * its own. */
#ifndef MIME_HTML_H
#define MIME_HTML_H

#include "base/buf.h"

/* Appends the text of html (UTF-8) to out, and stops when `max` bytes were appended or out is full.
 */
void mime_html_text(struct buf *out, struct str html, size_t max);

#endif
