/* directory/names.c: see names.h. */
#include "directory/names.h"

#include "base/limits.h"

bool name_split(struct str address, struct str *local, struct str *domain)
{
    size_t at = str_rfind_char(address, '@');

    if (at == SIZE_MAX || at == 0 || at + 1 == address.n)
        return false;
    *local = str_sub(address, 0, at);
    *domain = str_skip(address, at + 1);
    return true;
}

void name_fold(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_char(out, ascii_lower(s.p[i]));
}

void name_detail(struct str local, struct str *base, struct str *detail)
{
    size_t plus = str_find_char(str_skip(local, 1), '+');

    *base = local;
    *detail = STR_NULL;
    if (plus == SIZE_MAX)
        return;
    *base = str_sub(local, 0, plus + 1);
    *detail = str_skip(local, plus + 2);
}

void name_login(struct buf *out, struct str user)
{
    user = str_trim(user);
    for (size_t i = 0; i < user.n; i++) {
        if (str_starts(str_skip(user, i), STR("%40"))) {
            buf_char(out, '@');
            i += 2;
        } else {
            buf_char(out, ascii_lower(user.p[i]));
        }
    }
}

/* RFC 5322 section 3.2.3, atext, less the + that begins a detail. */
static bool is_local(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || str_find_char(STR("!#$%&'*-/=?^_`{|}~."), c) != SIZE_MAX;
}

bool name_check_domain(struct str domain, struct error *err)
{
    size_t label = 0;

    if (domain.n == 0 || domain.n > LIMIT_SMTP_DOMAIN)
        return error_set(err, ERROR_SYNTAX, "a domain has 1 to %d characters", LIMIT_SMTP_DOMAIN);
    for (size_t i = 0; i <= domain.n; i++) {
        char c = i < domain.n ? domain.p[i] : '.';

        if (c == '.') {
            if (label == 0 || label > 63 || domain.p[i - 1] == '-')
                return error_set(err, ERROR_SYNTAX, "\"%.*s\" is no domain name", STR_ARG(domain));
            label = 0;
            continue;
        }
        if (!ascii_alpha(c) && !ascii_digit(c) && (c != '-' || label == 0))
            return error_set(err, ERROR_SYNTAX, "\"%.*s\" is no domain name", STR_ARG(domain));
        label++;
    }
    return true;
}

bool name_check(struct str local, struct str domain, struct error *err)
{
    if (local.n == 0 || local.n > LIMIT_SMTP_LOCAL)
        return error_set(err, ERROR_SYNTAX, "what stands before the @ has 1 to %d characters",
                         LIMIT_SMTP_LOCAL);
    for (size_t i = 0; i < local.n; i++) {
        bool dot = local.p[i] == '.' && (i == 0 || i + 1 == local.n || local.p[i - 1] == '.');

        if (!is_local(local.p[i]) || dot)
            return error_set(err, ERROR_SYNTAX, "\"%.*s\" can not stand before the @ of an address here",
                             STR_ARG(local));
    }
    return name_check_domain(domain, err);
}
