/* directory/audit.c: see audit.h. */
#include "directory/audit.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <string.h>

struct row {
    uint64_t seq;
    int64_t at_us;
    struct str text[4]; /* who, what, object, detail */
};

/* Every part with its length in front, so that no two rows give the same bytes. */
static void hash_row(const unsigned char before[AUDIT_HASH_BYTES], const struct row *r,
                     unsigned char out[AUDIT_HASH_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned int n = AUDIT_HASH_BYTES;
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, before, AUDIT_HASH_BYTES) == 1 &&
              EVP_DigestUpdate(ctx, &r->seq, sizeof r->seq) == 1 &&
              EVP_DigestUpdate(ctx, &r->at_us, sizeof r->at_us) == 1;

    for (size_t i = 0; ok && i < ARRAY_LEN(r->text); i++) {
        uint64_t length = r->text[i].n;

        ok = EVP_DigestUpdate(ctx, &length, sizeof length) == 1 &&
             EVP_DigestUpdate(ctx, r->text[i].p, r->text[i].n) == 1;
    }
    if (!ok || EVP_DigestFinal_ex(ctx, out, &n) != 1)
        fatal("OpenSSL has no SHA-256");
    EVP_MD_CTX_free(ctx);
}

static bool last_row(struct db *db, uint64_t *seq, unsigned char hash[AUDIT_HASH_BYTES],
                     struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    enum db_step step = db_next(db, s, err);

    *seq = 0;
    memset(hash, 0, AUDIT_HASH_BYTES);
    if (step == DB_ROW) {
        struct str h = db_col_str(s, 1);

        *seq = (uint64_t)db_col_int(s, 0);
        if (h.n == AUDIT_HASH_BYTES)
            memcpy(hash, h.p, h.n);
    }
    return step != DB_FAIL;
}

bool audit_append(struct db *db, struct str who, struct str what, struct str object,
                  struct str detail, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(db, "INSERT INTO audit (seq, at_us, who, what, object, "
                                            "detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)");
    unsigned char before[AUDIT_HASH_BYTES], hash[AUDIT_HASH_BYTES];
    struct row r = {.at_us = clock_wall_us(), .text = {who, what, object, detail}};

    if (!last_row(db, &r.seq, before, err))
        return false;
    r.seq++;
    hash_row(before, &r, hash);
    db_bind_int(s, 1, (int64_t)r.seq);
    db_bind_int(s, 2, r.at_us);
    for (int i = 0; i < 4; i++)
        db_bind_text(s, 3 + i, r.text[i]);
    db_bind_blob(s, 7, str_of(hash, sizeof hash));
    return db_run(db, s, err);
}

bool audit_walk(struct db *db, struct audit_walk *walk, uint64_t most, bool *done,
                struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(db, "SELECT seq, at_us, who, what, object, detail, hash FROM audit"
                    " WHERE seq > ? ORDER BY seq");
    unsigned char hash[AUDIT_HASH_BYTES];
    enum db_step step = DB_DONE;
    uint64_t n = 0;

    db_bind_int(s, 1,
                walk->rows ? (int64_t)walk->rows : INT64_MIN); /* none hides before the first */
    while (n < most && (step = db_next(db, s, err)) == DB_ROW) {
        struct row r = {.seq = (uint64_t)db_col_int(s, 0), .at_us = db_col_int(s, 1)};

        for (int i = 0; i < 4; i++)
            r.text[i] = db_col_str(s, 2 + i);
        hash_row(walk->last, &r, hash);
        n++;
        walk->rows++;
        if (r.seq != walk->rows || !str_equal(db_col_str(s, 6), str_of(hash, sizeof hash)))
            return error_set(err, ERROR_DAMAGED, "the audit log was changed at row %llu",
                             (unsigned long long)walk->rows);
        memcpy(walk->last, hash, sizeof hash);
    }
    *done = n < most;
    return step != DB_FAIL;
}
