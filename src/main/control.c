/* main/control.c: commands that the running server carries out, over its control socket. */
#include "main/main.h"

#include "base/buf.h"
#include "base/limits.h"
#include "proc/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct call {
    struct event_base *base;
    struct buf text;
    uint64_t kind;
    bool done;
};

static void on_reply(void *arg, struct chan *c, struct msg *m)
{
    struct call *call = arg;

    if (m && m->type == MSG_CONTROL_REPLY) {
        buf_str(&call->text, m->control_reply.text);
        call->kind = m->control_reply.kind;
        call->done = !m->control_reply.more;
    }
    if (!m || call->done) {
        chan_destroy(c);
        event_base_loopbreak(call->base);
    }
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

static int show(struct call *call, bool json)
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

int command_control(const struct options *o, int argc, char **argv)
{
    struct str args[64];
    struct call call = {0};
    struct buf input;
    struct msg m = {.type = MSG_CONTROL_CALL};
    struct chan *c;
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
    buf_init(&call.text, 256 << 20);
    call.base = event_base_new();
    c = chan_create(call.base, fd, ROLE_CONTROL, ROLE_SUPERVISOR, on_reply, &call);
    m.control_call = (struct msg_control_call){1, {args, (size_t)argc}, buf_view(&input)};
    chan_send(c, &m);
    buf_done_wipe(&input);
    event_base_dispatch(call.base);
    event_base_free(call.base);
    if (!call.done)
        return command_failed("the server closed the connection; `posthus log` may say why");
    return show(&call, o->json);
}
