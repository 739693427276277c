/* directory/app_password.c: app passwords, which are random and ours: how they are made and compared
 * (directory/credential.h). */
#include "base/random.h"
#include "directory/credential.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

void app_password_make(char out[APP_PASSWORD_TEXT])
{
    char text[27];
    size_t n = 0;

    random_text(text, 26);
    for (size_t i = 0; i < 26; i++) {
        if (i && i % 4 == 0)
            out[n++] = '-';
        out[n++] = text[i];
    }
    out[n] = '\0';
    mem_wipe(text, sizeof text);
}

bool app_password_normal(struct str password, char out[26])
{
    size_t n = 0;

    for (size_t i = 0; i < password.n; i++) {
        char c = ascii_lower(password.p[i]);

        if (c == '-' || c == ' ')
            continue;
        if (n == 26 || !((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
            return false;
        out[n++] = c;
    }
    return n == 26;
}

void app_password_mac(const unsigned char key[32], uint64_t account, const char normal[26],
                      unsigned char out[MAC_BYTES])
{
    unsigned char in[sizeof account + 26];
    unsigned int n = MAC_BYTES;

    memcpy(in, &account, sizeof account);
    memcpy(in + sizeof account, normal, 26);
    if (!HMAC(EVP_sha256(), key, 32, in, sizeof in, out, &n))
        fatal("OpenSSL has no HMAC-SHA-256");
    mem_wipe(in, sizeof in);
}
