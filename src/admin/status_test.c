/* admin/status_test.c: what is counted becomes what needs attention; and JSON that is harmless. */
#include "admin/status.c"

#include "base/test.h"

static struct admin_process *process_add(struct admin_status *s, const char *name)
{
    struct admin_process *p = admin_status_add(s);

    p->name = str_c(name);
    p->pid = 7;
    p->ready = p->answers = true;
    p->up_s = 1000;
    return p;
}

static void process_count(struct admin_process *p, const char *name, uint64_t value)
{
    *(struct admin_counter *)vec_add(&p->counters) = (struct admin_counter){str_c(name), value};
}

static void status_begin(struct admin_status *s)
{
    admin_status_init(s);
    s->version = STR("1");
    s->state = STR("serving");
    s->data = STR("/d");
    s->disk_free = 10ULL << 30;
    s->disk_reserve = 1ULL << 28;
    s->problems_known = true;
}

static bool status_printed(struct admin_status *s, const char *words)
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

    status_begin(&s);
    process_count(process_add(&s, "relay"), "queue", 3);
    process_count(process_add(&s, "edge-smtp"), "accept-pauses", 0);
    CHECK(status_printed(&s, "\"attention\": []"));
    CHECK(status_printed(&s, "\"refused\": {}"));
    CHECK(status_printed(&s, "\"queue\": 3"));
    admin_status_done(&s);
}

static void refusals_are_summed_over_processes(void)
{
    struct admin_status s;
    struct admin_process *p;

    status_begin(&s);
    p = process_add(&s, "edge-smtp");
    process_count(p, "over-rate-messages", 2);
    process_count(p, "refused-in-all", 1);
    process_count(p, "ended-for-errors", 0);
    process_count(p, "recipients-refused", 5); /* of people, not of limits */
    p = process_add(&s, "edge-mail");
    process_count(p, "refused-in-all", 4);
    process_count(p, "ended-in-a-new-way", 1);
    CHECK(status_printed(&s, "\"refused\": {\"over-rate-messages\": 2, \"refused-in-all\": 5, "
                             "\"ended-in-a-new-way\": 1}"));
    admin_status_done(&s);
}

static void a_role_is_all_its_processes(void)
{
    struct admin_status s;
    struct admin_process *p;

    status_begin(&s);
    p = process_add(&s, "hasher");
    p->answers = false;
    p->restarts = 1;
    process_count(p, "hashes", 5);
    p = process_add(&s, "hasher");
    p->instance = 1;
    p->pid = 8;
    p->restarts = 2;
    p->up_s = 500;
    process_count(p, "hashes", 7);
    CHECK(status_printed(&s,
                         "\"hasher\": {\"pid\": 7, \"ready\": true, \"restarts\": 3, \"up_s\": "
                         "500, \"answers\": false, \"hashes\": 12, \"instances\": [{\"pid\": 7, "));
    CHECK(status_printed(&s, "{\"pid\": 8, \"ready\": true, \"restarts\": 2, \"up_s\": 500, "
                             "\"hashes\": 7}]"));
    CHECK(status_printed(&s, "\"attention\": [\"hasher does not answer\"]"));
    admin_status_done(&s);
}

static void every_need_is_said(void)
{
    struct admin_status s;
    struct admin_process *p;

    status_begin(&s);
    process_add(&s, "keys")->pid = 0;
    process_add(&s, "intake")->ready = false;
    process_add(&s, "hasher")->answers = false;
    p = process_add(&s, "edge-mail");
    p->restarts = 3;
    p->up_s = 5;
    p = process_add(&s, "relay");
    process_count(p, "queue", 1);
    process_count(p, "queue-age-s", 7200);
    process_count(p, "log-lines-dropped", 12);
    process_count(process_add(&s, "accounts"), "account-crashes", 2);
    s.disk_free = 300 << 20;
    s.problem_accounts = 4;
    s.problem[0] = (struct admin_problem){STR("ada@a.test"), STR("damaged \"page\" 5\x1b[1m")};
    CHECK(
        status_printed(&s, "keys does not run; `posthus log --event role-exit` says why it ended"));
    CHECK(status_printed(&s, "intake runs, but does not serve yet"));
    CHECK(status_printed(&s, "hasher does not answer"));
    CHECK(status_printed(&s, "edge-mail keeps restarting, 3 times so far"));
    CHECK(status_printed(&s, "mail has waited in the queue for 2 h"));
    CHECK(status_printed(&s, "log lines that were dropped: 12"));
    CHECK(status_printed(&s, "account processes that crashed: 2"));
    CHECK(status_printed(&s, "nearly full: 300 MB are free"));
    CHECK(status_printed(&s, "accounts with a problem: 4"));
    CHECK(status_printed(&s, "\"problem\": \"damaged \\\"page\\\" 5\\u001b[1m\""));
    s.disk_free = 100 << 20;
    CHECK(status_printed(&s, "mail is refused with 452"));
    s.problems_known = false;
    CHECK(status_printed(&s, "the directory did not say"));
    admin_status_done(&s);
}

static void a_restart_long_ago_is_forgiven(void)
{
    struct admin_status s;
    struct admin_process *p;

    status_begin(&s);
    p = process_add(&s, "edge-mail");
    p->restarts = 30;
    p->up_s = 86400;
    CHECK(status_printed(&s, "\"attention\": []"));
    CHECK(status_printed(&s, "\"restarts\": 30"));
    admin_status_done(&s);
}

int main(void)
{
    RUN(a_good_server_needs_nothing);
    RUN(refusals_are_summed_over_processes);
    RUN(a_role_is_all_its_processes);
    RUN(every_need_is_said);
    RUN(a_restart_long_ago_is_forgiven);
    return test_end();
}
