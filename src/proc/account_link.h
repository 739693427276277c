/* proc/account_link.h: channels to accounts' processes, for a role that has something to ask of many
 * accounts: one link an account, opened when it is wanted, shared by all who want it, closed when
 * nobody has for a while.
 *
 *     (none) -- wanted --> OPENING -- the process says LINK_READY --> OPEN -- idle --> (none)
 *                             |                                        |
 *                             |               somebody's patience ended, and it was its turn
 *                             |                                        v
 *                             +-- it cannot be opened --> (none) <-- STUCK: what was under way is over
 *
 * and from each of them to (none) when the channel ends: who waited for his turn gets a new one, once.
 *
 * A process that hangs says nothing, so that nothing is sent to it but what it already has; that
 * counts as long as it has it, though nobody waits for it any more: until it answers after all, or
 * ends. Who wants the account meanwhile gets a new link, when its process, or the next, says READY.
 *
 * Whoever wants the link is told when it is its turn, or why it cannot be. What is under way over one
 * link at a time is bounded by weight and by number, so that a process that hangs holds little of
 * what waits for it; the rest waits here, in its order.
 *
 *     account_link_want(links, account, size, &target->want)     -> want->fn(want, chan, NULL)
 *     call_deliver(call_over(p->calls, chan), ..., on_told, target)
 *     on_told: account_link_done(&target->want)
 *
 * How a link is opened is its role's affair (ops->open): it asks the directory, or is the directory.
 * Which messages it may carry is messages.h's. */
#ifndef PROC_ACCOUNT_LINK_H
#define PROC_ACCOUNT_LINK_H

#include "proc/process.h"

struct account_links;
struct account_link;

struct account_link_ops {
    /* Has a channel to the account's process made, and calls account_link_opened once, now or later. */
    void (*open)(void *arg, uint64_t account);
    /* A message that is no answer; NULL: none is expected. */
    void (*message)(void *arg, struct account_link *link, struct msg *m);
    /* The link is going, open or not: what its role has noted of it is void. May be NULL. */
    void (*lost)(void *arg, struct account_link *link);
    uint64_t window; /* weight under way at once, more for a single one that is heavier */
    size_t most;     /* so many under way at once; 0: as many as the window takes */
};

/* Somebody who wants a link; embedded. Zeroed but for fn, it wants nothing. */
struct account_link_want {
    struct list_node node;
    struct account_link *link; /* NULL: wants nothing */
    bool begun;                /* it had its turn, and counts until it is done */
    bool again;                /* a link was lost while it waited: the next time it is told */
    uint64_t weight;
    /* It is its turn: chan is the link's. Or the link could not be opened, or was lost twice before its
     * turn: chan is NULL, err says why, and it wants nothing any more. From the loop, never from within
     * _want. */
    void (*fn)(struct account_link_want *want, struct chan *chan, const struct error *err);
};

struct account_links *account_links_create(struct process *p, const struct account_link_ops *ops,
                                           void *arg);
void account_links_destroy(struct account_links *l); /* tells nobody */
/* The weight is in bytes, or whatever ops->window counts. */
void account_link_want(struct account_links *l, uint64_t account, uint64_t weight,
                       struct account_link_want *want);
/* It has had its turn and is over, or does not want it any more. Without a want it does nothing. Where
 * the link was lost in its turn, that was done already, and its question fails. */
void account_link_done(struct account_link_want *want);
/* The answer to ops->open: fd is taken; -1 with err: it could not be. */
void account_link_opened(struct account_links *l, uint64_t account, int fd,
                         const struct error *err);
/* The want had its turn, and the process let its time pass: the link is left to itself, and who wants
 * the account from now on gets a new one. The want is not over: it counts until its question is. One
 * that had no turn yet changes nothing. */
void account_link_stuck(struct account_link_want *want);
/* As long as it is held, a link is not idle. */
void account_link_hold(struct account_link *link);
void account_link_release(struct account_link *link);
/* Its channel, NULL while it is being opened. */
struct chan *account_link_chan(const struct account_link *link);
/* Links there are; the weight that is under way over all; and of that what is stuck. */
size_t account_links_open(const struct account_links *l);
uint64_t account_links_weight(const struct account_links *l);
uint64_t account_links_stuck(const struct account_links *l);

#endif
