/* text/fold.c: see fold.h.
 *
 * Characters are mapped one by one, without looking at their neighbours, which is what makes
 * folding in pieces simple. What that leaves out is the order of several marks on one letter, and
 * of those most are removed. A mapping costs a microsecond, so the last ones are remembered. */
#include "text/fold.h"

#include "base/utf8.h"

#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#define CACHE 1024 /* entries */
#define CACHED 3   /* characters of a mapping that is remembered */
#define MAPPED                                                                                     \
    128 /* the longest NFKD has 18 characters, case folding makes at most three of one             \
         */

struct text_fold_entry {
    uint32_t code; /* 0: nothing remembered */
    uint32_t n, to[CACHED];
};

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* Marks that are no part of a word's spelling for who searches it, and characters that are not
 * seen. */
static bool is_dropped(uint32_t code)
{
    static const struct range ranges[] = {
        {0xad, 0xad},   /* soft hyphen */
        {0x300, 0x36f}, /* combining diacritical marks; the blocks below extend them */
        {0x483, 0x489}, /* Cyrillic */
        {0x591, 0x5bd}, /* Hebrew accents and points */
        {0x5bf, 0x5bf},   {0x5c1, 0x5c2},   {0x5c4, 0x5c5},
        {0x5c7, 0x5c7},   {0x610, 0x61a}, /* Arabic signs and vowels */
        {0x61c, 0x61c},   {0x640, 0x640},   {0x64b, 0x65f},
        {0x670, 0x670},   {0x6d6, 0x6dc},   {0x6df, 0x6e4},
        {0x6e7, 0x6e8},   {0x6ea, 0x6ed},   {0x1ab0, 0x1aff},
        {0x1dc0, 0x1dff}, {0x200b, 0x200f}, /* zero width, and directions */
        {0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f}, /* variation selectors */
        {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff},
    };

    return in_ranges(ranges, ARRAY_LEN(ranges), code);
}

/* White space and controls. */
static bool is_blank(uint32_t code)
{
    static const struct range ranges[] = {{0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
                                          {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

    if (code < 0x1680)
        return code <= 0x20 || (code >= 0x7f && code <= 0xa0);
    return in_ranges(ranges, ARRAY_LEN(ranges), code);
}

/* Letters with a stroke, and joined ones, that Unicode does not take apart; small ones only. */
static const char *taken_apart(uint32_t code)
{
    switch (code) {
    case 0xe6:
        return "ae";
    case 0xf8:
        return "o";
    case 0x111:
        return "d";
    case 0x127:
        return "h";
    case 0x131:
        return "i";
    case 0x142:
        return "l";
    case 0x153:
        return "oe";
    case 0x167:
        return "t";
    default:
        return NULL;
    }
}

/* Ideographs and Hangul syllables: they map to themselves. */
static bool is_itself(uint32_t code)
{
    return (code >= 0x3400 && code <= 0x4dbf) || (code >= 0x4e00 && code <= 0x9fff) ||
           (code >= 0xac00 && code <= 0xd7a3);
}

/* Compatibility decomposition, case folding, both again where needed (Unicode section 3.13, D146),
 * and what is dropped left out. */
static size_t map_character(uint32_t code, uint32_t to[MAPPED])
{
    uint32_t plain[MAPPED], folded[MAPPED];
    size_t plain_n = MAPPED, folded_n = MAPPED, n = 0;

    if (u32_normalize(UNINORM_NFKD, &code, 1, plain, &plain_n) != plain ||
        u32_casefold(plain, plain_n, NULL, UNINORM_NFKD, folded, &folded_n) != folded)
        panic("a character becomes more than %d", MAPPED);
    for (size_t i = 0; i < folded_n; i++) {
        const char *letters = taken_apart(folded[i]);

        if (is_dropped(folded[i]))
            continue;
        if (!letters)
            to[n++] = folded[i];
        for (; letters && *letters; letters++)
            to[n++] = (unsigned char)*letters;
    }
    return n;
}

/* ---- output ---- */

static void fold_put(struct text_fold *f, uint32_t code)
{
    bool gap = f->gap && (f->any || f->edges);

    if (f->full)
        return;
    if (f->out->max - f->out->n < 5) {
        f->full = true;
        return;
    }
    if (gap)
        buf_char(f->out, f->gap);
    f->gap = 0;
    f->any = true;
    utf8_print(f->out, code);
}

static void fold_release(struct text_fold *f)
{
    if (f->held)
        fold_put(f, f->held);
    f->held = 0;
}

static void fold_add(struct text_fold *f, uint32_t code)
{
    ucs4_t both;

    if (is_blank(code)) {
        fold_release(f);
        if (!f->gap)
            f->gap = ' ';
        return;
    }
    /* Nothing below U+0300 is the second half of anything. */
    both = f->held && code >= 0x300 ? uc_composition(f->held, code) : 0;
    if (both) {
        f->held = both;
        return;
    }
    fold_release(f);
    f->held = code;
}

static void fold_add_mapped(struct text_fold *f, uint32_t code)
{
    struct text_fold_entry *entry;
    uint32_t to[MAPPED];
    size_t n;

    if (is_itself(code)) {
        fold_add(f, code);
        return;
    }
    if (!f->cache) /* most texts need none */
        f->cache = mem_zalloc(CACHE * sizeof *f->cache);
    entry = &f->cache[code % CACHE];
    if (entry->code == code) {
        for (uint32_t i = 0; i < entry->n; i++)
            fold_add(f, entry->to[i]);
        return;
    }
    n = map_character(code, to);
    if (n <= CACHED) {
        *entry = (struct text_fold_entry){.code = code, .n = (uint32_t)n};
        for (size_t i = 0; i < n; i++)
            entry->to[i] = to[i];
    }
    for (size_t i = 0; i < n; i++)
        fold_add(f, to[i]);
}

/* ASCII in small letters; white space and controls are a space. */
static char ascii_folded(char ch)
{
    static const char folded[] =
        "                                 !\"#$%&'()*+,-./0123456789:;<=>?@"
        "abcdefghijklmnopqrstuvwxyz[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ ";

    return folded[(unsigned char)ch];
}

#define EACH(byte) (0x0101010101010101U * (byte))

/* Eight ASCII characters at once, where that is all there is to do: none is a control, and no space
 * stands after another. Of each byte, which is below 128, the highest bit tells what a sum found. */
static bool fold_eight(char *to, const char *in, bool behind_space)
{
    uint64_t x, controls, spaces, capitals;

    memcpy(&x, in, sizeof x);
    controls = (~(x + EACH(0x80 - ' ')) | (x + EACH(0x80 - 0x7f))) & EACH(0x80);
    spaces = ~((x ^ EACH(' ')) + EACH(0x7f)) & EACH(0x80);
    if (controls || (spaces & spaces << 8) || (behind_space && in[0] == ' '))
        return false;
    capitals = (x + EACH(0x80 - 'A')) & ~(x + EACH(0x80 - 'Z' - 1)) & EACH(0x80);
    x |= capitals >> 2;
    memcpy(to, &x, sizeof x);
    return true;
}

/* The first character of a run: what it does to the one before it is not known yet. Returns how many
 * bytes are done with. */
static size_t fold_begin_ascii(struct text_fold *f, struct str in)
{
    size_t n = 0;

    while (n < in.n && ascii_folded(in.p[n]) == ' ')
        n++;
    if (n > 0)
        fold_add(f, ' ');
    if (n < in.n)
        fold_add(f, (unsigned char)ascii_folded(in.p[n++]));
    return n;
}

/* A run of ASCII: what fold_add would make of it, without a look at each character's neighbours,
 * because most of all text is this. */
static void fold_add_ascii(struct text_fold *f, struct str in)
{
    char *from, *to;

    if (!f->held)
        in = str_skip(in, fold_begin_ascii(f, in));
    if (in.n == 0)
        return;
    fold_release(f);
    if (f->full || f->out->max - f->out->n < in.n) { /* as far as there is room */
        for (size_t i = 0; i < in.n && !f->full; i++)
            fold_add(f, (unsigned char)ascii_folded(in.p[i]));
        return;
    }
    from = to = buf_reserve(f->out, in.n);
    for (size_t i = 0; i < in.n;) {
        if (in.n - i >= 8 && fold_eight(to, in.p + i, to > from && to[-1] == ' ')) {
            to += 8;
            i += 8;
            continue;
        }
        *to = ascii_folded(in.p[i++]);
        to += *to != ' ' || to == from || to[-1] != ' ';
    }
    /* The last one is held back again, or is a gap. */
    to--;
    if (*to == ' ')
        f->gap = ' ';
    else
        f->held = (unsigned char)*to;
    buf_commit(f->out, (size_t)(to - from));
}

/* ---- pieces ---- */

void text_fold_begin(struct text_fold *f, struct buf *out)
{
    *f = (struct text_fold){.out = out};
}

/* The length that the character beginning with this byte should have. */
static size_t wanted_bytes(unsigned char lead)
{
    return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
}

/* Takes bytes until `rest` is a character, or no beginning of one. Returns how many. */
static size_t complete_rest(struct text_fold *f, struct str in)
{
    size_t used = 0, at = 0;
    int32_t code;

    while (f->rest_n < wanted_bytes(f->rest[0])) {
        if (used == in.n)
            return used;
        if (((unsigned char)in.p[used] & 0xc0) != 0x80)
            break;
        f->rest[f->rest_n++] = (unsigned char)in.p[used++];
    }
    /* Each byte that belongs to no character is one U+FFFD, as it is in one piece. */
    while (at < f->rest_n) {
        code = utf8_next(str_of(f->rest, f->rest_n), &at);
        fold_add_mapped(f, code < 0 ? 0xfffd : (uint32_t)code);
    }
    f->rest_n = 0;
    return used;
}

/* True when in ends within the character that begins at `at`, so far as one can see. */
static bool is_cut(struct str in, size_t at)
{
    size_t n = wanted_bytes((unsigned char)in.p[at]);

    if (n <= in.n - at)
        return false;
    for (size_t i = at + 1; i < in.n; i++)
        if (((unsigned char)in.p[i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* How many bytes at the beginning are ASCII. */
static size_t ascii_run(struct str in)
{
    size_t n = 0;
    uint64_t eight;

    for (; in.n - n >= sizeof eight; n += sizeof eight) {
        memcpy(&eight, in.p + n, sizeof eight);
        if (eight & 0x8080808080808080U)
            break;
    }
    while (n < in.n && (unsigned char)in.p[n] < 0x80)
        n++;
    return n;
}

void text_fold_feed(struct text_fold *f, struct str in)
{
    size_t at = f->rest_n ? complete_rest(f, in) : 0;

    while (at < in.n && !f->full) {
        size_t run = ascii_run(str_skip(in, at));
        int32_t code;

        if (run > 0) {
            fold_add_ascii(f, str_sub(in, at, run));
            at += run;
            continue;
        }
        if (is_cut(in, at)) {
            while (at < in.n)
                f->rest[f->rest_n++] = (unsigned char)in.p[at++];
            return;
        }
        code = utf8_next(in, &at);
        fold_add_mapped(f, code < 0 ? 0xfffd : (uint32_t)code);
    }
}

/* A character that will not become whole. */
static void finish_rest(struct text_fold *f)
{
    for (size_t i = 0; i < f->rest_n; i++)
        fold_add_mapped(f, 0xfffd);
    f->rest_n = 0;
}

void text_fold_break(struct text_fold *f)
{
    finish_rest(f);
    fold_release(f);
    f->gap = '\n';
}

void text_fold_end(struct text_fold *f)
{
    finish_rest(f);
    fold_release(f);
    if (f->edges && f->gap == ' ' && f->out->n < f->out->max)
        buf_char(f->out, ' ');
    mem_free(f->cache);
    f->cache = NULL;
}

void text_fold_query(struct buf *out, struct str in)
{
    struct text_fold f;

    text_fold_begin(&f, out);
    f.edges = true;
    text_fold_feed(&f, in);
    text_fold_end(&f);
}
