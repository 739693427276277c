/* mime/part.c: the tree of parts, in one pass over the lines of the message.
 *
 * Between two lines: `current` is the innermost part that is open; the parts on its way to the root
 * are open too. `frames` are the multiparts among them whose boundary is still awaited, outermost
 * first. A boundary line of any of them ends what is open inside it (RFC 2046 section 5.1.2: an
 * outer boundary ends inner parts that were not closed).
 *
 * A boundary line is "--", the boundary, "--" or nothing, and white space: not a mere prefix,
 * because clients number their boundaries, and "--Apple-Mail-10" is no line of "Apple-Mail-1". */
#include "base/limits.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/param.h"
#include "mime/thread.h"

#include <string.h>

#define BOUNDARY_MAX 256 /* 70 by RFC 2046 section 5.1.1 */
#define ROOM_LEAST 448   /* message.h says 512: some is for the arena itself */

struct frame {
    struct str boundary;
    uint32_t part;
};

struct scan {
    struct str in;
    bool cr;        /* lines end with CR (header.h) */
    size_t at;      /* the line that is looked at */
    uint64_t lines; /* line ends before `at` */
    uint64_t fields;
    struct mime_part *parts; /* in the arena; they move when there are more of them */
    uint32_t parts_n, parts_cap;
    uint32_t current;
    struct frame frames[LIMIT_MIME_DEPTH];
    uint32_t frames_n;
    struct arena *arena;
};

static struct mime_part *part_at(const struct scan *s, uint32_t i)
{
    return &s->parts[i];
}

/* Which frame has this line as its boundary? Innermost first. */
static bool match_boundary(const struct scan *s, size_t end, uint32_t *frame, bool *closes)
{
    struct str line = str_sub(s->in, s->at, end - s->at);

    if (s->frames_n == 0 || line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    line = str_skip(line, 2);
    while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t' ||
                      line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
        line.n--;
    for (uint32_t i = s->frames_n; i-- > 0;) {
        struct str boundary = s->frames[i].boundary;
        bool longer = line.n == boundary.n + 2;

        if ((line.n != boundary.n && !longer) || memcmp(line.p, boundary.p, boundary.n) != 0)
            continue;
        if (longer && memcmp(line.p + boundary.n, "--", 2) != 0)
            continue;
        *frame = i;
        *closes = longer;
        return true;
    }
    return false;
}

/* Moves past the line from s->at to end. */
static void pass_line(struct scan *s, size_t end)
{
    if (end > s->at && s->in.p[end - 1] == (s->cr ? '\r' : '\n'))
        s->lines++;
    s->at = end;
}

/* Moves past the empty line that ends the header, or to a boundary line that comes before it. */
static void pass_header(struct scan *s)
{
    while (s->at < s->in.n) {
        size_t end = mime_line_end(s->in, s->at, s->cr);
        bool empty = mime_line_is_empty(s->in, s->at, end), closes;
        uint32_t frame;

        if (!empty && match_boundary(s, end, &frame, &closes))
            return;
        pass_line(s, end);
        if (empty)
            return;
    }
}

static void read_content_type(struct mime_part *part, struct str value, struct arena *arena)
{
    struct mime_params params;

    if (!mime_content_type(value, &part->type, &part->subtype, &part->params_raw)) {
        part->type = STR("TEXT");
        part->subtype = STR("PLAIN");
        return;
    }
    params = mime_params_parse(part->params_raw, arena);
    part->params = params.items;
    part->params_n = params.n;
}

static void read_disposition(struct mime_part *part, struct str value, struct arena *arena)
{
    struct mime_params params;

    part->disposition = mime_disposition(value, &part->disposition_raw);
    if (part->disposition.n == 0)
        return;
    params = mime_params_parse(part->disposition_raw, arena);
    part->disposition_params = params.items;
    part->disposition_params_n = params.n;
}

enum content_field { TYPE, ENCODING, ID, DESCRIPTION, MD5, LOCATION, LANGUAGE, DISPOSITION, NONE };

static enum content_field content_field(struct str name)
{
    static const char *const names[] = {"type", "transfer-encoding", "id",       "description",
                                        "md5",  "location",          "language", "disposition"};

    if (!str_starts_nocase(name, STR("content-")))
        return NONE;
    name = str_skip(name, 8);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal_nocase(name, str_c(names[i])))
            return (enum content_field)i;
    return NONE;
}

static void read_field(struct mime_part *part, enum content_field which, struct str value,
                       struct arena *arena)
{
    struct str rest;

    switch (which) {
    case TYPE:
        read_content_type(part, value, arena);
        break;
    case ENCODING:
        part->encoding = mime_disposition(value, &rest); /* one token as well */
        break;
    case ID:
        part->id = mime_unfold(value, arena);
        break;
    case DESCRIPTION:
        part->description = mime_unfold(value, arena);
        break;
    case MD5:
        part->md5 = mime_unfold(value, arena);
        break;
    case LOCATION:
        part->location = mime_unfold(value, arena);
        break;
    case LANGUAGE:
        part->language = mime_unfold(value, arena);
        break;
    case DISPOSITION:
        read_disposition(part, value, arena);
        break;
    case NONE:
        break;
    }
}

/* Reads the content fields; of two with one name the first counts. *fields are those that were looked
 * at so far. */
static void read_content_fields(struct mime_part *part, struct str header, uint64_t *fields,
                                struct arena *arena)
{
    struct mime_field field;
    bool seen[NONE + 1] = {false};

    for (size_t at = 0; *fields < LIMIT_MIME_HEADER_FIELDS && mime_next_field(header, &at, &field);
         ++*fields) {
        enum content_field which = content_field(field.name);

        if (which == NONE || seen[which])
            continue;
        seen[which] = true;
        read_field(part, which, str_sub(field.value, 0, LIMIT_MIME_FIELD), arena);
    }
    if (part->encoding.n == 0)
        part->encoding = STR("7BIT");
}

/* RFC 2046 section 5.1.5: in a multipart/digest the default is message/rfc822. */
static void set_default_type(const struct scan *s, struct mime_part *part, uint32_t parent)
{
    const struct mime_part *outer = s->parts_n > 1 ? part_at(s, parent) : NULL;
    bool digest = outer && outer->multipart && str_equal_nocase(outer->subtype, STR("digest")) &&
                  part->body_at > part->header_at;

    if (part->type.n)
        return;
    part->type = digest ? STR("MESSAGE") : STR("TEXT");
    part->subtype = digest ? STR("RFC822") : STR("PLAIN");
}

/* Makes room for one part more, and for half as many again where the arena has it. */
static bool room_for_part(struct scan *s)
{
    if (s->parts_n == LIMIT_MIME_PARTS || s->arena->full)
        return false;
    for (uint32_t more = s->parts_n / 2 + 4; s->parts_n == s->parts_cap && more; more /= 2) {
        struct mime_part *parts =
            arena_resize(s->arena, s->parts, (s->parts_n + more) * sizeof *parts);

        if (parts) {
            s->parts = parts;
            s->parts_cap = s->parts_n + more;
        }
    }
    return s->parts_n < s->parts_cap;
}

static void make_opaque(struct mime_part *part, const char *type, const char *subtype)
{
    part->type = str_c(type);
    part->subtype = str_c(subtype);
    part->params = NULL;
    part->params_n = 0;
    part->params_raw = STR_NULL;
}

/* The boundary as it stands, or put together (RFC 2231), without white space at its end (RFC 2046
 * section 5.1.1). */
static struct str find_boundary(const struct mime_part *part, struct arena *arena)
{
    struct mime_params raw = mime_params_raw(part->params_raw, arena);
    struct str boundary = mime_param_find(raw.items, raw.n, STR("boundary"));

    if (boundary.n == 0)
        boundary = mime_param_find(part->params, part->params_n, STR("boundary"));
    while (boundary.n && (boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
        boundary.n--;
    return boundary.n <= BOUNDARY_MAX ? boundary : STR_NULL;
}

/* Decides whether the part is looked into. */
static void classify_part(struct scan *s, uint32_t index)
{
    bool room = room_for_part(s);
    struct mime_part *part = part_at(s, index);
    bool multipart = str_equal_nocase(part->type, STR("multipart"));
    bool message = str_equal_nocase(part->type, STR("message")) &&
                   (str_equal_nocase(part->subtype, STR("rfc822")) ||
                    str_equal_nocase(part->subtype, STR("global")));
    struct str boundary = multipart ? find_boundary(part, s->arena) : STR_NULL;

    if (!multipart && !message)
        return;
    if (multipart && boundary.n == 0) {
        make_opaque(part, "TEXT", "PLAIN");
    } else if (part->depth + 1 >= LIMIT_MIME_DEPTH || !room || s->arena->full ||
               part->body_at == part->header_at) {
        make_opaque(part, "APPLICATION", "OCTET-STREAM");
    } else if (message) {
        part->message = true;
    } else {
        part->multipart = true;
        s->frames[s->frames_n++] = (struct frame){boundary, index};
    }
}

void mime_part_read(struct mime_part *part, struct str header, struct arena *arena)
{
    uint64_t fields = 0;

    *part = (struct mime_part){0};
    read_content_fields(part, header, &fields, arena);
    if (part->type.n == 0 ||
        (str_equal_nocase(part->type, STR("multipart")) && find_boundary(part, arena).n == 0))
        make_opaque(part, "TEXT", "PLAIN");
}

/* Begins the part whose header is at s->at, and reads that header. */
static uint32_t begin_part(struct scan *s, uint32_t parent)
{
    uint32_t index = s->parts_n++;
    struct mime_part *part = part_at(s, index);

    part->parent = parent;
    part->header_at = s->at;
    if (index != 0) {
        part->depth = part_at(s, parent)->depth + 1;
        part_at(s, parent)->children++;
    }
    pass_header(s);
    part->body_at = s->at;
    part->lines = s->lines; /* until it is closed: those before its body */
    read_content_fields(part, str_sub(s->in, part->header_at, part->body_at - part->header_at),
                        &s->fields, s->arena);
    set_default_type(s, part, parent);
    s->current = index;
    classify_part(s, index);
    return index;
}

/* Begins a part, and the message inside a message/rfc822, and so on. */
static void begin_parts(struct scan *s, uint32_t parent)
{
    do
        parent = begin_part(s, parent);
    while (part_at(s, parent)->message);
}

/* Closes the current part and those around it, up to but not including `outer`, before the boundary
 * line at s->at. The line end before that line belongs to it (RFC 2046 section 5.1.1), unless a
 * header needs it. */
static void close_parts(struct scan *s, uint32_t outer)
{
    size_t end = s->at, inner = 0;

    if (end && s->in.p[end - 1] == (s->cr ? '\r' : '\n'))
        end--;
    if (end < s->at && !s->cr && end && s->in.p[end - 1] == '\r')
        end--;
    while (s->current != outer) {
        struct mime_part *part = part_at(s, s->current);

        part->end_at = size_max(size_max(part->body_at, end), inner);
        inner = part->end_at;
        part->lines = s->lines - part->lines;
        if (part->end_at < s->at)
            part->lines--;
        s->current = part->parent;
    }
}

static void close_all(struct scan *s)
{
    for (;;) {
        struct mime_part *part = part_at(s, s->current);

        part->end_at = s->in.n;
        part->lines = s->lines - part->lines;
        if (s->current == 0)
            return;
        s->current = part->parent;
    }
}

/* Moves past further lines of the boundary that was just seen: two delimiters with nothing between
 * them enclose no part, since each needs a line end of its own before it (RFC 2046
 * section 5.1.1). */
static void pass_boundaries(struct scan *s, uint32_t frame)
{
    while (s->at < s->in.n) {
        size_t end = mime_line_end(s->in, s->at, s->cr);
        uint32_t found;
        bool closes;

        if (!match_boundary(s, end, &found, &closes) || found != frame || closes)
            return;
        pass_line(s, end);
    }
}

/* Line ends in the text. In blocks, whose sum fits into a byte, so that compilers make one
 * comparison of many bytes. */
static uint64_t count_lines(struct str text, char end)
{
    uint64_t lines = 0;
    size_t i = 0;

    for (; text.n - i >= 64; i += 64) {
        unsigned char block = 0;

        for (size_t k = 0; k < 64; k++)
            block = (unsigned char)(block + (text.p[i + k] == end));
        lines += block;
    }
    for (; i < text.n; i++)
        lines += text.p[i] == end;
    return lines;
}

/* Goes to the next line that begins with "--", or to the end: only such a line can be a boundary.
 * s->at is the beginning of a line. */
static void pass_to_dashes(struct scan *s)
{
    char line_end = s->cr ? '\r' : '\n';
    size_t from = s->at, at = from;

    while (s->frames_n && at < s->in.n) {
        const char *dash = memchr(s->in.p + at, '-', s->in.n - at);

        at = dash ? (size_t)(dash - s->in.p) : s->in.n;
        if ((at == from || s->in.p[at - 1] == line_end) && s->in.n - at >= 2 &&
            s->in.p[at + 1] == '-')
            break;
        while (at < s->in.n && s->in.p[at] == '-')
            at++;
    }
    if (!s->frames_n)
        at = s->in.n;
    s->lines += count_lines(str_sub(s->in, from, at - from), line_end);
    s->at = at;
}

static void scan_body(struct scan *s)
{
    for (pass_to_dashes(s); s->at < s->in.n; pass_to_dashes(s)) {
        size_t end = mime_line_end(s->in, s->at, s->cr);
        uint32_t frame, owner;
        bool closes;

        if (!match_boundary(s, end, &frame, &closes)) {
            pass_line(s, end);
            continue;
        }
        if (!closes && !room_for_part(s)) { /* the current part takes the rest */
            s->frames_n = 0;
            continue;
        }
        owner = s->frames[frame].part;
        close_parts(s, owner);
        s->frames_n = closes ? frame : frame + 1;
        pass_line(s, end);
        if (closes)
            continue;
        pass_boundaries(s, frame);
        begin_parts(s, owner);
    }
    close_all(s);
}

/* What threading and sorting need of the message's own header; of two fields with one name the
 * first. */
static void read_message_fields(struct mime_message *m, struct arena *arena)
{
    enum { MESSAGE_ID, REFERENCES, IN_REPLY_TO, SUBJECT, DATE, WANTED };
    static const char *const names[WANTED] = {"message-id", "references", "in-reply-to", "subject",
                                              "date"};
    struct str header = str_sub(m->bytes, 0, m->parts[0].body_at), values[WANTED] = {{NULL, 0}};
    bool seen[WANTED] = {false};
    struct mime_field field;
    size_t at = 0;

    for (size_t n = 0; n < LIMIT_MIME_HEADER_FIELDS && mime_next_field(header, &at, &field); n++) {
        for (size_t i = 0; i < WANTED; i++) {
            if (seen[i] || !str_equal_nocase(field.name, str_c(names[i])))
                continue;
            seen[i] = true;
            values[i] = str_sub(field.value, 0, LIMIT_MIME_FIELD);
        }
    }
    m->message_id = mime_message_id(values[MESSAGE_ID], arena);
    if (!mime_date_parse(values[DATE], &m->date_us))
        m->date_us = INT64_MIN;
    mime_references(values[REFERENCES], values[IN_REPLY_TO], arena, &m->references,
                    &m->references_n);
    m->subject = mime_decode_words(values[SUBJECT], arena);
    m->base_subject = mime_base_subject(m->subject, arena);
}

void mime_parse(struct str bytes, struct arena *arena, struct mime_message *out)
{
    struct scan s = {.in = bytes, .cr = mime_line_is_cr(bytes), .arena = arena};
    size_t heap_max = arena->heap_max;

    /* What is taken of the heap keeps to the same maximum, with all that is taken for a time. */
    arena->heap_max = size_min(heap_max, arena->heap + (arena->max - arena->used));
    if (arena_room(arena) < ROOM_LEAST || !room_for_part(&s))
        panic("mime_parse needs an arena with room for one part");
    *out = (struct mime_message){.bytes = bytes};
    begin_parts(&s, 0);
    scan_body(&s);
    out->parts_n = s.parts_n;
    out->parts = s.parts;
    read_message_fields(out, arena);
    arena->heap_max = heap_max;
}
