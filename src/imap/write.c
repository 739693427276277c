/* imap/write.c: the writer. */
#include "imap/write.h"

#include "imap/names.h"
#include "store/store.h"

#define QUOTED_MAX 200 /* longer ones go as literals: easier for every client's line buffer */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* ---- strings ---- */

static bool can_be_quoted(struct str s, bool utf8)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
            return false;
    }
    return s.n <= QUOTED_MAX || utf8;
}

static bool can_be_atom(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!imap_is_astring_char(s.p[i]))
            return false;
    return s.n > 0 && s.n <= QUOTED_MAX && !str_equal_nocase(s, STR("NIL"));
}

static void write_quoted(struct buf *out, struct str s)
{
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, s.p[i]);
    }
    buf_char(out, '"');
}

void imap_write_literal_head(struct buf *out, uint64_t n)
{
    buf_char(out, '{');
    buf_u64(out, n);
    buf_c(out, "}\r\n");
}

void imap_write_string(struct buf *out, struct str s)
{
    if (can_be_quoted(s, false)) {
        write_quoted(out, s);
        return;
    }
    imap_write_literal_head(out, s.n);
    buf_str(out, s);
}

void imap_write_astring(struct buf *out, struct str s)
{
    if (can_be_atom(s))
        buf_str(out, s);
    else
        imap_write_string(out, s);
}

/* Names are free of controls (store_mailbox_name), so UTF-8 can always be quoted. */
void imap_write_mailbox(struct buf *out, struct str name, bool utf8)
{
    struct buf wire;
    if (utf8 && can_be_quoted(name, true)) {
        write_quoted(out, name);
        return;
    }
    buf_init(&wire, 8 * name.n + 16);
    imap_utf7_print(&wire, name);
    /* Quoted always: some clients take an atom with '.' or '/' for less than it is. INBOX is the
     * exception they all know. */
    if (str_equal(buf_view(&wire), STR("INBOX")))
        buf_c(out, "INBOX");
    else if (can_be_quoted(buf_view(&wire), false))
        write_quoted(out, buf_view(&wire));
    else
        imap_write_string(out, buf_view(&wire));
    buf_done(&wire);
}

/* ---- values ---- */

static const struct flag_word {
    uint32_t flag;
    const char *word;
} flag_words[] = {
    {STORE_ANSWERED, "\\Answered"}, {STORE_FLAGGED, "\\Flagged"}, {STORE_DELETED, "\\Deleted"},
    {STORE_SEEN, "\\Seen"},         {STORE_DRAFT, "\\Draft"},
};

void imap_write_flags(struct buf *out, uint32_t flags, struct str keywords)
{
    bool first = true;
    buf_char(out, '(');
    for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
        if (!(flags & flag_words[i].flag))
            continue;
        buf_c(out, first ? "" : " ");
        buf_c(out, flag_words[i].word);
        first = false;
    }
    if (keywords.n > 0 && !first)
        buf_char(out, ' ');
    buf_str(out, keywords);
    buf_char(out, ')');
}

void imap_write_date_time(struct buf *out, int64_t us)
{
    int64_t seconds = us / 1000000 - (us % 1000000 < 0), days = seconds / 86400, year;
    unsigned month, day;
    if (seconds % 86400 < 0)
        days--;
    unsigned rest = (unsigned)(seconds - days * 86400);
    imap_civil(days, &year, &month, &day);
    if (year < 0 || year > 9999) { /* four digits is what there is room for */
        imap_write_date_time(out, 0);
        return;
    }
    buf_printf(out, "\"%02u-%.3s-%04u %02u:%02u:%02u +0000\"", day,
               months + (size_t)3 * (month - 1), (unsigned)year, rest / 3600, rest / 60 % 60,
               rest % 60);
}

void imap_write_set(struct buf *out, const uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && numbers[end] == numbers[end - 1] + 1)
            end++;
        if (i > 0)
            buf_char(out, ',');
        buf_u64(out, numbers[i]);
        if (end - i > 1) {
            buf_char(out, ':');
            buf_u64(out, numbers[end - 1]);
        }
        i = end;
    }
}

/* ---- responses ---- */

/* resp-text is one line of TEXT-CHAR (RFC 9051 section 9). */
static void write_words(struct buf *out, struct str words)
{
    for (size_t i = 0; i < words.n; i++) {
        unsigned char c = (unsigned char)words.p[i];
        buf_char(out, c < 0x20 || c >= 0x7f ? '?' : (char)c);
    }
}

void imap_write_status(struct buf *out, struct str tag, const char *status, struct str code,
                       struct str words)
{
    buf_str(out, tag);
    buf_char(out, ' ');
    buf_c(out, status);
    buf_char(out, ' ');
    if (code.n > 0) {
        buf_char(out, '[');
        write_words(out, code);
        buf_c(out, "] ");
    }
    write_words(out, words.n > 0 ? words : STR("Done."));
    buf_c(out, "\r\n");
}

/* From what went wrong to the word that a program understands (RFC 9051 section 7.1, RFC 5530). */
static const struct error_reply {
    const char *status, *code;
} error_replies[ERROR_KINDS] = {
    [ERROR_NONE] = {"NO", "SERVERBUG"},
    [ERROR_TEMPORARY] = {"NO", "UNAVAILABLE"},
    [ERROR_SYNTAX] = {"BAD", ""},
    [ERROR_DENIED] = {"NO", "NOPERM"},
    [ERROR_NOT_FOUND] = {"NO", "NONEXISTENT"},
    [ERROR_EXISTS] = {"NO", "ALREADYEXISTS"},
    [ERROR_CONFLICT] = {"NO", "CANNOT"},
    [ERROR_QUOTA] = {"NO", "OVERQUOTA"},
    [ERROR_LIMIT] = {"NO", "LIMIT"},
    [ERROR_GONE] = {"NO", "EXPUNGEISSUED"},
    [ERROR_DISK] = {"NO", "UNAVAILABLE"},
    [ERROR_DAMAGED] = {"NO", "CORRUPTION"},
    [ERROR_UNSUPPORTED] = {"NO", "CANNOT"},
    [ERROR_INTERNAL] = {"NO", "SERVERBUG"},
    [ERROR_LOOP] = {"NO", "CANNOT"},
    [ERROR_TOO_LARGE] = {"NO", "TOOBIG"}, /* RFC 7889 section 3 */
    [ERROR_RATE] = {"NO", "LIMIT"},
};

void imap_write_error(struct buf *out, struct str tag, const struct error *err,
                      const char *not_found)
{
    const struct error_reply *r =
        &error_replies[err->kind < ERROR_KINDS ? err->kind : ERROR_INTERNAL];
    const char *code = err->kind == ERROR_NOT_FOUND && not_found ? not_found : r->code;
    struct str words = str_c(err->text);
    imap_write_status(out, tag, r->status, str_c(code),
                      words.n > 0 ? words : STR("It did not work; try again later."));
}
