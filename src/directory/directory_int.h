/* directory/directory_int.h: what the files of the directory share. */
#ifndef DIRECTORY_DIRECTORY_INT_H
#define DIRECTORY_DIRECTORY_INT_H

#include "base/map.h"
#include "proc/process.h"
#include "db/db.h"

struct hash_queue;
struct login_state;
struct reserve_state;

struct directory {
    struct process *p;
    struct db *db;
    int db_fd, wal_fd;
    unsigned char mac_key[32];  /* of app passwords, derived from the service key */
    unsigned char boot_key[32]; /* of the cache, random at each start */
    struct hash_queue *hashes;
    struct login_state *logins;
    struct reserve_state *reserves;
    uint64_t next_account; /* the number after the highest ever given out */
    uint64_t logins_ok, logins_failed, rcpt_ok, rcpt_refused;
};

extern const struct db_schema directory_schema;

/* Disk trouble ends the process: what was answered stays true. */
void directory_check_db(struct directory *d);

/* ---- accounts.c: rows ---- */

/* The account of an address (any case, +detail dropped when there is none with it). ERROR_NOT_FOUND (our domain, nobody there),
 * ERROR_DENIED (not our domain). */
MUST_CHECK bool account_of_address(struct directory *d, struct str local, struct str domain,
                                   uint64_t *account, struct error *err);
/* The same for "local@domain". */
MUST_CHECK bool account_of_name(struct directory *d, struct str name, uint64_t *account,
                                struct error *err);
/* The account's own name; appended. */
MUST_CHECK bool account_name(struct directory *d, uint64_t account, struct buf *out,
                             struct error *err);
/* What an account is allowed, and what it wishes. */
struct account_settings {
    uint64_t quota;  /* bytes, 0: none */
    bool subaddress; /* mail to name+folder goes to that folder, where there is one */
};
MUST_CHECK bool account_settings(struct directory *d, uint64_t account,
                                 struct account_settings *out, struct error *err);
MUST_CHECK bool account_set_settings(struct directory *d, uint64_t account,
                                     const struct account_settings *s, struct error *err);
/* Remembers (or with "" forgets) why the account could not be opened. */
void account_set_problem(struct directory *d, uint64_t account, struct str why);
MUST_CHECK bool domain_find(struct directory *d, struct str name, int64_t *id, struct error *err);
/* Within a transaction: one address more. ERROR_EXISTS, ERROR_SYNTAX, ERROR_NOT_FOUND (domain). */
MUST_CHECK bool address_add(struct directory *d, struct str name, uint64_t account, bool is_main,
                            struct error *err);
MUST_CHECK bool account_insert(struct directory *d, uint64_t account, uint64_t quota,
                               struct error *err);
/* Within a transaction: the account's rows, all but the audit log's. */
MUST_CHECK bool account_delete(struct directory *d, uint64_t account, struct error *err);
MUST_CHECK bool accounts_next_number(struct directory *d, uint64_t *out, struct error *err);

/* ---- hashing.c: the queue before the hashers ---- */

typedef void (*hash_fn)(void *arg, bool ok, struct str hash, const struct error *err);

struct hash_queue *hash_queue_create(struct directory *d);
void hash_queue_peer_new(struct hash_queue *q, struct chan *c);
void hash_queue_peer_lost(struct hash_queue *q, struct chan *c);
void hash_queue_answer(struct hash_queue *q, struct chan *c, struct msg *m);
/* Verifies password against hash, or with an empty hash makes one. Fair by prefix, then in order. Full: fn is called at once
 * with ERROR_TEMPORARY. password is copied and wiped. */
void hash_queue_add(struct hash_queue *q, struct str prefix, struct str password, struct str hash,
                    hash_fn fn, void *arg);
size_t hash_queue_waiting(const struct hash_queue *q);

/* ---- login.c ---- */

struct login_state *login_create(struct directory *d);
void login_ask(struct directory *d, struct chan *edge, struct msg *m);
void login_edge_lost(struct directory *d, struct chan *edge);
/* Forgets what was verified for this account: a credential of it changed. */
void login_forget(struct directory *d, uint64_t account);
/* A credential is replaced or gone: what it has opened ends. 0: every credential of the account. */
void login_end_credential(struct directory *d, uint64_t account, int64_t credential);
/* Opens a socket to the account's process for a service. fn gets our end (it takes it), or -1 and why. */
typedef void (*open_fn)(void *arg, int fd, const struct error *err);
struct open_request {
    uint64_t account;
    struct account_settings settings;
    struct str service, session, user, tag, credential;
    bool read_only, stream; /* stream: SOCK_STREAM of plain bytes; else a channel */
};
void account_open(struct directory *d, const struct open_request *r, open_fn fn, void *arg);

/* ---- reserve.c: room in accounts with a quota, for messages on their way ---- */

struct reserve_state *reserve_create(void);
/* Answers the edge's RCPT_ASK, once the account's process has said whether the message fits. */
void reserve_ask(struct directory *d, struct chan *edge, const struct msg_rcpt_ask *rcpt,
                 uint64_t account, const struct account_settings *settings);
/* The transaction of this session is over: what it has reserved is free. */
void reserve_end(struct directory *d, struct chan *edge, struct str session);
void reserve_edge_lost(struct directory *d, struct chan *edge);
/* Sessions that hold something. */
size_t reserve_held(const struct directory *d);

/* ---- admin.c ---- */

void admin_call(struct directory *d, struct msg *m);

#endif
