/* imap/session_int.h: what the files of the half after login share. Users include imap/session.h.
 *
 * A session goes through phases; a command holds the loop only for one step at a time:
 *
 *     READ     bytes become a command (imap_reader), which is parsed and checked
 *                  -> BEFORE, or RUN where IMAP_NO_SYNC, or REPLY with an error
 *     BEFORE   new messages and flags are told, so that sets mean what the store has
 *                  -> RUN
 *     RUN      the command's run, again and again, until IMAP_DONE
 *                  -> AFTER, or REPLY where IMAP_NO_SYNC
 *     AFTER    expunges (unless IMAP_KEEPS_NUMBERS), new messages and flags are told
 *                  -> REPLY
 *     REPLY    the tagged answer; the command's memory is freed
 *                  -> READ
 *
 * IDLE (IMAP_IDLES) goes back to READ without its answer: while `idling`, changes are told as they come, and the line
 * DONE leads to AFTER.
 */
#ifndef IMAP_SESSION_INT_H
#define IMAP_SESSION_INT_H

#include "imap/command.h"
#include "imap/reader.h"
#include "imap/session.h"
#include "imap/view.h"
#include "imap/write.h"
#include "store/store.h"

#define IMAP_APPEND_MAX 52428800  /* bytes of one message: APPENDLIMIT (RFC 7889) */
#define IMAP_ONE_ARENA (4u << 20) /* what is stored of one message, its content aside */
#define IMAP_CODE_MOST                                                                             \
    (12u << 20) /* a set of a million messages, all apart; less than what may be written at once */
#define IMAP_SLICE 250 /* messages that one step changes or tells */

/* clang-format off */
/* A session goes through phases; a command holds the loop only for one step at a time:
 *
 *     READ    bytes become a command (imap_reader); it is parsed and checked      -> BEFORE, or REPLY with an error
 *     BEFORE  new messages and flags are told, so that sets mean what the store has            -> RUN
 *     RUN     the command's run, again and again, until IMAP_DONE                              -> AFTER
 *     AFTER   expunges (unless IMAP_KEEPS_NUMBERS), new messages and flags are told            -> REPLY
 *     REPLY   the tagged answer; the command's memory is freed                                 -> READ
 *
 * Without a selected mailbox, or with IMAP_NO_SYNC, BEFORE and AFTER are left out. IDLE waits in READ, where changes are told
 * as they come, for its tagged answer; DONE leads to AFTER. */
/* clang-format on */
enum imap_phase {
    IMAP_PHASE_READ,
    IMAP_PHASE_BEFORE,
    IMAP_PHASE_RUN,
    IMAP_PHASE_AFTER,
    IMAP_PHASE_REPLY,
};

enum imap_sync_phase { IMAP_SYNC_BEGIN, IMAP_SYNC_EXPUNGE, IMAP_SYNC_EXISTS, IMAP_SYNC_FLAGS };

/* The selected mailbox and what the client knows of it (sync.c). */
struct imap_selected {
    int64_t mailbox; /* 0: none */
    bool read_only;  /* EXAMINE */
    struct imap_view view;
    uint32_t uidvalidity;
    uint32_t uidnext;           /* U: as told by EXISTS */
    uint64_t expunged;          /* E: modseq up to which expunges were told */
    struct store_changed flags; /* F: up to which flags were told */
    struct str keywords;        /* heap: keywords told in FLAGS */
};

struct imap_sync {
    enum imap_sync_phase phase;
    uint64_t version;     /* store_version when it began */
    uint64_t modseq;      /* where this round goes to */
    uint32_t uidnext;     /* the same */
    uint32_t below;       /* expunges of lower UIDs are still to be told */
    uint32_t old_uidnext; /* flags are told of messages below it */
    bool new_messages;
};

struct imap_session {
    struct store *store;
    struct buf *out;
    char *user, *actor_c;
    struct str actor;
    bool may_only_read; /* the credential's scope */
    bool (*has_room)(void *arg, uint64_t n);
    void *room_arg;
    bool done;
    bool condstore, utf8;      /* enabled */
    bool idling, idle_pending; /* IDLE runs; something changed since it last told */
    bool input_left;
    unsigned bad_commands; /* in a row */
    struct imap_reader reader;
    struct imap_selected selected;
    struct imap_sync sync;
    uint64_t synced_version; /* store_version when the last round began, and one; 0: never */
    struct vec saved;        /* "$": UIDs of the last SEARCH RETURN (SAVE) */

    /* The running command. */
    enum imap_phase phase;
    const struct imap_command *command;
    struct arena arena;
    struct str tag;                          /* in the arena */
    const struct imap_command *idle_command; /* while idling, and its tag, on the heap */
    char *idle_tag;
    void *job;          /* its row says which; in the arena */
    struct arena one;   /* of the message that it is at */
    struct vec uids;    /* for the command's use, freed at its end */
    struct vec numbers; /* struct imap_span: a set, resolved */
    struct vec pairs;
    struct buf piece;

    /* Its tagged answer. */
    const char *status;
    struct buf code, words;
};

/* Message numbers from..to, ascending and apart. */
struct imap_span {
    uint32_t from, to;
};

/* ---- answers ---- */

/* The tagged answer of the command that runs: "TAG OK words", printf of words. All return IMAP_DONE. */
PRINTF_LIKE(2, 3) enum imap_step imap_ok(struct imap_session *s, const char *fmt, ...);
PRINTF_LIKE(3, 4)
enum imap_step imap_no(struct imap_session *s, const char *code, const char *fmt, ...);
PRINTF_LIKE(2, 3) enum imap_step imap_bad(struct imap_session *s, const char *fmt, ...);
/* From an error; not_found as in imap_write_error. A store that failed ends the session. */
enum imap_step imap_failed(struct imap_session *s, const struct error *err, const char *not_found);
/* Whether the answer of the command is an error. */
bool imap_has_failed(const struct imap_session *s);

/* ---- sets (set.c) ---- */

/* Resolves a set of numbers, or of UIDs, to spans of s->numbers. A number that is not there is BAD; a
 * UID that is not there is passed over. False: the answer is set. */
MUST_CHECK bool imap_resolve(struct imap_session *s, const struct imap_set *set, bool by_uid);
/* Walks s->numbers: *span and *number from 0; false at the end. */
struct imap_walk {
    size_t span;
    uint32_t number; /* the last one given; 0 at first */
};
bool imap_walk_next(const struct imap_session *s, struct imap_walk *w);
/* The next UIDs of the walk, at most max, into s->uids (which is emptied first). */
size_t imap_walk_uids(struct imap_session *s, struct imap_walk *w, size_t max);
/* Whether one of n spans, sorted and merged, holds the number. */
bool imap_spans_have(const struct imap_span *spans, size_t n, uint32_t number);

/* ---- sync (sync.c) ---- */

/* A step of telling what changed in the selected mailbox. True: all is told. */
bool imap_sync_step(struct imap_session *s, bool expunges);
/* The mailbox's modseq, to see whether a change of ours is the only one (imap_sync_own). */
MUST_CHECK bool imap_sync_now(struct imap_session *s, uint64_t *modseq, struct error *err);
/* A step of finding the messages whose flags others have changed up to now: adds their UIDs to uids, and takes them for
 * told. For a command that changes flags in slices, before each of them: else its own changes that follow one of
 * somebody else's would all be told. *done: there are no more. */
MUST_CHECK bool imap_sync_others(struct imap_session *s, struct vec *uids, bool *done,
                                 struct error *err);
/* A change of ours took this number when the mailbox was at `before`: need not be told to us when
 * nothing else was. */
void imap_sync_own(struct imap_session *s, uint64_t before, uint64_t modseq);
/* "* n FETCH (UID u FLAGS (...) [MODSEQ (m)])" */
MUST_CHECK bool imap_tell_flags(struct imap_session *s, uint32_t number, bool uid,
                                struct error *err);
void imap_unselect(struct imap_session *s);
/* "* FLAGS (...)" when keywords are new since it was last told. */
MUST_CHECK bool imap_tell_keywords(struct imap_session *s, bool always, struct error *err);

/* The message literal of APPEND is announced: whether to take it. False: the answer is written,
 * with the tag. */
bool imap_append_announced(struct imap_session *s);

/* ---- handlers, by file: what command.c's table is made of ---- */

/* cmd_any.c */
extern const struct imap_job imap_job_enable;
void imap_check_id(struct imap_session *s, struct imap_parse *p);
void imap_check_enable(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_capability(struct imap_session *s);
enum imap_step imap_run_noop(struct imap_session *s);
enum imap_step imap_run_logout(struct imap_session *s);
enum imap_step imap_run_id(struct imap_session *s);
enum imap_step imap_run_enable(struct imap_session *s);
enum imap_step imap_run_namespace(struct imap_session *s);
enum imap_step imap_run_idle(struct imap_session *s);
/* cmd_mailbox.c */
extern const struct imap_job imap_job_mailbox;
void imap_check_mailbox(struct imap_session *s, struct imap_parse *p);
void imap_check_create(struct imap_session *s, struct imap_parse *p);
void imap_check_rename(struct imap_session *s, struct imap_parse *p);
void imap_check_status(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_create(struct imap_session *s);
enum imap_step imap_run_delete(struct imap_session *s);
enum imap_step imap_run_rename(struct imap_session *s);
enum imap_step imap_run_subscribe(struct imap_session *s);
enum imap_step imap_run_unsubscribe(struct imap_session *s);
enum imap_step imap_run_status(struct imap_session *s);
/* STATUS items, shared with LIST's RETURN (STATUS ...): bits that only cmd_mailbox.c knows. */
unsigned imap_take_status_items(struct imap_parse *p);
void imap_write_mailbox_status(struct imap_session *s, const struct store_mailbox *m,
                               unsigned items);
/* cmd_list.c */
extern const struct imap_job imap_job_list;
void imap_check_list(struct imap_session *s, struct imap_parse *p);
void imap_check_lsub(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_list(struct imap_session *s);
/* cmd_select.c */
extern const struct imap_job imap_job_select;
void imap_check_select(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_select(struct imap_session *s);
enum imap_step imap_run_close(struct imap_session *s);
enum imap_step imap_run_unselect(struct imap_session *s);
/* cmd_fetch.c */
extern const struct imap_job imap_job_fetch;
void imap_check_fetch(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_fetch(struct imap_session *s);
/* cmd_store.c */
extern const struct imap_job imap_job_change;
void imap_check_store(struct imap_session *s, struct imap_parse *p);
void imap_check_copy(struct imap_session *s, struct imap_parse *p);
void imap_check_uid_expunge(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_store(struct imap_session *s);
enum imap_step imap_run_expunge(struct imap_session *s);
enum imap_step imap_run_copy(struct imap_session *s);
enum imap_step imap_run_move(struct imap_session *s);
/* cmd_append.c */
extern const struct imap_job imap_job_append;
void imap_check_append(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_append(struct imap_session *s);
/* cmd_search.c */
extern const struct imap_job imap_job_search;
void imap_check_search(struct imap_session *s, struct imap_parse *p);
enum imap_step imap_run_search(struct imap_session *s);
/* login.c */
void imap_login_capability(struct imap_login *l, struct imap_parse *p);
void imap_login_noop(struct imap_login *l, struct imap_parse *p);
void imap_login_logout(struct imap_login *l, struct imap_parse *p);
void imap_login_id(struct imap_login *l, struct imap_parse *p);
void imap_login_starttls(struct imap_login *l, struct imap_parse *p);
void imap_login_login(struct imap_login *l, struct imap_parse *p);
void imap_login_authenticate(struct imap_login *l, struct imap_parse *p);
/* The arguments of ID (RFC 2971), which nothing depends on. */
void imap_take_id(struct imap_parse *p);

#endif
