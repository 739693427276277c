/* relay/try.c: items on their way to intake and back.
 *
 * An item goes by the message and the transaction that it came with, so the account takes it once. An
 * item of which nobody could say whose it is goes to hear that, and then into the lanes of its owners.
 * Outcomes that are here when the loop comes round are one commit, as deliveries are in an account. */
#include "relay/relay_int.h"

#include "base/log.h"
#include "db/content.h"
#include "proc/memfd.h"

#include <string.h>
#include <unistd.h>

#define TRIES_MOST 64             /* under way at once, */
#define TRIES_BYTES (64ULL << 20) /* and their bytes, more for a single one: it is memory */
#define REST_SHORT_US 500000      /* when it was intake that went away */
#define LOST_MOST 2               /* then it is put aside: it may be this one that ends intake */
#define PIECE ((size_t)16 * LIMIT_CHUNK)

/* ---- the outcome ---- */

static void log_tried(const struct item *i, bool done, const char *why)
{
    struct log_line l;

    log_begin(&l, done ? LOG_MAIL_UNQUEUED : LOG_MAIL_REQUEUED, i->try.session);
    log_u64(&l, "entry", (uint64_t)i->message);
    log_u64(&l, "account", i->lane->account);
    if (why[0])
        log_c(&l, "why", why);
    log_end(&l);
}

/* The recipients that are done with: taken, or nobody's any more. */
static void list_done(struct item *i, const struct msg_queue_try_tell *tell)
{
    struct outcome *o = &i->outcome;
    struct str *items = arena_array(&i->arena, i->try.recipients.n, sizeof *items);

    o->done = (struct msg_list){items, 0};
    for (size_t k = 0; items && k < i->try.recipients.n; k++) {
        uint64_t kind = k < tell->kinds.n ? msg_u64_item(tell->kinds.v[k]) : tell->error.kind;

        if (o->owners ? o->owners[k] == 0 : kind == ERROR_NONE || kind == ERROR_NOT_FOUND)
            items[o->done.n++] = i->try.recipients.v[k];
    }
}

static void list_owners(struct item *i, const struct msg_list *accounts)
{
    size_t n = i->try.recipients.n;

    if (accounts->n != n || !(i->outcome.owners = arena_array(&i->arena, n, sizeof(uint64_t))))
        return;
    for (size_t k = 0; k < n; k++)
        i->outcome.owners[k] = msg_u64_item(accounts->v[k]);
}

static void on_tried(void *arg, struct msg_queue_try_tell *tell, int *fd)
{
    struct item *i = arg;
    struct relay *r = i->lane->r;
    struct outcome *o = &i->outcome;

    (void)fd;
    *o = (struct outcome){.answered = tell->id != 0};
    if (!msg_error_take(&tell->error, &o->why) && tell->kinds.n)
        error_set(&o->why, ERROR_TEMPORARY, "not all of its recipients could be reached");
    if (i->lane->account == 0 && o->why.kind == ERROR_NONE) {
        list_owners(i, &tell->accounts);
        if (!o->owners) /* an answer to another question than this was */
            error_set(&o->why, ERROR_TEMPORARY, "nobody said whose it is");
    }
    if (o->answered && (i->lane->account || o->owners))
        list_done(i, tell);
    i->state = ITEM_TRIED;
    list_remove(&i->node);
    list_append(&r->tried, &i->node);
    if (!timer_is_set(&r->settle))
        timer_set(&r->settle, 0);
}

/* ---- onto the disk ---- */

static bool settle_rows(struct relay *r, struct item *i, struct error *err)
{
    struct queue_item row = {i->message, i->lane->account};
    struct outcome *o = &i->outcome;

    if (o->owners && !queue_set_owners(r->db, &row, &i->try.recipients, o->owners, err))
        return false;
    if (o->done.n && !queue_done(r->db, &row, &o->done, err))
        return false;
    if (o->why.kind && o->done.n < i->try.recipients.n &&
        !queue_failed(r->db, &row, str_c(o->why.text), err))
        return false;
    return queue_has(r->db, &row, &o->left, err);
}

static bool settle_all(struct relay *r, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct item *i;

    if (!db_begin(&tx, r->db, err))
        return false;
    LIST_EACH(i, &r->tried, node)
        if (!settle_rows(r, i, err))
            return false;
    return db_commit(&tx, err);
}

/* Whether it is the account that cannot take anything now, and not this message that it cannot take. */
static bool is_of_account(enum error_kind kind)
{
    return kind == ERROR_TEMPORARY || kind == ERROR_DISK || kind == ERROR_DAMAGED ||
           kind == ERROR_QUOTA;
}

static void item_lost(struct item *i)
{
    struct lane *l = i->lane;

    if (++i->lost >= LOST_MOST) {
        item_put_aside(i);
        return;
    }
    item_wait(i);
    if (l->state == LANE_GOING)
        lane_rest(l, REST_SHORT_US);
}

static void item_failed(struct item *i)
{
    struct lane *l = i->lane;
    struct relay *r = l->r;

    r->retried++;
    log_tried(i, false, i->outcome.why.text);
    if (!i->outcome.answered) {
        item_lost(i);
        return;
    }
    i->lost = 0;
    if (!is_of_account(i->outcome.why.kind)) {
        item_put_aside(i);
        return;
    }
    item_wait(i);
    if (l->state == LANE_GOING) /* the others that were under way tell the same */
        lane_rest(l, lane_rest_us(r, ++l->failures));
}

/* Into the lanes of those whose it is. */
static void give_to_owners(struct relay *r, const struct item *i)
{
    const uint64_t *owners = i->outcome.owners;

    for (size_t k = 0; k < i->try.recipients.n; k++) {
        bool seen = owners[k] == 0, fresh;
        struct lane *l;

        for (size_t before = 0; before < k && !seen; before++)
            seen = owners[before] == owners[k];
        if (seen)
            continue;
        l = lane_of(r, owners[k], &fresh);
        item_add(l, i->message);
        if (fresh)
            lane_go(l);
    }
}

static void item_took(struct item *i)
{
    struct lane *l = i->lane;

    l->r->done++;
    if (i->outcome.owners)
        give_to_owners(l->r, i);
    else
        log_tried(i, true, i->outcome.why.kind ? i->outcome.why.text : "");
    l->failures = 0;
    l->proven = true;
    i->failures = i->lost = 0;
    if (i->outcome.left)
        item_wait(i);
    else
        item_destroy(i);
}

/* What comes of it, now that the disk knows. */
static void item_settled(struct item *i)
{
    struct lane *l = i->lane;
    struct relay *r = l->r;
    bool took = i->outcome.why.kind == ERROR_NONE ||
                (i->outcome.answered && i->outcome.done.n == i->try.recipients.n);
    uint64_t account = l->account;

    r->trying--;
    r->trying_bytes -= i->try.size;
    l->trying--;
    if (took)
        item_took(i);
    else
        item_failed(i);
    l = map_find_u64(&r->lanes, account); /* it may have gone with its last item */
    if (l)
        lane_check(l);
}

void try_on_settle(void *arg)
{
    struct relay *r = arg;
    struct error err = {0};
    struct item *i;
    bool ok;

    if (!r->db) /* it ends */
        return;
    ok = settle_all(r, &err);
    if (!ok)
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "the queue: %s", err.text);
    if (!ok)
        relay_check_db(r);
    relay_used(r);
    while ((i = LIST_FIRST(&r->tried, struct item, node))) {
        if (!ok) { /* the rows are as they were: it comes again, and the account knows it */
            i->outcome = (struct outcome){.answered = true, .why = err, .left = true};
            i->outcome.why.kind = ERROR_DISK;
        }
        item_settled(i);
    }
    relay_pump(r);
}

/* ---- out ---- */

/* The content as a sealed memfd, or -1. */
static int message_fd(struct relay *r, const struct queue_try *t, struct error *err)
{
    int fd = memfd_new();
    struct buf b;
    bool ok = fd >= 0;

    buf_init(&b, PIECE);
    for (uint64_t at = 0; ok && at < t->size; at += b.n) {
        buf_reset(&b);
        ok = content_read(r->db, t->content, at, b.max, &b, err) &&
             (b.n > 0 || error_set(err, ERROR_DAMAGED, "its bytes are fewer than they were")) &&
             write(fd, b.p, b.n) == (ssize_t)b.n;
    }
    buf_done(&b);
    if (ok && memfd_seal(&fd, t->size, err))
        return fd;
    base_close_fd(&fd);
    if (err->kind == ERROR_NONE)
        error_set(err, ERROR_TEMPORARY, "no memory for a queued message");
    return -1;
}

static void item_send(struct item *i, int fd)
{
    struct lane *l = i->lane;
    struct relay *r = l->r;
    struct str number = str_of(&l->account, sizeof l->account);
    struct msg_queue_try_ask ask = {.transaction = i->try.transaction,
                                    .session = i->try.session,
                                    .return_path = i->try.return_path,
                                    .trace = i->try.trace,
                                    .recipients = i->try.recipients,
                                    .accounts = {&number, 1},
                                    .size = i->try.size,
                                    .received = i->try.received};

    r->trying++;
    r->trying_bytes += i->try.size;
    l->trying++;
    list_remove(&i->node);
    list_append(&r->under_way, &i->node);
    i->state = ITEM_TRYING;
    call_queue_try(process_to(r->p, ROLE_INTAKE), &ask, CALL_FD(fd), on_tried, i);
}

/* One that cannot be read stops nobody else. */
static void item_unreadable(struct item *i, const struct error *err)
{
    log_text(LOG_ROLE_PROBLEM, i->try.session, "queued message %lld: %s", (long long)i->message,
             err->text);
    relay_check_db(i->lane->r);
    item_put_aside(i);
}

/* The first item of a lane. False: there is no room for it now. */
static bool lane_try(struct lane *l)
{
    struct relay *r = l->r;
    struct item *i = LIST_FIRST(&l->waiting, struct item, node);
    struct queue_item row = {i->message, l->account};
    struct error err = {0};
    bool found = false;
    int fd;

    if (queue_read(r->db, &row, &i->arena, &i->try, &found, &err) && !found) {
        item_destroy(i); /* purged, or all done */
        return true;
    }
    if (found && r->trying && r->trying_bytes + i->try.size > TRIES_BYTES) {
        arena_done(&i->arena);
        return false;
    }
    if (!found || (fd = message_fd(r, &i->try, &err)) < 0) {
        item_unreadable(i, &err);
        return true;
    }
    item_send(i, fd);
    close(fd);
    return true;
}

void relay_pump(struct relay *r)
{
    size_t idle = 0;
    bool room = r->db != NULL; /* NULL: it ends */

    while (room && r->trying < TRIES_MOST && idle < r->going.n && process_peer(r->p, ROLE_INTAKE)) {
        struct lane *l = LIST_FIRST(&r->going, struct lane, node);

        lane_check(l);
        list_remove(&l->node);
        list_append(&r->going, &l->node);
        idle = lane_may_try(l) ? 0 : idle + 1;
        if (idle == 0)
            room = lane_try(l);
    }
}
