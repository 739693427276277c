/* supervisor/supervisor_peers.c: channels between processes. Two that are peers (proc/roles.h) get
 * the ends of a new pair when the later of them is set up.
 *
 * A channel may end while both live: one of them said what it may not, or took nothing until the
 * other's patience ended. Then whoever notices says so (PEER_LOST). The one that broke the rules is
 * killed and started again; in any other case the two are given a new channel. Each pair of ends has
 * a serial number, so that a complaint about one that was replaced meanwhile does nothing. */
#include "supervisor/supervisor_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_US 100000  /* the end of a process is noticed sooner than that */
#define RETRY_US 1000000 /* when the kernel has no sockets left */
#define MINUTE_US 60000000LL
#define REJOINS_MOST 5 /* in a minute; then one of the two is started again */

static bool is_up(const struct child *c)
{
    return c->chan && c->state >= CHILD_SET_UP;
}

static void send_end(struct child *to, const struct child *other, uint64_t serial, int fd)
{
    struct msg m = {.type = MSG_SETUP_PEER,
                    .nfds = 1,
                    .fd = {fd},
                    .setup_peer = {other->role, other->instance, serial}};

    chan_send(to->chan, &m);
}

static void joint_connect(struct joint *j)
{
    int fd[2];

    timer_stop(&j->again);
    if (!chan_pair(fd)) {
        log_text(LOG_ROLE_PROBLEM, STR_NULL, "no sockets left to join %s and %s: %s; trying again",
                 role_name(j->a->role), role_name(j->b->role), strerror(errno));
        timer_set(&j->again, RETRY_US);
        return;
    }
    j->serial = ++j->s->last_serial;
    send_end(j->a, j->b, j->serial, fd[0]);
    send_end(j->b, j->a, j->serial, fd[1]);
    close(fd[0]);
    close(fd[1]);
}

static void log_rejoined(const struct joint *j)
{
    struct log_line l;

    log_begin(&l, LOG_CHANNEL_REJOINED, STR_NULL);
    log_c(&l, "process", role_name(j->a->role));
    log_u64(&l, "instance", j->a->instance);
    log_c(&l, "peer", role_name(j->b->role));
    log_u64(&l, "peer-instance", j->b->instance);
    log_end(&l);
}

/* Both have had their time to end: if they live, they get a new channel. */
static void on_again(void *arg)
{
    struct joint *j = arg;
    int64_t now = clock_boot_us();

    if (!is_up(j->a) || !is_up(j->b) || j->s->state == SUPERVISOR_STOPPING)
        return;
    if (now - j->minute_us > MINUTE_US) {
        j->minute_us = now;
        j->rejoins = 0;
    }
    if (++j->rejoins > REJOINS_MOST) {
        j->rejoins = 0;
        child_kill(role_row(j->a->role)->stop < role_row(j->b->role)->stop ? j->a : j->b,
                   "its channel to a peer broke again and again");
        return;
    }
    j->s->rejoined++;
    log_rejoined(j);
    joint_connect(j);
}

static struct joint *joint_of(struct supervisor *s, struct child *a, struct child *b)
{
    struct joint *j;

    LIST_EACH(j, &s->joints, node)
        if ((j->a == a && j->b == b) || (j->a == b && j->b == a))
            return j;
    j = mem_zalloc(sizeof *j);
    *j = (struct joint){.s = s, .a = a, .b = b};
    timer_init(&j->again, s->timers, on_again, j);
    list_append(&s->joints, &j->node);
    return j;
}

void peers_join_all(struct supervisor *s, struct child *c)
{
    for (size_t i = 0; i < s->children; i++) {
        struct child *other = &s->child[i];

        if (other != c && is_up(other) && (role_row(c->role)->peers & other->role))
            joint_connect(joint_of(s, c, other));
    }
}

static struct child *child_of(struct supervisor *s, uint64_t role, uint64_t instance)
{
    for (size_t i = 0; i < s->children; i++)
        if (s->child[i].role == role && s->child[i].instance == instance)
            return &s->child[i];
    return NULL;
}

void peers_lost(struct child *c, const struct msg_peer_lost *m)
{
    struct child *other = child_of(c->s, m->role, m->instance);
    struct joint *j;

    if (!other || other == c || !(role_row(c->role)->peers & other->role))
        return;
    j = joint_of(c->s, c, other);
    if (j->serial != m->serial)
        return;
    if (m->broke && is_up(other))
        child_kill(other, "it said to a peer what it may not");
    else if (!timer_is_set(&j->again))
        timer_set(&j->again, AGAIN_US);
}
