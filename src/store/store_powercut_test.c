/* store/store_powercut_test.c: an account under power cuts, on disks that are full or fail.
 *
 * Lives of an account (deliveries one by one and together, large ones, flags, moves, copies in slices, expunges, undeletes,
 * mailboxes made, renamed and deleted, upkeep, reopening) run on a disk in memory that records its calls (db/disk_sim.h). In the
 * midst of them the disk is full, or a write fails, at any call; what failed has not happened. Then the power is cut
 * after a random call, again and again: the account must open, store_check must find nothing, and all that a client sees must be
 * what the last change that had returned left, or that and the one change that was in flight.
 *
 * 1,000 cuts for each tear unit. That the test sees losses is shown with fsync a no-op. POSTHUS_SEED repeats a run,
 * POSTHUS_CUTS changes their number. db/powercut_test.c is the same for the database alone, where each cut costs less. */
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "base/test.h"
#include "db/disk_sim.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES 60 /* of a life */
#define LIVES 8    /* for each tear unit */
#define LARGEST 200000
#define RETENTION_US (INT64_C(3600) * 1000000)
#define CHANGE_US (RETENTION_US / 20)

static uint64_t seed, rng, cuts_wanted = 1000;
static int64_t now_us;

static uint64_t next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(unsigned n)
{
    return (unsigned)((next_random() >> 20) % n);
}

static void fill_random(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)p)[i] = (unsigned char)(next_random() >> 40);
}

static int64_t test_clock(void)
{
    return now_us;
}

/* ---- an account on a disk ---- */

struct life {
    struct disk *disk;
    struct store *store;
    unsigned changes, sent; /* so far */
    /* Recorded calls when change i had returned, and what the account then looked like; 0 is the creation. */
    size_t calls_at[CHANGES + 1];
    uint64_t look[CHANGES + 1];
    unsigned full, failed; /* changes that had no room, or met a write that failed */
    unsigned after_bad[CHANGES], after_bad_n; /* those after such */
};

static bool life_open(struct life *l, bool must_exist, struct error *err)
{
    struct db_source source = {.generation = 1, .key = {7, 1}, .must_exist = must_exist};
    struct store_config config = {.retention_us = RETENTION_US};

    disk_use(l->disk);
    disk_source(&source);
    sqlite3_randomness(0, NULL); /* from the seed again */
    if (!store_open(&l->store, &source, &config, err))
        return false;
    /* Checkpoints come often, so that many cuts fall into one. */
    return sqlite3_exec(db_sqlite(store_db(l->store)), "PRAGMA wal_autocheckpoint=40", NULL, NULL,
                        NULL) == SQLITE_OK;
}

static void life_close(struct life *l)
{
    store_close(l->store);
    l->store = NULL;
}

static void life_done(struct life *l)
{
    life_close(l);
    disk_destroy(l->disk);
    mem_free(l);
}

/* ---- what a client sees of it ---- */

/* Everything of it is added up here. */
struct looker {
    struct store *store;
    struct arena arena;
    struct buf bytes;
    uint64_t sum;
};

static void look_at(struct looker *k, const void *p, size_t n)
{
    unsigned char key[16] = {0};

    memcpy(key, &k->sum, sizeof k->sum);
    k->sum = siphash24(key, p, n);
}

static bool look_at_message(struct looker *k, int64_t mailbox, uint32_t uid, struct error *err)
{
    struct store_message m;

    if (!store_message_get(k->store, mailbox, uid, &k->arena, &m, err))
        return false;
    buf_reset(&k->bytes);
    if (!store_email_read(k->store, m.email, 0, UINT64_MAX, &k->bytes, err))
        return false;
    look_at(k, &m.uid, sizeof m.uid);
    look_at(k, &m.flags, sizeof m.flags);
    look_at(k, &m.email, sizeof m.email);
    look_at(k, m.keywords.p, m.keywords.n);
    look_at(k, k->bytes.p, k->bytes.n);
    return true;
}

static bool look_at_mailbox(struct looker *k, const struct store_mailbox *m, struct error *err)
{
    struct vec uids;
    bool ok = true;

    look_at(k, m->name.p, m->name.n);
    look_at(k, &m->uidvalidity, sizeof m->uidvalidity);
    look_at(k, &m->messages, sizeof m->messages);
    look_at(k, &m->unseen, sizeof m->unseen);
    look_at(k, &m->bytes, sizeof m->bytes);
    if (m->id == 0)
        return true;
    vec_init(&uids, sizeof(uint32_t));
    ok = store_view(k->store, m->id, 1, UINT32_MAX, INT64_MAX, SIZE_MAX, &uids, err);
    for (size_t i = 0; ok && i < uids.n; i++)
        ok = look_at_message(k, m->id, *(uint32_t *)vec_at(&uids, i), err);
    vec_done(&uids);
    return ok;
}

static bool life_look(const struct life *l, uint64_t *out, struct error *err)
{
    struct looker k = {.store = l->store};
    struct store_mailbox m = {.name = STR("")};
    bool found = true, ok = true;

    arena_init(&k.arena, 16 << 20);
    buf_init(&k.bytes, 2 * LARGEST);
    while (ok && found) {
        ok = store_mailbox_next(l->store, m.name, &k.arena, &m, &found, err) &&
             (!found || look_at_mailbox(&k, &m, err));
    }
    *out = k.sum;
    arena_done(&k.arena);
    buf_done(&k.bytes);
    return ok;
}

/* ---- its changes ---- */

/* A message of random size; in the heap. */
static struct str some_mail(unsigned n)
{
    size_t size = below(12) == 0 ? 135000 + below(LARGEST - 135000) : 50 + below(4000);
    char *p = mem_alloc(size + 200);
    int head = snprintf(p, 200, "Subject: message %u\r\nMessage-ID: <%u@a>\r\n%s\r\n", n, n,
                        n % 3 ? "" : "In-Reply-To: <1@a>\r\n");

    for (size_t i = 0; i < size; i++)
        p[(size_t)head + i] = (char)('a' + below(26));
    return str_of(p, (size_t)head + size);
}

static bool change_deliver(struct life *l, struct error *err)
{
    struct str bytes = some_mail(l->sent);
    char id[20];
    struct store_delivery d = {
        .bytes = bytes, .prefix = STR("R: x\r\n"), .received_us = now_us, .actor = STR("d")};
    bool ok;

    snprintf(id, sizeof id, "t%u", l->sent++);
    d.transaction = str_c(id);
    ok = store_deliver(l->store, &d, NULL, err);
    mem_free((void *)(uintptr_t)bytes.p);
    return ok;
}

static bool change_deliver_together(struct life *l, struct error *err)
{
    if (!store_batch_begin(l->store, err))
        return false;
    for (int i = 0; i < 3; i++)
        if (!change_deliver(l, err)) {
            store_batch_abort(l->store);
            return false;
        }
    return store_batch_commit(l->store, err);
}

static const char *const names[] = {"INBOX", "Archive", "Trash", "Made", "Made/below", "Renamed"};

/* A mailbox that is there, and some of its messages, or of those that were. */
struct choice {
    struct arena arena;
    struct store_mailbox m;
    uint32_t uid[6];
    size_t n;
};

static bool choose(struct life *l, struct choice *c, struct error *err)
{
    arena_init(&c->arena, 1 << 20);
    c->n = 0;
    if (!store_mailbox_find(l->store, str_c(names[below(3)]), &c->arena, &c->m, err))
        return false;
    for (uint32_t uid = 1 + below(c->m.uidnext); c->n < 1 + below(6) && uid < c->m.uidnext; uid++)
        c->uid[c->n++] = uid;
    return true;
}

static bool change_flags(struct life *l, const struct choice *c, struct error *err)
{
    struct store_flags_change change = {(enum store_flags_mode)below(3), below(32),
                                        below(2) ? STR("$a") : STR("$a $b"), UINT64_MAX};
    uint64_t modseq;

    return store_flags(l->store, c->m.id, c->uid, c->n, &change, STR("s"), &modseq, NULL, err);
}

static bool change_place(struct life *l, const struct choice *c, struct error *err)
{
    struct arena arena;
    struct store_mailbox to;
    struct store_copying *copying = NULL;
    struct vec pairs;
    uint64_t modseq;
    bool move = below(2), ok;

    arena_init(&arena, 1 << 20);
    vec_init(&pairs, sizeof(struct store_pair));
    ok = store_mailbox_find(l->store, str_c(names[below(3)]), &arena, &to, err);
    if (ok && move)
        ok = store_copy(l->store, c->m.id, c->uid, c->n, to.id, true, STR("s"), &pairs, &modseq,
                        err);
    if (ok && !move)
        copying = store_copy_begin(l->store, c->m.id, to.id);
    for (size_t i = 0; ok && copying && i < c->n; i++)
        ok = store_copy_slice(l->store, copying, &c->uid[i], 1, i + 1 == c->n, STR("s"), &pairs,
                              err);
    store_copy_end(copying);
    vec_done(&pairs);
    arena_done(&arena);
    return ok;
}

static bool change_undelete(struct life *l, const struct choice *c, struct error *err)
{
    struct store_placed placed;

    return c->n == 0 || store_undelete(l->store, c->m.id, c->uid[0], STR("s"), &placed, err);
}

static bool change_mailboxes(struct life *l, struct error *err)
{
    struct str a = str_c(names[3 + below(3)]), b = str_c(names[3 + below(3)]);

    switch (below(4)) {
    case 0:
        return store_mailbox_delete(l->store, a, STR("s"), err);
    case 1:
        return store_mailbox_rename(l->store, below(3) ? a : STR("INBOX"), b, STR("s"), err);
    case 2:
        return store_subscribe(l->store, a, below(2), STR("s"), err);
    default:
        return store_mailbox_create(l->store, a, STORE_ROLE_NONE, STR("s"), NULL, err);
    }
}

static bool change_nothing_seen(struct life *l, struct error *err)
{
    bool more = true;

    if (below(3) == 0) {
        life_close(l);
        return life_open(l, true, err);
    }
    while (more)
        if (!store_idle(l->store, &more, err))
            return false;
    return true;
}

/* False: it has not happened, be it that it could not. */
static bool life_change(struct life *l, struct error *err)
{
    unsigned kind = below(16);
    struct choice c;
    bool ok;

    if (kind < 4)
        return change_deliver(l, err);
    if (kind < 5)
        return change_deliver_together(l, err);
    if (kind < 7)
        return change_mailboxes(l, err);
    if (kind < 9)
        return change_nothing_seen(l, err);
    ok = choose(l, &c, err);
    if (ok && kind < 11)
        ok = change_flags(l, &c, err);
    else if (ok && kind < 13)
        ok = change_place(l, &c, err);
    else if (ok && kind < 15)
        ok = store_expunge(l->store, c.m.id, c.uid, c.n, STR("s"), &(uint64_t){0}, err);
    else if (ok)
        ok = change_undelete(l, &c, err);
    arena_done(&c.arena);
    return ok;
}

/* ---- a life ---- */

static void note_change(struct life *l)
{
    struct error err = {0};

    l->calls_at[l->changes] = disk_calls(l->disk);
    CHECK_ROW(life_look(l, &l->look[l->changes], &err), err.text);
}

/* All of it. */
static bool keep_up(struct life *l, struct error *err)
{
    bool more = true;

    while (more)
        if (!store_idle(l->store, &more, err))
            return false;
    return true;
}

/* How many writes the next change makes, found out on a copy. */
static unsigned writes_of_next(const struct life *l)
{
    struct life *copy = mem_zalloc(sizeof *copy);
    uint64_t rng_before = rng;
    struct error err;
    size_t n;

    copy->disk = disk_copy(l->disk);
    copy->sent = l->sent;
    CHECK(life_open(copy, true, &err));
    n = disk_writes(copy->disk);
    (void)!life_change(copy, &err);
    n = disk_writes(copy->disk) - n;
    life_done(copy);
    disk_use(l->disk);
    rng = rng_before;
    return (unsigned)n;
}

/* The change, on a disk that is full, or fails, from some write on: often the last one, which makes the commit. */
static bool change_on_bad_disk(struct life *l, struct error *err)
{
    bool full = below(3) > 0, last = below(2), ok;
    unsigned part = below(1000), writes = writes_of_next(l);
    uint64_t before = l->look[l->changes], after;

    disk_fail(l->disk, DISK_WRITE, last && writes ? writes : 1 + part * writes / 1000,
              full ? ENOSPC : EIO);
    ok = life_change(l, err);
    if (l->store && !store_failed(l->store) &&
        below(2)) { /* as an account's process does, whatever was before */
        struct error ignored;
        bool more;

        (void)!store_idle(l->store, &more, &ignored);
    }
    disk_fail(l->disk, DISK_WRITE, 0, 0);
    if (!l->store || store_failed(l->store)) { /* the process ends, and there is another */
        l->failed++;
        CHECK(!full);
        life_close(l);
        if (!CHECK_ROW(life_open(l, true, err), err->text))
            return false;
    } else if (!ok) {
        l->full += full;
    }
    if (ok)
        return true;
    if (!CHECK_ROW(life_look(l, &after, err), err->text))
        return false;
    if (after != before) /* slices of a copy, which upkeep takes back */
        (void)CHECK_ROW(keep_up(l, err) && life_look(l, &after, err), err->text);
    return CHECK_ROW(after == before, "what failed has not happened");
}

static struct life *life_lead(bool sync_works)
{
    struct life *l = mem_zalloc(sizeof *l);
    struct error err = {0};

    l->disk = disk_create();
    now_us = INT64_C(1795526246) * 1000000;
    if (!sync_works)
        disk_break_sync(l->disk);
    if (!CHECK_ROW(life_open(l, false, &err), err.text))
        return l;
    note_change(l);
    while (l->changes < CHANGES) {
        now_us += CHANGE_US;
        if (below(5) == 0) {
            if (!change_on_bad_disk(l, &err))
                return l;
            l->after_bad[l->after_bad_n++] = l->changes + 1;
        } else if (!life_change(l, &err)) {
            CHECK_ROW(err.kind == ERROR_NOT_FOUND || err.kind == ERROR_GONE ||
                          err.kind == ERROR_EXISTS || err.kind == ERROR_CONFLICT ||
                          err.kind == ERROR_DENIED,
                      err.text);
        }
        l->changes++;
        note_change(l);
    }
    life_close(l);
    return l;
}

/* ---- cuts ---- */

enum verdict { SOUND, LOST, NOT_OPENED };

static char reason[300]; /* of the last verdict that is not SOUND */

static enum verdict because(enum verdict v, const char *why)
{
    snprintf(reason, sizeof reason, "%s", why);
    return v;
}

static bool is_clean(struct store *store)
{
    struct buf report;
    struct error err = {0};
    uint64_t differences = 1;
    bool ok;

    buf_init(&report, 1 << 16);
    ok = store_check(store, false, &report, &differences, &err) && differences == 0;
    if (!ok)
        snprintf(reason, sizeof reason, "%s %.*s", err.text, STR_ARG(buf_view(&report)));
    buf_done(&report);
    return ok;
}

static unsigned changes_before(const struct life *l, size_t calls)
{
    unsigned n = 0;

    while (n < l->changes && l->calls_at[n + 1] <= calls)
        n++;
    return n;
}

/* Opens a disk after a cut, which is used up. */
static enum verdict judge(const struct life *l, struct disk *cut, size_t t)
{
    struct life *next = mem_zalloc(sizeof *next);
    bool created = t >= l->calls_at[0]; /* before that nothing is promised */
    unsigned n = changes_before(l, t);
    struct error err = {0};
    enum verdict v = SOUND;
    uint64_t look;

    next->disk = cut;
    next->sent = 100000; /* other transactions */
    if (!life_open(next, created, &err))
        v = because(NOT_OPENED, err.text);
    else if (!is_clean(next->store))
        v = LOST;
    else if (!life_look(next, &look, &err))
        v = because(LOST, err.text);
    else if (created && look != l->look[n] && (n == l->changes || look != l->look[n + 1]))
        v = because(LOST, "it is not what was promised");
    else if (t % 4 == 0 &&
             (!change_deliver(next, &err) || !keep_up(next, &err) || !is_clean(next->store)))
        v = because(LOST, "it does not live on");
    life_done(next);
    return v;
}

struct score {
    uint64_t cuts, lost, not_opened, full, failed;
};

/* The call after which the power is cut: a tenth falls into the creation, a fifth into what came after a change on a bad
 * disk. */
static size_t choose_cut(const struct life *l, uint64_t k)
{
    size_t calls = disk_calls(l->disk);
    unsigned n;

    if (k % 10 == 0)
        return (size_t)(next_random() % (l->calls_at[0] + 1));
    if (k % 5 != 1 || l->after_bad_n == 0)
        return (size_t)(next_random() % (calls + 1));
    n = l->after_bad[below(l->after_bad_n)];
    if (n >= l->changes)
        return calls;
    return l->calls_at[n] + (size_t)(next_random() % (l->calls_at[n + 1] - l->calls_at[n] + 1));
}

static struct score cut_often(size_t unit, uint64_t cuts, unsigned lives, bool sync_works)
{
    struct score score = {0};

    for (unsigned i = 0; i < lives; i++) {
        struct life *l = life_lead(sync_works);
        size_t calls = disk_calls(l->disk);

        for (uint64_t k = 0; k < cuts / lives; k++) {
            size_t t = choose_cut(l, k);
            enum verdict v = judge(l, disk_cut(l->disk, t, unit, next_random), t);

            score.cuts++;
            score.lost += v == LOST;
            score.not_opened += v == NOT_OPENED;
            if (v != SOUND && sync_works)
                fprintf(stderr, "unit %zu life %u cut %llu at %zu of %zu, after change %u: %s\n",
                        unit, i, (unsigned long long)k, t, calls, changes_before(l, t), reason);
        }
        score.full += l->full;
        score.failed += l->failed;
        life_done(l);
    }
    printf(
        "%-13s unit %4zu: %4llu cuts, %llu lost, %llu do not open; %llu changes had no room, %llu "
        "writes failed\n",
        sync_works ? "account" : "fsync a no-op", unit, (unsigned long long)score.cuts,
        (unsigned long long)score.lost, (unsigned long long)score.not_opened,
        (unsigned long long)score.full, (unsigned long long)score.failed);
    fflush(stdout);
    return score;
}

static const size_t units[] = {4096, 512, 1};

static void nothing_promised_is_lost_and_every_account_opens(void)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct score s = cut_often(units[i], cuts_wanted, LIVES, true);

        CHECK_U64(s.lost, 0);
        CHECK_U64(s.not_opened, 0);
        CHECK(s.full > 5 && s.failed > 2);
    }
}

static void without_fsync_the_test_sees_losses(void)
{
    struct score s = cut_often(4096, 100, 2, false);

    CHECK(s.lost + s.not_opened > 0);
}

static void number_from(const char *name, uint64_t *out)
{
    const char *given = getenv(name);

    if (given && !str_to_u64(str_c(given), UINT64_MAX, out))
        fatal("%s is not a number", name);
}

int main(void)
{
    static const struct clock_source source = {test_clock, test_clock};

    seed = 20261126;
    number_from("POSTHUS_SEED", &seed);
    number_from("POSTHUS_CUTS", &cuts_wanted);
    printf("POSTHUS_SEED=%llu\n", (unsigned long long)seed);
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    random_set_source(fill_random);
    clock_set_source(&source);
    db_process_init();
    RUN(nothing_promised_is_lost_and_every_account_opens);
    RUN(without_fsync_the_test_sees_losses);
    random_set_source(NULL);
    clock_set_source(NULL);
    return test_end();
}
