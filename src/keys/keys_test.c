/* keys/keys_test.c: who gets which key: a service its own, an account's process the account's, against
 * a ticket; and a key that is destroyed opens nothing any more. */
#include "keys/keys.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <sys/mman.h>

static struct role_test t;
static struct keys k;
static struct role_end *directory, *accounts;

static void begin(void)
{
    static const char server_key[KEY_BYTES] = "a server key of thirty-two bytes";
    int fd;

    k = (struct keys){.db_fd = -1, .wal_fd = -1, .key_fd = -1};
    role_test_begin(&t, ROLE_KEYS, &keys_ops, &k);
    fd = memfd_create("key", MFD_CLOEXEC);
    CHECK(write(fd, server_key, KEY_BYTES) == KEY_BYTES);
    role_test_file(&t, "db", -1);
    role_test_file(&t, "wal", -1);
    role_test_file(&t, "key", fd);
    close(fd);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    accounts = role_test_peer(&t, ROLE_ACCOUNTS, 0);
    role_test_go(&t);
}

static void end(void)
{
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(t.p->ended && k.db == NULL);
    tickets_done(&k.tickets);
    close(k.db_fd); /* as the end of its process does */
    close(k.wal_fd);
    role_test_end(&t);
}

static void create(uint64_t account)
{
    struct str item = str_of((const char *)&account, sizeof account);
    struct msg *m;

    role_end_send(directory, &(struct msg){.type = MSG_KEYS_CREATE_ASK,
                                           .keys_create_ask = {.id = 1, .accounts = {&item, 1}}});
    m = role_end_take(directory, MSG_KEYS_CREATE_TELL);
    CHECK(m && m->keys_create_tell.id == 1 && m->keys_create_tell.error.kind == ERROR_NONE);
}

/* Starts an account's process with this ticket: what it hears, its key in `key`. */
static enum error_kind started(uint64_t account, const unsigned char ticket[TICKET_BYTES],
                               unsigned char key[KEY_BYTES])
{
    struct msg m = {.type = MSG_KEYS_START,
                    .nfds = 1,
                    .keys_start = {account, str_of((const char *)ticket, TICKET_BYTES)}};
    enum error_kind kind;
    struct role_end *e;
    struct msg *got;
    int fd[2];

    CHECK(chan_pair(fd));
    e = role_test_over(&t, ROLE_ACCOUNT, fd[1]);
    m.fd[0] = fd[0];
    role_end_send(accounts, &m);
    close(fd[0]);
    got = role_end_take(e, MSG_ACCOUNT_KEY);
    if (!CHECK(got != NULL))
        return ERROR_INTERNAL;
    kind = (enum error_kind)got->account_key.error.kind;
    CHECK_U64(got->account_key.key.n, kind == ERROR_NONE ? KEY_BYTES : 0);
    if (kind == ERROR_NONE) {
        CHECK_U64(got->account_key.generation, 1);
        memcpy(key, got->account_key.key.p, KEY_BYTES);
    }
    role_test_spin(&t);
    CHECK(role_end_is_closed(e)); /* one key, and no more */
    return kind;
}

static enum error_kind started_anew(uint64_t account, unsigned char key[KEY_BYTES])
{
    unsigned char ticket[TICKET_BYTES];

    ticket_make(k.ticket_key, account, ticket);
    return started(account, ticket, key);
}

static void an_account_has_one_key_that_comes_against_a_ticket_once(void)
{
    unsigned char ticket[TICKET_BYTES], key[KEY_BYTES], again[KEY_BYTES], other[KEY_BYTES];

    begin();
    create(7);
    create(8);
    ticket_make(k.ticket_key, 7, ticket);
    CHECK_U64(started(8, ticket, key), ERROR_DENIED);
    CHECK_U64(started(7, ticket, key), ERROR_NONE);
    CHECK_U64(started(7, ticket, again), ERROR_DENIED);
    CHECK(k.starts == 3 && k.refused == 2);
    create(7); /* the directory did not hear the answer */
    CHECK(started_anew(7, again) == ERROR_NONE && memcmp(key, again, KEY_BYTES) == 0);
    CHECK(started_anew(8, other) == ERROR_NONE && memcmp(key, other, KEY_BYTES) != 0);
    end();
}

static void a_new_parent_of_accounts_may_show_a_ticket_once_more(void)
{
    unsigned char ticket[TICKET_BYTES], key[KEY_BYTES];

    begin();
    create(7);
    ticket_make(k.ticket_key, 7, ticket);
    CHECK_U64(started(7, ticket, key), ERROR_NONE);
    accounts = role_test_peer(&t, ROLE_ACCOUNTS, 0);
    CHECK_U64(started(7, ticket, key), ERROR_NONE);
    CHECK_U64(started(7, ticket, key), ERROR_DENIED);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK_U64(started(7, ticket, key), ERROR_DENIED);
    end();
}

static void a_key_that_is_destroyed_opens_nothing(void)
{
    unsigned char key[KEY_BYTES], other[KEY_BYTES];
    struct msg *m;

    begin();
    create(7);
    create(8);
    CHECK(started_anew(7, key) == ERROR_NONE && started_anew(8, other) == ERROR_NONE);
    role_end_send(directory, &(struct msg){.type = MSG_KEYS_ERASE_ASK,
                                           .keys_erase_ask = {.id = 2, .account = 7}});
    m = role_end_take(directory, MSG_KEYS_ERASE_TELL);
    CHECK(m && m->keys_erase_tell.id == 2 && m->keys_erase_tell.error.kind == ERROR_NONE);
    CHECK_U64(started_anew(7, key), ERROR_GONE);
    CHECK_U64(started_anew(8, other), ERROR_NONE);
    create(7);
    CHECK(started_anew(7, other) == ERROR_NONE && memcmp(key, other, KEY_BYTES) != 0);
    end();
}

static void a_service_gets_its_own_key_and_only_the_directory_makes_tickets(void)
{
    unsigned char key[KEY_BYTES];
    struct role_end *relay;
    struct msg *m;

    begin();
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_end_send(directory,
                  &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {.id = 1}});
    m = role_end_take(directory, MSG_SERVICE_KEY_TELL);
    if (CHECK(m && m->service_key_tell.key.n == KEY_BYTES)) {
        memcpy(key, m->service_key_tell.key.p, KEY_BYTES);
        CHECK_STR(m->service_key_tell.ticket_key, str_of((char *)k.ticket_key, TICKET_KEY_BYTES));
    }
    role_end_send(relay, &(struct msg){.type = MSG_SERVICE_KEY_ASK, .service_key_ask = {.id = 1}});
    m = role_end_take(relay, MSG_SERVICE_KEY_TELL);
    if (CHECK(m && m->service_key_tell.key.n == KEY_BYTES))
        CHECK(memcmp(key, m->service_key_tell.key.p, KEY_BYTES) != 0 &&
              m->service_key_tell.ticket_key.n == 0);
    end();
}

static void a_start_without_a_socket_is_none(void)
{
    unsigned char ticket[TICKET_BYTES], key[KEY_BYTES];

    begin();
    create(7);
    ticket_make(k.ticket_key, 7, ticket);
    role_end_send(accounts,
                  &(struct msg){.type = MSG_KEYS_START,
                                .keys_start = {7, str_of((const char *)ticket, TICKET_BYTES)}});
    CHECK(k.starts == 0 && !role_end_is_closed(accounts));
    CHECK_U64(started(7, ticket, key), ERROR_NONE); /* the ticket was not taken */
    end();
}

int main(void)
{
    RUN(an_account_has_one_key_that_comes_against_a_ticket_once);
    RUN(a_new_parent_of_accounts_may_show_a_ticket_once_more);
    RUN(a_key_that_is_destroyed_opens_nothing);
    RUN(a_service_gets_its_own_key_and_only_the_directory_makes_tickets);
    RUN(a_start_without_a_socket_is_none);
    return test_end();
}
