/* mime/tnef.c: see tnef.h.
 *
 * A stream is a signature, a key and attributes: level, number, length, data, checksum. Those of
 * the message come first, then those of each attachment, which begin with attAttachRendData. Two
 * attributes hold lists of properties, in a format of their own (section 2.1.3.4 of [MS-OXTNEF]).
 * All numbers have the low byte first. */
#include "mime/tnef.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "mime/charset.h"

#include <string.h>

#define SIGNATURE 0x223e9f78
#define LEVEL_ATTACHMENT 2

/* Attributes, [MS-OXTNEF] section 2.1.3.2; the high half is the type of the data. */
enum attribute {
    ATT_ATTACH_TITLE = 0x00018010,
    ATT_BODY = 0x0002800c,
    ATT_ATTACH_DATA = 0x0006800f,
    ATT_ATTACH_REND_DATA = 0x00069002,
    ATT_MSG_PROPS = 0x00069003,
    ATT_ATTACHMENT = 0x00069005,
    ATT_OEM_CODEPAGE = 0x00069007
};

/* Types of properties, [MS-OXCDATA] section 2.11.1. */
enum prop_type {
    TYPE_OBJECT = 0x0d,
    TYPE_STRING8 = 0x1e,
    TYPE_STRING = 0x1f, /* UTF-16 */
    TYPE_BINARY = 0x102,
    TYPE_MULTIPLE = 0x1000
};

/* Properties, [MS-OXPROPS]. */
enum prop_id {
    PROP_BODY = 0x1000,
    PROP_HTML = 0x1013,
    PROP_DISPLAY_NAME = 0x3001,
    PROP_ATTACH_DATA = 0x3701,
    PROP_ATTACH_FILENAME = 0x3704,
    PROP_ATTACH_LONG_FILENAME = 0x3707,
    PROP_ATTACH_MIME_TAG = 0x370e,
    PROP_INTERNET_CODEPAGE = 0x3fde,
    PROP_NAMED = 0x8000 /* and above: a name follows */
};

struct prop {
    uint32_t type, id;
    struct str value; /* of several the first */
};

struct props {
    struct cursor in;
    uint32_t left;
};

static uint32_t read_number(struct str s)
{
    uint32_t v = 0;

    for (size_t i = s.n; i-- > 0;)
        v = v << 8 | (unsigned char)s.p[i];
    return v;
}

static uint32_t take_number(struct cursor *c, size_t bytes)
{
    return read_number(cursor_bytes(c, bytes));
}

/* Values begin at multiples of four. */
static void skip_padding(struct cursor *c, size_t n)
{
    if (n % 4)
        cursor_bytes(c, size_min(4 - n % 4, c->in.n - c->at));
}

/* ---- properties ---- */

static struct props props_begin(struct str data)
{
    struct props p;

    cursor_init(&p.in, data);
    p.left = take_number(&p.in, 4);
    return p;
}

/* Bytes of one value, padding included; 0 for types of variable length, SIZE_MAX for unknown ones,
 * after which nothing can be read. */
static size_t value_size(uint32_t type)
{
    switch (type) {
    case 0x00: /* unspecified and null: nothing */
    case 0x01:
        return 0;
    case 0x02: /* integers of two and four bytes, float, error, boolean */
    case 0x03:
    case 0x04:
    case 0x0a:
    case 0x0b:
        return 4;
    case 0x05: /* double, currency, times, integers of eight bytes */
    case 0x06:
    case 0x07:
    case 0x14:
    case 0x40:
        return 8;
    case 0x48: /* GUID */
        return 16;
    default:
        return SIZE_MAX;
    }
}

static bool is_variable(uint32_t type)
{
    return type == TYPE_OBJECT || type == TYPE_STRING8 || type == TYPE_STRING ||
           type == TYPE_BINARY;
}

/* NamedPropSpec = GUID kind (number / length string) */
static void skip_name(struct cursor *c)
{
    cursor_bytes(c, 16);
    if (take_number(c, 4) == 0) {
        cursor_bytes(c, 4);
    } else {
        uint32_t n = take_number(c, 4);

        cursor_bytes(c, n);
        skip_padding(c, n);
    }
}

static bool props_next(struct props *p, struct prop *out)
{
    struct cursor *c = &p->in;
    uint32_t type, count = 1, single;

    if (p->left == 0)
        return false;
    p->left--;
    *out = (struct prop){0};
    type = take_number(c, 2);
    out->type = type;
    out->id = take_number(c, 2);
    if (out->id >= PROP_NAMED)
        skip_name(c);
    single = type & ~(uint32_t)TYPE_MULTIPLE;
    if ((type & TYPE_MULTIPLE) || is_variable(single))
        count = take_number(c, 4);
    if (is_variable(single)) {
        for (uint32_t i = 0; i < count && cursor_ok(c, NULL);
             i++) { /* each takes four bytes or more */
            uint32_t n = take_number(c, 4);
            struct str value = cursor_bytes(c, n);

            skip_padding(c, n);
            if (i == 0)
                out->value = value;
        }
    } else {
        size_t size = value_size(single);

        if (size == SIZE_MAX || (size && count > (c->in.n - c->at) / size))
            cursor_fail(c, ERROR_SYNTAX, "not a property");
        else
            out->value = str_sub(cursor_bytes(c, size * count), 0, size);
    }
    return cursor_ok(c, NULL);
}

/* ---- text ---- */

/* The name of a Windows code page, as charset.h knows it. */
static struct str codepage_name(uint32_t page, struct arena *arena)
{
    static const struct {
        uint32_t page;
        const char *name;
    } names[] = {
        {932, "shift_jis"},     {936, "gbk"},           {949, "euc-kr"},
        {950, "big5"},          {1200, "utf-16le"},     {1201, "utf-16be"},
        {10000, "macintosh"},   {20127, "us-ascii"},    {20866, "koi8-r"},
        {21866, "koi8-u"},      {20932, "euc-jp"},      {51932, "euc-jp"},
        {50220, "iso-2022-jp"}, {50221, "iso-2022-jp"}, {50222, "iso-2022-jp"},
        {50225, "iso-2022-kr"}, {51949, "euc-kr"},      {54936, "gb18030"},
        {65000, "utf-7"},       {65001, "utf-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].page == page)
            return str_c(names[i].name);
    if (page >= 28591 && page <= 28606)
        return arena_printf(arena, "iso-8859-%u", (unsigned)(page - 28590));
    if (page == 437 || page == 850 || page == 852 || page == 866)
        return arena_printf(arena, "ibm%u", (unsigned)page);
    if ((page >= 1250 && page <= 1258) || page == 874)
        return arena_printf(arena, "windows-%u", (unsigned)page);
    return STR("windows-1252");
}

static struct str until_nul(struct str s)
{
    return str_sub(s, 0, str_find_char(s, '\0'));
}

static struct str until_wide_nul(struct str s)
{
    for (size_t i = 0; i + 1 < s.n; i += 2)
        if (s.p[i] == 0 && s.p[i + 1] == 0)
            return str_sub(s, 0, i);
    return str_sub(s, 0, s.n & ~(size_t)1);
}

/* A name in UTF-8; controls become spaces, as in other headers. Only so much is looked at as a
 * field may have. */
static struct str text_of(struct mime_tnef *t, struct str charset, struct str bytes)
{
    struct str copy;
    struct buf utf8;
    char *p;

    bytes = str_sub(bytes, 0, LIMIT_MIME_FIELD / 4);
    buf_init(&utf8, LIMIT_MIME_FIELD);
    mime_charset_convert(&utf8, charset, bytes);
    copy = arena_str(t->arena, buf_view(&utf8));
    buf_done(&utf8);
    p = (char *)(uintptr_t)copy.p; /* our own */
    for (size_t i = 0; i < copy.n; i++)
        if ((unsigned char)p[i] < ' ' || p[i] == 127)
            p[i] = ' ';
    return str_trim(copy);
}

static struct str tnef_charset(const struct mime_tnef *t)
{
    return codepage_name(t->codepage, t->arena);
}

/* The text of a property; empty when it is none. */
static struct str prop_text(struct mime_tnef *t, const struct prop *prop)
{
    if (prop->type == TYPE_STRING)
        return text_of(t, STR("utf-16le"), until_wide_nul(prop->value));
    if (prop->type == TYPE_STRING8)
        return text_of(t, tnef_charset(t), until_nul(prop->value));
    return STR_NULL;
}

/* type "/" subtype of printable ASCII */
static bool is_media_type(struct str s)
{
    size_t slashes = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("()<>@,;:\\\"[]?=", s.p[i]))
            return false;
        slashes += s.p[i] == '/';
    }
    return slashes == 1 && s.p[0] != '/' && s.p[s.n - 1] != '/';
}

/* ---- attributes ---- */

static void body_prop(struct mime_tnef *t, const struct prop *prop)
{
    struct mime_tnef_part *part = prop->id == PROP_BODY ? &t->text : &t->html;
    uint32_t page = prop->type == TYPE_BINARY && t->html_codepage ? t->html_codepage : t->codepage;
    struct str data = prop->value;

    if (prop->id == PROP_BODY && prop->type == TYPE_BINARY)
        return;
    if (prop->type == TYPE_STRING)
        data = until_wide_nul(data);
    else if (prop->type == TYPE_STRING8)
        data = until_nul(data);
    else if (prop->type != TYPE_BINARY)
        return;
    if (data.n == 0)
        return;
    part->data = data;
    part->charset = prop->type == TYPE_STRING ? STR("utf-16le") : codepage_name(page, t->arena);
}

/* attMsgProps: the bodies. Their code page may stand after them. */
static void message_props(struct mime_tnef *t, struct str data)
{
    struct props p = props_begin(data);
    struct prop prop;

    while (props_next(&p, &prop))
        if (prop.id == PROP_INTERNET_CODEPAGE && prop.value.n == 4)
            t->html_codepage = read_number(prop.value);
    p = props_begin(data);
    while (props_next(&p, &prop))
        if (prop.id == PROP_BODY || prop.id == PROP_HTML)
            body_prop(t, &prop);
}

/* An attached message stands after the identifier of its interface. */
static void data_prop(struct mime_tnef *t, const struct prop *prop)
{
    if (prop->type == TYPE_BINARY) {
        t->attachment.data = prop->value;
    } else if (prop->type == TYPE_OBJECT) {
        t->attachment.data = str_skip(prop->value, 16);
        t->attachment.message = t->attachment.data.n >= 4 &&
                                read_number(str_sub(t->attachment.data, 0, 4)) == SIGNATURE;
    }
}

static void attachment_props(struct mime_tnef *t, struct str data)
{
    struct props p = props_begin(data);
    struct prop prop;

    while (props_next(&p, &prop)) {
        switch (prop.id) {
        case PROP_ATTACH_LONG_FILENAME:
            t->attachment.names[0] = prop_text(t, &prop);
            break;
        case PROP_ATTACH_FILENAME:
            t->attachment.names[1] = prop_text(t, &prop);
            break;
        case PROP_DISPLAY_NAME:
            t->attachment.names[2] = prop_text(t, &prop);
            break;
        case PROP_ATTACH_MIME_TAG:
            t->attachment.type = prop_text(t, &prop);
            break;
        case PROP_ATTACH_DATA:
            data_prop(t, &prop);
            break;
        default:
            break;
        }
    }
}

static void message_attribute(struct mime_tnef *t, uint32_t id, struct str data)
{
    if (id == ATT_OEM_CODEPAGE && data.n >= 4) {
        t->codepage = read_number(str_sub(data, 0, 4));
    } else if (id == ATT_BODY && until_nul(data).n) {
        t->text.data = until_nul(data);
        t->text.charset = tnef_charset(t);
    } else if (id == ATT_MSG_PROPS) {
        message_props(t, data);
    }
}

static void attachment_attribute(struct mime_tnef *t, uint32_t id, struct str data)
{
    t->open = true;
    if (id == ATT_ATTACH_TITLE)
        t->attachment.title = until_nul(data);
    else if (id == ATT_ATTACH_DATA)
        t->attachment.data = data;
    else if (id == ATT_ATTACHMENT)
        attachment_props(t, data);
}

/* The next attribute, from *at on; one that is cut off has what is there. False at the end. */
static bool next_attribute(const struct mime_tnef *t, size_t *at, uint32_t *level, uint32_t *id,
                           struct str *data)
{
    struct str head = str_sub(t->in, *at, 9);
    size_t n;

    if (head.n < 9)
        return false;
    *level = (unsigned char)head.p[0];
    *id = read_number(str_sub(head, 1, 4));
    n = read_number(str_sub(head, 5, 4));
    *data = str_sub(t->in, *at + 9, n);
    *at += 9 + size_min(n, t->in.n - *at - 9);
    *at += size_min(2, t->in.n - *at); /* the checksum */
    return true;
}

/* ---- parts ---- */

/* Data lie after those that were returned before; where a stream has them in another order they
 * are left out. */
static bool give_part(struct mime_tnef *t, struct mime_tnef_part *part, struct mime_tnef_part *out)
{
    size_t at = part->data.n ? (size_t)(part->data.p - t->in.p) : t->done;

    if (t->count == LIMIT_MIME_PARTS || at < t->done)
        return false;
    t->count++;
    t->done = at + part->data.n;
    *out = *part;
    return true;
}

static bool give_attachment(struct mime_tnef *t, struct mime_tnef_part *out)
{
    struct mime_tnef_part part = {.kind = MIME_TNEF_ATTACHMENT};

    t->open = false;
    if (t->attachment.message)
        part.kind = MIME_TNEF_MESSAGE;
    part.data = t->attachment.data;
    part.name = t->attachment.names[0];
    if (part.name.n == 0)
        part.name = text_of(t, tnef_charset(t), t->attachment.title);
    for (size_t i = 1; i < ARRAY_LEN(t->attachment.names) && part.name.n == 0; i++)
        part.name = t->attachment.names[i];
    if (is_media_type(t->attachment.type))
        part.type = t->attachment.type;
    memset(&t->attachment, 0, sizeof t->attachment);
    return give_part(t, &part, out);
}

/* The body that stands first. */
static bool give_body(struct mime_tnef *t, struct mime_tnef_part *out)
{
    while (t->text.data.p || t->html.data.p) {
        bool text = t->text.data.p && (!t->html.data.p || t->text.data.p < t->html.data.p);
        struct mime_tnef_part *which = text ? &t->text : &t->html, part = *which;

        part.kind = text ? MIME_TNEF_TEXT : MIME_TNEF_HTML;
        which->data = STR_NULL;
        if (give_part(t, &part, out))
            return true;
    }
    t->flush = false;
    return false;
}

bool mime_tnef_begin(struct mime_tnef *t, struct str bytes, struct arena *arena)
{
    *t = (struct mime_tnef){.in = bytes, .at = 6, .arena = arena};
    return bytes.n >= 6 && read_number(str_sub(bytes, 0, 4)) == SIGNATURE;
}

bool mime_tnef_next(struct mime_tnef *t, struct mime_tnef_part *out)
{
    while (t->count < LIMIT_MIME_PARTS) {
        uint32_t level, id;
        size_t at = t->at;
        struct str data;

        if (t->flush && give_body(t, out))
            return true;
        if (!next_attribute(t, &at, &level, &id, &data)) {
            if (t->open && give_attachment(t, out))
                return true;
            if (t->ended)
                return false;
            t->flush = t->ended = true;
            continue;
        }
        if (level == LEVEL_ATTACHMENT) {
            if (t->text.data.p || t->html.data.p) { /* the message's attributes are over */
                t->flush = true;
                continue;
            }
            if (id == ATT_ATTACH_REND_DATA && t->open) {
                if (give_attachment(t, out))
                    return true;
                continue;
            }
            attachment_attribute(t, id, data);
        } else {
            message_attribute(t, id, data);
        }
        t->at = at;
    }
    return false;
}
