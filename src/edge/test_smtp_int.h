/* edge/test_smtp_int.h: edge-smtp on the bench, for its tests: included after edge_smtp.c. */
#ifndef EDGE_TEST_SMTP_INT_H
#define EDGE_TEST_SMTP_INT_H

#include "base/test.h"
#include "edge/test_edge_int.h"

#include <stdio.h>

#define SECOND 1000000LL

static struct smtp_edge e;
static struct test_edge b;

static inline void begin_with(struct test_edge *bench, const char *settings)
{
    e = (struct smtp_edge){0};
    test_edge_begin(bench, ROLE_EDGE_SMTP, &edge_smtp_ops, &e.edge, &smtp_ops);
    if (settings)
        role_test_set(&bench->t, settings);
    test_edge_listen(bench, "smtp");
    test_edge_listen(bench, "lmtp");
    test_edge_listen(bench, "smtp-proxy");
    test_edge_certificate(bench, "localhost");
    role_test_go(&bench->t);
    CHECK(role_end_take(bench->t.supervisor, MSG_READY) != NULL);
}

static inline void begin(void)
{
    begin_with(&b, NULL);
}

static inline void end(void)
{
    CHECK(tally_total_own(&e.memory.handed) == 0 && calls_waiting(e.edge.p->calls) == 0);
    test_edge_end(&b);
}

/* ---- what peers answer ---- */

static inline bool answer_rcpt(enum error_kind kind, const char *words)
{
    struct msg tell = {.type = MSG_RCPT_TELL};
    struct msg *m = role_end_take(b.directory, MSG_RCPT_ASK);

    if (!m)
        return false;
    tell.rcpt_tell = (struct msg_rcpt_tell){.id = m->rcpt_ask.id, .error = {kind, str_c(words)}};
    role_end_send(b.directory, &tell);
    return true;
}

static inline bool answer_arrival(enum error_kind kind, const char *words)
{
    struct msg tell = {.type = MSG_ARRIVAL_TELL};
    struct msg *m = role_end_take(b.intake, MSG_ARRIVAL_ASK);

    if (!m)
        return false;
    tell.arrival_tell =
        (struct msg_arrival_tell){.id = m->arrival_ask.id, .error = {kind, str_c(words)}};
    role_end_send(b.intake, &tell);
    return true;
}

static inline struct test_client *client(const char *service)
{
    struct test_client *c = test_client(&b, service, "127.0.0.1");
    bool lmtp = strcmp(service, "lmtp") == 0;

    CHECK(test_client_hears(c, "220 localhost"));
    CHECK(test_client_says(c, lmtp ? "LHLO x\r\n" : "EHLO x\r\n", "250-localhost"));
    return c;
}

static inline void recipient(struct test_client *c, const char *line)
{
    test_client_say(c, str_c(line));
    CHECK(answer_rcpt(ERROR_NONE, ""));
    CHECK(test_client_hears(c, "250 2.1.5"));
}

/* A client that has said all but the final dot. */
static inline struct test_client *client_in_data(const char *service)
{
    struct test_client *c = client(service);

    CHECK(test_client_says(c, "MAIL FROM:<a@example.org>\r\n", "250"));
    recipient(c, "RCPT TO:<ada@example.test>\r\n");
    CHECK(test_client_says(c, "DATA\r\n", "354"));
    test_client_say(c, STR("Subject: x\r\n\r\nhello\r\n"));
    return c;
}

#endif
