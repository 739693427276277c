/* account/reserve.c: room that messages on their way have reserved, told by the directory over channels. What a channel has
 * reserved ends with it: there is nothing that could be left behind. */
#include "account/account_int.h"

struct reserved {
    struct reserved *next;
    struct reserver *from;
    struct buf session;
    uint64_t size;
};

static struct reserved *all; /* one account a process */

struct reserver {
    struct account *a;
};

/* What others than this session have reserved. */
static uint64_t reserved_by_others(struct str session)
{
    uint64_t n = 0;

    for (const struct reserved *r = all; r; r = r->next)
        if (!str_equal(buf_view(&r->session), session))
            n += r->size;
    return n;
}

static void forget(struct reserver *from, struct str session, bool any_session)
{
    struct reserved **at = &all;

    while (*at) {
        struct reserved *r = *at;

        if (r->from == from && (any_session || str_equal(buf_view(&r->session), session))) {
            *at = r->next;
            buf_done(&r->session);
            mem_free(r);
        } else {
            at = &r->next;
        }
    }
}

static void keep(struct reserver *from, struct str session, uint64_t size)
{
    struct reserved *r = mem_zalloc(sizeof *r);

    forget(from, session, false); /* several recipients of one message that lead here are one */
    *r = (struct reserved){.next = all, .from = from, .size = size};
    buf_init(&r->session, 64);
    buf_str(&r->session, session);
    all = r;
}

/* Whether it fits besides what is there and what others have reserved. */
static bool fits(struct account *a, const struct msg_reserve_ask *ask, struct error *err)
{
    uint64_t others = reserved_by_others(ask->session), size = ask->size ? ask->size : 1;
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

static void take_ask(struct reserver *from, struct chan *c, const struct msg_reserve_ask *ask)
{
    struct msg m = {.type = MSG_RESERVE_TELL, .reserve_tell = {.id = ask->id}};
    struct error err = {0};

    if (fits(from->a, ask, &err)) {
        keep(from, ask->session, ask->size);
    } else {
        account_check_store(from->a);
        m.reserve_tell.kind = err.kind;
        m.reserve_tell.text = str_c(err.text);
    }
    chan_send(c, &m);
}

static void on_directory(void *arg, struct chan *c, struct msg *m)
{
    struct reserver *from = arg;

    if (m && m->type == MSG_RESERVE_ASK) {
        account_used(from->a);
        take_ask(from, c, &m->reserve_ask);
    } else if (m && m->type == MSG_RESERVE_END) {
        forget(from, m->reserve_end.session, false);
    } else if (!m) {
        forget(from, STR_NULL, true);
        chan_destroy(c);
        mem_free(from);
    }
}

void reserve_start(struct account *a, int fd)
{
    struct reserver *from = mem_zalloc(sizeof *from);

    from->a = a;
    chan_create(a->base, fd, ROLE_ACCOUNT, ROLE_DIRECTORY, on_directory, from);
}

bool reserve_any(void)
{
    return all != NULL;
}
