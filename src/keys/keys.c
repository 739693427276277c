/* keys/keys.c: see keys.h. keys.db is apart from the accounts' files and backups: destroying a row erases the account
 * everywhere once the copies of keys.db have rolled over. */
#include "keys/keys.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "keys/ticket.h"
#include "keys/wrap.h"
#include "proc/lock.h"
#include "proc/process.h"
#include "db/db.h"
#include "db/used.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const steps[] = {
    "CREATE TABLE key ("
    " account INTEGER PRIMARY KEY," /* the account's number */
    " wrapped BLOB NOT NULL," /* keys/wrap.h; empty: it was erased, and the number is nobody else's */
    " generation INTEGER NOT NULL," /* of the account's files, db/vault.h */
    " created_us INTEGER NOT NULL"  /* wall clock */
    ") STRICT;",

};

static const struct db_schema schema = {"keys", steps, ARRAY_LEN(steps), .erases = true};

struct keys {
    struct process *p;
    struct db *db;
    unsigned char server_key[KEY_BYTES], kek[KEY_BYTES], ticket_key[TICKET_KEY_BYTES];
    struct tickets tickets;
    int db_fd, wal_fd, used_fd, key_fd;
    uint64_t starts, refused;
};

static void keys_file(void *arg, struct str name, int fd)
{
    struct keys *k = arg;

    if (str_equal(name, STR("db")))
        k->db_fd = fd;
    else if (str_equal(name, STR("wal")))
        k->wal_fd = fd;
    else if (str_equal(name, STR("used")))
        k->used_fd = fd;
    else
        k->key_fd = fd;
}

/* The seam of the server key's source: here a file that only root, or the operator, reads. */
static bool read_server_key(struct keys *k, struct error *err)
{
    ssize_t n = pread(k->key_fd, k->server_key, KEY_BYTES, 0);

    close(k->key_fd);
    k->key_fd = -1;
    return n == KEY_BYTES ||
           error_set(err, ERROR_DAMAGED, "keys/server.key does not hold %d bytes", KEY_BYTES);
}

static bool keys_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct keys *k = arg;
    struct db_source source = {.db_fd = k->db_fd,
                               .wal_fd = k->wal_fd,
                               .blob_fd = -1,
                               .generation = 1,
                               .must_exist = db_used(k->used_fd)};

    (void)ready;
    k->p = p;
    tickets_init(&k->tickets);
    db_process_init();
    if (!read_server_key(k, err))
        return false;
    db_derive_key(k->server_key, STR("wrap accounts"), k->kek, sizeof k->kek);
    db_derive_key(k->server_key, STR("tickets"), k->ticket_key, sizeof k->ticket_key);
    db_derive_key(k->server_key, STR("service keys"), source.key, sizeof source.key);
    if (!lock_file(k->db_fd, err) || !db_open(&k->db, &source, &schema, err))
        return false;
    db_used_mark(k->used_fd);
    return true;
}

/* The highest number that has, or had, a key. */
static bool last_account(struct keys *k, uint64_t *out, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(k->db, "SELECT coalesce(max(account), 0) FROM key");
    int64_t n = 0;

    if (!db_one_int(k->db, s, &n, NULL, err))
        return false;
    *out = (uint64_t)n;
    return true;
}

static void take_service_key_ask(struct keys *k, struct chan *c, const struct msg *m)
{
    bool directory = chan_peer(c) == ROLE_DIRECTORY;
    struct str label = directory ? STR("service directory") : STR("service relay");
    unsigned char key[KEY_BYTES];
    struct msg_service_key_tell tell = {.key = str_of(key, sizeof key)};
    struct error err = {0};
    struct asked asked;

    if (directory) {
        tell.ticket_key = str_of(k->ticket_key, sizeof k->ticket_key);
        if (!last_account(k, &tell.last_account, &err))
            tell.error = msg_error_of(&err);
    }
    db_derive_key(k->server_key, label, key, sizeof key);
    asked_take(&asked, c, m);
    tell_service_key(&asked, &tell, -1);
    mem_wipe(key, sizeof key);
}

static bool insert_key(struct keys *k, uint64_t account, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(k->db, "INSERT OR IGNORE INTO key (account, wrapped, generation, "
                       "created_us) VALUES (?, ?, 1, ?)");
    unsigned char key[KEY_BYTES], wrapped[KEY_WRAPPED_BYTES];

    random_bytes(key, sizeof key);
    key_wrap(k->kek, account, key, wrapped);
    mem_wipe(key, sizeof key);
    db_bind_int(s, 1, (int64_t)account);
    db_bind_blob(s, 2, str_of(wrapped, sizeof wrapped));
    db_bind_int(s, 3, clock_wall_us());
    return db_run(k->db, s, err);
}

/* A number that has a key already keeps it: the directory asks again when it does not know whether
 * it was heard. One whose key was erased gets none. */
static bool create_keys(struct keys *k, struct msg_list accounts, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};

    if (!db_begin(&tx, k->db, err))
        return false;
    for (size_t i = 0; i < accounts.n; i++) {
        uint64_t account = msg_u64_item(accounts.v[i]);

        if (account == 0 || account > INT64_MAX)
            return error_set(err, ERROR_SYNTAX,
                             "a key was asked for a number that no account can have");
        if (!insert_key(k, account, err))
            return false;
    }
    return db_commit(&tx, err);
}

static bool erase_key(struct keys *k, uint64_t account, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    AUTO_STMT sqlite3_stmt *s = db_stmt(k->db, "UPDATE key SET wrapped = x'' WHERE account = ?");

    if (!db_begin(&tx, k->db, err))
        return false;
    db_bind_int(s, 1, (int64_t)account);
    return db_run(k->db, s, err) && db_commit(&tx, err);
}

static bool unwrap_key(struct keys *k, uint64_t account, unsigned char key[KEY_BYTES],
                       uint64_t *generation, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(k->db, "SELECT wrapped, generation FROM key WHERE account = ?");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)account);
    step = db_next(k->db, s, err);
    if (step == DB_DONE)
        error_set(err, ERROR_DAMAGED,
                  "keys.db has no key of this account: it is an older copy; put the newest back");
    if (step == DB_ROW && db_col_str(s, 0).n == 0)
        error_set(err, ERROR_GONE, "this account's key was erased");
    if (step == DB_FAIL) /* ours, and not the account's: its files may well be sound */
        return error_set(err, ERROR_TEMPORARY, "the account's key cannot be read from keys.db");
    if (step != DB_ROW || db_col_str(s, 0).n == 0)
        return false;
    *generation = (uint64_t)db_col_int(s, 1);
    return key_unwrap(k->kek, account, db_col_str(s, 0), key, err);
}

/* The account's key, or why it is not given. */
static bool key_for_ticket(struct keys *k, const struct msg_keys_start *m,
                           unsigned char key[KEY_BYTES], uint64_t *generation, struct error *err)
{
    return tickets_take(&k->tickets, k->ticket_key, m->ticket, m->account, err) &&
           unwrap_key(k, m->account, key, generation, err);
}

/* One small message into an empty socket never waits; where it does, or where there is no socket,
 * nobody honest is at the other end. */
static void send_once(int fd, const struct msg *m)
{
    struct iovec v;
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    char bytes[1000]; /* an error's words, or a key, and what is around them */
    struct buf b = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    struct error err;

    if (msg_print(&b, m, &err)) {
        v = (struct iovec){b.p, b.n};
        sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    mem_wipe(bytes, sizeof bytes);
}

/* One key for one start, against a ticket for it: it goes to the account's process over its own
 * socket, which ends here. */
static void take_start(struct keys *k, const struct msg *m)
{
    unsigned char key[KEY_BYTES] = {0};
    struct error err = {0};
    struct msg out = {.type = MSG_ACCOUNT_KEY};

    k->starts++;
    if (m->nfds != 1) { /* nobody to give it to */
        k->refused++;
        return;
    }
    if (key_for_ticket(k, &m->keys_start, key, &out.account_key.generation, &err)) {
        out.account_key.key = str_of(key, sizeof key);
    } else {
        k->refused++;
        out.account_key.error = msg_error_of(&err);
    }
    send_once(m->fd[0], &out);
    mem_wipe(key, sizeof key);
}

static void take_create_ask(struct keys *k, struct chan *c, const struct msg *m)
{
    struct msg_keys_create_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    if (!create_keys(k, m->keys_create_ask.accounts, &err))
        tell.error = msg_error_of(&err);
    tell_keys_create(&asked, &tell, -1);
}

static void take_erase_ask(struct keys *k, struct chan *c, const struct msg *m)
{
    struct msg_keys_erase_tell tell = {0};
    struct error err = {0};
    struct asked asked;

    asked_take(&asked, c, m);
    /* Not erased before the log has forgotten it as well. */
    if (!erase_key(k, m->keys_erase_ask.account, &err) || !db_checkpoint(k->db, &err))
        tell.error = msg_error_of(&err);
    tell_keys_erase(&asked, &tell, -1);
}

static void keys_message(void *arg, struct chan *c, struct msg *m)
{
    struct keys *k = arg;
    struct error err = {0};

    switch (m->type) {
    case MSG_SERVICE_KEY_ASK:
        take_service_key_ask(k, c, m);
        break;
    case MSG_KEYS_CREATE_ASK:
        take_create_ask(k, c, m);
        break;
    case MSG_KEYS_ERASE_ASK:
        take_erase_ask(k, c, m);
        break;
    case MSG_KEYS_START:
        take_start(k, m);
        break;
    default:
        break;
    }
    if (db_failed(k->db)) {
        error_set(&err, ERROR_DISK, "keys.db is damaged or cannot be written; look at the disk");
        process_give_up(k->p, &err);
    }
}

static void keys_drain(void *arg)
{
    struct keys *k = arg;

    db_close(k->db);
    k->db = NULL;
    process_end(k->p);
}

static void keys_status(void *arg, struct process_status *s)
{
    struct keys *k = arg;

    process_status_add(s, "account-starts", k->starts);
    process_status_add(s, "account-starts-refused", k->refused);
}

static const struct process_ops keys_ops = {
    .file = keys_file,
    .start = keys_start,
    .message = keys_message,
    .drain = keys_drain,
    .status = keys_status,
};

NORETURN void keys_main(unsigned instance)
{
    struct keys k = {.db_fd = -1, .wal_fd = -1, .used_fd = -1, .key_fd = -1};

    process_main(ROLE_KEYS, instance, &keys_ops, &k);
}
