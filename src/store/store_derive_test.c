/* store/store_derive_test.c: messages described anew after an upgrade. */
#include "store/store_derive.c"
#include "store/test_account.h"

#define OLD "SELECT count(*) FROM email WHERE preview = 'old'"

/* The account as the release before the second step of its schema left it, whose BODYSTRUCTURE was
 * another one. */
static void make_old(void)
{
    sql("UPDATE email SET structure = x'00', preview = 'old'");
    sql("ALTER TABLE account DROP COLUMN derived;"
        "ALTER TABLE account DROP COLUMN stale_at;"
        "ALTER TABLE account DROP COLUMN stale_to;"
        "ALTER TABLE account DROP COLUMN subscribed;"
        "ALTER TABLE account DROP COLUMN used;"
        "ALTER TABLE mailbox DROP COLUMN arrived;"
        "ALTER TABLE mailbox DROP COLUMN flagged;"
        "ALTER TABLE mailbox DROP COLUMN expunged;"
        "ALTER TABLE mailbox DROP COLUMN created;"
        "ALTER TABLE mailbox DROP COLUMN renamed;"
        "ALTER TABLE mailbox DROP COLUMN subscribed;"
        "DROP TABLE copying;"
        "PRAGMA user_version = 1");
    reopen();
}

static void what_an_earlier_release_understood_is_made_anew(void)
{
    struct buf report;
    uint64_t differences = 99;
    const int old = 3000; /* more than one slice has room for */
    test_store_open(&one, 0);
    CHECK(store_batch_begin(one.store, NULL));
    for (int i = 0; i < old; i++)
        test_deliver(&one, "INBOX", mail((unsigned)i));
    CHECK(store_batch_commit(one.store, NULL));
    uint64_t clock = usage().modseq;
    make_old();
    CHECK_U64(sql_int("SELECT arrived = modseq FROM mailbox WHERE id = 1"), 1);
    test_deliver(&one, "INBOX", mail(1));
    CHECK_U64(sql_int(OLD), old);

    /* The check says so once, and still finds what is damaged. */
    buf_init(&report, 1 << 20);
    CHECK(store_check(one.store, false, &report, &differences, NULL));
    CHECK_U64(differences, 0);
    CHECK(str_find(buf_view(&report), STR("3000 messages that an earlier release read will "
                                          "be described anew in the background\n")) != SIZE_MAX);
    sql("UPDATE email SET preview = 'spoiled' WHERE id = 3001");
    CHECK(store_check(one.store, false, &report, &differences, NULL));
    CHECK_U64(differences, 1);
    CHECK(store_check(one.store, true, &report, &differences, NULL));
    CHECK_U64(differences, 1);
    CHECK_U64(sql_int(OLD), 0);
    sound();

    /* Without a repair it happens when there is time, in slices that go on where they were. */
    make_old();
    bool more = false;
    CHECK(store_idle(one.store, &more, NULL) && more);
    CHECK(sql_int(OLD) > 0 && sql_int(OLD) < old + 1);
    reopen();
    CHECK(sql_int("SELECT stale_at FROM account") > 0);
    idle_until_done();
    CHECK_U64(sql_int(OLD), 0);
    CHECK_U64(sql_int("SELECT stale_to FROM account"), 0);
    CHECK_U64(usage().modseq,
              clock + 2); /* the delivery, and the repair: to describe is no change */
    sql("UPDATE email SET preview = 'spoiled' WHERE id = 5");
    CHECK(store_check(one.store, true, &report, &differences, NULL));
    CHECK_U64(differences, 1);
    buf_done(&report);
    end();
}

/* A content that cannot be read does not stop it. */
static void a_damaged_content_is_passed_over(void)
{
    test_store_open(&one, 0);
    for (unsigned i = 0; i < 3; i++)
        test_deliver(&one, "INBOX", mail(i));
    make_old();
    sql("PRAGMA foreign_keys = OFF; UPDATE email SET content = 99 WHERE id = 2");
    idle_until_done();
    CHECK_U64(sql_int(OLD), 1);
    CHECK_U64(sql_int("SELECT stale_to FROM account"), 0);
    test_store_close(&one);
}

int main(void)
{
    RUN(what_an_earlier_release_understood_is_made_anew);
    RUN(a_damaged_content_is_passed_over);
    return test_end();
}
