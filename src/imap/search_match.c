/* imap/search_match.c: whether a message is what SEARCH asks. What a key needs is read when the first
 * one needs it: flags from the placement, dates and sizes from the email, and text last of all, if the
 * answer still depends on it. */
#include "imap/search_int.h"

#include "base/clock.h"
#include "base/limits.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define SECOND_US INT64_C(1000000)

bool imap_search_failed(const struct imap_search *search)
{
    return search->err.kind != ERROR_NONE;
}

static bool need_message(struct imap_search *search)
{
    struct imap_session *s = search->s;
    if (search->has_message || imap_search_failed(search))
        return search->has_message;
    search->has_message = store_message_get(s->store, s->selected.mailbox,
                                            imap_view_uid(&s->selected.view, search->number),
                                            &search->arena, &search->message, &search->err);
    return search->has_message;
}

bool imap_search_need_email(struct imap_search *search)
{
    if (search->has_email || !need_message(search) || search->message.email == 0)
        return search->has_email;
    search->has_email =
        store_email_head(search->s->store, search->message.email, &search->email, &search->err);
    return search->has_email;
}

/* ---- keys ---- */

static int64_t day_of(int64_t us)
{
    return us / DAY_US - (us % DAY_US < 0);
}

static bool date_matches(struct imap_search *search, const struct imap_search_key *key)
{
    int64_t us;
    if (key->which == IMAP_SEARCH_SAVED) {
        if (!need_message(search))
            return false;
        us = search->message.saved_us;
    } else {
        if (!imap_search_need_email(search))
            return false;
        us = key->which == IMAP_SEARCH_SENT ? search->email.sent_us : search->email.received_us;
    }
    if (us == INT64_MIN)
        return false;
    int64_t day = day_of(us);
    return key->kind == IMAP_SEARCH_BEFORE ? day < key->date
           : key->kind == IMAP_SEARCH_ON   ? day == key->date
                                           : day >= key->date;
}

static bool age_matches(struct imap_search *search, const struct imap_search_key *key)
{
    if (!imap_search_need_email(search))
        return false;
    int64_t age = (clock_wall_us() - search->email.received_us) / SECOND_US;
    uint64_t seconds = age < 0 ? 0 : (uint64_t)age;
    return key->kind == IMAP_SEARCH_OLDER ? seconds >= key->number : seconds <= key->number;
}

static bool message_matches(struct imap_search *search, const struct imap_search_key *key)
{
    const struct store_message *m = &search->message;
    if (!need_message(search))
        return false;
    if (key->kind == IMAP_SEARCH_FLAG)
        return (m->flags & key->flag) == key->flag;
    if (key->kind == IMAP_SEARCH_KEYWORD)
        return store_keywords_has(m->keywords, key->text);
    return m->modseq >= key->number;
}

static bool size_matches(struct imap_search *search, const struct imap_search_key *key)
{
    uint64_t size = imap_search_need_email(search) ? search->email.size : key->number;
    return key->kind == IMAP_SEARCH_LARGER ? size > key->number : size < key->number;
}

static bool simple_matches(struct imap_search *search, const struct imap_search_key *key)
{
    switch (key->kind) {
    case IMAP_SEARCH_ALL:
        return true;
    case IMAP_SEARCH_FLAG:
    case IMAP_SEARCH_KEYWORD:
    case IMAP_SEARCH_MODSEQ:
        return message_matches(search, key);
    case IMAP_SEARCH_SET:
        return imap_spans_have(key->spans, key->spans_n, search->number);
    case IMAP_SEARCH_BEFORE:
    case IMAP_SEARCH_ON:
    case IMAP_SEARCH_SINCE:
        return date_matches(search, key);
    case IMAP_SEARCH_OLDER:
    case IMAP_SEARCH_YOUNGER:
        return age_matches(search, key);
    case IMAP_SEARCH_LARGER:
    case IMAP_SEARCH_SMALLER:
        return size_matches(search, key);
    default: /* NONE; the others are not simple */
        return false;
    }
}

static bool is_text_key(const struct imap_search_key *key)
{
    return key->kind == IMAP_SEARCH_HEADER || key->kind == IMAP_SEARCH_BODY ||
           key->kind == IMAP_SEARCH_TEXT;
}

static enum imap_search_answer list_answer(struct imap_search *search,
                                           const struct imap_search_key *key);

/* A chain of OR is walked, not recursed into; depth is what the grammar allowed. */
static enum imap_search_answer key_answer(struct imap_search *search,
                                          const struct imap_search_key *key)
{
    bool open = false;
    enum imap_search_answer a;
    while (key->kind == IMAP_SEARCH_OR) {
        a = key_answer(search, key->a);
        if (a == IMAP_SEARCH_YES)
            return a;
        open = open || a == IMAP_SEARCH_OPEN;
        key = key->b;
    }
    if (key->kind == IMAP_SEARCH_NOT) {
        a = key_answer(search, key->a);
        a = a == IMAP_SEARCH_OPEN ? a : a == IMAP_SEARCH_YES ? IMAP_SEARCH_NO : IMAP_SEARCH_YES;
    } else if (key->kind == IMAP_SEARCH_AND) {
        a = list_answer(search, key->a);
    } else if (is_text_key(key)) {
        a = key->found                           ? IMAP_SEARCH_YES
            : imap_search_text_open(search, key) ? IMAP_SEARCH_OPEN
                                                 : IMAP_SEARCH_NO;
    } else {
        a = simple_matches(search, key) ? IMAP_SEARCH_YES : IMAP_SEARCH_NO;
    }
    return a == IMAP_SEARCH_NO && open ? IMAP_SEARCH_OPEN : a;
}

/* One that does not match is enough, wherever it stands: no text is read for it. */
static enum imap_search_answer list_answer(struct imap_search *search,
                                           const struct imap_search_key *key)
{
    enum imap_search_answer all = IMAP_SEARCH_YES;
    for (; key && all != IMAP_SEARCH_NO; key = key->next) {
        enum imap_search_answer a = key_answer(search, key);
        if (a != IMAP_SEARCH_YES)
            all = a;
        if (a == IMAP_SEARCH_NO)
            return a;
    }
    return all;
}

/* ---- a message ---- */

static void begin_message(struct imap_search *search, uint32_t number)
{
    search->number = number;
    arena_done(&search->arena);
    search->has_message = search->has_email = false;
    search->err = (struct error){0};
    imap_search_text_begin(search);
}

bool imap_search_step(struct imap_search *search, uint32_t number, enum imap_search_answer *answer,
                      uint64_t *modseq, struct error *err)
{
    if (search->number != number)
        begin_message(search, number);
    *answer = list_answer(search, search->first);
    if (*answer == IMAP_SEARCH_OPEN && !imap_search_failed(search))
        imap_search_text_step(search);
    if (*answer == IMAP_SEARCH_YES && need_message(search))
        *modseq = search->message.modseq;
    if (!imap_search_failed(search))
        return true;
    /* A message that was purged under us is no match and no failure. */
    *answer = IMAP_SEARCH_NO;
    *err = search->err;
    return err->kind == ERROR_NOT_FOUND;
}

/* ---- life ---- */

struct imap_search *imap_search_create(struct imap_session *s, struct imap_search_key *first)
{
    struct imap_search *search = mem_zalloc(sizeof(*search));
    search->s = s;
    search->first = first;
    for (const struct imap_search_key *k = first->next_text; k; k = k->next_text)
        search->overlap = k->text.n > search->overlap + 1 ? k->text.n - 1 : search->overlap;
    arena_init(&search->arena, IMAP_ONE_ARENA);
    buf_init(&search->bytes, 0);
    buf_init(&search->header, LIMIT_SEARCH_HEADER);
    buf_init(&search->window, TEXT_STEP_MOST + search->overlap);
    return search;
}

void imap_search_destroy(struct imap_search *search)
{
    if (!search)
        return;
    text_reader_destroy(search->reader);
    arena_done(&search->arena);
    buf_done(&search->bytes);
    buf_done(&search->header);
    buf_done(&search->window);
    mem_free(search);
}
