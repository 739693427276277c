/* config/config.c: parser and printers over the one table. */
#include "config/config.h"

#include "base/limits.h"
#include "net/address.h"

#include <string.h>

enum type { TYPE_TEXT, TYPE_ADDRESSES, TYPE_NETWORKS, TYPE_NUMBER, TYPE_BOOL };
enum when { WHEN_LIVE, WHEN_START };

static const struct setting {
    const char *key, *def, *help;
    enum type type;
    enum when when;
    size_t offset;
    uint64_t least, most;
} table[] = {
#define SETTING(type, field, key, def, least, most, reload, help)                                  \
    {key, def, help, TYPE_##type, WHEN_##reload, offsetof(struct config, field), least, most},
    SETTINGS(SETTING)
#undef SETTING
};

static char **text_of(const struct config *c, const struct setting *s)
{
    return (char **)((const char *)c + s->offset);
}

static uint64_t *number_of(const struct config *c, const struct setting *s)
{
    return (uint64_t *)((const char *)c + s->offset);
}

static bool *bool_of(const struct config *c, const struct setting *s)
{
    return (bool *)((const char *)c + s->offset);
}

static bool is_text_setting(const struct setting *s)
{
    return s->type == TYPE_TEXT || s->type == TYPE_ADDRESSES || s->type == TYPE_NETWORKS;
}

static bool parse_number(struct str v, uint64_t *out)
{
    uint64_t unit = 1;

    if (v.n) {
        char last = ascii_upper(v.p[v.n - 1]);

        unit = last == 'K' ? 1 << 10 : last == 'M' ? 1 << 20 : last == 'G' ? 1 << 30 : 1;
        v.n -= unit > 1;
    }
    if (!str_to_u64(v, UINT64_MAX / unit, out))
        return false;
    *out *= unit;
    return true;
}

static bool check_net_addresses(struct str v, struct error *err)
{
    struct net_address a;
    size_t at = 0;

    while (net_address_next(v, &at, &a, err))
        ;
    return at == v.n;
}

static bool set_text(struct config *c, const struct setting *s, struct str v, struct error *err)
{
    if (v.n < s->least || v.n > s->most)
        return error_set(err, ERROR_LIMIT, "%s wants %llu to %llu characters", s->key,
                         (unsigned long long)s->least, (unsigned long long)s->most);
    if (s->type == TYPE_ADDRESSES && !check_net_addresses(v, err))
        return false;
    if (s->type == TYPE_NETWORKS && !net_networks_check(v, err))
        return false;
    mem_free(*text_of(c, s));
    *text_of(c, s) = str_dup_c(v);
    return true;
}

static bool set_number(struct config *c, const struct setting *s, struct str v, struct error *err)
{
    uint64_t n;

    if (!parse_number(v, &n))
        return error_set(err, ERROR_SYNTAX, "%s wants a number, not \"%.*s\"", s->key, STR_ARG(v));
    if (n < s->least || n > s->most)
        return error_set(err, ERROR_LIMIT, "%s must be %llu to %llu", s->key,
                         (unsigned long long)s->least, (unsigned long long)s->most);
    *number_of(c, s) = n;
    return true;
}

static bool set_value(struct config *c, const struct setting *s, struct str v, struct error *err)
{
    switch (s->type) {
    case TYPE_TEXT:
    case TYPE_ADDRESSES:
    case TYPE_NETWORKS:
        return set_text(c, s, v, err);
    case TYPE_NUMBER:
        return set_number(c, s, v, err);
    case TYPE_BOOL:
        if (!str_equal(v, STR("yes")) && !str_equal(v, STR("no")))
            return error_set(err, ERROR_SYNTAX, "%s wants yes or no, not \"%.*s\"", s->key,
                             STR_ARG(v));
        *bool_of(c, s) = str_equal(v, STR("yes"));
        return true;
    }
    return false;
}

void config_init(struct config *c)
{
    struct error err;

    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!set_value(c, &table[i], str_c(table[i].def), &err))
            panic("the default of %s: %s", table[i].key, err.text);
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (is_text_setting(&table[i]))
            mem_free(*text_of(c, &table[i]));
    memset(c, 0, sizeof *c);
}

static size_t find_key(struct str key)
{
    size_t i = 0;

    while (i < ARRAY_LEN(table) && !str_equal(str_c(table[i].key), key))
        i++;
    return i;
}

static bool parse_line(struct config *c, struct str line, bool *seen, struct error *err)
{
    struct str key, value;
    size_t i;

    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return true;
    if (line.n > LIMIT_CONFIG_LINE)
        return error_set(err, ERROR_LIMIT, "a line has at most %d characters", LIMIT_CONFIG_LINE);
    if (!str_cut(line, '=', &key, &value))
        return error_set(err, ERROR_SYNTAX, "expected `key = value`");
    key = str_trim(key);
    i = find_key(key);
    if (i == ARRAY_LEN(table))
        return error_set(err, ERROR_SYNTAX, "there is no setting \"%.*s\"", STR_ARG(key));
    if (seen[i])
        return error_set(err, ERROR_SYNTAX, "%s is set twice", table[i].key);
    seen[i] = true;
    if (memchr(line.p, '\0', line.n))
        return error_set(err, ERROR_SYNTAX, "%s has a NUL byte", table[i].key);
    return set_value(c, &table[i], str_trim(value), err);
}

bool config_parse(struct config *c, struct str text, struct error *err)
{
    bool seen[ARRAY_LEN(table)] = {0};
    size_t number = 0;

    if (text.n > LIMIT_CONFIG_TEXT)
        return error_set(err, ERROR_LIMIT, "the text is larger than %d bytes", LIMIT_CONFIG_TEXT);
    while (text.n) {
        struct str line = text, rest = STR_NULL;
        struct error why = {0};

        number++;
        if (str_cut(text, '\n', &line, &rest))
            text = rest;
        else
            text = STR_NULL;
        if (!parse_line(c, line, seen, &why)) {
            error_set(err, why.kind, "line %zu: %s", number, why.text);
            if (err)
                err->at = number;
            return false;
        }
    }
    return true;
}

static void print_value(const struct config *c, const struct setting *s, struct buf *out)
{
    if (s->type == TYPE_NUMBER)
        buf_u64(out, *number_of(c, s));
    else if (s->type == TYPE_BOOL)
        buf_c(out, *bool_of(c, s) ? "yes" : "no");
    else
        buf_c(out, *text_of(c, s));
}

void config_print(const struct config *c, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_printf(out, "%s = ", table[i].key);
        print_value(c, &table[i], out);
        buf_char(out, '\n');
    }
}

static void print_json_text(struct buf *out, const char *s)
{
    buf_char(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(out, "\\%c", *s);
        else if ((unsigned char)*s < ' ')
            buf_printf(out, "\\u%04x", (unsigned char)*s);
        else
            buf_char(out, *s);
    }
    buf_char(out, '"');
}

void config_print_json(const struct config *c, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *s = &table[i];

        buf_printf(out, "%s\"%s\": ", i ? ", " : "{", s->key);
        if (s->type == TYPE_NUMBER)
            buf_u64(out, *number_of(c, s));
        else if (s->type == TYPE_BOOL)
            buf_c(out, *bool_of(c, s) ? "true" : "false");
        else
            print_json_text(out, *text_of(c, s));
    }
    buf_c(out, "}\n");
}

static const char *when_words(const struct setting *s)
{
    return s->when == WHEN_LIVE ? "takes effect at SIGHUP" : "takes effect at the next start";
}

static void print_bounds(const struct setting *s, struct buf *out)
{
    if (s->type == TYPE_NUMBER)
        buf_printf(out, "%llu to %llu; ", (unsigned long long)s->least,
                   (unsigned long long)s->most);
    else if (s->type == TYPE_BOOL)
        buf_c(out, "yes or no; ");
    else if (s->type == TYPE_ADDRESSES)
        buf_c(out, "IP:port, several with spaces between; ");
    else if (s->type == TYPE_NETWORKS)
        buf_c(out, "networks as 192.0.2.0/24, several with spaces between; ");
    buf_c(out, when_words(s));
}

void config_print_sample(struct buf *out)
{
    buf_c(out, "# posthus.conf: all settings with their defaults. Remove the # in front of one to "
               "change it.\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_printf(out, "\n# %s\n# (", table[i].help);
        print_bounds(&table[i], out);
        buf_printf(out, ")\n#%s = %s\n", table[i].key, table[i].def);
    }
}

void config_print_man(struct buf *out)
{
    buf_c(out,
          ".Dd November 24, 2026\n.Dt POSTHUS.CONF 5\n.Os\n.Sh NAME\n.Nm posthus.conf\n"
          ".Nd settings of the Posthus server\n.Sh DESCRIPTION\nThe file\n.Pa posthus.conf\n"
          "in the data folder has a setting a line,\n.Ql key = value .\nA line that begins with\n"
          ".Ql #\nis a comment.\nAn unknown key is an error;\n.Ic posthus config check\n"
          "names its line.\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_printf(out, ".It Ic %s\n%s\nDefault:\n%s%s\n(", table[i].key, table[i].help,
                   table[i].def[0] ? ".Ql " : "empty", table[i].def);
        print_bounds(&table[i], out);
        buf_c(out, ").\n");
    }
    buf_c(out, ".El\n.Sh SEE ALSO\n.Xr posthus 8\n");
}

void config_print_changed(const struct config *a, const struct config *b, struct buf *out)
{
    struct buf x, y;

    buf_init(&x, LIMIT_CONFIG_LINE);
    buf_init(&y, LIMIT_CONFIG_LINE);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_reset(&x);
        buf_reset(&y);
        print_value(a, &table[i], &x);
        print_value(b, &table[i], &y);
        if (table[i].when == WHEN_START && !str_equal(buf_view(&x), buf_view(&y)))
            buf_printf(out, "%s%s", out->n ? " " : "", table[i].key);
    }
    buf_done(&x);
    buf_done(&y);
}

static void swap_value(struct config *a, struct config *b, const struct setting *s)
{
    if (is_text_setting(s)) {
        char *t = *text_of(a, s);

        *text_of(a, s) = *text_of(b, s);
        *text_of(b, s) = t;
    } else if (s->type == TYPE_NUMBER) {
        *number_of(a, s) = *number_of(b, s);
    } else {
        *bool_of(a, s) = *bool_of(b, s);
    }
}

void config_keep_start(struct config *fresh, struct config *old)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].when == WHEN_START)
            swap_value(fresh, old, &table[i]);
}

const char *config_text(const struct config *c, const char *key)
{
    size_t i = find_key(str_c(key));

    return i < ARRAY_LEN(table) && is_text_setting(&table[i]) ? *text_of(c, &table[i]) : NULL;
}
