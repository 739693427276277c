/* account/notice.c: mail of our own to the owner: 80 and 95 per cent of the quota are used.
 *
 * Told when the use rises past one of the two, at most once a day each: the transaction of the notice names level and day, so
 * that a second one of a day is a repeat, and does nothing. */
#include "account/account_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "address/address.h"
#include "compose/build.h"

#include <stdio.h>

#define DAY_US (86400LL * 1000000)
#define NOTICE_MOST 20000 /* bytes of one */

static const int levels[] = {80, 95}; /* per cent */

/* How many of the levels are passed. */
static int level_of(const struct store_usage *u)
{
    int n = 0;

    while (u->quota && n < (int)ARRAY_LEN(levels) &&
           (double)u->live_bytes >= (double)u->quota * levels[n] / 100)
        n++;
    return n;
}

/* "1.5 GiB" */
static void print_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;

    while (n >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        n /= 1024;
        unit++;
    }
    buf_printf(out, unit == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

static void print_notice_body(struct buf *out, const struct store_usage *u, int percent)
{
    buf_printf(out, "Your mailbox has reached %d%% of its quota: ", percent);
    print_size(out, u->live_bytes);
    buf_c(out, " of ");
    print_size(out, u->quota);
    buf_c(out, " are in use.\n\n"
               "When it is full, new messages are refused; their senders try again for some days "
               "and then give up.\n"
               "Delete messages that you no longer need, large ones first; messages in the trash "
               "count as well.\n"
               "Ask whoever runs this server if you need more room.\n");
}

static bool print_notice(struct buf *out, struct str name, const struct store_usage *u, int percent,
                         struct error *err)
{
    struct str local, domain;
    struct mime_address from = {.name = STR("Mail service"), .local = STR("postmaster")}, to = {0};
    struct compose w;
    struct buf words;
    bool ok;

    if (!address_split(name, &local, &domain))
        return error_set(err, ERROR_SYNTAX, "the account has no address");
    from.domain = to.domain = domain;
    to.local = local;
    buf_init(&words, 2000);
    print_notice_body(&words, u, percent);
    compose_init(&w, out);
    w.smtputf8 = true; /* it goes nowhere else */
    compose_date(&w, STR("Date"), clock_wall_us());
    compose_address(&w, STR("From"), &from);
    compose_address(&w, STR("To"), &to);
    compose_text(&w, STR("Subject"),
                 percent == levels[0] ? STR("Your mailbox is filling up: 80%")
                                      : STR("Your mailbox is nearly full: 95%"));
    compose_new_id(&w, domain);
    compose_text(&w, STR("Auto-Submitted"), STR("auto-generated")); /* RFC 3834 section 5 */
    compose_body_text(&w, STR("plain"), NULL, 0, buf_view(&words));
    ok = compose_end(&w, err);
    buf_done(&words);
    return ok;
}

static bool deliver_notice(struct account *a, const struct store_usage *u, int percent,
                           struct error *err)
{
    struct store_delivery d = {.actor = STR("quota"), .received_us = clock_wall_us()};
    char transaction[60];
    struct buf message;
    bool ok;

    int n = snprintf(transaction, sizeof transaction, "quota %d of day %lld", percent,
                     (long long)(d.received_us / DAY_US));

    d.transaction = str_of(transaction, (size_t)n);
    buf_init(&message, NOTICE_MOST);
    ok = print_notice(&message, buf_view(&a->name), u, percent, err);
    d.bytes = buf_view(&message);
    ok = ok && store_deliver(a->store, &d, NULL, err);
    buf_done(&message);
    return ok;
}

void notice_quota(struct account *a)
{
    struct store_usage u;
    struct error err = {0};
    int level, before = a->quota_level;

    if (!a->store || !store_usage(a->store, &u, &err))
        return;
    a->quota_level = level = level_of(&u);
    if (before < 0 || level <= before || a->name.n == 0)
        return;
    if (deliver_notice(a, &u, levels[level - 1], &err)) {
        struct log_line l;

        log_begin(&l, LOG_QUOTA_WARNING, STR_NULL);
        log_u64(&l, "account", a->number);
        log_u64(&l, "percent", (uint64_t)levels[level - 1]);
        log_end(&l);
    } else {
        account_check_store(a);
    }
}
