/* account/account_int.h: what the files of an account's process share. */
#ifndef ACCOUNT_ACCOUNT_INT_H
#define ACCOUNT_ACCOUNT_INT_H

#include "account/account.h"
#include "base/buf.h"
#include "base/list.h"
#include "net/stream.h"
#include "net/timer.h"
#include "proc/call.h"
#include "store/store.h"

#include <event2/event.h>

#define SLICE_US                                                                                   \
    20000 /* the longest that a piece of work holds the loop (docs/design.md, "Processes and walls") */

struct account {
    uint64_t number;
    struct event_base *base;
    struct timers *timers;
    struct streams streams;
    struct chan *parent;
    struct store *store;
    struct db_source source;
    int used_fd; /* db/used.h; -1 when the store is open */
    struct store_config config;
    struct list sessions; /* session.c: of struct session */
    struct list turns;    /* session.c: those that have something to do, the next one first */
    struct list links;    /* link.c: of struct role_link */
    struct list pending; /* deliver.c: of struct pending: messages that came and are not answered */
    struct timer idle;
    struct event *turn, *changed; /* not timers: they have priorities; account.c */
    uint64_t started;             /* SESSION_STARTs seen */
    int64_t used_us;              /* when there last was work */
    int64_t upkeep_us;            /* when upkeep last had nothing left to do */
    uint64_t idle_s;
    bool stopping;
    int64_t stopped_us; /* since then */
    bool subaddress;    /* mail to name+folder goes to that folder, where there is one */
    int quota_level; /* notice.c: how many levels were passed when it last looked; -1: it has not */
    struct buf name; /* the address of the first SESSION_START that has one, perhaps an alias */
    bool resting;    /* nothing is due soon: the idle timer is set far ahead */
    bool told_damage; /* the parent knows that a message cannot be read */
};

/* Opens the store, unless it is open. When it cannot be opened, the parent is told why, and the process ends. */
void account_open_store(struct account *a);
/* Tells the parent why this process cannot go on (a disk, or damage), and ends it. */
NORETURN void account_fail(struct account *a, const struct error *err);
/* Ends the process if the store has failed meanwhile. */
void account_check_store(struct account *a);
/* There was work: the time until upkeep, and until the process may end as idle, starts again. */
void account_used(struct account *a);
/* There is something to do that may take a while: it is done in turns, which come after all that has arrived was read. */
void account_want_turn(struct account *a);
/* A turn: what has arrived is committed, then one session gets a slice. So a delivery waits for one slice
 * at most, however many sessions are at work, and no number of deliveries keeps a session waiting for ever. */
void account_turn(struct account *a);

/* What an account's process can be asked for, by the name that SESSION_START carries. */
struct account_service {
    const char *name;
    /* Begins one more of this service; takes fd. */
    void (*start)(struct account *a, int fd, const struct msg_session_start *m);
    /* Whether it keeps the process from ending as idle; NULL: never. */
    bool (*is_busy)(const struct account *a);
    /* Ends those that this credential has opened (0: all), telling the client why; NULL: there is nothing to end. */
    void (*end)(struct account *a, uint64_t credential, const char *words);
};
extern const struct account_service account_services[];
extern const size_t account_services_n;

/* session.c: IMAP sessions, over streams of plain bytes from the edge; the functions are those of account_service. */
void session_start(struct account *a, int fd, const struct msg_session_start *m);
bool session_is_busy(const struct account *a);
void session_end_all(struct account *a, uint64_t credential, const char *words);
/* The store has news: sessions in IDLE that it concerns tell their clients when it is their turn. */
void session_tell_news(struct account *a, const struct store_news *news);
/* A slice for the session that has waited longest. */
void session_turn(struct account *a);

/* link.c: channels from intake and the directory (proc/account_link.h has their other end). */
struct role_link {
    struct list_node node;
    struct account *a;
    struct chan *chan;
    struct list reserved; /* reserve.c: of struct reserved */
};
void link_start_intake(struct account *a, int fd, const struct msg_session_start *m);
void link_start_directory(struct account *a, int fd, const struct msg_session_start *m);
/* Whether messages are on their way to be committed, or room is reserved for some. */
bool link_is_busy(const struct account *a);

/* deliver.c: deliveries from intake. */
/* DELIVER: keeps a message for the next deliver_now. Takes its descriptor. */
void deliver_take(struct role_link *k, struct msg *m);
/* Commits all messages that have come, in one transaction or a few, and answers each. */
void deliver_now(struct account *a);

/* check.c: CHECK, for `posthus account check`: answers when it is done. */
void check_take(struct role_link *k, const struct msg *m);

/* reserve.c: room for messages on their way. */
/* RESERVE: answers whether the message fits, and keeps the room if it does. */
void reserve_take(struct role_link *k, const struct msg *m);
/* RESERVE_END: frees what this session has reserved over this link. */
void reserve_give_back(struct role_link *k, struct str session);
/* The link has ended, and with it what was reserved over it. */
void reserve_drop(struct role_link *k);
/* Whether anything is reserved. */
bool reserve_any(const struct account *a);

/* notice.c: tells the owner by mail when 80 and 95 per cent of the quota are used. To be called when the use may have
 * changed. */
void notice_quota(struct account *a);

#endif
