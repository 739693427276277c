/* intake/intake_int.h: what the files of intake share: intake.c, the role and what it takes; arrival.c,
 * the way of one message; offer.c, a message offered to one account's process. */
#ifndef INTAKE_INTAKE_INT_H
#define INTAKE_INTAKE_INT_H

#include "intake/intake.h"

#include "base/limits.h"
#include "proc/account_link.h"

struct intake;
struct arrival;
struct target;

/* What the arrivals of one asker (an edge, or the relay) take of this process. While it is full, the
 * asker is not read: the others are. */
struct share {
    struct list_node node;
    struct chan *chan;
    size_t messages, recipients;
    bool full;
};

/* The bytes of a message, as long as this process or an account's has them. */
struct parcel {
    struct intake *in;
    unsigned refs; /* of its arrival, and of its offers */
    uint64_t size;
};

/* A message offered to an account's process. It may outlive its arrival: it is over when the process
 * has answered, or ended. */
struct offer {
    struct list_node node;
    struct intake *in;
    struct target *target; /* NULL: the arrival waits for it no longer */
    struct parcel *parcel;
    struct account_link_want want;
};

/* WAITING -- its turn --> SENT -- answered, or the deadline --> DONE; once back to WAITING when the
 * process ended; WAITING -- it cannot be opened, or the deadline --> DONE. */
enum target_state { TARGET_WAITING, TARGET_SENT, TARGET_DONE };

struct target { /* one account of an arrival */
    struct arrival *arrival;
    enum target_state state;
    uint64_t account;
    struct offer *offer; /* NULL: DONE */
    bool again;          /* its first process ended before it answered */
    bool gone;           /* the directory does not know the account any more */
    struct error err;    /* why it is not kept, once DONE */
};

struct rcpt {
    struct str address;
    uint64_t account;      /* 0: nobody's any more, or nobody could say */
    struct target *target; /* NULL: none, or not yet */
    bool kept;             /* in the account or in the queue */
};

enum arrival_state { ARRIVAL_RESOLVING, ARRIVAL_DELIVERING, ARRIVAL_QUEUEING };

struct arrival {
    struct list_node node;
    struct intake *in;
    struct share *share;
    enum arrival_state state;
    struct asked asked;
    bool queued;     /* it comes from the queue */
    bool owners;     /* the queue asks only whose the recipients are */
    bool unresolved; /* nobody could say whose all of them are */
    struct arena arena;
    struct str transaction, session, return_path, trace;
    struct rcpt *rcpts;
    size_t rcpts_n;
    size_t resolved; /* the directory has said of so many whose they are */
    size_t passed;   /* so many were looked at for the queue */
    struct target *targets;
    size_t targets_n, targets_left;
    uint64_t call;    /* to the directory or the queue, or 0 */
    size_t call_from; /* the first recipient that it is about, */
    size_t call_n;    /* and how many */
    struct parcel *parcel;
    uint64_t size, received;
    int fd;
    struct error err;
    struct timer deadline; /* of its state */
};

struct intake {
    struct process *p;
    struct list arrivals; /* of struct arrival */
    struct list offers;   /* of struct offer */
    struct list shares;   /* of struct share */
    struct account_links *links;
    size_t share_messages, share_recipients; /* what one asker may take */
    uint64_t size_most; /* of a message: the highest that message-size has been since the start */
    uint64_t held;      /* bytes of all parcels */
    uint64_t delivered, queued, failed, slow, refused;
};

/* ---- intake.c ---- */

/* The account let its time pass: the directory has its process looked at. */
void intake_tell_slow(struct intake *in, uint64_t account);
/* Whatever is under way is over, and nobody is told: for tests, as a process simply ends. */
void intake_done(struct intake *in);
/* An arrival of so many recipients begins, or is over. */
void intake_share_add(struct share *s, struct intake *in, size_t recipients);
void intake_share_remove(struct share *s, struct intake *in, size_t recipients);

/* ---- arrival.c ---- */

/* A question's message, of ask's fields; fd and what lies in m become the arrival's. rcpts, size and the
 * like are the caller's to fill in, then arrival_begin. */
struct arrival *arrival_create(struct intake *in, struct share *s, struct chan *c, struct msg *m);
/* Room for n recipients. False: there is none. */
MUST_CHECK bool arrival_room(struct arrival *a, size_t n);
/* On its way, with at least one recipient and its message checked. */
void arrival_begin(struct arrival *a);
/* It ends with this error, nothing was kept. */
void arrival_refuse(struct arrival *a, const struct error *err);
/* Whoever asked is gone: it is over, and answered to nobody. */
void arrival_destroy(struct arrival *a);
/* Something happened to it: it goes as far as it can, perhaps to its end. */
void arrival_step(struct arrival *a);

/* ---- offer.c ---- */

struct parcel *parcel_create(struct intake *in, uint64_t size);
void parcel_drop(struct parcel *p);
/* Offers the message to the account of a target: it is WAITING. */
void offer_begin(struct target *t);
/* It is over, and tells nobody. */
void offer_end(struct offer *o);
/* The target is DONE, err being why it is not kept (NULL: it is). What the process has of it, it has. */
void target_done(struct target *t, const struct error *err);
/* It had its time. */
void target_late(struct target *t, const struct error *err);

#endif
