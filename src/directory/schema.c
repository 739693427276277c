/* directory/schema.c: directory.db. Addresses are kept in lower case; times are wall clock in microseconds. */
#include "directory/directory_int.h"

static const char *const steps[] = {
    "CREATE TABLE domain ("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE," /* lower case, A-labels (address/address.h) */
    " created_us INTEGER NOT NULL) STRICT;"

    "CREATE TABLE account ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: it names files and keys */
    " quota INTEGER NOT NULL,"               /* bytes, 0: none */
    " problem TEXT,"                         /* why it could not be opened last, NULL: nothing */
    " created_us INTEGER NOT NULL) STRICT;"

    "CREATE TABLE address ("
    " domain INTEGER NOT NULL REFERENCES domain (id),"
    " local TEXT NOT NULL," /* lower case, without +detail */
    " account INTEGER NOT NULL REFERENCES account (id),"
    " main INTEGER NOT NULL," /* 1: the account's own name, 0: an alias */
    " created_us INTEGER NOT NULL,"
    " PRIMARY KEY (domain, local)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX address_account ON address (account, main);"

    "CREATE TABLE credential ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " account INTEGER NOT NULL REFERENCES account (id),"
    " kind TEXT NOT NULL,"  /* 'password' (a person's) or 'app' (random, ours) */
    " name TEXT NOT NULL,"  /* what its owner calls it */
    " scope TEXT NOT NULL," /* services with spaces between, or 'all' */
    " read_only INTEGER NOT NULL,"
    " expires_us INTEGER," /* NULL: never */
    " hash TEXT,"          /* of a password: Argon2id, as libsodium writes it */
    " mac BLOB,"           /* of an app password: HMAC-SHA-256 over account and password */
    " scram_salt BLOB, scram_iterations INTEGER," /* RFC 7677, of app passwords only */
    " scram_stored BLOB, scram_server BLOB,"
    " created_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX credential_account ON credential (account, kind);"
    "CREATE UNIQUE INDEX credential_mac ON credential (mac) WHERE mac IS NOT NULL;"

    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY," /* 1, 2, 3 ... without gaps */
    " at_us INTEGER NOT NULL,"
    " who TEXT NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL,"
    " hash BLOB NOT NULL) STRICT;" /* directory/audit.h */
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit log is append-only'); END;",

    /* 1: mail to name+folder goes to that folder of the account, where there is one */
    "ALTER TABLE account ADD COLUMN subaddress INTEGER NOT NULL DEFAULT 0;",

    /* 2: its files were there once, so that none are damage, and no new account */
    "ALTER TABLE account ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;",

    /* 3: the problem is not over when the account opens, but when a check finds nothing */
    "ALTER TABLE account ADD COLUMN problem_stays INTEGER NOT NULL DEFAULT 0;",
};

const struct db_schema directory_schema = {"directory", steps, ARRAY_LEN(steps)};
