/* text/text.c: see text.h. A text goes through a pipe in pieces: transfer decoding, charset, HTML,
 * folding. Each stage holds back what it cannot yet decide.
 *
 *     PART    its header is read                                    -> FIELDS, NAME, PART of the next
 *     FIELDS  each field of it                                      -> NAME, PART of the next
 *     NAME    its file name                                         -> TEXT, TNEF, PART of the next
 *     TEXT    its content, piece by piece                           -> PART of the next
 *     TNEF    winmail.dat is gathered, since it lists slices of itself  -> LIST
 *     LIST    the next thing in it                                  -> INNER, LIST, PART of the next
 *     INNER   the text of that thing, piece by piece                -> LIST
 */
#include "text/text.h"

#include "base/limits.h"
#include "mime/charset.h"
#include "mime/html.h"
#include "mime/message.h"
#include "mime/param.h"
#include "mime/tnef.h"
#include "mime/transfer.h"
#include "text/fold.h"

#define STEP 65536
#define TNEF_DEPTH 4
#define FIELD_ARENA (16 * LIMIT_MIME_FIELD)

enum text_place {
    TEXT_PLACE_PART,
    TEXT_PLACE_FIELDS,
    TEXT_PLACE_NAME,
    TEXT_PLACE_TEXT,
    TEXT_PLACE_TNEF,
    TEXT_PLACE_LIST,
    TEXT_PLACE_INNER,
    TEXT_PLACE_END,
};

/* A text on its way through the pipe. */
struct text_pipe {
    struct mime_decoder decoder;
    struct str charset;
    bool utf8, html, ended;
    bool stopped; /* nothing more of it is wanted */
    struct mime_html_stream tags;
    size_t fed; /* of utf8 */
};

struct text_reader {
    struct text_source source;
    unsigned what;
    size_t step;
    struct text_fold fold;
    enum text_place place;
    uint32_t part;

    struct buf header; /* of the part */
    size_t field_at;
    struct arena arena; /* of the part */
    struct mime_part about;
    uint64_t at; /* in the message: what comes next of the part's body */

    struct text_pipe pipe;
    struct buf encoded, bytes, utf8, plain; /* between its stages */

    struct buf winmail;
    struct mime_tnef tnef[TNEF_DEPTH];
    size_t tnef_n;
    struct str inner; /* what is left of the text in it */
};

/* ---- the pipe ---- */

static void feed_utf8(struct text_reader *r, struct str utf8)
{
    if (!r->pipe.html) {
        text_fold_feed(&r->fold, utf8);
        return;
    }
    buf_reset(&r->plain);
    mime_html_stream_feed(&r->pipe.tags, utf8, &r->plain);
    text_fold_feed(&r->fold, buf_view(&r->plain));
}

static void pipe_begin(struct text_reader *r, enum mime_transfer encoding, struct str charset,
                       bool html)
{
    r->pipe =
        (struct text_pipe){.charset = charset, .utf8 = mime_charset_is_utf8(charset), .html = html};
    mime_decoder_init(&r->pipe.decoder, encoding);
    mime_html_stream_init(&r->pipe.tags);
    buf_reset(&r->bytes);
    buf_reset(&r->utf8);
}

/* Decoded bytes were added, after the first `from`: those that can be are converted. */
static void convert_bytes(struct text_reader *r, size_t from)
{
    struct str bytes = buf_view(&r->bytes);
    size_t n;

    if (r->pipe.utf8) { /* cut characters are the business of folding */
        struct buf empty = r->utf8;

        r->utf8 = r->bytes;
        r->bytes = empty;
        return;
    }
    n = r->pipe.ended ? bytes.n : mime_charset_cut(r->pipe.charset, bytes, from);
    if (n == 0 && bytes.n >= LIMIT_SEARCH_PENDING) {
        n = bytes.n;
        r->pipe.stopped = true; /* what follows means nothing without this */
    }
    mime_charset_convert(&r->utf8, r->pipe.charset, str_sub(bytes, 0, n));
    buf_drop(&r->bytes, n);
}

/* Takes encoded bytes; `last`: there are no more of them. */
static void pipe_feed(struct text_reader *r, struct str encoded, bool last)
{
    size_t from = r->bytes.n;

    mime_decoder_feed(&r->pipe.decoder, encoded, &r->bytes);
    if (last)
        mime_decoder_end(&r->pipe.decoder, &r->bytes);
    r->pipe.ended = last;
    convert_bytes(r, from);
}

/* Goes on with what is converted; true when there is no more of that. */
static bool pipe_drain(struct text_reader *r)
{
    struct str piece = str_sub(buf_view(&r->utf8), r->pipe.fed, 4 * r->step);

    feed_utf8(r, piece);
    r->pipe.fed += piece.n;
    if (r->pipe.fed < r->utf8.n)
        return false;
    buf_reset(&r->utf8);
    r->pipe.fed = 0;
    return true;
}

static void pipe_end(struct text_reader *r)
{
    buf_reset(&r->plain);
    mime_html_stream_end(&r->pipe.tags, &r->plain);
    text_fold_feed(&r->fold, buf_view(&r->plain));
    text_fold_break(&r->fold);
}

static void add_part_text(struct text_reader *r, struct str utf8)
{
    text_fold_feed(&r->fold, utf8);
    text_fold_break(&r->fold);
}

/* ---- headers ---- */

static void next_part(struct text_reader *r)
{
    r->part++;
    r->place = r->part < r->source.parts_n ? TEXT_PLACE_PART : TEXT_PLACE_END;
}

static bool wants_kind(const struct text_reader *r, unsigned kind)
{
    return r->what & kind;
}

static bool begin_part(struct text_reader *r, struct error *err)
{
    const struct text_part *part = &r->source.parts[r->part];
    uint64_t n = part->body_at - part->header_at;

    if (part->multipart && !wants_kind(r, TEXT_FIELDS)) {
        next_part(r);
        return true;
    }
    buf_reset(&r->header);
    arena_done(&r->arena);
    n = n < LIMIT_SEARCH_HEADER ? n : LIMIT_SEARCH_HEADER;
    if (!r->source.read(r->source.arg, part->header_at, (size_t)n, &r->header, err))
        return false;
    r->field_at = 0;
    r->place = wants_kind(r, TEXT_FIELDS) ? TEXT_PLACE_FIELDS : TEXT_PLACE_NAME;
    return true;
}

static void add_field(struct text_reader *r, const struct mime_field *field)
{
    struct arena arena;

    arena_init(&arena, FIELD_ARENA);
    text_fold_feed(&r->fold, field->name);
    text_fold_feed(&r->fold, STR(": "));
    add_part_text(r, mime_decode_words(str_sub(field->value, 0, LIMIT_MIME_FIELD), &arena));
    arena_done(&arena);
}

static void step_fields(struct text_reader *r)
{
    size_t to = r->field_at + r->step;
    struct mime_field field;

    while (r->field_at < to) {
        if (!mime_next_field(buf_view(&r->header), &r->field_at, &field)) {
            r->place = TEXT_PLACE_NAME;
            if (!wants_kind(r, TEXT_BODY) || r->source.parts[r->part].multipart)
                next_part(r);
            return;
        }
        add_field(r, &field);
    }
}

void text_field(struct buf *out, struct str value)
{
    struct text_fold f;
    struct arena arena;

    arena_init(&arena, FIELD_ARENA);
    text_fold_begin(&f, out);
    text_fold_feed(&f, mime_decode_words(str_sub(value, 0, LIMIT_MIME_FIELD), &arena));
    text_fold_end(&f);
    arena_done(&arena);
}

/* ---- bodies ---- */

/* message/delivery-status and other reports are text as well (RFC 3464 section 2.1). */
static bool is_text(const struct mime_part *part)
{
    if (str_equal_nocase(part->type, STR("message")))
        return !str_equal_nocase(part->subtype, STR("rfc822")) &&
               !str_equal_nocase(part->subtype, STR("global"));
    return str_equal_nocase(part->type, STR("text"));
}

static bool is_winmail(const struct mime_part *part, struct str name)
{
    return str_equal_nocase(part->subtype, STR("ms-tnef")) ||
           str_equal_nocase(part->subtype, STR("vnd.ms-tnef")) ||
           str_equal_nocase(name, STR("winmail.dat"));
}

static void begin_body(struct text_reader *r)
{
    const struct text_part *part = &r->source.parts[r->part];
    const struct mime_part *about = &r->about;
    enum mime_transfer encoding;
    struct str name;

    mime_part_read(&r->about, buf_view(&r->header), &r->arena);
    name = mime_param_find(about->disposition_params, about->disposition_params_n, STR("filename"));
    if (name.n == 0)
        name = mime_param_find(about->params, about->params_n, STR("name"));
    add_part_text(r, name);
    r->at = part->body_at;
    encoding = mime_transfer_parse(about->encoding);
    if (!part->message && is_text(about)) {
        r->place = TEXT_PLACE_TEXT;
        pipe_begin(r, encoding, mime_param_find(about->params, about->params_n, STR("charset")),
                   str_equal_nocase(about->subtype, STR("html")));
    } else if (!part->message && is_winmail(about, name)) {
        r->place = TEXT_PLACE_TNEF;
        pipe_begin(r, encoding, STR_NULL, false);
        buf_reset(&r->winmail);
    } else {
        next_part(r);
    }
}

/* The next encoded bytes of the part; fewer at its end. */
static bool read_encoded(struct text_reader *r, bool *last, struct error *err)
{
    uint64_t left = r->source.parts[r->part].end_at - r->at;
    size_t n = left < r->step ? (size_t)left : r->step;

    buf_reset(&r->encoded);
    if (!r->source.read(r->source.arg, r->at, n, &r->encoded, err))
        return false;
    r->at += n;
    *last = r->at == r->source.parts[r->part].end_at;
    return true;
}

static bool step_text(struct text_reader *r, struct error *err)
{
    bool last;

    if (!pipe_drain(r))
        return true;
    if (r->pipe.ended || r->pipe.stopped) {
        pipe_end(r);
        next_part(r);
        return true;
    }
    if (!read_encoded(r, &last, err))
        return false;
    pipe_feed(r, buf_view(&r->encoded), last);
    return true;
}

/* ---- winmail.dat ---- */

static bool step_tnef(struct text_reader *r, struct error *err)
{
    bool last;

    if (!read_encoded(r, &last, err))
        return false;
    mime_decoder_feed(&r->pipe.decoder, buf_view(&r->encoded), &r->winmail);
    if (!last && r->winmail.n < LIMIT_SEARCH_TNEF)
        return true;
    mime_decoder_end(&r->pipe.decoder, &r->winmail);
    r->tnef_n = mime_tnef_begin(&r->tnef[0], buf_view(&r->winmail), &r->arena);
    r->place = TEXT_PLACE_LIST;
    return true;
}

static void step_list(struct text_reader *r)
{
    struct mime_tnef_part part;

    if (r->tnef_n == 0) {
        next_part(r);
        return;
    }
    if (!mime_tnef_next(&r->tnef[r->tnef_n - 1], &part)) {
        r->tnef_n--;
        return;
    }
    add_part_text(r, part.name);
    if (part.kind == MIME_TNEF_MESSAGE) {
        if (r->tnef_n < TNEF_DEPTH)
            r->tnef_n += mime_tnef_begin(&r->tnef[r->tnef_n], part.data, &r->arena);
    } else if (part.kind != MIME_TNEF_ATTACHMENT || str_starts_nocase(part.type, STR("text/"))) {
        pipe_begin(r, MIME_TRANSFER_IDENTITY, part.charset,
                   part.kind == MIME_TNEF_HTML || str_equal_nocase(part.type, STR("text/html")));
        r->inner = part.data;
        r->place = TEXT_PLACE_INNER;
    }
}

static void step_inner(struct text_reader *r)
{
    struct str piece = str_sub(r->inner, 0, r->step);

    if (!pipe_drain(r))
        return;
    if (r->pipe.ended || r->pipe.stopped) {
        pipe_end(r);
        r->place = TEXT_PLACE_LIST;
        return;
    }
    r->inner = str_skip(r->inner, piece.n);
    pipe_feed(r, piece, r->inner.n == 0);
}

/* ---- life ---- */

struct text_reader *text_reader_create(size_t step)
{
    struct text_reader *r = mem_zalloc(sizeof *r);

    r->step = step ? step : STEP;
    r->place = TEXT_PLACE_END;
    arena_init(&r->arena, FIELD_ARENA);
    buf_init(&r->header, LIMIT_SEARCH_HEADER);
    buf_init(&r->encoded, r->step);
    buf_init(&r->bytes, 4 * (LIMIT_SEARCH_PENDING + 2 * r->step + 16));
    buf_init(&r->utf8, 4 * (LIMIT_SEARCH_PENDING + 2 * r->step + 16));
    buf_init(&r->plain, 4 * (4 * r->step) + 64);
    buf_init(&r->winmail, LIMIT_SEARCH_TNEF + r->step + 16);
    return r;
}

/* What folding held back goes nowhere. */
static void forget_text(struct text_reader *r)
{
    struct buf none;

    buf_init(&none, 64);
    r->fold.out = &none;
    text_fold_end(&r->fold);
    buf_done(&none);
}

void text_reader_begin(struct text_reader *r, const struct text_source *source, unsigned what)
{
    forget_text(r);
    text_fold_begin(&r->fold, NULL);
    r->source = *source;
    r->what = what;
    r->part = 0;
    r->place = TEXT_PLACE_PART;
}

void text_reader_destroy(struct text_reader *r)
{
    if (!r)
        return;
    forget_text(r);
    arena_done(&r->arena);
    buf_done(&r->header);
    buf_done(&r->encoded);
    buf_done(&r->bytes);
    buf_done(&r->utf8);
    buf_done(&r->plain);
    buf_done(&r->winmail);
    mem_free(r);
}

static bool take_step(struct text_reader *r, struct error *err)
{
    switch (r->place) {
    case TEXT_PLACE_PART:
        return begin_part(r, err);
    case TEXT_PLACE_FIELDS:
        step_fields(r);
        return true;
    case TEXT_PLACE_NAME:
        begin_body(r);
        return true;
    case TEXT_PLACE_TEXT:
        return step_text(r, err);
    case TEXT_PLACE_TNEF:
        return step_tnef(r, err);
    case TEXT_PLACE_LIST:
        step_list(r);
        return true;
    case TEXT_PLACE_INNER:
        step_inner(r);
        return true;
    case TEXT_PLACE_END:
        return true;
    }
    panic("a text is at place %d", (int)r->place);
}

bool text_reader_step(struct text_reader *r, struct buf *out, unsigned *kind, struct error *err)
{
    *kind = r->place == TEXT_PLACE_END      ? 0
            : r->place <= TEXT_PLACE_FIELDS ? TEXT_FIELDS
                                            : TEXT_BODY;
    r->fold.out = out;
    return take_step(r, err);
}
