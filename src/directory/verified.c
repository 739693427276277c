/* directory/verified.c: credentials that were verified within the hour, so that a device that logs in
 * again and again costs no hash. Only a keyed hash of account, service and password is kept, under a
 * key of this process; and what is found here is looked up in the database again before it counts
 * (login.c). */
#include "base/clock.h"
#include "directory/directory_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define LIFE_US (3600LL * 1000000)
#define MOST 20000

struct entry {
    uint64_t account;
    int64_t until_us; /* boot clock */
    struct credential credential;
};

struct verified {
    struct map entries; /* key -> struct entry */
};

struct verified *verified_create(void)
{
    struct verified *v = mem_zalloc(sizeof *v);

    map_init(&v->entries);
    return v;
}

void verified_forget(struct verified *v)
{
    size_t at = 0;
    void *entry;

    while (map_each(&v->entries, &at, NULL, &entry))
        mem_free(entry);
    map_done(&v->entries);
}

void verified_destroy(struct verified *v)
{
    if (!v)
        return;
    verified_forget(v);
    mem_free(v);
}

void verified_key(const unsigned char key[32], uint64_t account, struct str service,
                  struct str password, unsigned char out[VERIFIED_KEY_BYTES])
{
    unsigned int n = VERIFIED_KEY_BYTES;
    size_t size = sizeof account + service.n + 1 + password.n;
    struct buf b = {
        .p = mem_alloc(size), .cap = size, .max = size}; /* never moved, so wiped whole */

    buf_add(&b, &account, sizeof account);
    buf_str(&b, service);
    buf_char(&b, '\0');
    buf_str(&b, password);
    if (!HMAC(EVP_sha256(), key, 32, (unsigned char *)b.p, b.n, out, &n))
        fatal("OpenSSL has no HMAC-SHA-256");
    buf_done_wipe(&b);
}

static struct str entry_key(const unsigned char key[VERIFIED_KEY_BYTES])
{
    return str_of(key, VERIFIED_KEY_BYTES);
}

bool verified_find(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES],
                   uint64_t account, struct str service, struct credential *out)
{
    struct entry *e = map_find(&v->entries, entry_key(key));

    if (!e)
        return false;
    if (e->until_us > clock_boot_us() && e->account == account &&
        credential_allows(&e->credential, service, clock_wall_us())) {
        *out = e->credential;
        return true;
    }
    mem_free(map_remove(&v->entries, entry_key(key)));
    return false;
}

void verified_put(struct verified *v, const unsigned char key[VERIFIED_KEY_BYTES], uint64_t account,
                  const struct credential *credential)
{
    struct entry *e = mem_alloc(sizeof *e);

    if (v->entries.n >= MOST)
        verified_forget(v);
    *e = (struct entry){account, clock_boot_us() + LIFE_US, *credential};
    mem_free(map_put(&v->entries, entry_key(key), e));
}
