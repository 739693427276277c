/* edge/smtp_memory.h: one budget for the memory of messages on their way in, over all processes of edge-smtp. It counts
 * what their connections hold, and what intake still holds of messages whose senders have had their answer, as it said last. */
#ifndef EDGE_SMTP_MEMORY_H
#define EDGE_SMTP_MEMORY_H

#include "net/tally.h"

#define SMTP_MEMORY_BELIEVED_US                                                                    \
    (60LL * 1000000) /* how long intake's last word counts, unless it says more */

struct smtp_memory {
    uint64_t most;           /* bytes, of all processes */
    struct tally_total held; /* by connections */
    struct tally_total
        handed;  /* the part of it that intake was asked to take and has not answered */
    size_t word; /* where intake's last word is in each area */
};

/* Reserves what it needs in `shared`, before net_shared_open. most: bytes; 0: a quarter of the machine's memory. */
void smtp_memory_init(struct smtp_memory *m, struct net_shared *shared, uint64_t most);
/* Whether n more bytes fit (n 0: whether there is any room at all); counts them if they do. smtp_memory_give undoes it. */
MUST_CHECK bool smtp_memory_take(struct smtp_memory *m, uint64_t n, int64_t now_us);
void smtp_memory_give(struct smtp_memory *m, uint64_t n);
/* Intake was asked to take n of the bytes that are counted; or it has answered, or is not asked any more. */
void smtp_memory_hand(struct smtp_memory *m, uint64_t n);
void smtp_memory_unhand(struct smtp_memory *m, uint64_t n);
/* Intake says how many bytes it holds in all; 0 when it is a new one. */
void smtp_memory_intake(struct smtp_memory *m, uint64_t held, int64_t now_us);
/* Bytes that count now. now_us here and above is CLOCK_BOOTTIME. */
uint64_t smtp_memory_used(const struct smtp_memory *m, int64_t now_us);

#endif
