/* mime/tnef_test.c: streams built here and what is listed of them. tests/13_tnef.py has others read
 * by other programs. */
#include "mime/tnef.c"

#include "base/test.h"
#include "mime/message.h"
#include "base/replay.h"

static struct buf stream, props;
static struct arena arena;

static void add(struct buf *b, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_char(b, (char)(v >> 8 * i));
}

static void begin(void)
{
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    buf_done(&stream);
    buf_init(&stream, 1 << 24);
    add(&stream, SIGNATURE, 4);
    add(&stream, 1, 2);
}

static void attribute(unsigned level, uint32_t id, struct str data)
{
    unsigned sum = 0;

    add(&stream, level, 1);
    add(&stream, id, 4);
    add(&stream, data.n, 4);
    buf_str(&stream, data);
    for (size_t i = 0; i < data.n; i++)
        sum += (unsigned char)data.p[i];
    add(&stream, sum & 0xffff, 2);
}

static void prop_begin(uint32_t count)
{
    buf_done(&props);
    buf_init(&props, 1 << 20);
    add(&props, count, 4);
}

static void prop(uint32_t type, uint32_t id, struct str value)
{
    add(&props, type, 2);
    add(&props, id, 2);
    add(&props, 1, 4);
    add(&props, value.n, 4);
    buf_str(&props, value);
    while (props.n % 4)
        buf_char(&props, 0);
}

static void attachment(struct str title, struct str data)
{
    attribute(2, ATT_ATTACH_REND_DATA, STR("\1\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    attribute(2, ATT_ATTACH_TITLE, title);
    attribute(2, ATT_ATTACH_DATA, data);
}

static void codepage_is(uint32_t page)
{
    struct buf b;

    buf_init(&b, 8);
    add(&b, page, 8);
    attribute(1, ATT_OEM_CODEPAGE, buf_view(&b));
    buf_done(&b);
}

/* "kind name type charset data;" of each part. */
static struct str listed(struct str bytes)
{
    static const char *const kinds[] = {"file", "message", "text", "html"};
    struct mime_tnef_part part;
    struct mime_tnef t;
    struct str all;
    struct buf out;

    if (!mime_tnef_begin(&t, test_exact(bytes), &arena))
        return STR("none");
    buf_init(&out, 1 << 20);
    while (mime_tnef_next(&t, &part)) {
        buf_printf(&out, "%s|%.*s|%.*s|%.*s|", kinds[part.kind], STR_ARG(part.name),
                   STR_ARG(part.type), STR_ARG(part.charset));
        buf_str(&out, part.data);
        buf_c(&out, "\n");
    }
    all = arena_str(&arena, buf_view(&out));
    buf_done(&out);
    return all;
}

static void attachments_are_listed(void)
{
    begin();
    codepage_is(1252);
    attachment(STR("a.txt\0"), STR("one"));
    attachment(STR("gr\xfc\xdf"
                   "e.txt\0"),
               STR(""));
    CHECK_STR(listed(buf_view(&stream)), STR("file|a.txt|||one\nfile|gr\xc3\xbc\xc3\x9f"
                                             "e.txt|||\n"));
}

static void the_long_name_wins_over_the_title(void)
{
    begin();
    codepage_is(932);
    attachment(STR("LONGNA~1.TXT\0"), STR("x"));
    prop_begin(4);
    prop(TYPE_STRING8, PROP_ATTACH_FILENAME, STR("LONGNA~1.TXT\0"));
    prop(TYPE_STRING, PROP_ATTACH_LONG_FILENAME, STR("\xe9\0.\0\xac\x20\0\0"));
    prop(TYPE_STRING8, PROP_ATTACH_MIME_TAG, STR("image/png\0"));
    prop(TYPE_STRING8, PROP_DISPLAY_NAME, STR("shown\0"));
    attribute(2, ATT_ATTACHMENT, buf_view(&props));
    attachment(STR("\x93\xfa\x96\x7b\0"), STR("y")); /* Shift_JIS */
    CHECK_STR(listed(buf_view(&stream)), STR("file|\xc3\xa9.\xe2\x82\xac|image/png||x\n"
                                             "file|\xe6\x97\xa5\xe6\x9c\xac|||y\n"));
}

static void other_properties_are_stepped_over(void)
{
    begin();
    attribute(2, ATT_ATTACH_REND_DATA, STR(""));
    prop_begin(8);
    add(&props, 0x0b | 0x66660000, 4); /* boolean */
    add(&props, 1, 4);
    add(&props, 0x40 | 0x66670000, 4); /* a time */
    add(&props, 1, 8);
    add(&props, 0x03 | 0x80010000, 4); /* named by a number */
    buf_add(&props, "0123456789abcdef\0\0\0\0\1\2\3\4", 24);
    add(&props, 7, 4);
    add(&props, TYPE_STRING8 | 0x80020000, 4); /* named by a string */
    buf_add(&props, "0123456789abcdef\1\0\0\0\6\0\0\0a\0b\0\0\0\0\0", 32);
    buf_add(&props, "\1\0\0\0\2\0\0\0v\0\0\0", 12);
    add(&props, 0x1003 | 0x66680000, 4); /* three numbers */
    add(&props, 3, 4);
    buf_add(&props, "aaaabbbbcccc", 12);
    add(&props, 0x101e | 0x66690000, 4); /* two strings */
    buf_add(&props, "\2\0\0\0\2\0\0\0a\0\0\0\5\0\0\0bcde\0\0\0\0", 24);
    prop(TYPE_STRING8, PROP_DISPLAY_NAME, STR("name\0"));
    prop(TYPE_BINARY, PROP_ATTACH_DATA, STR("data"));
    attribute(2, ATT_ATTACHMENT, buf_view(&props));
    CHECK_STR(listed(buf_view(&stream)), STR("file|name|||data\n"));
}

static void bodies_are_listed_with_their_charset(void)
{
    begin();
    codepage_is(1250);
    attribute(1, ATT_BODY, STR("old\0"));
    CHECK_STR(listed(buf_view(&stream)), STR("text|||windows-1250|old\n"));
    prop_begin(3);
    prop(TYPE_BINARY, PROP_HTML, STR("<p>h"));
    prop(TYPE_STRING, PROP_BODY, STR("n\0e\0w\0\0\0"));
    add(&props, 0x03 | (uint32_t)PROP_INTERNET_CODEPAGE << 16, 4);
    add(&props, 65001, 4);
    attribute(1, ATT_MSG_PROPS, buf_view(&props));
    attachment(STR("a\0"), STR("b"));
    CHECK_STR(listed(buf_view(&stream)),
              STR("html|||utf-8|<p>h\ntext|||utf-16le|n\0e\0w\0\nfile|a|||b\n"));
}

static void an_attached_message_is_tnef_again(void)
{
    struct buf inner;

    begin();
    codepage_is(65001);
    attribute(1, ATT_BODY, STR("inner"));
    buf_init(&inner, 1 << 16);
    buf_c(&inner, "0123456789abcdef");
    buf_str(&inner, buf_view(&stream));
    begin();
    attribute(2, ATT_ATTACH_REND_DATA, STR(""));
    prop_begin(2);
    prop(TYPE_STRING8, PROP_DISPLAY_NAME, STR("Forwarded\0"));
    prop(TYPE_OBJECT, PROP_ATTACH_DATA, buf_view(&inner));
    attribute(2, ATT_ATTACHMENT, buf_view(&props));
    CHECK(str_starts(listed(buf_view(&stream)), STR("message|Forwarded|||x\x9f>\"")));
    CHECK_STR(listed(str_skip(buf_view(&inner), 16)), STR("text|||utf-8|inner\n"));
    buf_done(&inner);
}

static void what_is_cut_off_ends_there(void)
{
    struct str whole;

    begin();
    attachment(STR("a.txt\0"), STR("one"));
    prop_begin(1);
    prop(TYPE_STRING8, PROP_ATTACH_LONG_FILENAME, STR("longer\0"));
    attribute(2, ATT_ATTACHMENT, buf_view(&props));
    attachment(STR("b.txt\0"), STR("two"));
    whole = buf_view(&stream);
    CHECK_STR(listed(whole), STR("file|longer|||one\nfile|b.txt|||two\n"));
    CHECK_STR(listed(str_sub(whole, 0, whole.n - 3)), STR("file|longer|||one\nfile|b.txt|||tw\n"));
    for (size_t n = 0; n < whole.n; n++)
        CHECK(listed(str_sub(whole, 0, n)).n <= listed(whole).n);
    CHECK_STR(listed(STR("x\x9f>\"\0")), STR("none"));
    CHECK_STR(listed(STR("x\x9f>\"\0\0")), STR(""));
}

static void lengths_that_lie_are_not_believed(void)
{
    static const char *const sizes[] = {"\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x01\x00\x00\x80"};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        begin();
        attachment(STR("a\0"), STR("b"));
        buf_add(&stream, "\x02\x05\x90\x06\x00", 5);
        buf_add(&stream, sizes[i], 4);
        buf_add(&stream, sizes[i], 4);
        buf_add(&stream, "\x1e\x10\x07\x37", 4);
        buf_add(&stream, sizes[i], 4);
        buf_add(&stream, sizes[i], 4);
        CHECK_STR(listed(buf_view(&stream)), STR("file|a|||b\n"));
    }
}

static void names_hold_no_controls_and_types_are_types(void)
{
    begin();
    attachment(STR("a\r\nb\x1b[2J\0"), STR("x"));
    prop_begin(1);
    prop(TYPE_STRING8, PROP_ATTACH_MIME_TAG, STR("text/plain; x\0"));
    attribute(2, ATT_ATTACHMENT, buf_view(&props));
    CHECK_STR(listed(buf_view(&stream)), STR("file|a  b [2J|||x\n"));
}

static void only_so_many_parts_are_listed(void)
{
    struct mime_tnef_part part;
    struct mime_tnef t;
    size_t n = 0;

    begin();
    for (size_t i = 0; i < LIMIT_MIME_PARTS + 10; i++)
        attachment(STR("a\0"), STR("b"));
    CHECK(mime_tnef_begin(&t, buf_view(&stream), &arena));
    while (mime_tnef_next(&t, &part))
        n++;
    CHECK_U64(n, LIMIT_MIME_PARTS);
}

static void the_corpus_of_tnef_fuzz_holds(void)
{
    CHECK(replay_corpus("tnef") >= 40);
}

int main(void)
{
    mime_process_init();
    RUN(attachments_are_listed);
    RUN(the_long_name_wins_over_the_title);
    RUN(other_properties_are_stepped_over);
    RUN(bodies_are_listed_with_their_charset);
    RUN(an_attached_message_is_tnef_again);
    RUN(what_is_cut_off_ends_there);
    RUN(lengths_that_lie_are_not_believed);
    RUN(names_hold_no_controls_and_types_are_types);
    RUN(only_so_many_parts_are_listed);
    RUN(the_corpus_of_tnef_fuzz_holds);
    buf_done(&stream);
    buf_done(&props);
    arena_done(&arena);
    return test_end();
}
