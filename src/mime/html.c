/* mime/html.c: see html.h. */
#include "mime/html.h"

#include "base/utf8.h"

#include <string.h>

/* Elements whose content is no text. */
static const char *const hidden[] = {"style", "script", "head", "title", "template", "noscript"};

static const struct {
    const char *name;
    uint32_t code;
} references[] = {
    {"amp", '&'},      {"lt", '<'},        {"gt", '>'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", ' '},     {"copy", 0xa9},     {"reg", 0xae},     {"auml", 0xe4},    {"ouml", 0xf6},
    {"uuml", 0xfc},    {"Auml", 0xc4},     {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"szlig", 0xdf},
    {"eacute", 0xe9},  {"egrave", 0xe8},   {"agrave", 0xe0},  {"ccedil", 0xe7},  {"aring", 0xe5},
    {"oslash", 0xf8},  {"aelig", 0xe6},    {"ntilde", 0xf1},  {"euro", 0x20ac},  {"ndash", 0x2013},
    {"mdash", 0x2014}, {"hellip", 0x2026}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201c},
    {"rdquo", 0x201d}, {"bull", 0x2022},   {"middot", 0xb7},  {"zwnj", 0x200b},  {"shy", 0x200b},
};

static bool is_name(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || ch == '#';
}

/* At '&': appends what it stands for and returns its length, or appends "&" alone. */
static size_t reference(struct buf *out, struct str in)
{
    size_t n = 1, most = size_min(in.n, 12);
    struct str name;
    uint64_t code;

    while (n < most && is_name(in.p[n]))
        n++;
    name = str_sub(in, 1, n - 1);
    if (n < in.n && in.p[n] == ';')
        n++;
    if (str_starts(name, STR("#")) && str_to_u64(str_skip(name, 1), 0x10ffff, &code)) {
        utf8_print(out, code < ' ' ? ' ' : (uint32_t)code);
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(references); i++) {
        if (!str_equal(name, str_c(references[i].name)))
            continue;
        utf8_print(out, references[i].code);
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

/* At '<': the offset behind the tag, and behind the whole element when its content is hidden. */
static size_t skip_tag(struct str in, size_t at)
{
    struct str rest = str_skip(in, at + 1), name;
    size_t end;

    if (str_starts(rest, STR("!--"))) {
        end = str_find(str_skip(rest, 3), STR("-->"));
        return end == SIZE_MAX ? in.n : at + 4 + end + 3;
    }
    name = str_sub(rest, 0, 0);
    while (name.n < rest.n && is_name(rest.p[name.n]))
        name.n++;
    end = tag_end(in, at);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (str_equal_nocase(name, str_c(hidden[i])))
            return element_end(in, end, name);
    return end;
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
            buf_char(out, ' ');
            at = skip_tag(html, at);
        } else if (ch == '&') {
            at += reference(out, str_skip(html, at));
        } else {
            buf_char(out, ch);
            at++;
        }
    }
}
