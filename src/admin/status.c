/* admin/status.c: see status.h. */
#include "admin/status.h"

#include "admin/json.h"

#include <stdarg.h>
#include <stdio.h>

#define RESTARTS_MANY 3 /* so many, the last of them lately: it keeps restarting */
#define LATELY_S 600
#define QUEUE_LONG_S 3600 /* a message that waits so long needs a look */

/* Counters that need a hand as soon as they are not 0. */
static const struct {
    const char *name, *what, *act;
} alarms[] = {
    {"account-crashes", "account processes that crashed",
     "`posthus log --event account-crash` shows them"},
    {"channels-rejoined", "channels between processes that broke and were joined again",
     "`posthus log --event channel-broken` says why"},
    {"processes-killed", "processes that did not do what they were told, and were killed",
     "`posthus log --event role-killed` shows them"},
    {"log-lines-dropped", "log lines that were dropped",
     "the disk of the data folder is too slow, or full"},
    {"accept-pauses", "times that no connection could be accepted",
     "raise the limit of open files"},
};

void admin_status_init(struct admin_status *s)
{
    *s = (struct admin_status){0};
    vec_init(&s->processes, sizeof(struct admin_process));
}

void admin_status_done(struct admin_status *s)
{
    for (size_t i = 0; i < s->processes.n; i++)
        vec_done(&((struct admin_process *)vec_at(&s->processes, i))->counters);
    vec_done(&s->processes);
}

struct admin_process *admin_status_add(struct admin_status *s)
{
    struct admin_process *p = vec_add(&s->processes);

    vec_init(&p->counters, sizeof(struct admin_counter));
    return p;
}

/* ---- sums ---- */

/* Of one counter over all processes. */
static uint64_t sum_of(const struct admin_status *s, struct str name)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->processes.n; i++) {
        const struct admin_process *p = vec_at(&s->processes, i);

        for (size_t k = 0; k < p->counters.n; k++) {
            const struct admin_counter *c = vec_at(&p->counters, k);

            if (str_equal(c->name, name))
                sum += c->value;
        }
    }
    return sum;
}

static bool is_limit(struct str name)
{
    return str_starts(name, STR("refused-")) || str_starts(name, STR("over-rate-")) ||
           str_starts(name, STR("ended-"));
}

/* Whether a process before number i counts the same. */
static bool is_seen(const struct admin_status *s, size_t i, struct str name)
{
    for (size_t k = 0; k < i; k++) {
        const struct admin_process *p = vec_at(&s->processes, k);

        for (size_t n = 0; n < p->counters.n; n++)
            if (str_equal(((struct admin_counter *)vec_at(&p->counters, n))->name, name))
                return true;
    }
    return false;
}

/* Names in JSON are C strings. */
static void print_name(struct buf *name, struct str s)
{
    buf_reset(name);
    buf_str(name, s);
    buf_char(name, '\0');
}

static void print_refused(struct admin_json *j, const struct admin_status *s)
{
    struct buf name;

    buf_init(&name, 200);
    admin_json_open(j, "refused", '{');
    for (size_t i = 0; i < s->processes.n; i++) {
        const struct admin_process *p = vec_at(&s->processes, i);

        for (size_t k = 0; k < p->counters.n; k++) {
            const struct admin_counter *c = vec_at(&p->counters, k);
            uint64_t sum = is_limit(c->name) ? sum_of(s, c->name) : 0;

            if (!sum || is_seen(s, i, c->name))
                continue;
            print_name(&name, c->name);
            admin_json_number(j, name.p, sum);
        }
    }
    admin_json_close(j);
    buf_done(&name);
}

/* ---- what needs attention ---- */

PRINTF_LIKE(2, 3) static void print_need(struct admin_json *j, const char *fmt, ...)
{
    char words[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    admin_json_c(j, NULL, words);
}

/* "hasher", "hasher-1" */
static void print_process_name(struct buf *out, const struct admin_process *p)
{
    buf_str(out, p->name);
    if (p->instance)
        buf_printf(out, "-%u", p->instance);
}

static void process_needs(struct admin_json *j, const struct admin_process *p)
{
    struct buf name;

    buf_init(&name, 200);
    print_process_name(&name, p);
    if (!p->pid)
        print_need(j, "%.*s does not run; `posthus log --event role-exit` says why it ended",
                   STR_ARG(buf_view(&name)));
    else if (!p->ready)
        print_need(j, "%.*s runs, but does not serve yet", STR_ARG(buf_view(&name)));
    else if (!p->answers)
        print_need(j, "%.*s does not answer", STR_ARG(buf_view(&name)));
    else if (p->restarts >= RESTARTS_MANY && p->up_s < LATELY_S)
        print_need(j,
                   "%.*s keeps restarting, %llu times so far; `posthus log --event role-exit` "
                   "says why",
                   STR_ARG(buf_view(&name)), (unsigned long long)p->restarts);
    buf_done(&name);
}

static void disk_needs(struct admin_json *j, const struct admin_status *s)
{
    unsigned long long free_mb = s->disk_free >> 20, reserve_mb = s->disk_reserve >> 20;

    if (s->disk_free < s->disk_reserve)
        print_need(j,
                   "the disk of the data folder is full but for %llu MB, and mail is refused with "
                   "452: make room, or lower disk-reserve",
                   free_mb);
    else if (s->disk_free / 2 < s->disk_reserve)
        print_need(j,
                   "the disk of the data folder is nearly full: %llu MB are free, and below %llu "
                   "MB mail is refused",
                   free_mb, reserve_mb);
}

static void accounts_need(struct admin_json *j, const struct admin_status *s)
{
    if (!s->problems_known)
        print_need(j, "the directory did not say whether accounts have a problem; ask again");
    else if (s->problem_accounts)
        print_need(j,
                   "accounts with a problem: %llu; `posthus account list --problems` lists them, "
                   "`posthus account check ADDRESS` looks into one",
                   (unsigned long long)s->problem_accounts);
}

static void queue_needs(struct admin_json *j, const struct admin_status *s)
{
    uint64_t age = sum_of(s, STR("queue-age-s"));

    if (sum_of(s, STR("queue")) && age >= QUEUE_LONG_S)
        print_need(j,
                   "mail has waited in the queue for %llu h; `posthus log --event mail-requeued` "
                   "says why",
                   (unsigned long long)age / 3600);
}

static void print_attention(struct admin_json *j, const struct admin_status *s)
{
    admin_json_open(j, "attention", '[');
    for (size_t i = 0; i < s->processes.n; i++)
        process_needs(j, vec_at(&s->processes, i));
    disk_needs(j, s);
    accounts_need(j, s);
    queue_needs(j, s);
    for (size_t i = 0; i < ARRAY_LEN(alarms); i++) {
        uint64_t n = sum_of(s, str_c(alarms[i].name));

        if (n)
            print_need(j, "%s: %llu; %s", alarms[i].what, (unsigned long long)n, alarms[i].act);
    }
    admin_json_close(j);
}

/* ---- the answer ---- */

static void print_counters(struct admin_json *j, const struct admin_process *p)
{
    struct buf name;

    buf_init(&name, 200);
    for (size_t i = 0; i < p->counters.n; i++) {
        const struct admin_counter *c = vec_at(&p->counters, i);

        print_name(&name, c->name);
        admin_json_number(j, name.p, c->value);
    }
    buf_done(&name);
}

static void print_process(struct admin_json *j, const char *key, const struct admin_process *p)
{
    admin_json_open(j, key, '{');
    admin_json_number(j, "pid", p->pid);
    admin_json_bool(j, "ready", p->ready);
    admin_json_number(j, "restarts", p->restarts);
    if (p->pid)
        admin_json_number(j, "up_s", p->up_s);
    if (!p->answers)
        admin_json_bool(j, "answers", false);
    print_counters(j, p);
    if (!key)
        admin_json_close(j);
}

/* Adds what one process has counted to what those of its role before it have. */
static void counters_add(struct vec *sums, const struct vec *counters)
{
    for (size_t i = 0; i < counters->n; i++) {
        const struct admin_counter *c = vec_at(counters, i);
        struct admin_counter *sum = NULL;

        for (size_t k = 0; k < sums->n && !sum; k++)
            if (str_equal(((struct admin_counter *)vec_at(sums, k))->name, c->name))
                sum = vec_at(sums, k);
        if (!sum) {
            sum = vec_add(sums);
            sum->name = c->name;
        }
        sum->value += c->value;
    }
}

/* A role as a whole: the pid of its first process, whether all serve and answer, the youngest's age, the sums of what they have
 * counted; and each process by itself. Returns how many it has. */
static size_t print_role(struct admin_json *j, const struct admin_status *s, size_t first)
{
    struct admin_process whole = *(struct admin_process *)vec_at(&s->processes, first);
    struct buf name;
    size_t n = 0;

    vec_init(&whole.counters, sizeof(struct admin_counter));
    whole.restarts = 0;
    for (; first + n < s->processes.n; n++) {
        const struct admin_process *p = vec_at(&s->processes, first + n);

        if (!str_equal(p->name, whole.name))
            break;
        whole.ready = whole.ready && p->ready;
        whole.answers = whole.answers && p->answers;
        whole.restarts += p->restarts;
        whole.up_s = p->up_s < whole.up_s ? p->up_s : whole.up_s;
        counters_add(&whole.counters, &p->counters);
    }
    buf_init(&name, 200);
    print_name(&name, whole.name);
    print_process(j, name.p, &whole);
    admin_json_open(j, "instances", '[');
    for (size_t i = first; i < first + n; i++)
        print_process(j, NULL, vec_at(&s->processes, i));
    admin_json_close(j);
    admin_json_close(j);
    buf_done(&name);
    vec_done(&whole.counters);
    return n;
}

static void print_waiting(struct admin_json *j, const struct admin_status *s)
{
    admin_json_open(j, "waiting", '{');
    admin_json_number(j, "queue", sum_of(s, STR("queue")));
    admin_json_number(j, "queue_oldest_s", sum_of(s, STR("queue-age-s")));
    admin_json_number(j, "requests", sum_of(s, STR("requests-waiting")));
    admin_json_number(j, "hashes", sum_of(s, STR("hashes-waiting")));
    admin_json_close(j);
}

static void print_problems(struct admin_json *j, const struct admin_status *s)
{
    if (s->problems_known)
        admin_json_number(j, "problem_accounts", s->problem_accounts);
    admin_json_open(j, "problems", '[');
    for (size_t i = 0; i < ADMIN_PROBLEMS_SHOWN && s->problem[i].account.n; i++) {
        admin_json_open(j, NULL, '{');
        admin_json_text(j, "account", s->problem[i].account);
        admin_json_text(j, "problem", s->problem[i].problem);
        admin_json_close(j);
    }
    admin_json_close(j);
}

void admin_status_print(struct buf *out, const struct admin_status *s)
{
    struct admin_json j;

    admin_json_init(&j, out, false);
    admin_json_open(&j, NULL, '{');
    admin_json_text(&j, "version", s->version);
    admin_json_text(&j, "state", s->state);
    admin_json_text(&j, "data", s->data);
    admin_json_time(&j, "started", s->started_us);
    admin_json_number(&j, "uptime_s", s->up_s);
    admin_json_open(&j, "processes", '{');
    for (size_t i = 0; i < s->processes.n;)
        i += print_role(&j, s, i);
    admin_json_close(&j);
    print_waiting(&j, s);
    print_refused(&j, s);
    admin_json_open(&j, "disk", '{');
    admin_json_number(&j, "free", s->disk_free);
    admin_json_number(&j, "reserve", s->disk_reserve);
    admin_json_close(&j);
    print_problems(&j, s);
    print_attention(&j, s);
    admin_json_close(&j);
}
