/* keys/keys_test.c: who gets which key of `keys`, against what, and how often. */
#include "keys/keys.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* The files of keys.db and the server key, which outlive one process. */
struct disk {
    int db, wal, server_key;
};

struct bench {
    struct role_test t;
    struct keys k;
    struct role_end *directory, *relay, *accounts;
    unsigned char ticket_key[TICKET_KEY_BYTES];
    uint64_t asked;
};

static struct bench b;

static int file_of(const char *name, const void *bytes, size_t n)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    return fd;
}

static struct disk disk_new(void)
{
    unsigned char key[KEY_BYTES];

    random_bytes(key, sizeof key);
    return (struct disk){file_of("db", "", 0), file_of("wal", "", 0),
                         file_of("key", key, sizeof key)};
}

static void disk_done(struct disk *d)
{
    close(d->db);
    close(d->wal);
    close(d->server_key);
}

static void begin_with(const struct disk *d)
{
    b = (struct bench){.k = {.db_fd = -1, .wal_fd = -1, .used_fd = -1, .key_fd = -1}};
    role_test_begin(&b.t, ROLE_KEYS, &keys_ops, &b.k);
    role_test_file(&b.t, "db", d->db);
    role_test_file(&b.t, "wal", d->wal);
    role_test_file(&b.t, "server-key", d->server_key);
    b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
    b.relay = role_test_peer(&b.t, ROLE_RELAY, 0);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
}

/* The key that the directory's database has; the directory learns to make tickets. */
static void ask_service_key(unsigned char key[KEY_BYTES])
{
    const struct msg *m;

    role_end_send(b.directory,
                  &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {++b.asked}});
    m = role_end_take(b.directory, MSG_SERVICE_KEY_TELL);
    if (CHECK(m && m->service_key_tell.key.n == KEY_BYTES &&
              m->service_key_tell.ticket_key.n == TICKET_KEY_BYTES)) {
        memcpy(key, m->service_key_tell.key.p, KEY_BYTES);
        memcpy(b.ticket_key, m->service_key_tell.ticket_key.p, TICKET_KEY_BYTES);
    }
}

static void begin_on(const struct disk *d)
{
    unsigned char key[KEY_BYTES];

    begin_with(d);
    role_test_go(&b.t);
    CHECK(role_end_take(b.t.supervisor, MSG_READY) != NULL);
    ask_service_key(key);
}

static void end_keeping(void)
{
    db_close(b.k.db);
    tickets_done(&b.k.tickets);
    base_close_fd(&b.k.db_fd);
    base_close_fd(&b.k.wal_fd);
    role_test_end(&b.t);
}

static struct disk disk;

static void begin(void)
{
    disk = disk_new();
    begin_on(&disk);
}

static void end(void)
{
    end_keeping();
    disk_done(&disk);
}

/* ---- what the directory asks ---- */

static enum error_kind create(const struct str *items, size_t n)
{
    struct msg ask = {.type = MSG_KEYS_CREATE_ASK,
                      .keys_create_ask = {.id = ++b.asked, .accounts = {items, n}}};
    const struct msg *m;

    role_end_send(b.directory, &ask);
    m = role_end_take(b.directory, MSG_KEYS_CREATE_TELL);
    CHECK(m && m->keys_create_tell.id == b.asked);
    return m ? (enum error_kind)m->keys_create_tell.error.kind : ERROR_INTERNAL;
}

static enum error_kind create_one(uint64_t account)
{
    struct str item = str_of(&account, sizeof account);

    return create(&item, 1);
}

static enum error_kind erase(uint64_t account)
{
    struct msg ask = {.type = MSG_KEYS_ERASE_ASK, .keys_erase_ask = {++b.asked, account}};
    const struct msg *m;

    role_end_send(b.directory, &ask);
    m = role_end_take(b.directory, MSG_KEYS_ERASE_TELL);
    return m ? (enum error_kind)m->keys_erase_tell.error.kind : ERROR_INTERNAL;
}

/* ---- what `accounts` says ---- */

/* What came to the account's process: nothing else than a key, or nothing else than an error. */
struct given {
    enum error_kind error;
    unsigned char key[KEY_BYTES];
    bool came, has_key;
};

static struct given start(uint64_t account, struct str ticket)
{
    struct msg m = {.type = MSG_KEYS_START, .nfds = 1, .keys_start = {account, ticket}};
    struct given g = {0};
    struct role_end *child;
    const struct msg *told;
    int fd[2];

    CHECK(chan_pair(fd));
    m.fd[0] = fd[0];
    child = role_test_over(&b.t, ROLE_ACCOUNT, fd[1]);
    role_end_send(b.accounts, &m);
    close(fd[0]);
    role_test_spin(&b.t);
    told = role_end_take(child, MSG_ACCOUNT_KEY);
    if (told) {
        g.came = true;
        g.error = (enum error_kind)told->account_key.error.kind;
        g.has_key = told->account_key.key.n > 0;
        if (told->account_key.key.n == KEY_BYTES)
            memcpy(g.key, told->account_key.key.p, KEY_BYTES);
    }
    CHECK(role_end_take(child, MSG_NONE) == NULL && role_end_is_closed(child));
    CHECK(!g.came || g.has_key == (g.error == ERROR_NONE));
    return g;
}

static struct given start_with_ticket(uint64_t account)
{
    unsigned char ticket[TICKET_BYTES];

    ticket_make(b.ticket_key, account, ticket);
    return start(account, str_of(ticket, sizeof ticket));
}

static bool is_refused(struct given g)
{
    return g.came && !g.has_key && g.error == ERROR_DENIED;
}

/* ---- tests ---- */

static void each_service_has_a_key_of_its_own_that_stays(void)
{
    unsigned char first[KEY_BYTES], again[KEY_BYTES], relays[KEY_BYTES] = {0};
    const struct msg *m;

    begin();
    ask_service_key(first);
    role_end_send(b.relay, &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {1}});
    m = role_end_take(b.relay, MSG_SERVICE_KEY_TELL);
    CHECK(m && m->service_key_tell.key.n == KEY_BYTES &&
          m->service_key_tell.ticket_key.n == 0); /* only the directory makes tickets */
    if (m)
        memcpy(relays, m->service_key_tell.key.p, KEY_BYTES);
    CHECK(memcmp(first, relays, KEY_BYTES) != 0);
    end_keeping();
    begin_on(&disk);
    ask_service_key(again);
    CHECK(memcmp(first, again, KEY_BYTES) == 0);
    end();
}

static void a_key_is_made_once_and_survives_a_new_start(void)
{
    struct given first, again;

    begin();
    CHECK(create_one(7) == ERROR_NONE && create_one(8) == ERROR_NONE);
    first = start_with_ticket(7);
    CHECK(first.has_key);
    CHECK(create_one(7) == ERROR_NONE); /* the directory did not hear, and asks again */
    again = start_with_ticket(7);
    CHECK(again.has_key && memcmp(first.key, again.key, KEY_BYTES) == 0);
    CHECK(memcmp(start_with_ticket(8).key, first.key, KEY_BYTES) != 0);
    end_keeping();
    begin_on(&disk);
    again = start_with_ticket(7);
    CHECK(again.has_key && memcmp(first.key, again.key, KEY_BYTES) == 0);
    end();
}

static void an_erased_key_is_gone_for_good(void)
{
    struct given g;

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    CHECK(start_with_ticket(7).has_key);
    CHECK(erase(7) == ERROR_NONE && erase(7) == ERROR_NONE && erase(999) == ERROR_NONE);
    g = start_with_ticket(7);
    CHECK(g.came && !g.has_key && g.error == ERROR_GONE);
    end();
}

static uint64_t last_account_told(struct role_end *to)
{
    const struct msg *m;

    role_end_send(to, &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {.id = 5}});
    m = role_end_take(to, MSG_SERVICE_KEY_TELL);
    return m ? m->service_key_tell.last_account : UINT64_MAX;
}

/* Erased or not: none is for another account, whatever an older copy of the directory believes. */
static void the_directory_hears_the_highest_number_that_has_or_had_a_key(void)
{
    begin();
    CHECK_U64(last_account_told(b.directory), 0);
    CHECK(create_one(5) == ERROR_NONE && create_one(12) == ERROR_NONE);
    CHECK_U64(last_account_told(b.directory), 12);
    CHECK_U64(last_account_told(b.relay), 0);
    CHECK(erase(12) == ERROR_NONE);
    CHECK_U64(last_account_told(b.directory), 12);
    end_keeping();
    begin_on(&disk);
    CHECK_U64(last_account_told(b.directory), 12);
    CHECK(create_one(12) == ERROR_NONE && start_with_ticket(12).error == ERROR_GONE);
    end();
}

/* Whether a page of keys.db, or of its log, holds these bytes once it is unsealed: pages that are free included. */
static bool page_holds(sqlite3_file *f, int64_t at, struct str bytes)
{
    char page[4096];

    CHECK(f->pMethods->xRead(f, page, sizeof page, at) == SQLITE_OK);
    return str_find(str_of(page, sizeof page), bytes) != SIZE_MAX;
}

/* In how many pages: of the database (first 0, apart 4096), or of the log (32 and 24 + 4096). */
static unsigned pages_with(int which, int64_t first, int64_t apart, struct str bytes)
{
    sqlite3_file *f = NULL;
    sqlite3_int64 size = 0;
    unsigned n = 0;

    CHECK(sqlite3_file_control(db_sqlite(b.k.db), "main", which, &f) == SQLITE_OK);
    CHECK(f->pMethods->xFileSize(f, &size) == SQLITE_OK);
    for (int64_t at = first; at + apart <= size; at += apart)
        n += page_holds(f, at + apart - 4096, bytes);
    return n;
}

static unsigned anywhere(struct str bytes)
{
    return pages_with(SQLITE_FCNTL_FILE_POINTER, 0, 4096, bytes) +
           pages_with(SQLITE_FCNTL_JOURNAL_POINTER, 32, 24 + 4096, bytes);
}

static void wrapped_of(uint64_t account, unsigned char out[KEY_WRAPPED_BYTES])
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(b.k.db, "SELECT wrapped FROM key WHERE account = ?");
    struct error err;

    db_bind_int(s, 1, (int64_t)account);
    CHECK(db_next(b.k.db, s, &err) == DB_ROW && db_col_str(s, 0).n == KEY_WRAPPED_BYTES);
    memcpy(out, db_col_str(s, 0).p, KEY_WRAPPED_BYTES);
}

#define ERASED_MOST 600

/* So many that pages split while they are made, and become empty and free while they are erased. */
static void an_erased_key_is_nowhere_in_the_files(void)
{
    static unsigned char wrapped[ERASED_MOST + 1][KEY_WRAPPED_BYTES];
    unsigned held = 0, left = 0;

    begin();
    for (uint64_t i = 0; i < ERASED_MOST; i++) /* in no order; 7 and 600 have no common divisor */
        CHECK(create_one(1 + i * 7 % ERASED_MOST * 1000) == ERROR_NONE);
    for (uint64_t i = 0; i < ERASED_MOST; i++) {
        wrapped_of(1 + i * 1000, wrapped[i]);
        held += anywhere(str_of(wrapped[i], KEY_WRAPPED_BYTES)) > 0;
    }
    CHECK_U64(held, ERASED_MOST); /* so it is looked for where it is */
    for (uint64_t i = 0; i + 1 < ERASED_MOST; i++)
        CHECK(erase(1 + i * 11 % (ERASED_MOST - 1) * 1000) == ERROR_NONE);
    for (uint64_t i = 0; i + 1 < ERASED_MOST; i++)
        left += anywhere(str_of(wrapped[i], KEY_WRAPPED_BYTES));
    CHECK_U64(left, 0);
    CHECK(start_with_ticket(1 + (ERASED_MOST - 1) * 1000).has_key);
    end();
}

static void numbers_that_are_none_make_no_key_and_no_part_of_a_batch(void)
{
    uint64_t good = 7, zero = 0, huge = UINT64_MAX;
    struct str cases[][2] = {{str_of(&good, 8), str_of(&zero, 8)},
                             {str_of(&good, 8), str_of(&huge, 8)},
                             {str_of(&good, 8), STR("seven")},
                             {str_of(&good, 8), STR_NULL}};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(create(cases[i], 2) == ERROR_SYNTAX);
    CHECK(start_with_ticket(7).error == ERROR_DAMAGED);
    CHECK(create(NULL, 0) == ERROR_NONE);
    end();
}

static void a_key_is_given_against_a_ticket_once_in_time_for_its_account(void)
{
    unsigned char ticket[TICKET_BYTES], made_up[TICKET_BYTES], late[TICKET_BYTES];
    unsigned char other_key[TICKET_KEY_BYTES] = {1};

    begin();
    CHECK(create_one(7) == ERROR_NONE && create_one(8) == ERROR_NONE);
    ticket_make(b.ticket_key, 7, ticket);
    CHECK(is_refused(start(8, str_of(ticket, TICKET_BYTES))));
    CHECK(is_refused(start(7, STR_NULL)));
    CHECK(is_refused(start(7, str_of(ticket, TICKET_BYTES - 1))));
    CHECK(start(7, str_of(ticket, TICKET_BYTES)).has_key);
    CHECK(is_refused(start(7, str_of(ticket, TICKET_BYTES))));
    ticket_make(other_key, 7, made_up); /* as accounts would, which has no key for it */
    CHECK(is_refused(start(7, str_of(made_up, TICKET_BYTES))));
    ticket_make(b.ticket_key, 7, late);
    role_test_pass(&b.t, TICKET_LIFE_US + 1);
    CHECK(is_refused(start(7, str_of(late, TICKET_BYTES))));
    CHECK_U64(b.k.starts, 7);
    CHECK_U64(b.k.refused, 6);
    end();
}

/* Neither a broken channel of accounts nor a new start of keys makes a ticket good again. */
static void a_taken_ticket_stays_taken(void)
{
    unsigned char ticket[TICKET_BYTES], unused[TICKET_BYTES];

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    ticket_make(b.ticket_key, 7, ticket);
    ticket_make(b.ticket_key, 7, unused);
    CHECK(start(7, str_of(ticket, TICKET_BYTES)).has_key);
    role_end_close(b.accounts);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(is_refused(start(7, str_of(ticket, TICKET_BYTES))));
    role_test_pass(&b.t, 1);
    end_keeping();
    begin_on(&disk);
    CHECK(is_refused(start(7, str_of(ticket, TICKET_BYTES))));
    CHECK(is_refused(start(7, str_of(unused, TICKET_BYTES)))); /* nobody knows that it was not */
    CHECK(start_with_ticket(7).has_key);
    end();
}

static void a_start_without_a_socket_gives_nothing_to_nobody(void)
{
    unsigned char ticket[TICKET_BYTES];
    int before, after;

    begin();
    before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(create_one(7) == ERROR_NONE);
    ticket_make(b.ticket_key, 7, ticket);
    close(before);
    role_end_send(b.accounts, &(struct msg){.type = MSG_KEYS_START,
                                            .keys_start = {7, str_of(ticket, sizeof ticket)}});
    CHECK(fcntl(0, F_GETFD) >= 0); /* what no message brought is nobody's to close */
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_U64(after, before);
    close(after);
    CHECK(start(7, str_of(ticket, sizeof ticket)).has_key); /* and the ticket is not taken */
    CHECK(!role_end_is_closed(b.accounts));
    end();
}

/* Whatever a hostile parent of accounts hands over in a socket's place. */
static void what_is_no_socket_harms_nobody(void)
{
    unsigned char ticket[TICKET_BYTES];
    int fds[5], pair[2];

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    fds[0] = file_of("file", "", 0);
    fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(chan_pair(pair));
    shutdown(pair[0], SHUT_RDWR);
    fds[2] = pair[0];
    fds[3] = pair[1];
    fds[4] = dup(b.accounts->fd); /* its own channel: keys says something to itself */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        struct msg m = {.type = MSG_KEYS_START, .nfds = 1, .fd = {fds[i]}};

        ticket_make(b.ticket_key, 7, ticket);
        m.keys_start = (struct msg_keys_start){7, str_of(ticket, sizeof ticket)};
        if (i == 4)
            test_expect_log("channel-broken");
        role_end_send(b.accounts, &m);
        close(fds[i]);
    }
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(start_with_ticket(7).has_key);
    end();
}

/* Each peer says only what it may; the others go on. */
static void a_question_of_the_wrong_peer_ends_its_channel(void)
{
    const struct msg wrong[] = {{.type = MSG_KEYS_CREATE_ASK},
                                {.type = MSG_KEYS_ERASE_ASK, .keys_erase_ask = {1, 7}},
                                {.type = MSG_SERVICE_KEY_ASK}};

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        test_expect_log("channel-broken");
        role_end_send(b.accounts, &wrong[i]);
        CHECK(role_end_is_closed(b.accounts));
        b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
        if (wrong[i].type == MSG_SERVICE_KEY_ASK)
            continue;
        test_expect_log("channel-broken");
        role_end_send(b.relay, &wrong[i]);
        CHECK(role_end_is_closed(b.relay));
        b.relay = role_test_peer(&b.t, ROLE_RELAY, 0);
    }
    test_expect_log("channel-broken");
    role_end_send(b.directory, &(struct msg){.type = MSG_KEYS_START});
    CHECK(role_end_is_closed(b.directory));
    b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
    CHECK(start_with_ticket(7).has_key);
    end();
}

static void a_peer_that_does_not_read_holds_nobody_else(void)
{
    struct msg ask = {.type = MSG_SERVICE_KEY_ASK};

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    b.relay->deaf = true;
    for (uint64_t i = 1; i <= 3000; i++) {
        ask.service_key_ask.id = i;
        role_end_send(b.relay, &ask);
    }
    CHECK(!role_end_is_closed(b.relay));
    CHECK(start_with_ticket(7).has_key && create_one(8) == ERROR_NONE);
    b.relay->deaf = false;
    role_test_spin(&b.t);
    CHECK_U64(role_end_waiting(b.relay, MSG_SERVICE_KEY_TELL), 3000);
    end();
}

static void each_peer_may_go_and_come_at_any_time(void)
{
    struct role_end **peer[] = {&b.directory, &b.relay, &b.accounts};
    enum role role[] = {ROLE_DIRECTORY, ROLE_RELAY, ROLE_ACCOUNTS};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(peer); i++) {
        unsigned char key[KEY_BYTES];

        CHECK(create_one(7 + i) == ERROR_NONE);
        role_end_close(*peer[i]);
        *peer[i] = role_test_peer(&b.t, role[i], 0);
        ask_service_key(key);
        CHECK(start_with_ticket(7 + i).has_key);
    }
    end();
}

/* ---- ends ---- */

static void on_gave_up(struct process *p, const struct error *err)
{
    (void)p;
    _exit(err->kind == ERROR_NONE ? 1 : 10 + (int)err->kind);
}

/* The kind with which keys gives up while it does this, in a process of its own; ERROR_NONE: it does not. */
static enum error_kind gives_up(void (*what)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        what();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) > 10
               ? (enum error_kind)(WEXITSTATUS(status) - 10)
               : ERROR_NONE;
}

static void start_on_disk(void)
{
    begin_with(&disk);
    b.t.p->gave_up = on_gave_up;
    role_test_go(&b.t);
}

static void create_on_full_disk(void)
{
    uint64_t account = 9;
    struct str item = str_of(&account, sizeof account);

    begin_on(&disk);
    b.t.p->gave_up = on_gave_up;
    if (fcntl(disk.wal, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0)
        _exit(1);
    create(&item, 1);
}

static void another_server_key_opens_nothing(void)
{
    unsigned char key[KEY_BYTES] = {9};

    begin();
    CHECK(create_one(7) == ERROR_NONE);
    end_keeping();
    CHECK(gives_up(start_on_disk) == ERROR_NONE);
    close(disk.server_key);
    disk.server_key = file_of("key", key, sizeof key);
    CHECK(gives_up(start_on_disk) == ERROR_DAMAGED);
    close(disk.server_key);
    disk.server_key = file_of("key", key, sizeof key - 1);
    CHECK(gives_up(start_on_disk) == ERROR_DAMAGED);
    disk_done(&disk);
}

static void a_disk_that_takes_nothing_ends_it(void)
{
    disk = disk_new();
    CHECK(gives_up(create_on_full_disk) == ERROR_DISK);
    disk_done(&disk);
}

static void it_ends_when_told(void)
{
    begin();
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(b.t.p->ended && b.k.db == NULL);
    end();
}

int main(void)
{
    RUN(each_service_has_a_key_of_its_own_that_stays);
    RUN(a_key_is_made_once_and_survives_a_new_start);
    RUN(an_erased_key_is_gone_for_good);
    RUN(the_directory_hears_the_highest_number_that_has_or_had_a_key);
    RUN(an_erased_key_is_nowhere_in_the_files);
    RUN(numbers_that_are_none_make_no_key_and_no_part_of_a_batch);
    RUN(a_key_is_given_against_a_ticket_once_in_time_for_its_account);
    RUN(a_taken_ticket_stays_taken);
    RUN(a_start_without_a_socket_gives_nothing_to_nobody);
    RUN(what_is_no_socket_harms_nobody);
    RUN(a_question_of_the_wrong_peer_ends_its_channel);
    RUN(a_peer_that_does_not_read_holds_nobody_else);
    RUN(each_peer_may_go_and_come_at_any_time);
    RUN(another_server_key_opens_nothing);
    RUN(a_disk_that_takes_nothing_ends_it);
    RUN(it_ends_when_told);
    return test_end();
}
