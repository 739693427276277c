/* db/powercut_test.c: the vault under power cuts.
 *
 * A workload (creation, deliveries, deletions, large contents, checkpoints, reopening) runs on a
 * disk in memory that records its calls (db/disk_sim.h). Then the power is cut after a random
 * call, again and again: the database must open, pass SQLite's integrity_check and hold exactly
 * what the last commit that had returned promised, or that and the one commit that was in flight. A
 * part of the cuts goes on from there: more commits on the recovered disk, and a second cut.
 *
 * 1,000 cuts for each tear unit. Two broken modes prove that the test sees what it looks for: with
 * fsync made a no-op, and without the synthetic header (docs/design.md, "The vault", trap 2),
 * databases must be lost. POSTHUS_SEED repeats a run. */
#include "db/vault.c"

#include "base/test.h"
#include "db/content.h"
#include "db/disk_sim.h"

#include <stdlib.h>

#define CUTS 1000   /* a tear unit */
#define WORKLOADS 8 /* that they are taken from */
#define COMMITS 50  /* of a workload */
#define ITEMS_MAX 400

static uint64_t seed, rng;

static uint64_t next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * UINT64_C(0x2545f4914f6cdd1d);
}

static void fill_random(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)p)[i] = (unsigned char)(next_random() >> 40);
}

static const char *const steps[] = {
    CONTENT_SCHEMA "CREATE TABLE item (id INTEGER PRIMARY KEY, content INTEGER NOT NULL,"
                   " tag TEXT NOT NULL) STRICT;"
                   "CREATE INDEX item_tag ON item (tag);"
                   "CREATE TABLE state (commits INTEGER NOT NULL) STRICT;"
                   "INSERT INTO state VALUES (0)"};
static const struct db_schema schema = {"test", steps, 1};

/* What should be in the database after each commit. */
struct item {
    int64_t id, content;
    unsigned born,
        gone;         /* the commits that made and removed it; gone is UINT_MAX while it is there */
    struct str bytes; /* on the heap */
};

struct life {
    struct disk *disk;
    struct db *db;
    struct item items[ITEMS_MAX];
    size_t items_n;
    bool spills;
    unsigned commits;             /* promised so far */
    size_t calls_at[COMMITS * 2]; /* recorded calls when commit i had returned; 0 is the creation */
};

static struct db_source source_of(struct disk *d, bool must_exist)
{
    struct db_source source = {.generation = 1, .key = {5, 1, 2}, .must_exist = must_exist};

    disk_use(d);
    disk_source(&source);
    return source;
}

static struct error open_error; /* of the last open that failed */

static bool life_open(struct life *l, bool must_exist)
{
    struct db_source source = source_of(l->disk, must_exist);

    sqlite3_randomness(0, NULL); /* from the seed again */
    if (!db_open(&l->db, &source, &schema, &open_error))
        return false;
    /* Checkpoints come often, so that many cuts fall into one; and in every second life pages are
     * spilled to the log before their commit. */
    return sqlite3_exec(db_sqlite(l->db),
                        l->spills ? "PRAGMA wal_autocheckpoint=25; PRAGMA cache_size=10;"
                                    "PRAGMA cache_spill=10"
                                  : "PRAGMA wal_autocheckpoint=25",
                        NULL, NULL, NULL) == SQLITE_OK;
}

static struct str random_bytes_of(size_t n)
{
    char *p = mem_alloc(n);

    fill_random(p, n);
    return str_of(p, n);
}

static size_t random_size(void)
{
    switch (next_random() % 12) {
    case 0:
        return 135000 + next_random() % 70000; /* a file */
    case 1:
    case 2:
        return 20000 + next_random() % 40000;
    default:
        return 300 + next_random() % 4000;
    }
}

static bool insert_item(struct life *l, struct item *item, struct content_new **c)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(l->db, "INSERT INTO item (content, tag) VALUES (?1, hex(randomblob(9)))");
    struct error err;

    if (!content_add(c, l->db, &item->content, &err))
        return false;
    db_bind_int(s, 1, item->content);
    if (!db_run(l->db, s, &err))
        return false;
    item->id = sqlite3_last_insert_rowid(db_sqlite(l->db));
    return true;
}

static bool remove_item(struct life *l, struct item *item)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(l->db, "DELETE FROM item WHERE id = ?1");
    struct error err;

    db_bind_int(s, 1, item->id);
    return content_drop(l->db, item->content, &err) && db_run(l->db, s, &err);
}

static bool count_commit(struct life *l)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(l->db, "UPDATE state SET commits = ?1");
    struct error err;

    db_bind_int(s, 1, l->commits + 1);
    return db_run(l->db, s, &err);
}

/* One commit: a few items in, sometimes one out. */
static bool life_commit(struct life *l)
{
    AUTO_TX struct db_tx tx = {0};
    struct content_new *c[3] = {NULL};
    size_t n = 1 + next_random() % 3, first = l->items_n;
    struct error err;

    for (size_t i = 0; i < n; i++) {
        l->items[first + i] = (struct item){.born = l->commits + 1, .gone = UINT32_MAX};
        l->items[first + i].bytes = random_bytes_of(random_size());
        l->items_n++;
        if (!content_prepare(&c[i], l->db, l->items[first + i].bytes, &err))
            return false;
    }
    if (!db_begin(&tx, l->db, &err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!insert_item(l, &l->items[first + i], &c[i]))
            return false;
    if (first && next_random() % 3) {
        struct item *item = &l->items[next_random() % first];

        if (item->gone == UINT32_MAX && !remove_item(l, item))
            return false;
        if (item->gone == UINT32_MAX)
            item->gone = l->commits + 1;
    }
    if (!count_commit(l) || !db_commit(&tx, &err))
        return false;
    l->calls_at[++l->commits] = disk_calls(l->disk);
    return true;
}

/* Something else that an account process does between commits. */
static bool life_chore(struct life *l)
{
    struct error err;

    switch (next_random() % 16) {
    case 0:
        db_idle(l->db);
        return true;
    case 1:
        return content_sweep(l->db, &err);
    case 2:
        db_close(l->db);
        l->db = NULL;
        return life_open(l, true) && content_sweep(l->db, &err);
    default:
        return true;
    }
}

static void life_done(struct life *l)
{
    db_close(l->db);
    for (size_t i = 0; i < l->items_n; i++)
        mem_free((void *)(uintptr_t)l->items[i].bytes.p);
    disk_destroy(l->disk);
    mem_free(l);
}

static struct life *life_lead(bool sync_works, bool spills)
{
    struct life *l = mem_zalloc(sizeof *l);

    l->disk = disk_create();
    l->spills = spills;
    if (!sync_works)
        disk_break_sync(l->disk);
    if (!CHECK(life_open(l, false)))
        return l;
    l->calls_at[0] = disk_calls(l->disk);
    for (unsigned i = 0; i < COMMITS; i++)
        if (!CHECK(life_commit(l)) || !CHECK(life_chore(l)))
            return l;
    db_close(l->db);
    l->db = NULL;
    return l;
}

enum verdict { SOUND, LOST, NOT_OPENED };

static const char *reason; /* of the last verdict that is not SOUND */

static enum verdict because(enum verdict v, const char *why)
{
    reason = why;
    return v;
}

static bool one_int(struct db *db, const char *sql, int64_t *out)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, sql);
    struct error err;

    return db_one_int(db, s, out, NULL, &err);
}

static bool integrity_ok(struct db *db)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "PRAGMA integrity_check");
    struct error err;

    return db_next(db, s, &err) == DB_ROW && str_equal(db_col_str(s, 0), STR("ok"));
}

static bool item_there(struct db *db, const struct item *item)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT content FROM item WHERE id = ?1");
    struct error err;
    struct buf got;
    bool same;

    db_bind_int(s, 1, item->id);
    if (db_next(db, s, &err) != DB_ROW || db_col_int(s, 0) != item->content)
        return false;
    buf_init(&got, item->bytes.n);
    same = content_read(db, item->content, 0, UINT64_MAX, &got, &err) &&
           str_equal(buf_view(&got), item->bytes);
    buf_done(&got);
    return same;
}

/* Whether an open database holds what the life had after `promised` commits, or one more when that
 * was in flight. */
static enum verdict judge(const struct life *l, struct db *db, unsigned promised, bool in_flight)
{
    int64_t commits = -1, rows = -1, contents = -1, want = 0;

    if (!integrity_ok(db))
        return because(LOST, "integrity_check");
    if (!one_int(db, "SELECT commits FROM state", &commits) || commits < promised ||
        commits > promised + in_flight)
        return because(LOST, "a commit is lost");
    for (size_t i = 0; i < l->items_n; i++) {
        const struct item *item = &l->items[i];

        if (item->born > commits || item->gone <= commits)
            continue;
        want++;
        if (!item_there(db, item))
            return because(LOST, "an item is lost");
    }
    if (!one_int(db, "SELECT count(*) FROM item", &rows) ||
        !one_int(db, "SELECT count(*) FROM content", &contents) || rows != want || contents != want)
        return because(LOST, "there are items that should not be there");
    return SOUND;
}

static void count_one(const char *name UNUSED, void *arg)
{
    ++*(int64_t *)arg;
}

/* After the sweep there is a file for each row that has one, and no other. */
static bool no_orphans(struct db *db)
{
    int64_t rows = -1, files = 0;

    io_sim.blob_list(0, count_one, &files);
    return one_int(db, "SELECT count(*) FROM content WHERE data IS NULL", &rows) && rows == files;
}

static unsigned commits_before(const struct life *l, size_t calls)
{
    unsigned n = 0;

    while (n < l->commits && l->calls_at[n + 1] <= calls)
        n++;
    return n;
}

/* Opens the disk after a cut and judges it; the disk is used up. With `again`, the recovered
 * database lives on for some commits, and is cut a second time. */
static enum verdict open_and_judge(const struct life *l, struct disk *cut, size_t t, size_t unit,
                                   bool again);

static enum verdict live_on(const struct life *l, struct life *next, unsigned commits, size_t unit)
{
    size_t t;
    enum verdict v = SOUND;

    next->commits = commits;
    for (size_t i = 0; i < l->items_n; i++) {
        if (l->items[i].born > commits)
            continue;
        next->items[next->items_n] = l->items[i];
        next->items[next->items_n].bytes = random_bytes_of(l->items[i].bytes.n);
        memcpy((void *)(uintptr_t)next->items[next->items_n].bytes.p, l->items[i].bytes.p,
               l->items[i].bytes.n);
        if (l->items[i].gone > commits)
            next->items[next->items_n].gone = UINT32_MAX;
        next->items_n++;
    }
    for (unsigned i = 0; i < 3 && v == SOUND; i++)
        if (!life_commit(next))
            v = because(LOST, "a commit failed after a cut");
    db_close(next->db);
    next->db = NULL;
    if (v != SOUND)
        return v;
    t = (size_t)(next_random() % (disk_calls(next->disk) + 1));
    return open_and_judge(next, disk_cut(next->disk, t, unit, next_random), t, unit, false);
}

static enum verdict open_and_judge(const struct life *l, struct disk *cut, size_t t, size_t unit,
                                   bool again)
{
    unsigned promised = commits_before(l, t);
    struct life *next = mem_zalloc(sizeof *next);
    bool created = t >= l->calls_at[0];
    struct error err;
    int64_t commits = 0;
    enum verdict v;

    next->disk = cut;
    next->spills = l->spills;
    if (!life_open(next, created)) {
        v = because(NOT_OPENED, open_error.text);
    } else if (!content_sweep(next->db, &err)) {
        v = because(LOST, "it cannot be swept");
    } else if (!no_orphans(next->db)) {
        v = because(LOST, "files and rows are not the same");
    } else {
        next->calls_at[0] = created ? 0 : disk_calls(cut); /* its creation is promised from here */
        v = judge(l, next->db, promised, promised < l->commits);
        if (v == SOUND && again && one_int(next->db, "SELECT commits FROM state", &commits))
            v = live_on(l, next, (unsigned)commits, unit);
    }
    life_done(next);
    return v;
}

struct score {
    unsigned cuts, lost, not_opened;
};

static struct score cut_often(size_t unit, unsigned cuts, unsigned workloads, bool sync_works)
{
    struct score score = {0};

    for (unsigned w = 0; w < workloads; w++) {
        struct life *l = life_lead(sync_works, w % 2 == 1);

        for (unsigned i = 0; i < cuts / workloads; i++) {
            /* A tenth of the cuts falls into the creation. */
            size_t range = i % 10 ? disk_calls(l->disk) : l->calls_at[0];
            size_t t = (size_t)(next_random() % (range + 1));
            uint64_t before = rng;
            enum verdict v =
                open_and_judge(l, disk_cut(l->disk, t, unit, next_random), t, unit, i % 4 == 1);

            score.cuts++;
            score.lost += v == LOST;
            score.not_opened += v == NOT_OPENED;
            if (v != SOUND && sync_works && !no_synthetic_header)
                fprintf(stderr, "unit %zu workload %u cut %u at %zu of %zu (rng %llx): %s\n", unit,
                        w, i, t, disk_calls(l->disk), (unsigned long long)before, reason);
        }
        life_done(l);
    }
    return score;
}

static void print_score(const char *mode, size_t unit, struct score s)
{
    printf("%-22s unit %4zu: %4u cuts, %u lost, %u do not open\n", mode, unit, s.cuts, s.lost,
           s.not_opened);
    fflush(stdout);
}

static const size_t units[] = {4096, 512, 1};

static void nothing_promised_is_lost_and_everything_opens(void)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct score s = cut_often(units[i], CUTS, WORKLOADS, true);

        print_score("vault", units[i], s);
        CHECK_U64(s.cuts, CUTS);
        CHECK_U64(s.lost, 0);
        CHECK_U64(s.not_opened, 0);
    }
}

static void without_fsync_the_test_sees_losses(void)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct score s = cut_often(units[i], 100, 2, false);

        print_score("fsync a no-op", units[i], s);
        CHECK(s.lost + s.not_opened > 0);
    }
}

/* Not with units of 4096, which never tear a page. */
static void without_the_synthetic_header_the_test_sees_databases_that_do_not_open(void)
{
    no_synthetic_header = true;
    for (size_t i = 1; i < ARRAY_LEN(units); i++) {
        struct score s = cut_often(units[i], 240, 2, true);

        print_score("no synthetic header", units[i], s);
        CHECK(s.not_opened > 0);
    }
    no_synthetic_header = false;
}

int main(void)
{
    const char *given = getenv("POSTHUS_SEED");

    seed = 20261124;
    if (given && !str_to_u64(str_c(given), UINT64_MAX, &seed))
        fatal("POSTHUS_SEED is not a number");
    printf("POSTHUS_SEED=%llu\n", (unsigned long long)seed);
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    random_set_source(fill_random);
    db_process_init();
    RUN(nothing_promised_is_lost_and_everything_opens);
    RUN(without_fsync_the_test_sees_losses);
    RUN(without_the_synthetic_header_the_test_sees_databases_that_do_not_open);
    random_set_source(NULL);
    return test_end();
}
