/* mime/envelope.c: ENVELOPE (RFC 9051 section 7.5.2): (date subject from sender reply-to to cc bcc
 * in-reply-to message-id). Text is shown as it stands in the header, unfolded: encoded words are
 * the client's to decode. */
#include "base/limits.h"
#include "mime/address.h"
#include "mime/header.h"
#include "mime/quote.h"

enum envelope_field {
    DATE,
    SUBJECT,
    FROM,
    SENDER,
    REPLY_TO,
    TO,
    CC,
    BCC,
    IN_REPLY_TO,
    MESSAGE_ID,
    FIELDS
};

static const char *const field_names[FIELDS] = {
    [DATE] = "date",
    [SUBJECT] = "subject",
    [FROM] = "from",
    [SENDER] = "sender",
    [REPLY_TO] = "reply-to",
    [TO] = "to",
    [CC] = "cc",
    [BCC] = "bcc",
    [IN_REPLY_TO] = "in-reply-to",
    [MESSAGE_ID] = "message-id",
};

struct envelope {
    struct str header;
    struct str values[FIELDS]; /* of the first field of the name */
    unsigned count[FIELDS];    /* how many fields there are of it */
};

static enum envelope_field envelope_field(struct str name)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (str_equal_nocase(name, str_c(field_names[i])))
            return (enum envelope_field)i;
    return FIELDS;
}

static void collect_fields(struct envelope *e)
{
    struct mime_field field;
    size_t at = 0;

    for (size_t n = 0; n < LIMIT_MIME_HEADER_FIELDS && mime_next_field(e->header, &at, &field);
         n++) {
        enum envelope_field which = envelope_field(field.name);

        if (which == FIELDS)
            continue;
        if (e->count[which]++ == 0)
            e->values[which] = str_sub(field.value, 0, LIMIT_MIME_FIELD);
    }
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")". A host of NIL marks a
 * group, so an address that has no domain shows an empty one. */
static void print_address(struct buf *out, const struct mime_address *a)
{
    switch (a->kind) {
    case MIME_ADDRESS_GROUP:
        buf_c(out, "(NIL NIL ");
        mime_print_string(out, a->name);
        buf_c(out, " NIL)");
        return;
    case MIME_ADDRESS_GROUP_END:
        buf_c(out, "(NIL NIL NIL NIL)");
        return;
    case MIME_ADDRESS_MAILBOX:
        buf_char(out, '(');
        mime_print_nstring(out, a->name);
        buf_char(out, ' ');
        mime_print_nstring(out, a->route);
        buf_char(out, ' ');
        mime_print_string(out, a->local);
        buf_char(out, ' ');
        mime_print_string(out, a->domain);
        buf_char(out, ')');
    }
}

static size_t print_list(struct buf *out, struct str value, size_t printed, struct arena *arena)
{
    struct mime_addresses list;
    struct mime_address address;

    mime_addresses_begin(&list, value, arena);
    while (mime_addresses_next(&list, &address)) {
        if (printed++ == 0)
            buf_char(out, '(');
        print_address(out, &address);
    }
    return printed;
}

/* The addresses of a field, of all fields of that name where it may come twice (RFC 5322
 * section 4.5.3). */
static size_t print_field_lists(struct buf *out, const struct envelope *e,
                                enum envelope_field which, struct arena *arena)
{
    struct mime_field field;
    size_t at = 0, printed = 0;

    if (e->count[which] < 2 || (which != TO && which != CC && which != BCC))
        return print_list(out, e->values[which], 0, arena);
    for (size_t n = 0; n < LIMIT_MIME_HEADER_FIELDS && printed < LIMIT_MIME_ADDRESSES &&
                       mime_next_field(e->header, &at, &field);
         n++)
        if (envelope_field(field.name) == which)
            printed = print_list(out, str_sub(field.value, 0, LIMIT_MIME_FIELD), printed, arena);
    return printed;
}

static void print_addresses(struct buf *out, const struct envelope *e, enum envelope_field which,
                            struct arena *arena)
{
    size_t printed = print_field_lists(out, e, which, arena);

    /* RFC 9051 section 7.5.2: Sender and Reply-To default to From, also when they are there and
     * empty. */
    if (printed == 0 && (which == SENDER || which == REPLY_TO))
        printed = print_field_lists(out, e, FROM, arena);
    buf_c(out, printed ? ")" : "NIL");
}

/* NIL when the field is absent; an empty string when it is empty. */
static void print_text(struct buf *out, const struct envelope *e, enum envelope_field which,
                       struct arena *arena)
{
    if (e->count[which])
        mime_print_string(out, mime_unfold(e->values[which], arena));
    else
        buf_c(out, "NIL");
}

void mime_print_envelope(struct buf *out, const struct mime_message *m, uint32_t index,
                         struct arena *arena)
{
    const struct mime_part *part = &m->parts[index];
    struct envelope e = {.header =
                             str_sub(m->bytes, part->header_at, part->body_at - part->header_at)};

    collect_fields(&e);
    for (enum envelope_field i = DATE; i < FIELDS; i++) {
        buf_char(out, i == DATE ? '(' : ' ');
        if (i >= FROM && i <= BCC)
            print_addresses(out, &e, i, arena);
        else
            print_text(out, &e, i, arena);
    }
    buf_char(out, ')');
}
