/* supervisor/supervisor_setup.c: what each role is given: settings, files, ports, certificates, channels. */
#include "supervisor/supervisor_int.h"

#include "base/limits.h"
#include "base/log.h"
#include "net/listener.h"
#include "proc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BIND_TRIES 20
#define BIND_PAUSE_MS 50

/* A supervisor that was killed leaves processes that hold its ports for some milliseconds more: wait for those a second. */
static bool listen_patiently(const struct net_address *a, int *fd, struct error *err)
{
    for (int i = 0; i < BIND_TRIES; i++) {
        if (net_listen(a, fd, err))
            return true;
        if (err->kind != ERROR_CONFLICT)
            return false;
        poll(NULL, 0, BIND_PAUSE_MS);
    }
    return false;
}

static bool bind_list(struct supervisor *s, const char *service, enum role role, const char *list,
                      struct error *err)
{
    struct net_address a;
    size_t at = 0;

    while (net_address_next(str_c(list), &at, &a, err)) {
        struct listening *l;
        int fd;

        if (!listen_patiently(&a, &fd, err))
            return false;
        l = vec_add(&s->listening);
        *l = (struct listening){service, role, fd};
    }
    return true;
}

/* The path is taken from the data folder, by its descriptor, as the name of a socket may not be long. */
static bool bind_unix(struct supervisor *s, const char *service, enum role role, const char *path,
                      struct error *err)
{
    char whole[4200];
    struct listening *l;
    int fd;

    if (!path[0])
        return true;
    if (path[0] == '/')
        snprintf(whole, sizeof whole, "%s", path);
    else
        snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", datadir_fd(s->data), path);
    if (!net_listen_unix(whole, &fd, err))
        return false;
    l = vec_add(&s->listening);
    *l = (struct listening){service, role, fd};
    return true;
}

/* The setting of a service: "listen-SERVICE" for addresses, "SERVICE-socket" for a path. */
static const char *setting_of(const struct supervisor *s, const char *service, const char *format)
{
    char key[60];
    const char *value;

    snprintf(key, sizeof key, format, service);
    value = config_text(&s->config, key);
    return value ? value : "";
}

static bool bind_service(struct supervisor *s, enum role role, const char *service,
                         struct error *err)
{
    return bind_list(s, service, role, setting_of(s, service, "listen-%s"), err) &&
           bind_unix(s, service, role, setting_of(s, service, "%s-socket"), err);
}

bool supervisor_bind(struct supervisor *s, struct error *err)
{
    for (unsigned number = 0; number < ROLE_COUNT; number++) {
        const struct role_row *row = role_row((enum role)(1U << number));

        for (size_t i = 0; i < ROLE_WORDS_MOST && row->listens[i]; i++)
            if (!bind_service(s, (enum role)(1U << number), row->listens[i], err))
                return false;
    }
    return true;
}

bool supervisor_send_tls(struct supervisor *s, struct child *only, struct error *err)
{
    struct buf cert, key;
    struct msg m = {.type = MSG_SETUP_TLS};
    bool ok;

    buf_init(&cert, 30000);
    buf_init(&key, 30000);
    ok = datadir_read(datadir_path(s->data), s->config.tls_cert, &cert, err) &&
         datadir_read(datadir_path(s->data), s->config.tls_key, &key, err);
    m.setup_tls = (struct msg_setup_tls){buf_view(&cert), buf_view(&key)};
    for (size_t i = 0; ok && i < s->children; i++) {
        struct child *c = &s->child[i];

        if (c->chan && (!only || c == only) && child_is_edge(c))
            chan_send(c->chan, &m);
    }
    buf_done(&cert);
    buf_done_wipe(&key);
    return ok;
}

static void send_config(struct supervisor *s, struct child *c)
{
    struct msg m = {.type = MSG_SETUP_CONFIG, .setup_config = {buf_view(&s->config_text)}};

    chan_send(c->chan, &m);
}

static void send_files(struct supervisor *s, struct child *c)
{
    const struct role_row *row = role_row(c->role);
    struct error err;

    for (size_t i = 0; i < ROLE_FILES_MOST && row->files[i].name; i++) {
        const struct role_file *file = &row->files[i];
        struct msg m = {.type = MSG_SETUP_FILE, .nfds = 1, .setup_file = {str_c(file->name)}};

        m.fd[0] = file->folder ? datadir_folder(s->data, file->path, &err)
                               : datadir_file(s->data, file->path, false, &err);
        if (m.fd[0] < 0) {
            log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s", err.text);
            continue;
        }
        chan_send(c->chan, &m);
        close(m.fd[0]);
    }
}

static void send_listeners(struct supervisor *s, struct child *c)
{
    for (size_t i = 0; i < s->listening.n; i++) {
        struct listening *l = vec_at(&s->listening, i);
        struct msg m = {.type = MSG_SETUP_LISTENER,
                        .nfds = 1,
                        .fd = {l->fd},
                        .setup_listener = {str_c(l->service)}};

        if (l->role == c->role)
            chan_send(c->chan, &m);
    }
}

void supervisor_set_up(struct supervisor *s, struct child *c)
{
    struct msg go = {.type = MSG_SETUP_GO};
    struct error err;

    send_config(s, c);
    send_files(s, c);
    if (child_is_edge(c))
        supervisor_share(s, c);
    send_listeners(s, c);
    if (child_is_edge(c) && !supervisor_send_tls(s, c, &err))
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s", err.text);
    if (c->role == ROLE_ACCOUNTS) {
        accounts_adopt(c);
        return;
    }
    c->state = CHILD_SET_UP;
    peers_join_all(s, c);
    chan_send(c->chan, &go);
}

/* The settings in force, for every process, also one that starts later: those that need a new start
 * are as they were at ours. */
void supervisor_print_config(struct supervisor *s)
{
    buf_done(&s->config_text);
    buf_init(&s->config_text, LIMIT_CONFIG_TEXT);
    config_print(&s->config, &s->config_text);
}

bool supervisor_read_config(struct supervisor *s, struct error *err)
{
    struct buf text;
    bool ok;

    buf_init(&text, LIMIT_CONFIG_TEXT);
    ok = datadir_config(datadir_path(s->data), &s->config, &text, err);
    buf_done(&text);
    if (ok)
        supervisor_print_config(s);
    return ok &&
           (!s->config_text.overflow || error_set(err, ERROR_LIMIT, "posthus.conf is too large"));
}

static void note_later(const struct supervisor *s, const struct config *fresh, struct buf *later)
{
    config_print_changed(&s->config, fresh, later);
    if (later->n)
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "these settings take effect at the next start: %.*s",
                 STR_ARG(buf_view(later)));
}

static bool reload_settings(struct supervisor *s, struct buf *later, struct error *err)
{
    struct config fresh;
    struct error why = {0};
    struct buf text;
    bool ok;

    config_init(&fresh);
    buf_init(&text, LIMIT_CONFIG_TEXT);
    ok = datadir_config(datadir_path(s->data), &fresh, &text, &why);
    buf_done(&text);
    if (!ok) {
        config_done(&fresh);
        return error_set(err, why.kind, "%s; the old settings stay", why.text);
    }
    supervisor_fit(&fresh, s->files);
    note_later(s, &fresh, later);
    config_keep_start(&fresh, &s->config);
    config_done(&s->config);
    s->config = fresh;
    supervisor_print_config(s);
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].chan)
            send_config(s, &s->child[i]);
    return true;
}

static bool reload_tls(struct supervisor *s, struct error *err)
{
    struct error why = {0};

    return supervisor_send_tls(s, NULL, &why) ||
           error_set(err, why.kind, "%s; the old certificate stays", why.text);
}

bool supervisor_reload(struct supervisor *s, struct buf *later, struct error *err)
{
    bool settings, ok;

    if (!supervisor_logs_open(s, err)) /* so that it can be rotated, whatever else is wrong */
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s", err->text);
    settings = reload_settings(s, later, err);
    ok = settings && reload_tls(s, err);
    if (!ok)
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s", err->text);
    if (settings)
        log_text(LOG_SERVER_RELOAD, STR_NULL, "%s",
                 ok ? "settings and certificates were read again" : "settings were read again");
    return ok;
}
