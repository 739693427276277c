/* smtp/parameter.c: the parameters of MAIL. */
#include "smtp/server_int.h"

/* esmtp-param = esmtp-keyword ["=" esmtp-value] (RFC 5321 section 4.1.2). False at the end or when
 * it cannot be read; then *wrong tells which. */
static bool next_parameter(struct cursor *c, struct str *keyword, struct str *value, bool *wrong)
{
    struct str word = cursor_rest(c), rest = STR_NULL;

    *wrong = false;
    if (cursor_at_end(c))
        return false;
    *wrong = !cursor_accept(c, ' ');
    word = str_skip(word, 1);
    if (str_cut(word, ' ', &word, &rest))
        c->at = c->in.n - rest.n - 1;
    else
        c->at = c->in.n;
    *keyword = word;
    *value = STR_NULL;
    str_cut(word, '=', keyword, value);
    *wrong = *wrong || keyword->n == 0;
    return !*wrong;
}

/* SIZE=n (RFC 1870 section 6). False when it was refused. */
static bool take_size(struct smtp_server *s, struct str value, struct smtp_mail *mail)
{
    uint64_t size = 0;
    bool digits = value.n > 0 && value.n <= 20;

    for (size_t i = 0; i < value.n; i++)
        digits = digits && ascii_digit(value.p[i]);
    if (!digits || mail->size) {
        smtp_refuse(s, "501 5.5.4 SIZE is a number");
        return false;
    }
    if (!str_to_u64(value, s->config.size_max, &size)) {
        s->config.counters->sizes++;
        smtp_reply(s, "552 5.3.4 A message may have %llu bytes here",
                   (unsigned long long)s->config.size_max);
        return false;
    }
    mail->size = size;
    return true;
}

/* BODY= (RFC 6152 section 2, RFC 3030 section 3). False when it was refused. */
static bool take_body(struct smtp_server *s, struct str value, struct smtp_mail *mail)
{
    static const char *const bodies[] = {
        [SMTP_BODY_7BIT] = "7BIT",
        [SMTP_BODY_8BITMIME] = "8BITMIME",
        [SMTP_BODY_BINARYMIME] = "BINARYMIME",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        if (!str_equal_nocase(value, str_c(bodies[i])))
            continue;
        mail->body = (enum smtp_body)i;
        return true;
    }
    smtp_refuse(s, "501 5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME");
    return false;
}

bool smtp_mail_parameters(struct smtp_server *s, struct cursor *c, struct smtp_mail *out)
{
    struct str keyword, value;
    bool wrong;

    while (next_parameter(c, &keyword, &value, &wrong)) {
        bool ok = true;

        if (str_equal_nocase(keyword, STR("SIZE"))) {
            ok = take_size(s, value, out);
        } else if (str_equal_nocase(keyword, STR("BODY"))) {
            ok = take_body(s, value, out);
        } else if (str_equal_nocase(keyword, STR("SMTPUTF8"))) { /* RFC 6531 section 3.4 */
            out->smtputf8 = true;
            if (value.n) {
                smtp_refuse(s, "501 5.5.4 SMTPUTF8 has no value");
                ok = false;
            }
        } else {
            smtp_refuse(s, "555 5.5.4 A parameter of MAIL is not known here");
            ok = false;
        }
        if (!ok)
            return false;
    }
    if (wrong)
        smtp_refuse(s, "501 5.5.4 The parameters cannot be read");
    return !wrong;
}
