/* relay/purge.c: see purge.h. */
#include "relay/purge.h"

#include "address/address.h"
#include "base/buf.h"
#include "base/clock.h"

#define FOLDED_MOST 8192 /* folding may make an address longer */

struct purge *purge_create(const struct msg_list *addresses)
{
    struct purge *p = mem_zalloc(sizeof *p);
    struct buf b;

    map_init(&p->addresses);
    p->at_us = clock_boot_us();
    buf_init(&b, FOLDED_MOST);
    for (size_t i = 0; i < addresses->n; i++) {
        buf_reset(&b);
        address_fold_whole(&b, addresses->v[i]);
        map_put(&p->addresses, buf_view(&b), p);
    }
    buf_done(&b);
    return p;
}

void purge_destroy(struct purge *p)
{
    if (!p)
        return;
    list_remove(&p->node);
    map_done(&p->addresses);
    mem_free(p);
}

/* The folded address without its +detail. */
static void print_base(struct buf *out, struct str folded)
{
    struct str local, domain, base, detail;

    if (!address_split(folded, &local, &domain))
        return;
    address_detail(local, &base, &detail);
    buf_str(out, base);
    buf_char(out, '@');
    buf_str(out, domain);
}

bool purge_matches(const struct purge *p, struct str address)
{
    struct buf folded, base;
    bool found;

    buf_init(&folded, FOLDED_MOST);
    buf_init(&base, FOLDED_MOST);
    address_fold_whole(&folded, address);
    print_base(&base, buf_view(&folded));
    found = map_find(&p->addresses, buf_view(&folded)) || map_find(&p->addresses, buf_view(&base));
    buf_done(&folded);
    buf_done(&base);
    return found;
}
