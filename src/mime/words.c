/* mime/words.c: encoded words (RFC 2047). See mime_decode_words in message.h.
 *
 * Decoded wherever they stand, also within quoted strings and glued to other text, because senders
 * write them there; white space between two of them is dropped (section 6.2). A character that a
 * sender cut in two, half in each of two neighbours, is joined: the bytes of neighbours in one
 * charset are collected before they are converted. */
#include "base/encode.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/header.h"
#include "mime/transfer.h"

#include <string.h>

#define CHARSET_MAX 64

struct words {
    struct buf text;    /* finished UTF-8 */
    struct buf bytes;   /* decoded bytes in `charset`, not yet converted */
    struct str charset; /* of bytes */
    bool endless;       /* there is no "?=" from here on: nothing needs to look for it again */
};

struct word {
    struct str charset, text;
    char encoding; /* 'b' or 'q' */
    size_t n;      /* all of it */
};

/* The length of encoded-text before its "?=", or SIZE_MAX. Spaces are let through; where another
 * "=?" begins first this was no encoded word. */
static size_t text_length(struct words *w, struct str in)
{
    for (size_t i = 0; i + 1 < in.n; i++) {
        const char *mark = memchr(in.p + i, '?', in.n - 1 - i);

        if (!mark)
            break;
        i = (size_t)(mark - in.p);
        if (in.p[i + 1] == '=')
            return i;
        if (i > 0 && in.p[i - 1] == '=')
            return SIZE_MAX;
    }
    w->endless = true;
    return SIZE_MAX;
}

/* encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" (RFC 2231 section
 * 5) */
static bool encoded_word(struct words *w, struct str in, struct word *out)
{
    struct str rest = str_skip(in, 2), head, tail;
    size_t end;

    if (w->endless || !str_starts(in, STR("=?")))
        return false;
    if (!str_cut(str_sub(rest, 0, CHARSET_MAX), '?', &head, &tail) || head.n == 0)
        return false;
    rest = str_skip(rest, head.n + 1);
    if (rest.n < 2 || rest.p[1] != '?')
        return false;
    *out = (struct word){.charset = head, .encoding = ascii_lower(rest.p[0])};
    if (out->encoding != 'b' && out->encoding != 'q')
        return false;
    rest = str_skip(rest, 2);
    if ((end = text_length(w, rest)) == SIZE_MAX)
        return false;
    out->text = str_sub(rest, 0, end);
    out->n = (size_t)(rest.p - in.p) + end + 2;
    if (str_cut(out->charset, '*', &head, &tail))
        out->charset = head;
    return true;
}

/* The "Q" encoding (RFC 2047 section 4.2). */
static void decode_q(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte;

        if (text.p[i] == '=' && text.n - i >= 3 && hex_parse(&byte, 1, str_sub(text, i + 1, 2))) {
            buf_char(out, (char)byte);
            i += 2;
        } else {
            buf_char(out, text.p[i] == '_' ? ' ' : text.p[i]);
        }
    }
}

/* Text that is no encoded word. It is UTF-8 (RFC 6532 section 3.2); where it is not, and no
 * character in it is, it came from a program that wrote its own charset, which is Windows-1252 more
 * often than any other one. */
static void add_raw(struct buf *out, struct str raw)
{
    bool utf8 = false, broken = false;

    for (size_t at = 0; at < raw.n;) {
        int32_t code = utf8_next(raw, &at);

        utf8 |= code >= 128;
        broken |= code < 0;
    }
    if (broken && !utf8)
        mime_charset_convert(out, STR("windows-1252"), raw);
    else if (broken)
        utf8_repair(out, raw);
    else
        buf_str(out, raw);
}

static void flush_bytes(struct words *w)
{
    if (w->bytes.n)
        mime_charset_convert(&w->text, w->charset, buf_view(&w->bytes));
    buf_reset(&w->bytes);
}

static void add_word(struct words *w, const struct word *word)
{
    if (!str_equal_nocase(word->charset, w->charset))
        flush_bytes(w);
    w->charset = word->charset;
    if (word->encoding == 'q') {
        decode_q(&w->bytes, word->text);
    } else {
        struct mime_decoder d;

        mime_decoder_init(&d, MIME_TRANSFER_BASE64);
        mime_decoder_feed(&d, word->text, &w->bytes);
        mime_decoder_end(&d, &w->bytes);
    }
}

static bool only_blank(struct str s)
{
    return str_trim(s).n == 0;
}

static void decode_word(struct words *w, struct str in)
{
    size_t plain = 0; /* where text that is no encoded word begins */
    bool after_word = false;

    for (size_t at = 0; at < in.n && !w->text.overflow && !w->bytes.overflow;) {
        const char *next = memchr(in.p + at, '=', in.n - at);
        struct word word;

        at = next ? (size_t)(next - in.p) : in.n;
        if (!next)
            break;
        if (!encoded_word(w, str_skip(in, at), &word)) {
            at++;
            continue;
        }
        if (!(after_word && only_blank(str_sub(in, plain, at - plain)))) {
            flush_bytes(w);
            add_raw(&w->text, str_sub(in, plain, at - plain));
        }
        add_word(w, &word);
        after_word = true;
        at += word.n;
        plain = at;
    }
    flush_bytes(w);
    add_raw(&w->text, str_skip(in, plain));
}

/* What was decoded may hold line ends and other controls (an attack on whoever prints it): they
 * become spaces. A tab is white space that stays (RFC 5322 section 2.2.3). */
static bool is_control(char ch)
{
    return ((unsigned char)ch < ' ' && ch != '\t') || ch == 127;
}

static void drop_controls(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_control(p[i]))
            p[i] = ' ';
}

static struct str without_controls(struct str s, struct arena *arena)
{
    struct str copy = arena_str(arena, s);

    drop_controls((char *)(uintptr_t)copy.p, copy.n); /* our own copy */
    return str_trim(copy);
}

/* Nothing to decode, to unfold or to replace: printable ASCII without "=?", as most names are. */
static bool is_as_it_stands(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > 126 ||
            (s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
            return false;
    return true;
}

struct str mime_decode_words(struct str raw, struct arena *arena)
{
    struct words w = {0};
    struct str plain, result;
    size_t max;

    if (is_as_it_stands(raw))
        return str_trim(raw);
    plain = mime_unfold(raw, arena);
    max = plain.n * 4 + 16; /* U+FFFD is three bytes, and the longest that a byte becomes */
    if (str_find(plain, STR("=?")) == SIZE_MAX && utf8_valid(plain))
        return without_controls(plain, arena);
    max = size_min(max, arena_room(arena) / 4); /* three of them at once, at the end */
    buf_init(&w.text, max);
    buf_init(&w.bytes, max);
    decode_word(&w, plain);
    arena_hold(arena, w.text.cap + w.bytes.cap);
    result = without_controls(buf_view(&w.text), arena);
    arena_let_go(arena, w.text.cap + w.bytes.cap);
    buf_done(&w.text);
    buf_done(&w.bytes);
    return result;
}
