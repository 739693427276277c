/* proc/msg.h: messages as structs, and their packing. messages.h declares them; this turns a declaration into a struct, a
 * writer and a reader, so that none is written by hand.
 *
 * On the wire: u16 type, u16 descriptors, then the fields in order: u64 as 8 bytes little endian, str as u32 length and
 * bytes, list as u32 count and strs. Nothing may be left over. */
#ifndef PROC_MSG_H
#define PROC_MSG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "proc/messages.h"

struct msg_list {
    const struct str *v;
    size_t n;
};

#define MSG_C_u64 uint64_t
#define MSG_C_str struct str
#define MSG_C_list struct msg_list

#define F(type, name) MSG_C_##type name;
#define MSG(NAME, name, from, to, fds, fields)                                                     \
    struct msg_##name {                                                                            \
        fields                                                                                     \
    };
MESSAGES(MSG)
#undef MSG
#undef F

enum msg_type {
    MSG_NONE,
#define MSG(NAME, name, from, to, fds, fields) MSG_##NAME,
    MESSAGES(MSG)
#undef MSG
        MSG_TYPES
};

struct msg {
    enum msg_type type;
    unsigned nfds;
    int fd
        [LIMIT_MSG_FDS]; /* sending: borrowed; received: set to -1 what you keep, the rest is closed */
    union {
#define MSG(NAME, name, from, to, fds, fields) struct msg_##name name;
        MESSAGES(MSG)
#undef MSG
    };
};

/* Appends the packed form. ERROR_LIMIT when out (its maximum is LIMIT_MSG_BYTES) overflows. */
MUST_CHECK bool msg_print(struct buf *out, const struct msg *m, struct error *err);
/* Reads a packed message; slices borrow from bytes, lists lie in the arena. Descriptors are not touched, only nfds is set.
 * ERROR_SYNTAX for anything that msg_print would not have written. */
MUST_CHECK bool msg_parse(struct str bytes, struct arena *arena, struct msg *out,
                          struct error *err);
/* The name of a type, as "LOGIN_ASK". */
const char *msg_name(enum msg_type type);
/* May `from` send this type to `to` (roles as bits)? */
bool msg_allowed(enum msg_type type, unsigned from, unsigned to);
/* A list's item as an account number (8 bytes), and back: out has 8 bytes. */
uint64_t msg_u64_item(struct str item);

#endif
