/* mime/words_fuzz.c: any bytes are text with encoded words, and text in any charset; what comes out
 * is UTF-8, bounded, and the same for an encoded word as for the bytes in it. The first byte
 * chooses the charset, the second how an encoded word is made of the rest. */
#include "mime/charset.h"
#include "mime/message.h"
#include "base/replay.h"

#include "base/encode.h"
#include "base/utf8.h"

#define REQUIRE(condition) ((condition) ? (void)0 : panic("%s", #condition))

const char fuzz_corpus[] = "mime_words";

static const char *const charsets[] = {
    "",           "utf-8",       "US-ASCII",     "iso-8859-1", "iso-8859-2",   "koi8-r",
    "gb2312",     "big5",        "euc-jp",       "gb18030",    "iso-2022-jp",  "shift_jis",
    "euc-kr",     "iso-2022-kr", "utf-7",        "utf-16",     "utf-16le",     "utf-16be",
    "utf-32",     "x-none",      "windows-1255", "macintosh",  "windows-1258", "cp437",
    "iso-8859-6", "windows-874", "tis-620",      "koi8-u"};

static void check_clean(struct str text, size_t size)
{
    REQUIRE(utf8_valid(text) && text.n <= 4 * size + 16);
    for (size_t i = 0; i < text.n; i++)
        REQUIRE(((unsigned char)text.p[i] >= ' ' || text.p[i] == '\t') && text.p[i] != 127);
    REQUIRE(str_equal(str_trim(text), text));
}

static void check_decode(struct str in, size_t arena_max)
{
    struct arena arena;
    struct str once;

    arena_init(&arena, arena_max);
    once = mime_decode_words(in, &arena);
    check_clean(once, in.n);
    /* Once is enough, where nothing came out that looks as if it were encoded. */
    if (!arena.full && str_find(once, STR("=?")) == SIZE_MAX)
        REQUIRE(str_equal(mime_decode_words(once, &arena), once) || arena.full);
    arena_done(&arena);
}

static void print_word(struct buf *out, struct str charset, char how, struct str bytes)
{
    buf_c(out, "=?");
    buf_str(out, charset);
    buf_c(out, how & 1 ? "*de?" : "?");
    buf_c(out, how & 2 ? "b?" : "Q?");
    if (how & 2)
        base64_print(out, bytes);
    for (size_t i = 0; !(how & 2) && i < bytes.n; i++)
        buf_printf(out, "=%02X", (unsigned char)bytes.p[i]);
    buf_c(out, "?=");
}

/* The bytes as one encoded word, and as two: of halves, which are joined (RFC 2047 section 6.2). */
static void check_encoded(struct str charset, char how, struct str bytes)
{
    struct buf plain, word;
    struct arena arena;
    struct str got, want;

    buf_init(&plain, 4 * bytes.n + 16);
    buf_init(&word, 8 * bytes.n + 400);
    arena_init(&arena, 100 * bytes.n + 10000);
    mime_charset_convert(&plain, charset, bytes);
    REQUIRE(!plain.overflow && utf8_valid(buf_view(&plain)));
    for (size_t i = 0; i < plain.n; i++)
        if (((unsigned char)plain.p[i] < ' ' && plain.p[i] != '\t') || plain.p[i] == 127)
            plain.p[i] = ' ';
    want = str_trim(buf_view(&plain));
    if (how & 4) {
        print_word(&word, charset, how, str_sub(bytes, 0, bytes.n / 2));
        buf_c(&word, "\r\n ");
        bytes = str_skip(bytes, bytes.n / 2);
    }
    print_word(&word, charset, how, bytes);
    got = mime_decode_words(buf_view(&word), &arena);
    REQUIRE(!arena.full && str_equal(got, want));
    buf_done(&plain);
    buf_done(&word);
    arena_done(&arena);
}

/* A text that is cut where it may be is the same text. */
static void check_cut(struct str charset, struct str bytes)
{
    size_t n = mime_charset_cut(charset, str_sub(bytes, 0, bytes.n / 2), 0);
    struct buf whole, halves;

    REQUIRE(n <= bytes.n / 2);
    if (n == 0 || mime_charset_is_utf8(charset))
        return;
    buf_init(&whole, 4 * bytes.n + 16);
    buf_init(&halves, 4 * bytes.n + 16);
    mime_charset_convert(&whole, charset, bytes);
    mime_charset_convert(&halves, charset, str_sub(bytes, 0, n));
    mime_charset_convert(&halves, charset, str_skip(bytes, n));
    REQUIRE(str_equal(buf_view(&whole), buf_view(&halves)));
    buf_done(&whole);
    buf_done(&halves);
}

static void check_convert(struct str charset, struct str bytes)
{
    struct buf out;

    buf_init(&out, 4 * bytes.n + 16);
    mime_charset_convert(&out, charset, bytes);
    REQUIRE(!out.overflow && utf8_valid(buf_view(&out)));
    if (!mime_charset_known(charset) && utf8_valid(bytes))
        REQUIRE(str_equal(buf_view(&out), bytes));
    buf_done(&out);
    buf_init(&out, bytes.n / 2);
    mime_charset_convert(&out, charset, bytes);
    REQUIRE(out.n <= bytes.n / 2 && utf8_valid(buf_view(&out)));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str charset, in;

    mime_process_init();
    if (size < 2 || size > 5000)
        return 0;
    charset = str_c(charsets[data[0] % ARRAY_LEN(charsets)]);
    in = str_skip(str_of(data, size), 2);
    check_decode(in, (size_t)1 << 20);
    check_decode(in, (size_t)data[1] * 8);
    check_convert(charset, in);
    check_cut(charset, in);
    if (charset.n)
        check_encoded(charset, (char)data[1], in);
    /* As a name: anything is looked for. */
    check_convert(str_sub(in, 0, 20), in);
    return 0;
}
