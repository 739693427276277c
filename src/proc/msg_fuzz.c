/* proc/msg_fuzz.c: whatever a peer sends is refused, or is a message that prints as the same bytes. */
#include "proc/msg.h"
#include "proc/roles.h"

#include "base/replay.h"

#include <string.h>

const char fuzz_corpus[] = "proc_msg";

/* Somebody may send it to somebody; it has a name; numbers in lists are read; and where there is no room it is refused. */
static void check_more(const struct msg *m, struct str bytes)
{
    unsigned ways = 0;
    struct error err;
    struct buf little;

    for (unsigned from = 0; from < ROLE_COUNT; from++)
        for (unsigned to = 0; to < ROLE_COUNT; to++)
            ways += msg_allowed(m->type, 1U << from, 1U << to);
    if (ways == 0 || msg_name(m->type)[0] == '?' ||
        msg_allowed(MSG_TYPES, ROLE_EDGE_SMTP, ROLE_DIRECTORY))
        panic("a message that nobody sends");
    for (size_t i = 0; m->type == MSG_ARRIVAL_TELL && i < m->arrival_tell.kinds.n; i++)
        if (m->arrival_tell.kinds.v[i].n != sizeof(uint64_t) &&
            msg_u64_item(m->arrival_tell.kinds.v[i]) != 0)
            panic("a number of another size");
    buf_init(&little, bytes.n - 1);
    if (msg_print(&little, m, &err))
        panic("a message in less room than it has");
    buf_done(&little);
}

/* An error that a peer sends is one of ours, in words that a terminal can be shown, and travels on as it came. */
static void check_error(const struct msg *m)
{
    const struct msg_call *call = msg_call_of(m->type);
    struct error err = {0};
    struct msg_error on;

    if (!call || m->type != call->tell || !msg_error_take(&m->any_tell.error, &err))
        return;
    on = msg_error_of(&err);
    if (on.kind != m->any_tell.error.kind || on.kind >= ERROR_KINDS)
        panic("an error that changes on its way, or is none");
    for (size_t i = 0; i < on.text.n; i++)
        if ((unsigned char)on.text.p[i] < ' ' || on.text.p[i] == 127)
            panic("an error with a control character");
}

/* What is beyond the limits is not written, whoever asks. */
static void check_limits(void)
{
    static char much[LIMIT_MSG_BYTES + 1];
    struct msg text = {.type = MSG_RCPT_END, .rcpt_end = {str_of(much, sizeof much)}};
    struct msg list = {.type = MSG_RESOLVE_ASK,
                       .resolve_ask = {.recipients = {NULL, LIMIT_MSG_LIST + 1}}};
    struct error err;
    struct buf b;

    buf_init(&b, 1 << 20);
    if (msg_print(&b, &text, &err) || b.overflow == false)
        panic("a text beyond the limit");
    buf_done(&b);
    buf_init(&b, 1 << 20);
    if (msg_print(&b, &list, &err))
        panic("a list beyond the limit");
    buf_done(&b);
    if (msg_u64_item(STR("\1\0\0\0\0\0\0\0")) != 1 || msg_u64_item(STR("\1")) != 0)
        panic("a number in a list");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error err;
    struct msg m;

    if (size == 0)
        check_limits();
    arena_init(&arena, 1 << 20);
    if (msg_parse(str_of(data, size), &arena, &m, &err)) {
        struct buf b;

        buf_init(&b, LIMIT_MSG_BYTES);
        if (msg_print(&b, &m, &err) && !str_equal(buf_view(&b), str_of(data, size)))
            panic("a message that prints as another");
        check_more(&m, str_of(data, size));
        check_error(&m);
        buf_done(&b);
    }
    arena_done(&arena);
    return 0;
}
