/* compose/build_body.c: bodies and multiparts, see build.h.
 *
 * Text goes out in 7bit, quoted-printable or base64, whichever its content asks for, so that no
 * server on the way has to change it. A boundary is random; should it ever stand in what a part
 * holds, another one is put into all of its places, which are known because it stood nowhere else.
 */
#include "compose/build_int.h"

#include "base/encode.h"
#include "base/random.h"
#include "base/utf8.h"

#include <string.h>

#define LINE_MAX_BYTES 998 /* RFC 5322 section 2.1.1, without CRLF */
#define ENCODED_LINE 76    /* RFC 2045 sections 6.7 and 6.8 */
#define BOUNDARY_TRIES 100

static bool has_failed(const struct compose *w)
{
    return w->err.kind != ERROR_NONE;
}

static void check_room(struct compose *w)
{
    if (w->out->overflow)
        compose_fail(w, ERROR_LIMIT, "the message is too large");
}

void compose_init(struct compose *w, struct buf *out)
{
    *w = (struct compose){.out = out, .begin = out->n};
}

bool compose_end(struct compose *w, struct error *err)
{
    if (w->depth)
        panic("a message ends within a multipart");
    if (!has_failed(w) && w->state == COMPOSE_HEADER)
        buf_add(w->out, "\r\n", 2);
    else if (!has_failed(w) && w->state != COMPOSE_DONE)
        panic("a message ends within a part");
    check_room(w);
    if (!has_failed(w))
        return true;
    w->out->n = w->begin;
    if (err)
        *err = w->err;
    return false;
}

/* ---- header of a body ---- */

/* Content-Type with a parameter more, and before it the MIME-Version of the message (RFC 2045
 * section 4). */
static void body_begin(struct compose *w, struct str type, const struct mime_param *params,
                       size_t n, const struct mime_param *more)
{
    struct mime_param all[LIMIT_MIME_PARAMETERS + 1];

    if (w->state != COMPOSE_HEADER)
        panic("a body without a header");
    if (n > LIMIT_MIME_PARAMETERS) {
        compose_fail(w, ERROR_LIMIT, "more than %d parameters", LIMIT_MIME_PARAMETERS);
        return;
    }
    if (!w->versioned)
        compose_text(w, STR("MIME-Version"), STR("1.0"));
    w->versioned = true;
    for (size_t i = 0; i < n; i++)
        all[i] = params[i];
    if (more)
        all[n] = *more;
    compose_params(w, STR("Content-Type"), type, all, n + (more != NULL));
}

static void header_end(struct compose *w)
{
    if (!has_failed(w))
        buf_add(w->out, "\r\n", 2);
}

/* "type/subtype" from a subtype. The words that are too long for text are no token either. */
static struct str full_type(char text[], size_t max, struct str type, struct str subtype)
{
    if (!compose_is_token(subtype) || type.n + subtype.n > max)
        return STR_NULL;
    memcpy(text, type.p, type.n);
    memcpy(text + type.n, subtype.p, subtype.n);
    return str_of(text, type.n + subtype.n);
}

/* ---- encodings ---- */

/* RFC 2045 section 6.8 */
static void print_base64(struct buf *out, struct str in)
{
    for (size_t at = 0; at < in.n; at += ENCODED_LINE / 4 * 3) {
        base64_print(out, str_sub(in, at, ENCODED_LINE / 4 * 3));
        buf_add(out, "\r\n", 2);
    }
}

/* The length of the line end at `at`, CRLF or LF; 0 when there is none. */
static size_t line_end(struct str in, size_t at)
{
    if (in.p[at] == '\n')
        return 1;
    return in.p[at] == '\r' && at + 1 < in.n && in.p[at + 1] == '\n' ? 2 : 0;
}

/* True when no byte of a line of text has to be encoded for its own sake. */
static bool is_plain(char ch)
{
    return (ch >= ' ' && ch <= '~' && ch != '=') || ch == '\t';
}

/* "From " at the start of a line gets a ">" in mailbox files; encoded it does not (RFC 2049 section
 * 3). */
static bool is_from_line(struct str in, size_t at)
{
    return (at == 0 || in.p[at - 1] == '\n') && str_starts(str_skip(in, at), STR("From "));
}

/* RFC 2045 section 6.7; in ends with a line end. */
static void print_quoted(struct buf *out, struct str in)
{
    size_t col = 0;

    for (size_t at = 0; at < in.n;) {
        size_t end = line_end(in, at);
        bool last, plain;

        if (end) {
            buf_add(out, "\r\n", 2);
            col = 0;
            at += end;
            continue;
        }
        last = line_end(in, at + 1) > 0;
        plain = is_plain(in.p[at]) && !is_from_line(in, at) &&
                !(last && (in.p[at] == ' ' || in.p[at] == '\t')); /* rule 3 */
        if (col + (plain ? 1 : 3) + !last > ENCODED_LINE) {       /* rule 5 */
            buf_add(out, "=\r\n", 3);
            col = 0;
        }
        if (plain)
            buf_char(out, in.p[at]);
        else
            buf_printf(out, "=%02X", (unsigned char)in.p[at]);
        col += plain ? 1 : 3;
        at++;
    }
}

/* Line ends as CRLF, one at the end. */
static void normalise_lines(struct buf *out, struct str in)
{
    for (size_t at = 0; at < in.n;) {
        size_t from = at, end = 0;

        while (at < in.n && !(end = line_end(in, at)))
            at++;
        buf_add(out, in.p + from, at - from);
        buf_add(out, "\r\n", 2);
        at += end;
    }
}

enum encoding { SEVENBIT, QUOTED, BASE64 };

/* text has CRLF line ends. 7bit when every line can stand as it is; else what is shorter, so that
 * what is mostly ASCII stays readable. */
static enum encoding choose_encoding(struct str text)
{
    size_t line = 0, longest = 0, coded = 0;
    bool from = false;

    for (size_t at = 0; at < text.n;) {
        size_t end = line_end(text, at);

        line = end ? 0 : line + 1;
        longest = size_max(longest, line);
        from = from || is_from_line(text, at);
        coded += !end && !is_plain(text.p[at]) && text.p[at] != '=';
        at += end ? end : 1;
    }
    if (coded == 0 && !from && longest <= LINE_MAX_BYTES)
        return SEVENBIT;
    return coded * 6 <= text.n ? QUOTED : BASE64;
}

void compose_body_text(struct compose *w, struct str subtype, const struct mime_param *params,
                       size_t n, struct str text)
{
    static const char *const names[] = {"7bit", "quoted-printable", "base64"};
    struct mime_param charset = {STR("charset"), STR("utf-8")};
    char type[LIMIT_WRITE_NAME];
    enum encoding encoding;
    struct buf lines;

    body_begin(w, full_type(type, sizeof type, STR("text/"), subtype), params, n, &charset);
    if (str_find_char(text, '\0') != SIZE_MAX || !utf8_valid(text))
        compose_fail(w, ERROR_SYNTAX, "a text is not UTF-8, or holds NUL");
    buf_init(&lines, 2 * text.n + 2);
    if (!has_failed(w)) {
        normalise_lines(&lines, text);
        encoding = choose_encoding(buf_view(&lines));
        compose_text(w, STR("Content-Transfer-Encoding"), str_c(names[encoding]));
        header_end(w);
        if (encoding == SEVENBIT)
            buf_str(w->out, buf_view(&lines));
        else
            (encoding == QUOTED ? print_quoted : print_base64)(w->out, buf_view(&lines));
        check_room(w);
    }
    buf_done(&lines);
    w->state = COMPOSE_DONE;
}

void compose_body_bytes(struct compose *w, struct str type, const struct mime_param *params,
                        size_t n, struct str bytes)
{
    if (str_find_char(type, '/') == SIZE_MAX || str_starts_nocase(type, STR("multipart/")) ||
        str_starts_nocase(type, STR("message/")))
        compose_fail(w, ERROR_SYNTAX, "bytes are neither a multipart nor a message");
    body_begin(w, type, params, n, NULL);
    if (!has_failed(w)) {
        compose_text(w, STR("Content-Transfer-Encoding"), STR("base64"));
        header_end(w);
        print_base64(w->out, bytes);
        check_room(w);
    }
    w->state = COMPOSE_DONE;
}

/* ---- messages in messages ---- */

bool compose_embeddable(struct str bytes)
{
    size_t line = 0;

    for (size_t at = 0; at < bytes.n; at++) {
        if (bytes.p[at] == '\r' && line_end(bytes, at)) {
            line = 0;
            at++;
        } else if (bytes.p[at] == '\r' || bytes.p[at] == '\n' || bytes.p[at] == '\0' ||
                   ++line > LINE_MAX_BYTES) {
            return false;
        }
    }
    return line == 0;
}

static bool has_eightbit(struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if ((unsigned char)bytes.p[i] > 127)
            return true;
    return false;
}

void compose_body_message(struct compose *w, struct str bytes)
{
    bool eightbit = has_eightbit(bytes);

    body_begin(w, STR("message/rfc822"), NULL, 0, NULL);
    if (!compose_embeddable(bytes))
        compose_fail(w, ERROR_UNSUPPORTED, "a message that cannot be sent within another one");
    if (!has_failed(w)) {
        compose_text(w, STR("Content-Transfer-Encoding"), eightbit ? STR("8bit") : STR("7bit"));
        header_end(w);
        buf_str(w->out, bytes);
        check_room(w);
        if (w->depth)
            w->levels[w->depth - 1].eightbit |= eightbit;
    }
    w->state = COMPOSE_DONE;
}

void compose_status_begin(struct compose *w)
{
    body_begin(w, STR("message/delivery-status"), NULL, 0, NULL);
    header_end(w);
    w->state = COMPOSE_STATUS;
}

void compose_status_next(struct compose *w)
{
    if (w->state != COMPOSE_STATUS)
        panic("recipients without a delivery-status");
    header_end(w); /* RFC 3464 section 2.1: an empty line before each group of fields */
}

void compose_status_end(struct compose *w)
{
    if (w->state != COMPOSE_STATUS)
        panic("no delivery-status to end");
    w->state = COMPOSE_DONE;
}

/* ---- multiparts ---- */

/* "=_" stands in no quoted-printable and no base64 (RFC 2045 section 6.7). */
static void choose_boundary(char *boundary)
{
    boundary[0] = '=';
    boundary[1] = '_';
    random_text(boundary + 2, COMPOSE_BOUNDARY_LEN - 2);
}

static struct str written_since(const struct compose *w, size_t at)
{
    return str_of(w->out->p + at, w->out->n - at);
}

/* Puts another boundary where the old one stands between the header and the last delimiter. */
static void replace_boundary(struct compose *w, struct compose_level *level)
{
    struct str old = str_of(level->boundary, COMPOSE_BOUNDARY_LEN);
    char other[COMPOSE_BOUNDARY_LEN + 1];
    size_t at = level->header_at, tries = 0, next;

    do
        choose_boundary(other);
    while (str_find(written_since(w, at), str_c(other)) != SIZE_MAX && ++tries < BOUNDARY_TRIES);
    if (tries == BOUNDARY_TRIES)
        panic("no boundary was found at random");
    while ((next = str_find(str_of(w->out->p + at, level->checked - at), old)) != SIZE_MAX) {
        memcpy(w->out->p + at + next, other, COMPOSE_BOUNDARY_LEN);
        at += next + COMPOSE_BOUNDARY_LEN;
    }
    memcpy(level->boundary, other, sizeof other);
}

/* RFC 2046 section 5.1.1: the boundary must not appear in what the parts hold. */
static void put_delimiter(struct compose *w, const char *end)
{
    struct compose_level *level = &w->levels[w->depth - 1];
    struct str boundary = str_of(level->boundary, COMPOSE_BOUNDARY_LEN);

    if (has_failed(w))
        return;
    if (str_find(written_since(w, level->checked), boundary) != SIZE_MAX)
        replace_boundary(w, level);
    buf_c(w->out, level->checked == w->out->n ? "--" : "\r\n--");
    buf_str(w->out, boundary);
    buf_c(w->out, end);
    check_room(w);
    level->checked = w->out->n;
}

void compose_multipart_begin(struct compose *w, struct str subtype, const struct mime_param *params,
                             size_t n)
{
    struct compose_level *level = &w->levels[w->depth];
    struct mime_param boundary = {STR("boundary"), STR_NULL};
    char type[LIMIT_WRITE_NAME];

    if (w->depth == LIMIT_WRITE_DEPTH)
        panic("too many multiparts in one another");
    *level = (struct compose_level){0};
    choose_boundary(level->boundary);
    boundary.value = str_c(level->boundary);
    if (!w->versioned && w->state == COMPOSE_HEADER)
        compose_text(w, STR("MIME-Version"), STR("1.0"));
    w->versioned = true;
    level->header_at = w->out->n;
    body_begin(w, full_type(type, sizeof type, STR("multipart/"), subtype), params, n, &boundary);
    header_end(w);
    level->checked = w->out->n;
    w->depth++;
    w->state = COMPOSE_PARTS;
}

void compose_part_begin(struct compose *w)
{
    if (w->depth == 0 || (w->state != COMPOSE_PARTS && w->state != COMPOSE_DONE))
        panic("a part outside of a multipart");
    put_delimiter(w, "\r\n");
    w->state = COMPOSE_HEADER;
}

/* RFC 2045 section 6.4: a multipart is 8bit when something in it is; that is known at its end only.
 */
static void mark_eightbit(struct compose *w, struct compose_level *level)
{
    struct str field = STR("Content-Transfer-Encoding: 8bit\r\n");
    size_t at = level->header_at, n = w->out->n - at;
    char *room = buf_reserve(w->out, field.n);

    if (!room) {
        check_room(w);
        return;
    }
    memmove(w->out->p + at + field.n, w->out->p + at, n);
    memcpy(w->out->p + at, field.p, field.n);
    buf_commit(w->out, field.n);
}

void compose_multipart_end(struct compose *w)
{
    struct compose_level *level;

    if (w->depth == 0 || w->state != COMPOSE_DONE)
        panic("a multipart ends that has no part");
    level = &w->levels[w->depth - 1];
    put_delimiter(w, "--\r\n");
    if (level->eightbit && !has_failed(w))
        mark_eightbit(w, level);
    w->depth--;
    if (w->depth)
        w->levels[w->depth - 1].eightbit |= level->eightbit;
    w->state = COMPOSE_DONE;
}
