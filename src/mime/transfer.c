/* mime/transfer.c: see transfer.h. */
#include "mime/transfer.h"

#include <string.h>

enum mime_transfer mime_transfer_parse(struct str encoding)
{
    static const char *const uu_names[] = {"x-uuencode", "uuencode", "x-uue", "uue"};

    encoding = str_trim(encoding);
    if (str_equal_nocase(encoding, STR("base64")))
        return MIME_TRANSFER_BASE64;
    if (str_equal_nocase(encoding, STR("quoted-printable")))
        return MIME_TRANSFER_QUOTED;
    for (size_t i = 0; i < ARRAY_LEN(uu_names); i++)
        if (str_equal_nocase(encoding, str_c(uu_names[i])))
            return MIME_TRANSFER_UUENCODE;
    return MIME_TRANSFER_IDENTITY;
}

void mime_decoder_init(struct mime_decoder *d, enum mime_transfer kind)
{
    *d = (struct mime_decoder){.kind = kind};
}

#define SEXTET 0x80 /* a base64 character: its value stands below */
#define PAD 0x40

static const unsigned char base64_values[256] = {
    ['A'] = 0x80, ['B'] = 0x81, ['C'] = 0x82, ['D'] = 0x83, ['E'] = 0x84, ['F'] = 0x85,
    ['G'] = 0x86, ['H'] = 0x87, ['I'] = 0x88, ['J'] = 0x89, ['K'] = 0x8a, ['L'] = 0x8b,
    ['M'] = 0x8c, ['N'] = 0x8d, ['O'] = 0x8e, ['P'] = 0x8f, ['Q'] = 0x90, ['R'] = 0x91,
    ['S'] = 0x92, ['T'] = 0x93, ['U'] = 0x94, ['V'] = 0x95, ['W'] = 0x96, ['X'] = 0x97,
    ['Y'] = 0x98, ['Z'] = 0x99, ['a'] = 0x9a, ['b'] = 0x9b, ['c'] = 0x9c, ['d'] = 0x9d,
    ['e'] = 0x9e, ['f'] = 0x9f, ['g'] = 0xa0, ['h'] = 0xa1, ['i'] = 0xa2, ['j'] = 0xa3,
    ['k'] = 0xa4, ['l'] = 0xa5, ['m'] = 0xa6, ['n'] = 0xa7, ['o'] = 0xa8, ['p'] = 0xa9,
    ['q'] = 0xaa, ['r'] = 0xab, ['s'] = 0xac, ['t'] = 0xad, ['u'] = 0xae, ['v'] = 0xaf,
    ['w'] = 0xb0, ['x'] = 0xb1, ['y'] = 0xb2, ['z'] = 0xb3, ['0'] = 0xb4, ['1'] = 0xb5,
    ['2'] = 0xb6, ['3'] = 0xb7, ['4'] = 0xb8, ['5'] = 0xb9, ['6'] = 0xba, ['7'] = 0xbb,
    ['8'] = 0xbc, ['9'] = 0xbd, ['+'] = 0xbe, ['/'] = 0xbf, ['='] = PAD,
};

/* Writes the whole octets of an unfinished group. */
static char *base64_flush(struct mime_decoder *d, char *to)
{
    if (d->bits_n == 2) {
        *to++ = (char)(d->bits >> 4);
    } else if (d->bits_n == 3) {
        *to++ = (char)(d->bits >> 10);
        *to++ = (char)(d->bits >> 2);
    }
    d->bits = 0;
    d->bits_n = 0;
    return to;
}

/* An "=" that fills its group up is the end of the data (RFC 2045 section 6.8); what follows is the
 * footer of a mailing list, or the like. Another one is skipped. */
static char *base64_pad(struct mime_decoder *d, char *to)
{
    d->pads++;
    if (d->bits_n < 2 || d->bits_n + d->pads < 4)
        return to;
    d->ended = true;
    return base64_flush(d, to);
}

static void base64_feed(struct mime_decoder *d, struct str in, struct buf *out)
{
    char *begin = buf_reserve(out, (in.n / 4 + 2) * 3), *to = begin;
    size_t i = 0;

    if (!begin)
        return;
    while (i < in.n && !d->ended) {
        unsigned v;

        while (d->bits_n == 0 && in.n - i >= 4) { /* whole groups, the usual case */
            unsigned a = base64_values[(unsigned char)in.p[i]];
            unsigned b = base64_values[(unsigned char)in.p[i + 1]];
            unsigned c = base64_values[(unsigned char)in.p[i + 2]];
            unsigned e = base64_values[(unsigned char)in.p[i + 3]];

            if (!(a & b & c & e & SEXTET))
                break;
            v = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (e & 63);
            to[0] = (char)(v >> 16);
            to[1] = (char)(v >> 8);
            to[2] = (char)v;
            to += 3;
            i += 4;
        }
        if (i == in.n)
            break;
        v = base64_values[(unsigned char)in.p[i++]];
        if (v == PAD) {
            to = base64_pad(d, to);
        } else if (v & SEXTET) {
            d->pads = 0;
            d->bits = d->bits << 6 | (v & 63);
            if (++d->bits_n == 4) {
                *to++ = (char)(d->bits >> 16);
                *to++ = (char)(d->bits >> 8);
                *to++ = (char)d->bits;
                d->bits = 0;
                d->bits_n = 0;
            }
        }
    }
    buf_commit(out, (size_t)(to - begin));
}

/* -1 where it is no digit. */
static int hex_value(char c)
{
    static const signed char plus_one[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    };

    return plus_one[(unsigned char)c] - 1;
}

/* Takes one byte after an "=" (RFC 2045 section 6.7): the held bytes are "=" and then one digit,
 * or white space before the end of a soft-broken line. Returns true when the byte was used. */
static bool quoted_escape(struct mime_decoder *d, char ch, struct buf *out)
{
    int high = d->held_n == 2 ? hex_value(d->held[1]) : -1, low = hex_value(ch);
    bool soft = d->held_n == 1 || d->held[1] == ' ' || d->held[1] == '\t' || d->held[1] == '\r';

    if (high >= 0 && low >= 0) {
        buf_char(out, (char)(high << 4 | low));
        d->held_n = 0;
        return true;
    }
    if (soft && ch == '\n') { /* a soft line break */
        d->held_n = 0;
        return true;
    }
    if ((d->held_n == 1 && low >= 0) ||
        (soft && d->held_n < sizeof d->held && (ch == ' ' || ch == '\t' || ch == '\r'))) {
        d->held[d->held_n++] = ch;
        return true;
    }
    buf_add(out, d->held, d->held_n); /* no escape: it stays as it is */
    d->held_n = 0;
    return false;
}

static void quoted_byte(struct mime_decoder *d, char ch, struct buf *out)
{
    if (d->held_n && d->held[0] == '=' && quoted_escape(d, ch, out))
        return;
    if (ch == '\n') { /* white space before a line end was put there by gateways (rule 3) */
        bool cr = d->held_n && d->held[d->held_n - 1] == '\r';

        buf_add(out, "\r\n", cr ? 2 : 0);
        if (!cr)
            buf_char(out, '\n');
        d->held_n = 0;
        return;
    }
    if (ch == '=' || d->held_n == sizeof d->held || (d->held_n && d->held[d->held_n - 1] == '\r') ||
        (ch != ' ' && ch != '\t' && ch != '\r')) {
        buf_add(out, d->held, d->held_n);
        d->held_n = 0;
    }
    if (ch == '=' || ch == ' ' || ch == '\t' || ch == '\r')
        d->held[d->held_n++] = ch;
    else
        buf_char(out, ch);
}

static bool quoted_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

static bool quoted_only_blank(struct str rest)
{
    for (size_t i = 0; i < rest.n; i++)
        if (!quoted_blank(rest.p[i]) && rest.p[i] != '\r')
            return false;
    return true;
}

/* Copies what stands before the first "=", eight bytes at a time while none of them is one (then a
 * byte of x is zero); returns how many. Writes at most from.n bytes. */
static size_t quoted_copy(char *to, struct str from)
{
    uint64_t ones = 0x0101010101010101U, eight, x;
    size_t n = 0;

    for (; from.n - n >= sizeof eight; n += sizeof eight) {
        memcpy(&eight, from.p + n, sizeof eight);
        x = eight ^ ones * '=';
        if ((x - ones) & ~x & ones << 7)
            break;
        memcpy(to + n, &eight, sizeof eight);
    }
    for (; n < from.n && from.p[n] != '='; n++)
        to[n] = from.p[n];
    return n;
}

/* Decodes a line whole, as quoted_byte would byte by byte, but for what that one cannot hold: then
 * NULL. Writes at most line.n + 1 bytes. */
static char *quoted_line(struct str line, size_t held_max, char *to)
{
    struct str text = line;
    bool cr = text.n && text.p[text.n - 1] == '\r';
    size_t at = 0;

    text.n -= cr;
    while (text.n && quoted_blank(text.p[text.n - 1]))
        text.n--;
    if (line.n - text.n >= held_max)
        return NULL;
    while (at < text.n) {
        size_t n = quoted_copy(to, str_skip(text, at));
        struct str rest;

        to += n;
        at += n;
        if (at == text.n)
            break;
        rest = str_skip(line, at + 1);
        if (rest.n >= 2 && hex_value(rest.p[0]) >= 0 && hex_value(rest.p[1]) >= 0) {
            *to++ = (char)(hex_value(rest.p[0]) << 4 | hex_value(rest.p[1]));
            at += 3;
        } else if (quoted_only_blank(rest)) { /* a soft line break */
            return rest.n < held_max ? to : NULL;
        } else {
            *to++ = '=';
            at++;
        }
    }
    if (cr)
        *to++ = '\r';
    *to++ = '\n';
    return to;
}

static void quoted_feed(struct mime_decoder *d, struct str in, struct buf *out)
{
    size_t i = 0;

    while (i < in.n) {
        const char *lf = d->held_n ? NULL : memchr(in.p + i, '\n', in.n - i);
        size_t end = lf ? (size_t)(lf - in.p) + 1 : i;
        char *begin = lf ? buf_reserve(out, end - i) : NULL, *to = NULL;

        if (begin)
            to = quoted_line(str_sub(in, i, end - 1 - i), sizeof d->held, begin);
        if (to) {
            buf_commit(out, (size_t)(to - begin));
            i = end;
            continue;
        }
        do /* a line that did not come whole, or its rest */
            quoted_byte(d, in.p[i++], out);
        while (i < in.n && (d->held_n || in.p[i - 1] != '\n'));
    }
}

enum uu_state {
    UU_BEFORE, /* within a line that may be the one that begins the file */
    UU_SKIP,   /* within another line before it */
    UU_NAME,   /* after "begin " */
    UU_LENGTH, /* before a line, which begins with the number of its octets */
    UU_DATA,
    UU_END
};

/* Whole octets of the group that is collected, as far as the line still holds any. A group that its
 * line cut is padded: spaces at the end, which are zeros, get lost on the way. */
static char *uu_group(struct mime_decoder *d, char *to)
{
    uint32_t v = d->bits << 6 * (4 - d->bits_n);

    for (int shift = 16; shift >= 0 && d->left && d->bits_n; shift -= 8, d->left--)
        *to++ = (char)(v >> shift);
    d->bits = 0;
    d->bits_n = 0;
    return to;
}

static char *uu_byte(struct mime_decoder *d, char ch, char *to)
{
    static const char begin[] = "begin ";

    switch ((enum uu_state)d->state) {
    case UU_BEFORE:
        if (ch != begin[d->held_n])
            d->state = ch == '\n' ? UU_BEFORE : UU_SKIP;
        else if (++d->held_n == sizeof begin - 1)
            d->state = UU_NAME;
        if (d->state != UU_BEFORE || ch == '\n')
            d->held_n = 0;
        break;
    case UU_SKIP:
        d->state = ch == '\n' ? UU_BEFORE : UU_SKIP;
        break;
    case UU_NAME:
        d->state = ch == '\n' ? UU_LENGTH : UU_NAME;
        break;
    case UU_LENGTH:
        d->left = (unsigned)(ch - ' ') & 63;
        /* Also what is no length, as the line "end". */
        d->state = ch < ' ' || ch > '`' || d->left == 0 ? UU_END : UU_DATA;
        break;
    case UU_DATA:
        if (ch == '\n') {
            to = uu_group(d, to);
            d->state = UU_LENGTH;
        } else if (d->left && ch != '\r') {
            d->bits = d->bits << 6 | ((unsigned)(ch - ' ') & 63);
            if (++d->bits_n == 4)
                to = uu_group(d, to);
        }
        break;
    case UU_END:
        break;
    }
    return to;
}

static void uu_feed(struct mime_decoder *d, struct str in, struct buf *out)
{
    char *begin = buf_reserve(out, in.n + 3), *to = begin;

    if (!begin)
        return;
    for (size_t i = 0; i < in.n; i++)
        to = uu_byte(d, in.p[i], to);
    buf_commit(out, (size_t)(to - begin));
}

/* The whole octets of the group in which the data ends. */
static char *uu_flush(struct mime_decoder *d, char *to)
{
    unsigned whole = d->bits_n ? d->bits_n - 1 : 0;

    if (d->left > whole)
        d->left = whole;
    return uu_group(d, to);
}

void mime_decoder_feed(struct mime_decoder *d, struct str in, struct buf *out)
{
    if (d->kind == MIME_TRANSFER_BASE64)
        base64_feed(d, in, out);
    else if (d->kind == MIME_TRANSFER_QUOTED)
        quoted_feed(d, in, out);
    else if (d->kind == MIME_TRANSFER_UUENCODE)
        uu_feed(d, in, out);
    else
        buf_str(out, in);
}

void mime_decoder_end(struct mime_decoder *d, struct buf *out)
{
    char last[3];

    if (d->kind == MIME_TRANSFER_BASE64)
        buf_add(out, last, (size_t)(base64_flush(d, last) - last));
    else if (d->kind == MIME_TRANSFER_UUENCODE)
        buf_add(out, last, (size_t)(uu_flush(d, last) - last));
    else if (d->held_n && d->held[0] == '=' && d->held_n > 1 && hex_value(d->held[1]) >= 0)
        buf_add(out, d->held, d->held_n);
    mime_decoder_init(d, d->kind);
}
