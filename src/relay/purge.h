/* relay/purge.h: the addresses of an account that is being removed, for recipients in the queue of which
 * nobody could say whose they are: such a recipient is the account's if its address is one of these, in
 * whatever case or form, with or without a +detail (address/address.h). */
#ifndef RELAY_PURGE_H
#define RELAY_PURGE_H

#include "base/list.h"
#include "base/map.h"
#include "proc/msg.h"

struct purge {
    struct list_node node; /* for its owner */
    struct map addresses;  /* as they are compared -> the purge itself */
    int64_t at_us;         /* CLOCK_BOOTTIME, when it was made */
};

struct purge *purge_create(const struct msg_list *addresses);
void purge_destroy(struct purge *p); /* NULL is fine; takes it out of its owner's list */
/* Whether the address is the account's. */
bool purge_matches(const struct purge *p, struct str address);

#endif
