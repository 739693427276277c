/* imap/session.h: an IMAP session, as two pure halves that share the command table, the parser and the writer.
 *
 * imap_login is the half before login, in the edge: greeting, CAPABILITY, NOOP, ID, STARTTLS, LOGIN, AUTHENTICATE,
 * LOGOUT. It knows no account; it asks its owner to check credentials.
 * imap_session is the half after login, in the account's process, over the account's store.
 *
 * Both take bytes and append bytes; neither opens a file or a socket. RFC 9051 and RFC 3501. */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "base/buf.h"
#include "base/error.h"

/* ---- before login ---- */

struct imap_login;

struct imap_login_config {
    bool
        starttls; /* offered while plain; without TLS there is no login (LOGINDISABLED) unless plain_ok */
    bool plain_ok; /* credentials without TLS: loopback when the operator says so */
    bool tls;      /* the stream is TLS already */
};

struct imap_login_ops {
    /* Check this. Answer with imap_login_answer. authzid is empty unless AUTHENTICATE PLAIN gave one. */
    void (*credentials)(void *arg, struct str authzid, struct str user, struct str password);
    void (*starttls)(void *arg); /* the reply is in out; then imap_login_tls_ready */
    void (*close)(void *arg);    /* write what is in out, then close */
};

struct imap_login *imap_login_create(const struct imap_login_config *config,
                                     const struct imap_login_ops *ops, void *arg, struct buf *out);
void imap_login_destroy(struct imap_login *l); /* NULL is fine */
/* The greeting: * OK with [CAPABILITY ...]; or * BYE with words, then ops->close. */
void imap_login_greet(struct imap_login *l, const struct error *refusal);
/* Takes bytes; returns how many it used. Less than all: it waits for an answer or TLS, or is closed. What is left after a
 * successful login belongs to the account's process. */
size_t imap_login_input(struct imap_login *l, struct str bytes);
/* err NULL: logged in; nothing is appended (the account's process sends the tagged OK with its capabilities), the owner
 * hands over and destroys this. Else the tagged NO with [AUTHENTICATIONFAILED] or what err's kind says. */
void imap_login_answer(struct imap_login *l, const struct error *err);
void imap_login_tls_ready(struct imap_login *l);
/* The tag of the command that logs in. */
struct str imap_login_tag(const struct imap_login *l);
bool imap_login_waiting(const struct imap_login *l);
void imap_login_end(struct imap_login *l, const char *words); /* * BYE words, ops->close */

/* ---- after login ---- */

struct store;
struct store_news;
struct imap_session;

struct imap_session_config {
    struct str user;      /* for logs only; copied */
    struct str login_tag; /* the tagged OK with [CAPABILITY ...] is appended at once */
    struct str actor;     /* who makes changes: "session:<credential id>"; copied */
    bool read_only;       /* an app password's scope */
    /* Whether there is room for so many bytes of an APPEND, beside what the account's other sessions hold; NULL: there is. */
    bool (*has_room)(void *arg, uint64_t n);
    void *arg;
};

struct imap_session *imap_session_create(struct store *store,
                                         const struct imap_session_config *config, struct buf *out);
void imap_session_destroy(struct imap_session *s);
/* Takes bytes, returns how many it used (less than all only when it is busy, its output is full, or it is done). Runs
 * commands until input is used up or `deadline_us` (clock_boot_us) has come. */
size_t imap_session_input(struct imap_session *s, struct str bytes, int64_t deadline_us);
/* Bytes of the command that it reads, or is at, with those that are still to come. */
uint64_t imap_session_held(const struct imap_session *s);
/* It has work that needs no input (a long FETCH in slices): call imap_session_input again, also with no bytes, when out has
 * drained below LIMIT_IMAP_OUTPUT / 2. */
bool imap_session_busy(const struct imap_session *s);
/* The store changed (a delivery, another session): a session that idles in a mailbox of which there is news is busy from now
 * on, with telling its client. False: nothing there concerns it, and nothing was done. */
bool imap_session_changed(struct imap_session *s, const struct store_news *news);
/* It said BYE or LOGOUT's OK: write out, then close. */
bool imap_session_done(const struct imap_session *s);
void imap_session_end(struct imap_session *s, const char *words); /* * BYE words; then done */

#endif
