/* proc/chan_int.h: what chan.c and call.c share. */
#ifndef PROC_CHAN_INT_H
#define PROC_CHAN_INT_H

#include "base/list.h"
#include "proc/chan.h"

struct chan {
    struct event *read_ev, *write_ev;
    int fd;
    enum role self, peer;
    chan_fn fn;
    void *arg;
    struct list waiting; /* of struct packet: what the kernel has not taken */
    size_t queued;       /* its bytes */
    struct list asked;   /* of struct asked: questions that it brought and that are not answered */
    struct list calls;   /* of struct call: questions that were sent over it */
    struct list unsent;  /* of struct call: questions that wait until the rest is gone */
    bool ended, broken;
    bool deaf;       /* its owner does not want to hear */
    bool paused;     /* too much is owed to it, or by it */
    bool *destroyed; /* set while fn runs */
};

/* Sends any message, halves of a CALL as well; as chan_send. */
bool chan_put(struct chan *c, const struct msg *m);
/* The peer has said what it may not: logged; the channel ends. name is the message's, "?" for none. */
void chan_break(struct chan *c, const char *what, const char *name);
/* Reads, or not, as it is owed and owes. */
void chan_review(struct chan *c);

/* call.c: an answer has come. */
void call_take_answer(struct chan *c, struct msg *m);
/* Nothing is queued any more: what waits is asked. */
void call_send_waiting(struct chan *c);
/* The channel goes. */
void call_chan_gone(struct chan *c);
/* A question came whose descriptors were lost, as this process has none left. */
void call_refuse(struct chan *c, const struct msg *m);

#endif
