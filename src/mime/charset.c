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

/* What senders write, lower case. */
static const struct {
    const char *name;
    enum charset charset;
} names[] = {
    {"utf-8", UNICODE},
    {"us-ascii", UNICODE},
    {"iso-8859-1", WIN1252},
    {"utf8", UNICODE},
    {"ascii", UNICODE},
    {"ansi_x3.4-1968", UNICODE},
    {"windows-1252", WIN1252},
    {"latin1", WIN1252},
    {"iso8859-1", WIN1252},
    {"iso_8859-1", WIN1252},
    {"cp1252", WIN1252},
    {"cp-1252", WIN1252},
    {"iso-8859-2", LATIN2},
    {"iso-8859-3", LATIN3},
    {"iso-8859-4", LATIN4},
    {"iso8859-2", LATIN2},
    {"latin2", LATIN2},
    {"iso-8859-5", CYRILLIC},
    {"iso-8859-6", ARABIC},
    {"iso-8859-6-i", ARABIC},
    {"iso-8859-7", GREEK},
    {"iso-8859-8", HEBREW},
    {"iso-8859-8-i", HEBREW},
    {"iso-8859-8-e", HEBREW},
    {"iso-8859-9", WIN1254},
    {"latin5", WIN1254},
    {"iso-8859-10", LATIN6},
    {"iso-8859-11", WIN874},
    {"tis-620", WIN874},
    {"windows-874", WIN874},
    {"iso-8859-13", LATIN7},
    {"iso-8859-14", LATIN8},
    {"iso-8859-15", LATIN9},
    {"iso8859-15", LATIN9},
    {"latin-9", LATIN9},
    {"latin9", LATIN9},
    {"iso-8859-16", LATIN10},
    {"windows-1250", WIN1250},
    {"cp1250", WIN1250},
    {"windows-1251", WIN1251},
    {"cp1251", WIN1251},
    {"windows-1253", WIN1253},
    {"cp1253", WIN1253},
    {"windows-1254", WIN1254},
    {"cp1254", WIN1254},
    {"windows-1255", WIN1255},
    {"cp1255", WIN1255},
    {"windows-1256", WIN1256},
    {"cp1256", WIN1256},
    {"windows-1257", WIN1257},
    {"cp1257", WIN1257},
    {"windows-1258", WIN1258},
    {"cp1258", WIN1258},
    {"koi8-r", KOI8R},
    {"koi8-u", KOI8U},
    {"koi8-ru", KOI8U},
    {"ibm437", IBM437},
    {"cp437", IBM437},
    {"ibm850", IBM850},
    {"cp850", IBM850},
    {"ibm852", IBM852},
    {"cp852", IBM852},
    {"ibm866", IBM866},
    {"cp866", IBM866},
    {"macintosh", MACINTOSH},
    {"x-mac-roman", MACINTOSH},
    {"gb2312", GB18030},
    {"gbk", GB18030},
    {"gb18030", GB18030},
    {"gb_2312-80", GB18030},
    {"x-gbk", GB18030},
    {"cp936", GB18030},
    {"big5", BIG5},
    {"x-big5", BIG5},
    {"big5-hkscs", BIG5},
    {"cp950", BIG5},
    {"euc-jp", EUCJP},
    {"x-euc-jp", EUCJP},
    {"iso-2022-jp", ISO2022JP},
    {"csiso2022jp", ISO2022JP},
    {"shift_jis", CP932},
    {"shift-jis", CP932},
    {"sjis", CP932},
    {"x-sjis", CP932},
    {"windows-31j", CP932},
    {"cp932", CP932},
    {"euc-kr", CP949},
    {"ks_c_5601-1987", CP949},
    {"ks_c_5601", CP949},
    {"ksc5601", CP949},
    {"cp949", CP949},
    {"windows-949", CP949},
    {"iso-2022-kr", ISO2022KR},
    {"utf-7", UTF7},
    {"unicode-1-1-utf-7", UTF7},
    {"utf-16", UTF16},
    {"utf-16le", UTF16LE},
    {"utf-16be", UTF16BE},
    {"utf-32", UTF32},
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

static enum charset find(struct str name)
{
    name = str_trim(name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal_nocase(name, str_c(names[i].name)))
            return names[i].charset;
    return CHARSETS;
}

bool mime_charset_known(struct str charset)
{
    enum charset which = find(charset);

    return which == UNICODE ||
           (which < CHARSETS && (charsets[which].table || charsets[which].open));
}

enum mime_charset_form mime_charset_form(struct str charset)
{
    enum charset which = find(charset);

    if (which >= CHARSETS || !(charsets[which].table || charsets[which].open))
        return MIME_CHARSET_UTF8;
    if (which < FIRST_WIDE)
        return MIME_CHARSET_SINGLE;
    return which == GB18030 || which == BIG5 || which == EUCJP || which == CP932 || which == CP949
               ? MIME_CHARSET_MULTI
               : MIME_CHARSET_SHIFTS;
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

static void convert_iconv(struct buf *out, iconv_t cd, struct str in)
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
        if (errno != EILSEQ || left == 0)
            break; /* EINVAL: it ends within a character; glibc's CP949 complains behind the end, too */
        from++;
        left--;
    }
}

void mime_charset_convert(struct buf *out, struct str charset, struct str in)
{
    enum charset which = find(charset);

    if (which < CHARSETS && charsets[which].table)
        convert_table(out, charsets[which].table, in);
    else if (which < CHARSETS && charsets[which].open)
        convert_iconv(out, charsets[which].cd, in);
    else
        utf8_repair(out, in);
}
