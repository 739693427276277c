/* directory/login.c: a login, from a shown credential to a socket to the account's process.
 *
 *     CHECKING --+-- verified within the hour, or an app password ------------------+-> OPENING --> told
 *        ^       |                                                                  |
 *        |       +-- a person's password --> WAITING --> HASHING -- right ----------+
 *        |       |       (guesses.c)            |           |
 *        |       |                              +-- wrong --+--> REFUSED -- some time --> told
 *        |       +-- none of these -------------------------------^
 *        |       +-- the same password is being checked --> FOLLOWING, and fares as that one does
 *        +----------- it was right, and is verified now -------+
 *
 * CHECKING lasts for one turn of the loop at most. WAITING and HASHING lead those that follow them;
 * REFUSED ends by its timer, HASHING by hashing.c, OPENING by account_open.c. Whether anybody still waits for
 * the answer changes nothing on the way: who hangs up has guessed all the same.
 *
 * A name that does not exist waits, follows and costs a hash like any other, so that time tells
 * nothing. Nothing that others do locks an account. A credential may end while a login with it is
 * under way: ids are never used twice, and the id is looked up again before the login counts. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "address/address.h"
#include "directory/credential.h"
#include "directory/directory_int.h"

#include <unistd.h>

#define REFUSAL_US 1000000 /* until a client that is refused hears so, and can try again */
#define SESSION_MOST 100   /* bytes of an edge's names for a session, a service, a command */
#define WRONG "the name or the password is wrong"

enum login_stage {
    LOGIN_CHECKING,
    LOGIN_WAITING,
    LOGIN_HASHING,
    LOGIN_FOLLOWING,
    LOGIN_OPENING,
    LOGIN_REFUSED
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
    unsigned char key[VERIFIED_KEY_BYTES];
    struct timer timer; /* WAITING, REFUSED */
    struct error failure;
};

struct login_state {
    struct verified *verified;
    struct list logins; /* of struct login */
    struct map leaders; /* key -> struct login: what is checked, for those who ask the same */
};

struct login_state *login_create(void)
{
    struct login_state *s = mem_zalloc(sizeof *s);

    s->verified = verified_create();
    map_init(&s->leaders);
    return s;
}

/* What must hold whenever the loop comes round. */
static void login_check(const struct login *l)
{
#ifdef POSTHUS_SANITIZE
    bool leads = l->stage == LOGIN_WAITING || l->stage == LOGIN_HASHING;

    if (timer_is_set(&l->timer) != (l->stage == LOGIN_WAITING || l->stage == LOGIN_REFUSED))
        panic("a login that waits or is refused has its time, and no other");
    if ((l->follow_node.in != NULL) != (l->stage == LOGIN_FOLLOWING))
        panic("a login that follows has a leader, and no other");
    if (l->followers.n && !leads)
        panic("nobody follows a login that is not being checked");
    if ((l->failure.kind != ERROR_NONE) != (l->stage == LOGIN_REFUSED))
        panic("a login that is refused knows why, and no other");
    if (l->stage == LOGIN_OPENING && (l->password.n || l->credential.id == 0))
        panic("a login that is right has its credential, and no password any more");
    if (l->stage == LOGIN_CHECKING)
        panic("a login is checked at once");
#else
    (void)l;
#endif
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

void login_destroy(struct login_state *s)
{
    struct login *l;

    if (!s)
        return;
    while ((l = LIST_FIRST(&s->logins, struct login, node)))
        login_free(l);
    verified_destroy(s->verified);
    map_done(&s->leaders);
    mem_free(s);
}

size_t login_under_way(const struct directory *d)
{
    return d->logins->logins.n;
}

/* ---- credentials that end ---- */

void login_forget(struct directory *d, uint64_t account)
{
    /* This is rare, and there are few entries: all go, so that no list for each account need be kept. Nor does any
     * login follow one that began before. */
    (void)account;
    verified_forget(d->logins->verified);
    map_done(&d->logins->leaders);
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

static void log_succeeded(const struct login *l)
{
    struct log_line line;

    log_begin(&line, LOG_LOGIN, buf_view(&l->session));
    log_str(&line, "user", buf_view(&l->user));
    log_str(&line, "service", buf_view(&l->service));
    log_str(&line, "peer", buf_view(&l->peer));
    log_u64(&line, "credential", (uint64_t)l->credential.id);
    log_end(&line);
}

static void login_tell(struct login *l, const struct error *err, int fd)
{
    tell_login(&l->asked, &(struct msg_login_tell){.error = msg_error_of(err)}, fd);
    login_free(l);
}

/* A client that is refused hears it only after some time, so that asking again at once gains nothing. */
static void login_fail(struct login *l, const struct error *err, const char *why)
{
    log_failed(l, why);
    l->d->logins_failed++;
    l->failure = *err;
    l->stage = LOGIN_REFUSED;
    timer_set(&l->timer, err->kind == ERROR_RATE ? REFUSAL_US : 0);
    login_check(l);
}

static void login_refuse(struct login *l, const char *why)
{
    struct error err;

    error_set(&err, ERROR_DENIED, WRONG);
    login_fail(l, &err, why);
}

/* Whether its credential is still one: it may have ended while this login was under way. */
static bool credential_stands(struct login *l, struct error *err)
{
    bool found = false;

    if (!credential_exists(l->d->db, l->account, l->credential.id, &found, err))
        return false;
    return found || error_set(err, ERROR_DENIED, WRONG);
}

static void on_open(void *arg, int fd, const struct error *err)
{
    struct login *l = arg;
    struct error ended;

    if (!err && !credential_stands(l, &ended)) {
        close(fd); /* which ends the session */
        fd = -1;
        err = &ended;
    }
    if (err) {
        l->d->logins_failed++;
        log_failed(l, err == &ended ? "its credential was ended meanwhile" : err->text);
    } else {
        l->d->logins_ok++;
        log_succeeded(l);
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
                             .tag = buf_view(&l->tag),
                             .credential = (uint64_t)l->credential.id,
                             .read_only = l->credential.read_only,
                             .stream = true};
    struct error err;
    struct buf name; /* its address, whatever name was typed: notices go to it */

    buf_done_wipe(&l->password);
    buf_init(&name, 2 * LIMIT_SMTP_PATH);
    if (!account_settings(d, l->account, &r.settings, &err) ||
        !account_name(d, l->account, &name, &err)) {
        buf_done(&name);
        login_fail(l, &err, err.text);
        return;
    }
    r.user = buf_view(&name);
    l->stage = LOGIN_OPENING;
    login_check(l);
    account_open(d, &r, on_open, l);
    buf_done(&name);
}

/* ---- without a hash ---- */

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

/* What needs no hash. True: the login went on. */
static bool try_fast(struct login *l, struct str password)
{
    struct error err = {0};
    bool found = false;

    if (verified_find(l->d->logins->verified, l->key, l->account, buf_view(&l->service),
                      &l->credential)) {
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

/* ---- those that ask the same ---- */

static struct str follow_key(const struct login *l)
{
    return str_of(l->key, sizeof l->key);
}

/* A device that opens several connections at once is not several guesses. */
static bool login_follow(struct login *l)
{
    struct login *leader = map_find(&l->d->logins->leaders, follow_key(l));

    if (!leader)
        return false;
    l->stage = LOGIN_FOLLOWING;
    list_append(&leader->followers, &l->follow_node);
    login_check(l);
    return true;
}

/* It is settled: nobody follows it from now on. */
static void login_leave_lead(struct login *l)
{
    struct map *leaders = &l->d->logins->leaders;

    if (map_find(leaders, follow_key(l)) == l)
        map_remove(leaders, follow_key(l));
}

/* They fare as the leader does: err NULL, the password was right. */
static void followers_settle(struct login *leader, const struct error *err, const char *why)
{
    struct login *l;

    while ((l = LIST_FIRST(&leader->followers, struct login, follow_node))) {
        list_remove(&l->follow_node);
        l->stage = LOGIN_CHECKING;
        if (err)
            login_fail(l, err, why);
        else if (!try_fast(l, buf_view(&l->password)))
            login_refuse(l, "the password was changed meanwhile");
    }
}

/* ---- passwords of people ---- */

static void hash_failed(struct login *l, const struct error *err, const char *why)
{
    struct error copy = *err;

    login_leave_lead(l);
    followers_settle(l, &copy, why);
    login_fail(l, &copy, why);
}

static void hash_denied(struct login *l, const char *why)
{
    struct error err;

    error_set(&err, ERROR_DENIED, WRONG);
    hash_failed(l, &err, why);
}

static void hash_right(struct login *l)
{
    struct directory *d = l->d;

    login_leave_lead(l);
    verified_put(d->logins->verified, l->key, l->account, &l->credential);
    followers_settle(l, NULL, NULL);
    login_succeed(l);
}

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    struct login *l = arg;
    struct guesses *g = l->d->guesses;
    struct error ended;

    (void)hash;
    if (!ok && err->kind != ERROR_DENIED) {
        guesses_over(g, &l->owner);
        hash_failed(l, err, err->text);
    } else if (!ok || !l->known) {
        guesses_wrong(g, &l->owner);
        hash_denied(l, l->known ? "wrong password" : "no such name");
    } else if (!credential_stands(l, &ended)) {
        guesses_over(g, &l->owner);
        hash_failed(l, &ended, "the password was changed meanwhile");
    } else if (!credential_allows(&l->credential, buf_view(&l->service), clock_wall_us())) {
        guesses_over(g, &l->owner);
        hash_denied(l, "this credential does not open this service");
    } else {
        guesses_right(g, &l->owner);
        hash_right(l);
    }
}

/* What a name without a password is checked against: it costs what a password of today costs, and
 * nothing matches it, as its password was never there. */
static void use_dummy(struct login *l)
{
    const struct config *c = &l->d->p->config;

    l->known = false;
    buf_reset(&l->hash);
    buf_printf(&l->hash,
               "$argon2id$v=19$m=%llu,t=%llu,p=1$bm9ib2R5aXNoZXJlLi4uLg"
               "$bm9ib2R5IGV2ZXIgaGFkIHRoaXMgcGFzc3dvcmQuLi4",
               (unsigned long long)c->argon2_memory / 1024, (unsigned long long)c->argon2_passes);
}

/* Where the account's owner is at home he stands in the queue for himself, not with all those
 * elsewhere who guess at his account. */
static struct hash_owner queue_owner(const struct login *l)
{
    struct hash_owner o = l->owner;

    if (guesses_is_known(l->d->guesses, &l->owner))
        o.account = siphash24(l->d->boot_key, &l->owner, sizeof l->owner) | 1ULL << 63;
    return o;
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
    if (!found || l->hash.n == 0) /* an empty one would be asked for, and made */
        use_dummy(l);
    login_check(l);
    hash_queue_add(l->d->hashes, queue_owner(l), buf_view(&l->password), buf_view(&l->hash),
                   on_hash, l);
}

static void on_time_over(void *arg)
{
    struct login *l = arg;

    if (l->stage == LOGIN_WAITING)
        login_hash(l);
    else
        login_tell(l, &l->failure, -1);
}

static void check_password(struct login *l, struct str password)
{
    struct error err;
    int64_t wait_us;

    buf_str(&l->password, password);
    if (login_follow(l))
        return;
    wait_us = guesses_enter(l->d->guesses, &l->owner);
    if (wait_us < 0) {
        error_set(&err, ERROR_RATE, "too many wrong passwords; try again in a moment");
        login_fail(l, &err, err.text);
        return;
    }
    map_put(&l->d->logins->leaders, follow_key(l), l);
    if (wait_us == 0) {
        login_hash(l);
        return;
    }
    l->stage = LOGIN_WAITING;
    timer_set(&l->timer, wait_us);
    login_check(l);
}

/* ---- the question ---- */

static void copy_into(struct buf *to, struct str from)
{
    buf_init(to, from.n + 1);
    buf_str(to, from);
}

/* Nothing is kept of a question with parts longer than an edge ever sends. */
static struct login *login_new(struct directory *d, struct chan *edge, const struct msg *m)
{
    const struct msg_login_ask *ask = &m->login_ask;
    struct login *l = mem_zalloc(sizeof *l);

    l->d = d;
    list_append(&d->logins->logins, &l->node);
    asked_take(&l->asked, edge, m);
    timer_init(&l->timer, d->p->timers, on_time_over, l);
    copy_into(&l->session, str_sub(ask->session, 0, SESSION_MOST));
    copy_into(&l->service, str_sub(ask->service, 0, SESSION_MOST));
    copy_into(&l->tag, str_sub(ask->tag, 0, LIMIT_IMAP_PRELOGIN));
    copy_into(&l->peer, str_sub(ask->peer, 0, SESSION_MOST));
    buf_init(&l->user, LIMIT_USER_NAME);
    address_login(&l->user, str_sub(ask->user, 0, LIMIT_USER_NAME));
    buf_init(&l->password, LIMIT_PASSWORD);
    buf_init(&l->hash, 200);
    return l;
}

static bool is_too_long(const struct msg_login_ask *ask)
{
    return ask->session.n > SESSION_MOST || ask->service.n > SESSION_MOST ||
           ask->tag.n > LIMIT_IMAP_PRELOGIN || ask->peer.n > SESSION_MOST ||
           ask->user.n > LIMIT_USER_NAME || ask->authzid.n > LIMIT_USER_NAME ||
           ask->password.n > LIMIT_PASSWORD;
}

/* A number that stands for a name which leads to no account; as for a name that does, neither case nor +detail
 * changes the number. */
static uint64_t number_of_nobody(const struct directory *d, struct str name)
{
    struct str local, domain, base, detail;
    struct buf b;
    uint64_t number;

    buf_init(&b, 4 * LIMIT_USER_NAME); /* folding may make it longer */
    if (address_split(name, &local, &domain)) {
        address_detail(local, &base, &detail);
        address_fold(&b, base);
        buf_char(&b, '@');
        address_fold_domain(&b, domain);
    } else {
        address_fold(&b, name);
    }
    number = siphash24(d->boot_key + 16, b.p, b.n) | 1ULL << 63;
    buf_done(&b);
    return number;
}

static void find_owner(struct login *l, struct str prefix)
{
    struct directory *d = l->d;

    l->owner.prefix = siphash24(d->boot_key, prefix.p, prefix.n) | 1;
    l->owner.account = l->known ? l->account : number_of_nobody(d, buf_view(&l->user));
}

/* Whether there is an account of this name, and it may be opened by it. False: that cannot be said, and err says
 * why. */
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

/* Whether the asker may ask this, and the question is within its limits. */
static bool may_ask(struct login *l, const struct msg_login_ask *ask, struct error *err)
{
    enum role role = chan_peer(l->asked.chan);

    if (!role_may_login(role, ask->service)) {
        l->d->logins_forbidden++;
        return error_set(err, ERROR_DENIED, "this process may not ask for logins to that service");
    }
    if (is_too_long(ask)) {
        l->d->logins_forbidden++;
        return error_set(err, ERROR_LIMIT, "a name or a password that is too long");
    }
    return true;
}

void login_ask(struct directory *d, struct chan *edge, struct msg *m)
{
    const struct msg_login_ask *ask = &m->login_ask;
    struct login *l = login_new(d, edge, m);
    struct error err = {0};

    if (!may_ask(l, ask, &err) || !find_account(l, ask, &err)) {
        login_fail(l, &err, err.text);
        return;
    }
    find_owner(l, ask->prefix);
    verified_key(d->boot_key, l->owner.account, buf_view(&l->service), ask->password, l->key);
    if (!l->known || !try_fast(l, ask->password))
        check_password(l, ask->password);
}
