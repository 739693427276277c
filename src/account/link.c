/* account/link.c: channels from roles of ours (proc/account_link.h has their other end). */
#include "account/account_int.h"

static void on_role_message(void *arg, struct chan *c, struct msg *m)
{
    struct role_link *k = arg;

    if (!m) {
        reserve_drop(k);
        list_remove(&k->node);
        chan_destroy(c);
        mem_free(k);
        return;
    }
    account_used(k->a);
    switch (m->type) {
    case MSG_DELIVER_ASK:
        deliver_take(k, m);
        break;
    case MSG_RESERVE_ASK:
        reserve_take(k, m);
        break;
    case MSG_RESERVE_END:
        reserve_give_back(k, m->reserve_end.session);
        break;
    case MSG_CHECK_ASK:
        check_take(k, m);
        break;
    default:
        break;
    }
}

static void link_start(struct account *a, int fd, enum role peer)
{
    struct role_link *k = mem_zalloc(sizeof *k);
    struct msg ready = {.type = MSG_LINK_READY};

    k->a = a;
    list_append(&a->links, &k->node);
    k->chan = chan_create(a->base, fd, ROLE_ACCOUNT, peer, on_role_message, k);
    chan_send(k->chan, &ready);
}

void link_start_intake(struct account *a, int fd, const struct msg_session_start *m)
{
    (void)m;
    link_start(a, fd, ROLE_INTAKE);
}

void link_start_directory(struct account *a, int fd, const struct msg_session_start *m)
{
    (void)m;
    link_start(a, fd, ROLE_DIRECTORY);
}

bool link_is_busy(const struct account *a)
{
    return a->pending.n > 0 || reserve_any(a);
}
