/* smtp/path.c: see path.h. */
#include "smtp/path.h"

#include "base/utf8.h"

#include <arpa/inet.h>
#include <string.h>

/* UTF8-non-ascii (RFC 6531 section 3.3); whether it is UTF-8 is looked at in the end. */
static bool is_8bit(char ch)
{
    return (unsigned char)ch > 127;
}

/* atext (RFC 5322 section 3.2.3, RFC 6531 section 3.3) */
static bool is_atext(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || is_8bit(ch) ||
           (ch && strchr("!#$%&'*+-/=?^_`{|}~", ch));
}

static bool is_let_dig(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch);
}

static bool is_ldh(char ch)
{
    return is_let_dig(ch) || ch == '-' || is_8bit(ch);
}

/* dcontent = %d33-90 / %d94-126, and no "[", "\" or "]" (RFC 5321 section 4.1.3) */
static bool is_dcontent(char ch)
{
    return ch > ' ' && ch < 127 && ch != '[' && ch != '\\' && ch != ']'; /* char is signed or not */
}

/* IPv4-address-literal / IPv6-address-literal / General-address-literal (RFC 5321 section 4.1.3),
 * without brackets. */
static bool is_literal(struct str inside)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char address[16];
    struct str tag, rest;
    bool v6 = str_starts_nocase(inside, STR("IPv6:"));

    if (v6 || str_find_char(inside, ':') == SIZE_MAX) {
        rest = v6 ? str_skip(inside, 5) : inside;
        if (rest.n == 0 || rest.n >= sizeof text)
            return false;
        memcpy(text, rest.p, rest.n);
        return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1;
    }
    return str_cut(inside, ':', &tag, &rest) && tag.n && rest.n && is_let_dig(tag.p[tag.n - 1]);
}

/* address-literal = "[" ... "]" */
static void address_literal(struct cursor *in)
{
    struct str inside;

    cursor_expect(in, '[');
    inside = cursor_while(in, is_dcontent, LIMIT_SMTP_DOMAIN);
    if (!in->failed && !is_literal(inside))
        cursor_fail(in, ERROR_SYNTAX, "no address literal");
    cursor_expect(in, ']');
}

/* sub-domain = Let-dig [Ldh-str] / U-label; Ldh-str ends with a Let-dig. */
static void sub_domain(struct cursor *in)
{
    struct str label = cursor_while(in, is_ldh, LIMIT_SMTP_DOMAIN);

    if (!in->failed && (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-'))
        cursor_fail(in, ERROR_SYNTAX, "not a domain name");
}

/* Domain / address-literal */
static void read_path_domain(struct cursor *in, struct str *out)
{
    size_t from = in->at;

    if (cursor_peek(in) == '[') {
        address_literal(in);
    } else {
        do
            sub_domain(in);
        while (cursor_accept(in, '.'));
    }
    *out = str_sub(in->in, from, in->at - from);
    if (out->n > LIMIT_SMTP_DOMAIN)
        cursor_fail(in, ERROR_LIMIT, "the domain is too long");
}

/* A-d-l ":" = At-domain *( "," At-domain ) ":" */
static void source_route(struct cursor *in)
{
    struct str dropped;

    do {
        cursor_expect(in, '@');
        read_path_domain(in, &dropped);
    } while (cursor_accept(in, ','));
    cursor_expect(in, ':');
}

/* Dot-string = Atom *("." Atom) */
static void dot_string(struct cursor *in, struct str *out)
{
    size_t from = in->at;

    do {
        if (cursor_while(in, is_atext, SIZE_MAX).n == 0)
            cursor_fail(in, ERROR_SYNTAX, "not a local part");
    } while (cursor_accept(in, '.'));
    *out = str_sub(in->in, from, in->at - from);
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
static void quoted_string(struct cursor *in, struct arena *arena, struct str *out)
{
    char local[LIMIT_SMTP_LOCAL];
    size_t n = 0;

    cursor_expect(in, '"');
    while (!in->failed && !cursor_accept(in, '"')) {
        int ch = cursor_take(in);

        if (ch == '\\')
            ch = cursor_take(in);
        if (ch < ' ' || ch == 127)
            cursor_fail(in, ERROR_SYNTAX, "not allowed in quotes");
        else if (n == sizeof local)
            cursor_fail(in, ERROR_LIMIT, "the local part is too long");
        else
            local[n++] = (char)ch;
    }
    if (n == 0)
        cursor_fail(in, ERROR_SYNTAX, "an empty local part");
    *out = arena_str(arena, str_of(local, n));
    if (!out->p)
        cursor_fail(in, ERROR_LIMIT, "too much in one transaction");
}

/* Local-part = Dot-string / Quoted-string */
static void local_part(struct cursor *in, struct arena *arena, struct str *out)
{
    if (cursor_peek(in) == '"')
        quoted_string(in, arena, out);
    else
        dot_string(in, out);
    if (out->n > LIMIT_SMTP_LOCAL)
        cursor_fail(in, ERROR_LIMIT, "the local part is too long");
}

/* Path = "<" [ A-d-l ":" ] Mailbox ">" */
bool smtp_path_parse(struct cursor *in, struct arena *arena, struct smtp_path *out,
                     struct error *err)
{
    struct smtp_path path = {0};

    cursor_expect(in, '<');
    if (!cursor_accept(in, '>')) {
        if (cursor_peek(in) == '@')
            source_route(in);
        local_part(in, arena, &path.local);
        if (cursor_accept(in, '@'))
            read_path_domain(in, &path.domain);
        else if (!str_equal_nocase(path.local, STR("postmaster"))) /* RFC 5321 section 4.5.1 */
            cursor_fail(in, ERROR_SYNTAX, "an address needs a domain");
        cursor_expect(in, '>');
    }
    for (size_t i = 0; i < path.local.n + path.domain.n; i++)
        path.utf8 = path.utf8 ||
                    is_8bit(i < path.local.n ? path.local.p[i] : path.domain.p[i - path.local.n]);
    if (path.utf8 && (!utf8_valid(path.local) || !utf8_valid(path.domain)))
        cursor_fail(in, ERROR_SYNTAX, "not UTF-8");
    if (!cursor_ok(in, err))
        return false;
    *out = path;
    return true;
}

static bool is_dot_string(struct str local)
{
    for (size_t i = 0; i < local.n; i++) {
        bool edge = i == 0 || i + 1 == local.n || local.p[i - 1] == '.';

        if (!is_atext(local.p[i]) && (local.p[i] != '.' || edge))
            return false;
    }
    return local.n > 0;
}

void smtp_path_print(struct buf *out, const struct smtp_path *path)
{
    if (path->local.n == 0)
        return;
    if (is_dot_string(path->local)) {
        buf_str(out, path->local);
    } else {
        buf_char(out, '"');
        for (size_t i = 0; i < path->local.n; i++) {
            if (path->local.p[i] == '"' || path->local.p[i] == '\\')
                buf_char(out, '\\');
            buf_char(out, path->local.p[i]);
        }
        buf_char(out, '"');
    }
    if (path->domain.n) {
        buf_char(out, '@');
        buf_str(out, path->domain);
    }
}
