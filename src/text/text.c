/* text/text.c: see text.h. A part goes through a pipe in pieces: transfer decoding, charset, HTML,
 * folding. Each stage holds back what it can not yet decide. */
#include "text/text_int.h"

#include "base/limits.h"
#include "mime/address.h"
#include "mime/charset.h"
#include "text/fold.h"
#include "mime/header.h"
#include "mime/html.h"
#include "mime/param.h"
#include "mime/tnef.h"
#include "mime/transfer.h"

#define PIECE 16384 /* encoded bytes that go through the pipe at once */
#define TNEF_DEPTH 4
#define FIELD_ARENA (16 * LIMIT_MIME_FIELD)

struct search {
    size_t piece; /* encoded bytes that go through the pipe at once */
    struct mime_fold fold;
    struct buf bytes; /* decoded, not yet UTF-8 */
    struct buf utf8;
    struct buf plain; /* the text of HTML */
};

/* A text on its way through the pipe. */
struct text {
    struct str charset;
    enum mime_charset_form form;
    bool html, stopped;
    struct mime_html_stream tags;
};

/* ---- the pipe ---- */

static void add_utf8(struct search *s, struct text *t, struct str utf8)
{
    if (!t->html) {
        mime_fold_feed(&s->fold, utf8);
        return;
    }
    buf_reset(&s->plain);
    mime_html_stream_feed(&t->tags, utf8, &s->plain);
    mime_fold_feed(&s->fold, buf_view(&s->plain));
}

/* True when the text may be cut behind its first n bytes: the last one is a character in itself, as
 * all below 0x30 are in these charsets, and no broken character before it could still want it, as
 * three bytes ("\x81", a digit, and this one) of GB18030 do or the third byte of EUC-JP. */
static bool may_cut(const char *p, size_t n)
{
    if ((unsigned char)p[n - 1] >= 0x30 || (n > 1 && (unsigned char)p[n - 2] >= 0x80))
        return false;
    return n < 3 || !ascii_digit(p[n - 2]) || (unsigned char)p[n - 3] < 0x80;
}

/* How many of the bytes that wait can be converted alone. Behind the first `from` or before there
 * is no place to cut. */
static size_t convertible(const struct search *s, size_t from)
{
    size_t n = s->bytes.n;

    if (n >= LIMIT_SEARCH_PENDING)
        return n;
    while (n > from && !may_cut(s->bytes.p, n))
        n--;
    return n > from ? n : 0;
}

static void convert(struct search *s, struct text *t, size_t n)
{
    buf_reset(&s->utf8);
    mime_charset_convert(&s->utf8, t->charset, str_sub(buf_view(&s->bytes), 0, n));
    add_utf8(s, t, buf_view(&s->utf8));
    buf_drop(&s->bytes, n);
}

static void text_begin(struct search *s, struct text *t, struct str charset, bool html)
{
    *t = (struct text){.charset = charset, .form = mime_charset_form(charset), .html = html};
    buf_reset(&s->bytes);
    mime_html_stream_init(&t->tags);
}

/* Decoded bytes were added to s->bytes, behind the first `from`. */
static void text_feed(struct search *s, struct text *t, size_t from)
{
    switch (t->form) {
    case MIME_CHARSET_UTF8: /* cut characters are the business of folding */
        add_utf8(s, t, buf_view(&s->bytes));
        buf_reset(&s->bytes);
        break;
    case MIME_CHARSET_SINGLE:
        convert(s, t, s->bytes.n);
        break;
    case MIME_CHARSET_MULTI:
        convert(s, t, convertible(s, from));
        break;
    case MIME_CHARSET_SHIFTS: /* means nothing without its beginning */
        t->stopped = s->bytes.n >= LIMIT_SEARCH_PENDING;
        break;
    }
}

static void text_end(struct search *s, struct text *t)
{
    if (t->form == MIME_CHARSET_UTF8)
        add_utf8(s, t, buf_view(&s->bytes));
    else
        convert(s, t, s->bytes.n);
    buf_reset(&s->plain);
    mime_html_stream_end(&t->tags, &s->plain);
    mime_fold_feed(&s->fold, buf_view(&s->plain));
    mime_fold_break(&s->fold);
}

/* A text whose transfer encoding is known. */
static void add_encoded(struct search *s, struct str in, enum mime_transfer encoding,
                        struct str charset, bool html)
{
    struct mime_decoder decoder;
    struct text t;

    text_begin(s, &t, charset, html);
    mime_decoder_init(&decoder, encoding);
    for (size_t at = 0; at < in.n && !s->fold.full && !t.stopped; at += s->piece) {
        size_t from = s->bytes.n;

        mime_decoder_feed(&decoder, str_sub(in, at, s->piece), &s->bytes);
        text_feed(s, &t, from);
    }
    if (!t.stopped)
        mime_decoder_end(&decoder, &s->bytes);
    text_end(s, &t);
}

static void add_text(struct search *s, struct str utf8)
{
    mime_fold_feed(&s->fold, utf8);
    mime_fold_break(&s->fold);
}

/* ---- headers ---- */

static void add_addresses(struct search *s, struct str value, struct arena *arena)
{
    struct mime_addresses list;
    struct mime_address a;

    mime_addresses_begin(&list, value, arena);
    while (mime_addresses_next(&list, &a)) {
        mime_fold_feed(&s->fold, mime_decode_words(a.name, arena));
        mime_fold_feed(&s->fold, STR(" "));
        mime_fold_feed(&s->fold, a.local);
        if (a.domain.n) {
            mime_fold_feed(&s->fold, STR("@"));
            mime_fold_feed(&s->fold, a.domain);
        }
        mime_fold_break(&s->fold);
    }
}

static bool is_address_field(struct str name)
{
    static const char *const names[] = {"From", "Reply-To", "To", "Cc", "Bcc"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal_nocase(name, str_c(names[i])))
            return true;
    return false;
}

static void add_header(struct search *s, struct str header)
{
    struct mime_field field;

    for (size_t at = 0, n = 0; n < LIMIT_MIME_HEADER_FIELDS && !s->fold.full; n++) {
        struct arena arena;

        if (!mime_next_field(header, &at, &field))
            break;
        arena_init(&arena, FIELD_ARENA);
        field.value = str_sub(field.value, 0, LIMIT_MIME_FIELD);
        if (str_equal_nocase(field.name, STR("Subject")))
            add_text(s, mime_decode_words(field.value, &arena));
        else if (is_address_field(field.name))
            add_addresses(s, field.value, &arena);
        arena_done(&arena);
    }
}

/* ---- parts ---- */

static void add_tnef(struct search *s, struct str bytes, struct arena *arena, unsigned depth)
{
    struct mime_tnef_part part;
    struct mime_tnef tnef;

    if (depth == TNEF_DEPTH || !mime_tnef_begin(&tnef, bytes, arena))
        return;
    while (!s->fold.full && mime_tnef_next(&tnef, &part)) {
        bool html = part.kind == MIME_TNEF_HTML || str_equal_nocase(part.type, STR("text/html"));

        add_text(s, part.name);
        if (part.kind == MIME_TNEF_MESSAGE)
            add_tnef(s, part.data, arena, depth + 1);
        else if (part.kind != MIME_TNEF_ATTACHMENT || str_starts_nocase(part.type, STR("text/")))
            add_encoded(s, part.data, MIME_TRANSFER_IDENTITY, part.charset, html);
    }
}

/* winmail.dat is held whole, because what it lists are slices of it. */
static void add_winmail(struct search *s, struct str body, enum mime_transfer encoding)
{
    struct mime_decoder decoder;
    struct arena arena;
    struct buf bytes;

    arena_init(&arena, FIELD_ARENA);
    buf_init(&bytes, LIMIT_SEARCH_TNEF + PIECE + 16);
    mime_decoder_init(&decoder, encoding);
    for (size_t at = 0; at < body.n && bytes.n < LIMIT_SEARCH_TNEF; at += PIECE)
        mime_decoder_feed(&decoder, str_sub(body, at, PIECE), &bytes);
    mime_decoder_end(&decoder, &bytes);
    add_tnef(s, buf_view(&bytes), &arena, 0);
    buf_done(&bytes);
    arena_done(&arena);
}

static void add_part(struct search *s, const struct mime_message *m, const struct mime_part *part)
{
    struct str body = str_sub(m->bytes, part->body_at, part->end_at - part->body_at);
    struct str name =
        mime_param_find(part->disposition_params, part->disposition_params_n, STR("filename"));
    enum mime_transfer encoding = mime_transfer_parse(part->encoding);

    if (part->multipart)
        return;
    if (name.n == 0)
        name = mime_param_find(part->params, part->params_n, STR("name"));
    add_text(s, name);
    if (part->message)
        return;
    /* message/delivery-status and other reports are text as well (RFC 3464 section 2.1). */
    if (str_equal_nocase(part->type, STR("text")) || str_equal_nocase(part->type, STR("message")))
        add_encoded(s, body, encoding,
                    mime_param_find(part->params, part->params_n, STR("charset")),
                    str_equal_nocase(part->subtype, STR("html")));
    else if (str_equal_nocase(part->subtype, STR("ms-tnef")) ||
             str_equal_nocase(part->subtype, STR("vnd.ms-tnef")) ||
             str_equal_nocase(name, STR("winmail.dat")))
        add_winmail(s, body, encoding);
}

void mime_search_text_by(struct buf *out, const struct mime_message *m, size_t piece)
{
    struct search s = {.piece = piece};

    mime_fold_begin(&s.fold, out, LIMIT_SEARCH_TEXT);
    buf_init(&s.bytes, LIMIT_SEARCH_PENDING + 2 * piece);
    buf_init(&s.utf8, 4 * (LIMIT_SEARCH_PENDING + 2 * piece));
    buf_init(&s.plain, 4 * (LIMIT_SEARCH_PENDING + 2 * piece) + 64);
    for (uint32_t i = 0; i < m->parts_n && !s.fold.full; i++) {
        const struct mime_part *part = &m->parts[i];

        if (i == 0 || m->parts[part->parent].message)
            add_header(&s, str_sub(m->bytes, part->header_at, part->body_at - part->header_at));
        add_part(&s, m, part);
    }
    mime_fold_end(&s.fold);
    buf_done(&s.bytes);
    buf_done(&s.utf8);
    buf_done(&s.plain);
}

void mime_search_text(struct buf *out, const struct mime_message *m)
{
    mime_search_text_by(out, m, PIECE);
}
