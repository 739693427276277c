/* mime/html.c: see html.h. */
#include "mime/html.h"

#include "base/utf8.h"
#include "mime/html_words.h"

#include <string.h>

static bool is_name(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || ch == '#';
}

/* At '&': appends what it stands for and returns its length, or appends "&" alone. */
static size_t reference(struct buf *out, struct str in)
{
    size_t n = 1, most = size_min(in.n, 12);
    struct str name;
    uint32_t code;

    while (n < most && is_name(in.p[n]))
        n++;
    name = str_sub(in, 1, n - 1);
    if (n < in.n && in.p[n] == ';')
        n++;
    if ((code = mime_html_reference(name))) {
        utf8_print(out, code);
        return n;
    }
    buf_char(out, '&');
    return 1;
}

/* The offset behind the ">" of the tag at `at`; quotes hide it. The end of the text when there is
 * none. */
static size_t tag_end(struct str in, size_t at)
{
    char quote = 0;

    for (; at < in.n; at++) {
        if (quote)
            quote = in.p[at] == quote ? 0 : quote;
        else if (in.p[at] == '"' || in.p[at] == '\'')
            quote = in.p[at];
        else if (in.p[at] == '>')
            return at + 1;
    }
    return in.n;
}

/* The offset of "</name", or the end. */
static size_t element_end(struct str in, size_t at, struct str name)
{
    for (; at < in.n; at++) {
        const char *next = memchr(in.p + at, '<', in.n - at);

        if (!next)
            break;
        at = (size_t)(next - in.p);
        if (at + 1 < in.n && in.p[at + 1] == '/' && str_starts_nocase(str_skip(in, at + 2), name))
            return at;
    }
    return in.n;
}

static struct str tag_name(struct str rest)
{
    struct str name = str_sub(rest, 0, 0);

    while (name.n < rest.n && is_name(rest.p[name.n]))
        name.n++;
    return name;
}

/* At '<': the offset behind the tag, and behind the whole element when its content is hidden. A
 * space for what parts words: not for comments, nor for letters in bold within one. */
static size_t skip_tag(struct buf *out, struct str in, size_t at)
{
    struct str rest = str_skip(in, at + 1), name;
    const char *hidden;
    size_t end;

    if (str_starts(rest, STR("!--"))) {
        end = str_find(str_skip(rest, 3), STR("-->"));
        return end == SIZE_MAX ? in.n : at + 4 + end + 3;
    }
    name = tag_name(rest);
    if (!mime_html_inline(str_starts(rest, STR("/")) ? tag_name(str_skip(rest, 1)) : name))
        buf_char(out, ' ');
    end = tag_end(in, at);
    hidden = mime_html_hidden(name);
    return hidden ? element_end(in, end, str_c(hidden)) : end;
}

void mime_html_text(struct buf *out, struct str html, size_t max)
{
    size_t begin = out->n, at = 0;

    while (at < html.n && out->n - begin < max && !out->overflow) {
        char ch = html.p[at];
        bool tag = ch == '<' && at + 1 < html.n &&
                   (ascii_alpha(html.p[at + 1]) || html.p[at + 1] == '/' || html.p[at + 1] == '!' ||
                    html.p[at + 1] == '?');

        if (tag) {
            at = skip_tag(out, html, at);
        } else if (ch == '&') {
            at += reference(out, str_skip(html, at));
        } else {
            buf_char(out, ch);
            at++;
        }
    }
}
