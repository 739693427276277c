/* supervisor/supervisor_status.c: the answer of `posthus status`: every process is asked what it has counted, the directory
 * which accounts have a problem; admin/status.h makes one answer of it. A process that does not answer within two seconds is said
 * not to; the status comes all the same. */
#include "supervisor/supervisor_int.h"

#include "admin/call.h"
#include "admin/status.h"
#include "base/clock.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROBLEMS_US                                                                                \
    2500000 /* for the directory to list them; a process has two seconds, by its CALL */
#define ARENA_MOST (4 << 20)
#define PAGES_MOST 1000 /* of accounts with a problem; 100,000 accounts are 200 at most */
#define JSON_MOST 60000 /* goes out in one message */

struct gathering {
    struct supervisor *s;
    struct admin_status status;
    struct arena arena;
    unsigned left; /* answers to come */
    unsigned pages;
    uint64_t problems; /* the question to the directory, 0: none */
    struct timer deadline;
    status_fn fn;
    void *arg;
};

struct one_answer { /* of process number i */
    struct gathering *g;
    size_t i;
};

static void gathering_finish(struct gathering *g)
{
    struct buf json;

    if (--g->left)
        return;
    buf_init(&json, JSON_MOST);
    admin_status_print(&json, &g->status);
    g->fn(g->arg, json.overflow ? STR("{}") : buf_view(&json));
    buf_done(&json);
    admin_status_done(&g->status);
    timer_stop(&g->deadline);
    arena_done(&g->arena);
    mem_free(g);
}

/* ---- the processes ---- */

static void take_counter(struct gathering *g, struct admin_process *p, struct str text)
{
    struct str name, value;
    struct admin_counter *c;
    uint64_t n;

    if (!str_cut(text, '=', &name, &value) || !str_to_u64(value, INT64_MAX, &n))
        return;
    c = vec_add(&p->counters);
    *c = (struct admin_counter){arena_str(&g->arena, name), n};
}

static void on_counters(void *arg, struct msg_status_tell *tell, int *fd)
{
    struct one_answer *one = arg;
    struct gathering *g = one->g;
    struct admin_process *p = vec_at(&g->status.processes, one->i);

    (void)fd;
    p->answers = tell->id != 0;
    for (size_t i = 0; i < tell->counters.n; i++)
        take_counter(g, p, tell->counters.v[i]);
    mem_free(one);
    gathering_finish(g);
}

static void ask_counters(struct gathering *g, struct child *k, size_t i)
{
    struct one_answer *one = mem_zalloc(sizeof *one);

    *one = (struct one_answer){g, i};
    g->left++;
    call_status(call_over(g->s->calls, k->chan), &(struct msg_status_ask){0}, NULL, on_counters,
                one);
}

static void add_process(struct gathering *g, struct child *k)
{
    struct admin_process *p = admin_status_add(&g->status);

    p->name = str_c(role_name(k->role));
    p->instance = k->instance;
    p->pid = (uint64_t)k->pid;
    p->ready = k->state == CHILD_READY;
    p->restarts = k->restarts;
    p->up_s = (uint64_t)(clock_boot_us() - k->started_us) / 1000000;
    if (k->chan && p->ready)
        ask_counters(g, k, g->status.processes.n - 1);
}

/* ---- accounts with a problem ---- */

static void ask_problems(struct gathering *g, struct str page);

static struct str row_text(struct gathering *g, const json_t *row, const char *key)
{
    return arena_str(&g->arena, str_c(json_string_value(json_object_get(row, key))));
}

static void take_problems(struct gathering *g, struct str text)
{
    json_t *rows = json_loadb(text.p, text.n, 0, NULL), *row;
    struct admin_status *st = &g->status;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (st->problem_accounts < ADMIN_PROBLEMS_SHOWN)
            st->problem[st->problem_accounts] =
                (struct admin_problem){row_text(g, row, "account"), row_text(g, row, "problem")};
        st->problem_accounts++;
    }
    json_decref(rows);
}

static void on_problems(void *arg, struct msg_admin_tell *tell, int *fd)
{
    struct gathering *g = arg;

    (void)fd;
    g->problems = 0;
    if (tell->error.kind == ERROR_NONE) {
        take_problems(g, tell->text);
        if (tell->next.n && ++g->pages < PAGES_MOST)
            ask_problems(g, tell->next);
        else
            g->status.problems_known = true;
    }
    gathering_finish(g);
}

/* The directory hangs: the status comes without what it knows. */
static void on_gathering_deadline(void *arg)
{
    struct gathering *g = arg;

    if (!g->problems)
        return;
    calls_forget(g->s->calls, g->problems);
    g->problems = 0;
    gathering_finish(g);
}

/* As `posthus account list --problems` does, a page after the other. */
static void ask_problems(struct gathering *g, struct str page)
{
    struct admin_call call;
    struct arena arena;
    struct str *list;
    size_t n = 0;

    arena_init(&arena, ARENA_MOST);
    admin_call_init(&call, admin_command(ADMIN_ACCOUNT_LIST));
    call.page = page;
    call.account_list.problems = (struct admin_value){.given = true, .text = STR("yes")};
    list = admin_call_print(&call, &arena, &n);
    if (list) {
        g->left++;
        g->problems =
            control_ask_directory(g->s, (struct msg_list){list, n}, STR_NULL, on_problems, g);
    }
    arena_done(&arena);
}

/* ---- all of it ---- */

static const char *state_name(enum supervisor_state state)
{
    return state == SUPERVISOR_SERVING    ? "serving"
           : state == SUPERVISOR_STARTING ? "starting"
                                          : "stopping";
}

static void describe_server(struct gathering *g)
{
    struct supervisor *s = g->s;
    int64_t up_us = clock_boot_us() - s->begun_us;
    struct statvfs fs;

    g->status.version = STR(POSTHUS_VERSION);
    g->status.state = str_c(state_name(s->state));
    g->status.data = str_c(datadir_path(s->data));
    g->status.started_us = clock_wall_us() - up_us;
    g->status.up_s = (uint64_t)up_us / 1000000;
    g->status.disk_reserve = s->config.disk_reserve;
    if (fstatvfs(datadir_fd(s->data), &fs) == 0)
        g->status.disk_free = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

static void add_own_counter(struct admin_process *p, const char *name, uint64_t value)
{
    *(struct admin_counter *)vec_add(&p->counters) = (struct admin_counter){str_c(name), value};
}

/* The supervisor itself, with what nobody else can count. */
static void add_own(struct gathering *g)
{
    struct supervisor *s = g->s;
    struct admin_process *p = admin_status_add(&g->status);

    p->name = str_c(role_name(ROLE_SUPERVISOR));
    p->pid = (uint64_t)getpid();
    p->ready = p->answers = true;
    p->up_s = g->status.up_s;
    add_own_counter(p, "channels-rejoined", s->rejoined);
    add_own_counter(p, "processes-killed", s->killed);
    add_own_counter(p, "log-lines-dropped", s->log_failed);
    add_own_counter(p, "over-rate-log-lines", s->log_dropped);
}

void supervisor_status(struct supervisor *s, status_fn fn, void *arg)
{
    struct gathering *g = mem_zalloc(sizeof *g);

    *g = (struct gathering){.s = s, .left = 1, .fn = fn, .arg = arg};
    arena_init(&g->arena, ARENA_MOST);
    timer_init(&g->deadline, s->timers, on_gathering_deadline, g);
    timer_set(&g->deadline, PROBLEMS_US);
    admin_status_init(&g->status);
    describe_server(g);
    add_own(g);
    for (size_t i = 0; i < s->children; i++)
        add_process(g, &s->child[i]);
    ask_problems(g, STR_NULL);
    gathering_finish(g);
}
