/* imap/names.c: modified UTF-7: printable ASCII is itself, '&' is "&-", all else is UTF-16 in
 * base64 with ',' for '/', between '&' and '-' (RFC 3501 section 5.1.3). */
#include "imap/names.h"

#include "base/limits.h"
#include "base/utf8.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Bits on their way into base64. */
struct bits {
    uint32_t value;
    unsigned n;
};

static void add_unit(struct buf *out, struct bits *b, uint32_t unit)
{
    b->value = b->value << 16 | unit;
    b->n += 16;
    while (b->n >= 6) {
        b->n -= 6;
        buf_char(out, digits[b->value >> b->n & 63]);
    }
    b->value &= (1u << b->n) - 1;
}

static void add_code(struct buf *out, struct bits *b, uint32_t code)
{
    if (code < 0x10000) {
        add_unit(out, b, code);
        return;
    }
    add_unit(out, b, 0xd800 + ((code - 0x10000) >> 10));
    add_unit(out, b, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

static void end_shift(struct buf *out, struct bits *b)
{
    if (b->n > 0)
        buf_char(out, digits[b->value << (6 - b->n) & 63]);
    buf_char(out, '-');
}

void imap_utf7_print(struct buf *out, struct str name)
{
    struct bits b = {0};
    bool shifted = false;
    for (size_t at = 0; at < name.n;) {
        int32_t code = utf8_next(name, &at);
        uint32_t c = code < 0 ? 0xfffd : (uint32_t)code;
        bool plain = c >= 0x20 && c <= 0x7e;
        if (!plain && !shifted) {
            buf_char(out, '&');
            b = (struct bits){0};
        } else if (plain && shifted) {
            end_shift(out, &b);
        }
        shifted = !plain;
        if (!plain)
            add_code(out, &b, c);
        else if (c == '&')
            buf_c(out, "&-");
        else
            buf_char(out, (char)c);
    }
    if (shifted)
        end_shift(out, &b);
}

static int digit_value(char c)
{
    size_t at = str_find_char(str_of(digits, sizeof(digits) - 1), c);
    return at == SIZE_MAX ? -1 : (int)at;
}

/* The UTF-16 units of one shifted piece as UTF-8; whether it is canonical is seen by printing it
 * again. */
static bool shifted_piece(struct str piece, struct buf *out)
{
    struct bits b = {0};
    uint32_t high = 0;
    for (size_t i = 0; i < piece.n; i++) {
        int v = digit_value(piece.p[i]);
        if (v < 0)
            return false;
        b.value = b.value << 6 | (uint32_t)v;
        b.n += 6;
        if (b.n < 16)
            continue;
        b.n -= 16;
        uint32_t unit = b.value >> b.n & 0xffff;
        b.value &= (1u << b.n) - 1;
        if (high != 0 && (unit < 0xdc00 || unit > 0xdfff))
            return false;
        if (high != 0)
            utf8_print(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
        else if (unit >= 0xdc00 && unit <= 0xdfff)
            return false;
        else if (unit < 0xd800 || unit > 0xdbff)
            utf8_print(out, unit);
        high = high == 0 && unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
    }
    return high == 0;
}

static bool decode_name(struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '&') {
            buf_char(out, in.p[i]);
            continue;
        }
        size_t end = str_find_char(str_skip(in, i + 1), '-');
        if (end == SIZE_MAX)
            return false;
        if (end == 0)
            buf_char(out, '&');
        else if (!shifted_piece(str_sub(in, i + 1, end), out))
            return false;
        i += end + 1;
    }
    return !out->overflow;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

bool imap_utf7_parse(struct str in, struct arena *arena, struct str *out, struct error *err)
{
    struct buf name, again;
    bool ok;
    if (in.n > 8 * LIMIT_MAILBOX_NAME)
        return error_set(err, ERROR_LIMIT, "the mailbox name is too long");
    buf_init(&name, 8 * LIMIT_MAILBOX_NAME);
    buf_init(&again, 24 * LIMIT_MAILBOX_NAME);
    ok = decode_name(in, &name);
    imap_utf7_print(&again, buf_view(&name));
    if (is_ascii(in))
        ok = ok && str_equal(buf_view(&again), in);
    else
        ok = ok && utf8_valid(buf_view(&name));
    struct str copy = ok ? arena_str(arena, buf_view(&name)) : STR_NULL;
    bool kept = copy.n == name.n;
    buf_done(&name);
    buf_done(&again);
    if (!ok)
        return error_set(err, ERROR_SYNTAX,
                         "the mailbox name is not modified UTF-7 (RFC 3501 section 5.1.3)");
    if (!kept)
        return error_set(err, ERROR_LIMIT, "too much memory for one command");
    *out = copy;
    return true;
}
