/* compose/build.h: writes messages: the one place where header fields, parameters and bodies are
 * printed.
 *
 *     compose_init(&w, &out);
 *     compose_address(&w, STR("From"), &from);
 *     compose_text(&w, STR("Subject"), subject);
 *     compose_date(&w, STR("Date"), clock_wall_us());
 *     compose_multipart_begin(&w, STR("mixed"), NULL, 0);
 *     compose_part_begin(&w);
 *     compose_body_text(&w, STR("plain"), NULL, 0, text);
 *     compose_part_begin(&w);
 *     compose_params(&w, STR("Content-Disposition"), STR("attachment"), &filename, 1);
 *     compose_body_bytes(&w, STR("image/png"), NULL, 0, picture);
 *     compose_multipart_end(&w);
 *     if (!compose_end(&w, err))
 *         return false;
 *
 * What comes out is 7-bit but for message/rfc822 parts and, where the caller allows it, addresses;
 * lines end with CRLF and have at most 998 bytes (RFC 5322 section 2.1.1), those of headers 78
 * where there is a place to fold. parse(print(x)) is x for whatever is accepted.
 *
 * No value can become a second field: CR, LF, NUL and the other control characters but tab are
 * refused, as are names that are no field names, text that is not UTF-8 and what is longer than
 * limits.h allows. Errors stick: the first one is kept, everything after it does nothing, and
 * compose_end takes all of the message out of the buffer again. The kinds are ERROR_SYNTAX (a
 * value that cannot stand there), ERROR_LIMIT (too long, or the buffer is full) and
 * ERROR_UNSUPPORTED (an address in UTF-8 without smtputf8, a message that cannot be a part). Calls
 * in an order that makes no message panic.
 *
 * RFC 5322, 2045 to 2047, 2183, 2231, 6532. */
#ifndef COMPOSE_BUILD_H
#define COMPOSE_BUILD_H

#include "base/error.h"
#include "base/limits.h"
#include "mime/address.h"
#include "mime/message.h"

#define COMPOSE_BOUNDARY_LEN 28

/* One multipart that is open. Offsets are into the buffer. */
struct compose_level {
    size_t header_at; /* its Content-Type field */
    size_t checked;   /* after the last delimiter: before it the boundary is ours wherever it is */
    bool eightbit;    /* something in it is 8bit */
    char boundary[COMPOSE_BOUNDARY_LEN + 1];
};

/* Embedded object without memory of its own. */
struct compose {
    struct buf *out;  /* borrowed */
    bool smtputf8;    /* set by the caller after init: it goes out by SMTPUTF8 only, so addresses
                         and ids may be UTF-8 (RFC 6532) */
    size_t begin;     /* where the message begins in out */
    struct error err; /* the first error; kind ERROR_NONE by default */
    enum { COMPOSE_HEADER, COMPOSE_STATUS, COMPOSE_PARTS, COMPOSE_DONE } state;
    bool versioned; /* MIME-Version is written */
    uint32_t depth; /* open multiparts */
    struct compose_level levels[LIMIT_WRITE_DEPTH];
};

/* The message is appended to out, which the caller owns and which sets the limit of its size. */
void compose_init(struct compose *w, struct buf *out);
/* Ends the message; one without a body gets an empty one. True when all of it was written. Else
 * *err (NULL is fine) is the first error, and out holds what it held before compose_init.
 * Nothing is to be freed. */
MUST_CHECK bool compose_end(struct compose *w, struct error *err);

/* Header fields: of the message, of the part that was begun last, or of a delivery-status. name is
 * a field name (RFC 5322 section 3.6.8, at most LIMIT_WRITE_NAME). A field is written whole or not
 * at all. */

/* An unstructured field (RFC 5322 section 2.2.1): Subject, Auto-Submitted, Comments ... Words that
 * are not ASCII, would be read as encoded words or do not fit a line become encoded words (RFC
 * 2047). White space at both ends is left out, a tab becomes a space. */
void compose_text(struct compose *w, struct str name, struct str text);
/* n addresses (RFC 5322 section 3.4), in the form that mime_addresses_next gives them, with names
 * decoded: a group is MIME_ADDRESS_GROUP, its mailboxes and MIME_ADDRESS_GROUP_END. Names are
 * quoted or encoded as needed, local parts quoted; routes are not written. A domain is a dot-atom
 * or a literal in brackets. At least one, at most LIMIT_MIME_ADDRESSES. */
void compose_addresses(struct compose *w, struct str name, const struct mime_address *list,
                       size_t n);
/* The same with one. */
void compose_address(struct compose *w, struct str name, const struct mime_address *one);
/* A date-time in UTC (RFC 5322 section 3.3); the seconds are rounded down. Years 1900 to 9999. */
void compose_date(struct compose *w, struct str name, int64_t us);
/* True when id, without < >, can be written: no white space, control character, <, > or "=?", at most
 * LIMIT_WRITE_ID bytes; ASCII, or UTF-8 with smtputf8. The ids of received messages are not always
 * so. */
bool compose_id_writable(struct str id, bool smtputf8);
/* Message-ID, In-Reply-To, References (RFC 5322 section 3.6.4): n ids without < >, oldest first. Of
 * more than are read again (LIMIT_MIME_REFERENCES, LIMIT_MIME_FIELD) the first and the last ones
 * are written. */
void compose_ids(struct compose *w, struct str name, const struct str *ids, size_t n);
/* Message-ID with a new id: 130 random bits (base/random.h) at domain. */
void compose_new_id(struct compose *w, struct str domain);
/* Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183): value is "token/token" or
 * "token"; parameter values are written as token, quoted string or, where they are not ASCII or
 * long, as in RFC 2231 in UTF-8. Parameter names are different and without * ' %; at most
 * LIMIT_MIME_PARAMETERS pieces. */
void compose_params(struct compose *w, struct str name, struct str value,
                    const struct mime_param *params, size_t n);

/* Bodies. Each writes the MIME-Version (of a message), Content-Type and Content-Transfer-Encoding
 * of the header and ends the message or part that was begun. params are those of Content-Type; n
 * may be 0. */

/* text/subtype; charset=utf-8. Lines end with LF or CRLF and are written with CRLF; where the last
 * one does not end, CRLF is added. 7bit, quoted-printable or base64, whichever serves the content.
 * No NUL. */
void compose_body_text(struct compose *w, struct str subtype, const struct mime_param *params,
                       size_t n, struct str text);
/* Any bytes, in base64. type is "type/subtype", neither multipart nor message. */
void compose_body_bytes(struct compose *w, struct str type, const struct mime_param *params,
                        size_t n, struct str bytes);
/* True when these bytes can be a message/rfc822 part, which no encoding may change (RFC 2046
 * section 5.2.1): each line has at most 998 bytes and ends with CRLF; no NUL, no CR or LF alone. */
bool compose_embeddable(struct str bytes);
/* message/rfc822, byte for byte, 7bit or 8bit; ERROR_UNSUPPORTED when it is not embeddable. */
void compose_body_message(struct compose *w, struct str bytes);
/* message/delivery-status (RFC 3464 section 2.1): after begin the fields of the message, after each
 * next those of one recipient. */
void compose_status_begin(struct compose *w);
void compose_status_next(struct compose *w);
void compose_status_end(struct compose *w);

/* A multipart (RFC 2046 section 5.1): begin, then for each part compose_part_begin, its fields and its
 * body, then end; at least one part. At most LIMIT_WRITE_DEPTH in one another. The boundary is
 * chosen here, is random, and stands nowhere in what the parts hold. */
void compose_multipart_begin(struct compose *w, struct str subtype, const struct mime_param *params,
                             size_t n);
void compose_part_begin(struct compose *w);
void compose_multipart_end(struct compose *w);

#endif
