/* mime/date_fuzz.c: any bytes are a date or none; one that was read is the same when it is written
 * as RFC 5322 section 3.3 has it. */
#include "mime/date.h"
#include "base/replay.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REQUIRE(condition) ((condition) ? (void)0 : panic("%s", #condition))

const char fuzz_corpus[] = "mime_date";

static void check_again(int64_t us, const char *format)
{
    time_t seconds = us / 1000000;
    struct tm tm;
    char text[100];
    int64_t again;
    size_t n;

    /* A zone can lead out of the years that are read. */
    REQUIRE(gmtime_r(&seconds, &tm) && tm.tm_year >= -1 && tm.tm_year <= 9999 - 1900 + 1);
    if (tm.tm_year < 0 || tm.tm_year > 9999 - 1900)
        return;
    n = strftime(text, sizeof text, format, &tm);
    REQUIRE(n && mime_date_parse(str_of(text, n), &again));
    REQUIRE(again == us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t us = 7;

    if (size > 1000)
        return 0;
    if (!mime_date_parse(str_of(data, size), &us)) {
        REQUIRE(us == 7);
        return 0;
    }
    REQUIRE(us % 1000000 == 0);
    check_again(us, "%a, %d %b %Y %H:%M:%S +0000");
    check_again(us, "%d %b %Y %H:%M:%S GMT");
    check_again(us, "%a %b %e %H:%M:%S %Y");
    return 0;
}
