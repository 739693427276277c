/* base/list.h: a list of things that carry their own links. A thing that stands in two lists has two nodes.
 *
 *     struct session {
 *         struct list_node node;
 *         ...
 *     };
 *     struct list sessions = {0};
 *     struct session *s, *next;
 *
 *     list_append(&sessions, &new_one->node);
 *     LIST_EACH(s, &sessions, node)
 *         greet(s);
 *     LIST_EACH_SAFE(s, next, &sessions, node)
 *         if (is_over(s))
 *             session_destroy(s);
 *     ...
 *     list_remove(&s->node); (in session_destroy)
 *
 * A zeroed list is empty, a zeroed node is in no list: nothing needs an init. A node knows its list, so whoever
 * removes it need not. A list that is not empty must stay where it is in memory, and so must the things in it. The
 * list owns nothing; adding and removing take constant time and no memory. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/base.h"

struct list;

struct list_node {
    struct list *in; /* NULL: in no list */
    struct list_node *next, *prev;
};

struct list {
    struct list_node *first, *last;
    size_t n; /* things in it */
};

/* At the end, or at the beginning. The node must be in no list, or this panics. */
void list_append(struct list *l, struct list_node *node);
void list_prepend(struct list *l, struct list_node *node);
/* From whatever list it is in; a node in no list is left alone. */
void list_remove(struct list_node *node);

/* The thing whose node this is, NULL for NULL: what the macros below are made of. */
static inline void *list_thing(struct list_node *node, size_t offset)
{
    return node ? (char *)node - offset : NULL;
}

/* The first and the last thing, of this type, whose node is `member`; NULL: the list is empty. */
#define LIST_FIRST(list, type, member) ((type *)list_thing((list)->first, offsetof(type, member)))
#define LIST_LAST(list, type, member) ((type *)list_thing((list)->last, offsetof(type, member)))
/* The one after this one; NULL at the end, and for a thing that is in no list. */
#define LIST_NEXT(thing, member)                                                                   \
    ((__typeof__(thing))list_thing((thing)->member.next, offsetof(__typeof__(*(thing)), member)))

/* Walks from the first to the last; `thing` is NULL afterwards unless the loop was left. Nothing may be removed
 * meanwhile. */
#define LIST_EACH(thing, list, member)                                                             \
    for ((thing) = LIST_FIRST((list), __typeof__(*(thing)), member); (thing);                      \
         (thing) = LIST_NEXT((thing), member))
/* The same, where the loop may remove and free the one it is at, and that one only. Where removing one can remove
 * others, take LIST_FIRST again and again until there is none. */
#define LIST_EACH_SAFE(thing, after, list, member)                                                 \
    for ((thing) = LIST_FIRST((list), __typeof__(*(thing)), member);                               \
         (thing) && ((after) = LIST_NEXT((thing), member), true); (thing) = (after))

#endif
