/* relay/queue_test.c: queue.db: who is to get what, once; what is purged; how an older one is taken over. */
#include "relay/queue.c"

#include "base/test.h"
#include "relay/purge.c"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct db_source source;
static struct db *db;
static struct error err;

static void open_again(const struct db_schema *schema)
{
    CHECK_ROW(db_open(&db, &source, schema, &err), err.text);
}

static void begin_with(const struct db_schema *schema)
{
    source = (struct db_source){.generation = 1, .blob_fd = -1};
    memset(source.key, 7, sizeof source.key);
    source.db_fd = memfd_create("db", MFD_CLOEXEC);
    source.wal_fd = memfd_create("wal", MFD_CLOEXEC);
    open_again(schema);
}

static void begin(void)
{
    begin_with(&queue_schema);
}

static void end(void)
{
    db_close(db);
    close(source.db_fd);
    close(source.wal_fd);
}

/* "ada ben" to accounts "\1\2" (a NUL is nobody's); the message's number. */
static int64_t add(const char *transaction, const char *names, const char *accounts,
                   const char *bytes)
{
    struct str list[10], numbers[10], rest = str_c(names), one;
    uint64_t account[10];
    struct msg_queue_add_ask ask = {.transaction = str_c(transaction),
                                    .session = STR("s1"),
                                    .return_path = STR("a@example.org"),
                                    .trace = STR("Received: x\r\n"),
                                    .size = strlen(bytes),
                                    .received = 1795000000000000,
                                    .recipients = {list, 0},
                                    .accounts = {numbers, 0}};
    int64_t message = -1;
    bool more = true;

    while (more) {
        size_t i = ask.recipients.n++;

        more = str_cut(rest, ' ', &one, &rest);
        list[i] = more ? one : rest;
        account[i] = (uint64_t)accounts[i];
        numbers[i] = str_of(&account[i], sizeof account[i]);
    }
    ask.accounts.n = ask.recipients.n;
    CHECK_ROW(queue_add(db, &ask, str_c(bytes), &message, &err), err.text);
    return message;
}

static size_t count_of(const char *sql)
{
    sqlite3_stmt *s;
    size_t n;

    CHECK(sqlite3_prepare_v2(db_sqlite(db), sql, -1, &s, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(s) == SQLITE_ROW);
    n = (size_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* All items as "1:2 3:0": message and account. */
static const char *items(void)
{
    static char text[1000];
    struct queue_item i = {0};
    size_t n = 0;

    text[0] = '\0';
    while (queue_next(db, &i, &err))
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld:%llu", n ? " " : "",
                              (long long)i.message, (unsigned long long)i.account);
    CHECK_U64(err.kind, ERROR_NONE);
    return text;
}

/* The recipients of an item, with spaces between. */
static const char *names_of(int64_t message, uint64_t account)
{
    static char text[1000];
    struct queue_item i = {message, account};
    struct queue_try try;
    struct arena arena;
    bool found;
    size_t n = 0;

    text[0] = '\0';
    arena_init(&arena, 1 << 20);
    CHECK(queue_read(db, &i, &arena, &try, &found, &err));
    for (size_t k = 0; found && k < try.recipients.n; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "",
                              STR_ARG(try.recipients.v[k]));
    arena_done(&arena);
    return text;
}

static bool settle_done(int64_t message, uint64_t account, const char *name)
{
    struct str one = str_c(name);
    AUTO_TX struct db_tx tx = {0};

    return db_begin(&tx, db, &err) &&
           queue_done(db, &(struct queue_item){message, account}, &(struct msg_list){&one, 1},
                      &err) &&
           db_commit(&tx, &err);
}

static void an_entry_keeps_all_that_a_try_says(void)
{
    struct arena arena;
    struct queue_try try;
    struct buf b;
    bool found;
    int64_t id;

    begin();
    id = add("t1", "ada@x ben@x", "\1\1", "hello");
    arena_init(&arena, 1 << 20);
    CHECK(queue_read(db, &(struct queue_item){id, 1}, &arena, &try, &found, &err) && found);
    CHECK_STR(try.transaction, STR("t1"));
    CHECK_STR(try.session, STR("s1"));
    CHECK_STR(try.return_path, STR("a@example.org"));
    CHECK_STR(try.trace, STR("Received: x\r\n"));
    CHECK(try.size == 5 && try.received == 1795000000000000 && try.recipients.n == 2);
    buf_init(&b, 100);
    CHECK(content_read(db, try.content, 0, 5, &b, &err));
    CHECK_STR(buf_view(&b), STR("hello"));
    CHECK(queue_read(db, &(struct queue_item){id, 2}, &arena, &try, &found, &err) && !found);
    CHECK(queue_read(db, &(struct queue_item){id + 1, 1}, &arena, &try, &found, &err) && !found);
    buf_done(&b);
    arena_done(&arena);
    end();
}

static void asked_twice_is_asked_once(void)
{
    begin();
    CHECK(add("t1", "ada@x", "\1", "hello") > 0);
    CHECK_U64(add("t1", "ada@x", "\1", "hello"), 0);
    CHECK_U64(count_of("SELECT count(*) FROM recipient"), 1);
    CHECK_U64(count_of("SELECT count(*) FROM message"), 1);
    CHECK(add("t2", "ada@x", "\1", "hello") > 0); /* another message, with the same bytes */
    CHECK_U64(count_of("SELECT count(*) FROM content"), 1);
    end();
}

/* One after the other fails: first one recipient is queued, then the edge asks again and more are. */
static void a_recipient_that_is_queued_keeps_none_of_the_others_out(void)
{
    int64_t first, second;

    begin();
    first = add("t1", "ada@x", "\1", "hello");
    second = add("t1", "ada@x ben@x cleo@x", "\1\2\3", "hello");
    CHECK(second > first);
    CHECK(strcmp(names_of(first, 1), "ada@x") == 0 && strcmp(names_of(second, 1), "") == 0);
    CHECK(strcmp(names_of(second, 2), "ben@x") == 0 && strcmp(names_of(second, 3), "cleo@x") == 0);
    CHECK_U64(count_of("SELECT count(*) FROM recipient"), 3);
    end();
}

static void items_are_listed_once_each_in_order(void)
{
    begin();
    CHECK(strcmp(items(), "") == 0);
    add("t1", "ada@x ben@x ada+y@x", "\2\1\2", "a");
    add("t2", "x@x y@x", "\0\0", "b");
    CHECK(strcmp(items(), "1:1 1:2 2:0") == 0);
    CHECK_U64(queue_newest(db), 2);
    end();
}

static void a_message_goes_with_its_last_recipient_and_its_content_with_the_last_message(void)
{
    begin();
    add("t1", "ada@x ben@x", "\1\2", "same");
    add("t2", "ada@x", "\1", "same");
    CHECK(settle_done(1, 1, "ada@x"));
    CHECK(strcmp(items(), "1:2 2:1") == 0);
    CHECK(settle_done(1, 2, "ben@x"));
    CHECK(strcmp(items(), "2:1") == 0 && count_of("SELECT count(*) FROM message") == 1);
    CHECK_U64(count_of("SELECT count(*) FROM content"), 1);
    CHECK(settle_done(2, 1, "ada@x"));
    CHECK_U64(count_of("SELECT (SELECT count(*) FROM content) + (SELECT count(*) FROM message)"),
              0);
    CHECK(settle_done(2, 1, "ada@x")); /* it is over already */
    CHECK_U64(queue_newest(db), 0);
    CHECK(add("t3", "ada@x", "\1", "new") == 3); /* numbers are not used again */
    end();
}

static void owners_are_found_and_a_purged_recipient_stays_away(void)
{
    struct str list[] = {STR("ada@x"), STR("ben@x"), STR("cleo@x"), STR("purged@x"), STR("dora@x")};
    uint64_t owners[] = {5, 0, 6, 5, 5};
    AUTO_TX struct db_tx tx = {0};
    bool found;

    begin();
    add("t1", "ada@x ben@x cleo@x dora@x", "\0\0\0\7", "a");
    CHECK(db_begin(&tx, db, &err));
    CHECK(queue_set_owners(db, &(struct queue_item){1, 0}, &(struct msg_list){list, 5}, owners,
                           &err));
    CHECK(db_commit(&tx, &err));
    CHECK(strcmp(items(), "1:0 1:5 1:6 1:7") == 0); /* who has an owner keeps it */
    CHECK(strcmp(names_of(1, 5), "ada@x") == 0 && strcmp(names_of(1, 0), "ben@x") == 0);
    CHECK(queue_has(db, &(struct queue_item){1, 6}, &found, &err) && found);
    CHECK(queue_has(db, &(struct queue_item){1, 8}, &found, &err) && !found);
    end();
}

static void an_account_that_is_removed_leaves_nothing(void)
{
    static const struct {
        const char *address;
        bool goes;
    } rows[] = {
        {"ada@example.test", true},
        {"ADA@EXAMPLE.Test", true},
        {"ada+lists@example.test", true},
        {"Ada+Lists+more@example.test", true},
        {"alias@example.test", true},
        {"j\xc3\xb6rg@b\xc3\xbc"
         "cher.test",
         true}, /* kept as its A-label */
        {"JO\xcc\x88RG+x@xn--bcher-kva.test", true},
        {"ada@other.test", false},
        {"adam@example.test", false},
        {"ben@example.test", false},
        {"+ada@example.test", false}, /* a + in front is part of the name */
        {"ada", false},
        {"postmaster@example.test", false},
    };
    struct str addresses[] = {STR("ada@example.test"), STR("alias@example.test"),
                              STR("j\xc3\xb6rg@xn--bcher-kva.test")};
    struct purge *p;
    uint64_t purged = 99;
    size_t left = 0;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char transaction[10];

        snprintf(transaction, sizeof transaction, "t%zu", i);
        add(transaction, rows[i].address, "\0", rows[i].address);
        left += !rows[i].goes;
    }
    add("u1", "ada@example.test ben@example.test", "\5\6", "for both");
    add("u2", "ada@example.test", "\7", "another's by now"); /* the address changed hands */
    p = purge_create(&(struct msg_list){addresses, ARRAY_LEN(addresses)});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_ROW(purge_matches(p, str_c(rows[i].address)) == rows[i].goes, rows[i].address);
    CHECK(queue_purge(db, 5, p, &purged, &err));
    CHECK_U64(purged, ARRAY_LEN(rows) - left + 1);
    CHECK_U64(count_of("SELECT count(*) FROM recipient WHERE account = 0"), left);
    CHECK_U64(count_of("SELECT count(*) FROM recipient WHERE account = 5"), 0);
    CHECK_U64(count_of("SELECT count(*) FROM recipient WHERE account IN (6, 7)"), 2);
    CHECK_U64(count_of("SELECT count(*) FROM message"), left + 2);
    CHECK_U64(count_of("SELECT count(*) FROM content"), left + 2);
    /* Account 0 is no account: what nobody knew stays. */
    CHECK(queue_purge(db, 0, p, &purged, &err) && purged == 0);
    CHECK_U64(count_of("SELECT count(*) FROM recipient WHERE account = 0"), left);
    purge_destroy(p);
    end();
}

/* More than one question takes: the rest is read when these are done. */
static void very_many_recipients_of_one_account_are_read_in_parts(void)
{
    struct str list[900], numbers[900];
    uint64_t one = 1;
    char text[900][80];
    struct msg_queue_add_ask ask = {.transaction = STR("t"),
                                    .size = 1,
                                    .recipients = {list, ARRAY_LEN(list)},
                                    .accounts = {numbers, ARRAY_LEN(list)}};
    size_t rounds = 0, seen = 0;
    int64_t message;
    bool found;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        int n = snprintf(text[i], sizeof text[i], "ada+%060zu@x", i);

        list[i] = str_of(text[i], (size_t)n);
        numbers[i] = str_of(&one, sizeof one);
    }
    CHECK(queue_add(db, &ask, STR("m"), &message, &err));
    for (;; rounds++) {
        AUTO_TX struct db_tx tx = {0};
        struct queue_item item = {message, 1};
        struct queue_try try;
        struct arena arena;
        bool left;

        arena_init(&arena, 1 << 20);
        CHECK(queue_read(db, &item, &arena, &try, &found, &err));
        if (!found)
            break;
        seen += try.recipients.n;
        CHECK(db_begin(&tx, db, &err) && queue_done(db, &item, &try.recipients, &err) &&
              queue_has(db, &item, &left, &err) && db_commit(&tx, &err));
        CHECK(left == (seen < ARRAY_LEN(list)));
        arena_done(&arena);
    }
    CHECK(seen == ARRAY_LEN(list) && rounds > 1);
    end();
}

static void what_waits_is_counted_and_dated(void)
{
    uint64_t n;
    int64_t oldest;

    begin();
    queue_count(db, &n, &oldest);
    CHECK(n == 0 && oldest == 0);
    add("t1", "ada@x ben@x", "\1\2", "a");
    queue_count(db, &n, &oldest);
    CHECK(n == 2 && oldest == 1795000000000000);
    end();
}

/* ---- an older queue ---- */

/* As the first schema had it: a row an entry, its recipients each with a NUL after it. */
static void old_entry(const char *transaction, struct str recipients, const char *bytes,
                      int attempts)
{
    AUTO_TX struct db_tx tx = {0};
    struct content_new *content = NULL;
    struct str first, rest;
    sqlite3_stmt *s;
    int64_t id;

    CHECK(content_prepare(&content, db, str_c(bytes), &err) && db_begin(&tx, db, &err) &&
          content_add(&content, db, &id, &err));
    CHECK(sqlite3_prepare_v2(db_sqlite(db),
                             "INSERT INTO entry (transaction_id, first_recipient, recipients,"
                             " session, return_path, trace, size, content, received_us, attempts,"
                             " next_us) VALUES (?, ?, ?, 's', 'r', 't', ?, ?, 1795000000000000, ?,"
                             " 99)",
                             -1, &s, NULL) == SQLITE_OK);
    str_cut(recipients, '\0', &first, &rest);
    db_bind_blob(s, 1, str_c(transaction));
    db_bind_text(s, 2, first);
    db_bind_blob(s, 3, recipients);
    db_bind_int(s, 4, (int64_t)strlen(bytes));
    db_bind_int(s, 5, id);
    db_bind_int(s, 6, attempts);
    CHECK(sqlite3_step(s) == SQLITE_DONE);
    sqlite3_finalize(s);
    CHECK(db_commit(&tx, &err));
}

static void every_recipient_of_an_older_queue_is_kept(void)
{
    static const struct db_schema old = {"queue", steps, 1};
    struct queue_try try;
    struct arena arena;
    struct buf many;
    bool found;

    begin_with(&old);
    old_entry("t1", STR("ada@x\0ben@x\0"), "hello", 3);
    old_entry("t1", STR("cleo@x\0"), "hello", 0); /* the rest of the same message */
    old_entry("t2", STR("ada@x\0"), "another", 1);
    old_entry("t1", STR("ben@x\0ada@x\0"), "hello", 7); /* doubled: others came in between */
    buf_init(&many, 100000);
    for (int i = 0; i < 1000; i++) {
        buf_printf(&many, "p%d@x", i);
        buf_char(&many, '\0');
    }
    old_entry("t3", buf_view(&many), "to all", 0);
    buf_done(&many);
    db_close(db);

    open_again(&queue_schema);
    CHECK(strcmp(items(), "1:0 2:0 3:0 4:0 5:0") == 0); /* nobody knows yet whose they are */
    CHECK(strcmp(names_of(1, 0), "ada@x") == 0 && strcmp(names_of(2, 0), "cleo@x") == 0);
    CHECK(strcmp(names_of(3, 0), "ada@x") == 0 && strcmp(names_of(4, 0), "ben@x") == 0);
    CHECK_U64(count_of("SELECT count(*) FROM recipient"), 1004);
    CHECK_U64(count_of("SELECT count(*) FROM message"), 5);
    CHECK_U64(count_of("SELECT count(*) FROM content"), 3);
    arena_init(&arena, 1 << 20);
    CHECK(queue_read(db, &(struct queue_item){1, 0}, &arena, &try, &found, &err) && found);
    CHECK(try.attempts == 3 && try.received == 1795000000000000 && try.size == 5);
    CHECK_STR(try.transaction, STR("t1"));
    CHECK_U64(queue_newest(db), 5);
    CHECK(add("t4", "ada@x", "\1", "new") > 5);
    arena_done(&arena);
    end();
}

int main(void)
{
    RUN(an_entry_keeps_all_that_a_try_says);
    RUN(asked_twice_is_asked_once);
    RUN(a_recipient_that_is_queued_keeps_none_of_the_others_out);
    RUN(items_are_listed_once_each_in_order);
    RUN(a_message_goes_with_its_last_recipient_and_its_content_with_the_last_message);
    RUN(owners_are_found_and_a_purged_recipient_stays_away);
    RUN(an_account_that_is_removed_leaves_nothing);
    RUN(very_many_recipients_of_one_account_are_read_in_parts);
    RUN(what_waits_is_counted_and_dated);
    RUN(every_recipient_of_an_older_queue_is_kept);
    return test_end();
}
