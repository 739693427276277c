/* relay/relay_int.h: what the files of relay share: relay.c, the role and what it is sent; lane.c, what
 * waits for each account, with the states; try.c, what is given back to intake, and how that went. */
#ifndef RELAY_RELAY_INT_H
#define RELAY_RELAY_INT_H

#include "relay/relay.h"

#include "base/list.h"
#include "base/map.h"
#include "proc/process.h"
#include "relay/purge.h"
#include "relay/queue.h"

struct relay;

enum lane_state { LANE_RESTING, LANE_GOING };
enum item_state { ITEM_WAITING, ITEM_TRYING, ITEM_TRIED, ITEM_ASIDE };

/* What waits for one account. */
struct lane {
    struct list_node node; /* of r->going, while it is GOING */
    struct relay *r;
    enum lane_state state;
    uint64_t account;    /* 0: messages of which nobody could say whose they are */
    struct list waiting; /* of struct item */
    struct list aside;   /* of struct item */
    size_t trying;       /* items that are TRYING or TRIED */
    unsigned failures;   /* in a row */
    bool proven;         /* the account took something since its rest: several may go at once */
    struct timer rest;
};

/* How a try went. */
struct outcome {
    bool answered;
    struct error why;     /* kind ERROR_NONE: all were taken */
    struct msg_list done; /* recipients that have it, or that are nobody's any more */
    uint64_t *owners;     /* of all recipients, 0 for nobody; NULL: they were known */
    bool left;            /* the queue has more for this account of this message */
};

struct item {
    struct list_node node; /* of its lane's waiting or aside, or of r->under_way or r->tried */
    struct lane *lane;
    enum item_state state;
    int64_t message;
    unsigned failures; /* in a row, of this item rather than its account */
    unsigned lost;     /* tries in a row that nobody answered */
    struct timer rest; /* while it is ASIDE */
    /* While it is TRYING or TRIED: */
    struct arena arena; /* what follows lies in it */
    struct queue_try try;
    struct outcome outcome;
};

struct relay {
    struct process *p;
    struct db *db;
    int db_fd, wal_fd, large_fd, used_fd;
    struct map lanes;      /* account -> struct lane */
    struct list going;     /* of struct lane, in the order of their turns */
    struct list under_way; /* of struct item: TRYING */
    struct list tried;     /* of struct item: whose outcome is not on the disk yet */
    struct list purges;    /* of struct purge: those of the last minute */
    size_t trying;         /* items that are TRYING or TRIED */
    uint64_t trying_bytes;
    struct timer load, settle, idle;
    struct queue_item loaded; /* the last item that was read at the start */
    int64_t load_last; /* the last message to read then; later ones got their items when added */
    uint64_t added, done, retried, purged;
};

/* ---- relay.c ---- */

/* Ends the process if the database has failed, so that nothing is answered that is not on the disk. */
void relay_check_db(struct relay *r);
/* The database has changed: plans its upkeep. */
void relay_used(struct relay *r);

/* For tests, as a process simply ends: frees all that it holds, and tells nobody. */
void relay_done(struct relay *r);

/* ---- lane.c ---- */

/* The lane of an account, which is made if there is none; *fresh (may be NULL) says whether it was. A fresh one is RESTING,
 * but its timer is not set: the caller calls lane_go or lane_rest. */
struct lane *lane_of(struct relay *r, uint64_t account, bool *fresh);
/* GOING: its items have their turns from now on. */
void lane_go(struct lane *l);
/* RESTING: nothing of it is tried for so long. */
void lane_rest(struct lane *l, int64_t us);
/* Frees its items that are not under way; and the lane, if none is left. */
void lane_drop(struct lane *l);
/* How long the rest after so many failures in a row is. */
int64_t lane_rest_us(const struct relay *r, unsigned failures);
/* Whether an item of it may be tried now. */
bool lane_may_try(const struct lane *l);
/* In a build with sanitizers: panics unless what must hold between two events does. */
void lane_check(const struct lane *l);
/* For relay_done: frees all lanes and items. */
void lane_done_all(struct relay *r);

/* Adds an item at the end of its lane, WAITING. */
void item_add(struct lane *l, int64_t message);
/* WAITING again, at the end of its lane. */
void item_wait(struct item *i);
/* ASIDE, each time for longer. */
void item_put_aside(struct item *i);
/* Frees an item; and its lane, if it was the last one there. */
void item_destroy(struct item *i);

/* ---- try.c ---- */

/* Gives items to intake as long as it may have more under way; lanes take turns. */
void relay_pump(struct relay *r);
/* Writes the outcomes of what was tried, all in one commit. arg is the relay. */
void try_on_settle(void *arg);

#endif
