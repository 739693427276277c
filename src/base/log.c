/* base/log.c: see log.h. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOG_OURS, LOG_THEIRS };

static const struct {
    const char *name;
    enum log_level level;
    bool theirs;
} events[LOG_EVENT_COUNT] = {
#define EVENT(constant, name, level, whose, help) {name, LOG_LEVEL_##level, LOG_##whose},
    LOG_EVENTS(EVENT)
#undef EVENT
};

static struct {
    const char *role;
    int fd;
    bool debug;
    uint64_t dropped, told; /* lines; those that were owned up to */
    void (*sink)(struct str line);
} state = {.role = "-", .fd = -1};

void log_init(const char *role)
{
    state.role = role;
}

void log_to_socket(int fd)
{
    state.fd = fd;
}

void log_set_debug(bool on)
{
    state.debug = on;
}

uint64_t log_dropped(void)
{
    return state.dropped;
}

void log_set_sink(void (*sink)(struct str line))
{
    state.sink = sink;
}

bool log_event_is_theirs(struct str name)
{
    for (size_t i = 0; i < LOG_EVENT_COUNT; i++)
        if (events[i].theirs && str_equal(str_c(events[i].name), name))
            return true;
    return false;
}

/* What is not seen where a line is shown, or changes how the rest of it is: controls (C1 as well,
 * which some terminals obey), spaces that are none of ours and would make one value look like two,
 * the marks and overrides of writing direction, and what Unicode calls default ignorable: joiners,
 * fillers, variation selectors, tags. Words of some languages need joiners; but what stands here are
 * addresses and names that an operator compares, and two that differ must look so. */
static bool is_unseen(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},       {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160}, {0x1680, 0x1680},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x2000, 0x200f}, {0x2028, 0x202f},   {0x205f, 0x206f},
        {0x3000, 0x3000},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
        {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

void log_escape(struct buf *out, struct str value)
{
    bool quote = value.n == 0 || str_find_char(value, ' ') != SIZE_MAX;

    if (quote)
        buf_char(out, '"');
    for (size_t at = 0; at < value.n;) {
        size_t from = at;
        int32_t code = utf8_next(value, &at);

        if (code >= 0 && code != '"' && code != '\\' && !is_unseen((uint32_t)code)) {
            buf_add(out, value.p + from, at - from);
            continue;
        }
        for (; from < at; from++)
            buf_printf(out, "\\x%02x", (unsigned char)value.p[from]);
    }
    if (quote)
        buf_char(out, '"');
}

void log_begin(struct log_line *l, enum log_event_id event, struct str id)
{
    buf_init(&l->text, LOG_LINE_MAX);
    l->muted = events[event].level == LOG_LEVEL_DEBUG && !state.debug;
    if (l->muted)
        return;
    clock_print_rfc3339(&l->text, clock_wall_us());
    buf_printf(&l->text, " %s ", state.role);
    l->said = l->text.n;
    if (id.n)
        log_escape(&l->text, id);
    else
        buf_char(&l->text, '-');
    buf_printf(&l->text, " %s", events[event].name);
}

void log_str(struct log_line *l, const char *key, struct str value)
{
    if (l->muted)
        return;
    buf_printf(&l->text, " %s=", key);
    log_escape(&l->text, str_sub(value, 0, 500));
}

void log_c(struct log_line *l, const char *key, const char *value)
{
    log_str(l, key, str_c(value));
}

void log_u64(struct log_line *l, const char *key, uint64_t value)
{
    if (!l->muted)
        buf_printf(&l->text, " %s=%llu", key, (unsigned long long)value);
}

/* What the process itself says: time and name are the supervisor's to stamp. */
static bool send_said(const struct log_line *l)
{
    return send(state.fd, l->text.p + l->said, l->text.n - l->said, MSG_DONTWAIT | MSG_NOSIGNAL) >=
           0;
}

/* How many lines were lost before this one. */
static void tell_dropped(void)
{
    struct log_line l;
    uint64_t n = state.dropped - state.told;

    if (n == 0)
        return;
    log_begin(&l, LOG_DROPPED, STR_NULL);
    log_u64(&l, "lines", n);
    if (send_said(&l))
        state.told = state.dropped;
    buf_done(&l.text);
}

void log_end(struct log_line *l)
{
    if (!l->muted) {
        if (state.sink) {
            state.sink(buf_view(&l->text));
        } else if (state.fd >= 0) {
            tell_dropped();
            if (!send_said(l))
                state.dropped++;
        } else {
            l->text.max++; /* the newline always fits */
            buf_char(&l->text, '\n');
            if (write(STDERR_FILENO, l->text.p, l->text.n) < 0)
                state.dropped++;
        }
    }
    buf_done(&l->text);
}

void log_text(enum log_event_id event, struct str id, const char *fmt, ...)
{
    char words[400];
    struct log_line l;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    log_begin(&l, event, id);
    log_c(&l, "what", words);
    log_end(&l);
}
