/* edge/edge_smtp_time_test.c: edge-smtp on the bench: deadlines, settings that change, draining. */
#include "edge/edge_smtp.c"

#include "base/test.h"
#include "edge/test_smtp_int.h"

#include <stdio.h>

/* ---- deadlines ---- */

/* Seconds until it is closed, saying this each second; at most 500. */
static uint64_t seconds_until_closed(struct test_edge *bench, struct test_client *c,
                                     const char *saying)
{
    uint64_t n = 0;

    while (!test_client_is_closed(c) && n < 500) {
        role_test_pass(&bench->t, SECOND);
        if (saying)
            test_client_say(c, str_c(saying));
        n++;
    }
    return n;
}

static void deadlines_end_connections_with_words(void)
{
    struct test_client *c;

    begin_with(&b, "smtp-timeout = 20\nsmtp-session-time = 100");
    c = client("smtp");
    CHECK_U64(seconds_until_closed(&b, c, NULL), 20);
    CHECK(test_client_hears(c, "421"));
    c = client_in_data("smtp");
    CHECK_U64(seconds_until_closed(&b, c, "x\r\n"), 100);
    CHECK(test_client_hears(c, "421") && e.too_long == 1);
    c = test_client(&b, "smtp-proxy", "127.0.0.1"); /* half a header, byte by byte */
    test_expect_log("refused");
    test_client_say(c, STR("\r\n\r\n"));
    CHECK_U64(seconds_until_closed(&b, c, NULL), 10);
    CHECK_U64(e.proxy_refused, 1);
    /* Who waits for us is neither silent nor too long. */
    c = client_in_data("smtp");
    test_client_say(c, STR(".\r\n"));
    role_test_pass(&b.t, 30 * SECOND);
    CHECK(!test_client_is_closed(c));
    CHECK(answer_arrival(ERROR_NONE, "") && test_client_hears(c, "250"));
    role_test_pass(&b.t, 19 * SECOND);
    CHECK(test_client_says(c, "NOOP\r\n", "250"));
    end();
}

static void a_message_under_way_is_finished_when_the_time_is_over(void)
{
    struct test_client *c;

    begin_with(&b, "smtp-session-time = 20");
    c = client_in_data("smtp");
    role_test_pass(&b.t, 10 * SECOND);
    test_client_say(c, STR(".\r\n"));
    role_test_pass(&b.t, 15 * SECOND);
    CHECK(!test_client_is_closed(c));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250 2.0.0") && test_client_hears(c, "421") &&
          test_client_is_closed(c));
    end();
}

static void a_reload_moves_the_deadlines_of_those_who_are_there(void)
{
    struct test_client *silent, *busy, *proxy;

    begin_with(&b, "smtp-timeout = 300\nsmtp-session-time = 400");
    silent = client("smtp");
    busy = client("smtp");
    role_test_pass(&b.t, 20 * SECOND);
    proxy = test_client(&b, "smtp-proxy", "127.0.0.1"); /* it has a deadline of its own */
    buf_reset(&b.t.config);
    role_test_set(&b.t, "smtp-timeout = 30\nsmtp-session-time = 100\nmessage-size = 1234");
    role_test_reload(&b.t);
    test_expect_log("refused");
    CHECK(test_client_says(busy, "NOOP\r\n", "250"));
    test_client_say(proxy, STR("\r\n"));
    CHECK_U64(seconds_until_closed(&b, proxy, NULL), 10);
    CHECK(test_client_says(busy, "NOOP\r\n", "250"));
    CHECK_U64(seconds_until_closed(&b, silent, NULL), 20);
    CHECK_U64(seconds_until_closed(&b, busy, "NOOP\r\n"), 50);
    end();
}

/* What it was told in the greeting holds for a connection. */
static void a_reload_changes_no_limits_of_a_dialogue(void)
{
    struct test_client *c;

    begin_with(&b, "message-size = 2000");
    c = client("smtp");
    buf_reset(&b.t.config);
    role_test_set(&b.t, "message-size = 1024");
    role_test_reload(&b.t);
    CHECK(test_client_says(c, "MAIL FROM:<> SIZE=1500\r\n", "250"));
    CHECK(test_client_says(client("smtp"), "MAIL FROM:<> SIZE=1500\r\n", "552"));
    end();
}

static void draining_finishes_messages_and_takes_no_more(void)
{
    struct test_client *idle, *data, *asking, *handed, *proxy;

    begin();
    idle = client("smtp");
    data = client_in_data("smtp");
    handed = client_in_data("smtp");
    test_client_say(handed, STR(".\r\n"));
    asking = client("smtp");
    CHECK(test_client_says(asking, "MAIL FROM:<>\r\n", "250"));
    test_client_say(asking, STR("RCPT TO:<ada@example.test>\r\n"));
    proxy = test_client(&b, "smtp-proxy", "127.0.0.1");
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(test_client_hears(idle, "421") && test_client_is_closed(idle));
    CHECK(test_client_is_closed(proxy) && !test_client_is_closed(data));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(handed, "250 2.0.0") && test_client_hears(handed, "421"));
    CHECK(answer_rcpt(ERROR_NONE, ""));
    CHECK(test_client_hears(asking, "250 2.1.5") && test_client_hears(asking, "421"));
    test_client_say(data, STR(".\r\n"));
    CHECK(answer_arrival(ERROR_NONE, ""));
    CHECK(test_client_hears(data, "250 2.0.0") && test_client_hears(data, "421"));
    role_test_pass(&b.t, SECOND);
    CHECK(b.t.p->ended);
    end();
}

static void draining_does_not_wait_for_ever(void)
{
    struct test_client *c;

    begin();
    c = client_in_data("smtp");
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    role_test_pass(&b.t, 7 * SECOND);
    CHECK(!test_client_is_closed(c) && !b.t.p->ended);
    role_test_pass(&b.t, 2 * SECOND);
    CHECK(test_client_hears(c, "421") && b.t.p->ended);
    end();
}

/* ---- settings ---- */

/* A number that follows these words in what EHLO answers; 0: they are not there. */
static uint64_t ehlo_says(struct test_edge *bench, const char *words)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    struct str reply, digits;
    uint64_t n = 0;
    size_t at, end_at = 0;

    test_client_reply(c);
    test_client_say(c, STR("EHLO x\r\n"));
    reply = test_client_reply(c);
    at = str_find(reply, str_c(words));
    if (at != SIZE_MAX) {
        digits = str_skip(reply, at + strlen(words));
        while (end_at < digits.n && digits.p[end_at] >= '0' && digits.p[end_at] <= '9')
            end_at++;
        CHECK(str_to_u64(str_sub(digits, 0, end_at), UINT64_MAX, &n));
    }
    test_client_close(c);
    return n;
}

static uint64_t probe_size(struct test_edge *bench)
{
    return ehlo_says(bench, "SIZE ");
}

static uint64_t probe_recipients(struct test_edge *bench)
{
    return ehlo_says(bench, "RCPTMAX=");
}

static uint64_t probe_messages(struct test_edge *bench)
{
    return ehlo_says(bench, "MAILMAX=");
}

/* Which of the two names the banner has. */
static uint64_t probe_hostname(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    struct str reply = test_client_reply(c);
    uint64_t n = str_starts(reply, STR("220 first.test"))    ? 1
                 : str_starts(reply, STR("220 second.test")) ? 2
                                                             : 0;

    test_client_close(c);
    return n;
}

/* How many of twenty at once are let in. */
static uint64_t probe_connections(struct test_edge *bench)
{
    struct test_client *c[20];
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND); /* no minute of before counts */
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = test_client(bench, "smtp", "127.0.0.1");
        n += str_starts(test_client_reply(c[i]), STR("220"));
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        test_client_close(c[i]);
    return n;
}

static uint64_t probe_proxy(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp-proxy", "127.0.0.1");
    bool closed = test_client_is_closed(c);

    test_client_close(c);
    return closed ? 1 : 2;
}

static uint64_t probe_silence(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    uint64_t n = seconds_until_closed(bench, c, NULL);

    test_client_close(c);
    return n;
}

static uint64_t probe_session(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    uint64_t n = seconds_until_closed(bench, c, "NOOP\r\n");

    test_client_close(c);
    return n;
}

/* How many of twenty commands are not refused for being too many. */
static uint64_t probe_rate(struct test_edge *bench, const char *command, bool rcpt)
{
    struct test_client *c;
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND);
    c = test_client(bench, "smtp", "127.0.0.1");
    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    test_client_says(c, "MAIL FROM:<>\r\n", "250");
    for (int i = 0; i < 20; i++) {
        struct str reply;
        struct msg *m;

        test_client_say(c, str_c(command));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        if (m)
            role_end_send(bench->directory, &(struct msg){.type = MSG_RCPT_TELL,
                                                          .rcpt_tell = {.id = m->rcpt_ask.id}});
        reply = test_client_reply(c);
        n += rcpt ? str_starts(reply, STR("250")) : str_starts(reply, STR("5"));
    }
    test_client_close(c);
    return n;
}

static uint64_t probe_rate_recipients(struct test_edge *bench)
{
    return probe_rate(bench, "RCPT TO:<ada@example.test>\r\n", true);
}

static uint64_t probe_rate_errors(struct test_edge *bench)
{
    return probe_rate(bench, "EXPN x\r\n", false);
}

/* How many of twenty transactions are taken. */
static uint64_t probe_rate_messages(struct test_edge *bench)
{
    struct test_client *c;
    uint64_t n = 0;

    role_test_pass(&bench->t, 180 * SECOND);
    c = test_client(bench, "smtp", "127.0.0.1");
    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    for (int i = 0; i < 20; i++) {
        struct msg *m;

        test_client_says(c, "MAIL FROM:<>\r\n", "250");
        test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        if (m)
            role_end_send(bench->directory, &(struct msg){.type = MSG_RCPT_TELL,
                                                          .rcpt_tell = {.id = m->rcpt_ask.id}});
        n += str_starts(test_client_reply(c), STR("250"));
        test_client_says(c, "RSET\r\n", "250");
    }
    test_client_close(c);
    return n;
}

/* How many thousand bytes of a message are taken, to ten at most. */
static uint64_t probe_bytes(struct test_edge *bench)
{
    char line[1001];
    uint64_t n = 0;

    memset(line, 'x', sizeof line);
    memcpy(line + 998, "\r\n", 3);
    for (int thousands = 1; thousands <= 10; thousands++) {
        struct test_client *c;
        struct msg *m;

        role_test_pass(&bench->t, 180 * SECOND);
        c = test_client(bench, "smtp", "127.0.0.1");
        test_client_reply(c);
        test_client_says(c, "EHLO x\r\n", "250");
        test_client_says(c, "MAIL FROM:<>\r\n", "250");
        test_client_say(c, STR("RCPT TO:<ada@example.test>\r\n"));
        m = role_end_take(bench->directory, MSG_RCPT_ASK);
        role_end_send(bench->directory,
                      &(struct msg){.type = MSG_RCPT_TELL, .rcpt_tell = {.id = m->rcpt_ask.id}});
        test_client_reply(c);
        test_client_says(c, "DATA\r\n", "354");
        for (int i = 0; i < thousands; i++)
            test_client_say(c, str_of(line, 1000));
        test_client_say(c, STR(".\r\n"));
        n += role_end_take(bench->intake, MSG_ARRIVAL_ASK) != NULL;
        test_client_close(c);
        role_test_pass(&bench->t, 50 * SECOND);
    }
    return n;
}

/* Whether a client may ask for second.test. */
static uint64_t probe_tls_names(struct test_edge *bench)
{
    struct test_client *c = test_client(bench, "smtp", "127.0.0.1");
    bool ok;

    test_client_reply(c);
    test_client_says(c, "EHLO x\r\n", "250");
    test_client_says(c, "STARTTLS\r\n", "220");
    ok = test_client_tls(c, "second.test", "smtp");
    test_client_close(c);
    return ok ? 2 : 1;
}

#define LIMITED "limit-exceptions = 192.0.2.0/24\n"

static const struct test_setting rows[] = {
    {"hostname", "first.test", "second.test", NULL, probe_hostname, 1, 2},
    {"proxy-from", "192.0.2.0/24", "127.0.0.0/8", NULL, probe_proxy, 1, 2},
    {"tls-names", "first.test", "second.test", NULL, probe_tls_names, 1, 2},
    {"message-size", "2000", "3000", NULL, probe_size, 2000, 3000},
    {"message-memory", "4500", "8500", NULL, probe_bytes, 4, 8},
    {"recipients", "20", "30", NULL, probe_recipients, 20, 30},
    {"connections", "10", "15", NULL, probe_connections, 10, 15},
    {"connections-per-address", "3", "5", NULL, probe_connections, 3, 5},
    {"limit-exceptions", "192.0.2.0/24", "127.0.0.0/8", "smtp-rate-connections = 4\n",
     probe_connections, 4, 20},
    {"smtp-rate-connections", "4", "7", LIMITED, probe_connections, 4, 7},
    {"smtp-rate-messages", "5", "9", LIMITED, probe_rate_messages, 5, 9},
    {"smtp-rate-recipients", "6", "11", LIMITED, probe_rate_recipients, 6, 11},
    {"smtp-rate-bytes", "3000", "6000", LIMITED, probe_bytes, 3, 6},
    {"smtp-rate-errors", "3", "5", LIMITED, probe_rate_errors, 4, 6},
    {"messages-per-connection", "2", "4", NULL, probe_messages, 2, 4},
    {"smtp-session-time", "30", "60", NULL, probe_session, 30, 60},
    {"smtp-timeout", "15", "25", NULL, probe_silence, 15, 25},
    /* The supervisor's, or another process's. */
    {.key = "listen-smtp"},
    {.key = "listen-smtp-proxy"},
    {.key = "listen-lmtp"},
    {.key = "lmtp-socket"},
    {.key = "listen-imaps"},
    {.key = "listen-imap"},
    {.key = "tls-cert"},
    {.key = "tls-key"},
    {.key = "plain-login-on-loopback"},
    {.key = "login-timeout"},
    {.key = "imap-timeout"},
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
    RUN(deadlines_end_connections_with_words);
    RUN(a_message_under_way_is_finished_when_the_time_is_over);
    RUN(a_reload_moves_the_deadlines_of_those_who_are_there);
    RUN(a_reload_changes_no_limits_of_a_dialogue);
    RUN(draining_finishes_messages_and_takes_no_more);
    RUN(draining_does_not_wait_for_ever);
    RUN(each_setting_is_live_or_not_as_the_table_says);
    return test_end();
}
