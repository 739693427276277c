/* mime/address_fuzz.c: any bytes are a list of addresses; what was read is read again when it is
 * written as RFC 5322 section 3.4 has it. */
#include "mime/address.h"
#include "base/replay.h"

#include "base/buf.h"
#include "base/limits.h"

#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : panic("%s", #condition))

const char fuzz_corpus[] = "mime_address";

static void check_word(struct str word, size_t size)
{
    REQUIRE(word.n <= size);
    for (size_t i = 0; i < word.n; i++)
        REQUIRE(word.p[i] != '\r' && word.p[i] != '\n' && word.p[i] != '\0');
}

static void print_quoted(struct buf *out, struct str s)
{
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, s.p[i]);
    }
    buf_char(out, '"');
}

/* "name" <@route:"local"@domain> */
static void check_again(const struct mime_address *a, struct arena *arena)
{
    struct mime_addresses list;
    struct mime_address again;
    struct buf text;

    if (a->domain.n && a->domain.p[0] == '[' && !str_ends(a->domain, STR("]")))
        return; /* a literal that the input ends */
    buf_init(&text, (size_t)1 << 20);
    if (a->name.n)
        print_quoted(&text, a->name);
    buf_c(&text, " <");
    print_quoted(&text, a->local);
    if (a->domain.n)
        buf_c(&text, "@");
    buf_str(&text, a->domain);
    buf_c(&text, ">");
    mime_addresses_begin(&list, buf_view(&text), arena);
    REQUIRE(mime_addresses_next(&list, &again) && again.kind == MIME_ADDRESS_MAILBOX);
    REQUIRE(str_equal(again.name, a->name) && str_equal(again.local, a->local));
    REQUIRE(str_equal(again.domain, a->domain));
    REQUIRE(!mime_addresses_next(&list, &again));
    buf_done(&text);
}

static void check(struct str value, size_t arena_max)
{
    struct mime_addresses list;
    struct mime_address a;
    struct arena arena, scratch;
    size_t count = 0, before = 0;
    bool in_group = false;

    arena_init(&arena, arena_max);
    mime_addresses_begin(&list, value, &arena);
    while (mime_addresses_next(&list, &a)) {
        REQUIRE(++count <= LIMIT_MIME_ADDRESSES + 1);
        REQUIRE(list.in.at > before || a.kind == MIME_ADDRESS_GROUP_END);
        before = list.in.at;
        check_word(a.name, value.n);
        check_word(a.route, value.n);
        check_word(a.local, value.n);
        check_word(a.domain, value.n);
        if (a.kind == MIME_ADDRESS_MAILBOX) {
            arena_init(&scratch, (size_t)1 << 20);
            check_again(&a, &scratch);
            arena_done(&scratch);
            continue;
        }
        REQUIRE(in_group == (a.kind == MIME_ADDRESS_GROUP_END));
        REQUIRE(!a.local.n && !a.domain.n && !a.route.n);
        in_group = !in_group;
    }
    REQUIRE(!in_group && !mime_addresses_next(&list, &a));
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 10000)
        return 0;
    check(str_of(data, size), (size_t)1 << 20);
    check(str_of(data, size), size / 2);
    return 0;
}
