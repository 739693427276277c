/* imap/search_match.c: whether a message is what SEARCH asks. What a key needs is read when the
 * first one needs it: flags from the placement, dates and sizes from the email, text from the
 * content. */
#include "imap/session_int.h"

#include "base/clock.h"
#include "imap/search.h"
#include "mime/charset.h"
#include "mime/message.h"
#include "mime/transfer.h"

#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)
#define SECOND_US INT64_C(1000000)

/* One message, as far as it has been read. */
struct candidate {
    struct imap_session *s;
    uint32_t number;
    struct store_message message;
    struct store_email email;
    struct buf bytes; /* the whole message */
    struct arena arena;
    struct mime_message mime;
    struct buf folded; /* a text being compared */
    bool has_message, has_email, has_bytes;
    struct error err; /* the first failure */
};

static bool failed(const struct candidate *c)
{
    return c->err.kind != ERROR_NONE;
}

static bool need_message(struct candidate *c)
{
    if (c->has_message || failed(c))
        return c->has_message;
    c->has_message = store_message_get(c->s->store, c->s->selected.mailbox,
                                       imap_view_uid(&c->s->selected.view, c->number), &c->s->one,
                                       &c->message, &c->err);
    return c->has_message;
}

static bool need_email(struct candidate *c)
{
    if (c->has_email || !need_message(c) || c->message.email == 0)
        return c->has_email;
    c->has_email = store_email_head(c->s->store, c->message.email, &c->email, &c->err);
    return c->has_email;
}

static bool need_bytes(struct candidate *c)
{
    if (c->has_bytes || !need_email(c))
        return c->has_bytes;
    buf_init(&c->bytes, (size_t)c->email.size + 1);
    c->has_bytes = store_email_read(c->s->store, c->email.id, 0, c->email.size, &c->bytes, &c->err);
    if (c->has_bytes) {
        arena_init(&c->arena, c->bytes.n / 2 + (8 << 20));
        mime_parse(buf_view(&c->bytes), &c->arena, &c->mime);
    } else {
        buf_done(&c->bytes);
    }
    return c->has_bytes;
}

static void candidate_done(struct candidate *c)
{
    if (c->has_bytes) {
        buf_done(&c->bytes);
        arena_done(&c->arena);
    }
    buf_done(&c->folded);
    arena_done(&c->s->one);
}

/* ---- text ---- */

static bool contains(struct candidate *c, struct str text, struct str needle)
{
    buf_done(&c->folded);
    buf_init(&c->folded, 2 * text.n + 64);
    imap_search_fold(&c->folded, text);
    return needle.n == 0 || (c->folded.n >= needle.n &&
                             memmem(c->folded.p, c->folded.n, needle.p, needle.n) != NULL);
}

static bool field_contains(struct candidate *c, const struct mime_field *field, struct str needle)
{
    struct arena arena;
    arena_init(&arena, 16 * field->value.n + 4096); /* a quarter is what decoded words may be */
    bool yes = contains(c, mime_decode_words(field->value, &arena), needle);
    arena_done(&arena);
    return yes;
}

static struct str header_of(const struct candidate *c, const struct mime_part *part)
{
    return str_sub(buf_view(&c->bytes), (size_t)part->header_at,
                   (size_t)(part->body_at - part->header_at));
}

static bool header_contains(struct candidate *c, struct str name, struct str needle)
{
    struct mime_field field;
    if (!need_bytes(c))
        return false;
    struct str header = header_of(c, &c->mime.parts[0]);
    for (size_t at = 0; mime_next_field(header, &at, &field);)
        if (str_equal_nocase(field.name, name) && field_contains(c, &field, needle))
            return true;
    return false;
}

/* Any field of any header in the message: "name: value". */
static bool any_header_contains(struct candidate *c, struct str needle)
{
    struct mime_field field;
    for (uint32_t i = 0; i < c->mime.parts_n; i++) {
        struct str header = header_of(c, &c->mime.parts[i]);
        for (size_t at = 0; mime_next_field(header, &at, &field);)
            if (contains(c, str_sub(header, field.at, field.end - field.at), needle) ||
                field_contains(c, &field, needle))
                return true;
    }
    return false;
}

static bool part_contains(struct candidate *c, const struct mime_part *part, struct str needle)
{
    struct mime_decoder decoder;
    struct buf plain, text;
    struct str charset = STR_NULL;
    struct str body =
        str_sub(buf_view(&c->bytes), (size_t)part->body_at, (size_t)(part->end_at - part->body_at));
    for (uint32_t i = 0; i < part->params_n; i++)
        if (str_equal_nocase(part->params[i].name, STR("charset")))
            charset = part->params[i].value;
    buf_init(&plain, body.n + 512);
    buf_init(&text, 4 * body.n + 512);
    mime_decoder_init(&decoder, mime_transfer_parse(part->encoding));
    mime_decoder_feed(&decoder, body, &plain);
    mime_decoder_end(&decoder, &plain);
    mime_charset_convert(&text, charset, buf_view(&plain));
    bool yes = contains(c, buf_view(&text), needle);
    buf_done(&plain);
    buf_done(&text);
    return yes;
}

static bool body_contains(struct candidate *c, struct str needle)
{
    if (!need_bytes(c))
        return false;
    for (uint32_t i = 0; i < c->mime.parts_n; i++) {
        const struct mime_part *part = &c->mime.parts[i];
        if (!part->multipart && !part->message && str_equal_nocase(part->type, STR("TEXT")) &&
            part_contains(c, part, needle))
            return true;
    }
    return false;
}

/* ---- keys ---- */

static int64_t day_of(int64_t us)
{
    return us / DAY_US - (us % DAY_US < 0);
}

static bool date_matches(struct candidate *c, const struct imap_search_key *key)
{
    int64_t us;
    if (key->which == IMAP_SEARCH_SAVED) {
        if (!need_message(c))
            return false;
        us = c->message.saved_us;
    } else {
        if (!need_email(c))
            return false;
        us = key->which == IMAP_SEARCH_SENT ? c->email.sent_us : c->email.received_us;
    }
    if (us == INT64_MIN)
        return false;
    int64_t day = day_of(us);
    return key->kind == IMAP_SEARCH_BEFORE ? day < key->date
           : key->kind == IMAP_SEARCH_ON   ? day == key->date
                                           : day >= key->date;
}

static bool age_matches(struct candidate *c, const struct imap_search_key *key)
{
    if (!need_email(c))
        return false;
    int64_t age = (clock_wall_us() - c->email.received_us) / SECOND_US;
    uint64_t seconds = age < 0 ? 0 : (uint64_t)age;
    return key->kind == IMAP_SEARCH_OLDER ? seconds >= key->number : seconds <= key->number;
}

static bool list_matches(struct candidate *c, const struct imap_search_key *key);

static bool simple_matches(struct candidate *c, const struct imap_search_key *key)
{
    switch (key->kind) {
    case IMAP_SEARCH_ALL:
        return true;
    case IMAP_SEARCH_FLAG:
        return need_message(c) && (c->message.flags & key->flag) == key->flag;
    case IMAP_SEARCH_KEYWORD:
        return need_message(c) && store_keywords_has(c->message.keywords, key->text);
    case IMAP_SEARCH_SET:
        return imap_spans_have(key->spans, key->spans_n, c->number);
    case IMAP_SEARCH_BEFORE:
    case IMAP_SEARCH_ON:
    case IMAP_SEARCH_SINCE:
        return date_matches(c, key);
    case IMAP_SEARCH_OLDER:
    case IMAP_SEARCH_YOUNGER:
        return age_matches(c, key);
    case IMAP_SEARCH_LARGER:
        return need_email(c) && c->email.size > key->number;
    case IMAP_SEARCH_SMALLER:
        return need_email(c) && c->email.size < key->number;
    case IMAP_SEARCH_MODSEQ:
        return need_message(c) && c->message.modseq >= key->number;
    case IMAP_SEARCH_HEADER:
        return header_contains(c, key->field, key->text);
    case IMAP_SEARCH_BODY:
        return body_contains(c, key->text);
    case IMAP_SEARCH_TEXT:
        return need_bytes(c) && (any_header_contains(c, key->text) || body_contains(c, key->text));
    case IMAP_SEARCH_NONE:
    case IMAP_SEARCH_NOT:
    case IMAP_SEARCH_OR:
    case IMAP_SEARCH_AND:
        break;
    }
    return false;
}

/* A chain of OR is walked, not recursed into; depth is what the grammar allowed. */
static bool key_matches(struct candidate *c, const struct imap_search_key *key)
{
    while (key->kind == IMAP_SEARCH_OR) {
        if (key_matches(c, key->a))
            return true;
        key = key->b;
    }
    if (key->kind == IMAP_SEARCH_NOT)
        return !key_matches(c, key->a);
    if (key->kind == IMAP_SEARCH_AND)
        return list_matches(c, key->a);
    return simple_matches(c, key);
}

static bool list_matches(struct candidate *c, const struct imap_search_key *key)
{
    for (; key; key = key->next)
        if (!key_matches(c, key))
            return false;
    return true;
}

bool imap_search_matches(struct imap_session *s, const struct imap_search_key *first,
                         uint32_t number, bool *yes, uint64_t *modseq, struct error *err)
{
    struct candidate c = {.s = s, .number = number};
    buf_init(&c.folded, 16);
    *yes = list_matches(&c, first);
    *modseq = need_message(&c) ? c.message.modseq : 0;
    /* A message that was purged under us is no match and no failure. */
    bool ok = !failed(&c) || c.err.kind == ERROR_NOT_FOUND;
    if (c.err.kind == ERROR_NOT_FOUND)
        *yes = false;
    if (!ok)
        *err = c.err;
    candidate_done(&c);
    return ok;
}
