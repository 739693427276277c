/* imap/sync.c: telling a session what changed in its mailbox, and what its message numbers mean.
 *
 * What it knows are three numbers: uidnext (U) as told by EXISTS, the modseq up to
 * which expunges were told (E), and the place up to which flags were told (F). E stays behind F
 * while commands run whose answers may not carry EXPUNGE; a message that is gone meanwhile is still
 * in the view, and its tombstone still answers for it.
 *
 * A round goes BEGIN (how far), EXPUNGE (descending, so that each number is as the client counts at
 * that moment), EXISTS, FLAGS; each in steps of bounded size. */
#include "imap/session_int.h"

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

static bool begin_round(struct imap_session *s, bool expunges, struct error *err)
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
        ok = begin_round(s, expunges, &err);
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

bool imap_sync_others(struct imap_session *s, struct vec *uids, bool *done, struct error *err)
{
    struct imap_selected *sel = &s->selected;
    struct vec changed;
    uint64_t modseq;

    vec_init(&changed, sizeof(struct store_changed));
    bool ok = imap_sync_now(s, &modseq, err) &&
              (sel->flags.modseq >= modseq || store_changed(s->store, sel->mailbox, sel->uidnext,
                                                            sel->flags, IMAP_SLICE, &changed, err));
    for (size_t i = 0; ok && i < changed.n; i++) {
        sel->flags = *(struct store_changed *)vec_at(&changed, i);
        *(uint32_t *)vec_add(uids) = sel->flags.uid;
    }
    *done = changed.n < IMAP_SLICE;
    if (ok && *done && sel->flags.modseq < modseq)
        sel->flags = (struct store_changed){modseq, UINT32_MAX};
    vec_done(&changed);
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
