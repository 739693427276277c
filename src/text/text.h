/* text/text.h: the text of a message that searching finds, folded (fold.h): of the message, and of
 * each message in it, the subject and the names and addresses of From, Reply-To, To, Cc and Bcc;
 * the file name of each part; the content of each text part, attachment or not, of delivery
 * reports, and of the bodies in winmail.dat (tnef.h). Of HTML the text that is seen.
 *
 * Between two of these stands a line feed, which no query holds once it is folded: so nothing is
 * found across them. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include "mime/message.h"

/* Appends at most LIMIT_SEARCH_TEXT bytes of UTF-8, whole characters; what comes behind is left
 * out. Work is linear in the size of the message, memory a few times LIMIT_SEARCH_PENDING whatever
 * the message is: parts are decoded piece by piece, but for those whose charset does not allow it,
 * of which LIMIT_SEARCH_PENDING bytes are looked at, and winmail.dat, of which LIMIT_SEARCH_TNEF
 * are. Needs mime_process_init for charsets other than UTF-8. */
void mime_search_text(struct buf *out, const struct mime_message *m);

#endif
