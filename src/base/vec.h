/* base/vec.h: a growing array of items of one size. Pointers into it are valid until the next add. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/base.h"

struct vec {
    void *p;
    size_t n, cap, item; /* items, items that fit, bytes an item */
};

void vec_init(struct vec *v, size_t item);
void vec_done(struct vec *v);
/* Adds a zeroed item and returns it; never NULL. The caller has checked its limit. */
void *vec_add(struct vec *v);
/* Item i; panics when there is none. */
void *vec_at(const struct vec *v, size_t i);
/* Removes item i, the later ones move down. */
void vec_remove(struct vec *v, size_t i);
/* Removes all items, keeps the memory. */
void vec_reset(struct vec *v);

#endif
