/* mime/charset.c: see charset.h. The table of charsets is the one piece of state in mime/: it is
 * written once, by mime_process_init; a descriptor is reset before each use. */
#include "mime/charset.h"

#include "base/utf8.h"
#include "mime/message.h"

#include <errno.h>
#include <iconv.h>

#define TABLE_NONE ((uint16_t)0) /* this byte has no meaning in the charset */

/* What iconv is asked for, in the order of enum. */
enum charset {
    /* one byte a character: a table */
    LATIN2,
    LATIN3,
    LATIN4,
    CYRILLIC,
    ARABIC,
    GREEK,
    HEBREW,
    LATIN6,
    LATIN7,
    LATIN8,
    LATIN9,
    LATIN10,
    WIN1250,
    WIN1251,
    WIN1252,
    WIN1253,
    WIN1254,
    WIN1255,
    WIN1256,
    WIN1257,
    WIN1258,
    WIN874,
    KOI8R,
    KOI8U,
    IBM437,
    IBM850,
    IBM852,
    IBM866,
    MACINTOSH,
    /* more bytes, or shifts: a descriptor */
    GB18030,
    BIG5,
    EUCJP,
    ISO2022JP,
    CP932,
    CP949,
    ISO2022KR,
    UTF7,
    UTF16,
    UTF16LE,
    UTF16BE,
    UTF32,
    CHARSETS,
    UNICODE /* US-ASCII and UTF-8: nothing to convert */
};
#define FIRST_WIDE GB18030

static struct {
    const char *iconv_name;
    uint16_t *table; /* code points of bytes 128 to 255; NULL: not there */
    iconv_t cd;      /* valid when open */
    bool open;
} charsets[CHARSETS] = {
    [LATIN2] = {.iconv_name = "ISO-8859-2"},
    [LATIN3] = {.iconv_name = "ISO-8859-3"},
    [LATIN4] = {.iconv_name = "ISO-8859-4"},
    [CYRILLIC] = {.iconv_name = "ISO-8859-5"},
    [ARABIC] = {.iconv_name = "ISO-8859-6"},
    [GREEK] = {.iconv_name = "ISO-8859-7"},
    [HEBREW] = {.iconv_name = "ISO-8859-8"},
    [LATIN6] = {.iconv_name = "ISO-8859-10"},
    [LATIN7] = {.iconv_name = "ISO-8859-13"},
    [LATIN8] = {.iconv_name = "ISO-8859-14"},
    [LATIN9] = {.iconv_name = "ISO-8859-15"},
    [LATIN10] = {.iconv_name = "ISO-8859-16"},
    [WIN1250] = {.iconv_name = "WINDOWS-1250"},
    [WIN1251] = {.iconv_name = "WINDOWS-1251"},
    [WIN1252] = {.iconv_name = "WINDOWS-1252"},
    [WIN1253] = {.iconv_name = "WINDOWS-1253"},
    [WIN1254] = {.iconv_name = "WINDOWS-1254"},
    [WIN1255] = {.iconv_name = "WINDOWS-1255"},
    [WIN1256] = {.iconv_name = "WINDOWS-1256"},
    [WIN1257] = {.iconv_name = "WINDOWS-1257"},
    [WIN1258] = {.iconv_name = "WINDOWS-1258"},
    [WIN874] = {.iconv_name = "CP874"},
    [KOI8R] = {.iconv_name = "KOI8-R"},
    [KOI8U] = {.iconv_name = "KOI8-U"},
    [IBM437] = {.iconv_name = "IBM437"},
    [IBM850] = {.iconv_name = "IBM850"},
    [IBM852] = {.iconv_name = "IBM852"},
    [IBM866] = {.iconv_name = "IBM866"},
    [MACINTOSH] = {.iconv_name = "MACINTOSH"},
    [GB18030] = {.iconv_name = "GB18030"},
    [BIG5] = {.iconv_name = "BIG5"},
    [EUCJP] = {.iconv_name = "EUC-JP-MS"},
    [ISO2022JP] = {.iconv_name = "ISO-2022-JP"},
    [CP932] = {.iconv_name = "CP932"},
    [CP949] = {.iconv_name = "UHC"},
    [ISO2022KR] = {.iconv_name = "ISO-2022-KR"},
    [UTF7] = {.iconv_name = "UTF-7"},
    [UTF16] = {.iconv_name = "UTF-16"},
    [UTF16LE] = {.iconv_name = "UTF-16LE"},
    [UTF16BE] = {.iconv_name = "UTF-16BE"},
    [UTF32] = {.iconv_name = "UTF-32"},
};

/* What senders write: lower case, letters and digits alone, without "x-". */
static const struct {
    const char *name;
    enum charset charset;
} names[] = {
    {"utf8", UNICODE},
    {"usascii", UNICODE},
    {"iso88591", WIN1252},
    {"ascii", UNICODE},
    {"ansix341968", UNICODE},
    {"windows1252", WIN1252},
    {"latin1", WIN1252},
    {"cp1252", WIN1252},
    {"iso88592", LATIN2},
    {"iso88593", LATIN3},
    {"iso88594", LATIN4},
    {"latin2", LATIN2},
    {"iso88595", CYRILLIC},
    {"iso88596", ARABIC},
    {"iso88596i", ARABIC},
    {"iso88597", GREEK},
    {"iso88598", HEBREW},
    {"iso88598i", HEBREW},
    {"iso88598e", HEBREW},
    {"iso88599", WIN1254},
    {"latin5", WIN1254},
    {"iso885910", LATIN6},
    {"iso885911", WIN874},
    {"tis620", WIN874},
    {"windows874", WIN874},
    {"iso885913", LATIN7},
    {"iso885914", LATIN8},
    {"iso885915", LATIN9},
    {"latin9", LATIN9},
    {"iso885916", LATIN10},
    {"windows1250", WIN1250},
    {"cp1250", WIN1250},
    {"windows1251", WIN1251},
    {"cp1251", WIN1251},
    {"windows1253", WIN1253},
    {"cp1253", WIN1253},
    {"windows1254", WIN1254},
    {"cp1254", WIN1254},
    {"windows1255", WIN1255},
    {"cp1255", WIN1255},
    {"windows1256", WIN1256},
    {"cp1256", WIN1256},
    {"windows1257", WIN1257},
    {"cp1257", WIN1257},
    {"windows1258", WIN1258},
    {"cp1258", WIN1258},
    {"koi8r", KOI8R},
    {"koi8u", KOI8U},
    {"koi8ru", KOI8U},
    {"ibm437", IBM437},
    {"cp437", IBM437},
    {"ibm850", IBM850},
    {"cp850", IBM850},
    {"ibm852", IBM852},
    {"cp852", IBM852},
    {"ibm866", IBM866},
    {"cp866", IBM866},
    {"macintosh", MACINTOSH},
    {"macroman", MACINTOSH},
    {"gb2312", GB18030},
    {"gbk", GB18030},
    {"gb18030", GB18030},
    {"gb231280", GB18030},
    {"cp936", GB18030},
    {"big5", BIG5},
    {"big5hkscs", BIG5},
    {"cp950", BIG5},
    {"eucjp", EUCJP},
    {"iso2022jp", ISO2022JP},
    {"csiso2022jp", ISO2022JP},
    {"shiftjis", CP932},
    {"sjis", CP932},
    {"windows31j", CP932},
    {"cp932", CP932},
    {"euckr", CP949},
    {"ksc56011987", CP949},
    {"ksc5601", CP949},
    {"cp949", CP949},
    {"windows949", CP949},
    {"iso2022kr", ISO2022KR},
    {"utf7", UTF7},
    {"unicode11utf7", UTF7},
    {"utf16", UTF16},
    {"utf16le", UTF16LE},
    {"utf16be", UTF16BE},
    {"utf32", UTF32},
    {"isoir100", WIN1252},
    {"iso885911987", WIN1252},
    {"csisolatin1", WIN1252},
    {"l1", WIN1252},
    {"cp819", WIN1252},
    {"ansi", WIN1252},
    {"win1252", WIN1252},
    {"unicode11utf8", UNICODE},
    {"utf8mb4", UNICODE},
    {"646", UNICODE},
    {"iso646us", UNICODE},
    {"usascii7", UNICODE},
    {"win1250", WIN1250},
    {"win1251", WIN1251},
    {"win1253", WIN1253},
    {"win1254", WIN1254},
    {"win1255", WIN1255},
    {"win1256", WIN1256},
    {"win1257", WIN1257},
    {"win1258", WIN1258},
    {"koi8", KOI8R},
    {"cskoi8r", KOI8R},
    {"dos866", IBM866},
    {"csisolatin2", LATIN2},
    {"l2", LATIN2},
    {"csisolatincyrillic", CYRILLIC},
    {"cyrillic", CYRILLIC},
    {"arabic", ARABIC},
    {"greek", GREEK},
    {"hebrew", HEBREW},
    {"logical", HEBREW},
    {"visual", HEBREW},
    {"latin3", LATIN3},
    {"latin4", LATIN4},
    {"latin6", LATIN6},
    {"latin10", LATIN10},
    {"mac", MACINTOSH},
    {"csgb2312", GB18030},
    {"chinese", GB18030},
    {"euccn", GB18030},
    {"ms936", GB18030},
    {"csbig5", BIG5},
    {"big5tw", BIG5}, /* this one and the next are Python's */
    {"eucgb2312cn", GB18030},
    {"cnbig5", BIG5},
    {"ujis", EUCJP},
    {"mskanji", CP932},
    {"ms932", CP932},
    {"csshiftjis", CP932},
    {"iso2022jp1", ISO2022JP},
    {"ksc56011989", CP949},
    {"korean", CP949},
    {"cseuckr", CP949},
    {"uhc", CP949},
    {"ms949", CP949},
    {"csiso2022kr", ISO2022KR},
    {"iso10646ucs2", UTF16},
    {"ucs2", UTF16},
    {"unicode", UTF16},
};

/* Asks iconv for each byte above 127 alone. */
static void fill_table(iconv_t cd, uint16_t *table)
{
    for (unsigned i = 0; i < 128; i++) {
        char byte = (char)(128 + i), *in = &byte;
        unsigned char two[8], *out = two;
        size_t in_n = 1, out_n = sizeof two;

        iconv(cd, NULL, NULL, NULL, NULL);
        /* Windows-1258 and TCVN hold a letter back to combine it; the second call lets it go. */
        if (iconv(cd, &in, &in_n, (char **)&out, &out_n) == (size_t)-1)
            continue;
        iconv(cd, NULL, NULL, (char **)&out, &out_n);
        if (out == two + 2)
            table[i] = (uint16_t)(two[0] << 8 | two[1]);
    }
}

void mime_process_init(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    for (size_t i = 0; i < CHARSETS; i++) {
        iconv_t cd = iconv_open(i < FIRST_WIDE ? "UTF-16BE" : "UTF-8", charsets[i].iconv_name);

        if (cd == (iconv_t)-1)
            continue;
        if (i < FIRST_WIDE) {
            charsets[i].table = mem_zalloc(128 * sizeof(uint16_t));
            fill_table(cd, charsets[i].table);
            iconv_close(cd);
        } else {
            charsets[i].cd = cd;
            charsets[i].open = true;
        }
    }
}

static enum charset find_charset(struct str name)
{
    char plain[32];
    size_t n = 0;

    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_alpha(name.p[i]) && !ascii_digit(name.p[i])) {
            if (n == 1 && plain[0] == 'x') /* "x-": somebody's own name of what is known by now */
                n = 0;
            continue;
        }
        if (n == sizeof plain)
            return CHARSETS;
        plain[n++] = ascii_lower(name.p[i]);
    }
    for (size_t i = 0; n && i < ARRAY_LEN(names); i++)
        if (plain[0] == names[i].name[0] && str_equal(str_of(plain, n), str_c(names[i].name)))
            return names[i].charset;
    return CHARSETS;
}

bool mime_charset_known(struct str charset)
{
    enum charset which = find_charset(charset);

    return which == UNICODE ||
           (which < CHARSETS && (charsets[which].table || charsets[which].open));
}

bool mime_charset_is_utf8(struct str charset)
{
    enum charset which = find_charset(charset);

    return which >= CHARSETS || !(charsets[which].table || charsets[which].open);
}

/* True when a text of several bytes a character may be cut after its first n bytes: the last one is a
 * character in itself, as all below 0x30 are in these charsets, and no broken character before it
 * could still want it, as three bytes ("\x81", a digit, and this one) of GB18030 do or the third byte
 * of EUC-JP. */
static bool may_cut_multi(const char *p, size_t n)
{
    if ((unsigned char)p[n - 1] >= 0x30 || (n > 1 && (unsigned char)p[n - 2] >= 0x80))
        return false;
    return n < 3 || !ascii_digit(p[n - 2]) || (unsigned char)p[n - 3] < 0x80;
}

static size_t cut_multi(struct str bytes, size_t from)
{
    size_t n = bytes.n;

    while (n > from && !may_cut_multi(bytes.p, n))
        n--;
    return n > from ? n : 0;
}

/* ISO-2022-JP begins in ASCII, and each escape sequence says anew what follows, whatever was before
 * (RFC 1468): so before the last one, or anywhere after one that leads back to ASCII. */
static size_t cut_escapes(struct str bytes)
{
    static const char *const sequences[] = {"\x1b(J", "\x1b$@", "\x1b$B"};
    struct str before = bytes;
    size_t at;

    while ((at = str_rfind_char(before, '\x1b')) != SIZE_MAX) {
        struct str here = str_skip(bytes, at);

        if (str_starts(here, STR("\x1b(B")) && before.n == bytes.n)
            return bytes.n;
        for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
            if (str_starts(here, str_c(sequences[i])))
                return at;
        if (str_starts(here, STR("\x1b(B"))) /* after it is one that is none, or not yet whole */
            return at;
        before = str_sub(bytes, 0, at);
    }
    return before.n == bytes.n ? bytes.n : 0;
}

/* UTF-16 without a mark of its order: after any unit that is no first half of a character. */
static size_t cut_units(struct str bytes, bool little)
{
    size_t n = bytes.n & ~(size_t)1;

    if (n >= 2 && ((unsigned char)bytes.p[little ? n - 1 : n - 2] & 0xfc) == 0xd8)
        n -= 2;
    return n;
}

size_t mime_charset_cut(struct str charset, struct str bytes, size_t from)
{
    enum charset which = find_charset(charset);

    switch (which) {
    case GB18030:
    case BIG5:
    case EUCJP:
    case CP932:
    case CP949:
        return cut_multi(bytes, from);
    case ISO2022JP:
        return cut_escapes(bytes);
    case UTF16LE:
    case UTF16BE:
        return cut_units(bytes, which == UTF16LE);
    default:
        return which < FIRST_WIDE ? bytes.n : 0;
    }
}

static void convert_table(struct buf *out, const uint16_t *table, struct str in)
{
    for (size_t i = 0; i < in.n;) {
        size_t from = i;

        while (i < in.n && (unsigned char)in.p[i] < 128)
            i++;
        buf_add(out, in.p + from, i - from);
        if (i == in.n)
            break;
        from = (unsigned char)in.p[i++] - 128U;
        utf8_print(out, table[from] == TABLE_NONE ? 0xfffd : table[from]);
    }
}

/* Behind what means nothing it goes on after `unit` bytes. */
static void convert_iconv(struct buf *out, iconv_t cd, struct str in, size_t unit)
{
    char *from = (char *)(uintptr_t)in.p; /* iconv does not write there */
    size_t left = in.n;

    iconv(cd, NULL, NULL, NULL, NULL);
    while (left && !out->overflow) {
        char piece[2048], *to = piece;
        size_t room = sizeof piece, result = iconv(cd, &from, &left, &to, &room);

        buf_add(out, piece, sizeof piece - room);
        if (result != (size_t)-1 || errno == E2BIG)
            continue;
        utf8_print(out, 0xfffd);
        if (errno != EILSEQ || left < unit)
            break; /* EINVAL: it ends within a character; glibc's CP949 complains after the end,
                      too */
        from += unit;
        left -= unit;
    }
}

void mime_charset_convert(struct buf *out, struct str charset, struct str in)
{
    enum charset which = find_charset(charset);

    if (which < CHARSETS && charsets[which].table)
        convert_table(out, charsets[which].table, in);
    else if (which < CHARSETS && charsets[which].open)
        convert_iconv(out, charsets[which].cd, in, which == UTF16LE || which == UTF16BE ? 2 : 1);
    else
        utf8_repair(out, in);
}
