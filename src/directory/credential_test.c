/* directory/credential_test.c: app passwords and SCRAM keys. */
#include "directory/credential.c"
#include "directory/app_password.c"
#include "directory/scram.c"

#include "base/encode.h"
#include "base/test.h"

static void parse64(const char *text, unsigned char *out, size_t n)
{
    struct buf b;

    buf_init(&b, 100);
    CHECK(base64_parse(&b, str_c(text), NULL) && b.n == n);
    memcpy(out, b.p, n);
    buf_done(&b);
}

/* RFC 7677 section 3: user "user", password "pencil". The keys must accept that client's proof and make that server's
 * signature. */
static void the_scram_keys_are_those_of_rfc_7677(void)
{
    static const char auth[] =
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)"
        "hNlF$k0";
    unsigned char salt[16], proof[32], want[32], signature[32], client[32], stored[32];
    struct scram_keys keys;
    unsigned int n = 32;

    parse64("W22ZaJ0SNY7soEsUEjb6gQ==", salt, 16);
    parse64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", proof, 32);
    parse64("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", want, 32);
    scram_derive(STR("pencil"), salt, SCRAM_ITERATIONS, &keys);
    hmac_sha256(keys.server, 32, auth, sizeof auth - 1, signature);
    CHECK(memcmp(signature, want, 32) == 0);
    hmac_sha256(keys.stored, 32, auth, sizeof auth - 1, signature);
    for (size_t i = 0; i < 32; i++)
        client[i] = proof[i] ^ signature[i];
    CHECK(EVP_Digest(client, 32, stored, &n, EVP_sha256(), NULL) == 1 &&
          memcmp(stored, keys.stored, 32) == 0);
}

static void an_app_password_is_compared_as_people_type_it(void)
{
    char made[APP_PASSWORD_TEXT], normal[26], again[26];
    char typed[80];
    size_t n = 0;

    app_password_make(made);
    CHECK(strlen(made) == 32 && app_password_normal(str_c(made), normal));
    for (const char *p = made; *p; p++) /* upper case, spaces for dashes */
        typed[n++] = *p == '-' ? ' ' : ascii_upper(*p);
    CHECK(app_password_normal(test_exact(str_of(typed, n)), again) &&
          memcmp(normal, again, 26) == 0);
    CHECK(!app_password_normal(str_sub(str_c(made), 0, 31), again));
    CHECK(!app_password_normal(STR("password"), again));
    CHECK(!app_password_normal(STR("aaaa-bbbb-cccc-dddd-eeee-ffff-g1"), again)); /* no digit 1 */
}

static void the_same_app_password_of_two_accounts_has_two_macs(void)
{
    static const unsigned char key[32] = {1}, other[32] = {2};
    unsigned char a[MAC_BYTES], b[MAC_BYTES], c[MAC_BYTES];
    char normal[26];

    CHECK(app_password_normal(STR("aaaabbbbccccddddeeeeffffgg"), normal));
    app_password_mac(key, 1, normal, a);
    app_password_mac(key, 2, normal, b);
    app_password_mac(other, 1, normal, c);
    CHECK(memcmp(a, b, MAC_BYTES) != 0 && memcmp(a, c, MAC_BYTES) != 0);
}

static void a_scope_and_an_expiry_are_kept_to(void)
{
    static const struct {
        const char *scope, *service;
        int64_t expires_us;
        bool ok;
    } rows[] = {
        {"all", "imap", INT64_MAX, true},   {"imap", "imap", INT64_MAX, true},
        {"pop3", "imap", INT64_MAX, false}, {"pop3 imap", "imap", 101, true},
        {"imap", "imap", 100, false},       {"imaps", "imap", INT64_MAX, false},
        {"", "imap", INT64_MAX, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct credential c = {.expires_us = rows[i].expires_us};

        snprintf(c.scope, sizeof c.scope, "%s", rows[i].scope);
        CHECK_ROW(credential_allows(&c, str_c(rows[i].service), 100) == rows[i].ok, rows[i].scope);
    }
}

int main(void)
{
    RUN(the_scram_keys_are_those_of_rfc_7677);
    RUN(an_app_password_is_compared_as_people_type_it);
    RUN(the_same_app_password_of_two_accounts_has_two_macs);
    RUN(a_scope_and_an_expiry_are_kept_to);
    return test_end();
}
