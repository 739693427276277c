/* store/store_copy_slices_test.c: copies in slices, several at once: what is taken back is what was not finished, and nothing else. */
#include "store/store_int.h"
#include "store/test_store.h"

#include "base/vec.h"

static struct test_store t;
static struct store_mailbox inbox;
static int64_t target;
static uint32_t uid[6];
static struct vec pairs;
static struct error err;

static void begin(void)
{
    struct arena arena;

    test_store_open(&t, 0);
    arena_init(&arena, 1 << 20);
    vec_init(&pairs, sizeof(struct store_pair));
    for (size_t i = 0; i < ARRAY_LEN(uid); i++)
        uid[i] = test_deliver(&t, "INBOX", STR("Subject: one\r\n\r\nhello\r\n"));
    CHECK(store_mailbox_find(t.store, STR("INBOX"), &arena, &inbox, &err));
    CHECK(store_mailbox_create(t.store, STR("there"), STORE_ROLE_NONE, STR("s"), &target, &err));
    inbox.name = STR_NULL;
    arena_done(&arena);
}

static void end(void)
{
    vec_done(&pairs);
    test_store_close(&t);
}

/* How many messages the target has. */
static uint32_t there(void)
{
    struct store_mailbox m = {0};
    struct arena arena;
    bool gone;

    arena_init(&arena, 1 << 20);
    CHECK(store_mailbox_get(t.store, target, &arena, &m, &gone, &err));
    arena_done(&arena);
    return m.messages;
}

static bool slice(struct store_copying *c, size_t i, bool last)
{
    return store_copy_slice(t.store, c, &uid[i], 1, last, STR("s"), &pairs, &err);
}

static struct store_copying *copying(void)
{
    return store_copy_begin(t.store, inbox.id, target);
}

static void undo(struct store_copying *c)
{
    bool more = true;

    while (more)
        if (!CHECK(store_copy_undo(t.store, c, STR("s"), &more, &err)))
            return;
}

/* The steps that it took to sweep. */
static unsigned sweep(void)
{
    unsigned n = 0;
    bool more = true;

    for (; more && n < 100; n++)
        CHECK(store_copy_sweep(t.store, &more, &err));
    return n;
}

static void one_that_is_undone_takes_no_other_with_it(void)
{
    struct store_copying *a, *b;

    begin();
    a = copying();
    b = copying();
    CHECK(slice(a, 0, false) && slice(b, 1, false) && slice(a, 2, false) && slice(b, 3, false));
    CHECK_U64(there(), 4);
    undo(a);
    CHECK_U64(there(), 2);
    CHECK(slice(b, 4, true));
    undo(b); /* it is whole: nothing of it is taken back */
    CHECK_U64(there(), 3);
    store_copy_end(a);
    store_copy_end(b);
    sweep();
    CHECK_U64(there(), 3);
    end();
}

/* A third one begins when the first has gone on after the second began. */
static void each_has_a_number_of_its_own(void)
{
    struct store_copying *a, *b, *c;

    begin();
    a = copying();
    b = copying();
    CHECK(slice(a, 0, false) && slice(b, 1, false) && slice(a, 2, false));
    c = copying();
    CHECK(slice(c, 3, false));
    undo(c);
    CHECK_U64(there(), 3);
    CHECK(slice(c, 4, false)); /* it may begin anew */
    CHECK(slice(b, 5, true));
    undo(c);
    undo(a);
    CHECK_U64(there(), 2);
    store_copy_end(a);
    store_copy_end(b);
    store_copy_end(c);
    end();
}

static void the_sweep_waits_until_nobody_copies(void)
{
    struct store_copying *a, *b;

    begin();
    a = copying();
    b = copying();
    CHECK(slice(a, 0, false) && slice(b, 1, false) && slice(b, 2, false));
    store_copy_end(a);
    sweep();
    CHECK_U64(there(), 3);
    store_copy_end(b);
    CHECK_U64(sweep(), 4); /* a slice each, and the last finds none */
    CHECK_U64(there(), 0);
    end();
}

/* From now on the table of slices takes no such statement, as with a disk that is full. */
static void fail(const char *what)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "DROP TRIGGER IF EXISTS f; CREATE TRIGGER f BEFORE %s ON copying BEGIN"
             " SELECT RAISE(ABORT, 'full'); END",
             what);
    CHECK(sqlite3_exec(db_sqlite(store_db(t.store)), sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void a_slice_that_fails_has_not_happened(void)
{
    struct store_copying *a;

    begin();
    a = copying();
    CHECK(slice(a, 0, false));
    fail("INSERT");
    CHECK(!slice(a, 1, false));
    CHECK_U64(pairs.n, 1);
    CHECK_U64(there(), 1);
    store_copy_end(a);
    end();
}

/* Nor is it tried again at once. */
static void a_sweep_that_fails_keeps_nobody_from_reading(void)
{
    struct store_copying *a;
    bool more = true;

    begin();
    a = copying();
    CHECK(slice(a, 0, false));
    store_copy_end(a);
    fail("DELETE");
    CHECK(store_copy_sweep(t.store, &more, &err) && !more);
    CHECK_U64(there(), 1);
    fail("UPDATE");
    CHECK_U64(sweep(), 2);
    CHECK_U64(there(), 0);
    end();
}

int main(void)
{
    RUN(one_that_is_undone_takes_no_other_with_it);
    RUN(each_has_a_number_of_its_own);
    RUN(the_sweep_waits_until_nobody_copies);
    RUN(a_slice_that_fails_has_not_happened);
    RUN(a_sweep_that_fails_keeps_nobody_from_reading);
    return test_end();
}
