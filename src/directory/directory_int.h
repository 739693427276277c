/* directory/directory_int.h: what the files of the directory share. */
#ifndef DIRECTORY_DIRECTORY_INT_H
#define DIRECTORY_DIRECTORY_INT_H

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
    unsigned char boot_key[32]; /* of the cache and of unknown names, random at each start */
    unsigned char ticket_key[TICKET_KEY_BYTES];
    struct hash_queue *hashes;
    struct login_state *logins;
    struct guesses *guesses;
    struct reserve_state *reserves;
    struct account_links *links; /* to accounts' processes: reservations and checks */
    uint64_t next_account;       /* the number after the highest ever given out */
    uint64_t logins_ok, logins_failed, logins_forbidden, rcpt_ok, rcpt_refused;
};

extern const struct db_schema directory_schema;

/* Disk trouble ends the process: what was answered stays true. */
void directory_check_db(struct directory *d);

/* ---- domains.c ---- */

/* ERROR_NOT_FOUND: it is none of ours. */
MUST_CHECK bool domain_find(struct directory *d, struct str name, int64_t *id, struct error *err);

/* ---- address.c ---- */

/* The account of a local part that is folded already, at this domain; +detail is dropped where there is
 * none with it. */
MUST_CHECK bool address_find(struct directory *d, int64_t domain, struct str local,
                             uint64_t *account, bool *found, struct error *err);
/* Within a transaction: one address more. ERROR_EXISTS, ERROR_SYNTAX, ERROR_NOT_FOUND (domain). */
MUST_CHECK bool address_add(struct directory *d, struct str name, uint64_t account, bool is_main,
                            struct error *err);

/* ---- accounts.c ---- */

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
/* All its addresses, as many as fit a message; they lie in the arena. */
MUST_CHECK bool account_addresses(struct directory *d, uint64_t account, struct arena *arena,
                                  struct msg_list *out, struct error *err);
/* What an account is allowed, and what it wishes. */
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
MUST_CHECK bool account_insert(struct directory *d, uint64_t account, uint64_t quota,
                               struct error *err);
/* Within a transaction: the account's rows, all but the audit log's. */
MUST_CHECK bool account_delete(struct directory *d, uint64_t account, struct error *err);
MUST_CHECK bool accounts_next_number(struct directory *d, uint64_t *out, struct error *err);

/* ---- hashing.c: the queue before the hashers ---- */

typedef void (*hash_fn)(void *arg, bool ok, struct str hash, const struct error *err);

struct hash_queue *hash_queue_create(struct directory *d);
void hash_queue_destroy(struct hash_queue *q); /* calls nobody */
void hash_queue_peer_new(struct hash_queue *q, struct chan *c);
void hash_queue_peer_lost(struct hash_queue *q, struct chan *c);
/* Who wants a password hashed: the network prefix, and the account (or what stands for an unknown name). Both 0: the
 * operator, who is never refused. */
struct hash_owner {
    uint64_t prefix, account;
};
/* Verifies password against hash, or with an empty hash makes one: whoever verifies looks first that
 * there is a hash. Fair by prefix and account; where the queue is full, the owner who has most in it
 * pays: fn of his newest is called with ERROR_RATE, perhaps at once. ok: it is right, or was made
 * (then hash has it, text of at most 127 bytes). Else ERROR_DENIED: it is wrong, ERROR_TEMPORARY or
 * another: nobody could say. password is copied and wiped. */
void hash_queue_add(struct hash_queue *q, struct hash_owner owner, struct str password,
                    struct str hash, hash_fn fn, void *arg);
size_t hash_queue_waiting(const struct hash_queue *q);
uint64_t hash_queue_refused(const struct hash_queue *q);

/* ---- guesses.c: wrong passwords ---- */

struct guesses *guesses_create(void);
void guesses_destroy(struct guesses *g);
/* A password for this owner is about to be hashed: how many microseconds it waits first. -1: so many wait already that it is
 * refused. Every guess that was let in ends with guesses_right, guesses_wrong or guesses_over (it was not checked). */
int64_t guesses_enter(struct guesses *g, const struct hash_owner *owner);
void guesses_right(struct guesses *g, const struct hash_owner *owner);
void guesses_wrong(struct guesses *g, const struct hash_owner *owner);
void guesses_over(struct guesses *g, const struct hash_owner *owner);
/* A login without a hash succeeded: from now on the owner is at home in this network. */
void guesses_know(struct guesses *g, const struct hash_owner *owner);
/* Whether a login of this account from this network has succeeded lately. */
bool guesses_is_known(struct guesses *g, const struct hash_owner *owner);

/* ---- verified.c: credentials that were verified within the hour ---- */

#define VERIFIED_KEY_BYTES 32
struct verified *verified_create(void);
void verified_destroy(struct verified *v);
/* What a credential is remembered by: a keyed hash of all three. */
void verified_key(const unsigned char key[32], uint64_t account, struct str service,
                  struct str password, unsigned char out[VERIFIED_KEY_BYTES]);
/* False: it was not verified lately, or does not open this service now. */
bool verified_find(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES],
                   uint64_t account, struct str service, struct credential *out);
void verified_put(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES], uint64_t account,
                  const struct credential *credential);
/* All of them. */
void verified_forget(struct verified *v);

/* ---- login.c ---- */

struct login_state *login_create(void);
void login_destroy(struct login_state *s); /* answers nobody */
/* Logins that were not answered yet. */
size_t login_under_way(const struct directory *d);
void login_ask(struct directory *d, struct chan *edge, struct msg *m);
/* A credential of this account changed: nothing of it is taken for verified any more. Logins that are
 * under way look it up again. */
void login_forget(struct directory *d, uint64_t account);
/* A credential (0: all of them) is no more: it is forgotten, and the sessions that it has opened end,
 * also those that are about to open. Called after the commit. */
void login_end_credential(struct directory *d, uint64_t account, int64_t credential);

/* ---- account_open.c: sockets to accounts' processes ---- */

/* Opens a socket to the account's process for a service. fn gets our end (it takes it), or -1 and
 * why; where there are no sockets left it is called at once. What r points to is copied. */
typedef void (*open_fn)(void *arg, int fd, const struct error *err);
struct open_request {
    uint64_t account, credential;
    struct account_settings settings;
    struct str service, session, user, tag;
    bool read_only, stream; /* stream: SOCK_STREAM of plain bytes; else a channel */
};
void account_open(struct directory *d, const struct open_request *r, open_fn fn, void *arg);

/* ---- open.c: for whom ---- */

/* Gives intake a channel to an account's process. */
void open_delivery(struct directory *d, struct chan *c, const struct msg *m);
/* The directory's own links; d->links is made of it. */
struct account_links *open_links(struct directory *d);

/* ---- reserve.c: room in accounts with a quota, for messages on their way ---- */

struct reserve_state *reserve_create(void);
void reserve_destroy(struct reserve_state *s); /* answers nobody */
/* Answers the edge's question for a recipient, once the account's process has said whether the message fits. */
void reserve_ask(struct directory *d, struct chan *edge, const struct msg *m, uint64_t account,
                 const struct account_settings *settings);
/* The transaction of this session is over: what it has reserved is free. */
void reserve_end(struct directory *d, struct chan *edge, struct str session);
void reserve_edge_lost(struct directory *d, struct chan *edge);
/* A link to an account's process is gone, and with it what was reserved there. */
void reserve_link_lost(struct directory *d, struct account_link *link);
/* Sessions that hold something. */
size_t reserve_held(const struct directory *d);

/* ---- admin.c ---- */

void admin_call(struct directory *d, struct chan *c, struct msg *m);

#endif
