/* mime/date.c: see date.h. */
#include "mime/date.h"

#include "mime/lex.h"

struct date {
    int64_t year, month, day, hour, minute, second; /* month from 1; second may be 60 */
    int64_t zone;                                   /* minutes east of UTC */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};

/* RFC 5322 section 4.3, obs-zone. Letters of one character and unknown names mean -0000. */
static const struct {
    const char *name;
    int hours;
} zones[] = {{"EDT", -4}, {"EST", -5}, {"CDT", -5}, {"CST", -6}, {"MDT", -6},
             {"MST", -7}, {"PDT", -7}, {"PST", -8}, {"CET", 1},  {"CEST", 2}};

/* Days from 1970-01-01 to the first of this month. */
static int64_t days_before(int64_t year, int64_t month)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + before[month - 1] - 719162;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days + (leap && month > 2);
}

static int64_t month_days(int64_t year, int64_t month)
{
    int64_t next = month == 12 ? days_before(year + 1, 1) : days_before(year, month + 1);

    return next - days_before(year, month);
}

static bool is_letter(char ch)
{
    return ascii_alpha(ch);
}

static void skip_blank(struct cursor *c)
{
    mime_lex_cfws(c, NULL);
}

/* month-name; a longer name counts by its first three letters. */
static int64_t read_month(struct cursor *c)
{
    struct str name = cursor_while(c, is_letter, SIZE_MAX);

    for (size_t i = 0; i < ARRAY_LEN(month_names); i++)
        if (str_starts_nocase(name, str_c(month_names[i])))
            return (int64_t)i + 1;
    cursor_fail(c, ERROR_SYNTAX, "no month");
    return 1;
}

/* RFC 5322 section 4.3: two digits are 1950 to 2049, three are added to 1900. */
static int64_t read_year(struct cursor *c)
{
    size_t from = c->at;
    int64_t y = (int64_t)cursor_number(c, 9999);

    switch (c->at - from) {
    case 1:
    case 2:
        return y + (y < 50 ? 2000 : 1900);
    case 3:
        return y + 1900;
    default:
        return y;
    }
}

/* hour ":" minute [":" second] */
static void time_of_day(struct cursor *c, struct date *d)
{
    d->hour = (int64_t)cursor_number(c, 23);
    skip_blank(c);
    if (!cursor_accept(c, '.')) /* some old systems write 12.30 */
        cursor_expect(c, ':');
    skip_blank(c);
    d->minute = (int64_t)cursor_number(c, 59);
    skip_blank(c);
    if (cursor_accept(c, ':') || cursor_accept(c, '.')) {
        skip_blank(c);
        d->second = (int64_t)cursor_number(c, 60);
        skip_blank(c);
    }
}

/* zone = ("+" / "-") 4DIGIT / obs-zone; missing, or none that can be read, is UTC. */
static int64_t read_zone(struct cursor *c)
{
    bool west = cursor_peek(c) == '-';

    if ((cursor_accept(c, '+') || cursor_accept(c, '-')) && ascii_digit((char)cursor_peek(c))) {
        size_t from = c->at;
        int64_t n = (int64_t)cursor_number(c, 9959);
        int64_t minutes = c->at - from <= 2 ? n * 60 : n / 100 * 60 + n % 100;

        return west ? -minutes : minutes;
    }
    if (ascii_alpha((char)cursor_peek(c))) {
        struct str name = cursor_while(c, is_letter, SIZE_MAX);

        for (size_t i = 0; i < ARRAY_LEN(zones); i++)
            if (str_equal_nocase(name, str_c(zones[i].name)))
                return zones[i].hours * 60;
    }
    return 0;
}

/* Moves past "day-of-week ,", whatever stands there: it says nothing that the date does not say.
 */
static void day_of_week(struct cursor *c)
{
    size_t past = 0;

    for (size_t i = c->at; i < c->in.n && !ascii_digit(c->in.p[i]); i++)
        if (c->in.p[i] == ',')
            past = i + 1;
    if (past) {
        c->at = past;
    } else if (ascii_alpha((char)cursor_peek(c))) {
        cursor_while(c, is_letter, SIZE_MAX);
        cursor_accept(c, '.');
    }
    skip_blank(c);
}

/* [ day-of-week "," ] day month year time zone, or asctime's: day-of-week month day time [zone]
 * year */
static void date_time(struct cursor *c, struct date *d)
{
    skip_blank(c);
    day_of_week(c);
    if (ascii_digit((char)cursor_peek(c))) {
        d->day = (int64_t)cursor_number(c, 31);
        skip_blank(c);
        cursor_accept(c, '-');
        d->month = read_month(c);
        cursor_accept(c, '.');
        skip_blank(c);
        cursor_accept(c, '-');
        d->year = read_year(c);
        skip_blank(c);
        cursor_accept(c, ',');
        skip_blank(c);
        if (cursor_at_end(c)) /* a day alone: its beginning */
            return;
        time_of_day(c, d);
        d->zone = read_zone(c);
        return;
    }
    d->month = read_month(c);
    skip_blank(c);
    d->day = (int64_t)cursor_number(c, 31);
    skip_blank(c);
    time_of_day(c, d);
    if (!ascii_digit((char)cursor_peek(c)))
        d->zone = read_zone(c);
    skip_blank(c);
    d->year = read_year(c);
}

bool mime_date_parse(struct str value, int64_t *out_us)
{
    struct date d = {0};
    struct cursor c;
    int64_t seconds;

    cursor_init(&c, value);
    date_time(&c, &d);
    if (!cursor_ok(&c, NULL) || d.year < 1900 || d.day < 1 || d.day > month_days(d.year, d.month))
        return false;
    seconds = (days_before(d.year, d.month) + d.day - 1) * 86400 + d.hour * 3600 + d.minute * 60 +
              d.second - d.zone * 60;
    *out_us = seconds * 1000000;
    return true;
}
