/* main/main.c: `posthus`: the daemon's roles and the command line. */
#include "main/main.h"

#include "base/base.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Posthus " POSTHUS_VERSION ": mail on your own server\n"
    "\n"
    "  posthus init [--hostname NAME] [--set KEY=VALUE]...   make a data folder\n"
    "  posthus serve [--ready-fd N]                          serve until SIGTERM\n"
    "  posthus status                                        what runs, and its counters\n"
    "  posthus reload                                        read settings and certificates again "
    "(as SIGHUP)\n"
    "\n"
    "  posthus domain add NAME | list\n"
    "  posthus account add ADDRESS [--quota BYTES] [--app-password] [--many N, ADDRESS as "
    "user%04d@example.org]\n"
    "  posthus account list | show ADDRESS | remove ADDRESS | check ADDRESS [--repair]\n"
    "  posthus account set ADDRESS [--quota BYTES] [--subaddress-folders yes|no]\n"
    "  posthus account password ADDRESS\n"
    "  posthus account app-password ADDRESS --name NAME [--scope \"imap ...\"] [--read-only] "
    "[--days N]\n"
    "  posthus alias add ALIAS ADDRESS | remove ALIAS | list\n"
    "  posthus audit verify                                  is the audit log unchanged?\n"
    "\n"
    "  posthus log [-f] [--role NAME] [--event NAME] [--lines N]\n"
    "  posthus trace ID                                      one session or message through all "
    "processes\n"
    "  posthus config check | show [--sample | --man | --fingerprint]\n"
    "\n"
    "Everywhere: --data DIR (else $POSTHUS_DATA, else /var/lib/posthus), --json.\n"
    "A password is made and shown once; --password-stdin reads one from standard input instead.\n";

int command_failed(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("posthus: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return 1;
}

const char *command_option(int argc, char **argv, const char *name, bool *flag)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        if (flag)
            *flag = true;
        return i + 1 < argc ? argv[i + 1] : NULL;
    }
    if (flag)
        *flag = false;
    return NULL;
}

/* Takes --data DIR, --json and --password-stdin out of argv wherever they stand. */
static bool take_options(struct options *o, int *argc, char **argv)
{
    int n = 0;

    o->data = getenv("POSTHUS_DATA");
    if (!o->data)
        o->data = "/var/lib/posthus";
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--password-stdin") == 0) {
            o->password_stdin = true;
        } else if (strcmp(argv[i], "--data") == 0) {
            if (++i == *argc)
                return false;
            o->data = argv[i];
        } else {
            argv[n++] = argv[i];
        }
    }
    argv[n] = NULL;
    *argc = n;
    return true;
}

static int run(const struct options *o, int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*fn)(const struct options *o, int argc, char **argv);
    } table[] = {
        {"init", command_init},      {"serve", command_serve},    {"status", command_control},
        {"reload", command_control}, {"domain", command_control}, {"account", command_control},
        {"alias", command_control},  {"audit", command_control},  {"config", command_config},
        {"log", command_log},        {"trace", command_log},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(argv[0], table[i].word) == 0)
            return table[i].fn(o, argc, argv);
    fprintf(stderr, "posthus: there is no command \"%s\"; `posthus help` lists them\n", argv[0]);
    return 2;
}

int main(int argc, char **argv)
{
    struct options o = {0};

    if (argc >= 3 && strcmp(argv[1], "role") == 0) /* started by the supervisor */
        return command_role(argc - 1, argv + 1);
    argc--;
    argv++;
    if (!take_options(&o, &argc, argv))
        return command_failed("--data wants a folder") + 1;
    if (argc == 0 || strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0) {
        fputs(usage, argc ? stdout : stderr);
        return argc ? 0 : 2;
    }
    if (strcmp(argv[0], "version") == 0 || strcmp(argv[0], "--version") == 0) {
        puts("posthus " POSTHUS_VERSION);
        return 0;
    }
    return run(&o, argc, argv);
}
