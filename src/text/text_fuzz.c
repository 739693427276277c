/* text/text_fuzz.c: any message has a text; HTML and folding do not depend on how they are cut. The
 * first byte chooses what the rest is, and where it is cut. */
#include "text/fold.h"
#include "mime/html.h"
#include "text/test_text.h"

#include "base/limits.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fold_in_pieces(struct buf *out, struct str bytes, size_t piece)
{
    struct text_fold f;

    text_fold_begin(&f, out);
    for (size_t at = 0; at < bytes.n; at += piece)
        text_fold_feed(&f, str_sub(bytes, at, piece));
    text_fold_end(&f);
}

/* UTF-8, one space at a time, none at the ends; and what is folded stays as it is. */
static void check_folded(struct str text)
{
    struct buf again;
    char before = '\n';

    if (!utf8_valid(text))
        panic("folded text is UTF-8");
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        bool blank = ch == ' ' || ch == '\n';

        if (((unsigned char)ch < ' ' && !blank) || (blank && (before == ' ' || before == '\n')) ||
            (ch >= 'A' && ch <= 'Z'))
            panic("this is not folded");
        before = ch;
    }
    if (text.n && (before == ' ' || before == '\n'))
        panic("a blank at the end");
    buf_init(&again, text.n + 16);
    for (struct str rest = text, line = text; rest.n; rest = str_skip(rest, line.n + 1)) {
        line = str_sub(rest, 0, str_find_char(rest, '\n'));
        buf_reset(&again);
        fold_in_pieces(&again, line, line.n);
        if (!str_equal(buf_view(&again), line))
            panic("folding twice changes something");
    }
    buf_done(&again);
}

static void message_text(struct str bytes, size_t cut)
{
    struct mime_message m;
    struct arena arena;
    struct buf out, pieces;

    arena_init(&arena, bytes.n / 2 + 65536);
    buf_init(&out, 64 * bytes.n + 65536);
    buf_init(&pieces, 64 * bytes.n + 65536);
    mime_parse(bytes, &arena, &m);
    test_text(&out, &m, TEXT_FIELDS | TEXT_BODY, 0);
    test_text(&pieces, &m, TEXT_FIELDS | TEXT_BODY, cut);
    if (out.overflow)
        panic("too much text");
    if (!str_equal(buf_view(&out), buf_view(&pieces)))
        panic("the text depends on the steps");
    check_folded(buf_view(&out));
    buf_done(&out);
    buf_done(&pieces);
    arena_done(&arena);
}

static void html(struct str bytes, size_t cut)
{
    struct mime_html_stream h;
    struct buf whole, pieces;

    buf_init(&whole, 4 * bytes.n + 64);
    buf_init(&pieces, 4 * bytes.n + 64);
    mime_html_text(&whole, bytes, SIZE_MAX);
    mime_html_stream_init(&h);
    for (size_t at = 0; at < bytes.n; at += cut)
        mime_html_stream_feed(&h, str_sub(bytes, at, cut), &pieces);
    mime_html_stream_end(&h, &pieces);
    if (!str_equal(buf_view(&whole), buf_view(&pieces)))
        panic("HTML in pieces is other text");
    buf_done(&whole);
    buf_done(&pieces);
}

static void fold(struct str bytes, size_t cut)
{
    struct buf whole, pieces;

    buf_init(&whole, 64 * bytes.n + 64);
    buf_init(&pieces, 64 * bytes.n + 64);
    fold_in_pieces(&whole, bytes, bytes.n);
    fold_in_pieces(&pieces, bytes, cut);
    if (!str_equal(buf_view(&whole), buf_view(&pieces)))
        panic("folding depends on the pieces");
    check_folded(buf_view(&whole));
    buf_done(&whole);
    buf_done(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes;

    mime_process_init();
    if (size < 1)
        return 0;
    bytes = str_skip(str_of(data, size), 1);
    if (data[0] % 4 == 1)
        html(bytes, 1 + data[0] / 4);
    else if (data[0] % 4 == 2)
        fold(bytes, 1 + data[0] / 4);
    else
        message_text(bytes, 1 + data[0] / 4);
    return 0;
}
