/* main/serve.c: init, serve, and the roles that the supervisor executes. */
#include "main/main.h"

#include "account/account.h"
#include "admin/json.h"
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

int command_serve(const struct options *o, const struct admin_call *call)
{
    const struct admin_value *fd = &call->serve.ready_fd;

    supervisor_main(o->data, fd->given ? (int)fd->number : -1);
}

/* One --set KEY=VALUE, as a line of the settings. The hostname stands on a line of its own: it is kept apart. */
static bool add_setting(struct str line, struct buf *out, struct buf *hostname, struct error *err)
{
    struct error why = {0};
    struct config c;
    struct str key = STR_NULL, value = STR_NULL;
    bool ok;

    config_init(&c);
    ok = config_parse(&c, line, &why);
    config_done(&c);
    if (!ok)
        return error_set(err, why.kind, "--set %.*s: %s", STR_ARG(str_sub(line, 0, 100)),
                         why.text + strlen("line 1: "));
    if (str_cut(line, '=', &key, &value) && str_equal(str_trim(key), STR("hostname"))) {
        buf_reset(hostname);
        buf_str(hostname, str_trim(value));
    } else {
        buf_printf(out, "%.*s\n", STR_ARG(line));
    }
    return true;
}

/* All --set, checked before anything is made: each by itself, then together, as none may stand twice. */
static bool collect_settings(const struct admin_value *set, struct buf *out, struct buf *hostname,
                             struct error *err)
{
    struct config c;
    bool ok = true;

    for (size_t i = 0; ok && i < set->all_n; i++)
        ok = add_setting(set->all[i], out, hostname, err);
    config_init(&c);
    ok = ok && config_parse(&c, buf_view(out), err);
    config_done(&c);
    return ok;
}

static int print_made(const struct options *o)
{
    struct admin_json j;
    struct buf out;
    int status;

    buf_init(&out, 20000);
    if (o->json) {
        admin_json_init(&j, &out, true);
        admin_json_open(&j, NULL, '{');
        admin_json_c(&j, "data", o->data);
        admin_json_close(&j);
        buf_char(&out, '\n');
    } else {
        buf_printf(&out, "%s is ready; `posthus serve --data %s` serves it\n", o->data, o->data);
    }
    status = command_print(buf_view(&out));
    buf_done(&out);
    return status;
}

int command_init(const struct options *o, const struct admin_call *call)
{
    struct buf settings, name;
    struct error err = {0};
    int status = 0;

    buf_init(&settings, LIMIT_CONFIG_FILE);
    buf_init(&name, LIMIT_SMTP_DOMAIN);
    buf_str(&name, call->init.hostname.text);
    if (!collect_settings(&call->init.set, &settings, &name, &err))
        status = command_misused("%s", err.text);
    else if (!datadir_init(o->data, buf_view(&name), buf_view(&settings), &err))
        status = command_failed("%s", err.text);
    buf_done(&settings);
    buf_done(&name);
    return status ? status : print_made(o);
}
