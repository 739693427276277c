/* edge/edge_mail_test.c: edge-mail on the bench: from a login to relayed bytes, a directory that ends and comes back or says what
 * it may not, deadlines, settings. */
#include "edge/edge_mail.c"

#include "base/test.h"
#include "edge/test_edge_int.h"

#include <stdio.h>

#define SECOND 1000000LL

static struct mail_edge e;
static struct test_edge b;

static void begin_with(struct test_edge *bench, const char *settings)
{
    e = (struct mail_edge){0};
    test_edge_begin(bench, ROLE_EDGE_MAIL, &edge_mail_ops, &e.edge, &mail_ops);
    if (settings)
        role_test_set(&bench->t, settings);
    test_edge_listen(bench, "imap");
    test_edge_listen(bench, "imaps");
    test_edge_certificate(bench, "localhost");
    role_test_go(&bench->t);
    CHECK(role_end_take(bench->t.supervisor, MSG_READY) != NULL);
}

static void begin(void)
{
    begin_with(&b, "plain-login-on-loopback = yes");
}

static void end(void)
{
    CHECK_U64(calls_waiting(e.edge.p->calls), 0);
    test_edge_end(&b);
}

static struct test_client *client(void)
{
    struct test_client *c = test_client(&b, "imap", "127.0.0.1");

    CHECK(test_client_hears(c, "* OK"));
    return c;
}

/* A client whose login is being checked. */
static struct test_client *client_asking(void)
{
    struct test_client *c = client();

    test_client_say(c, STR("a login ada secret\r\n"));
    CHECK(test_client_reply(c).n == 0);
    return c;
}

/* The directory's answer: fd is what it hands over, -1: none; it stays the caller's. */
static bool answer_login(int fd, enum error_kind kind, const char *words)
{
    struct msg tell = {.type = MSG_LOGIN_TELL, .nfds = fd >= 0, .fd = {fd}};
    struct msg *m = role_end_take(b.directory, MSG_LOGIN_ASK);

    if (!m)
        return false;
    tell.login_tell = (struct msg_login_tell){.id = m->login_ask.id, .error = {kind, str_c(words)}};
    role_end_send(b.directory, &tell);
    return true;
}

/* Yes: the account's process has the other end, which is returned. */
static int answer_yes(void)
{
    int fd[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    CHECK(answer_login(fd[0], ERROR_NONE, ""));
    close(fd[0]);
    return fd[1];
}

static int logged_in(struct test_client **c)
{
    *c = client_asking();
    return answer_yes();
}

/* What the account's process has got. */
static struct str account_bytes(int fd)
{
    static char all[4 << 20];
    size_t n = 0;
    ssize_t got;

    role_test_spin(&b.t);
    while (n < sizeof all && (got = recv(fd, all + n, sizeof all - n, MSG_DONTWAIT)) > 0) {
        n += (size_t)got;
        role_test_spin(&b.t);
    }
    return str_of(all, n);
}

static void account_says(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            bytes = str_skip(bytes, (size_t)n);
        role_test_spin(&b.t);
    }
}

/* ---- normal life ---- */

static void a_login_leads_to_its_account(void)
{
    struct test_client *c;
    struct msg *m;
    int account;

    begin();
    c = client();
    CHECK(test_client_says(c, "a capability\r\n", "* CAPABILITY"));
    CHECK(test_client_hears(c, "a OK"));
    test_client_say(c, STR("b login ada@example.test wrong\r\n"));
    m = role_end_take(b.directory, MSG_LOGIN_ASK);
    CHECK(m != NULL);
    CHECK_STR(m->login_ask.user, STR("ada@example.test"));
    CHECK_STR(m->login_ask.password, STR("wrong"));
    CHECK_STR(m->login_ask.service, STR("imap"));
    CHECK_STR(m->login_ask.peer, STR("127.0.0.1"));
    CHECK_STR(m->login_ask.prefix, STR("\x7f\0\0\1"));
    CHECK_STR(m->login_ask.tag, STR("b"));
    role_end_send(b.directory,
                  &(struct msg){.type = MSG_LOGIN_TELL,
                                .login_tell = {.id = m->login_ask.id,
                                               .error = {ERROR_DENIED, STR("no such login")}}});
    CHECK(test_client_hears(c, "b NO [AUTHENTICATIONFAILED]"));
    test_client_say(
        c, STR("c login ada right\r\nd select inbox\r\n")); /* what follows is the account's */
    account = answer_yes();
    CHECK_STR(account_bytes(account), STR("d select inbox\r\n"));
    account_says(account, STR("c OK [CAPABILITY x] welcome\r\n"));
    CHECK(test_client_hears(c, "c OK"));
    test_client_say(c, STR("e noop\r\n"));
    CHECK_STR(account_bytes(account), STR("e noop\r\n"));
    account_says(account, STR("* BYE\r\ne OK\r\n"));
    close(account);
    CHECK(test_client_hears(c, "* BYE") && test_client_hears(c, "e OK"));
    CHECK(test_client_is_closed(c) && e.sessions == 1 && e.edge.conns.n == 0);
    end();
}

static void the_end_of_a_client_is_the_end_of_its_session(void)
{
    struct test_client *c;
    int account;
    char byte;

    begin();
    account = logged_in(&c);
    test_client_say(c, STR("a logout\r\n"));
    test_client_close(c);
    CHECK_STR(account_bytes(account), STR("a logout\r\n"));
    CHECK(recv(account, &byte, 1, MSG_DONTWAIT) == 0 && e.edge.conns.n == 0);
    close(account);
    end();
}

static void an_account_that_does_not_open_is_said_so(void)
{
    struct test_client *c;

    begin();
    close(logged_in(&c)); /* before it said a word */
    CHECK(test_client_hears(c, "* BYE [UNAVAILABLE]") && test_client_is_closed(c));
    end();
}

static void each_side_waits_for_the_other(void)
{
    static char much[3 << 20];
    struct test_client *c;
    size_t sent = 0, got = 0;
    ssize_t n;
    int account;

    begin();
    account = logged_in(&c);
    for (int i = 0; i < 1000 && sent < sizeof much; i++) { /* the account does not read */
        n = send(c->fd, much + sent, sizeof much - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        role_test_spin(&b.t);
    }
    CHECK(LIST_FIRST(&e.edge.conns, struct edge_conn, node) != NULL);
    struct mail_conn *conn = (struct mail_conn *)LIST_FIRST(&e.edge.conns, struct edge_conn, node);

    CHECK(stream_pending(conn->account) < 2 * EDGE_PENDING_MOST);
    while (got < sent) {
        size_t now = account_bytes(account).n;

        if (!CHECK(now > 0))
            break;
        got += now;
    }
    CHECK_U64(got, sent);
    for (int i = 0; i < 200; i++) { /* the client does not */
        (void)!send(account, much, sizeof much / 10, MSG_DONTWAIT | MSG_NOSIGNAL);
        role_test_spin(&b.t);
    }
    CHECK(stream_pending(conn->conn.stream) < 2 * EDGE_PENDING_MOST);
    close(account);
    end();
}

/* ---- the directory ends ---- */

enum step { BEFORE, ASKED, AFTER };

static void lose_directory(enum step step, bool back)
{
    struct test_client *c;
    int account = -1;

    begin();
    c = client();
    if (step == BEFORE)
        role_end_close(b.directory);
    test_client_say(c, STR("a login ada secret\r\n"));
    if (step == ASKED) {
        CHECK(role_end_take(b.directory, MSG_LOGIN_ASK) != NULL);
        role_end_close(b.directory);
    }
    if (step == AFTER) {
        account = answer_yes();
        role_end_close(b.directory);
        test_client_say(c, STR("b noop\r\n")); /* sessions need it no more */
        CHECK_STR(account_bytes(account), STR("b noop\r\n"));
        close(account);
        end();
        return;
    }
    CHECK(role_end_take(b.t.supervisor, MSG_PEER_LOST) != NULL);
    role_test_pass(&b.t, 20 * SECOND);
    CHECK_U64(test_client_reply(c).n, 0);
    if (!back) {
        role_test_pass(&b.t, 41 * SECOND);
        CHECK(test_client_hears(c, "a NO [UNAVAILABLE]"));
    } else {
        b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
        role_test_spin(&b.t);
        account = answer_yes(); /* the question is put again */
        account_says(account, STR("a OK\r\n"));
        CHECK(test_client_hears(c, "a OK"));
        close(account);
    }
    end();
}

static void the_directory_may_end_at_each_step(void)
{
    for (int step = BEFORE; step <= AFTER; step++)
        for (int back = 0; back < 2; back++)
            lose_directory((enum step)step, back);
}

static void who_leaves_while_it_is_asked_leaves_nothing_behind(void)
{
    struct test_client *c;
    int fd[2];

    begin();
    c = client_asking();
    test_client_close(c);
    CHECK_U64(e.edge.conns.n, 1); /* nobody reads it now */
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
    CHECK(answer_login(fd[0], ERROR_NONE, ""));
    close(fd[0]);
    CHECK(e.edge.conns.n == 0 && read(fd[1], &fd[0], 1) == 0); /* and its session ends */
    close(fd[1]);
    end();
}

/* ---- a directory that lies ---- */

static void a_yes_without_a_socket_is_a_no_for_now(void)
{
    struct test_client *c;

    begin();
    c = client_asking();
    CHECK(answer_login(-1, ERROR_NONE, ""));
    CHECK(test_client_hears(c, "a NO [UNAVAILABLE]"));
    CHECK(test_client_says(c, "b noop\r\n", "b OK"));
    end();
}

static void a_no_with_a_socket_is_a_no(void)
{
    struct test_client *c;
    char byte;
    int fd[2];

    begin();
    c = client_asking();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
    CHECK(answer_login(fd[0], ERROR_DENIED, "no such login"));
    close(fd[0]);
    CHECK(test_client_hears(c, "a NO [AUTHENTICATIONFAILED]"));
    CHECK(read(fd[1], &byte, 1) == 0); /* it was closed */
    close(fd[1]);
    end();
}

/* What is no socket: the session ends, and nobody else notices. */
static void a_yes_with_what_is_no_socket_ends_that_session_alone(void)
{
    struct test_client *c, *other;
    int pipes[2];

    begin();
    other = client();
    c = client_asking();
    CHECK(pipe(pipes) == 0);
    close(pipes[1]);
    CHECK(answer_login(pipes[0], ERROR_NONE, ""));
    close(pipes[0]);
    CHECK(test_client_hears(c, "* BYE") && test_client_is_closed(c));
    CHECK(test_client_says(other, "b noop\r\n", "b OK"));
    end();
}

static void a_directory_that_lies_ends_its_channel_and_nothing_else(void)
{
    static const struct msg rows[] = {
        {.type = MSG_LOGIN_ASK},
        {.type = MSG_RCPT_TELL, .rcpt_tell = {.id = 1}},
        {.type = MSG_SESSION_TELL, .session_tell = {.id = 1}},
        {.type = MSG_SETUP_TLS},
        {.type = MSG_SETUP_SHARED},
        {.type = MSG_DRAIN},
    };

    for (size_t i = 0; i <= ARRAY_LEN(rows); i++) {
        struct test_client *c;
        struct role_end *liar;
        int account;

        begin();
        c = client_asking();
        liar = b.directory;
        test_expect_log("channel-broken");
        if (i < ARRAY_LEN(rows))
            role_end_send(liar, &rows[i]);
        else
            role_end_send_raw(liar, STR("no message"));
        CHECK(role_end_is_closed(liar) && test_client_reply(c).n == 0);
        b.directory = role_test_peer(&b.t, ROLE_DIRECTORY, 0);
        role_test_spin(&b.t);
        account = answer_yes();
        account_says(account, STR("a OK\r\n"));
        CHECK(test_client_hears(c, "a OK"));
        close(account);
        end();
    }
}

static void answers_of_others_are_dropped(void)
{
    struct test_client *c;
    int fd[2], account;

    begin();
    c = client_asking();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
    role_end_send(
        b.directory,
        &(struct msg){.type = MSG_LOGIN_TELL, .nfds = 1, .fd = {fd[0]}, .login_tell = {.id = 777}});
    CHECK(test_client_reply(c).n == 0 && !role_end_is_closed(b.directory));
    close(fd[0]);
    CHECK(read(fd[1], &fd[0], 1) == 0);
    close(fd[1]);
    account = answer_yes();
    CHECK(e.sessions == 1);
    close(account);
    end();
}

/* ---- deadlines ---- */

/* Seconds until it is closed, saying this each second; at most so many. */
static uint64_t seconds_until_closed(struct test_edge *bench, struct test_client *c,
                                     const char *saying, uint64_t most)
{
    uint64_t n = 0;

    while (!test_client_is_closed(c) && n < most) {
        role_test_pass(&bench->t, SECOND);
        if (saying)
            test_client_say(c, str_c(saying));
        n++;
    }
    return n;
}

static void who_does_not_log_in_has_its_time_in_all(void)
{
    struct test_client *c;

    begin_with(&b, "login-timeout = 30");
    CHECK_U64(seconds_until_closed(&b, client(), NULL, 100), 30);
    c = client();
    CHECK_U64(seconds_until_closed(&b, c, "x", 100), 30); /* a byte now and then */
    CHECK(test_client_hears(c, "* BYE you took too long to log in"));
    c = client();
    CHECK_U64(seconds_until_closed(&b, c, "a noop\r\n", 100), 30);
    CHECK(str_find(test_client_bytes(c), STR("* BYE")) != SIZE_MAX);
    CHECK_U64(e.too_slow, 3);
    end();
}

static void a_handshake_that_does_not_end_is_part_of_it(void)
{
    struct test_client *c;

    begin_with(&b, "login-timeout = 30");
    c = test_client(&b, "imaps", "127.0.0.1");
    test_client_say(c, STR("\x16\x03\x01\x02"));
    CHECK_U64(seconds_until_closed(&b, c, NULL, 100), 30);
    CHECK_U64(test_client_bytes(c).n, 0);
    c = client();
    CHECK(test_client_says(c, "a starttls\r\n", "a OK"));
    test_client_say(c, STR("\x16\x03\x01\x02"));
    CHECK_U64(seconds_until_closed(&b, c, NULL, 100), 30);
    c = test_client(&b, "imaps", "127.0.0.1");
    CHECK(test_client_tls(c, "localhost", "imap") && test_client_hears(c, "* OK"));
    CHECK_U64(seconds_until_closed(&b, c, "x", 100), 30);
    CHECK(test_client_hears(c, "* BYE"));
    role_test_pass(&b.t, 3 * SECOND);
    CHECK_U64(e.edge.streams.finishing.n, 0); /* nothing is left of any of them */
    end();
}

/* The answer is the directory's to give: it is waited for, and is the last when it is a no. */
static void while_it_is_checked_a_login_is_not_late(void)
{
    struct test_client *c;
    int account;

    begin_with(&b, "login-timeout = 30\nplain-login-on-loopback = yes");
    c = client_asking();
    role_test_pass(&b.t, 40 * SECOND);
    CHECK(!test_client_is_closed(c));
    CHECK(answer_login(-1, ERROR_DENIED, "no such login"));
    CHECK(test_client_hears(c, "a NO") && test_client_hears(c, "* BYE") &&
          test_client_is_closed(c));
    c = client_asking();
    role_test_pass(&b.t, 40 * SECOND);
    account = answer_yes();
    account_says(account, STR("a OK\r\n"));
    CHECK(test_client_hears(c, "a OK"));
    close(account);
    end();
}

static void after_login_silence_counts(void)
{
    struct test_client *c;
    int account;

    begin_with(&b, "login-timeout = 30\nimap-timeout = 100\nplain-login-on-loopback = yes");
    account = logged_in(&c);
    CHECK_U64(seconds_until_closed(&b, c, "x", 300), 300);
    account_says(account, STR("* 1 EXISTS\r\n")); /* what it is told is not what it says */
    CHECK_U64(seconds_until_closed(&b, c, NULL, 300), 100);
    CHECK(test_client_hears(c, "* 1 EXISTS") && test_client_hears(c, "* BYE you were silent"));
    close(account);
    end();
}

static void a_reload_moves_the_deadlines_of_those_who_are_there(void)
{
    struct test_client *waiting, *c;
    int account;

    begin_with(&b, "login-timeout = 200\nimap-timeout = 1000\nplain-login-on-loopback = yes");
    waiting = client();
    account = logged_in(&c);
    role_test_pass(&b.t, 50 * SECOND);
    buf_reset(&b.t.config);
    role_test_set(&b.t, "login-timeout = 60\nimap-timeout = 100\nplain-login-on-loopback = yes");
    role_test_reload(&b.t);
    CHECK_U64(seconds_until_closed(&b, waiting, "x", 300), 10);
    CHECK_U64(seconds_until_closed(&b, c, NULL, 300), 90);
    close(account);
    waiting = client();
    role_test_pass(&b.t, 50 * SECOND);
    buf_reset(&b.t.config);
    role_test_set(&b.t, "login-timeout = 40"); /* it is over already */
    role_test_reload(&b.t);
    CHECK(test_client_is_closed(waiting));
    end();
}

static void draining_waits_for_nobody_but_who_is_asked_about(void)
{
    struct test_client *login, *asking, *session;
    int account;

    begin();
    login = client();
    account = logged_in(&session);
    asking = client_asking();
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(test_client_hears(login, "* BYE this server is restarting"));
    CHECK(test_client_hears(session, "* BYE this server is restarting"));
    CHECK(test_client_is_closed(session) && !test_client_is_closed(asking) && !b.t.p->ended);
    CHECK(answer_login(-1, ERROR_DENIED, "no such login"));
    CHECK(test_client_hears(asking, "a NO") && test_client_hears(asking, "* BYE"));
    role_test_pass(&b.t, SECOND);
    CHECK(b.t.p->ended);
    close(account);
    end();
}

/* ---- settings ---- */

static uint64_t probe_login_time(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "imap", "127.0.0.1");
    uint64_t n = seconds_until_closed(bench, c, "x", 500);

    test_client_close(c);
    return n;
}

static uint64_t probe_silence(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "imap", "127.0.0.1");
    struct msg *m;
    uint64_t n;
    int fd[2];

    test_client_say(c, STR("a login ada secret\r\n"));
    m = role_end_take(bench->directory, MSG_LOGIN_ASK);
    if (!CHECK(m && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0))
        return 0;
    role_end_send(bench->directory, &(struct msg){.type = MSG_LOGIN_TELL,
                                                  .nfds = 1,
                                                  .fd = {fd[0]},
                                                  .login_tell = {.id = m->login_ask.id}});
    close(fd[0]);
    n = seconds_until_closed(bench, c, NULL, 500);
    close(fd[1]);
    test_client_close(c);
    return n;
}

/* 2: a password may be said in the clear. */
static uint64_t probe_plain(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "imap", "127.0.0.1");
    bool disabled = str_find(test_client_reply(c), STR("LOGINDISABLED")) != SIZE_MAX;

    test_client_close(c);
    return disabled ? 1 : 2;
}

static uint64_t probe_connections(struct test_edge *bench)
{
    struct test_client *c[20];
    uint64_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = test_client(bench, "imap", "127.0.0.1");
        n += str_starts(test_client_reply(c[i]), STR("* OK"));
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        test_client_close(c[i]);
    return n;
}

static uint64_t probe_tls_names(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "imaps", "127.0.0.1");
    bool ok = test_client_tls(c, "second.test", "imap");

    test_client_close(c);
    return ok ? 2 : 1;
}

/* Which name a client may ask for although no setting of more names has it. */
static uint64_t probe_hostname(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "imaps", "127.0.0.1");
    bool ok = test_client_tls(c, "first.test", "imap");

    test_client_close(c);
    return ok ? 1 : 2;
}

static const struct test_setting rows[] = {
    {"hostname", "first.test", "second.test", NULL, probe_hostname, 1, 2},
    {"tls-names", "first.test", "second.test", NULL, probe_tls_names, 1, 2},
    {"plain-login-on-loopback", "no", "yes", NULL, probe_plain, 1, 2},
    {"connections", "10", "15", NULL, probe_connections, 10, 15},
    {"connections-per-address", "3", "5", NULL, probe_connections, 3, 5},
    {"login-timeout", "20", "30", NULL, probe_login_time, 20, 30},
    {"imap-timeout", "60", "90", "plain-login-on-loopback = yes\n", probe_silence, 60, 90},
    /* The supervisor's, edge-smtp's, or another process's. */
    {.key = "listen-smtp"},
    {.key = "listen-smtp-proxy"},
    {.key = "proxy-from"},
    {.key = "listen-lmtp"},
    {.key = "lmtp-socket"},
    {.key = "listen-imaps"},
    {.key = "listen-imap"},
    {.key = "tls-cert"},
    {.key = "tls-key"},
    {.key = "message-size"},
    {.key = "message-memory"},
    {.key = "recipients"},
    {.key = "limit-exceptions"},
    {.key = "smtp-rate-connections"},
    {.key = "smtp-rate-messages"},
    {.key = "smtp-rate-recipients"},
    {.key = "smtp-rate-bytes"},
    {.key = "smtp-rate-errors"},
    {.key = "messages-per-connection"},
    {.key = "smtp-session-time"},
    {.key = "smtp-timeout"},
    {.key = "edges"},
    {.key = "hashers"},
    {.key = "argon2-memory"},
    {.key = "argon2-passes"},
    {.key = "account-idle"},
    {.key = "account-processes"},
    {.key = "quota"},
    {.key = "retention-days"},
    {.key = "queue-retry"},
    {.key = "disk-reserve"},
    {.key = "uid-base"},
    {.key = "sandbox-required"},
    {.key = "landlock-abi"},
    {.key = "log-rate"},
    {.key = "log-debug"},
};

static void each_setting_is_live_or_not_as_the_table_says(void)
{
    test_edge_settings(rows, ARRAY_LEN(rows), begin_with);
}

int main(void)
{
    RUN(a_login_leads_to_its_account);
    RUN(the_end_of_a_client_is_the_end_of_its_session);
    RUN(an_account_that_does_not_open_is_said_so);
    RUN(each_side_waits_for_the_other);
    RUN(the_directory_may_end_at_each_step);
    RUN(who_leaves_while_it_is_asked_leaves_nothing_behind);
    RUN(a_yes_without_a_socket_is_a_no_for_now);
    RUN(a_no_with_a_socket_is_a_no);
    RUN(a_yes_with_what_is_no_socket_ends_that_session_alone);
    RUN(a_directory_that_lies_ends_its_channel_and_nothing_else);
    RUN(answers_of_others_are_dropped);
    RUN(who_does_not_log_in_has_its_time_in_all);
    RUN(a_handshake_that_does_not_end_is_part_of_it);
    RUN(while_it_is_checked_a_login_is_not_late);
    RUN(after_login_silence_counts);
    RUN(a_reload_moves_the_deadlines_of_those_who_are_there);
    RUN(draining_waits_for_nobody_but_who_is_asked_about);
    RUN(each_setting_is_live_or_not_as_the_table_says);
    return test_end();
}
