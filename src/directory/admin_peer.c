/* directory/admin_peer.c: what other processes do for the operator's commands, and the messages that this takes: keys are made
 * and destroyed by `keys`, files removed by `accounts`, an account is checked by its own process, and `relay` forgets what waits
 * for an account that is removed. */
#include "directory/admin_int.h"

struct peer_call { /* one request that waits for its answer */
    struct job *j;
    admin_peer_fn fn;
    const char *what; /* words for a failure; NULL: those of the answer */
};

static struct peer_call *peer_call_create(struct job *j, admin_peer_fn fn, const char *what)
{
    struct peer_call *p = mem_alloc(sizeof *p);

    *p = (struct peer_call){j, fn, what};
    return p;
}

static void peer_call_finish(struct peer_call *p, const struct msg_error *error)
{
    struct peer_call call = *p;
    struct error err = {0};

    mem_free(p);
    if (msg_error_take(error, &err) && call.what)
        error_set(&err, ERROR_TEMPORARY, "%s", call.what);
    call.fn(call.j, err.kind ? &err : NULL);
}

void admin_reply(struct job *j, enum error_kind kind, struct str next, struct str text)
{
    struct msg_admin_tell tell = {.error = {kind, STR_NULL}, .next = next, .text = text};

    tell_admin(&j->asked, &tell, -1);
}

/* ---- keys ---- */

static void on_keys_created(void *arg, struct msg_keys_create_tell *tell, int *fd)
{
    (void)fd;
    peer_call_finish(arg, &tell->error);
}

void admin_keys_create(struct job *j, uint64_t first, size_t n, admin_peer_fn fn)
{
    uint64_t numbers[ADMIN_KEYS_MOST];
    struct str items[ADMIN_KEYS_MOST];
    struct msg_keys_create_ask ask = {.accounts = {items, n}};

    for (size_t i = 0; i < n; i++) {
        numbers[i] = first + i;
        items[i] = str_of(&numbers[i], sizeof numbers[i]);
    }
    call_keys_create(process_to(j->d->p, ROLE_KEYS), &ask, NULL, on_keys_created,
                     peer_call_create(j, fn, "no key could be made; try again"));
}

static void on_keys_erased(void *arg, struct msg_keys_erase_tell *tell, int *fd)
{
    (void)fd;
    peer_call_finish(arg, &tell->error);
}

void admin_keys_erase(struct job *j, admin_peer_fn fn)
{
    call_keys_erase(process_to(j->d->p, ROLE_KEYS),
                    &(struct msg_keys_erase_ask){.account = j->account}, NULL, on_keys_erased,
                    peer_call_create(j, fn, "the account's key could not be destroyed; try again"));
}

/* ---- the queue ---- */

static void on_purged(void *arg, struct msg_queue_purge_tell *tell, int *fd)
{
    (void)fd;
    peer_call_finish(arg, &tell->error);
}

void admin_queue_purge(struct job *j, admin_peer_fn fn)
{
    struct msg_queue_purge_ask ask = {.account = j->account};
    struct error err;

    if (!account_addresses(j->d, j->account, &j->arena, &ask.addresses, &err)) {
        fn(j, &err);
        return;
    }
    call_queue_purge(
        process_to(j->d->p, ROLE_RELAY), &ask, NULL, on_purged,
        peer_call_create(j, fn,
                         "the account's key is destroyed, but what waits for it in the queue could "
                         "not be dropped; run the command again"));
}

/* ---- files ---- */

static void on_files_removed(void *arg, struct msg_account_remove_tell *tell, int *fd)
{
    (void)fd;
    peer_call_finish(arg, &tell->error);
}

void admin_files_remove(struct job *j, admin_peer_fn fn)
{
    call_account_remove(
        process_to(j->d->p, ROLE_ACCOUNTS), &(struct msg_account_remove_ask){.account = j->account},
        NULL, on_files_removed,
        peer_call_create(j, fn,
                         "the account's key is destroyed, but its files could not be "
                         "removed; run the command again"));
}

/* ---- a check ---- */

#define CHECK_TRIES 3

struct check_call {
    struct job *j;
    admin_check_fn fn;
    bool repair;
    unsigned tries;
};

static void check_try(struct check_call *call);

/* A process that ends without an answer has told its parent why, who tells it to the next who wants one. */
static void check_unanswered(struct check_call *call, const struct error *err)
{
    struct check_call copy = *call;

    if (err->kind == ERROR_TEMPORARY && call->tries < CHECK_TRIES) {
        check_try(call);
        return;
    }
    mem_free(call);
    copy.fn(copy.j, ERROR_NONE, STR_NULL, err);
}

static void on_checked(void *arg, struct msg_check_tell *tell, int *fd)
{
    struct check_call *call = arg, copy = *call;
    struct error err;

    (void)fd;
    if (!tell->id) {
        error_set(&err, ERROR_TEMPORARY, "the account's process ended; `posthus log` says why");
        check_unanswered(call, &err);
        return;
    }
    mem_free(call);
    copy.fn(copy.j, (enum error_kind)tell->error.kind, tell->report, NULL);
}

static void on_check_turn(struct account_link_want *want, struct chan *chan,
                          const struct error *err)
{
    struct job *j = (struct job *)((char *)want - offsetof(struct job, check));
    struct check_call *call = j->checking;

    if (chan)
        call_check(call_over(j->d->p->calls, chan), &(struct msg_check_ask){.repair = call->repair},
                   NULL, on_checked, call);
    else
        check_unanswered(call, err);
}

static void check_try(struct check_call *call)
{
    struct job *j = call->j;

    call->tries++;
    account_link_want(j->d->links, j->account, 1, &j->check);
}

/* What it was damaged by may just have been mended: it is not answered with what failed seconds ago. */
static void retry_opening(struct job *j)
{
    struct chan *accounts = process_peer(j->d->p, ROLE_ACCOUNTS);
    struct msg m = {.type = MSG_ACCOUNT_RETRY, .account_retry = {j->account}};

    if (accounts)
        chan_send(accounts, &m);
}

void admin_check(struct job *j, bool repair, admin_check_fn fn)
{
    retry_opening(j);
    j->checking = mem_alloc(sizeof *j->checking);
    *j->checking = (struct check_call){.j = j, .fn = fn, .repair = repair};
    j->check.fn = on_check_turn;
    check_try(j->checking);
}
