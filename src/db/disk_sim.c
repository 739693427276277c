/* db/disk_sim.c: see disk_sim.h. */
#include "db/disk_sim.h"

#include "base/vec.h"

#include <errno.h>
#include <string.h>

#define FIRST_FD 1000
#define FOLDER_FD 999
#define NAME_MAX_BYTES 72

struct inode {
    unsigned char *p;
    size_t n, cap;
    char name[NAME_MAX_BYTES]; /* in the folder; empty when it has none */
};

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_CREATE, OP_RENAME, OP_REMOVE, OP_FOLDER_SYNC };

struct op {
    enum op_kind kind;
    size_t inode;
    int64_t at; /* of a write; the size of a truncate */
    unsigned char *p;
    size_t n;
    char name[NAME_MAX_BYTES]; /* of a creation or a rename's target */
};

struct disk {
    struct vec inodes, ops;
    struct vec start; /* inodes when recording began */
    bool sync_broken;
    unsigned fail_in[DISK_READ + 1]; /* calls until one fails, or 0 */
    int fail_error;
};

static struct disk *now;

static struct inode *inode_at(const struct vec *inodes, size_t i)
{
    return vec_at(inodes, i);
}

static void inode_resize(struct inode *f, size_t n)
{
    if (n > f->cap) {
        f->cap = n * 2;
        f->p = mem_realloc(f->p, f->cap);
    }
    if (n > f->n)
        memset(f->p + f->n, 0, n - f->n);
    f->n = n;
}

static void inode_write(struct inode *f, const unsigned char *p, size_t n, size_t at)
{
    if (n == 0)
        return;
    if (at + n > f->n)
        inode_resize(f, at + n);
    memcpy(f->p + at, p, n);
}

static void inodes_copy(struct vec *to, const struct vec *from)
{
    vec_init(to, sizeof(struct inode));
    for (size_t i = 0; i < from->n; i++) {
        const struct inode *f = inode_at(from, i);
        struct inode *t = vec_add(to);

        memcpy(t->name, f->name, sizeof t->name);
        inode_write(t, f->p, f->n, 0);
    }
}

static void inodes_done(struct vec *inodes)
{
    for (size_t i = 0; i < inodes->n; i++)
        mem_free(inode_at(inodes, i)->p);
    vec_done(inodes);
}

static struct disk *disk_of(const struct vec *inodes)
{
    struct disk *d = mem_zalloc(sizeof *d);

    inodes_copy(&d->inodes, inodes);
    inodes_copy(&d->start, inodes);
    vec_init(&d->ops, sizeof(struct op));
    return d;
}

struct disk *disk_create(void)
{
    struct vec two;
    struct disk *d;

    vec_init(&two, sizeof(struct inode));
    vec_add(&two);
    vec_add(&two);
    d = disk_of(&two);
    inodes_done(&two);
    return d;
}

struct disk *disk_copy(const struct disk *d)
{
    return disk_of(&d->inodes);
}

void disk_destroy(struct disk *d)
{
    if (!d)
        return;
    if (now == d)
        now = NULL;
    for (size_t i = 0; i < d->ops.n; i++)
        mem_free(((struct op *)vec_at(&d->ops, i))->p);
    vec_done(&d->ops);
    inodes_done(&d->inodes);
    inodes_done(&d->start);
    mem_free(d);
}

void disk_use(struct disk *d)
{
    now = d;
}

void disk_source(struct db_source *source)
{
    source->db_fd = disk_fd(DISK_DB);
    source->wal_fd = disk_fd(DISK_WAL);
    source->blob_fd = FOLDER_FD;
    source->io = &io_sim;
}

int disk_fd(size_t file)
{
    return FIRST_FD + (int)file;
}

size_t disk_calls(const struct disk *d)
{
    return d->ops.n;
}

size_t disk_writes(const struct disk *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->ops.n; i++)
        n += ((const struct op *)vec_at(&d->ops, i))->kind == OP_WRITE;
    return n;
}

void disk_break_sync(struct disk *d)
{
    d->sync_broken = true;
}

void disk_fail(struct disk *d, enum disk_call kind, unsigned nth, int error)
{
    d->fail_in[kind] = nth;
    d->fail_error = error;
}

size_t disk_files(const struct disk *d)
{
    return d->inodes.n;
}

unsigned char *disk_bytes(struct disk *d, size_t file, size_t *n)
{
    struct inode *f = inode_at(&d->inodes, file);

    *n = file > DISK_WAL && !f->name[0] ? 0 : f->n;
    return f->p;
}

/* -error when this call is to fail, else 0. */
static int call_fails(enum disk_call kind)
{
    if (now->fail_in[kind] == 0)
        return 0;
    if (now->fail_in[kind] > 1) {
        now->fail_in[kind]--;
        return 0;
    }
    return -now->fail_error;
}

static struct op *record_op(enum op_kind kind, size_t inode)
{
    struct op *op = vec_add(&now->ops);

    op->kind = kind;
    op->inode = inode;
    return op;
}

static struct inode *live_inode(int fd)
{
    return inode_at(&now->inodes, (size_t)(fd - FIRST_FD));
}

static ssize_t sim_pread(int fd, void *p, size_t n, int64_t at)
{
    struct inode *f = live_inode(fd);
    int rc = call_fails(DISK_READ);

    if (rc)
        return rc;
    if ((size_t)at >= f->n)
        return 0;
    n = size_min(n, f->n - (size_t)at);
    memcpy(p, f->p + at, n);
    return (ssize_t)n;
}

static ssize_t sim_pwrite(int fd, const void *p, size_t n, int64_t at)
{
    int rc = call_fails(DISK_WRITE);
    struct op *op;

    if (rc)
        return rc;
    op = record_op(OP_WRITE, (size_t)(fd - FIRST_FD));
    op->at = at;
    op->n = n;
    op->p = mem_alloc(n);
    memcpy(op->p, p, n);
    inode_write(live_inode(fd), p, n, (size_t)at);
    return (ssize_t)n;
}

static int sim_sync(int fd)
{
    int rc = call_fails(DISK_SYNC);

    if (rc)
        return rc;
    if (!now->sync_broken)
        record_op(OP_SYNC, (size_t)(fd - FIRST_FD));
    return 0;
}

static int sim_truncate(int fd, int64_t size)
{
    int rc = call_fails(DISK_TRUNCATE);

    if (rc)
        return rc;
    record_op(OP_TRUNCATE, (size_t)(fd - FIRST_FD))->at = size;
    inode_resize(live_inode(fd), (size_t)size);
    return 0;
}

static int64_t sim_size(int fd)
{
    return (int64_t)live_inode(fd)->n;
}

static int find_name(const struct vec *inodes, const char *name)
{
    for (size_t i = 0; i < inodes->n; i++)
        if (strcmp(inode_at(inodes, i)->name, name) == 0)
            return (int)i;
    return -ENOENT;
}

static void set_name(char out[NAME_MAX_BYTES], const char *name)
{
    size_t n = strlen(name);

    if (n >= NAME_MAX_BYTES)
        panic("a name of %zu bytes", n);
    memcpy(out, name, n + 1);
}

/* Gives the inode its name in the folder, taking it from the one that had it. */
static void rename_inode(struct vec *inodes, size_t inode, const char *name)
{
    int old = find_name(inodes, name);

    if (old >= 0)
        inode_at(inodes, (size_t)old)->name[0] = '\0';
    set_name(inode_at(inodes, inode)->name, name);
}

static int sim_create(int folder UNUSED, const char *name)
{
    size_t inode = now->inodes.n;
    int rc = call_fails(DISK_WRITE);

    if (rc)
        return rc;
    if (find_name(&now->inodes, name) >= 0)
        return -EEXIST;
    vec_add(&now->inodes);
    set_name(record_op(OP_CREATE, inode)->name, name);
    rename_inode(&now->inodes, inode, name);
    return disk_fd(inode);
}

static int sim_open(int folder UNUSED, const char *name)
{
    int inode = find_name(&now->inodes, name);

    return inode < 0 ? inode : disk_fd((size_t)inode);
}

static int sim_rename(int folder UNUSED, const char *from, const char *to)
{
    int inode = find_name(&now->inodes, from), rc = call_fails(DISK_WRITE);

    if (rc || inode < 0)
        return rc ? rc : inode;
    set_name(record_op(OP_RENAME, (size_t)inode)->name, to);
    rename_inode(&now->inodes, (size_t)inode, to);
    return 0;
}

static int sim_remove(int folder UNUSED, const char *name)
{
    int inode = find_name(&now->inodes, name);

    if (inode < 0)
        return inode;
    record_op(OP_REMOVE, (size_t)inode);
    inode_at(&now->inodes, (size_t)inode)->name[0] = '\0';
    return 0;
}

static int sim_list(int folder UNUSED, void (*each)(const char *name, void *arg), void *arg)
{
    for (size_t i = 0; i < now->inodes.n; i++)
        if (inode_at(&now->inodes, i)->name[0])
            each(inode_at(&now->inodes, i)->name, arg);
    return 0;
}

static int sim_folder_sync(int folder UNUSED)
{
    int rc = call_fails(DISK_SYNC);

    if (rc)
        return rc;
    if (!now->sync_broken)
        record_op(OP_FOLDER_SYNC, 0);
    return 0;
}

static void sim_close(int fd UNUSED)
{
}

const struct io io_sim = {
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .size = sim_size,
    .blob_create = sim_create,
    .blob_open = sim_open,
    .blob_rename = sim_rename,
    .blob_remove = sim_remove,
    .blob_list = sim_list,
    .folder_sync = sim_folder_sync,
    .close = sim_close,
};

static bool in_folder(const struct op *op)
{
    return op->kind == OP_CREATE || op->kind == OP_RENAME || op->kind == OP_REMOVE;
}

static void apply_op(struct vec *inodes, const struct op *op)
{
    struct inode *f = inode_at(inodes, op->inode);

    switch (op->kind) {
    case OP_WRITE:
        inode_write(f, op->p, op->n, (size_t)op->at);
        break;
    case OP_TRUNCATE:
        inode_resize(f, (size_t)op->at);
        break;
    case OP_CREATE:
    case OP_RENAME:
        rename_inode(inodes, op->inode, op->name);
        break;
    case OP_REMOVE:
        f->name[0] = '\0';
        break;
    default:
        break;
    }
}

/* Each unit that the write touches is there or not. */
static void tear_write(struct inode *f, const struct op *op, size_t unit, uint64_t (*random)(void))
{
    size_t at = (size_t)op->at, end = at + op->n;
    uint64_t bits = 0;
    unsigned have = 0;

    while (at < end) {
        size_t next = size_min((at / unit + 1) * unit, end);

        if (have == 0) {
            bits = random();
            have = 64;
        }
        if (bits & 1)
            inode_write(f, op->p + (at - (size_t)op->at), next - at, at);
        bits >>= 1;
        have--;
        at = next;
    }
}

static void apply_some(struct vec *inodes, const struct op *op, size_t unit,
                       uint64_t (*random)(void))
{
    struct inode *f = inode_at(inodes, op->inode);

    switch (random() % 4) {
    case 0:
        break;
    case 1:
        apply_op(inodes, op);
        break;
    case 2:
        if (op->kind == OP_WRITE) {
            size_t n = (size_t)(random() % (op->n + 1));

            n -= n < op->n ? (n + (size_t)op->at) % unit % (n + 1) : 0;
            inode_write(f, op->p, n, (size_t)op->at);
        }
        break;
    default:
        if (op->kind == OP_WRITE)
            tear_write(f, op, unit, random);
        else
            apply_op(inodes, op);
    }
}

/* Applies the waiting ops that a sync makes durable, and forgets them. */
static void settle_ops(struct vec *inodes, struct vec *waiting, const struct op *sync)
{
    size_t kept = 0;

    for (size_t i = 0; i < waiting->n; i++) {
        const struct op **w = vec_at(waiting, i);
        bool settled = sync->kind == OP_FOLDER_SYNC ? in_folder(*w)
                                                    : !in_folder(*w) && (*w)->inode == sync->inode;

        if (settled)
            apply_op(inodes, *w);
        else
            *(const struct op **)vec_at(waiting, kept++) = *w;
    }
    waiting->n = kept;
}

struct disk *disk_cut(const struct disk *d, size_t t, size_t unit, uint64_t (*random)(void))
{
    struct vec inodes, waiting;
    struct disk *out;
    size_t names = 0;

    inodes_copy(&inodes, &d->start);
    vec_init(&waiting, sizeof(struct op *));
    for (size_t i = 0; i < t; i++) {
        struct op *op = vec_at(&d->ops, i);

        if (op->kind == OP_CREATE)
            vec_add(&inodes);
        if (op->kind == OP_SYNC || op->kind == OP_FOLDER_SYNC)
            settle_ops(&inodes, &waiting, op);
        else
            *(struct op **)vec_add(&waiting) = op;
    }
    for (size_t i = 0; i < waiting.n; i++)
        names += in_folder(*(struct op **)vec_at(&waiting, i));
    names = (size_t)(random() % (names + 1));
    for (size_t i = 0; i < waiting.n; i++) {
        const struct op *op = *(struct op **)vec_at(&waiting, i);

        if (!in_folder(op)) {
            apply_some(&inodes, op, unit, random);
        } else if (names) {
            apply_op(&inodes, op);
            names--;
        }
    }
    out = disk_of(&inodes);
    inodes_done(&inodes);
    vec_done(&waiting);
    return out;
}
