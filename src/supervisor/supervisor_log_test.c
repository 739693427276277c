/* supervisor/supervisor_log_test.c: a line is in the name of the process whose socket it came by, and
 * no process fills the log. */
#include "supervisor/supervisor_log.c"

#include "base/test.h"

#include <sys/mman.h>

static int64_t now_us = 1000000;

static int64_t test_clock(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = test_clock, .boot_us = test_clock};

static struct {
    struct supervisor s;
    int file;
} t;

static void begin(uint64_t rate)
{
    clock_set_source(&simulated);
    t.s = (struct supervisor){.log_file = -1};
    config_init(&t.s.config);
    t.s.config.log_rate = rate;
    t.s.base = event_base_new();
    t.s.timers = timers_create(t.s.base);
    timer_init(&t.s.log_tell, t.s.timers, on_tell, &t.s);
    t.s.log_file = t.file = memfd_create("log", MFD_CLOEXEC);
    own = &t.s;
    log_init("supervisor");
    log_set_sink(supervisor_logs_write_own);
}

static int source(enum role role, unsigned instance, pid_t pid)
{
    int fd[2];

    CHECK(chan_pair(fd));
    supervisor_logs_add(&t.s, role, instance, pid, fd[0]);
    return fd[1];
}

static void say(int fd, const char *line)
{
    CHECK(send(fd, line, strlen(line), MSG_DONTWAIT) == (ssize_t)strlen(line));
}

static void spin(void)
{
    timers_run(t.s.timers);
    for (int i = 0; i < 200; i++)
        event_base_loop(t.s.base, EVLOOP_NONBLOCK);
}

/* The log as it stands, in a buffer of the caller's. */
static struct str written(struct buf *out)
{
    char part[4096];
    ssize_t n;

    buf_init(out, 64 << 20);
    for (off_t at = 0; (n = pread(t.file, part, sizeof part, at)) > 0; at += n)
        buf_add(out, part, (size_t)n);
    return buf_view(out);
}

static size_t lines_with(struct str log, const char *word)
{
    struct str line, rest = log;
    size_t n = 0;

    while (str_cut(rest, '\n', &line, &rest))
        n += str_find(line, str_c(word)) != SIZE_MAX;
    return n;
}

static void end(void)
{
    struct log_source *l;

    while ((l = LIST_FIRST(&t.s.logs, struct log_source, node)))
        source_free(l);
    log_set_sink(NULL);
    close(t.file);
    timers_destroy(t.s.timers);
    event_base_free(t.s.base);
    config_done(&t.s.config);
    own = NULL;
    clock_set_source(NULL);
}

static void time_role_instance_and_pid_are_stamped_by_whose_socket_it_is(void)
{
    struct buf out;
    struct str log;
    int edge, intake;

    begin(1000);
    edge = source(ROLE_EDGE_SMTP, 1, 4711);
    intake = source(ROLE_INTAKE, 0, 4712);
    say(edge, "s5ux2k connect service=smtp peer=192.0.2.1");
    say(intake, "- debug what=x");
    spin();
    log = written(&out);
    CHECK_STR(log,
              STR("1970-01-01T00:00:01.000Z edge-smtp s5ux2k connect service=smtp peer=192.0.2.1"
                  " instance=1 pid=4711\n"
                  "1970-01-01T00:00:01.000Z intake - debug what=x pid=4712\n"));
    buf_done(&out);
    close(edge);
    close(intake);
    end();
}

static void a_process_that_was_taken_over_cannot_speak_for_another(void)
{
    static const char forged[] =
        "x debug what=y pid=1\n2026-01-01T00:00:00.000Z directory - login user=eve";
    struct buf out;
    struct str log, line, rest;
    int edge;

    begin(1000);
    edge = source(ROLE_EDGE_MAIL, 0, 4711);
    say(edge, forged);
    say(edge, "x debug what=\033[2J\177\r");
    spin();
    log = written(&out);
    CHECK_U64(lines_with(log, ""), 2);
    CHECK(str_cut(log, '\n', &line, &rest));
    CHECK(str_starts_nocase(line, STR("1970-01-01T00:00:01.000Z edge-mail ")));
    CHECK(str_find(line, STR("eve pid=4711")) != SIZE_MAX);
    for (size_t i = 0; i < log.n; i++)
        CHECK((log.p[i] >= ' ' && log.p[i] != 127) || log.p[i] == '\n');
    buf_done(&out);
    close(edge);
    end();
}

static void what_strangers_cause_is_bounded_and_what_was_dropped_is_told(void)
{
    struct buf out;
    struct str log;
    int edge, intake;

    begin(10); /* a second, ten seconds' worth at once */
    edge = source(ROLE_EDGE_SMTP, 0, 4711);
    intake = source(ROLE_INTAKE, 0, 4712);
    for (int i = 0; i < 300; i++) {
        say(edge, "s5ux2k connect service=smtp peer=192.0.2.1");
        spin();
    }
    say(edge, "s5ux2k mail-accepted size=1"); /* ours: not of the same purse */
    say(intake, "s5ux2k refused what=x");     /* another process's purse */
    spin();
    now_us += TELL_US;
    spin();
    log = written(&out);
    CHECK_U64(lines_with(log, " connect "), 100);
    CHECK_U64(lines_with(log, " mail-accepted "), 1);
    CHECK_U64(lines_with(log, " refused "), 1);
    CHECK_U64(lines_with(log, "supervisor - log-dropped process=edge-smtp of-pid=4711 lines=200 "),
              1);
    CHECK_U64(t.s.log_dropped, 200);
    buf_done(&out);
    now_us += 1000000; /* two seconds' worth is there again */
    for (int i = 0; i < 30; i++)
        say(edge, "s5ux2k disconnect why=x");
    spin();
    log = written(&out);
    CHECK_U64(lines_with(log, " disconnect "), 20);
    buf_done(&out);
    now_us += TELL_US;
    spin();
    log = written(&out);
    CHECK_U64(lines_with(log, "of-pid=4711 lines=10 "), 1); /* not those that were told before */
    buf_done(&out);
    close(edge);
    close(intake);
    end();
}

static void what_was_dropped_is_told_before_its_process_is_forgotten(void)
{
    struct buf out;
    int edge;

    begin(1);
    edge = source(ROLE_EDGE_SMTP, 0, 4711);
    for (int i = 0; i < 12; i++)
        say(edge, "s5ux2k connect service=smtp peer=192.0.2.1");
    close(edge);
    spin();
    CHECK_U64(t.s.logs.n, 0);
    CHECK_U64(lines_with(written(&out), "log-dropped process=edge-smtp of-pid=4711 lines=2 "), 1);
    buf_done(&out);
    end();
}

static void lines_that_the_disk_does_not_take_are_counted(void)
{
    int edge, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    begin(1000);
    CHECK(full >= 0);
    t.s.log_file = full;
    edge = source(ROLE_EDGE_SMTP, 0, 4711);
    for (int i = 0; i < 5; i++)
        say(edge, "- debug what=x");
    spin();
    CHECK_U64(t.s.log_failed, 5);
    supervisor_logs_write_own(STR("an own one"));
    CHECK_U64(t.s.log_failed, 6);
    close(edge);
    close(full);
    end();
}

static void no_process_writes_without_end(void)
{
    struct buf out;
    struct str log;
    int account;

    begin(10);
    account = source(ROLE_ACCOUNT, 0, 4711);
    for (int i = 0; i < 5000; i++) {
        say(account, "- mail-delivered account=1");
        spin();
    }
    log = written(&out);
    CHECK_U64(lines_with(log, " mail-delivered "), 10 * BURST_S * OURS_TIMES);
    buf_done(&out);
    close(account);
    end();
}

static void what_was_said_last_is_written_before_the_end(void)
{
    struct buf out;
    struct str log;
    int edge;

    begin(1000);
    edge = source(ROLE_EDGE_SMTP, 0, 4711);
    for (int i = 0; i < 3 * READ_LINES; i++)
        say(edge, "- debug what=last");
    close(edge);
    supervisor_logs_drain(&t.s);
    log = written(&out);
    CHECK_U64(lines_with(log, "what=last"), 3 * READ_LINES);
    buf_done(&out);
    end();
}

int main(void)
{
    RUN(time_role_instance_and_pid_are_stamped_by_whose_socket_it_is);
    RUN(a_process_that_was_taken_over_cannot_speak_for_another);
    RUN(what_strangers_cause_is_bounded_and_what_was_dropped_is_told);
    RUN(what_was_dropped_is_told_before_its_process_is_forgotten);
    RUN(lines_that_the_disk_does_not_take_are_counted);
    RUN(no_process_writes_without_end);
    RUN(what_was_said_last_is_written_before_the_end);
    return test_end();
}
