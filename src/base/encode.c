/* base/encode.c: see encode.h. */
#include "base/encode.h"

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_print(struct buf *out, struct str in)
{
    const unsigned char *p = (const unsigned char *)in.p;

    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)p[i] << 16;
        char four[4];

        if (left > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (left > 2)
            v |= p[i + 2];
        four[0] = digits64[v >> 18];
        four[1] = digits64[v >> 12 & 63];
        four[2] = left > 1 ? digits64[v >> 6 & 63] : '=';
        four[3] = left > 2 ? digits64[v & 63] : '=';
        buf_add(out, four, 4);
    }
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_parse(struct buf *out, struct str in, struct error *err)
{
    if (in.n % 4 != 0)
        return error_set(err, ERROR_SYNTAX, "base64 comes in groups of four characters");
    for (size_t i = 0; i < in.n; i += 4) {
        bool last = i + 4 == in.n;
        size_t pad = 0;
        uint32_t v = 0;
        char three[3];

        if (last && in.p[i + 3] == '=')
            pad = in.p[i + 2] == '=' ? 2 : 1;
        for (size_t k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : base64_value(in.p[i + k]);

            if (d < 0)
                return error_set(err, ERROR_SYNTAX, "not a base64 character");
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 1 && v & 0xff) || (pad == 2 && v & 0xffff))
            return error_set(err, ERROR_SYNTAX, "base64 with bits left over");
        three[0] = (char)(v >> 16);
        three[1] = (char)(v >> 8);
        three[2] = (char)v;
        buf_add(out, three, 3 - pad);
    }
    return !out->overflow || error_set(err, ERROR_LIMIT, "too much base64");
}

void hex_print(struct buf *out, const void *p, size_t n)
{
    const unsigned char *b = p;

    for (size_t i = 0; i < n; i++) {
        buf_char(out, "0123456789abcdef"[b[i] >> 4]);
        buf_char(out, "0123456789abcdef"[b[i] & 15]);
    }
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(void *out, size_t n, struct str in)
{
    unsigned char *b = out;

    if (in.n / 2 != n || in.n % 2)
        return false;
    for (size_t i = 0; i < n; i++)
        if (hex_value(in.p[2 * i]) < 0 || hex_value(in.p[2 * i + 1]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        b[i] = (unsigned char)(hex_value(in.p[2 * i]) << 4 | hex_value(in.p[2 * i + 1]));
    return true;
}
