/* relay/relay_hostile_test.c: peers of the queue that are lost, or lie; what cannot be read; very much. */
#include "relay/test_relay.h"

#include <dirent.h>

/* ---- peers that are lost ---- */

static void intakes_successor_gets_what_its_predecessor_had(void)
{
    begin();
    for (uint64_t i = 1; i <= 5; i++)
        add(i);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), 5);
    role_end_close(intake);
    role_test_pass(&t, 5 * SECOND_US);
    CHECK_U64(counter("trying"), 0);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    CHECK_U64(answer_all(ERROR_NONE), 5);
    CHECK_U64(counter("queue"), 0);
    end();
}

static void a_message_that_ends_intake_each_time_is_put_aside(void)
{
    size_t ends = 0;

    begin();
    add(1);
    add(2);
    role_test_pass(&t, 11 * SECOND_US);
    for (int i = 0; i < 600; i++) {
        struct msg_queue_try_ask *ask = tried();
        bool poison = ask && msg_u64_item(ask->accounts.v[0]) == 1;

        if (ask && !poison) {
            tell_tried(ask->id, ERROR_NONE);
        } else if (poison) {
            ends++;
            role_end_close(intake);
            intake = role_test_peer(&t, ROLE_INTAKE, 0);
        }
        role_test_pass(&t, SECOND_US);
    }
    CHECK(ends > 3 && ends < 10); /* in ten minutes, and not every second */
    CHECK_U64(counter("queue"), 1);
    end();
}

static void a_question_that_nobody_answers_is_put_again(void)
{
    begin();
    add(1);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK(tried() != NULL);
    role_test_pass(&t, 58 * SECOND_US);
    CHECK(tried() == NULL);
    role_test_pass(&t, 4 * SECOND_US);
    CHECK(answer_try(ERROR_NONE) == 1 && counter("queue") == 0);
    end();
}

static void intake_that_does_not_read_is_waited_for(void)
{
    begin();
    for (uint64_t i = 1; i <= 100; i++)
        add(i);
    intake->deaf = true;
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(counter("trying"), TRIES_MOST);
    intake->deaf = false;
    role_test_spin(&t);
    CHECK_U64(answer_all(ERROR_NONE), 100);
    end();
}

/* ---- peers that lie ---- */

static void what_intake_must_not_send_is_refused(void)
{
    struct str ada = STR("ada@x");
    uint64_t one = 1;
    struct str number = str_of(&one, sizeof one);
    int sealed = memfd_of(STR("hello"), SEALS), bare = memfd_of(STR("hello"), 0);
    const struct {
        const char *what;
        int fd;
        size_t names;
        uint64_t size;
    } rows[] = {
        {"no descriptor", -1, 1, 5},         {"not sealed", bare, 1, 5},
        {"smaller than said", sealed, 1, 6}, {"larger than said", sealed, 1, 4},
        {"huge", sealed, 1, UINT64_MAX},     {"no recipients", sealed, 0, 5},
    };

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msg m = {.type = MSG_QUEUE_ADD_ASK, .nfds = rows[i].fd >= 0, .fd = {rows[i].fd}};
        struct msg *tell;

        m.queue_add_ask = (struct msg_queue_add_ask){.id = ++last_id,
                                                     .transaction = STR("t"),
                                                     .recipients = {&ada, rows[i].names},
                                                     .accounts = {&number, 1},
                                                     .size = rows[i].size};
        role_end_send(intake, &m);
        tell = role_end_take(intake, MSG_QUEUE_ADD_TELL);
        CHECK_ROW(tell && tell->queue_add_tell.error.kind == ERROR_INTERNAL, rows[i].what);
    }
    CHECK_U64(counter("queue"), 0);
    end();
    close(sealed);
    close(bare);
}

/* Lists of wrong lengths are no answer: nothing is lost by them. */
static void answers_that_do_not_fit_lose_nothing(void)
{
    static const uint64_t nobody[3], known[] = {4, 4, 4}, some[] = {7, 8, 9, 10};
    uint64_t zero = ERROR_NONE, two = ERROR_TEMPORARY;
    struct str kinds[] = {str_of(&zero, 8), str_of(&two, 8)};
    struct msg tell = {.type = MSG_QUEUE_TRY_TELL};
    struct msg_queue_try_ask *ask;

    begin();
    CHECK_U64(add_bytes("t1", STR("hello"), three, nobody, 3), ERROR_NONE);
    for (size_t n = 0; n <= 4;
         n++) { /* owners of too few, or too many; or it says that they have it */
        if (n == 3)
            continue;
        ask = next_try();
        CHECK(ask && msg_u64_item(ask->accounts.v[0]) == 0);
        tell_owners(ask->id, some, n);
        CHECK_U64(counter("queue"), 3);
    }
    CHECK_U64(purge(0, "ada@x"), 1);
    CHECK_U64(purge(0, "ben@x") + purge(0, "gone@x"), 2);
    /* Kinds for two of three: the third fares as the whole. */
    role_test_pass(&t, 61 * SECOND_US);
    CHECK_U64(add_bytes("t2", STR("hello"), three, known, 3), ERROR_NONE);
    ask = next_try();
    CHECK(ask && ask->recipients.n == 3);
    tell.queue_try_tell = (struct msg_queue_try_tell){
        .id = ask->id, .error = {ERROR_TEMPORARY, STR("x")}, .kinds = {kinds, 2}};
    role_end_send(intake, &tell);
    role_end_send(intake, &tell); /* twice is once */
    CHECK_U64(counter("queue"), 2);
    end();
}

/* ---- what cannot be read ---- */

static void a_message_that_cannot_be_read_is_put_aside_and_told(void)
{
    char *large = mem_alloc(400000);
    uint64_t one = 1, two = 2;
    struct dirent *e;
    DIR *d;

    begin();
    random_bytes(large, 400000);
    CHECK_U64(add_bytes("t1", str_of(large, 400000), &STR("ada@x"), &one, 1), ERROR_NONE);
    CHECK_U64(add_bytes("t2", STR("small"), &STR("ada@x"), &one, 1), ERROR_NONE);
    CHECK_U64(add_bytes("t3", STR("small"), &STR("ben@x"), &two, 1), ERROR_NONE);
    d = fdopendir(dup(large_fd));
    rewinddir(d);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            CHECK(unlinkat(large_fd, e->d_name, 0) == 0);
    closedir(d);
    role_test_pass(&t, 11 * SECOND_US);
    CHECK_U64(answer_all(ERROR_NONE), 2);
    CHECK(problems == 1 && counter("queue") == 1);
    role_test_pass(&t, 21 * SECOND_US);
    CHECK(problems == 2 && tried() == NULL); /* it is looked at again, more and more seldom */
    mem_free(large);
    end();
}

static void run_sql(const char *sql)
{
    CHECK_ROW(sqlite3_exec(db_sqlite(r.db), sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

/* A row that verifies, and makes no sense all the same: the first message is damaged, the others go. */
static void a_row_that_cannot_be_read_is_put_aside_and_stops_nobody(void)
{
    static const char *const damages[] = {
        "DELETE FROM content WHERE id = (SELECT content FROM message WHERE id = 1)",
        "UPDATE content SET data = x'0011223344' WHERE id = (SELECT content FROM message WHERE id "
        "= 1)",
        "UPDATE content SET hash = x'00' WHERE id = (SELECT content FROM message WHERE id = 1)",
        "UPDATE content SET size = 1 << 40 WHERE id = (SELECT content FROM message WHERE id = 1)",
        "UPDATE message SET size = size + 100000 WHERE id = 1",
        "UPDATE message SET size = -1 WHERE id = 1",
        "UPDATE message SET content = 999 WHERE id = 1",
        "DELETE FROM message WHERE id = 1",
    };

    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        begin();
        for (uint64_t account = 1; account <= 3; account++)
            add(account == 3 ? 1 : account);
        run_sql("PRAGMA foreign_keys = 0");
        run_sql(damages[i]);
        role_test_pass(&t, 11 * SECOND_US);
        CHECK_U64(answer_all(ERROR_NONE), 2);
        CHECK_ROW(problems == 1 && counter("queue") == 1, damages[i]);
        role_test_pass(&t, 21 * SECOND_US);
        CHECK_ROW(problems == 2 && tried() == NULL, damages[i]);
        stop(); /* nor after a start, when it is the first of all, and tried at once */
        start();
        add(1);
        add(2);
        role_test_pass(&t, 11 * SECOND_US);
        CHECK_U64(answer_all(ERROR_NONE), 2);
        CHECK_ROW(problems == 4 && counter("queue") == 1, damages[i]);
        end();
    }
}

/* ---- very many ---- */

static size_t commits;

static int on_commit(void *arg)
{
    (void)arg;
    commits++;
    return 0;
}

/* Into the socket, and the role does not run yet. */
static void send_quietly(const struct msg *m)
{
    struct error err;
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, m, &err) && send(intake->fd, b.p, b.n, 0) == (ssize_t)b.n);
    buf_done(&b);
}

static void answers_that_come_together_are_one_commit(void)
{
    size_t n = 0, rounds = 0;

    begin();
    for (uint64_t i = 0; i < 2000; i++)
        add(1 + i % 20);
    stop();
    start();
    sqlite3_commit_hook(db_sqlite(r.db), on_commit, NULL);
    commits = 0;
    for (; n < 2000 && rounds < 1000; rounds++) {
        struct msg_queue_try_ask *ask;

        role_test_pass(&t, 1000);
        for (; (ask = tried()); n++)
            send_quietly(
                &(struct msg){.type = MSG_QUEUE_TRY_TELL, .queue_try_tell = {.id = ask->id}});
    }
    role_test_pass(&t, 1000);
    CHECK(n == 2000 && counter("queue") == 0);
    CHECK(commits <= rounds && rounds < 100);
    end();
}

static void more_recipients_than_one_question_takes_are_all_tried(void)
{
    struct str names[OWNERS_MOST];
    uint64_t owners[OWNERS_MOST];
    char text[OWNERS_MOST][80];
    struct msg_queue_try_ask *ask;
    size_t n = 0, rounds = 0;

    begin();
    for (size_t i = 0; i < OWNERS_MOST; i++) {
        names[i] = str_of(text[i], (size_t)snprintf(text[i], sizeof text[i], "ada+%060zu@x", i));
        owners[i] = 1;
    }
    CHECK_U64(add_bytes("t1", STR("m"), names, owners, OWNERS_MOST), ERROR_NONE);
    role_test_pass(&t, 11 * SECOND_US);
    for (; (ask = tried()); rounds++) {
        n += ask->recipients.n;
        tell_tried(ask->id, ERROR_NONE);
    }
    CHECK(n == OWNERS_MOST && rounds == 2 && counter("queue") == 0);
    end();
}

int main(void)
{
    RUN(more_recipients_than_one_question_takes_are_all_tried);
    RUN(intakes_successor_gets_what_its_predecessor_had);
    RUN(a_message_that_ends_intake_each_time_is_put_aside);
    RUN(a_question_that_nobody_answers_is_put_again);
    RUN(intake_that_does_not_read_is_waited_for);
    RUN(what_intake_must_not_send_is_refused);
    RUN(answers_that_do_not_fit_lose_nothing);
    RUN(a_message_that_cannot_be_read_is_put_aside_and_told);
    RUN(a_row_that_cannot_be_read_is_put_aside_and_stops_nobody);
    RUN(answers_that_come_together_are_one_commit);
    return test_end();
}
