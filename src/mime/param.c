/* mime/param.c: see param.h. */
#include "mime/param.h"

#include "base/encode.h"
#include "base/limits.h"
#include "mime/charset.h"
#include "mime/lex.h"

/* One "name*N*" taken apart (RFC 2231 sections 3 and 4). */
struct piece {
    struct str base, value; /* name before the first "*"; raw value */
    int index;              /* of a continuation; 0 for the plain and the "name*" form */
    bool extended;          /* percent-encoded, the first with charset'language' */
    bool starred;           /* any RFC 2231 form */
    bool used;
};

static void skip_to_semicolon(struct cursor *c)
{
    while (c->at < c->in.n && c->in.p[c->at] != ';') {
        if (c->in.p[c->at] == '"')
            mime_lex_quoted(c);
        else if (c->in.p[c->at] == '(')
            mime_lex_cfws(c, NULL);
        else
            c->at++;
    }
}

bool mime_content_type(struct str value, struct str *type, struct str *subtype, struct str *rest)
{
    struct cursor c;
    struct str first, second = STR_NULL;

    cursor_init(&c, value);
    mime_lex_cfws(&c, NULL);
    first = mime_lex_token(&c);
    mime_lex_cfws(&c, NULL);
    if (cursor_accept(&c, '/')) {
        mime_lex_cfws(&c, NULL);
        second = mime_lex_token(&c);
        mime_lex_cfws(&c, NULL);
    } else if (str_equal_nocase(first, STR("text"))) {
        second = STR("plain");
    }
    if (first.n == 0 || second.n == 0)
        return false;
    *type = first;
    *subtype = second;
    *rest = cursor_rest(&c);
    return true;
}

struct str mime_disposition(struct str value, struct str *rest)
{
    struct cursor c;
    struct str token;

    cursor_init(&c, value);
    mime_lex_cfws(&c, NULL);
    token = mime_lex_token(&c);
    *rest = cursor_rest(&c);
    return token;
}

/* The inside of a quoted-string, folds removed. A backslash quotes only a quote and itself, though
 * RFC 822 lets it quote anything: senders write paths of Windows as they are. */
static struct str unquote_value(struct str raw, struct arena *arena)
{
    size_t n = 0;
    char *to;

    if (str_find_char(raw, '\\') == SIZE_MAX)
        return mime_lex_unquote_arena(raw, arena);
    if (!(to = arena_alloc(arena, raw.n)))
        return STR_NULL;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.n && (raw.p[i + 1] == '"' || raw.p[i + 1] == '\\'))
            i++;
        if (raw.p[i] != '\r' && raw.p[i] != '\n' && raw.p[i] != '\0')
            to[n++] = raw.p[i];
    }
    return str_of(to, n);
}

/* value := token / quoted-string. A token that is followed by something else than ";" was a value
 * that should have stood in quotes: then all of it up to the next ";" is taken. */
static struct str read_value(struct cursor *c, struct arena *arena)
{
    size_t from, end;

    mime_lex_cfws(c, NULL);
    from = c->at;
    if (cursor_peek(c) == '"') {
        struct str inside = unquote_value(mime_lex_quoted(c), arena);

        skip_to_semicolon(c);
        return inside;
    }
    mime_lex_token(c);
    end = c->at;
    mime_lex_cfws(c, NULL);
    if (c->at == c->in.n || c->in.p[c->at] == ';')
        return str_sub(c->in, from, end - from);
    while (c->at < c->in.n && c->in.p[c->at] != ';')
        c->at++;
    return str_trim(unquote_value(str_sub(c->in, from, c->at - from), arena));
}

/* parameter := attribute "=" value; what is none is skipped. False at the end. */
static bool next_parameter(struct cursor *c, struct arena *arena, struct mime_param *out)
{
    for (;;) {
        struct str name;

        do
            mime_lex_cfws(c, NULL);
        while (cursor_accept(c, ';'));
        if (cursor_at_end(c))
            return false;
        name = mime_lex_token(c);
        mime_lex_cfws(c, NULL);
        if (name.n == 0 || !cursor_accept(c, '=')) {
            skip_to_semicolon(c);
            continue;
        }
        *out = (struct mime_param){name, read_value(c, arena)};
        return true;
    }
}

struct mime_params mime_params_raw(struct str rest, struct arena *arena)
{
    struct mime_param found[LIMIT_MIME_PARAMETERS];
    struct mime_params out = {0};
    struct cursor c;
    uint32_t n = 0;

    cursor_init(&c, rest);
    while (n < LIMIT_MIME_PARAMETERS && next_parameter(&c, arena, &found[n]))
        n++;
    if (n == 0 || !(out.items = arena_array(arena, n, sizeof *out.items)))
        return out;
    for (uint32_t i = 0; i < n; i++)
        out.items[i] = found[i];
    out.n = n;
    return out;
}

/* "name", "name*", "name*0" or "name*0*". A name that only looks like one keeps its star. */
static struct piece take_apart(const struct mime_param *param)
{
    struct piece plain = {.base = param->name, .value = param->value}, piece = plain;
    struct str base, suffix;
    uint64_t index = 0;

    if (!str_cut(param->name, '*', &base, &suffix) || base.n == 0)
        return plain;
    piece.base = base;
    piece.starred = true;
    piece.extended = suffix.n == 0 || str_ends(suffix, STR("*"));
    if (suffix.n && piece.extended)
        suffix.n--;
    if (suffix.n && !str_to_u64(suffix, LIMIT_MIME_PARAMETERS, &index))
        return plain;
    piece.index = (int)index;
    return piece;
}

/* ext-octet = "%" 2(DIGIT / "A" / ... / "F") (RFC 2231 section 7) */
static void decode_percent(struct buf *out, struct str in)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned char byte;

        if (in.p[i] == '%' && in.n - i >= 3 && hex_parse(&byte, 1, str_sub(in, i + 1, 2))) {
            buf_char(out, (char)byte);
            i += 2;
        } else {
            buf_char(out, in.p[i]);
        }
    }
}

/* Joins pieces 0, 1, ... of one name; a gap leaves no trace (RFC 2231 section 3 knows none). Marks
 * them all as used. */
static struct str join_pieces(struct piece *pieces, uint32_t n, uint32_t first, struct arena *arena)
{
    const struct piece *order[LIMIT_MIME_PARAMETERS + 1] = {NULL};
    struct str charset = STR_NULL, language, result;
    struct buf bytes, text;
    size_t total = 0, room = arena_room(arena) / 4; /* for three of them at once */

    for (uint32_t i = first; i < n; i++) {
        if (!pieces[i].starred || !str_equal_nocase(pieces[i].base, pieces[first].base))
            continue;
        pieces[i].used = true;
        total += pieces[i].value.n;
        if (!order[pieces[i].index])
            order[pieces[i].index] = &pieces[i];
    }
    buf_init(&bytes, size_min(total + 1, room));
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct str part, after;

        if (!order[i])
            continue;
        part = order[i]->value;
        if (i == 0 && order[0]->extended && str_cut(part, '\'', &charset, &after) &&
            str_cut(after, '\'', &language, &after))
            part = after;
        if (order[i]->extended)
            decode_percent(&bytes, part);
        else
            buf_str(&bytes, part);
    }
    buf_init(&text, size_min(total * 4 + 16, room));
    mime_charset_convert(&text, charset, buf_view(&bytes));
    arena_hold(arena, text.cap + bytes.cap);
    result = arena_str(arena, buf_view(&text));
    arena_let_go(arena, text.cap + bytes.cap);
    buf_done(&bytes);
    buf_done(&text);
    return result;
}

/* A plain value: encoded words are against RFC 2047 section 5 (3), and common. */
static struct str plain_value(struct str raw, struct arena *arena)
{
    for (size_t i = 0; i < raw.n; i++)
        if ((unsigned char)raw.p[i] > 126 || (unsigned char)raw.p[i] < ' ' || raw.p[i] == '=')
            return mime_decode_words(raw, arena);
    return raw;
}

/* True when this plain piece also has an RFC 2231 form, or came before. */
static bool is_shadowed(const struct piece *pieces, uint32_t n, uint32_t at)
{
    for (uint32_t i = 0; i < n; i++)
        if ((i < at || pieces[i].starred) && str_equal_nocase(pieces[i].base, pieces[at].base))
            return true;
    return false;
}

struct mime_params mime_params_parse(struct str rest, struct arena *arena)
{
    struct mime_params raw = mime_params_raw(rest, arena);
    struct piece pieces[LIMIT_MIME_PARAMETERS];
    uint32_t n = raw.n;

    for (uint32_t i = 0; i < n; i++)
        pieces[i] = take_apart(&raw.items[i]);
    raw.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct str joined;

        if (pieces[i].used)
            continue;
        if (pieces[i].starred)
            joined = join_pieces(pieces, n, i, arena);
        else if (!is_shadowed(pieces, n, i))
            joined = plain_value(pieces[i].value, arena);
        else
            continue;
        raw.items[raw.n++] = (struct mime_param){pieces[i].base, joined};
    }
    return raw;
}

struct str mime_param_find(const struct mime_param *params, uint32_t n, struct str name)
{
    for (uint32_t i = 0; i < n; i++)
        if (str_equal_nocase(params[i].name, name))
            return params[i].value;
    return STR_NULL;
}
