/* directory/directory.c: the process: opens directory.db with the key that `keys` derives for it, answers edges and intake, and
 * has sockets to accounts' processes made. */
#include "directory/directory.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "directory/directory_int.h"
#include "address/address.h"
#include "proc/lock.h"

#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

void directory_check_db(struct directory *d)
{
    struct error err;

    if (!d->db || !db_failed(d->db))
        return;
    error_set(&err, ERROR_DISK, "directory.db is damaged or cannot be written; look at the disk");
    process_give_up(d->p, &err);
}

static void directory_file(void *arg, struct str name, int fd)
{
    struct directory *d = arg;

    if (str_equal(name, STR("db")))
        d->db_fd = fd;
    else if (str_equal(name, STR("used")))
        d->used_fd = fd;
    else
        d->wal_fd = fd;
}

static bool directory_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct directory *d = arg;

    (void)err;
    d->p = p;
    db_process_init();
    random_bytes(d->boot_key, sizeof d->boot_key);
    d->hashes = hash_queue_create(d);
    d->logins = login_create();
    d->guesses = guesses_create();
    d->reserves = reserve_create();
    d->links = open_links(d);
    *ready = false; /* the key comes first */
    return true;
}

/* A new one, beside accounts that have keys: the old one is lost with its mark (db/used.h), or was forgotten where the rest was put
 * back from a backup. It would tell each sender that nobody is here. An operator's first command leaves a line in `audit`. */
static bool is_lost(struct directory *d, uint64_t last_account, bool *lost, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(d->db, "SELECT count(*) FROM audit");
    int64_t commands = 0;

    if (!db_one_int(d->db, s, &commands, NULL, err))
        return false;
    *lost = last_account > 0 && d->next_account == 1 && commands == 0;
    return true;
}

static void on_key(void *arg, struct msg_service_key_tell *tell, int *fd)
{
    struct directory *d = arg;
    struct db_source source = {.db_fd = d->db_fd,
                               .wal_fd = d->wal_fd,
                               .blob_fd = -1,
                               .generation = 1,
                               .must_exist = db_used(d->used_fd)};
    struct error err = {0};
    bool lost = false;

    (void)fd;
    if (tell->error.kind || tell->key.n != DB_KEY_BYTES || tell->ticket_key.n != TICKET_KEY_BYTES) {
        error_set(&err, ERROR_TEMPORARY, "the key of directory.db did not come");
        process_give_up(d->p, &err);
    }
    memcpy(source.key, tell->key.p, DB_KEY_BYTES);
    memcpy(d->ticket_key, tell->ticket_key.p, TICKET_KEY_BYTES);
    db_derive_key(source.key, STR("app passwords"), d->mac_key, sizeof d->mac_key);
    if (!lock_file(d->db_fd, &err) || !db_open(&d->db, &source, &directory_schema, &err) ||
        !accounts_next_number(d, &d->next_account, &err) ||
        !is_lost(d, tell->last_account, &lost, &err))
        process_give_up(d->p, &err);
    if (lost) {
        error_set(&err, ERROR_DAMAGED,
                  "directory.db is empty, but there are accounts: put the folder directory back");
        process_give_up(d->p, &err);
    }
    /* Where directory.db is an older copy, accounts that it does not know have keys, and mail. */
    if (d->next_account <= tell->last_account)
        d->next_account = tell->last_account + 1;
    db_used_mark(d->used_fd);
    mem_wipe(source.key, sizeof source.key);
    process_ready(d->p);
}

static void directory_sandboxed(void *arg)
{
    struct directory *d = arg;

    call_service_key(process_to(d->p, ROLE_KEYS), &(struct msg_service_key_ask){0}, NULL, on_key,
                     d);
}

static void directory_peer_new(void *arg, enum role role, struct chan *c)
{
    struct directory *d = arg;

    if (role == ROLE_HASHER)
        hash_queue_peer_new(d->hashes, c);
}

static void directory_peer_lost(void *arg, enum role role, struct chan *c)
{
    struct directory *d = arg;

    if (role == ROLE_HASHER)
        hash_queue_peer_lost(d->hashes, c);
    if (role == ROLE_EDGE_SMTP)
        reserve_edge_lost(d, c);
}

/* Whether the disk has room above the reserve for a message of this size, twice: it may have to go to the queue
 * first. */
static bool disk_has_room(struct directory *d, uint64_t size, struct error *err)
{
    uint64_t reserve = d->p->config.disk_reserve, room;
    struct statfs fs;

    if (fstatfs(d->db_fd, &fs) != 0 || fs.f_blocks == 0) /* one that knows no end */
        return true;
    room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    if (room >= reserve && (room - reserve) / 2 >= size)
        return true;
    return error_set(err, ERROR_DISK, "the disk of this server is nearly full; try again later");
}

/* What came now would be gone with the account in a moment, although its sender was told that it is kept. */
static bool is_staying(const struct directory *d, uint64_t account, struct error *err)
{
    return !admin_is_removing(d, account) ||
           error_set(err, ERROR_TEMPORARY, "this address is being removed; try again");
}

static void take_rcpt_ask(struct directory *d, struct chan *c, const struct msg *m)
{
    const struct msg_rcpt_ask *ask = &m->rcpt_ask;
    struct account_settings settings;
    struct msg_rcpt_tell tell = {0};
    struct error err = {0};
    struct asked asked;
    uint64_t account;
    bool ok = account_of_address(d, ask->local, ask->domain, &account, &err) &&
              is_staying(d, account, &err) && disk_has_room(d, ask->size, &err) &&
              account_settings(d, account, &settings, &err);

    if (ok && settings.quota) {
        reserve_ask(d, c, m, account, &settings);
        return;
    }
    if (ok)
        d->rcpt_ok++;
    else
        d->rcpt_refused++;
    asked_take(&asked, c, m);
    if (!ok)
        tell.error = msg_error_of(&err);
    tell_rcpt(&asked, &tell, -1);
}

/* "Whose is it?": an account number for each recipient, or nothing where the address is gone meanwhile. */
static void take_resolve_ask(struct directory *d, struct chan *c, const struct msg *m)
{
    const struct msg_list *recipients = &m->resolve_ask.recipients;
    uint64_t *numbers = mem_zalloc(recipients->n * sizeof *numbers);
    struct str *items = mem_zalloc(recipients->n * sizeof *items);
    struct msg_resolve_tell tell = {.accounts = {items, recipients->n}};
    struct error err = {0};
    struct asked asked;

    for (size_t i = 0; i < recipients->n && !tell.error.kind; i++) {
        if (account_of_name(d, recipients->v[i], &numbers[i], &err))
            items[i] = str_of(&numbers[i], sizeof numbers[i]);
        else if (err.kind != ERROR_NOT_FOUND && err.kind != ERROR_DENIED &&
                 err.kind != ERROR_SYNTAX)
            tell.error = msg_error_of(&err);
    }
    asked_take(&asked, c, m);
    tell_resolve(&asked, &tell, -1);
    mem_free(numbers);
    mem_free(items);
}

static void take_account_slow(struct directory *d, const struct msg_account_slow *m)
{
    struct chan *accounts = process_peer(d->p, ROLE_ACCOUNTS);
    struct msg probe = {.type = MSG_ACCOUNT_PROBE, .account_probe = {m->account}};

    if (accounts)
        chan_send(accounts, &probe);
}

static void directory_message(void *arg, struct chan *c, struct msg *m)
{
    struct directory *d = arg;

    if (!d->db) /* it ends */
        return;
    switch (m->type) {
    case MSG_LOGIN_ASK:
        login_ask(d, c, m);
        break;
    case MSG_RCPT_ASK:
        take_rcpt_ask(d, c, m);
        break;
    case MSG_RCPT_END:
        reserve_end(d, c, m->rcpt_end.session);
        break;
    case MSG_RESOLVE_ASK:
        take_resolve_ask(d, c, m);
        break;
    case MSG_DELIVERY_OPEN_ASK:
        open_delivery(d, c, m);
        break;
    case MSG_ACCOUNT_SLOW:
        take_account_slow(d, &m->account_slow);
        break;
    case MSG_ACCOUNT_IS_OPEN:
        account_set_opened(d, m->account_is_open.account);
        break;
    case MSG_ACCOUNT_IS_DAMAGED:
        account_set_problem(d, m->account_is_damaged.account, m->account_is_damaged.what, true);
        break;
    case MSG_ADMIN_ASK:
        admin_call(d, c, m);
        break;
    default:
        break;
    }
    directory_check_db(d);
}

static void directory_drain(void *arg)
{
    struct directory *d = arg;

    db_close(d->db);
    d->db = NULL;
    process_end(d->p);
}

static void directory_status(void *arg, struct process_status *s)
{
    struct directory *d = arg;

    process_status_add(s, "logins", d->logins_ok);
    process_status_add(s, "logins-failed", d->logins_failed);
    process_status_add(s, "logins-forbidden", d->logins_forbidden);
    process_status_add(s, "logins-under-way", login_under_way(d));
    process_status_add(s, "recipients", d->rcpt_ok);
    process_status_add(s, "recipients-refused", d->rcpt_refused);
    process_status_add(s, "reserving", reserve_held(d));
    process_status_add(s, "account-channels", account_links_open(d->links));
    process_status_add(s, "hashes-waiting", hash_queue_waiting(d->hashes));
    process_status_add(s, "hashes-refused", hash_queue_refused(d->hashes));
}

static const struct process_ops directory_ops = {
    .file = directory_file,
    .start = directory_start,
    .sandboxed = directory_sandboxed,
    .message = directory_message,
    .peer_new = directory_peer_new,
    .peer_lost = directory_peer_lost,
    .drain = directory_drain,
    .status = directory_status,
};

NORETURN void directory_main(unsigned instance)
{
    struct directory d = {.db_fd = -1, .wal_fd = -1, .used_fd = -1};

    process_main(ROLE_DIRECTORY, instance, &directory_ops, &d);
}
