/* store/store_test.c: the account's store, over real files. */
#include "store/store.c"
#include "store/test_account.h"

#include "base/limits.h"

#include <errno.h>

static int64_t now_us;

static int64_t test_wall(void)
{
    return now_us;
}

static int64_t test_boot(void)
{
    return now_us;
}

/* ---- */

static void a_new_account_has_its_mailboxes(void)
{
    test_store_open(&one, 0);
    CHECK_U64(mailbox("inbox").role, STORE_ROLE_INBOX);
    CHECK_U64(mailbox("Sent").role, STORE_ROLE_SENT);
    CHECK_U64(mailbox("Trash").role, STORE_ROLE_TRASH);
    CHECK(mailbox("Junk").uidvalidity != mailbox("Trash").uidvalidity);
    CHECK(!exists("Spam"));
    end();
}

static void a_delivery_is_kept_once(void)
{
    test_store_open(&one, 0);
    struct store_delivery d = {.transaction = STR("t1"),
                               .bytes = mail(1),
                               .prefix = STR("R: x\r\n"),
                               .received_us = 5,
                               .actor = STR("delivery:t1")};
    struct store_placed first, again;
    CHECK(store_deliver(one.store, &d, &first, NULL));
    CHECK(!first.duplicate);
    reopen();
    CHECK(store_deliver(one.store, &d, &again, NULL));
    CHECK(again.duplicate);
    CHECK_U64(again.uid, first.uid);
    CHECK_U64(mailbox("INBOX").messages, 1);
    CHECK_U64(mailbox("INBOX").unseen, 1);
    CHECK_U64(mailbox("INBOX").bytes, d.bytes.n + d.prefix.n);

    struct buf out;
    buf_init(&out, 1000);
    CHECK(store_email_read(one.store, first.email, 0, 1000, &out, NULL));
    CHECK_U64(out.n, d.bytes.n + 6);
    CHECK(str_starts(buf_view(&out), STR("R: x\r\nSubject: message 1")));
    buf_reset(&out);
    CHECK(store_email_read(one.store, first.email, 3, 10, &out, NULL));
    CHECK_STR(buf_view(&out), STR("x\r\nSubject"));
    buf_done(&out);
    end();
}

static void a_mailbox_that_is_gone_does_not_lose_a_delivery(void)
{
    test_store_open(&one, 0);
    CHECK_U64(test_deliver(&one, "Nowhere/at all", mail(1)), 1);
    CHECK_U64(mailbox("INBOX").messages, 1);
    end();
}

static void the_quota_refuses_append_and_never_a_delivery(void)
{
    struct error err = {0};
    test_store_open(&one, 90);
    test_deliver(&one, "INBOX", mail(1));
    test_deliver(&one, "INBOX", mail(2));
    CHECK(usage().live_bytes > 90);
    struct store_append a = {.bytes = mail(3), .mailbox = mailbox("INBOX").id, .actor = STR("s")};
    CHECK(!store_append(one.store, &a, NULL, &err));
    CHECK_U64(err.kind, ERROR_QUOTA);
    CHECK(expunge("INBOX", 1));
    CHECK(expunge("INBOX", 2));
    CHECK_U64(usage().live_bytes, 0);
    CHECK(usage().kept_bytes > 0);
    a.bytes = mail(3);
    CHECK(store_append(one.store, &a, NULL, NULL));
    end();
}

static void a_copy_costs_nothing_and_a_move_keeps_the_email(void)
{
    struct vec pairs;
    uint64_t modseq;
    uint32_t uid;
    struct store_message m, moved;
    test_store_open(&one, 0);
    uid = test_deliver(&one, "INBOX", mail(1));
    uint64_t live = usage().live_bytes;
    vec_init(&pairs, sizeof(struct store_pair));
    CHECK(store_copy(one.store, mailbox("INBOX").id, &uid, 1, mailbox("Archive").id, false,
                     STR("s"), &pairs, &modseq, NULL));
    CHECK_U64(pairs.n, 1);
    CHECK_U64(usage().live_bytes, live);
    CHECK_U64(usage().messages, 1);
    CHECK(store_message_get(one.store, mailbox("INBOX").id, uid, &arena, &m, NULL));
    CHECK(store_copy(one.store, mailbox("INBOX").id, &uid, 1, mailbox("Trash").id, true, STR("s"),
                     &pairs, &modseq, NULL));
    CHECK(store_message_get(one.store, mailbox("Trash").id, 1, &arena, &moved, NULL));
    CHECK_U64(moved.email, m.email);
    CHECK(store_message_get(one.store, mailbox("INBOX").id, uid, &arena, &m, NULL));
    CHECK(m.expunged);
    CHECK_U64(mailbox("INBOX").messages, 0);
    vec_done(&pairs);
    end();
}

static void what_was_expunged_can_be_brought_back_until_it_is_purged(void)
{
    static const struct clock_source source = {test_wall, test_boot};
    struct store_placed placed;
    struct error err = {0};
    bool more;
    now_us = INT64_C(1800000000) * 1000000;
    clock_set_source(&source);
    test_store_open(&one, 0);
    test_deliver(&one, "INBOX", mail(1));
    test_deliver(&one, "INBOX", mail(2));
    CHECK(expunge("INBOX", 1));
    CHECK(store_idle(one.store, &more, NULL));
    CHECK(store_undelete(one.store, mailbox("INBOX").id, 1, STR("s"), &placed, NULL));
    CHECK_U64(placed.uid, 3);
    sound();
    CHECK(expunge("INBOX", 2));
    now_us += 31 * DAY_US;
    do
        CHECK(store_idle(one.store, &more, NULL));
    while (more);
    CHECK(!store_undelete(one.store, mailbox("INBOX").id, 2, STR("s"), &placed, &err));
    CHECK_U64(err.kind, ERROR_GONE);
    CHECK_U64(usage().kept_bytes, 0);
    now_us += 500 * DAY_US;
    do
        CHECK(store_idle(one.store, &more, NULL));
    while (more);
    CHECK(!store_undelete(one.store, mailbox("INBOX").id, 2, STR("s"), &placed, &err));
    CHECK_U64(err.kind, ERROR_NOT_FOUND);
    CHECK_U64(mailbox("INBOX").messages, 1);
    clock_set_source(NULL);
    end();
}

/* It had come, its answer was lost, and its account could not be opened for 40 days. */
static void a_delivery_whose_id_is_forgotten_is_known_by_its_bytes_and_its_time(void)
{
    static const struct clock_source source = {test_wall, test_boot};
    bool more;

    now_us = 1000 * DAY_US;
    clock_set_source(&source);
    test_store_open(&one, 0);
    struct store_delivery d = {.transaction = STR("t1"),
                               .bytes = mail(1),
                               .received_us = now_us,
                               .actor = STR("delivery"),
                               .late = true};
    struct store_placed placed;
    CHECK(store_deliver(one.store, &d, NULL, NULL));
    now_us += 40 * DAY_US;
    do
        CHECK(store_idle(one.store, &more, NULL));
    while (more);
    CHECK(store_deliver(one.store, &d, &placed, NULL) && placed.duplicate);
    CHECK_U64(mailbox("INBOX").messages, 1);
    sound();
    /* Deleted, but not purged yet: still known. */
    CHECK(expunge("INBOX", 1));
    CHECK(store_deliver(one.store, &d, &placed, NULL) && placed.duplicate);
    CHECK_U64(mailbox("INBOX").messages, 0);
    /* The same bytes at another time, and others at the same, are other messages. */
    d.received_us++;
    d.transaction = STR("t2");
    CHECK(store_deliver(one.store, &d, &placed, NULL) && !placed.duplicate);
    d.bytes = mail(2);
    d.transaction = STR("t3");
    CHECK(store_deliver(one.store, &d, &placed, NULL) && !placed.duplicate);
    CHECK_U64(mailbox("INBOX").messages, 2);
    /* What is not late is known by its id alone: a clock may stand still. */
    d.late = false;
    d.transaction = STR("t4");
    CHECK(store_deliver(one.store, &d, &placed, NULL) && !placed.duplicate);
    d.late = true;
    /* A clock that jumped ten years, either way, makes nobody's mail come twice. */
    for (int i = 0; i < 2; i++) {
        now_us += (i ? -7300 : 3650) * DAY_US;
        do
            CHECK(store_idle(one.store, &more, NULL));
        while (more);
        CHECK(store_deliver(one.store, &d, &placed, NULL) && placed.duplicate);
    }
    CHECK_U64(mailbox("INBOX").messages, 3);
    sound();
    clock_set_source(NULL);
    end();
}

static void idle_after(int64_t days)
{
    now_us += days * DAY_US;
    idle_until_done();
}

/* The id of a delivery for a month, so that a repeat is known; a tombstone and the record of a change for 400 days. Then each mailbox
 * knows from where on they may be missing. */
static void history_is_kept_as_long_as_is_said(void)
{
    static const struct clock_source source = {test_wall, test_boot};
    int64_t expunged_at;
    now_us = INT64_C(1800000000) * 1000000;
    clock_set_source(&source);
    test_store_open(&one, 0);
    test_deliver(&one, "INBOX", mail(1));
    CHECK(expunge("INBOX", 1));
    expunged_at = sql_int("SELECT modseq FROM account");
    idle_after(29);
    CHECK_U64(sql_int("SELECT count(*) FROM delivery"), 1);
    idle_after(2);
    CHECK_U64(sql_int("SELECT count(*) FROM delivery"), 0);
    idle_after(368);
    CHECK_U64(sql_int("SELECT count(*) FROM tombstone"), 1);
    CHECK(sql_int("SELECT floor FROM mailbox WHERE name = 'INBOX'") < expunged_at);
    CHECK(sql_int("SELECT count(*) FROM change WHERE at_us > 0") > 0);
    idle_after(2);
    CHECK_U64(sql_int("SELECT count(*) FROM tombstone"), 0);
    CHECK_U64(sql_int("SELECT floor FROM mailbox WHERE name = 'INBOX'"), expunged_at);
    clock_set_source(NULL);
    end();
}

/* Each kind of change has its own, and who made it. */
static void a_change_publishes_its_number_and_its_actor(void)
{
    static const char last_actor[] =
        "SELECT a.name = 'session:9' FROM change c JOIN actor a ON a.id = c.actor"
        " ORDER BY c.modseq DESC LIMIT 1";
    int64_t before;
    test_store_open(&one, 0);
    test_deliver(&one, "INBOX", mail(1));
    CHECK_U64(sql_int("SELECT email_modseq = modseq AND mailbox_modseq = modseq FROM account"), 1);
    CHECK_U64(sql_int(last_actor), 0);
    before = sql_int("SELECT email_modseq FROM account");
    CHECK(
        store_mailbox_create(one.store, STR("New"), STORE_ROLE_NONE, STR("session:9"), NULL, NULL));
    CHECK_U64(sql_int("SELECT mailbox_modseq = modseq FROM account"), 1);
    CHECK_U64(sql_int("SELECT email_modseq FROM account"), before);
    CHECK_U64(sql_int(last_actor), 1);
    flag("INBOX", 1, STORE_FLAGGED);
    CHECK_U64(sql_int("SELECT email_modseq = modseq FROM account"), 1);
    end();
}

static void what_is_undeleted_has_its_flags_and_keywords(void)
{
    struct store_placed placed;
    struct store_message m = {0};
    struct store_flags_change c = {STORE_FLAGS_SET, STORE_FLAGGED | STORE_DELETED,
                                   STR("$Forwarded work"), UINT64_MAX};
    uint32_t uid = 1;
    uint64_t modseq;
    test_store_open(&one, 0);
    test_deliver(&one, "INBOX", mail(1));
    CHECK(store_flags(one.store, mailbox("INBOX").id, &uid, 1, &c, STR("s"), &modseq, NULL, NULL));
    CHECK(expunge("INBOX", 1));
    CHECK(store_undelete(one.store, mailbox("INBOX").id, 1, STR("s"), &placed, NULL));
    CHECK(store_message_get(one.store, mailbox("INBOX").id, placed.uid, &arena, &m, NULL));
    CHECK_U64(m.flags, STORE_FLAGGED);
    CHECK_STR(m.keywords, STR("$Forwarded work"));
    end();
}

/* It fails when its message is placed already: one keyword too many for the mailbox. */
static void a_part_of_a_batch_that_fails_half_way_has_not_happened(void)
{
    struct store_append a = {.bytes = mail(1), .actor = STR("s")};
    struct error err = {0};
    char word[20];
    test_store_open(&one, 0);
    a.mailbox = mailbox("INBOX").id;
    for (int i = 0; i <= LIMIT_KEYWORDS; i++) {
        snprintf(word, sizeof(word), "k%d", i);
        a.keywords = str_c(word);
        CHECK(store_batch_begin(one.store, NULL));
        CHECK(store_append(one.store, &a, NULL, &err) == (i < LIMIT_KEYWORDS));
        CHECK(store_batch_commit(one.store, NULL));
    }
    CHECK_U64(err.kind, ERROR_LIMIT);
    CHECK_U64(mailbox("INBOX").messages, LIMIT_KEYWORDS);
    end();
}

/* A little too much is kept: a little goes, and what was deleted last stays. */
static void what_is_kept_beyond_the_quota_goes_from_the_oldest_on(void)
{
    struct store_placed placed;
    struct error err;
    uint64_t before;
    test_store_open(&one, 0);
    for (unsigned i = 1; i <= 50; i++)
        test_deliver(&one, "INBOX", mail(100 + i));
    for (uint32_t uid = 1; uid <= 50; uid++)
        CHECK(expunge("INBOX", uid));
    before = usage().kept_bytes;
    store_set_quota(one.store, before * 100 / 105); /* 5 % too much: the three oldest */
    idle_until_done();
    CHECK(usage().kept_bytes <= before * 100 / 105);
    CHECK(usage().kept_bytes >= before * 100 / 105 - before / 50);
    for (uint32_t uid = 1; uid <= 50; uid++) {
        bool kept = store_undelete(one.store, mailbox("INBOX").id, uid, STR("s"), &placed, &err);
        CHECK(kept == (uid > 3) && (kept || err.kind == ERROR_GONE));
    }
    end();
}

static void names_make_a_tree(void)
{
    struct error err = {0};
    struct str s = STR("s");
    test_store_open(&one, 0);
    CHECK(store_mailbox_create(one.store, STR("Work/2026/May/"), 0, s, NULL, NULL));
    CHECK(exists("Work/2026") && exists("Work") && mailbox("Work").has_children);
    CHECK(!mailbox("Work/2026/May").has_children);
    CHECK(!store_mailbox_create(one.store, STR("Work"), 0, s, NULL, &err));
    CHECK_U64(err.kind, ERROR_EXISTS);
    test_deliver(&one, "Work/2026/May", mail(1));
    CHECK(store_mailbox_rename(one.store, STR("Work"), STR("Old/W\xc3\xb6rk"), s, NULL));
    CHECK(!exists("Work/2026") && exists("Old") && exists("Old/W\xc3\xb6rk/2026/May"));
    CHECK_U64(mailbox("Old/W\xc3\xb6rk/2026/May").messages, 1);
    CHECK(!store_mailbox_rename(one.store, STR("Old"), STR("Old/New"), s, &err));
    CHECK_U64(err.kind, ERROR_CONFLICT);
    CHECK(!store_mailbox_delete(one.store, STR("Old"), s, &err));
    CHECK_U64(err.kind, ERROR_CONFLICT);
    CHECK(!store_mailbox_delete(one.store, STR("Inbox"), s, &err));
    CHECK_U64(err.kind, ERROR_DENIED);
    uint32_t before = mailbox("Old/W\xc3\xb6rk/2026/May").uidvalidity;
    CHECK(store_mailbox_delete(one.store, STR("Old/W\xc3\xb6rk/2026/May"), s, NULL));
    CHECK(store_mailbox_create(one.store, STR("Old/W\xc3\xb6rk/2026/May"), 0, s, NULL, NULL));
    CHECK(mailbox("Old/W\xc3\xb6rk/2026/May").uidvalidity > before);
    CHECK_U64(usage().messages, 0);
    end();
}

static void renaming_inbox_moves_its_messages(void)
{
    test_store_open(&one, 0);
    test_deliver(&one, "INBOX", mail(1));
    CHECK(store_mailbox_create(one.store, STR("inbox/sub"), 0, STR("s"), NULL, NULL));
    CHECK(store_mailbox_rename(one.store, STR("INBOX"), STR("Old"), STR("s"), NULL));
    CHECK_U64(mailbox("INBOX").messages, 0);
    CHECK_U64(mailbox("Old").messages, 1);
    CHECK(exists("INBOX/sub"));
    end();
}

static const struct name_case {
    const char *name, *input, *want; /* want NULL: refused */
} name_cases[] = {
    {"plain", "a", "a"},
    {"one slash at the end", "a/", "a"},
    {"two are not", "a//", NULL},
    {"an empty level", "a//b", NULL},
    {"a slash in front", "/a", NULL},
    {"inbox", "inBOX", "INBOX"},
    {"below inbox", "inbox/a", "INBOX/a"},
    {"inbox below inbox", "INBOX/Inbox", NULL},
    {"like inbox", "inboxes", "inboxes"},
    {"empty", "", NULL},
    {"a wildcard", "a*", NULL},
    {"a control character", "a\001", NULL},
    {"a C1 control", "a\xc2\x85", NULL},
    {"not UTF-8", "a\xff", NULL},
    {"two dots", "a/../b", NULL},
};

static void names_are_checked(void)
{
    for (size_t i = 0; i < ARRAY_LEN(name_cases); i++) {
        const struct name_case *c = &name_cases[i];
        struct str out = STR_NULL;
        struct arena a;
        arena_init(&a, 1 << 16);
        bool ok = store_mailbox_name(test_exact(str_c(c->input)), &out, &a, NULL);
        CHECK_ROW(ok == (c->want != NULL), c->name);
        CHECK_ROW(!ok || str_equal(out, str_c(c->want)), c->name);
        arena_done(&a);
    }
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void a_batch_is_one_commit_and_each_part_its_own(void)
{
    struct store_placed p;
    struct store_news news;
    int told = 0;
    test_store_open(&one, 0);
    store_on_news(one.store, count, &told);
    told = 0; /* what was made at its opening */
    CHECK(store_news_take(one.store, &news));
    CHECK(store_batch_begin(one.store, NULL));
    test_deliver(&one, "INBOX", mail(1));
    CHECK(!store_mailbox_create(one.store, STR("Sent"), 0, STR("s"), NULL, NULL));
    test_deliver(&one, "INBOX", mail(2));
    CHECK_U64(told, 0);
    CHECK(store_batch_commit(one.store, NULL));
    CHECK_U64(told, 1);
    CHECK(store_news_take(one.store, &news));
    CHECK_U64(store_news_of(&news, mailbox("INBOX").id, STORE_NEWS_ALL), STORE_NEWS_ARRIVED);
    CHECK_U64(mailbox("INBOX").messages, 2);

    CHECK(store_batch_begin(one.store, NULL));
    test_deliver(&one, "INBOX", mail(3));
    store_batch_abort(one.store);
    CHECK(!store_news_take(one.store, &news));
    CHECK_U64(mailbox("INBOX").messages, 2);
    struct store_delivery d = {.transaction = STR("t"), .bytes = mail(3), .actor = STR("s")};
    CHECK(store_deliver(one.store, &d, &p, NULL));
    CHECK_U64(p.uid, 3);
    end();
}

static void a_conversation_has_one_thread(void)
{
    struct store_email e[4];
    static const char *const mails[] = {
        "Subject: Trip\r\nMessage-ID: <1@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <2@a>\r\nIn-Reply-To: <1@a>\r\n\r\n",
        "Subject: Other\r\nMessage-ID: <3@a>\r\nReferences: <1@a>\r\n\r\n",
        "Subject: RE: Re: Trip\r\nMessage-ID: <4@a>\r\nReferences: <9@a> <2@a>\r\n\r\n",
    };
    test_store_open(&one, 0);
    for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
        struct store_message m;
        uint32_t uid = test_deliver(&one, "INBOX", str_c(mails[i]));
        CHECK(store_message_get(one.store, mailbox("INBOX").id, uid, &arena, &m, NULL));
        CHECK(store_email_get(one.store, m.email, &arena, &e[i], NULL));
    }
    CHECK_U64(e[1].thread, e[0].thread);
    CHECK(e[2].thread != e[0].thread);
    CHECK_U64(e[3].thread, e[0].thread);
    end();
}

/* Delivers the mails and gives the threads of all of them as they are at the end. */
static void threads_of(const char *const *mails, size_t n, int64_t *threads)
{
    struct store_message m[8];
    test_store_open(&one, 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t uid = test_deliver(&one, "INBOX", str_c(mails[i]));
        CHECK(store_message_get(one.store, mailbox("INBOX").id, uid, &arena, &m[i], NULL));
    }
    for (size_t i = 0; i < n; i++) {
        struct store_email e;
        CHECK(store_email_get(one.store, m[i].email, &arena, &e, NULL));
        threads[i] = e.thread;
    }
    end();
}

static void a_late_message_joins_two_conversations(void)
{
    static const char *const references[] = {
        "Subject: Trip\r\nMessage-ID: <a@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <b@a>\r\nReferences: <lost@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <c@a>\r\nIn-Reply-To: <b@a>\r\n\r\n",
        "Subject: Fwd: Trip\r\nMessage-ID: <d@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <lost@a>\r\nReferences: <a@a>\r\n\r\n",
    };
    static const char *const in_reply_to[] = {
        "Subject: Trip\r\nMessage-ID: <a@a>\r\n\r\n",
        "Subject: Trip\r\nMessage-ID: <b@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <c@a>\r\nIn-Reply-To: <b@a> <a@a>\r\n\r\n",
        "Subject: Re: Trip\r\nMessage-ID: <d@a>\r\nReferences: <b@a>\r\n\r\n",
    };
    int64_t t[8];
    threads_of(references, ARRAY_LEN(references), t);
    CHECK_U64(t[1], t[0]);
    CHECK_U64(t[2], t[0]); /* which shares nothing with the late one itself */
    CHECK(t[3] != t[0]);   /* the subject alone is no reason (RFC 8621 section 3) */
    CHECK_U64(t[4], t[0]);
    threads_of(in_reply_to, ARRAY_LEN(in_reply_to), t);
    for (size_t i = 1; i < ARRAY_LEN(in_reply_to); i++)
        CHECK_U64(t[i], t[0]);
}

static void another_subject_joins_nothing(void)
{
    static const char *const mails[] = {
        "Subject: Trip\r\nMessage-ID: <a@a>\r\n\r\n",
        "Subject: Trip\r\nMessage-ID: <b@a>\r\n\r\n",
        "Subject: Bill\r\nMessage-ID: <c@a>\r\nReferences: <a@a> <b@a>\r\n\r\n",
    };
    int64_t t[8];
    threads_of(mails, ARRAY_LEN(mails), t);
    CHECK(t[0] != t[1] && t[1] != t[2] && t[0] != t[2]);
}

static void keywords_are_sorted_and_counted(void)
{
    struct str words[] = {STR("b"), STR("$A"), STR("B"), STR("a")}, out;
    struct str bad[] = {STR("a b")};
    struct arena a;
    arena_init(&a, 1 << 16);
    CHECK(store_keywords_join(words, 4, &a, &out, NULL));
    CHECK_STR(out, STR("$A a b"));
    CHECK(store_keywords_has(out, STR("$a")) && !store_keywords_has(out, STR("$")));
    CHECK(!store_keywords_join(bad, 1, &a, &out, NULL));
    arena_done(&a);
}

/* Each derived number and text is spoiled; the check must tell, repair, and then find nothing. */
static void whatever_is_derived_can_be_made_again(void)
{
    static const char *const damages[] = {
        "UPDATE mailbox SET messages = messages + 1 WHERE name = 'INBOX'",
        "UPDATE mailbox SET unseen = 0 WHERE name = 'INBOX'",
        "UPDATE mailbox SET deleted = 7 WHERE name = 'INBOX'",
        "UPDATE mailbox SET bytes = 7 WHERE name = 'INBOX'",
        "UPDATE mailbox SET uidnext = 1 WHERE name = 'INBOX'",
        "UPDATE mailbox SET modseq = 0 WHERE name = 'INBOX'",
        "UPDATE mailbox SET arrived = 0 WHERE name = 'INBOX'",
        "UPDATE mailbox SET expunged = 0 WHERE name = 'INBOX'",
        "UPDATE mailbox SET flagged = 0 WHERE name = 'INBOX'",
        "UPDATE account SET live_bytes = 1",
        "UPDATE account SET kept_bytes = 1",
        "UPDATE account SET messages = 0",
        "UPDATE account SET modseq = 0",
        "UPDATE email SET size = 1 WHERE id = 1",
        "UPDATE email SET places = 3 WHERE id = 1",
        "UPDATE email SET graves = 3 WHERE id = 1",
        "UPDATE email SET subject = 'x' WHERE id = 2",
        "UPDATE email SET envelope = x'00' WHERE id = 2",
        "UPDATE email SET structure = x'00' WHERE id = 2",
        "UPDATE email SET parts = x'00' WHERE id = 2",
        "UPDATE email SET preview = '', message_id = 'y', sent_us = 5 WHERE id = 2",
        "DELETE FROM email_ref WHERE email = 2",
        "UPDATE placement SET email = 99 WHERE uid = 2",
        "UPDATE tombstone SET email = 99",
        "INSERT INTO tombstone VALUES (1, 2, 1, 1, NULL, 0, '', 1)",
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct buf report;
        uint64_t differences = 0;
        test_store_open(&one, 0);
        test_deliver(&one, "INBOX", mail(1));
        test_deliver(&one, "INBOX", mail(2));
        test_deliver(&one, "INBOX", mail(3));
        CHECK(expunge("INBOX", 1));
        flag("INBOX", 2, STORE_SEEN);
        sound();
        sql(damages[i]);
        buf_init(&report, 1 << 16);
        CHECK_ROW(store_check(one.store, false, &report, &differences, NULL), damages[i]);
        CHECK_ROW(differences > 0, damages[i]);
        CHECK_ROW(store_check(one.store, true, &report, &differences, NULL), damages[i]);
        buf_done(&report);
        end();
    }
}

/* A random history of changes, with the account opened anew now and then: nothing that is counted
 * may drift. */
static void a_random_history_stays_sound(void)
{
    static const char *const names[] = {"INBOX", "Archive", "Trash"};
    uint64_t seed = 88172645463325252u, modseq;
    test_store_open(&one, 0);
    for (unsigned i = 0; i < 400; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        struct store_mailbox m = mailbox(names[seed % 3]);
        uint32_t uid = (uint32_t)(seed / 3 % (m.uidnext + 1));
        struct store_flags_change c = {(enum store_flags_mode)(seed / 7 % 3),
                                       (uint32_t)(seed / 21 % 32), STR_NULL, UINT64_MAX};
        struct vec pairs;
        struct store_placed placed;
        struct error err = {0};
        vec_init(&pairs, sizeof(struct store_pair));
        switch (seed / 1000 % 8) {
        case 0:
        case 1:
            test_deliver(&one, names[seed % 3], mail((unsigned)(seed / 11 % 5)));
            break;
        case 2:
            CHECK(store_flags(one.store, m.id, &uid, 1, &c, STR("s"), &modseq, NULL, NULL));
            break;
        case 3:
            CHECK(store_expunge(one.store, m.id, &uid, 1, STR("s"), &modseq, NULL));
            break;
        case 4:
        case 5:
            CHECK(store_copy(one.store, m.id, &uid, 1, mailbox(names[seed / 5 % 3]).id,
                             seed / 1000 % 8 == 4, STR("s"), &pairs, &modseq, NULL));
            break;
        case 6:
            if (!store_undelete(one.store, m.id, uid, STR("s"), &placed, &err))
                CHECK(err.kind == ERROR_NOT_FOUND || err.kind == ERROR_GONE);
            break;
        default:
            if (i % 5 == 0)
                reopen();
        }
        vec_done(&pairs);
        if (i % 40 == 0)
            sound();
    }
    end();
}

/* ---- every call fails once ---- */

static int calls_left;

/* Counts down; false when this call and all later ones must fail. */
static bool works(void)
{
    return calls_left > 0 && --calls_left > 0;
}

static ssize_t bad_pwrite(int fd, const void *p, size_t n, int64_t at)
{
    return works() ? io_kernel.pwrite(fd, p, n, at) : -ENOSPC;
}

static int bad_sync(int fd)
{
    return works() ? io_kernel.sync(fd) : -EIO;
}

static int bad_create(int folder, const char *name)
{
    return works() ? io_kernel.blob_create(folder, name) : -ENOSPC;
}

static int bad_rename(int folder, const char *from, const char *to)
{
    return works() ? io_kernel.blob_rename(folder, from, to) : -EIO;
}

static int bad_folder_sync(int folder)
{
    return works() ? io_kernel.folder_sync(folder) : -EIO;
}

/* What was promised before the disk failed. */
struct promised {
    unsigned delivered, moved;
    bool expunged;
};

/* A short life of an account, up to its first failure. */
static void live(struct promised *p)
{
    static char large[400000];
    uint32_t uid = 1;
    uint64_t modseq;
    struct vec pairs;
    struct store_flags_change seen = {STORE_FLAGS_ADD, STORE_SEEN, STR("$x"), UINT64_MAX};
    int64_t inbox = mailbox("INBOX").id, trash = mailbox("Trash").id;
    for (size_t i = 0; i < sizeof(large); i++) {
        modseq = i * 2654435761u;
        large[i] = (char)('!' + (modseq >> 13) % 90);
    }
    vec_init(&pairs, sizeof(struct store_pair));
    struct str mails[] = {STR("Subject: 1\r\n\r\n"), str_of(large, sizeof(large)),
                          STR("Subject: 3\r\n\r\n")};
    bool ok = true;
    for (unsigned i = 0; ok && i < 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "t%u", i);
        struct store_delivery d = {
            .transaction = str_c(id), .bytes = mails[i], .actor = STR("delivery:t")};
        ok = store_deliver(one.store, &d, NULL, NULL);
        p->delivered += ok;
    }
    ok = ok && store_flags(one.store, inbox, &uid, 1, &seen, STR("s"), &modseq, NULL, NULL);
    ok = ok && store_copy(one.store, inbox, &uid, 1, trash, true, STR("s"), &pairs, &modseq, NULL);
    p->moved += ok;
    uid = 3;
    p->expunged = ok && store_expunge(one.store, inbox, &uid, 1, STR("s"), &modseq, NULL);
    vec_done(&pairs);
}

/* The disk fails from the n-th call on, for every n: then the account is opened on a good disk, is
 * sound, and has all that was promised. */
static void whatever_call_fails_nothing_promised_is_lost(void)
{
    static struct io bad;
    bool failed = true;
    bad = io_kernel;
    bad.pwrite = bad_pwrite;
    bad.sync = bad_sync;
    bad.blob_create = bad_create;
    bad.blob_rename = bad_rename;
    bad.folder_sync = bad_folder_sync;
    int n = 0;
    while (failed && n < 500) {
        struct promised p = {0};
        test_store_open(&one, 0);
        store_close(one.store);
        one.source.io = &bad;
        calls_left = 1 << 30;
        test_store_open(&one, 0);
        calls_left = ++n;
        live(&p);
        failed = calls_left == 0;
        store_close(one.store);
        one.source.io = NULL;
        test_store_open(&one, 0);
        unsigned there = mailbox("INBOX").messages + mailbox("Trash").messages;
        /* A change that failed may have happened or not; one that succeeded has. */
        CHECK(there + p.moved >= p.delivered && there <= p.delivered + 1);
        CHECK(!p.expunged || there == 2);
        CHECK(p.moved == 0 || mailbox("Trash").messages == 1);
        end();
        one.source.io = NULL;
    }
    CHECK(n > 20 && n < 500);
}

int main(void)
{
    RUN(a_new_account_has_its_mailboxes);
    RUN(a_delivery_is_kept_once);
    RUN(a_mailbox_that_is_gone_does_not_lose_a_delivery);
    RUN(the_quota_refuses_append_and_never_a_delivery);
    RUN(a_copy_costs_nothing_and_a_move_keeps_the_email);
    RUN(what_was_expunged_can_be_brought_back_until_it_is_purged);
    RUN(a_delivery_whose_id_is_forgotten_is_known_by_its_bytes_and_its_time);
    RUN(what_is_kept_beyond_the_quota_goes_from_the_oldest_on);
    RUN(history_is_kept_as_long_as_is_said);
    RUN(a_change_publishes_its_number_and_its_actor);
    RUN(what_is_undeleted_has_its_flags_and_keywords);
    RUN(a_part_of_a_batch_that_fails_half_way_has_not_happened);
    RUN(names_make_a_tree);
    RUN(renaming_inbox_moves_its_messages);
    RUN(names_are_checked);
    RUN(a_batch_is_one_commit_and_each_part_its_own);
    RUN(a_conversation_has_one_thread);
    RUN(a_late_message_joins_two_conversations);
    RUN(another_subject_joins_nothing);
    RUN(keywords_are_sorted_and_counted);
    RUN(whatever_is_derived_can_be_made_again);
    RUN(a_random_history_stays_sound);
    RUN(whatever_call_fails_nothing_promised_is_lost);
    arena_done(&arena);
    return test_end();
}
