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

/* Why something did not work, as it travels: kind is an enum error_kind, 0 where it did. */
struct msg_error {
    uint64_t kind;
    struct str text;
};

#define MSG_C_u64 uint64_t
#define MSG_C_str struct str
#define MSG_C_list struct msg_list
#define MSG_C_err struct msg_error

/* The two messages of a CALL, by whatever MSG is where it is expanded. */
#define MSG_CALL_AS_TWO(NAME, name, from, to, ask_fds, tell_fds, again, ms, words, ask, tell)      \
    MSG(NAME##_ASK, name##_ask, from, to, ask_fds, F(u64, id) ask)                                 \
    MSG(NAME##_TELL, name##_tell, to, from, tell_fds, F(u64, id) F(err, error) tell)
#define MESSAGES_ALL(M) MESSAGES(M, MSG_CALL_AS_TWO)

/* What every question and every answer begins with. */
struct msg_any_ask {
    uint64_t id;
};
struct msg_any_tell {
    uint64_t id;
    struct msg_error error;
};

#define F(type, name) MSG_C_##type name;
#define MSG(NAME, name, from, to, fds, fields)                                                     \
    struct msg_##name {                                                                            \
        fields                                                                                     \
    };
MESSAGES_ALL(MSG)
#undef MSG
#undef F

enum msg_type {
    MSG_NONE,
#define MSG(NAME, name, from, to, fds, fields) MSG_##NAME,
    MESSAGES_ALL(MSG)
#undef MSG
        MSG_TYPES
};

struct msg {
    enum msg_type type;
    unsigned nfds;
    int fd
        [LIMIT_MSG_FDS]; /* sending: borrowed; received: set to -1 what you keep, the rest is closed */
    union {
        struct msg_any_ask any_ask;
        struct msg_any_tell any_tell;
#define MSG(NAME, name, from, to, fds, fields) struct msg_##name name;
        MESSAGES_ALL(MSG)
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
/* A list's item as a number (8 bytes); 0 for any other length. */
uint64_t msg_u64_item(struct str item);

/* What messages.h says of a CALL. */
struct msg_call {
    enum msg_type ask, tell;
    bool again;
    uint32_t ms;       /* deadline */
    const char *words; /* of the error when no answer comes */
};
/* The CALL that this type is the question or the answer of; NULL for a MSG. */
const struct msg_call *msg_call_of(enum msg_type type);

/* err as it travels; NULL, or one of kind ERROR_NONE, is no error. Borrows the text. */
struct msg_error msg_error_of(const struct error *err);
/* True when e is an error; then *err (NULL is fine) has it, with words that are safe to show. */
bool msg_error_take(const struct msg_error *e, struct error *err);

#endif
