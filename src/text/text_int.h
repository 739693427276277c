/* text/text_int.h: for the tests of text.h. */
#ifndef TEXT_TEXT_INT_H
#define TEXT_TEXT_INT_H

#include "text/text.h"

/* mime_search_text, with so many encoded bytes going through the pipe at once, one or more. It must
 * not matter how many. */
void mime_search_text_by(struct buf *out, const struct mime_message *m, size_t piece);

#endif
