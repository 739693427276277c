/* directory/admin_peer.c: what other processes do for the operator's commands, and the messages that this takes: keys are made
 * and destroyed by `keys`, files removed by `accounts`, an account is checked by its own process. */
#include "directory/admin_int.h"

#define PEER_MS 30000

struct peer_call { /* one request that waits for its answer */
    struct job *j;
    admin_peer_fn fn;
    const char *what; /* words for a failure */
};

static struct peer_call *peer_call_create(struct job *j, admin_peer_fn fn, const char *what)
{
    struct peer_call *p = mem_alloc(sizeof *p);

    *p = (struct peer_call){j, fn, what};
    return p;
}

static void peer_call_finish(struct peer_call *p, bool ok)
{
    struct peer_call call = *p;
    struct error err;

    mem_free(p);
    if (!ok)
        error_set(&err, ERROR_TEMPORARY, "%s", call.what);
    call.fn(call.j, ok ? NULL : &err);
}

void admin_reply(struct directory *d, uint64_t id, enum error_kind kind, struct str next,
                 struct str text)
{
    struct msg m = {.type = MSG_ADMIN_REPLY, .admin_reply = {id, kind, next, text}};

    chan_send(d->p->supervisor, &m);
}

/* ---- keys ---- */

static void on_keys_created(void *arg, struct msg *m)
{
    peer_call_finish(arg, m && !m->keys_created.kind);
}

void admin_keys_create(struct job *j, uint64_t first, size_t n, admin_peer_fn fn)
{
    struct msg m = {.type = MSG_KEYS_CREATE};
    uint64_t numbers[ADMIN_KEYS_MOST];
    struct str items[ADMIN_KEYS_MOST];

    for (size_t i = 0; i < n; i++) {
        numbers[i] = first + i;
        items[i] = str_of(&numbers[i], sizeof numbers[i]);
    }
    m.keys_create = (struct msg_keys_create){calls_next_id(j->d->p->calls), {items, n}};
    process_call(j->d->p, ROLE_KEYS, m.keys_create.id, &m, PEER_MS, true, on_keys_created,
                 peer_call_create(j, fn, "no key could be made; try again"));
}

static void on_keys_erased(void *arg, struct msg *m)
{
    peer_call_finish(arg, m && !m->keys_erased.kind);
}

void admin_keys_erase(struct job *j, admin_peer_fn fn)
{
    struct msg m = {.type = MSG_KEYS_ERASE};

    m.keys_erase = (struct msg_keys_erase){calls_next_id(j->d->p->calls), j->account};
    process_call(j->d->p, ROLE_KEYS, m.keys_erase.id, &m, PEER_MS, true, on_keys_erased,
                 peer_call_create(j, fn, "the account's key could not be destroyed; try again"));
}

/* ---- files ---- */

static void on_files_removed(void *arg, struct msg *m)
{
    peer_call_finish(arg, m && !m->account_removed.kind);
}

void admin_files_remove(struct job *j, admin_peer_fn fn)
{
    struct msg m = {.type = MSG_ACCOUNT_REMOVE};

    m.account_remove = (struct msg_account_remove){calls_next_id(j->d->p->calls), j->account};
    process_call(j->d->p, ROLE_ACCOUNTS, m.account_remove.id, &m, PEER_MS, true, on_files_removed,
                 peer_call_create(j, fn,
                                  "the account's key is destroyed, but its files could not be "
                                  "removed; run the command again"));
}

/* ---- a check ---- */

struct check_call {
    struct job *j;
    admin_check_fn fn;
    bool repair;
};

static void on_check_told(void *arg, struct chan *c, struct msg *m)
{
    struct check_call call = *(struct check_call *)arg;
    struct error err;

    (void)c; /* the job destroys it */
    mem_free(arg);
    if (m && m->type == MSG_CHECK_TELL) {
        call.fn(call.j, (enum error_kind)m->check_tell.kind, m->check_tell.text, NULL);
        return;
    }
    error_set(&err, ERROR_TEMPORARY, "the account's process ended; `posthus log` says why");
    call.fn(call.j, ERROR_NONE, STR_NULL, &err);
}

static void on_check_open(void *arg, int fd, const struct error *err)
{
    struct check_call *call = arg;
    struct msg m = {.type = MSG_CHECK_ASK, .check_ask = {.id = 1, .repair = call->repair}};
    struct job *j = call->j;

    if (err) {
        admin_check_fn fn = call->fn;

        mem_free(call);
        fn(j, ERROR_NONE, STR_NULL, err);
        return;
    }
    j->check = chan_create(j->d->p->base, fd, ROLE_DIRECTORY, ROLE_ACCOUNT, on_check_told, call);
    chan_send(j->check, &m);
}

void admin_check(struct job *j, bool repair, const struct account_settings *settings,
                 admin_check_fn fn)
{
    struct open_request r = {.account = j->account, .settings = *settings, .service = STR("check")};
    struct check_call *call = mem_alloc(sizeof *call);

    *call = (struct check_call){j, fn, repair};
    account_open(j->d, &r, on_check_open, call);
}
