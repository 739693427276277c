/* account/account.c: the life of one account's process (DESIGN, Processes; RATIONALE 2): its descriptors and nothing else, new
 * random numbers, the sandbox, the key over a socket of its own, and only then the first byte of the account. */
#include "account/account_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "proc/lock.h"
#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_MS 10000
#define UPKEEP_AFTER_US 500000
#define UPKEEP_EVERY_US (INT64_C(600) * 1000000)
#define FILES_MOST 4096
#define MEMORY_MOST (2ULL << 30)

void account_used(struct account *a)
{
    struct timeval second = {.tv_sec = 1};

    a->used_us = clock_boot_us();
    if (a->resting)
        evtimer_add(a->idle, &second);
    a->resting = false;
}

void account_fail(struct account *a, const struct error *err)
{
    struct msg m = {.type = MSG_ACCOUNT_FAILED, .account_failed = {err->kind, str_c(err->text)}};

    chan_send(a->parent, &m);
    chan_flush(a->parent, 1000);
    _exit(0);
}

void account_check_store(struct account *a)
{
    struct error err;

    if (!a->store || !store_failed(a->store))
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
    int keep[] = {PROCESS_FD_LOG, b->parent, b->keys, b->db, b->wal, b->large};
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
        error_set(err, ERROR_INTERNAL, "something else than a key came");
    } else if (m.account_key.kind) {
        error_set(err, (enum error_kind)m.account_key.kind, "%.*s", STR_ARG(m.account_key.text));
    } else if (m.account_key.key.n == DB_KEY_BYTES) {
        memcpy(source->key, m.account_key.key.p, DB_KEY_BYTES);
        source->generation = (uint32_t)m.account_key.generation;
        ok = true;
    }
    mem_wipe(bytes, sizeof bytes);
    arena_done(&arena);
    return ok;
}

static bool enter(const struct account_birth *b, struct error *err)
{
    struct sandbox s = {.role = ROLE_ACCOUNT,
                        .filter = b->filter,
                        .folder = b->large,
                        .landlock_abi = b->landlock_abi,
                        .required = b->sandbox_required,
                        .limits = {FILES_MOST, MEMORY_MOST}};

    return sandbox_enter(&s, err);
}

void account_open_store(struct account *a)
{
    struct error err = {0};

    if (a->store)
        return;
    if (!store_open(&a->store, &a->source, &a->config, &err))
        account_fail(a, &err);
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
    sessions_changed(a, &news);
}

/* After a commit: the sessions hear of it from the loop, not from within the one that made it. */
static void note_change(void *arg)
{
    struct account *a = arg;

    event_active(a->changed, EV_TIMEOUT, 0);
}

static NORETURN void end(struct account *a)
{
    deliver_now(a);
    store_close(a->store);
    _exit(0);
}

static void start_session(struct account *a, struct msg *m)
{
    int fd = m->fd[0];

    if (m->nfds != 1)
        return;
    m->fd[0] = -1;
    a->started++;
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
    if (str_equal(m->session_start.service, STR("deliver")))
        deliver_start(a, fd);
    else if (str_equal(m->session_start.service, STR("reserve")))
        reserve_start(a, fd);
    else if (str_equal(m->session_start.service, STR("settings")))
        close(fd); /* they came with it */
    else if (str_equal(m->session_start.service, STR("check")))
        check_start(a, fd);
    else
        session_start(a, fd, &m->session_start);
}

static void on_parent(void *arg, struct chan *c, struct msg *m)
{
    struct account *a = arg;

    (void)c;
    if (!m) { /* the parent was killed: what is committed stays, and a successor waits for our lock */
        end(a);
    } else if (m->type == MSG_SESSION_START) {
        start_session(a, m);
    } else if (m->type == MSG_ACCOUNT_STOP) {
        a->stopping = true;
        deliver_now(a);
        sessions_end(a, "the server is restarting; reconnect in a moment");
        if (!a->sessions.n)
            end(a);
    }
}

/* Upkeep once after each time of work, and now and then: an idle account costs no CPU. True: there is more to do. */
static bool upkeep(struct account *a, int64_t now)
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

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    struct account *a = arg;
    struct msg m = {.type = MSG_ACCOUNT_IDLE, .account_idle = {a->started}};
    int64_t now = clock_boot_us(), left = (int64_t)a->idle_s * 1000000 - (now - a->used_us);
    int64_t next = 1000000;

    (void)fd, (void)what;
    if (a->stopping && !a->sessions.n)
        end(a);
    if (upkeep(a, now)) {
        next = 5000;
    } else if (a->upkeep_us > a->used_us && (a->sessions.n || !deliver_idle(a))) {
        a->resting = true;
        next = UPKEEP_EVERY_US;
    } else if (!a->sessions.n && left <= 0 && !reserve_any()) {
        chan_send(a->parent, &m);
    } else if (!a->sessions.n && a->upkeep_us > a->used_us) {
        next = left;
    }
    struct timeval t = {.tv_sec = next / 1000000, .tv_usec = next % 1000000};

    evtimer_add(a->idle, &t);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    deliver_now(arg);
}

void account_live(const struct account_birth *b)
{
    struct account a = {.number = b->account,
                        .idle_s = b->idle_s,
                        .quota_level = -1,
                        .source = {.db_fd = b->db, .wal_fd = b->wal, .blob_fd = b->large}};
    struct timeval second = {.tv_sec = 1};
    struct event_config *ec;
    struct error err = {0};
    sigset_t none;
    bool ok;

    close_others(b);
    db_after_fork();
    log_init("account");
    prctl(PR_SET_NAME, "account", 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    a.config.retention_us = b->retention_days ? (int64_t)b->retention_days * 86400 * 1000000 : -1;
    ec = event_config_new();
    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    a.base = event_base_new_with_config(ec);
    event_config_free(ec);
    event_base_priority_init(a.base, 2);
    ok = lock_file(b->db, &err) && enter(b, &err) && receive_key(b->keys, &a.source, &err);
    close(b->keys);
    a.parent = chan_create(a.base, b->parent, ROLE_ACCOUNT, ROLE_ACCOUNTS, on_parent, &a);
    if (!ok)
        account_fail(&a, &err);
    buf_init(&a.name, LIMIT_USER_NAME);
    account_used(&a);
    a.idle = evtimer_new(a.base, on_idle, &a);
    a.deliver = event_new(a.base, -1, 0, on_deliver, &a);
    event_priority_set(a.deliver,
                       1); /* after all messages that have come were read: one commit for them */
    a.changed = event_new(a.base, -1, 0, on_changed, &a);
    evtimer_add(a.idle, &second);
    event_base_dispatch(a.base);
    end(&a);
}
