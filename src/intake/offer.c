/* intake/offer.c: a message offered to one account's process, and the bytes of messages counted.
 *
 * An arrival waits ten seconds for its accounts. An offer that was made goes on after that, as the
 * process still has the message: that is what link and parcel count, until it answers or ends. So the
 * figures are true while a process hangs, and the edges, who are told them, keep to their memory. */
#include "intake/intake_int.h"

#include <string.h>

#define TARGET_NAMED 20 /* recipients that an account is told of */

/* ---- bytes ---- */

struct parcel *parcel_create(struct intake *in, uint64_t size)
{
    struct parcel *p = mem_zalloc(sizeof *p);

    *p = (struct parcel){.in = in, .refs = 1, .size = size};
    in->held += size;
    return p;
}

void parcel_drop(struct parcel *p)
{
    if (--p->refs)
        return;
    p->in->held -= p->size;
    mem_free(p);
}

/* ---- offers ---- */

/* What must hold whenever the loop comes round. */
static void target_check(const struct target *t)
{
#ifdef POSTHUS_SANITIZE
    const struct offer *o = t->offer;

    if ((t->state == TARGET_DONE) != (o == NULL))
        panic("a target has an offer until it is done");
    if (o && (o->target != t || o->parcel != t->arrival->parcel))
        panic("an offer is of its target and its message");
    if (t->state == TARGET_WAITING && (!o->want.link || o->want.begun))
        panic("a target that waits wants a link");
#else
    (void)t;
#endif
}

void offer_end(struct offer *o)
{
    account_link_done(&o->want);
    list_remove(&o->node);
    parcel_drop(o->parcel);
    mem_free(o);
}

void target_done(struct target *t, const struct error *err)
{
    struct offer *o = t->offer;

    if (err)
        t->err = *err;
    t->offer = NULL;
    if (t->state == TARGET_SENT)
        o->target = NULL;
    else if (t->state == TARGET_WAITING)
        offer_end(o);
    if (t->state != TARGET_DONE)
        t->arrival->targets_left--;
    t->state = TARGET_DONE;
    target_check(t);
}

void target_late(struct target *t, const struct error *err)
{
    struct offer *o = t->offer;
    bool sent = t->state == TARGET_SENT;

    if (t->state == TARGET_DONE)
        return;
    intake_tell_slow(t->arrival->in, t->account);
    target_done(t, err);
    if (sent)
        account_link_stuck(&o->want);
}

static void on_delivered(void *arg, struct msg_deliver_tell *tell, int *fd)
{
    struct offer *o = arg;
    struct target *t = o->target;
    bool ended = tell->id == 0 && !o->want.link;
    struct error err = {0};

    (void)fd;
    msg_error_take(&tell->error, &err);
    if (!t) {
        offer_end(o);
        return;
    }
    t->offer = NULL;
    offer_end(o);
    if (ended && !t->again) {
        /* An idle process may end just as a message comes: it is offered once more, to a new one. */
        t->again = true;
        offer_begin(t);
        return;
    }
    if (err.kind ==
        ERROR_NOT_FOUND) /* of a mailbox, say: that the account is gone is the directory's to say */
        err.kind = ERROR_INTERNAL;
    t->err = err;
    t->state = TARGET_DONE;
    t->arrival->targets_left--;
    target_check(t);
    arrival_step(t->arrival);
}

static void offer_send(struct offer *o, struct chan *chan)
{
    struct target *t = o->target;
    struct arrival *a = t->arrival;
    struct str list[TARGET_NAMED];
    struct msg_deliver_ask ask = {.transaction = a->transaction,
                                  .session = a->session,
                                  .return_path = a->return_path,
                                  .trace = a->trace,
                                  .recipients = {list, 0},
                                  .size = a->size,
                                  .received = a->received};

    for (size_t i = 0; i < a->rcpts_n && ask.recipients.n < TARGET_NAMED; i++)
        if (a->rcpts[i].target == t)
            list[ask.recipients.n++] = a->rcpts[i].address;
    t->state = TARGET_SENT;
    call_deliver(call_over(a->in->p->calls, chan), &ask, CALL_FD(a->fd), on_delivered, o);
    target_check(t);
}

static void on_offer_turn(struct account_link_want *want, struct chan *chan,
                          const struct error *err)
{
    struct offer *o = (struct offer *)((char *)want - offsetof(struct offer, want));
    struct target *t = o->target;

    if (chan) {
        offer_send(o, chan);
        return;
    }
    t->gone = err->kind == ERROR_NOT_FOUND;
    target_done(t, err);
    arrival_step(t->arrival);
}

void offer_begin(struct target *t)
{
    struct arrival *a = t->arrival;
    struct offer *o = mem_zalloc(sizeof *o);

    *o = (struct offer){
        .in = a->in, .target = t, .parcel = a->parcel, .want = {.fn = on_offer_turn}};
    list_append(&a->in->offers, &o->node);
    a->parcel->refs++;
    t->offer = o;
    t->state = TARGET_WAITING;
    account_link_want(a->in->links, t->account, a->size, &o->want);
    target_check(t);
}
