/* store/schema.h: the schema of an account's database, for store.c and for who looks at one from
 * outside. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "db/db.h"

extern const struct db_schema store_schema;

#endif
