/* store/store_news.c: what changed. Two ways to hear of it: news, which is gathered while changes are
 * made and taken after their commit, for who is here; and store_changes, a read of the numbers that
 * each mailbox keeps of its last change of each kind, for who comes back with an old number. */
#include "store/store_int.h"

/* ---- news ---- */

void store_news_add(struct store_news *news, int64_t id, unsigned kinds)
{
    if (kinds == 0)
        return;
    for (size_t i = 0; i < news->n; i++) {
        if (news->items[i].id != id)
            continue;
        news->items[i].kinds |= kinds;
        news->kinds |= kinds;
        return;
    }
    if (news->n == STORE_NEWS_ITEMS) {
        news->overflow = true;
        return;
    }
    news->items[news->n++] = (struct store_news_item){id, kinds};
    news->kinds |= kinds;
}

void store_news_join(struct store_news *news, const struct store_news *more)
{
    for (size_t i = 0; i < more->n; i++)
        store_news_add(news, more->items[i].id, more->items[i].kinds);
    news->overflow |= more->overflow;
}

static bool is_empty(const struct store_news *news)
{
    return news->n == 0 && !news->overflow;
}

void store_news_tell(struct store *store, const struct store_news *committed)
{
    bool waiting = !is_empty(&store->news);

    store_news_join(&store->news, committed);
    if (!waiting && !is_empty(&store->news) && store->wake)
        store->wake(store->wake_arg);
}

void store_on_news(struct store *store, void (*wake)(void *arg), void *arg)
{
    store->wake = wake;
    store->wake_arg = arg;
    if (wake && !is_empty(&store->news))
        wake(arg);
}

bool store_news_take(struct store *store, struct store_news *out)
{
    *out = store->news;
    store->news = (struct store_news){0};
    return !is_empty(out);
}

unsigned store_news_of(const struct store_news *news, int64_t id, unsigned kinds)
{
    if (news->overflow)
        return kinds;
    for (size_t i = 0; i < news->n; i++)
        if (news->items[i].id == id)
            return news->items[i].kinds & kinds;
    return 0;
}

/* ---- since a number ---- */

bool store_changes(struct store *store, uint64_t since, unsigned kinds, int64_t after, size_t max,
                   struct vec *items, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(store->db,
                "SELECT id, kinds FROM ("
                "SELECT 0 AS id, (subscribed > ?1) * 64 + (used > ?1) * 128 AS kinds FROM account"
                " UNION ALL "
                "SELECT id, (arrived > ?1) * 1 + (flagged > ?1) * 2 + (expunged > ?1) * 4 +"
                " (created > ?1) * 8 + (renamed > ?1) * 16 + (coalesce(gone, 0) > ?1) * 32 +"
                " (subscribed > ?1) * 64 FROM mailbox WHERE modseq > ?1 OR subscribed > ?1)"
                " WHERE id > ?2 AND kinds & ?3 <> 0 ORDER BY id LIMIT ?4");
    db_bind_int(s, 1, (int64_t)(since & INT64_MAX));
    db_bind_int(s, 2, after);
    db_bind_int(s, 3, kinds);
    db_bind_int(s, 4, max > INT64_MAX ? INT64_MAX : (int64_t)max);
    enum db_step step;
    while ((step = db_next(store->db, s, err)) == DB_ROW) {
        struct store_news_item *item = vec_add(items);
        item->id = db_col_int(s, 0);
        item->kinds = (unsigned)db_col_int(s, 1) & kinds;
    }
    return step == DB_DONE;
}
