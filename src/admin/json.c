/* admin/json.c: see json.h. */
#include "admin/json.h"

#include "base/clock.h"
#include "base/utf8.h"

bool admin_json_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

/* RFC 8259 section 7. */
void admin_json_print_text(struct buf *out, struct str s)
{
    size_t at = 0;

    buf_char(out, '"');
    while (at < s.n) {
        int32_t code = utf8_next(s, &at);

        if (code < 0)
            utf8_print(out, 0xfffd);
        else if (code == '"' || code == '\\')
            buf_printf(out, "\\%c", (char)code);
        else if (code == '\n')
            buf_c(out, "\\n");
        else if (admin_json_is_control((uint32_t)code))
            buf_printf(out, "\\u%04x", (unsigned)code);
        else
            utf8_print(out, (uint32_t)code);
    }
    buf_char(out, '"');
}

void admin_json_init(struct admin_json *j, struct buf *out, bool lines)
{
    *j = (struct admin_json){.out = out, .lines = lines};
}

static void json_new_line(struct admin_json *j)
{
    if (!j->lines || j->depth == 0)
        return;
    buf_char(j->out, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        buf_char(j->out, ' ');
}

static void json_begin_item(struct admin_json *j, const char *name)
{
    if (j->comma)
        buf_c(j->out, j->lines ? "," : ", ");
    json_new_line(j);
    j->comma = true;
    if (!name)
        return;
    admin_json_print_text(j->out, str_c(name));
    buf_c(j->out, ": ");
}

void admin_json_open(struct admin_json *j, const char *name, char bracket)
{
    if (j->depth == ADMIN_JSON_DEPTH)
        panic("JSON in too many levels");
    json_begin_item(j, name);
    buf_char(j->out, bracket);
    j->close[j->depth++] = bracket == '{' ? '}' : ']';
    j->comma = false;
}

void admin_json_close(struct admin_json *j)
{
    if (j->depth == 0)
        panic("JSON is closed that was not opened");
    j->depth--;
    if (j->comma) /* it is not empty */
        json_new_line(j);
    if (j->comma && j->depth == 0 && j->lines)
        buf_char(j->out, '\n');
    buf_char(j->out, j->close[j->depth]);
    j->comma = true;
}

void admin_json_text(struct admin_json *j, const char *name, struct str s)
{
    json_begin_item(j, name);
    admin_json_print_text(j->out, s);
}

void admin_json_c(struct admin_json *j, const char *name, const char *s)
{
    admin_json_text(j, name, str_c(s));
}

void admin_json_number(struct admin_json *j, const char *name, uint64_t n)
{
    json_begin_item(j, name);
    buf_u64(j->out, n);
}

void admin_json_bool(struct admin_json *j, const char *name, bool yes)
{
    json_begin_item(j, name);
    buf_c(j->out, yes ? "true" : "false");
}

void admin_json_time(struct admin_json *j, const char *name, int64_t wall_us)
{
    json_begin_item(j, name);
    buf_char(j->out, '"');
    clock_print_rfc3339(j->out, wall_us);
    buf_char(j->out, '"');
}
