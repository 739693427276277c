/* proc/memfd.h: a message on its way between processes: written once into a memfd, then sealed, so that nobody, the writer
 * included, can change it any more (memfd_create(2), F_SEAL_WRITE). */
#ifndef PROC_MEMFD_H
#define PROC_MEMFD_H

#include "base/error.h"

#include "base/str.h"

#include <stdint.h>

/* An empty one, close-on-exec, for write(2); -1 when there is none to be had. The caller closes it. */
int memfd_new(void);
/* Seals what was written, `size` bytes. The kernel refuses that (EBUSY) while it holds a page of it for another reason, as when it
 * moves memory about; then the message is copied to a fresh one, and *fd becomes that (the old one is closed). False when all
 * tries failed: ERROR_TEMPORARY; *fd is still the caller's. */
MUST_CHECK bool memfd_seal(int *fd, uint64_t size, struct error *err);
/* Maps a received one read-only, once it is sure that nobody can change it; memfd_unmap ends that. An empty one is STR_NULL.
 * ERROR_INTERNAL: it is not sealed, or not of its size; ERROR_TEMPORARY: there is no memory. */
MUST_CHECK bool memfd_map(int fd, uint64_t size, struct str *out, struct error *err);
void memfd_unmap(struct str bytes);
/* Whether a received one is sealed, and of the size that was said. What is not, is hostile. */
bool memfd_is_sealed(int fd, uint64_t size);

#endif
