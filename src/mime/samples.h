/* mime/samples.h: what the tests of whole messages read: the messages of tests/data, and hostile
 * shapes (CVE-2024-23184, CVE-2026-27859). */
#ifndef MIME_SAMPLES_H
#define MIME_SAMPLES_H

#include "base/buf.h"

/* Bytes of one field, four times of which are looked at (LIMIT_MIME_FIELD), and of a message. */
#define MIME_SHAPE_FIELD 15000
#define MIME_SHAPE_WHOLE 250000
#define MIME_SHAPES 65

/* What comes first, and a piece that is repeated up to n bytes; "%d" in it is a number that counts.
 */
struct mime_shape {
    const char *name;
    size_t n;
    const char *first, *piece;
};

extern const struct mime_shape mime_shapes[MIME_SHAPES];
void mime_shape_build(struct buf *out, const struct mime_shape *shape, size_t n);

/* Calls use for each message of tests/data/messages ($POSTHUS_TEST_DATA stands for tests/data),
 * with bytes that are there for the call. Returns how many there were. */
unsigned mime_each_message(void (*use)(const char *path, struct str bytes));

#endif
