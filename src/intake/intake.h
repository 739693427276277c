/* intake/intake.h: the process that takes messages from outside to accounts, or to the queue. */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "base/base.h"

/* The role intake (proc/roles.h), from process_main to the end of the process. */
NORETURN void intake_main(unsigned instance);

#endif
