/* store/store_copy_test.c: copies that were not finished, where taking them back is slow or fails. */
#include "store/store_copy.c"
#include "store/test_account.h"

#include <errno.h>

#define SLICES 8
#define SLICE_MESSAGES 20

static bool full;         /* nothing can be written */
static int64_t sync_us;   /* how long a sync takes, */
static int64_t synced_us; /* all of them together */

static ssize_t put(int fd, const void *p, size_t n, int64_t at)
{
    return full ? -ENOSPC : io_kernel.pwrite(fd, p, n, at);
}

static int sync_slowly(int fd)
{
    synced_us += sync_us;
    return io_kernel.sync(fd);
}

static int64_t boot_us(void)
{
    return INT64_C(1000000) + synced_us;
}

static int64_t wall_us(void)
{
    return INT64_C(1795526246) * 1000000 + synced_us;
}

static const struct clock_source slow = {wall_us, boot_us};
static struct io disk;

/* Copies all messages again and again, and the last time as the last slice, or not. */
static void copy_slices(int n, bool finish)
{
    struct vec pairs;
    uint32_t uids[SLICE_MESSAGES];
    struct store_copying *c =
        store_copy_begin(one.store, mailbox("INBOX").id, mailbox("Archive").id);
    vec_init(&pairs, sizeof(struct store_pair));
    for (uint32_t i = 0; i < SLICE_MESSAGES; i++)
        uids[i] = i + 1;
    for (int i = 1; i <= n; i++)
        CHECK(store_copy_slice(one.store, c, uids, SLICE_MESSAGES, finish && i == n, STR("s"),
                               &pairs, NULL));
    store_copy_end(c);
    vec_done(&pairs);
}

/* An account with a copy of which all but the last slice is there, closed. */
static void leave_half_a_copy(void)
{
    disk = io_kernel;
    disk.pwrite = put;
    disk.sync = sync_slowly;
    full = false;
    sync_us = 0;
    one.source.io = &disk;
    test_store_open(&one, 0);
    for (uint32_t i = 0; i < SLICE_MESSAGES; i++)
        CHECK_U64(test_deliver(&one, "INBOX", mail(i)), i + 1);
    copy_slices(SLICES, false);
    CHECK_U64(mailbox("Archive").messages, SLICES * SLICE_MESSAGES);
    store_close(one.store);
}

static void all_is_taken_back(unsigned but)
{
    idle_until_done();
    CHECK_U64(mailbox("Archive").messages, but);
    CHECK_U64(mailbox("INBOX").messages, SLICE_MESSAGES);
    CHECK_U64(sql_int("SELECT count(*) FROM copying"), 0);
    end();
    one.source.io = NULL;
}

/* Whoever opens it waits for its process no longer than ten seconds. */
static void much_to_take_back_does_not_hold_up_the_opening(void)
{
    leave_half_a_copy();
    clock_set_source(&slow);
    sync_us = 600000;
    synced_us = 0;
    test_store_open(&one, 0);
    CHECK(synced_us < 3000000);
    CHECK(mailbox("Archive").messages > 0);
    sync_us = 0;
    copy_slices(3, true); /* one that is finished meanwhile is another one */
    all_is_taken_back(3 * SLICE_MESSAGES);
    clock_set_source(NULL);
}

/* Nor is there a reason to try again at once. */
static void a_full_disk_does_not_keep_an_account_from_opening(void)
{
    bool more = true;
    struct error err = {0};
    leave_half_a_copy();
    full = true;
    test_store_open(&one, 0);
    CHECK_U64(mailbox("INBOX").messages, SLICE_MESSAGES);
    (void)!store_idle(one.store, &more, &err);
    CHECK(!more && !store_failed(one.store));
    full = false;
    all_is_taken_back(0);
}

int main(void)
{
    RUN(much_to_take_back_does_not_hold_up_the_opening);
    RUN(a_full_disk_does_not_keep_an_account_from_opening);
    arena_done(&arena);
    return test_end();
}
