/* mime/bodystructure.c: BODYSTRUCTURE and BODY (RFC 9051 section 7.5.2). Parameters are shown as
 * they stand in the header, RFC 2231 pieces and encoded words included, because that is what
 * clients decode. */
#include "mime/lex.h"
#include "mime/param.h"
#include "mime/quote.h"

struct printer {
    struct buf *out;
    const struct mime_message *m;
    bool extended;
    struct arena *arena;
};

static void print_params(struct printer *p, struct str raw)
{
    struct mime_params params = mime_params_raw(raw, p->arena);

    if (params.n == 0) {
        buf_c(p->out, "NIL");
        return;
    }
    for (uint32_t i = 0; i < params.n; i++) {
        buf_char(p->out, i == 0 ? '(' : ' ');
        mime_print_string(p->out, params.items[i].name);
        buf_char(p->out, ' ');
        mime_print_string(p->out, params.items[i].value);
    }
    buf_char(p->out, ')');
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void print_disposition(struct printer *p, const struct mime_part *part)
{
    if (part->disposition.n == 0) {
        buf_c(p->out, "NIL");
        return;
    }
    buf_char(p->out, '(');
    mime_print_string(p->out, part->disposition);
    buf_char(p->out, ' ');
    print_params(p, part->disposition_raw);
    buf_char(p->out, ')');
}

/* The next tag of a Content-Language: Language-List = [CFWS] Language-Tag [CFWS] *("," ...) (RFC 3282
 * section 2). What stands between commas and begins with no tag is passed over, and what stands
 * after a tag as well. False at the end. */
static bool next_language(struct cursor *c, struct str *tag)
{
    *tag = STR_NULL;
    while (tag->n == 0 && !cursor_at_end(c)) {
        struct str skipped, rest;

        mime_lex_cfws(c, NULL);
        *tag = mime_lex_token(c);
        mime_lex_cfws(c, NULL);
        if (str_cut(cursor_rest(c), ',', &skipped, &rest))
            (void)cursor_bytes(c, skipped.n + 1);
        else
            c->at = c->in.n;
    }
    return tag->n > 0;
}

/* body-fld-lang = nstring / "(" string *(SP string) ")": one language is a list as well, as other
 * servers send it; there are clients that know no other form. */
static void print_language(struct printer *p, struct str language)
{
    struct cursor c;
    struct str tag;

    cursor_init(&c, language);
    if (!next_language(&c, &tag)) {
        buf_c(p->out, "NIL");
        return;
    }
    buf_char(p->out, '(');
    mime_print_string(p->out, tag);
    while (next_language(&c, &tag)) {
        buf_char(p->out, ' ');
        mime_print_string(p->out, tag);
    }
    buf_char(p->out, ')');
}

static void print_extension(struct printer *p, const struct mime_part *part)
{
    buf_char(p->out, ' ');
    print_disposition(p, part);
    buf_char(p->out, ' ');
    print_language(p, part->language);
    buf_char(p->out, ' ');
    mime_print_nstring(p->out, part->location);
}

static uint32_t print_part(struct printer *p, uint32_t index);

/* body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]. A multipart without parts gets an
 * empty one, which the grammar asks for. Recursion ends at LIMIT_MIME_DEPTH. */
static uint32_t print_multipart(struct printer *p, uint32_t index)
{
    const struct mime_part *part = &p->m->parts[index];
    uint32_t next = index + 1;

    for (uint32_t i = 0; i < part->children; i++)
        next = print_part(p, next);
    if (part->children == 0) {
        buf_c(p->out, "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0");
        buf_c(p->out, p->extended ? " NIL NIL NIL NIL)" : ")");
    }
    buf_char(p->out, ' ');
    mime_print_string(p->out, part->subtype);
    if (p->extended) {
        buf_char(p->out, ' ');
        print_params(p, part->params_raw);
        print_extension(p, part);
    }
    return next;
}

/* body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
 */
static void print_fields(struct printer *p, const struct mime_part *part)
{
    print_params(p, part->params_raw);
    buf_char(p->out, ' ');
    mime_print_nstring(p->out, part->id);
    buf_char(p->out, ' ');
    mime_print_nstring(p->out, part->description);
    buf_char(p->out, ' ');
    mime_print_string(p->out, part->encoding);
    buf_char(p->out, ' ');
    buf_u64(p->out, part->end_at - part->body_at);
}

/* body-type-basic, body-type-msg, body-type-text */
static uint32_t print_single(struct printer *p, uint32_t index)
{
    const struct mime_part *part = &p->m->parts[index];
    uint32_t next = index + 1;

    mime_print_string(p->out, part->type);
    buf_char(p->out, ' ');
    mime_print_string(p->out, part->subtype);
    buf_char(p->out, ' ');
    print_fields(p, part);
    if (part->message) {
        buf_char(p->out, ' ');
        mime_print_envelope(p->out, p->m, next, p->arena);
        buf_char(p->out, ' ');
        next = print_part(p, next);
    }
    if (part->message || str_equal_nocase(part->type, STR("text"))) {
        buf_char(p->out, ' ');
        buf_u64(p->out, part->lines);
    }
    if (p->extended) {
        buf_char(p->out, ' ');
        mime_print_nstring(p->out, part->md5);
        print_extension(p, part);
    }
    return next;
}

/* Prints the part with all that is inside, and returns the index after it. */
static uint32_t print_part(struct printer *p, uint32_t index)
{
    uint32_t next;

    buf_char(p->out, '(');
    next = p->m->parts[index].multipart ? print_multipart(p, index) : print_single(p, index);
    buf_char(p->out, ')');
    return next;
}

void mime_print_bodystructure(struct buf *out, const struct mime_message *m, bool extended,
                              struct arena *arena)
{
    struct printer p = {.out = out, .m = m, .extended = extended, .arena = arena};

    print_part(&p, 0);
}
