/* bench/grow.c: does a delivery cost more in a large mailbox? Fills an account's store, and at each of the sizes on the command
 * line delivers messages one by one, each with its own commit, as mail that trickles in does; prints size, CPU and wall time of
 * one in microseconds, median of the rounds. Between rounds it does the upkeep that an account's process does when it rests.
 *
 *     grow FOLDER SIZE...     (ascending) */
#include "base/clock.h"
#include "base/random.h"
#include "mime/message.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 11
#define ROUND 200 /* deliveries */
#define BATCH 1000

static struct store *store;
static uint64_t made;

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void check(bool ok, const struct error *err)
{
    if (!ok)
        fatal("%s", err->text);
}

/* A message of about `size` bytes, no two alike, one in four an answer to an earlier one. */
static void deliver(size_t size)
{
    struct store_delivery d = {
        .actor = STR("delivery"),
        .received_us = clock_wall_us(),
        .prefix = STR("Return-Path: <a@example.org>\r\nDelivered-To: ada@example.test\r\n")};
    char transaction[16];
    struct error err = {0};
    struct buf b;

    buf_init(&b, 1 << 20);
    random_bytes(transaction, sizeof transaction);
    buf_printf(&b,
               "From: Sender %llu <s%llu@example.org>\r\nTo: ada@example.test\r\nSubject: Matter "
               "%llu\r\nMessage-ID: <%llu@x>\r\n",
               (unsigned long long)made % 5000, (unsigned long long)made % 5000,
               (unsigned long long)made / 4, (unsigned long long)made);
    if (made % 4)
        buf_printf(&b, "In-Reply-To: <%llu@x>\r\n", (unsigned long long)(made - made % 4));
    buf_c(&b, "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\n");
    while (b.n < size)
        buf_printf(&b, "%016llx and some words that make a line of text\r\n",
                   (unsigned long long)random_below(1 << 30));
    made++;
    d.transaction = str_of(transaction, sizeof transaction);
    d.bytes = buf_view(&b);
    check(store_deliver(store, &d, NULL, &err), &err);
    buf_done(&b);
}

static void rest(void)
{
    struct error err = {0};
    bool more = true;

    while (more)
        check(store_idle(store, &more, &err), &err);
}

static void fill(uint64_t size)
{
    struct error err = {0};

    while (made < size) {
        check(store_batch_begin(store, &err), &err);
        for (int i = 0; i < BATCH && made < size; i++)
            deliver(300);
        check(store_batch_commit(store, &err), &err);
    }
    rest();
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(uint64_t size)
{
    double cpu[ROUNDS], wall[ROUNDS];

    for (int r = 0; r < ROUNDS; r++) {
        double cpu_from = cpu_us();
        int64_t from = clock_boot_us();

        for (int i = 0; i < ROUND; i++)
            deliver(2000);
        rest();
        cpu[r] = (cpu_us() - cpu_from) / ROUND;
        wall[r] = (double)(clock_boot_us() - from) / ROUND;
    }
    qsort(cpu, ROUNDS, sizeof *cpu, by_value);
    qsort(wall, ROUNDS, sizeof *wall, by_value);
    printf("%9llu messages: CPU %7.1f us (%.1f to %.1f), wall %7.1f us a delivery\n",
           (unsigned long long)size, cpu[ROUNDS / 2], cpu[1], cpu[ROUNDS - 2], wall[ROUNDS / 2]);
    fflush(stdout);
}

static int file(const char *folder, const char *name)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fatal("%s can not be made", path);
    return fd;
}

int main(int argc, char **argv)
{
    struct db_source source = {.generation = 1};
    struct store_config config = {0};
    struct error err = {0};
    char path[4200];

    if (argc < 3)
        fatal("usage: grow FOLDER SIZE...");
    mime_process_init();
    db_process_init();
    source.db_fd = file(argv[1], "db");
    source.wal_fd = file(argv[1], "wal");
    snprintf(path, sizeof path, "%s/large", argv[1]);
    mkdir(path, 0700);
    source.blob_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    random_bytes(source.key, sizeof source.key);
    check(store_open(&store, &source, &config, &err), &err);
    for (int i = 2; i < argc; i++) {
        fill(strtoull(argv[i], NULL, 10));
        measure(strtoull(argv[i], NULL, 10));
    }
    store_close(store);
    return 0;
}
