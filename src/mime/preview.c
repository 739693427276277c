/* mime/preview.c: the beginning of the first readable text (RFC 8970 has the use of it): text/plain
 * before text/html, no attachments. Only so much of the body is decoded as a preview may need. */
#include "base/limits.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/html.h"
#include "mime/param.h"
#include "mime/transfer.h"

#define LOOK_PLAIN                                                                                 \
    4096 /* encoded bytes: enough for LIMIT_MIME_PREVIEW after white space and soft breaks */
#define LOOK_HTML 65536 /* style sheets come first */

static bool is_text(const struct mime_part *part, struct str subtype)
{
    return str_equal_nocase(part->type, STR("text")) && str_equal_nocase(part->subtype, subtype) &&
           !str_equal_nocase(part->disposition, STR("attachment")) && part->end_at > part->body_at;
}

static const struct mime_part *find_text(const struct mime_message *m, struct str subtype)
{
    for (uint32_t i = 0; i < m->parts_n; i++)
        if (is_text(&m->parts[i], subtype))
            return &m->parts[i];
    return NULL;
}

/* Appends with each run of white space and controls as one space, none at the beginning. False when
 * out is full. */
static bool add_folded(struct buf *out, size_t from, struct str text)
{
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;
        int32_t code = utf8_next(text, &at);
        bool blank = code <= ' ' || code == 127 || code == 0xa0 || code == 0xfeff || code == 0x200b;

        if (blank && (out->n == from || out->p[out->n - 1] == ' '))
            continue;
        if (out->n - from + (blank ? 1 : at - begin) > LIMIT_MIME_PREVIEW)
            return false;
        if (blank)
            buf_char(out, ' ');
        else
            buf_add(out, text.p + begin, at - begin);
    }
    return true;
}

static void preview_add_text(struct buf *out, struct str text, bool cut)
{
    size_t from = out->n;
    bool whole = add_folded(out, from, text);

    /* A character that was cut at the end of what was looked at. */
    while (whole && cut && str_ends(buf_view(out), STR("\xef\xbf\xbd")) && out->n - from >= 3)
        out->n -= 3;
    if (out->n > from && out->p[out->n - 1] == ' ')
        out->n--;
}

/* Decodes the beginning of the part and appends its text. */
static void add_part(struct buf *out, const struct mime_message *m, const struct mime_part *part,
                     bool html)
{
    size_t look = html ? LOOK_HTML : LOOK_PLAIN;
    struct str body = str_sub(m->bytes, part->body_at, part->end_at - part->body_at);
    struct mime_decoder d;
    struct buf bytes, text;

    buf_init(&bytes, LOOK_HTML + 16);
    buf_init(&text, 4 * LOOK_HTML + 16);
    mime_decoder_init(&d, mime_transfer_parse(part->encoding));
    mime_decoder_feed(&d, str_sub(body, 0, look), &bytes);
    mime_decoder_end(&d, &bytes);
    mime_charset_convert(&text, mime_param_find(part->params, part->params_n, STR("charset")),
                         buf_view(&bytes));
    if (html) {
        buf_reset(&bytes);
        mime_html_text(&bytes, buf_view(&text), 4 * LIMIT_MIME_PREVIEW);
    }
    preview_add_text(out, buf_view(html ? &bytes : &text), body.n > look);
    buf_done(&bytes);
    buf_done(&text);
}

void mime_print_preview(struct buf *out, const struct mime_message *m, struct arena *arena UNUSED)
{
    const struct mime_part *plain = find_text(m, STR("plain")), *html = find_text(m, STR("html"));
    size_t before = out->n;

    if (plain)
        add_part(out, m, plain, false);
    if (html && out->n == before)
        add_part(out, m, html, true);
}
