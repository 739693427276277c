/* mime/message.h: a message, understood. Parsing never fails: whatever bytes arrive become a
 * message with at least one part. Parts are a flat array in the order of their offsets, which
 * strictly increase; depth, parts, parameters and fields are bounded by limits.h; work is linear in
 * the size.
 *
 * RFC 5322 (with its obsolete syntax), RFC 2045 to 2047, 2231. */
#ifndef MIME_MESSAGE_H
#define MIME_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"

struct mime_param {
    struct str name, value; /* value decoded: unquoted, RFC 2231 joined and turned to UTF-8 */
};

struct mime_part {
    uint32_t parent;    /* index of the enclosing part; its own for part 0 */
    uint32_t children;  /* direct ones: of a multipart its parts, of a message/rfc822 one */
    uint32_t depth;     /* 0 for the message itself */
    uint64_t header_at; /* offset of its first header field */
    uint64_t body_at;   /* offset after the empty line */
    uint64_t end_at;    /* offset after its last byte; the CRLF before a boundary is not in it */
    uint64_t lines;     /* line ends in its body */
    bool multipart;
    bool message; /* message/rfc822 or message/global: its only child is that message's root part */
    /* As the sender wrote them. TEXT and PLAIN by default (RFC 2045 section 5.2), also for a
     * multipart without a usable boundary; APPLICATION and OCTET-STREAM where a limit was reached,
     * and the part is not looked into. */
    struct str type, subtype;
    struct mime_param *params;
    uint32_t params_n;
    struct str encoding;                                 /* "7BIT" by default */
    struct str id, description, md5, location, language; /* empty: NIL */
    struct str disposition;                              /* empty: NIL */
    struct mime_param *disposition_params;
    uint32_t disposition_params_n;
    /* The parameters of both fields as they stand: BODYSTRUCTURE shows them undecoded. */
    struct str params_raw, disposition_raw;
};

struct mime_message {
    struct str bytes;
    struct mime_part *parts; /* at least one */
    uint32_t parts_n;
    struct str message_id;  /* without < >, or empty; like the others may hold bytes above 127 */
    struct str *references; /* of References and In-Reply-To, without < >, oldest first */
    uint32_t references_n;
    struct str subject;      /* decoded to UTF-8, unfolded */
    struct str base_subject; /* RFC 5256 section 2.1, lower case */
    int64_t date_us;         /* of Date, UTC; INT64_MIN when there is none that can be read */
};

/* Prepares the charsets (charset.h): opens what iconv(3) needs and keeps it. Once a process, before
 * it loses its file system; a fork inherits it. Further calls do nothing. Without it only US-ASCII
 * and UTF-8 are known. */
void mime_process_init(void);

/* bytes are borrowed as long as *out is used; everything else is in the arena (give it at least
 * half the message plus 64 KiB, and never less than 512 bytes). More than that is taken of the heap
 * at no time. When the arena fills up, or
 * LIMIT_MIME_PARTS is reached, the last part takes the rest of the message: still no failure. */
void mime_parse(struct str bytes, struct arena *arena, struct mime_message *out);

/* Reads the header of one part alone, for whoever knows already where parts are: its type, parameters,
 * encoding, disposition and the like as mime_parse sets them, but for what depends on the parts
 * around it (offsets, children, the type in a multipart/digest, and limits that were reached). Slices
 * of header, and the arena. */
void mime_part_read(struct mime_part *part, struct str header, struct arena *arena);

/* Appends the parenthesised ENVELOPE (RFC 9051 section 7.5.2, rev1-compatible: 8-bit text goes out
 * as literals, never in quoted strings) of the part whose header begins at part `index` (0: the
 * message; of a message/rfc822 part: its child). */
void mime_print_envelope(struct buf *out, const struct mime_message *m, uint32_t index,
                         struct arena *arena);
/* Appends the parenthesised BODYSTRUCTURE, or BODY when !extended (RFC 9051 section 7.5.2). */
void mime_print_bodystructure(struct buf *out, const struct mime_message *m, bool extended,
                              struct arena *arena);
/* Appends at most LIMIT_MIME_PREVIEW bytes of UTF-8: the beginning of the first readable text,
 * white space folded. */
void mime_print_preview(struct buf *out, const struct mime_message *m, struct arena *arena);

/* One header field, in the order of the message. */
struct mime_field {
    struct str name;  /* without colon and trailing space */
    struct str value; /* raw, folded as it stands, without the last CRLF */
    uint64_t at, end; /* offsets in the slice that was iterated; with the line end */
};
/* Iterates the fields of a header (from part.header_at to body_at, or any slice): *at begins at 0.
 * False at the end. Lines that are no field are skipped. */
bool mime_next_field(struct str header, size_t *at, struct mime_field *out);
/* RFC 2047: decodes encoded words to UTF-8, unfolds. Raw text without one character of UTF-8 is
 * read as Windows-1252, else repaired; controls but tabs become spaces. raw itself where that
 * changes nothing, else in the arena; cut where a quarter of what the arena has left is not enough
 * (so that no more is taken of the heap than the arena may hold). */
struct str mime_decode_words(struct str raw, struct arena *arena);

#endif
