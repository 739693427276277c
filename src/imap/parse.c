/* imap/parse.c: the lower rules of the grammar. */
#include "imap/parse.h"

#include "base/limits.h"
#include "imap/names.h"
#include "store/store.h"

#include <string.h>

void imap_parse_init(struct imap_parse *p, struct str command, struct arena *arena, bool utf8)
{
    *p = (struct imap_parse){.arena = arena, .utf8 = utf8};
    cursor_init(&p->c, command);
}

static void fail_syntax(struct imap_parse *p, const char *words)
{
    cursor_fail(&p->c, ERROR_SYNTAX, "%s", words);
}

static void fail_full(struct imap_parse *p)
{
    cursor_fail(&p->c, ERROR_LIMIT, "the command is too large");
}

bool imap_count_item(struct imap_parse *p)
{
    if (++p->items > LIMIT_IMAP_ITEMS)
        cursor_fail(&p->c, ERROR_LIMIT, "the command has more than %d items", LIMIT_IMAP_ITEMS);
    return !p->c.failed;
}

/* ---- characters ---- */

/* atom-specials and resp-specials (RFC 9051 section 9). 8-bit bytes are no atom. */
static bool is_atom_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("(){%*\"\\]", c);
}

bool imap_is_astring_char(char c)
{
    return is_atom_char(c) || c == ']';
}

static bool is_list_char(char c)
{
    return imap_is_astring_char(c) || c == '%' || c == '*';
}

static bool is_tag_char(char c)
{
    return imap_is_astring_char(c) && c != '+';
}

/* ---- words ---- */

void imap_take_sp(struct imap_parse *p)
{
    if (!cursor_accept(&p->c, ' '))
        fail_syntax(p,
                    cursor_peek(&p->c) == '\r' ? "an argument is missing" : "a space is missing");
}

bool imap_accept_sp(struct imap_parse *p)
{
    return cursor_accept(&p->c, ' ');
}

void imap_take_end(struct imap_parse *p)
{
    while (cursor_peek(&p->c) == ' ') /* some clients leave spaces at the end */
        (void)cursor_take(&p->c);
    if (cursor_peek(&p->c) != '\r' || cursor_peek2(&p->c) != '\n') {
        fail_syntax(p, "there is more than the command takes");
        return;
    }
    (void)cursor_bytes(&p->c, 2);
    if (!cursor_at_end(&p->c))
        fail_syntax(p, "there is more than the command takes");
}

static struct str one_or_more(struct imap_parse *p, bool (*is)(char), const char *what)
{
    struct str s = cursor_while(&p->c, is, SIZE_MAX);
    if (s.n == 0)
        fail_syntax(p, what);
    return p->c.failed ? STR_NULL : s;
}

struct str imap_take_tag(struct imap_parse *p)
{
    return one_or_more(p, is_tag_char, "a command begins with a tag");
}

struct str imap_take_atom(struct imap_parse *p)
{
    return one_or_more(p, is_atom_char, "an atom is missing");
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; only `"` and `\` may be escaped, and 8-bit bytes are taken
 * (RFC 6855 section 3). */
static struct str read_quoted(struct imap_parse *p)
{
    size_t escapes = 0, from = p->c.at;
    for (;;) {
        int c = cursor_take(&p->c);
        if (c == '"')
            break;
        if (c == '\\') {
            c = cursor_take(&p->c);
            escapes++;
            if (c != '"' && c != '\\')
                fail_syntax(p, "only \" and \\ follow a \\ in a quoted string");
        } else if (c == '\r' || c == '\n' || c == 0) {
            fail_syntax(p, "a quoted string has no CR, LF or NUL; use a literal");
        }
        if (p->c.failed)
            return STR_NULL;
    }
    struct str raw = str_sub(p->c.in, from, p->c.at - 1 - from);
    if (escapes == 0)
        return raw;
    char *plain = arena_alloc(p->arena, raw.n);
    if (!plain) {
        fail_full(p);
        return STR_NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\')
            i++;
        plain[n++] = raw.p[i];
    }
    return str_of(plain, n);
}

/* literal = "{" number64 ["+"] "}" CRLF *CHAR8; the reader has the bytes already. */
static struct str read_literal(struct imap_parse *p)
{
    uint64_t n = cursor_number(&p->c, UINT32_MAX);
    (void)cursor_accept(&p->c, '+');
    cursor_expect(&p->c, '}');
    cursor_expect(&p->c, '\r');
    cursor_expect(&p->c, '\n');
    return cursor_bytes(&p->c, (size_t)n);
}

struct str imap_take_string(struct imap_parse *p)
{
    if (cursor_accept(&p->c, '"'))
        return read_quoted(p);
    if (cursor_accept(&p->c, '{'))
        return read_literal(p);
    fail_syntax(p, "a string is missing");
    return STR_NULL;
}

static bool string_is_next(struct imap_parse *p)
{
    return cursor_peek(&p->c) == '"' || cursor_peek(&p->c) == '{';
}

struct str imap_take_astring(struct imap_parse *p)
{
    return string_is_next(p) ? imap_take_string(p)
                             : one_or_more(p, imap_is_astring_char, "an argument is missing");
}

struct str imap_take_nstring(struct imap_parse *p)
{
    if (string_is_next(p)) {
        struct str s = imap_take_string(p);
        return s.p || p->c.failed ? s : STR("");
    }
    if (!cursor_accept_word(&p->c, STR("NIL")))
        fail_syntax(p, "a string or NIL is missing");
    return STR_NULL;
}

static struct str decoded_word(struct imap_parse *p, struct str name)
{
    struct error err = {0};
    struct str out = name;
    if (p->c.failed || p->utf8)
        return name;
    if (!imap_utf7_parse(name, p->arena, &out, &err))
        cursor_fail(&p->c, err.kind, "%s", err.text);
    return out;
}

struct str imap_take_mailbox(struct imap_parse *p)
{
    return decoded_word(p, imap_take_astring(p));
}

struct str imap_take_list_mailbox(struct imap_parse *p)
{
    struct str s =
        string_is_next(p) ? imap_take_string(p) : cursor_while(&p->c, is_list_char, SIZE_MAX);
    if (s.n > 4 * LIMIT_MAILBOX_NAME)
        fail_full(p);
    return decoded_word(p, s);
}

/* ---- numbers and sets ---- */

uint64_t imap_take_modseq(struct imap_parse *p)
{
    return cursor_number(&p->c, INT64_MAX);
}

/* seq-number = nz-number / "*" */
static uint64_t seq_number(struct imap_parse *p)
{
    if (cursor_accept(&p->c, '*'))
        return IMAP_STAR;
    uint64_t n = cursor_number(&p->c, UINT32_MAX);
    if (n == 0)
        fail_syntax(p, "a message number is not 0");
    return n;
}

/* How many ranges a set can have at most: one more than its commas. */
static size_t count_ranges(struct str rest)
{
    size_t n = 1;
    for (size_t i = 0; i < rest.n && (ascii_digit(rest.p[i]) || strchr("*:,", rest.p[i])); i++) {
        if (rest.p[i] == 0)
            break;
        n += rest.p[i] == ',';
    }
    return n;
}

struct imap_set imap_take_set(struct imap_parse *p)
{
    struct imap_set set = {0};
    if (cursor_accept(&p->c, '$'))
        return (struct imap_set){.saved = true};
    size_t n = count_ranges(cursor_rest(&p->c));
    p->items += (unsigned)size_min(n, LIMIT_IMAP_ITEMS + 1);
    if (!imap_count_item(p))
        return set;
    set.ranges = arena_array(p->arena, n, sizeof(*set.ranges));
    if (!set.ranges) {
        fail_full(p);
        return set;
    }
    do {
        struct imap_range r;
        r.from = r.to = seq_number(p);
        if (cursor_accept(&p->c, ':'))
            r.to = seq_number(p);
        if (set.n < n)
            set.ranges[set.n++] = r;
    } while (!p->c.failed && cursor_accept(&p->c, ','));
    return set;
}

/* ---- flags ---- */

static const struct system_flag {
    const char *word;
    uint32_t flag;
} system_flags[] = {
    {"\\Seen", STORE_SEEN},       {"\\Answered", STORE_ANSWERED}, {"\\Flagged", STORE_FLAGGED},
    {"\\Deleted", STORE_DELETED}, {"\\Draft", STORE_DRAFT},       {"\\Recent", 0},
};

static void take_flag(struct imap_parse *p, struct imap_flags *out, size_t room)
{
    size_t from = p->c.at;
    bool system = cursor_accept(&p->c, '\\');
    (void)imap_take_atom(p);
    struct str word = str_sub(p->c.in, from, p->c.at - from);
    if (p->c.failed || !imap_count_item(p))
        return;
    for (size_t i = 0; system && i < ARRAY_LEN(system_flags); i++) {
        if (!str_equal_nocase(word, str_c(system_flags[i].word)))
            continue;
        out->system |= system_flags[i].flag;
        return;
    }
    if (system)
        fail_syntax(p, "there is no such system flag");
    else if (out->words_n < room)
        out->words[out->words_n++] = word;
    else
        cursor_fail(&p->c, ERROR_LIMIT, "a message has at most 60 keywords");
}

struct imap_flags imap_take_flags(struct imap_parse *p)
{
    struct imap_flags flags = {0};
    size_t room = LIMIT_KEYWORDS;
    bool list = cursor_accept(&p->c, '(');
    flags.words = arena_array(p->arena, room, sizeof(*flags.words));
    if (!flags.words) {
        fail_full(p);
        return flags;
    }
    if (list && cursor_accept(&p->c, ')'))
        return flags;
    do
        take_flag(p, &flags, room);
    while (!p->c.failed && cursor_accept(&p->c, ' '));
    if (list)
        cursor_expect(&p->c, ')');
    return flags;
}

/* ---- dates ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Howard Hinnant's days_from_civil: years begin in March, so that the leap day is the last. */
int64_t imap_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void imap_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

static unsigned days_of_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* n digits, exactly */
static unsigned read_digits(struct imap_parse *p, size_t n)
{
    struct str s = cursor_bytes(&p->c, n);
    uint64_t v = 0;
    if (!p->c.failed && !str_to_u64(s, 9999, &v))
        fail_syntax(p, "a date has digits here");
    return (unsigned)v;
}

static unsigned date_month(struct imap_parse *p)
{
    struct str s = cursor_bytes(&p->c, 3);
    for (unsigned i = 0; i < 12 && !p->c.failed; i++)
        if (str_equal_nocase(s, str_of(months + (size_t)3 * i, 3)))
            return i + 1;
    fail_syntax(p, "a month is Jan to Dec");
    return 1;
}

/* "-" date-month "-" date-year, after the day */
static int64_t month_and_year(struct imap_parse *p, unsigned day)
{
    cursor_expect(&p->c, '-');
    unsigned month = date_month(p);
    cursor_expect(&p->c, '-');
    unsigned year = read_digits(p, 4);
    if (!p->c.failed && (day == 0 || day > days_of_month(year, month)))
        fail_syntax(p, "that month has no such day");
    return p->c.failed ? 0 : imap_days(year, month, day);
}

int64_t imap_take_date(struct imap_parse *p)
{
    bool is_quoted = cursor_accept(&p->c, '"');
    unsigned day = (unsigned)cursor_number(&p->c, 31);
    int64_t days = month_and_year(p, day);
    if (is_quoted)
        cursor_expect(&p->c, '"');
    return days;
}

int64_t imap_take_date_time(struct imap_parse *p)
{
    cursor_expect(&p->c, '"');
    (void)cursor_accept(&p->c, ' '); /* date-day-fixed = (SP DIGIT) / 2DIGIT */
    unsigned day = (unsigned)cursor_number(&p->c, 31);
    int64_t days = month_and_year(p, day);
    cursor_expect(&p->c, ' ');
    unsigned hour = read_digits(p, 2);
    cursor_expect(&p->c, ':');
    unsigned minute = read_digits(p, 2);
    cursor_expect(&p->c, ':');
    unsigned second = read_digits(p, 2);
    cursor_expect(&p->c, ' ');
    int sign = cursor_take(&p->c);
    unsigned zone = read_digits(p, 4);
    cursor_expect(&p->c, '"');
    if (!p->c.failed && (hour > 23 || minute > 59 || second > 60 || (sign != '+' && sign != '-') ||
                         zone / 100 > 23 || zone % 100 > 59))
        fail_syntax(p, "there is no such time");
    int64_t offset = ((int64_t)zone / 100 * 60 + zone % 100) * 60;
    int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return (seconds - (sign == '-' ? -offset : offset)) * 1000000;
}
