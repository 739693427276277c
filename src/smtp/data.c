/* smtp/data.c: see data.h. Each byte is looked at twice at most, by memchr(3). */
#include "smtp/data.h"

#include <string.h>

/* From `at` on goes to the next CR or the end; an LF before it stands alone. */
static size_t pass_text(struct smtp_data *d, struct str in, size_t at)
{
    const char *cr = memchr(in.p + at, '\r', in.n - at);
    size_t end = cr ? (size_t)(cr - in.p) : in.n;

    if (!d->bare && memchr(in.p + at, '\n', end - at))
        d->bare = true;
    if (!cr)
        return end;
    d->place = SMTP_DATA_CR;
    return end + 1;
}

/* In a state that is about one byte: is that byte `want`? Then goes to `next` and past it, else
 * to text, where the same byte is looked at again. */
static bool step_place(struct smtp_data *d, char ch, char want, enum smtp_data_place next)
{
    d->place = ch == want ? next : SMTP_DATA_TEXT;
    return ch == want;
}

size_t smtp_data_next(struct smtp_data *d, struct str in, struct str *slice)
{
    size_t at = 0, from = 0;

    while (at < in.n) {
        switch (d->place) {
        case SMTP_DATA_LINE:
            if (!step_place(d, in.p[at], '.', SMTP_DATA_DOT))
                continue;
            *slice = str_sub(in, from, at - from);
            return at + 1;
        case SMTP_DATA_DOT:
            if (step_place(d, in.p[at], '\r', SMTP_DATA_DOT_CR))
                from = ++at; /* held back until it is known not to be the end */
            continue;
        case SMTP_DATA_DOT_CR:
            if (step_place(d, in.p[at], '\n', SMTP_DATA_DONE)) {
                *slice = STR_NULL;
                return at + 1;
            }
            d->bare = true;
            continue;
        case SMTP_DATA_CR:
            if (step_place(d, in.p[at], '\n', SMTP_DATA_LINE))
                at++;
            else
                d->bare = true;
            continue;
        case SMTP_DATA_TEXT:
            at = pass_text(d, in, at);
            continue;
        case SMTP_DATA_BLANK:
        case SMTP_DATA_DONE:
            break;
        }
        break;
    }
    *slice = str_sub(in, from, at - from);
    return at;
}

void smtp_data_check(struct smtp_data *d, struct str in, bool binary)
{
    size_t at = 0;

    while (at < in.n && !d->bare && !(binary && d->body)) {
        switch (d->place) {
        case SMTP_DATA_LINE:
            if (step_place(d, in.p[at], '\r', SMTP_DATA_BLANK))
                at++;
            continue;
        case SMTP_DATA_BLANK:
        case SMTP_DATA_CR:
            d->body = d->body || d->place == SMTP_DATA_BLANK;
            if (step_place(d, in.p[at], '\n', SMTP_DATA_LINE))
                at++;
            else
                d->bare = true;
            continue;
        default:
            at = pass_text(d, in, at);
            continue;
        }
    }
}

bool smtp_data_is_cut(const struct smtp_data *d)
{
    return d->place == SMTP_DATA_CR || d->place == SMTP_DATA_BLANK;
}
