/* account/reserve.c: room that messages on their way have reserved, told by the directory over channels. What a channel has
 * reserved ends with it: there is nothing that could be left over. */
#include "account/account_int.h"

struct reserved {
    struct list_node node;
    struct buf session;
    uint64_t size;
};

/* What others than this session have reserved. */
static uint64_t reserved_by_others(const struct account *a, struct str session)
{
    const struct role_link *k;
    const struct reserved *r;
    uint64_t n = 0;

    LIST_EACH(k, &a->links, node)
        LIST_EACH(r, &k->reserved, node)
            if (!str_equal(buf_view(&r->session), session))
                n += r->size;
    return n;
}

static void reserved_free(struct reserved *r)
{
    list_remove(&r->node);
    buf_done(&r->session);
    mem_free(r);
}

void reserve_give_back(struct role_link *k, struct str session)
{
    struct reserved *r, *next;

    LIST_EACH_SAFE(r, next, &k->reserved, node)
        if (str_equal(buf_view(&r->session), session))
            reserved_free(r);
}

void reserve_drop(struct role_link *k)
{
    struct reserved *r;

    while ((r = LIST_FIRST(&k->reserved, struct reserved, node)))
        reserved_free(r);
}

static void reserved_keep(struct role_link *k, struct str session, uint64_t size)
{
    struct reserved *r = mem_zalloc(sizeof *r);

    reserve_give_back(k, session); /* several recipients of one message that lead here are one */
    r->size = size;
    buf_init(&r->session, 64);
    buf_str(&r->session, session);
    list_append(&k->reserved, &r->node);
}

/* Whether it fits besides what is there and what others have reserved. */
static bool has_room(struct account *a, const struct msg_reserve_ask *ask, struct error *err)
{
    uint64_t others = reserved_by_others(a, ask->session), size = ask->size ? ask->size : 1;
    struct store_usage usage;

    if (ask->quota == 0)
        return true;
    if (!store_usage(a->store, &usage, err))
        return false;
    if (size > ask->quota)
        return error_set(err, ERROR_TOO_LARGE,
                         "the mailbox would be too small for this message if it were empty");
    if (usage.live_bytes + others + size > ask->quota || usage.live_bytes + others + size < size)
        return error_set(err, ERROR_QUOTA, "the mailbox is full");
    return true;
}

void reserve_take(struct role_link *k, const struct msg *m)
{
    const struct msg_reserve_ask *ask = &m->reserve_ask;
    struct msg_reserve_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, k->chan, m);
    if (has_room(k->a, ask, &err)) {
        reserved_keep(k, ask->session, ask->size);
    } else {
        account_check_store(k->a);
        tell.error = msg_error_of(&err);
    }
    tell_reserve(&asked, &tell, -1);
}

bool reserve_any(const struct account *a)
{
    const struct role_link *k;

    LIST_EACH(k, &a->links, node)
        if (k->reserved.n)
            return true;
    return false;
}
