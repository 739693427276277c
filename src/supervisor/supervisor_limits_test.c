/* supervisor/supervisor_limits_test.c: what fits the files that may be open. */
#include "base/test.h"

#include <sys/resource.h>

static struct rlimit hard;    /* of a kernel that lets nobody raise it, */
static bool may_raise;        /* unless it is root who asks */
static struct rlimit limited; /* what was set */

static int get_limit(int what, struct rlimit *r);
static int set_limit(int what, const struct rlimit *r);
#define getrlimit(what, r) get_limit((int)(what), (r))
#define setrlimit(what, r) set_limit((int)(what), (r))
#include "supervisor/supervisor_limits.c"
#undef getrlimit
#undef setrlimit

static int get_limit(int what, struct rlimit *r)
{
    CHECK(what == RLIMIT_NOFILE);
    *r = hard;
    return 0;
}

static int set_limit(int what, const struct rlimit *r)
{
    CHECK(what == RLIMIT_NOFILE && r->rlim_cur <= r->rlim_max);
    if (r->rlim_max > hard.rlim_max && !may_raise) {
        errno = EPERM;
        return -1;
    }
    limited = *r;
    return 0;
}

static struct supervisor s;

static void raise_from(uint64_t files, bool root)
{
    hard = (struct rlimit){files < 1024 ? files : 1024, files};
    may_raise = root;
    limited = (struct rlimit){0};
    s = (struct supervisor){.log_file = -1};
    config_init(&s.config);
    supervisor_raise_limits(&s);
}

static void done(void)
{
    buf_done(&s.config_text);
    config_done(&s.config);
}

static void what_the_settings_need_is_raised_where_that_may_be(void)
{
    raise_from(4096, true);
    CHECK(limited.rlim_cur >= 2 * s.config.account_processes &&
          limited.rlim_max == limited.rlim_cur);
    CHECK(s.config.account_processes == 20000 && s.files == 0);
    done();
    raise_from(1 << 20, false);
    CHECK(limited.rlim_max == 1 << 20 && limited.rlim_cur >= 2 * s.config.account_processes);
    CHECK(s.config.account_processes == 20000 && s.files == 0);
    done();
}

static void else_as_many_processes_run_as_fit(void)
{
    struct config again;

    for (uint64_t files = 256; files < 60000; files += 100) {
        uint64_t n;

        test_expect_log("role-problem");
        raise_from(files, false);
        n = s.config.account_processes;
        CHECK(limited.rlim_cur == files && limited.rlim_max == files && s.files == files);
        CHECK(n >= files / 8 && n <= 20000);
        if (files > 3000) /* for us, and for their parent, which needs fewer besides */
            CHECK(2 * n + OURS <= files);
        if (n < 20000) /* so the others hear it */
            CHECK(str_find(buf_view(&s.config_text), STR("account-processes = 20000")) == SIZE_MAX);
        /* The same is read at a reload. */
        config_init(&again);
        supervisor_fit(&again, s.files);
        CHECK_U64(again.account_processes, n);
        config_done(&again);
        done();
        if (n == 20000)
            break;
    }
}

static void fewer_than_fit_stay_as_they_are(void)
{
    struct config c;

    config_init(&c);
    c.account_processes = 7;
    supervisor_fit(&c, 4096);
    CHECK_U64(c.account_processes, 7);
    c.account_processes = 4000;
    supervisor_fit(&c, 0);
    CHECK_U64(c.account_processes, 4000);
    supervisor_fit(&c, 4); /* none would be no server */
    CHECK_U64(c.account_processes, 1);
    config_done(&c);
}

/* An edge may need more than we do. */
static void what_is_needed_is_what_the_hungriest_needs(void)
{
    struct config c;
    uint64_t few;

    config_init(&c);
    c.account_processes = 10;
    c.connections = 10;
    few = files_wanted(&c);
    CHECK_U64(few, OURS_AMPLE + 20);
    c.connections = 100000;
    CHECK(files_wanted(&c) > few);
    CHECK(connections_fit(ROLE_EDGE_SMTP, files_wanted(&c)) >= 100000);
    config_done(&c);
}

int main(void)
{
    RUN(what_the_settings_need_is_raised_where_that_may_be);
    RUN(else_as_many_processes_run_as_fit);
    RUN(fewer_than_fit_stay_as_they_are);
    RUN(what_is_needed_is_what_the_hungriest_needs);
    return test_end();
}
