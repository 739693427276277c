/* mime/header.c: see header.h and mime_next_field in message.h. */
#include "mime/header.h"

#include <string.h>

size_t mime_line_end(struct str in, size_t at, bool cr)
{
    const char *end = at < in.n ? memchr(in.p + at, cr ? '\r' : '\n', in.n - at) : NULL;

    return end ? (size_t)(end - in.p) + 1 : in.n;
}

bool mime_line_is_cr(struct str in)
{
    return str_find_char(in, '\n') == SIZE_MAX && str_find_char(in, '\r') != SIZE_MAX;
}

bool mime_line_is_empty(struct str in, size_t at, size_t end)
{
    while (at < end && in.p[at] == '\r')
        at++;
    return at == end || in.p[at] == '\n';
}

/* The name of "name: value" (RFC 5322 section 2.2 and, for white space before the colon,
 * section 4.5); false when the line is no field: no colon, or an octet before it that no name may
 * hold. */
static bool field_name(struct str line, struct str *name)
{
    size_t colon = str_find_char(line, ':'), n = colon;

    if (colon == SIZE_MAX)
        return false;
    while (n && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
        n--;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line.p[i] <= ' ' || (unsigned char)line.p[i] >= 127)
            return false;
    *name = str_sub(line, 0, n);
    return n > 0;
}

bool mime_next_field(struct str header, size_t *at, struct mime_field *out)
{
    /* The byte before `at` ended the last line, so it tells how lines end here without a second
     * search. */
    bool cr = *at && *at <= header.n ? header.p[*at - 1] == '\r' : mime_line_is_cr(header);

    while (*at < header.n) {
        size_t from = *at, line = mime_line_end(header, from, cr), end = line;
        struct str name;

        if (mime_line_is_empty(header, from, line))
            break;
        while (end < header.n && (header.p[end] == ' ' || header.p[end] == '\t'))
            end = mime_line_end(header, end, cr);
        *at = end;
        if (!field_name(str_sub(header, from, line - from), &name))
            continue;
        *out = (struct mime_field){.name = name, .at = from, .end = end};
        out->value = str_sub(header, from, end - from);
        out->value = str_skip(out->value, str_find_char(out->value, ':') + 1);
        if (out->value.n && (out->value.p[out->value.n - 1] == (cr ? '\r' : '\n')))
            out->value.n--;
        if (!cr && out->value.n && out->value.p[out->value.n - 1] == '\r')
            out->value.n--;
        return true;
    }
    *at = header.n;
    return false;
}

struct str mime_unfold(struct str value, struct arena *arena)
{
    size_t n = 0;
    char *to;

    value = str_trim(value);
    if (str_find_char(value, '\r') == SIZE_MAX && str_find_char(value, '\n') == SIZE_MAX &&
        str_find_char(value, '\0') == SIZE_MAX)
        return value;
    if (!(to = arena_alloc(arena, value.n)))
        return STR_NULL;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != '\0')
            to[n++] = value.p[i];
    return str_trim(str_of(to, n));
}
