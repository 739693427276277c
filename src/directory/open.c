/* directory/open.c: for whom sockets to accounts' processes are made (account_open.c), beside those who
 * log in: for intake, which delivers, and for ourselves. */
#include "base/limits.h"
#include "directory/directory_int.h"

#include <unistd.h>

#define LINK_WINDOW 1000 /* reservations and checks under way for one account */

/* For a service of a role of ours, not of a person: with the account's settings, and its name for notices. */
static bool open_service(struct directory *d, uint64_t account, struct str service, open_fn fn,
                         void *arg, struct error *err)
{
    struct open_request r = {.account = account, .service = service};
    struct buf name;
    bool ok;

    buf_init(&name, 2 * LIMIT_SMTP_PATH);
    ok = account_settings(d, account, &r.settings, err) && account_name(d, account, &name, err);
    if (ok) {
        r.user = buf_view(&name);
        account_open(d, &r, fn, arg);
    }
    buf_done(&name);
    return ok;
}

/* ---- for intake ---- */

static void on_delivery(void *arg, int fd, const struct error *err)
{
    struct asked *asked = arg;

    tell_delivery_open(asked, &(struct msg_delivery_open_tell){.error = msg_error_of(err)}, fd);
    if (fd >= 0)
        close(fd);
    mem_free(asked);
}

void open_delivery(struct directory *d, struct chan *c, const struct msg *m)
{
    struct asked *asked = mem_zalloc(sizeof *asked);
    struct error err = {0};

    asked_take(asked, c, m);
    if (!open_service(d, m->delivery_open_ask.account, STR("intake"), on_delivery, asked, &err))
        on_delivery(asked, -1, &err);
}

/* ---- for ourselves ---- */

struct link_opening {
    struct directory *d;
    uint64_t account;
};

static void on_link(void *arg, int fd, const struct error *err)
{
    struct link_opening *o = arg;

    account_link_opened(o->d->links, o->account, fd, err);
    mem_free(o);
}

static void link_open(void *arg, uint64_t account)
{
    struct directory *d = arg;
    struct link_opening *o = mem_zalloc(sizeof *o);
    struct error err = {0};

    *o = (struct link_opening){d, account};
    if (!open_service(d, account, STR("directory"), on_link, o, &err))
        on_link(o, -1, &err);
}

static void link_lost(void *arg, struct account_link *link)
{
    reserve_link_lost(arg, link);
}

struct account_links *open_links(struct directory *d)
{
    static const struct account_link_ops ops = {
        .open = link_open, .lost = link_lost, .window = LINK_WINDOW};

    return account_links_create(d->p, &ops, d);
}
