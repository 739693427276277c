/* base/clock.h: time, one of the seams. Two clocks that are never mixed: wall time for what is stored and shown,
 * CLOCK_BOOTTIME for deadlines (it never jumps, and goes on while the machine sleeps). All in microseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"

/* Microseconds since 1970 UTC. */
int64_t clock_wall_us(void);
/* Microseconds since boot. */
int64_t clock_boot_us(void);
/* The seam: a test's own clocks; NULL restores the kernel's. */
struct clock_source {
    int64_t (*wall_us)(void);
    int64_t (*boot_us)(void);
};
void clock_set_source(const struct clock_source *source);
/* Appends "2026-11-24T13:17:26.123Z" (RFC 3339 section 5.6). */
void clock_print_rfc3339(struct buf *out, int64_t wall_us);
/* Appends "Tue, 24 Nov 2026 13:17:26 +0000" (RFC 5322 section 3.3). */
void clock_print_rfc5322(struct buf *out, int64_t wall_us);

#endif
