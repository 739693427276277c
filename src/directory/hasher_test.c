/* directory/hasher_test.c: a hasher makes and verifies hashes of Argon2id, one at a time, whatever it
 * is asked. The directory's end of it is hashing_test.c. */
#include "directory/hasher.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct role_test bench;
static struct role_end *directory;
static struct hasher hasher;
static uint64_t asks;

static void begin(void)
{
    hasher = (struct hasher){0};
    role_test_begin(&bench, ROLE_HASHER, &hasher_ops, &hasher);
    role_test_set(&bench, "argon2-memory = 8M");
    role_test_set(&bench, "argon2-passes = 1");
    directory = role_test_peer(&bench, ROLE_DIRECTORY, 0);
    role_test_go(&bench);
    CHECK(role_end_take(bench.supervisor, MSG_READY) != NULL);
}

static void end(void)
{
    role_test_end(&bench);
}

/* What it answers; hash, where it is one, is valid until the next. */
static struct msg_hash_tell ask(struct str password, struct str hash)
{
    struct msg m = {.type = MSG_HASH_ASK, .hash_ask = {++asks, password, hash}};
    const struct msg *tell;

    role_end_send(directory, &m);
    tell = role_end_take(directory, MSG_HASH_TELL);
    if (!CHECK(tell && tell->hash_tell.id == asks))
        return (struct msg_hash_tell){.error = {ERROR_INTERNAL, STR_NULL}};
    return tell->hash_tell;
}

/* A hash of this password at the lowest cost. */
static struct str hash_of(const char *password)
{
    static char text[crypto_pwhash_STRBYTES];

    CHECK(crypto_pwhash_str_alg(text, password, strlen(password), 1, 8192,
                                crypto_pwhash_ALG_ARGON2ID13) == 0);
    return str_c(text);
}

static void a_made_hash_verifies_its_password_alone(void)
{
    char text[crypto_pwhash_STRBYTES] = "";
    struct msg_hash_tell t;

    begin();
    t = ask(STR("horse"), STR_NULL);
    CHECK(t.error.kind == ERROR_NONE && str_starts(t.hash, STR("$argon2id$v=19$m=8192,t=1,p=1$")));
    memcpy(text, t.hash.p, t.hash.n);
    CHECK(ask(STR("horse"), str_c(text)).error.kind == ERROR_NONE);
    CHECK(ask(STR("Horse"), str_c(text)).error.kind == ERROR_DENIED);
    CHECK(ask(STR("horse "), str_c(text)).error.kind == ERROR_DENIED);
    CHECK(ask(STR_NULL, str_c(text)).error.kind == ERROR_DENIED);
    CHECK(hasher.done == 5);
    end();
}

/* The directory takes a hash for one that was made, and nothing but that. */
static void a_verified_password_brings_no_hash(void)
{
    struct msg_hash_tell t;

    begin();
    t = ask(STR("horse"), hash_of("horse"));
    CHECK(t.error.kind == ERROR_NONE && t.hash.n == 0);
    end();
}

static void the_settings_are_for_new_hashes(void)
{
    struct msg_hash_tell t;

    begin();
    buf_reset(&bench.config);
    role_test_set(&bench, "argon2-memory = 9M");
    role_test_set(&bench, "argon2-passes = 2");
    role_test_reload(&bench);
    t = ask(STR("horse"), STR_NULL);
    CHECK(str_starts(t.hash, STR("$argon2id$v=19$m=9216,t=2,p=1$")));
    CHECK(ask(STR("horse"), hash_of("horse")).error.kind ==
          ERROR_NONE); /* an old one brings its own */
    end();
}

static void passwords_are_bytes(void)
{
    static char text[LIMIT_PASSWORD];
    char hash[crypto_pwhash_STRBYTES] = "";
    struct msg_hash_tell t;

    begin();
    memset(text, 'p', sizeof text);
    text[10] = '\0'; /* does not end it */
    text[20] = '\xff';
    t = ask(str_of(text, sizeof text), STR_NULL);
    memcpy(hash, t.hash.p, t.hash.n);
    CHECK(ask(str_of(text, sizeof text), str_c(hash)).error.kind == ERROR_NONE);
    CHECK(ask(str_of(text, sizeof text - 1), str_c(hash)).error.kind == ERROR_DENIED);
    CHECK(ask(str_of(text, 10), str_c(hash)).error.kind == ERROR_DENIED);
    end();
}

static void what_is_no_hash_verifies_nothing(void)
{
    static char text[60000];
    const struct str bad[] = {
        STR("x"),
        STR("$argon2id$"),
        STR("$argon2id$v=19$m=8192,t=1,p=1$"),
        STR("$argon2id$v=19$m=8192,t=1,p=1$!!!!$!!!!"),
        STR("$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHRzb21l$"
            "c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"),
        STR("$argon2i$v=19$m=8192,t=3,p=1$c29tZXNhbHRzb21l$c29tZWhhc2g"),
        STR("$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvE"),
        STR("horse\0"),
        str_of(text, 127),
        str_of(text, 128),
        str_of(text, sizeof text)};

    begin();
    memset(text, 'A', sizeof text);
    memcpy(text, "$argon2id$v=19$m=8192,t=1,p=1$", 30);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(ask(STR("horse"), bad[i]).error.kind == ERROR_DENIED);
    CHECK(ask(STR("horse"), hash_of("horse")).error.kind == ERROR_NONE);
    end();
}

/* Address space for nothing more than small things. */
static void leave_no_memory(void)
{
    struct rlimit limit;
    FILE *f = fopen("/proc/self/statm", "re");
    char line[100] = "";
    uint64_t pages = 0;
    struct str first, rest;

    if (!f || !fgets(line, sizeof line, f) || !str_cut(str_c(line), ' ', &first, &rest) ||
        !str_to_u64(first, UINT64_MAX / 4096, &pages) || getrlimit(RLIMIT_AS, &limit) != 0)
        _exit(1);
    fclose(f);
    limit.rlim_cur = pages * 4096 + (4 << 20);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(1);
}

static void without_memory_no_hash_is_made(void)
{
    struct msg_hash_tell t;
    int status = 0;
    pid_t pid;

    begin();
    pid = fork();
    if (pid == 0) {
        leave_no_memory();
        t = ask(STR("horse"), STR_NULL);
        _exit(t.error.kind == ERROR_TEMPORARY && t.error.text.n && t.hash.n == 0 ? 0 : 2);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_U64((unsigned)status, 0);
    end();
}

static void a_lost_directory_is_followed_by_the_next(void)
{
    begin();
    role_end_close(directory);
    directory = role_test_peer(&bench, ROLE_DIRECTORY, 0);
    CHECK(ask(STR("horse"), hash_of("horse")).error.kind == ERROR_NONE);
    test_expect_log("channel-broken");
    role_end_send(directory, &(struct msg){.type = MSG_HASH_TELL});
    CHECK(role_end_is_closed(directory));
    directory = role_test_peer(&bench, ROLE_DIRECTORY, 0);
    CHECK(ask(STR("horse"), hash_of("horse")).error.kind == ERROR_NONE);
    end();
}

static void what_was_asked_is_answered_though_nobody_reads(void)
{
    struct msg m = {.type = MSG_HASH_ASK, .hash_ask = {1, STR("horse"), STR("x")}};

    begin();
    directory->deaf = true;
    for (int i = 0; i < 2000; i++)
        role_end_send(directory, &m);
    CHECK(!role_end_is_closed(directory));
    directory->deaf = false;
    role_test_spin(&bench);
    CHECK_U64(role_end_waiting(directory, MSG_HASH_TELL), 2000);
    end();
}

int main(void)
{
    RUN(a_made_hash_verifies_its_password_alone);
    RUN(a_verified_password_brings_no_hash);
    RUN(the_settings_are_for_new_hashes);
    RUN(passwords_are_bytes);
    RUN(what_is_no_hash_verifies_nothing);
    RUN(without_memory_no_hash_is_made);
    RUN(a_lost_directory_is_followed_by_the_next);
    RUN(what_was_asked_is_answered_though_nobody_reads);
    return test_end();
}
