/* account/deliver.c: deliveries from intake. All that have arrived when it is their turn are one commit (one fsync for
 * many messages of one account); each is answered after it. A repeat of a transaction is answered as done, and does nothing. */
#include "account/account_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "address/address.h"
#include "proc/memfd.h"

#define BATCH_MOST 64
#define LATE_US (INT64_C(24) * 3600 * 1000000) /* what is so old has waited in the queue */

struct pending { /* one message that has come and is not answered */
    struct list_node node;
    struct asked asked;
    struct buf transaction, session, prefix;
    struct buf mailbox; /* where to; empty: INBOX */
    struct str bytes;   /* mapped */
    int64_t received_us;
    struct error err;
};

static void pending_free(struct pending *p)
{
    list_remove(&p->node);
    asked_forget(&p->asked);
    memfd_unmap(p->bytes);
    buf_done(&p->transaction);
    buf_done(&p->session);
    buf_done(&p->prefix);
    buf_done(&p->mailbox);
    mem_free(p);
}

/* What we add in front of the sender's bytes (RFC 5321 section 4.4), beside which it is stored. */
static void print_prefix(struct pending *p, const struct msg_deliver_ask *m)
{
    buf_init(&p->prefix, 8192);
    buf_printf(&p->prefix, "Return-Path: <%.*s>\r\n", STR_ARG(m->return_path));
    if (m->recipients.n)
        buf_printf(&p->prefix, "Delivered-To: %.*s\r\n", STR_ARG(m->recipients.v[0]));
    buf_str(&p->prefix, m->trace);
}

/* Whether a sender may choose this mailbox: not one in which its owner would not look for new mail. */
static bool is_for_senders(const struct store_mailbox *m)
{
    return m->id != 0 && (m->role == STORE_ROLE_NONE || m->role == STORE_ROLE_ARCHIVE);
}

/* The mailbox of this name, else the first whose name is the same without case. False: there is none. */
static bool find_mailbox(struct account *a, struct str detail, struct buf *out)
{
    struct arena arena;
    struct store_mailbox m;
    struct buf want, name, after;
    struct error err;
    bool found = false;

    arena_init(&arena, 1 << 20);
    buf_init(&want, (size_t)3 * LIMIT_SMTP_LOCAL);
    buf_init(&name, (size_t)3 * LIMIT_MAILBOX_NAME);
    buf_init(&after, LIMIT_MAILBOX_NAME);
    address_fold(&want, detail);
    if (store_mailbox_find(a->store, detail, &arena, &m, &err) && is_for_senders(&m))
        buf_str(out, m.name);
    while (out->n == 0 &&
           store_mailbox_next(a->store, buf_view(&after), &arena, &m, &found, &err) && found) {
        buf_reset(&name);
        address_fold(&name, m.name);
        if (is_for_senders(&m) && str_equal(buf_view(&name), buf_view(&want)))
            buf_str(out, m.name);
        buf_reset(&after);
        buf_str(&after, m.name);
        arena_done(&arena);
    }
    arena_done(&arena);
    buf_done(&want);
    buf_done(&name);
    buf_done(&after);
    return out->n > 0;
}

/* Where the account wishes it, mail to name+folder goes to that folder, if it is there. A message that came for several of the
 * account's addresses is one delivery: INBOX, as soon as one of them has no folder. */
static void choose_mailbox(struct account *a, const struct msg_list *recipients, struct buf *out)
{
    bool all = true;

    for (size_t i = 0; a->subaddress && all && i < recipients->n; i++) {
        struct str local, domain, base, detail = STR_NULL;
        struct buf one;

        buf_init(&one, LIMIT_MAILBOX_NAME);
        all = address_split(recipients->v[i], &local, &domain);
        if (all)
            address_detail(local, &base, &detail);
        all = all && detail.n && find_mailbox(a, detail, &one);
        if (all && out->n == 0)
            buf_str(out, buf_view(&one));
        buf_done(&one);
    }
    if (!all)
        buf_reset(out);
}

void deliver_take(struct role_link *k, struct msg *m)
{
    const struct msg_deliver_ask *ask = &m->deliver_ask;
    struct account *a = k->a;
    struct pending *p = mem_zalloc(sizeof *p);

    asked_take(&p->asked, k->chan, m);
    list_append(&a->pending, &p->node);
    p->received_us = (int64_t)ask->received;
    buf_init(&p->transaction, 64);
    buf_str(&p->transaction, ask->transaction);
    buf_init(&p->session, 64);
    buf_str(&p->session, ask->session);
    print_prefix(p, ask);
    buf_init(&p->mailbox, LIMIT_MAILBOX_NAME);
    choose_mailbox(a, &ask->recipients, &p->mailbox);
    if (m->nfds != 1 || p->transaction.overflow || p->transaction.n == 0 || p->prefix.overflow)
        error_set(&p->err, ERROR_INTERNAL, "a delivery without its message");
    else
        (void)!memfd_map(m->fd[0], ask->size, &p->bytes, &p->err);
    if (a->pending.n >= BATCH_MOST)
        account_turn(a);
    else
        account_want_turn(a);
}

/* By a clock that may have jumped: either way. */
static bool is_late(const struct pending *p)
{
    int64_t age_us = clock_wall_us() - p->received_us;

    return age_us > LATE_US || age_us < -LATE_US;
}

static void deliver_one(struct account *a, struct pending *p)
{
    struct store_delivery d = {.transaction = buf_view(&p->transaction),
                               .bytes = p->bytes,
                               .prefix = buf_view(&p->prefix),
                               .mailbox = buf_view(&p->mailbox),
                               .received_us = p->received_us,
                               .actor = STR("delivery"),
                               .late = is_late(p)};

    if (p->err.kind == ERROR_NONE && !store_deliver(a->store, &d, NULL, &p->err))
        account_check_store(a);
}

static void log_delivered(struct account *a, const struct pending *p)
{
    struct log_line l;

    log_begin(&l, LOG_MAIL_DELIVERED, buf_view(&p->session));
    log_u64(&l, "account", a->number);
    log_u64(&l, "size", p->bytes.n);
    log_end(&l);
}

static void pending_answer(struct account *a, struct pending *p, const struct error *of_all)
{
    const struct error *err = of_all->kind ? of_all : &p->err;

    if (err->kind == ERROR_NONE)
        log_delivered(a, p);
    tell_deliver(&p->asked, &(struct msg_deliver_tell){.error = msg_error_of(err)}, -1);
    pending_free(p);
}

void deliver_now(struct account *a)
{
    struct pending *p;
    struct error err = {0};

    if (a->pending.n == 0)
        return;
    account_used(a);
    if (!store_batch_begin(a->store, &err)) {
        account_check_store(a);
    } else {
        LIST_EACH(p, &a->pending, node)
            deliver_one(a, p);
        notice_quota(a);
        if (!store_batch_commit(a->store, &err))
            account_check_store(a);
    }
    while ((p = LIST_FIRST(&a->pending, struct pending, node)))
        pending_answer(a, p, &err);
}
