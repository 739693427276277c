/* store/store_parts.c: what is understood of a message once, at its arrival, and the part table as
 * it is stored.
 *
 * The table is a blob of numbers, seven bits a byte, low ones first: how many parts, then for each
 * its parent, its kind (1 multipart, 2 message), where its header begins, the length of its header
 * and of its body. */
#include "store/store_int.h"

#include "base/limits.h"
#include "base/map.h"
#include "mime/message.h"

#define KIND_MULTIPART 1u
#define KIND_MESSAGE 2u
#define ENVELOPE_MAX (512 << 10)
#define STRUCTURE_MAX (1 << 20)

static void add_number(struct buf *out, uint64_t v)
{
    while (v >= 0x80) {
        buf_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    buf_char(out, (char)v);
}

static bool take_number(struct str blob, size_t *at, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (*at >= blob.n)
            return false;
        unsigned char c = (unsigned char)blob.p[(*at)++];
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static void print_parts(struct buf *out, const struct mime_message *m)
{
    add_number(out, m->parts_n);
    for (uint32_t i = 0; i < m->parts_n; i++) {
        const struct mime_part *p = &m->parts[i];
        add_number(out, p->parent);
        add_number(out, (p->multipart ? KIND_MULTIPART : 0) | (p->message ? KIND_MESSAGE : 0));
        add_number(out, p->header_at);
        add_number(out, p->body_at - p->header_at);
        add_number(out, p->end_at - p->body_at);
    }
}

static bool take_part(struct str blob, size_t *at, uint32_t index, uint64_t prefix_n,
                      struct store_part *out)
{
    uint64_t parent, kind, header_at, header_n, body_n;
    if (!take_number(blob, at, &parent) || !take_number(blob, at, &kind) ||
        !take_number(blob, at, &header_at) || !take_number(blob, at, &header_n) ||
        !take_number(blob, at, &body_n) || parent > index)
        return false;
    *out = (struct store_part){
        .parent = (uint32_t)parent,
        .multipart = kind & KIND_MULTIPART,
        .message = kind & KIND_MESSAGE,
        /* The prefix belongs to the header of the whole message. */
        .header_at = index == 0 ? header_at : header_at + prefix_n,
        .body_at = header_at + header_n + prefix_n,
        .end_at = header_at + header_n + body_n + prefix_n,
    };
    return true;
}

bool store_parts_parse(struct str blob, uint64_t prefix_n, struct arena *arena,
                       struct store_part **parts, uint32_t *n, struct error *err)
{
    size_t at = 0;
    uint64_t count;
    if (!take_number(blob, &at, &count) || count == 0 || count > LIMIT_MIME_PARTS + 1)
        return error_set(err, ERROR_DAMAGED, "a part table is not one");
    struct store_part *p = arena_array(arena, count, sizeof(*p));
    if (!p)
        return error_set(err, ERROR_LIMIT, "too much memory for one message");
    for (uint32_t i = 0; i < count; i++)
        if (!take_part(blob, &at, i, prefix_n, &p[i]))
            return error_set(err, ERROR_DAMAGED, "a part table is not one");
    *parts = p;
    *n = (uint32_t)count;
    return true;
}

/* ---- at arrival ---- */

static void add_ref(struct store *store, struct store_parsed *out, struct str id,
                    struct str subject)
{
    struct buf b;
    if (id.n == 0 || out->refs_n == ARRAY_LEN(out->refs))
        return;
    buf_init(&b, 2 * LIMIT_MIME_FIELD + 8);
    buf_str(&b, id);
    buf_char(&b, '\n');
    buf_str(&b, subject);
    int64_t ref = (int64_t)siphash24(store->thread_key, b.p, b.n);
    buf_done(&b);
    for (size_t i = 0; i < out->refs_n; i++)
        if (out->refs[i] == ref)
            return;
    out->refs[out->refs_n++] = ref;
}

/* A message that needs megabytes to describe is an attack on its readers: it is shown as one text
 * without header. */
static void too_much_structure(struct store_parsed *out)
{
    struct mime_message empty;
    mime_parse(STR_NULL, &out->arena, &empty);
    buf_reset(&out->envelope);
    buf_reset(&out->structure);
    mime_print_envelope(&out->envelope, &empty, 0, &out->arena);
    mime_print_bodystructure(&out->structure, &empty, true, &out->arena);
}

void store_parse(struct store *store, struct str bytes, struct store_parsed *out)
{
    struct mime_message m;
    *out = (struct store_parsed){0};
    arena_init(&out->arena, bytes.n / 2 + (8 << 20));
    buf_init(&out->envelope, ENVELOPE_MAX);
    buf_init(&out->structure, STRUCTURE_MAX);
    buf_init(&out->preview, 4 * LIMIT_MIME_PREVIEW);
    buf_init(&out->parts, 64 * (LIMIT_MIME_PARTS + 2));
    mime_parse(bytes, &out->arena, &m);
    mime_print_envelope(&out->envelope, &m, 0, &out->arena);
    mime_print_bodystructure(&out->structure, &m, true, &out->arena);
    if (out->envelope.overflow || out->structure.overflow)
        too_much_structure(out);
    mime_print_preview(&out->preview, &m, &out->arena);
    print_parts(&out->parts, &m);
    out->message_id = m.message_id;
    out->subject = str_sub(m.subject, 0, LIMIT_MIME_FIELD);
    out->sent_us = m.date_us;
    /* Its own id, those it answers (the newest say most), and the one that began the conversation.
     */
    struct str subject = str_sub(m.base_subject, 0, LIMIT_MIME_FIELD);
    add_ref(store, out, str_sub(m.message_id, 0, LIMIT_MIME_FIELD), subject);
    if (m.references_n > 0)
        add_ref(store, out, str_sub(m.references[0], 0, LIMIT_MIME_FIELD), subject);
    for (uint32_t i = m.references_n; i > 0; i--)
        add_ref(store, out, str_sub(m.references[i - 1], 0, LIMIT_MIME_FIELD), subject);
}

void store_parsed_done(struct store_parsed *p)
{
    buf_done(&p->envelope);
    buf_done(&p->structure);
    buf_done(&p->preview);
    buf_done(&p->parts);
    arena_done(&p->arena);
}
