/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware watchdog: restarts a box whose process 1 or server hangs beyond help. */
#ifndef HOLDFAST_INIT_WATCHDOG_H
#define HOLDFAST_INIT_WATCHDOG_H

#include "init/box.h"

void watchdog_open(struct box *box);
/* Feeds it, unless the server hangs though it was killed. A server that cannot start is no reason: a restart
 * would not help, and the console must stay. */
void watchdog_turn(struct box *box);

#endif
