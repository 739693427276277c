/* directory/test_directory.h: the directory on the bench (proc/test_role.h), with a real database in
 * memory, real hashes at the lowest cost, and all its peers played by the test. A test includes the
 * files whose statics it wants, directory/directory.c among them, before this. */
#ifndef DIRECTORY_TEST_DIRECTORY_H
#define DIRECTORY_TEST_DIRECTORY_H

#include "base/test.h"
#include "directory/credential.h"
#include "proc/test_role.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_MOST 4000
#define SECOND 1000000LL
#define ADA "ada@example.test"
#define ADAS "correct horse of ada"
#define HOME "home"

/* What became of a question that was put under some id. */
struct told {
    bool came, has_fd;
    enum error_kind kind;
};

struct bench {
    struct role_test t;
    struct directory d;
    struct role_end *edge, *smtp, *intake, *keys, *hasher, *accounts, *relay;
    int db, wal; /* outlive a directory */
    unsigned char key[32], ticket_key[TICKET_KEY_BYTES];
    uint64_t asked;
    struct told told[ASKED_MOST];
    unsigned hashes, opened;          /* that the hasher, and accounts, have answered */
    struct msg_session_ask last_open; /* its numbers */
    char last_user[400], last_tag[100], last_service[100];
    size_t descriptors;
};

static struct bench b;
static uint64_t ada;

/* ---- the directory's own life ---- */

static void on_gave_up(struct process *p, const struct error *err)
{
    (void)p;
    panic("the directory gave up: %s", err->text);
}

/* Everything but SETUP_GO. */
UNUSED static void bench_set_up(void)
{
    b.d = (struct directory){.db_fd = -1, .wal_fd = -1, .used_fd = -1};
    b.asked = b.hashes = b.opened = 0;
    memset(b.told, 0, sizeof b.told);
    role_test_begin(&b.t, ROLE_DIRECTORY, &directory_ops, &b.d);
    b.t.p->gave_up = on_gave_up;
    role_test_set(&b.t, "argon2-memory = 8M");
    role_test_set(&b.t, "argon2-passes = 1");
    role_test_set(&b.t, "disk-reserve = 0");
    role_test_file(&b.t, "db", b.db);
    role_test_file(&b.t, "wal", b.wal);
    b.edge = role_test_peer(&b.t, ROLE_EDGE_MAIL, 0);
    b.smtp = role_test_peer(&b.t, ROLE_EDGE_SMTP, 0);
    b.intake = role_test_peer(&b.t, ROLE_INTAKE, 0);
    b.keys = role_test_peer(&b.t, ROLE_KEYS, 0);
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    b.relay = role_test_peer(&b.t, ROLE_RELAY, 0);
}

UNUSED static void bench_give_key(void)
{
    const struct msg *m = role_end_take(b.keys, MSG_SERVICE_KEY_ASK);
    struct msg tell = {.type = MSG_SERVICE_KEY_TELL};

    if (!CHECK(m != NULL))
        return;
    tell.service_key_tell.id = m->service_key_ask.id;
    tell.service_key_tell.key = str_of(b.key, sizeof b.key);
    tell.service_key_tell.ticket_key = str_of(b.ticket_key, sizeof b.ticket_key);
    role_end_send(b.keys, &tell);
}

UNUSED static void bench_start(void)
{
    bench_set_up();
    role_test_go(&b.t);
    bench_give_key();
    CHECK(role_end_take(b.t.supervisor, MSG_READY) != NULL);
}

/* The process ends; the files stay. */
UNUSED static void bench_stop(void)
{
    hash_queue_destroy(b.d.hashes);
    login_destroy(b.d.logins);
    guesses_destroy(b.d.guesses);
    reserve_destroy(b.d.reserves);
    account_links_destroy(b.d.links);
    db_close(b.d.db);
    base_close_fd(&b.d.db_fd);
    base_close_fd(&b.d.wal_fd);
    role_test_end(&b.t);
}

/* ---- its database ---- */

UNUSED static void insert_domain_row(const char *name)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(b.d.db, "INSERT INTO domain (name, created_us) VALUES (?, 0)");
    struct error err = {0};

    db_bind_text(s, 1, str_c(name));
    CHECK(db_run(b.d.db, s, &err));
}

UNUSED static void hash_password(const char *password, char out[crypto_pwhash_STRBYTES])
{
    CHECK(crypto_pwhash_str_alg(out, password, strlen(password), 1, 8192,
                                crypto_pwhash_ALG_ARGON2ID13) == 0);
}

UNUSED static void set_password(uint64_t account, const char *password)
{
    char hash[crypto_pwhash_STRBYTES];
    AUTO_TX struct db_tx tx = {0};
    struct error err = {0};

    hash_password(password, hash);
    CHECK(db_begin(&tx, b.d.db, &err) &&
          credential_set_password(b.d.db, account, str_c(hash), &err) && db_commit(&tx, &err));
}

/* password NULL: it has none. */
UNUSED static uint64_t add_account(const char *name, const char *password, uint64_t quota)
{
    uint64_t account = b.d.next_account++;
    struct error err = {0};
    AUTO_TX struct db_tx tx = {0};

    CHECK(db_begin(&tx, b.d.db, &err) && account_insert(&b.d, account, quota, &err) &&
          address_add(&b.d, str_c(name), account, true, &err) && db_commit(&tx, &err));
    if (password)
        set_password(account, password);
    return account;
}

UNUSED static void add_alias(const char *name, uint64_t account)
{
    struct error err = {0};
    AUTO_TX struct db_tx tx = {0};

    CHECK(db_begin(&tx, b.d.db, &err) && address_add(&b.d, str_c(name), account, false, &err) &&
          db_commit(&tx, &err));
}

UNUSED static int64_t number_of(const char *sql, uint64_t account)
{
    sqlite3_stmt *s = NULL;
    int64_t n = 0;

    CHECK(sqlite3_prepare_v2(db_sqlite(b.d.db), sql, -1, &s, NULL) == SQLITE_OK);
    sqlite3_bind_int64(s, 1, (int64_t)account);
    if (sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

UNUSED static int64_t password_id(uint64_t account)
{
    return number_of("SELECT id FROM credential WHERE account = ? AND kind = 'password'", account);
}

/* Returns its id. */
UNUSED static int64_t add_app_password(uint64_t account, const char *scope, bool read_only,
                                       int64_t expires_us, char out[APP_PASSWORD_TEXT])
{
    unsigned char mac[MAC_BYTES];
    struct scram_keys scram = {0};
    struct error err = {0};
    AUTO_TX struct db_tx tx = {0};
    char normal[26];

    app_password_make(out);
    CHECK(app_password_normal(str_c(out), normal));
    app_password_mac(b.d.mac_key, account, normal, mac);
    CHECK(db_begin(&tx, b.d.db, &err) &&
          credential_add_app(b.d.db, account, STR("phone"), str_c(scope), read_only, expires_us,
                             mac, &scram, &err) &&
          db_commit(&tx, &err));
    return number_of("SELECT max(id) FROM credential WHERE account = ?", account);
}

UNUSED static void remove_credential(int64_t id)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(b.d.db, "DELETE FROM credential WHERE id = ?");
    struct error err = {0};

    db_bind_int(s, 1, id);
    CHECK(db_run(b.d.db, s, &err));
}

UNUSED static void remove_account(uint64_t account)
{
    struct error err = {0};
    AUTO_TX struct db_tx tx = {0};

    CHECK(db_begin(&tx, b.d.db, &err) && account_delete(&b.d, account, &err) &&
          db_commit(&tx, &err));
    login_forget(&b.d, account);
}

/* ---- beginning and end of a test ---- */

/* A directory on this file with ada in it, who is also augusta. */
UNUSED static void begin_on(int db)
{
    b = (struct bench){.descriptors = test_descriptors() - 1};
    CHECK(sodium_init() >= 0);
    b.db = db;
    b.wal = memfd_create("wal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    memset(b.key, 7, sizeof b.key);
    memset(b.ticket_key, 9, sizeof b.ticket_key);
    bench_start();
    insert_domain_row("example.test");
    ada = add_account(ADA, ADAS, 0);
    add_alias("augusta@example.test", ada);
}

UNUSED static void begin(void)
{
    begin_on(memfd_create("db", MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

/* Whatever is under way ends by its deadlines, and nothing is left over. */
UNUSED static void end(void)
{
    role_test_pass(&b.t, 100 * SECOND);
    CHECK_U64(login_under_way(&b.d), 0);
    CHECK_U64(calls_waiting(b.t.p->calls), 0);
    CHECK_U64(hash_queue_waiting(b.d.hashes), 0);
    bench_stop();
    close(b.db);
    close(b.wal);
    CHECK_U64(test_descriptors(), b.descriptors);
}

/* ---- a mail edge asks ---- */

UNUSED static uint64_t ask_over(struct role_end *edge, const struct msg_login_ask *ask)
{
    struct msg m = {.type = MSG_LOGIN_ASK, .login_ask = *ask};

    m.login_ask.id = ++b.asked;
    role_end_send(edge, &m);
    return b.asked;
}

UNUSED static struct msg_login_ask login_of(const char *user, const char *password,
                                            const char *prefix)
{
    return (struct msg_login_ask){.session = STR("s"),
                                  .service = STR("imap"),
                                  .peer = STR("192.0.2.1"),
                                  .prefix = str_c(prefix),
                                  .tag = STR("a1"),
                                  .user = str_c(user),
                                  .password = str_c(password)};
}

UNUSED static uint64_t ask(const char *user, const char *password, const char *prefix)
{
    struct msg_login_ask m = login_of(user, password, prefix);

    return ask_over(b.edge, &m);
}

/* What was answered under this id. */
UNUSED static struct told told(uint64_t id)
{
    struct msg *m;

    role_test_spin(&b.t);
    while ((m = role_end_take(b.edge, MSG_LOGIN_TELL))) {
        struct told *t = &b.told[m->login_tell.id % ASKED_MOST];

        CHECK(!t->came); /* one answer for each */
        *t = (struct told){true, m->nfds == 1, (enum error_kind)m->login_tell.error.kind};
        CHECK(t->has_fd == (t->kind == ERROR_NONE));
    }
    return b.told[id % ASKED_MOST];
}

UNUSED static bool is_waiting(uint64_t id)
{
    return !told(id).came;
}

UNUSED static bool is_in(uint64_t id)
{
    return told(id).came && told(id).has_fd;
}

UNUSED static bool is_refused(uint64_t id, enum error_kind kind)
{
    return told(id).came && told(id).kind == kind;
}

/* ---- the other peers answer ---- */

/* A hasher computes one; false: it has nothing to do. */
UNUSED static bool hash_one_over(struct role_end *hasher)
{
    struct msg tell = {.type = MSG_HASH_TELL};
    char hash[crypto_pwhash_STRBYTES] = "", made[crypto_pwhash_STRBYTES] = "";
    const struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(hasher, MSG_HASH_ASK);
    if (!m)
        return false;
    b.hashes++;
    tell.hash_tell.id = m->hash_ask.id;
    if (m->hash_ask.hash.n) {
        CHECK(m->hash_ask.hash.n < sizeof hash);
        memcpy(hash, m->hash_ask.hash.p, m->hash_ask.hash.n);
        if (crypto_pwhash_str_verify(hash, m->hash_ask.password.p ? m->hash_ask.password.p : "",
                                     m->hash_ask.password.n) != 0)
            tell.hash_tell.error.kind = ERROR_DENIED;
    } else {
        hash_password("made", made);
        tell.hash_tell.hash = str_c(made);
    }
    role_end_send(hasher, &tell);
    return true;
}

UNUSED static bool hash_one(void)
{
    return hash_one_over(b.hasher);
}

UNUSED static unsigned hash_all(void)
{
    unsigned n = 0;

    while (hash_one())
        n++;
    return n;
}

/* `accounts` takes one opening, or refuses it. */
UNUSED static bool open_one_with(enum error_kind kind)
{
    struct msg tell = {.type = MSG_SESSION_TELL};
    const struct msg_session_ask *a;
    const struct msg *m;

    role_test_spin(&b.t);
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    if (!m)
        return false;
    b.opened++;
    a = &m->session_ask;
    CHECK(m->nfds == 1 && a->ticket.n == TICKET_BYTES);
    b.last_open = *a;
    snprintf(b.last_user, sizeof b.last_user, "%.*s", STR_ARG(a->user));
    snprintf(b.last_tag, sizeof b.last_tag, "%.*s", STR_ARG(a->tag));
    snprintf(b.last_service, sizeof b.last_service, "%.*s", STR_ARG(a->service));
    tell.session_tell.id = a->id;
    tell.session_tell.error = (struct msg_error){kind, kind ? STR("not now") : STR_NULL};
    role_end_send(b.accounts, &tell);
    return true;
}

UNUSED static bool open_one(void)
{
    return open_one_with(ERROR_NONE);
}

UNUSED static unsigned open_all(void)
{
    unsigned n = 0;

    while (open_one())
        n++;
    return n;
}

/* Whatever is wanted of the others is done. */
UNUSED static void work(void)
{
    while (hash_all() + open_all())
        ;
}

/* A login from its beginning to its end. */
UNUSED static struct told login(const char *user, const char *password, const char *prefix)
{
    uint64_t id = ask(user, password, prefix);

    for (int i = 0; i < 100 && is_waiting(id); i++) {
        work();
        if (is_waiting(id))
            role_test_pass(&b.t, SECOND / 4);
    }
    return told(id);
}

/* The hashes and the answers of n guesses one after the other, and the time that they took. */
struct cost {
    unsigned hashes, denied, rate, names;
    int64_t us;
};

UNUSED static struct cost guess_in_turn(const char *const *names, unsigned n, const char *prefix)
{
    struct cost c = {0};
    unsigned hashes = b.hashes;
    int64_t began = role_test_now_us();

    while (names[c.names])
        c.names++;
    for (unsigned i = 0; i < n; i++) {
        char password[30];
        struct told t;

        snprintf(password, sizeof password, "guess %u", i);
        test_expect_log("login-failed");
        t = login(names[i % c.names], password, prefix);
        c.denied += t.kind == ERROR_DENIED;
        c.rate += t.kind == ERROR_RATE;
    }
    c.hashes = b.hashes - hashes;
    c.us = role_test_now_us() - began;
    return c;
}

#endif
