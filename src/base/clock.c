/* base/clock.c: see clock.h. */
#include "base/clock.h"

#include <time.h>

static const struct clock_source *source;

void clock_set_source(const struct clock_source *s)
{
    source = s;
}

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return source ? source->wall_us() : read_clock(CLOCK_REALTIME);
}

int64_t clock_boot_us(void)
{
    return source ? source->boot_us() : read_clock(CLOCK_BOOTTIME);
}

static struct tm broken_down(int64_t wall_us)
{
    time_t t = (time_t)(wall_us / 1000000 - (wall_us % 1000000 < 0));
    struct tm tm = {0};

    gmtime_r(&t, &tm);
    return tm;
}

void clock_print_rfc3339(struct buf *out, int64_t wall_us)
{
    struct tm tm = broken_down(wall_us);
    int ms = (int)(((wall_us % 1000000 + 1000000) % 1000000) / 1000);

    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

void clock_print_rfc5322(struct buf *out, int64_t wall_us)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = broken_down(wall_us);

    buf_printf(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000", days + (ptrdiff_t)3 * tm.tm_wday,
               tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
}
