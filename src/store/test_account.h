/* store/test_account.h: for the tests of store/: one account, and short words for what is done to it. */
#ifndef STORE_TEST_ACCOUNT_H
#define STORE_TEST_ACCOUNT_H

#include "store/test_store.h"

static struct test_store one;
static struct arena arena;

/* Every test ends with the check that finds nothing. */
static inline void sound(void)
{
    struct buf report;
    uint64_t differences = 99;
    struct error err = {0};
    buf_init(&report, 1 << 20);
    CHECK(store_check(one.store, false, &report, &differences, &err));
    if (!CHECK_U64(differences, 0))
        fprintf(stderr, "%.*s", STR_ARG(buf_view(&report)));
    buf_done(&report);
}

static inline void end(void)
{
    sound();
    test_store_close(&one);
}

static inline void reopen(void)
{
    store_close(one.store);
    test_store_open(&one, 0);
}

static inline struct store_mailbox mailbox(const char *name)
{
    struct store_mailbox m = {0};
    struct error err = {0};
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    CHECK_ROW(store_mailbox_find(one.store, str_c(name), &arena, &m, &err), name);
    return m;
}

static inline bool exists(const char *name)
{
    struct store_mailbox m;
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    return store_mailbox_find(one.store, str_c(name), &arena, &m, NULL);
}

static inline struct store_usage usage(void)
{
    struct store_usage u = {0};
    CHECK(store_usage(one.store, &u, NULL));
    return u;
}

static inline struct str mail(unsigned n)
{
    static char text[200];
    int len = snprintf(text, sizeof(text),
                       "Subject: message %u\r\nMessage-ID: <%u@a>\r\n\r\nbody %u\r\n", n, n, n);
    return str_of(text, (size_t)len);
}

static inline bool expunge(const char *name, uint32_t uid)
{
    uint64_t modseq;
    return store_expunge(one.store, mailbox(name).id, &uid, 1, STR("session:t"), &modseq, NULL);
}

static inline void sql(const char *text)
{
    char *message = NULL;
    if (sqlite3_exec(db_sqlite(store_db(one.store)), text, NULL, NULL, &message) != SQLITE_OK)
        fatal("%s: %s", text, message);
}

static inline int64_t sql_int(const char *text)
{
    int64_t value = -1;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db_sqlite(store_db(one.store)), text, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        fatal("%s", text);
    value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

static inline void flag(const char *name, uint32_t uid, uint32_t flags)
{
    struct store_flags_change c = {STORE_FLAGS_ADD, flags, STR_NULL, UINT64_MAX};
    uint64_t modseq;
    CHECK(store_flags(one.store, mailbox(name).id, &uid, 1, &c, STR("s"), &modseq, NULL, NULL));
}

static inline void copy(const char *from, uint32_t uid, const char *to, bool move)
{
    struct vec pairs;
    uint64_t modseq;
    vec_init(&pairs, sizeof(struct store_pair));
    int64_t target = mailbox(to).id;
    CHECK(store_copy(one.store, mailbox(from).id, &uid, 1, target, move, STR("s"), &pairs, &modseq,
                     NULL));
    vec_done(&pairs);
}

static inline void idle_until_done(void)
{
    bool more = true;
    while (more)
        if (!CHECK(store_idle(one.store, &more, NULL)))
            return;
}

#endif
