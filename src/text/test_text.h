/* text/test_text.h: for tests and the fuzzer: the whole text of a message that lies in memory. */
#ifndef TEXT_TEST_TEXT_H
#define TEXT_TEST_TEXT_H

#include "mime/message.h"
#include "text/text.h"

static inline bool test_text_read(void *arg, uint64_t from, size_t n, struct buf *out,
                                  struct error *err)
{
    const struct mime_message *m = arg;

    (void)err;
    if (from > m->bytes.n || n > m->bytes.n - from)
        panic("a text is read beyond the message");
    buf_str(out, str_sub(m->bytes, (size_t)from, n));
    return true;
}

/* Appends the text of these kinds, read in such steps. */
static inline void test_text(struct buf *out, struct mime_message *m, unsigned what, size_t step)
{
    struct text_part *parts = mem_zalloc(m->parts_n * sizeof *parts);
    struct text_source source = {parts, m->parts_n, test_text_read, m};
    struct text_reader *r;
    unsigned kind;

    for (uint32_t i = 0; i < m->parts_n; i++)
        parts[i] =
            (struct text_part){m->parts[i].header_at, m->parts[i].body_at, m->parts[i].end_at,
                               m->parts[i].multipart, m->parts[i].message};
    r = text_reader_create(step);
    text_reader_begin(r, &source, what);
    do
        if (!text_reader_step(r, out, &kind, NULL) || (kind & ~what & TEXT_BODY))
            panic("a step failed, or has what was not asked for");
    while (kind);
    text_reader_destroy(r);
    mem_free(parts);
}

#endif
