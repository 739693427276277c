/* db/vault_key_test.c: which key seals what. */
#include "db/vault.c"

#include "base/test.h"
#include "db/db_int.h"
#include "db/disk_sim.h"

static const char *const steps[] = {"CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT"};
static const struct db_schema schema = {"test", steps, 1};

/* What is sealed for one of these opens for no other, even if it says that it is at the other's place. */
static void each_file_and_each_generation_has_a_key_of_its_own(void)
{
    struct db_source source = {.generation = 1, .key = {9}}, next = source;
    struct seal_place place = {.kind = SEAL_PAGE, .generation = 1, .number = 1};
    unsigned char record[16 + SEAL_OVERHEAD], plain[16];
    struct seal seals[4];

    next.generation = 2;
    db_process_init();
    derive_seal(&source, "db", &seals[0]);
    derive_seal(&source, "wal", &seals[1]);
    derive_seal(&next, "db", &seals[2]);
    derive_seal(&next, "wal", &seals[3]);
    for (size_t i = 0; i < ARRAY_LEN(seals); i++) {
        seal_close(&seals[i], &place, "sixteen bytes !", 16, record);
        for (size_t k = 0; k < ARRAY_LEN(seals); k++)
            CHECK(seal_open(&seals[k], &place, record, sizeof record, plain) == (i == k));
    }
    for (size_t i = 0; i < ARRAY_LEN(seals); i++)
        seal_done(&seals[i]);
}

/* The database opens its log and its pages by two of these. */
static void the_log_and_the_pages_have_different_keys(void)
{
    struct disk *d = disk_create();
    struct db_source source = {.generation = 1, .key = {9}};
    struct error err = {0};
    struct db *db = NULL;
    struct seal_place place = {.kind = SEAL_PAGE, .generation = 1, .number = 1};
    unsigned char record[16 + SEAL_OVERHEAD], plain[16];

    disk_use(d);
    disk_source(&source);
    CHECK(db_open(&db, &source, &schema, &err));
    seal_close(&db->vault->page_seal, &place, "sixteen bytes !", 16, record);
    CHECK(seal_open(&db->vault->page_seal, &place, record, sizeof record, plain));
    CHECK(!seal_open(&db->vault->frame_seal, &place, record, sizeof record, plain));
    db_close(db);
    disk_destroy(d);
}

int main(void)
{
    RUN(each_file_and_each_generation_has_a_key_of_its_own);
    RUN(the_log_and_the_pages_have_different_keys);
    return test_end();
}
