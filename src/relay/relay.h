/* relay/relay.h: queue.db: what an account could not take at once, and later all that leaves. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/base.h"

NORETURN void relay_main(unsigned instance);

#endif
