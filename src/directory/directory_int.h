/* directory/directory_int.h: what the files of the directory share. */
#ifndef DIRECTORY_DIRECTORY_INT_H
#define DIRECTORY_DIRECTORY_INT_H

#include "base/list.h"
#include "base/map.h"
#include "directory/credential.h"
#include "keys/ticket.h"
#include "proc/account_link.h"
#include "proc/process.h"
#include "db/db.h"
#include "db/used.h"

struct hash_queue;
struct login_state;
struct reserve_state;
struct guesses;
struct verified;

struct directory {
    struct process *p;
    struct db *db;
    int db_fd, wal_fd, used_fd;
    unsigned char mac_key[32];  /* of app passwords, derived from the service key */
    unsigned char boot_key[32]; /* of verified.c, and of names of nobody; random at each start */
    unsigned char ticket_key[TICKET_KEY_BYTES];
    struct hash_queue *hashes;
    struct login_state *logins;
    struct guesses *guesses;
    struct reserve_state *reserves;
    struct account_links *links; /* to accounts' processes: reservations and checks */
    struct list removals;        /* of struct job: accounts that are being removed */
    uint64_t next_account;       /* the number after the highest ever given out */
    uint64_t logins_ok, logins_failed, logins_forbidden, rcpt_ok, rcpt_refused;
};

extern const struct db_schema directory_schema;

/* Ends the process if the database has failed, so that nothing is answered that is not on the disk. */
void directory_check_db(struct directory *d);

/* ---- domains.c ---- */

/* The row of a domain. ERROR_NOT_FOUND: it is not one of ours. */
MUST_CHECK bool domain_find(struct directory *d, struct str name, int64_t *id, struct error *err);

/* ---- address.c ---- */

/* The account of a local part, already folded (address/address.h), at this domain. If nobody has it with its +detail, the
 * detail is dropped. *found false: nobody has it. */
MUST_CHECK bool address_find(struct directory *d, int64_t domain, struct str local,
                             uint64_t *account, bool *found, struct error *err);
/* Within a transaction: adds an address. ERROR_EXISTS: it is taken; ERROR_SYNTAX: it is not an address; ERROR_NOT_FOUND: its
 * domain is not ours. */
MUST_CHECK bool address_add(struct directory *d, struct str name, uint64_t account, bool is_main,
                            struct error *err);

/* ---- accounts.c ---- */

/* The account of an address, in any case; +detail as above. Postmaster always has one (RFC 5321 section 4.5.1).
 * ERROR_NOT_FOUND: our domain, and nobody there; ERROR_DENIED: not our domain. */
MUST_CHECK bool account_of_address(struct directory *d, struct str local, struct str domain,
                                   uint64_t *account, struct error *err);
/* The same for "local@domain". Also ERROR_SYNTAX: it has no @. */
MUST_CHECK bool account_of_name(struct directory *d, struct str name, uint64_t *account,
                                struct error *err);
/* Appends the account's main address. ERROR_NOT_FOUND. */
MUST_CHECK bool account_name(struct directory *d, uint64_t account, struct buf *out,
                             struct error *err);
/* Its addresses, at most LIMIT_MSG_LIST of them, in the arena. */
MUST_CHECK bool account_addresses(struct directory *d, uint64_t account, struct arena *arena,
                                  struct msg_list *out, struct error *err);
/* What the operator has set for an account. ERROR_NOT_FOUND: there is no such account. */
struct account_settings {
    uint64_t quota;  /* bytes, 0: none */
    bool subaddress; /* mail to name+folder goes to that folder, where there is one */
    bool opened;     /* its files were there before; read only */
};
MUST_CHECK bool account_settings(struct directory *d, uint64_t account,
                                 struct account_settings *out, struct error *err);
MUST_CHECK bool account_set_settings(struct directory *d, uint64_t account,
                                     const struct account_settings *s, struct error *err);
/* Remembers (or with "" forgets) what is wrong with the account. stays: that it opens is no proof that this is over. */
void account_set_problem(struct directory *d, uint64_t account, struct str why, bool stays);
/* Its files were opened: they must be there from now on, and a problem that does not stay is over. */
void account_set_opened(struct directory *d, uint64_t account);
/* Within a transaction: adds the account's row; quota in bytes, 0: none. */
MUST_CHECK bool account_insert(struct directory *d, uint64_t account, uint64_t quota,
                               struct error *err);
/* Within a transaction: deletes the account's rows, all but the audit log's. */
MUST_CHECK bool account_delete(struct directory *d, uint64_t account, struct error *err);
/* The number after the highest that the database has ever given out. */
MUST_CHECK bool accounts_next_number(struct directory *d, uint64_t *out, struct error *err);

/* ---- hashing.c: the queue before the hashers ---- */

/* ok: the password is right, or hash is the one that was to be made; else err says why not. */
typedef void (*hash_fn)(void *arg, bool ok, struct str hash, const struct error *err);

struct hash_queue *hash_queue_create(struct directory *d);
void hash_queue_destroy(struct hash_queue *q); /* calls nobody */
/* A hasher has come, or is lost. */
void hash_queue_peer_new(struct hash_queue *q, struct chan *c);
void hash_queue_peer_lost(struct hash_queue *q, struct chan *c);
/* Who wants a password hashed: the network prefix, and the account (or a number that stands for an unknown name). Both 0:
 * the operator, who is never refused. */
struct hash_owner {
    uint64_t prefix, account;
};
/* Verifies password against hash; if hash is empty, makes one (a text of at most 127 bytes), so a caller who verifies must
 * have a hash. Fair by prefix and account. When the queue is full, the owner with most in it loses his newest job: its fn
 * is called with ERROR_RATE, perhaps from within this call. ERROR_DENIED: the password is wrong; any other error: nobody
 * could say. Both texts are copied, and the copy of the password is wiped. */
void hash_queue_add(struct hash_queue *q, struct hash_owner owner, struct str password,
                    struct str hash, hash_fn fn, void *arg);
/* Jobs that no hasher has yet; and how many were ever refused with ERROR_RATE. */
size_t hash_queue_waiting(const struct hash_queue *q);
uint64_t hash_queue_refused(const struct hash_queue *q);

/* ---- guesses.c: wrong passwords ---- */

struct guesses *guesses_create(void);
void guesses_destroy(struct guesses *g);
/* A password for this owner is about to be hashed: returns how many microseconds it must wait first, or -1 when it is
 * refused, as too many wait already. Each one that was not refused ends with guesses_right, guesses_wrong, or guesses_over
 * (it was not checked). */
int64_t guesses_enter(struct guesses *g, const struct hash_owner *owner);
void guesses_right(struct guesses *g, const struct hash_owner *owner);
void guesses_wrong(struct guesses *g, const struct hash_owner *owner);
void guesses_over(struct guesses *g, const struct hash_owner *owner);
/* A login that needed no hash succeeded: from now on the owner is known in this network. */
void guesses_know(struct guesses *g, const struct hash_owner *owner);
/* Whether a login of this account from this network has succeeded lately. */
bool guesses_is_known(struct guesses *g, const struct hash_owner *owner);

/* ---- verified.c: credentials that were verified within the hour ---- */

#define VERIFIED_KEY_BYTES 32
struct verified *verified_create(void);
void verified_destroy(struct verified *v);
/* The key under which a credential is remembered: a keyed hash of account, service and password. */
void verified_key(const unsigned char key[32], uint64_t account, struct str service,
                  struct str password, unsigned char out[VERIFIED_KEY_BYTES]);
/* Fills *out. False: it was not verified within the hour, or does not open this service now. */
bool verified_find(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES],
                   uint64_t account, struct str service, struct credential *out);
/* Remembers a credential that was just verified. */
void verified_put(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES], uint64_t account,
                  const struct credential *credential);
/* Forgets all of them. */
void verified_forget(struct verified *v);

/* ---- login.c ---- */

struct login_state *login_create(void);
void login_destroy(struct login_state *s); /* answers nobody */
/* How many logins are not answered yet. */
size_t login_under_way(const struct directory *d);
/* LOGIN: takes an edge's question, and answers it later. */
void login_ask(struct directory *d, struct chan *edge, struct msg *m);
/* A credential of this account was changed: forgets that any of them was verified. Logins that are under way look theirs up
 * again anyway. */
void login_forget(struct directory *d, uint64_t account);
/* A credential (0: all of the account's) has ended: forgets it, and ends the sessions that it has opened, and those that are
 * about to open. Called after the commit. */
void login_end_credential(struct directory *d, uint64_t account, int64_t credential);

/* ---- account_open.c: sockets to accounts' processes ---- */

/* Opens a socket to the account's process for a service. fn is called once with our end, which is then its own, or with -1
 * and why; from within this call when no socket can be made. What r points to is copied. */
typedef void (*open_fn)(void *arg, int fd, const struct error *err);
struct open_request {
    uint64_t account, credential;
    struct account_settings settings;
    struct str service, session, user, tag;
    bool read_only, stream; /* stream: SOCK_STREAM of plain bytes; else a channel */
};
void account_open(struct directory *d, const struct open_request *r, open_fn fn, void *arg);

/* ---- open.c: channels to accounts' processes, for intake and for the directory itself ---- */

/* DELIVERY_OPEN: gives intake a channel to an account's process. */
void open_delivery(struct directory *d, struct chan *c, const struct msg *m);
/* Makes the directory's own links, for d->links. */
struct account_links *open_links(struct directory *d);

/* ---- reserve.c: room in accounts with a quota, for messages on their way ---- */

struct reserve_state *reserve_create(void);
void reserve_destroy(struct reserve_state *s); /* answers nobody */
/* Answers RCPT, the edge's question about a recipient, once the account's process has said whether the message fits. */
void reserve_ask(struct directory *d, struct chan *edge, const struct msg *m, uint64_t account,
                 const struct account_settings *settings);
/* RCPT_END: the transaction of this session is over; frees what it has reserved. */
void reserve_end(struct directory *d, struct chan *edge, struct str session);
/* The edge is lost: frees what its sessions have reserved. */
void reserve_edge_lost(struct directory *d, struct chan *edge);
/* A link to an account's process is lost, and with it what was reserved there. */
void reserve_link_lost(struct directory *d, struct account_link *link);
/* How many sessions have reserved something. */
size_t reserve_held(const struct directory *d);

/* ---- admin.c ---- */

/* ADMIN: carries out a command of the operator's, and answers at once or later. */
void admin_call(struct directory *d, struct chan *c, struct msg *m);
/* Whether a command is removing this account just now. */
bool admin_is_removing(const struct directory *d, uint64_t account);

#endif
