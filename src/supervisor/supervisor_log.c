/* supervisor/supervisor_log.c: the log. Every process has a socket of its own, so that a line can
 * only be in the name of the one who wrote it: time, role and pid are stamped here. What one process
 * may write in a second is bounded, and more closely so what strangers cause as they like; how much
 * was dropped is a line too. */
#include "supervisor/supervisor_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_LINES 64       /* of one process, then others get their turn */
#define BURST_S 10          /* seconds' worth that may come at once */
#define OURS_TIMES 20       /* what is not strangers' may be so many times as much */
#define TELL_US (1000000LL) /* what was dropped is told so often */
#define STAMP_MOST 120      /* bytes of time, role and pid */
#define BATCH ((size_t)128 * 1024)

/* Lines that may still be written; refilled as time passes. */
struct bucket {
    double lines;
    int64_t at_us;
};

struct log_source {
    struct list_node node;
    struct supervisor *s;
    enum role role;
    unsigned instance;
    pid_t pid;
    struct event *ev;
    int fd;
    struct bucket theirs, ours;
    uint64_t dropped; /* since it was told */
};

static struct supervisor *own; /* for the supervisor's own lines */

static bool take_from(struct bucket *b, double rate, int64_t now_us)
{
    double most = rate * BURST_S;

    if (b->at_us == 0)
        b->lines = most;
    else
        b->lines += rate * (double)(now_us - b->at_us) / 1e6;
    b->at_us = now_us;
    if (b->lines > most)
        b->lines = most;
    if (b->lines < 1)
        return false;
    b->lines -= 1;
    return true;
}

/* The second word of what a process says: "id event key=value ...". */
static struct str event_of(struct str line)
{
    struct str id, rest = STR_NULL, event;

    if (!str_cut(line, ' ', &id, &rest))
        return STR_NULL;
    event = rest;
    str_cut(rest, ' ', &event, &rest);
    return event;
}

static bool is_within_rate(struct log_source *l, struct str line)
{
    double rate = (double)l->s->config.log_rate;
    int64_t now = clock_boot_us();

    if (log_event_is_theirs(event_of(line)))
        return take_from(&l->theirs, rate, now);
    return take_from(&l->ours, rate * OURS_TIMES, now);
}

/* A full disk must not stop the mail: the lines that it did not take are counted. */
static void write_file(struct supervisor *s, struct str bytes)
{
    ssize_t n = write(s->log_file, bytes.p, bytes.n);

    for (size_t i = n > 0 ? (size_t)n : 0; i < bytes.n; i++)
        s->log_failed += bytes.p[i] == '\n';
}

/* Time and role, the line, instance and pid. Whatever could end the line or forge a stamp is made harmless: a
 * process of ours writes no controls, one that is taken over may. */
static void print_line(struct buf *out, const struct log_source *l, struct str line)
{
    clock_print_rfc3339(out, clock_wall_us());
    buf_printf(out, " %s ", role_name(l->role));
    for (size_t i = 0; i < line.n; i++)
        buf_char(out, (unsigned char)line.p[i] < ' ' || line.p[i] == 127 ? '?' : line.p[i]);
    if (l->instance)
        buf_printf(out, " instance=%u", l->instance);
    buf_printf(out, " pid=%d\n", (int)l->pid);
}

static void source_free(struct log_source *l)
{
    list_remove(&l->node);
    event_free(l->ev);
    close(l->fd);
    mem_free(l);
}

static void on_tell(void *arg)
{
    struct supervisor *s = arg;
    struct log_source *l;

    LIST_EACH(l, &s->logs, node) {
        struct log_line line;

        if (l->dropped == 0)
            continue;
        log_begin(&line, LOG_DROPPED, STR_NULL);
        log_c(&line, "process", role_name(l->role));
        log_u64(&line, "of-pid", (uint64_t)l->pid);
        log_u64(&line, "lines", l->dropped);
        log_end(&line);
        l->dropped = 0;
    }
}

static void note_dropped(struct log_source *l)
{
    l->dropped++;
    l->s->log_dropped++;
    if (!timer_is_set(&l->s->log_tell))
        timer_set(&l->s->log_tell, TELL_US);
}

/* Up to `most` lines; false when the process has closed its end and all was read. */
static bool read_lines(struct log_source *l, int most)
{
    char line[LOG_LINE_MAX];
    struct buf out;
    ssize_t n = 1;

    buf_init(&out, BATCH * 2);
    for (int i = 0; i < most && (n = recv(l->fd, line, sizeof line, MSG_DONTWAIT)) > 0; i++) {
        if (is_within_rate(l, str_of(line, (size_t)n)))
            print_line(&out, l, str_of(line, (size_t)n));
        else
            note_dropped(l);
        if (out.n > BATCH) {
            write_file(l->s, buf_view(&out));
            buf_reset(&out);
        }
    }
    if (out.n)
        write_file(l->s, buf_view(&out));
    buf_done(&out);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void on_lines(evutil_socket_t fd, short what, void *arg)
{
    struct log_source *l = arg;

    (void)fd, (void)what;
    if (read_lines(l, READ_LINES))
        return;
    if (l->dropped)
        on_tell(l->s);
    source_free(l);
}

void supervisor_logs_add(struct supervisor *s, enum role role, unsigned instance, pid_t pid, int fd)
{
    struct log_source *l = mem_zalloc(sizeof *l);

    *l = (struct log_source){.s = s, .role = role, .instance = instance, .pid = pid, .fd = fd};
    l->ev = event_new(s->base, fd, EV_READ | EV_PERSIST, on_lines, l);
    event_add(l->ev, NULL);
    list_append(&s->logs, &l->node);
}

void supervisor_logs_each(struct supervisor *s, enum role role, void (*fn)(void *arg, pid_t pid),
                          void *arg)
{
    const struct log_source *l;

    LIST_EACH(l, &s->logs, node)
        if (l->role == role)
            fn(arg, l->pid);
}

void supervisor_logs_drain(struct supervisor *s)
{
    struct log_source *l;
    char next;

    LIST_EACH(l, &s->logs, node)
        while (recv(l->fd, &next, sizeof next, MSG_DONTWAIT | MSG_PEEK) > 0)
            (void)read_lines(l, READ_LINES);
    on_tell(s);
}

void supervisor_logs_write_own(struct str line)
{
    struct buf out;

    buf_init(&out, LOG_LINE_MAX + STAMP_MOST);
    buf_str(&out, line);
    buf_printf(&out, " pid=%d\n", (int)getpid());
    write_file(own, buf_view(&out));
    buf_done(&out);
}

bool supervisor_logs_open(struct supervisor *s, struct error *err)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/log/posthus.log", datadir_path(s->data));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, ERROR_DISK, "cannot open %s: %s", path, strerror(errno));
    base_close_fd(&s->log_file);
    s->log_file = fd;
    if (!own) {
        own = s;
        timer_init(&s->log_tell, s->timers, on_tell, s);
    }
    return true;
}
