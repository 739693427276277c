/* db/vault_test.c: each trap of docs/design.md, "The vault", has a test here, named by its number;
 * and every write, sync and truncate fails once. The two large tests are db/powercut_test.c and
 * db/sealed_test.c. */
#include "db/vault.c"
#include "db/vault_new.c"
#include "db/vault_wal.c"

#include "base/test.h"
#include "db/db_int.h"
#include "db/disk_sim.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const steps[] = {"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT) STRICT"};
static const struct db_schema schema = {"test", steps, 1};

static struct db_source source_of(struct disk *d)
{
    struct db_source source = {.generation = 1, .key = {9}};

    disk_use(d);
    disk_source(&source);
    return source;
}

static struct db *open_disk(struct disk *d, struct error *err)
{
    struct db_source source = source_of(d);
    struct db *db = NULL;

    return db_open(&db, &source, &schema, err) ? db : NULL;
}

static bool sql(struct db *db, const char *text)
{
    return sqlite3_exec(db_sqlite(db), text, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t number(struct db *db, const char *text)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, text);
    int64_t out = -1;
    struct error err = {0};

    CHECK_ROW(db_one_int(db, s, &out, NULL, &err), err.text);
    return out;
}

static bool sound(struct db *db)
{
    return number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1;
}

/* A disk as a crash leaves it after n commits of a row each, with nothing checkpointed. */
static struct disk *crashed_after(unsigned n)
{
    struct disk *d = disk_create(), *copy;
    struct error err = {0};
    struct db *db = open_disk(d, &err);

    if (!CHECK_ROW(db != NULL, err.text))
        return d;
    for (unsigned i = 0; i < n; i++)
        CHECK(sql(db, "INSERT INTO t (a) VALUES (hex(randomblob(1000)))"));
    copy = disk_copy(d);
    db_close(db);
    disk_destroy(d);
    return copy;
}

static void flip(struct disk *d, size_t file, size_t at)
{
    size_t n;
    unsigned char *p = disk_bytes(d, file, &n);

    if (CHECK(at < n))
        p[at] ^= 16;
}

static size_t size_of(struct disk *d, size_t file)
{
    size_t n;

    disk_bytes(d, file, &n);
    return n;
}

static unsigned frames_of(struct disk *d)
{
    return (unsigned)((size_of(d, DISK_WAL) - WAL_HEADER_BYTES) / FRAME_BYTES);
}

/* Opens and says the number of rows, or -1 with *kind. */
static int64_t rows_after_open(struct disk *d, enum error_kind *kind)
{
    struct error err = {0};
    struct db *db = open_disk(d, &err);
    int64_t rows;

    *kind = err.kind;
    if (!db)
        return -1;
    rows = number(db, "SELECT count(*) FROM t");
    CHECK(sound(db));
    db_close(db);
    return rows;
}

static void point_1_reserved_bytes_come_back_as_zeros(void)
{
    struct disk *d = crashed_after(5);
    struct error err = {0};
    enum error_kind kind;
    struct db *db;
    unsigned char page[PAGE_BYTES];
    size_t n;

    CHECK_U64(rows_after_open(d, &kind), 5); /* the log's checksums held */
    db = open_disk(d, &err);
    CHECK(vault_page_read(db->vault, 2, page) == VAULT_READ_OK);
    CHECK(all_zero(page + PAGE_USABLE, PAGE_RESERVED));
    CHECK(!all_zero(disk_bytes(d, DISK_DB, &n) + PAGE_BYTES + PAGE_USABLE, PAGE_RESERVED));
    db_close(db);
    disk_destroy(d);
}

/* A disk whose log holds page 1, as when the power went in the midst of a checkpoint. */
static struct disk *crashed_in_checkpoint(void)
{
    struct disk *d = disk_create(), *copy;
    struct error err = {0};
    struct db *db = open_disk(d, &err);

    CHECK(sql(db, "INSERT INTO t (a) VALUES ('one')"));
    db_idle(db);
    CHECK(sql(db, "INSERT INTO t (a) VALUES ('two'); PRAGMA user_version = 1"));
    copy = disk_copy(d);
    db_close(db);
    disk_destroy(d);
    return copy;
}

static void point_2_a_torn_first_page_is_answered_by_a_synthetic_header(void)
{
    for (size_t at = 0; at < PAGE_BYTES; at += 455) {
        struct disk *d = crashed_in_checkpoint(), *without;
        enum error_kind kind;

        flip(d, DISK_DB, at);
        without = disk_copy(d);
        CHECK_U64(rows_after_open(d, &kind), 2);
        /* Without the log it is what it is: damage. */
        source_of(without);
        CHECK(io_sim.truncate(disk_fd(DISK_WAL), 0) == 0);
        CHECK(rows_after_open(without, &kind) == -1);
        CHECK(kind == ERROR_DAMAGED);
        disk_destroy(d);
        disk_destroy(without);
    }
}

static struct io counting_io;
static int64_t log_end;
static unsigned rewrites; /* of log records before the end of the log */

static ssize_t counting_write(int fd, const void *p, size_t n, int64_t at)
{
    if (fd == disk_fd(DISK_WAL)) {
        rewrites += at + (int64_t)n <= log_end && at > 0;
        log_end = at + (int64_t)n > log_end ? at + (int64_t)n : log_end;
    }
    return io_sim.pwrite(fd, p, n, at);
}

/* With a tiny cache SQLite spills pages in the midst of a transaction, changes them again in the
 * log, and then rewrites the checksums of all frames from the first changed one. */
static void point_3_spilled_pages_and_headers_are_sealed_again(void)
{
    struct disk *d = disk_create(), *copy;
    struct db_source source = source_of(d);
    struct error err = {0};
    struct db *db = NULL;

    counting_io = io_sim;
    counting_io.pwrite = counting_write;
    source.io = &counting_io;
    CHECK(db_open(&db, &source, &schema, &err));
    CHECK(sql(db, "PRAGMA cache_size=10; PRAGMA cache_spill=10; PRAGMA wal_autocheckpoint=0"));
    rewrites = 0;
    CHECK(sql(db,
              "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500)"
              " INSERT INTO t SELECT i, hex(randomblob(200)) FROM n;"
              " UPDATE t SET a = a || 'x'; UPDATE t SET a = a || 'y' WHERE id % 7 = 0; COMMIT"));
    CHECK(rewrites > 100);
    CHECK_U64(number(db, "SELECT count(*) FROM t WHERE a LIKE '%x' OR a LIKE '%xy'"), 500);
    copy = disk_copy(d);
    db_close(db);
    disk_destroy(d);
    db = open_disk(copy, &err);
    CHECK_ROW(db != NULL, err.text);
    CHECK_U64(number(db, "SELECT count(*) FROM t WHERE a LIKE '%x' OR a LIKE '%xy'"), 500);
    CHECK(sound(db));
    db_close(db);
    disk_destroy(copy);
}

/* The same by hand: a header alone, a page alone. */
static void point_3_a_part_of_a_frame_is_replaced(void)
{
    struct disk *d = disk_create();
    struct db_source source = source_of(d);
    struct vault_file f = {0};
    struct error err = {0};
    unsigned char header[24] = {1, 2, 3}, page[PAGE_BYTES] = {7}, got[FRAME_BYTES];
    sqlite3_file *file = &f.base;

    db_process_init();
    CHECK(vault_open(&f.vault, &source, &err));
    CHECK(wal_write(file, header, 24, 32) == SQLITE_OK);
    CHECK(wal_write(file, page, PAGE_BYTES, 56) == SQLITE_OK);
    CHECK_U64(size_of(d, DISK_WAL), 32 + FRAME_BYTES);
    header[0] = 100;
    CHECK(wal_write(file, header, 24, 32) == SQLITE_OK);
    CHECK(wal_sync(file, 0) == SQLITE_OK);
    CHECK(wal_read(file, got, FRAME_BYTES, 32) == SQLITE_OK);
    CHECK(memcmp(got, header, 24) == 0 && memcmp(got + 24, page, PAGE_BYTES) == 0);
    page[0] = 101;
    CHECK(wal_write(file, page, PAGE_BYTES, 56) == SQLITE_OK);
    CHECK(wal_read(file, got, 8, 32 + 16) == SQLITE_OK);
    CHECK(memcmp(got, header + 16, 8) == 0);
    CHECK(wal_read(file, got, PAGE_BYTES, 56) == SQLITE_OK && got[0] == 101);
    /* A header whose frame is not there has nothing to replace. */
    CHECK(wal_write(file, header, 24, 32 + FRAME_BYTES) == SQLITE_OK);
    CHECK(wal_sync(file, 0) != SQLITE_OK);
    CHECK(vault_failure(f.vault, NULL) == ERROR_DAMAGED);
    vault_close(f.vault);
    disk_destroy(d);
}

static void point_4_no_two_seals_share_a_nonce_not_even_over_fork(void)
{
    unsigned char key[32] = {1}, mine[60], theirs[60];
    struct seal_place place = {.kind = SEAL_PAGE};
    struct seal s;
    int fds[2];
    pid_t pid;

    seal_init(&s, key);
    seal_close(&s, &place, "some plain bytes", 16, mine);
    CHECK(pipe(fds) == 0);
    pid = fork();
    if (pid == 0) {
        seal_close(&s, &place, "some plain bytes", 16, theirs);
        _exit(write(fds[1], theirs, 44) == 44 ? 0 : 1);
    }
    seal_close(&s, &place, "some plain bytes", 16, mine);
    CHECK(read(fds[0], theirs, 44) == 44);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(memcmp(mine + 16, theirs + 16, SEAL_NONCE_BYTES) != 0);
    close(fds[0]);
    close(fds[1]);
    seal_done(&s);
}

static void point_4_seals_are_counted_kept_and_limited(void)
{
    struct disk *d = disk_create();
    struct error err = {0};
    struct db *db = open_disk(d, &err);
    uint64_t seals;

    CHECK(sql(db, "INSERT INTO t (a) VALUES ('one')"));
    CHECK(vault_seals(db->vault) >= 3);
    db->vault->seals += 100000; /* as after much work */
    CHECK(sql(db, "UPDATE t SET a = 'two'"));
    seals = vault_seals(db->vault);
    db_close(db);
    db = open_disk(d, &err);
    CHECK(vault_seals(db->vault) >= seals);
    CHECK(vault_seals_kept(db->vault) >= seals); /* by page 1 itself */
    db->vault->seals = VAULT_SEALS_MAX - 1000;
    CHECK(sql(db, "UPDATE t SET a = 'three'"));
    db_close(db);
    db = open_disk(d, &err);
    CHECK(vault_seals(db->vault) >= VAULT_SEALS_MAX - 1000);
    db->vault->seals = VAULT_SEALS_MAX - 2;
    CHECK(!sql(db, "INSERT INTO t (a) VALUES (hex(zeroblob(9000)))"));
    CHECK(db_failed(db));
    db_close(db);
    db = open_disk(d, &err);
    CHECK_ROW(db != NULL, err.text);
    CHECK_U64(number(db, "SELECT count(*) FROM t WHERE a = 'three'"), 1);
    db_close(db);
    disk_destroy(d);
}

static void point_4_seals_in_the_log_are_counted_after_a_crash(void)
{
    struct disk *d = crashed_after(20);
    unsigned n = frames_of(d);
    struct error err = {0};
    struct db *db = open_disk(d, &err);

    if (CHECK_ROW(db != NULL, err.text))
        CHECK(n > 20 && vault_seals(db->vault) >= n);
    db_close(db);
    disk_destroy(d);
}

static struct vault *odd_vault;

static void odd_read(void)
{
    struct vault_file f = {.vault = odd_vault};
    char out[9000];

    page_read(&f.base, out, 512, 4096);
}

static void odd_write(void)
{
    struct vault_file f = {.vault = odd_vault};
    char in[9000] = {0};

    page_write(&f.base, in, 4096, 100);
}

static void odd_log_write(void)
{
    struct vault_file f = {.vault = odd_vault};
    char in[9000] = {0};

    wal_write(&f.base, in, 4096, 32);
}

static void odd_log_read(void)
{
    struct vault_file f = {.vault = odd_vault};
    char out[9000];

    wal_read(&f.base, out, 4096, 100);
}

static void used_reserve(void)
{
    unsigned char page[PAGE_BYTES] = {0};

    page[PAGE_BYTES - 1] = 1;
    vault_page_write(odd_vault, 2, page);
}

static bool aborts(void (*function)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        close(2);
        function();
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void point_5_odd_sizes_abort_and_nameless_files_are_refused(void)
{
    struct disk *d = disk_create();
    struct db_source source = source_of(d);
    struct vault_file f;
    struct error err = {0};

    CHECK(vault_open(&odd_vault, &source, &err));
    CHECK(aborts(odd_read));
    CHECK(aborts(odd_write));
    CHECK(aborts(odd_log_write));
    CHECK(aborts(odd_log_read));
    CHECK(aborts(used_reserve));
    CHECK(vfs_open(NULL, NULL, &f.base, SQLITE_OPEN_TEMP_DB, NULL) == SQLITE_CANTOPEN);
    CHECK(f.base.pMethods == NULL);
    CHECK(vfs_open(NULL, "vault-x-journal", &f.base, SQLITE_OPEN_MAIN_JOURNAL, NULL) ==
          SQLITE_CANTOPEN);
    CHECK(vfs_open(NULL, "vault-0", &f.base, SQLITE_OPEN_MAIN_DB, NULL) == SQLITE_CANTOPEN);
    CHECK(vfs_open(NULL, vault_name(odd_vault), &f.base, SQLITE_OPEN_MAIN_DB, NULL) == SQLITE_OK);
    vault_close(odd_vault);
    disk_destroy(d);
}

static void point_6_a_bad_frame_before_the_last_commit_is_damage(void)
{
    struct disk *whole = crashed_after(6);
    unsigned n = frames_of(whole), damaged = 0, dropped = 0;
    enum error_kind kind;

    CHECK(n >= 12);
    for (unsigned i = 1; i <= n; i++) {
        struct disk *d = disk_copy(whole);
        size_t db_size = size_of(d, DISK_DB), wal_size = size_of(d, DISK_WAL);
        int64_t rows;

        flip(d, DISK_WAL, (size_t)frame_at(i) + 2000);
        rows = rows_after_open(d, &kind);
        damaged += rows == -1;
        dropped += rows == 5;
        CHECK(rows == 5 || (rows == -1 && kind == ERROR_DAMAGED));
        CHECK(rows == 5 || (size_of(d, DISK_DB) == db_size && size_of(d, DISK_WAL) == wal_size));
        disk_destroy(d);
    }
    /* Only the last commit's own frames cannot be told from a power cut (vault.h). */
    CHECK(dropped >= 1 && dropped <= 3);
    CHECK_U64(damaged + dropped, n);
    disk_destroy(whole);
}

/* The shortest commits there are: the frame behind the bad one is already the next one's first. */
static void point_6_a_bad_commit_of_one_frame_is_damage(void)
{
    struct disk *whole = disk_create(), *d;
    struct error err = {0};
    enum error_kind kind;
    struct db *db = open_disk(whole, &err);
    unsigned n, before;

    CHECK(sql(db, "INSERT INTO t (a) VALUES ('0')"));
    CHECK(sql(db, "UPDATE t SET a = '1'"));
    before = frames_of(whole);
    CHECK(sql(db, "UPDATE t SET a = '2'"));
    CHECK(sql(db, "UPDATE t SET a = '3'"));
    d = disk_copy(whole);
    db_close(db);
    disk_destroy(whole);
    n = frames_of(d);
    if (CHECK_U64(n, before + 2)) {
        flip(d, DISK_WAL, (size_t)frame_at(n - 1) + 2000);
        CHECK(rows_after_open(d, &kind) == -1 && kind == ERROR_DAMAGED);
    }
    disk_destroy(d);
}

/* A first sector that is lost has the log's header and the beginning of its first frame. */
static void point_6_a_bad_header_and_a_bad_first_frame_are_damage(void)
{
    struct disk *d = crashed_after(3);
    enum error_kind kind;

    flip(d, DISK_WAL, 0);
    flip(d, DISK_WAL, (size_t)frame_at(1) + 100);
    CHECK(rows_after_open(d, &kind) == -1 && kind == ERROR_DAMAGED);
    disk_destroy(d);
}

/* Each commit is in the log; of the database not a byte is left. */
static void a_log_beside_an_empty_database_is_damage(void)
{
    struct disk *d = crashed_after(3);
    enum error_kind kind;

    disk_use(d);
    CHECK(io_sim.truncate(disk_fd(DISK_DB), 0) == 0);
    CHECK(rows_after_open(d, &kind) == -1 && kind == ERROR_DAMAGED);
    CHECK(size_of(d, DISK_DB) == 0 && size_of(d, DISK_WAL) > 0);
    disk_destroy(d);
}

/* A page of zeros is what a creation that was cut may leave; where there was a database, it is none. */
static void zeros_are_a_new_database_only_where_none_was_in_use(void)
{
    for (int was_in_use = 0; was_in_use < 2; was_in_use++) {
        static const unsigned char zeros[PAGE_BYTES];
        struct disk *d = disk_create();
        struct db_source source = source_of(d);
        struct error err = {0};
        struct db *db = NULL;

        CHECK(io_sim.pwrite(disk_fd(DISK_DB), zeros, sizeof zeros, 0) == PAGE_BYTES);
        source.must_exist = was_in_use;
        CHECK(db_open(&db, &source, &schema, &err) == !was_in_use);
        CHECK(!was_in_use || err.kind == ERROR_DAMAGED);
        db_close(db);
        disk_destroy(d);
    }
}

/* A quota, or a limit of files' sizes, is a disk that is full: no failure. */
static void a_disk_is_full_by_whatever_name(void)
{
    static const int errors[] = {ENOSPC, EDQUOT, EFBIG};

    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct disk *d = disk_create();
        struct error err = {0};
        struct db *db = open_disk(d, &err);

        disk_fail(d, DISK_WRITE, 1, errors[i]);
        CHECK(!sql(db, "INSERT INTO t (a) VALUES ('one')"));
        disk_fail(d, DISK_WRITE, 0, 0);
        CHECK(!db_failed(db) && sql(db, "INSERT INTO t (a) VALUES ('two')"));
        CHECK_U64(number(db, "SELECT count(*) FROM t"), 1);
        db_close(db);
        disk_destroy(d);
    }
}

static void point_6_what_a_crash_left_is_cut_off(void)
{
    struct disk *d = crashed_after(4);
    struct error err = {0};
    struct db *db;
    size_t before = size_of(d, DISK_WAL);

    flip(d, DISK_WAL, (size_t)frame_at(frames_of(d)) + 8); /* the last commit, torn */
    source_of(d);
    io_sim.pwrite(disk_fd(DISK_WAL), "garbage", 7, (int64_t)before);
    db = open_disk(d, &err);
    CHECK(db && size_of(d, DISK_WAL) < before && (size_of(d, DISK_WAL) - 32) % FRAME_BYTES == 0);
    CHECK_U64(number(db, "SELECT count(*) FROM t"), 3);
    db_close(db);
    disk_destroy(d);
}

static void point_6_a_bad_log_header_is_damage_only_when_commits_would_be_lost(void)
{
    for (size_t at = 0; at < WAL_HEADER_BYTES; at += 3) {
        struct disk *d = crashed_after(3), *copy;
        struct error err = {0};
        enum error_kind kind;
        struct db *db;

        copy = disk_copy(d);
        flip(d, DISK_WAL, at);
        CHECK(rows_after_open(d, &kind) == -1 && kind == ERROR_DAMAGED);
        disk_destroy(d);
        /* After a checkpoint the log still has its frames, and the next commit would write a new
         * header over the old. */
        db = open_disk(copy, &err);
        CHECK(sql(db, "PRAGMA wal_checkpoint(PASSIVE)"));
        d = disk_copy(copy);
        db_close(db);
        disk_destroy(copy);
        CHECK(frames_of(d) > 3);
        flip(d, DISK_WAL, at);
        CHECK_U64(rows_after_open(d, &kind), 3);
        disk_destroy(d);
    }
}

static void point_6_frames_of_an_older_log_are_no_damage(void)
{
    struct disk *d = disk_create(), *copy;
    struct error err = {0};
    enum error_kind kind;
    struct db *db = open_disk(d, &err);

    for (int i = 0; i < 20; i++)
        CHECK(sql(db, "INSERT INTO t (a) VALUES (hex(randomblob(1000)))"));
    CHECK(sql(db, "PRAGMA wal_checkpoint(PASSIVE)"));
    CHECK(sql(db, "INSERT INTO t (a) VALUES ('in the log that began anew')"));
    copy = disk_copy(d);
    db_close(db);
    CHECK(frames_of(copy) > 30);
    CHECK_U64(rows_after_open(copy, &kind), 21);
    disk_destroy(copy);
    disk_destroy(d);
}

/* What is not promised is so: the words in vault.h are tested like any other. */
static void point_7_an_older_copy_of_the_whole_opens(void)
{
    struct disk *older = crashed_after(2);
    enum error_kind kind;

    CHECK_U64(rows_after_open(older, &kind), 2);
    disk_destroy(older);
}

static void a_record_opens_only_at_its_own_place(void)
{
    unsigned char key[32] = {1}, other_key[32] = {2}, sealed[60], plain[32];
    struct seal_place right = {SEAL_PAGE, 1, 7, false}, wrong[] = {{SEAL_FRAME, 1, 7, false},
                                                                   {SEAL_PAGE, 2, 7, false},
                                                                   {SEAL_PAGE, 1, 8, false},
                                                                   {SEAL_PAGE, 1, 7, true}};
    struct seal s, other;

    seal_init(&s, key);
    seal_init(&other, other_key);
    seal_close(&s, &right, "thirty-two bytes of plain text..", 32, sealed);
    CHECK(seal_open(&s, &right, sealed, 60, plain));
    CHECK(memcmp(plain, "thirty-two bytes of plain text..", 32) == 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK(!seal_open(&s, &wrong[i], sealed, 60, plain));
    CHECK(!seal_open(&other, &right, sealed, 60, plain));
    CHECK(!seal_open(&s, &right, sealed, 59, plain));
    CHECK(seal_open(&s, &right, sealed, 60, plain));
    seal_done(&s);
    seal_done(&other);
}

/* Commits one by one until something fails; says how many were promised, or -1 when it did not
 * open. */
static int promised_until_failure(struct disk *d, int error)
{
    struct error err = {0};
    struct db *db = open_disk(d, &err);
    int n = 0;

    if (!db) {
        CHECK(err.kind == ERROR_DISK);
        return -1;
    }
    for (; n < 12; n++) {
        if (n == 6)
            db_idle(db);
        if (!sql(db, "INSERT INTO t (a) VALUES (hex(randomblob(3000)))")) {
            if (error != ENOSPC) {
                CHECK(db_failed(db));
                disk_fail(d, DISK_WRITE, 0, 0);
                disk_fail(d, DISK_SYNC, 0, 0);
                disk_fail(d, DISK_TRUNCATE, 0, 0);
                CHECK(!sql(db, "INSERT INTO t (a) VALUES ('after a failure')"));
            } else {
                CHECK(!db_failed(db));
            }
            break;
        }
    }
    db_close(db);
    return n;
}

/* The nth call and all later ones fail, for every n, until nothing fails. Promised rows are there
 * afterwards. */
static void every_failure_of_the_disk_is_told_and_loses_nothing(void)
{
    static const struct {
        const char *name;
        enum disk_call call;
        int error;
    } kinds[] = {{"write EIO", DISK_WRITE, EIO},
                 {"write ENOSPC", DISK_WRITE, ENOSPC},
                 {"sync EIO", DISK_SYNC, EIO},
                 {"truncate EIO", DISK_TRUNCATE, EIO}};

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        unsigned nth = 1;

        for (bool failed = true; failed; nth++) {
            struct disk *d = disk_create();
            enum error_kind kind;
            int promised;
            int64_t rows;

            disk_fail(d, kinds[k].call, nth, kinds[k].error);
            promised = promised_until_failure(d, kinds[k].error);
            disk_fail(d, kinds[k].call, 0, 0);
            rows = rows_after_open(d, &kind);
            /* The commit whose sync failed may have come through all the same. */
            CHECK_ROW(rows >= (promised < 0 ? 0 : promised) && rows <= promised + 1, kinds[k].name);
            failed = promised < 12;
            disk_destroy(d);
            if (!CHECK_ROW(nth < 300, kinds[k].name))
                break;
        }
    }
}

static uint64_t cut_bits = 88172645463325252;

static uint64_t next_bits(void)
{
    cut_bits ^= cut_bits << 13;
    cut_bits ^= cut_bits >> 7;
    cut_bits ^= cut_bits << 17;
    return cut_bits * UINT64_C(0x2545f4914f6cdd1d);
}

/* A commit for which there is no room leaves some of its frames, a checkpoint that is tried meanwhile changes nothing, and the
 * commit after it is cut: whatever that leaves, it is no damage. */
static void a_full_disk_and_then_a_power_cut_are_no_damage(void)
{
    bool full = true;

    for (unsigned nth = 1; full; nth++) {
        struct disk *d = disk_create();
        struct error err = {0};
        struct db *db = open_disk(d, &err);
        size_t before;

        CHECK(sql(db, "INSERT INTO t (a) VALUES ('one')"));
        db_idle(db);
        CHECK(sql(db, "INSERT INTO t (a) VALUES ('two')"));
        disk_fail(d, DISK_WRITE, nth, ENOSPC);
        full = !sql(db, "INSERT INTO t (a) VALUES (hex(zeroblob(30000)))");
        db_idle(db);
        disk_fail(d, DISK_WRITE, 0, 0);
        CHECK(!db_failed(db));
        before = disk_calls(d);
        CHECK(sql(db, "INSERT INTO t (a) VALUES (hex(zeroblob(9000)))"));
        for (unsigned i = 0; i < 100; i++) {
            size_t t = before + next_bits() % (disk_calls(d) - before + 1);
            struct disk *cut = disk_cut(d, t, i % 2 ? 512 : 4096, next_bits);
            enum error_kind kind;
            int64_t rows = rows_after_open(cut, &kind);

            CHECK_ROW(rows - !full == 2 || rows - !full == 3, "a cut");
            disk_destroy(cut);
            disk_use(d);
        }
        CHECK(nth < 40);
        db_close(db);
        disk_destroy(d);
    }
}

/* The file ends too early, as in a copy that was cut short, and the log holds a commit, which says how long it is. */
static void a_shortened_database_is_damage(void)
{
    static const unsigned missing[] = {1, 2, 3, 5, 8, 20, 50, 100};

    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        struct disk *d = disk_create(), *copy;
        struct error err = {0};
        struct db *db = open_disk(d, &err);
        size_t n;

        for (unsigned k = 0; k < 20; k++)
            CHECK(sql(db, "INSERT INTO t (a) VALUES (hex(zeroblob(20000)))"));
        db_idle(db);
        CHECK(sql(db, "UPDATE t SET a = 'short' WHERE id = 1"));
        copy = disk_copy(d);
        db_close(db);
        disk_destroy(d);
        disk_use(copy);
        n = size_of(copy, DISK_DB) - (size_t)missing[i] * PAGE_BYTES;
        CHECK(io_sim.truncate(disk_fd(DISK_DB), (int64_t)n) == 0);
        db = open_disk(copy, &err);
        if (CHECK_ROW(db != NULL, err.text)) {
            AUTO_STMT sqlite3_stmt *s = db_stmt(db, "SELECT sum(a = hex(zeroblob(20000))) FROM t");

            CHECK(db_next(db, s, &err) == DB_FAIL && err.kind == ERROR_DAMAGED);
            CHECK(str_starts(str_c(err.text), STR("the database file is cut short: page ")));
        }
        db_close(db);
        disk_destroy(copy);
    }
}

int main(void)
{
    db_process_init();
    RUN(point_1_reserved_bytes_come_back_as_zeros);
    RUN(point_2_a_torn_first_page_is_answered_by_a_synthetic_header);
    RUN(point_3_spilled_pages_and_headers_are_sealed_again);
    RUN(point_3_a_part_of_a_frame_is_replaced);
    RUN(point_4_no_two_seals_share_a_nonce_not_even_over_fork);
    RUN(point_4_seals_are_counted_kept_and_limited);
    RUN(point_4_seals_in_the_log_are_counted_after_a_crash);
    RUN(point_5_odd_sizes_abort_and_nameless_files_are_refused);
    RUN(point_6_a_bad_frame_before_the_last_commit_is_damage);
    RUN(point_6_a_bad_commit_of_one_frame_is_damage);
    RUN(point_6_a_bad_header_and_a_bad_first_frame_are_damage);
    RUN(point_6_what_a_crash_left_is_cut_off);
    RUN(point_6_a_bad_log_header_is_damage_only_when_commits_would_be_lost);
    RUN(point_6_frames_of_an_older_log_are_no_damage);
    RUN(point_7_an_older_copy_of_the_whole_opens);
    RUN(a_record_opens_only_at_its_own_place);
    RUN(every_failure_of_the_disk_is_told_and_loses_nothing);
    RUN(a_full_disk_and_then_a_power_cut_are_no_damage);
    RUN(a_shortened_database_is_damage);
    RUN(a_log_beside_an_empty_database_is_damage);
    RUN(zeros_are_a_new_database_only_where_none_was_in_use);
    RUN(a_disk_is_full_by_whatever_name);
    return test_end();
}
