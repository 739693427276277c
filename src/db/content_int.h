/* db/content_int.h: what content.c and content_file.c share. */
#ifndef DB_CONTENT_INT_H
#define DB_CONTENT_INT_H

#include "db/content.h"
#include "db/db_int.h"

#define CONTENT_HASH_BYTES 32
#define CONTENT_NAME_BYTES 65 /* the hash in hexadecimal, and a NUL */

/* Compresses n bytes into out_n at most; 0 when they do not fit. */
size_t content_squeeze(const void *in, size_t n, void *out, size_t out_n);
/* Decompresses a frame of n bytes that holds exactly out_n; false when it does not. */
MUST_CHECK bool content_unsqueeze(const void *in, size_t n, void *out, size_t out_n);

void content_file_name(const unsigned char hash[CONTENT_HASH_BYTES], char name[CONTENT_NAME_BYTES]);
/* Writes the file, synced and under its name, its folder synced too; an older file of that name is
 * replaced. */
MUST_CHECK bool content_file_write(struct db *db, const unsigned char hash[CONTENT_HASH_BYTES],
                                   struct str bytes, uint64_t *stored, struct error *err);
/* Reads n plain bytes from `from` of size to out; from + n <= size. */
MUST_CHECK bool content_file_read(struct db *db, const unsigned char hash[CONTENT_HASH_BYTES],
                                  uint64_t size, uint64_t from, size_t n, char *out,
                                  struct error *err);

#endif
