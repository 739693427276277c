/* mime/lex.c: see lex.h. */
#include "mime/lex.h"

#include <string.h>

#define ENCODED_WORD_MAX                                                                           \
    255 /* 75 by RFC 2047 section 2; a bound keeps the search for its end linear */

/* comment = "(" *([FWS] ccontent) [FWS] ")", with a counter instead of recursion. Returns the
 * inside. */
static struct str skip_comment(struct cursor *c)
{
    size_t from = c->at + 1, depth = 0;

    while (c->at < c->in.n) {
        char ch = c->in.p[c->at++];

        if (ch == '\\' && c->at < c->in.n)
            c->at++;
        else if (ch == '(')
            depth++;
        else if (ch == ')' && --depth == 0)
            return str_sub(c->in, from, c->at - 1 - from);
    }
    return str_sub(c->in, from, c->at - from);
}

void mime_lex_cfws(struct cursor *c, struct str *last)
{
    while (c->at < c->in.n) {
        char ch = c->in.p[c->at];

        if (ch == '(') {
            struct str inside = skip_comment(c);

            if (last)
                *last = inside;
        } else if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n') {
            c->at++;
        } else {
            return;
        }
    }
}

struct str mime_lex_quoted(struct cursor *c)
{
    size_t from = ++c->at;

    while (c->at < c->in.n) {
        char ch = c->in.p[c->at++];

        if (ch == '\\' && c->at < c->in.n)
            c->at++;
        else if (ch == '"')
            return str_sub(c->in, from, c->at - 1 - from);
    }
    return str_sub(c->in, from, c->at - from);
}

size_t mime_lex_unquote(char *to, struct str raw)
{
    size_t n = 0;

    for (size_t i = 0; i < raw.n; i++) {
        char ch = raw.p[i];

        if (ch == '\\' && i + 1 < raw.n)
            ch = raw.p[++i];
        if (ch != '\r' && ch != '\n' && ch != '\0')
            to[n++] = ch;
    }
    return n;
}

struct str mime_lex_unquote_arena(struct str raw, struct arena *arena)
{
    bool plain = true;
    char *to;

    for (size_t i = 0; i < raw.n && plain; i++)
        plain = raw.p[i] != '\\' && raw.p[i] != '\r' && raw.p[i] != '\n' && raw.p[i] != '\0';
    if (plain)
        return raw;
    to = arena_alloc(arena, raw.n);
    return to ? str_of(to, mime_lex_unquote(to, raw)) : STR_NULL;
}

/* Sets of ASCII characters, a bit each. */
#define BIT(ch) ((uint64_t)1 << ((ch)&63))
#define CONTROLS 0xffffffffU

static bool has_char(const uint64_t set[2], char ch)
{
    unsigned char c = (unsigned char)ch;

    return c < 128 && (set[c >> 6] & BIT(c));
}

static struct str run_without(struct cursor *c, const uint64_t set[2])
{
    size_t from = c->at, at = from;

    if (c->failed)
        return STR_NULL;
    while (at < c->in.n && !has_char(set, c->in.p[at]))
        at++;
    c->at = at;
    return str_sub(c->in, from, at - from);
}

struct str mime_lex_token(struct cursor *c)
{
    /* token = 1*<any CHAR except SPACE, CTLs, or tspecials>; bytes above 127 are let through. */
    static const uint64_t none[2] = {CONTROLS | BIT(' ') | BIT('(') | BIT(')') | BIT('<') |
                                         BIT('>') | BIT(',') | BIT(';') | BIT(':') | BIT('"') |
                                         BIT('/') | BIT('?') | BIT('='),
                                     BIT('@') | BIT('\\') | BIT('[') | BIT(']') | BIT(127)};

    return run_without(c, none);
}

struct str mime_lex_atom(struct cursor *c)
{
    static const uint64_t none[2] = {BIT('\0') | BIT('\t') | BIT('\r') | BIT('\n') | BIT(' ') |
                                         BIT('(') | BIT(')') | BIT('<') | BIT('>') | BIT(':') |
                                         BIT(';') | BIT(',') | BIT('"'),
                                     BIT('@') | BIT('\\') | BIT('[') | BIT(']')};

    return run_without(c, none);
}

size_t mime_lex_encoded_word(struct str s)
{
    size_t marks = 0, max = size_min(s.n, ENCODED_WORD_MAX);

    if (s.n < 2 || s.p[0] != '=' || s.p[1] != '?')
        return 0;
    for (size_t i = 2; i < max; i++) {
        char ch = s.p[i];

        if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n')
            return 0;
        if (ch != '?')
            continue;
        if (++marks >= 3 && i + 1 < max && s.p[i + 1] == '=')
            return i + 2;
    }
    return 0;
}
