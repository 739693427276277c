/* supervisor/supervisor_setup.c: what each role is given: settings, files, ports, certificates, channels. */
#include "supervisor/supervisor_int.h"

#include "base/log.h"
#include "net/listener.h"
#include "proc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static const struct {
    unsigned role;
    const char *name, *path;
    bool folder;
} files[] = {
    {ROLE_DIRECTORY, "db", "directory/db", false},
    {ROLE_DIRECTORY, "wal", "directory/wal", false},
    {ROLE_KEYS, "db", "keys/db", false},
    {ROLE_KEYS, "wal", "keys/wal", false},
    {ROLE_KEYS, "server-key", "keys/server.key", false},
    {ROLE_RELAY, "db", "queue/db", false},
    {ROLE_RELAY, "wal", "queue/wal", false},
    {ROLE_RELAY, "large", "queue/large", true},
    {ROLE_ACCOUNTS, "accounts", "accounts", true},
};

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

bool supervisor_bind(struct supervisor *s, struct error *err)
{
    return bind_list(s, "smtp", ROLE_EDGE_SMTP, s->config.listen_smtp, err) &&
           bind_list(s, "smtp-proxy", ROLE_EDGE_SMTP, s->config.listen_smtp_proxy, err) &&
           bind_list(s, "lmtp", ROLE_EDGE_SMTP, s->config.listen_lmtp, err) &&
           bind_unix(s, "lmtp", ROLE_EDGE_SMTP, s->config.lmtp_socket, err) &&
           bind_list(s, "imaps", ROLE_EDGE_MAIL, s->config.listen_imaps, err) &&
           bind_list(s, "imap", ROLE_EDGE_MAIL, s->config.listen_imap, err);
}

bool supervisor_open_log(struct supervisor *s, struct error *err)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/log/posthus.log", datadir_path(s->data));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, ERROR_DISK, "cannot open %s: %s", path, strerror(errno));
    base_close_fd(&s->log_file);
    s->log_file = fd;
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

        if (c->chan && (!only || c == only) && msg_allowed(m.type, ROLE_SUPERVISOR, c->role))
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
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct msg m = {.type = MSG_SETUP_FILE, .nfds = 1, .setup_file = {str_c(files[i].name)}};

        if (files[i].role != c->role)
            continue;
        m.fd[0] = files[i].folder ? datadir_folder(s->data, files[i].path, &err)
                                  : datadir_file(s->data, files[i].path, false, &err);
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

static void join(struct child *a, struct child *b)
{
    struct msg m = {.type = MSG_SETUP_PEER, .nfds = 1};
    int fd[2];

    chan_pair(fd, true);
    m.setup_peer = (struct msg_setup_peer){b->role, b->instance};
    m.fd[0] = fd[0];
    chan_send(a->chan, &m);
    m.setup_peer = (struct msg_setup_peer){a->role, a->instance};
    m.fd[0] = fd[1];
    chan_send(b->chan, &m);
    close(fd[0]);
    close(fd[1]);
}

static void send_handed(struct supervisor *s, struct child *c)
{
    for (size_t i = 0; i < s->handed.n; i++) {
        struct handed *h = vec_at(&s->handed, i);
        struct msg m = {.type = MSG_ACCOUNTS_CHILD,
                        .nfds = 1,
                        .fd = {h->fd},
                        .accounts_child = {h->account, h->pid, h->started}};

        chan_send(c->chan, &m);
        close(h->fd);
    }
    vec_reset(&s->handed);
}

void supervisor_set_up(struct supervisor *s, struct child *c)
{
    struct msg m = {.type = MSG_SETUP_GO};
    struct error err;

    send_config(s, c);
    send_files(s, c);
    send_listeners(s, c);
    if (!supervisor_send_tls(s, c, &err))
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s", err.text);
    if (c->role == ROLE_ACCOUNTS)
        send_handed(s, c);
    for (size_t i = 0; i < s->children; i++) {
        struct child *other = &s->child[i];

        if (other != c && other->chan && other->set_up && (role_peers(c->role) & other->role))
            join(c, other);
    }
    chan_send(c->chan, &m);
    c->set_up = true;
}

void supervisor_reload(struct supervisor *s)
{
    struct config fresh;
    struct buf text, changed;
    struct error err = {0};

    config_init(&fresh);
    buf_init(&text, 60000);
    buf_init(&changed, 4000);
    if (!datadir_config(datadir_path(s->data), &fresh, &text, &err)) {
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s; the old settings stay", err.text);
        config_done(&fresh);
        buf_done(&text);
        return;
    }
    config_print_changed(&s->config, &fresh, &changed);
    if (changed.n)
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "these settings need a new start: %.*s",
                 STR_ARG(buf_view(&changed)));
    config_done(&s->config);
    buf_done(&s->config_text);
    s->config = fresh;
    s->config_text = text;
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].chan)
            send_config(s, &s->child[i]);
    if (!supervisor_send_tls(s, NULL, &err))
        log_text(LOG_CONFIG_PROBLEM, STR_NULL, "%s; the old certificate stays", err.text);
    if (!supervisor_open_log(s, &err)) /* so that it can be rotated */
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "%s", err.text);
    log_text(LOG_SERVER_RELOAD, STR_NULL, "settings and certificates were read again");
    buf_done(&changed);
}
