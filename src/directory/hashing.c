/* directory/hashing.c: the bounded, fair queue before the hashers.
 *
 * A password costs a core some 30 ms, so what waits is bounded, and whose turn it is is not a matter
 * of who asks most: next is the owner who was served longest ago, by network prefix and by account,
 * whichever of the two was later. An address that tries many names only holds up itself, and so do
 * many addresses that try one name. When the queue is full, the owner with most in it loses his
 * newest: so a crowd of guesses never refuses anybody who asks once.
 *
 *     WAITING -- its turn --> with a hasher -- answered --> told
 *        ^                        |
 *        +-- once: it goes first -+ the hasher ended, or its time passed; the second time: told so
 *
 * Each hasher has one job at a time. One that let a job's time pass is left alone for a while: it may
 * hang, or the machine slept. */
#include "base/list.h"
#include "directory/directory_int.h"

#define WAITING_MOST 64
#define HASHERS_MOST 64
#define SERVED_MOST 1000 /* owners whose last turn is remembered */
#define REST_US 5000000  /* of a hasher that lost a job */
#define HASH_BYTES 127   /* the longest hash that libsodium writes */

struct hash_job {
    struct list_node node; /* of waiting */
    struct hash_queue *q;
    struct worker *worker; /* who has it; NULL: it waits */
    struct hash_owner owner;
    struct buf password, hash;
    hash_fn fn;
    void *arg;
    bool again; /* its first hasher ended */
};

struct worker {
    struct hash_queue *q;
    struct chan *chan;    /* NULL: no worker */
    struct hash_job *job; /* NULL: it has none */
    struct timer rest;    /* set: it gets none */
};

struct hash_queue {
    struct directory *d;
    struct list waiting; /* of struct hash_job, in their order */
    struct worker worker[HASHERS_MOST];
    struct map served_prefix, served_account; /* -> the turn that it had last */
    uintptr_t turns;
    uint64_t refused;
};

static void send_jobs(struct hash_queue *q);

static void on_rested(void *arg)
{
    struct worker *w = arg;

    send_jobs(w->q);
}

struct hash_queue *hash_queue_create(struct directory *d)
{
    struct hash_queue *q = mem_zalloc(sizeof *q);

    q->d = d;
    map_init(&q->served_prefix);
    map_init(&q->served_account);
    for (size_t i = 0; i < HASHERS_MOST; i++) {
        q->worker[i].q = q;
        timer_init(&q->worker[i].rest, d->p->timers, on_rested, &q->worker[i]);
    }
    return q;
}

static void job_free(struct hash_job *j)
{
    if (j->worker)
        j->worker->job = NULL;
    list_remove(&j->node);
    buf_done_wipe(&j->password);
    buf_done(&j->hash);
    mem_free(j);
}

void hash_queue_destroy(struct hash_queue *q)
{
    struct hash_job *j;

    if (!q)
        return;
    while ((j = LIST_FIRST(&q->waiting, struct hash_job, node)))
        job_free(j);
    for (size_t i = 0; i < HASHERS_MOST; i++) {
        timer_stop(&q->worker[i].rest);
        if (q->worker[i].job)
            job_free(q->worker[i].job);
    }
    map_done(&q->served_prefix);
    map_done(&q->served_account);
    mem_free(q);
}

static void job_end(struct hash_job *j, bool ok, struct str hash, const struct error *err)
{
    hash_fn fn = j->fn;
    void *arg = j->arg;

    job_free(j);
    fn(arg, ok, hash, err);
}

/* ---- whose turn it is ---- */

static bool is_operator(const struct hash_owner *o)
{
    return o->prefix == 0 && o->account == 0;
}

/* When this owner had a turn last: the later of its prefix's and its account's; 0: not lately. */
static uintptr_t last_turn(const struct hash_queue *q, const struct hash_owner *o)
{
    uintptr_t a = (uintptr_t)map_find_u64(&q->served_prefix, o->prefix);
    uintptr_t b = (uintptr_t)map_find_u64(&q->served_account, o->account);

    return a > b ? a : b;
}

static void note_turn(struct hash_queue *q, const struct hash_owner *o)
{
    void *turn = (void *)++q->turns; // NOLINT(performance-no-int-to-ptr)

    if (q->served_prefix.n >= SERVED_MOST || q->served_account.n >= SERVED_MOST) {
        map_done(&q->served_prefix);
        map_done(&q->served_account);
    }
    map_put_u64(&q->served_prefix, o->prefix, turn);
    map_put_u64(&q->served_account, o->account, turn);
}

static struct hash_job *next_job(struct hash_queue *q)
{
    struct hash_job *j, *best = NULL;
    uintptr_t best_turn = 0;

    LIST_EACH(j, &q->waiting, node) {
        uintptr_t turn = is_operator(&j->owner) || j->again ? 0 : last_turn(q, &j->owner);

        if (!best || turn < best_turn) {
            best = j;
            best_turn = turn;
        }
    }
    return best;
}

/* How much of the queue is this owner's: its prefix's share or its account's, whichever is larger. */
static size_t share_of(const struct hash_queue *q, const struct hash_owner *o)
{
    size_t prefix = 0, account = 0;
    const struct hash_job *j;

    if (is_operator(o))
        return 0;
    LIST_EACH(j, &q->waiting, node) {
        prefix += j->owner.prefix == o->prefix;
        account += j->owner.account == o->account;
    }
    return prefix > account ? prefix : account;
}

/* The newest job of the owner who has most in the queue. */
static struct hash_job *dearest_job(const struct hash_queue *q)
{
    struct hash_job *j, *dearest = NULL;
    size_t most = 0;

    LIST_EACH(j, &q->waiting, node) {
        size_t share = share_of(q, &j->owner);

        if (share >= most) {
            most = share;
            dearest = j;
        }
    }
    return dearest;
}

/* ---- the hashers ---- */

/* Its hasher ended, or let its time pass: once more, ahead of the others; then it fails. */
static void job_lost(struct hash_job *j, const struct error *err)
{
    struct hash_queue *q = j->q;

    if (j->worker) {
        timer_set(&j->worker->rest, REST_US);
        j->worker->job = NULL;
    }
    j->worker = NULL;
    if (j->again) {
        job_end(j, false, STR_NULL, err);
    } else {
        j->again = true;
        list_prepend(&q->waiting, &j->node);
    }
    send_jobs(q);
}

/* A hash must come when one was to be made, and only then. */
static bool is_answer_to(const struct hash_job *j, struct str hash)
{
    return j->hash.n ? hash.n == 0
                     : str_starts(hash, STR("$argon2id$")) && hash.n <= HASH_BYTES &&
                           str_find_char(hash, '\0') == SIZE_MAX;
}

static void on_hashed(void *arg, struct msg_hash_tell *tell, int *fd)
{
    struct hash_job *j = arg;
    struct hash_queue *q = j->q;
    struct error err = {0};

    (void)fd;
    if (!msg_error_take(&tell->error, &err) && !is_answer_to(j, tell->hash))
        error_set(&err, ERROR_INTERNAL, "the hasher's answer does not fit the question");
    if (tell->id == 0) {
        job_lost(j, &err);
        return;
    }
    job_end(j, err.kind == ERROR_NONE, tell->hash, &err);
    send_jobs(q);
}

static bool worker_is_free(const struct worker *w)
{
    return w->chan && !w->job && !timer_is_set(&w->rest);
}

static void send_jobs(struct hash_queue *q)
{
    for (size_t i = 0; i < HASHERS_MOST; i++) {
        struct worker *w = &q->worker[i];
        struct hash_job *j;

        if (!worker_is_free(w) || !(j = next_job(q)))
            continue;
        list_remove(&j->node);
        note_turn(q, &j->owner);
        w->job = j;
        j->worker = w;
        call_hash(
            call_over(q->d->p->calls, w->chan),
            &(struct msg_hash_ask){.password = buf_view(&j->password), .hash = buf_view(&j->hash)},
            NULL, on_hashed, j);
    }
}

void hash_queue_peer_new(struct hash_queue *q, struct chan *c)
{
    for (size_t i = 0; i < HASHERS_MOST; i++) {
        if (!q->worker[i].chan) {
            q->worker[i].chan = c;
            send_jobs(q);
            return;
        }
    }
}

/* Its job comes back by its call, which fails. */
void hash_queue_peer_lost(struct hash_queue *q, struct chan *c)
{
    for (size_t i = 0; i < HASHERS_MOST; i++) {
        struct worker *w = &q->worker[i];

        if (w->chan != c)
            continue;
        if (w->job)
            w->job->worker = NULL;
        w->job = NULL;
        w->chan = NULL;
        timer_stop(&w->rest);
    }
}

void hash_queue_add(struct hash_queue *q, struct hash_owner owner, struct str password,
                    struct str hash, hash_fn fn, void *arg)
{
    struct hash_job *j = mem_zalloc(sizeof *j), *dearest;

    *j = (struct hash_job){.q = q, .owner = owner, .fn = fn, .arg = arg};
    buf_init(&j->password, password.n + 1);
    buf_str(&j->password, password);
    buf_init(&j->hash, hash.n + 1);
    buf_str(&j->hash, hash);
    list_append(&q->waiting, &j->node);
    send_jobs(q);
    if (q->waiting.n > WAITING_MOST && (dearest = dearest_job(q)) &&
        !is_operator(&dearest->owner)) {
        struct error err;

        q->refused++;
        error_set(&err, ERROR_RATE, "too many logins at once; try again in a moment");
        job_end(dearest, false, STR_NULL, &err);
    }
}

size_t hash_queue_waiting(const struct hash_queue *q)
{
    return q->waiting.n;
}

uint64_t hash_queue_refused(const struct hash_queue *q)
{
    return q->refused;
}
