/* mime/html.c: see html.h. A machine of states, one byte at a time but for runs of text and of what
 * is left out. */
#include "mime/html.h"

#include "base/utf8.h"
#include "mime/html_words.h"

#include <string.h>

#define REFERENCE_MAX 12 /* with its "&" */
#define PIECE 256        /* bytes, between which mime_html_text looks whether it has enough */

static bool is_name(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || ch == '#';
}

void mime_html_stream_init(struct mime_html_stream *h)
{
    *h = (struct mime_html_stream){.state = MIME_HTML_TEXT};
}

/* Text up to the next "<" or "&". Returns how much. */
static size_t html_text(struct mime_html_stream *h, struct str in, struct buf *out)
{
    size_t n = 0;

    while (n < in.n && in.p[n] != '<' && in.p[n] != '&')
        n++;
    buf_add(out, in.p, n);
    if (n == in.n)
        return n;
    h->state = in.p[n] == '<' ? MIME_HTML_OPEN : MIME_HTML_REFERENCE;
    h->word_n = 0;
    return n + 1;
}

/* "<" is text unless a tag begins there. Uses the byte when it does. */
static bool open_tag(struct mime_html_stream *h, char ch, struct buf *out)
{
    if (!ascii_alpha(ch) && ch != '/' && ch != '!' && ch != '?') {
        buf_char(out, '<');
        h->state = MIME_HTML_TEXT;
        return false;
    }
    h->state = MIME_HTML_NAME;
    h->word_n = 0;
    h->quote = 0;
    h->hidden = NULL;
    return false; /* the name begins with it */
}

/* What was read of a reference; when it is none, it is text. */
static void end_reference(struct mime_html_stream *h, struct buf *out, bool semicolon)
{
    struct str word = str_of(h->word, h->word_n);
    uint32_t code = mime_html_reference(word);

    h->state = MIME_HTML_TEXT;
    if (code) {
        utf8_print(out, code);
        return;
    }
    buf_char(out, '&');
    buf_str(out, word);
    if (semicolon)
        buf_char(out, ';');
}

static bool html_reference(struct mime_html_stream *h, char ch, struct buf *out)
{
    if (is_name(ch) && h->word_n + 1 < REFERENCE_MAX) {
        h->word[h->word_n++] = ch;
        return true;
    }
    end_reference(h, out, ch == ';');
    return ch == ';';
}

static bool is_comment_start(const struct mime_html_stream *h, char ch)
{
    return ch == "!--"[h->word_n] && memcmp(h->word, "!--", h->word_n) == 0;
}

/* The name is whole, or the document ends. */
static void end_name(struct mime_html_stream *h, struct buf *out)
{
    struct str word = str_of(h->word, h->word_n);

    if (!mime_html_inline(str_starts(word, STR("/")) ? str_skip(word, 1) : word))
        buf_char(out, ' ');
    h->hidden = mime_html_hidden(word);
    h->state = MIME_HTML_TAG;
}

/* The name of a tag, with its slash, or "!--". What is longer than `word` is no name that is looked
 * for. */
static bool html_name(struct mime_html_stream *h, char ch, struct buf *out)
{
    if (h->word_n < 3 && is_comment_start(h, ch)) {
        h->word[h->word_n++] = ch;
        if (h->word_n == 3) {
            h->state = MIME_HTML_COMMENT;
            h->matched = 0;
        }
        return true;
    }
    if ((is_name(ch) || (ch == '/' && h->word_n == 0)) && (h->word_n == 0 || h->word[0] != '!')) {
        if (h->word_n < sizeof h->word)
            h->word[h->word_n++] = ch;
        return true;
    }
    end_name(h, out);
    return false;
}

static void html_tag(struct mime_html_stream *h, char ch)
{
    if (h->quote) {
        h->quote = ch == h->quote ? 0 : h->quote;
    } else if (ch == '"' || ch == '\'') {
        h->quote = ch;
    } else if (ch == '>') {
        h->state = h->hidden ? MIME_HTML_HIDDEN : MIME_HTML_TEXT;
        h->matched = 0;
    }
}

static void html_comment(struct mime_html_stream *h, char ch)
{
    if (ch == '-') {
        h->matched += h->matched < 2;
    } else if (ch == '>' && h->matched == 2) {
        h->state = MIME_HTML_TEXT;
    } else {
        h->matched = 0;
    }
}

/* "</name" ends it; what follows up to ">" is a tag. */
static void hidden_text(struct mime_html_stream *h, char ch, struct buf *out)
{
    size_t at = h->matched;
    char wanted = at == 0 ? '<' : at == 1 ? '/' : h->hidden[at - 2];

    if (ascii_lower(ch) != wanted) {
        h->matched = ch == '<';
        return;
    }
    h->matched++;
    if (at < 2 || h->hidden[at - 1])
        return;
    buf_char(out, ' ');
    h->state = MIME_HTML_TAG;
    h->hidden = NULL;
    h->quote = 0;
}

/* True when the byte was used. */
static bool step_byte(struct mime_html_stream *h, char ch, struct buf *out)
{
    switch (h->state) {
    case MIME_HTML_OPEN:
        return open_tag(h, ch, out);
    case MIME_HTML_REFERENCE:
        return html_reference(h, ch, out);
    case MIME_HTML_NAME:
        return html_name(h, ch, out);
    case MIME_HTML_TAG:
        html_tag(h, ch);
        return true;
    case MIME_HTML_COMMENT:
        html_comment(h, ch);
        return true;
    default:
        hidden_text(h, ch, out);
        return true;
    }
}

/* How much of what is left out can be passed over at once: styles and scripts are long. */
static size_t skip_hidden(const struct mime_html_stream *h, struct str in)
{
    const char *next;

    if (h->matched || (h->state != MIME_HTML_HIDDEN && h->state != MIME_HTML_COMMENT))
        return 0;
    next = memchr(in.p, h->state == MIME_HTML_HIDDEN ? '<' : '-', in.n);
    return next ? (size_t)(next - in.p) : in.n;
}

void mime_html_stream_feed(struct mime_html_stream *h, struct str in, struct buf *out)
{
    size_t at = 0;

    while (at < in.n && !out->overflow) {
        if (h->state == MIME_HTML_TEXT)
            at += html_text(h, str_skip(in, at), out);
        else if ((at += skip_hidden(h, str_skip(in, at))) < in.n)
            at += step_byte(h, in.p[at], out);
    }
}

void mime_html_stream_end(struct mime_html_stream *h, struct buf *out)
{
    if (h->state == MIME_HTML_OPEN)
        buf_char(out, '<');
    else if (h->state == MIME_HTML_NAME)
        end_name(h, out);
    else if (h->state == MIME_HTML_REFERENCE)
        end_reference(h, out, false);
    mime_html_stream_init(h);
}

void mime_html_text(struct buf *out, struct str html, size_t max)
{
    size_t begin = out->n, at = 0;
    struct mime_html_stream h;

    mime_html_stream_init(&h);
    for (; at < html.n && out->n - begin < max && !out->overflow; at += PIECE)
        mime_html_stream_feed(&h, str_sub(html, at, PIECE), out);
    if (at >= html.n)
        mime_html_stream_end(&h, out);
}
