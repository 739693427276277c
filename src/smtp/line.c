/* smtp/line.c: see line.h. */
#include "smtp/line.h"

void smtp_line_init(struct smtp_line *l, size_t max)
{
    *l = (struct smtp_line){0};
    buf_init(&l->text, max);
}

void smtp_line_done(struct smtp_line *l)
{
    buf_done(&l->text);
}

void smtp_line_reset(struct smtp_line *l)
{
    struct buf text = l->text;

    *l = (struct smtp_line){.text = text};
    buf_reset(&l->text);
}

void smtp_line_answered(struct smtp_line *l)
{
    if (l->whole)
        smtp_line_reset(l);
    else
        l->refused = true;
}

/* BDAT where somebody could take it for a command: octets may follow that are none. */
static void look_for_chunk(struct smtp_line *l, char ch)
{
    static const char word[] = "bdat";

    if (l->matched >= sizeof word - 1 || (l->matched == 0 && (ch == ' ' || ch == '\t')))
        return;
    if (ascii_lower(ch) != word[l->matched]) {
        l->matched = SIZE_MAX;
        return;
    }
    l->matched++;
    l->chunk = l->chunk || l->matched == sizeof word - 1;
}

static void look_at(struct smtp_line *l, char ch)
{
    bool ends = ch == '\n' && l->cr;

    if ((ch == '\n') != l->cr)
        l->bare = true;
    l->whole = ends;
    l->cr = ch == '\r';
    if (ch == '\r' || ch == '\n')
        l->matched = 0;
    else
        look_for_chunk(l, ch);
}

size_t smtp_line_feed(struct smtp_line *l, struct str in, bool *ended)
{
    size_t lf = str_find_char(in, '\n'), room = l->text.max - l->text.n;
    struct str piece = str_sub(in, 0, lf == SIZE_MAX ? in.n : lf + 1);

    for (size_t i = 0; i < piece.n; i++)
        look_at(l, piece.p[i]);
    if (!l->refused) {
        l->overflow = l->overflow || piece.n > room;
        buf_str(&l->text, str_sub(piece, 0, room)); /* to see what kind of peer it is */
    }
    *ended = lf != SIZE_MAX;
    return piece.n;
}
