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
#define PART 60000 /* bytes of an answer in one message */

struct client { /* a command line */
    struct list_node node;
    struct supervisor *s;
    struct chan *chan;
};

struct question { /* of a client; it outlives it, as the answer may be under way */
    struct list_node node;
    struct supervisor *s;
    struct asked asked;
    uint64_t call; /* to the directory */
};

struct gathering { /* status: one answer from every process */
    struct question *q;
    json_t *out;
    unsigned left;
};

struct control {
    struct event *ev;
    int fd;
    struct list clients;   /* of struct client */
    struct list questions; /* of struct question */
    char path[108];
};

static struct question *question_take(struct supervisor *s, struct chan *c, const struct msg *m)
{
    struct question *q = mem_zalloc(sizeof *q);

    q->s = s;
    asked_take(&q->asked, c, m);
    list_append(&s->control->questions, &q->node);
    return q;
}

/* All of the answer but its last part goes ahead of it. */
static void question_answer(struct question *q, const struct msg_error *error, struct str text)
{
    struct msg_control_tell tell = {.error = *error};

    while (q->asked.chan && text.n > PART) {
        struct msg m = {.type = MSG_CONTROL_PART,
                        .control_part = {q->asked.id, str_sub(text, 0, PART)}};

        chan_send(q->asked.chan, &m);
        text = str_skip(text, PART);
    }
    tell.text = text;
    tell_control(&q->asked, &tell, -1);
    asked_forget(&q->asked);
    list_remove(&q->node);
    mem_free(q);
}

static void answer_json(struct question *q, json_t *j)
{
    struct msg_error none = {0};
    char *text = json_dumps(j, JSON_INDENT(1) | JSON_PRESERVE_ORDER);

    question_answer(q, &none, str_c(text));
    free(text);
    json_decref(j);
}

/* ---- status ---- */

struct one_status { /* of one process */
    struct gathering *g;
    json_t *role, *instance; /* borrowed from g->out */
};

static void gathering_step(struct gathering *g)
{
    if (--g->left)
        return;
    answer_json(g->q, g->out);
    mem_free(g);
}

static void add_to(json_t *object, const char *key, json_int_t n)
{
    json_object_set_new(object, key,
                        json_integer(json_integer_value(json_object_get(object, key)) + n));
}

/* A role's counters are the sums over its processes; each process has its own beside them. */
static void on_status(void *arg, struct msg_status_tell *tell, int *fd)
{
    struct one_status *one = arg;

    (void)fd;
    for (size_t i = 0; i < tell->counters.n; i++) {
        struct str key, value;
        uint64_t n;

        if (str_cut(tell->counters.v[i], '=', &key, &value) && str_to_u64(value, INT64_MAX, &n)) {
            char *k = str_dup_c(key);

            add_to(one->role, k, (json_int_t)n);
            json_object_set_new(one->instance, k, json_integer((json_int_t)n));
            mem_free(k);
        }
    }
    if (tell->error.kind) {
        json_object_set_new(one->role, "answers", json_false());
        json_object_set_new(one->instance, "answers", json_false());
    }
    gathering_step(one->g);
    mem_free(one);
}

static const char *state_name(enum supervisor_state state)
{
    static const char *const names[] = {"starting", "serving", "stopping"};

    return names[state];
}

static json_t *status_head(const struct supervisor *s, json_t *roles)
{
    json_t *out = json_object();

    json_object_set_new(out, "version", json_string(POSTHUS_VERSION));
    json_object_set_new(out, "state", json_string(state_name(s->state)));
    json_object_set_new(out, "uptime_s", json_integer((clock_boot_us() - s->begun_us) / 1000000));
    json_object_set_new(out, "channels_rejoined", json_integer((json_int_t)s->rejoined));
    json_object_set_new(out, "processes_killed", json_integer((json_int_t)s->killed));
    json_object_set_new(out, "log_lines_dropped", json_integer((json_int_t)s->log_dropped));
    json_object_set_new(out, "processes", roles);
    return out;
}

static json_t *status_of_child(const struct child *k)
{
    json_t *one = json_object();
    int64_t up_s = k->pid ? (clock_boot_us() - k->started_us) / 1000000 : 0;

    json_object_set_new(one, "pid", json_integer(k->pid));
    json_object_set_new(one, "ready", json_boolean(k->state == CHILD_READY));
    json_object_set_new(one, "restarts", json_integer(k->restarts));
    json_object_set_new(one, "uptime_s", json_integer(up_s));
    return one;
}

/* The role as a whole: the first process's pid, whether all are ready, restarts of all, and the list. */
static json_t *role_of_status(json_t *roles, const struct child *k, json_t *instance)
{
    const char *name = role_name(k->role);
    json_t *role = json_object_get(roles, name), *list;

    if (!role) {
        role = status_of_child(k);
        json_object_set_new(role, "instances", json_array());
        json_object_set_new(roles, name, role);
    } else {
        add_to(role, "restarts", k->restarts);
        if (k->state != CHILD_READY)
            json_object_set_new(role, "ready", json_false());
    }
    list = json_object_get(role, "instances");
    json_array_append_new(list, instance);
    return role;
}

static void ask_status(struct supervisor *s, struct question *q)
{
    struct gathering *g = mem_zalloc(sizeof *g);
    json_t *roles = json_object();

    *g = (struct gathering){.q = q, .out = status_head(s, roles), .left = 1};
    for (size_t i = 0; i < s->children; i++) {
        struct child *k = &s->child[i];
        json_t *instance = status_of_child(k), *role = role_of_status(roles, k, instance);
        struct one_status *one;

        if (!k->chan || k->state != CHILD_READY)
            continue;
        one = mem_zalloc(sizeof *one);
        *one = (struct one_status){g, role, instance};
        g->left++;
        call_status(call_over(s->calls, k->chan), &(struct msg_status_ask){0}, NULL, on_status,
                    one);
    }
    gathering_step(g);
}

/* ---- what the directory answers ---- */

void control_admin_part(struct supervisor *s, struct chan *c, const struct msg_admin_part *m)
{
    struct question *q;

    if (!calls_is_asked(s->calls, m->id, c))
        return;
    LIST_EACH(q, &s->control->questions, node) {
        struct msg part = {.type = MSG_CONTROL_PART, .control_part = {q->asked.id, m->text}};

        if (q->call == m->id && q->asked.chan)
            chan_send(q->asked.chan, &part);
    }
}

static void on_admin(void *arg, struct msg_admin_tell *tell, int *fd)
{
    (void)fd;
    question_answer(arg, &tell->error, tell->text);
}

static void ask_directory(struct supervisor *s, struct question *q,
                          const struct msg_control_ask *asked)
{
    struct msg_admin_ask ask = {.args = asked->args, .input = asked->input, .who = STR("operator")};
    struct chan *chan = NULL;

    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == ROLE_DIRECTORY && s->child[i].state == CHILD_READY)
            chan = s->child[i].chan;
    q->call = call_admin(call_over(s->calls, chan), &ask, NULL, on_admin, q);
}

static void on_client(void *arg, struct chan *chan, struct msg *m)
{
    struct client *c = arg;
    struct supervisor *s = c->s;
    struct question *q;

    if (!m || m->type != MSG_CONTROL_ASK || m->control_ask.args.n == 0) {
        list_remove(&c->node);
        chan_destroy(chan);
        mem_free(c);
        return;
    }
    q = question_take(s, chan, m);
    if (str_equal(m->control_ask.args.v[0], STR("status"))) {
        ask_status(s, q);
    } else if (str_equal(m->control_ask.args.v[0], STR("reload"))) {
        supervisor_reload(s);
        answer_json(q, json_pack("{s:b}", "reloaded", 1));
    } else {
        ask_directory(s, q, &m->control_ask);
    }
}

static void on_accept(evutil_socket_t lfd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *c;

    (void)what;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
        (who.uid != 0 && who.uid != geteuid()) || s->control->clients.n >= CLIENTS_MOST) {
        close(fd);
        return;
    }
    c = mem_zalloc(sizeof *c);
    c->s = s;
    list_append(&s->control->clients, &c->node);
    c->chan = chan_create(s->base, fd, ROLE_SUPERVISOR, ROLE_CONTROL, on_client, c);
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
    struct client *c;

    if (!k)
        return;
    while ((c = LIST_FIRST(&k->clients, struct client, node))) {
        list_remove(&c->node);
        chan_destroy(c->chan);
        mem_free(c);
    }
    unlink(k->path);
    event_free(k->ev);
    close(k->fd);
}
