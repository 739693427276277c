/* directory/account_open.c: a socket to an account's process. Nobody reaches an account but by the
 * directory's word: it makes a connected pair, has `accounts` give one end to the account's process,
 * and hands out the other.
 *
 *     ASKED -- answered, or its time is over --> told
 *       ^ |
 *       +-+ accounts ended before it answered: asked of its successor, with a new pair and a new ticket
 *
 * With each asking goes a ticket, against which `keys` gives that process its key, should it have to
 * be started (keys/ticket.h). A ticket is good once, and a pair has one user, so neither is sent
 * twice: what the first process did with them is void. */
#include "base/clock.h"
#include "base/limits.h"
#include "directory/directory_int.h"

#include <sys/socket.h>
#include <unistd.h>

#define ASK_MOST 3
#define ASK_US (10LL * 1000000) /* later, whoever wanted it has given up before the answer comes */

struct opening {
    struct directory *d;
    struct arena arena; /* the strings of ask */
    struct msg_session_ask ask;
    bool stream;
    unsigned asked;
    int64_t since_us;
    int fd; /* our end */
    open_fn fn;
    void *arg;
};

static void on_opened(void *arg, struct msg_session_tell *tell, int *unused);

/* False: there are no sockets left. */
static bool opening_ask(struct opening *o, struct error *err)
{
    int type = (o->stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    unsigned char ticket[TICKET_BYTES];
    int fd[2];

    if (socketpair(AF_UNIX, type, 0, fd) != 0)
        return error_set(err, ERROR_TEMPORARY, "too many sessions at once; try again in a moment");
    o->asked++;
    o->fd = fd[0];
    ticket_make(o->d->ticket_key, o->ask.account, ticket);
    o->ask.ticket = str_of(ticket, sizeof ticket);
    call_session(process_to(o->d->p, ROLE_ACCOUNTS), &o->ask, CALL_FD(fd[1]), on_opened, o);
    o->ask.ticket = STR_NULL;
    close(fd[1]);
    return true;
}

static void opening_end(struct opening *o, const struct error *err)
{
    o->fn(o->arg, o->fd, err->kind ? err : NULL);
    arena_done(&o->arena);
    mem_free(o);
}

static void on_opened(void *arg, struct msg_session_tell *tell, int *unused)
{
    struct opening *o = arg;
    struct error err = {0};

    (void)unused;
    if (msg_error_take(&tell->error, &err)) {
        close(o->fd);
        o->fd = -1;
    }
    if (tell->id == 0 && o->asked < ASK_MOST && clock_boot_us() - o->since_us < ASK_US &&
        opening_ask(o, &err))
        return;
    if (err.kind == ERROR_DAMAGED || err.kind == ERROR_DISK)
        account_set_problem(o->d, o->ask.account, str_c(err.text), err.kind == ERROR_DISK);
    opening_end(o, &err);
}

void account_open(struct directory *d, const struct open_request *r, open_fn fn, void *arg)
{
    struct opening *o = mem_zalloc(sizeof *o);
    struct error err = {0};

    *o = (struct opening){
        .d = d, .stream = r->stream, .since_us = clock_boot_us(), .fd = -1, .fn = fn, .arg = arg};
    arena_init(&o->arena, LIMIT_MSG_BYTES);
    o->ask = (struct msg_session_ask){.account = r->account,
                                      .service = arena_str(&o->arena, r->service),
                                      .session = arena_str(&o->arena, r->session),
                                      .user = arena_str(&o->arena, r->user),
                                      .tag = arena_str(&o->arena, r->tag),
                                      .credential = r->credential,
                                      .read_only = r->read_only,
                                      .quota = r->settings.quota,
                                      .subaddress = r->settings.subaddress,
                                      .opened = r->settings.opened};
    if (!opening_ask(o, &err))
        opening_end(o, &err);
}
