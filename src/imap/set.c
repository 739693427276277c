/* imap/set.c: sets of messages: from what a client names (numbers, UIDs, "*", "$") to spans of message
 * numbers, and walking and asking those. */
#include "imap/session_int.h"

#include <stdlib.h>

static int span_cmp(const void *a, const void *b)
{
    const struct imap_span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Sorted and merged, so that no message is answered twice and work is what the view holds, whatever
 * the set. */
static void sort_spans(struct vec *spans)
{
    struct imap_span *p = spans->p;
    size_t n = 0;
    if (spans->n == 0)
        return;
    qsort(p, spans->n, sizeof(*p), span_cmp);
    for (size_t i = 0; i < spans->n; i++) {
        if (n > 0 && p[i].from <= p[n - 1].to + 1)
            p[n - 1].to = p[i].to > p[n - 1].to ? p[i].to : p[n - 1].to;
        else
            p[n++] = p[i];
    }
    spans->n = n;
}

bool imap_spans_have(const struct imap_span *spans, size_t n, uint32_t number)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans[middle].to < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && spans[low].from <= number;
}

static void add_span(struct vec *spans, uint32_t from, uint32_t to)
{
    struct imap_span *span = vec_add(spans);
    *span = (struct imap_span){from, to};
}

/* "*" is the last message; in a UID range it stands even when a higher number is beside it (RFC
 * 9051 section 9). */
static void add_uid_range(struct imap_session *s, uint64_t from, uint64_t to)
{
    const struct imap_view *v = &s->selected.view;
    if (v->n == 0)
        return;
    uint64_t last = imap_view_uid(v, v->n);
    if (from == IMAP_STAR)
        from = last;
    if (to == IMAP_STAR)
        to = last;
    if (from > to) {
        uint64_t swap = from;
        from = to;
        to = swap;
    }
    uint32_t first = imap_view_from(v, (uint32_t)from);
    uint32_t end = to >= last ? v->n + 1 : imap_view_from(v, (uint32_t)to + 1);
    if (first < end)
        add_span(&s->numbers, first, end - 1);
}

static bool add_number_range(struct imap_session *s, uint64_t from, uint64_t to)
{
    uint32_t n = s->selected.view.n;
    if (n == 0 && (from == IMAP_STAR || to == IMAP_STAR))
        return true; /* clients ask for 1:* without looking at EXISTS */
    if (from == IMAP_STAR)
        from = n;
    if (to == IMAP_STAR)
        to = n;
    if (from > to) {
        uint64_t swap = from;
        from = to;
        to = swap;
    }
    if (from == 0 || to > n)
        return false;
    add_span(&s->numbers, (uint32_t)from, (uint32_t)to);
    return true;
}

bool imap_resolve(struct imap_session *s, const struct imap_set *set, bool by_uid)
{
    vec_reset(&s->numbers);
    for (size_t i = 0; set->saved && i < s->saved.n; i++) {
        uint32_t number = imap_view_number(&s->selected.view, ((uint32_t *)s->saved.p)[i]);
        if (number > 0)
            add_span(&s->numbers, number, number);
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct imap_range *r = &set->ranges[i];
        if (by_uid) {
            add_uid_range(s, r->from, r->to);
        } else if (!add_number_range(s, r->from, r->to)) {
            imap_bad(s, "There are only %u messages", s->selected.view.n);
            return false;
        }
    }
    sort_spans(&s->numbers);
    return true;
}

bool imap_walk_next(const struct imap_session *s, struct imap_walk *w)
{
    while (w->span < s->numbers.n) {
        const struct imap_span *span = vec_at(&s->numbers, w->span);
        if (w->number < span->from) {
            w->number = span->from;
            return true;
        }
        if (w->number < span->to) {
            w->number++;
            return true;
        }
        w->span++;
    }
    return false;
}

size_t imap_walk_uids(struct imap_session *s, struct imap_walk *w, size_t max)
{
    vec_reset(&s->uids);
    while (s->uids.n < max && imap_walk_next(s, w))
        *(uint32_t *)vec_add(&s->uids) = imap_view_uid(&s->selected.view, w->number);
    return s->uids.n;
}
