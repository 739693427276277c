/* imap/section.c: sections of messages. */
#include "imap/section.h"

#include "base/limits.h"
#include "imap/write.h"
#include "mime/message.h"

/* ---- grammar ---- */

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static void take_fields(struct imap_parse *p, struct imap_section *out)
{
    imap_take_sp(p);
    cursor_expect(&p->c, '(');
    size_t room = 0;
    do {
        struct str name = imap_take_astring(p);
        if (!imap_count_item(p))
            return;
        if (out->fields_n == room) {
            struct str *more = arena_array(p->arena, 2 * room + 8, sizeof(*more));
            if (!more) {
                cursor_fail(&p->c, ERROR_LIMIT, "the command is too large");
                return;
            }
            for (size_t i = 0; i < room; i++)
                more[i] = out->fields[i];
            out->fields = more;
            room = 2 * room + 8;
        }
        out->fields[out->fields_n++] = name;
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
}

/* section-text = section-msgtext / "MIME" */
static void take_text(struct imap_parse *p, struct imap_section *out)
{
    if (cursor_accept_word(&p->c, STR("HEADER.FIELDS.NOT"))) {
        out->text = IMAP_SECTION_FIELDS_NOT;
        take_fields(p, out);
    } else if (cursor_accept_word(&p->c, STR("HEADER.FIELDS"))) {
        out->text = IMAP_SECTION_FIELDS;
        take_fields(p, out);
    } else if (cursor_accept_word(&p->c, STR("HEADER"))) {
        out->text = IMAP_SECTION_HEADER;
    } else if (cursor_accept_word(&p->c, STR("TEXT"))) {
        out->text = IMAP_SECTION_TEXT;
    } else if (out->path_n > 0 && cursor_accept_word(&p->c, STR("MIME"))) {
        out->text = IMAP_SECTION_MIME;
    } else {
        cursor_fail(&p->c, ERROR_SYNTAX, "there is no such section");
    }
}

/* section-part = nz-number *("." nz-number) */
static void take_path(struct imap_parse *p, struct imap_section *out)
{
    out->path = arena_array(p->arena, IMAP_SECTION_DEPTH, sizeof(*out->path));
    if (!out->path) {
        cursor_fail(&p->c, ERROR_LIMIT, "the command is too large");
        return;
    }
    do {
        if (cursor_peek(&p->c) > '9') { /* "1.HEADER" */
            take_text(p, out);
            return;
        }
        uint64_t number = cursor_number(&p->c, UINT32_MAX);
        if (number == 0)
            cursor_fail(&p->c, ERROR_SYNTAX, "a part number is not 0");
        if (out->path_n == IMAP_SECTION_DEPTH) {
            cursor_fail(&p->c, ERROR_LIMIT, "no message has parts that deep");
            return;
        }
        out->path[out->path_n++] = (uint32_t)number;
    } while (!p->c.failed && cursor_accept(&p->c, '.'));
}

void imap_take_section(struct imap_parse *p, struct imap_section *out)
{
    *out = (struct imap_section){0};
    cursor_expect(&p->c, '[');
    int next = cursor_peek(&p->c);
    if (next >= '0' && next <= '9')
        take_path(p, out);
    else if (next != ']')
        take_text(p, out);
    cursor_expect(&p->c, ']');
    if (!cursor_accept(&p->c, '<'))
        return;
    out->partial = true;
    out->from = cursor_number(&p->c, INT64_MAX);
    cursor_expect(&p->c, '.');
    out->n = cursor_number(&p->c, INT64_MAX);
    if (out->n == 0)
        cursor_fail(&p->c, ERROR_SYNTAX, "a partial has at least one byte");
    cursor_expect(&p->c, '>');
}

static const char *const text_words[] = {
    [IMAP_SECTION_WHOLE] = "",
    [IMAP_SECTION_HEADER] = "HEADER",
    [IMAP_SECTION_FIELDS] = "HEADER.FIELDS",
    [IMAP_SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT",
    [IMAP_SECTION_TEXT] = "TEXT",
    [IMAP_SECTION_MIME] = "MIME",
};

void imap_write_section(struct buf *out, const struct imap_section *section)
{
    buf_char(out, '[');
    for (size_t i = 0; i < section->path_n; i++)
        buf_printf(out, "%s%u", i > 0 ? "." : "", section->path[i]);
    if (section->path_n > 0 && section->text != IMAP_SECTION_WHOLE)
        buf_char(out, '.');
    buf_c(out, text_words[section->text]);
    for (size_t i = 0; i < section->fields_n; i++) {
        buf_c(out, i == 0 ? " (" : " ");
        imap_write_astring(out, section->fields[i]);
    }
    buf_c(out, section->fields_n > 0 ? ")]" : "]");
    if (section->partial)
        buf_printf(out, "<%llu>", (unsigned long long)section->from);
}

/* ---- finding ---- */

/* The n-th direct child of a part, from 1; false when it has fewer. */
static bool find_child(const struct store_email *email, uint32_t parent, uint32_t n, uint32_t *out)
{
    uint32_t seen = 0;
    for (uint32_t i = parent + 1; i < email->parts_n; i++) {
        if (email->parts[i].parent != parent || ++seen < n)
            continue;
        *out = i;
        return true;
    }
    return false;
}

/* Part numbers count the parts of a multipart; what is no multipart has one part, 1; and those of
 * an enclosed message follow the number of the message/rfc822 part (RFC 9051 section 6.4.5.1). */
static bool find_part(const struct imap_section *section, const struct store_email *email,
                      uint32_t *out)
{
    uint32_t at = 0;
    for (size_t i = 0; i < section->path_n; i++) {
        uint32_t inside = at, n = section->path[i];
        const struct store_part *part = &email->parts[at];
        if (i > 0 && part->message && !find_child(email, at, 1, &inside))
            return false;
        if (i > 0 && !part->message && !part->multipart)
            return false;
        at = inside;
        if (email->parts[inside].multipart ? !find_child(email, inside, n, &at) : n != 1)
            return false;
    }
    *out = at;
    return true;
}

bool imap_section_find(const struct imap_section *section, const struct store_email *email,
                       struct imap_extent *out)
{
    uint32_t at;
    if (!find_part(section, email, &at))
        return false;
    bool top = section->path_n == 0;
    bool own_header = section->text == IMAP_SECTION_MIME;
    if (top && section->text == IMAP_SECTION_WHOLE) {
        *out = (struct imap_extent){0, email->size};
        return true;
    }
    /* HEADER and TEXT of a part are those of the message that it encloses. */
    if (!top && section->text != IMAP_SECTION_WHOLE && !own_header &&
        (!email->parts[at].message || !find_child(email, at, 1, &at)))
        return false;
    const struct store_part *part = &email->parts[at];
    bool body = section->text == IMAP_SECTION_WHOLE || section->text == IMAP_SECTION_TEXT;
    out->from = body ? part->body_at : part->header_at;
    out->to = body ? (top ? email->size : part->end_at) : part->body_at;
    return out->from <= out->to && out->to <= email->size;
}

static bool is_wanted(const struct imap_section *section, struct str name)
{
    bool listed = false;
    for (size_t i = 0; i < section->fields_n && !listed; i++)
        listed = str_equal_nocase(section->fields[i], name);
    return listed == (section->text == IMAP_SECTION_FIELDS);
}

void imap_section_filter(const struct imap_section *section, struct str header, struct buf *out)
{
    struct mime_field field;
    for (size_t at = 0; mime_next_field(header, &at, &field);)
        if (is_wanted(section, field.name))
            buf_str(out, str_sub(header, field.at, field.end - field.at));
    if (out->n > 0 && out->p[out->n - 1] != '\n')
        buf_c(out, "\r\n");
    buf_c(out, "\r\n");
}
