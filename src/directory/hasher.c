/* directory/hasher.c: Argon2id, nothing else: no files, no network. One password at a time; the queue is the directory's. */
#include "directory/directory.h"

#include "proc/process.h"

#include <sodium.h>
#include <string.h>

struct hasher {
    struct process *p;
    uint64_t done;
};

static bool start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct hasher *h = arg;

    (void)ready;
    h->p = p;
    return sodium_init() >= 0 || error_set(err, ERROR_INTERNAL, "libsodium does not start");
}

/* A hash that is asked for is made with today's settings; one that is checked brings its own. */
static void hash(struct hasher *h, struct msg *m, struct msg *out,
                 char made[crypto_pwhash_STRBYTES])
{
    struct str password = m->hash_ask.password, given = m->hash_ask.hash;
    char text[crypto_pwhash_STRBYTES] = "";

    if (given.n == 0) {
        if (crypto_pwhash_str_alg(made, password.p ? password.p : "", password.n,
                                  h->p->config.argon2_passes, (size_t)h->p->config.argon2_memory,
                                  crypto_pwhash_ALG_ARGON2ID13) != 0)
            out->hash_tell.kind = ERROR_TEMPORARY;
        out->hash_tell.hash = str_c(made);
        return;
    }
    if (given.n < sizeof text)
        memcpy(text, given.p, given.n);
    if (crypto_pwhash_str_verify(text, password.p ? password.p : "", password.n) != 0)
        out->hash_tell.kind = ERROR_DENIED;
}

static void message(void *arg, struct chan *c, struct msg *m)
{
    struct hasher *h = arg;
    char made[crypto_pwhash_STRBYTES] = "";
    struct msg out = {.type = MSG_HASH_TELL};

    if (m->type != MSG_HASH_ASK)
        return;
    out.hash_tell.id = m->hash_ask.id;
    hash(h, m, &out, made);
    h->done++;
    chan_send(c, &out);
}

static void status(void *arg, struct process_status *s)
{
    struct hasher *h = arg;

    process_status_add(s, "hashes", h->done);
}

NORETURN void hasher_main(unsigned instance)
{
    static const struct process_ops ops = {.start = start, .message = message, .status = status};
    struct hasher h = {0};

    process_main(ROLE_HASHER, instance, &ops, &h);
}
