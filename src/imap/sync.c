/* imap/sync.c: telling a session what changed in its mailbox, and what its message numbers mean.
 *
 * What it knows are three numbers (RATIONALE 3): uidnext (U) as told by EXISTS, the modseq up to
 * which expunges were told (E), and the place up to which flags were told (F). E stays behind F
 * while commands run whose answers may not carry EXPUNGE; a message that is gone meanwhile is still
 * in the view, and its tombstone still answers for it.
 *
 * A round goes BEGIN (how far), EXPUNGE (descending, so that each number is as the client counts at
 * that moment), EXISTS, FLAGS; each in steps of bounded size. */
#include "imap/session_int.h"

#include <stdlib.h>

void imap_unselect(struct imap_session *s)
{
    imap_view_done(&s->selected.view);
    mem_free((char *)s->selected.keywords.p);
    s->selected = (struct imap_selected){0};
    imap_view_init(&s->selected.view);
    s->sync = (struct imap_sync){0};
    s->synced_version = 0;
    vec_reset(&s->saved);
}

/* ---- rounds ---- */

static bool sync_failed(struct imap_session *s, const struct error *err)
{
    if (!imap_has_failed(s))
        (void)imap_failed(s, err, NULL);
    s->sync.phase = IMAP_SYNC_BEGIN;
    return true;
}

static bool begin(struct imap_session *s, bool expunges, struct error *err)
{
    struct arena arena;
    struct store_mailbox m;
    struct imap_selected *sel = &s->selected;
    bool gone;

    arena_init(&arena, 64 << 10);
    bool ok = store_mailbox_get(s->store, sel->mailbox, &arena, &m, &gone, err);
    arena_done(&arena);
    if (!ok)
        return false;
    s->sync = (struct imap_sync){.version = store_version(s->store),
                                 .phase = expunges ? IMAP_SYNC_EXPUNGE : IMAP_SYNC_EXISTS,
                                 .modseq = m.modseq,
                                 .uidnext = m.uidnext,
                                 .below = sel->uidnext,
                                 .old_uidnext = sel->uidnext};
    return true;
}

static bool expunge_step(struct imap_session *s, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    const size_t max = 8 * (size_t)IMAP_SLICE;
    struct vec uids;

    if (s->sync.modseq == sel->expunged) {
        s->sync.phase = IMAP_SYNC_EXISTS;
        return true;
    }
    vec_init(&uids, sizeof(uint32_t));
    bool ok = store_expunged(s->store, sel->mailbox, s->sync.below, sel->expunged, s->sync.modseq,
                             max, &uids, err);
    for (size_t i = 0; ok && i < uids.n; i++) {
        uint32_t uid = ((uint32_t *)uids.p)[i];
        uint32_t number = imap_view_number(&sel->view, uid);
        if (number > 0)
            buf_printf(s->out, "* %u EXPUNGE\r\n", number);
        s->sync.below = uid;
    }
    if (ok) {
        imap_view_remove(&sel->view, uids.p, uids.n);
        if (uids.n < max) {
            sel->expunged = s->sync.modseq;
            s->sync.phase = IMAP_SYNC_EXISTS;
        }
    }
    vec_done(&uids);
    return ok;
}

static bool exists_step(struct imap_session *s, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    const size_t max = 40 * (size_t)IMAP_SLICE;
    struct vec uids;

    vec_init(&uids, sizeof(uint32_t));
    bool ok = sel->uidnext >= s->sync.uidnext ||
              store_view(s->store, sel->mailbox, sel->uidnext, s->sync.uidnext, sel->expunged, max,
                         &uids, err);
    for (size_t i = 0; ok && i < uids.n; i++) {
        uint32_t uid = ((uint32_t *)uids.p)[i];
        imap_view_add(&sel->view, uid);
        sel->uidnext = uid + 1;
        s->sync.new_messages = true;
    }
    if (ok && uids.n < max) {
        sel->uidnext = s->sync.uidnext > sel->uidnext ? s->sync.uidnext : sel->uidnext;
        if (s->sync.new_messages)
            buf_printf(s->out, "* %u EXISTS\r\n", sel->view.n);
        s->sync.phase = IMAP_SYNC_FLAGS;
    }
    vec_done(&uids);
    return ok;
}

static bool flags_step(struct imap_session *s, bool *done, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    struct vec changed;

    *done = sel->flags.modseq >= s->sync.modseq;
    if (*done)
        return true;
    vec_init(&changed, sizeof(struct store_changed));
    bool ok = store_changed(s->store, sel->mailbox, s->sync.old_uidnext, sel->flags, IMAP_SLICE,
                            &changed, err);
    if (ok && changed.n > 0)
        ok = imap_tell_keywords(s, false, err);
    for (size_t i = 0; ok && i < changed.n; i++) {
        struct store_changed *c = vec_at(&changed, i);
        uint32_t number = imap_view_number(&sel->view, c->uid);
        ok = number == 0 ||
             imap_tell_flags(s, number, s->command && s->command->flags & IMAP_UID, err);
        sel->flags = *c;
    }
    if (ok && changed.n < IMAP_SLICE) {
        sel->flags = (struct store_changed){s->sync.modseq, UINT32_MAX};
        *done = true;
    }
    vec_done(&changed);
    return ok;
}

bool imap_sync_step(struct imap_session *s, bool expunges)
{
    struct error err = {0};
    bool ok = true, done = false;
    switch (s->sync.phase) {
    case IMAP_SYNC_BEGIN:
        if (s->synced_version == store_version(s->store) + 1 &&
            (!expunges || s->selected.expunged == s->selected.flags.modseq))
            return true;
        ok = begin(s, expunges, &err);
        break;
    case IMAP_SYNC_EXPUNGE:
        ok = expunge_step(s, &err);
        break;
    case IMAP_SYNC_EXISTS:
        ok = exists_step(s, &err);
        break;
    case IMAP_SYNC_FLAGS:
        ok = flags_step(s, &done, &err);
        if (ok && done) {
            s->sync.phase = IMAP_SYNC_BEGIN;
            s->synced_version = s->sync.version + 1;
        }
        break;
    }
    return ok ? done : sync_failed(s, &err);
}

bool imap_sync_now(struct imap_session *s, uint64_t *modseq, struct error *err)
{
    struct arena arena;
    struct store_mailbox m;
    arena_init(&arena, 64 << 10);
    bool ok = store_mailbox_get(s->store, s->selected.mailbox, &arena, &m, NULL, err);
    arena_done(&arena);
    if (ok)
        *modseq = m.modseq;
    return ok;
}

void imap_sync_own(struct imap_session *s, uint64_t before, uint64_t modseq)
{
    struct store_changed *f = &s->selected.flags;
    if (modseq != 0 && f->modseq >= before)
        *f = (struct store_changed){modseq, UINT32_MAX};
}

/* ---- what is told ---- */

bool imap_tell_flags(struct imap_session *s, uint32_t number, bool uid, struct error *err)
{
    struct arena arena;
    struct store_message m;
    uint32_t u = imap_view_uid(&s->selected.view, number);

    arena_init(&arena, 64 << 10);
    bool ok = store_message_get(s->store, s->selected.mailbox, u, &arena, &m, err);
    if (ok) {
        buf_printf(s->out, "* %u FETCH (", number);
        if (uid || s->condstore)
            buf_printf(s->out, "UID %u ", u);
        buf_c(s->out, "FLAGS ");
        imap_write_flags(s->out, m.flags, m.keywords);
        if (s->condstore)
            buf_printf(s->out, " MODSEQ (%llu)", (unsigned long long)m.modseq);
        buf_c(s->out, ")\r\n");
    }
    arena_done(&arena);
    return ok;
}

bool imap_tell_keywords(struct imap_session *s, bool always, struct error *err)
{
    struct arena arena;
    struct str words = STR_NULL;

    arena_init(&arena, 256 << 10);
    bool ok = store_mailbox_keywords(s->store, s->selected.mailbox, &arena, &words, err);
    if (ok && (always || !str_equal(words, s->selected.keywords))) {
        buf_c(s->out, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
        buf_c(s->out, words.n > 0 ? " " : "");
        buf_str(s->out, words);
        buf_c(s->out, ")\r\n");
        mem_free((char *)s->selected.keywords.p);
        s->selected.keywords = str_of(str_dup_c(words), words.n);
    }
    arena_done(&arena);
    return ok;
}

/* ---- sets ---- */

static int span_cmp(const void *a, const void *b)
{
    const struct imap_span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Sorted and merged, so that no message is answered twice and work is what the view holds, whatever
 * the set. */
void imap_spans_sort(struct vec *spans)
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

bool imap_resolve(struct imap_session *s, const struct imap_set *set)
{
    vec_reset(&s->numbers);
    for (size_t i = 0; set->saved && i < s->saved.n; i++) {
        uint32_t number = imap_view_number(&s->selected.view, ((uint32_t *)s->saved.p)[i]);
        if (number > 0)
            add_span(&s->numbers, number, number);
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct imap_range *r = &set->ranges[i];
        if (s->command->flags & IMAP_UID) {
            add_uid_range(s, r->from, r->to);
        } else if (!add_number_range(s, r->from, r->to)) {
            imap_bad(s, "There are only %u messages", s->selected.view.n);
            return false;
        }
    }
    imap_spans_sort(&s->numbers);
    return true;
}

size_t imap_resolved_count(const struct imap_session *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->numbers.n; i++) {
        const struct imap_span *span = vec_at(&s->numbers, i);
        n += span->to - span->from + 1;
    }
    return n;
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
