/* relay/relay_int.h: what the files of relay share: relay.c, the role and what it takes; lane.c, what
 * waits for each account; try.c, what is given back to intake, and how that went. */
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
    struct list_node node; /* of r->going, while it is */
    struct relay *r;
    enum lane_state state;
    uint64_t account;    /* 0: messages of which nobody could say whose they are */
    struct list waiting; /* of struct item */
    struct list aside;   /* of struct item */
    size_t trying;       /* items that are TRYING or TRIED */
    unsigned failures;   /* in a row */
    bool proven;         /* the account took something since the rest: several go at once */
    struct timer rest;
};

/* How a try went. */
struct outcome {
    bool answered;
    struct error why;     /* kind ERROR_NONE: all were taken */
    struct msg_list done; /* recipients that have it, or that nobody is any more */
    uint64_t *owners;     /* of all recipients, 0 for nobody; NULL: they were known */
    bool left;            /* the queue has more for this account of this message */
};

struct item {
    struct list_node node; /* of its lane's waiting or aside, or of r->under_way or r->tried */
    struct lane *lane;
    enum item_state state;
    int64_t message;
    unsigned failures; /* of this one alone, in a row */
    unsigned lost;     /* tries that nobody answered, in a row */
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
    struct list going;     /* of struct lane: whose turn is first */
    struct list under_way; /* of struct item: TRYING */
    struct list tried;     /* of struct item: whose outcome is not on the disk yet */
    struct list purges;    /* of struct purge: those of the last minute */
    size_t trying;         /* items that are TRYING or TRIED */
    uint64_t trying_bytes;
    struct timer load, settle, idle;
    struct queue_item loaded; /* the last that was */
    int64_t load_last;        /* message; what was added since the start came with its items */
    uint64_t added, done, retried, purged;
};

/* ---- relay.c ---- */

/* Disk trouble ends the process: what was answered stays true. */
void relay_check_db(struct relay *r);
/* The database has changed: it is tidied up in a moment. */
void relay_used(struct relay *r);

/* All that it holds goes, and nobody is told: for tests, as a process simply ends. */
void relay_done(struct relay *r);

/* ---- lane.c ---- */

/* The lane of an account, made where there is none. *fresh (NULL is fine): it was, and is RESTING without an end. */
struct lane *lane_of(struct relay *r, uint64_t account, bool *fresh);
/* It gives its items from now on. */
void lane_go(struct lane *l);
/* It gives nothing for so long. */
void lane_rest(struct lane *l, int64_t us);
/* All its items that are not under way go; and the lane, where none is. */
void lane_drop(struct lane *l);
/* The rest after so many failures in a row. */
int64_t lane_rest_us(const struct relay *r, unsigned failures);
bool lane_may_try(const struct lane *l);
void lane_check(const struct lane *l);
void lane_done_all(struct relay *r);

/* A new item of the lane, WAITING, the last. */
void item_add(struct lane *l, int64_t message);
/* WAITING again, the last of its lane. */
void item_wait(struct item *i);
/* ASIDE, for longer each time. */
void item_put_aside(struct item *i);
/* It is over; and its lane, where it was the last. */
void item_destroy(struct item *i);

/* ---- try.c ---- */

/* Gives items to intake: lanes take turns, as long as there is room. */
void relay_pump(struct relay *r);
/* The outcomes of what was tried become rows, all in one commit. */
void try_on_settle(void *arg);

#endif
