/* text/fold_test.c: what is the same when it is searched, and what is not. */
#include "text/fold.c"

#include "base/random.h"
#include "base/test.h"

static const struct fold_case {
    const char *name, *input, *want;
} fold_cases[] = {
    {"capitals are small", "Hello WORLD", "hello world"},
    {"sharp s is two",
     "Stra\xc3\x9f"
     "e STRASSE",
     "strasse strasse"},
    {"the capital sharp s too",
     "STRA\xe1\xba\x9e"
     "E",
     "strasse"},
    {"diacritics go, composed or not", "\xc3\xa9 e\xcc\x81 \xc3\x89 n\xcc\x83\xcc\x81", "e e e n"},
    {"Turkish i, dotted and not", "\xc4\xb0stanbul ISPARTA \xc4\xb1\xc5\x9f\xc4\xb1k",
     "istanbul isparta isik"},
    {"letters with strokes, and joined ones",
     "\xc3\x98resund \xc5\x81\xc3\xb3"
     "d\xc5\xba \xc3\x86gir \xc5\x92uvre",
     "oresund lodz aegir oeuvre"},
    {"full-width forms are plain", "\xef\xbc\xa1\xef\xbd\x82\xef\xbc\x91\xe3\x80\x80\xef\xbc\x81",
     "ab1 !"},
    {"ligatures and compatibility forms come apart",
     "\xef\xac\x81sh \xe2\x84\x8c \xc2\xbd \xe2\x91\xa0 \xe2\x84\xa2",
     "fish h 1\xe2\x81\x84"
     "2 1 tm"},
    {"Greek: final sigma and accents",
     "\xce\x9f\xce\x94\xce\x9f\xce\xa3 \xce\xbf\xce\xb4\xcf\x8c\xcf\x82",
     "\xce\xbf\xce\xb4\xce\xbf\xcf\x83 \xce\xbf\xce\xb4\xce\xbf\xcf\x83"},
    {"Cyrillic", "\xd0\x81\xd0\x9b\xd0\x9a\xd0\x90 \xd0\xb9",
     "\xd0\xb5\xd0\xbb\xd0\xba\xd0\xb0 \xd0\xb8"},
    {"ideographs stay", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
    {"kana keep their marks: \xe3\x81\x8c is not \xe3\x81\x8b",
     "\xe3\x81\x8c \xe3\x81\x8b\xe3\x82\x99 \xe3\x81\x8b",
     "\xe3\x81\x8c \xe3\x81\x8c \xe3\x81\x8b"},
    {"half-width kana are kana", "\xef\xbd\xb6\xef\xbe\x9e\xef\xbd\xb2",
     "\xe3\x82\xac\xe3\x82\xa4"},
    {"Hangul is composed", "\xed\x95\x9c \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
     "\xed\x95\x9c \xed\x95\x9c"},
    {"Thai and Devanagari keep their vowels",
     "\xe0\xb8\x99\xe0\xb9\x89\xe0\xb8\xb3 \xe0\xa4\x95\xe0\xa5\x81",
     "\xe0\xb8\x99\xe0\xb9\x89\xe0\xb9\x8d\xe0\xb8\xb2 \xe0\xa4\x95\xe0\xa5\x81"},
    {"Hebrew and Arabic points go",
     "\xd7\xa9\xd6\xb8\xd7\x81 \xd9\x83\xd9\x8e\xd8\xaa\xd9\x8e\xd8\xa8",
     "\xd7\xa9 \xd9\x83\xd8\xaa\xd8\xa8"},
    {"white space is one space",
     "  a \t\r\n\xc2\xa0\xe2\x80\x83"
     "b\x01 ",
     "a b"},
    {"what is not seen goes",
     "so\xc2\xad"
     "ft zero\xe2\x80\x8bwidth\xef\xbb\xbf",
     "soft zerowidth"},
    {"bytes that are no UTF-8",
     "a\xff"
     "b\xe2\x82",
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd\xef\xbf\xbd"},
    {"nothing", "", ""},
    {"only blanks", " \n", ""},
};

static struct str folded(struct buf *out, struct str in)
{
    struct text_fold f;

    buf_reset(out);
    text_fold_begin(&f, out);
    text_fold_feed(&f, in);
    text_fold_end(&f);
    return buf_view(out);
}

static void the_same_word_is_the_same_bytes(void)
{
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(fold_cases); i++) {
        struct str got = folded(&out, test_exact(str_c(fold_cases[i].input)));

        if (!CHECK_ROW(str_equal(got, str_c(fold_cases[i].want)), fold_cases[i].name))
            CHECK_STR(got, str_c(fold_cases[i].want));
    }
    buf_done(&out);
}

static void pieces_fold_as_the_whole_does(void)
{
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(fold_cases); i++) {
        struct str in = str_c(fold_cases[i].input);

        for (size_t cut = 0; cut <= in.n; cut++) {
            struct text_fold f;

            buf_reset(&out);
            text_fold_begin(&f, &out);
            text_fold_feed(&f, test_exact(str_sub(in, 0, cut)));
            text_fold_feed(&f, test_exact(str_skip(in, cut)));
            text_fold_end(&f);
            CHECK_STR(buf_view(&out), str_c(fold_cases[i].want));
        }
    }
    buf_done(&out);
}

static void folding_twice_changes_nothing(void)
{
    struct buf once, twice, in;
    size_t different = 0;

    buf_init(&in, 8);
    buf_init(&once, 1000);
    buf_init(&twice, 1000);
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        buf_reset(&in);
        utf8_print(&in, code);
        folded(&once, buf_view(&in));
        different += !str_equal(folded(&twice, buf_view(&once)), buf_view(&once));
    }
    CHECK_U64(different, 0);
    buf_done(&in);
    buf_done(&once);
    buf_done(&twice);
}

static void it_stops_at_a_character(void)
{
    struct str in = STR("a\xe6\x97\xa5 \xe6\x9c\xac bcd");

    for (size_t max = 6; max < 40; max++) {
        struct text_fold f;
        struct buf out;

        buf_init(&out, max);
        buf_c(&out, "before");
        text_fold_begin(&f, &out);
        text_fold_feed(&f, in);
        text_fold_end(&f);
        CHECK(utf8_valid(buf_view(&out)) && !out.overflow);
        CHECK(str_starts(STR("beforea\xe6\x97\xa5 \xe6\x9c\xac bcd"), buf_view(&out)));
        CHECK(f.full == (out.n < 6 + in.n));
        CHECK(out.n == 6 + in.n || out.n + 10 > max);
        buf_done(&out);
    }
}

/* ASCII has a way of its own; whatever stands beside it must not see that. */
static void ascii_folds_as_other_text_does(void)
{
    static const char *const pieces[] = {"a",        "B",        " ",  "\t",
                                         "\r\n",     "x y",      "  ", "\x01",
                                         "\xcc\x81", "\xc3\xa9", "~",  "\xe2\x80\x8b"};

    for (int i = 0; i < 20000; i++) {
        struct buf in, fast, slow;
        struct text_fold f;

        buf_init(&in, 1000);
        buf_init(&fast, 1000);
        buf_init(&slow, 1000);
        for (size_t n = random_below(8); n > 0; n--)
            buf_c(&in, pieces[random_below(ARRAY_LEN(pieces))]);
        text_fold_begin(&f, &fast);
        f.edges = i % 2;
        text_fold_feed(&f, buf_view(&in));
        text_fold_end(&f);
        text_fold_begin(&f, &slow);
        f.edges = i % 2;
        for (size_t at = 0; at < in.n; at++) /* byte by byte no run is found */
            text_fold_feed(&f, str_sub(buf_view(&in), at, 1));
        text_fold_end(&f);
        if (!CHECK_STR(buf_view(&fast), buf_view(&slow)))
            i = 20000;
        buf_done(&in);
        buf_done(&fast);
        buf_done(&slow);
    }
}

static void a_query_keeps_a_space_at_its_ends(void)
{
    static const struct fold_case queries[] = {
        {"a word", "Hello", "hello"},
        {"a space before it", "\t Hello", " hello"},
        {"and after", "Hello \r\n World  ", "hello world "},
        {"what is not seen before the space", "\xe2\x80\x8b a", " a"},
        {"spaces alone", "  ", " "},
        {"nothing that is seen", "\xe2\x80\x8b\xcc\x81", ""},
        {"nothing", "", ""},
    };
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        buf_reset(&out);
        text_fold_query(&out, test_exact(str_c(queries[i].input)));
        if (!CHECK_STR(buf_view(&out), str_c(queries[i].want)))
            CHECK_ROW(false, queries[i].name);
    }
    buf_done(&out);
}

static void texts_are_parted_by_line_feeds(void)
{
    struct text_fold f;
    struct buf out;

    buf_init(&out, 100);
    text_fold_begin(&f, &out);
    text_fold_break(&f);
    text_fold_feed(&f, STR(" A\n"));
    text_fold_break(&f);
    text_fold_break(&f);
    text_fold_feed(&f, STR("\xcc\x81 \n B"));
    text_fold_break(&f);
    text_fold_end(&f);
    CHECK_STR(buf_view(&out), STR("a\nb"));
    buf_done(&out);
}

int main(void)
{
    RUN(the_same_word_is_the_same_bytes);
    RUN(pieces_fold_as_the_whole_does);
    RUN(folding_twice_changes_nothing);
    RUN(it_stops_at_a_character);
    RUN(ascii_folds_as_other_text_does);
    RUN(a_query_keeps_a_space_at_its_ends);
    RUN(texts_are_parted_by_line_feeds);
    return test_end();
}
