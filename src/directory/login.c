/* directory/login.c: a login, from a shown credential to a socket to the account's process.
 *
 *     CHECKING --+-- verified within the hour, or an app password --------------+-> OPENING --> told
 *                |                                                              |
 *                +-- a person's password --> WAITING --> HASHING -- right ------+
 *                |       (guesses.c)                        |
 *                +-- the same password is being checked --> FOLLOWING, and fares as that one does
 *                +-- none of these <------------ wrong -----+--> REFUSED -- some time --> told
 *
 * A name that does not exist waits and costs a hash like any other, so that time tells nothing.
 * Nothing that others do locks an account. A credential may end while a login with it is under way:
 * ids are never used twice, and the id is looked up again before the login counts. */
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "address/address.h"
#include "directory/credential.h"
#include "directory/directory_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CACHE_US (3600LL * 1000000)
#define CACHE_MOST 20000
#define REFUSAL_US 1000000 /* before who was one too many hears so, and comes again */

enum login_stage {
    LOGIN_CHECKING,
    LOGIN_WAITING,
    LOGIN_HASHING,
    LOGIN_FOLLOWING,
    LOGIN_OPENING,
    LOGIN_REFUSED
};

struct cached { /* a verified credential */
    uint64_t account;
    int64_t until_us; /* boot clock */
    struct credential credential;
};

struct login {
    struct list_node node;
    struct list_node follow_node; /* FOLLOWING: of its leader's */
    struct list followers;        /* of struct login */
    struct directory *d;
    enum login_stage stage;
    struct asked asked;
    uint64_t account;
    struct hash_owner owner;
    bool known; /* there is such an account, and it has a password */
    struct buf session, service, tag, user, peer, password, hash;
    struct credential credential;
    unsigned char cache_key[32];
    struct timer timer; /* WAITING, REFUSED */
    struct error failure;
};

struct login_state {
    struct map cache;      /* keyed hash -> struct cached */
    struct list logins;    /* of struct login */
    struct buf dummy_hash; /* what an unknown name is checked against */
};

struct login_state *login_create(struct directory *d)
{
    struct login_state *s = mem_zalloc(sizeof *s);

    (void)d;
    map_init(&s->cache);
    buf_init(&s->dummy_hash, 200);
    return s;
}

static void login_free(struct login *l)
{
    asked_forget(&l->asked);
    list_remove(&l->node);
    list_remove(&l->follow_node);
    timer_stop(&l->timer);
    buf_done(&l->session);
    buf_done(&l->service);
    buf_done(&l->tag);
    buf_done(&l->user);
    buf_done(&l->peer);
    buf_done_wipe(&l->password);
    buf_done(&l->hash);
    mem_free(l);
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

static void cache_clear(struct map *cache)
{
    size_t at = 0;
    void *v;

    while (map_each(cache, &at, NULL, &v))
        mem_free(v);
    map_done(cache);
    map_init(cache);
}

void login_destroy(struct login_state *s)
{
    struct login *l;

    if (!s)
        return;
    while ((l = LIST_FIRST(&s->logins, struct login, node)))
        login_free(l);
    cache_clear(&s->cache);
    buf_done(&s->dummy_hash);
    mem_free(s);
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
        cache_clear(cache);
    *c = (struct cached){l->account, clock_boot_us() + CACHE_US, l->credential};
    mem_free(map_put(cache, str_of(l->cache_key, 32), c));
}

void login_forget(struct directory *d, uint64_t account)
{
    /* Rare, and few entries: all go, rather than one list an account being kept. */
    (void)account;
    cache_clear(&d->logins->cache);
}

static void on_sessions_ended(void *arg, struct msg_sessions_end_tell *tell, int *fd)
{
    (void)arg, (void)fd;
    if (tell->error.kind)
        log_text(LOG_ROLE_PROBLEM, STR_NULL,
                 "sessions whose credential was ended may still be open: %.*s",
                 STR_ARG(tell->error.text));
}

void login_end_credential(struct directory *d, uint64_t account, int64_t credential)
{
    struct msg_sessions_end_ask ask = {.account = account,
                                       .credential = (uint64_t)credential,
                                       .text =
                                           STR("the password of this session is no longer valid")};

    login_forget(d, account);
    call_sessions_end(process_to(d->p, ROLE_ACCOUNTS), &ask, NULL, on_sessions_ended, NULL);
}

/* ---- the end of a login ---- */

static void log_failed(const struct login *l, const char *why)
{
    struct log_line line;

    log_begin(&line, LOG_LOGIN_FAILED, buf_view(&l->session));
    log_str(&line, "user", buf_view(&l->user));
    log_str(&line, "service", buf_view(&l->service));
    log_str(&line, "peer", buf_view(&l->peer));
    log_c(&line, "why", why);
    log_end(&line);
}

static void login_tell(struct login *l, const struct error *err, int fd)
{
    tell_login(&l->asked, &(struct msg_login_tell){.error = msg_error_of(err)}, fd);
    login_free(l);
}

/* The answer comes after some time, so that asking again at once gains nothing. */
static void login_fail(struct login *l, const struct error *err, const char *why)
{
    log_failed(l, why);
    l->d->logins_failed++;
    l->failure = *err;
    l->stage = LOGIN_REFUSED;
    timer_set(&l->timer, err->kind == ERROR_RATE ? REFUSAL_US : 0);
}

static void login_refuse(struct login *l, const char *why)
{
    struct error err;

    error_set(&err, ERROR_DENIED, "the name or the password is wrong");
    login_fail(l, &err, why);
}

/* Whether its credential is still one: it may have ended while this login was under way. */
static bool is_current(struct login *l)
{
    bool found = false;
    struct error err;

    return credential_exists(l->d->db, l->account, l->credential.id, &found, &err) && found;
}

static void on_open(void *arg, int fd, const struct error *err)
{
    struct login *l = arg;
    struct error ended;
    struct log_line line;

    if (!err && !is_current(l)) {
        close(fd); /* which ends the session */
        fd = -1;
        error_set(&ended, ERROR_DENIED, "the name or the password is wrong");
        err = &ended;
    }
    if (err) {
        log_failed(l, err->text);
    } else {
        log_begin(&line, LOG_LOGIN, buf_view(&l->session));
        log_str(&line, "user", buf_view(&l->user));
        log_str(&line, "service", buf_view(&l->service));
        log_str(&line, "peer", buf_view(&l->peer));
        log_u64(&line, "credential", (uint64_t)l->credential.id);
        log_end(&line);
    }
    login_tell(l, err, fd);
    if (fd >= 0)
        close(fd);
}

static void login_succeed(struct login *l)
{
    struct directory *d = l->d;
    struct open_request r = {.account = l->account,
                             .service = buf_view(&l->service),
                             .session = buf_view(&l->session),
                             .user = buf_view(&l->user),
                             .tag = buf_view(&l->tag),
                             .credential = (uint64_t)l->credential.id,
                             .read_only = l->credential.read_only,
                             .stream = true};
    struct error err;

    l->stage = LOGIN_OPENING;
    d->logins_ok++;
    if (!account_settings(d, l->account, &r.settings, &err)) {
        login_fail(l, &err, err.text);
        return;
    }
    account_open(d, &r, on_open, l);
}

/* ---- passwords of people ---- */

static bool try_fast(struct login *l, struct str password);

/* Those that asked the same fare as the leader did: err NULL, its password was right. */
static void followers_settle(struct login *leader, const struct error *err, const char *why)
{
    struct login *l;

    while ((l = LIST_FIRST(&leader->followers, struct login, follow_node))) {
        list_remove(&l->follow_node);
        if (err)
            login_fail(l, err, why);
        else if (!try_fast(l, buf_view(&l->password)))
            login_refuse(l, "the password was changed meanwhile");
    }
}

static void hash_failed(struct login *l, const struct error *err, const char *why)
{
    struct error copy = *err;

    followers_settle(l, &copy, why);
    login_fail(l, &copy, why);
}

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct login *l = arg;
    struct guesses *g = l->d->guesses;
    struct error denied;

    (void)hash;
    error_set(&denied, ERROR_DENIED, "the name or the password is wrong");
    if (!ok && err->kind != ERROR_DENIED) {
        guesses_over(g, &l->owner);
        hash_failed(l, err, err->text);
    } else if (!ok || !l->known) {
        guesses_wrong(g, &l->owner);
        hash_failed(l, &denied, l->known ? "wrong password" : "no such name");
    } else if (!is_current(l)) {
        guesses_over(g, &l->owner);
        hash_failed(l, &denied, "the password was changed meanwhile");
    } else if (!credential_allows(&l->credential, buf_view(&l->service), clock_wall_us())) {
        guesses_over(g, &l->owner);
        hash_failed(l, &denied, "this credential does not open this service");
    } else {
        guesses_right(g, &l->owner);
        cache_put(l);
        followers_settle(l, NULL, NULL);
        login_succeed(l);
    }
}

/* Any hash of the right cost; nothing matches it. Made once, by a hasher. */
static void on_dummy(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct login_state *s = arg;

    (void)err;
    if (ok && s->dummy_hash.n == 0)
        buf_str(&s->dummy_hash, hash);
}

static void use_dummy(struct login *l)
{
    struct login_state *s = l->d->logins;
    char random[33];

    l->known = false;
    buf_reset(&l->hash);
    buf_str(&l->hash, buf_view(&s->dummy_hash));
    if (s->dummy_hash.n)
        return;
    random_text(random, 32); /* a made hash costs the same; keep it for the next */
    hash_queue_add(l->d->hashes, (struct hash_owner){0}, str_c(random), STR_NULL, on_dummy, s);
}

static void login_hash(struct login *l)
{
    struct error err = {0};
    bool found = false;

    l->stage = LOGIN_HASHING;
    if (l->known &&
        !credential_find_password(l->d->db, l->account, &l->credential, &l->hash, &found, &err)) {
        guesses_over(l->d->guesses, &l->owner);
        hash_failed(l, &err, err.text);
        return;
    }
    if (!found)
        use_dummy(l);
    hash_queue_add(l->d->hashes, l->owner, buf_view(&l->password), buf_view(&l->hash), on_hash, l);
}

static void on_timer(void *arg)
{
    struct login *l = arg;

    if (l->stage == LOGIN_WAITING)
        login_hash(l);
    else
        login_tell(l, &l->failure, -1);
}

/* Another login with the same password for the same account and service, on its way to a hasher: a device that opens
 * several connections at once is not several guesses. */
static struct login *find_leader(const struct login *l)
{
    struct login *o;

    LIST_EACH(o, &l->d->logins->logins, node)
        if (o != l && o->known && (o->stage == LOGIN_WAITING || o->stage == LOGIN_HASHING) &&
            mem_equal_secret(o->cache_key, l->cache_key, sizeof o->cache_key))
            return o;
    return NULL;
}

static void check_password(struct login *l, struct str password)
{
    struct login *leader = l->known ? find_leader(l) : NULL;
    struct error err;
    int64_t wait_us;

    if (leader) {
        buf_str(&l->password, password);
        l->stage = LOGIN_FOLLOWING;
        list_append(&leader->followers, &l->follow_node);
        return;
    }
    wait_us = guesses_enter(l->d->guesses, &l->owner);
    if (wait_us < 0) {
        error_set(&err, ERROR_RATE, "too many wrong passwords; try again in a moment");
        login_fail(l, &err, err.text);
        return;
    }
    buf_str(&l->password, password);
    if (wait_us == 0) {
        login_hash(l);
        return;
    }
    l->stage = LOGIN_WAITING;
    timer_set(&l->timer, wait_us);
}

/* ---- the question ---- */

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

static void copy_into(struct buf *to, struct str from)
{
    buf_init(to, from.n + 1);
    buf_str(to, from);
}

static struct login *login_new(struct directory *d, struct chan *edge, const struct msg *m)
{
    const struct msg_login_ask *ask = &m->login_ask;
    struct login *l = mem_zalloc(sizeof *l);

    l->d = d;
    list_append(&d->logins->logins, &l->node);
    asked_take(&l->asked, edge, m);
    timer_init(&l->timer, d->p->timers, on_timer, l);
    copy_into(&l->session, ask->session);
    copy_into(&l->service, ask->service);
    copy_into(&l->tag, ask->tag);
    copy_into(&l->peer, ask->peer);
    buf_init(&l->user, ask->user.n + 1);
    address_login(&l->user, ask->user);
    buf_init(&l->password, LIMIT_PASSWORD);
    buf_init(&l->hash, 200);
    return l;
}

/* The account, or for a name that leads to none a number that only this name has. */
static void find_owner(struct login *l, struct str prefix)
{
    struct directory *d = l->d;
    struct str name = buf_view(&l->user);

    l->owner.prefix = siphash24(d->boot_key, prefix.p, prefix.n) | 1;
    l->owner.account =
        l->known ? l->account : siphash24(d->boot_key + 16, name.p, name.n) | 1ULL << 63;
}

/* Whether there is an account of this name, and it may be opened by it. False: it cannot be said. */
static bool find_account(struct login *l, const struct msg_login_ask *ask, struct error *err)
{
    struct error why = {0};
    struct buf as;
    bool other;

    buf_init(&as, ask->authzid.n + 1);
    address_login(&as, ask->authzid);
    other = as.n && !str_equal(buf_view(&as),
                               buf_view(&l->user)); /* RFC 4616: acting as another is not offered */
    buf_done(&as);
    l->known = account_of_name(l->d, buf_view(&l->user), &l->account, &why) && !other;
    if (l->known || why.kind == ERROR_NONE || why.kind == ERROR_NOT_FOUND ||
        why.kind == ERROR_DENIED || why.kind == ERROR_SYNTAX)
        return true;
    *err = why;
    return false;
}

/* What needs no hash. True: the login went on. */
static bool try_fast(struct login *l, struct str password)
{
    struct error err = {0};
    bool found = false;

    cache_key(l->d, l->account, buf_view(&l->service), password, l->cache_key);
    if (cache_find(l)) {
        guesses_know(l->d->guesses, &l->owner);
        login_succeed(l);
        return true;
    }
    if (!try_app_password(l, password, &found, &err)) {
        login_fail(l, &err, err.text);
        return true;
    }
    if (!found)
        return false;
    if (credential_allows(&l->credential, buf_view(&l->service), clock_wall_us())) {
        guesses_know(l->d->guesses, &l->owner);
        login_succeed(l);
    } else {
        login_refuse(l, "this app password does not open this service, or has expired");
    }
    return true;
}

void login_ask(struct directory *d, struct chan *edge, struct msg *m)
{
    const struct msg_login_ask *ask = &m->login_ask;
    struct login *l = login_new(d, edge, m);
    struct error err = {0};

    if (!role_may_login(chan_peer(edge), ask->service)) {
        error_set(&err, ERROR_DENIED, "this process may not ask for logins to that service");
        login_fail(l, &err, err.text);
        return;
    }
    if (!find_account(l, ask, &err)) {
        login_fail(l, &err, err.text);
        return;
    }
    find_owner(l, ask->prefix);
    if (!l->known || !try_fast(l, ask->password))
        check_password(l, ask->password);
}
