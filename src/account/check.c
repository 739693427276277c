/* account/check.c: `posthus account check`. */
#include "account/account_int.h"

#define REPORT_MOST 60000 /* bytes that are sent */
#define CHECK_MOST_S 3600 /* the directory waits no longer (proc/messages.h) */

/* The account is read from end to end: the parent is told, as it may be asked whether this process
 * lives. */
static void tell_busy(struct account *a, uint64_t seconds)
{
    struct msg m = {.type = MSG_ACCOUNT_BUSY, .account_busy = {seconds}};

    chan_send(a->parent, &m);
}

void check_take(struct role_link *k, const struct msg *m)
{
    struct account *a = k->a;
    bool repair = m->check_ask.repair;
    struct msg_check_tell tell = {0};
    struct error err = {0};
    struct asked asked;
    struct buf report;
    uint64_t differences = 0;

    asked_take(&asked, k->chan, m);
    buf_init(&report, 4 << 20);
    tell_busy(a, CHECK_MOST_S);
    if (!store_check(a->store, repair, &report, &differences, &err))
        buf_printf(&report, "%s\n", err.text);
    else if (differences && !repair)
        error_set(&err, ERROR_CONFLICT, "there are differences");
    buf_printf(&report, "%llu differences%s\n", (unsigned long long)differences,
               differences && repair ? ", repaired" : "");
    tell.error = msg_error_of(&err);
    tell.differences = differences;
    tell.report = str_sub(buf_view(&report), 0, REPORT_MOST);
    tell_busy(a, 0);
    tell_check(&asked, &tell, -1);
    chan_flush(k->chan, 1000);
    buf_done(&report);
    account_check_store(a);
}
