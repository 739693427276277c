/* directory/directory.h: the processes that know who is who: directory and hasher. */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

int directory_main(unsigned instance);
/* Argon2id, nothing else: takes a password and a hash to verify, or makes a hash; one at a time. */
int hasher_main(unsigned instance);

#endif
