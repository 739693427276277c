/* smtp/chunk.c: BDAT (RFC 3030 section 2). The octets of a chunk follow its command at once, so
 * they are taken whatever the answer is. Where that cannot be, because the size cannot be read or is
 * far more than a message may have, nothing that follows can be trusted, and the connection ends. */
#include "smtp/server_int.h"

/* chunk-size and end-marker; false for anything else. A size of more than 64 bits is UINT64_MAX. */
static bool read_size(struct str argument, uint64_t *size, bool *last)
{
    struct str digits = argument, marker = STR_NULL;

    if (str_cut(argument, ' ', &digits, &marker) && !str_equal_nocase(marker, STR("LAST")))
        return false;
    *last = marker.n > 0;
    for (size_t i = 0; i < digits.n; i++)
        if (!ascii_digit(digits.p[i]))
            return false;
    if (!str_to_u64(digits, UINT64_MAX, size))
        *size = UINT64_MAX;
    return digits.n > 0;
}

/* The answer that stands before the octets have come, or NULL when they are wanted. */
static const char *chunk_refusal(const struct smtp_server *s)
{
    switch (s->state) {
    case SMTP_STATE_START:
        return s->config.lmtp ? "503 5.5.1 Say LHLO first" : "503 5.5.1 Say EHLO first";
    case SMTP_STATE_READY:
        return "503 5.5.1 Say MAIL first";
    case SMTP_STATE_MAIL:
        return s->config.lmtp ? "503 5.5.1 No recipient was taken"
                              : "554 5.5.1 No recipient was taken";
    default:
        return NULL;
    }
}

static void chunk_done(struct smtp_server *s)
{
    const char *reply = s->chunk_reply;

    s->chunk_reply = NULL;
    if (reply) {
        s->state = s->chunk_back;
        smtp_refuse(s, reply);
    } else if (s->chunk_last) {
        s->data.bare = s->data.bare || smtp_data_is_cut(&s->data);
        smtp_message_end(s, smtp_message_replies(s));
    } else if (s->data.bare || s->size > s->config.size_max || s->data_failed) {
        smtp_message_end(s, 1); /* it is refused now, and chunks that follow are swallowed */
    } else if (s->chunk_size == 0 && ++s->idle > LIMIT_SMTP_IDLE_COMMANDS) {
        s->config.counters->idle++;
        smtp_reply(s, "421 4.7.0 Too many empty chunks");
        smtp_close(s);
    } else {
        s->state = SMTP_STATE_CHUNKS;
        smtp_reply(s, "250 2.0.0 %llu octets taken", (unsigned long long)s->chunk_size);
    }
}

static void chunk_end_connection(struct smtp_server *s, const char *why)
{
    smtp_reply(s, "421 4.7.0 %s", why);
    s->config.counters->errors++;
    s->ops->refused(s->arg);
    smtp_close(s);
}

void smtp_chunk_unclear(struct smtp_server *s)
{
    smtp_reply(s, "501 5.5.4 Syntax: BDAT size [LAST], of at most %llu octets",
               (unsigned long long)s->config.size_max);
    chunk_end_connection(s, "It cannot be told where the chunk ends");
}

/* "Message too big for system" (RFC 3463 section 3.4). A little too much is swallowed to stay in
 * step, not this. */
static void chunk_too_large(struct smtp_server *s)
{
    s->config.counters->sizes++;
    smtp_reply(s, "552 5.3.4 Messages are limited to %llu bytes",
               (unsigned long long)s->config.size_max);
    chunk_end_connection(s, "So large a chunk is not waited for");
}

/* The first chunk of a message: the owner says whether there is room for it. */
static void chunk_message_begin(struct smtp_server *s)
{
    struct error err = {0};

    s->data = (struct smtp_data){0};
    s->size = 0;
    s->bad = 0;
    s->data_failed = !s->ops->data_begin(s->arg, &err);
    s->data_error = err;
}

void smtp_chunk_command(struct smtp_server *s, struct str argument)
{
    uint64_t size = 0;
    bool last = false, first = s->state != SMTP_STATE_CHUNKS;

    if (!read_size(argument, &size, &last)) {
        smtp_chunk_unclear(s);
        return;
    }
    if (size > s->config.size_max + LIMIT_SMTP_CHUNK_SWALLOWED) {
        chunk_too_large(s);
        return;
    }
    s->chunk_left = s->chunk_size = size;
    s->chunk_last = last;
    s->chunk_back = s->state;
    s->chunk_reply = chunk_refusal(s);
    if (!s->chunk_reply && first)
        chunk_message_begin(s);
    s->state = SMTP_STATE_CHUNK;
    if (size == 0)
        chunk_done(s);
}

size_t smtp_chunk_input(struct smtp_server *s, struct str in)
{
    struct str piece = str_sub(in, 0, s->chunk_left < in.n ? (size_t)s->chunk_left : in.n);

    if (!s->chunk_reply) {
        smtp_data_check(&s->data, piece, s->mail.body == SMTP_BODY_BINARYMIME);
        smtp_message_bytes(s, piece);
    }
    s->chunk_left -= piece.n;
    if (s->chunk_left == 0)
        chunk_done(s);
    return piece.n;
}
