/* supervisor/supervisor_limits.c: how many files may be open in a process. The kernel's hard limit passes
 * on to all that we start; as root it can be raised. Where it is too low for what the settings allow, so
 * much of that is allowed as fits, and the log says what it costs: nobody then runs out of descriptors in
 * the midst of its work. */
#include "supervisor/supervisor_int.h"

#include "base/log.h"
#include "proc/roles.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Ours, besides two an account's process (its log, and its channel between two parents): of the other
 * processes, and of logs that are not read to their end yet. */
#define OURS 1600
#define OURS_AMPLE 10000 /* and room for what comes all at once */

/* Connections that an edge's process has descriptors for, with all that each may need (proc/roles.h). */
static uint64_t connections_fit(enum role role, uint64_t files)
{
    const struct role_row *row = role_row(role);

    return files > row->descriptors.fixed
               ? (files - row->descriptors.fixed) / row->descriptors.times
               : 0;
}

static uint64_t processes_fit(uint64_t files)
{
    uint64_t least = files / 8, n = files > OURS ? (files - OURS) / 2 : 0;

    n = n < least ? least : n;
    return n ? n : 1;
}

void supervisor_fit(struct config *c, uint64_t files)
{
    uint64_t n = processes_fit(files);

    if (files && c->account_processes > n)
        c->account_processes = n;
}

static uint64_t files_wanted(const struct config *c)
{
    const struct role_row *edge = role_row(ROLE_EDGE_SMTP);
    uint64_t ours = OURS_AMPLE + 2 * c->account_processes;
    uint64_t theirs = edge->descriptors.fixed + edge->descriptors.times * c->connections;

    return ours > theirs ? ours : theirs;
}

static void log_cost(const struct config *fitted, uint64_t files, uint64_t want)
{
    struct log_line l;

    log_begin(&l, LOG_ROLE_PROBLEM, STR_NULL);
    log_c(
        &l, "what",
        "a process may have fewer files open than the settings need: beyond so many processes of "
        "accounts mail waits in the queue and logins are put off, and each process of an edge has "
        "room for so many connections; raise the hard limit (ulimit -Hn, LimitNOFILE=)");
    log_u64(&l, "files", files);
    log_u64(&l, "needed", want);
    log_u64(&l, "account-processes", fitted->account_processes);
    log_u64(&l, "smtp-connections", connections_fit(ROLE_EDGE_SMTP, files));
    log_u64(&l, "mail-connections", connections_fit(ROLE_EDGE_MAIL, files));
    log_end(&l);
}

void supervisor_raise_limits(struct supervisor *s)
{
    uint64_t want = files_wanted(&s->config);
    struct rlimit now, r = {want, want};

    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return;
    if (now.rlim_max >= want)
        r.rlim_max = now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) == 0)
        return;
    r = (struct rlimit){now.rlim_max, now.rlim_max}; /* as many as may be */
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "the limit of open files stays as it is: %s",
                 strerror(errno));
    s->files = now.rlim_max;
    supervisor_fit(&s->config, s->files);
    supervisor_print_config(s);
    log_cost(&s->config, s->files, want);
}
