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

#define SKIP 64 /* no base64 character */
#define PAD 65

/* The value of each base64 character plus one, so that what is not named is 0. */
static const unsigned char sextets[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    ['='] = 66,
};

static unsigned sextet(char c)
{
    unsigned v = sextets[(unsigned char)c];

    return v ? v - 1 : SKIP;
}

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
            unsigned a = sextet(in.p[i]), b = sextet(in.p[i + 1]);
            unsigned c = sextet(in.p[i + 2]), e = sextet(in.p[i + 3]);

            if ((a | b | c | e) >= SKIP)
                break;
            v = a << 18 | b << 12 | c << 6 | e;
            to[0] = (char)(v >> 16);
            to[1] = (char)(v >> 8);
            to[2] = (char)v;
            to += 3;
            i += 4;
        }
        if (i == in.n)
            break;
        v = sextet(in.p[i++]);
        if (v == PAD) {
            to = base64_pad(d, to);
        } else if (v != SKIP) {
            d->pads = 0;
            d->bits = d->bits << 6 | v;
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

static int hex_value(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one byte behind an "=" (RFC 2045 section 6.7): the held bytes are "=" and then one digit,
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

static bool quoted_plain(char ch)
{
    return ch != '=' && ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n';
}

static void quoted_feed(struct mime_decoder *d, struct str in, struct buf *out)
{
    size_t i = 0;

    while (i < in.n) {
        size_t from = i;

        if (d->held_n == 0) {
            while (i < in.n && (quoted_plain(in.p[i]) ||
                                (in.p[i] == ' ' && i + 1 < in.n && quoted_plain(in.p[i + 1]))))
                i++;
            buf_add(out, in.p + from, i - from);
        }
        if (i < in.n)
            quoted_byte(d, in.p[i++], out);
    }
}

enum uu_state {
    UU_BEFORE, /* within a line that may be the one that begins the file */
    UU_SKIP,   /* within another line before it */
    UU_NAME,   /* behind "begin " */
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
