/* base/utf8.c: see utf8.h. */
#include "base/utf8.h"

#include <string.h>

/* The end of the run of ASCII that begins at `at`; eight bytes at a time, since most text is that.
 */
static size_t ascii_end(struct str s, size_t at)
{
    uint64_t eight;

    for (; s.n - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, s.p + at, sizeof eight);
        if (eight & 0x8080808080808080U)
            break;
    }
    while (at < s.n && (unsigned char)s.p[at] < 0x80)
        at++;
    return at;
}

int32_t utf8_next(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p + *at;
    size_t left = s.n - *at, n;
    uint32_t v, min;

    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2, v = p[0] & 0x1f, min = 0x80;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3, v = p[0] & 0x0f, min = 0x800;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4, v = p[0] & 0x07, min = 0x10000;
    } else {
        *at += 1;
        return -1;
    }
    for (size_t i = 1; i < n; i++) {
        if (i >= left || (p[i] & 0xc0) != 0x80) {
            *at += 1;
            return -1;
        }
        v = v << 6 | (p[i] & 0x3f);
    }
    if (v < min || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        *at += 1;
        return -1;
    }
    *at += n;
    return (int32_t)v;
}

/* The end of the run of valid UTF-8 that begins at `at`. */
static size_t valid_end(struct str s, size_t at)
{
    while ((at = ascii_end(s, at)) < s.n) {
        size_t from = at;

        /* Two bytes, as the letters of most alphabets have them; the rest as it comes. */
        if ((unsigned char)s.p[at] >= 0xc2 && (unsigned char)s.p[at] <= 0xdf && s.n - at >= 2 &&
            ((unsigned char)s.p[at + 1] & 0xc0) == 0x80)
            at += 2;
        else if (utf8_next(s, &at) < 0)
            return from;
    }
    return at;
}

bool utf8_valid(struct str s)
{
    return valid_end(s, 0) == s.n;
}

void utf8_print(struct buf *out, uint32_t code)
{
    char c[4];
    size_t n;

    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        n = 1, c[0] = (char)code;
    } else if (code < 0x800) {
        n = 2, c[0] = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        n = 3, c[0] = (char)(0xe0 | code >> 12);
    } else {
        n = 4, c[0] = (char)(0xf0 | code >> 18);
    }
    for (size_t i = 1; i < n; i++)
        c[i] = (char)(0x80 | (code >> (6 * (n - 1 - i)) & 0x3f));
    buf_add(out, c, n);
}

struct str utf8_cut(struct str s, size_t n)
{
    if (s.n <= n)
        return s;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return str_sub(s, 0, n);
}

void utf8_repair(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t end = valid_end(s, at);

        buf_add(out, s.p + at, end - at);
        at = end;
        if (at < s.n) {
            utf8_next(s, &at);
            utf8_print(out, 0xfffd);
        }
    }
}
