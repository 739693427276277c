/* store/test_store.h: for tests: a real store in the test's folder. */
#ifndef STORE_TEST_STORE_H
#define STORE_TEST_STORE_H

#include "base/clock.h"
#include "base/random.h"
#include "base/test.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct test_store {
    struct db_source source;
    struct store *store;
};

static inline int test_store_file(const char *name, unsigned n)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s%u", test_folder(), name, n);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fatal("%s cannot be made", path);
    return fd;
}

static inline void test_store_open(struct test_store *t, uint64_t quota)
{
    static unsigned n;
    char path[300];
    struct error err = {0};
    struct store_config config = {.quota = quota};
    if (t->source.generation == 0) {
        n++;
        t->source.db_fd = test_store_file("db", n);
        t->source.wal_fd = test_store_file("wal", n);
        snprintf(path, sizeof(path), "%s/blob%u", test_folder(), n);
        mkdir(path, 0700);
        t->source.blob_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        random_bytes(t->source.key, sizeof(t->source.key));
        t->source.generation = 1;
    }
    if (!store_open(&t->store, &t->source, &config, &err))
        fatal("the store does not open: %s", err.text);
}

static inline void test_store_close(struct test_store *t)
{
    store_close(t->store);
    t->store = NULL;
    close(t->source.db_fd);
    close(t->source.wal_fd);
    close(t->source.blob_fd);
    t->source.generation = 0;
}

/* Delivers to a mailbox; each has another id. */
static inline uint32_t test_deliver(struct test_store *t, const char *mailbox, struct str bytes)
{
    static unsigned n;
    char id[32];
    struct error err = {0};
    struct store_placed placed = {0};
    snprintf(id, sizeof(id), "transaction-%u", n++);
    struct store_delivery d = {.transaction = str_c(id),
                               .bytes = bytes,
                               .mailbox = str_c(mailbox),
                               .received_us = INT64_C(1795526246) * 1000000,
                               .actor = STR("delivery:test")};
    if (!store_deliver(t->store, &d, &placed, &err))
        fatal("the delivery failed: %s", err.text);
    return placed.uid;
}

#endif
