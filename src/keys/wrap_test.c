/* keys/wrap_test.c: a wrapped key opens with its server key, for its account, whole, and not otherwise. */
#include "keys/wrap.c"

#include "base/test.h"

static void a_key_opens_only_where_it_belongs(void)
{
    unsigned char kek[KEY_BYTES], other[KEY_BYTES], key[KEY_BYTES], out[KEY_BYTES];
    unsigned char wrapped[KEY_WRAPPED_BYTES];
    struct error err;

    random_bytes(kek, sizeof kek);
    random_bytes(other, sizeof other);
    random_bytes(key, sizeof key);
    key_wrap(kek, 7, key, wrapped);
    CHECK(key_unwrap(kek, 7, str_of(wrapped, sizeof wrapped), out, &err));
    CHECK(memcmp(out, key, sizeof key) == 0);
    CHECK(!key_unwrap(kek, 8, str_of(wrapped, sizeof wrapped), out, &err));
    CHECK(!key_unwrap(other, 7, str_of(wrapped, sizeof wrapped), out, &err));
    CHECK(!key_unwrap(kek, 7, str_of(wrapped, sizeof wrapped - 1), out, &err));
    for (size_t i = 0; i < sizeof wrapped; i++) {
        wrapped[i] ^= 1;
        CHECK(!key_unwrap(kek, 7, str_of(wrapped, sizeof wrapped), out, &err));
        wrapped[i] ^= 1;
    }
}

int main(void)
{
    RUN(a_key_opens_only_where_it_belongs);
    return test_end();
}
