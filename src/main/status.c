/* main/status.c: `posthus status` for a person: one screen, and what needs attention at its end. */
#include "main/main.h"

#include "admin/usage.h"

#include <jansson.h>
#include <string.h>

#define WIDTH 79
#define LABEL 10
#define NEEDS_SHOWN 4 /* the rest is counted */
#define NAME_COLUMN 15
#define PIDS_COLUMN 18
#define UP_COLUMN 14

static unsigned long long number_of(const json_t *o, const char *key)
{
    return (unsigned long long)json_integer_value(json_object_get(o, key));
}

static void print_text(struct buf *out, const json_t *v)
{
    render_safe(out, str_c(json_string_value(v)), false);
}

/* "3 days 4 h", "4 h 12 min", "12 min", "40 s" */
static void print_duration(struct buf *out, unsigned long long s)
{
    if (s >= 86400)
        buf_printf(out, "%llu day%s %llu h", s / 86400, s / 86400 == 1 ? "" : "s",
                   s % 86400 / 3600);
    else if (s >= 3600)
        buf_printf(out, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        buf_printf(out, "%llu min", s / 60);
    else
        buf_printf(out, "%llu s", s);
}

static void print_head(struct buf *out, const json_t *j)
{
    struct str since = str_c(json_string_value(json_object_get(j, "started")));

    buf_c(out, "Posthus ");
    print_text(out, json_object_get(j, "version"));
    buf_c(out, " is ");
    print_text(out, json_object_get(j, "state"));
    buf_char(out, ' ');
    print_text(out, json_object_get(j, "data"));
    buf_c(out, "\nup ");
    print_duration(out, number_of(j, "uptime_s"));
    if (since.n >= 19) { /* "2026-11-24T13:17:26.123Z" */
        buf_c(out, ", since ");
        render_safe(out, str_sub(since, 0, 10), false);
        buf_char(out, ' ');
        render_safe(out, str_sub(since, 11, 8), false);
        buf_c(out, " UTC");
    }
    buf_c(out, "\n\n");
}

/* ---- processes, those of one role in a line ---- */

struct group {
    struct str name; /* "hasher" of "hasher" and "hasher-1" */
    unsigned n;
    unsigned long long restarts, up_s; /* up_s: of the one that was started last */
    struct buf pids;
};

static void group_add(struct group *g, const json_t *process)
{
    unsigned long long pid = number_of(process, "pid"), up = number_of(process, "up_s");

    buf_c(&g->pids, g->n ? " " : "");
    if (pid)
        buf_printf(&g->pids, "%llu", pid);
    else
        buf_char(&g->pids, '-');
    g->restarts += number_of(process, "restarts");
    g->up_s = g->n == 0 || up < g->up_s ? up : g->up_s;
    g->n++;
}

/* Fills a column; one that is too wide is cut. */
static void print_column(struct buf *out, struct str text, size_t wide)
{
    if (text.n >= wide)
        buf_printf(out, "%.*s... ", (int)(wide - 4), text.p);
    else
        buf_printf(out, "%-*.*s", (int)wide, STR_ARG(text));
}

static void print_group(struct buf *out, const struct group *g)
{
    struct buf text;

    buf_init(&text, 1000);
    render_safe(&text, g->name, false);
    if (g->n > 1)
        buf_printf(&text, " x%u", g->n);
    print_column(out, buf_view(&text), NAME_COLUMN);
    print_column(out, buf_view(&g->pids), PIDS_COLUMN);
    buf_reset(&text);
    print_duration(&text, g->up_s);
    if (g->restarts) {
        print_column(out, buf_view(&text), UP_COLUMN);
        buf_printf(out, "%llu", g->restarts);
    } else {
        buf_str(out, buf_view(&text));
    }
    buf_char(out, '\n');
    buf_done(&text);
}

static void print_processes(struct buf *out, const json_t *roles)
{
    const char *name;
    json_t *role, *process;
    size_t i;

    buf_printf(out, "%-*s%-*s%-*s%s\n", NAME_COLUMN, "process", PIDS_COLUMN, "pid", UP_COLUMN, "up",
               "restarts");
    json_object_foreach((json_t *)(uintptr_t)roles, name, role)
    {
        struct group g = {.name = str_c(name)};

        buf_init(&g.pids, 1000);
        json_array_foreach(json_object_get(role, "instances"), i, process) group_add(&g, process);
        print_group(out, &g);
        buf_done(&g.pids);
    }
}

/* ---- the rest ---- */

static void print_labelled(struct buf *out, const char *label, const struct buf *words)
{
    buf_printf(out, "%-*s", LABEL, label);
    admin_usage_wrap(out, LABEL, LABEL, WIDTH, buf_view(words));
}

static void print_waiting(struct buf *out, const json_t *w)
{
    struct buf words;

    buf_init(&words, 1000);
    buf_printf(&words, "queue %llu", number_of(w, "queue"));
    if (number_of(w, "queue")) {
        buf_c(&words, " (the oldest: ");
        print_duration(&words, number_of(w, "queue_oldest_s"));
        buf_char(&words, ')');
    }
    buf_printf(&words, ", requests %llu, password checks %llu", number_of(w, "requests"),
               number_of(w, "hashes"));
    print_labelled(out, "waiting", &words);
    buf_done(&words);
}

static void print_refused(struct buf *out, const json_t *refused)
{
    unsigned long long sum = 0;
    struct buf words, names;
    const char *name;
    json_t *v;

    buf_init(&words, 10000);
    buf_init(&names, 10000);
    json_object_foreach((json_t *)(uintptr_t)refused, name, v)
    {
        buf_c(&names, names.n ? ", " : "");
        render_safe(&names, str_c(name), false);
        buf_printf(&names, " %llu", (unsigned long long)json_integer_value(v));
        sum += (unsigned long long)json_integer_value(v);
    }
    if (sum)
        buf_printf(&words, "%llu by limits: %.*s", sum, STR_ARG(buf_view(&names)));
    else
        buf_c(&words, "nothing by limits");
    print_labelled(out, "refused", &words);
    buf_done(&words);
    buf_done(&names);
}

static void print_disk(struct buf *out, const json_t *disk)
{
    struct buf words;

    buf_init(&words, 200);
    buf_printf(&words, "%llu MB free; below %llu MB mail is refused", number_of(disk, "free") >> 20,
               number_of(disk, "reserve") >> 20);
    print_labelled(out, "disk", &words);
    buf_done(&words);
}

static void print_bullet(struct buf *out, const struct buf *words)
{
    buf_c(out, "- ");
    admin_usage_wrap(out, 2, 2, WIDTH, buf_view(words));
}

static void print_problems(struct buf *out, const json_t *problems, struct buf *words)
{
    json_t *v;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)problems, i, v)
    {
        if (i == 2) /* `posthus account list --problems` has them all */
            return;
        buf_reset(words);
        print_text(words, json_object_get(v, "account"));
        buf_c(words, ": ");
        print_text(words, json_object_get(v, "problem"));
        print_bullet(out, words);
    }
}

static void print_needs(struct buf *out, const json_t *j)
{
    const json_t *needs = json_object_get(j, "attention");
    struct buf words;
    json_t *v;
    size_t i;

    if (json_array_size(needs) == 0) {
        buf_c(out, "\nall is well\n");
        return;
    }
    buf_init(&words, 2000);
    buf_c(out, "\nneeds attention:\n");
    print_problems(out, json_object_get(j, "problems"), &words);
    json_array_foreach((json_t *)(uintptr_t)needs, i, v)
    {
        if (i == NEEDS_SHOWN)
            break;
        buf_reset(&words);
        print_text(&words, v);
        print_bullet(out, &words);
    }
    if (json_array_size(needs) > NEEDS_SHOWN)
        buf_printf(out, "- and %zu more: `posthus status --json`\n",
                   json_array_size(needs) - NEEDS_SHOWN);
    buf_done(&words);
}

static void print_counters(struct buf *out, const json_t *processes)
{
    const char *name, *counter;
    json_t *process, *v;

    json_object_foreach((json_t *)(uintptr_t)processes, name, process)
    {
        buf_char(out, '\n');
        render_safe(out, str_c(name), false);
        buf_char(out, '\n');
        json_object_foreach(process, counter, v)
        {
            if (!json_is_integer(v) || strcmp(counter, "pid") == 0 || strcmp(counter, "up_s") == 0)
                continue;
            buf_c(out, "  ");
            buf_printf(out, "%*s",
                       (int)(32 - size_min(31, render_safe(out, str_c(counter), false))), "");
            buf_printf(out, "%lld\n", (long long)json_integer_value(v));
        }
    }
}

void status_print(struct buf *out, const json_t *j, bool counters)
{
    print_head(out, j);
    print_processes(out, json_object_get(j, "processes"));
    buf_char(out, '\n');
    print_waiting(out, json_object_get(j, "waiting"));
    print_refused(out, json_object_get(j, "refused"));
    print_disk(out, json_object_get(j, "disk"));
    if (counters)
        print_counters(out, json_object_get(j, "processes"));
    print_needs(out, j);
}
