/* proc/test_role.c: see test_role.h. */
#include "proc/test_role.h"

#include "base/clock.h"
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUIET_TURNS 3 /* turns of the loop without anything new: nothing happens any more */
#define STEP_US 1000  /* the least that the clock moves */
#define DESCRIPTORS_MOST 4096
#define BEGIN_US (1795000000LL * 1000000)

struct letter {
    struct list_node node;
    char *bytes;
    size_t n;
    int fd[LIMIT_MSG_FDS];
    unsigned nfds;
    struct arena arena; /* while it is taken */
    struct msg *m;      /* the test's view of it */
};

static int64_t now_us = BEGIN_US;

static int64_t simulated_us(void)
{
    return now_us;
}

static const struct clock_source simulated = {.wall_us = simulated_us, .boot_us = simulated_us};

int64_t role_test_now_us(void)
{
    return now_us;
}

static void letter_free(struct letter *l)
{
    for (unsigned i = 0; i < l->nfds; i++) {
        int fd = l->m ? l->m->fd[i] : l->fd[i];

        if (fd >= 0)
            close(fd);
    }
    if (l->m)
        arena_done(&l->arena);
    list_remove(&l->node);
    mem_free(l->bytes);
    mem_free(l);
}

/* ---- reading ---- */

static void letter_fds(struct letter *l, struct msghdr *h)
{
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
            continue;
        l->nfds = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(l->fd, CMSG_DATA(cm), l->nfds * sizeof(int));
    }
}

/* True when something came, or the end of it. */
static bool end_read(struct role_end *e)
{
    static char buffer[LIMIT_MSG_BYTES];
    char control[CMSG_SPACE(sizeof(int) * LIMIT_MSG_FDS)] __attribute__((aligned(8)));
    struct iovec v = {buffer, sizeof buffer};
    struct msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct letter *l;
    ssize_t n;

    if (e->fd < 0 || e->deaf)
        return false;
    n = recvmsg(e->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        base_close_fd(&e->fd);
        e->fd = -1;
        return true;
    }
    l = mem_zalloc(sizeof *l);
    l->bytes = mem_alloc((size_t)n);
    l->n = (size_t)n;
    memcpy(l->bytes, buffer, (size_t)n);
    letter_fds(l, &h);
    list_append(&e->letters, &l->node);
    return true;
}

static bool letter_is(const struct letter *l, enum msg_type type)
{
    uint16_t of;

    memcpy(&of, l->bytes, sizeof of);
    return type == MSG_NONE || of == type;
}

size_t role_end_waiting(struct role_end *e, enum msg_type type)
{
    const struct letter *l;
    size_t n = 0;

    LIST_EACH(l, &e->letters, node)
        n += letter_is(l, type);
    return n;
}

struct msg *role_end_take(struct role_end *e, enum msg_type type)
{
    struct letter *l;
    struct error err = {0};

    LIST_EACH(l, &e->letters, node)
        if (letter_is(l, type))
            break;
    if (!l)
        return NULL;
    if (e->taken)
        letter_free(e->taken);
    list_remove(&l->node);
    e->taken = l;
    arena_init(&l->arena, LIMIT_MSG_BYTES * 8);
    l->m = &e->last;
    if (!msg_parse(str_of(l->bytes, l->n), &l->arena, &e->last, &err) || e->last.nfds != l->nfds)
        panic("the role has sent what is no message: %s", err.text);
    memcpy(e->last.fd, l->fd, sizeof l->fd);
    return &e->last;
}

bool role_end_is_closed(struct role_end *e)
{
    return e->fd < 0;
}

/* ---- writing ---- */

static void end_write(struct role_end *e, struct str bytes, const int *fd, unsigned nfds)
{
    char control[CMSG_SPACE(sizeof(int) * LIMIT_MSG_FDS)] __attribute__((aligned(8))) = {0};
    struct iovec v = {(char *)(uintptr_t)bytes.p, bytes.n};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    struct cmsghdr *cm = (struct cmsghdr *)control;

    if (nfds) {
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(cm), fd, sizeof(int) * nfds);
    }
    while (sendmsg(e->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
        role_test_spin(e->t);
}

void role_end_send_raw(struct role_end *e, struct str bytes)
{
    end_write(e, bytes, NULL, 0);
    role_test_spin(e->t);
}

void role_end_send(struct role_end *e, const struct msg *m)
{
    struct error err = {0};
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    if (!msg_print(&b, m, &err))
        panic("the test's message: %s", err.text);
    end_write(e, buf_view(&b), m->fd, m->nfds);
    buf_done_wipe(&b);
    role_test_spin(e->t);
}

void role_end_close(struct role_end *e)
{
    if (e->fd >= 0)
        close(e->fd);
    e->fd = -1;
    role_test_spin(e->t);
}

/* ---- the bench ---- */

unsigned role_test_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < DESCRIPTORS_MOST; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

struct role_end *role_test_over(struct role_test *t, enum role role, int fd)
{
    struct role_end *e = mem_zalloc(sizeof *e);

    *e = (struct role_end){.t = t, .role = role, .fd = fd};
    list_append(&t->ends, &e->node);
    return e;
}

void role_test_begin(struct role_test *t, enum role role, const struct process_ops *ops, void *arg)
{
    int fd[2];

    clock_set_source(&simulated);
    *t = (struct role_test){.descriptors = role_test_descriptors()};
    buf_init(&t->config, LIMIT_CONFIG_TEXT);
    if (!chan_pair(fd))
        panic("no sockets left");
    t->supervisor = role_test_over(t, ROLE_SUPERVISOR, fd[1]);
    t->p = process_create(role, 0, ops, arg, fd[0]);
}

void role_test_set(struct role_test *t, const char *line)
{
    buf_printf(&t->config, "%s\n", line);
}

void role_test_reload(struct role_test *t)
{
    role_end_send(t->supervisor,
                  &(struct msg){.type = MSG_SETUP_CONFIG, .setup_config = {buf_view(&t->config)}});
}

void role_test_file(struct role_test *t, const char *name, int fd)
{
    struct msg m = {.type = MSG_SETUP_FILE, .nfds = 1, .setup_file = {str_c(name)}};
    int made = fd < 0 ? memfd_create(name, MFD_CLOEXEC) : -1;

    m.fd[0] = fd < 0 ? made : fd;
    role_end_send(t->supervisor, &m);
    if (made >= 0)
        close(made);
}

struct role_end *role_test_peer(struct role_test *t, enum role role, unsigned instance)
{
    struct msg m = {
        .type = MSG_SETUP_PEER, .nfds = 1, .setup_peer = {role, instance, ++t->last_serial}};
    struct role_end *e;
    int fd[2];

    if (!chan_pair(fd))
        panic("no sockets left");
    e = role_test_over(t, role, fd[1]);
    e->instance = instance;
    m.fd[0] = fd[0];
    role_end_send(t->supervisor, &m);
    close(fd[0]);
    return e;
}

void role_test_go(struct role_test *t)
{
    role_test_reload(t);
    role_end_send(t->supervisor, &(struct msg){.type = MSG_SETUP_GO});
}

void role_test_spin(struct role_test *t)
{
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        struct role_end *e;

        timers_run(t->p->timers);
        event_base_loop(t->p->base, EVLOOP_NONBLOCK);
        LIST_EACH(e, &t->ends, node)
            while (end_read(e))
                quiet = 0;
    }
}

void role_test_pass(struct role_test *t, int64_t us)
{
    int64_t until = now_us + us;

    role_test_spin(t);
    while (now_us < until) {
        int64_t next = timers_next_us(t->p->timers);

        if (next >= 0 && next < STEP_US)
            next = STEP_US;
        now_us = next >= 0 && now_us + next < until ? now_us + next : until;
        role_test_spin(t);
    }
}

void role_test_end(struct role_test *t)
{
    struct role_end *e;

    process_destroy(t->p);
    while ((e = LIST_FIRST(&t->ends, struct role_end, node))) {
        struct letter *l;

        if (e->taken)
            letter_free(e->taken);
        while ((l = LIST_FIRST(&e->letters, struct letter, node)))
            letter_free(l);
        if (e->fd >= 0)
            close(e->fd);
        list_remove(&e->node);
        mem_free(e);
    }
    buf_done(&t->config);
    clock_set_source(NULL);
    CHECK_U64(role_test_descriptors(),
              t->descriptors); /* nobody has kept one, nor closed another's */
}
