/* relay/relay.h: the process that keeps queue.db: messages that an account could not take at once. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/base.h"

/* The role relay (proc/roles.h), from process_main to the end of the process. */
NORETURN void relay_main(unsigned instance);

#endif
