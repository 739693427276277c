/* directory/admin_int.h: what the files of the operator's commands share: a job, from the call to its answer.
 *
 * A command is one function. It finds its values under the names of the table (j->call.account_add.quota), and does one of
 * three things: it writes its answer into j->json and calls admin_done; it returns false with an error; or it returns true
 * and answers later. A long answer comes in pages: the function writes rows until admin_page_full, and names where the next
 * page begins (admin_page_next). Nothing is kept between two pages, so a caller who goes away leaves nothing behind. */
#ifndef DIRECTORY_ADMIN_INT_H
#define DIRECTORY_ADMIN_INT_H

#include "admin/call.h"
#include "admin/json.h"
#include "directory/directory_int.h"

struct admin_secret { /* a password on its way into the database */
    struct str password, hash;
    bool made, app; /* made: chosen here, and so to be shown; app: an app password */
    struct str name, scope;
    bool read_only;
    int64_t expires_us; /* INT64_MAX: never */
};

struct admin_adding { /* accounts that are being made */
    struct str *names;
    size_t n, keys_done;
    uint64_t first, quota;
};

struct job { /* one command, until it is answered */
    struct directory *d;
    struct asked asked;
    struct arena arena;
    struct admin_call call;
    struct str input, who;
    struct buf text; /* the answer: one page of JSON */
    struct admin_json json;
    struct str next;  /* where the next page begins, empty: this is the last */
    int64_t began_us; /* CLOCK_BOOTTIME */
    uint64_t account;
    struct str name; /* the account's own address, whichever of its addresses was typed */
    struct admin_secret secret;
    struct admin_adding adding;
    struct list_node removing;      /* of d->removals, while it removes j->account */
    struct account_link_want check; /* with `checking`, of admin_peer.c */
    struct check_call *checking;
};

/* ---- admin.c ---- */

/* The answer is complete: it goes out, and the job is over. */
void admin_done(struct job *j);
/* The same for a command that did its work and found something wrong (account check): kind says what. */
void admin_done_as(struct job *j, enum error_kind kind);
/* The command failed; the job is over. */
void admin_fail(struct job *j, const struct error *err);
/* Sets j->account and j->name to whose the address is. Errors of account_of_name. */
MUST_CHECK bool admin_find_account(struct job *j, struct str address, struct error *err);
/* The address as lists show it: folded, its domain as an A-label. In the job's arena. */
struct str admin_folded(struct job *j, struct str address);
/* Logs the command: who called it, and for what object. */
void admin_log(struct job *j, struct str object);
/* Whether no more rows go on this page: it is long enough, or has taken long enough. */
bool admin_page_full(const struct job *j);
/* Names the next page: what the call for it will carry. */
PRINTF_LIKE(2, 3) void admin_page_next(struct job *j, const char *fmt, ...);
/* Takes a number and the separator after it from the front of a page's name; false when there is none. */
MUST_CHECK bool admin_page_number(struct str *page, char separator, uint64_t *out);
/* Sets ERROR_SYNTAX, as the page's name is not one of ours; returns false. */
bool admin_page_is_wrong(const struct job *j, struct error *err);

/* ---- admin_peer.c: what other processes do for a command. fn is called once, later; err NULL: it worked. ---- */

typedef void (*admin_peer_fn)(struct job *j, const struct error *err);
/* Sends the answer; for admin.c's admin_done and admin_fail. */
void admin_reply(struct job *j, enum error_kind kind, struct str next, struct str text);
/* Makes the keys of n accounts from number `first` on, n at most ADMIN_KEYS_MOST. */
#define ADMIN_KEYS_MOST 1000
void admin_keys_create(struct job *j, uint64_t first, size_t n, admin_peer_fn fn);
/* Destroys the key of j->account. */
void admin_keys_erase(struct job *j, admin_peer_fn fn);
/* Drops what waits in the queue for j->account. */
void admin_queue_purge(struct job *j, admin_peer_fn fn);
/* Removes the files of j->account; its process ends first. */
void admin_files_remove(struct job *j, admin_peer_fn fn);
/* Has j->account checked. kind: what was found; report: the findings, a line each. err is not NULL when the account could
 * not be checked. */
typedef void (*admin_check_fn)(struct job *j, enum error_kind kind, struct str report,
                               const struct error *err);
void admin_check(struct job *j, bool repair, admin_check_fn fn);

/* ---- admin_password.c ---- */

/* Chooses j->secret: the password of the call's input, or a new one; `app`: an app password, else a person's. ERROR_SYNTAX:
 * the input is too short or too long. */
MUST_CHECK bool admin_secret_choose(struct job *j, bool app, struct error *err);
/* Has a person's password hashed (an app password needs none), then calls fn. */
void admin_secret_hash(struct job *j, admin_peer_fn fn);
/* Within a transaction: gives it to the account; *id is the credential's number. scram is from admin_secret_scram, which is
 * slow, and so is called before the transaction. */
struct scram_keys;
MUST_CHECK bool admin_secret_insert(struct job *j, uint64_t account, const struct scram_keys *scram,
                                    int64_t *id, struct error *err);
void admin_secret_scram(const struct job *j, struct scram_keys *out);
/* Adds it to the answer if it was made here. */
void admin_secret_show(struct job *j);
/* Prints a credential from the columns id, kind, name, scope, read_only, created_us, expires_us of s. */
void admin_credential_print(struct job *j, sqlite3_stmt *s, bool with_kind);

/* ---- admin_alias.c ---- */

/* Prints the aliases of j->account after (*domain, *local) as a list of texts. *more: the page is full, and the two say
 * where it goes on (*local is in the job's arena). */
MUST_CHECK bool admin_alias_each(struct job *j, uint64_t *domain, struct str *local, bool *more,
                                 struct error *err);

/* ---- the commands, by the names of admin/commands.h. False with err: nothing was done, and nothing answered. ---- */

bool admin_domain_add(struct job *j, struct error *err);
bool admin_domain_list(struct job *j, struct error *err);
bool admin_account_add(struct job *j, struct error *err);
bool admin_account_list(struct job *j, struct error *err);
bool admin_account_show(struct job *j, struct error *err);
bool admin_account_set(struct job *j, struct error *err);
bool admin_account_check(struct job *j, struct error *err);
bool admin_account_remove(struct job *j, struct error *err);
bool admin_account_password(struct job *j, struct error *err);
bool admin_app_password_add(struct job *j, struct error *err);
bool admin_app_password_list(struct job *j, struct error *err);
bool admin_app_password_end(struct job *j, struct error *err);
bool admin_alias_add(struct job *j, struct error *err);
bool admin_alias_list(struct job *j, struct error *err);
bool admin_alias_remove(struct job *j, struct error *err);
bool admin_audit_list(struct job *j, struct error *err);
bool admin_audit_verify(struct job *j, struct error *err);

#endif
