/* db/content_test.c: contents in rows and in files, on a real file system. */
#include "db/content.c"
#include "db/content_file.c"

#include "base/test.h"
#include "db/disk_sim.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const steps[] = {CONTENT_SCHEMA};
static const struct db_schema schema = {"test", steps, 1};

struct place {
    struct db_source source;
    struct db *db;
    char folder[300];
};

static struct io failing_io; /* the kernel's, but for what a test breaks */

static void place_open(struct place *p)
{
    struct error err = {0};

    CHECK_ROW(db_open(&p->db, &p->source, &schema, &err), err.text);
}

static void place_init(struct place *p)
{
    static unsigned n;
    char path[400];

    *p = (struct place){.source = {.generation = 1, .key = {1}}};
    snprintf(p->folder, sizeof p->folder, "%s/%u", test_folder(), ++n);
    CHECK(mkdir(p->folder, 0700) == 0);
    p->source.blob_fd = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s.db", p->folder);
    p->source.db_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "%s.wal", p->folder);
    p->source.wal_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    place_open(p);
}

static void place_done(struct place *p)
{
    db_close(p->db);
    close(p->source.db_fd);
    close(p->source.wal_fd);
    close(p->source.blob_fd);
}

static void count_one(const char *name UNUSED, void *arg)
{
    ++*(unsigned *)arg;
}

static void count_file(const char *name UNUSED, void *arg)
{
    ++*(int64_t *)arg;
}

static unsigned files(struct place *p)
{
    unsigned n = 0;

    CHECK(io_kernel.blob_list(p->source.blob_fd, count_one, &n) == 0);
    return n;
}

/* Bytes that compress (mail-like) or do not, the same for the same seed; freed at the test's end.
 */
static struct str make_bytes(size_t n, unsigned seed, bool random)
{
    char *p = mem_alloc(n);
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct str exact;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = random        ? (char)(x >> 56)
               : i % 64 < 48 ? "a mailbox is a box "[i % 19]
                             : (char)('a' + x % 26);
    }
    exact = test_exact(str_of(p, n));
    mem_free(p);
    return exact;
}

static int64_t put(struct place *p, struct str bytes)
{
    AUTO_TX struct db_tx tx = {0};
    struct content_new *c = NULL;
    struct error err = {0};
    int64_t id = -1;

    if (CHECK_ROW(content_prepare(&c, p->db, bytes, &err), err.text) &&
        CHECK(db_begin(&tx, p->db, &err)) && CHECK(content_add(&c, p->db, &id, &err)))
        CHECK(db_commit(&tx, &err) && c == NULL);
    return id;
}

static void drop(struct place *p, int64_t id)
{
    AUTO_TX struct db_tx tx = {0};
    struct error err = {0};

    CHECK(db_begin(&tx, p->db, &err) && content_drop(p->db, id, &err) && db_commit(&tx, &err));
}

static bool reads(struct place *p, int64_t id, uint64_t from, uint64_t n, struct str want)
{
    struct error err = {0};
    struct buf out;
    bool ok;

    buf_init(&out, want.n + 1);
    ok = content_read(p->db, id, from, n, &out, &err) &&
         str_equal(buf_view(&out), str_sub(want, (size_t)from, (size_t)n));
    buf_done(&out);
    return ok;
}

static void contents_come_back_whole_and_in_ranges(void)
{
    static const struct {
        const char *name;
        size_t n;
        bool random, file;
    } cases[] = {
        {"nothing", 0, false, false},
        {"one byte", 1, false, false},
        {"a short mail", 3000, false, false},
        {"a long mail that compresses", 600000, false, false},
        {"just small enough to be a row", LIMIT_INLINE_CONTENT - 100, true, false},
        {"too large for a row", LIMIT_INLINE_CONTENT + 1, true, true},
        {"whole chunks", 4 * LIMIT_CHUNK, true, true},
        {"whole chunks and a byte", 4 * LIMIT_CHUNK + 1, true, true},
        {"a large mail that compresses", 9000000, false, true},
    };
    struct place p;

    place_init(&p);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bytes = make_bytes(cases[i].n, (unsigned)i + 1, cases[i].random);
        unsigned before = files(&p);
        int64_t id = put(&p, bytes);

        CHECK_ROW(files(&p) - before == cases[i].file, cases[i].name);
        CHECK_ROW(reads(&p, id, 0, UINT64_MAX, bytes), cases[i].name);
        CHECK_ROW(reads(&p, id, bytes.n, 10, bytes), cases[i].name);
        CHECK_ROW(reads(&p, id, bytes.n / 2, 1, bytes), cases[i].name);
        CHECK_ROW(reads(&p, id, LIMIT_CHUNK - 1, 2, bytes), cases[i].name);
        CHECK_ROW(reads(&p, id, LIMIT_CHUNK, LIMIT_CHUNK, bytes), cases[i].name);
        CHECK_ROW(reads(&p, id, bytes.n > 5 ? bytes.n - 5 : 0, 100, bytes), cases[i].name);
    }
    place_done(&p);
}

static void equal_contents_are_one(void)
{
    struct place p;
    struct str large = make_bytes(300000, 1, true), small = make_bytes(300, 1, false);
    int64_t a, b;

    place_init(&p);
    a = put(&p, large);
    b = put(&p, small);
    CHECK(a != b);
    CHECK_U64(put(&p, large), a);
    CHECK_U64(put(&p, small), b);
    CHECK_U64(files(&p), 1);
    place_done(&p);
}

static void a_dropped_file_goes_at_the_sweep(void)
{
    struct place p;
    struct str large = make_bytes(300000, 1, true);
    struct error err = {0};
    struct buf out;
    int64_t id;

    place_init(&p);
    id = put(&p, large);
    CHECK(content_sweep(p.db, &err));
    CHECK(reads(&p, id, 0, large.n, large));
    drop(&p, id);
    CHECK_U64(files(&p), 1);
    CHECK(content_sweep(p.db, &err));
    CHECK_U64(files(&p), 0);
    buf_init(&out, 1000);
    CHECK(!content_read(p.db, id, 0, 10, &out, &err) && err.kind == ERROR_NOT_FOUND);
    buf_done(&out);
    id = put(&p, large); /* and the same may come again */
    CHECK(reads(&p, id, 0, large.n, large));
    place_done(&p);
}

static void a_prepared_content_is_not_swept_and_a_discarded_one_is(void)
{
    struct place p;
    struct str large = make_bytes(300000, 1, true), other = make_bytes(300000, 2, true);
    struct content_new *c = NULL, *d = NULL;
    struct error err = {0};
    int64_t id = 0;
    int fd;

    place_init(&p);
    CHECK(content_prepare(&c, p.db, large, &err) && content_prepare(&d, p.db, other, &err));
    CHECK(content_sweep(p.db, &err));
    CHECK_U64(files(&p), 2);
    content_discard(&d, p.db);
    CHECK(d == NULL);
    CHECK_U64(files(&p), 1);
    {
        AUTO_TX struct db_tx tx = {0};

        CHECK(db_begin(&tx, p.db, &err) && content_add(&c, p.db, &id, &err)); /* rolled back */
    }
    CHECK_U64(files(&p), 1);
    CHECK(content_sweep(p.db, &err));
    CHECK_U64(files(&p), 0);
    fd = io_kernel.blob_create(p.source.blob_fd, "new-abcdefghijklmnop"); /* as of a crash */
    io_kernel.close(fd);
    CHECK(content_sweep(p.db, &err));
    CHECK_U64(files(&p), 1); /* nothing was dropped since */
    db_close(p.db);
    place_open(&p);
    CHECK(content_sweep(p.db, &err));
    CHECK_U64(files(&p), 0);
    place_done(&p);
}

static void a_content_dropped_after_it_was_prepared_is_made_again(void)
{
    struct place p;
    struct str large = make_bytes(300000, 1, true);
    struct content_new *c = NULL;
    struct error err = {0};
    int64_t id;

    place_init(&p);
    id = put(&p, large);
    CHECK(content_prepare(&c, p.db, large, &err));
    drop(&p, id);
    CHECK(content_sweep(p.db, &err));
    {
        AUTO_TX struct db_tx tx = {0};

        CHECK(db_begin(&tx, p.db, &err) && content_add(&c, p.db, &id, &err) &&
              db_commit(&tx, &err));
    }
    CHECK(reads(&p, id, 0, large.n, large));
    place_done(&p);
}

static int only_file(struct place *p, char *path, size_t n)
{
    char name[CONTENT_NAME_BYTES];
    struct error err = {0};

    AUTO_STMT sqlite3_stmt *s = db_stmt(p->db, "SELECT hash FROM content");
    CHECK(db_next(p->db, s, &err) == DB_ROW);
    content_file_name((const unsigned char *)db_col_str(s, 0).p, name);
    snprintf(path, n, "%s/%s", p->folder, name);
    return open(path, O_RDWR | O_CLOEXEC);
}

static enum error_kind read_kind(struct place *p, int64_t id, uint64_t from, uint64_t n)
{
    struct error err = {0};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (content_read(p->db, id, from, n, &out, &err))
        err.kind = ERROR_NONE;
    buf_done(&out);
    return err.kind;
}

static void a_file_that_was_altered_is_damage(void)
{
    struct place p;
    struct str large = make_bytes(5 * LIMIT_CHUNK, 1, true);
    char path[500], two[2 * CHUNK_RECORD];
    int64_t id, size;
    int fd;

    place_init(&p);
    id = put(&p, large);
    fd = only_file(&p, path, sizeof path);
    size = io_kernel.size(fd);
    /* Two chunks change places: each is authentic, neither belongs there. */
    CHECK(io_kernel.pread(fd, two, sizeof two, 0) == (ssize_t)sizeof two);
    CHECK(io_kernel.pwrite(fd, two + CHUNK_RECORD, CHUNK_RECORD, 0) == CHUNK_RECORD);
    CHECK(read_kind(&p, id, 0, 10) == ERROR_DAMAGED);
    CHECK(read_kind(&p, id, 2 * LIMIT_CHUNK, 10) == ERROR_NONE); /* other chunks can be read */
    CHECK(io_kernel.pwrite(fd, two, CHUNK_RECORD, 0) == CHUNK_RECORD);
    CHECK(reads(&p, id, 0, large.n, large));
    /* Shorter, longer, gone. */
    CHECK(ftruncate(fd, size - 1) == 0);
    CHECK(read_kind(&p, id, 0, 10) == ERROR_DAMAGED);
    CHECK(ftruncate(fd, CHUNK_RECORD) == 0);
    CHECK(read_kind(&p, id, 0, 10) == ERROR_DAMAGED);
    CHECK(ftruncate(fd, 5) == 0);
    CHECK(read_kind(&p, id, 0, 10) == ERROR_DAMAGED);
    close(fd);
    CHECK(unlink(path) == 0);
    CHECK(read_kind(&p, id, 0, 10) == ERROR_DAMAGED);
    CHECK(!db_failed(p.db)); /* one message, not the account */
    place_done(&p);
}

/* Nobody without the key can write such a row; a bug could. */
/* All of it authentic, and of the right length: it is another content's. */
static void the_file_of_another_content_is_damage(void)
{
    static char bytes[3 * CHUNK_RECORD];
    struct place p;
    char first[500], second[500];
    int64_t id;
    ssize_t n;
    int fd;

    place_init(&p);
    id = put(&p, make_bytes(2 * LIMIT_CHUNK, 1, true));
    fd = only_file(&p, first, sizeof first);
    close(fd);
    drop(&p, id);
    fd = open(first, O_RDONLY | O_CLOEXEC);
    n = io_kernel.pread(fd, bytes, sizeof bytes, 0);
    CHECK(n > 2 * LIMIT_CHUNK);
    close(fd);
    id = put(&p, make_bytes(2 * LIMIT_CHUNK, 2, true));
    fd = only_file(&p, second, sizeof second);
    CHECK(io_kernel.size(fd) == n && io_kernel.pwrite(fd, bytes, (size_t)n, 0) == n);
    close(fd);
    CHECK(read_kind(&p, id, 0, UINT64_MAX) == ERROR_DAMAGED);
    place_done(&p);
}

static void a_row_never_decompresses_beyond_its_size(void)
{
    static const char *const sql[] = {
        "UPDATE content SET size = 100", "UPDATE content SET size = 1000000000",
        "UPDATE content SET size = 299999", "UPDATE content SET data = x'28b52ffd'",
        "UPDATE content SET data = x''"};
    struct str bytes = make_bytes(300000, 1, false);

    for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
        struct place p;
        int64_t id;

        place_init(&p);
        id = put(&p, bytes);
        CHECK(sqlite3_exec(db_sqlite(p.db), sql[i], NULL, NULL, NULL) == SQLITE_OK);
        CHECK_ROW(read_kind(&p, id, 0, 50) == ERROR_DAMAGED, sql[i]);
        place_done(&p);
    }
}

static void a_reader_gets_a_limit_when_it_has_no_room(void)
{
    struct place p;
    struct error err = {0};
    struct buf out;
    int64_t id;

    place_init(&p);
    id = put(&p, make_bytes(1000, 1, false));
    buf_init(&out, 999);
    CHECK(!content_read(p.db, id, 0, UINT64_MAX, &out, &err) && err.kind == ERROR_LIMIT);
    buf_done(&out);
    place_done(&p);
}

static int no_sync(int fd UNUSED)
{
    return -EIO;
}

static ssize_t no_room(int fd UNUSED, const void *p UNUSED, size_t n UNUSED, int64_t at UNUSED)
{
    return -ENOSPC;
}

static void a_failed_sync_ends_the_database_and_a_full_disk_does_not(void)
{
    struct place p;
    struct str large = make_bytes(300000, 1, true);
    struct content_new *c = NULL;
    struct error err = {0};
    struct db_tx tx = {0};

    place_init(&p);
    db_close(p.db);
    failing_io = io_kernel;
    p.source.io = &failing_io;
    place_open(&p);
    failing_io.pwrite = no_room;
    CHECK(!content_prepare(&c, p.db, large, &err) && err.kind == ERROR_DISK && !c);
    CHECK(!db_failed(p.db));
    CHECK_U64(files(&p), 0);
    failing_io = io_kernel;
    CHECK(reads(&p, put(&p, large), 0, large.n, large));
    failing_io.sync = no_sync;
    large = make_bytes(300000, 2, true);
    CHECK(!content_prepare(&c, p.db, large, &err) && err.kind == ERROR_DISK && !c);
    CHECK(db_failed(p.db));
    failing_io = io_kernel;
    CHECK(!db_begin(&tx, p.db, &err) && err.kind == ERROR_DISK);
    place_done(&p);
}

/* Adds contents until a call fails; what was committed is counted in *n. */
static void add_until_failure(struct db *db, const struct str *bytes, size_t bytes_n, size_t *n)
{
    for (*n = 0; *n < bytes_n; ++*n) {
        AUTO_TX struct db_tx tx = {0};
        struct content_new *c = NULL;
        struct error err = {0};
        int64_t id;

        if (!content_prepare(&c, db, bytes[*n], &err) || !db_begin(&tx, db, &err) ||
            !content_add(&c, db, &id, &err) || !db_commit(&tx, &err)) {
            CHECK_ROW(err.kind == ERROR_DISK, err.text);
            content_discard(&c, db);
            return;
        }
    }
}

/* Every write and every sync fails once, with all later ones; what was promised is there
 * afterwards, and no file that nobody names. */
static void every_failure_is_told_and_loses_nothing(void)
{
    static const struct {
        enum disk_call call;
        int error;
    } kinds[] = {{DISK_WRITE, EIO}, {DISK_WRITE, ENOSPC}, {DISK_SYNC, EIO}};
    struct str bytes[] = {make_bytes(200000, 1, true), make_bytes(2000, 2, true),
                          make_bytes(150000, 3, true)};

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        size_t done = 0;

        for (unsigned nth = 1; done < ARRAY_LEN(bytes) && CHECK(nth < 100); nth++) {
            struct disk *d = disk_create();
            struct place p = {.source = {.generation = 1, .key = {1}}};
            struct error err = {0};
            int64_t rows = -1, files = 0;

            disk_use(d);
            disk_source(&p.source);
            place_open(&p);
            disk_fail(d, kinds[k].call, nth, kinds[k].error);
            add_until_failure(p.db, bytes, ARRAY_LEN(bytes), &done);
            db_close(p.db);
            disk_fail(d, kinds[k].call, 0, 0);
            place_open(&p);
            for (size_t i = 0; i < done; i++)
                CHECK(reads(&p, (int64_t)i + 1, 0, UINT64_MAX, bytes[i]));
            CHECK_ROW(content_sweep(p.db, &err), err.text);
            {
                AUTO_STMT sqlite3_stmt *s =
                    db_stmt(p.db, "SELECT count(*) FROM content WHERE data IS NULL");

                CHECK(db_one_int(p.db, s, &rows, NULL, &err));
            }
            io_sim.blob_list(0, count_file, &files);
            CHECK_U64(files, rows);
            db_close(p.db);
            disk_destroy(d);
        }
    }
}

static void a_database_without_a_folder_takes_only_rows(void)
{
    struct place p;
    struct content_new *c = NULL;
    struct error err = {0};

    place_init(&p);
    db_close(p.db);
    close(p.source.blob_fd);
    p.source.blob_fd = -1;
    place_open(&p);
    CHECK(put(&p, make_bytes(100000, 1, true)) > 0);
    CHECK(!content_prepare(&c, p.db, make_bytes(300000, 1, true), &err));
    CHECK(err.kind == ERROR_UNSUPPORTED && !db_failed(p.db));
    CHECK(content_sweep(p.db, &err));
    place_done(&p);
}

int main(void)
{
    RUN(contents_come_back_whole_and_in_ranges);
    RUN(equal_contents_are_one);
    RUN(a_dropped_file_goes_at_the_sweep);
    RUN(a_prepared_content_is_not_swept_and_a_discarded_one_is);
    RUN(a_content_dropped_after_it_was_prepared_is_made_again);
    RUN(a_file_that_was_altered_is_damage);
    RUN(the_file_of_another_content_is_damage);
    RUN(a_row_never_decompresses_beyond_its_size);
    RUN(a_reader_gets_a_limit_when_it_has_no_room);
    RUN(a_failed_sync_ends_the_database_and_a_full_disk_does_not);
    RUN(every_failure_is_told_and_loses_nothing);
    RUN(a_database_without_a_folder_takes_only_rows);
    content_idle();
    return test_end();
}
