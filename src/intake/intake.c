/* intake/intake.c: from a sealed memfd to 250: the role, what it takes from edges and the queue, and how
 * much of it from each. arrival.c has the states of a message on its way.
 *
 * What an edge says is not believed: the seals, the sizes and the count of recipients are looked at
 * before anything else, and whose the recipients are is asked again. An edge has a share of this
 * process, in messages and in recipients; when that is full, it is not read until something is over.
 *
 * A target waits for its account's process in a link (proc/account_link.h), which takes no more than
 * LINK_WINDOW bytes and LINK_MOST messages at a time: a process that hangs pins so much, or one
 * message, and no more; the rest is dropped here as soon as the queue has it. An account that let its
 * time pass is named to the directory, which has its process looked at (account/accounts.c). */
#include "intake/intake_int.h"

#include "base/log.h"
#include "mime/message.h"
#include "proc/memfd.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LINK_WINDOW (1ULL << 20)
#define LINK_MOST 64
#define HEADER_MOST ((size_t)1 << 20) /* bytes of a header that are looked at */

/* What all edges together may have under way: a recipient takes less than a kilobyte of the memory in
 * proc/roles.h, a message at most two descriptors of half of those that this process may have; the rest
 * is for channels to accounts' processes. */
#define RECIPIENTS_MOST 1000000
#define FILES_A_MESSAGE 4

/* Bytes of what a question names; together they fit what an account puts in front of a message. */
#define TRANSACTION_MOST 64
#define SESSION_MOST 64
#define RETURN_PATH_MOST 2048
#define TRACE_MOST 4096
#define ADDRESS_MOST 1024

void intake_tell_slow(struct intake *in, uint64_t account)
{
    struct msg m = {.type = MSG_ACCOUNT_SLOW, .account_slow = {account}};
    struct chan *directory = process_peer(in->p, ROLE_DIRECTORY);

    in->slow++;
    if (directory)
        chan_send(directory, &m);
}

/* ---- shares ---- */

static struct share *share_of(struct intake *in, struct chan *c)
{
    struct share *s;

    LIST_EACH(s, &in->shares, node)
        if (s->chan == c)
            return s;
    s = mem_zalloc(sizeof *s);
    s->chan = c;
    list_append(&in->shares, &s->node);
    return s;
}

static void share_review(struct share *s, const struct intake *in)
{
    bool full = s->messages >= in->share_messages || s->recipients >= in->share_recipients;

    if (full != s->full)
        chan_set_reading(s->chan, !full);
    s->full = full;
}

void intake_share_add(struct share *s, struct intake *in, size_t recipients)
{
    s->messages++;
    s->recipients += recipients;
    share_review(s, in);
}

void intake_share_remove(struct share *s, struct intake *in, size_t recipients)
{
    s->messages--;
    s->recipients -= recipients;
    share_review(s, in);
}

/* ---- what is looked at first ---- */

/* Whether the message has come through so many servers that it must be going in circles (RFC 5321 section 6.3). */
static bool is_looping(struct str bytes)
{
    size_t at = 0, hops = 0;
    struct mime_field field;
    struct str header = str_sub(bytes, 0, HEADER_MOST);

    header = str_sub(header, 0, str_find(header, STR("\r\n\r\n")));
    while (hops <= LIMIT_SMTP_HOPS && mime_next_field(header, &at, &field))
        hops += str_equal_nocase(field.name, STR("Received"));
    return hops > LIMIT_SMTP_HOPS;
}

/* The message itself. What comes from the queue was looked at when it came in. */
static bool check_message(const struct arrival *a, struct error *err)
{
    struct str bytes;
    bool loops;

    if (!a->queued && a->size > a->in->size_most)
        return error_set(err, ERROR_TOO_LARGE, "a message of more than %llu bytes",
                         (unsigned long long)a->in->size_most);
    if (!memfd_map(a->fd, a->size, &bytes, err))
        return false;
    loops = !a->queued && is_looping(bytes);
    memfd_unmap(bytes);
    return !loops ||
           error_set(err, ERROR_LOOP,
                     "this message has come through more than %d servers; it goes in circles",
                     LIMIT_SMTP_HOPS);
}

/* What is said of it: all that an account or the queue would stumble over later is refused now. */
static bool check_words(const struct arrival *a, struct error *err)
{
    bool ok = a->fd >= 0 && a->transaction.n > 0 && a->transaction.n <= TRANSACTION_MOST &&
              a->session.n <= SESSION_MOST && a->return_path.n <= RETURN_PATH_MOST &&
              a->trace.n <= TRACE_MOST && a->rcpts_n > 0 && !a->arena.full;

    for (size_t i = 0; ok && i < a->rcpts_n; i++)
        ok = a->rcpts[i].address.n > 0 && a->rcpts[i].address.n <= ADDRESS_MOST;
    return ok || error_set(err, ERROR_INTERNAL, "a message without its recipients, or its name");
}

/* ---- recipients ---- */

static bool keep_recipients(struct arrival *a, const struct msg_list *list, uint64_t account)
{
    if (list->n > (a->queued ? LIMIT_MSG_LIST : LIMIT_SMTP_RECIPIENTS) || !arrival_room(a, list->n))
        return false;
    for (size_t i = 0; i < list->n; i++)
        a->rcpts[a->rcpts_n++] =
            (struct rcpt){.address = arena_str(&a->arena, list->v[i]), .account = account};
    return true;
}

/* Those that were too many for the message, in a memfd of their own, each with a NUL after it. */
static bool map_recipients(struct arrival *a, int fd, uint64_t size)
{
    struct str bytes, rest, one;
    struct error err;
    size_t n = 0;

    if (size == 0 || size > (uint64_t)LIMIT_SMTP_RECIPIENTS * (ADDRESS_MOST + 1) ||
        !memfd_map(fd, size, &bytes, &err))
        return false;
    rest = arena_str(&a->arena, bytes);
    memfd_unmap(bytes);
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '\0';
    if (n > LIMIT_SMTP_RECIPIENTS || !arrival_room(a, n))
        return false;
    while (a->rcpts_n < n && str_cut(rest, '\0', &one, &rest))
        a->rcpts[a->rcpts_n++].address = one;
    return rest.n == 0; /* else the last has no NUL */
}

/* ---- what comes ---- */

/* All is there: it goes on its way, or is refused. */
static void arrival_admit(struct arrival *a, bool whole)
{
    struct error err;

    if (!whole)
        error_set(&err, ERROR_INTERNAL, "a message whose recipients cannot be read");
    if (whole && check_words(a, &err) && check_message(a, &err))
        arrival_begin(a);
    else
        arrival_refuse(a, &err);
}

static void take_arrival(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_arrival_ask *ask = &m->arrival_ask;
    struct arrival *a = arrival_create(in, share_of(in, c), c, m);

    a->transaction = arena_str(&a->arena, ask->transaction);
    a->session = arena_str(&a->arena, ask->session);
    a->return_path = arena_str(&a->arena, ask->return_path);
    a->trace = arena_str(&a->arena, ask->trace);
    a->size = ask->size;
    a->received = ask->received;
    arrival_admit(a, m->nfds < 2 ? keep_recipients(a, &ask->recipients, 0)
                                 : ask->recipients.n == 0 &&
                                       map_recipients(a, m->fd[1], ask->recipients_size));
}

static void take_queue_try(struct intake *in, struct chan *c, struct msg *m)
{
    const struct msg_queue_try_ask *ask = &m->queue_try_ask;
    uint64_t account = ask->accounts.n ? msg_u64_item(ask->accounts.v[0]) : 0;
    struct arrival *a = arrival_create(in, share_of(in, c), c, m);
    bool whole;

    a->queued = true;
    a->owners = account == 0;
    a->transaction = arena_str(&a->arena, ask->transaction);
    a->session = arena_str(&a->arena, ask->session);
    a->return_path = arena_str(&a->arena, ask->return_path);
    a->trace = arena_str(&a->arena, ask->trace);
    a->size = ask->size;
    a->received = ask->received;
    whole = keep_recipients(a, &ask->recipients, account);
    a->resolved = account ? a->rcpts_n : 0;
    arrival_admit(a, whole);
}

/* ---- links to accounts' processes ---- */

struct link_opening {
    struct intake *in;
    uint64_t account;
};

static void on_link_open(void *arg, struct msg_delivery_open_tell *tell, int *fd)
{
    struct link_opening *o = arg;
    struct error err = {0};

    if (!msg_error_take(&tell->error, &err) && *fd < 0)
        error_set(&err, ERROR_INTERNAL, "a channel was promised and did not come");
    account_link_opened(o->in->links, o->account, err.kind ? -1 : *fd, &err);
    if (!err.kind)
        *fd = -1;
    mem_free(o);
}

static void link_open(void *arg, uint64_t account)
{
    struct intake *in = arg;
    struct link_opening *o = mem_zalloc(sizeof *o);

    *o = (struct link_opening){in, account};
    call_delivery_open(process_to(in->p, ROLE_DIRECTORY),
                       &(struct msg_delivery_open_ask){.account = account}, NULL, on_link_open, o);
}

/* ---- the role ---- */

static void intake_reload(void *arg)
{
    struct intake *in = arg;

    /* Never lower: what an edge has taken under the settings of before is not refused after the data. */
    if (in->size_most < in->p->config.message_size)
        in->size_most = in->p->config.message_size;
}

static size_t messages_most(void)
{
    uint64_t files = role_row(ROLE_INTAKE)->descriptors.fixed;
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max < files)
        files = r.rlim_max;
    return files / FILES_A_MESSAGE;
}

static bool intake_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    static const struct account_link_ops ops = {
        .open = link_open, .window = LINK_WINDOW, .most = LINK_MOST};
    struct intake *in = arg;
    size_t edges = process_instances(&p->config, ROLE_EDGE_SMTP);

    (void)ready, (void)err;
    in->p = p;
    in->share_messages = messages_most() / edges;
    in->share_recipients = RECIPIENTS_MOST / edges;
    in->links = account_links_create(p, &ops, in);
    intake_reload(in);
    return true;
}

void intake_done(struct intake *in)
{
    struct arrival *a;
    struct offer *o;
    struct share *s;

    while ((a = LIST_FIRST(&in->arrivals, struct arrival, node)))
        arrival_destroy(a);
    while ((o = LIST_FIRST(&in->offers, struct offer, node)))
        offer_end(o);
    while ((s = LIST_FIRST(&in->shares, struct share, node))) {
        list_remove(&s->node);
        mem_free(s);
    }
    account_links_destroy(in->links);
}

/* What it has asked is over; what is its own here goes with it. */
static void intake_peer_lost(void *arg, enum role role, struct chan *c)
{
    struct intake *in = arg;
    struct share *s = share_of(in, c);
    struct arrival *a, *next;

    (void)role;
    LIST_EACH_SAFE(a, next, &in->arrivals, node)
        if (a->share == s)
            arrival_destroy(a);
    list_remove(&s->node);
    mem_free(s);
}

static void intake_message(void *arg, struct chan *c, struct msg *m)
{
    struct intake *in = arg;

    if (m->type == MSG_ARRIVAL_ASK)
        take_arrival(in, c, m);
    else if (m->type == MSG_QUEUE_TRY_ASK)
        take_queue_try(in, c, m);
}

static void intake_status(void *arg, struct process_status *s)
{
    struct intake *in = arg;
    const struct share *one;
    size_t full = 0;

    LIST_EACH(one, &in->shares, node)
        full += one->full;
    process_status_add(s, "deliveries", in->delivered);
    process_status_add(s, "queued", in->queued);
    process_status_add(s, "failed", in->failed);
    process_status_add(s, "refused", in->refused);
    process_status_add(s, "slow-accounts", in->slow);
    process_status_add(s, "under-way", in->arrivals.n);
    process_status_add(s, "full-shares", full);
    process_status_add(s, "message-memory", in->held);
    process_status_add(s, "account-channels", account_links_open(in->links));
    process_status_add(s, "offered-bytes", account_links_weight(in->links));
    process_status_add(s, "stuck-bytes", account_links_stuck(in->links));
}

static const struct process_ops intake_ops = {.start = intake_start,
                                              .message = intake_message,
                                              .peer_lost = intake_peer_lost,
                                              .reload = intake_reload,
                                              .status = intake_status};

NORETURN void intake_main(unsigned instance)
{
    struct intake in = {0};

    process_main(ROLE_INTAKE, instance, &intake_ops, &in);
}
