/* directory/directory_fuzz.c: edges and intake that were taken over say what they like to the
 * directory, in any order, while its other peers answer, fail, go and come, passwords change and time
 * passes. Whatever they say:
 *
 * - a login succeeds only with what is, when it is answered, a password of that account, and only for
 *   IMAP at edge-mail;
 * - a session is opened only for a service that the directory knows, for a login only with a credential;
 * - a channel ends only by what its own peer said;
 * - when they are gone and the deadlines have passed nothing is left: no login, question, reservation,
 *   hash or descriptor. */
#include "directory/directory.c"

#include "base/replay.h"
#include "base/test.h"

#undef CHECK
#undef CHECK_U64
#define CHECK(condition) ((condition) ? true : (panic("%s", #condition), false))
#define CHECK_U64(got, want) CHECK((got) == (want))
#define test_expect_log(event) ((void)(event))
#include "directory/test_directory.h"

const char fuzz_corpus[] = "directory";

#define OPS_MOST 100 /* more than the queue of hashes has room for */
#define LINKS_MOST 8
#define LOGINS_MOST 200

/* ---- what the input says ---- */

static struct {
    const uint8_t *p;
    size_t n;
} in;

static uint8_t take_byte(void)
{
    if (in.n == 0)
        return 0;
    in.n--;
    return *in.p++;
}

static struct str take_bytes(size_t n)
{
    struct str s = str_of(in.p, size_min(n, in.n));

    in.p += s.n;
    in.n -= s.n;
    return s;
}

static char apps[3][APP_PASSWORD_TEXT];

/* A word that leads somewhere, or any bytes. */
static struct str take_text(void)
{
    static const char *const words[] = {"",
                                        "imap",
                                        ADA,
                                        "ada+1@example.test",
                                        "augusta@example.test",
                                        "ben@example.test",
                                        "eve@example.test",
                                        "ada",
                                        "ben",
                                        "augusta",
                                        "example.test",
                                        "postmaster",
                                        "p0",
                                        "p1",
                                        "p2",
                                        "s",
                                        "t",
                                        "home",
                                        "deliver",
                                        "intake"};
    unsigned at = take_byte();

    if (at < ARRAY_LEN(words))
        return str_c(words[at]);
    if (at - ARRAY_LEN(words) < ARRAY_LEN(apps))
        return str_c(apps[at - ARRAY_LEN(words)]);
    return take_bytes(at < 250 ? at - 20 : 60000);
}

/* ---- a world of its own for each input ---- */

static struct {
    struct str db; /* the file, with two accounts in it */
    uint64_t ben;
} template;
static unsigned passwords[2]; /* of ada and of ben: the number of the one that is good */
static bool app_lives;
static struct role_end *links[LINKS_MOST];
static size_t links_n;

/* What was asked under which id: whoever is told that he is in must be one of these. */
struct asked_login {
    uint64_t id;
    bool may; /* of a kind that can succeed at all */
    char user[LIMIT_USER_NAME + 1], password[LIMIT_PASSWORD + 1];
};
static struct asked_login logins[LOGINS_MOST];
static size_t logins_n;

static void quiet(struct str line)
{
    (void)line;
}

static uint64_t seed;

static void seeded(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        ((unsigned char *)p)[i] = (unsigned char)(seed >> 33);
    }
}

static void give_password(uint64_t account, unsigned number)
{
    AUTO_TX struct db_tx tx = {0};
    struct error err = {0};
    char hash[40];

    snprintf(hash, sizeof hash, "$argon2id$p%u", number);
    CHECK(db_begin(&tx, b.d.db, &err) &&
          credential_set_password(b.d.db, account, str_c(hash), &err) && db_commit(&tx, &err));
}

static void make_template(void)
{
    off_t n;
    char *bytes;

    begin();
    template.ben = add_account("ben@example.test", NULL, 1000000);
    give_password(ada, 0);
    give_password(template.ben, 0);
    add_app_password(ada, "all", false, INT64_MAX, apps[0]);
    add_app_password(ada, "smtp", false, INT64_MAX, apps[1]);
    add_app_password(template.ben, "imap", true, INT64_MAX, apps[2]);
    bench_stop();
    n = lseek(b.db, 0, SEEK_END);
    bytes = mem_alloc((size_t)n);
    CHECK(pread(b.db, bytes, (size_t)n, 0) == n);
    template.db = str_of(bytes, (size_t)n);
    close(b.db);
    close(b.wal);
}

static void world_begin(void)
{
    uint64_t ada_was = ada;

    b = (struct bench){.descriptors = test_descriptors()};
    b.db = memfd_create("db", MFD_CLOEXEC);
    b.wal = memfd_create("wal", MFD_CLOEXEC);
    CHECK(pwrite(b.db, template.db.p, template.db.n, 0) == (ssize_t) template.db.n);
    memset(b.key, 7, sizeof b.key);
    memset(b.ticket_key, 9, sizeof b.ticket_key);
    ada = ada_was;
    passwords[0] = passwords[1] = 0;
    app_lives = true;
    links_n = logins_n = 0;
    bench_start();
}

/* ---- what may be told ---- */

static bool is_app_password(struct str password, const char *app)
{
    char normal[26], own[26];

    return app_password_normal(password, normal) && app_password_normal(str_c(app), own) &&
           memcmp(normal, own, sizeof normal) == 0;
}

/* Whether this is, now, a password that opens IMAP. */
static bool is_good(const struct asked_login *l)
{
    struct error err;
    uint64_t account = 0;
    char good[20];

    if (!l->may || !account_of_name(&b.d, str_c(l->user), &account, &err))
        return false;
    snprintf(good, sizeof good, "p%u", passwords[account != ada]);
    if (str_equal(str_c(l->password), str_c(good)))
        return true;
    return account == ada ? app_lives && is_app_password(str_c(l->password), apps[0])
                          : is_app_password(str_c(l->password), apps[2]);
}

static void look_at_edge(void)
{
    struct msg *m;

    while ((m = role_end_take(b.edge, MSG_LOGIN_TELL))) {
        bool good = false;

        CHECK((m->nfds == 1) == (m->login_tell.error.kind == ERROR_NONE));
        if (m->nfds == 0)
            continue;
        for (size_t i = 0; i < logins_n; i++)
            good = good || (logins[i].id == m->login_tell.id && is_good(&logins[i]));
        if (!good)
            panic("a login without its password");
    }
    while (role_end_take(b.edge, MSG_NONE) || role_end_take(b.smtp, MSG_NONE) ||
           role_end_take(b.intake, MSG_NONE))
        ;
}

static void note_login(const struct msg_login_ask *ask)
{
    struct asked_login *l = &logins[logins_n < LOGINS_MOST ? logins_n++ : LOGINS_MOST - 1];
    struct buf user, as;

    buf_init(&user, 70000);
    buf_init(&as, 70000);
    address_login(&user, ask->user);
    address_login(&as, ask->authzid);
    *l = (struct asked_login){.id = ask->id};
    l->may = str_equal(ask->service, STR("imap")) &&
             (as.n == 0 || str_equal(buf_view(&as), buf_view(&user))) &&
             user.n <= LIMIT_USER_NAME && ask->password.n <= LIMIT_PASSWORD;
    if (l->may) {
        snprintf(l->user, sizeof l->user, "%.*s", STR_ARG(buf_view(&user)));
        snprintf(l->password, sizeof l->password, "%.*s", STR_ARG(ask->password));
    }
    buf_done(&user);
    buf_done(&as);
}

/* ---- the hostile ones ---- */

static struct role_end **seat(unsigned which)
{
    struct role_end **seats[] = {&b.edge, &b.smtp, &b.intake};

    return seats[which % ARRAY_LEN(seats)];
}

static const enum role seat_roles[] = {ROLE_EDGE_MAIL, ROLE_EDGE_SMTP, ROLE_INTAKE};

/* What it says ends its own channel or nobody's. */
static void rejoin(unsigned which)
{
    struct role_end **end = seat(which);

    look_at_edge();
    if (!role_end_is_closed(*end))
        role_end_close(*end);
    *end = role_test_peer(&b.t, seat_roles[which % 3], 0);
}

static void say_raw(unsigned which)
{
    size_t low = take_byte(), high = take_byte() % 8; /* one by one: compilers differ in order */
    struct str bytes = take_bytes(low + 256 * high);
    struct arena arena;
    struct msg m;

    arena_init(&arena, 1 << 20);
    if (which % 3 == 0 && msg_parse(bytes, &arena, &m, NULL) && m.type == MSG_LOGIN_ASK)
        note_login(&m.login_ask);
    arena_done(&arena);
    if (bytes.n)
        role_end_send_raw(*seat(which), bytes);
}

static void say_any(unsigned which)
{
    struct msg m = {.type = (enum msg_type)(1 + take_byte() % (MSG_TYPES - 1))};

    m.any_ask.id = take_byte();
    if (which % 3 == 0 && m.type == MSG_LOGIN_ASK)
        note_login(&m.login_ask);
    role_end_send(*seat(which), &m);
}

static void say_login(void)
{
    struct msg m = {.type = MSG_LOGIN_ASK};
    struct msg_login_ask *ask = &m.login_ask;
    unsigned odd = take_byte();

    ask->id = take_byte();
    ask->user = take_text();
    ask->password = take_text();
    ask->prefix = take_text();
    ask->service = odd & 1 ? take_text() : STR("imap");
    ask->authzid = odd & 2 ? take_text() : STR_NULL;
    ask->session = odd & 4 ? take_text() : STR("s");
    if (ask->user.n + ask->password.n + ask->prefix.n + ask->service.n + ask->authzid.n +
            ask->session.n >
        60000)
        return;
    note_login(ask);
    role_end_send(b.edge, &m);
}

static void say_rcpt(void)
{
    static const uint64_t sizes[] = {0, 1, 1000, 1000000, UINT64_MAX, 1ULL << 63};
    struct msg m = {.type = MSG_RCPT_ASK, .rcpt_ask = {.id = take_byte()}};

    m.rcpt_ask.session = take_text();
    m.rcpt_ask.local = take_text();
    m.rcpt_ask.domain = take_text();
    m.rcpt_ask.size = sizes[take_byte() % ARRAY_LEN(sizes)];
    if (m.rcpt_ask.session.n + m.rcpt_ask.local.n + m.rcpt_ask.domain.n < 60000)
        role_end_send(b.smtp, &m);
}

static void say_to_intake_questions(void)
{
    struct str list[8];
    struct msg resolve = {.type = MSG_RESOLVE_ASK, .resolve_ask = {take_byte(), {list, 0}}};
    struct msg open = {.type = MSG_DELIVERY_OPEN_ASK};
    size_t bytes = 0;

    switch (take_byte() % 3) {
    case 0:
        while (resolve.resolve_ask.recipients.n < take_byte() % 8U)
            list[resolve.resolve_ask.recipients.n++] = take_text();
        for (size_t i = 0; i < resolve.resolve_ask.recipients.n; i++)
            bytes += list[i].n;
        if (bytes < 60000)
            role_end_send(b.intake, &resolve);
        break;
    case 1:
        open.delivery_open_ask.id = take_byte();
        open.delivery_open_ask.account = take_byte() % 5;
        role_end_send(b.intake, &open);
        break;
    default:
        role_end_send(b.intake,
                      &(struct msg){.type = MSG_ACCOUNT_SLOW, .account_slow = {take_byte() % 5}});
    }
}

static void say_rcpt_end(void)
{
    struct str session = take_text();

    if (session.n < 60000)
        role_end_send(b.smtp, &(struct msg){.type = MSG_RCPT_END, .rcpt_end = {session}});
}

/* ---- the others ---- */

/* A hasher that knows the passwords by their numbers. */
static bool hash_by_number(void)
{
    struct msg tell = {.type = MSG_HASH_TELL};
    const struct msg *m;
    struct str hash;

    m = role_end_take(b.hasher, MSG_HASH_ASK);
    if (!m)
        return false;
    hash = m->hash_ask.hash;
    CHECK(hash.n > 0);
    tell.hash_tell.id = m->hash_ask.id;
    if (!str_equal(str_skip(hash, 10), m->hash_ask.password) || hash.n > 20)
        tell.hash_tell.error.kind = ERROR_DENIED;
    role_end_send(b.hasher, &tell);
    return true;
}

/* `accounts` opens one session, or does not. */
static bool open_for_service(enum error_kind kind)
{
    struct msg tell = {.type = MSG_SESSION_TELL};
    const struct msg_session_ask *a;
    struct msg *m;
    bool login;

    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    if (!m)
        return false;
    a = &m->session_ask;
    login = str_equal(a->service, STR("imap"));
    CHECK(m->nfds == 1 && a->ticket.n == TICKET_BYTES && login == (a->credential != 0));
    CHECK(login || str_equal(a->service, STR("intake")) || str_equal(a->service, STR("directory")));
    CHECK(a->account == ada || a->account == template.ben);
    if (kind == ERROR_NONE && str_equal(a->service, STR("directory")) && links_n < LINKS_MOST) {
        links[links_n++] = role_test_over(&b.t, ROLE_ACCOUNT, m->fd[0]);
        m->fd[0] = -1;
    }
    tell.session_tell.id = a->id;
    tell.session_tell.error = (struct msg_error){kind, kind ? STR("not now") : STR_NULL};
    role_end_send(b.accounts, &tell);
    return true;
}

static void link_acts(unsigned what)
{
    struct role_end *link = links_n ? links[what % links_n] : NULL;
    struct msg tell = {.type = MSG_RESERVE_TELL};
    const struct msg *m;

    if (!link || role_end_is_closed(link))
        return;
    if (what & 0x80) {
        role_end_close(link);
        return;
    }
    role_end_send(link, &(struct msg){.type = MSG_LINK_READY});
    m = role_end_take(link, MSG_RESERVE_ASK);
    if (!m)
        return;
    tell.reserve_tell.id = m->reserve_ask.id;
    tell.reserve_tell.error.kind = what & 0x40 ? ERROR_QUOTA : ERROR_NONE;
    role_end_send(link, &tell);
}

static void operator_acts(unsigned what)
{
    uint64_t account = what & 1 ? template.ben : ada;
    int64_t old = password_id(account);

    if ((what & 6) == 6 && app_lives) {
        AUTO_STMT sqlite3_stmt *s =
            db_stmt(b.d.db, "DELETE FROM credential WHERE account = ? AND kind = 'app'"
                            " AND scope = 'all'");
        struct error err;

        db_bind_int(s, 1, (int64_t)ada);
        CHECK(db_run(b.d.db, s, &err));
        app_lives = false;
        login_end_credential(&b.d, ada, 0);
        return;
    }
    passwords[account != ada] = (passwords[account != ada] + 1) % 3;
    give_password(account, passwords[account != ada]);
    login_end_credential(&b.d, account, old);
}

static void time_passes(void)
{
    static const int64_t steps[] = {1000,        250000,      SECOND,       5 * SECOND,
                                    11 * SECOND, 31 * SECOND, 300 * SECOND, 3600 * SECOND};

    role_test_pass(&b.t, steps[take_byte() % ARRAY_LEN(steps)]);
}

static void do_one(unsigned op)
{
    static const enum error_kind kinds[] = {ERROR_NONE, ERROR_NONE, ERROR_TEMPORARY, ERROR_DAMAGED};
    unsigned which = op / 16;

    switch (op % 16) {
    case 0:
        say_raw(which);
        break;
    case 1:
    case 2:
        say_login();
        break;
    case 3:
        say_rcpt();
        break;
    case 4:
        say_rcpt_end();
        break;
    case 5:
        say_to_intake_questions();
        break;
    case 6:
        say_any(which);
        break;
    case 7:
        time_passes();
        break;
    case 8:
        rejoin(which);
        break;
    case 9:
    case 10:
        hash_by_number();
        break;
    case 11:
        open_for_service(kinds[which % ARRAY_LEN(kinds)]);
        break;
    case 12:
        link_acts(take_byte());
        break;
    case 13:
        operator_acts(take_byte());
        break;
    case 14:
        role_end_close(b.accounts);
        b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
        break;
    default:
        role_end_close(b.hasher);
        b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    }
}

/* Those whom nobody spoke for have their channels still; those who said what they may not get new ones. */
static void look_at_channels(void)
{
    CHECK(!role_end_is_closed(b.hasher) && !role_end_is_closed(b.accounts) &&
          !role_end_is_closed(b.keys) && !role_end_is_closed(b.relay));
    for (unsigned i = 0; i < 3; i++)
        if (role_end_is_closed(*seat(i)))
            rejoin(i);
}

static void world_end(void)
{
    for (unsigned i = 0; i < 3; i++)
        rejoin(i);
    CHECK_U64(reserve_held(&b.d), 0);
    while (hash_by_number() || open_for_service(ERROR_NONE))
        ;
    for (size_t i = 0; i < links_n; i++)
        if (!role_end_is_closed(links[i]))
            role_end_close(links[i]);
    for (int i = 0; i < 7;
         i++) { /* who waited for guesses gets his hash, and who asked too much his time */
        role_test_pass(&b.t, 20 * SECOND);
        while (hash_by_number() || open_for_service(ERROR_TEMPORARY))
            ;
    }
    CHECK_U64(login_under_way(&b.d), 0);
    CHECK_U64(calls_waiting(b.t.p->calls), 0);
    CHECK_U64(hash_queue_waiting(b.d.hashes), 0);
    CHECK_U64(reserve_held(&b.d), 0);
    CHECK_U64(account_links_open(b.d.links), 0);
    bench_stop();
    close(b.db);
    close(b.wal);
    CHECK_U64(test_descriptors(), b.descriptors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_set_sink(quiet);
    seed = 1;
    random_set_source(seeded);
    if (!template.db.p)
        make_template();
    in.p = data;
    in.n = size;
    world_begin();
    for (int i = 0; i < OPS_MOST && in.n; i++) {
        do_one(take_byte());
        role_test_spin(&b.t);
        look_at_edge();
        look_at_channels();
    }
    world_end();
    random_set_source(NULL);
    log_set_sink(NULL);
    return 0;
}
