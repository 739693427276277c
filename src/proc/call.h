/* proc/call.h: questions between processes and their answers, each declared by one CALL in
 * messages.h. For CALL(RCPT, rcpt, ...) there are
 *
 *     call_rcpt(process_to(p, ROLE_DIRECTORY), &(struct msg_rcpt_ask){...}, NULL, on_rcpt, conn)
 *     void on_rcpt(void *arg, struct msg_rcpt_tell *tell, int *fd)
 *     tell_rcpt(&conn->asked, &(struct msg_rcpt_tell){...}, -1)
 *
 * The asker: its callback is called once, never from within call_rcpt, with the answer, or with an
 * error in the answer's place when the deadline has passed, or when the answerer is gone and the
 * question is not one to be put again; tell->id is 0 then, as nobody answered. An answer counts only
 * when it comes over the channel that the question went, and is of its type; anything else from a
 * peer under an id that waits ends that peer's channel, and what nobody waits for any more is
 * dropped. Deadlines run on base/clock.h's CLOCK_BOOTTIME (net/timer.h).
 *
 * A question for a role that is away waits for its successor; one for a peer that is slow waits
 * here, not in the channel, and goes when its turn comes. So whoever may have many questions under
 * way at the wish of strangers lets the stranger wait until the answer is here.
 *
 * The answerer keeps a struct asked until it answers. It is empty when nobody waits any more, so
 * that nobody has to look for askers that ended. */
#ifndef PROC_CALL_H
#define PROC_CALL_H

#include "base/list.h"
#include "net/timer.h"
#include "proc/chan.h"

struct calls;

/* All questions that a process has under way. */
struct calls *calls_create(struct timers *timers);
void calls_destroy(struct calls *c); /* forgets all, calls nobody */
/* From now on ids are none that a process before this one has used, which asked less than one question
 * in a microsecond: for whoever takes over channels, as late answers may still come over these. */
void calls_unlike_predecessor(struct calls *c);
/* The asker is gone: its callback will not be called. Unknown ids, and 0, are fine. */
void calls_forget(struct calls *c, uint64_t id);
/* A new channel to this role: what waits for it is asked, and what its predecessor did not answer
 * and may be asked again. */
void calls_peer_new(struct calls *c, enum role role, struct chan *chan);
/* How many wait for their answer. */
size_t calls_waiting(const struct calls *c);

/* Whom to ask. */
struct call_to {
    struct calls *calls;
    struct chan *chan; /* NULL: the role is just not there, and the question waits for it */
    enum role role;    /* whose successor may be asked; 0: this channel or nobody */
};
/* Over this channel or not at all. */
static inline struct call_to call_over(struct calls *calls, struct chan *chan)
{
    return (struct call_to){calls, chan, (enum role)0};
}

/* Descriptors of a question: they stay the caller's, copies travel. */
struct call_fds {
    unsigned n;
    int fd[LIMIT_MSG_FDS];
};
#define CALL_FD(one) (&(const struct call_fds){1, {(one)}})

/* A question that was taken and is not answered yet; embedded. Zeroed it is none. */
struct asked {
    struct list_node node; /* of the channel's */
    struct chan *chan;     /* NULL: nobody waits */
    uint64_t id;
    enum msg_type tell;
};

/* m is a question that came over c. a must be empty, and stay where it is until it is answered or
 * forgotten. */
void asked_take(struct asked *a, struct chan *c, const struct msg *m);
bool asked_waits(const struct asked *a);
/* `to`, which must be empty, becomes what `from` was; `from` is empty then. */
void asked_move(struct asked *to, struct asked *from);
/* It will not be answered; the asker's deadline ends it. */
void asked_forget(struct asked *a);

/* ---- what the CALLs of messages.h make of this ---- */

/* Without types, for the functions below. */
typedef void (*call_any_fn)(void);
typedef void (*call_told_fn)(call_any_fn fn, void *arg, struct msg *m);
uint64_t calls_ask(struct call_to to, struct msg *m, const struct call_fds *fds, call_told_fn told,
                   call_any_fn fn, void *arg);
void asked_answer(struct asked *a, struct msg *m, int fd);

/* call_NAME: the question's id is filled in here; the return value is that id, for calls_forget.
 * What the slices in ask point to is copied. told_fn: tell is valid during the call; *fd is the
 * answer's descriptor or -1, to be set to -1 by whoever keeps it.
 * tell_NAME: answers what was asked, and empties a; the id is filled in here. fd (-1: none) stays
 * the caller's. Without anybody who waits it does nothing. */
#define MSG(NAME, name, from, to, fds, fields)
#define CALL(NAME, name, from, to, ask_fds, tell_fds, again, ms, words, ask_fields, tell_fields)   \
    typedef void (*told_##name##_fn)(void *arg, struct msg_##name##_tell *tell, int *fd);          \
    static inline void told_##name(call_any_fn fn, void *arg, struct msg *m)                       \
    {                                                                                              \
        ((told_##name##_fn)fn)(arg, &m->name##_tell, &m->fd[0]);                                   \
    }                                                                                              \
    static inline uint64_t call_##name(struct call_to to_whom, const struct msg_##name##_ask *ask, \
                                       const struct call_fds *fds, told_##name##_fn fn, void *arg) \
    {                                                                                              \
        struct msg m = {.type = MSG_##NAME##_ASK, .name##_ask = *ask};                             \
                                                                                                   \
        return calls_ask(to_whom, &m, fds, told_##name, (call_any_fn)fn, arg);                     \
    }                                                                                              \
    static inline void tell_##name(struct asked *a, const struct msg_##name##_tell *tell, int fd)  \
    {                                                                                              \
        struct msg m = {.type = MSG_##NAME##_TELL, .name##_tell = *tell};                          \
                                                                                                   \
        asked_answer(a, &m, fd);                                                                   \
    }
MESSAGES(MSG, CALL)
#undef CALL
#undef MSG

#endif
