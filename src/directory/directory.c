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

#define KEY_MS 10000

void directory_check_db(struct directory *d)
{
    struct error err;

    if (!d->db || !db_failed(d->db))
        return;
    error_set(&err, ERROR_DISK, "directory.db can not be written; look at the disk");
    process_give_up(d->p, &err);
}

static void take_file(void *arg, struct str name, int fd)
{
    struct directory *d = arg;

    if (str_equal(name, STR("db")))
        d->db_fd = fd;
    else
        d->wal_fd = fd;
}

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct directory *d = arg;

    (void)err;
    d->p = p;
    db_process_init();
    random_bytes(d->boot_key, sizeof d->boot_key);
    d->hashes = hash_queue_create(d);
    d->logins = login_create(d);
    d->reserves = reserve_create();
    *ready = false; /* the key comes first */
    return true;
}

static void on_key(void *arg, struct msg *m)
{
    struct directory *d = arg;
    struct db_source source = {
        .db_fd = d->db_fd, .wal_fd = d->wal_fd, .blob_fd = -1, .generation = 1};
    struct error err = {0};

    if (!m || m->service_key_tell.kind || m->service_key_tell.key.n != DB_KEY_BYTES) {
        error_set(&err, ERROR_TEMPORARY, "the key of directory.db did not come");
        process_give_up(d->p, &err);
    }
    memcpy(source.key, m->service_key_tell.key.p, DB_KEY_BYTES);
    db_derive_key(source.key, STR("app passwords"), d->mac_key, sizeof d->mac_key);
    if (!lock_file(d->db_fd, &err) || !db_open(&d->db, &source, &directory_schema, &err) ||
        !accounts_next_number(d, &d->next_account, &err))
        process_give_up(d->p, &err);
    mem_wipe(source.key, sizeof source.key);
    process_ready(d->p);
}

static void ask_key(struct directory *d)
{
    struct msg m = {.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {calls_next_id(d->p->calls)}};

    process_call(d->p, ROLE_KEYS, m.service_key_ask.id, &m, KEY_MS, true, on_key, d);
}

static void sandboxed(void *arg)
{
    ask_key(arg);
}

static void peer_new(void *arg, enum role role, struct chan *c)
{
    struct directory *d = arg;

    if (role == ROLE_HASHER && d->hashes)
        hash_queue_peer_new(d->hashes, c);
}

static void peer_lost(void *arg, enum role role, struct chan *c)
{
    struct directory *d = arg;

    if (role == ROLE_HASHER && d->hashes)
        hash_queue_peer_lost(d->hashes, c);
    if (role == ROLE_EDGE_MAIL && d->logins)
        login_edge_lost(d, c);
    if (role == ROLE_EDGE_SMTP && d->reserves)
        reserve_edge_lost(d, c);
}

/* Room on the disk for a message of this size, above the reserve (DESIGN, Operating rules). */
static bool disk_has_room(struct directory *d, uint64_t size, struct error *err)
{
    struct statfs fs;

    if (fstatfs(d->db_fd, &fs) != 0)
        return true;
    if ((uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= d->p->config.disk_reserve + 2 * size)
        return true;
    return error_set(err, ERROR_DISK, "the disk of this server is nearly full; try again later");
}

static void rcpt_ask(struct directory *d, struct chan *c, const struct msg_rcpt_ask *ask)
{
    struct msg out = {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = ask->id}};
    struct account_settings settings;
    struct error err = {0};
    uint64_t account;

    if (account_of_address(d, ask->local, ask->domain, &account, &err) &&
        disk_has_room(d, ask->size, &err) && account_settings(d, account, &settings, &err)) {
        if (settings.quota) {
            reserve_ask(d, c, ask, account, &settings);
            return;
        }
        d->rcpt_ok++;
    } else {
        d->rcpt_refused++;
        out.rcpt_tell.kind = err.kind;
        out.rcpt_tell.text = str_c(err.text);
    }
    chan_send(c, &out);
}

/* "Whose is it?": an account number for each recipient, or nothing where the address is gone meanwhile. */
static void resolve_ask(struct directory *d, struct chan *c, const struct msg_resolve_ask *ask)
{
    struct msg out = {.type = MSG_RESOLVE_TELL, .resolve_tell = {.id = ask->id}};
    size_t n = ask->recipients.n;
    uint64_t *numbers = mem_zalloc(n * sizeof *numbers);
    struct str *items = mem_zalloc(n * sizeof *items);
    struct error err = {0};

    for (size_t i = 0; i < n && !out.resolve_tell.kind; i++) {
        if (account_of_name(d, ask->recipients.v[i], &numbers[i], &err))
            items[i] = str_of(&numbers[i], sizeof numbers[i]);
        else if (err.kind != ERROR_NOT_FOUND && err.kind != ERROR_DENIED &&
                 err.kind != ERROR_SYNTAX)
            out.resolve_tell.kind = err.kind;
    }
    out.resolve_tell.accounts = (struct msg_list){items, n};
    chan_send(c, &out);
    mem_free(numbers);
    mem_free(items);
}

struct delivery_open {
    struct directory *d;
    struct chan *intake;
    uint64_t id;
};

static void on_delivery_open(void *arg, int fd, const struct error *err)
{
    struct delivery_open *o = arg;
    struct msg out = {.type = MSG_DELIVERY_OPENED, .nfds = fd >= 0, .fd = {fd}};

    out.delivery_opened.id = o->id;
    if (err) {
        out.delivery_opened.kind = err->kind;
        out.delivery_opened.text = str_c(err->text);
    }
    if (process_peer(o->d->p, ROLE_INTAKE) == o->intake)
        chan_send(o->intake, &out);
    if (fd >= 0)
        close(fd);
    mem_free(o);
}

static void delivery_open(struct directory *d, struct chan *c, const struct msg_delivery_open *ask)
{
    struct delivery_open *o = mem_zalloc(sizeof *o);
    struct open_request r = {.account = ask->account, .service = STR("deliver")};
    struct error err = {0};
    struct buf name;

    *o = (struct delivery_open){d, c, ask->id};
    buf_init(&name, 2 * LIMIT_SMTP_PATH);
    if (account_settings(d, ask->account, &r.settings, &err) &&
        account_name(d, ask->account, &name, &err)) {
        r.user = buf_view(&name);
        account_open(d, &r, on_delivery_open, o);
    } else {
        on_delivery_open(o, -1, &err);
    }
    buf_done(&name);
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    struct directory *d = arg;

    switch (m->type) {
    case MSG_LOGIN_ASK:
        login_ask(d, c, m);
        break;
    case MSG_RCPT_ASK:
        rcpt_ask(d, c, &m->rcpt_ask);
        break;
    case MSG_RCPT_END:
        reserve_end(d, c, m->rcpt_end.session);
        break;
    case MSG_RESOLVE_ASK:
        resolve_ask(d, c, &m->resolve_ask);
        break;
    case MSG_DELIVERY_OPEN:
        delivery_open(d, c, &m->delivery_open);
        break;
    case MSG_HASH_TELL:
        hash_queue_answer(d->hashes, c, m);
        break;
    case MSG_ADMIN_CALL:
        admin_call(d, m);
        break;
    default:
        break;
    }
    directory_check_db(d);
}

static void drain(void *arg)
{
    struct directory *d = arg;

    db_close(d->db);
    d->db = NULL;
    process_end(d->p);
}

static void status(void *arg, struct process_status *s)
{
    struct directory *d = arg;

    process_status_add(s, "logins", d->logins_ok);
    process_status_add(s, "logins-failed", d->logins_failed);
    process_status_add(s, "recipients", d->rcpt_ok);
    process_status_add(s, "recipients-refused", d->rcpt_refused);
    process_status_add(s, "reserving", reserve_held(d));
    process_status_add(s, "hashes-waiting", hash_queue_waiting(d->hashes));
}

NORETURN void directory_main(unsigned instance)
{
    static const struct process_ops ops = {
        .file = take_file,
        .start = start,
        .sandboxed = sandboxed,
        .message = message,
        .peer_new = peer_new,
        .peer_lost = peer_lost,
        .drain = drain,
        .status = status,
    };
    struct directory d = {.db_fd = -1, .wal_fd = -1};

    process_main(ROLE_DIRECTORY, instance, &ops, &d);
}
