/* mime/lex.h: the words that header fields are made of (RFC 5322 section 3.2 with section 4.1, RFC
 * 2045 section 5.1).
 *
 * Made for mail as it comes: nothing here fails. What is not closed (a comment, a quoted string)
 * ends with the input, and nothing is ever read twice, so that work stays linear. Bytes above 127
 * count as letters (RFC 6532 section 3.2). */
#ifndef MIME_LEX_H
#define MIME_LEX_H

#include "base/arena.h"
#include "base/cursor.h"

/* Skips white space, line ends and comments. *comment (NULL is fine) becomes what stands in the
 * last comment that was met, raw and without its outer brackets; it is left alone when there was
 * none. */
void mime_lex_cfws(struct cursor *c, struct str *comment);
/* At '"': reads a quoted-string and leaves the cursor after it. Returns the raw inside, for
 * mime_lex_unquote. */
struct str mime_lex_quoted(struct cursor *c);
/* Writes raw without backslashes that quote, CR, LF and NUL to `to`, which has room for raw.n
 * bytes; returns how many. */
size_t mime_lex_unquote(char *to, struct str raw);
/* As above, into the arena; raw itself when there is nothing to remove. */
struct str mime_lex_unquote_arena(struct str raw, struct arena *arena);
/* The run of MIME token characters here (RFC 2045 section 5.1); may be empty. */
struct str mime_lex_token(struct cursor *c);
/* The run here of atext, '.', bytes above 127 and controls that are no white space; may be empty.
 */
struct str mime_lex_atom(struct cursor *c);
/* The length of an encoded-word here (RFC 2047 section 2), or 0: "=?" charset "?" encoding "?" text
 * "?=" without white space, at most 255 bytes. */
size_t mime_lex_encoded_word(struct str s);

#endif
