/* edge/smtp_memory.h: the memory of messages on their way in, counted over all processes of edge-smtp: what their
 * connections hold, and what intake still holds of messages that were answered, as it said last. */
#ifndef EDGE_SMTP_MEMORY_H
#define EDGE_SMTP_MEMORY_H

#include "net/tally.h"

#define SMTP_MEMORY_BELIEVED_US                                                                    \
    (60LL * 1000000) /* so long intake's word counts, unless it says more */

struct smtp_memory {
    uint64_t most;             /* bytes, of all processes */
    struct tally_total held;   /* by connections */
    struct tally_total handed; /* of these, what intake was asked to take and has not answered */
    size_t word;               /* of struct smtp_memory_word */
};

/* Reserves what it needs in `shared`. most 0: a quarter of the machine's. */
void smtp_memory_init(struct smtp_memory *m, struct net_shared *shared, uint64_t most);
/* Whether n more bytes fit (0: whether there is any room); counts them if they do. */
MUST_CHECK bool smtp_memory_take(struct smtp_memory *m, uint64_t n, int64_t now_us);
void smtp_memory_give(struct smtp_memory *m, uint64_t n);
/* Bytes that were taken are with intake as well, or no longer. */
void smtp_memory_hand(struct smtp_memory *m, uint64_t n);
void smtp_memory_unhand(struct smtp_memory *m, uint64_t n);
/* What intake holds in all, as it says; 0 when it is a new one. */
void smtp_memory_intake(struct smtp_memory *m, uint64_t held, int64_t now_us);
uint64_t smtp_memory_used(const struct smtp_memory *m, int64_t now_us);

#endif
