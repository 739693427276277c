/* account/deliver_test.c: a received message is mapped only when nobody can change it any more. */
#include "account/deliver.c"

#include "base/test.h"

#include "store/test_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#include <string.h>

static int memfd(const char *text, int seals)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void only_a_sealed_message_of_its_size_is_mapped(void)
{
    static const struct {
        const char *what;
        int seals;
        uint64_t size;
        bool ok;
    } rows[] = {
        {"all seals", SEALS, 5, true},
        {"no seal", 0, 5, false},
        {"it may be written", SEALS & ~F_SEAL_WRITE, 5, false},
        {"it may shrink", SEALS & ~F_SEAL_SHRINK, 5, false},
        {"it may grow", SEALS & ~F_SEAL_GROW, 5, false},
        {"seals may be added", SEALS & ~F_SEAL_SEAL, 5, false},
        {"smaller than it says", SEALS, 6, false},
        {"larger than it says", SEALS, 4, false},
        {"said to be empty", SEALS, 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = memfd("hello", rows[i].seals);
        struct error err = {0};
        struct str bytes;
        bool ok = memfd_map(fd, rows[i].size, &bytes, &err);

        CHECK_ROW(ok == rows[i].ok, rows[i].what);
        if (ok) {
            CHECK_STR(bytes, STR("hello"));
            memfd_unmap(bytes);
        }
        close(fd);
    }
}

static void an_empty_message_is_no_mapping(void)
{
    int fd = memfd("", SEALS);
    struct str bytes = STR("x");
    struct error err;

    CHECK(memfd_map(fd, 0, &bytes, &err) && bytes.n == 0);
    close(fd);
}

static void a_pipe_is_no_message(void)
{
    struct str bytes;
    struct error err;
    int fd[2];

    CHECK(pipe(fd) == 0);
    CHECK(!memfd_map(fd[0], 5, &bytes, &err));
    close(fd[0]);
    close(fd[1]);
}

/* Ids of deliveries are remembered for 30 days of a clock that may jump: long before, the bytes are looked at. */
static void what_has_waited_for_more_than_a_day_is_late(void)
{
    static const struct {
        int64_t age_hours;
        bool late;
    } rows[] = {{0, false}, {23, false}, {25, true}, {-23, false}, {-25, true}, {87600, true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pending p = {.received_us = clock_wall_us() - rows[i].age_hours * 3600 * 1000000};

        CHECK(is_late(&p) == rows[i].late);
    }
}

/* ---- a batch ---- */

static struct account a;
static struct test_store store;
static size_t delivered;

static void count_delivered(struct str line)
{
    delivered += str_find(line, STR(" mail-delivered ")) != SIZE_MAX;
}

static void bring(const char *transaction)
{
    static const char text[] = "Subject: x\r\n\r\nx\r\n";
    struct pending *p = mem_zalloc(sizeof *p);
    int fd = memfd(text, SEALS);

    p->received_us = clock_wall_us();
    buf_init(&p->transaction, 64);
    buf_c(&p->transaction, transaction);
    buf_init(&p->session, 64);
    buf_init(&p->mailbox, 64);
    buf_init(&p->prefix, 64);
    buf_c(&p->prefix, "Return-Path: <x@example.org>\r\n");
    CHECK(memfd_map(fd, strlen(text), &p->bytes, &p->err));
    close(fd);
    list_append(&a.pending, &p->node);
}

static size_t messages(void)
{
    struct store_mailbox m = {0};
    struct arena arena;
    struct error err;

    arena_init(&arena, 1 << 20);
    CHECK(store_mailbox_find(store.store, STR("INBOX"), &arena, &m, &err));
    arena_done(&arena);
    return m.messages;
}

/* No file may grow beyond its n bytes, as on a disk that is full: it shows when the batch is committed. */
static void limit_files(rlim_t n)
{
    struct rlimit r;

    CHECK(getrlimit(RLIMIT_FSIZE, &r) == 0);
    r.rlim_cur = n;
    CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static void a_batch_that_is_not_on_the_disk_is_delivered_to_nobody(void)
{
    struct stat log;

    test_store_open(&store, 0);
    a = (struct account){.number = 7, .store = store.store, .quota_level = -1};
    log_set_sink(count_delivered);
    signal(SIGXFSZ, SIG_IGN);
    bring("one");
    deliver_now(&a);
    CHECK(delivered == 1 && messages() == 1 && a.pending.n == 0);
    CHECK(fstat(store.source.wal_fd, &log) == 0);
    bring("two");
    bring("three");
    limit_files((rlim_t)log.st_size);
    deliver_now(&a);
    limit_files(RLIM_INFINITY);
    CHECK(delivered == 1 && messages() == 1 && a.pending.n == 0);
    bring("two"); /* the senders try again */
    bring("three");
    deliver_now(&a);
    CHECK(delivered == 3 && messages() == 3);
    log_set_sink(NULL);
    test_store_close(&store);
}

int main(void)
{
    RUN(a_batch_that_is_not_on_the_disk_is_delivered_to_nobody);

    RUN(what_has_waited_for_more_than_a_day_is_late);
    RUN(only_a_sealed_message_of_its_size_is_mapped);
    RUN(an_empty_message_is_no_mapping);
    RUN(a_pipe_is_no_message);
    return test_end();
}
