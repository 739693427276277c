/* base/log.h: one line an event:
 *
 *     2026-11-24T13:17:26.123Z edge-smtp s5ux2k mail-accepted from=<a@b.test> size=1234
 *
 * time, role, session or message id ("-" where there is none), event name, key=value. Values are escaped: '"', '\',
 * controls, whatever is not seen or turns the writing round, and bytes that are not UTF-8 stand as \xNN for each byte;
 * a value with a space stands in quotes. A line is at most LOG_LINE_MAX bytes; what does not fit is cut. Never holds
 * passwords, bodies or tokens. Library folders never log.
 *
 * Lines go out by send() on a socket to the supervisor (log_to_socket), else to stderr. On the socket
 * they begin with the id: the supervisor, who knows whose socket it is, stamps time, role and pid
 * (" pid=N" at the end), so that no process can speak for another. A line that cannot be sent without
 * waiting is dropped; how many were is a line of its own as soon as one can be sent. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include "base/log_events.h"

#define LOG_LINE_MAX 2000

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_event_id {
#define EVENT(constant, name, level, whose, help) LOG_##constant,
    LOG_EVENTS(EVENT)
#undef EVENT
        LOG_EVENT_COUNT
};

struct log_line {
    struct buf text; /* on the heap until log_end */
    size_t said;     /* where it begins, after time and role */
    bool muted;
};

/* role stands in each line and is kept by reference. */
void log_init(const char *role);
/* Sends lines to this seqpacket socket from now on; the descriptor stays the caller's. */
void log_to_socket(int fd);
void log_set_debug(bool on);
/* Whether an event of this name is one that strangers cause as they like (log_events.h). */
bool log_event_is_theirs(struct str name);
/* Lines that were dropped since the start. */
uint64_t log_dropped(void);
/* A test's own receiver of finished lines (without newline); NULL restores. */
void log_set_sink(void (*sink)(struct str line));

/* Begins a line. id may be empty. Every begin is followed by exactly one log_end. */
void log_begin(struct log_line *l, enum log_event_id event, struct str id);
void log_str(struct log_line *l, const char *key, struct str value);
void log_c(struct log_line *l, const char *key, const char *value);
void log_u64(struct log_line *l, const char *key, uint64_t value);
void log_end(struct log_line *l);
/* A whole line with one text: `what=` and words for the operator. */
PRINTF_LIKE(3, 4) void log_text(enum log_event_id event, struct str id, const char *fmt, ...);
/* Appends value as it stands in a log line. */
void log_escape(struct buf *out, struct str value);

#endif
