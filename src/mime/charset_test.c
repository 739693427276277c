/* mime/charset_test.c: charsets: what bytes mean in them, that no file is needed for it, and where a text
 * may be cut. */
#include "mime/charset.h"
#include "mime/message.h"

#include "base/random.h"
#include "base/test.h"
#include "base/utf8.h"

#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *charset, *bytes;
    size_t n;
    const char *want;
} charset_rows[] = {
    {"iso-8859-1", "Fr\366sche", 7, "Frösche"},
    {"iso-8859-2", "P\370\355li\271", 6, "Příliš"},
    {"iso-8859-4", "\273\357mis", 5, "ģīmis"},
    {"iso-8859-5", "\277\340\330\322\325\342", 6, "Привет"},
    {"iso-8859-6", "\323\344\307\345", 4, "سلام"},
    {"iso-8859-7", "\303\345\351\334", 4, "Γειά"},
    {"iso-8859-8", "\371\354\345\355", 4, "שלום"},
    {"iso-8859-9", "\335stanbul", 8, "İstanbul"},
    {"iso-8859-13", "\376\340sis", 5, "žąsis"},
    {"iso-8859-15", "\2445", 2, "€5"},
    {"iso-8859-16", "\272tefan", 6, "ștefan"},
    {"windows-1250", "P\370\355li\232", 6, "Příliš"},
    {"windows-1251", "\317\360\350\342\345\362", 6, "Привет"},
    {"windows-1252", "\223\200\224", 3, "“€”"},
    {"windows-1253", "\303\345\351\334", 4, "Γειά"},
    {"windows-1254", "\335\360", 2, "İğ"},
    {"windows-1255", "\371\354\345\355", 4, "שלום"},
    {"windows-1256", "\323\341\307\343", 4, "سلام"},
    {"windows-1257", "\376\340sis", 5, "žąsis"},
    {"koi8-r", "\360\322\311\327\305\324", 6, "Привет"},
    {"koi8-u", "\267\326\301\313", 4, "Їжак"},
    {"ibm850", "M\201ller", 6, "Müller"},
    {"ibm866", "\217\340\250\242\245\342", 6, "Привет"},
    {"macintosh", "M\237ller", 6, "Müller"},
    {"windows-874", "\312\307\321\312\264\325", 6, "สวัสดี"},
    {"tis-620", "\312\307\321\312\264\325", 6, "สวัสดี"},
    {"gb2312", "\304\343\272\303", 4, "你好"},
    {"gbk", "\351F\304\343", 4, "镕你"},
    {"gb18030", "\304\343\2249\3746", 6, "你😀"},
    {"big5", "\247A\246n", 4, "你好"},
    {"euc-jp", "\244\263\244\363\244\313\244\301\244\317", 10, "こんにちは"},
    {"iso-2022-jp", "\033$BF|K\1348l\033(Ba", 13, "日本語a"},
    {"shift_jis", "\202\261\202\361\202\311\202\277\202\315\207@", 12, "こんにちは①"},
    {"euc-kr", "\276\310\263\347", 4, "안녕"},
    {"ks_c_5601-1987", "\276\310\263\347\214c", 6, "안녕똠"},
    {"iso-2022-kr", "\033$)C\016>H3g\017", 10, "안녕"},
    {"utf-7", "Fr+APY-sche", 11, "Frösche"},
    {"utf-16le", "a\000\366\000", 4, "aö"},
    {"utf-16be", "\000a\000\366", 4, "aö"},
    {"utf-8", "a\303\266\342\202\254", 6, "aö€"},
};

static void charsets_become_utf8(void)
{
    static const char *const labels[] = {
        "utf_8",       "UTF8",      "ISO_8859-1:1987", "iso8859_15",  "win-1251",       "x-cp1251",
        "koi8r",       "X-GBK",     "eucJP",           "MS932",       "ks_c_5601-1989", "Big5",
        "x-mac-roman", "\"utf-8\"", "big5_tw",         "eucgb2312_cn"};
    struct buf out;

    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(charset_rows); i++) {
        CHECK_ROW(mime_charset_known(str_c(charset_rows[i].charset)), charset_rows[i].charset);
        buf_reset(&out);
        mime_charset_convert(&out, str_c(charset_rows[i].charset),
                             test_exact(str_of(charset_rows[i].bytes, charset_rows[i].n)));
        if (!CHECK_STR(buf_view(&out), str_c(charset_rows[i].want)))
            CHECK_ROW(false, charset_rows[i].charset);
    }
    CHECK(!mime_charset_known(STR("x-none")));
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        CHECK_ROW(mime_charset_known(str_c(labels[i])), labels[i]);
    buf_done(&out);
}

/* In the process that reads mail: a fork of the one that called mime_process_init, without files.
 */
static void convert_without_files(void)
{
    static const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
                                SCMP_SYS(execve)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct buf out;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0) != 0)
            _exit(2);
    if (seccomp_load(filter) != 0)
        _exit(3);
    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(charset_rows); i++) {
        buf_reset(&out);
        mime_charset_convert(&out, str_c(charset_rows[i].charset),
                             str_of(charset_rows[i].bytes, charset_rows[i].n));
        if (!str_equal(buf_view(&out), str_c(charset_rows[i].want)))
            _exit(4);
    }
    mime_charset_convert(&out, STR("x-none"), STR("\xff"));
    _exit(0);
}

static void no_charset_needs_a_file_after_the_fork(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        convert_without_files();
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void any_bytes_in_any_charset_are_valid_utf8(void)
{
    static const char *const more[] = {"x-none", "", "utf-16", "utf-32", "UTF-8"};
    struct buf out;

    buf_init(&out, 100000);
    for (size_t i = 0; i < ARRAY_LEN(charset_rows) + ARRAY_LEN(more); i++) {
        const char *name =
            i < ARRAY_LEN(more) ? more[i] : charset_rows[i - ARRAY_LEN(more)].charset;

        for (int k = 0; k < 200; k++) {
            char bytes[80];
            struct str in = {bytes, random_below(sizeof bytes)};

            random_bytes(bytes, in.n);
            buf_reset(&out);
            mime_charset_convert(&out, str_c(name), test_exact(in));
            CHECK_ROW(utf8_valid(buf_view(&out)) && !out.overflow, name);
        }
    }
    buf_done(&out);
}

/* Where a text may be cut, the halves are the whole: of bytes that mean something to the charset, in
 * any order. */
static void a_text_that_is_cut_is_the_same_text(void)
{
    static const struct {
        const char *charset, *bytes;
        size_t n;
    } rows[] = {
        {"iso-2022-jp", "\x1b(B$J@F|a\n", 10}, {"utf-16le", "\0a\xd8\xdc\x30\n", 6},
        {"utf-16be", "\0a\xd8\xdc\x30\n", 6},  {"gb18030", "\x81\x30\xd6\xd0 a\n", 7},
        {"euc-jp", "\x8f\x8e\xa4\xb3 a\n", 7}, {"shift_jis", "\x82\xa0\xfc\x40 a\n", 7},
        {"big5", "\xa4\xa4\xfe\x40 a\n", 7},   {"cp949", "\xb0\xa1\xc7\x41 a\n", 7},
        {"windows-1252", "\x80\xe4 a\n", 5},
    };
    struct buf whole, halves;

    buf_init(&whole, 10000);
    buf_init(&halves, 10000);
    for (int i = 0; i < 30000; i++) {
        size_t row = random_below(ARRAY_LEN(rows)), cut;
        struct str charset = str_c(rows[row].charset);
        char bytes[40];
        struct str in = {bytes, random_below(sizeof bytes)};

        for (size_t k = 0; k < in.n; k++)
            bytes[k] = rows[row].bytes[random_below(rows[row].n)];
        cut = mime_charset_cut(charset, str_sub(in, 0, in.n / 2), 0);
        buf_reset(&whole);
        buf_reset(&halves);
        mime_charset_convert(&whole, charset, in);
        mime_charset_convert(&halves, charset, str_sub(in, 0, cut));
        mime_charset_convert(&halves, charset, str_skip(in, cut));
        if (!CHECK(cut <= in.n / 2) || !CHECK_STR(buf_view(&halves), buf_view(&whole)))
            CHECK_ROW(false, rows[row].charset);
    }
    /* And there are places to cut. */
    CHECK_U64(mime_charset_cut(STR("iso-2022-jp"), STR("a \x1b$BF|\x1b(B b"), 0), 12);
    CHECK_U64(mime_charset_cut(STR("iso-2022-jp"), STR("a \x1b$BF|F"), 0), 2);
    CHECK_U64(mime_charset_cut(STR("utf-16le"), STR("a\0\x3d\xd8"), 0), 2);
    CHECK_U64(mime_charset_cut(STR("gb18030"), STR("\xd6\xd0 a\xd6"), 0), 0);
    CHECK_U64(mime_charset_cut(STR("gb18030"), STR("\xd6\xd0\x61 \xd6"), 0), 4);
    CHECK_U64(mime_charset_cut(STR("utf-7"), STR("a b c"), 0), 0);
    buf_done(&whole);
    buf_done(&halves);
}

/* glibc's CP949 complains after the last byte here; stepping over it ran out of the text. */
static void a_charset_that_complains_after_the_end_stops_there(void)
{
    struct buf out;

    buf_init(&out, 1000);
    mime_charset_convert(&out, STR("cp949"), test_exact(STR("\xbe\x49\xa2\xe8")));
    CHECK(out.n > 0 && utf8_valid(buf_view(&out)));
    buf_reset(&out);
    mime_charset_convert(&out, STR("ks_c_5601-1987"), test_exact(STR("\xbe\x49\xa2\xe8")));
    CHECK(out.n > 0 && utf8_valid(buf_view(&out)));
    buf_done(&out);
}

int main(void)
{
    mime_process_init();
    RUN(charsets_become_utf8);
    RUN(no_charset_needs_a_file_after_the_fork);
    RUN(any_bytes_in_any_charset_are_valid_utf8);
    RUN(a_text_that_is_cut_is_the_same_text);
    RUN(a_charset_that_complains_after_the_end_stops_there);
    return test_end();
}
