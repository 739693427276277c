/* keys/keys_fuzz.c: a parent of accounts that was taken over asks for keys as it likes, with tickets
 * that the directory made, whole, changed, of another account, used, late, and with whatever it has
 * for a socket. A key comes only for what a model says: for the account of a ticket that is whole, in
 * time, of this life of `keys` and used for the first time, and only while that account has a key; and
 * it is always the same one. */
#include "keys/keys.c"

#include "base/replay.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <sys/mman.h>

const char fuzz_corpus[] = "keys";

#define OPS_MOST 100
#define TICKETS_MOST 32
#define ACCOUNTS_MOST 8
#define MUST(condition) ((condition) ? (void)0 : panic("%s", #condition))

static struct {
    const uint8_t *p;
    size_t n;
} in;

/* What the directory has made. */
struct made_ticket {
    unsigned char bytes[TICKET_BYTES];
    uint64_t account;
    int64_t made_us;
    bool used;
};

struct model {
    struct made_ticket ticket[TICKETS_MOST];
    size_t tickets;
    int64_t started_us;
    struct {
        bool there, known;
        unsigned char key[KEY_BYTES];
    } account[ACCOUNTS_MOST];
};

static struct model model;
static struct role_test t;
static struct keys keys;
static struct role_end *directory, *accounts;
static unsigned char ticket_key[TICKET_KEY_BYTES];
static int db_fd, wal_fd, key_fd;
static struct str empty_db; /* the file, with its tables */
static uint64_t ids;

static uint8_t take_byte(void)
{
    if (in.n == 0)
        return 0;
    in.n--;
    return *in.p++;
}

static void quiet(struct str line)
{
    (void)line;
}

static void on_gave_up(struct process *p, const struct error *err)
{
    (void)p;
    panic("keys gave up: %s", err->text);
}

/* ---- its life ---- */

static void keys_begin(void)
{
    struct msg *m;

    keys = (struct keys){.db_fd = -1, .wal_fd = -1, .used_fd = -1, .key_fd = -1};
    role_test_begin(&t, ROLE_KEYS, &keys_ops, &keys);
    t.p->gave_up = on_gave_up;
    role_test_file(&t, "db", db_fd);
    role_test_file(&t, "wal", wal_fd);
    role_test_file(&t, "server-key", key_fd);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    accounts = role_test_peer(&t, ROLE_ACCOUNTS, 0);
    role_test_go(&t);
    model.started_us = role_test_now_us();
    role_end_send(directory,
                  &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {++ids}});
    m = role_end_take(directory, MSG_SERVICE_KEY_TELL);
    MUST(m && m->service_key_tell.ticket_key.n == TICKET_KEY_BYTES);
    memcpy(ticket_key, m->service_key_tell.ticket_key.p, TICKET_KEY_BYTES);
}

/* Whatever was asked of it, it tells what it has counted, and ends when it is told to. */
static void keys_end(void)
{
    role_end_send(t.supervisor, &(struct msg){.type = MSG_STATUS_ASK, .status_ask = {++ids}});
    MUST(role_end_take(t.supervisor, MSG_STATUS_TELL));
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    MUST(t.p->ended && keys.db == NULL);
    tickets_done(&keys.tickets);
    base_close_fd(&keys.db_fd);
    base_close_fd(&keys.wal_fd);
    role_test_end(&t);
}

/* ---- the directory, which is honest ---- */

static void directory_makes(uint64_t account)
{
    struct msg m = {.type = MSG_KEYS_CREATE_ASK};
    struct str item = str_of(&account, sizeof account);

    m.keys_create_ask = (struct msg_keys_create_ask){++ids, {&item, 1}};
    role_end_send(directory, &m);
    MUST(role_end_take(directory, MSG_KEYS_CREATE_TELL)->keys_create_tell.error.kind ==
         (account ? ERROR_NONE : ERROR_SYNTAX));
    if (account)
        model.account[account].there = true;
}

static void directory_erases(uint64_t account)
{
    role_end_send(directory,
                  &(struct msg){.type = MSG_KEYS_ERASE_ASK, .keys_erase_ask = {++ids, account}});
    MUST(role_end_take(directory, MSG_KEYS_ERASE_TELL)->keys_erase_tell.error.kind == ERROR_NONE);
    model.account[account].there = model.account[account].known = false;
}

static void directory_opens(uint64_t account)
{
    struct made_ticket *made = &model.ticket[model.tickets % TICKETS_MOST];

    *made = (struct made_ticket){.account = account, .made_us = role_test_now_us()};
    ticket_make(ticket_key, account, made->bytes);
    model.tickets++;
}

/* ---- `accounts`, which is not ---- */

/* Whether this ticket is to open this account now; then it is used from now on. */
static bool is_good(const unsigned char ticket[TICKET_BYTES], uint64_t account)
{
    for (size_t i = 0; i < TICKETS_MOST && i < model.tickets; i++) {
        struct made_ticket *made = &model.ticket[i];
        int64_t age = role_test_now_us() - made->made_us;

        if (memcmp(made->bytes, ticket, TICKET_BYTES) != 0)
            continue;
        if (made->used || made->account != account || age > TICKET_LIFE_US ||
            made->made_us < model.started_us)
            return false;
        made->used = true;
        return account < ACCOUNTS_MOST && model.account[account].there;
    }
    return false;
}

static void look_at_key(struct role_end *child, uint64_t account, bool good)
{
    const struct msg *m = role_end_take(child, MSG_ACCOUNT_KEY);
    struct str key;

    MUST(m);
    key = m->account_key.key;
    MUST(good == (key.n == KEY_BYTES) && (key.n == 0) == (m->account_key.error.kind != 0));
    if (!good)
        return;
    if (model.account[account].known)
        MUST(memcmp(model.account[account].key, key.p, KEY_BYTES) == 0);
    memcpy(model.account[account].key, key.p, KEY_BYTES);
    model.account[account].known = true;
}

/* A ticket that the directory made, perhaps with a byte of it changed or cut short. */
static void start_one(unsigned how)
{
    const struct made_ticket *made = &model.ticket[take_byte() % TICKETS_MOST];
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1};
    unsigned char ticket[TICKET_BYTES];
    uint64_t account = how & 1 ? take_byte() % (ACCOUNTS_MOST + 2) : made->account;
    size_t n = TICKET_BYTES;
    struct role_end *child;
    int fd[2];

    memcpy(ticket, made->bytes, sizeof ticket);
    if (how & 2) {
        size_t at = take_byte() % TICKET_BYTES;

        ticket[at] ^= take_byte();
    }
    if (how & 4)
        n = take_byte() % (TICKET_BYTES + 1);
    m.keys_start = (struct msg_keys_start){account, str_of(ticket, n)};
    MUST(chan_pair(fd));
    m.fd[0] = fd[0];
    child = role_test_over(&t, ROLE_ACCOUNT, fd[1]);
    role_end_send(accounts, &m);
    close(fd[0]);
    role_test_spin(&t);
    look_at_key(child, account, n == TICKET_BYTES && is_good(ticket, account));
    MUST(role_end_is_closed(child));
}

/* With none, or with what is no socket. The ticket may be used up by it. */
static void start_odd(unsigned how)
{
    struct made_ticket *made = &model.ticket[take_byte() % TICKETS_MOST];
    struct msg m = {.type = MSG_KEYS_START, .keys_start = {made->account, str_of(made->bytes, 64)}};

    if (how & 1) {
        m.fd[0] = how & 2 ? open("/dev/null", O_RDWR | O_CLOEXEC) : dup(key_fd);
        m.nfds = 1;
        is_good(made->bytes, made->account);
    }
    role_end_send(accounts, &m);
    if (m.nfds)
        close(m.fd[0]);
}

static void say_raw(void)
{
    size_t n = take_byte();

    n = size_min(n, in.n);
    if (n)
        role_end_send_raw(accounts, str_of(in.p, n));
    in.p += n;
    in.n -= n;
}

static void say_any(void)
{
    struct msg m = {.type = (enum msg_type)(1 + take_byte() % (MSG_TYPES - 1))};

    m.any_ask.id = take_byte();
    role_end_send(accounts, &m);
}

static void restart(void)
{
    role_test_pass(&t, 1);
    keys_end();
    keys_begin();
}

static void do_one(unsigned op)
{
    static const int64_t waits[] = {1, 1000000, TICKET_LIFE_US / 2, TICKET_LIFE_US,
                                    TICKET_LIFE_US + 1};
    uint64_t account = op / 16 % ACCOUNTS_MOST;

    switch (op % 16) {
    case 0:
    case 1:
        directory_opens(account);
        break;
    case 2:
        directory_makes(account);
        break;
    case 3:
        directory_erases(account);
        break;
    case 4:
        role_test_pass(&t, waits[take_byte() % ARRAY_LEN(waits)]);
        break;
    case 5:
        restart();
        break;
    case 6:
        role_end_close(accounts);
        break;
    case 7:
        say_raw();
        break;
    case 8:
        say_any();
        break;
    case 9:
        start_odd(op / 16);
        break;
    default:
        start_one(op / 16);
    }
    role_test_spin(&t);
    MUST(!role_end_is_closed(directory)); /* who was honest keeps its channel */
    if (role_end_is_closed(accounts))
        accounts = role_test_peer(&t, ROLE_ACCOUNTS, 0);
}

static void files_begin(void)
{
    static const char server_key[KEY_BYTES] = "a key of the server, as it is";

    db_fd = memfd_create("db", MFD_CLOEXEC);
    wal_fd = memfd_create("wal", MFD_CLOEXEC);
    key_fd = memfd_create("key", MFD_CLOEXEC);
    MUST(write(key_fd, server_key, sizeof server_key) == sizeof server_key);
}

static void files_end(void)
{
    close(db_fd);
    close(wal_fd);
    close(key_fd);
}

static void make_empty_db(void)
{
    char *bytes;
    off_t n;

    files_begin();
    keys_begin();
    keys_end();
    n = lseek(db_fd, 0, SEEK_END);
    bytes = mem_alloc((size_t)n);
    MUST(pread(db_fd, bytes, (size_t)n, 0) == n);
    empty_db = str_of(bytes, (size_t)n);
    files_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_set_sink(quiet);
    if (!empty_db.p)
        make_empty_db();
    in.p = data;
    in.n = size;
    model = (struct model){0};
    files_begin();
    MUST(pwrite(db_fd, empty_db.p, empty_db.n, 0) == (ssize_t)empty_db.n);
    keys_begin();
    for (int i = 0; i < OPS_MOST && in.n; i++)
        do_one(take_byte());
    keys_end();
    files_end();
    log_set_sink(NULL);
    return 0;
}
