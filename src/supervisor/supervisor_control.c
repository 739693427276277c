/* supervisor/supervisor_control.c: the control socket of the command line.
 *
 * A Unix socket of the operator's user in the data folder, framed like every channel. The table of commands says who answers
 * (admin/commands.h): `status` and `reload` are the supervisor's own, the rest goes to the directory. A client asks one thing at a
 * time; a long answer comes in pages that it asks for one by one, so that nothing of it is kept here. */
#include "supervisor/supervisor_int.h"

#include "admin/call.h"
#include "admin/json.h"
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MOST 64
#define ARENA_MOST 1048576 /* memory of one call */

struct client { /* a command line; it outlives its channel while it is owed an answer */
    struct list_node node;
    struct supervisor *s;
    struct chan *chan;  /* NULL: gone, the answer is dropped */
    bool asks;          /* an answer is still to come */
    struct asked asked; /* what it asked */
};

struct control {
    struct event *ev;
    int fd;
    struct list clients; /* of struct client */
    struct timer pause;  /* after it no descriptor was left, until it accepts again */
    char path[108];
};

#define PAUSE_US 200000

static void client_free_if_done(struct client *c)
{
    if (c->chan || c->asks)
        return;
    list_remove(&c->node);
    mem_free(c);
}

/* ---- messages ---- */

/* The one answer to what the client asked; c may be gone afterwards. */
static void client_answer(struct client *c, const struct msg_error *error, struct str next,
                          struct str text)
{
    c->asks = false;
    tell_control(&c->asked, &(struct msg_control_tell){.error = *error, .next = next, .text = text},
                 -1);
    client_free_if_done(c);
}

static void client_done(struct client *c, struct str json)
{
    client_answer(c, &(struct msg_error){0}, STR_NULL, json);
}

static void client_refuse(struct client *c, const struct error *err)
{
    struct admin_json j;
    struct buf text;

    buf_init(&text, 4096);
    admin_json_init(&j, &text, false);
    admin_json_open(&j, NULL, '{');
    admin_json_c(&j, "error", err->text);
    admin_json_c(&j, "kind", error_kind_name(err->kind));
    admin_json_close(&j);
    client_answer(c, &(struct msg_error){err->kind, str_c(err->text)}, STR_NULL, buf_view(&text));
    buf_done(&text);
}

uint64_t control_ask_directory(struct supervisor *s, struct msg_list list, struct str input,
                               told_admin_fn told, void *arg)
{
    struct msg_admin_ask ask = {.args = list, .input = input, .who = STR("operator")};
    struct chan *chan = NULL;

    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == ROLE_DIRECTORY && s->child[i].state == CHILD_READY)
            chan = s->child[i].chan;
    return call_admin(call_over(s->calls, chan), &ask, NULL, told, arg);
}

static void on_directory(void *arg, struct msg_admin_tell *tell, int *fd)
{
    struct error err;

    (void)fd;
    if (tell->id)
        client_answer(arg, &tell->error, tell->next, tell->text);
    else if (msg_error_take(&tell->error, &err))
        client_refuse(arg, &err);
}

/* ---- what the supervisor answers ---- */

static void on_status(void *arg, struct str json)
{
    client_done(arg, json);
}

static void answer_reload(struct client *c)
{
    struct admin_json j;
    struct error err = {0};
    struct buf later, text;

    buf_init(&later, LIMIT_CONFIG_TEXT);
    buf_init(&text, LIMIT_CONFIG_TEXT);
    if (supervisor_reload(c->s, &later, &err)) {
        admin_json_init(&j, &text, false);
        admin_json_open(&j, NULL, '{');
        admin_json_bool(&j, "reloaded", true);
        if (later.n)
            admin_json_text(&j, "next_start", buf_view(&later));
        admin_json_close(&j);
        client_done(c, buf_view(&text));
    } else {
        client_refuse(c, &err);
    }
    buf_done(&later);
    buf_done(&text);
}

static void carry_out_call(struct client *c, const struct admin_call *call, struct msg *m)
{
    struct error err = {0};

    if (call->command->by == ADMIN_BY_DIRECTORY) {
        control_ask_directory(c->s, m->control_ask.args, m->control_ask.input, on_directory, c);
    } else if (admin_number(call->command) == ADMIN_STATUS) {
        supervisor_status(c->s, on_status, c);
    } else if (admin_number(call->command) == ADMIN_RELOAD) {
        answer_reload(c);
    } else {
        error_set(&err, ERROR_UNSUPPORTED, "%s is not carried out by the server",
                  call->command->name);
        client_refuse(c, &err);
    }
}

static void on_call(void *arg, struct chan *chan, struct msg *m)
{
    struct client *c = arg;
    struct admin_call call;
    struct arena arena;
    struct error err = {0};

    if (!m || m->type != MSG_CONTROL_ASK || c->asks) {
        c->chan = NULL;
        chan_destroy(chan);
        client_free_if_done(c);
        return;
    }
    c->asks = true;
    asked_take(&c->asked, chan, m);
    arena_init(&arena, ARENA_MOST);
    if (admin_call_read(&call, m->control_ask.args.v, m->control_ask.args.n, &arena, &err))
        carry_out_call(c, &call, m);
    else
        client_refuse(c, &err);
    arena_done(&arena);
}

/* ---- the socket ---- */

static void on_control_accept(evutil_socket_t lfd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct control *k = s->control;
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *c;

    (void)what;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            event_del(k->ev); /* the caller stays in the queue, and would wake us at once */
            timer_set(&k->pause, PAUSE_US);
        }
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
        (who.uid != 0 && who.uid != geteuid()) || k->clients.n >= CLIENTS_MOST) {
        close(fd);
        return;
    }
    c = mem_zalloc(sizeof *c);
    c->s = s;
    list_append(&k->clients, &c->node);
    c->chan = chan_create(s->base, fd, ROLE_SUPERVISOR, ROLE_CONTROL, on_call, c);
}

static void on_control_pause(void *arg)
{
    struct control *k = arg;

    event_add(k->ev, NULL);
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
    k->ev = event_new(s->base, k->fd, EV_READ | EV_PERSIST, on_control_accept, s);
    event_add(k->ev, NULL);
    timer_init(&k->pause, s->timers, on_control_pause, k);
    return true;
}

void control_close(struct supervisor *s)
{
    struct control *k = s->control;
    struct client *c;

    if (!k)
        return;
    LIST_EACH(c, &k->clients, node) {
        chan_destroy(c->chan);
        c->chan = NULL;
    }
    timer_stop(&k->pause);
    unlink(k->path);
    event_free(k->ev);
    close(k->fd);
}
