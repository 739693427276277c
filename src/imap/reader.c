/* imap/reader.c: cutting a stream into commands.
 *
 *     LINE          at the end of a line with {n}: ASKED; without: a command, and LINE again
 *     ASKED         accepted: LITERAL; refused: SKIP_LITERAL when its bytes come anyway, else LINE
 *                   of the next command
 *     LITERAL       after its n bytes: LINE
 *     SKIP_LITERAL  after its n bytes: SKIP_LINE
 *     SKIP_LINE     at the end of a line with {n+}: SKIP_LITERAL; without: LINE of the next command
 */
#include "imap/reader.h"

#include "base/limits.h"

#define TAG_MOST 64 /* of a command that is too long: enough for its tag */
#define TAIL 24     /* of a skipped line: enough for "{4294967295+}" and CR LF */

void imap_reader_init(struct imap_reader *r, size_t line_max, size_t text_max, bool secret)
{
    *r = (struct imap_reader){.line_max = line_max, .text_max = text_max, .secret = secret};
    buf_init(&r->text, text_max + 2);
}

void imap_reader_done(struct imap_reader *r)
{
    if (r->secret)
        buf_done_wipe(&r->text);
    else
        buf_done(&r->text);
}

struct str imap_reader_command(const struct imap_reader *r)
{
    return buf_view(&r->text);
}

bool imap_reader_skips(const struct imap_reader *r)
{
    return r->state == IMAP_READER_SKIP_LITERAL || r->state == IMAP_READER_SKIP_LINE;
}

bool imap_reader_fits(const struct imap_reader *r)
{
    return r->literal_n <= r->text_max && r->text.n + r->literal_n <= r->text_max;
}

/* Empties the text; the memory of a large APPEND goes back, and that of a secret is wiped. */
static void clear_text(struct imap_reader *r)
{
    if (r->secret)
        buf_done_wipe(&r->text);
    else if (r->text.cap > LIMIT_IMAP_LINE)
        buf_done(&r->text);
    else
        buf_reset(&r->text);
    r->text.max = r->text_max + 2;
    r->text.overflow = false;
    r->line_at = 0;
    r->dropped = false;
}

void imap_reader_next(struct imap_reader *r)
{
    clear_text(r);
    r->state = IMAP_READER_LINE;
    r->line_bytes = 0;
    r->literal_n = 0;
    r->literals = 0;
}

/* realloc leaves a copy behind, so a secret grows by copying and wiping. */
static void reader_add_text(struct imap_reader *r, struct str s)
{
    if (r->secret && r->text.n + s.n > r->text.cap) {
        struct buf bigger;
        buf_init(&bigger, r->text.max);
        if (buf_reserve(&bigger, size_min(2 * (r->text.n + s.n), r->text.max))) {
            buf_str(&bigger, buf_view(&r->text));
            buf_done_wipe(&r->text);
            r->text = bigger;
        }
    }
    buf_str(&r->text, s);
}

/* literal = "{" number ["+"] "}" at the end of a line (RFC 9051 section 9, RFC 7888 section 8). */
static bool line_announces(struct imap_reader *r)
{
    struct str line = str_trim(str_skip(buf_view(&r->text), r->line_at));
    if (!str_ends(line, STR("}")))
        return false;
    size_t open = str_rfind_char(line, '{');
    if (open == SIZE_MAX)
        return false;
    struct str digits = str_sub(line, open + 1, line.n - open - 2);
    r->sync = !str_ends(digits, STR("+"));
    if (!r->sync)
        digits.n--;
    return str_to_u64(digits, UINT32_MAX, &r->literal_n);
}

void imap_reader_accept(struct imap_reader *r)
{
    r->text.max = size_max(r->text.max, r->text.n + (size_t)r->literal_n + r->line_max + 2);
    r->state = r->literal_n > 0 ? IMAP_READER_LITERAL : IMAP_READER_LINE;
    r->line_at = r->text.n;
}

/* The bytes of a non-synchronizing literal come, wanted or not. */
void imap_reader_refuse(struct imap_reader *r)
{
    r->state = r->sync ? IMAP_READER_LINE : IMAP_READER_SKIP_LITERAL;
    r->dropped = true;
}

static enum imap_read end_of_line(struct imap_reader *r)
{
    if (!line_announces(r)) {
        r->literal_n = 0;
        return IMAP_READ_COMMAND;
    }
    r->state = IMAP_READER_ASKED;
    if (++r->literals <= LIMIT_IMAP_LITERALS)
        return IMAP_READ_LITERAL;
    imap_reader_refuse(r);
    return IMAP_READ_TOO_LONG;
}

/* Keeps the beginning of the command, where its tag is. */
static enum imap_read begin_too_long(struct imap_reader *r, struct str piece)
{
    reader_add_text(r, str_sub(piece, 0, r->text.n < TAG_MOST ? TAG_MOST - r->text.n : 0));
    r->state = IMAP_READER_SKIP_LINE;
    r->dropped = true;
    return IMAP_READ_TOO_LONG;
}

/* The part of bytes up to the line's end, and whether that is there. */
static struct str to_line_end(struct str bytes, bool *ended)
{
    size_t lf = str_find_char(bytes, '\n');
    *ended = lf != SIZE_MAX;
    return str_sub(bytes, 0, lf);
}

static bool ends_with_cr(const struct imap_reader *r)
{
    return r->text.n > r->line_at && r->text.p[r->text.n - 1] == '\r';
}

static enum imap_read take_line(struct imap_reader *r, struct str bytes, size_t *used)
{
    bool ended;
    struct str piece = to_line_end(bytes, &ended);
    if (r->line_bytes + piece.n > r->line_max || r->text.n + piece.n + 2 > r->text.max)
        return begin_too_long(r, piece);
    reader_add_text(r, piece);
    r->line_bytes += piece.n;
    *used += piece.n;
    if (!ended)
        return IMAP_READ_MORE;
    *used += 1;
    reader_add_text(r, ends_with_cr(r) ? STR("\n") : STR("\r\n"));
    return end_of_line(r);
}

static void take_literal(struct imap_reader *r, struct str bytes, size_t *used)
{
    struct str piece = str_sub(bytes, 0, (size_t)(r->literal_n < bytes.n ? r->literal_n : bytes.n));
    if (r->state == IMAP_READER_LITERAL)
        reader_add_text(r, piece);
    *used += piece.n;
    r->literal_n -= piece.n;
    if (r->literal_n > 0)
        return;
    r->line_at = r->text.n;
    r->state = r->state == IMAP_READER_LITERAL ? IMAP_READER_LINE : IMAP_READER_SKIP_LINE;
}

/* Keeps the line's end, which may announce a literal whose bytes must not be read as commands. */
static void skip_line(struct imap_reader *r, struct str bytes, size_t *used)
{
    bool ended;
    struct str piece = to_line_end(bytes, &ended);
    *used += piece.n + ended;
    reader_add_text(r, str_skip(piece, piece.n > TAIL ? piece.n - TAIL : 0));
    if (r->text.n > TAIL)
        buf_drop(&r->text, r->text.n - TAIL);
    if (!ended)
        return;
    bool more = line_announces(r) && !r->sync;
    clear_text(r);
    if (more)
        r->state = IMAP_READER_SKIP_LITERAL;
    else
        imap_reader_next(r);
}

enum imap_read imap_reader_feed(struct imap_reader *r, struct str bytes, size_t *used)
{
    *used = 0;
    if (r->dropped && r->state == IMAP_READER_LINE)
        imap_reader_next(r);
    else if (r->dropped)
        clear_text(r);
    while (*used < bytes.n) {
        struct str rest = str_skip(bytes, *used);
        enum imap_read event = IMAP_READ_MORE;
        switch (r->state) {
        case IMAP_READER_LINE:
            event = take_line(r, rest, used);
            break;
        case IMAP_READER_LITERAL:
        case IMAP_READER_SKIP_LITERAL:
            take_literal(r, rest, used);
            break;
        case IMAP_READER_SKIP_LINE:
            skip_line(r, rest, used);
            break;
        case IMAP_READER_ASKED:
            panic("a literal was announced and not answered");
        }
        if (event != IMAP_READ_MORE)
            return event;
    }
    return IMAP_READ_MORE;
}
