/* compose/build.c: header fields, see build.h. Bodies are in build_body.c.
 *
 * A field is written atom by atom: an atom is what may not be cut, and a line is folded before the
 * blanks in front of one (RFC 5322 section 2.2.3). Whatever goes wrong within a field, the buffer
 * is cut back to where it began. */
#include "compose/build_int.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE 78         /* RFC 5322 section 2.1.1 */
#define LINE_WORD 76    /* of a line with an encoded word, RFC 2047 section 2 */
#define WORD_PLAIN 800  /* a longer run without blanks is encoded, so that it can be cut */
#define BLANKS_PLAIN 60 /* as is a longer run of blanks */
#define DATE_FIRST (-2208988800 * INT64_C(1000000)) /* 1900-01-01, RFC 5322 section 3.3 */
#define DATE_LAST (253402300800 * INT64_C(1000000) - 1)
#define WORD_LEAST 12 /* bytes of encoded text: room for one character of four bytes */

struct field {
    struct compose *w;
    struct buf *out;
    size_t begin; /* in out */
    size_t col;
    size_t blanks; /* to be written before the next atom */
    bool first; /* nothing stands after the colon: no fold here, which some readers do not expect */
};

void compose_fail(struct compose *w, enum error_kind kind, const char *fmt, ...)
{
    char words[ERROR_TEXT_MAX];
    va_list ap;

    if (w->err.kind != ERROR_NONE)
        return;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    error_fill(&w->err, kind, "%s", words);
}

/* ---- what values may hold ---- */

/* VCHAR (RFC 5234 appendix B.1) */
static bool is_visible(char ch)
{
    return (unsigned char)ch > ' ' && (unsigned char)ch < 127;
}

/* VCHAR without ":" (RFC 5322 section 3.6.8) */
static bool is_field_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_visible(name.p[i]) || name.p[i] == ':')
            return false;
    return name.n > 0 && name.n <= LIMIT_WRITE_NAME;
}

bool compose_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_visible(s.p[i]) || strchr("()<>@,;:\\\"/[]?=", s.p[i]))
            return false;
    return s.n > 0;
}

/* atext (RFC 5322 section 3.2.3); with RFC 6532 section 3.2 every byte above 127 as well. */
static bool is_atext(char ch)
{
    return (unsigned char)ch > 127 || ascii_alpha(ch) || ascii_digit(ch) ||
           (ch != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", ch));
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > 127)
            return false;
    return true;
}

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

/* A value of text: no control character but tab, UTF-8, not too long. */
static bool check_text(struct compose *w, struct str s, size_t max, const char *what)
{
    if (s.n > max)
        compose_fail(w, ERROR_LIMIT, "%s has more than %zu bytes", what, max);
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
            compose_fail(w, ERROR_SYNTAX, "%s holds a control character", what);
    if (!utf8_valid(s))
        compose_fail(w, ERROR_SYNTAX, "%s is not UTF-8", what);
    return w->err.kind == ERROR_NONE;
}

/* ---- atoms ---- */

/* False when nothing is to be written, because something went wrong before. */
static bool field_begin(struct field *f, struct compose *w, struct str name)
{
    *f = (struct field){.w = w, .out = w->out, .begin = w->out->n, .blanks = 1, .first = true};
    if (w->state != COMPOSE_HEADER && w->state != COMPOSE_STATUS)
        panic("a field after the header");
    if (!is_field_name(name))
        compose_fail(w, ERROR_SYNTAX, "no name of a header field");
    if (w->err.kind != ERROR_NONE)
        return false;
    buf_str(w->out, name);
    buf_char(w->out, ':');
    f->col = name.n + 1;
    return true;
}

static void field_end(struct field *f)
{
    buf_add(f->out, "\r\n", 2);
    if (f->out->n - f->begin > LIMIT_MIME_FIELD)
        compose_fail(f->w, ERROR_LIMIT, "a header field has more than %d bytes", LIMIT_MIME_FIELD);
    if (f->out->overflow)
        compose_fail(f->w, ERROR_LIMIT, "the message is too large");
    if (f->w->err.kind != ERROR_NONE)
        f->out->n = f->begin;
}

/* Goes to a new line when n more bytes do not fit this one. */
static void make_room(struct field *f, size_t n, size_t line)
{
    if (!f->first && f->blanks && f->col + f->blanks + n > line) {
        buf_add(f->out, "\r\n", 2);
        f->col = 0;
    }
    for (size_t i = 0; i < f->blanks; i++)
        buf_char(f->out, ' ');
    f->col += f->blanks;
    f->blanks = 0;
    f->first = false;
}

static void put_atom(struct field *f, struct str atom)
{
    make_room(f, atom.n, LINE);
    buf_str(f->out, atom);
    f->col += atom.n;
}

/* ---- encoded words (RFC 2047) ---- */

/* What may stand as it is in a "Q" encoded word of a phrase (section 5 (3)), the strictest place.
 */
static bool is_q_plain(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || ch == '!' || ch == '*' || ch == '+' || ch == '-' ||
           ch == '/';
}

static size_t q_cost(char ch)
{
    return is_q_plain(ch) || is_blank(ch) ? 1 : 3;
}

static void q_print(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (is_blank(text.p[i]))
            buf_char(out, '_');
        else if (is_q_plain(text.p[i]))
            buf_char(out, text.p[i]);
        else
            buf_printf(out, "=%02X", (unsigned char)text.p[i]);
    }
}

/* A tab is a space here as well. */
static void b_print(struct buf *out, struct str text)
{
    char copy[LINE_WORD];

    for (size_t i = 0; i < text.n; i++)
        copy[i] = text.p[i] == '\t' ? ' ' : text.p[i];
    base64_print(out, str_of(copy, text.n));
}

/* How many bytes of text, in whole characters (section 5), fit into `room` of encoded text. */
static size_t word_length(struct str text, size_t room, bool q)
{
    size_t used = 0, n = 0;

    for (size_t at = 0; at < text.n;) {
        size_t from = at;

        utf8_next(text, &at);
        for (size_t i = from; i < at; i++)
            used += q ? q_cost(text.p[i]) : 1;
        if ((q ? used : (used + 2) / 3 * 4) > room)
            break;
        n = at;
    }
    return n;
}

/* Writes text as encoded words, one a line but for the first, which fills the line. White space
 * between two of them is no part of the text (section 6.2). */
static void put_words(struct field *f, struct str text)
{
    size_t cost = 0;
    bool q;

    for (size_t i = 0; i < text.n; i++)
        cost += q_cost(text.p[i]);
    q = cost <= (text.n + 2) / 3 * 5; /* a quarter more, for what people can read */
    while (text.n) {
        size_t frame = sizeof "=?utf-8?q?"
                              "?=" -
                       1,
               room, n, from;

        make_room(f, frame + WORD_LEAST, LINE_WORD);
        room = size_max(LINE_WORD, f->col + frame + WORD_LEAST) - f->col - frame;
        n = word_length(text, size_min(room, 75 - frame), q); /* section 2: at most 75 in all */
        from = f->out->n;
        buf_c(f->out, q ? "=?utf-8?q?" : "=?utf-8?b?");
        (q ? q_print : b_print)(f->out, str_sub(text, 0, n));
        buf_add(f->out, "?=", 2);
        f->col += f->out->n - from;
        f->blanks = 1;
        text = str_skip(text, n);
    }
    f->blanks = 0;
}

/* ---- unstructured text ---- */

/* The next run of bytes that are blanks, or that are none. */
static struct str next_run(struct str text, size_t at, bool blank)
{
    size_t n = 0;

    while (at + n < text.n && is_blank(text.p[at + n]) == blank)
        n++;
    return str_sub(text, at, n);
}

static bool needs_encoding(struct str word)
{
    return word.n > WORD_PLAIN || !is_ascii(word) || str_find(word, STR("=?")) != SIZE_MAX;
}

static bool has_long_blanks(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n && n <= BLANKS_PLAIN; i++)
        n = is_blank(text.p[i]) ? n + 1 : 0;
    return n > BLANKS_PLAIN;
}

/* The end of the encoded text that begins at `at`: neighbours that need encoding are encoded with
 * the blanks between them. */
static size_t encoded_end(struct str text, size_t at)
{
    size_t end = at;

    while (at < text.n) {
        struct str word = next_run(text, at, false);

        if (!needs_encoding(word))
            break;
        end = at + word.n;
        at = end + next_run(text, end, true).n;
    }
    return end;
}

static void put_text(struct field *f, struct str text)
{
    if (has_long_blanks(text)) {
        put_words(f, text);
        return;
    }
    for (size_t at = 0; at < text.n;) {
        size_t end = encoded_end(text, at);

        if (end > at) {
            put_words(f, str_sub(text, at, end - at));
        } else {
            struct str word = next_run(text, at, false);

            put_atom(f, word);
            end = at + word.n;
        }
        f->blanks = next_run(text, end, true).n;
        at = end + f->blanks;
    }
}

void compose_text(struct compose *w, struct str name, struct str text)
{
    struct field f;

    if (!field_begin(&f, w, name))
        return;
    if (check_text(w, text, LIMIT_WRITE_TEXT, "a header field's text"))
        put_text(&f, str_trim(text));
    field_end(&f);
}

/* ---- addresses ---- */

/* quoted-string (RFC 5322 section 3.2.4), folded at its blanks: they are a part of it, the line end
 * is not. */
static void put_quoted(struct field *f, struct str s)
{
    char piece[2 * WORD_PLAIN + 2];

    for (size_t at = 0; at <= s.n;) {
        struct str word = next_run(s, at, false);
        size_t n = 0;

        if (at == 0)
            piece[n++] = '"';
        for (size_t i = 0; i < word.n; i++) {
            if (word.p[i] == '"' || word.p[i] == '\\')
                piece[n++] = '\\';
            piece[n++] = word.p[i];
        }
        at += word.n;
        if (at == s.n)
            piece[n++] = '"';
        put_atom(f, str_of(piece, n));
        if (at == s.n)
            break;
        f->blanks = next_run(s, at, true).n;
        at += f->blanks;
    }
}

/* phrase = 1*word (section 3.2.5): atoms where that is enough, so that plain names look plain.
 * Returns true when it ended with an encoded word, which nothing may touch. */
static bool put_phrase(struct field *f, struct str name)
{
    bool plain = true, encode = has_long_blanks(name);

    for (size_t at = 0; at < name.n;) {
        struct str word = next_run(name, at, false), blanks = next_run(name, at + word.n, true);

        encode = encode || word.n > WORD_PLAIN / 2 || needs_encoding(word);
        for (size_t i = 0; i < word.n; i++)
            plain = plain && is_atext(word.p[i]);
        plain = plain && blanks.n <= 1;
        at += word.n + blanks.n;
    }
    if (encode) {
        put_words(f, name);
    } else if (!plain) {
        put_quoted(f, name);
    } else {
        for (size_t at = 0; at < name.n;) {
            struct str word = next_run(name, at, false);

            put_atom(f, word);
            at += word.n + 1;
            f->blanks = at < name.n;
        }
    }
    return encode;
}

/* dot-atom-text (section 3.2.3) */
static bool is_dot_atom(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' ? i == 0 || i + 1 == s.n || s.p[i - 1] == '.' : !is_atext(s.p[i]))
            return false;
    return s.n > 0;
}

/* domain-literal = "[" *dtext "]" (section 3.4.1) */
static bool is_literal(struct str s)
{
    if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < s.n; i++)
        if (!is_visible(s.p[i]) || s.p[i] == '[' || s.p[i] == ']' || s.p[i] == '\\')
            return false;
    return true;
}

static bool check_address(struct compose *w, const struct mime_address *a)
{
    if (a->local.n == 0 || a->local.n > LIMIT_SMTP_PATH || a->domain.n > LIMIT_SMTP_DOMAIN)
        compose_fail(w, ERROR_LIMIT, "an address is too long, or has nothing before its @");
    for (size_t i = 0; i < a->local.n; i++)
        if ((unsigned char)a->local.p[i] < ' ' || a->local.p[i] == 127)
            compose_fail(w, ERROR_SYNTAX, "an address holds a control character");
    if (!utf8_valid(a->local) || !utf8_valid(a->domain))
        compose_fail(w, ERROR_SYNTAX, "an address is not UTF-8");
    if (!is_dot_atom(a->domain) && !is_literal(a->domain))
        compose_fail(w, ERROR_SYNTAX, "what follows the @ of an address is not a domain");
    if (!w->smtputf8 && (!is_ascii(a->local) || !is_ascii(a->domain))) /* RFC 6532 section 3.2 */
        compose_fail(w, ERROR_UNSUPPORTED, "an address in UTF-8, and no SMTPUTF8");
    return w->err.kind == ERROR_NONE;
}

/* addr-spec (RFC 5322 section 3.4.1), with what stands before and after it. One atom: a folded
 * address is legal, and not understood everywhere. */
static void put_addr_spec(struct field *f, const struct mime_address *a, bool angle, bool comma)
{
    char text[2 * LIMIT_SMTP_PATH + LIMIT_SMTP_DOMAIN + 8];
    size_t n = 0;
    /* "=?" is atext, but some readers decode it wherever it stands, also in quotes: a backslash
     * hides it. */
    bool quoted = !is_dot_atom(a->local) || str_find(a->local, STR("=?")) != SIZE_MAX;

    if (angle)
        text[n++] = '<';
    if (quoted)
        text[n++] = '"';
    for (size_t i = 0; i < a->local.n; i++) {
        char ch = a->local.p[i];

        if (ch == '"' || ch == '\\' || (ch == '?' && i && a->local.p[i - 1] == '='))
            text[n++] = '\\';
        text[n++] = a->local.p[i];
    }
    if (quoted)
        text[n++] = '"';
    text[n++] = '@';
    memcpy(text + n, a->domain.p, a->domain.n);
    n += a->domain.n;
    if (angle)
        text[n++] = '>';
    if (comma)
        text[n++] = ',';
    put_atom(f, str_of(text, n));
}

static void put_mailbox(struct field *f, const struct mime_address *a, bool comma)
{
    struct str name = str_trim(a->name);

    if (!check_address(f->w, a) || !check_text(f->w, a->name, LIMIT_WRITE_TEXT, "a name"))
        return;
    if (name.n) {
        put_phrase(f, name);
        f->blanks = 1;
    }
    put_addr_spec(f, a, name.n > 0, comma);
}

static void put_char(struct field *f, char ch)
{
    buf_char(f->out, ch);
    f->col++;
}

/* group = display-name ":" [group-list] ";" */
static void put_group(struct field *f, struct str name)
{
    if (!check_text(f->w, name, LIMIT_WRITE_TEXT, "a name"))
        return;
    name = str_trim(name);
    if (name.n == 0)
        compose_fail(f->w, ERROR_SYNTAX, "a group without a name");
    else
        put_atom(f, put_phrase(f, name) ? STR(" :") : STR(":"));
}

void compose_addresses(struct compose *w, struct str name, const struct mime_address *list,
                       size_t n)
{
    bool in_group = false;
    struct field f;

    if (!field_begin(&f, w, name))
        return;
    if (n == 0)
        compose_fail(w, ERROR_SYNTAX, "an address list without an address");
    if (n > LIMIT_MIME_ADDRESSES)
        compose_fail(w, ERROR_LIMIT, "more than %d addresses in a field", LIMIT_MIME_ADDRESSES);
    for (size_t i = 0; i < n && w->err.kind == ERROR_NONE; i++) {
        bool more = i + 1 < n, closes = more && list[i + 1].kind == MIME_ADDRESS_GROUP_END;

        if (list[i].kind == MIME_ADDRESS_MAILBOX) {
            put_mailbox(&f, &list[i], more && !closes);
        } else if ((list[i].kind == MIME_ADDRESS_GROUP) == in_group) {
            compose_fail(w, ERROR_SYNTAX, "groups that do not begin and end in turns");
        } else if (in_group) {
            in_group = false;
            put_char(&f, ';');
            if (more)
                put_char(&f, ',');
        } else {
            in_group = true;
            put_group(&f, list[i].name);
        }
        f.blanks = 1;
    }
    if (in_group)
        compose_fail(w, ERROR_SYNTAX, "a group that does not end");
    field_end(&f);
}

void compose_address(struct compose *w, struct str name, const struct mime_address *one)
{
    compose_addresses(w, name, one, 1);
}

/* ---- dates and ids ---- */

void compose_date(struct compose *w, struct str name, int64_t us)
{
    char text[64];
    struct buf date;
    struct field f;

    if (!field_begin(&f, w, name))
        return;
    if (us < DATE_FIRST || us > DATE_LAST) {
        compose_fail(w, ERROR_SYNTAX, "a date before 1900 or after 9999");
    } else {
        buf_init(&date, sizeof text);
        clock_print_rfc5322(&date, us);
        put_atom(&f, buf_view(&date));
        buf_done(&date);
    }
    field_end(&f);
}

bool compose_id_writable(struct str id, bool smtputf8)
{
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] <= ' ' || id.p[i] == 127 || id.p[i] == '<' || id.p[i] == '>')
            return false;
    if (str_find(id, STR("=?")) != SIZE_MAX) /* readers take it for an encoded word */
        return false;
    return id.n > 0 && id.n <= LIMIT_WRITE_ID && (smtputf8 ? utf8_valid(id) : is_ascii(id));
}

/* How many ids at the end of the list are written beside the first one. */
static size_t last_ids(const struct str *ids, size_t n)
{
    size_t count = 0, bytes = LIMIT_WRITE_NAME + ids[0].n + 16;

    while (count + 1 < n && count + 1 < LIMIT_MIME_REFERENCES) {
        bytes += ids[n - 1 - count].n + 5; /* <, >, CRLF and a space */
        if (bytes > LIMIT_MIME_FIELD)
            break;
        count++;
    }
    return count;
}

static void put_id(struct field *f, struct str id)
{
    char text[LIMIT_WRITE_ID + 2];

    if (!compose_id_writable(id, f->w->smtputf8)) {
        compose_fail(f->w, ERROR_SYNTAX, "this cannot stand in a header as a message id");
        return;
    }
    text[0] = '<';
    memcpy(text + 1, id.p, id.n);
    text[id.n + 1] = '>';
    put_atom(f, str_of(text, id.n + 2));
    f->blanks = 1;
}

void compose_ids(struct compose *w, struct str name, const struct str *ids, size_t n)
{
    struct field f;

    if (!field_begin(&f, w, name))
        return;
    if (n == 0) {
        compose_fail(w, ERROR_SYNTAX, "a list of message ids without one");
    } else {
        put_id(&f, ids[0]);
        for (size_t i = n - last_ids(ids, n); i < n; i++)
            put_id(&f, ids[i]);
    }
    field_end(&f);
}

void compose_new_id(struct compose *w, struct str domain)
{
    char text[26 + 1 + LIMIT_SMTP_DOMAIN];
    struct str id;

    if (!is_dot_atom(domain) || domain.n > LIMIT_SMTP_DOMAIN) {
        compose_fail(w, ERROR_SYNTAX, "a message id needs a domain");
        return;
    }
    random_text(text, 26);
    text[26] = '@';
    memcpy(text + 27, domain.p, domain.n);
    id = str_of(text, 27 + domain.n);
    compose_ids(w, STR("Message-ID"), &id, 1);
}

/* ---- parameters ---- */

/* attribute (RFC 2231 section 7) */
static bool is_attribute(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '*' || name.p[i] == '\'' || name.p[i] == '%')
            return false;
    return compose_is_token(name) && name.n <= LIMIT_WRITE_NAME;
}

/* attribute-char (RFC 2231 section 7), and fewer */
static bool is_attribute_char(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || (ch != '\0' && strchr("-._~+!#$&^`{|}", ch));
}

/* Values that a quoted string can hold so that every reader sees the same: encoded words are
 * decoded there by many, and blanks at its ends lost. */
static bool is_quotable(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (!is_visible(value.p[i]) && value.p[i] != ' ')
            return false;
    return str_trim(value).n == value.n && str_find(value, STR("=?")) == SIZE_MAX;
}

/* parameter := attribute "=" (token / quoted-string); false when that does not fit a line. */
static bool put_plain(struct field *f, const struct mime_param *param, bool more)
{
    char text[LINE];
    size_t n = 0;
    /* A token may hold an apostrophe, but some readers take it for a quote. */
    bool quoted = !compose_is_token(param->value) || str_find_char(param->value, '\'') != SIZE_MAX;

    if (param->name.n + 2 * param->value.n + 5 > sizeof text || !is_quotable(param->value))
        return false;
    memcpy(text, param->name.p, param->name.n);
    n += param->name.n;
    text[n++] = '=';
    if (quoted)
        text[n++] = '"';
    for (size_t i = 0; i < param->value.n; i++) {
        if (param->value.p[i] == '"' || param->value.p[i] == '\\')
            text[n++] = '\\';
        text[n++] = param->value.p[i];
    }
    if (quoted)
        text[n++] = '"';
    if (more)
        text[n++] = ';';
    put_atom(f, str_of(text, n));
    return true;
}

/* How many bytes of value, in whole characters, fit into `room` of extended-value. */
static size_t piece_length(struct str value, size_t room)
{
    size_t used = 0, n = 0;

    for (size_t at = 0; at < value.n; n = at) {
        size_t from = at;

        utf8_next(value, &at);
        for (size_t i = from; i < at; i++)
            used += is_attribute_char(value.p[i]) ? 1 : 3;
        if (used > room)
            break;
    }
    return n;
}

/* Extended parameters, in pieces where one line is too short (RFC 2231 sections 3 and 4). Returns
 * how many. */
static size_t put_extended(struct field *f, const struct mime_param *param, bool more)
{
    struct str rest = param->value, name = param->name;
    size_t frame = name.n + sizeof " *=utf-8'';" - 1, index = 0;
    bool one = frame < LINE && piece_length(rest, LINE - frame) == rest.n;

    while (rest.n) {
        struct buf atom;
        size_t room, n;

        buf_init(&atom, LIMIT_WRITE_NAME + LINE + 40);
        buf_str(&atom, name);
        if (one)
            buf_c(&atom, "*=utf-8''");
        else
            buf_printf(&atom, "*%zu*=%s", index, index == 0 ? "utf-8''" : "");
        room = size_max(LINE, atom.n + 2 + WORD_LEAST) - atom.n - 2;
        n = piece_length(rest, room);
        for (size_t i = 0; i < n; i++) {
            if (is_attribute_char(rest.p[i]))
                buf_char(&atom, rest.p[i]);
            else
                buf_printf(&atom, "%%%02X", (unsigned char)rest.p[i]);
        }
        rest = str_skip(rest, n);
        if (more || rest.n)
            buf_char(&atom, ';');
        put_atom(f, buf_view(&atom));
        buf_done(&atom);
        f->blanks = 1;
        index++;
    }
    return index;
}

static void put_params(struct field *f, const struct mime_param *params, size_t n)
{
    size_t pieces = 0;

    for (size_t i = 0; i < n; i++) {
        if (!is_attribute(params[i].name))
            compose_fail(f->w, ERROR_SYNTAX, "no name of a parameter");
        for (size_t k = 0; k < i; k++)
            if (str_equal_nocase(params[k].name, params[i].name))
                compose_fail(f->w, ERROR_SYNTAX, "two parameters of one name");
        if (!check_text(f->w, params[i].value, LIMIT_WRITE_PARAM, "a parameter"))
            return;
        f->blanks = 1;
        if (put_plain(f, &params[i], i + 1 < n))
            pieces++;
        else
            pieces += put_extended(f, &params[i], i + 1 < n);
        if (pieces > LIMIT_MIME_PARAMETERS)
            compose_fail(f->w, ERROR_LIMIT, "more than %d parameters", LIMIT_MIME_PARAMETERS);
    }
}

void compose_params(struct compose *w, struct str name, struct str value,
                    const struct mime_param *params, size_t n)
{
    struct str type = value, subtype = STR("x");
    char text[2 * LIMIT_WRITE_NAME + 2];
    struct field f;

    if (!field_begin(&f, w, name))
        return;
    str_cut(value, '/', &type, &subtype);
    if (!compose_is_token(type) || !compose_is_token(subtype) || value.n >= sizeof text) {
        compose_fail(w, ERROR_SYNTAX, "no media type and no disposition");
    } else if (n > LIMIT_MIME_PARAMETERS) {
        compose_fail(w, ERROR_LIMIT, "more than %d parameters", LIMIT_MIME_PARAMETERS);
    } else {
        memcpy(text, value.p, value.n);
        text[value.n] = ';';
        put_atom(&f, str_of(text, value.n + (n > 0)));
        put_params(&f, params, n);
    }
    field_end(&f);
}
