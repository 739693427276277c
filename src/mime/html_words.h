/* mime/html_words.h: what html.c knows of HTML: character references and elements.
 */
#ifndef MIME_HTML_WORDS_H
#define MIME_HTML_WORDS_H

#include "base/str.h"

/* The code point that "amp", "#228" or "#xE4" stands for, without "&" and ";"; 0 when it is no
 * reference. The names are those of HTML 4. For searching and previews: a no-break space is a
 * space, and what is not seen (soft hyphens, joiners, directions) is U+200B. The numbers 128 to 159
 * mean Windows-1252, as in browsers (HTML Standard, section 13.2.5.80). */
uint32_t mime_html_reference(struct str inside);
/* The element of this name, ASCII case aside, in small letters, when its content is no text: style,
 * script, head and the like. Else NULL. */
const char *mime_html_hidden(struct str name);
/* True when a tag of this element parts no words: b, span, a and the like. */
bool mime_html_inline(struct str name);

#endif
