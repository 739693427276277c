/* account/account.c: the life of one account's process (docs/design.md, "The account's process"): its descriptors and nothing else, new
 * random numbers, the sandbox, the key over a socket of its own, and only then the first byte of the account. */
#include "account/account_int.h"
#include "account/files.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "db/used.h"
#include "proc/lock.h"
#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_MS 10000
#define UPKEEP_AFTER_US 500000
#define UPKEEP_EVERY_US (INT64_C(600) * 1000000)
#define UPKEEP_STEP_US 5000
#define SECOND_US 1000000
#define LAST_WORDS_US SECOND_US
#define LAST_WORDS_STEP_US 10000
#define PRIORITIES 3 /* libevent's own is the middle one */
#define TURN_PRIORITY 2

void account_used(struct account *a)
{
    a->used_us = clock_boot_us();
    if (a->resting)
        timer_set(&a->idle, SECOND_US);
    a->resting = false;
}

void account_fail(struct account *a, const struct error *err)
{
    struct msg m = {.type = MSG_ACCOUNT_FAILED, .account_failed = {msg_error_of(err)}};

    chan_send(a->parent, &m);
    chan_flush(a->parent, 1000);
    _exit(0);
}

/* A message that cannot be read ends nothing, but the operator hears of it. */
static void tell_damage(struct account *a)
{
    const struct error *damage = store_damage(a->store);
    struct msg m = {.type = MSG_ACCOUNT_DAMAGED, .account_damaged = {str_c(damage->text)}};

    if (damage->kind == ERROR_NONE || a->told_damage)
        return;
    a->told_damage = true;
    chan_send(a->parent, &m);
}

void account_check_store(struct account *a)
{
    struct error err;

    if (!a->store)
        return;
    tell_damage(a);
    if (!store_failed(a->store))
        return;
    error_set(&err, ERROR_DISK,
              "a write or a check of the account's files failed; look at the disk, "
              "then run `posthus account check`");
    account_fail(a, &err);
}

/* ---- birth ---- */

/* Everything but these goes: other accounts' channels, the parent's loop, its signals. */
static void close_others(const struct account_birth *b)
{
    int keep[] = {b->log, b->parent, b->keys, b->folder};
    unsigned from = 3;

    for (size_t i = 0; i < ARRAY_LEN(keep); i++) /* sorted, so that the gaps can be closed */
        for (size_t k = i + 1; k < ARRAY_LEN(keep); k++)
            if (keep[k] < keep[i]) {
                int t = keep[i];

                keep[i] = keep[k];
                keep[k] = t;
            }
    for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
        if ((unsigned)keep[i] > from)
            close_range(from, (unsigned)keep[i] - 1, 0);
        from = (unsigned)keep[i] + 1;
    }
    close_range(from, ~0U, 0);
}

/* The one message on this socket, which ends with it. */
static bool receive_key(int fd, struct db_source *source, struct error *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct arena arena;
    struct msg m;
    char bytes[2048];
    ssize_t n;
    bool ok = false;

    error_set(err, ERROR_TEMPORARY, "the account's key did not come");
    if (poll(&p, 1, KEY_MS) <= 0 || (n = recv(fd, bytes, sizeof bytes, 0)) <= 0)
        return false;
    arena_init(&arena, LIMIT_MSG_BYTES);
    if (!msg_parse(str_of(bytes, (size_t)n), &arena, &m, err) || m.type != MSG_ACCOUNT_KEY) {
        error_set(err, ERROR_INTERNAL, "something other than a key came");
    } else if (msg_error_take(&m.account_key.error, err)) {
        ok = false;
    } else if (m.account_key.key.n == DB_KEY_BYTES) {
        memcpy(source->key, m.account_key.key.p, DB_KEY_BYTES);
        source->generation = (uint32_t)m.account_key.generation;
        ok = true;
    }
    mem_wipe(bytes, sizeof bytes);
    arena_done(&arena);
    return ok;
}

/* Its files, the lock on them, the walls, the key. */
static bool be_born(const struct account_birth *b, struct account *a, struct error *err)
{
    struct db_source *source = &a->source;
    struct account_files files;
    struct sandbox s = {.role = ROLE_ACCOUNT,
                        .filter = b->filter,
                        .landlock_abi = b->landlock_abi,
                        .required = b->sandbox_required,
                        .descriptors = role_row(ROLE_ACCOUNT)->descriptors.fixed};

    if (!account_files_open(b->folder, b->account, b->opened, &files, err))
        return false;
    close(b->folder);
    *source = (struct db_source){.db_fd = files.db,
                                 .wal_fd = files.wal,
                                 .blob_fd = files.large,
                                 .must_exist = b->opened || db_used(files.used)};
    a->used_fd = files.used;
    s.folder = files.large;
    return lock_file(files.db, err) && sandbox_enter(&s, err) && receive_key(b->keys, source, err);
}

void account_open_store(struct account *a)
{
    struct error err = {0};

    if (a->store)
        return;
    if (!store_open(&a->store, &a->source, &a->config, &err))
        account_fail(a, &err);
    chan_send(a->parent, &(struct msg){.type = MSG_ACCOUNT_OPENED});
    db_used_mark(a->used_fd);
    base_close_fd(&a->used_fd);
    mem_wipe(a->source.key, sizeof a->source.key);
}

/* ---- the loop ---- */

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
    struct account *a = arg;
    struct store_news news;

    (void)fd, (void)what;
    if (!store_news_take(a->store, &news))
        return;
    if (store_news_of(&news, 0, STORE_NEWS_QUOTA))
        notice_quota(a);
    session_tell_news(a, &news);
}

/* After a commit: the sessions hear of it from the loop, not from within the one that made it. */
static void note_change(void *arg)
{
    struct account *a = arg;

    event_active(a->changed, EV_TIMEOUT, 0);
}

static NORETURN void account_end(struct account *a)
{
    deliver_now(a);
    store_close(a->store);
    _exit(0);
}

static const struct account_service *service_of(struct str name)
{
    for (size_t i = 0; i < account_services_n; i++)
        if (str_equal(str_c(account_services[i].name), name))
            return &account_services[i];
    return NULL;
}

static bool any_busy(const struct account *a)
{
    for (size_t i = 0; i < account_services_n; i++)
        if (account_services[i].is_busy && account_services[i].is_busy(a))
            return true;
    return false;
}

static void end_sessions(struct account *a, uint64_t credential, const char *words)
{
    for (size_t i = 0; i < account_services_n; i++)
        if (account_services[i].end)
            account_services[i].end(a, credential, words);
}

static void take_session(struct account *a, struct msg *m)
{
    const struct account_service *service = service_of(m->session_start.service);
    int fd = m->fd[0];

    a->started++;
    if (m->nfds != 1 || !service)
        return;
    a->config.quota = m->session_start.quota;
    a->subaddress = m->session_start.subaddress;
    if (a->name.n == 0)
        buf_str(&a->name, m->session_start.user);
    account_used(a);
    account_open_store(a);
    store_set_quota(a->store, a->config.quota);
    if (a->quota_level < 0)
        notice_quota(a);
    store_on_news(a->store, note_change, a);
    m->fd[0] = -1;
    service->start(a, fd, &m->session_start);
}

static void take_settings(struct account *a, const struct msg_account_settings *m)
{
    a->idle_s = m->idle_s;
    a->config.retention_us =
        m->retention_days ? (int64_t)m->retention_days * 86400 * SECOND_US : -1;
    if (a->store)
        store_set_retention(a->store, a->config.retention_us);
    log_set_debug(m->log_debug);
}

static void take_sessions_stop(struct account *a, const struct msg_sessions_stop *m)
{
    char words[200];

    snprintf(words, sizeof words, "%.*s", STR_ARG(m->text));
    end_sessions(a, m->credential, words);
}

/* Whether nothing keeps it any more: what sessions said last is written, to those who read. */
static bool may_end(const struct account *a)
{
    return !session_is_busy(a) &&
           (a->streams.writing == 0 || clock_boot_us() - a->stopped_us > LAST_WORDS_US);
}

static void take_stop(struct account *a)
{
    if (!a->stopping)
        a->stopped_us = clock_boot_us();
    a->stopping = true;
    deliver_now(a);
    end_sessions(a, 0, "the server ends this session");
    if (may_end(a))
        account_end(a);
    timer_set(&a->idle, LAST_WORDS_STEP_US);
}

static void on_parent(void *arg, struct chan *c, struct msg *m)
{
    struct account *a = arg;
    struct asked asked;

    if (!m) /* the parent was killed: what is committed stays, and a successor waits for our lock */
        account_end(a);
    switch (m->type) {
    case MSG_SESSION_START:
        take_session(a, m);
        break;
    case MSG_SESSIONS_STOP:
        take_sessions_stop(a, &m->sessions_stop);
        break;
    case MSG_ACCOUNT_SETTINGS:
        take_settings(a, &m->account_settings);
        break;
    case MSG_ACCOUNT_PING_ASK:
        asked_take(&asked, c, m);
        tell_account_ping(&asked, &(struct msg_account_ping_tell){0}, -1);
        break;
    case MSG_ACCOUNT_STOP:
        take_stop(a);
        break;
    default:
        break;
    }
}

/* Upkeep once after each time of work, and now and then: an idle account costs no CPU. True: there is more to do. */
static bool upkeep_store(struct account *a, int64_t now)
{
    struct error err;
    bool more = false;

    if (!a->store || now - a->used_us < UPKEEP_AFTER_US ||
        (a->upkeep_us > a->used_us && now - a->upkeep_us < UPKEEP_EVERY_US))
        return false;
    if (!store_idle(a->store, &more, &err))
        account_check_store(a);
    if (more)
        return true;
    a->upkeep_us = now;
    malloc_trim(0);
    return false;
}

static void on_idle(void *arg)
{
    struct account *a = arg;
    struct msg m = {.type = MSG_ACCOUNT_IDLE, .account_idle = {a->started}};
    int64_t now = clock_boot_us(), left = (int64_t)a->idle_s * SECOND_US - (now - a->used_us);
    int64_t next = SECOND_US;

    if (a->stopping && may_end(a))
        account_end(a);
    if (a->stopping) {
        next = LAST_WORDS_STEP_US;
    } else if (upkeep_store(a, now)) {
        next = UPKEEP_STEP_US;
    } else if (a->upkeep_us > a->used_us && (session_is_busy(a) || a->pending.n)) {
        a->resting = true;
        next = UPKEEP_EVERY_US;
    } else if (left <= 0 && !any_busy(a)) {
        chan_send(a->parent, &m);
    } else if (!session_is_busy(a) && left > 0 && a->upkeep_us > a->used_us) {
        next = left;
    }
    timer_set(&a->idle, next);
}

void account_want_turn(struct account *a)
{
    event_active(a->turn, EV_TIMEOUT, 0);
}

void account_turn(struct account *a)
{
    deliver_now(a);
    session_turn(a);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    account_turn(arg);
}

/* The loop, with a second priority for turns, below the one that libevent gives to all else. An event that is
 * made active from within itself is run again before the loop looks at any descriptor, unless it is told how
 * many of that priority to run in between: one. */
static struct event_base *loop_create(void)
{
    struct event_config *ec = event_config_new();
    struct event_base *base;

    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_set_max_dispatch_interval(ec, NULL, 1, TURN_PRIORITY);
    base = event_base_new_with_config(ec);
    event_config_free(ec);
    if (!base)
        fatal("libevent cannot make an event loop");
    event_base_priority_init(base, PRIORITIES);
    return base;
}

/* What fork has left of the parent goes: its other channels, its generator, its name, its signals. */
static void leave_parent(const struct account_birth *b)
{
    sigset_t none;

    log_to_socket(b->log);
    close_others(b);
    db_after_fork();
    log_init("account");
    prctl(PR_SET_NAME, "account", 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void account_live(const struct account_birth *b)
{
    struct account a = {
        .number = b->account, .idle_s = b->idle_s, .quota_level = -1, .used_fd = -1};
    struct error err = {0};
    bool ok;

    leave_parent(b);
    a.config.retention_us = b->retention_days ? (int64_t)b->retention_days * 86400 * SECOND_US : -1;
    a.base = loop_create();
    a.timers = timers_create(a.base);
    streams_init(&a.streams, a.base, a.timers);
    ok = be_born(b, &a, &err);
    close(b->keys);
    a.parent = chan_create(a.base, b->parent, ROLE_ACCOUNT, ROLE_ACCOUNTS, on_parent, &a);
    if (!ok)
        account_fail(&a, &err);
    buf_init(&a.name, LIMIT_USER_NAME);
    account_used(&a);
    timer_init(&a.idle, a.timers, on_idle, &a);
    a.turn = event_new(a.base, -1, 0, on_turn, &a);
    event_priority_set(a.turn, TURN_PRIORITY);
    a.changed = event_new(a.base, -1, 0, on_changed, &a);
    timer_set(&a.idle, SECOND_US);
    event_base_dispatch(a.base);
    account_end(&a);
}
