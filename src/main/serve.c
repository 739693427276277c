/* main/serve.c: init, serve, and the roles that the supervisor executes. */
#include "main/main.h"

#include "account/account.h"
#include "base/buf.h"
#include "base/limits.h"
#include "directory/directory.h"
#include "edge/edge.h"
#include "intake/intake.h"
#include "keys/keys.h"
#include "supervisor/datadir.h"
#include "proc/roles.h"
#include "supervisor/supervisor.h"
#include "relay/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every role that the supervisor starts has its name_main, which never returns. */
static const struct {
    enum role role;
    void (*main)(unsigned instance);
} roles[] = {
#define ROLE(number, NAME, name, text, what, ...) {ROLE_##NAME, name##_main},
    ROLES_STARTED(ROLE)
#undef ROLE
};

int command_role(int argc, char **argv)
{
    unsigned role = role_find(argv[1]);
    uint64_t instance = 0;

    if (argc > 2 && !str_to_u64(str_c(argv[2]), 1000, &instance))
        return 2;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (roles[i].role == role)
            roles[i].main((unsigned)instance);
    return command_failed("there is no role \"%s\"", argv[1]);
}

int command_serve(const struct options *o, int argc, char **argv)
{
    const char *fd = command_option(argc, argv, "--ready-fd", NULL);
    uint64_t n = 0;

    if (fd && !str_to_u64(str_c(fd), 1000, &n))
        return command_failed("--ready-fd wants a descriptor's number") + 1;
    supervisor_main(o->data, fd ? (int)n : -1);
}

/* --set KEY=VALUE ... as lines of the settings, checked before anything is made. The hostname stands on a line of its own: it is
 * kept apart. */
static bool collect_settings(int argc, char **argv, struct buf *out, struct buf *hostname,
                             struct error *err)
{
    struct config c;
    bool ok;

    for (int i = 1; i + 1 < argc; i++) {
        struct str key = STR_NULL, value = STR_NULL;

        if (strcmp(argv[i], "--set") != 0)
            continue;
        if (str_cut(str_c(argv[++i]), '=', &key, &value) &&
            str_equal(str_trim(key), STR("hostname"))) {
            buf_reset(hostname);
            buf_str(hostname, str_trim(value));
        } else {
            buf_printf(out, "%s\n", argv[i]);
        }
    }
    config_init(&c);
    ok = config_parse(&c, buf_view(out), err);
    config_done(&c);
    return ok;
}

int command_init(const struct options *o, int argc, char **argv)
{
    const char *hostname = command_option(argc, argv, "--hostname", NULL);
    struct buf settings, name;
    struct error err = {0};
    bool ok;

    buf_init(&settings, LIMIT_CONFIG_FILE);
    buf_init(&name, LIMIT_SMTP_DOMAIN);
    buf_c(&name, hostname ? hostname : "localhost");
    ok = collect_settings(argc, argv, &settings, &name, &err) &&
         datadir_init(o->data, buf_view(&name), buf_view(&settings), &err);
    buf_done(&settings);
    buf_done(&name);
    if (!ok)
        return command_failed("%s", err.text);
    if (o->json)
        printf("{\"data\": \"%s\"}\n", o->data);
    else
        printf("%s is ready; `posthus serve --data %s` serves it\n", o->data, o->data);
    return 0;
}
