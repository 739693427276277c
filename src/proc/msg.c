/* proc/msg.c: the declarations of messages.h as writers and readers. */
#include "proc/msg.h"

#include "proc/roles.h"

#include <string.h>

ROLE_SETS_BEGIN

static const struct {
    const char *name;
    unsigned from, to, fds;
} table[MSG_TYPES] = {{"NONE", 0, 0, 0},
#define MSG(NAME, name, from, to, fds, fields) {#NAME, from, to, fds},
                      MESSAGES_ALL(MSG)
#undef MSG
};

enum { ONCE, AGAIN };

static const struct msg_call calls[MSG_TYPES] = {
#define MSG(NAME, name, from, to, fds, fields)
#define CALL(NAME, name, from, to, ask_fds, tell_fds, again, ms, words, ask, tell)                 \
    [MSG_##NAME##_ASK] = {MSG_##NAME##_ASK, MSG_##NAME##_TELL, again, ms, words},                  \
    [MSG_##NAME##_TELL] = {MSG_##NAME##_ASK, MSG_##NAME##_TELL, again, ms, words},
    MESSAGES(MSG, CALL)
#undef CALL
#undef MSG
};

/* A list too long for its limit is refused when it is written, so that no peer ever breaks the framing by accident. */
static void put_u64(struct buf *out, uint64_t v)
{
    buf_add(out, &v, sizeof v);
}

static void put_u32(struct buf *out, size_t v)
{
    uint32_t x = (uint32_t)v;

    if (v > LIMIT_MSG_BYTES)
        out->overflow = true;
    buf_add(out, &x, sizeof x);
}

static void put_str(struct buf *out, struct str v)
{
    put_u32(out, v.n);
    buf_str(out, v);
}

static void put_list(struct buf *out, struct msg_list v)
{
    if (v.n > LIMIT_MSG_LIST)
        out->overflow = true;
    put_u32(out, v.n);
    for (size_t i = 0; i < v.n && !out->overflow; i++)
        put_str(out, v.v[i]);
}

static void put_err(struct buf *out, struct msg_error v)
{
    put_u64(out, v.kind);
    put_str(out, v.text);
}

struct reader {
    struct {
        const char *p;
        size_t left;
    } in;
    struct arena *arena;
    bool bad;
};

static struct str get_bytes(struct reader *r, size_t n)
{
    struct str s = {r->in.p, n};

    if (r->bad || n > r->in.left) {
        r->bad = true;
        return STR_NULL;
    }
    r->in.p += n;
    r->in.left -= n;
    return s;
}

static uint64_t get_u64(struct reader *r)
{
    struct str s = get_bytes(r, 8);
    uint64_t v = 0;

    if (s.n)
        memcpy(&v, s.p, 8);
    return v;
}

static uint32_t get_u32(struct reader *r)
{
    struct str s = get_bytes(r, 4);
    uint32_t v = 0;

    if (s.n)
        memcpy(&v, s.p, 4);
    return v;
}

static struct str get_str(struct reader *r)
{
    return get_bytes(r, get_u32(r));
}

static struct msg_error get_err(struct reader *r)
{
    uint64_t kind = get_u64(r);

    if (kind >= ERROR_KINDS)
        r->bad = true;
    return (struct msg_error){kind, get_str(r)};
}

static struct msg_list get_list(struct reader *r)
{
    size_t n = get_u32(r);
    struct str *v;

    /* Each item takes four bytes at least: what cannot be there is not allocated. */
    if (r->bad || n > LIMIT_MSG_LIST || n > r->in.left / 4 ||
        !(v = arena_array(r->arena, n, sizeof *v))) {
        r->bad = true;
        return (struct msg_list){0};
    }
    for (size_t i = 0; i < n; i++)
        v[i] = get_str(r);
    return (struct msg_list){v, n};
}

static uint16_t get_u16(struct reader *r)
{
    struct str s = get_bytes(r, 2);
    uint16_t v = 0;

    if (s.n)
        memcpy(&v, s.p, 2);
    return v;
}

#define F(type, name) put_##type(out, x->name);
#define MSG(NAME, name, from, to, fds, fields)                                                     \
    case MSG_##NAME: {                                                                             \
        const struct msg_##name *x UNUSED = &m->name;                                              \
        fields break;                                                                              \
    }

bool msg_print(struct buf *out, const struct msg *m, struct error *err)
{
    uint16_t head[2] = {(uint16_t)m->type, (uint16_t)m->nfds};

    if (m->type <= MSG_NONE || m->type >= MSG_TYPES || m->nfds > table[m->type].fds)
        panic("message %d with %u descriptors", m->type, m->nfds);
    buf_add(out, head, sizeof head);
    switch (m->type) {
        MESSAGES_ALL(MSG)
    default:
        break;
    }
    return !out->overflow ||
           error_set(err, ERROR_LIMIT, "a message %s that is too large", table[m->type].name);
}

#undef MSG
#undef F
#define F(type, name) x->name = get_##type(&r);
#define MSG(NAME, name, from, to, fds, fields)                                                     \
    case MSG_##NAME: {                                                                             \
        struct msg_##name *x UNUSED = &m.name;                                                     \
        fields break;                                                                              \
    }

bool msg_parse(struct str bytes, struct arena *arena, struct msg *out, struct error *err)
{
    struct reader r = {.in = {bytes.p, bytes.n}, .arena = arena};
    struct msg m = {.type = (enum msg_type)get_u16(&r)};

    m.nfds = get_u16(&r);
    if (r.bad || m.type <= MSG_NONE || m.type >= MSG_TYPES || m.nfds > table[m.type].fds)
        return error_set(err, ERROR_SYNTAX, "no message begins like this");
    switch (m.type) {
        MESSAGES_ALL(MSG)
    default:
        break;
    }
    if (r.bad || r.in.left)
        return error_set(err, ERROR_SYNTAX, "%s is %s", table[m.type].name,
                         r.bad ? "cut short" : "too long");
    *out = m;
    return true;
}

#undef MSG
#undef F

const char *msg_name(enum msg_type type)
{
    return (unsigned)type < MSG_TYPES ? table[type].name : "?";
}

bool msg_allowed(enum msg_type type, unsigned from, unsigned to)
{
    return (unsigned)type < MSG_TYPES && (table[type].from & from) && (table[type].to & to);
}

uint64_t msg_u64_item(struct str item)
{
    uint64_t v = 0;

    if (item.n == sizeof v)
        memcpy(&v, item.p, sizeof v);
    return v;
}

const struct msg_call *msg_call_of(enum msg_type type)
{
    return (unsigned)type < MSG_TYPES && calls[type].words ? &calls[type] : NULL;
}

struct msg_error msg_error_of(const struct error *err)
{
    if (!err || err->kind == ERROR_NONE)
        return (struct msg_error){0};
    return (struct msg_error){err->kind, str_c(err->text)};
}

bool msg_error_take(const struct msg_error *e, struct error *err)
{
    if (e->kind == ERROR_NONE)
        return false;
    error_fill(err, (enum error_kind)e->kind, "%.*s", STR_ARG(e->text));
    return true;
}
