/* base/vec.c: see vec.h. */
#include "base/vec.h"

#include <string.h>

void vec_init(struct vec *v, size_t item)
{
    *v = (struct vec){.item = item};
}

void vec_done(struct vec *v)
{
    mem_free(v->p);
    vec_init(v, v->item);
}

void *vec_add(struct vec *v)
{
    char *at;

    if (v->n == v->cap) {
        size_t bytes, cap = size_max(8, v->cap + v->cap / 2);

        if (__builtin_mul_overflow(cap, v->item, &bytes))
            panic("a vector of %zu items", cap);
        v->p = mem_realloc(v->p, bytes);
        v->cap = cap;
    }
    at = (char *)v->p + v->n++ * v->item;
    memset(at, 0, v->item);
    return at;
}

void *vec_at(const struct vec *v, size_t i)
{
    if (i >= v->n)
        panic("vec_at %zu of %zu", i, v->n);
    return (char *)v->p + i * v->item;
}

void vec_remove(struct vec *v, size_t i)
{
    char *at = vec_at(v, i);

    v->n--;
    memmove(at, at + v->item, (v->n - i) * v->item);
}

void vec_reset(struct vec *v)
{
    v->n = 0;
}
