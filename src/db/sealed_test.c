/* db/sealed_test.c: the store is really sealed.
 *
 * Of an account with small and large contents: no file shows SQLite's header or another known
 * magic; every 4 KiB look like random bytes to a chi-square test; the same contents in a second
 * account, under another key, share no block of 32 bytes; and after one flipped bit, anywhere, what
 * is read is an error or the truth. The same checks run on a store whose cipher only copies, and
 * must fail there.
 *
 * With file names as arguments the first two checks are made of these files instead (the 32 plain
 * bytes at the beginning of a log aside), and the exit status tells. */
#include "db/vault_crypto.c"

#include "base/map.h"
#include "base/test.h"
#include "db/content.h"
#include "db/disk_sim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIES 300 /* flipped bits for each kind of file */
#define BLOCK 4096
#define LOG_HEADER 32

/* The statistic for 256 equally likely bytes: 255 degrees of freedom, so 255 on average. Random
 * bytes leave this range once in 10^11 blocks; text and compressed data are far above it. */
#define CHI_SQUARE_LOW 130.0
#define CHI_SQUARE_HIGH 450.0

static uint64_t rng; /* POSTHUS_SEED repeats a run */

static void fill_random(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        ((unsigned char *)p)[i] = (unsigned char)(rng * UINT64_C(0x2545f4914f6cdd1d) >> 40);
    }
}

static double chi_square(const unsigned char *p, size_t n)
{
    unsigned counts[256] = {0};
    double expected = (double)n / 256, sum = 0;

    for (size_t i = 0; i < n; i++)
        counts[p[i]]++;
    for (size_t i = 0; i < 256; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

/* Long enough that random bytes do not hold them by chance. */
static const struct str marks[] = {STR("SQLite format 3"), STR("CREATE TABLE"), STR("CREATE INDEX"),
                                   STR("Received: "),      STR("Subject: "),    STR("Message-ID: "),
                                   STR("Content-Type: "),  STR("MIME-Version"), STR("-----BEGIN "),
                                   STR("<!DOCTYPE"),       STR("<html>")};
/* Short ones, looked for where a record or a file may begin. */
static const struct str magics[] = {STR("\x28\xb5\x2f\xfd"),
                                    STR("%PDF"),
                                    STR("PK\x03\x04"),
                                    STR("\x89PNG"),
                                    STR("\x7f"
                                        "ELF"),
                                    STR("SQLi")};

static bool is_log(const unsigned char *p, size_t n)
{
    return n >= LOG_HEADER && p[0] == 0x37 && p[1] == 0x7f && p[2] == 0x06 && (p[3] & 0xfe) == 0x82;
}

static bool magic_at(struct str all, size_t at)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (str_starts(str_skip(all, at), magics[i]))
            return true;
    return false;
}

static bool holds_known_words(const unsigned char *p, size_t n)
{
    struct str all = str_of(p, n);
    size_t start = is_log(p, n) ? LOG_HEADER : 0, step = start ? 24 + BLOCK : BLOCK;

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_find(all, marks[i]) != SIZE_MAX)
            return true;
    for (size_t at = start; at < n; at += step)
        if (magic_at(all, at) || magic_at(all, at + 1) || (start && magic_at(all, at + 24)))
            return true;
    return false;
}

/* Blocks that do not look random; a last one of less than 1 KiB says too little and is left out. */
static size_t blocks_not_random(const unsigned char *p, size_t n)
{
    size_t bad = 0;

    for (size_t at = is_log(p, n) ? LOG_HEADER : 0; at + 1024 <= n; at += BLOCK) {
        double x = chi_square(p + at, size_min(BLOCK, n - at));

        bad += x < CHI_SQUARE_LOW || x > CHI_SQUARE_HIGH;
    }
    return bad;
}

/* The account that the checks are made of. */
#define ITEMS 24

static const char *const steps[] = {
    CONTENT_SCHEMA "CREATE TABLE item (id INTEGER PRIMARY KEY, content INTEGER NOT NULL,"
                   " subject TEXT NOT NULL) STRICT"};
static const struct db_schema schema = {"test", steps, 1};

struct item {
    int64_t id, content;
    char subject[80];
    struct str bytes;
};

struct account {
    struct disk *disk;
    struct item items[ITEMS];
    size_t last; /* items before the last commit */
};

static struct db *open_account(struct disk *d, unsigned char key, struct error *err)
{
    struct db_source source = {.generation = 1, .key = {key, 3, 4}};
    struct db *db = NULL;

    disk_use(d);
    disk_source(&source);
    return db_open(&db, &source, &schema, err) ? db : NULL;
}

/* Mail-like text, or bytes that do not compress; the same for the same i in every account. */
static struct str item_bytes(size_t i)
{
    size_t n = i % 6 == 5 ? 220000 + i * 1000 : 2000 + i * 900;
    char *p = mem_alloc(n);
    static const char text[] =
        "Received: from a.test by b.test\r\nSubject: the same in two accounts\r\n";
    uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) + 77;

    for (size_t k = 0; k < n; k++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[k] = i % 2         ? (char)(x >> 33)
               : k % 97 < 80 ? text[k % (sizeof text - 1)]
                             : (char)(x >> 40);
    }
    return str_of(p, n);
}

static bool add_item(struct db *db, struct item *item)
{
    AUTO_TX struct db_tx tx = {0};
    struct content_new *c = NULL;
    struct error err;
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "INSERT INTO item (content, subject) VALUES (?1, ?2)");

    if (!content_prepare(&c, db, item->bytes, &err) || !db_begin(&tx, db, &err) ||
        !content_add(&c, db, &item->content, &err))
        return false;
    db_bind_int(s, 1, item->content);
    db_bind_text(s, 2, str_c(item->subject));
    if (!db_run(db, s, &err))
        return false;
    item->id = sqlite3_last_insert_rowid(db_sqlite(db));
    return db_commit(&tx, &err);
}

/* Half of the items are in the database file. The rest is in the log when the account is left open,
 * as by a crash. */
static void account_make(struct account *a, unsigned char key, bool crashed)
{
    struct disk *d = disk_create();
    struct error err = {0};
    struct db *db = open_account(d, key, &err);

    *a = (struct account){.last = ITEMS - 1};
    if (!CHECK_ROW(db != NULL, err.text))
        return;
    for (size_t i = 0; i < ITEMS; i++) {
        if (i == ITEMS / 2)
            db_idle(db);
        snprintf(a->items[i].subject, sizeof a->items[i].subject, "Subject: number %zu", i);
        a->items[i].bytes = item_bytes(i);
        CHECK(add_item(db, &a->items[i]));
    }
    if (crashed)
        a->disk = disk_copy(d);
    db_close(db);
    if (crashed)
        disk_destroy(d);
    else
        a->disk = d;
}

static void account_done(struct account *a)
{
    for (size_t i = 0; i < ITEMS; i++)
        mem_free((void *)(uintptr_t)a->items[i].bytes.p);
    disk_destroy(a->disk);
}

static bool shows_words(struct account *a)
{
    bool any = false;

    for (size_t i = 0; i < disk_files(a->disk); i++) {
        size_t n;
        const unsigned char *p = disk_bytes(a->disk, i, &n);

        any = any || (n && holds_known_words(p, n));
    }
    return any;
}

static size_t account_not_random(struct account *a)
{
    size_t bad = 0;

    for (size_t i = 0; i < disk_files(a->disk); i++) {
        size_t n;
        const unsigned char *p = disk_bytes(a->disk, i, &n);

        bad += n ? blocks_not_random(p, n) : 0;
    }
    return bad;
}

/* Every aligned 32-byte block of one account against every offset of the other. */
static bool share_a_block(struct account *a, struct account *b)
{
    struct map blocks;
    bool shared = false;

    map_init(&blocks);
    for (size_t i = 0; i < disk_files(a->disk); i++) {
        size_t n;
        unsigned char *p = disk_bytes(a->disk, i, &n);

        for (size_t at = i == DISK_WAL ? LOG_HEADER : 0; at + 32 <= n; at += 32) {
            uint64_t head;

            memcpy(&head, p + at, 8);
            map_put_u64(&blocks, head, p + at);
        }
    }
    for (size_t i = 0; i < disk_files(b->disk) && !shared; i++) {
        size_t n;
        unsigned char *p = disk_bytes(b->disk, i, &n);

        for (size_t at = i == DISK_WAL ? LOG_HEADER : 0; at + 32 <= n && !shared; at++) {
            const unsigned char *found;
            uint64_t head;

            memcpy(&head, p + at, 8);
            found = map_find_u64(&blocks, head);
            shared = found && memcmp(found, p + at, 32) == 0;
        }
    }
    map_done(&blocks);
    return shared;
}

enum outcome { TRUTH, TOLD, WITHOUT_LAST_COMMIT, SILENT, OUTCOMES };

static enum outcome read_item(struct db *db, const struct item *item)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT content, subject FROM item WHERE id = ?1");
    struct error err;
    struct buf got;
    enum db_step step;
    enum outcome out;

    db_bind_int(s, 1, item->id);
    step = db_next(db, s, &err);
    if (step != DB_ROW)
        return step == DB_FAIL ? TOLD : SILENT;
    if (db_col_int(s, 0) != item->content || !str_equal(db_col_str(s, 1), str_c(item->subject)))
        return SILENT;
    buf_init(&got, item->bytes.n);
    if (!content_read(db, item->content, 0, UINT64_MAX, &got, &err))
        out = err.kind == ERROR_DAMAGED ? TOLD : SILENT;
    else
        out = str_equal(buf_view(&got), item->bytes) ? TRUTH : SILENT;
    buf_done(&got);
    return out;
}

/* Opens and reads all there is. Only the very last item may be missing as a whole, and only where
 * that cannot be told from a power cut (vault.h). */
static enum outcome read_all(const struct account *a, struct disk *d)
{
    struct error err = {0};
    struct db *db = open_account(d, 1, &err);
    enum outcome all = TRUTH;
    int64_t rows = 0;

    if (!db)
        return err.kind == ERROR_DAMAGED ? TOLD : SILENT;
    {
        AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT count(*) FROM item");

        if (!db_one_int(db, s, &rows, NULL, &err))
            all = TOLD;
    }
    for (size_t i = 0; i < ITEMS && all != SILENT; i++) {
        enum outcome one;

        if (i >= a->last && all == TRUTH && rows == (int64_t)a->last) {
            all = WITHOUT_LAST_COMMIT;
            continue;
        }
        one = read_item(db, &a->items[i]);
        if (one != TRUTH)
            all = one;
    }
    db_close(db);
    return all;
}

static void flip_bits(const struct account *a, size_t file, unsigned tries, unsigned out[OUTCOMES])
{
    memset(out, 0, OUTCOMES * sizeof *out);
    for (unsigned i = 0; i < tries; i++) {
        struct disk *d = disk_copy(a->disk);
        size_t n, at;
        unsigned char *p = disk_bytes(d, file, &n);

        at = (size_t)random_below(n);
        p[at] ^= (unsigned char)(1 << random_below(8));
        out[read_all(a, d)]++;
        disk_destroy(d);
    }
}

/* The first large content that is there; its file comes after the database and the log. */
static size_t blob_file(const struct account *a)
{
    for (size_t i = DISK_WAL + 1; i < disk_files(a->disk); i++) {
        size_t n;

        disk_bytes(a->disk, i, &n);
        if (n)
            return i;
    }
    panic("there is no large content");
}

static void print_flips(const char *kind, const unsigned out[OUTCOMES])
{
    printf("%-12s %u told, %u in unused space, %u without the last commit, %u silent\n", kind,
           out[TOLD], out[TRUTH], out[WITHOUT_LAST_COMMIT], out[SILENT]);
}

static void no_file_shows_known_words_and_every_block_looks_random(void)
{
    struct account a;

    for (int crashed = 0; crashed < 2; crashed++) {
        account_make(&a, 1, crashed);
        CHECK(!shows_words(&a));
        CHECK_U64(account_not_random(&a), 0);
        account_done(&a);
    }
}

static void equal_contents_in_two_accounts_share_no_block(void)
{
    struct account a, b;

    account_make(&a, 1, true);
    account_make(&b, 2, true);
    CHECK(!share_a_block(&a, &b));
    account_done(&a);
    account_done(&b);
}

static void one_flipped_bit_is_an_error_and_never_data(void)
{
    unsigned out[OUTCOMES];
    struct account a;

    account_make(&a, 1, false);
    flip_bits(&a, DISK_DB, TRIES, out);
    print_flips("database", out);
    CHECK_U64(out[SILENT], 0);
    CHECK_U64(out[WITHOUT_LAST_COMMIT], 0);
    CHECK(out[TOLD] > TRIES * 8 / 10);
    flip_bits(&a, blob_file(&a), TRIES, out);
    print_flips("content", out);
    CHECK_U64(out[TOLD], TRIES);
    account_done(&a);

    account_make(&a, 1, true);
    flip_bits(&a, DISK_WAL, TRIES, out);
    print_flips("log", out);
    CHECK_U64(out[SILENT], 0);
    CHECK_U64(out[TOLD] + out[WITHOUT_LAST_COMMIT], TRIES);
    CHECK(out[TOLD] > TRIES * 6 / 10);
    account_done(&a);
}

/* The proof that the checks above see something. */
static void a_store_that_is_not_sealed_fails_every_check(void)
{
    unsigned out[OUTCOMES];
    struct account a, b;

    null_cipher = true;
    account_make(&a, 1, true);
    account_make(&b, 2, true);
    CHECK(shows_words(&a));
    CHECK(account_not_random(&a) > 0);
    CHECK(share_a_block(&a, &b));
    flip_bits(&a, DISK_DB, 60, out);
    print_flips("null: db", out);
    CHECK(out[SILENT] > 0);
    flip_bits(&a, blob_file(&a), 60, out);
    print_flips("null: blob", out);
    CHECK(out[SILENT] > 0);
    flip_bits(&a, DISK_WAL, 60, out);
    print_flips("null: log", out);
    account_done(&a);
    account_done(&b);
    null_cipher = false;
}

static bool file_looks_sealed(const char *path)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t n = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    const unsigned char *p;
    size_t bad;
    bool words;

    if (n < 0)
        fatal("%s cannot be read", path);
    if (n == 0) {
        printf("%s: empty\n", path);
        return true;
    }
    p = mmap(NULL, (size_t)n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        fatal("%s cannot be mapped", path);
    words = holds_known_words(p, (size_t)n);
    bad = blocks_not_random(p, (size_t)n);
    printf("%s: %lld bytes, %zu blocks do not look random, known words: %s\n", path, (long long)n,
           bad, words ? "yes" : "none");
    munmap((void *)(uintptr_t)p, (size_t)n);
    return bad == 0 && !words;
}

int main(int argc, char **argv)
{
    const char *given = getenv("POSTHUS_SEED");
    uint64_t seed = 20261124;
    bool ok = true;

    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            ok = file_looks_sealed(argv[i]) && ok;
        return ok ? 0 : 1;
    }
    if (given && !str_to_u64(str_c(given), UINT64_MAX, &seed))
        fatal("POSTHUS_SEED is not a number");
    printf("POSTHUS_SEED=%llu\n", (unsigned long long)seed);
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    random_set_source(fill_random);
    RUN(no_file_shows_known_words_and_every_block_looks_random);
    RUN(equal_contents_in_two_accounts_share_no_block);
    RUN(one_flipped_bit_is_an_error_and_never_data);
    RUN(a_store_that_is_not_sealed_fails_every_check);
    return test_end();
}
