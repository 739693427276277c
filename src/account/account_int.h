/* account/account_int.h: what the files of an account's process share. */
#ifndef ACCOUNT_ACCOUNT_INT_H
#define ACCOUNT_ACCOUNT_INT_H

#include "account/account.h"
#include "base/buf.h"
#include "base/list.h"
#include "proc/chan.h"
#include "store/store.h"

#include <event2/event.h>

#define SLICE_US 20000 /* no piece of work holds the loop longer (DESIGN, Processes) */

struct delivering;

struct account {
    uint64_t number;
    struct event_base *base;
    struct chan *parent;
    struct store *store;
    struct db_source source;
    struct store_config config;
    struct list sessions; /* of session.c */
    struct delivering *deliverers;
    struct event *idle, *deliver, *changed;
    uint64_t started;  /* SESSION_STARTs seen */
    int64_t used_us;   /* when there was work last */
    int64_t upkeep_us; /* when upkeep was done with last */
    uint64_t idle_s;
    bool stopping;
    bool subaddress; /* mail to name+folder goes to that folder, where there is one */
    int quota_level; /* of notice.c, as it was seen last; -1: not yet */
    struct buf name; /* the account's address; empty before a session or delivery named it */
    bool resting;    /* the idle timer is far away */
};

/* Opens the store at the first need. When it does not open, the parent is told why, and the process
 * ends. */
void account_open_store(struct account *a);
/* Disk or damage: tells the parent, and ends the process. */
NORETURN void account_fail(struct account *a, const struct error *err);
/* Ends the process if the store has failed meanwhile. */
void account_check_store(struct account *a);
/* Something was done. */
void account_used(struct account *a);

/* session.c: IMAP sessions over a stream of plain bytes from the edge. */
void session_start(struct account *a, int fd, const struct msg_session_start *m);
/* The store did: those that idle where there is news tell their clients. */
void sessions_changed(struct account *a, const struct store_news *news);
void sessions_end(struct account *a, const char *words);

/* deliver.c: deliveries from intake, and the check, over channels. */
void deliver_start(struct account *a, int fd);
void check_start(struct account *a, int fd);
bool deliver_idle(const struct account *a);
/* Commits what has come and has not been answered. */
void deliver_now(struct account *a);

/* reserve.c: room for messages on their way, over channels from the directory. */
void reserve_start(struct account *a, int fd);
bool reserve_any(void);

/* notice.c: tells the owner by mail when 80 and 95 per cent of the quota are used. Within a batch or without. */
void notice_quota(struct account *a);

#endif
