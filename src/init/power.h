/* SPDX-License-Identifier: Apache-2.0 */
/* The end: everything stopped, flushed and unmounted, then the machine restarts or goes off. */
#ifndef HOLDFAST_INIT_POWER_H
#define HOLDFAST_INIT_POWER_H

#include "init/box.h"

/* Does not return. */
_Noreturn void power_down(struct box *box);

#endif
