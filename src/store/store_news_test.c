/* store/store_news_test.c: what changed: as news, and since a number. */
#include "store/store_news.c"
#include "store/test_account.h"

static void count(void *arg)
{
    ++*(int *)arg;
}

/* "INBOX:arrived,flags Archive:created": the news that is there, mailboxes by their id. */
static struct str news(void)
{
    static const char *const words[] = {"arrived", "flags",   "expunged",   "created",
                                        "renamed", "deleted", "subscribed", "quota"};
    static char text[1000];
    struct store_news n;
    unsigned all = 0;
    size_t at = 0;
    text[0] = 0;
    if (!store_news_take(one.store, &n))
        return STR("");
    for (size_t i = 0; i < n.n; i++) {
        unsigned kinds = n.items[i].kinds;
        all |= kinds;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld", i ? " " : "",
                               (long long)n.items[i].id);
        for (size_t k = 0; k < ARRAY_LEN(words); k++)
            if (kinds & 1u << k)
                at += (size_t)snprintf(text + at, sizeof(text) - at, ":%s", words[k]);
    }
    CHECK_U64(n.kinds, all);
    if (n.overflow)
        at += (size_t)snprintf(text + at, sizeof(text) - at, " and more");
    return str_of(text, at);
}

static void what_changed_is_told_after_the_commit(void)
{
    int woken = 0;
    struct store_placed p;
    test_store_open(&one, 0); /* INBOX is 1, Drafts 2, Sent 3, Archive 4, Junk 5, Trash 6 */
    CHECK_STR(news(), STR("1:created 2:created 3:created 4:created 5:created 6:created"));
    store_on_news(one.store, count, &woken);
    CHECK_U64(woken, 0);
    test_deliver(&one, "INBOX", mail(0));
    CHECK_U64(woken, 1);
    store_on_news(one.store, count, &woken); /* some waits */
    CHECK_U64(woken, 2);
    woken = 0;
    CHECK_STR(news(), STR("1:arrived 0:quota"));
    CHECK_STR(news(), STR(""));
    test_deliver(&one, "INBOX", mail(1));
    CHECK_U64(woken, 1);
    test_deliver(&one, "Archive", mail(2));
    CHECK_U64(woken, 1); /* once until it is taken */
    CHECK_STR(news(), STR("1:arrived 0:quota 4:arrived"));
    CHECK_STR(news(), STR(""));
    flag("INBOX", 1, STORE_SEEN);
    CHECK_U64(woken, 2);
    CHECK_STR(news(), STR("1:flags"));
    flag("INBOX", 1, STORE_SEEN); /* it has it */
    CHECK_U64(woken, 2);
    CHECK_STR(news(), STR(""));
    copy("INBOX", 1, "Sent", false);
    CHECK_STR(news(), STR("3:arrived"));
    copy("INBOX", 1, "Sent", true);
    CHECK_STR(news(), STR("1:expunged 3:arrived"));
    CHECK(expunge("Sent", 2));
    CHECK_STR(news(), STR("3:expunged"));
    CHECK(expunge("Sent", 1)); /* the last place of that message */
    CHECK_STR(news(), STR("3:expunged 0:quota"));
    CHECK(store_undelete(one.store, 3, 1, STR("s"), &p, NULL));
    CHECK_STR(news(), STR("3:arrived 0:quota"));
    CHECK(store_mailbox_create(one.store, STR("a/b"), 0, STR("s"), NULL, NULL));
    CHECK_STR(news(), STR("7:created 8:created"));
    CHECK(store_mailbox_rename(one.store, STR("a"), STR("c"), STR("s"), NULL));
    CHECK_STR(news(), STR("7:renamed 8:renamed"));
    CHECK(store_subscribe(one.store, STR("c/b"), true, STR("s"), NULL));
    CHECK(store_subscribe(one.store, STR("nothing"), true, STR("s"), NULL));
    CHECK_STR(news(), STR("8:subscribed 0:subscribed"));
    test_deliver(&one, "c/b", mail(3));
    (void)news();
    CHECK(store_mailbox_delete(one.store, STR("c/b"), STR("s"), NULL));
    CHECK_STR(news(), STR("8:expunged:deleted 0:quota"));
    store_set_quota(one.store, 1 << 20);
    store_set_quota(one.store, 1 << 20);
    CHECK_STR(news(), STR("0:quota"));
    CHECK(!store_mailbox_create(one.store, STR("Sent"), 0, STR("s"), NULL, NULL));
    CHECK_STR(news(), STR(""));
    end();
}

static void more_news_than_there_is_room_for_is_anything(void)
{
    struct store_news n;
    test_store_open(&one, 0);
    CHECK(store_batch_begin(one.store, NULL));
    for (int i = 0; i < STORE_NEWS_ITEMS + 5; i++) {
        char name[20];
        snprintf(name, sizeof(name), "m%d", i);
        CHECK(store_mailbox_create(one.store, str_c(name), 0, STR("s"), NULL, NULL));
    }
    CHECK_STR(news(), STR("1:created 2:created 3:created 4:created 5:created 6:created"));
    CHECK(store_batch_commit(one.store, NULL));
    CHECK(store_news_take(one.store, &n));
    CHECK(n.overflow && n.n == STORE_NEWS_ITEMS);
    CHECK_U64(store_news_of(&n, 9999, STORE_NEWS_FLAGS), STORE_NEWS_FLAGS);
    n.overflow = false;
    CHECK_U64(store_news_of(&n, 9999, STORE_NEWS_FLAGS), 0);
    CHECK_U64(store_news_of(&n, 7, STORE_NEWS_ALL), STORE_NEWS_CREATED);
    end();
}

static void news_of_one_mailbox_is_one_item_of_all_its_kinds(void)
{
    struct store_news n = {0};
    store_news_add(&n, 7, STORE_NEWS_FLAGS);
    store_news_add(&n, 7, STORE_NEWS_CREATED);
    CHECK_U64(n.n, 1);
    CHECK_U64(n.items[0].kinds, STORE_NEWS_FLAGS | STORE_NEWS_CREATED);
    CHECK_U64(n.kinds, STORE_NEWS_FLAGS | STORE_NEWS_CREATED);
}

/* The kinds of a mailbox (0: the account) since a number, read in pages. */
static unsigned kinds_since(uint64_t since, unsigned kinds, int64_t id)
{
    struct vec items;
    int64_t after = -1, last = -1;
    unsigned found = 0;
    size_t n;
    vec_init(&items, sizeof(struct store_news_item));
    do {
        vec_reset(&items);
        if (!CHECK(store_changes(one.store, since, kinds, after, 2, &items, NULL)))
            break;
        n = items.n;
        for (size_t i = 0; i < n; i++) {
            struct store_news_item *item = vec_at(&items, i);
            CHECK(item->id > last && item->kinds != 0 && (item->kinds & ~kinds) == 0);
            last = after = item->id;
            if (item->id == id)
                found = item->kinds;
        }
    } while (n == 2);
    vec_done(&items);
    return found;
}

/* Whatever is done, store_changes tells of it since each number before, and not since those after;
 * and it agrees with the news of the same change. */
static void changes_since_a_number_are_those_that_were_news(void)
{
    struct store_news told[60];
    uint64_t clock[61];
    test_store_open(&one, 0);
    (void)news();
    clock[0] = usage().modseq;
    for (unsigned i = 0; i < ARRAY_LEN(told); i++) {
        static const char *const names[] = {"INBOX", "Sent", "Archive", "x"};
        const char *name = names[random_below(3)], *other = names[random_below(3)];
        uint32_t uid = 1 + (uint32_t)(random_below(10));
        char words[20];
        snprintf(words, sizeof(words), "x%u", i % 5);
        switch (random_below(9)) {
        case 0:
        case 1:
        case 2:
            test_deliver(&one, name, mail(i));
            break;
        case 3:
            flag(name, uid, 1u << random_below(5));
            break;
        case 4:
            (void)expunge(name, uid);
            break;
        case 5:
            copy(name, uid, other, random_below(2));
            break;
        case 6:
            (void)!store_mailbox_create(one.store, str_c(words), 0, STR("s"), NULL, NULL);
            break;
        case 7:
            if (!store_mailbox_rename(one.store, str_c(words), STR("x9"), STR("s"), NULL))
                (void)!store_mailbox_delete(one.store, STR("x9"), STR("s"), NULL);
            break;
        case 8:
            (void)!store_subscribe(one.store, str_c(words), random_below(2), STR("s"), NULL);
            break;
        }
        (void)store_news_take(one.store, &told[i]);
        clock[i + 1] = usage().modseq;
        CHECK(!told[i].overflow);
    }
    for (unsigned since = 0; since <= ARRAY_LEN(told); since += 3) {
        for (int64_t id = 0; id < 20; id++) {
            unsigned want = 0;
            for (unsigned i = since; i < ARRAY_LEN(told); i++)
                want |= store_news_of(&told[i], id, STORE_NEWS_ALL);
            CHECK_U64(kinds_since(clock[since], STORE_NEWS_ALL, id), want);
            CHECK_U64(kinds_since(clock[since], STORE_NEWS_FLAGS | STORE_NEWS_QUOTA, id),
                      want & (STORE_NEWS_FLAGS | STORE_NEWS_QUOTA));
        }
    }
    end();
}

int main(void)
{
    RUN(what_changed_is_told_after_the_commit);
    RUN(news_of_one_mailbox_is_one_item_of_all_its_kinds);
    RUN(more_news_than_there_is_room_for_is_anything);
    RUN(changes_since_a_number_are_those_that_were_news);
    return test_end();
}
