/* proc/account_link.c: see account_link.h. */
#include "proc/account_link.h"

#include "base/clock.h"
#include "base/map.h"

#define IDLE_US (60LL * 1000000)
#define READY_US (10LL * 1000000) /* for a process to say that it listens */
#define SWEEP_US (1000000LL)
#define LINKS_MOST 1000 /* beyond, idle ones do not wait for their minute */

enum link_state { LINK_OPENING, LINK_OPEN, LINK_STUCK };

struct account_link {
    struct list_node node;
    struct account_links *links;
    enum link_state state;
    uint64_t account;
    struct chan *chan;   /* NULL: it has not come yet */
    struct list waiting; /* of struct account_link_want, in their order */
    struct list begun;   /* the same: those whose turn it is */
    uint64_t under_way;  /* their weight */
    size_t holds;
    int64_t used_us;
    struct timer turn;    /* gives turns from the loop */
    struct timer ready;   /* its process did not say that it listens */
    struct error failure; /* why it could not be opened; told by turn */
};

struct account_links {
    struct process *p;
    const struct account_link_ops *ops;
    void *arg;
    struct list all; /* of struct account_link */
    struct map by_account;
    struct timer sweep;
    uint64_t weight, stuck;
};

#ifdef POSTHUS_SANITIZE
static void check_weights(const struct account_link *k)
{
    const struct account_link_want *w;
    uint64_t weight = 0;

    LIST_EACH(w, &k->begun, node)
        weight += w->weight;
    if (weight != k->under_way || k->links->weight < weight || k->links->stuck > k->links->weight)
        panic("a link counts what is under way over it");
}

static void check_stuck(const struct account_link *k)
{
    if (map_find_u64(&k->links->by_account, k->account) == k || k->waiting.n)
        panic("nobody finds a stuck link, or waits for it");
    if (!k->begun.n && !k->holds && !timer_is_set(&k->turn))
        panic("a stuck link ends with what is under way");
}
#endif

/* What must hold whenever the loop comes round. */
static void link_check(const struct account_link *k)
{
#ifdef POSTHUS_SANITIZE
    check_weights(k);
    if (k->state == LINK_OPENING && k->begun.n)
        panic("nothing is under way over a link that is being opened");
    if (k->state != LINK_OPENING && !k->chan)
        panic("a link that was opened has a channel");
    if (k->state == LINK_OPEN && k->waiting.n && !k->begun.n && !timer_is_set(&k->turn))
        panic("somebody's turn has come");
    if (k->state == LINK_STUCK)
        check_stuck(k);
#else
    (void)k;
#endif
}

/* Nobody finds it any more. */
static void link_hide(struct account_link *k)
{
    if (map_find_u64(&k->links->by_account, k->account) == k)
        map_remove_u64(&k->links->by_account, k->account);
}

static void link_free(struct account_link *k)
{
    struct account_link_want *w;

    while ((w = LIST_FIRST(&k->begun, struct account_link_want, node)))
        account_link_done(w);
    while ((w = LIST_FIRST(&k->waiting, struct account_link_want, node)))
        account_link_done(w);
    timer_stop(&k->turn);
    timer_stop(&k->ready);
    list_remove(&k->node);
    link_hide(k);
    chan_destroy(k->chan);
    mem_free(k);
}

static void link_gone(struct account_link *k)
{
    link_hide(k);
    if (k->links->ops->lost)
        k->links->ops->lost(k->links->arg, k);
}

/* The link is over: those who wait are told, and may want a new one. */
static void link_end(struct account_link *k, const struct error *err)
{
    struct account_link_want *w;

    link_gone(k);
    while ((w = LIST_FIRST(&k->waiting, struct account_link_want, node))) {
        account_link_done(w);
        w->fn(w, NULL, err);
    }
    link_free(k);
}

/* Its channel has ended: those who wait get another one, once; perhaps the process ended just as they
 * came. */
static void link_lost(struct account_link *k)
{
    struct account_links *l = k->links;
    struct account_link_want *w;
    struct error err;

    error_set(&err, ERROR_TEMPORARY, "the account's process ended before it answered");
    link_gone(k);
    while ((w = LIST_FIRST(&k->waiting, struct account_link_want, node))) {
        account_link_done(w);
        if (w->again) {
            w->fn(w, NULL, &err);
        } else {
            w->again = true;
            account_link_want(l, k->account, w->weight, w);
        }
    }
    link_free(k);
}

static bool has_room(const struct account_link *k, const struct account_link_want *w)
{
    const struct account_link_ops *ops = k->links->ops;

    return k->begun.n == 0 ||
           ((ops->most == 0 || k->begun.n < ops->most) && k->under_way + w->weight <= ops->window);
}

static void on_link_turn(void *arg)
{
    struct account_link *k = arg;
    struct account_link_want *w;
    struct error err = k->failure;

    if (k->state == LINK_STUCK && k->begun.n == 0 && k->holds == 0)
        err.kind = ERROR_TEMPORARY; /* it has answered everything after all: a new link serves */
    if (err.kind) {
        link_end(k, &err);
        return;
    }
    while (k->state == LINK_OPEN && (w = LIST_FIRST(&k->waiting, struct account_link_want, node)) &&
           has_room(k, w)) {
        list_remove(&w->node);
        list_append(&k->begun, &w->node);
        w->begun = true;
        k->under_way += w->weight;
        k->links->weight += w->weight;
        w->fn(w, k->chan, NULL);
    }
    link_check(k);
}

static void link_turn(struct account_link *k)
{
    if (!timer_is_set(&k->turn))
        timer_set(&k->turn, 0);
}

static void on_account_message(void *arg, struct chan *c, struct msg *m)
{
    struct account_link *k = arg;

    (void)c;
    if (m && m->type == MSG_LINK_READY) {
        if (k->state == LINK_OPENING)
            k->state = LINK_OPEN;
        timer_stop(&k->ready);
        link_turn(k);
        return;
    }
    if (m) {
        if (k->links->ops->message)
            k->links->ops->message(k->links->arg, k, m);
        return;
    }
    link_lost(k);
}

static void on_not_ready(void *arg)
{
    struct account_link *k = arg;
    struct error err;

    error_set(&err, ERROR_TEMPORARY, "the account's process does not answer");
    link_end(k, &err);
}

static bool is_idle(const struct account_link *k)
{
    return k->state == LINK_OPEN && k->waiting.n == 0 && k->begun.n == 0 && k->holds == 0;
}

static void on_sweep(void *arg)
{
    struct account_links *l = arg;
    struct account_link *k, *next;
    struct error closed = {.kind = ERROR_TEMPORARY};

    LIST_EACH_SAFE(k, next, &l->all, node) {
        link_check(k);
        if (is_idle(k) && (l->all.n > LINKS_MOST || clock_boot_us() - k->used_us > IDLE_US))
            link_end(k, &closed);
    }
    if (l->all.n)
        timer_set(&l->sweep, SWEEP_US);
}

struct account_links *account_links_create(struct process *p, const struct account_link_ops *ops,
                                           void *arg)
{
    struct account_links *l = mem_zalloc(sizeof *l);

    *l = (struct account_links){.p = p, .ops = ops, .arg = arg};
    map_init(&l->by_account);
    timer_init(&l->sweep, p->timers, on_sweep, l);
    return l;
}

void account_links_destroy(struct account_links *l)
{
    struct account_link *k;

    if (!l)
        return;
    while ((k = LIST_FIRST(&l->all, struct account_link, node)))
        link_free(k);
    timer_stop(&l->sweep);
    map_done(&l->by_account);
    mem_free(l);
}

static struct account_link *link_new(struct account_links *l, uint64_t account)
{
    struct account_link *k = mem_zalloc(sizeof *k);

    *k = (struct account_link){.links = l, .account = account, .used_us = clock_boot_us()};
    timer_init(&k->turn, l->p->timers, on_link_turn, k);
    timer_init(&k->ready, l->p->timers, on_not_ready, k);
    list_append(&l->all, &k->node);
    map_put_u64(&l->by_account, account, k);
    if (!timer_is_set(&l->sweep))
        timer_set(&l->sweep, SWEEP_US);
    return k;
}

void account_link_want(struct account_links *l, uint64_t account, uint64_t weight,
                       struct account_link_want *want)
{
    struct account_link *k = map_find_u64(&l->by_account, account);
    bool fresh = !k;

    if (fresh)
        k = link_new(l, account);
    want->link = k;
    want->weight = weight;
    want->begun = false;
    list_append(&k->waiting, &want->node);
    if (fresh)
        l->ops->open(l->arg, account);
    else if (k->state == LINK_OPEN)
        link_turn(k);
}

void account_link_done(struct account_link_want *want)
{
    struct account_link *k = want->link;

    if (!k)
        return;
    list_remove(&want->node);
    want->link = NULL;
    k->used_us = clock_boot_us();
    if (!want->begun)
        return;
    k->under_way -= want->weight;
    k->links->weight -= want->weight;
    if (k->state == LINK_STUCK)
        k->links->stuck -= want->weight;
    if (k->waiting.n || k->state == LINK_STUCK)
        link_turn(k);
}

void account_link_opened(struct account_links *l, uint64_t account, int fd, const struct error *err)
{
    struct account_link *k = map_find_u64(&l->by_account, account);

    if (!k || k->chan || k->failure.kind) { /* it is not wanted any more */
        if (fd >= 0)
            base_close_fd(&fd);
        return;
    }
    if (fd >= 0) {
        k->chan = chan_create(l->p->base, fd, l->p->role, ROLE_ACCOUNT, on_account_message, k);
        timer_set(&k->ready, READY_US);
    } else {
        k->failure = *err;
        link_turn(k);
    }
}

void account_link_stuck(struct account_link_want *want)
{
    struct account_link *k = want->link;
    struct account_link_want *w;
    struct error err;

    if (!k || !want->begun || k->state == LINK_STUCK)
        return;
    k->state = LINK_STUCK;
    k->links->stuck += k->under_way;
    link_hide(k);
    error_set(&err, ERROR_TEMPORARY, "the account's process does not answer");
    while ((w = LIST_FIRST(&k->waiting, struct account_link_want, node))) {
        account_link_done(w);
        w->fn(w, NULL, &err);
    }
    link_check(k);
}

void account_link_hold(struct account_link *link)
{
    link->holds++;
}

void account_link_release(struct account_link *link)
{
    link->holds--;
    link->used_us = clock_boot_us();
    if (link->state == LINK_STUCK)
        link_turn(link);
}

struct chan *account_link_chan(const struct account_link *link)
{
    return link->chan;
}

size_t account_links_open(const struct account_links *l)
{
    return l->all.n;
}

uint64_t account_links_stuck(const struct account_links *l)
{
    return l->stuck;
}

uint64_t account_links_weight(const struct account_links *l)
{
    return l->weight;
}
