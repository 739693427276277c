/* compose/build_check.c: see build_check.h. What is random here is not uniform: it is made of what
 * writers and readers of headers get wrong. */
#include "compose/build_check.h"

#include "base/random.h"
#include "base/utf8.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/param.h"
#include "mime/thread.h"
#include "mime/transfer.h"

#include <string.h>

/* The generator that base/random.h is given, so that boundaries and ids are the same each time. */
static uint64_t *source;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fill_random(void *p, size_t n)
{
    unsigned char *bytes = p;

    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)next_random(source);
}

static size_t sample_below(struct compose_sample *s, size_t n)
{
    return (size_t)(next_random(&s->random) % n);
}

static void seed_sample(struct compose_sample *s, uint64_t seed)
{
    *s = (struct compose_sample){.random = seed};
    source = &s->random;
    random_set_source(fill_random);
    arena_init(&s->arena, 64 << 20);
    buf_init(&s->out, 64 << 20);
}

void compose_sample_done(struct compose_sample *s)
{
    random_set_source(NULL);
    arena_done(&s->arena);
    buf_done(&s->out);
}

/* ---- random values ---- */

static const char *const odd[] = {"=?utf-8?q?x?=",
                                  "=?",
                                  "?=",
                                  "=?iso-8859-1?B?",
                                  "\"",
                                  "\\",
                                  "\\\"",
                                  "(",
                                  ")",
                                  "(c)",
                                  "<",
                                  ">",
                                  "@",
                                  ",",
                                  ";",
                                  ":",
                                  "[",
                                  "]",
                                  ".",
                                  "..",
                                  "=",
                                  "=20",
                                  "_",
                                  "?",
                                  "'",
                                  "%",
                                  "%20",
                                  "*",
                                  "''",
                                  "utf-8''",
                                  "/",
                                  "Re:",
                                  "--",
                                  "--=_",
                                  "From ",
                                  "a.b",
                                  "x=y",
                                  "!",
                                  "#",
                                  "$&+",
                                  "^`{|}~",
                                  "\xc2\xa0",
                                  "\xe2\x80\x8b",
                                  "\xef\xbb\xbf",
                                  "e\xcc\x81",
                                  "\xc3\xa9",
                                  "\xc3\x9f",
                                  "\xd0\x9f\xd1\x80\xd0\xb8",
                                  "\xe6\x97\xa5\xe6\x9c\xac",
                                  "\xf0\x9f\x8c\x8d",
                                  "\xf4\x8f\xbf\xbf",
                                  "\xef\xbf\xbd",
                                  "\xc2\x80"};

static void add_sample_word(struct compose_sample *s, struct buf *b, bool ascii)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t kind = sample_below(s, 100), n = 1 + sample_below(s, 9);

    if (kind < 40) {
        for (size_t i = 0; i < n; i++)
            buf_char(b, letters[sample_below(s, sizeof letters - 1)]);
    } else if (kind < 70) {
        const char *word = odd[sample_below(s, ARRAY_LEN(odd))];

        if (!ascii || (unsigned char)word[0] < 128)
            buf_c(b, strcmp(word, "e\xcc\x81") == 0 && ascii ? "e" : word);
    } else if (kind < 85) {
        for (size_t i = 0; i < n; i++)
            buf_char(b, (char)(' ' + sample_below(s, 95)));
    } else if (!ascii) {
        for (size_t i = 0; i < n; i++) {
            static const uint32_t tops[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
            uint32_t code = (uint32_t)sample_below(s, tops[sample_below(s, 4)]) + 1;

            utf8_print(b, code < 0xa0 ? 0xa0 + code : code);
        }
    }
}

/* Words and blanks; at times very long ones. */
static struct str sample_text(struct compose_sample *s, size_t words, bool ascii)
{
    struct buf b;
    struct str result;
    size_t n = sample_below(s, words + 1);

    buf_init(&b, LIMIT_WRITE_TEXT);
    for (size_t i = 0; i < n; i++) {
        size_t repeat = sample_below(s, 400) == 0 ? sample_below(s, 1200) : 1;
        size_t blanks = sample_below(s, 300) == 0 ? sample_below(s, 1200)
                        : sample_below(s, 8) == 0 ? sample_below(s, 4)
                                                  : 1;

        while (repeat--)
            add_sample_word(s, &b, ascii);
        while (blanks--)
            buf_char(&b, sample_below(s, 30) ? ' ' : '\t');
    }
    result = arena_str(&s->arena, utf8_cut(buf_view(&b), LIMIT_WRITE_TEXT));
    if (!utf8_valid(result)) /* what did not fit was cut within a character */
        result = STR("cut");
    buf_done(&b);
    return result;
}

/* As it is read again: trimmed, tabs as spaces. */
static struct str as_read(struct compose_sample *s, struct str value)
{
    struct str copy = arena_str(&s->arena, str_trim(value));
    char *p = (char *)(uintptr_t)copy.p; /* our own */

    for (size_t i = 0; i < copy.n; i++)
        if (p[i] == '\t')
            p[i] = ' ';
    return copy;
}

static struct str remove_chars(struct compose_sample *s, struct str value, const char *unwanted,
                               size_t max)
{
    struct buf b;
    struct str result;

    buf_init(&b, value.n);
    for (size_t i = 0; i < value.n; i++)
        if (!strchr(unwanted, value.p[i]))
            buf_char(&b, value.p[i]);
    result = arena_str(&s->arena, utf8_cut(buf_view(&b), max));
    buf_done(&b);
    return result.n ? result : STR("x");
}

static struct str sample_domain(struct compose_sample *s)
{
    static const char *const domains[] = {"example.test",       "a.b.c.example",
                                          "[192.0.2.1]",        "x",
                                          "[IPv6:2001:db8::1]", "xn--bcher-kva.test"};

    if (s->smtputf8 && sample_below(s, 2))
        return STR("b\xc3\xbc"
                   "cher.example");
    return str_c(domains[sample_below(s, ARRAY_LEN(domains))]);
}

static struct mime_address sample_mailbox(struct compose_sample *s)
{
    struct mime_address a = {.kind = MIME_ADDRESS_MAILBOX};

    if (sample_below(s, 5))
        a.name = as_read(s, sample_text(s, 6, sample_below(s, 2)));
    a.local = remove_chars(s, sample_text(s, 2, !s->smtputf8), "\t", 200);
    a.domain = sample_domain(s);
    return a;
}

static size_t sample_addresses(struct compose_sample *s, struct mime_address *list, size_t max)
{
    size_t n = 0;
    bool group = false;

    do {
        if (!group && sample_below(s, 8) == 0 && n + 2 <= max) {
            list[n] = (struct mime_address){.kind = MIME_ADDRESS_GROUP};
            list[n].name = as_read(s, sample_text(s, 4, sample_below(s, 2)));
            if (list[n].name.n == 0)
                list[n].name = STR("undisclosed-recipients");
            n++;
            group = true;
        } else if (group && (sample_below(s, 3) == 0 || n + 1 == max)) {
            list[n++] = (struct mime_address){.kind = MIME_ADDRESS_GROUP_END};
            group = false;
        } else {
            list[n++] = sample_mailbox(s);
        }
    } while (n < max && (group || sample_below(s, 4)));
    return n;
}

static struct str message_id(struct compose_sample *s)
{
    return remove_chars(s, sample_text(s, 4, !s->smtputf8), " \t<>=", LIMIT_WRITE_ID);
}

static int64_t sample_date(struct compose_sample *s)
{
    return ((int64_t)(next_random(&s->random) % UINT64_C(255611289600)) - INT64_C(2208988800)) *
           1000000;
}

/* ---- what is written ---- */

static NORETURN void sample_differs(const char *what, struct str written)
{
    panic("%s is not read as it was written:\n%.*s", what, STR_ARG(str_sub(written, 0, 4000)));
}

/* Lines end with CRLF and have at most 998 bytes; nothing else is a CR, LF or NUL. */
static void check_lines(struct str out)
{
    if (!compose_embeddable(out))
        sample_differs("a line", out);
}

static struct str value_of(struct compose_sample *s, struct str name)
{
    struct mime_field field;
    size_t at = 0;

    check_lines(buf_view(&s->out));
    if (!mime_next_field(buf_view(&s->out), &at, &field) || !str_equal(field.name, name) ||
        field.end != s->out.n)
        sample_differs("a field", buf_view(&s->out));
    for (size_t i = 0; !s->smtputf8 && i < s->out.n; i++)
        if ((unsigned char)s->out.p[i] > 126)
            sample_differs("ASCII", buf_view(&s->out));
    return field.value;
}

static void check_ended(struct compose_sample *s, const struct compose *w)
{
    if (w->err.kind != ERROR_NONE)
        panic("a good value was refused: %s", w->err.text);
    if (s->out.n == 0)
        panic("nothing was written");
}

static void check_text(struct compose_sample *s, struct compose *w)
{
    struct str subject = sample_text(s, 40, sample_below(s, 4) == 0), got;

    compose_text(w, STR("Subject"), subject);
    check_ended(s, w);
    got = mime_decode_words(value_of(s, STR("Subject")), &s->arena);
    if (!str_equal(got, as_read(s, subject)))
        sample_differs("a text", buf_view(&s->out));
}

static void compare_addresses(struct compose_sample *s, struct str value,
                              const struct mime_address *want, size_t n)
{
    struct mime_addresses list;
    struct mime_address got;
    size_t i = 0;

    mime_addresses_begin(&list, value, &s->arena);
    for (; mime_addresses_next(&list, &got); i++)
        if (i == n || got.kind != want[i].kind || !str_equal(got.local, want[i].local) ||
            !str_equal(got.domain, want[i].domain) || got.route.n ||
            !str_equal(mime_decode_words(got.name, &s->arena), want[i].name))
            sample_differs("an address", value);
    if (i != n)
        sample_differs("an address list", value);
}

static void check_addresses(struct compose_sample *s, struct compose *w)
{
    struct mime_address list[SAMPLE_LIST];
    size_t n;

    w->smtputf8 = s->smtputf8 = sample_below(s, 3) == 0;
    n = sample_addresses(s, list, sample_below(s, SAMPLE_LIST) + 1);
    compose_addresses(w, STR("Cc"), list, n);
    check_ended(s, w);
    compare_addresses(s, value_of(s, STR("Cc")), list, n);
}

static void check_ids(struct compose_sample *s, struct compose *w)
{
    struct str ids[SAMPLE_LIST], *got = NULL;
    size_t n = 1 + sample_below(s, SAMPLE_LIST);
    uint32_t got_n = 0;

    w->smtputf8 = s->smtputf8 = sample_below(s, 3) == 0;
    for (size_t i = 0; i < n; i++)
        ids[i] = message_id(s);
    compose_ids(w, STR("References"), ids, n);
    check_ended(s, w);
    mime_references(value_of(s, STR("References")), STR_NULL, &s->arena, &got, &got_n);
    for (size_t i = 0; i < n; i++)
        if (got_n != n || !str_equal(got[i], ids[i]))
            sample_differs("an id", buf_view(&s->out));
    if (!str_equal(mime_message_id(value_of(s, STR("References")), &s->arena), ids[0]))
        sample_differs("a first id", buf_view(&s->out));
}

static void check_date(struct compose_sample *s, struct compose *w)
{
    int64_t us = sample_date(s), got;

    compose_date(w, STR("Date"), us + (int64_t)sample_below(s, 1000000));
    check_ended(s, w);
    if (!mime_date_parse(value_of(s, STR("Date")), &got) || got != us)
        sample_differs("a date", buf_view(&s->out));
}

static void check_params(struct compose_sample *s, struct compose *w)
{
    static const char *const names[] = {"filename", "x", "a-rather-long-name-of-a-parameter",
                                        "name"};
    struct mime_param params[ARRAY_LEN(names)];
    size_t n = sample_below(s, ARRAY_LEN(names) + 1);
    struct str type, subtype, rest;
    struct mime_params got;

    for (size_t i = 0; i < n; i++)
        params[i] = (struct mime_param){
            str_c(names[i]),
            utf8_cut(sample_text(s, sample_below(s, 20) ? 4 : 60, sample_below(s, 2)),
                     n > 2 ? 400 : LIMIT_WRITE_PARAM)};
    compose_params(w, STR("Content-Type"), STR("text/x"), params, n);
    check_ended(s, w);
    if (!mime_content_type(value_of(s, STR("Content-Type")), &type, &subtype, &rest))
        sample_differs("a type", buf_view(&s->out));
    got = mime_params_parse(rest, &s->arena);
    if (got.n != n)
        sample_differs("a number of parameters", buf_view(&s->out));
    for (size_t i = 0; i < n; i++)
        if (!str_equal(got.items[i].name, params[i].name) ||
            !str_equal(got.items[i].value, params[i].value))
            sample_differs("a parameter", buf_view(&s->out));
}

/* ---- whole messages ---- */

/* The text of a body: lines of any length and kind. */
static struct str sample_body(struct compose_sample *s)
{
    struct str result;
    size_t lines = sample_below(s, 12);
    struct buf b;

    buf_init(&b, 1 << 20);
    while (lines--) {
        buf_str(&b, sample_text(s, 14, sample_below(s, 3) > 0));
        if (lines || sample_below(s, 2))
            buf_c(&b, sample_below(s, 3) ? "\n" : "\r\n");
        if (sample_below(s, 60) == 0)
            buf_c(&b, sample_below(s, 2) ? "\r" : "\x1b\x0c");
    }
    result = arena_str(&s->arena, buf_view(&b));
    buf_done(&b);
    return result;
}

/* As it is read again: CRLF, and at the end as well. */
static struct str body_as_read(struct compose_sample *s, struct str in)
{
    struct str result;
    struct buf b;

    buf_init(&b, 2 * in.n + 2);
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
            buf_char(&b, '\r');
        buf_char(&b, in.p[i]);
    }
    if (in.n && in.p[in.n - 1] != '\n')
        buf_c(&b, "\r\n");
    result = arena_str(&s->arena, buf_view(&b));
    buf_done(&b);
    return result;
}

static struct sample_part *note_part(struct compose_sample *s, uint32_t depth, const char *type)
{
    struct sample_part *part = &s->parts[s->parts_n++];

    part->depth = depth;
    part->type = str_c(type);
    return part;
}

static void write_leaf(struct compose_sample *s, struct compose *w, uint32_t depth)
{
    size_t kind = sample_below(s, 4);
    struct sample_part *part =
        note_part(s, depth, kind == 0 ? "application/x-bytes" : "text/plain");
    struct mime_param filename = {STR("filename"), STR_NULL};

    if (depth && sample_below(s, 2)) {
        part->filename = remove_chars(s, sample_text(s, 6, sample_below(s, 2)), "\t", 400);
        filename.value = part->filename;
        compose_params(w, STR("Content-Disposition"), STR("attachment"), &filename, 1);
    }
    if (kind == 0) {
        size_t n = sample_below(s, 400);
        char *p = arena_alloc(&s->arena, n + 1);

        fill_random(p, n);
        part->content = str_of(p, n);
        compose_body_bytes(w, part->type, NULL, 0, part->content);
    } else {
        struct str in = sample_body(s);

        part->content = body_as_read(s, in);
        compose_body_text(w, STR("plain"), NULL, 0, in);
    }
}

static void part_of(struct compose_sample *s, struct compose *w, uint32_t depth);

static void inner_message(struct compose_sample *s, struct compose *w, uint32_t depth)
{
    struct str bytes = STR("Subject: =?utf-8?q?in?=\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                           "caf\xc3\xa9 --=_\r\n");
    struct sample_part *part = note_part(s, depth, "message/rfc822");

    part->container = true;
    note_part(s, depth + 1, "text/plain")->content = STR("caf\xc3\xa9 --=_\r\n");
    compose_body_message(w, bytes);
}

static void write_multipart(struct compose_sample *s, struct compose *w, uint32_t depth)
{
    size_t n = 1 + sample_below(s, 4);

    note_part(s, depth, "multipart/mixed")->container = true;
    compose_multipart_begin(w, STR("mixed"), NULL, 0);
    while (n--) {
        compose_part_begin(w);
        part_of(s, w, depth + 1);
    }
    compose_multipart_end(w);
}

static void part_of(struct compose_sample *s, struct compose *w, uint32_t depth)
{
    size_t kind = sample_below(s, 10);

    if (kind < 3 && depth < 3 && s->parts_n < 30)
        write_multipart(s, w, depth);
    else if (kind == 3)
        inner_message(s, w, depth);
    else
        write_leaf(s, w, depth);
}

static void sample_fill(struct compose_sample *s)
{
    struct compose w;
    struct str subject = sample_text(s, 30, sample_below(s, 3) == 0);
    struct mime_address from = {.name = STR("Ada"), .local = STR("ada"), .domain = STR("x.test")};
    struct error err;

    s->smtputf8 = sample_below(s, 4) == 0;
    s->subject = as_read(s, subject);
    s->date_us = sample_date(s);
    s->id = message_id(s);
    s->to_n = sample_addresses(s, s->to, ARRAY_LEN(s->to));
    s->references_n = 1 + sample_below(s, SAMPLE_LIST);
    for (size_t i = 0; i < s->references_n; i++)
        s->references[i] = message_id(s);
    compose_init(&w, &s->out);
    w.smtputf8 = s->smtputf8;
    compose_address(&w, STR("From"), &from);
    compose_addresses(&w, STR("To"), s->to, s->to_n);
    compose_text(&w, STR("Subject"), subject);
    compose_date(&w, STR("Date"), s->date_us);
    compose_ids(&w, STR("Message-ID"), &s->id, 1);
    compose_ids(&w, STR("References"), s->references, s->references_n);
    part_of(s, &w, 0);
    if (!compose_end(&w, &err))
        panic("a good message was refused: %s", err.text);
}

void compose_sample_init(struct compose_sample *s, uint64_t seed)
{
    seed_sample(s, seed);
    sample_fill(s);
}

static void compare_part(const struct compose_sample *s, const struct mime_message *m, uint32_t i,
                         struct arena *arena)
{
    const struct mime_part *got = &m->parts[i];
    const struct sample_part *want = &s->parts[i];
    struct str bytes = str_sub(m->bytes, got->body_at, got->end_at - got->body_at);
    struct mime_decoder d;
    struct buf content;

    if (got->depth != want->depth ||
        !str_equal_nocase(
            arena_printf(arena, "%.*s/%.*s", STR_ARG(got->type), STR_ARG(got->subtype)),
            want->type))
        sample_differs("the tree", m->bytes);
    if (!str_equal(
            mime_param_find(got->disposition_params, got->disposition_params_n, STR("filename")),
            want->filename))
        sample_differs("a file name", m->bytes);
    if (want->container)
        return;
    buf_init(&content, bytes.n + 16);
    mime_decoder_init(&d, mime_transfer_parse(got->encoding));
    mime_decoder_feed(&d, bytes, &content);
    mime_decoder_end(&d, &content);
    if (!str_equal(buf_view(&content), want->content))
        sample_differs("a body", m->bytes);
    buf_done(&content);
}

void compose_sample_check(const struct compose_sample *sample)
{
    struct compose_sample s = *sample;
    struct mime_message m;
    struct mime_field field;
    size_t at = 0;
    struct arena arena;

    arena_init(&arena, 64 << 20);
    arena_init(&s.arena, 64 << 20);
    check_lines(buf_view(&s.out));
    mime_parse(buf_view(&s.out), &arena, &m);
    if (!str_equal(m.subject, s.subject) || m.date_us != s.date_us ||
        !str_equal(m.message_id, s.id) || m.references_n != s.references_n)
        sample_differs("the header", m.bytes);
    for (size_t i = 0; i < s.references_n; i++)
        if (!str_equal(m.references[i], s.references[i]))
            sample_differs("a reference", m.bytes);
    do
        if (!mime_next_field(str_sub(m.bytes, 0, m.parts[0].body_at), &at, &field))
            sample_differs("To", m.bytes);
    while (!str_equal_nocase(field.name, STR("To")));
    compare_addresses(&s, field.value, s.to, s.to_n);
    if (m.parts_n != s.parts_n)
        sample_differs("the number of parts", m.bytes);
    for (uint32_t i = 0; i < m.parts_n; i++)
        compare_part(&s, &m, i, &arena);
    arena_done(&s.arena);
    arena_done(&arena);
}

size_t compose_check(uint64_t seed, size_t count)
{
    static void (*const checks[])(struct compose_sample *, struct compose *) = {
        check_text, check_addresses, check_ids, check_date, check_params};

    for (size_t i = 0; i < count; i++) {
        struct compose_sample s;
        struct compose w;

        seed_sample(&s, seed + i);
        if (i % 20 == 0) {
            sample_fill(&s);
            compose_sample_check(&s);
        } else {
            compose_init(&w, &s.out);
            checks[i % ARRAY_LEN(checks)](&s, &w);
        }
        compose_sample_done(&s);
    }
    return count;
}
