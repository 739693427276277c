/* main/control.c: commands that the running server carries out, over its control socket. */
#include "main/main.h"

#include "base/buf.h"
#include "base/limits.h"
#include "proc/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct answer {
    struct event_base *base;
    struct buf text;
    uint64_t kind;
    bool done;
};

/* What comes in parts ahead of the answer, or the end of the server. */
static void on_part(void *arg, struct chan *c, struct msg *m)
{
    struct answer *a = arg;

    (void)c;
    if (m && m->type == MSG_CONTROL_PART)
        buf_str(&a->text, m->control_part.text);
    else
        event_base_loopbreak(a->base);
}

static void on_answer(void *arg, struct msg_control_tell *tell, int *fd)
{
    struct answer *a = arg;

    (void)fd;
    if (tell->error.kind && tell->text.n == 0)
        buf_printf(&a->text, "{\"error\": \"%.*s\"}", STR_ARG(tell->error.text));
    else
        buf_str(&a->text, tell->text);
    a->kind = tell->error.kind;
    a->done = tell->id != 0;
    event_base_loopbreak(a->base);
}

/* The path of a Unix socket has at most 107 bytes, a data folder may have more: go through its descriptor. */
static int connect_control(const char *data)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    AUTO_FD int dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (dir < 0)
        return -1;
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/control.sock", dir);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int saved = errno;

    base_close_fd(&fd);
    errno = saved;
    return -1;
}

static int show(struct answer *call, bool json)
{
    char *text = str_dup_c(buf_view(&call->text));

    if (json)
        puts(text);
    else
        render_print(text);
    mem_free(text);
    buf_done(&call->text);
    return call->kind ? 1 : 0;
}

static void read_password(struct buf *out)
{
    char line[LIMIT_PASSWORD + 2];

    if (fgets(line, sizeof line, stdin))
        buf_str(out, str_trim(str_c(line)));
    mem_wipe(line, sizeof line);
}

static bool ask_server(struct answer *a, int fd, const struct msg_control_ask *ask)
{
    struct timers *timers;
    struct calls *calls;
    struct chan *c;

    a->base = event_base_new();
    timers = timers_create(a->base);
    calls = calls_create(timers);
    c = chan_create(a->base, fd, ROLE_CONTROL, ROLE_SUPERVISOR, on_part, a);
    call_control(call_over(calls, c), ask, NULL, on_answer, a);
    event_base_dispatch(a->base);
    calls_destroy(calls);
    chan_destroy(c);
    timers_destroy(timers);
    event_base_free(a->base);
    return a->done;
}

int command_control(const struct options *o, int argc, char **argv)
{
    struct str args[64];
    struct answer answer = {0};
    struct buf input;
    struct msg_control_ask ask;
    bool done;
    int fd = connect_control(o->data);

    if (fd < 0 && (errno == ECONNREFUSED || errno == ENOENT))
        return command_failed("no server runs on %s; `posthus serve --data %s` starts one", o->data,
                              o->data);
    if (fd < 0)
        return command_failed("cannot reach the server of %s: %s", o->data, strerror(errno));
    if ((size_t)argc > ARRAY_LEN(args))
        return command_failed("too many words") + 1;
    for (int i = 0; i < argc; i++)
        args[i] = str_c(argv[i]);
    buf_init(&input, LIMIT_PASSWORD + 2);
    if (o->password_stdin)
        read_password(&input);
    buf_init(&answer.text, 256 << 20);
    ask = (struct msg_control_ask){.args = {args, (size_t)argc}, .input = buf_view(&input)};
    done = ask_server(&answer, fd, &ask);
    buf_done_wipe(&input);
    if (!done)
        return command_failed("the server closed the connection; `posthus log` may say why");
    return show(&answer, o->json);
}
