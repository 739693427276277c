/* main/logview.c: log, trace: reading the log file, which belongs to the operator. */
#include "main/main.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 4 /* time role id event, then key=value */

struct filter {
    const char *role, *event, *id;
    bool json;
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

static void print_json_string(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = str_sub(s, 1, s.n - 2);
    putchar('"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            putchar('\\');
        putchar(s.p[i]);
    }
    putchar('"');
}

static void print_json(const struct str column[COLUMNS], struct str rest)
{
    static const char *const names[COLUMNS] = {"time", "role", "id", "event"};

    for (size_t i = 0; i < COLUMNS; i++) {
        printf("%s\"%s\": ", i ? ", " : "{", names[i]);
        print_json_string(column[i]);
    }
    while (rest.n) {
        struct str word = next_word(&rest), key, value;

        if (!str_cut(word, '=', &key, &value))
            continue;
        printf(", ");
        print_json_string(key);
        printf(": ");
        print_json_string(value);
    }
    puts("}");
}

static bool matches(const struct filter *f, const struct str column[COLUMNS])
{
    return (!f->role || str_equal(column[1], str_c(f->role))) &&
           (!f->event || str_equal(column[3], str_c(f->event))) &&
           (!f->id || str_equal(column[2], str_c(f->id)));
}

/* Prints the line when it fits; true then. */
static bool print_line(const struct filter *f, struct str line)
{
    struct str rest = line, column[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        column[i] = next_word(&rest);
    if (!matches(f, column))
        return false;
    if (f->json)
        print_json(column, rest);
    else
        printf("%.*s\n", STR_ARG(line));
    return true;
}

/* Lines of the log from here on; with follow for ever. Only the last `most` that fit are printed when it is not 0. */
static void read_log(FILE *log, const struct filter *f, size_t most, bool follow, size_t *printed)
{
    char *line = NULL;
    size_t cap = 0, fit = 0, skip = 0;
    ssize_t n;

    if (most) { /* count first, then print the last ones */
        struct filter quiet = *f;

        while ((n = getline(&line, &cap, log)) > 0) {
            struct str rest = str_trim(str_of(line, (size_t)n)), column[COLUMNS];

            for (size_t i = 0; i < COLUMNS; i++)
                column[i] = next_word(&rest);
            fit += matches(&quiet, column);
        }
        skip = fit > most ? fit - most : 0;
        rewind(log);
    }
    for (;;) {
        while ((n = getline(&line, &cap, log)) > 0) {
            struct str s = str_trim(str_of(line, (size_t)n)), rest = s, column[COLUMNS];

            for (size_t i = 0; i < COLUMNS; i++)
                column[i] = next_word(&rest);
            if (!matches(f, column))
                continue;
            if (skip) {
                skip--;
                continue;
            }
            *printed += print_line(f, s);
        }
        if (!follow)
            break;
        fflush(stdout);
        usleep(200000);
        clearerr(log);
    }
    free(line);
}

int command_log(const struct options *o, int argc, char **argv)
{
    bool trace = strcmp(argv[0], "trace") == 0, follow;
    struct filter f = {.json = o->json};
    const char *lines = command_option(argc, argv, "--lines", NULL);
    uint64_t most = trace ? 0 : 100;
    size_t printed = 0;
    char path[4200];
    FILE *log;

    if (trace && argc != 2)
        return command_failed("usage: posthus trace ID (the id of a session, as in the log or in "
                              "the 250 answer)") +
               1;
    f.id = trace ? argv[1] : NULL;
    f.role = command_option(argc, argv, "--role", NULL);
    f.event = command_option(argc, argv, "--event", NULL);
    command_option(argc, argv, "-f", &follow);
    if (lines && !str_to_u64(str_c(lines), 100000000, &most))
        return command_failed("--lines wants a number") + 1;
    snprintf(path, sizeof path, "%s/log/posthus.log", o->data);
    log = fopen(path, "re");
    if (!log)
        return command_failed("cannot read %s: %s", path, strerror(errno));
    read_log(log, &f, (size_t)most, follow, &printed);
    fclose(log);
    if (trace && !printed)
        return command_failed("the log has no line of \"%s\"", argv[1]);
    return 0;
}
