/* base/cursor.c: see cursor.h. */
#include "base/cursor.h"

#include <stdarg.h>
#include <stdio.h>

void cursor_init(struct cursor *c, struct str in)
{
    *c = (struct cursor){.in = in};
}

int cursor_peek(const struct cursor *c)
{
    return c->failed || c->at >= c->in.n ? -1 : (unsigned char)c->in.p[c->at];
}

int cursor_peek2(const struct cursor *c)
{
    return c->failed || c->in.n - c->at < 2 ? -1 : (unsigned char)c->in.p[c->at + 1];
}

int cursor_take(struct cursor *c)
{
    int ch = cursor_peek(c);

    if (ch < 0)
        cursor_fail(c, ERROR_SYNTAX, "it ends too early");
    else
        c->at++;
    return ch;
}

bool cursor_accept(struct cursor *c, char ch)
{
    if (cursor_peek(c) != (unsigned char)ch)
        return false;
    c->at++;
    return true;
}

bool cursor_accept_word(struct cursor *c, struct str word)
{
    if (c->failed || !str_starts_nocase(cursor_rest(c), word))
        return false;
    c->at += word.n;
    return true;
}

void cursor_expect(struct cursor *c, char ch)
{
    int next = cursor_peek(c);

    if (cursor_accept(c, ch))
        return;
    if (ch == ' ')
        cursor_fail(c, ERROR_SYNTAX, "expected a space%s", next < 0 ? ", but it ends" : "");
    else
        cursor_fail(c, ERROR_SYNTAX, "expected '%c'%s", ch, next < 0 ? ", but it ends" : "");
}

struct str cursor_while(struct cursor *c, bool (*is)(char), size_t max)
{
    size_t from = c->at;

    if (c->failed)
        return STR_NULL;
    while (c->at < c->in.n && c->at - from < max && is(c->in.p[c->at]))
        c->at++;
    return str_sub(c->in, from, c->at - from);
}

struct str cursor_bytes(struct cursor *c, size_t n)
{
    struct str s;

    if (c->failed)
        return STR_NULL;
    if (n > c->in.n - c->at) {
        cursor_fail(c, ERROR_SYNTAX, "it ends too early");
        return STR_NULL;
    }
    s = (struct str){c->in.p + c->at, n};
    c->at += n;
    return s;
}

uint64_t cursor_number(struct cursor *c, uint64_t max)
{
    size_t from = c->at;
    uint64_t v = 0;

    while (!c->failed && c->at < c->in.n && ascii_digit(c->in.p[c->at]))
        c->at++;
    if (c->at == from)
        cursor_fail(c, ERROR_SYNTAX, "expected a number");
    else if (!str_to_u64(str_sub(c->in, from, c->at - from), max, &v))
        cursor_fail(c, ERROR_LIMIT, "the number is too large");
    return v;
}

bool cursor_at_end(const struct cursor *c)
{
    return c->failed || c->at >= c->in.n;
}

struct str cursor_rest(const struct cursor *c)
{
    return str_skip(c->in, c->at);
}

void cursor_fail(struct cursor *c, enum error_kind kind, const char *fmt, ...)
{
    char words[ERROR_TEXT_MAX];
    va_list ap;

    if (c->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    error_set(&c->err, kind, "%s", words);
    c->err.at = c->at;
    c->failed = true;
}

bool cursor_ok(const struct cursor *c, struct error *err)
{
    if (c->failed && err)
        *err = c->err;
    return !c->failed;
}
