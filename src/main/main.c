/* main/main.c: `posthus`: the command line. Its words are read by the table of commands (admin/commands.h); what the table
 * gives to the command line is done here, the rest is asked of the running server. */
#include "main/main.h"

#include "admin/line.h"
#include "admin/usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "/var/lib/posthus"
#define ARENA_MOST (16 << 20)

static void print_complaint(const char *fmt, va_list ap)
{
    char words[2000];
    struct buf safe;

    vsnprintf(words, sizeof words, fmt, ap);
    buf_init(&safe, 10000);
    render_safe(&safe, str_c(words), false);
    fflush(stdout); /* so that both stand in their order where they go to one place */
    fprintf(stderr, "posthus: %.*s\n", STR_ARG(buf_view(&safe)));
    buf_done(&safe);
}

int command_failed(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_complaint(fmt, ap);
    va_end(ap);
    return 1;
}

int command_misused(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_complaint(fmt, ap);
    va_end(ap);
    return 2;
}

int command_end(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return command_failed("the answer cannot be written: %s", strerror(errno));
}

int command_print(struct str text)
{
    fwrite(text.p, 1, text.n, stdout);
    return command_end(0);
}

/* ---- what the command line knows by itself ---- */

static int print_generated(void (*print)(struct buf *out))
{
    struct buf out;
    int status;

    buf_init(&out, ADMIN_USAGE_MOST);
    print(&out);
    status = command_print(buf_view(&out));
    buf_done(&out);
    return status;
}

static int print_help_of(struct str noun, const struct admin_command *command)
{
    struct buf out;
    int status;

    buf_init(&out, ADMIN_USAGE_MOST);
    if (command)
        admin_usage_print_command(&out, command);
    else
        admin_usage_print_all(&out, noun);
    status = command_print(buf_view(&out));
    buf_done(&out);
    return status;
}

static int help_is_unknown(const struct admin_takes_help *a)
{
    size_t at = 0;
    bool noun = admin_each_verb(a->noun.text, &at) || admin_find(a->noun.text, STR_NULL);
    const char *near =
        noun ? admin_nearest_verb(a->noun.text, a->verb.text) : admin_nearest_noun(a->noun.text);

    return command_misused("there is no command \"%.*s%s%.*s\"%s%s%s", STR_ARG(a->noun.text),
                           a->verb.given ? " " : "", STR_ARG(a->verb.text),
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int command_help(const struct options *o, const struct admin_call *call)
{
    const struct admin_takes_help *a = &call->help;
    const struct admin_command *command = admin_find(a->noun.text, a->verb.text);
    size_t at = 0;

    if (a->man.given)
        return print_generated(admin_usage_print_man);
    if (o->json)
        return print_generated(admin_usage_print_schema);
    if (!a->noun.given || command)
        return print_help_of(STR_NULL, command);
    if (!a->verb.given && admin_each_verb(a->noun.text, &at))
        return print_help_of(a->noun.text, NULL);
    return help_is_unknown(a);
}

static int command_schema(const struct options *o, const struct admin_call *call)
{
    (void)o, (void)call;
    return print_generated(admin_usage_print_schema);
}

static int command_completion(const struct options *o, const struct admin_call *call)
{
    (void)o, (void)call; /* bash is the one shell of the table */
    return print_generated(admin_usage_print_bash);
}

static int command_version(const struct options *o, const struct admin_call *call)
{
    (void)call;
    return command_print(o->json ? STR("{\"version\": \"" POSTHUS_VERSION "\"}\n")
                                 : STR("posthus " POSTHUS_VERSION "\n"));
}

/* ---- which it is ---- */

static int run_command(const struct options *o, const struct admin_call *call)
{
    static int (*const functions[ADMIN_COUNT])(const struct options *,
                                               const struct admin_call *) = {
        [ADMIN_INIT] = command_init,
        [ADMIN_SERVE] = command_serve,
        [ADMIN_LOG] = command_log,
        [ADMIN_TRACE] = command_trace,
        [ADMIN_CONFIG_CHECK] = command_config_check,
        [ADMIN_CONFIG_SHOW] = command_config_show,
        [ADMIN_COMPLETION] = command_completion,
        [ADMIN_SCHEMA] = command_schema,
        [ADMIN_VERSION] = command_version,
        [ADMIN_HELP] = command_help,
    };

    if (call->command->by != ADMIN_BY_COMMAND_LINE)
        return command_control(o, call);
    if (!functions[admin_number(call->command)])
        panic("nobody carries out %s", call->command->name);
    return functions[admin_number(call->command)](o, call);
}

static const char *choose_data(const struct admin_line *line, struct arena *arena)
{
    const char *env = getenv("POSTHUS_DATA");

    if (line->everywhere.data.given)
        return arena_str(arena, line->everywhere.data.text).p;
    return env ? env : DATA;
}

static int parse_and_run(const struct str *words, size_t n, struct arena *arena)
{
    struct admin_line line;
    struct error err = {0};
    struct options o;

    if (!admin_line_parse(&line, words, n, arena, &err))
        return command_misused("%s", err.text);
    if (line.everywhere.help.yes)
        return print_help_of(line.noun, line.call.command);
    o = (struct options){choose_data(&line, arena), line.everywhere.json.yes};
    return run_command(&o, &line.call);
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct str *words;
    int status;

    if (argc >= 3 && strcmp(argv[1], "role") == 0) /* started by the supervisor */
        return command_role(argc - 1, argv + 1);
    arena_init(&arena, ARENA_MOST);
    words = arena_array(&arena, (size_t)argc, sizeof *words);
    if (!words)
        return command_misused("too many words");
    for (int i = 1; i < argc; i++)
        words[i - 1] = str_c(argv[i]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        words[0] = STR("version");
    status = parse_and_run(words, argc > 1 ? (size_t)argc - 1 : 0, &arena);
    arena_done(&arena);
    return status;
}
