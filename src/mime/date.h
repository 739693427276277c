/* mime/date.h: the date-time of a Date field (RFC 5322 section 3.3) with what section 4.3 calls
 * obsolete: years of two and three digits, zones by name, comments anywhere. Also reads asctime's
 * order, "-" between day, month and year, a day without a time, and anything as day of the week. */
#ifndef MIME_DATE_H
#define MIME_DATE_H

#include "base/str.h"

/* Microseconds since 1970 UTC. False when it cannot be read; then *out is untouched. Years 1900 to
 * 9999. */
MUST_CHECK bool mime_date_parse(struct str value, int64_t *out_us);

#endif
