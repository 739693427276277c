/* directory/hashing.c: the bounded, fair queue before the hashers (RATIONALE 9).
 *
 * Requests wait in one list a prefix; prefixes take turns. So one address that floods waits behind itself, and another's
 * first request is next but one. Each hasher has one request at a time. */
#include "directory/directory_int.h"

#define WAITING_MOST 64
#define HASHERS_MOST 64

struct hash_job {
    struct hash_job *next;
    struct buf password;
    struct buf hash;
    hash_fn fn;
    void *arg;
};

struct lane { /* of one prefix */
    struct lane *next;
    struct buf prefix;
    struct hash_job *first, **last;
};

struct worker {
    struct chan *chan;
    struct hash_job *job; /* NULL: free */
};

struct hash_queue {
    struct directory *d;
    struct lane *lanes, **last_lane; /* the first one's turn is next */
    struct worker worker[HASHERS_MOST];
    size_t workers, waiting;
    uint64_t next_id;
};

struct hash_queue *hash_queue_create(struct directory *d)
{
    struct hash_queue *q = mem_zalloc(sizeof *q);

    q->d = d;
    q->last_lane = &q->lanes;
    return q;
}

static void free_job(struct hash_job *j)
{
    buf_done_wipe(&j->password);
    buf_done(&j->hash);
    mem_free(j);
}

static struct lane *lane_of(struct hash_queue *q, struct str prefix)
{
    struct lane *l = q->lanes;

    while (l && !str_equal(buf_view(&l->prefix), prefix))
        l = l->next;
    if (l)
        return l;
    l = mem_zalloc(sizeof *l);
    buf_init(&l->prefix, 256);
    buf_str(&l->prefix, str_sub(prefix, 0, 256));
    l->last = &l->first;
    *q->last_lane = l;
    q->last_lane = &l->next;
    return l;
}

/* The first job of the lane whose turn it is; the lane goes to the end, or away when it is empty. */
static struct hash_job *take_job(struct hash_queue *q)
{
    struct lane *l = q->lanes;
    struct hash_job *j;

    if (!l)
        return NULL;
    j = l->first;
    l->first = j->next;
    if (!l->first)
        l->last = &l->first;
    q->lanes = l->next;
    if (!q->lanes)
        q->last_lane = &q->lanes;
    l->next = NULL;
    if (l->first) {
        *q->last_lane = l;
        q->last_lane = &l->next;
    } else {
        buf_done(&l->prefix);
        mem_free(l);
    }
    q->waiting--;
    j->next = NULL;
    return j;
}

static void send_jobs(struct hash_queue *q)
{
    for (size_t i = 0; i < q->workers; i++) {
        struct worker *w = &q->worker[i];
        struct msg m = {.type = MSG_HASH_ASK};

        if (!w->chan || w->job || !(w->job = take_job(q)))
            continue;
        m.hash_ask = (struct msg_hash_ask){++q->next_id, buf_view(&w->job->password),
                                           buf_view(&w->job->hash)};
        chan_send(w->chan, &m);
    }
}

void hash_queue_peer_new(struct hash_queue *q, struct chan *c)
{
    size_t i = 0;

    while (i < q->workers && q->worker[i].chan)
        i++;
    if (i == HASHERS_MOST)
        return;
    if (i == q->workers)
        q->workers++;
    q->worker[i] = (struct worker){.chan = c};
    send_jobs(q);
}

/* What it was working on fails for now: the client is told to try again. */
void hash_queue_peer_lost(struct hash_queue *q, struct chan *c)
{
    struct error err;

    error_set(&err, ERROR_TEMPORARY, "the password could not be checked just now; try again");
    for (size_t i = 0; i < q->workers; i++) {
        struct worker *w = &q->worker[i];
        struct hash_job *j = w->job;

        if (w->chan != c)
            continue;
        *w = (struct worker){0};
        if (j) {
            j->fn(j->arg, false, STR_NULL, &err);
            free_job(j);
        }
    }
}

void hash_queue_answer(struct hash_queue *q, struct chan *c, struct msg *m)
{
    for (size_t i = 0; i < q->workers; i++) {
        struct worker *w = &q->worker[i];
        struct hash_job *j = w->job;
        struct error err = {.kind = (enum error_kind)m->hash_tell.kind};

        if (w->chan != c || !j)
            continue;
        w->job = NULL;
        if (err.kind == ERROR_TEMPORARY)
            error_set(&err, ERROR_TEMPORARY, "there is no memory to check the password just now");
        j->fn(j->arg, err.kind == ERROR_NONE, m->hash_tell.hash, &err);
        free_job(j);
    }
    send_jobs(q);
}

void hash_queue_add(struct hash_queue *q, struct str prefix, struct str password, struct str hash,
                    hash_fn fn, void *arg)
{
    struct hash_job *j;
    struct lane *l;

    if (q->waiting >= WAITING_MOST) {
        struct error err;

        error_set(&err, ERROR_TEMPORARY, "too many logins at once; try again in a moment");
        fn(arg, false, STR_NULL, &err);
        return;
    }
    j = mem_zalloc(sizeof *j);
    buf_init(&j->password, password.n + 1);
    buf_str(&j->password, password);
    buf_init(&j->hash, hash.n + 1);
    buf_str(&j->hash, hash);
    j->fn = fn;
    j->arg = arg;
    l = lane_of(q, prefix);
    *l->last = j;
    l->last = &j->next;
    q->waiting++;
    send_jobs(q);
}

size_t hash_queue_waiting(const struct hash_queue *q)
{
    return q->waiting;
}
