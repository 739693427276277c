/* account/deliver.c: deliveries from intake. All that have arrived when the loop comes round are one commit (one fsync for
 * many messages of one account); each is answered after it. A repeat of a transaction is answered as done, and does nothing. */
#include "account/account_int.h"

#include "base/limits.h"
#include "base/log.h"
#include "address/address.h"
#include "proc/memfd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH_MOST 64

struct delivering { /* a channel from intake */
    struct delivering *next, **at;
    struct account *a;
    struct chan *chan;
};

struct pending { /* one message that has come and is not answered */
    struct pending *next;
    struct delivering *from; /* NULL: its channel ended */
    uint64_t id;
    struct buf transaction, session, prefix;
    struct buf mailbox; /* where to; empty: INBOX */
    struct str bytes;   /* mapped */
    int64_t received_us;
    struct error err;
};

static struct pending *first, **last = &first;
static size_t waiting;

static void pending_free(struct pending *p)
{
    if (p->bytes.n)
        munmap((void *)(uintptr_t)p->bytes.p, p->bytes.n);
    buf_done(&p->transaction);
    buf_done(&p->session);
    buf_done(&p->prefix);
    buf_done(&p->mailbox);
    mem_free(p);
}

static void answer(struct delivering *d, uint64_t id, const struct error *err)
{
    struct msg m = {.type = MSG_DELIVERED, .delivered = {.id = id}};

    if (err && err->kind) {
        m.delivered.kind = err->kind;
        m.delivered.text = str_c(err->text);
    }
    if (d)
        chan_send(d->chan, &m);
}

/* A received memfd is hostile: only one that nobody can change any more, of the size that was said, is mapped. */
static bool map_message(int fd, uint64_t size, struct str *out, struct error *err)
{
    void *p;

    *out = STR_NULL;
    if (!memfd_is_sealed(fd, size))
        return error_set(err, ERROR_INTERNAL, "a message that is not sealed, or not of its size");
    if (size == 0)
        return true;
    p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return error_set(err, ERROR_TEMPORARY, "no memory for the message");
    *out = str_of(p, size);
    return true;
}

/* What we add in front of the sender's bytes (RFC 5321 section 4.4), beside which it is stored. */
static void print_prefix(struct pending *p, const struct msg_deliver *m)
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

static void take_delivery(struct delivering *d, struct msg *m)
{
    struct pending *p = mem_zalloc(sizeof *p);

    p->from = d;
    p->id = m->deliver.id;
    p->received_us = (int64_t)m->deliver.received;
    buf_init(&p->transaction, 64);
    buf_str(&p->transaction, m->deliver.transaction);
    buf_init(&p->session, 64);
    buf_str(&p->session, m->deliver.session);
    print_prefix(p, &m->deliver);
    buf_init(&p->mailbox, LIMIT_MAILBOX_NAME);
    choose_mailbox(d->a, &m->deliver.recipients, &p->mailbox);
    if (m->nfds != 1 || p->transaction.overflow || p->transaction.n == 0 || p->prefix.overflow)
        error_set(&p->err, ERROR_INTERNAL, "a delivery without its message");
    else
        (void)!map_message(m->fd[0], m->deliver.size, &p->bytes, &p->err);
    *last = p;
    last = &p->next;
    waiting++;
    if (waiting >= BATCH_MOST)
        deliver_now(d->a);
    else
        event_active(d->a->deliver, EV_TIMEOUT, 0);
}

static void deliver_one(struct account *a, struct pending *p)
{
    struct store_delivery d = {.transaction = buf_view(&p->transaction),
                               .bytes = p->bytes,
                               .prefix = buf_view(&p->prefix),
                               .mailbox = buf_view(&p->mailbox),
                               .received_us = p->received_us,
                               .actor = STR("delivery")};

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

void deliver_now(struct account *a)
{
    struct pending *all = first;
    struct error err = {0};

    if (!all)
        return;
    first = NULL;
    last = &first;
    waiting = 0;
    account_used(a);
    if (!store_batch_begin(a->store, &err)) {
        account_check_store(a);
    } else {
        for (struct pending *p = all; p; p = p->next)
            deliver_one(a, p);
        notice_quota(a);
        if (!store_batch_commit(a->store, &err))
            account_check_store(a);
        else
            err.kind = ERROR_NONE;
    }
    while (all) {
        struct pending *next = all->next;

        if (err.kind)
            all->err = err;
        if (all->err.kind == ERROR_NONE)
            log_delivered(a, all);
        answer(all->from, all->id, &all->err);
        pending_free(all);
        all = next;
    }
}

bool deliver_idle(const struct account *a)
{
    (void)a;
    return waiting == 0;
}

static void on_intake(void *arg, struct chan *c, struct msg *m)
{
    struct delivering *d = arg;

    if (m && m->type == MSG_DELIVER) {
        take_delivery(d, m);
        return;
    }
    if (m)
        return;
    for (struct pending *p = first; p; p = p->next)
        if (p->from == d)
            p->from = NULL;
    *d->at = d->next;
    if (d->next)
        d->next->at = d->at;
    chan_destroy(c);
    mem_free(d);
}

void deliver_start(struct account *a, int fd)
{
    struct delivering *d = mem_zalloc(sizeof *d);

    *d = (struct delivering){.next = a->deliverers, .at = &a->deliverers, .a = a};
    if (d->next)
        d->next->at = &d->next;
    a->deliverers = d;
    d->chan = chan_create(a->base, fd, ROLE_ACCOUNT, ROLE_INTAKE, on_intake, d);
}

/* ---- `posthus account check` ---- */

static void check(struct account *a, struct chan *c, const struct msg_check_ask *ask)
{
    struct buf report;
    struct error err = {0};
    uint64_t differences = 0;
    struct msg m = {.type = MSG_CHECK_TELL, .check_tell = {.id = ask->id}};

    buf_init(&report, 4 << 20);
    if (!store_check(a->store, ask->repair, &report, &differences, &err)) {
        m.check_tell.kind = err.kind;
        buf_printf(&report, "%s\n", err.text);
    } else if (differences && !ask->repair) {
        m.check_tell.kind = ERROR_CONFLICT;
    }
    buf_printf(&report, "%llu differences%s\n", (unsigned long long)differences,
               differences && ask->repair ? ", repaired" : "");
    m.check_tell.text = str_sub(buf_view(&report), 0, 60000);
    chan_send(c, &m);
    chan_flush(c, 1000);
    buf_done(&report);
    account_check_store(a);
}

static void on_check(void *arg, struct chan *c, struct msg *m)
{
    struct account *a = arg;

    account_used(a);
    if (m && m->type == MSG_CHECK_ASK)
        check(a, c, &m->check_ask);
    else if (!m)
        chan_destroy(c);
}

void check_start(struct account *a, int fd)
{
    chan_create(a->base, fd, ROLE_ACCOUNT, ROLE_DIRECTORY, on_check, a);
}
