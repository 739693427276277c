/* base/list.c: see list.h. */
#include "base/list.h"

/* Between two neighbours, each of which may be missing. */
static void list_put(struct list *l, struct list_node *node, struct list_node *prev,
                     struct list_node *next)
{
    if (node->in)
        panic("a node was put into a second list");
    *node = (struct list_node){.in = l, .next = next, .prev = prev};
    if (prev)
        prev->next = node;
    else
        l->first = node;
    if (next)
        next->prev = node;
    else
        l->last = node;
    l->n++;
}

void list_append(struct list *l, struct list_node *node)
{
    list_put(l, node, l->last, NULL);
}

void list_prepend(struct list *l, struct list_node *node)
{
    list_put(l, node, NULL, l->first);
}

void list_remove(struct list_node *node)
{
    struct list *l = node->in;

    if (!l)
        return;
    if (node->prev)
        node->prev->next = node->next;
    else
        l->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        l->last = node->prev;
    l->n--;
    *node = (struct list_node){0};
}
