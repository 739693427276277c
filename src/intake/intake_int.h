/* intake/intake_int.h: what the files of intake share: intake.c, the role and what it is sent; arrival.c,
 * the way of one message; offer.c, a message offered to one account's process. */
#ifndef INTAKE_INTAKE_INT_H
#define INTAKE_INTAKE_INT_H

#include "intake/intake.h"

#include "base/limits.h"
#include "proc/account_link.h"

struct intake;
struct arrival;
struct target;

/* What the arrivals of one asker (an edge, or the relay) take of this process. While it is full, this asker alone is
 * not read. */
struct share {
    struct list_node node;
    struct chan *chan;
    size_t messages, recipients;
    bool full;
};

/* The bytes of a message, counted as long as this process or an account's has them. */
struct parcel {
    struct intake *in;
    unsigned refs; /* its arrival, and its offers */
    uint64_t size;
};

/* A message offered to an account's process. It lasts until the process has answered, or ended, and so may outlive its
 * arrival. */
struct offer {
    struct list_node node;
    struct intake *in;
    struct target *target; /* NULL: the arrival no longer waits for it */
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
    bool again;          /* the process to which it was first offered ended before it answered */
    bool gone;           /* the directory no longer knows the account */
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
    bool owners;     /* the queue only asks whose the recipients are */
    bool unresolved; /* nobody could say of each recipient whose it is */
    struct arena arena;
    struct str transaction, session, return_path, trace;
    struct rcpt *rcpts;
    size_t rcpts_n;
    size_t resolved; /* of so many the directory has said whose they are */
    size_t passed;   /* so many were gone through for the queue */
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
    size_t share_messages, share_recipients; /* the most that one asker may have under way */
    uint64_t size_most; /* of a message: the highest that message-size has been since the start */
    uint64_t held;      /* bytes of all parcels */
    uint64_t delivered, queued, failed, slow, refused;
};

/* ---- intake.c ---- */

/* An account did not answer in time: the directory is asked to have its process probed. */
void intake_tell_slow(struct intake *in, uint64_t account);
/* For tests, as a process simply ends: drops all that is under way, and tells nobody. */
void intake_done(struct intake *in);
/* Counts an arrival of so many recipients, from its beginning to its end; stops and resumes reading its asker. */
void intake_share_add(struct share *s, struct intake *in, size_t recipients);
void intake_share_remove(struct share *s, struct intake *in, size_t recipients);

/* ---- arrival.c ---- */

/* An arrival for a question m that came over c; m's first descriptor, the message, becomes the arrival's. The caller fills
 * in rcpts, size and the other fields, then calls arrival_begin or arrival_refuse. */
struct arrival *arrival_create(struct intake *in, struct share *s, struct chan *c, struct msg *m);
/* Makes room for n recipients. False: there is no memory left in its arena. */
MUST_CHECK bool arrival_room(struct arrival *a, size_t n);
/* Starts it on its way; it has at least one recipient, and its message was checked. */
void arrival_begin(struct arrival *a);
/* Answers with this error, as nothing was kept; it is gone. */
void arrival_refuse(struct arrival *a, const struct error *err);
/* Drops it without an answer, as when its asker is gone. */
void arrival_destroy(struct arrival *a);
/* Something it waited for has happened: takes it as far as it can go, perhaps to its end. */
void arrival_step(struct arrival *a);

/* ---- offer.c ---- */

/* A parcel with one reference, its creator's; parcel_drop gives one back, and with the last the parcel goes. */
struct parcel *parcel_create(struct intake *in, uint64_t size);
void parcel_drop(struct parcel *p);
/* Offers the message to the account of a target, which is WAITING from then on. */
void offer_begin(struct target *t);
/* Ends an offer and frees it; tells nobody. */
void offer_end(struct offer *o);
/* The target is DONE; err says why the account has not kept the message (NULL: it has). An offer that was SENT goes on
 * without it. */
void target_done(struct target *t, const struct error *err);
/* The target's time is over: it is DONE with err, and the directory hears that its account is slow. */
void target_late(struct target *t, const struct error *err);

#endif
