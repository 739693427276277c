/* directory/login_test.c: logins, from the question to the socket: what is right, what is wrong and
 * what that costs, who is lost on the way, and credentials that end meanwhile. */
#include "directory/directory.c"
#include "directory/login.c"

#include "directory/test_directory.h"

#include <sys/resource.h>

/* ---- right and wrong ---- */

static void a_right_password_gets_a_socket_to_the_account(void)
{
    char text[6] = "";
    uint64_t id;
    struct msg *m;
    int theirs, ours;

    begin();
    id = ask(" Augusta@Example.TEST ", ADAS,
             HOME); /* an alias; notices go to the account's own address */
    CHECK(hash_one() && !hash_one());
    m = role_end_take(b.accounts, MSG_SESSION_ASK);
    CHECK(m && m->nfds == 1 && m->session_ask.account == ada &&
          m->session_ask.credential == (uint64_t)password_id(ada) && !m->session_ask.read_only);
    CHECK_STR(m->session_ask.user, STR(ADA));
    CHECK_STR(m->session_ask.service, STR("imap"));
    CHECK_STR(m->session_ask.tag, STR("a1"));
    theirs = m->fd[0];
    m->fd[0] = -1;
    CHECK(is_waiting(id)); /* nobody is told before the account has its end */
    role_end_send(b.accounts,
                  &(struct msg){.type = MSG_SESSION_TELL, .session_tell.id = m->session_ask.id});
    m = role_end_take(b.edge, MSG_LOGIN_TELL);
    CHECK(m && m->login_tell.id == id && m->login_tell.error.kind == ERROR_NONE && m->nfds == 1);
    ours = m->fd[0];
    m->fd[0] = -1;
    CHECK(write(theirs, "hello", 5) == 5 && read(ours, text, 5) == 5);
    CHECK_STR(str_c(text), STR("hello"));
    close(theirs);
    CHECK(read(ours, text, 5) == 0); /* the directory has kept neither */
    close(ours);
    CHECK(b.d.logins_ok == 1 && b.d.logins_failed == 0);
    end();
}

static void a_wrong_password_gets_nothing(void)
{
    uint64_t id;

    begin();
    test_expect_log("wrong password");
    id = ask(ADA, "wrong", HOME);
    CHECK(hash_all() == 1 && open_all() == 0 && is_refused(id, ERROR_DENIED));
    test_expect_log("wrong password");
    id = ask(ADA, "", HOME);
    CHECK(hash_all() == 1 && is_refused(id, ERROR_DENIED));
    CHECK(b.d.logins_ok == 0 && b.d.logins_failed == 2);
    end();
}

static void what_was_right_costs_no_hash_for_an_hour(void)
{
    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd && b.hashes == 1);
    CHECK(login("augusta@example.test", ADAS, "elsewhere").has_fd && b.hashes == 1);
    test_expect_log("wrong password");
    CHECK(!login(ADA, "wrong", HOME).has_fd && b.hashes == 2);
    role_test_pass(&b.t, 3600 * SECOND);
    CHECK(login(ADA, ADAS, HOME).has_fd && b.hashes == 3);
    end();
}

static void an_app_password_costs_no_hash(void)
{
    char all[APP_PASSWORD_TEXT], reading[APP_PASSWORD_TEXT], other[APP_PASSWORD_TEXT],
        old[APP_PASSWORD_TEXT];
    int64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, all);
    id = add_app_password(ada, "smtp imap", true, INT64_MAX, reading);
    add_app_password(ada, "smtp", false, INT64_MAX, other);
    add_app_password(ada, "all", false, role_test_now_us() + 60 * SECOND, old);
    CHECK(login(ADA, all, HOME).has_fd && !b.last_open.read_only);
    CHECK(login("augusta@example.test", reading, HOME).has_fd);
    CHECK(b.last_open.read_only && b.last_open.credential == (uint64_t)id);
    CHECK(login(ADA, old, HOME).has_fd);
    test_expect_log("login-failed");
    CHECK(login(ADA, other, HOME).kind == ERROR_DENIED);
    role_test_pass(&b.t, 60 * SECOND);
    test_expect_log("login-failed");
    CHECK(login(ADA, old, HOME).kind == ERROR_DENIED);
    CHECK_U64(b.hashes, 0);
    end();
}

static void one_accounts_password_opens_no_other(void)
{
    char app[APP_PASSWORD_TEXT];

    begin();
    add_account("ben@example.test", "another horse", 0);
    add_app_password(ada, "all", false, INT64_MAX, app);
    CHECK(login(ADA, ADAS, HOME).has_fd);
    test_expect_log("wrong password");
    CHECK(!login("ben@example.test", ADAS, HOME).has_fd);
    test_expect_log("wrong password");
    CHECK(!login("ben@example.test", app, HOME).has_fd);
    end();
}

static void acting_as_another_is_not_offered(void)
{
    struct msg_login_ask m;
    uint64_t id;

    begin();
    m = login_of(ADA, ADAS, HOME);
    m.authzid = STR("ADA@example.test");
    id = ask_over(b.edge, &m);
    work();
    CHECK(is_in(id));
    m.authzid = STR("ben@example.test");
    test_expect_log("no such name");
    id = ask_over(b.edge, &m);
    CHECK(hash_all() == 1 && is_refused(id, ERROR_DENIED)); /* as any wrong one, with a hash */
    CHECK_U64(open_all(), 0);
    end();
}

/* ---- who may ask for what ---- */

static void a_service_that_an_edge_does_not_serve_is_refused_and_counted(void)
{
    static const char *const services[] = {"deliver",  "check",     "reserve",  "intake",
                                           "settings", "directory", "nonsense", "",
                                           "IMAP",     "imap\0x",   "smtp"};
    uint64_t refused = 0;

    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        struct msg_login_ask m = login_of(ADA, ADAS, HOME);
        uint64_t id;

        m.service = i == 9 ? STR("imap\0x") : str_c(services[i]);
        test_expect_log("login-failed");
        id = ask_over(b.edge, &m);
        CHECK_ROW(is_refused(id, ERROR_DENIED), services[i]);
        CHECK_U64(b.d.logins_forbidden, ++refused);
    }
    CHECK(b.hashes == 1 && b.opened == 1);
    end();
}

static void the_edge_of_smtp_may_ask_for_none(void)
{
    struct msg_login_ask m = login_of(ADA, ADAS, HOME);

    begin();
    for (unsigned role = 1; role < 1U << ROLE_COUNT; role <<= 1)
        CHECK(role_may_login((enum role)role, STR("imap")) == (role == ROLE_EDGE_MAIL));
    test_expect_log("channel-broken");
    ask_over(b.smtp, &m);
    CHECK(role_end_is_closed(b.smtp) && b.hashes == 0 && login_under_way(&b.d) == 0);
    CHECK(login(ADA, ADAS, HOME).has_fd); /* nobody else has noticed */
    end();
}

static void what_is_too_long_is_refused_and_not_kept(void)
{
    static char text[LIMIT_IMAP_PRELOGIN + 1];
    struct msg_login_ask m = login_of(ADA, ADAS, HOME), bad;
    struct {
        struct str *field;
        size_t most;
    } fields[] = {{&bad.session, SESSION_MOST},    {&bad.service, SESSION_MOST},
                  {&bad.tag, LIMIT_IMAP_PRELOGIN}, {&bad.peer, SESSION_MOST},
                  {&bad.user, LIMIT_USER_NAME},    {&bad.authzid, LIMIT_USER_NAME},
                  {&bad.password, LIMIT_PASSWORD}};

    begin();
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        uint64_t id;

        bad = m;
        *fields[i].field = str_of(text, fields[i].most + 1);
        test_expect_log("login-failed");
        id = ask_over(b.edge, &bad);
        CHECK(is_refused(id, i == 1 ? ERROR_DENIED : ERROR_LIMIT) && hash_all() == 0);
    }
    CHECK_U64(b.d.logins_forbidden, ARRAY_LEN(fields));
    end();
}

/* A password of the full length is not one that is a byte shorter, or longer. */
static void the_longest_password_counts_to_its_last_byte(void)
{
    static char text[LIMIT_PASSWORD + 1];
    struct msg_login_ask m;
    uint64_t id;

    begin();
    memset(text, 'p', LIMIT_PASSWORD);
    set_password(ada, text);
    m = login_of(ADA, text, HOME);
    m.password.n--;
    test_expect_log("wrong password");
    id = ask_over(b.edge, &m);
    work();
    CHECK(is_refused(id, ERROR_DENIED));
    CHECK(login(ADA, text, HOME).has_fd);
    end();
}

/* ---- names that lead to nobody ---- */

static void names_of_nobody_wait_and_cost_as_others_do(void)
{
    static const char *const real[] = {ADA, "ada+1@example.test", "Ada+2@EXAMPLE.test", NULL};
    static const char *const nobody[] = {"eve@example.test", "eve+1@example.test",
                                         "Eve+2@EXAMPLE.test", NULL};
    static const char *const no_domain[] = {"eve@nowhere.test", "eve+1@nowhere.test", NULL};
    static const char *const beyond_ascii[] = {"eve@b\xc3\xbc"
                                               "cher.test",
                                               "eve@xn--bcher-kva.test", NULL};
    static const char *const no_address[] = {"eve", NULL};
    static const char *const no_password[] = {"cleo@example.test", NULL};
    struct cost want, got[5];

    begin();
    add_account("cleo@example.test", NULL, 0);
    want = guess_in_turn(real, 8, "a");
    CHECK(want.hashes == 8 && want.denied == 8 && want.us >= 7 * SECOND);
    got[0] = guess_in_turn(nobody, 8, "a");
    got[1] = guess_in_turn(no_domain, 8, "a");
    got[2] = guess_in_turn(no_address, 8, "a");
    got[3] = guess_in_turn(no_password, 8, "a");
    got[4] = guess_in_turn(beyond_ascii, 8, "a");
    for (size_t i = 0; i < ARRAY_LEN(got); i++)
        CHECK(got[i].hashes == want.hashes && got[i].denied == want.denied && got[i].us == want.us);
    end();
}

/* The same password many times at once: one hash, whether there is such a name or not. */
static void names_of_nobody_follow_as_others_do(void)
{
    static const char *const names[] = {ADA, "eve@example.test", "cleo@example.test"};

    begin();
    add_account("cleo@example.test", NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint64_t id[10];

        for (size_t k = 0; k < ARRAY_LEN(id); k++) {
            test_expect_log("login-failed");
            id[k] = ask(names[i], "wrong", "b");
        }
        CHECK_U64(hash_all(), 1);
        for (size_t k = 0; k < ARRAY_LEN(id); k++)
            CHECK(is_refused(id[k], ERROR_DENIED));
    }
    end();
}

static void what_a_name_of_nobody_is_checked_against_costs_what_a_password_does(void)
{
    const struct msg *m;
    char hash[crypto_pwhash_STRBYTES] = "";

    begin();
    ask("eve@example.test", "x", HOME);
    m = role_end_take(b.hasher, MSG_HASH_ASK);
    CHECK(m && m->hash_ask.hash.n > 0 && m->hash_ask.hash.n < sizeof hash);
    if (m)
        memcpy(hash, m->hash_ask.hash.p, m->hash_ask.hash.n);
    /* It is well-formed, and of today's settings: 0 says so, -1 that it is nothing at all. */
    CHECK(crypto_pwhash_str_needs_rehash(hash, 1, 8 << 20) == 0);
    test_expect_log("login-failed");
    role_end_close(b.hasher);
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    work();
    end();
}

/* An empty hash would have the hasher make one, which is right for any password. */
static void an_account_whose_hash_is_empty_opens_to_nobody(void)
{
    AUTO_STMT sqlite3_stmt *s = NULL;
    struct error err = {0};

    begin();
    s = db_stmt(b.d.db, "UPDATE credential SET hash = ''");
    CHECK(db_run(b.d.db, s, &err));
    db_stmt_reset(&s);
    s = NULL;
    test_expect_log("no such name");
    CHECK(login(ADA, "anything", HOME).kind == ERROR_DENIED);
    test_expect_log("no such name");
    CHECK(login(ADA, "", HOME).kind == ERROR_DENIED);
    CHECK(b.hashes == 2 && b.opened == 0);
    end();
}

/* ---- credentials that end meanwhile ---- */

/* `accounts` is told to end the sessions of this credential. */
static bool are_sessions_ended(int64_t credential)
{
    struct msg tell = {.type = MSG_SESSIONS_END_TELL};
    const struct msg *m;
    bool ok;

    role_test_spin(&b.t);
    m = role_end_take(b.accounts, MSG_SESSIONS_END_ASK);
    if (!m)
        return false;
    ok = m->sessions_end_ask.account == ada &&
         m->sessions_end_ask.credential == (uint64_t)credential && m->sessions_end_ask.text.n > 0;
    tell.sessions_end_tell.id = m->sessions_end_ask.id;
    role_end_send(b.accounts, &tell);
    return ok;
}

/* As `account password` does it. */
static void change_password(uint64_t account, const char *to)
{
    int64_t old = password_id(account);

    set_password(account, to);
    login_end_credential(&b.d, account, old);
    CHECK(role_end_is_closed(b.accounts) || are_sessions_ended(old));
}

static void a_changed_password_ends_what_was_verified_and_its_sessions(void)
{
    int64_t old;

    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    old = password_id(ada);
    change_password(ada, "new horse of ada");
    CHECK(password_id(ada) != old);
    test_expect_log("wrong password");
    CHECK(login(ADA, ADAS, HOME).kind == ERROR_DENIED);
    CHECK(login(ADA, "new horse of ada", HOME).has_fd);
    end();
}

static void a_password_that_changes_while_it_is_hashed_opens_nothing(void)
{
    uint64_t id[3];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(id); i++) {
        test_expect_log("the password was changed meanwhile");
        id[i] = ask(ADA, ADAS, HOME);
    }
    change_password(ada, "new horse of ada");
    CHECK(hash_all() == 1); /* right, by the hash that was */
    for (size_t i = 0; i < ARRAY_LEN(id); i++)
        CHECK(is_refused(id[i], ERROR_DENIED));
    CHECK_U64(open_all(), 0);
    test_expect_log("wrong password");
    CHECK(login(ADA, ADAS, HOME).kind == ERROR_DENIED); /* nothing was remembered */
    end();
}

/* Who shows the new one after the change does not fare as those that began before it. */
static void nobody_follows_what_began_before_the_change(void)
{
    uint64_t before, after;

    begin();
    test_expect_log("wrong password");
    before = ask(ADA, "new horse of ada", HOME);
    role_test_spin(&b.t);
    change_password(ada, "new horse of ada");
    after = ask(ADA, "new horse of ada", HOME);
    CHECK(hash_all() == 2 && open_all() == 1);
    CHECK(is_refused(before, ERROR_DENIED) && is_in(after));
    end();
}

static void a_password_that_changes_while_the_account_opens_opens_nothing(void)
{
    uint64_t id;

    begin();
    test_expect_log("ended meanwhile");
    id = ask(ADA, ADAS, HOME);
    hash_all();
    CHECK_U64(role_end_waiting(b.accounts, MSG_SESSION_ASK), 1);
    change_password(ada, "new horse of ada");
    CHECK(open_one() && is_refused(id, ERROR_DENIED));
    test_expect_log("wrong password");
    CHECK(login(ADA, ADAS, HOME).kind == ERROR_DENIED);
    CHECK(b.d.logins_ok == 0 && b.d.logins_failed == 2);
    end();
}

static void so_does_an_app_password_that_is_ended(void)
{
    char app[APP_PASSWORD_TEXT], other[APP_PASSWORD_TEXT];
    uint64_t id, kept;
    int64_t number;

    begin();
    number = add_app_password(ada, "all", false, INT64_MAX, app);
    add_app_password(ada, "all", false, INT64_MAX, other);
    test_expect_log("ended meanwhile");
    id = ask(ADA, app, HOME);
    kept = ask(ADA, other, HOME);
    remove_credential(number);
    login_end_credential(&b.d, ada, number);
    CHECK(open_all() == 2 && is_refused(id, ERROR_DENIED) && is_in(kept));
    CHECK(are_sessions_ended(number));
    test_expect_log("wrong password");
    CHECK(login(ADA, app, HOME).kind == ERROR_DENIED);
    CHECK(login(ADA, other, HOME).has_fd);
    end();
}

static void so_does_every_credential_of_an_account_that_is_removed(void)
{
    char app[APP_PASSWORD_TEXT];
    uint64_t opening, hashing;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    test_expect_log("ended meanwhile");
    opening = ask(ADA, app, HOME);
    test_expect_log("the password was changed meanwhile");
    hashing = ask(ADA, ADAS, HOME);
    remove_account(ada);
    hash_all();
    open_all();
    CHECK(is_refused(opening, ERROR_DENIED) && is_refused(hashing, ERROR_DENIED));
    test_expect_log("no such name");
    CHECK(login(ADA, ADAS, HOME).kind == ERROR_DENIED);
    end();
}

/* Even if whoever ended it had forgotten to say so. */
static void what_was_verified_is_looked_up_again_before_it_counts(void)
{
    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    remove_credential(password_id(ada));
    test_expect_log("ended meanwhile");
    CHECK(login(ADA, ADAS, HOME).kind == ERROR_DENIED);
    end();
}

static void ids_of_credentials_are_never_used_again(void)
{
    int64_t first, second, third;

    begin();
    first = password_id(ada);
    set_password(ada, "second");
    second = password_id(ada);
    remove_credential(second);
    set_password(ada, "third");
    third = password_id(ada);
    CHECK(first < second && second < third);
    bench_stop();
    bench_start();
    remove_credential(third);
    set_password(ada, "fourth");
    CHECK(password_id(ada) > third);
    end();
}

static void sessions_are_ended_when_accounts_comes_back(void)
{
    int64_t old;

    begin();
    old = password_id(ada);
    role_end_close(b.accounts);
    change_password(ada, "second");
    role_test_spin(&b.t);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(role_end_waiting(b.accounts, MSG_SESSIONS_END_ASK) == 1);
    role_end_close(b.accounts); /* it was asked, and ends before it has done it */
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(are_sessions_ended(old));
    test_expect_log("role-problem"); /* never: the operator hears of it */
    role_end_close(b.accounts);
    change_password(ada, "third");
    role_test_pass(&b.t, 31 * SECOND);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    end();
}

/* What was asked first is heard first: a session that is about to open ends, too. */
static void the_end_of_sessions_comes_after_the_openings_before_it(void)
{
    struct msg tell = {.type = MSG_SESSION_TELL};
    char app[APP_PASSWORD_TEXT];
    const struct msg *m;
    int64_t number;
    uint64_t id;

    begin();
    number = add_app_password(ada, "all", false, INT64_MAX, app);
    role_end_close(b.accounts);
    test_expect_log("ended meanwhile");
    id = ask(ADA, app, HOME);
    remove_credential(number);
    login_end_credential(&b.d, ada, number);
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    m = role_end_take(b.accounts, MSG_NONE);
    CHECK(m->type == MSG_SESSION_ASK);
    tell.session_tell.id = m->session_ask.id;
    role_end_send(b.accounts, &tell);
    CHECK(is_refused(id, ERROR_DENIED) && are_sessions_ended(number));
    end();
}

/* ---- peers that are lost ---- */

static void a_hasher_that_is_lost_leaves_its_job_to_another(void)
{
    uint64_t id;

    begin();
    id = ask(ADA, ADAS, HOME);
    role_end_close(b.hasher);
    CHECK(is_waiting(id));
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    work();
    CHECK(is_in(id) && b.hashes == 1);
    end();
}

static void two_hashers_that_are_lost_are_enough(void)
{
    uint64_t id, follower;

    begin();
    test_expect_log("login-failed");
    test_expect_log("login-failed");
    id = ask(ADA, ADAS, HOME);
    follower = ask(ADA, ADAS, HOME);
    for (int i = 0; i < 2; i++) {
        role_end_close(b.hasher);
        b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    }
    role_test_pass(&b.t, 10); /* what a deadline brings about comes a moment after it */
    CHECK(is_refused(id, ERROR_TEMPORARY) && is_refused(follower, ERROR_TEMPORARY));
    CHECK(login(ADA, ADAS, HOME).has_fd);
    end();
}

static void without_a_hasher_logins_wait_for_one(void)
{
    char app[APP_PASSWORD_TEXT];
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    role_end_close(b.hasher);
    id = ask(ADA, ADAS, HOME);
    CHECK(login(ADA, app, HOME).has_fd); /* which needs none */
    role_test_pass(&b.t, 20 * SECOND);
    CHECK(is_waiting(id));
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    work();
    CHECK(is_in(id));
    end();
}

static void accounts_that_is_lost_is_asked_again(void)
{
    char app[APP_PASSWORD_TEXT];
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    role_end_close(b.accounts); /* before the question */
    id = ask(ADA, app, HOME);
    CHECK(is_waiting(id));
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    role_test_spin(&b.t);
    CHECK_U64(role_end_waiting(b.accounts, MSG_SESSION_ASK), 1);
    role_end_close(b.accounts); /* while it has it */
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(open_one() && is_in(id));
    role_end_close(b.accounts); /* after it */
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(open_all() == 0);
    end();
}

static void accounts_that_does_not_answer_ends_the_login_with_words(void)
{
    char app[APP_PASSWORD_TEXT];
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    test_expect_log("login-failed");
    id = ask(ADA, app, HOME);
    role_test_pass(&b.t, 16 * SECOND);
    CHECK(is_refused(id, ERROR_TEMPORARY));
    test_expect_log("login-failed");
    id = ask(ADA, app, HOME);
    CHECK(open_one_with(ERROR_DAMAGED) == true); /* the late one, whom nobody waits for */
    CHECK(open_one_with(ERROR_DAMAGED) && is_refused(id, ERROR_DAMAGED));
    end();
}

/* Who hangs up has guessed all the same, and nothing of it is left over. */
static void an_edge_that_is_lost_changes_nothing_for_others(void)
{
    static const char *const one[] = {ADA, NULL};
    char app[APP_PASSWORD_TEXT];
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    ask(ADA, ADAS, HOME);         /* is hashed */
    for (int i = 0; i < 5; i++) { /* wait */
        char password[30];

        snprintf(password, sizeof password, "guess %d", i);
        test_expect_log("login-failed");
        ask(ADA, password, "a");
    }
    ask(ADA, app, HOME); /* opens */
    role_end_close(b.edge);
    b.edge = role_test_peer(&b.t, ROLE_EDGE_MAIL, 0);
    id = ask(ADA, ADAS, HOME); /* follows the one whose edge is gone */
    work();
    CHECK(is_in(id));
    for (int i = 0; i < 10; i++) {
        role_test_pass(&b.t, SECOND);
        hash_all();
    }
    CHECK(guess_in_turn(one, 1, "a").us >= SECOND);
    end();
}

static void keys_intake_and_relay_may_go_and_come(void)
{
    struct role_end **peer[] = {&b.keys, &b.intake, &b.relay, &b.smtp};
    enum role role[] = {ROLE_KEYS, ROLE_INTAKE, ROLE_RELAY, ROLE_EDGE_SMTP};

    begin();
    for (size_t i = 0; i < ARRAY_LEN(peer); i++) {
        uint64_t id = ask(ADA, ADAS, HOME);

        role_end_close(*peer[i]);
        work();
        CHECK(is_in(id));
        *peer[i] = role_test_peer(&b.t, role[i], 0);
        CHECK(login(ADA, ADAS, HOME).has_fd);
    }
    end();
}

static void an_edge_that_does_not_read_holds_nobody_else(void)
{
    struct role_end *other;
    struct msg_login_ask m;
    char app[APP_PASSWORD_TEXT];

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    other = role_test_peer(&b.t, ROLE_EDGE_MAIL, 1);
    other->deaf = true;
    m = login_of(ADA, app, HOME);
    for (int i = 0; i < 500; i++) {
        ask_over(other, &m);
        if (i % 50 == 0)
            open_all();
    }
    CHECK(login(ADA, ADAS, HOME).has_fd);
    open_all();
    CHECK(!role_end_is_closed(other));
    other->deaf = false;
    end();
}

/* ---- what cannot be written or read ---- */

static void without_descriptors_a_login_fails_with_words(void)
{
    char app[APP_PASSWORD_TEXT];
    struct rlimit before, none;
    uint64_t id;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    test_expect_log("login-failed");
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){3, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    id = ask(ADA, app, HOME);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(is_refused(id, ERROR_TEMPORARY));
    CHECK(login(ADA, app, HOME).has_fd);
    end();
}

int main(void)
{
    RUN(a_right_password_gets_a_socket_to_the_account);
    RUN(a_wrong_password_gets_nothing);
    RUN(what_was_right_costs_no_hash_for_an_hour);
    RUN(an_app_password_costs_no_hash);
    RUN(one_accounts_password_opens_no_other);
    RUN(acting_as_another_is_not_offered);
    RUN(a_service_that_an_edge_does_not_serve_is_refused_and_counted);
    RUN(the_edge_of_smtp_may_ask_for_none);
    RUN(what_is_too_long_is_refused_and_not_kept);
    RUN(the_longest_password_counts_to_its_last_byte);
    RUN(names_of_nobody_wait_and_cost_as_others_do);
    RUN(names_of_nobody_follow_as_others_do);
    RUN(what_a_name_of_nobody_is_checked_against_costs_what_a_password_does);
    RUN(an_account_whose_hash_is_empty_opens_to_nobody);
    RUN(a_changed_password_ends_what_was_verified_and_its_sessions);
    RUN(a_password_that_changes_while_it_is_hashed_opens_nothing);
    RUN(nobody_follows_what_began_before_the_change);
    RUN(a_password_that_changes_while_the_account_opens_opens_nothing);
    RUN(so_does_an_app_password_that_is_ended);
    RUN(so_does_every_credential_of_an_account_that_is_removed);
    RUN(what_was_verified_is_looked_up_again_before_it_counts);
    RUN(ids_of_credentials_are_never_used_again);
    RUN(sessions_are_ended_when_accounts_comes_back);
    RUN(the_end_of_sessions_comes_after_the_openings_before_it);
    RUN(a_hasher_that_is_lost_leaves_its_job_to_another);
    RUN(two_hashers_that_are_lost_are_enough);
    RUN(without_a_hasher_logins_wait_for_one);
    RUN(accounts_that_is_lost_is_asked_again);
    RUN(accounts_that_does_not_answer_ends_the_login_with_words);
    RUN(an_edge_that_is_lost_changes_nothing_for_others);
    RUN(keys_intake_and_relay_may_go_and_come);
    RUN(an_edge_that_does_not_read_holds_nobody_else);
    RUN(without_descriptors_a_login_fails_with_words);
    return test_end();
}
