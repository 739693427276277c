/* base/map.h: a hash map from bytes to a pointer, under SipHash-2-4 with a key of this process (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012), so that nobody outside can make keys collide. Keys are copied. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t n, cap; /* entries, and slots (a power of two, or 0) */
};

/* Embedded object; holds no memory until the first entry. */
void map_init(struct map *m);
/* Frees the map and its copies of keys, not what the values point to. */
void map_done(struct map *m);
/* The value of key, or NULL. */
void *map_find(const struct map *m, struct str key);
/* Sets key to value (not NULL); returns the value that was there before, or NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Removes key; returns its value, or NULL when there was none. A map that is nearly empty gives memory back. */
void *map_remove(struct map *m, struct str key);
/* The same with a number as key (its eight bytes). */
void *map_find_u64(const struct map *m, uint64_t key);
void *map_put_u64(struct map *m, uint64_t key, void *value);
void *map_remove_u64(struct map *m, uint64_t key);
/* Iterates in no order: *at starts at 0; false at the end. The map must not change meanwhile. key may be NULL. */
bool map_each(const struct map *m, size_t *at, struct str *key, void **value);

/* SipHash-2-4 of n bytes under a 16-byte key. */
uint64_t siphash24(const unsigned char key[16], const void *p, size_t n);

#endif
