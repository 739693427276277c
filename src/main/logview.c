/* main/logview.c: log, trace: reading the log file, which belongs to the operator. */
#include "main/main.h"

#include "admin/json.h"
#include "base/log.h"
#include "proc/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 4 /* time role id event, then key=value */
#define FOLLOW_PAUSE_US 200000

struct log_filter {
    struct str role, event, id; /* empty: any */
    bool json, follow;
    uint64_t most; /* the last lines that fit, 0: all */
    size_t printed;
};

/* The next word of a line; quotes keep spaces together. */
static struct str next_word(struct str *line)
{
    struct str rest = *line, word;
    bool quoted = false;
    size_t n = 0;

    while (rest.n && rest.p[0] == ' ')
        rest = str_skip(rest, 1);
    while (n < rest.n && (quoted || rest.p[n] != ' ')) {
        if (rest.p[n] == '"')
            quoted = !quoted;
        n++;
    }
    word = str_sub(rest, 0, n);
    *line = str_skip(rest, n);
    return word;
}

static struct str without_quotes(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return str_sub(s, 1, s.n - 2);
    return s;
}

/* A key that stands twice, or is one of the columns, is printed once. */
static void print_pairs(struct admin_json *j, struct str rest)
{
    char name[100], before[1000] = " time role id event ";

    while (rest.n) {
        struct str word = next_word(&rest), key, value;
        size_t used = strlen(before);

        if (!str_cut(word, '=', &key, &value) || key.n >= sizeof name - 2)
            continue;
        snprintf(name, sizeof name, " %.*s ", STR_ARG(key));
        if (strstr(before, name) || used + key.n + 2 > sizeof before)
            continue;
        snprintf(before + used, sizeof before - used, "%.*s ", STR_ARG(key));
        snprintf(name, sizeof name, "%.*s", STR_ARG(key));
        admin_json_text(j, name, without_quotes(value));
    }
}

static void print_json_line(struct buf *out, const struct str column[COLUMNS], struct str rest)
{
    static const char *const names[COLUMNS] = {"time", "role", "id", "event"};
    struct admin_json j;

    admin_json_init(&j, out, false);
    admin_json_open(&j, NULL, '{');
    for (size_t i = 0; i < COLUMNS; i++)
        admin_json_text(&j, names[i], without_quotes(column[i]));
    print_pairs(&j, rest);
    admin_json_close(&j);
}

/* Cuts a line into its columns and what follows them; false when the filter leaves it out. */
static bool cut_line(const struct log_filter *f, struct str line, struct str column[COLUMNS],
                     struct str *rest)
{
    *rest = line;
    for (size_t i = 0; i < COLUMNS; i++)
        column[i] = next_word(rest);
    return (!f->role.n || str_equal(column[1], f->role)) &&
           (!f->event.n || str_equal(column[3], f->event)) &&
           (!f->id.n || str_equal(column[2], f->id));
}

static void print_line(struct log_filter *f, struct str line, const struct str column[COLUMNS],
                       struct str rest)
{
    struct buf out;

    buf_init(&out, 20 * LOG_LINE_MAX);
    if (f->json)
        print_json_line(&out, column, rest);
    else
        render_safe(&out, line, false);
    buf_char(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    buf_done(&out);
    f->printed++;
}

/* From here to the end; the first `skip` lines that fit are left out. Returns how many fit. */
static size_t read_lines(FILE *log, struct log_filter *f, size_t skip, bool print)
{
    char *line = NULL;
    size_t cap = 0, fit = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, log)) > 0) {
        struct str s = str_trim(str_of(line, (size_t)n)), rest, column[COLUMNS];

        if (!cut_line(f, s, column, &rest))
            continue;
        fit++;
        if (print && fit > skip)
            print_line(f, s, column, rest);
    }
    free(line);
    return fit;
}

static void read_log(FILE *log, struct log_filter *f)
{
    size_t skip = 0;

    if (f->most) { /* count first, then print the last ones */
        size_t fit = read_lines(log, f, 0, false);

        skip = fit > f->most ? fit - (size_t)f->most : 0;
        rewind(log);
    }
    read_lines(log, f, skip, true);
    while (f->follow && fflush(stdout) == 0) {
        usleep(FOLLOW_PAUSE_US);
        clearerr(log);
        read_lines(log, f, 0, true);
    }
}

static int show_log(const struct options *o, struct log_filter *f)
{
    char path[4200];
    FILE *log;

    snprintf(path, sizeof path, "%s/log/posthus.log", o->data);
    log = fopen(path, "re");
    if (!log)
        return command_failed("cannot read %s: %s", path, strerror(errno));
    read_log(log, f);
    fclose(log);
    return command_end(0);
}

/* ---- names that the filters may have ---- */

static const char *next_role(const void *arg, size_t *at)
{
    (void)arg;
    return *at < ROLE_COUNT ? role_name((enum role)(1 << (*at)++)) : NULL;
}

static const char *next_event(const void *arg, size_t *at)
{
    static const char *const names[] = {
#define EVENT(constant, name, level, whose, help) name,
        LOG_EVENTS(EVENT)
#undef EVENT
    };

    (void)arg;
    return *at < ARRAY_LEN(names) ? names[(*at)++] : NULL;
}

static bool is_known(struct str word, const char *(*next)(const void *arg, size_t *at))
{
    const char *one;
    size_t at = 0;

    while ((one = next(NULL, &at)))
        if (str_equal(word, str_c(one)))
            return true;
    return !word.n;
}

static int name_is_unknown(const char *what, struct str word,
                           const char *(*next)(const void *arg, size_t *at))
{
    const char *near = admin_nearest(word, next, NULL);

    return command_misused("there is no %s \"%.*s\"%s%s%s", what, STR_ARG(word),
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

int command_log(const struct options *o, const struct admin_call *call)
{
    const struct admin_takes_log *a = &call->log;
    struct log_filter f = {.role = a->role.text,
                           .event = a->event.text,
                           .json = o->json,
                           .follow = a->follow.given,
                           .most = a->lines.number};

    if (!is_known(f.role, next_role))
        return name_is_unknown("role", f.role, next_role);
    if (!is_known(f.event, next_event))
        return name_is_unknown("event", f.event, next_event);
    return show_log(o, &f);
}

int command_trace(const struct options *o, const struct admin_call *call)
{
    struct log_filter f = {.id = call->trace.id.text, .json = o->json};
    int status = show_log(o, &f);

    if (status == 0 && !f.printed)
        return command_failed("the log has no line about \"%.*s\"", STR_ARG(f.id));
    return status;
}
