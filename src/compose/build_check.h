/* compose/build_check.h: random values and messages for the tests of build.h, and what must hold when
 * they are written and read again. */
#ifndef COMPOSE_BUILD_CHECK_H
#define COMPOSE_BUILD_CHECK_H

#include "compose/build.h"

#define SAMPLE_LIST 12

/* A part in the order of the message. */
struct sample_part {
    uint32_t depth;
    struct str type;     /* "text/plain" */
    struct str filename; /* empty: none */
    struct str content;  /* decoded, as it is to be read again; unused for a container */
    bool container;      /* multipart or message/rfc822 */
};

/* A message and what it was made of. Memory is in the arena and in out. */
struct compose_sample {
    uint64_t random; /* state of the generator */
    struct arena arena;
    struct buf out; /* the message */
    bool smtputf8;
    struct str subject; /* as it is to be read again */
    int64_t date_us;    /* whole seconds */
    struct str id, references[SAMPLE_LIST];
    size_t references_n;
    struct mime_address to[SAMPLE_LIST * 2];
    size_t to_n;
    struct sample_part parts[64];
    size_t parts_n;
};

/* Makes the message of this seed; the same seed makes the same one. */
void compose_sample_init(struct compose_sample *s, uint64_t seed);
void compose_sample_done(struct compose_sample *s);
/* Reads the message again and panics where it is not what it was made of. */
void compose_sample_check(const struct compose_sample *s);
/* Checks one random thing after another, of all kinds, each twentieth a whole message; panics at
 * the first that does not come back. Returns how many. */
size_t compose_check(uint64_t seed, size_t count);

#endif
