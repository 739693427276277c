/* mime/quote.c: see quote.h. */
#include "mime/quote.h"

#define QUOTED_MAX 1000

static void print_literal(struct buf *out, struct str s)
{
    size_t n = s.n;

    for (size_t i = 0; i < s.n; i++)
        n -= s.p[i] == '\0';
    buf_printf(out, "{%zu}\r\n", n);
    if (n == s.n) {
        buf_str(out, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\0')
            buf_char(out, s.p[i]);
}

void mime_print_string(struct buf *out, struct str s)
{
    bool literal = s.n > QUOTED_MAX;

    for (size_t i = 0; i < s.n && !literal; i++)
        literal = s.p[i] == '\r' || s.p[i] == '\n' || (unsigned char)s.p[i] > 127;
    if (literal) {
        print_literal(out, s);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(out, '\\');
        if (s.p[i] != '\0')
            buf_char(out, s.p[i]);
    }
    buf_char(out, '"');
}

void mime_print_nstring(struct buf *out, struct str s)
{
    if (s.n)
        mime_print_string(out, s);
    else
        buf_c(out, "NIL");
}
