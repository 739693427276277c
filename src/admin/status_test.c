/* admin/status_test.c: what is counted becomes what needs a hand; and JSON that is harmless. */
#include "admin/status.c"

#include "base/test.h"

static struct admin_process *add(struct admin_status *s, const char *name)
{
    struct admin_process *p = admin_status_add(s);

    p->name = str_c(name);
    p->pid = 7;
    p->ready = p->answers = true;
    p->up_s = 1000;
    return p;
}

static void count(struct admin_process *p, const char *name, uint64_t value)
{
    *(struct admin_counter *)vec_add(&p->counters) = (struct admin_counter){str_c(name), value};
}

static void begin(struct admin_status *s)
{
    admin_status_init(s);
    s->version = STR("1");
    s->state = STR("serving");
    s->data = STR("/d");
    s->disk_free = 10ULL << 30;
    s->disk_reserve = 1ULL << 28;
    s->problems_known = true;
}

static bool printed(struct admin_status *s, const char *words)
{
    struct buf out;
    bool there;

    buf_init(&out, 100000);
    admin_status_print(&out, s);
    there = str_find(buf_view(&out), str_c(words)) != SIZE_MAX;
    if (!there)
        test_check_str(buf_view(&out), str_c(words), __FILE__, __LINE__);
    buf_done(&out);
    return there;
}

static void a_good_server_needs_nothing(void)
{
    struct admin_status s;

    begin(&s);
    count(add(&s, "relay"), "queue", 3);
    count(add(&s, "edge-smtp"), "accept-pauses", 0);
    CHECK(printed(&s, "\"attention\": []"));
    CHECK(printed(&s, "\"refused\": {}"));
    CHECK(printed(&s, "\"queue\": 3"));
    admin_status_done(&s);
}

static void refusals_are_summed_over_processes(void)
{
    struct admin_status s;
    struct admin_process *p;

    begin(&s);
    p = add(&s, "edge-smtp");
    count(p, "over-rate-messages", 2);
    count(p, "refused-in-all", 1);
    count(p, "ended-for-errors", 0);
    count(p, "recipients-refused", 5); /* of people, not of limits */
    p = add(&s, "edge-mail");
    count(p, "refused-in-all", 4);
    count(p, "ended-in-a-new-way", 1);
    CHECK(printed(&s, "\"refused\": {\"over-rate-messages\": 2, \"refused-in-all\": 5, "
                      "\"ended-in-a-new-way\": 1}"));
    admin_status_done(&s);
}

static void every_need_is_said(void)
{
    struct admin_status s;
    struct admin_process *p;

    begin(&s);
    add(&s, "keys")->pid = 0;
    add(&s, "intake")->ready = false;
    add(&s, "hasher")->answers = false;
    p = add(&s, "edge-mail");
    p->restarts = 3;
    p->up_s = 5;
    p = add(&s, "relay");
    count(p, "queue", 1);
    count(p, "queue-age-s", 7200);
    count(p, "log-lines-dropped", 12);
    count(add(&s, "accounts"), "account-crashes", 2);
    s.disk_free = 300 << 20;
    s.problem_accounts = 4;
    s.problem[0] = (struct admin_problem){STR("ada@a.test"), STR("damaged \"page\" 5\x1b[1m")};
    CHECK(printed(&s, "keys does not run; `posthus log --event role-exit` says why it ended"));
    CHECK(printed(&s, "intake runs, but does not serve yet"));
    CHECK(printed(&s, "hasher does not answer"));
    CHECK(printed(&s, "edge-mail keeps restarting, 3 times so far"));
    CHECK(printed(&s, "mail has waited in the queue for 2 h"));
    CHECK(printed(&s, "log lines that were dropped: 12"));
    CHECK(printed(&s, "account processes that crashed: 2"));
    CHECK(printed(&s, "nearly full: 300 MB are free"));
    CHECK(printed(&s, "accounts with a problem: 4"));
    CHECK(printed(&s, "\"problem\": \"damaged \\\"page\\\" 5\\u001b[1m\""));
    s.disk_free = 100 << 20;
    CHECK(printed(&s, "mail is refused with 452"));
    s.problems_known = false;
    CHECK(printed(&s, "the directory did not say"));
    admin_status_done(&s);
}

static void a_restart_long_ago_is_forgiven(void)
{
    struct admin_status s;
    struct admin_process *p;

    begin(&s);
    p = add(&s, "edge-mail");
    p->restarts = 30;
    p->up_s = 86400;
    CHECK(printed(&s, "\"attention\": []"));
    CHECK(printed(&s, "\"restarts\": 30"));
    admin_status_done(&s);
}

int main(void)
{
    RUN(a_good_server_needs_nothing);
    RUN(refusals_are_summed_over_processes);
    RUN(every_need_is_said);
    RUN(a_restart_long_ago_is_forgiven);
    return test_end();
}
