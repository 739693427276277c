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

#define STATUS_MS 2000
#define ARENA_MOST (4 << 20)
#define PAGES_MOST 1000 /* of accounts with a problem; 100,000 accounts are 200 at most */
#define JSON_MOST 60000 /* goes out in one message */

struct gathering {
    struct supervisor *s;
    struct admin_status status;
    struct arena arena;
    unsigned left; /* answers to come */
    unsigned pages;
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

static void on_counters(void *arg, struct msg *m)
{
    struct one_answer *one = arg;
    struct gathering *g = one->g;
    struct admin_process *p = vec_at(&g->status.processes, one->i);

    p->answers = m;
    for (size_t i = 0; m && i < m->status_tell.counters.n; i++)
        take_counter(g, p, m->status_tell.counters.v[i]);
    mem_free(one);
    gathering_finish(g);
}

static void ask_counters(struct gathering *g, struct child *k, size_t i)
{
    struct one_answer *one = mem_zalloc(sizeof *one);
    struct msg m = {.type = MSG_STATUS_ASK, .status_ask = {calls_next_id(g->s->calls)}};

    *one = (struct one_answer){g, i};
    g->left++;
    calls_send(g->s->calls, k->chan, k->role, m.status_ask.id, &m, STATUS_MS, false, on_counters,
               one);
}

static void add_process(struct gathering *g, struct child *k)
{
    struct admin_process *p = admin_status_add(&g->status);

    p->name = k->instance ? arena_printf(&g->arena, "%s-%u", role_name(k->role), k->instance)
                          : str_c(role_name(k->role));
    p->pid = (uint64_t)k->pid;
    p->ready = k->ready && k->pid;
    p->restarts = k->restarts;
    p->up_s = (uint64_t)(clock_boot_us() - k->started_us) / 1000000;
    if (k->chan && p->ready)
        ask_counters(g, k, g->status.processes.n - 1);
}

/* ---- accounts with a problem ---- */

static void ask_problems(struct gathering *g, struct str page);

static struct str text_of(struct gathering *g, const json_t *row, const char *key)
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
                (struct admin_problem){text_of(g, row, "account"), text_of(g, row, "problem")};
        st->problem_accounts++;
    }
    json_decref(rows);
}

static void on_problems(void *arg, struct msg *m)
{
    struct gathering *g = arg;

    if (m && !m->admin_reply.kind) {
        take_problems(g, m->admin_reply.text);
        if (m->admin_reply.next.n && ++g->pages < PAGES_MOST)
            ask_problems(g, m->admin_reply.next);
        else
            g->status.problems_known = true;
    }
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
    if (list && control_ask_directory(g->s, (struct msg_list){list, n}, STR_NULL, STATUS_MS,
                                      on_problems, g))
        g->left++;
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

void supervisor_status(struct supervisor *s, status_fn fn, void *arg)
{
    struct gathering *g = mem_zalloc(sizeof *g);

    *g = (struct gathering){.s = s, .left = 1, .fn = fn, .arg = arg};
    arena_init(&g->arena, ARENA_MOST);
    admin_status_init(&g->status);
    describe_server(g);
    for (size_t i = 0; i < s->children; i++)
        add_process(g, &s->child[i]);
    ask_problems(g, STR_NULL);
    gathering_finish(g);
}
