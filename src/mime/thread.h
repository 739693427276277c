/* mime/thread.h: what ties messages together: Message-IDs and the base subject. */
#ifndef MIME_THREAD_H
#define MIME_THREAD_H

#include "mime/message.h"

/* The first msg-id of a Message-ID field, without < >, white space removed; the bare word when
 * there are not both brackets. */
struct str mime_message_id(struct str value, struct arena *arena);
/* The Message-IDs of References, then those of In-Reply-To that were not there, oldest first. Of
 * more than LIMIT_MIME_REFERENCES the first and the last ones are kept: the root of the thread and
 * the nearest parents. */
void mime_references(struct str references, struct str in_reply_to, struct arena *arena,
                     struct str **out, uint32_t *out_n);
/* The base subject of a decoded subject (RFC 5256 section 2.1), ASCII letters in lower case. */
struct str mime_base_subject(struct str subject, struct arena *arena);

#endif
