/* directory/hasher.c: Argon2id, nothing else: no files, no network. One password at a time; the queue is the directory's. */
#include "directory/directory.h"

#include "proc/process.h"

#include <sodium.h>
#include <string.h>

struct hasher {
    struct process *p;
    uint64_t done;
};

static bool hasher_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    struct hasher *h = arg;

    (void)ready;
    h->p = p;
    return sodium_init() >= 0 || error_set(err, ERROR_INTERNAL, "libsodium does not start");
}

/* A hash that is asked for is made with today's settings; one that is checked brings its own. */
static enum error_kind compute_hash(struct hasher *h, const struct msg_hash_ask *ask,
                                    char made[crypto_pwhash_STRBYTES])
{
    const char *password = ask->password.p ? ask->password.p : "";
    char text[crypto_pwhash_STRBYTES] = "";

    if (ask->hash.n == 0)
        return crypto_pwhash_str_alg(made, password, ask->password.n, h->p->config.argon2_passes,
                                     (size_t)h->p->config.argon2_memory,
                                     crypto_pwhash_ALG_ARGON2ID13) == 0
                   ? ERROR_NONE
                   : ERROR_TEMPORARY;
    if (ask->hash.n < sizeof text)
        memcpy(text, ask->hash.p, ask->hash.n);
    return crypto_pwhash_str_verify(text, password, ask->password.n) == 0 ? ERROR_NONE
                                                                          : ERROR_DENIED;
}

static void hasher_message(void *arg, struct chan *c, struct msg *m)
{
    struct hasher *h = arg;
    char made[crypto_pwhash_STRBYTES] = "";
    struct msg_hash_tell tell = {0};
    struct asked asked;

    if (m->type != MSG_HASH_ASK)
        return;
    asked_take(&asked, c, m);
    tell.error.kind = compute_hash(h, &m->hash_ask, made);
    tell.error.text = tell.error.kind == ERROR_TEMPORARY
                          ? STR("there is no memory to check the password just now")
                          : STR_NULL;
    tell.hash = str_c(made);
    h->done++;
    tell_hash(&asked, &tell, -1);
}

static void hasher_status(void *arg, struct process_status *s)
{
    struct hasher *h = arg;

    process_status_add(s, "hashes", h->done);
}

static const struct process_ops hasher_ops = {
    .start = hasher_start, .message = hasher_message, .status = hasher_status};

NORETURN void hasher_main(unsigned instance)
{
    struct hasher h = {0};

    process_main(ROLE_HASHER, instance, &hasher_ops, &h);
}
