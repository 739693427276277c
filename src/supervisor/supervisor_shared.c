/* supervisor/supervisor_shared.c: the memory in which the processes of an edge count, so that a limit holds over all of
 * them (net/shared.h). Each start of a process gets a fresh one: nobody else can write it, and its
 * siblings are told of it before the process accepts anybody. When it ends they forget it. */
#include "supervisor/supervisor_int.h"

#include "base/log.h"

#include <unistd.h>

static bool is_sibling(const struct child *a, const struct child *b)
{
    return a != b && a->role == b->role;
}

/* fd -1: the instance has ended. */
static void tell_of(struct child *to, const struct child *instance, int fd)
{
    struct msg m = {.type = MSG_SETUP_SHARED,
                    .nfds = fd >= 0,
                    .fd = {fd},
                    .setup_shared = {.instance = instance->instance}};

    if (to->chan)
        chan_send(to->chan, &m);
}

static void give_own(struct supervisor *s, struct child *c, int own)
{
    const unsigned char *key = s->shared_key[role_number(c->role)];
    struct msg m = {.type = MSG_SETUP_SHARED,
                    .nfds = 1,
                    .fd = {own},
                    .setup_shared = {c->instance, str_of(key, NET_SHARED_KEY_BYTES)}};

    chan_send(c->chan, &m);
}

void supervisor_share(struct supervisor *s, struct child *c)
{
    struct error err;
    int own;

    supervisor_unshare(s, c);
    if (!net_shared_make(&own, &c->shown, &err)) {
        c->shown = -1;
        log_text(LOG_ROLE_PROBLEM, STR_NULL,
                 "%s: limits do not count the connections of process %u of %s", err.text,
                 c->instance, role_name(c->role));
        return;
    }
    give_own(s, c, own);
    close(own);
    for (size_t i = 0; i < s->children; i++) {
        struct child *other = &s->child[i];

        if (!is_sibling(other, c) || other->shown < 0)
            continue;
        tell_of(other, c, c->shown);
        tell_of(c, other, other->shown);
    }
}

void supervisor_unshare(struct supervisor *s, struct child *c)
{
    if (c->shown < 0)
        return;
    base_close_fd(&c->shown);
    c->shown = -1;
    for (size_t i = 0; i < s->children; i++)
        if (is_sibling(&s->child[i], c) && s->child[i].shown >= 0)
            tell_of(&s->child[i], c, -1);
}
