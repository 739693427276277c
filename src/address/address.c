/* address/address.c: see names.h. */
#include "address/address.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

bool address_split(struct str address, struct str *local, struct str *domain)
{
    size_t at = str_rfind_char(address, '@');

    if (at == SIZE_MAX || at == 0 || at + 1 == address.n)
        return false;
    *local = str_sub(address, 0, at);
    *domain = str_skip(address, at + 1);
    return true;
}

static void fold_ascii(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_char(out, ascii_lower(s.p[i]));
}

void address_fold(struct buf *out, struct str s)
{
    uint8_t *folded = NULL;
    size_t n = 0;

    if (!str_is_ascii(s) && utf8_valid(s))
        folded = u8_casefold((const uint8_t *)s.p, s.n, NULL, UNINORM_NFC, NULL, &n);
    if (folded)
        buf_add(out, folded, n);
    else
        fold_ascii(out, s);
    free(folded);
}

void address_fold_domain(struct buf *out, struct str s)
{
    char *name, *label = NULL;

    if (str_is_ascii(s) || s.n > LIMIT_SMTP_DOMAIN || str_find_char(s, '\0') != SIZE_MAX) {
        fold_ascii(out, s);
        return;
    }
    name = str_dup_c(s);
    if (idn2_to_ascii_8z(name, &label, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        fold_ascii(out, str_c(label));
    else
        buf_str(out, s);
    idn2_free(label);
    mem_free(name);
}

void address_fold_whole(struct buf *out, struct str s)
{
    struct str local, domain;

    if (!address_split(s, &local, &domain)) {
        address_fold(out, s);
        return;
    }
    address_fold(out, local);
    buf_char(out, '@');
    address_fold_domain(out, domain);
}

void address_detail(struct str local, struct str *base, struct str *detail)
{
    size_t plus = str_find_char(str_skip(local, 1), '+');

    *base = local;
    *detail = STR_NULL;
    if (plus == SIZE_MAX)
        return;
    *base = str_sub(local, 0, plus + 1);
    *detail = str_skip(local, plus + 2);
}

void address_login(struct buf *out, struct str user)
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
    return ascii_alpha(c) || ascii_digit(c) ||
           str_find_char(STR("!#$%&'*-/=?^_`{|}~."), c) != SIZE_MAX;
}

/* Letters, digits, marks and signs beyond ASCII; no spaces, controls, or formatting that nobody sees. */
static bool is_name_beyond_ascii(int32_t code)
{
    return code > 127 &&
           uc_is_general_category_withtable((ucs4_t)code, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N |
                                                              UC_CATEGORY_MASK_M);
}

static bool check_ascii_domain(struct str domain, struct error *err)
{
    size_t label = 0;

    if (domain.n == 0 || domain.n > LIMIT_SMTP_DOMAIN)
        return error_set(err, ERROR_SYNTAX, "a domain has 1 to %d characters", LIMIT_SMTP_DOMAIN);
    for (size_t i = 0; i <= domain.n; i++) {
        char c = i < domain.n ? domain.p[i] : '.';

        if (c == '.') {
            if (label == 0 || label > 63 || domain.p[i - 1] == '-')
                return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not a domain name",
                                 STR_ARG(domain));
            label = 0;
            continue;
        }
        if (!ascii_alpha(c) && !ascii_digit(c) && (c != '-' || label == 0))
            return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not a domain name", STR_ARG(domain));
        label++;
    }
    return true;
}

bool address_check_domain(struct str domain, struct error *err)
{
    struct buf b;
    bool ok;

    buf_init(&b, LIMIT_SMTP_DOMAIN);
    address_fold_domain(&b, domain);
    ok = !b.overflow && check_ascii_domain(buf_view(&b), err);
    if (b.overflow)
        error_set(err, ERROR_SYNTAX, "a domain has 1 to %d characters", LIMIT_SMTP_DOMAIN);
    buf_done(&b);
    return ok;
}

bool address_check(struct str local, struct str domain, struct error *err)
{
    size_t at = 0;

    if (local.n == 0 || local.n > LIMIT_SMTP_LOCAL)
        return error_set(err, ERROR_SYNTAX, "what stands before the @ has 1 to %d characters",
                         LIMIT_SMTP_LOCAL);
    while (at < local.n) {
        size_t i = at;
        int32_t code = utf8_next(local, &at);
        bool dot = code == '.' && (i == 0 || i + 1 == local.n || local.p[i - 1] == '.');

        if ((code < 128 ? !is_local(local.p[i]) : !is_name_beyond_ascii(code)) || dot)
            return error_set(
                err, ERROR_SYNTAX,
                "\"%.*s\" cannot stand before the @: letters, digits, - and _ can, and "
                "single dots between them",
                STR_ARG(local));
    }
    return address_check_domain(domain, err);
}
