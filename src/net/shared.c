/* net/shared.c: see shared.h. */
#include "net/shared.h"

#include "base/map.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define LINE ((size_t)64) /* of the cache */
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

bool net_shared_make(int *own, int *shown, struct error *err)
{
    int fd = memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING), readable = -1;
    char path[60];

    if (fd >= 0 && ftruncate(fd, (off_t)NET_SHARED_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        readable = open(path, O_RDONLY | O_CLOEXEC); /* it cannot be mapped for writing */
    }
    if (readable < 0) {
        error_set(err, ERROR_TEMPORARY, "no shared memory: %s", strerror(errno));
        base_close_fd(&fd);
        return false;
    }
    *own = fd;
    *shown = readable;
    return true;
}

void net_shared_init(struct net_shared *s)
{
    *s = (struct net_shared){.own_fd = -1};
    random_bytes(s->key, sizeof s->key);
}

static void unmap_area(const struct net_shared *s, const char *area)
{
    if (area)
        munmap((char *)(uintptr_t)area, s->size);
}

void net_shared_done(struct net_shared *s)
{
    unmap_area(s, s->own);
    s->own = NULL;
    base_close_fd(&s->own_fd);
    for (size_t i = 0; i < s->siblings; i++) {
        unmap_area(s, s->sibling[i].area);
        base_close_fd(&s->sibling[i].fd);
    }
    s->siblings = 0;
}

void net_shared_set_own(struct net_shared *s, struct str key, int fd)
{
    if (key.n == sizeof s->key)
        memcpy(s->key, key.p, sizeof s->key);
    if (s->own)
        base_close_fd(&fd);
    else
        s->own_fd = fd;
}

/* What a sibling shows, NULL with err. A file that can still change its size is no area: a reader would die of it. */
static const char *map_sibling(const struct net_shared *s, int fd, struct error *err)
{
    off_t size = lseek(fd, 0, SEEK_END);
    int seals = fcntl(fd, F_GET_SEALS);
    void *p = MAP_FAILED;

    if (size >= (off_t)s->size && seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS)
        p = mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        return p;
    error_set(err, ERROR_INTERNAL, "what a sibling counts cannot be seen");
    return NULL;
}

static void remove_sibling(struct net_shared *s, size_t i)
{
    unmap_area(s, s->sibling[i].area);
    base_close_fd(&s->sibling[i].fd);
    s->sibling[i] = s->sibling[--s->siblings];
}

bool net_shared_set_sibling(struct net_shared *s, unsigned instance, int fd, struct error *err)
{
    struct net_shared_sibling new = {instance, fd, NULL};

    for (size_t i = s->siblings; i-- > 0;)
        if (s->sibling[i].instance == instance)
            remove_sibling(s, i);
    if (fd < 0)
        return true;
    if (s->siblings == NET_SHARED_SIBLINGS) {
        base_close_fd(&fd);
        return error_set(err, ERROR_LIMIT, "there are more than %d siblings", NET_SHARED_SIBLINGS);
    }
    if (s->own) {
        new.area = map_sibling(s, fd, err);
        base_close_fd(&fd);
        new.fd = -1;
        if (!new.area)
            return false;
    }
    s->sibling[s->siblings++] = new;
    return true;
}

size_t net_shared_reserve(struct net_shared *s, size_t bytes)
{
    size_t step = bytes < PAGE ? LINE : PAGE, at = round_up(s->size, step);

    if (s->own)
        panic("memory is reserved before it is shared");
    s->size = at + round_up(bytes, step);
    if (s->size > NET_SHARED_BYTES)
        panic("more is shared than there is");
    return at;
}

/* NULL: none was given, or it cannot be mapped. */
static char *map_own(struct net_shared *s)
{
    void *p = MAP_FAILED;

    if (s->own_fd >= 0)
        p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->own_fd, 0);
    base_close_fd(&s->own_fd);
    s->own_fd = -1;
    return p == MAP_FAILED ? NULL : p;
}

static char *map_private(const struct net_shared *s)
{
    void *p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        fatal("no memory for what is counted");
    return p;
}

bool net_shared_open(struct net_shared *s, struct error *err)
{
    bool given = s->own_fd >= 0, ok = true;

    s->own = map_own(s);
    if (!s->own) {
        s->own = map_private(s);
        ok = !given || error_set(err, ERROR_INTERNAL, "its siblings cannot see what it counts");
    }
    for (size_t i = s->siblings; i-- > 0;) {
        struct net_shared_sibling *of = &s->sibling[i];

        of->area = map_sibling(s, of->fd, err);
        base_close_fd(&of->fd);
        of->fd = -1;
        ok = ok && of->area;
        if (!of->area)
            remove_sibling(s, i);
    }
    return ok;
}

void net_shared_clear(struct net_shared *s, size_t at, size_t bytes)
{
    bytes = bytes < PAGE ? bytes : round_up(bytes, PAGE);
    if (bytes < PAGE || madvise(s->own + at, bytes, MADV_REMOVE) != 0)
        memset(s->own + at, 0, bytes);
}

uint64_t net_shared_tag(const struct net_shared *s, struct str bytes)
{
    uint64_t tag = siphash24(s->key, bytes.p, bytes.n);

    return tag ? tag : 1;
}
