/* intake/intake.h: takes messages from outside to accounts, or to the queue. */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "base/base.h"

NORETURN void intake_main(unsigned instance);

#endif
