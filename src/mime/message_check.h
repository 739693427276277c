/* mime/message_check.h: what must hold of every parsed message, whatever its bytes; for the unit
 * tests and the fuzzer. Each function panics where something does not. */
#ifndef MIME_MESSAGE_CHECK_H
#define MIME_MESSAGE_CHECK_H

#include "mime/message.h"

/* Offsets increase, parts lie inside their parents, counts add up, limits hold. */
void mime_check_tree(const struct mime_message *m);
/* text is an ENVELOPE, or a BODYSTRUCTURE or BODY, by the grammar of RFC 9051 section 9, and
 * nothing more. */
void mime_check_envelope(struct str text);
void mime_check_body(struct str text, bool extended);
/* All of it: parses the bytes, prints everything and checks what was printed. */
void mime_check_bytes(struct str bytes, size_t arena_max);

#endif
