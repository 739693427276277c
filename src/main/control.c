/* main/control.c: commands that the running server carries out, over its control socket. A long answer comes in pages; the
 * next one is asked for when the last was written out, so that nobody holds more than one. */
#include "main/main.h"

#include "base/limits.h"
#include "proc/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct asking {
    const struct options *options;
    struct admin_call call;
    struct event_base *base;
    struct chan *chan;
    struct timers *timers;
    struct calls *calls;
    struct render *render;
    struct buf input, page; /* a password; where the next page begins */
    int status;
};

static void asking_end(struct asking *a, int status)
{
    a->status = status;
    event_base_loopbreak(a->base);
}

static void on_answer(void *arg, struct msg_control_tell *tell, int *fd);

/* Asks for the page that a->call names. */
static void ask_page(struct asking *a)
{
    struct msg_control_ask ask = {.input = buf_view(&a->input)};
    struct arena arena;
    struct str *list;
    size_t n = 0;

    arena_init(&arena, LIMIT_MSG_BYTES * 2);
    list = admin_call_print(&a->call, &arena, &n);
    ask.args = (struct msg_list){list, n};
    if (list)
        call_control(call_over(a->calls, a->chan), &ask, NULL, on_answer, a);
    else
        asking_end(a, command_misused("the command is too long"));
    arena_done(&arena);
}

/* The words of an answer whose command did its work and found something wrong. */
static int print_verdict(const struct asking *a, uint64_t kind)
{
    if (!kind)
        return 0;
    return command_failed("%s found something wrong; the report says what", a->call.command->name);
}

/* One page, or why there is none. next is empty after the last. */
static void take_page(struct asking *a, uint64_t kind, struct str next, struct str text)
{
    struct buf words;

    buf_init(&words, 100000);
    render_error(text, &words);
    if (kind && words.n && a->options->json) {
        printf("%.*s\n", STR_ARG(text)); /* for programs: the words, and the kind of the error */
        asking_end(a, 1);
    } else if (kind && words.n) {
        asking_end(a, command_failed("%.*s", STR_ARG(buf_view(&words))));
    } else if (!render_page(a->render, text)) {
        asking_end(a, command_failed("the answer of the server cannot be read"));
    } else if (next.n) {
        buf_reset(&a->page);
        buf_str(&a->page, next);
        a->call.page = buf_view(&a->page);
        ask_page(a);
    } else {
        render_end(a->render);
        asking_end(a, print_verdict(a, kind));
    }
    buf_done(&words);
}

static void on_answer(void *arg, struct msg_control_tell *tell, int *fd)
{
    struct asking *a = arg;

    (void)fd;
    if (tell->id)
        take_page(a, tell->error.kind, tell->next, tell->text);
    else
        asking_end(a,
                   command_failed("the server closed the connection; `posthus log` may say why"));
}

/* The server says nothing but answers: this is its end, which what was asked hears of. */
static void on_end(void *arg, struct chan *c, struct msg *m)
{
    struct asking *a = arg;

    (void)m;
    chan_destroy(c);
    a->chan = NULL;
}

/* The path of a Unix socket has at most 107 bytes, a data folder may have more: go through its descriptor. */
static int connect_control(const char *data)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    AUTO_FD int dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (dir < 0)
        return -1;
    snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/control.sock", dir);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    int saved = errno;

    base_close_fd(&fd);
    errno = saved;
    return -1;
}

/* The first line of standard input, without its end. */
static bool read_password(struct buf *out)
{
    char line[LIMIT_PASSWORD + 3];
    bool ok = fgets(line, sizeof line, stdin);
    struct str password = str_c(ok ? line : "");

    if (str_ends(password, STR("\n")))
        password.n--;
    if (str_ends(password, STR("\r")))
        password.n--;
    if (password.n <= LIMIT_PASSWORD)
        buf_str(out, password);
    mem_wipe(line, sizeof line);
    return out->n > 0;
}

static bool wants_password(const struct admin_call *call)
{
    switch (admin_number(call->command)) {
    case ADMIN_ACCOUNT_ADD:
        return call->account_add.password_stdin.given;
    case ADMIN_ACCOUNT_PASSWORD:
        return call->account_password.password_stdin.given;
    case ADMIN_APP_PASSWORD_ADD:
        return call->app_password_add.password_stdin.given;
    default:
        return false;
    }
}

static int ask_server(struct asking *a, int fd)
{
    bool counters = admin_number(a->call.command) == ADMIN_STATUS && a->call.status.counters.given;

    a->base = event_base_new();
    a->timers = timers_create(a->base);
    a->calls = calls_create(a->timers);
    a->render = render_create(a->call.command, counters, a->options->json);
    a->chan = chan_create(a->base, fd, ROLE_CONTROL, ROLE_SUPERVISOR, on_end, a);
    ask_page(a);
    if (a->status < 0)
        event_base_dispatch(a->base);
    calls_destroy(a->calls);
    chan_destroy(a->chan);
    timers_destroy(a->timers);
    render_destroy(a->render);
    event_base_free(a->base);
    return command_end(a->status);
}

int command_control(const struct options *o, const struct admin_call *call)
{
    struct asking a = {.options = o, .call = *call, .status = -1};
    int fd, status;

    buf_init(&a.input, LIMIT_PASSWORD);
    buf_init(&a.page, ADMIN_PAGE_MOST);
    if (wants_password(call) && !read_password(&a.input))
        return command_failed("standard input has no password of 1 to %d characters",
                              LIMIT_PASSWORD);
    fd = connect_control(o->data);
    if (fd < 0 && (errno == ECONNREFUSED || errno == ENOENT))
        return command_failed("no server runs on %s; `posthus serve --data %s` starts one", o->data,
                              o->data);
    if (fd < 0)
        return command_failed("cannot reach the server of %s: %s", o->data, strerror(errno));
    status = ask_server(&a, fd);
    buf_done_wipe(&a.input);
    buf_done(&a.page);
    return status;
}
