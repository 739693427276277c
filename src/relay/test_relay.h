/* relay/test_relay.h: the queue on the bench: the test is intake, the directory and keys. A test program
 * includes this once; it has the whole role with it. */
#ifndef RELAY_TEST_RELAY_H
#define RELAY_TEST_RELAY_H

#include "relay/lane.c"
#include "relay/relay.c"
#include "relay/try.c"

#include "base/random.h"
#include "base/test.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SECOND_US 1000000LL
#define OWNERS_MOST 600

static struct role_test t;
static struct relay r;
static struct role_end *intake, *directory;
static int db_fd = -1, wal_fd = -1, large_fd = -1;
static size_t fds_before;
static uint64_t last_id;

/* Requeued and unqueued lines; there may be very many. */
static size_t requeued, unqueued, problems;

static UNUSED void count_lines(struct str line)
{
    requeued += str_find(line, STR(" mail-requeued ")) != SIZE_MAX;
    unqueued += str_find(line, STR(" mail-unqueued ")) != SIZE_MAX;
    problems += str_find(line, STR(" role-problem ")) != SIZE_MAX;
}

/* ---- the bench ---- */

static UNUSED void make_files(void)
{
    static unsigned n;
    char path[400];

    snprintf(path, sizeof path, "%s/large%u", test_folder(), n++);
    CHECK(mkdir(path, 0700) == 0);
    large_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    db_fd = memfd_create("db", MFD_CLOEXEC);
    wal_fd = memfd_create("wal", MFD_CLOEXEC);
}

static UNUSED void answer_key(struct role_end *keys)
{
    struct msg *m = role_end_take(keys, MSG_SERVICE_KEY_ASK);
    struct msg tell = {.type = MSG_SERVICE_KEY_TELL};
    char key[DB_KEY_BYTES];

    CHECK(m != NULL);
    memset(key, 7, sizeof key);
    tell.service_key_tell.id = m->service_key_ask.id;
    tell.service_key_tell.key = str_of(key, sizeof key);
    role_end_send(keys, &tell);
}

/* A relay over the files that are there. */
static UNUSED void start(void)
{
    struct role_end *keys;

    r = (struct relay){.db_fd = -1, .wal_fd = -1, .large_fd = -1, .used_fd = -1};
    role_test_begin(&t, ROLE_RELAY, &relay_ops, &r);
    role_test_set(&t, "queue-retry = 10");
    role_test_file(&t, "db", db_fd);
    role_test_file(&t, "wal", wal_fd);
    role_test_file(&t, "large", large_fd);
    keys = role_test_peer(&t, ROLE_KEYS, 0);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    CHECK(role_end_take(t.supervisor, MSG_READY) == NULL);
    answer_key(keys);
    CHECK(role_end_take(t.supervisor, MSG_READY) != NULL);
}

static UNUSED void stop(void)
{
    relay_done(&r);
    role_test_end(&t);
}

static UNUSED void begin(void)
{
    requeued = unqueued = problems = 0;
    log_set_sink(count_lines);
    (void)test_folder();
    fds_before = test_descriptors();
    make_files();
    start();
}

static UNUSED void end(void)
{
    stop();
    close(db_fd);
    close(wal_fd);
    close(large_fd);
    CHECK_U64(test_descriptors(), fds_before);
}

static UNUSED uint64_t counter(const char *key)
{
    struct msg *m;
    char first[60];
    int n = snprintf(first, sizeof first, "%s=", key);

    role_end_send(t.supervisor,
                  &(struct msg){.type = MSG_STATUS_ASK, .status_ask = {.id = ++last_id}});
    m = role_end_take(t.supervisor, MSG_STATUS_TELL);
    for (size_t i = 0; m && i < m->status_tell.counters.n; i++) {
        struct str row = m->status_tell.counters.v[i];
        uint64_t value;

        if (str_starts(row, str_of(first, (size_t)n)) &&
            str_to_u64(str_skip(row, (size_t)n), UINT64_MAX, &value))
            return value;
    }
    CHECK_ROW(false, key);
    return 0;
}

/* ---- what the peers say ---- */

static UNUSED int memfd_of(struct str bytes, int seals)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static UNUSED enum error_kind add_bytes(const char *transaction, struct str bytes,
                                        const struct str *names, const uint64_t *owners, size_t n)
{
    struct str numbers[OWNERS_MOST];
    struct msg m = {.type = MSG_QUEUE_ADD_ASK, .nfds = 1}, *tell;

    for (size_t i = 0; i < n; i++)
        numbers[i] = str_of(&owners[i], sizeof owners[i]);
    m.fd[0] = memfd_of(bytes, SEALS);
    m.queue_add_ask = (struct msg_queue_add_ask){.id = ++last_id,
                                                 .transaction = str_c(transaction),
                                                 .session = STR("s1"),
                                                 .return_path = STR("a@example.org"),
                                                 .trace = STR("Received: x\r\n"),
                                                 .recipients = {names, n},
                                                 .accounts = {numbers, n},
                                                 .size = bytes.n,
                                                 .received = 1795000000000000};
    role_end_send(intake, &m);
    close(m.fd[0]);
    tell = role_end_take(intake, MSG_QUEUE_ADD_TELL);
    CHECK(tell && tell->queue_add_tell.id == last_id);
    return tell ? (enum error_kind)tell->queue_add_tell.error.kind : ERROR_INTERNAL;
}

/* A message for one account. */
static UNUSED void add(uint64_t account)
{
    char transaction[30];

    snprintf(transaction, sizeof transaction, "t%llu", (unsigned long long)last_id);
    CHECK_U64(add_bytes(transaction, str_c(transaction), &STR("ada@x"), &account, 1), ERROR_NONE);
}

/* The next that is tried, or NULL. Its answer: kind for all. */
static UNUSED struct msg_queue_try_ask *tried(void)
{
    struct msg *m = role_end_take(intake, MSG_QUEUE_TRY_ASK);

    return m ? &m->queue_try_ask : NULL;
}

/* The next one, within an hour. */
static UNUSED struct msg_queue_try_ask *next_try(void)
{
    struct msg_queue_try_ask *ask = NULL;

    for (int s = 0; !ask && s < 3601; s++) {
        ask = tried();
        if (!ask)
            role_test_pass(&t, SECOND_US);
    }
    CHECK(ask != NULL);
    return ask;
}

static UNUSED void tell_tried(uint64_t id, enum error_kind kind)
{
    struct msg tell = {.type = MSG_QUEUE_TRY_TELL};

    tell.queue_try_tell =
        (struct msg_queue_try_tell){.id = id, .error = {kind, STR("not just now")}};
    role_end_send(intake, &tell);
}

/* Answers the next try. The account it was for; -1: there was none. */
static UNUSED int64_t answer_try(enum error_kind kind)
{
    struct msg_queue_try_ask *ask = tried();
    int64_t account;

    if (!ask)
        return -1;
    account = (int64_t)msg_u64_item(ask->accounts.v[0]);
    tell_tried(ask->id, kind);
    return account;
}

static UNUSED size_t answer_all(enum error_kind kind)
{
    size_t n = 0;

    while (answer_try(kind) >= 0)
        n++;
    return n;
}

static UNUSED uint64_t purge(uint64_t account, const char *address)
{
    struct str one = str_c(address);
    struct msg m = {.type = MSG_QUEUE_PURGE_ASK}, *tell;

    m.queue_purge_ask =
        (struct msg_queue_purge_ask){.id = ++last_id, .account = account, .addresses = {&one, 1}};
    role_end_send(directory, &m);
    tell = role_end_take(directory, MSG_QUEUE_PURGE_TELL);
    CHECK(tell && tell->queue_purge_tell.error.kind == ERROR_NONE);
    return tell ? tell->queue_purge_tell.purged : 0;
}

static UNUSED void tell_owners(uint64_t id, const uint64_t *owners, size_t n)
{
    struct str items[OWNERS_MOST];
    struct msg tell = {.type = MSG_QUEUE_TRY_TELL};

    for (size_t i = 0; i < n; i++)
        items[i] = str_of(&owners[i], sizeof owners[i]);
    tell.queue_try_tell = (struct msg_queue_try_tell){.id = id, .accounts = {items, n}};
    role_end_send(intake, &tell);
}

static const struct str three[] = {STR("ada@x"), STR("ben@x"), STR("gone@x")};

#endif
