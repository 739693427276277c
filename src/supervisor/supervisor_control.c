/* supervisor/supervisor_control.c: the control socket of the command line.
 *
 * A Unix socket of the operator's user in the data folder, framed like every channel. `status` and `reload` are the
 * supervisor's own; everything else goes to the directory, whose answer (in parts, where it is long) comes back. */
#include "supervisor/supervisor_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MOST 64
#define NO_DIRECTORY STR("{\"error\": \"the directory does not answer; try again in a moment\"}")
#define CALL_MS 600000 /* `account check` of a large account */

struct client {
    struct client *next;
    struct supervisor *s;
    struct chan *chan; /* NULL: gone, the answer is dropped */
    unsigned asked;    /* answers that are still to come */
};

struct call_of {
    struct client *client;
    uint64_t id;   /* the client's */
    uint64_t ours; /* in calls */
    struct call_of *next;
};

struct gathering { /* status: one answer from every process */
    struct client *client;
    uint64_t id;
    json_t *out;
    unsigned left;
};

struct control {
    struct event *ev;
    int fd;
    struct client *clients;
    struct call_of *calls;
    unsigned open;
    char path[108];
};

static void reply(struct client *c, uint64_t id, uint64_t kind, bool more, struct str text)
{
    struct msg m = {.type = MSG_CONTROL_REPLY, .control_reply = {id, kind, more, text}};

    if (c->chan)
        chan_send(c->chan, &m);
}

static void free_if_done(struct client *c)
{
    struct client **at = &c->s->control->clients;

    if (c->chan || c->asked)
        return;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->s->control->open--;
    mem_free(c);
}

static void reply_json(struct client *c, uint64_t id, uint64_t kind, json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    struct str rest = str_c(text);

    do { /* in parts that fit into a message */
        struct str part = str_sub(rest, 0, 60000);

        rest = str_skip(rest, part.n);
        reply(c, id, kind, rest.n > 0, part);
    } while (rest.n);
    free(text);
    json_decref(j);
}

/* ---- status ---- */

static void finish_status(struct gathering *g)
{
    struct client *c = g->client;

    if (--g->left)
        return;
    reply_json(c, g->id, ERROR_NONE, g->out);
    c->asked--;
    free_if_done(c);
    mem_free(g);
}

struct one_status {
    struct gathering *g;
    char name[40];
};

static void on_status(void *arg, struct msg *m)
{
    struct one_status *one = arg;
    json_t *roles = json_object_get(one->g->out, "processes");
    json_t *role = json_object_get(roles, one->name);

    for (size_t i = 0; m && role && i < m->status_tell.counters.n; i++) {
        struct str key, value;
        uint64_t n;

        if (str_cut(m->status_tell.counters.v[i], '=', &key, &value) &&
            str_to_u64(value, INT64_MAX, &n)) {
            char *k = str_dup_c(key);

            json_object_set_new(role, k, json_integer((json_int_t)n));
            mem_free(k);
        }
    }
    if (!m && role)
        json_object_set_new(role, "answers", json_false());
    finish_status(one->g);
    mem_free(one);
}

static const char *state_name(enum supervisor_state state)
{
    return state == SUPERVISOR_SERVING    ? "serving"
           : state == SUPERVISOR_STARTING ? "starting"
                                          : "stopping";
}

static void ask_status(struct client *c, uint64_t id)
{
    struct supervisor *s = c->s;
    struct gathering *g = mem_zalloc(sizeof *g);
    json_t *roles = json_object();

    *g = (struct gathering){.client = c, .id = id, .out = json_object(), .left = 1};
    json_object_set_new(g->out, "version", json_string(POSTHUS_VERSION));
    json_object_set_new(g->out, "state", json_string(state_name(s->state)));
    json_object_set_new(g->out, "uptime_s",
                        json_integer((clock_boot_us() - s->begun_us) / 1000000));
    json_object_set_new(g->out, "processes", roles);
    c->asked++;
    for (size_t i = 0; i < s->children; i++) {
        struct child *k = &s->child[i];
        struct one_status *one = mem_zalloc(sizeof *one);
        struct msg m = {.type = MSG_STATUS_ASK, .status_ask = {calls_next_id(s->calls)}};
        json_t *role = json_object();

        snprintf(one->name, sizeof one->name, k->instance ? "%s-%u" : "%s", role_name(k->role),
                 k->instance);
        one->g = g;
        json_object_set_new(role, "pid", json_integer(k->pid));
        json_object_set_new(role, "ready", json_boolean(k->ready));
        json_object_set_new(role, "restarts", json_integer(k->restarts));
        json_object_set_new(roles, one->name, role);
        g->left++;
        if (k->chan && k->ready)
            calls_send(s->calls, k->chan, k->role, m.status_ask.id, &m, 2000, false, on_status,
                       one);
        else
            on_status(one, NULL);
    }
    finish_status(g);
}

/* ---- what the directory answers ---- */

static struct call_of *take_call(struct control *k, uint64_t ours)
{
    for (struct call_of **at = &k->calls; *at; at = &(*at)->next) {
        struct call_of *one = *at;

        if (one->ours == ours) {
            *at = one->next;
            return one;
        }
    }
    return NULL;
}

void control_admin_part(struct supervisor *s, struct msg *m)
{
    for (struct call_of *one = s->control->calls; one; one = one->next)
        if (one->ours == m->admin_reply.id)
            reply(one->client, one->id, m->admin_reply.kind, true, m->admin_reply.text);
}

static void on_admin(void *arg, struct msg *m)
{
    struct call_of *one = arg;
    struct client *c = one->client;

    take_call(c->s->control, one->ours);
    if (m)
        reply(c, one->id, m->admin_reply.kind, false, m->admin_reply.text);
    else
        reply(c, one->id, ERROR_TEMPORARY, false, NO_DIRECTORY);
    c->asked--;
    mem_free(one);
    free_if_done(c);
}

static void ask_directory(struct client *c, struct msg *call)
{
    struct supervisor *s = c->s;
    struct call_of *one = mem_zalloc(sizeof *one);
    struct chan *chan = NULL;
    struct msg m = {.type = MSG_ADMIN_CALL};

    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == ROLE_DIRECTORY && s->child[i].ready)
            chan = s->child[i].chan;
    if (!chan) {
        mem_free(one);
        reply(c, call->control_call.id, ERROR_TEMPORARY, false, NO_DIRECTORY);
        return;
    }
    *one = (struct call_of){.client = c,
                            .id = call->control_call.id,
                            .ours = calls_next_id(s->calls),
                            .next = s->control->calls};
    s->control->calls = one;
    c->asked++;
    m.admin_call = (struct msg_admin_call){one->ours, call->control_call.args,
                                           call->control_call.input, STR("operator")};
    calls_send(s->calls, chan, ROLE_DIRECTORY, one->ours, &m, CALL_MS, false, on_admin, one);
}

static void on_call(void *arg, struct chan *chan, struct msg *m)
{
    struct client *c = arg;

    if (!m || m->type != MSG_CONTROL_CALL || m->control_call.args.n == 0) {
        c->chan = NULL;
        chan_destroy(chan);
        free_if_done(c);
        return;
    }
    if (str_equal(m->control_call.args.v[0], STR("status"))) {
        ask_status(c, m->control_call.id);
    } else if (str_equal(m->control_call.args.v[0], STR("reload"))) {
        supervisor_reload(c->s);
        reply(c, m->control_call.id, ERROR_NONE, false, STR("{\"reloaded\": true}"));
    } else {
        ask_directory(c, m);
    }
}

static void on_accept(evutil_socket_t lfd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct control *k = s->control;
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *c;

    (void)what;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
        (who.uid != 0 && who.uid != geteuid()) || k->open >= CLIENTS_MOST) {
        close(fd);
        return;
    }
    c = mem_zalloc(sizeof *c);
    *c = (struct client){.s = s, .next = k->clients};
    k->clients = c;
    k->open++;
    c->chan = chan_create(s->base, fd, ROLE_SUPERVISOR, ROLE_CONTROL, on_call, c);
}

bool control_open(struct supervisor *s, struct error *err)
{
    struct control *k = mem_zalloc(sizeof *k);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    /* The path of a Unix socket has at most 107 bytes; the folder's descriptor makes any data folder short enough. */
    int dir = datadir_folder(s->data, ".", err), n;
    mode_t mask;

    s->control = k;
    if (dir < 0)
        return false;
    n = snprintf(k->path, sizeof k->path, "/proc/self/fd/%d/control.sock", dir);
    memcpy(a.sun_path, k->path, (size_t)n + 1);
    unlink(k->path);
    mask = umask(0177);
    k->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (k->fd < 0 || bind(k->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(k->fd, 16) != 0) {
        umask(mask);
        return error_set(err, ERROR_DISK, "cannot open the control socket in %s: %s",
                         datadir_path(s->data), strerror(errno));
    }
    umask(mask);
    k->ev = event_new(s->base, k->fd, EV_READ | EV_PERSIST, on_accept, s);
    event_add(k->ev, NULL);
    return true;
}

void control_close(struct supervisor *s)
{
    struct control *k = s->control;

    if (!k)
        return;
    for (struct client *c = k->clients; c; c = c->next) {
        if (c->chan)
            chan_destroy(c->chan);
        c->chan = NULL;
    }
    unlink(k->path);
    event_free(k->ev);
    close(k->fd);
}
