/* directory/login.c: a login, from a shown credential to a socket to the account's process.
 *
 * In order: what was verified within the hour (a keyed hash in memory); an app password (an HMAC); a person's password
 * (Argon2id, in a hasher). A name that does not exist costs a hash like any other, so that time tells nothing. Nothing that
 * others do locks an account: a wrong guess only delays the answer to the same network prefix and name. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "directory/credential.h"
#include "directory/directory_int.h"
#include "address/address.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CACHE_US (3600LL * 1000000)
#define CACHE_MOST 20000
#define GUESSES_MOST 20000
#define GUESS_FORGET_US (900LL * 1000000)
#define DELAY_MOST_MS 4000
#define OPEN_MS 15000

struct cached { /* a verified credential */
    uint64_t account;
    int64_t until_us; /* boot clock */
    struct credential credential;
};

struct guesses { /* wrong ones of one prefix for one name */
    unsigned n;
    int64_t last_us;
};

struct login {
    struct login *next;
    struct directory *d;
    struct chan *edge; /* NULL: gone */
    uint64_t id, account;
    bool known;
    struct buf session, service, prefix, tag, user, peer;
    struct credential credential;
    unsigned char cache_key[32];
    struct event *delay;
    struct error failure;
};

struct login_state {
    struct map cache;   /* keyed hash -> struct cached */
    struct map guesses; /* prefix NUL name -> struct guesses */
    struct login *first;
    struct buf dummy_hash; /* what an unknown name is checked against */
};

struct login_state *login_create(struct directory *d)
{
    struct login_state *s = mem_zalloc(sizeof *s);

    (void)d;
    map_init(&s->cache);
    map_init(&s->guesses);
    buf_init(&s->dummy_hash, 200);
    return s;
}

static void login_free(struct login *l)
{
    struct login **at = &l->d->logins->first;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    if (l->delay)
        event_free(l->delay);
    buf_done(&l->session);
    buf_done(&l->service);
    buf_done(&l->prefix);
    buf_done(&l->tag);
    buf_done(&l->user);
    buf_done(&l->peer);
    mem_free(l);
}

void login_edge_lost(struct directory *d, struct chan *edge)
{
    for (struct login *l = d->logins->first; l; l = l->next)
        if (l->edge == edge)
            l->edge = NULL;
}

/* ---- the cache ---- */

static void cache_key(struct directory *d, uint64_t account, struct str service,
                      struct str password, unsigned char out[32])
{
    unsigned int n = 32;
    struct buf b;

    buf_init(&b, 4096);
    buf_add(&b, &account, sizeof account);
    buf_str(&b, service);
    buf_char(&b, '\0');
    buf_str(&b, password);
    if (b.overflow || !HMAC(EVP_sha256(), d->boot_key, 32, (unsigned char *)b.p, b.n, out, &n))
        random_bytes(out, 32); /* matches nothing */
    buf_done_wipe(&b);
}

static void clear_map(struct map *m)
{
    size_t at = 0;
    void *v;

    while (map_each(m, &at, NULL, &v))
        mem_free(v);
    map_done(m);
}

static bool cache_find(struct login *l)
{
    struct map *cache = &l->d->logins->cache;
    struct cached *c = map_find(cache, str_of(l->cache_key, 32));

    if (!c)
        return false;
    if (c->until_us > clock_boot_us() && c->account == l->account &&
        credential_allows(&c->credential, buf_view(&l->service), clock_wall_us())) {
        l->credential = c->credential;
        return true;
    }
    mem_free(map_remove(cache, str_of(l->cache_key, 32)));
    return false;
}

static void cache_put(struct login *l)
{
    struct map *cache = &l->d->logins->cache;
    struct cached *c = mem_alloc(sizeof *c);

    if (cache->n >= CACHE_MOST)
        clear_map(cache);
    *c = (struct cached){l->account, clock_boot_us() + CACHE_US, l->credential};
    mem_free(map_put(cache, str_of(l->cache_key, 32), c));
}

void login_forget(struct directory *d, uint64_t account)
{
    /* Rare, and few entries: all go, rather than one list an account being kept. */
    (void)account;
    clear_map(&d->logins->cache);
}

void login_end_credential(struct directory *d, uint64_t account, int64_t credential)
{
    (void)credential; /* what was verified is kept by account */
    login_forget(d, account);
}

/* ---- wrong guesses ---- */

static void guess_key(const struct login *l, struct buf *out)
{
    buf_init(out, 2048);
    buf_str(out, buf_view(&l->prefix));
    buf_char(out, '\0');
    buf_str(out, buf_view(&l->user));
}

/* Counts one more; returns the delay in ms that the answer waits. */
static unsigned guess_wrong(struct login *l)
{
    struct map *all = &l->d->logins->guesses;
    int64_t now = clock_boot_us();
    struct guesses *g;
    struct buf key;
    unsigned ms = 0;

    if (all->n >= GUESSES_MOST)
        clear_map(all);
    guess_key(l, &key);
    g = map_find(all, buf_view(&key));
    if (!g) {
        g = mem_zalloc(sizeof *g);
        map_put(all, buf_view(&key), g);
    }
    if (now - g->last_us > GUESS_FORGET_US)
        g->n = 0;
    g->last_us = now;
    g->n++;
    if (g->n > 2) /* a typing mistake or two is free */
        ms = g->n - 2 > 4 ? DELAY_MOST_MS : 250U << (g->n - 3);
    buf_done(&key);
    return ms < DELAY_MOST_MS ? ms : DELAY_MOST_MS;
}

static void guess_right(struct login *l)
{
    struct buf key;

    guess_key(l, &key);
    mem_free(map_remove(&l->d->logins->guesses, buf_view(&key)));
    buf_done(&key);
}

/* ---- the socket to the account's process ---- */

struct opening {
    struct directory *d;
    uint64_t account;
    open_fn fn;
    void *arg;
    int fd;
};

static void on_opened(void *arg, struct msg *m)
{
    struct opening *o = arg;
    struct error err = {0};

    if (!m)
        error_set(&err, ERROR_TEMPORARY, "the account does not open just now; try again");
    else if (m->session_opened.kind)
        error_set(&err, (enum error_kind)m->session_opened.kind, "%.*s",
                  STR_ARG(m->session_opened.text));
    if (err.kind) {
        close(o->fd);
        o->fd = -1;
        if (err.kind == ERROR_DAMAGED || err.kind == ERROR_DISK)
            account_set_problem(o->d, o->account, str_c(err.text));
    }
    o->fn(o->arg, o->fd, err.kind ? &err : NULL);
    mem_free(o);
}

void account_open(struct directory *d, const struct open_request *r, open_fn fn, void *arg)
{
    struct opening *o = mem_zalloc(sizeof *o);
    struct msg m = {.type = MSG_SESSION_OPEN, .nfds = 1};
    int fd[2];

    if (socketpair(AF_UNIX,
                   (r->stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fd) != 0) {
        struct error err;

        mem_free(o);
        error_set(&err, ERROR_TEMPORARY, "too many sessions at once; try again in a moment");
        fn(arg, -1, &err);
        return;
    }
    *o = (struct opening){d, r->account, fn, arg, fd[0]};
    m.fd[0] = fd[1];
    m.session_open = (struct msg_session_open){calls_next_id(d->p->calls),
                                               r->account,
                                               r->service,
                                               r->session,
                                               r->user,
                                               r->tag,
                                               r->credential,
                                               r->read_only,
                                               r->settings.quota,
                                               r->settings.subaddress};
    process_call(d->p, ROLE_ACCOUNTS, m.session_open.id, &m, OPEN_MS, true, on_opened, o);
    close(fd[1]);
}

/* ---- a login ---- */

static void tell(struct login *l, const struct error *err, int fd)
{
    struct msg m = {
        .type = MSG_LOGIN_TELL, .nfds = fd >= 0, .fd = {fd}, .login_tell = {.id = l->id}};

    if (err) {
        m.login_tell.kind = err->kind;
        m.login_tell.text = str_c(err->text);
    }
    if (l->edge)
        chan_send(l->edge, &m);
}

static void on_delay(evutil_socket_t fd, short what, void *arg)
{
    struct login *l = arg;

    (void)fd, (void)what;
    tell(l, &l->failure, -1);
    login_free(l);
}

static void fail(struct login *l, const struct error *err, const char *why)
{
    struct log_line line;
    unsigned ms = 0;

    log_begin(&line, LOG_LOGIN_FAILED, buf_view(&l->session));
    log_str(&line, "user", buf_view(&l->user));
    log_str(&line, "service", buf_view(&l->service));
    log_str(&line, "peer", buf_view(&l->peer));
    log_c(&line, "why", why);
    log_end(&line);
    l->d->logins_failed++;
    l->failure = *err;
    if (err->kind == ERROR_DENIED)
        ms = guess_wrong(l);
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    l->delay = evtimer_new(l->d->p->base, on_delay, l);
    evtimer_add(l->delay, &t);
}

static void on_open(void *arg, int fd, const struct error *err)
{
    struct login *l = arg;
    struct log_line line;

    if (err) {
        log_begin(&line, LOG_LOGIN_FAILED, buf_view(&l->session));
        log_str(&line, "user", buf_view(&l->user));
        log_c(&line, "why", err->text);
    } else {
        log_begin(&line, LOG_LOGIN, buf_view(&l->session));
        log_str(&line, "user", buf_view(&l->user));
        log_str(&line, "service", buf_view(&l->service));
        log_str(&line, "peer", buf_view(&l->peer));
        log_u64(&line, "credential", (uint64_t)l->credential.id);
    }
    log_end(&line);
    tell(l, err, fd);
    if (fd >= 0)
        close(fd);
    login_free(l);
}

static void succeed(struct login *l)
{
    struct directory *d = l->d;
    struct open_request r = {.account = l->account,
                             .service = buf_view(&l->service),
                             .session = buf_view(&l->session),
                             .user = buf_view(&l->user),
                             .tag = buf_view(&l->tag),
                             .read_only = l->credential.read_only,
                             .stream = true};
    char credential[30];
    struct error err;
    int n = snprintf(credential, sizeof credential, "%lld", (long long)l->credential.id);

    r.credential = str_of(credential, (size_t)n);
    d->logins_ok++;
    guess_right(l);
    if (!account_settings(d, l->account, &r.settings, &err)) {
        fail(l, &err, err.text);
        return;
    }
    account_open(d, &r, on_open, l);
}

static void refuse(struct login *l, const char *why)
{
    struct error err;

    error_set(&err, ERROR_DENIED, "the name or the password is wrong");
    fail(l, &err, why);
}

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct login *l = arg;

    (void)hash;
    if (!ok && err->kind != ERROR_DENIED) {
        fail(l, err, err->text);
    } else if (!ok || !l->known) {
        refuse(l, l->known ? "wrong password" : "no such name");
    } else if (!credential_allows(&l->credential, buf_view(&l->service), clock_wall_us())) {
        refuse(l, "this credential does not open this service");
    } else {
        cache_put(l);
        succeed(l);
    }
}

static bool try_app_password(struct login *l, struct str password, bool *found, struct error *err)
{
    unsigned char mac[MAC_BYTES];
    char normal[26];
    bool ok = true;

    *found = false;
    if (app_password_normal(password, normal)) {
        app_password_mac(l->d->mac_key, l->account, normal, mac);
        ok = credential_find_app(l->d->db, l->account, mac, &l->credential, found, err);
    }
    mem_wipe(normal, sizeof normal);
    return ok;
}

/* Any hash of the right cost; nothing matches it. Made once, by a hasher. */
static void on_dummy(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct login_state *s = arg;

    (void)err;
    if (ok && s->dummy_hash.n == 0)
        buf_str(&s->dummy_hash, hash);
}

static void check_password(struct login *l, struct str password)
{
    struct login_state *s = l->d->logins;
    struct error err = {0};
    struct buf hash;
    bool found = false;

    buf_init(&hash, 200);
    if (l->known &&
        !credential_find_password(l->d->db, l->account, &l->credential, &hash, &found, &err)) {
        buf_done(&hash);
        fail(l, &err, err.text);
        return;
    }
    if (!found) {
        l->known = false;
        buf_str(&hash, buf_view(&s->dummy_hash));
        if (s->dummy_hash.n == 0) { /* a made hash costs the same; keep it for the next */
            char random[33];

            random_text(random, 32);
            hash_queue_add(l->d->hashes, STR("dummy"), str_c(random), STR_NULL, on_dummy, s);
        }
    }
    hash_queue_add(l->d->hashes, buf_view(&l->prefix), password, buf_view(&hash), on_hash, l);
    buf_done(&hash);
}

static void copy(struct buf *to, struct str from)
{
    buf_init(to, from.n + 1);
    buf_str(to, from);
}

static struct login *login_new(struct directory *d, struct chan *edge,
                               const struct msg_login_ask *ask)
{
    struct login *l = mem_zalloc(sizeof *l);

    *l = (struct login){.next = d->logins->first, .d = d, .edge = edge, .id = ask->id};
    d->logins->first = l;
    copy(&l->session, ask->session);
    copy(&l->service, ask->service);
    copy(&l->prefix, ask->prefix);
    copy(&l->tag, ask->tag);
    copy(&l->peer, ask->peer);
    buf_init(&l->user, ask->user.n + 1);
    address_login(&l->user, ask->user);
    return l;
}

void login_ask(struct directory *d, struct chan *edge, struct msg *m)
{
    const struct msg_login_ask *ask = &m->login_ask;
    struct login *l = login_new(d, edge, ask);
    struct error err = {0};
    struct buf as;
    bool found = false, other;

    buf_init(&as, ask->authzid.n + 1);
    address_login(&as, ask->authzid);
    other = as.n && !str_equal(buf_view(&as),
                               buf_view(&l->user)); /* RFC 4616: acting as another is not offered */
    buf_done(&as);
    l->known = account_of_name(d, buf_view(&l->user), &l->account, &err) && !other;
    if (!l->known && err.kind != ERROR_NONE && err.kind != ERROR_NOT_FOUND &&
        err.kind != ERROR_DENIED && err.kind != ERROR_SYNTAX) {
        fail(l, &err, err.text);
        return;
    }
    if (l->known) {
        cache_key(d, l->account, buf_view(&l->service), ask->password, l->cache_key);
        if (cache_find(l)) {
            succeed(l);
            return;
        }
        if (!try_app_password(l, ask->password, &found, &err)) {
            fail(l, &err, err.text);
            return;
        }
    }
    if (!found)
        check_password(l, ask->password);
    else if (credential_allows(&l->credential, buf_view(&l->service), clock_wall_us()))
        succeed(l);
    else
        refuse(l, "this app password does not open this service, or has expired");
}
