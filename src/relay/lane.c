/* relay/lane.c: what waits for each account.
 *
 * What waits for an account waits in its lane, as it is the account that cannot take it. A lane rests
 * after a failure, queue-retry seconds first, then twice as long each time, up to an hour, for ever:
 * what got 250 is never given up here (the operator sees its age in `posthus status`). When its rest
 * is over it gives one item, and as soon as the account takes that, the others follow, several at a
 * time: so a long queue drains as fast as accounts take it, and one that hangs keeps nobody waiting.
 * Where it fails, the next rest ends with another item: one message that an account cannot take, or
 * that ends its process, keeps none of the others.
 *
 *     lane:  RESTING -- the timer --> GOING -- a failure --> RESTING;  empty --> gone
 *     item:  WAITING -- its turn --> TRYING -- answered, or not --> TRIED --+-- over --> gone
 *               ^                                                          +-- the account cannot --> WAITING
 *               +---- its own timer -- ASIDE <-----------------------------+-- this one cannot be taken
 *                                        ^----- it cannot be read, WAITING before
 *
 * Rests run on CLOCK_BOOTTIME: a clock that jumps neither floods nor stops anything; after a start
 * everything is tried at once. */
#include "relay/relay_int.h"

#define LANE_MOST 8 /* items under way for one account */
#define REST_MOST_US (3600LL * 1000000)

#ifdef POSTHUS_SANITIZE
static void check_items(const struct lane *l)
{
    const struct item *i;

    LIST_EACH(i, &l->aside, node)
        if (i->state != ITEM_ASIDE || !timer_is_set(&i->rest))
            panic("an item that is aside comes back");
    i = LIST_FIRST(&l->waiting, struct item, node);
    if (i && (i->state != ITEM_WAITING || timer_is_set(&i->rest)))
        panic("an item waits where it waits");
    if (!l->waiting.n && !l->aside.n && !l->trying)
        panic("a lane without items is gone");
}
#endif

void lane_check(const struct lane *l)
{
#ifdef POSTHUS_SANITIZE
    if ((l->state == LANE_GOING) != (l->node.in == &l->r->going))
        panic("a lane that goes is in the list of those, and no other");
    if ((l->state == LANE_RESTING) != timer_is_set(&l->rest))
        panic("a lane that rests has an end of its rest");
    if (l->trying > LANE_MOST || l->trying > l->r->trying)
        panic("a lane tries %zu", l->trying);
    check_items(l);
#else
    (void)l;
#endif
}

static void lane_destroy_if_empty(struct lane *l)
{
    if (l->waiting.n || l->aside.n || l->trying)
        return;
    timer_stop(&l->rest);
    list_remove(&l->node);
    map_remove_u64(&l->r->lanes, l->account);
    mem_free(l);
}

void lane_go(struct lane *l)
{
    timer_stop(&l->rest);
    if (l->state == LANE_GOING)
        return;
    l->state = LANE_GOING;
    list_append(&l->r->going, &l->node);
}

void lane_rest(struct lane *l, int64_t us)
{
    list_remove(&l->node);
    l->state = LANE_RESTING;
    l->proven = false;
    timer_set(&l->rest, us);
}

static void on_rest_over(void *arg)
{
    struct lane *l = arg;

    lane_go(l);
    lane_check(l);
    relay_pump(l->r);
}

struct lane *lane_of(struct relay *r, uint64_t account, bool *fresh)
{
    struct lane *l = map_find_u64(&r->lanes, account);

    if (fresh)
        *fresh = !l;
    if (l)
        return l;
    l = mem_zalloc(sizeof *l);
    *l = (struct lane){.r = r, .account = account};
    timer_init(&l->rest, r->p->timers, on_rest_over, l);
    map_put_u64(&r->lanes, account, l);
    return l;
}

int64_t lane_rest_us(const struct relay *r, unsigned failures)
{
    int64_t us = (int64_t)r->p->config.queue_retry * 1000000;

    for (unsigned i = 1; i < failures && us < REST_MOST_US; i++)
        us *= 2;
    return us < REST_MOST_US ? us : REST_MOST_US;
}

bool lane_may_try(const struct lane *l)
{
    return l->waiting.n && l->trying < (l->proven ? LANE_MOST : 1);
}

/* ---- items ---- */

static void item_free(struct item *i)
{
    timer_stop(&i->rest);
    list_remove(&i->node);
    arena_done(&i->arena);
    mem_free(i);
}

void item_destroy(struct item *i)
{
    struct lane *l = i->lane;

    item_free(i);
    lane_destroy_if_empty(l);
}

static void items_free(struct list *items)
{
    struct item *i;

    while ((i = LIST_FIRST(items, struct item, node)))
        item_free(i);
}

void lane_drop(struct lane *l)
{
    items_free(&l->waiting);
    items_free(&l->aside);
    lane_destroy_if_empty(l);
}

void lane_done_all(struct relay *r)
{
    size_t at = 0;
    void *v;

    items_free(&r->under_way);
    items_free(&r->tried);
    while (map_each(&r->lanes, &at, NULL, &v)) {
        struct lane *l = v;

        items_free(&l->waiting);
        items_free(&l->aside);
        timer_stop(&l->rest);
        list_remove(&l->node);
        mem_free(l);
    }
    map_done(&r->lanes);
}

void item_wait(struct item *i)
{
    arena_done(&i->arena);
    list_remove(&i->node);
    i->state = ITEM_WAITING;
    list_append(&i->lane->waiting, &i->node);
}

static void on_item_rest_over(void *arg)
{
    struct item *i = arg;
    struct lane *l = i->lane;

    item_wait(i);
    lane_check(l);
    relay_pump(l->r);
}

void item_put_aside(struct item *i)
{
    arena_done(&i->arena);
    list_remove(&i->node);
    i->state = ITEM_ASIDE;
    list_append(&i->lane->aside, &i->node);
    timer_set(&i->rest, lane_rest_us(i->lane->r, ++i->failures));
}

void item_add(struct lane *l, int64_t message)
{
    struct item *i = mem_zalloc(sizeof *i);

    *i = (struct item){.lane = l, .message = message};
    timer_init(&i->rest, l->r->p->timers, on_item_rest_over, i);
    arena_init(&i->arena, LIMIT_MSG_BYTES * 4);
    list_append(&l->waiting, &i->node);
}
